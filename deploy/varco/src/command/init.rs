//! `varco init`: a real, empty comune in an empty folder.
//!
//! It ends by saying in plain words what was made, what must be kept safe and what comes next,
//! because whoever runs it does so once.

use std::path::{Path, PathBuf};

use serde_json::json;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::secret;
use varco_runtime::secret::dpo::{Malformed, Recipients};

use crate::cli::{Common, Output};
use crate::data_folder::comune::{self, Comune};
use crate::data_folder::dpo::Ceremony;
use crate::failure::Failure;
use crate::{clock_check, output};

/// What `varco init` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Code of the comune in the IPA, such as `c_e648`
    #[arg(long, value_name = "CODE")]
    pub ipa: String,
    /// Name of the comune for people [default: the code]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Name by which clients reach the gateway
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub host: String,
    /// File with the passphrase that seals the keys; one is made in the folder when left out
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Name of the first operator, who may do everything but audit
    #[arg(long, value_name = "NAME", default_value = "amministratore")]
    pub admin: String,
    /// Database of the registry, sqlite:FILE or postgres://… [default: a file in the folder]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Public key of the DPO (age1…), who made the key with any age tool; again for a deputy
    #[arg(long, value_name = "RECIPIENT", required_unless_present = "dpo_key_to")]
    pub dpo_recipient: Vec<String>,
    /// File outside the data folder for the DPO's private key, which is then made here
    #[arg(long, value_name = "FILE", conflicts_with = "dpo_recipient")]
    pub dpo_key_to: Option<PathBuf>,
}

/// Makes the comune and says what was made.
///
/// # Errors
///
/// When a name is malformed, the folder is not empty, or something cannot be written.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    if common.config.is_some() {
        let why = "it writes a configuration of its own";
        let what = "varco init takes no --config";
        return Err(Failure::new(what, why, "name the folder with --data"));
    }
    let clock = Clock::system();
    clock_check::check(clock.now())?;
    let asked = parse(args)?;
    let config = comune::make(&common.data, &asked, &clock).await?;
    match common.output {
        Output::Json => output::json(&json!({
            "authority": config.path(&config.comune.ca),
            "configuration": common.config_file(),
            "dpo": dpo_json(&config, &asked),
            "folder": config.folder,
            "ipa": config.comune.ipa,
            "operator": { "name": asked.admin, "folder": comune::operator_folder(&config, &asked.admin) },
            "passphrase": config.passphrase(),
        })),
        Output::Text => output::line(told(&config, &asked, common)),
    }
}

fn parse(args: Args) -> Result<Comune, Failure> {
    if !is_ipa(&args.ipa) {
        let why = "an IPA code is 2 to 30 of a to z, 0 to 9, _ and -, such as c_e648";
        let remedy = "look it up at indicepa.gov.it";
        return Err(Failure::new(format!("--ipa {}", args.ipa), why, remedy));
    }
    if !is_name(&args.admin) {
        let why = "it becomes part of a certificate's name";
        let remedy = "use a to z, 0 to 9, full stops, _ and -";
        return Err(Failure::new(format!("--admin {}", args.admin), why, remedy));
    }
    let passphrase = args.passphrase_file.as_deref().map(absolute).transpose()?;
    Ok(Comune {
        dpo: ceremony(&args.dpo_recipient, args.dpo_key_to)?,
        name: args.name.unwrap_or_else(|| args.ipa.clone()),
        ipa: args.ipa,
        host: args.host,
        admin: args.admin,
        passphrase,
        database: args.database,
    })
}

fn ceremony(recipients: &[String], file: Option<PathBuf>) -> Result<Ceremony, Failure> {
    if let Some(file) = file {
        return Ok(Ceremony::MadeInto(file));
    }
    let malformed = |why: Malformed| {
        let remedy = "give the public half of the DPO's key, which any age tool prints (age1…)";
        Failure::new("--dpo-recipient", why, remedy)
    };
    let recipients = Recipients::parse(&recipients.join("\n")).map_err(malformed)?;
    Ok(Ceremony::Brought(recipients))
}

