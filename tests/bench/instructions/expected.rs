//! The counts that are kept beside this file, and whether those of now are the same.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use toml::{Table, Value};

use super::table::Counted;

/// Instructions of a call, by shape and room.
pub struct Counts(Vec<(String, String, u64)>);

impl Counts {
    /// What was counted.
    pub fn of(counted: &[Counted]) -> Self {
        let rows = counted.iter().flat_map(|it| {
            let rooms = it.rooms().into_iter();
            rooms.map(|(room, count)| (it.shape.to_owned(), room.to_owned(), count))
        });
        Self(rows.filter(|(shape, ..)| shape == COMPARED).collect())
    }

    /// Writes them down as what is expected from now on.
    pub fn write(&self) {
        use std::fmt::Write as _;
        let mut text = format!("{HEAD}\narch = \"{}\"\nwith = \"{}\"\n", ARCH, with());
        for (number, (shape, room, count)) in self.0.iter().enumerate() {
            if number == 0 {
                let _ = write!(text, "\n[\"{shape}\"]\n");
            }
            let _ = writeln!(text, "\"{room}\" = {count}");
        }
        std::fs::write(file(), text).unwrap();
        println!("\nwritten: {}", file().display());
    }

    /// Compares them with what is expected, and says each that is not.
    pub fn compare(&self) -> ExitCode {
        let expected: Table = std::fs::read_to_string(file()).unwrap().parse().unwrap();
        if text(&expected, "arch") != ARCH {
            println!("\nnot compared: the expected counts are those of another architecture");
            return ExitCode::SUCCESS;
        }
        let wrong: Vec<String> = self
            .0
            .iter()
            .filter_map(|it| differs(&expected, it))
            .collect();
        if wrong.is_empty() {
            println!("\nas expected, within {BOUND} %");
            return ExitCode::SUCCESS;
        }
        println!("\n{}", wrong.join("\n"));
        println!("expected with {}; here {}", text(&expected, "with"), with());
        println!("VARCO_BENCH_WRITE=1 writes these counts down, for the commit that changes them");
        ExitCode::FAILURE
    }
}

/// What is wrong with a count.
fn differs(expected: &Table, (shape, room, count): &(String, String, u64)) -> Option<String> {
    let known = expected.get(shape).and_then(|it| it.get(room));
    let Some(known) = known.and_then(Value::as_integer) else {
        return Some(format!("{shape}, {room}: {count}, and nothing is expected"));
    };
    let (known, count) = (as_float(known), as_float(i64::try_from(*count).unwrap()));
    let percent = 100.0 * (count - known) / known;
    (percent.abs() > BOUND)
        .then(|| format!("{shape}, {room}: {count} instead of {known}, {percent:+.1} %"))
}

fn as_float(value: i64) -> f64 {
    f64::from(i32::try_from(value).unwrap_or(i32::MAX))
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What counts and what was compiled with.
fn with() -> String {
    let version = |program: &str| {
        let said = Command::new(program).arg("--version").output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        said.lines().next().unwrap_or_default().to_owned()
    };
    let libc = version("ldd");
    let libc = libc.split(' ').next_back().unwrap_or_default();
    let [valgrind, rustc, cc] = ["valgrind", "rustc", "cc"].map(version);
    format!("{valgrind}, {rustc}, {cc}, glibc {libc}")
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/instructions/expected.toml")
}

const ARCH: &str = std::env::consts::ARCH;
/// Those of several calls at once vary by how many share a commit.
const COMPARED: &str = "1 x 1";
/// In hundredths, more or fewer.
const BOUND: f64 = 3.0;
const HEAD: &str = "\
# Instructions of one unary call, by room. Written by
# VARCO_BENCH_WRITE=1 cargo bench --profile dev -p varco-tests --bench instructions
";
