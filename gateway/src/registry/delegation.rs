//! Delegations: a tenant's leave to act for another (PDND). The data model only.
//!
//! Nothing makes or decides one yet; the kind exists so that a registry that holds some is read.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::law::Transition;

/// A tenant's leave to act for another, for one e-service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// Who gives the leave.
    pub delegator: Uuid,
    /// Who acts.
    pub delegate: Uuid,
    /// The e-service.
    pub eservice: Uuid,
    /// On which side the delegate acts.
    pub side: DelegatedSide,
}

/// On which side a delegate acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DelegatedSide {
    /// For the tenant that uses.
    Consumer,
    /// For the tenant that offers.
    Producer,
}

/// What may be done to a delegation: nothing yet.
pub const LAW: &[Transition] = &[];
