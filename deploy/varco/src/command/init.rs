//! `varco init`: a real, empty comune in an empty folder.
//!
//! It ends by saying in plain words what was made, what must be kept safe and what comes next,
//! because whoever runs it does so once.

use std::path::{Path, PathBuf};

use serde_json::json;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;
use varco_runtime::secret;

use crate::cli::{Common, Output};
use crate::data_folder::comune::{self, Comune};
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
        name: args.name.unwrap_or_else(|| args.ipa.clone()),
        ipa: args.ipa,
        host: args.host,
        admin: args.admin,
        passphrase,
        database: args.database,
    })
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
         \n\
         Keep safe:\n\
         \x20 the passphrase in {passphrase}: without it the keys are lost, with it and this folder\n\
         \x20   anyone is the comune; keep a copy elsewhere, and give it to the gateway as the systemd\n\
         \x20   credential varco-passphrase rather than as a file beside the keys\n\
         \x20 {folder}/operators/{admin}: hand it to that person once, and delete it here\n\
         \x20 {folder}/ca.key: a backup apart from the others; every certificate rests on it\n\
         \n\
         Next:\n\
         \x20 varco serve gateway --config {configuration}\n\
         \x20 varco get operator --as {admin} --data {folder}\n\
         \x20 varco apply -f registro.toml --as {admin} --data {folder}\n\
         \x20 varco client certificate --csr FILE --client NAME --as {admin} --data {folder}",
        name = config.comune.nome,
        ipa = config.comune.ipa,
    )
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
