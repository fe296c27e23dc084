//! Spans that are kept, sealed and read back, on both databases.

use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use varco_runtime::on;
use varco_runtime::store::Migrations;
use varco_runtime::store::testing::{Fresh, each_db};
use varco_runtime::telemetry::collecting::queue;

use super::seal::Seal;
use super::store_batches::{Batch, Page};
use super::verify::Report;
use super::*;

/// A batch of spans, each of a trace and a second of its start.
fn batch(id: u128, spans: &[(u8, u64)]) -> Batch {
    let span = |(trace, second): &(u8, u64)| Span {
        trace_id: vec![*trace; 16],
        span_id: vec![*trace; 8],
        name: "varco.anagrafe.v1.AnagrafeService/GetFamiglia".to_owned(),
        start_time_unix_nano: second * 1_000_000_000,
        ..Default::default()
    };
    let resource_spans = vec![ResourceSpans {
        scope_spans: vec![ScopeSpans {
            spans: spans.iter().map(span).collect(),
            ..Default::default()
        }],
        ..Default::default()
    }];
    let micros = |second: u64| i64::try_from(second * 1_000_000).unwrap();
    let starts = spans.iter().map(|(_, second)| micros(*second));
    let mut traces: Vec<[u8; 16]> = spans.iter().map(|(trace, _)| [*trace; 16]).collect();
    traces.sort_unstable();
    traces.dedup();
    Batch {
        id: Uuid::from_u128(id),
        instance: "gw1".to_owned(),
        made: starts.clone().max().unwrap(),
        first: starts.clone().min().unwrap(),
        last: starts.max().unwrap(),
        spans: u64::try_from(spans.len()).unwrap(),
        body: TracesData { resource_spans }.encode_to_vec(),
        traces,
    }
}

/// A store on each database that holds two batches.
async fn stores() -> Vec<(Fresh, Traces, [Batch; 2])> {
    let mut stores = Vec::new();
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let (_queue, feed) = queue("test", 1);
        let (traces, _) = Traces::over(fresh.db.clone(), feed);
        let batches = [
            batch(1, &[(1, 10), (2, 11), (1, 12)]),
            batch(2, &[(1, 20), (3, 21)]),
        ];
        let mut tx = fresh.db.begin().await.unwrap();
        for batch in &batches {
            store_batches::keep(&mut tx, batch).await.unwrap();
        }
        tx.commit().await.unwrap();
        stores.push((fresh, traces, batches));
    }
    stores
}

fn spans(found: &[ResourceSpans]) -> Vec<(u8, u64)> {
    let spans = found.iter().flat_map(|it| &it.scope_spans);
    let spans = spans.flat_map(|it| &it.spans);
    let told = spans.map(|it| (it.trace_id[0], it.start_time_unix_nano / 1_000_000_000));
    told.collect()
}

#[tokio::test]
async fn trace_is_found_in_all_batches_that_hold_it() {
    for (fresh, traces, _) in stores().await {
        let found = traces.trace([1; 16]).await.unwrap();
        let none = traces.trace([9; 16]).await.unwrap();

        assert_eq!(spans(&found), [(1, 10), (1, 12), (1, 20)], "{}", fresh.name);
        assert_eq!(none, []);
    }
}

#[tokio::test]
async fn window_holds_the_spans_that_began_in_it_page_by_page() {
    for (fresh, traces, _) in stores().await {
        let window = (11_000_000, 20_000_000);

        let (first, next) = traces.window(window, None, 1).await.unwrap();
        let (second, last) = traces.window(window, next, 1).await.unwrap();
        let (none, end) = traces.window(window, last, 1).await.unwrap();

        assert_eq!(spans(&first), [(2, 11), (1, 12)], "{}", fresh.name);
        assert_eq!(spans(&second), [(1, 20)]);
        assert_eq!((none, end), (vec![], None));
    }
}

#[tokio::test]
async fn batch_is_unsealed_until_its_index_is_known() {
    for (fresh, _, [first, second]) in stores().await {
        let mut tx = fresh.db.begin().await.unwrap();
        store_batches::sealed(&mut tx, first.id, "log", 7)
            .await
            .unwrap();

        let left = store_batches::unsealed(&mut tx, "gw1").await.unwrap();
        let others = store_batches::unsealed(&mut tx, "gw2").await.unwrap();

        assert_eq!(
            left,
            [Seal::of(second.id, 2, &second.body)],
            "{}",
            fresh.name
        );
        assert_eq!(others, []);
    }
}

