//! The seeds of the fuzz targets, through the same functions as there.

use std::path::Path;

#[cfg(test)]
#[path = "../../tests/fuzz/src/compile.rs"]
mod compile;
#[cfg(test)]
#[path = "../../tests/fuzz/src/frames.rs"]
mod frames;
#[cfg(test)]
#[path = "../../tests/fuzz/src/walk.rs"]
mod walk;

#[test]
fn every_seed_holds_what_the_fuzzer_asks() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds");
    let targets: [(&str, fn(&[u8]), usize); 3] = [
        ("walk", walk::holds, 36),
        ("frames", frames::hold, 4),
        ("compile", compile::holds, 9),
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
