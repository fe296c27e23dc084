//! Whether a call costs the same in a small installation and in a large one: 10 and 10 000 purposes, 10
//! and 1 000 clients, an empty register of accesses and one of many records.
//!
//! Each installation is one that `varco init` and `varco apply` have made, with a gateway in a process of
//! its own that does all that it does in production. What counts is the time that the scheduler gives to
//! the gateway for a call; 32 calls are always under way. A round measures the small one, the large one
//! twice, the small one again (A B B A), because this machine is shared with the callers, the service and
//! strangers. The ratio is that of the medians.
//!
//! Purposes: one client over one connection, whose calls take turns among the vouchers of 64 purposes,
//! or of all ten. Clients: eight of them over a connection each, chosen from all over the registry; then
//! all of them, over as many connections as there are clients, which tells what connections cost rather
//! than what the registry costs. Records: the same as purposes, with ten.
//!
//! `cargo build --release && cargo bench -p varco-tests --bench flat`; `VARCO_BENCH_RECORDS` is the size of
//! the large register (1 000 000 when it is not set), `VARCO_BENCH_ROUNDS` and `VARCO_BENCH_SECONDS` make it
//! longer than three rounds of four seconds, `VARCO_BENCH_ONLY` takes axes whose names begin so, and
//! with `VARCO_BENCH_STRICT=1` a ratio beyond its bound ends it with 1.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures, reads its settings from the environment and fails by panicking"
)]

use std::path::Path;
use std::process::ExitCode;

use bytes::Bytes;
use prost::Message as _;
use tempfile::TempDir;
use varco_proto::anagrafe::v1::GetFamigliaRequest;
use varco_tests::bench::fleet::{ALL_CALLS, Offer, Size};
use varco_tests::bench::{filling, service, setting_of};

mod axis;
mod installation;

use axis::Axis;
use installation::{Callers, Installation};

fn main() -> ExitCode {
    if service::serves() {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let flat = runtime.unwrap().block_on(flat());
    let is_strict = setting_of("VARCO_BENCH_STRICT", 0) == 1;
    if is_strict && !flat {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Measures every axis that is asked for; says whether all were within their bounds.
async fn flat() -> bool {
    let only = std::env::var("VARCO_BENCH_ONLY").unwrap_or_default();
    let is_wanted = |name: &str| name.starts_with(&only);
    let place = TempDir::new().unwrap();
    let mut flat = true;
    if is_wanted("records") {
        flat &= records(place.path()).await;
    }
    if is_wanted("purposes") {
        flat &= purposes(place.path()).await;
    }
    if is_wanted("clients") {
        flat &= clients(place.path()).await;
    }
    flat
}

async fn records(place: &Path) -> bool {
    let wanted = setting_of("VARCO_BENCH_RECORDS", 1_000_000);
    filling::check_room(place, wanted);
    let small = Installation::set_up(&place.join("few-records"), &OFFER, FEW, 0).await;
    let large = Installation::set_up(&place.join("many-records"), &OFFER, FEW, wanted).await;
    let axis = Axis {
        what: format!("records: 0 and {wanted} at the start"),
        bound: Some(BOUND),
    };
    let flat = axis.measure([&small, &large], ONE).await;
    small.stop();
    large.stop();
    flat
}

async fn purposes(place: &Path) -> bool {
    let many = Size {
        purposes: 10_000,
        ..FEW
    };
    // As many calls a day as ten thousand purposes may have, in both.
    let offer = Offer {
        daily_calls: ALL_CALLS / 10_000,
        ..OFFER
    };
    let small = Installation::set_up(&place.join("few-purposes"), &offer, FEW, 0).await;
    let large = Installation::set_up(&place.join("many-purposes"), &offer, many, 0).await;
    let axis = Axis {
        what: "purposes: 10 and 10 000".to_owned(),
        bound: Some(BOUND),
    };
    let flat = axis.measure([&small, &large], ONE).await;
    small.stop();
    large.stop();
    flat
}

async fn clients(place: &Path) -> bool {
    // A purpose takes a hundred clients at most.
    let few = Size {
        purposes: 20,
        ..FEW
    };
    let many = Size {
        clients: 1_000,
        ..few
    };
    let offer = Offer {
        daily_calls: ALL_CALLS / 20,
        ..OFFER
    };
    let small = Installation::set_up(&place.join("few-clients"), &offer, few, 0).await;
    let large = Installation::set_up(&place.join("many-clients"), &offer, many, 0).await;
    let axis = Axis {
        what: "clients: 10 and 1 000 registered, 8 call".to_owned(),
        bound: Some(BOUND),
    };
    let flat = axis.measure([&small, &large], EIGHT).await;
    let axis = Axis {
        what: "clients: 10 and 1 000, all of them call".to_owned(),
        bound: None,
    };
    axis.measure([&small, &large], ALL).await;
    small.stop();
    large.stop();
    flat
}

/// The question that every call asks, framed.
fn question() -> Bytes {
    let question = GetFamigliaRequest {
        codice_fiscale: Some("RSSMRA80A01H501U".to_owned()),
        ..Default::default()
    };
    varco_gateway::minimise::frames::frame(&question.encode_to_vec())
}

const PATH: &str = "/varco.anagrafe.v1.AnagrafeService/GetFamiglia";
/// Families without their kinship, as in the comparison.
const OFFER: Offer = Offer {
    contract: "descriptor_set = \"builtin:varco.anagrafe.v1\"",
    methods: r#"["varco.anagrafe.v1.AnagrafeService/GetFamiglia"]"#,
    data_classes: r#"["identificativi", "tecnico", "famiglia.numero", "famiglia.componenti"]"#,
    daily_calls: ALL_CALLS / 10,
};
const FEW: Size = Size {
    clients: 10,
    purposes: 10,
};
const ONE: Callers = Callers {
    clients: 1,
    purposes: 64,
};
const EIGHT: Callers = Callers {
    clients: 8,
    purposes: 1,
};
const ALL: Callers = Callers {
    clients: 1_000,
    purposes: 1,
};
/// A large installation may cost so much more a call.
const BOUND: f64 = 1.15;
