//! `varco export`: the registry as a registry file that applies without a difference.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use varco_proto::registry::v1::ExportDocumentRequest;
use varco_runtime::secret;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::operator::{self, As};
use crate::output;
use crate::output::refusal::Refusal;
use crate::registry_file::write::{self, Files};

/// What `varco export` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for registro.toml and the files that it names, or the name of that file
    #[arg(long, value_name = "DIR|FILE")]
    pub to: Option<PathBuf>,
    /// As whom
    #[command(flatten)]
    pub operator: As,
}

/// Writes the registry as the operator may see it; without a folder, its text alone is printed.
///
/// # Errors
///
/// When the registry refuses, or the files cannot be written.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let mut registry = operator::registry(&args.operator.name, common)?;
    let answer = registry.export_document(ExportDocumentRequest {}).await;
    let answer = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    let files = write::write(&answer.document.unwrap_or_default());
    let Some(to) = args.to else {
        return print(&files, answer.epoch, common);
    };
    let file = registry_file(&to);
    save(&files, &file)?;
    let epoch = answer.epoch;
    match common.output {
        Output::Json => output::json(&json!({
            "file": file.display().to_string(),
            "files": files.beside.keys().collect::<Vec<_>>(),
            "epoch": epoch,
        })),
        Output::Text => {
            let beside = files.beside.len();
            let file = file.display();
            output::line(format!(
                "{file} and {beside} files beside it, at epoch {epoch}"
            ))
        }
    }
}

fn print(files: &Files, epoch: u64, common: &Common) -> Result<(), Failure> {
    if common.output == Output::Json {
        return output::json(&json!({
            "text": files.text,
            "files": files.beside.keys().collect::<Vec<_>>(),
            "epoch": epoch,
        }));
    }
    output::line(files.text.trim_end())?;
    if !files.beside.is_empty() {
        let count = files.beside.len();
        output::note(format!(
            "{count} files that it names are not printed: name a folder with --to to have them"
        ));
    }
    Ok(())
}

/// A name that ends in `.toml` is the file's own, any other a folder's.
fn registry_file(to: &Path) -> PathBuf {
    if to.extension() == Some(OsStr::new("toml")) && !to.is_dir() {
        // A bare name has no folder of its own.
        return Path::new(".").join(to);
    }
    to.join(FILE)
}

/// Writes what the registry file names before the file itself, which is then never half there.
fn save(files: &Files, file: &Path) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(Path::new("."));
    for (name, bytes) in &files.beside {
        let path = folder.join(name);
        make_folder(path.parent().unwrap_or(folder))?;
        secret::write_public(&path, bytes)?;
    }
    make_folder(folder)?;
    Ok(secret::write_public(file, files.text.as_bytes())?)
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| {
        let what = format!("{} cannot be made", folder.display());
        Failure::new(what, error, "name another folder with --to")
    })
}

/// Name of the registry file in a folder.
const FILE: &str = "registro.toml";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn name_that_ends_in_toml_is_the_files_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("comune.toml");

        assert_eq!(registry_file(&file), file);
        assert_eq!(registry_file(Path::new("a.toml")), Path::new("./a.toml"));
        assert_eq!(registry_file(folder.path()), folder.path().join(FILE));
    }

    #[test]
    fn files_are_saved_where_the_registry_file_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let beside = BTreeMap::from([("keys/a-1.pem".to_owned(), b"pem".to_vec())]);
        let text = "# nothing\n".to_owned();

        save(
            &Files { text, beside },
            &folder.path().join("new/registro.toml"),
        )
        .unwrap();

        let read = |name: &str| fs::read_to_string(folder.path().join("new").join(name)).unwrap();
        assert_eq!(read("registro.toml"), "# nothing\n");
        assert_eq!(read("keys/a-1.pem"), "pem");
    }
}
