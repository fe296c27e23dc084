//! The commands, one file each: its arguments and `run`.

pub mod apply;
pub mod attribute;
pub mod audit;
pub mod call;
pub mod certificate;
pub mod client_file;
pub mod create;
pub mod demo;
pub mod doctor;
pub mod export;
pub mod init;
pub mod keys;
pub mod policy;
pub mod registry;
pub mod schema;
pub mod serve;
pub mod up;
pub mod vault;
pub mod verb;
pub mod voucher;
pub mod watch;
