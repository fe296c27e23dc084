//! `varco.audit.v1.LinkService`, by which the gateway compares its register with a service.
//!
//! It stands behind the same guard as the methods of the office, which lets nobody ask but the
//! gateway in its own name: a client's call that is forwarded here bears the client's.

use tonic::{Request, Response, Status};
use varco_proto::audit::v1::link_service_server::{LinkService, LinkServiceServer};
use varco_proto::audit::v1::{self as proto, ListLinksRequest, ListLinksResponse};

use super::{Cursor, Link, list};
use crate::problem::Problem;
use crate::store::Db;

/// The service, for the routes of an office.
#[must_use]
pub fn server(db: Db, domain: &'static str) -> LinkServiceServer<Links> {
    LinkServiceServer::new(Links { db, domain })
}

/// Whether a method is one that the gateway calls in its own name.
#[must_use]
pub fn is_gateways(method: &str) -> bool {
    method.starts_with("varco.audit.v1.LinkService/")
}

/// The links of an office.
#[derive(Clone, Debug)]
pub struct Links {
    db: Db,
    domain: &'static str,
}

#[tonic::async_trait]
impl LinkService for Links {
    async fn list_links(
        &self,
        request: Request<ListLinksRequest>,
    ) -> Result<Response<ListLinksResponse>, Status> {
        let page = self.page(&request.into_inner()).await;
        page.map(Response::new)
            .map_err(|problem| problem.into_status(self.domain))
    }
}

impl Links {
    async fn page(&self, asked: &ListLinksRequest) -> Result<ListLinksResponse, Problem> {
        let after: Option<Cursor> = match asked.page_token.as_str() {
            "" => None,
            token => Some(token.parse().map_err(|()| unknown_page())?),
        };
        let size = match asked.page_size {
            0 => MAX_PAGE,
            size => size.min(MAX_PAGE),
        };
        let window = (asked.from_unix_us, asked.until_unix_us);
        let read = async {
            let mut tx = self.db.read().await?;
            list(&mut tx, window, after, size).await
        };
        let links = read.await.map_err(|error| Problem::internal(&error))?;
        let is_full = links.len() >= usize::try_from(size).unwrap_or(usize::MAX);
        let last = links.last().filter(|_| is_full);
        Ok(ListLinksResponse {
            next_page_token: last.map(|it| it.cursor().to_string()).unwrap_or_default(),
            links: links.into_iter().map(told).collect(),
        })
    }
}

fn told(link: Link) -> proto::Link {
    proto::Link {
        audit_id: link.audit_id.as_bytes().to_vec().into(),
        instance: link.instance,
        method: link.method,
        at_unix_us: link.at,
        replayed: link.replayed,
    }
}

fn unknown_page() -> Problem {
    Problem::invalid("page_token", "must be one that was given")
}

const MAX_PAGE: u32 = 1000;
