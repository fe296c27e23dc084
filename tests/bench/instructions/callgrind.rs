//! The gateway under callgrind: when it counts, and what it has counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::profile::{Profile, Thread};

/// A process under callgrind.
pub struct Callgrind {
    process: u32,
    out: PathBuf,
}

/// The words before a program that has its instructions counted, into an empty folder.
///
/// Each thread has a file of its own: the threads of databases have nothing but their number to be
/// told by. Copies by `rep movsb` would count an instruction a byte, so glibc is told to make none.
pub fn under(out: &Path) -> Vec<String> {
    let _ = fs::remove_dir_all(out);
    fs::create_dir_all(out).unwrap();
    let file = format!("--callgrind-out-file={}", out.join(FILE).display());
    let words = [
        "env",
        "GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1000000000",
        "valgrind",
        "--tool=callgrind",
        "--instr-atstart=no",
        "--separate-threads=yes",
        &file,
    ];
    words.map(str::to_owned).to_vec()
}

impl Callgrind {
    /// Of a process that was started with [`under`].
    pub fn of(process: u32, out: &Path) -> Self {
        Self {
            process,
            out: out.to_owned(),
        }
    }

    /// Counts from now on.
    pub fn start(&self) {
        self.control(&["-i", "on"]);
    }

    /// Forgets what was counted.
    pub fn zero(&self) {
        self.control(&["-z"]);
    }

    /// Takes what was counted, and counts anew.
    pub fn dump(&self) -> Profile {
        let before = self.files();
        self.control(&["-d"]);
        let new = self.files();
        let new = new.iter().filter(|file| !before.contains(file));
        let threads = new.map(|file| Thread::read(&fs::read_to_string(file).unwrap()));
        Profile::of(threads.collect())
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.out).unwrap();
        files.map(|it| it.unwrap().path()).collect()
    }

    fn control(&self, arguments: &[&str]) {
        let said = Command::new("callgrind_control")
            .args(arguments)
            .arg(self.process.to_string())
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&said.stdout);
        assert!(said.status.success() && out.contains("OK."), "{said:?}");
    }
}

const FILE: &str = "callgrind.out";
