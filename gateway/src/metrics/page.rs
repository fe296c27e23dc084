//! What stands on the page: each family with its help, and where its numbers come from.

use std::sync::atomic::Ordering;

use varco_runtime::clock::standing::Standing;

use super::calls::MOST_SETS;
use super::exposition::{Format, Page};
use super::process;
use crate::audit::committer::{MOST_BYTES, MOST_RECORDS};
use crate::audit::guard::{self, Trouble};
use crate::gate::Gate;
use crate::probes;
use crate::streams::extend;

/// The page of now.
pub(super) fn of(gate: &Gate, format: Format) -> String {
    let mut page = Page::new(format);
    let sections = [
        calls, at_once, vouchers, registry, register, disk, upstreams, quotas, spans, own, kernel,
    ];
    for section in sections {
        section(gate, &mut page);
    }
    page.end()
}

/// How calls ended.
fn calls(gate: &Gate, page: &mut Page) {
    let (calls, snapshot) = (&gate.metrics.calls, gate.registry.snapshot());
    let own = extend::PATH.trim_start_matches('/');
    calls.tidy(
        |method| method == own || snapshot.methods.contains(method),
        |purpose| snapshot.purposes.contains_key(&purpose),
    );
    let shown = calls.show();
    let mut family = page.counter(
        "varco_calls_total",
        "Calls to the data plane that have ended, refused ones included.",
    );
    for ((method, purpose, code), count) in &shown.counts {
        let labels = [
            ("method", method.as_str()),
            ("code", code),
            ("purpose", purpose),
        ];
        family.put(&labels, count);
    }
    let mut family = page.histogram(
        "varco_call_duration_seconds",
        "From the arrival of an allowed call to its last record.",
    );
    for ((method, kind), spread) in &shown.durations {
        family.spread(&[("method", method), ("kind", kind)], spread);
    }
    let mut family = page.counter("varco_refusals_total", "Refused calls by their reason.");
    for (reason, count) in gate.metrics.refusals.read() {
        family.put(&[("reason", reason)], count);
    }
    let help = "Label sets of varco_calls_total that are in use, without those of other.";
    page.gauge("varco_call_label_sets", help)
        .put(&[], shown.sets);
    let help = "Label sets beyond which calls count under other.";
    page.gauge("varco_call_label_sets_limit", help)
        .put(&[], MOST_SETS);
}

/// What is being done now.
fn at_once(gate: &Gate, page: &mut Page) {
    let help = "Calls that are open, with a place among those of their client.";
    page.gauge("varco_calls_open", help)
        .put(&[], gate.limiter.open_calls());
    let help = "Streams that are open.";
    page.gauge("varco_streams_open", help)
        .put(&[], gate.streams.count());
    let all = gate.limits().answer_bytes;
    let bytes = all.saturating_sub(gate.budget.left());
    let help = "Bytes of messages that are held at once, over all calls.";
    page.gauge("varco_answer_bytes_held", help).put(&[], bytes);
    let help = "Bytes of messages beyond which calls are refused as OVERLOADED.";
    page.gauge("varco_answer_bytes_limit", help).put(&[], all);
}

/// The token endpoint.
fn vouchers(gate: &Gate, page: &mut Page) {
    let asked = gate.metrics.vouchers.read();
    page.counter("varco_vouchers_issued_total", "Vouchers issued.")
        .put(&[], asked.issued);
    let help = "Requests for a voucher that were refused, by the reason of the record.";
    let mut family = page.counter("varco_voucher_refusals_total", help);
    for (reason, count) in &asked.refused {
        family.put(&[("reason", reason)], count);
    }
    let help = "Verdicts on vouchers that are kept, about.";
    page.gauge("varco_voucher_verdicts_kept", help)
        .put(&[], gate.vouchers.verdicts());
}

/// The snapshot of the registry.
fn registry(gate: &Gate, page: &mut Page) {
    let snapshot = gate.registry.snapshot();
    let help = "Time since the database last confirmed the registry.";
    page.gauge("varco_snapshot_age_seconds", help)
        .put(&[], snapshot.age().as_secs_f64());
    let help = "Age of the registry from which calls are refused.";
    page.gauge("varco_snapshot_age_limit_seconds", help)
        .put(&[], gate.limits().snapshot_seconds);
    page.gauge("varco_snapshot_epoch", "Epoch of the registry.")
        .put(&[], snapshot.epoch);
}

/// The register of accesses.
fn register(gate: &Gate, page: &mut Page) {
    let register = &gate.register;
    let help = "Whether records are taken and the last of them became durable.";
    page.gauge("varco_register_writing", help)
        .put(&[], u8::from(register.is_writing()));
    let trouble = register.trouble();
    let help = "Whether the register is closed for a cause, so that every call is refused.";
    let mut family = page.gauge("varco_register_closed", help);
    for cause in Trouble::NAMES {
        let is_it = trouble.as_ref().is_some_and(|it| it.name() == cause);
        family.put(&[("cause", cause)], u8::from(is_it));
    }
    let (records, bytes) = register.waiting();
    let help = "Records that wait to become durable.";
    page.gauge("varco_register_queue_records", help)
        .put(&[], records);
    let help = "Most records that may wait; new calls are refused at three quarters.";
    page.gauge("varco_register_queue_records_limit", help)
        .put(&[], MOST_RECORDS);
    let help = "Bytes of the records that wait.";
    page.gauge("varco_register_queue_bytes", help)
        .put(&[], bytes);
    let help = "Most bytes that may wait; new calls are refused at three quarters.";
    page.gauge("varco_register_queue_bytes_limit", help)
        .put(&[], MOST_BYTES);
    let commits = register.commits();
    let records = commits.records.load(Ordering::Relaxed);
    let help = "Records made durable since the start.";
    page.counter("varco_register_records_total", help)
        .put(&[], records);
    let help = "Time in which a group of records became durable, attempts included.";
    page.histogram("varco_register_commit_duration_seconds", help)
        .spread(&[], &commits.durations.read());
}

