//! `varco call`: one authorised call with JSON in and out, as grpcurl would make it.
//!
//! The contract comes from the compiled-in descriptors, or from a file for a foreign service, so
//! that nothing need answer reflection. Every kind of streaming goes the same way: some messages
//! out, some messages in, and a status.

use std::path::PathBuf;

use prost_reflect::DynamicMessage;
use serde::Serialize;
use serde_json::Value;
use tonic::client::Grpc;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use varco_runtime::client::{self, Gateway};
use varco_runtime::clock::Clock;
use varco_runtime::problem;

use crate::cli::{Common, Output};
use crate::command::voucher;
use crate::failure::Failure;
use crate::output;
use crate::output::refusal::{self, Refusal};

mod contract;
mod headers;
mod message;

use contract::Method;

/// What `varco call` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Client that calls, by the name of its folder
    #[arg(long, value_name = "NAME")]
    pub client: String,
    /// Purpose, as the client's file names it
    #[arg(long, value_name = "NAME", required_unless_present_any = ["no_voucher", "voucher_file"])]
    pub purpose: Option<String>,
    /// Method to call
    #[arg(value_name = "pkg.Service/Method")]
    pub method: String,
    /// Request: JSON, @FILE, or - for standard input; an array or one object a line for a stream
    #[arg(short = 'd', value_name = "JSON", default_value = "{}")]
    pub request: String,
    /// Metadata to send, more than once if need be
    #[arg(short = 'H', value_name = "KEY: VALUE")]
    pub headers: Vec<String>,
    /// Descriptors of a foreign service, as an encoded `FileDescriptorSet` with imports
    #[arg(long, value_name = "FILE")]
    pub descriptor_set: Option<PathBuf>,
    /// Calls without any voucher, to see the refusal
    #[arg(long, conflicts_with_all = ["purpose", "voucher_file"])]
    pub no_voucher: bool,
    /// Calls with a voucher out of a file
    #[arg(long, value_name = "FILE", conflicts_with = "purpose")]
    pub voucher_file: Option<PathBuf>,
}

/// What came back.
#[derive(Debug, Default)]
struct Answer {
    refusal: Option<Refusal>,
    audit_id: Option<String>,
    audit_index: Option<u64>,
    withheld: Vec<String>,
    response: Vec<Value>,
}

/// What came back, for programs; its fields are a contract.
#[derive(Debug, Serialize)]
struct Told<'a> {
    code: &'static str,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    audit_id: Option<&'a str>,
    audit_index: Option<u64>,
    withheld: &'a [String],
    response: Value,
}

/// Makes the call and prints how it ended.
///
/// # Errors
///
/// When the call cannot be made, or was refused.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let clock = Clock::system();
    let method = Method::find(&args.method, args.descriptor_set.as_deref())?;
    let messages = message::read(&args.request, &method)?;
    let gateway = voucher::open(&args.client, &common.load_config()?, &clock)?;
    let answer = match token(&args, &gateway).await? {
        Ok(token) => {
            let mut request = Request::new(messages);
            *request.metadata_mut() = headers::metadata(&args.headers, token, &method, &clock)?;
            ask(request, &method, gateway.bare(), common.output).await?
        }
        Err(refusal) => Answer::refused(refusal),
    };
    print(answer, &method, common.output)
}

/// The voucher to call with, or how the token endpoint refused it.
async fn token(args: &Args, gateway: &Gateway) -> Result<Result<Option<String>, Refusal>, Failure> {
    if let Some(file) = &args.voucher_file {
        let text = varco_runtime::secret::read(file)?;
        return Ok(Ok(Some(text.trim().to_owned())));
    }
    let Some(purpose) = &args.purpose else {
        return Ok(Ok(None));
    };
    match gateway.voucher(purpose).await {
        Ok(voucher) => Ok(Ok(Some(voucher.token))),
        Err(client::Error::VoucherRefused {
            reason,
            description,
        }) => Ok(Err(Refusal {
            reason: Some(reason),
            ..Refusal::told("PERMISSION_DENIED", description)
        })),
        Err(client::Error::Https(error)) => {
            Ok(Err(Refusal::told("UNAVAILABLE", problem::chain(&error))))
        }
        Err(error) => Err(voucher::explain(error, gateway)),
    }
}

