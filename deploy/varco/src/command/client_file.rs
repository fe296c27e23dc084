//! `varco client file`: what a client knows of itself and of the gateway, written from the registry.
//!
//! Whoever keeps a client's folder writes `client.json` with it after a registry file was applied, and
//! again when a purpose was added. Keys and certificates stay as they are.

use std::path::PathBuf;

use serde_json::{Value, json};
use tonic::transport::Channel;
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{Entry, Kind};
use varco_runtime::client::{ClientFile, PurposeEntry};
use varco_runtime::config::Config;
use varco_runtime::jose::PrivateKey;
use varco_runtime::secret;

use crate::cli::{Common, Output};
use crate::command::registry;
use crate::data_folder::client_files;
use crate::failure::Failure;
use crate::operator::{self, As};
use crate::output;
use crate::output::entry;

/// What `varco client file` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Client, by its name or id in the registry
    #[arg(long, value_name = "NAME")]
    pub client: String,
    /// Folder of the client, where `assertion.key` lies [default: DATA/clients/NAME]
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// As whom
    #[command(flatten)]
    pub operator: As,
}

/// Writes a client's file.
///
/// # Errors
///
/// When the registry refuses or does not know the client, or the folder cannot be used.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    let mut registry = operator::registry(&args.operator.name, common)?;
    let client = registry::one(args.client, Kind::Client, &mut registry).await?;
    let folder = args
        .to
        .unwrap_or_else(|| config.folder.join("clients").join(&client.name));
    let key = PrivateKey::from_pem(&secret::read(&folder.join("assertion.key"))?)?;
    let file = file(&client, key.public().kid(), (&config, &mut registry)).await?;
    client_files::write(&folder, &file)?;
    let (path, purposes) = (folder.join("client.json"), file.purposes);
    match common.output {
        Output::Json => output::json(&json!({
            "file": path.display().to_string(),
            "client_id": file.client_id,
            "purposes": purposes,
        })),
        Output::Text => {
            let names: Vec<&str> = purposes.keys().map(String::as_str).collect();
            let names = if names.is_empty() {
                "none: no active purpose names it".to_owned()
            } else {
                names.join(", ")
            };
            output::line(format!("{}\npurposes: {names}", path.display()))
        }
    }
}

async fn file(
    client: &Entry,
    kid: &str,
    (config, registry): (&Config, &mut RegistryServiceClient<Channel>),
) -> Result<ClientFile, Failure> {
    let mut file = client_files::of(config, client.id.clone(), kid.to_owned());
    let named = Value::from(client.id.as_str());
    for entry in registry::all(Kind::Purpose, &registry::Choice::default(), registry).await? {
        let fields = entry::fields(&entry);
        let list = |name: &str| fields.get(name).and_then(Value::as_array);
        if entry.state != "ACTIVE" || !list("clients").is_some_and(|it| it.contains(&named)) {
            continue;
        }
        let eservice = fields.get("eservice").and_then(Value::as_str);
        let eservice = eservice.unwrap_or_default().to_owned();
        let eservice = registry::one(eservice, Kind::Eservice, registry).await?;
        let methods = list("methods").into_iter().flatten();
        let methods = methods.filter_map(Value::as_str).map(str::to_owned);
        let name = entry.name.rsplit('/').next().unwrap_or_default().to_owned();
        let purpose = PurposeEntry {
            purpose_id: entry.id,
            eservice: eservice.name,
            methods: methods.collect(),
        };
        file.purposes.insert(name, purpose);
    }
    Ok(file)
}
