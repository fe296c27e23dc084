//! The commands, one file each: its arguments and `run`.

pub mod apply;
pub mod audit;
pub mod call;
pub mod certificate;
pub mod demo;
pub mod doctor;
pub mod init;
pub mod registry;
pub mod serve;
pub mod up;
pub mod vault;
pub mod voucher;
