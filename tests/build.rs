//! Compiles the contracts of the foreign services that tests stand behind the gateway.

use std::path::Path;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by its environment"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=../proto/varco/options");
    let out = std::env::var("OUT_DIR")?;
    let out = Path::new(&out);
    compile("eco/v1/eco.proto", &out.join("eco.binpb"))?;
    compile("grpc/testing/test.proto", &out.join("interop.binpb"))?;
    compile("pratiche/v1/pratiche.proto", &out.join("pratiche.binpb"))
}

/// Generates the code of a contract, and leaves its descriptor set in a file.
fn compile(contract: &str, set_file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut compiler = protox::Compiler::new(["proto", "../proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file(contract)?;
    // The compiler's own encoding keeps the options of Varco; prost-types would drop extensions.
    std::fs::write(set_file, compiler.encode_file_descriptor_set())?;
    let set = compiler.file_descriptor_set();
    tonic_prost_build::configure().bytes(".").compile_fds(set)?;
    Ok(())
}
