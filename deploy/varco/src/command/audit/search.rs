//! `varco audit search`: records by what they say, through the gateway, so that looking is recorded.

use jiff::Timestamp;
use jiff::civil::Date;
use tonic::transport::Channel;
use uuid::Uuid;
use varco_proto::audit::v1::audit_service_client::AuditServiceClient;
use varco_proto::audit::v1::{Entry, ListLogsRequest, RecordKind, SearchRecordsRequest};
use varco_runtime::clock;
use varco_runtime::trace::TraceContext;

use super::names::Names;
use super::row::Row;
use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output::Table;
use crate::output::refusal::Refusal;
use crate::{operator, output};

/// What `varco audit search` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Client, by name or id
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// Purpose, by name or id
    #[arg(long, value_name = "PURPOSE")]
    pub purpose: Option<String>,
    /// Method, as pkg.Service/Method
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// W3C trace id, 32 hexadecimal digits
    #[arg(long, value_name = "ID")]
    pub trace: Option<String>,
    /// Id of the call, as in varco-audit-id
    #[arg(long, value_name = "UUID")]
    pub call: Option<String>,
    /// `jti` of the voucher
    #[arg(long, value_name = "JTI")]
    pub voucher: Option<String>,
    /// Code of the office that asked
    #[arg(long, value_name = "CODE")]
    pub office: Option<String>,
    /// Kind of record, such as OUTCOME, DENY or META
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Reason of a refusal, by its stable name
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// First day, in Europe/Rome
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub since: Option<Date>,
    /// Last day, in Europe/Rome
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub until: Option<Date>,
    /// Log, by its origin; all of this installation when left out
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// Lowest index
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub from: u64,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// Auditor whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "auditor")]
    pub operator: String,
}

/// Finds records and prints them.
///
/// # Errors
///
/// When something that is asked for has no such form, or the gateway refuses.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let names = Names::read(&common.load_config()?);
    let mut audit = operator::audit(&args.operator, common)?;
    let request = request(&args, &names)?;
    let mut rows = Vec::new();
    for origin in origins(&args, &mut audit).await? {
        let request = SearchRecordsRequest {
            origin,
            ..request.clone()
        };
        let wanted = args.limit - rows.len();
        for entry in find(&mut audit, request, wanted).await? {
            rows.push(Row::read(&entry, &names)?);
        }
        if rows.len() >= args.limit {
            break;
        }
    }
    match common.output {
        Output::Json => output::json(&rows),
        Output::Text => output::line(table(&rows)),
    }
}

/// The logs that are searched, oldest first.
async fn origins(
    args: &Args,
    audit: &mut AuditServiceClient<Channel>,
) -> Result<Vec<String>, Failure> {
    if let Some(origin) = &args.origin {
        return Ok(vec![origin.clone()]);
    }
    let answer = audit.list_logs(ListLogsRequest {}).await;
    let logs = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    Ok(logs.logs.into_iter().map(|log| log.origin).collect())
}

fn request(args: &Args, names: &Names) -> Result<SearchRecordsRequest, Failure> {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let trace = args.trace.as_deref().map(trace_id).transpose()?;
    let call = args.call.as_deref().map(call_id).transpose()?;
    let kind = args.kind.as_deref().map(kind).transpose()?;
    let day = |day: Date| stamp(clock::midnight(day));
    Ok(SearchRecordsRequest {
        trace_ids: trace.into_iter().collect(),
        audit_ids: call.into_iter().collect(),
        client_id: names.client_id(given(&args.client)),
        purpose_id: names.purpose_id(given(&args.purpose)),
        method: given(&args.method),
        voucher_jti: given(&args.voucher),
        office_code: given(&args.office),
        kinds: kind.map(i32::from).into_iter().collect(),
        deny_reason: given(&args.reason),
        from_time: args.since.map(day),
        to_time: args.until.and_then(|it| it.tomorrow().ok()).map(day),
        from_index: args.from,
        page_size: 1000,
        ..SearchRecordsRequest::default()
    })
}

/// Everything in one log, page by page.
///
/// # Errors
///
/// When the gateway refuses.
pub async fn find(
    audit: &mut AuditServiceClient<Channel>,
    mut request: SearchRecordsRequest,
    limit: usize,
) -> Result<Vec<Entry>, Failure> {
    let mut found = Vec::new();
    loop {
        let answer = audit.search_records(request.clone()).await;
        let page = answer
            .map_err(|status| Refusal::from(&status))?
            .into_inner();
        found.extend(page.entries);
        if page.next_index == 0 || found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
        request.from_index = page.next_index;
    }
}

fn stamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    }
}

/// The id of a journey as records hold it.
///
/// # Errors
///
/// When it is no W3C trace id.
pub fn trace_id(hex: &str) -> Result<prost::bytes::Bytes, Failure> {
    let parsed = TraceContext::parse(&format!("00-{hex}-0000000000000001-00"));
    let context = parsed.ok_or_else(|| {
        let why = "a W3C trace id has 32 hexadecimal digits";
        Failure::new(
            format!("{hex} is no trace id"),
            why,
            "copy it from an answer or a record",
        )
    })?;
    Ok(context.trace_id.to_vec().into())
}

/// The id of a call as records hold it.
///
/// # Errors
///
/// When it is no UUID.
pub fn call_id(text: &str) -> Result<prost::bytes::Bytes, Failure> {
    let id: Uuid = text.parse().map_err(|_| {
        let why = "the id of a call is a UUID";
        let remedy = "copy it from varco-audit-id of an answer, or from a record";
        Failure::new(format!("{text} is no call"), why, remedy)
    })?;
    Ok(id.as_bytes().to_vec().into())
}

fn kind(text: &str) -> Result<RecordKind, Failure> {
    let name = format!("RECORD_KIND_{}", text.to_ascii_uppercase());
    RecordKind::from_str_name(&name).ok_or_else(|| {
        let why = "records are INTENT, OUTCOME, DENY, PROGRESS, VOUCHER_ISSUED, VOUCHER_REFUSED, POLICY_CHANGE, \
                   KEY_CHANGE, ADMIN_ACCESS, META and a few more";
        Failure::new(format!("--kind {text}"), why, "name one of these")
    })
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(vec![
        "INDEX", "TIME", "KIND", "WHO", "PURPOSE", "METHOD", "OUTCOME", "TRACE",
    ]);
    for row in rows {
        table.push(vec![
            row.index.to_string(),
            row.time.clone(),
            row.kind.to_owned(),
            row.client.clone(),
            row.purpose.clone(),
            row.method.clone(),
            row.outcome.clone(),
            row.trace_id.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_id_is_sixteen_bytes_in_hexadecimal() {
        assert_eq!(
            trace_id("0af7651916cd43dd8448eb211c80319c").unwrap().len(),
            16
        );
        assert!(trace_id("0af7").is_err());
        assert!(trace_id("00000000000000000000000000000000").is_err());
    }

    #[test]
    fn kind_is_known_in_any_case() {
        assert_eq!(kind("deny").unwrap(), RecordKind::Deny);
        assert!(kind("denial").is_err());
    }
}
