//! Where the register of accesses is anchored every day: the comune's own protocollo and albo, and an
//! authority that gives time stamps. Each is a section of its own, and none is there by default.

use std::path::PathBuf;

use serde::Deserialize;

/// Places where the day's checkpoint is anchored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchors {
    /// The comune's own offices.
    pub offices: Option<Offices>,
    /// An authority that gives time stamps (RFC 3161).
    pub tsa: Option<Tsa>,
}

/// How the offices are reached: as a client of the registry, through this gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offices {
    /// Folder of the client that anchors.
    pub client: PathBuf,
    /// Its purpose for storing the checkpoint in documenti, by its name in `client.json`.
    pub documenti: String,
    /// Its purpose for registering it in protocollo.
    pub protocollo: String,
    /// Its purpose for publishing it at the albo; it is not published when left out.
    pub albo: Option<String>,
    /// Code of the office that sends and keeps the registration.
    pub ufficio: String,
}

/// An authority that gives time stamps.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tsa {
    /// Where it answers, `https://…` or `http://…`.
    pub address: String,
    /// PEM of the authority that signed its TLS certificate, for `https://`.
    pub ca: Option<PathBuf>,
}

impl Anchors {
    /// Whether there is any place.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offices.is_none() && self.tsa.is_none()
    }

    /// Refuses an address that could not be asked, by its key.
    ///
    /// # Errors
    ///
    /// Says which key, and what it must be.
    pub(super) fn check(&self) -> Result<(), String> {
        let Some(tsa) = &self.tsa else {
            return Ok(());
        };
        let is_plain = tsa.address.starts_with("http://");
        if !is_plain && !tsa.address.starts_with("https://") {
            return Err(
                "gateway.anchors.tsa.address must begin with https:// or http://".to_owned(),
            );
        }
        if !is_plain && tsa.ca.is_none() {
            return Err(
                "gateway.anchors.tsa.ca must name the authority of its TLS certificate (PEM)"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tsa(address: &str, ca: Option<&str>) -> Anchors {
        let ca = ca.map(PathBuf::from);
        Anchors {
            tsa: Some(Tsa {
                address: address.to_owned(),
                ca,
            }),
            ..Anchors::default()
        }
    }

    #[test]
    fn authority_over_tls_is_believed_by_a_named_certificate_only() {
        assert_eq!(tsa("http://tsa.example", None).check(), Ok(()));
        assert_eq!(tsa("https://tsa.example", Some("tsa.pem")).check(), Ok(()));
        assert!(tsa("https://tsa.example", None).check().is_err());
        assert!(tsa("tsa.example", None).check().is_err());
    }
}
