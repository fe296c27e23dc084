//! What is wrong with a registry file, as it is told: all at once, each with its file and line.
//!
//! For people a line each on standard error, as compilers do, so that editors find the place; for
//! programs an object on standard output.

use std::path::Path;

use serde::Serialize;
use varco_proto::registry::v1::{self as proto, Kind};

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;
use crate::registry_file::{Problem, Reading};
use crate::registry_kind::kind_word;

/// The problems for programs; the fields are a contract.
#[derive(Serialize)]
struct Told {
    problems: Vec<ToldProblem>,
}

#[derive(Serialize)]
struct ToldProblem {
    file: String,
    line: Option<usize>,
    kind: Option<&'static str>,
    name: String,
    field: String,
    what: String,
}

/// The file's own problems and those that the registry has found, each once, in the order of
/// lines; without those of the registry that follow from the former.
#[must_use]
pub fn together(reading: &Reading, found: &[proto::Problem]) -> Vec<Problem> {
    let own = &reading.problems;
    let located = found.iter().cloned();
    let located = located.map(|problem| reading.places.locate(problem));
    let further = located.filter(|problem| !own.iter().any(|it| it.covers(problem)));
    let mut all: Vec<Problem> = own.iter().cloned().chain(further).collect();
    all.sort();
    all.dedup();
    all
}

/// Tells the problems of a file, and gives the failure that they amount to.
#[must_use]
pub fn refusal(file: &Path, problems: &[Problem], common: &Common) -> Failure {
    let printed = match common.output {
        Output::Json => output::json(&told(file, problems)),
        Output::Text => {
            let lines = problems.iter().map(|problem| line(file, problem));
            output::note(lines.collect::<Vec<_>>().join("\n"));
            Ok(())
        }
    };
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    let what = format!("{} is not applied", label(file));
    let failure = Failure::new(what, count, "correct the file and try again");
    printed.err().unwrap_or(failure)
}

fn line(file: &Path, problem: &Problem) -> String {
    let text = match problem.line {
        Some(line) => format!("{}:{line}: {problem}", label(file)),
        None => format!("{}: {problem}", label(file)),
    };
    // Texts out of a file may hold anything; a problem is one line.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn told(file: &Path, problems: &[Problem]) -> Told {
    let told = problems.iter().map(|problem| ToldProblem {
        file: label(file),
        line: problem.line,
        kind: (problem.kind != Kind::Unspecified).then(|| kind_word(problem.kind)),
        name: problem.name.trim_matches('/').to_owned(),
        field: problem.field.clone(),
        what: problem.what.clone(),
    });
    Told {
        problems: told.collect(),
    }
}

fn label(file: &Path) -> String {
    file.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_file::{self, Mode};

    #[test]
    fn problem_is_told_with_file_and_line() {
        let told = line(Path::new("registro.toml"), &problem());

        let expected = "registro.toml:42: purpose tributi/verifica: eservice names no eservice: \
                        anagrefe";
        assert_eq!(told, expected);
    }

    #[test]
    fn problems_of_file_and_registry_stand_together_once() {
        let text = "[[tenant]]\nname = \"nuovo\"\ntitle = \"Nuovo\"\n\
                    [[agreement]]\nconsumer = \"nuovo\"\neservice = \"anagrefe\"\n";
        let reading = registry_file::parse(text, Path::new("."), Mode::Whole);
        let problem = |kind: Kind, name: &str, field: &str| proto::Problem {
            kind: kind.into(),
            name: name.to_owned(),
            field: field.to_owned(),
            what: "is wrong".to_owned(),
        };
        let found = [
            problem(Kind::Agreement, "nuovo/anagrefe", "eservice"),
            // The file has it already: the code is missing.
            problem(Kind::Tenant, "nuovo", "ipa"),
        ];

        let all = together(&reading, &found);

        let told: Vec<String> = all.iter().map(|it| line(Path::new("f"), it)).collect();
        let expected = [
            "f:1: tenant nuovo: ipa is missing",
            "f:6: agreement nuovo/anagrefe: eservice is wrong",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn programs_read_each_part_of_a_problem() {
        let told = told(Path::new("registro.toml"), &[problem()]);

        let expected = serde_json::json!({"problems": [{
            "file": "registro.toml",
            "line": 42,
            "kind": "purpose",
            "name": "tributi/verifica",
            "field": "eservice",
            "what": "names no eservice: anagrefe",
        }]});
        assert_eq!(serde_json::to_value(told).unwrap(), expected);
    }

    fn problem() -> Problem {
        Problem {
            line: Some(42),
            kind: Kind::Purpose,
            name: "tributi/verifica".into(),
            field: "eservice".into(),
            what: "names no eservice: anagrefe".into(),
        }
    }
}
