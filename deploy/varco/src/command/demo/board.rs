//! The board as anyone reads it: plain HTTP, no certificate, no voucher.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::{StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use prost::bytes::Bytes;
use serde::Deserialize;
use varco_proto::albo::v1::Pubblicazione;

use super::documento::sha256;
use super::plan::{self, Plan};
use super::run::{Ending, Run};
use super::town::Town;

/// The board, as far as the journey reads it.
#[derive(Deserialize)]
struct Albo {
    pubblicazioni: Vec<Voce>,
}

/// An act on the board.
#[derive(Deserialize)]
struct Voce {
    anno: u32,
    numero: u64,
    pagina: String,
    documento: String,
}

/// Finds the act on the board, opens its page and gets its document.
pub async fn journey(made: &Pubblicazione, town: &Town, run: &mut Run) -> Option<()> {
    let address = public_address(town)?;
    let is_made = |voce: &Voce| (voce.anno, voce.numero) == (made.anno(), made.numero());
    let find = |body: &Bytes| {
        let albo: Option<Albo> = serde_json::from_slice(body).ok();
        let voce = albo.and_then(|albo| albo.pubblicazioni.into_iter().find(is_made));
        (if voce.is_some() { "FOUND" } else { "NOT_FOUND" }, voce)
    };
    let voce = fetch(&plan::READ_BOARD, (address, "/albo.json"), find, run).await?;
    let page = |_: &Bytes| ("OK", Some(()));
    fetch(&plan::READ_PAGE, (address, &voce.pagina), page, run).await;
    let check = |body: &Bytes| {
        let same = sha256(body) == *made.sha256();
        (if same { "SAME_HASH" } else { "OTHER_HASH" }, Some(()))
    };
    fetch(&plan::READ_DOCUMENT, (address, &voce.documento), check, run).await
}

/// Takes a step that fetches a page; `read` says in one word what it is.
async fn fetch<T>(
    plan: &Plan,
    (address, link): (SocketAddr, &str),
    read: impl FnOnce(&Bytes) -> (&'static str, Option<T>),
    run: &mut Run,
) -> Option<T> {
    let step = async |_| match get(address, link).await {
        Ok((StatusCode::OK, body)) => {
            let (outcome, found) = read(&body);
            (Ending::of(outcome, "OK"), found)
        }
        Ok((status, _)) => (
            Ending::of(&format!("HTTP_{}", status.as_u16()), "UNKNOWN"),
            None,
        ),
        Err(why) => (Ending::of("UNREACHABLE", "UNAVAILABLE").noting(why), None),
    };
    run.step(plan, step).await
}

/// Fetches a link of the board from where the configuration says that it listens.
async fn get(address: SocketAddr, link: &str) -> Result<(StatusCode, Bytes), String> {
    let link: Uri = link
        .parse()
        .map_err(|_| "the link is malformed".to_owned())?;
    let path = link.path_and_query().map_or("/", |path| path.as_str());
    let uri: Uri = format!("http://{address}{path}")
        .parse()
        .map_err(|_| "the address is malformed".to_owned())?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let exchange = async {
        let response = client.get(uri).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, body))
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

fn public_address(town: &Town) -> Option<SocketAddr> {
    let mut address = town.config.services.get("albo")?.public?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Some(address)
}

const LARGEST: usize = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
