//! `varco audit reconcile`: what the register says was done, against what the services did.
//!
//! The gateway compares, every hour by itself and here on demand. A service that cannot be compared
//! is no difference, and is told as what it is.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;
use varco_proto::audit::v1::{
    Comparability, EserviceComparison, ReconcileRequest, ReconcileResponse,
};

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output::Table;
use crate::output::refusal::Refusal;
use crate::{operator, output};

/// What `varco audit reconcile` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// First instant, such as 2026-11-22T09:00:00Z; an hour before the end when left out
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// First instant after the time to compare, at most a day later; now when left out
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// Auditor whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "auditor")]
    pub operator: String,
}

/// Compares, and tells what differs.
///
/// # Errors
///
/// When something differs, or the gateway refuses.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let mut audit = operator::audit(&args.operator, common)?;
    let second = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_second);
    let request = ReconcileRequest {
        from_unix_s: second(args.from),
        until_unix_s: second(args.to),
    };
    let answer = audit.reconcile(request).await;
    let answer = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    let told = Told::from(&answer);
    match common.output {
        Output::Json => output::json(&told)?,
        Output::Text => output::line(told.text())?,
    }
    match told.differences {
        0 => Ok(()),
        1 => Err(differ("1 difference")),
        n => Err(differ(&format!("{n} differences"))),
    }
}

fn differ(count: &str) -> Failure {
    Failure::new(
        "the register of accesses and the services differ",
        count,
        "look each audit id up with `varco audit search` and in the service, before anything is changed",
    )
}

/// A comparison for programs; the fields are a contract.
#[derive(Debug, Serialize)]
struct Told {
    from: String,
    to: String,
    differences: u64,
    eservices: Vec<ToldEservice>,
}

#[derive(Debug, Serialize)]
struct ToldEservice {
    eservice: String,
    comparability: &'static str,
    calls: u64,
    links: u64,
    links_of_others: u64,
    unknown_but_done: u64,
    only_in_register_count: u64,
    only_in_register: Vec<String>,
    only_in_service_count: u64,
    only_in_service: Vec<String>,
}

impl From<&ReconcileResponse> for Told {
    fn from(answer: &ReconcileResponse) -> Self {
        let all = answer.eservices.iter();
        let differences = all
            .clone()
            .map(|it| it.only_in_register_count + it.only_in_service_count);
        Self {
            from: time(answer.from_unix_s),
            to: time(answer.until_unix_s),
            differences: differences.sum(),
            eservices: all.map(ToldEservice::from).collect(),
        }
    }
}

impl From<&EserviceComparison> for ToldEservice {
    fn from(found: &EserviceComparison) -> Self {
        Self {
            eservice: found.eservice.clone(),
            comparability: word(found.comparability()),
            calls: found.calls,
            links: found.links,
            links_of_others: found.links_of_others,
            unknown_but_done: found.unknown_but_done,
            only_in_register_count: found.only_in_register_count,
            only_in_register: ids(&found.only_in_register),
            only_in_service_count: found.only_in_service_count,
            only_in_service: ids(&found.only_in_service),
        }
    }
}

fn word(comparability: Comparability) -> &'static str {
    match comparability {
        Comparability::Compared => "compared",
        Comparability::NotKept => "keeps no links",
        Comparability::Unreachable => "unreachable",
        Comparability::TooMany => "too many links",
        Comparability::Unspecified => "unknown",
    }
}

fn time(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| second.to_string(), |at| at.to_string())
}

fn ids(ids: &[prost::bytes::Bytes]) -> Vec<String> {
    let id = |bytes: &prost::bytes::Bytes| Uuid::from_slice(bytes).unwrap_or_default();
    ids.iter().map(|bytes| id(bytes).to_string()).collect()
}

impl Told {
    /// A table of the services, and a line for each difference.
    fn text(&self) -> String {
        let mut table = Table::new(vec![
            "ESERVICE",
            "COMPARED",
            "CALLS",
            "LINKS",
            "OF OTHERS",
            "DONE, OUTCOME UNKNOWN",
            "DIFFERENCES",
        ]);
        for it in &self.eservices {
            table.push(it.row());
        }
        let head = format!("{} to {}\n{table}", self.from, self.to);
        let lines = self.eservices.iter().flat_map(ToldEservice::lines);
        std::iter::once(head)
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl ToldEservice {
    fn row(&self) -> Vec<String> {
        let mut row = vec![self.eservice.clone(), self.comparability.to_owned()];
        if self.comparability == word(Comparability::Compared) {
            let differences = self.only_in_register_count + self.only_in_service_count;
            let counts = [
                self.calls,
                self.links,
                self.links_of_others,
                self.unknown_but_done,
                differences,
            ];
            row.extend(counts.map(|count| count.to_string()));
        }
        row
    }

    fn lines(&self) -> Vec<String> {
        let name = &self.eservice;
        let lost = self.only_in_register.iter();
        let lost = lost.map(|id| format!("{id} was answered OK, and {name} has no link of it"));
        let around = self.only_in_service.iter();
        let around =
            around.map(|id| format!("{id} changed {name}, and the register has no call of it"));
        lost.chain(around).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_told_with_its_service_and_counted() {
        let id = prost::bytes::Bytes::from(vec![7; 16]);
        let compared = EserviceComparison {
            eservice: "protocollo".into(),
            comparability: Comparability::Compared.into(),
            calls: 3,
            links: 3,
            only_in_register_count: 1,
            only_in_register: vec![id.clone()],
            only_in_service_count: 1,
            only_in_service: vec![id],
            ..EserviceComparison::default()
        };
        let foreign = EserviceComparison {
            eservice: "eco".into(),
            comparability: Comparability::NotKept.into(),
            ..EserviceComparison::default()
        };
        let answer = ReconcileResponse {
            from_unix_s: 0,
            until_unix_s: 3600,
            eservices: vec![foreign, compared],
            ..ReconcileResponse::default()
        };

        let told = Told::from(&answer);

        assert_eq!(told.differences, 2);
        let text = told.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z");
        assert_eq!(lines[2], "eco          keeps no links");
        let id = "07070707-0707-0707-0707-070707070707";
        assert_eq!(
            lines[4],
            format!("{id} was answered OK, and protocollo has no link of it")
        );
        assert_eq!(
            lines[5],
            format!("{id} changed protocollo, and the register has no call of it")
        );
    }
}
