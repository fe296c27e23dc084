//! Compiles the contracts of the foreign services that tests stand behind the gateway.

use std::path::Path;

use prost::Message as _;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by its environment"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = std::env::var("OUT_DIR")?;
    let out = Path::new(&out);
    compile("eco/v1/eco.proto", &out.join("eco.binpb"))?;
    compile("grpc/testing/test.proto", &out.join("interop.binpb"))
}

/// Generates the code of a contract, and leaves its descriptor set in a file.
fn compile(contract: &str, set_file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file(contract)?;
    let set = compiler.file_descriptor_set();
    std::fs::write(set_file, set.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").compile_fds(set)?;
    Ok(())
}
