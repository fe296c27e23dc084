//! The files `client.json`: what each member knows of itself and of the gateway.

use std::collections::BTreeMap;
use std::path::Path;

use varco_proto::registry::v1::{Change, Document, Kind, Purpose};
use varco_runtime::client::{ClientFile, PurposeEntry};
use varco_runtime::config::Config;
use varco_runtime::jose::PrivateKey;
use varco_runtime::secret;

use crate::failure::Failure;
use crate::sample::{Member, MemberKind};

/// A registry that was just applied, with the ids that it gave.
#[derive(Debug)]
pub struct Applied {
    /// What was declared.
    pub document: Document,
    /// What happened to each entry.
    pub changes: Vec<Change>,
}

impl Applied {
    /// The id of a member: the registry's for a client, the name for an operator.
    ///
    /// # Errors
    ///
    /// When the registry made no such client.
    pub fn member_id(&self, member: &Member) -> Result<String, Failure> {
        match member.kind {
            MemberKind::Operator => Ok(member.name.to_owned()),
            MemberKind::Client | MemberKind::Office => self.id(Kind::Client, member.name),
        }
    }

    fn id(&self, kind: Kind, name: &str) -> Result<String, Failure> {
        // A purpose is named `consumer/name` where the consumer matters.
        let own = |change: &Change| change.name.rsplit('/').next() == Some(name);
        let found = self
            .changes
            .iter()
            .find(|change| change.kind() == kind && own(change));
        found.map(|change| change.id.clone()).ok_or_else(|| {
            let why = "the registry made no such entry";
            Failure::new(name, why, "report this as a mistake of Varco")
        })
    }

    /// What a member may do, as its file tells it.
    fn purposes(&self, member: &Member) -> Result<Vec<(String, PurposeEntry)>, Failure> {
        let acts = |purpose: &&Purpose| purpose.clients.iter().any(|name| name == member.name);
        let entry = |purpose: &Purpose| {
            let entry = PurposeEntry {
                purpose_id: self.id(Kind::Purpose, &purpose.name)?,
                eservice: purpose.eservice.clone(),
                methods: purpose.methods.clone(),
            };
            Ok((purpose.name.clone(), entry))
        };
        self.document
            .purposes
            .iter()
            .filter(acts)
            .map(entry)
            .collect()
    }
}

/// Writes a member's file for the first time.
///
/// # Errors
///
/// When the registry does not know it or the folder cannot be written to.
pub fn create(config: &Config, member: &Member, applied: &Applied) -> Result<(), Failure> {
    let folder = config.path(Path::new(&member.folder()));
    let key = PrivateKey::from_pem(&secret::read(&folder.join("assertion.key"))?)?;
    let kid = key.public().kid().to_owned();
    let file = ClientFile {
        purposes: applied.purposes(member)?.into_iter().collect(),
        ..of(config, applied.member_id(member)?, kid)
    };
    write(&folder, &file)
}

/// A client's file with the addresses of the configuration, and no purpose yet.
#[must_use]
pub fn of(config: &Config, client_id: String, kid: String) -> ClientFile {
    ClientFile {
        client_id,
        kid,
        token_url: token_url(config),
        gateway: config.gateway_address(),
        assertion_audience: config.gateway.assertion_audience.clone(),
        purposes: BTreeMap::new(),
    }
}

/// The file with the addresses of the configuration, when it has others; purposes stay.
#[must_use]
pub fn moved(file: ClientFile, config: &Config) -> Option<ClientFile> {
    let (token_url, gateway) = (token_url(config), config.gateway_address());
    let there = file.token_url == token_url && file.gateway == gateway;
    (!there).then_some(ClientFile {
        token_url,
        gateway,
        ..file
    })
}

/// Writes a member's file.
///
/// # Errors
///
/// When the folder cannot be written to.
pub fn write(folder: &Path, file: &ClientFile) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(file)?;
    text.push('\n');
    Ok(secret::write_public(
        &folder.join("client.json"),
        text.as_bytes(),
    )?)
}

fn token_url(config: &Config) -> String {
    format!("{}/token.oauth2", config.issuer())
}
