//! Asking a service for its links, in the gateway's own name.
//!
//! The service lets nobody else ask: the call bears the gateway's certificate, and a grant whose
//! subject is the gateway and which no client's call can have.

use std::time::Duration;

use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request};
use uuid::Uuid;
use varco_proto::audit::v1::link_service_client::LinkServiceClient;
use varco_proto::audit::v1::{ListLinksRequest, ListLinksResponse};
use varco_runtime::audit_link::Link;
use varco_runtime::grant;

use super::window::Window;
use crate::gate::Gate;
use crate::keys::lifecycle::Role;
use crate::registry::descriptor::Descriptor;
use crate::upstream::channel::Channel;

/// Why a service tells no links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLinks {
    /// It keeps none: somebody else made it.
    #[error("the service keeps no links of calls")]
    NotKept,
    /// It does not answer now.
    #[error("the service cannot be asked now")]
    Unreachable,
    /// There are more than fit.
    #[error("there are too many links: compare a shorter time")]
    TooMany,
}

/// The links of a window, as the service behind a descriptor keeps them.
///
/// # Errors
///
/// See [`NoLinks`].
pub async fn links(
    gate: &Gate,
    descriptor: &Descriptor,
    window: Window,
    audit_id: Uuid,
) -> Result<Vec<Link>, NoLinks> {
    let pool = gate.upstreams.pool(&descriptor.upstream);
    let pool = pool.map_err(|_| NoLinks::Unreachable)?;
    let mut service = LinkServiceClient::new(Channel::over(pool));
    let grant = || grant(gate, &descriptor.audience, audit_id).ok_or(NoLinks::Unreachable);
    let mut asked = ListLinksRequest {
        from_unix_us: window.from,
        until_unix_us: window.until,
        page_size: 0,
        page_token: String::new(),
    };
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = page(&mut service, (&asked, grant()?)).await?;
        found.extend(page.links.into_iter().map(link));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        asked.page_token = page.next_page_token;
    }
    Err(NoLinks::TooMany)
}

async fn page(
    service: &mut LinkServiceClient<Channel>,
    (asked, grant): (&ListLinksRequest, AsciiMetadataValue),
) -> Result<ListLinksResponse, NoLinks> {
    let mut request = Request::new(asked.clone());
    request.metadata_mut().insert("varco-grant", grant);
    request.set_timeout(PATIENCE);
    let answer = tokio::time::timeout(PATIENCE, service.list_links(request)).await;
    match answer {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) if status.code() == Code::Unimplemented => Err(NoLinks::NotKept),
        Ok(Err(status)) => {
            tracing::warn!(code = ?status.code(), "a service could not be asked for its links");
            Err(NoLinks::Unreachable)
        }
        Err(_) => Err(NoLinks::Unreachable),
    }
}

fn link(told: varco_proto::audit::v1::Link) -> Link {
    Link {
        // An id that is none has no call, and is told as such.
        audit_id: Uuid::from_slice(&told.audit_id).unwrap_or_default(),
        instance: told.instance,
        method: told.method,
        at: told.at_unix_us,
        replayed: told.replayed,
    }
}

/// A grant of the gateway to itself.
fn grant(gate: &Gate, audience: &str, audit_id: Uuid) -> Option<AsciiMetadataValue> {
    let now = gate.clock.unix();
    let claims = grant::Claims {
        iss: gate.vouchers.issuer().to_owned(),
        aud: audience.to_owned(),
        sub: format!("{}/gateway", gate.trust_domain),
        act: None,
        origin_purpose_id: None,
        consumer_id: String::new(),
        purpose_id: String::new(),
        method: METHOD.to_owned(),
        txn: audit_id,
        instance: gate.instance.clone(),
        iat: now,
        exp: now + grant::MAX_LIFE,
        jti: gate.clock.uuid(),
    };
    let key = gate.keys.ring().signer(Role::Grant).ok()?;
    key.sign(grant::TYP, &claims).ok()?.parse().ok()
}

const METHOD: &str = "varco.audit.v1.LinkService/ListLinks";
/// A million links: more than a service can write in the longest window.
const MOST_PAGES: u32 = 1000;
const PATIENCE: Duration = Duration::from_secs(10);
