//! Who is who in a data folder: the comune's authority, certificates and assertion keys.
//!
//! Only a sample keeps its authority's key here, so only a sample renews certificates by itself.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use varco_runtime::client::read_client_file;
use varco_runtime::config::Config;
use varco_runtime::pki::{self, Ca, Holder, KeyKind};
use varco_runtime::secret;
use varco_runtime::tls::pair;

use crate::certificate;
use crate::failure::Failure;
use crate::sample::{MEMBERS, Member, MemberKind};

/// Makes the comune's authority and leaves its certificate and its key.
///
/// # Errors
///
/// When the folder cannot be written to.
pub fn create_authority(folder: &Path, name: &str, now: Timestamp) -> Result<Ca, Failure> {
    let (ca, key) = Ca::generate(name, now)?;
    secret::write(&folder.join(CA_KEY), key.as_bytes())?;
    secret::write_public(&folder.join(CA), ca.pem().as_bytes())?;
    Ok(ca)
}

/// Makes a member's assertion key, with its public half beside it.
///
/// # Errors
///
/// When the folder cannot be written to.
pub fn create_assertion_key(folder: &Path, kind: KeyKind) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    let key = pki::generate_key(kind)?;
    secret::write(&folder.join("assertion.key"), key.as_bytes())?;
    let public = pki::public_key(&key)?;
    Ok(secret::write_public(
        &folder.join("assertion.pub.pem"),
        public.as_bytes(),
    )?)
}

/// Issues the gateway's certificate.
///
/// # Errors
///
/// When the folder cannot be written to.
pub fn issue_gateway(ca: &Ca, config: &Config, now: Timestamp) -> Result<(), Failure> {
    let holder = Holder::gateway(&config.trust_domain(), &config.gateway.host);
    issue(
        ca,
        &config.path(Path::new("services/gateway")),
        &holder,
        now,
    )
}

/// Issues the certificate of a member whose id in the registry is known.
///
/// # Errors
///
/// When the folder cannot be written to.
pub fn issue_member(
    ca: &Ca,
    config: &Config,
    (member, id): (&Member, &str),
    now: Timestamp,
) -> Result<(), Failure> {
    let domain = config.trust_domain();
    let holder = match member.kind {
        MemberKind::Client => Holder::client(&domain, id),
        // An office serves, and calls as a client.
        MemberKind::Office => Holder {
            serves: Some(vec![pki::service_host(member.name)]),
            ..Holder::client(&domain, id)
        },
        MemberKind::Operator => Holder::operator(&domain, id),
    };
    let name = member.name.to_owned();
    let holder = Holder { name, ..holder };
    issue(ca, &config.path(Path::new(&member.folder())), &holder, now)
}

/// Issues again what ends within thirty days.
///
/// # Errors
///
/// When a file is missing or the folder cannot be written to.
pub fn renew(config: &Config, now: Timestamp) -> Result<(), Failure> {
    let pem = secret::read(&config.path(Path::new(CA)))?.to_string();
    let ca = Ca::load(pem, &secret::read(&config.path(Path::new(CA_KEY)))?)?;
    if ends_soon(&config.path(Path::new("services/gateway")), now)? {
        issue_gateway(&ca, config, now)?;
    }
    for member in &MEMBERS {
        let folder = config.path(Path::new(&member.folder()));
        if ends_soon(&folder, now)? {
            let id = read_client_file(&folder)?.client_id;
            issue_member(&ca, config, (member, &id), now)?;
        }
    }
    Ok(())
}

/// Issues a certificate with a fresh key into a folder, `tls.pem` and `tls.key`.
///
/// # Errors
///
/// When the folder cannot be written to.
pub fn issue(ca: &Ca, folder: &Path, holder: &Holder, now: Timestamp) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    let leaf = ca.issue(holder, now)?;
    Ok(pair::replace(
        &folder.join("tls.pem"),
        &folder.join("tls.key"),
        &leaf,
    )?)
}

fn ends_soon(folder: &Path, now: Timestamp) -> Result<bool, Failure> {
    let end = certificate::validity(&folder.join("tls.pem"))?.to;
    Ok(end.as_second() - now.as_second() < RENEWED_BEFORE)
}

/// Certificate of the comune's authority, within the folder.
pub const CA: &str = "ca.pem";
/// Its key, in a sample.
pub const CA_KEY: &str = "ca.key";

/// Thirty days, in seconds.
const RENEWED_BEFORE: i64 = 30 * 24 * 3600;

#[cfg(test)]
mod tests {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

    use super::*;
    use crate::configuration;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
    const DAY: i64 = 24 * 3600;

    fn later(days: i64) -> Timestamp {
        Timestamp::from_second(NOW.as_second() + days * DAY).unwrap()
    }

    /// An authority with everybody's certificate, without keys or registry.
    fn installation(folder: &Path) -> Config {
        let file = folder.join(configuration::FILE);
        fs::write(&file, "").unwrap();
        let config = configuration::load(&file).unwrap();
        let ca = create_authority(folder, "Comune di Esempio", NOW).unwrap();
        issue_gateway(&ca, &config, NOW).unwrap();
        for member in &MEMBERS {
            issue_member(&ca, &config, (member, "id-7"), NOW).unwrap();
            let file = r#"{"client_id":"id-7","kid":"","token_url":"","gateway":"","assertion_audience":""}"#;
            fs::write(folder.join(member.folder()).join("client.json"), file).unwrap();
        }
        config
    }

    /// Whether the certificate of an office serves under a name.
    fn serves(folder: &Path, office: &str, name: &str) -> bool {
        let pem = fs::read(folder.join(format!("services/{office}/tls.pem"))).unwrap();
        let der = CertificateDer::from_pem_slice(&pem).unwrap();
        let (_, leaf) = X509Certificate::from_der(&der).unwrap();
        let names = leaf.subject_alternative_name().unwrap().unwrap();
        names
            .value
            .general_names
            .contains(&GeneralName::DNSName(name))
    }

    #[test]
    fn office_serves_under_a_name_that_no_other_has() {
        let folder = tempfile::tempdir().unwrap();

        installation(folder.path());

        assert!(serves(folder.path(), "albo", "albo.varco.internal"));
        assert!(!serves(folder.path(), "albo", "anagrafe.varco.internal"));
        assert!(!serves(folder.path(), "gateway", "albo.varco.internal"));
    }

    #[test]
    fn certificates_are_renewed_in_their_last_thirty_days_for_the_same_holder() {
        let folder = tempfile::tempdir().unwrap();
        let config = installation(folder.path());
        let certificate = folder.path().join("clients/tributi/tls.pem");
        let old = fs::read_to_string(&certificate).unwrap();

        renew(&config, later(59)).unwrap();
        let kept = fs::read_to_string(&certificate).unwrap();
        renew(&config, later(61)).unwrap();

        let renewed = certificate::validity(&certificate).unwrap();
        let key = folder.path().join("clients/tributi/tls.key");
        let identity = varco_runtime::tls::Identity::load(&certificate, &key).unwrap();
        assert_eq!(kept, old);
        assert_eq!(renewed.to, later(61 + 90));
        assert_ne!(
            Some(identity.thumbprint()),
            varco_runtime::tls::thumbprint(&old)
        );
    }
}
