//! Keys: the public keys of clients, each named by its RFC 7638 thumbprint.
//!
//! The name is unique in the installation for ever: a key that was revoked never comes back, not
//! even under another client.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::client;
use super::law::Transition;

/// A public key of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The client.
    pub client: Uuid,
    /// PEM (SPKI).
    pub pem: String,
    /// Until when it may sign, in seconds since the Unix epoch.
    pub not_after: Option<i64>,
}

/// Keys that one client may have at once (PDND).
pub const MOST: usize = 100;

/// What may be done to a key: as to a client.
pub const LAW: &[Transition] = client::LAW;
