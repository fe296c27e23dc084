//! Compiles every contract under `varco/` without a system protoc.

use std::io;
use std::path::{Path, PathBuf};

use prost::Message;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by its environment"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=varco");
    let files = contracts(Path::new("varco"))?;
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(false);
    for file in &files {
        compiler.open_file(file)?;
    }
    // The pool's own encoding keeps the options of Varco; prost-types would drop extensions.
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("varco.binpb"),
        compiler.encode_file_descriptor_set(),
    )?;

    compiler.include_source_info(true);
    let set = prost_types::FileDescriptorSet::decode(&*compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure().bytes(".").compile_fds(set)?;
    Ok(())
}

fn contracts(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(contracts(&path)?);
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
