//! The seeds of the fuzz targets, through the same functions as there.

use std::path::Path;

#[cfg(test)]
#[path = "../../../tests/fuzz/src/checkpoint.rs"]
mod checkpoint;
#[cfg(test)]
#[path = "../../../tests/fuzz/src/note.rs"]
mod note;
#[cfg(test)]
#[path = "../../../tests/fuzz/src/policy.rs"]
mod policy;
#[cfg(test)]
#[path = "../../../tests/fuzz/src/proof_file.rs"]
mod proof_file;
#[cfg(test)]
#[path = "../../../tests/fuzz/src/tile_path.rs"]
mod tile_path;
#[cfg(test)]
#[path = "../../../tests/fuzz/src/witness_request.rs"]
mod witness_request;

#[test]
fn every_seed_holds_what_the_fuzzer_asks() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds");
    let targets: [(&str, fn(&[u8]), usize); 6] = [
        ("note", note::holds, 10),
        ("checkpoint", checkpoint::holds, 8),
        ("proof_file", proof_file::holds, 9),
        ("tile_path", tile_path::holds, 10),
        ("witness_request", witness_request::holds, 12),
        ("policy", policy::holds, 9),
    ];

    for (target, holds, least) in targets {
        let mut replayed = 0;
        for seed in std::fs::read_dir(seeds.join(target)).unwrap() {
            holds(&std::fs::read(seed.unwrap().path()).unwrap());
            replayed += 1;
        }
        assert!(replayed >= least, "{target}: {replayed}");
    }
}