fn dpo_json(config: &Config, comune: &Comune) -> serde_json::Value {
    let key = match &comune.dpo {
        Ceremony::Brought(_) => None,
        Ceremony::MadeInto(file) => Some(file),
    };
    json!({ "recipient": config.path(&config.gateway.dpo), "key": key })
}

/// The file as the configuration names it, wherever the gateway is started from.
fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    secret::read(file)?;
    Ok(file.canonicalize()?)
}

/// The form of codes in the Indice dei domicili digitali delle pubbliche amministrazioni, which
/// also name the trust domain of certificates.
fn is_ipa(code: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let first = code
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric());
    (2..=30).contains(&code.len()) && first && code.chars().all(allowed)
}

fn is_name(name: &str) -> bool {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let first = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric());
    (1..=64).contains(&name.len()) && first && name.chars().all(allowed)
}

fn told(config: &Config, comune: &Comune, common: &Common) -> String {
    let (folder, admin) = (config.folder.display(), &comune.admin);
    let passphrase = config.passphrase().unwrap_or_default();
    let passphrase = passphrase.display();
    let configuration = common.config_file();
    let configuration = configuration.display();
    format!(
        "{name} ({ipa}) stands in {folder}. Nobody can ask it anything yet.\n\
         \n\
         Made:\n\
         \x20 {configuration}   what differs from the defaults\n\
         \x20 {folder}/ca.pem   the comune's authority; its key, sealed, is {folder}/ca.key\n\
         \x20 {folder}/keys   the keys that sign vouchers, grants and checkpoints, sealed\n\
         \x20 {folder}/services   certificates of the gateway and of the four services, 90 days\n\
         \x20 {folder}/operators/{admin}   certificate and key of the first operator, 90 days\n\
         \x20 {folder}/dpo.recipient   the DPO's public key, to which the details of records are sealed\n\
         \x20 {folder}/dpo   the first key by which the register names people, sealed to the DPO\n\
         \n\
         Keep safe:\n\
         \x20 the passphrase in {passphrase}: without it the keys are lost, with it and this folder\n\
         \x20   anyone is the comune; keep a copy elsewhere, and give it to the gateway as the systemd\n\
         \x20   credential varco-passphrase rather than as a file beside the keys\n\
         \x20 {folder}/operators/{admin}: hand it to that person once, and delete it here\n\
         \x20 {folder}/ca.key: a backup apart from the others; every certificate rests on it\n\
         {dpo}\
         \x20 {folder}/dpo: hand it to the DPO for a safe, and delete it here; whoever opens it derives\n\
         \x20   the key of every later year\n\
         \n\
         Next:\n\
         \x20 varco serve gateway --config {configuration}\n\
         \x20 varco get operator --as {admin} --data {folder}\n\
         \x20 varco apply -f registro.toml --as {admin} --data {folder}\n\
         \x20 varco client certificate --csr FILE --client NAME --as {admin} --data {folder}",
        name = config.comune.nome,
        ipa = config.comune.ipa,
        dpo = told_to_dpo(&comune.dpo),
    )
}

/// What becomes of the DPO's private key.
fn told_to_dpo(ceremony: &Ceremony) -> String {
    match ceremony {
        Ceremony::Brought(_) => {
            "\x20 the DPO's private key, which the DPO alone holds: if it is lost, \
             sealed details can\n\
             \x20   never be read again\n"
                .to_owned()
        }
        Ceremony::MadeInto(file) => format!(
            "\x20 {}: the DPO's private key, written this once; hand it to the DPO and keep no\n\
             \x20   copy: it reads every sealed detail, and if it is lost nobody ever will\n",
            file.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipa_codes_have_a_form() {
        for good in ["c_e648", "r_lazio", "m_pi", "c_z999"] {
            assert!(is_ipa(good), "{good}");
        }
        for bad in ["", "x", "C_E648", "c e648", "c_e648/..", "_c", "à_b"] {
            assert!(!is_ipa(bad), "{bad}");
        }
    }

    #[test]
    fn operator_names_stay_within_a_uri_and_a_folder() {
        for good in ["amministratore", "m.rossi", "rup-2"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "..", "a/b", "Rossi", "rossi mario"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
