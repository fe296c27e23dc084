//! `varco create`: one entry, written as in a registry file, in its first state.

use std::path::{Path, PathBuf};

use varco_proto::registry::v1::{CreateEntryRequest, Document, Kind};

use crate::cli::Common;
use crate::command::apply::problems;
use crate::failure::Failure;
use crate::operator::{self, As};
use crate::output;
use crate::output::entry;
use crate::output::refusal::Refusal;
use crate::registry_file::{self, Mode, example};
use crate::registry_kind::{KindName, kind_word};

/// What `varco create` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Kind of the entry
    pub kind: KindName,
    /// Registry file that declares it and nothing else; - is standard input
    #[arg(short, long, value_name = "FILE", required_unless_present = "example")]
    pub file: Option<PathBuf>,
    /// Prints a commented example of such a file
    #[arg(long, conflicts_with = "file")]
    pub example: bool,
    /// As whom
    #[command(flatten)]
    pub operator: As,
}

/// Makes the entry, or prints an example.
///
/// # Errors
///
/// When something is wrong with the file, or the registry refuses.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let kind = Kind::from(args.kind);
    let example = example::of(kind).ok_or_else(|| {
        let what = format!("no {} is made by this command", kind_word(kind));
        Failure::new(
            what,
            "it is no part of a registry file",
            "name another kind",
        )
    })?;
    let Some(file) = args.file else {
        return output::line(example.trim_end());
    };
    let document = document(kind, &file, common)?;
    let mut registry = operator::registry(&args.operator.name, common)?;
    let request = CreateEntryRequest {
        document: Some(document),
    };
    let answer = registry.create_entry(request).await;
    let answer = answer.map_err(|status| Refusal::from(&status))?;
    entry::moved(answer.into_inner().entry, common)
}

/// Reads the one entry that a file declares.
fn document(kind: Kind, file: &Path, common: &Common) -> Result<Document, Failure> {
    let reading = registry_file::open(file, Mode::One(kind))?;
    if !reading.problems.is_empty() {
        return Err(problems::refusal(file, &reading.problems, common));
    }
    if is_one(kind, &reading.document) {
        return Ok(reading.document);
    }
    let word = kind_word(kind);
    let what = format!(
        "{} does not declare one {word} and nothing else",
        file.display()
    );
    let remedy = format!("write it as `varco create {word} --example` shows");
    Err(Failure::new(what, "one entry is made at a time", remedy))
}

/// Whether a document declares one entry of a kind, with no more of others than it stands in.
fn is_one(kind: Kind, document: &Document) -> bool {
    let entries = [
        document.tenants.len(),
        document.eservices.len(),
        document.clients.len(),
        document.agreements.len(),
        document.purposes.len(),
        document.operators.len(),
        document.attributes.len(),
    ];
    if entries.iter().sum::<usize>() != 1 {
        return false;
    }
    let eservice = document.eservices.first();
    let client = document.clients.first();
    let certificates = client
        .map(|it| it.certificates.len() + it.thumbprints.len() + it.suspended_thumbprints.len());
    let keys = client.map(|it| it.keys.len());
    match kind {
        Kind::Tenant => document.tenants.len() == 1,
        Kind::Eservice => eservice.is_some_and(|it| it.descriptors.is_empty()),
        Kind::Descriptor => eservice.is_some_and(|it| it.descriptors.len() == 1),
        Kind::Client => client.is_some(),
        Kind::Key => (keys, certificates) == (Some(1), Some(0)),
        Kind::Certificate => (keys, certificates) == (Some(0), Some(1)),
        Kind::Agreement => document.agreements.len() == 1,
        Kind::Purpose => document.purposes.len() == 1,
        Kind::Operator => document.operators.len() == 1,
        Kind::Attribute => document.attributes.len() == 1,
        Kind::Delegation | Kind::Unspecified => false,
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_example_declares_one_entry_of_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default()
            .self_signed(&key)
            .unwrap();
        let files = [
            ("tributi.pub.pem", key.public_key_pem()),
            ("nuova.pub.pem", key.public_key_pem()),
            ("tributi.tls.pem", certificate.pem()),
        ];
        for (name, pem) in files {
            std::fs::write(folder.path().join(name), pem).unwrap();
        }

        for name in KindName::value_variants() {
            let kind = Kind::from(*name);
            let Some(text) = example::of(kind) else {
                assert_eq!(kind, Kind::Delegation);
                continue;
            };
            let reading = registry_file::parse(text, folder.path(), Mode::One(kind));

            assert_eq!(reading.problems, [], "{name:?}");
            assert!(is_one(kind, &reading.document), "{name:?}");
            let others = KindName::value_variants().iter().map(|it| Kind::from(*it));
            let taken_for: Vec<Kind> = others.filter(|it| is_one(*it, &reading.document)).collect();
            let client = matches!(kind, Kind::Key | Kind::Certificate);
            assert_eq!(taken_for.len(), 1 + usize::from(client), "{taken_for:?}");
        }
    }
}
