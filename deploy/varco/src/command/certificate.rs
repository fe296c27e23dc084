//! `varco client|operator|service certificate`: a certificate for the key of a signing request.
//!
//! The holder makes the key where it is used and hands over a PKCS#10 request; an operator decides
//! who it is for. The gateway that holds the authority's key issues. Where the key is kept away
//! from every gateway, `--offline` issues beside it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;
use varco_proto::gateway::v1::certificate_service_client::CertificateServiceClient;
use varco_proto::gateway::v1::{Certificate, HolderKind, IssueCertificateRequest};
use varco_runtime::client::{self, renewal};
use varco_runtime::clock::{self, Clock};
use varco_runtime::config::Config;
use varco_runtime::pki::{Ca, Holder, csr};
use varco_runtime::secret::{self, Vault};
use varco_runtime::tls::Identity;

use crate::cli::{Common, Output};
use crate::command::client_file;
use crate::failure::Failure;
use crate::output::refusal::Refusal;
use crate::{operator, output};

/// What `varco client` is told.
#[derive(Debug, Args)]
pub struct ClientArgs {
    /// What to do for a client
    #[command(subcommand)]
    pub command: ClientCommand,
}

/// What can be done for a client.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Issues a certificate to a client for the key of a request
    Certificate {
        /// Client, by its name or id in the registry [default: the request's common name]
        #[arg(long, value_name = "NAME")]
        client: Option<String>,
        /// The request, and how to issue
        #[command(flatten)]
        issue: IssueArgs,
    },
    /// Writes a client's client.json from the registry: its id, its purposes, the addresses
    File(client_file::Args),
    /// Renews the certificate in a client's folder with a fresh key, by presenting it
    Renew {
        /// Client, by the name of its folder
        #[arg(long, value_name = "NAME")]
        client: String,
    },
}

/// What `varco operator` is told.
#[derive(Debug, Args)]
pub struct OperatorArgs {
    /// What to do for an operator
    #[command(subcommand)]
    pub command: OperatorCommand,
}

/// What can be done for an operator.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Issues a certificate to an operator for the key of a request
    Certificate {
        /// Operator, by name [default: the request's common name]
        #[arg(long, value_name = "NAME")]
        operator: Option<String>,
        /// The request, and how to issue
        #[command(flatten)]
        issue: IssueArgs,
    },
    /// Renews the certificate in an operator's folder with a fresh key, by presenting it
    Renew {
        /// Operator, by the name of the folder
        #[arg(long = "as", value_name = "NAME", default_value = "amministratore")]
        operator: String,
    },
}

/// What `varco service` is told.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// What to do for a service
    #[command(subcommand)]
    pub command: ServiceCommand,
}

/// What can be done for a service.
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Issues a certificate to an office service for the key of a request
    Certificate {
        /// Service, by its name in the configuration [default: the request's common name]
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// The request, and how to issue
        #[command(flatten)]
        issue: IssueArgs,
    },
}

/// The request, and how to issue.
#[derive(Debug, Args)]
pub struct IssueArgs {
    /// Signing request (PKCS#10) in PEM; only its key counts
    #[arg(long, value_name = "FILE")]
    pub csr: PathBuf,
    /// Days that the certificate lives, 1 to 90
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=90))]
    pub days: u32,
    /// Where the certificate goes; standard output when left out
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Operator whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "amministratore")]
    pub acting: String,
    /// Issues with the authority's key of this configuration, without asking a gateway
    #[arg(long)]
    pub offline: bool,
}

/// Issues to a client.
///
/// # Errors
///
/// When the request or the client is refused.
pub async fn client(args: ClientArgs, common: &Common) -> Result<(), Failure> {
    match args.command {
        ClientCommand::Certificate { client, issue } => {
            run(HolderKind::Client, client, issue, common).await
        }
        ClientCommand::File(args) => client_file::run(args, common).await,
        ClientCommand::Renew { client } => renew(&client, common).await,
    }
}

/// Issues to an operator.
///
/// # Errors
///
/// When the request or the operator is refused.
pub async fn operator(args: OperatorArgs, common: &Common) -> Result<(), Failure> {
    match args.command {
        OperatorCommand::Certificate { operator, issue } => {
            run(HolderKind::Operator, operator, issue, common).await
        }
        OperatorCommand::Renew { operator } => renew(&operator, common).await,
    }
}

/// Issues to an office service.
///
/// # Errors
///
/// When the request or the service is refused.
pub async fn service(args: ServiceArgs, common: &Common) -> Result<(), Failure> {
    let ServiceCommand::Certificate { service, issue } = args.command;
    run(HolderKind::Service, service, issue, common).await
}