#[tokio::test]
async fn removed_batch_leaves_nothing_behind() {
    for (fresh, traces, [first, second]) in stores().await {
        let mut tx = fresh.db.begin().await.unwrap();
        let all = store_batches::held(&mut tx).await.unwrap();
        store_batches::remove(&mut tx, first.id).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = fresh.db.read().await.unwrap();
        let left = store_batches::held(&mut tx).await.unwrap();
        let page = Page {
            after: None,
            batches: 10,
        };
        let batches = store_batches::between(&mut tx, (0, i64::MAX), page).await;
        assert_eq!(batches.unwrap().len(), 1, "{}", fresh.name);
        assert_eq!(usize::try_from(left).unwrap(), second.body.len());
        assert_eq!(usize::try_from(all - left).unwrap(), first.body.len());
        assert_eq!(spans(&traces.trace([2; 16]).await.unwrap()), []);
    }
}

#[tokio::test]
async fn batch_is_never_changed() {
    for (fresh, _, _) in stores().await {
        let mut tx = fresh.db.begin().await.unwrap();

        let changed = on!(&mut tx, |db| sqlx::query("UPDATE batch SET spans = 9")
            .execute(db)
            .await
            .map(drop));

        assert!(changed.is_err(), "{}", fresh.name);
    }
}

#[tokio::test]
async fn batch_that_was_changed_all_the_same_is_named() {
    for (fresh, traces, [first, second]) in stores().await {
        let seal = |batch: &Batch| Seal::of(batch.id, batch.spans, &batch.body);
        let gone = Seal::of(Uuid::from_u128(9), 1, b"gone");
        let seals = [(4, seal(&first)), (5, seal(&second)), (6, gone)];
        let untrigger = match fresh.name {
            "sqlite" => "DROP TRIGGER batch_stays",
            _ => "DROP TRIGGER batch_stays ON batch",
        };
        let mut tx = fresh.db.begin().await.unwrap();
        for statement in [untrigger, "UPDATE batch SET body = $1 WHERE id = $2"] {
            let done = on!(&mut tx, |db| {
                let query = sqlx::query(statement);
                let binds = statement.contains("$1");
                let query = if binds {
                    query
                        .bind(b"other".as_slice())
                        .bind(second.id.as_bytes().as_slice())
                } else {
                    query
                };
                query.execute(db).await.map(drop)
            });
            done.unwrap();
        }
        tx.commit().await.unwrap();

        let report = traces.verify(seals).await.unwrap();

        let expected = Report {
            whole: 1,
            gone: 1,
            changed: vec![(5, second.id)],
        };
        assert_eq!(report, expected, "{}", fresh.name);
    }
}

#[test]
fn json_is_otlp_with_ids_in_hexadecimal() {
    let spans = parse(Uuid::nil(), &batch(1, &[(0xab, 10)]).body).unwrap();

    let json = otlp_json::write(spans).unwrap();

    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], "ab".repeat(16));
    assert_eq!(span["spanId"], "ab".repeat(8));
    assert_eq!(span["startTimeUnixNano"], "10000000000");
    assert_eq!(
        span["name"],
        "varco.anagrafe.v1.AnagrafeService/GetFamiglia"
    );
}

/// A store of the first release, whose traces had a row each.
#[tokio::test]
async fn traces_of_an_older_store_are_found() {
    let oldest = Migrations {
        sqlite: &MIGRATIONS.sqlite[..1],
        postgres: &MIGRATIONS.postgres[..1],
    };
    for fresh in each_db(oldest).await.unwrap() {
        let old = batch(1, &[(1, 10), (2, 11)]);
        let mut tx = fresh.db.begin().await.unwrap();
        on!(&mut tx, |db| sqlx::query(OLD_BATCH)
            .bind(old.id.as_bytes().as_slice())
            .bind(&old.body)
            .execute(db)
            .await
            .map(drop))
        .unwrap();
        for trace in &old.traces {
            on!(&mut tx, |db| sqlx::query(OLD_TRACE)
                .bind(trace.as_slice())
                .bind(old.id.as_bytes().as_slice())
                .execute(db)
                .await
                .map(drop))
            .unwrap();
        }
        tx.commit().await.unwrap();

        fresh.again(MIGRATIONS).await.unwrap();

        let (_queue, feed) = queue("test", 1);
        let (traces, _) = Traces::over(fresh.db.clone(), feed);
        let found = traces.trace([2; 16]).await.unwrap();
        assert_eq!(spans(&found), [(2, 11)], "{}", fresh.name);
    }
}

const OLD_BATCH: &str = "INSERT INTO batch (id, instance, made, first, last, spans, bytes, body) \
     VALUES ($1, 'gw1', 1, 1, 1, 2, 1, $2)";
const OLD_TRACE: &str = "INSERT INTO trace (trace_id, batch) VALUES ($1, $2)";
