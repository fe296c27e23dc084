//! The calls with side effects of a window, out of the register of accesses.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};

use super::window::Window;
use super::{Call, End};
use crate::audit::Error;
use crate::audit::by_time::{micros, since};
use crate::audit::reading::Reading;

/// Every call of these methods of which an INTENT or an OUTCOME lies in a window.
///
/// # Errors
///
/// When the log cannot be read.
pub(super) async fn calls(
    newest: &Reading,
    window: Window,
    methods: &HashSet<String>,
) -> Result<HashMap<Uuid, Call>, Error> {
    let mut found = HashMap::new();
    // An hour may lie on both sides of New Year.
    for reading in newest.back_to(window.from).await? {
        each(&reading, window, |record| {
            if methods.contains(&record.method) {
                take(&mut found, record);
            }
        })
        .await?;
    }
    Ok(found)
}

/// The records of a log from the beginning of a window until after its end.
async fn each(
    reading: &Reading,
    window: Window,
    mut take: impl FnMut(&Record),
) -> Result<(), Error> {
    let mut next = since(reading, window.from).await?;
    loop {
        let page = reading.records(next, PAGE).await?;
        let Some((last, newest)) = page.last() else {
            return Ok(());
        };
        next = last + 1;
        for (_, record) in &page {
            take(record);
        }
        if micros(newest) > window.until {
            return Ok(());
        }
    }
}

fn take(found: &mut HashMap<Uuid, Call>, record: &Record) {
    let at = micros(record);
    let end = match record.kind() {
        RecordKind::Intent => End::Open,
        RecordKind::Outcome if record.outcome == "OK" => End::Ok(at),
        RecordKind::Outcome => End::Otherwise(at),
        _ => return,
    };
    let (Ok(id), Ok(eservice)) = (
        Uuid::from_slice(&record.audit_id),
        record.eservice_id.parse(),
    ) else {
        return;
    };
    let call = found.entry(id).or_insert_with(|| Call {
        eservice,
        method: record.method.clone(),
        end,
    });
    if end != End::Open {
        call.end = end;
    }
}

/// Records read at once.
const PAGE: u32 = 1000;