async fn run(
    kind: HolderKind,
    holder: Option<String>,
    args: IssueArgs,
    common: &Common,
) -> Result<(), Failure> {
    let config = common.load_config()?;
    let csr = secret::read(&args.csr)?;
    let holder = holder
        .or_else(|| csr::common_name(&csr))
        .ok_or_else(|| nameless(&args))?;
    let certificate = if args.offline {
        offline(kind, &holder, &csr, args.days, &config)?
    } else {
        let request = IssueCertificateRequest {
            holder_kind: kind.into(),
            holder,
            csr_pem: csr.to_string(),
            life_days: args.days,
        };
        let channel = operator::channel(&args.acting, &config)?;
        let mut authority = CertificateServiceClient::new(channel);
        let answer = authority.issue_certificate(request).await;
        let answer = answer.map_err(|status| Refusal::from(&status))?;
        let answer = answer.into_inner();
        let certificate = answer.certificate.unwrap_or_default();
        if answer.waits_for_approval {
            output::note(format!(
                "the certificate counts once another operator approves it (four eyes): varco \
                 approve certificate {}",
                certificate.thumbprint
            ));
        }
        certificate
    };
    show(&certificate, &args, common.output)
}

/// Renews what lies in the folder of a client or an operator.
async fn renew(name: &str, common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    let folder = operator::client_folder(name, &config)?;
    let (file, ca) = (folder.join("tls.pem"), config.path(&config.comune.ca));
    let identity = Identity::load(&file, &folder.join("tls.key"))?;
    let renewed = renewal::renew(&config.issuer(), &folder, &ca, &identity).await;
    renewed.map_err(|error| match &error {
        client::Error::Renewal(renewal::Error::Refused(status)) => Refusal::from(status).into(),
        _ => Failure::from(error),
    })?;
    let end = clock::day(Identity::load(&file, &folder.join("tls.key"))?.pair().to);
    match common.output {
        Output::Json => output::json(&json!({ "certificate": file, "until": end.to_string() })),
        Output::Text => output::line(format!("{}: good until {end}", file.display())),
    }
}

/// Issues with the authority's key itself; the registry is not asked.
fn offline(
    kind: HolderKind,
    name: &str,
    csr: &str,
    days: u32,
    config: &Config,
) -> Result<Certificate, Failure> {
    let ca = authority(config)?;
    let domain = config.trust_domain();
    let holder = match kind {
        HolderKind::Operator => Holder::operator(&domain, name),
        HolderKind::Service => Holder::service(&domain, name),
        HolderKind::Client | HolderKind::Unspecified => {
            let id = name.parse::<Uuid>().map_err(|_| {
                let why = "without a gateway nobody knows the ids of clients";
                Failure::new(format!("client {name}"), why, "name the client by its id")
            })?;
            Holder::client(&domain, &id.to_string())
        }
    };
    let life = Duration::from_hours(24 * u64::from(days));
    let issued = ca.issue_from_csr(csr, &holder, Clock::system().now(), life);
    let issued = issued.map_err(|error| Failure::from(error).while_doing("the request"))?;
    Ok(Certificate {
        pem: issued.certificate.clone(),
        thumbprint: hex::encode(issued.thumbprint),
        serial: issued.serial.clone(),
        not_after: Some(prost_types::Timestamp {
            seconds: issued.not_after.as_second(),
            nanos: 0,
        }),
        uri: holder.uri,
    })
}

fn authority(config: &Config) -> Result<Ca, Failure> {
    let key = config.comune.ca_key.as_ref().ok_or_else(|| {
        let why = "the configuration names no `ca_key` in [comune]";
        let remedy = "issue where the authority's key is, or through a gateway that holds it";
        Failure::new("certificate", why, remedy)
    })?;
    let key = Vault::open(config)?.read(&config.path(key))?;
    let certificate = secret::read(&config.path(&config.comune.ca))?;
    Ok(Ca::load(certificate.to_string(), &key)?)
}

fn show(certificate: &Certificate, args: &IssueArgs, output: Output) -> Result<(), Failure> {
    if let Some(out) = &args.out {
        secret::write_public(out, certificate.pem.as_bytes())?;
    }
    let end = certificate.not_after.map_or(0, |end| end.seconds);
    let end = Timestamp::from_second(end)?;
    match (output, &args.out) {
        (Output::Json, _) => output::json(&json!({
            "not_after": end.to_string(),
            "pem": certificate.pem,
            "serial": certificate.serial,
            "thumbprint": certificate.thumbprint,
            "uri": certificate.uri,
        })),
        (Output::Text, Some(out)) => output::line(format!(
            "{}: {}, good until {}",
            out.display(),
            certificate.uri,
            clock::day(end)
        )),
        (Output::Text, None) => output::line(certificate.pem.trim_end()),
    }
}

fn nameless(args: &IssueArgs) -> Failure {
    Failure::new(
        args.csr.display(),
        "it bears no common name that could say who the certificate is for",
        "name the holder with --client, --operator or --service",
    )
}
