//! `varco assign attribute` and `varco revoke attribute`: what a tenant is certified to be.

use varco_proto::registry::v1::{AssignAttributeRequest, RevokeAttributeRequest};

use crate::cli::Common;
use crate::failure::Failure;
use crate::operator::{self, As};
use crate::output::entry;
use crate::output::refusal::Refusal;
use crate::registry_file::time::{self, Edge};

/// What `varco assign` is told.
#[derive(Debug, clap::Args)]
pub struct AssignArgs {
    /// What is assigned
    #[command(subcommand)]
    pub what: Assigned,
}

/// What may be assigned.
#[derive(Debug, clap::Subcommand)]
pub enum Assigned {
    /// Gives a tenant an attribute, or verifies it as a producer
    Attribute(AssignAttributeArgs),
}

/// What `varco assign attribute` is told.
#[derive(Debug, clap::Args)]
pub struct AssignAttributeArgs {
    /// Who and what
    #[command(flatten)]
    pub held: Held,
    /// Last day on which a verified attribute counts, or an instant; for good when left out
    #[arg(long, value_name = "DATE", value_parser = last_moment)]
    pub expires: Option<i64>,
}

/// What `varco revoke` is told.
#[derive(Debug, clap::Args)]
pub struct RevokeArgs {
    /// What is revoked
    #[command(subcommand)]
    pub what: Revoked,
}

/// What may be revoked.
#[derive(Debug, clap::Subcommand)]
pub enum Revoked {
    /// Takes an attribute from a tenant; agreements that need it are suspended
    Attribute(Held),
}

/// An attribute of a tenant.
#[derive(Debug, clap::Args)]
pub struct Held {
    /// Name or id of the tenant
    pub tenant: String,
    /// Name or id of the attribute
    pub attribute: String,
    /// Tenant that verifies a verified attribute; the operator's own when left out
    #[arg(
        long,
        value_name = "TENANT",
        default_value = "",
        hide_default_value = true
    )]
    pub verifier: String,
    /// Only if the tenant still is as it was seen, by the etag that `describe` shows
    #[arg(
        long,
        value_name = "ETAG",
        default_value = "",
        hide_default_value = true
    )]
    pub etag: String,
    /// As whom
    #[command(flatten)]
    pub operator: As,
}

/// Gives a tenant an attribute.
///
/// # Errors
///
/// When the registry refuses, or knows no such tenant or attribute.
pub async fn assign(args: AssignArgs, common: &Common) -> Result<(), Failure> {
    let Assigned::Attribute(AssignAttributeArgs { held, expires }) = args.what;
    let mut registry = operator::registry(&held.operator.name, common)?;
    let request = AssignAttributeRequest {
        tenant: held.tenant,
        attribute: held.attribute,
        expires: expires.unwrap_or_default(),
        verifier: held.verifier,
        etag: held.etag,
    };
    let answer = registry.assign_attribute(request).await;
    let answer = answer.map_err(|status| Refusal::from(&status))?;
    entry::moved(answer.into_inner().entry, common)
}

/// Takes an attribute from a tenant.
///
/// # Errors
///
/// When the registry refuses, or the tenant has no such attribute.
pub async fn revoke(args: RevokeArgs, common: &Common) -> Result<(), Failure> {
    let Revoked::Attribute(held) = args.what;
    let mut registry = operator::registry(&held.operator.name, common)?;
    let request = RevokeAttributeRequest {
        tenant: held.tenant,
        attribute: held.attribute,
        verifier: held.verifier,
        etag: held.etag,
    };
    let answer = registry.revoke_attribute(request).await;
    let answer = answer.map_err(|status| Refusal::from(&status))?;
    entry::moved(answer.into_inner().entry, common)
}

fn last_moment(text: &str) -> Result<i64, String> {
    let rule = "must be a date such as 2027-12-31, or an instant with its offset";
    time::parse(text, Edge::Until).ok_or_else(|| rule.to_owned())
}
