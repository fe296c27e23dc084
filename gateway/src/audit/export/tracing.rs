//! PDND's tracing: how often each voucher was used in a day, for which purpose, with which result.
//!
//! One file a day, as PDND takes it (`date,purpose_id,token_id,status,requests_count`): a row for each
//! purpose, status and voucher, none twice. It counts the calls whose voucher had verified, each by the
//! record that ends it, and refusals that were counted by their count.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_runtime::config::Config;

use super::each_of_day;
use crate::audit::Error;

/// The calls of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracing {
    day: Date,
    /// By purpose, voucher and HTTP status.
    calls: BTreeMap<(String, String, u16), u64>,
}

impl Tracing {
    /// A day without calls.
    #[must_use]
    pub fn of(day: Date) -> Self {
        Self {
            day,
            calls: BTreeMap::new(),
        }
    }

    /// Counts a record, when it ends a call whose voucher had verified.
    pub fn count(&mut self, record: &Record) {
        if !ends_call(record) {
            return;
        }
        let key = (
            record.purpose_id.clone(),
            record.voucher_jti.clone(),
            http_status(record.grpc_status),
        );
        let calls = match record.kind() {
            RecordKind::AggregateGarbage => record.records_count,
            _ => 1,
        };
        *self.calls.entry(key).or_default() += calls;
    }

    /// How many calls were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.calls.values().sum()
    }

    /// The file.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut csv = "date,purpose_id,token_id,status,requests_count\n".to_owned();
        for ((purpose, voucher, status), count) in &self.calls {
            let _ = writeln!(csv, "{},{purpose},{voucher},{status},{count}", self.day);
        }
        csv
    }
}

/// Reads the calls of a day from every log.
///
/// # Errors
///
/// When a log cannot be read.
pub async fn read(config: &Config, day: Date) -> Result<Tracing, Error> {
    let mut tracing = Tracing::of(day);
    each_of_day(config, day, |placed| {
        tracing.count(&placed.record);
        Ok(())
    })
    .await?;
    Ok(tracing)
}

/// Whether a record ends a call whose voucher had verified, or many.
fn ends_call(record: &Record) -> bool {
    let ends = matches!(
        record.kind(),
        RecordKind::AggregateGarbage | RecordKind::Deny | RecordKind::Outcome
    );
    ends && !record.voucher_jti.is_empty() && !record.purpose_id.is_empty()
}

/// The HTTP status of a gRPC code: 408 stands for a call that was given up, for PDND knows no 499.
#[must_use]
pub fn http_status(grpc: u32) -> u16 {
    match grpc {
        0 => 200,
        1 => 408,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(purpose: u8, voucher: u8, grpc_status: u32, kind: RecordKind) -> Record {
        Record {
            kind: kind.into(),
            purpose_id: format!("00000000-0000-7000-8000-0000000000{purpose:02}"),
            voucher_jti: format!("00000000-0000-7000-8000-1000000000{voucher:02}"),
            grpc_status,
            ..Record::default()
        }
    }

    #[test]
    fn day_is_a_row_for_each_purpose_voucher_and_status() {
        let mut tracing = Tracing::of("2026-11-29".parse().unwrap());
        for record in [
            call(1, 1, 0, RecordKind::Outcome),
            call(1, 1, 0, RecordKind::Outcome),
            call(1, 1, 7, RecordKind::Deny),
            call(1, 1, 0, RecordKind::Intent),
            Record {
                records_count: 40,
                ..call(1, 1, 8, RecordKind::AggregateGarbage)
            },
            Record::default(),
        ] {
            tracing.count(&record);
        }

        assert_eq!(
            tracing.csv(),
            "date,purpose_id,token_id,status,requests_count\n\
             2026-11-29,00000000-0000-7000-8000-000000000001,00000000-0000-7000-8000-100000000001,200,2\n\
             2026-11-29,00000000-0000-7000-8000-000000000001,00000000-0000-7000-8000-100000000001,403,1\n\
             2026-11-29,00000000-0000-7000-8000-000000000001,00000000-0000-7000-8000-100000000001,429,40\n"
        );
    }

    proptest! {
        #[test]
        fn counts_add_up_and_no_row_stands_twice(
            calls in prop::collection::vec((0_u8..3, 0_u8..3, 0_u32..20, any::<bool>()), 0..60),
        ) {
            let mut tracing = Tracing::of("2026-11-29".parse().unwrap());
            for (purpose, voucher, status, ended) in &calls {
                let kind = if *ended { RecordKind::Outcome } else { RecordKind::Progress };
                tracing.count(&call(*purpose, *voucher, *status, kind));
            }

            let csv = tracing.csv();
            let rows: Vec<(&str, &str)> =
                csv.lines().skip(1).map(|row| row.rsplit_once(',').unwrap()).collect();
            let sum: u64 = rows.iter().map(|(_, count)| count.parse::<u64>().unwrap()).sum();
            let ended = calls.iter().filter(|(.., ended)| *ended).count();
            prop_assert_eq!(sum, u64::try_from(ended).unwrap());
            prop_assert_eq!(sum, tracing.total());
            let distinct: std::collections::HashSet<_> = rows.iter().map(|(key, _)| key).collect();
            prop_assert_eq!(distinct.len(), rows.len());
        }
    }
}