async fn ask(
    request: Request<Vec<DynamicMessage>>,
    method: &Method,
    channel: Channel,
    output: Output,
) -> Result<Answer, Failure> {
    let mut grpc = Grpc::new(channel).max_decoding_message_size(MESSAGE);
    if let Err(error) = grpc.ready().await {
        return Ok(Answer::refused((&Status::from_error(error.into())).into()));
    }
    let request = request.map(tokio_stream::iter);
    let response = match grpc
        .streaming(request, method.path()?, method.codec())
        .await
    {
        Ok(response) => response,
        Err(status) => return Ok(Answer::refused((&status).into())),
    };
    // A stream may be long: people see each message when it comes.
    let show: fn(&Value) -> Result<(), Failure> = match output {
        Output::Text if method.streams_out() => |message| output::line(message),
        _ => |_| Ok(()),
    };
    receive(response, show).await
}

async fn receive(
    response: Response<Streaming<DynamicMessage>>,
    show: fn(&Value) -> Result<(), Failure>,
) -> Result<Answer, Failure> {
    let (metadata, mut body, _) = response.into_parts();
    let mut answer = Answer::default();
    answer.note(&metadata);
    loop {
        match body.message().await {
            Ok(Some(message)) => {
                let message = serde_json::to_value(&message)?;
                show(&message)?;
                answer.response.push(message);
            }
            Ok(None) => break,
            Err(status) => {
                answer.note(status.metadata());
                answer.refusal = Some(Refusal {
                    audit_id: answer.audit_id.clone(),
                    ..(&status).into()
                });
                return Ok(answer);
            }
        }
    }
    if let Ok(Some(trailers)) = body.trailers().await {
        answer.note(&trailers);
    }
    Ok(answer)
}

fn print(answer: Answer, method: &Method, output: Output) -> Result<(), Failure> {
    match (output, &answer.refusal) {
        (Output::Json, _) => output::json(&answer.told(method))?,
        (Output::Text, None) => {
            if !method.streams_out() {
                output::json(&answer.response.first())?;
            }
            if !answer.withheld.is_empty() {
                output::note(format!(
                    "withheld by the purpose: {}",
                    answer.withheld.join(", ")
                ));
            }
        }
        (Output::Text, Some(_)) => (),
    }
    answer.refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
}

impl Answer {
    fn refused(refusal: Refusal) -> Self {
        Self {
            audit_id: refusal.audit_id.clone(),
            audit_index: refusal.audit_index,
            refusal: Some(refusal),
            ..Self::default()
        }
    }

    /// Takes note of the receipt that metadata or trailers carry.
    fn note(&mut self, metadata: &MetadataMap) {
        self.audit_id = refusal::audit_id_in(metadata).or(self.audit_id.take());
        self.audit_index = refusal::audit_index_in(metadata).or(self.audit_index);
        if let Some(classes) = refusal::text_in(metadata, "varco-withheld") {
            self.withheld = classes
                .split(',')
                .map(|class| class.trim().to_owned())
                .collect();
        }
    }

    /// What programs read.
    fn told(&self, method: &Method) -> Told<'_> {
        let response = if method.streams_out() {
            Value::Array(self.response.clone())
        } else {
            self.response.first().cloned().unwrap_or_default()
        };
        let refusal = self.refusal.as_ref();
        Told {
            code: refusal.map_or("OK", |refusal| refusal.code),
            reason: refusal.and_then(|refusal| refusal.reason.as_deref()),
            message: refusal.map(|refusal| refusal.message.as_str()),
            audit_id: self.audit_id.as_deref(),
            audit_index: self.audit_index,
            withheld: &self.withheld,
            response,
        }
    }
}

/// Largest message that is read.
const MESSAGE: usize = 64 * 1024 * 1024;
