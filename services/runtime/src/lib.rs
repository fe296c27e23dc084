//! What every role of Varco stands on: configuration, servers, clients, storage, time.
//!
//! It knows no office and no rule of the gateway. A role takes from here how it listens, how it
//! calls, how it stores and how it refuses, so that each of these is done in one way.

pub mod audit_link;
pub mod client;
pub mod clock;
pub mod config;
pub mod grant;
pub mod https;
pub mod idempotency;
pub mod jose;
pub mod jwks;
pub mod metadata;
pub mod pki;
pub mod problem;
pub mod secret;
pub mod server;
pub mod service;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod tls;
pub mod trace;