/// The disk of the register of accesses.
fn disk(gate: &Gate, page: &mut Page) {
    let room = guard::disk(&gate.metrics.folder);
    let help = "Bytes that are free on the disk of the register of accesses.";
    let mut family = page.gauge("varco_register_disk_free_bytes", help);
    if let Some((_, free)) = room {
        family.put(&[], free);
    }
    let help = "Bytes of the disk of the register of accesses, used and free.";
    let mut family = page.gauge("varco_register_disk_bytes", help);
    if let Some((used, free)) = room {
        family.put(&[], used.saturating_add(free));
    }
}

/// The ways to the services that have been called of late.
fn upstreams(gate: &Gate, page: &mut Page) {
    let ways = gate.upstreams.glance();
    let help = "Replicas of a service: ready, unfit (left alone) or down (not connected).";
    let mut family = page.gauge("varco_upstream_replicas", help);
    for (upstream, glance) in &ways {
        for (state, count) in [
            ("ready", glance.ready),
            ("unfit", glance.unfit),
            ("down", glance.down),
        ] {
            family.put(&[("upstream", upstream), ("state", state)], count);
        }
    }
    let mut family = page.gauge(
        "varco_upstream_connections",
        "Open connections to a service.",
    );
    for (upstream, glance) in &ways {
        family.put(&[("upstream", upstream)], glance.connections);
    }
    let mut family = page.gauge(
        "varco_upstream_calls_open",
        "Calls that a service carries out.",
    );
    for (upstream, glance) in &ways {
        family.put(&[("upstream", upstream)], glance.calls);
    }
}

/// The day's calls that are leased from the database.
fn quotas(gate: &Gate, page: &mut Page) {
    let (leases, warnings) = gate.limiter.quotas();
    let help = "Quotas of a day of which this gateway holds a part.";
    page.gauge("varco_quota_leases", help).put(&[], leases);
    let help = "Quotas of a day of which this gateway was the one to give the last fifth.";
    page.counter("varco_quota_warnings_total", help)
        .put(&[], warnings);
}

/// Spans, which may be lost.
fn spans(gate: &Gate, page: &mut Page) {
    let counts = gate.metrics.collecting.counts();
    let help = "Spans that were to be kept, by who collects them.";
    let mut family = page.counter("varco_spans_offered_total", help);
    for (queue, count) in &counts {
        family.put(&[("queue", queue)], count.offered);
    }
    let help = "Spans that have arrived.";
    let mut family = page.counter("varco_spans_delivered_total", help);
    for (queue, count) in &counts {
        family.put(&[("queue", queue)], count.delivered);
    }
    let help = "Spans that are lost: the queue was full, or they were not taken.";
    let mut family = page.counter("varco_spans_dropped_total", help);
    for (queue, count) in &counts {
        family.put(&[("queue", queue)], count.dropped);
    }
}

/// The gateway itself.
fn own(gate: &Gate, page: &mut Page) {
    let version = env!("CARGO_PKG_VERSION");
    page.gauge("varco_build_info", "The program, by its version.")
        .put(&[("version", version)], 1);
    let help = "Whether the gateway can decide and record, as /readyz says.";
    page.gauge("varco_ready", help)
        .put(&[], u8::from(probes::readiness(gate).is_ok()));
    let stopping = gate.tasks.stopping().is_cancelled();
    page.gauge("varco_draining", "Whether the gateway is stopping.")
        .put(&[], u8::from(stopping));
    let end = gate.metrics.identity.pair().to;
    let help = "When the gateway's certificate ends, in seconds since the Unix epoch.";
    page.gauge("varco_certificate_end_seconds", help)
        .put(&[], end.as_second());
    let help = "Whether a time service keeps the clock right, where the kernel says.";
    let mut family = page.gauge("varco_clock_synchronised", help);
    match gate.clock.standing() {
        Standing::Synchronised(_) => family.put(&[], 1),
        Standing::Unsynchronised => family.put(&[], 0),
        Standing::Unknown => {}
    }
}

/// What the kernel knows of the process.
fn kernel(_: &Gate, page: &mut Page) {
    let told = process::read();
    let help = "Seconds of CPU used.";
    let mut family = page.counter("process_cpu_seconds_total", help);
    told.cpu_seconds.iter().for_each(|it| family.put(&[], it));
    let help = "Bytes in memory.";
    let mut family = page.gauge("process_resident_memory_bytes", help);
    told.resident_bytes
        .iter()
        .for_each(|it| family.put(&[], it));
    let help = "When the process started, in seconds since the Unix epoch.";
    let mut family = page.gauge("process_start_time_seconds", help);
    told.started.iter().for_each(|it| family.put(&[], it));
    let help = "Files and sockets that are open.";
    let mut family = page.gauge("process_open_fds", help);
    told.open_files.iter().for_each(|it| family.put(&[], it));
    let help = "Files and sockets that may be open.";
    let mut family = page.gauge("process_max_fds", help);
    told.most_files.iter().for_each(|it| family.put(&[], it));
}
