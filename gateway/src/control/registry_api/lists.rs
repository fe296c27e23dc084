//! Lists of entries: by page, filtered, in an order.

use serde_json::Value;
use varco_proto::registry::v1::{Entry, Filter, ListEntriesRequest, ListEntriesResponse, Order};
use varco_runtime::problem::Problem;

use crate::registry::apply::proto_kind;
use crate::registry::entry::{Kind, Row};
use crate::registry::scope::Who;
use crate::registry::snapshot::Snapshot;

/// One page of the entries that an operator sees.
///
/// # Errors
///
/// When a filter, the order or the token is malformed.
pub fn page(
    kind: Kind,
    asked: &ListEntriesRequest,
    who: &Who,
    snapshot: &Snapshot,
) -> Result<ListEntriesResponse, Problem> {
    if asked.filters.len() > MOST_FILTERS {
        return Err(Problem::invalid("filters", "may be at most 16"));
    }
    let size = match asked.page_size {
        0 => 100,
        size => usize::try_from(size.min(500)).unwrap_or(500),
    };
    let order =
        Order::try_from(asked.order).map_err(|_| Problem::invalid("order", "names no order"))?;
    let fits = |row: &&Row| {
        who.sees(row, snapshot) && asked.filters.iter().all(|filter| holds(filter, row))
    };
    let mut rows: Vec<&Row> = match order {
        Order::Unspecified => after(kind, &asked.page_token, snapshot)?,
        Order::Newest => newest(kind, &asked.page_token, snapshot)?,
    };
    rows.retain(fits);
    let more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().filter(|_| more);
    Ok(ListEntriesResponse {
        next_page_token: last.map(|row| token(row)).unwrap_or_default(),
        entries: rows.into_iter().map(entry).collect(),
    })
}

/// The place of an entry in any order: version, id and name tell it from every other.
fn token(row: &Row) -> String {
    format!("{}:{}:{}", row.version, row.id, row.name)
}

fn parse(token: &str) -> Result<(u64, uuid::Uuid, &str), Problem> {
    let bad = || Problem::invalid("page_token", "is none that a list gave");
    let mut parts = token.splitn(3, ':');
    let (version, id, name) = (parts.next(), parts.next(), parts.next());
    let version = version.and_then(|it| it.parse().ok()).ok_or_else(bad)?;
    let id = id.and_then(|it| it.parse().ok()).ok_or_else(bad)?;
    Ok((version, id, name.ok_or_else(bad)?))
}

/// The entries after a token, by name; of the same name by id.
fn after<'a>(kind: Kind, token: &str, snapshot: &'a Snapshot) -> Result<Vec<&'a Row>, Problem> {
    let mut rows: Vec<&Row> = snapshot.rows(kind).map(AsRef::as_ref).collect();
    rows.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    if !token.is_empty() {
        let (_, id, name) = parse(token)?;
        rows.retain(|row| (row.name.as_str(), row.id) > (name, id));
    }
    Ok(rows)
}

/// The entries after a token, by their last change, newest first.
fn newest<'a>(kind: Kind, token: &str, snapshot: &'a Snapshot) -> Result<Vec<&'a Row>, Problem> {
    let mut rows: Vec<&Row> = snapshot.rows(kind).map(AsRef::as_ref).collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.version, row.id)));
    if !token.is_empty() {
        let (version, id, _) = parse(token)?;
        rows.retain(|row| (row.version, row.id) < (version, id));
    }
    Ok(rows)
}

fn holds(filter: &Filter, row: &Row) -> bool {
    match filter.field.as_str() {
        "state" => row.state.name() == filter.value,
        "name" => row.name.starts_with(&filter.value),
        field => row
            .body
            .value()
            .get(field)
            .is_some_and(|value| is(value, &filter.value)),
    }
}

/// Whether a field has a value, or a member of it has.
fn is(value: &Value, text: &str) -> bool {
    match value {
        Value::String(held) => held == text,
        Value::Number(held) => held.to_string() == text,
        Value::Bool(held) => held.to_string() == text,
        Value::Array(members) => members.iter().any(|member| is(member, text)),
        Value::Null | Value::Object(_) => false,
    }
}

/// An entry as it is answered.
#[must_use]
pub fn entry(row: &Row) -> Entry {
    Entry {
        kind: proto_kind(row.kind).into(),
        id: row.id.to_string(),
        name: row.name.clone(),
        state: row.state.name().to_owned(),
        json: row.body.text().to_owned(),
        etag: row.etag(),
    }
}

const MOST_FILTERS: usize = 16;
