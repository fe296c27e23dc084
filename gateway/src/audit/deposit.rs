//! What is handed to the register of accesses: a record, and the details sealed beside it.

use varco_proto::audit::v1::{Details, Record};

/// A record with what only the DPO may read of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deposit {
    /// The leaf of the log, but for what its writer adds.
    pub record: Record,
    /// What is sealed; none where the record says all.
    pub details: Option<Details>,
}

impl From<Record> for Deposit {
    fn from(record: Record) -> Self {
        Self {
            record,
            details: None,
        }
    }
}
