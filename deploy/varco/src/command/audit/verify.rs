//! `varco audit verify`: hashes again what the register holds, or checks what was taken out of it.
//!
//! The register of an installation is read from its database. A tree and a pack (`varco audit export --format tiles`,
//! `--format pack`) and a proof (`varco audit prove`) need no installation: whoever has the log's key checks them
//! anywhere.

use std::path::{Path, PathBuf};

use prost::Message as _;
use serde_json::json;
use varco_gateway::audit::verify::{self, Report, tree};
use varco_proto::audit::v1::{Entry, Record};
use varco_tlog::hash::Hash;
use varco_tlog::policy::Policy;
use varco_tlog::proof_file::ProofFile;

use super::names::Names;
use super::row::Row;
use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

mod kept;
mod pack;
mod short;

/// What `varco audit verify` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Log to verify, by its origin; all of this installation when left out
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// Folder of an exported tree to verify, in place of an installation
    #[arg(long, value_name = "FOLDER", conflicts_with = "origin")]
    pub tree: Option<PathBuf>,
    /// Proof file to verify, in place of an installation
    #[arg(long, value_name = "FILE", group = "taken_out", conflicts_with_all = ["origin", "tree"])]
    pub proof: Option<PathBuf>,
    /// Evidence pack to verify, in place of an installation
    #[arg(long, value_name = "FILE", group = "taken_out", conflicts_with_all = ["origin", "tree"])]
    pub pack: Option<PathBuf>,
    /// Checkpoint that was kept, as varco-audit-checkpoint-bin of an answer: whether the log, or --tree, goes on from it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["origin", "proof", "pack"])]
    pub checkpoint: Option<PathBuf>,
    /// Key of the log as it was told by other means, for --tree, --proof, --pack and --checkpoint
    #[arg(long, value_name = "VKEY", conflicts_with = "origin")]
    pub vkey: Option<String>,
    /// File with a trust policy (C2SP tlog-policy), for --proof and --pack
    #[arg(
        long,
        value_name = "FILE",
        requires = "taken_out",
        conflicts_with = "vkey"
    )]
    pub policy: Option<PathBuf>,
}

/// Verifies and says what holds.
///
/// # Errors
///
/// When something does not: names the first index that is wrong, and what is trustworthy.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    if let Some(proof) = &args.proof {
        return verify_proof(proof, &args, common);
    }
    if let Some(file) = &args.pack {
        let trusted = policy(&args).map_err(|why| {
            let remedy = "name the log's key with --vkey, or a file in the form of C2SP tlog-policy with --policy";
            Failure::new("nothing is verified", why, remedy)
        })?;
        return pack::run(file, trusted.as_ref(), common);
    }
    if let Some(file) = &args.checkpoint {
        return kept::run(file, &args, common).await;
    }
    let reports = match (&args.tree, &args.origin) {
        (Some(folder), _) => vec![tree::verify(folder, args.vkey.as_deref())?],
        (None, Some(origin)) => vec![verify::verify(&common.load_config()?, Some(origin)).await?],
        (None, None) => verify::verify_all(&common.load_config()?).await?,
    };
    // An installation holds its key itself; a folder that somebody hands over says what it likes.
    let is_alone = args.tree.is_some() && args.vkey.is_none();
    let nobody = if is_alone { NOBODY } else { "" };
    match common.output {
        Output::Json => {
            let newest = reports.last();
            output::json(&json!({
                "verified": true,
                "vouched": !is_alone,
                "records": newest.map(|it| it.size),
                "root": newest.map(|it| &it.root),
                "origin": newest.map(|it| &it.origin),
                "logs": reports.iter().map(described).collect::<Vec<_>>(),
            }))
        }
        Output::Text => reports
            .iter()
            .try_for_each(|report| output::line(told(report) + nobody)),
    }
}

fn verify_proof(file: &Path, args: &Args, common: &Common) -> Result<(), Failure> {
    let wrong = |why: String| {
        let remedy = "ask for the file again, and for the log's key by other means";
        Failure::new(format!("{} proves nothing", file.display()), why, remedy)
    };
    let text = short::read(file).map_err(|error| wrong(error.to_string()))?;
    let proof: ProofFile = text.parse().map_err(|error| wrong(format!("{error}")))?;
    let leaf = proof.extra.clone().unwrap_or_default();
    let policy = policy(args).map_err(wrong)?;
    let policy = policy.ok_or_else(|| {
        wrong("nobody has said which key is the log's: name it with --vkey".to_owned())
    })?;
    let trusted = proof.verify(&Hash::leaf(&leaf), &policy);
    let trusted = trusted.map_err(|error| wrong(error.to_string()))?;
    Record::decode(leaf.as_slice()).map_err(|_| wrong("it carries no record".to_owned()))?;
    let entry = Entry {
        index: proof.index,
        leaf: leaf.into(),
        ..Entry::default()
    };
    let row = Row::read(&entry, &Names::default())?;
    let checkpoint = trusted.checkpoint;
    match common.output {
        Output::Json => output::json(&json!({
            "verified": true,
            "origin": checkpoint.origin,
            "records": checkpoint.size,
            "index": proof.index,
            "witnesses": trusted.cosigned.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "record": row,
        })),
        Output::Text => output::line(format!(
            "verified: record {} of {} (of {} records), {} witnesses: {} {} {} {}",
            proof.index,
            checkpoint.origin,
            checkpoint.size,
            trusted.cosigned.len(),
            row.time,
            row.kind,
            row.method,
            row.outcome
        )),
    }
}

/// Whom whoever asks believes; none where they do not say.
fn policy(args: &Args) -> Result<Option<Policy>, String> {
    if let Some(file) = &args.policy {
        let text = short::read(file).map_err(|error| error.to_string())?;
        return text.parse().map(Some).map_err(|error| format!("{error}"));
    }
    let Some(key) = &args.vkey else {
        return Ok(None);
    };
    let mut policy = Policy::new();
    let key = key.trim().parse().map_err(|error| format!("{error}"))?;
    policy
        .add_log(key, None)
        .map_err(|error| format!("{error}"))?;
    Ok(Some(policy))
}

/// What is said of a tree under the key that it brings itself.
const NOBODY: &str = "; the key is the tree's own, nobody has vouched for it: name it with --vkey";

fn described(report: &Report) -> serde_json::Value {
    json!({
        "origin": report.origin,
        "vkey": report.vkey,
        "records": report.size,
        "root": report.root,
        "records_destroyed": report.pruned,
        "details": report.details,
        "details_destroyed": report.details_destroyed,
        "anchors": report.anchors,
    })
}

fn told(report: &Report) -> String {
    use std::fmt::Write as _;
    let mut told = format!(
        "verified: {} records, root {}, origin {}",
        report.size, report.root, report.origin
    );
    if report.pruned > 0 {
        let _ = write!(
            told,
            "; the first {} were destroyed after they had been kept long enough",
            report.pruned
        );
    }
    if report.details_destroyed > 0 {
        let _ = write!(
            told,
            "; so were the sealed details of {}",
            report.details_destroyed
        );
    }
    if report.anchors > 0 {
        let _ = write!(told, "; {} checkpoints of it are anchored", report.anchors);
    }
    told
}
