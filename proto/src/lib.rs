//! The contracts of Varco: generated messages, clients and servers, and the descriptor set.
//!
//! The `.proto` files under `varco/` are the source; nothing here is written by hand but the
//! module tree. What a field or a method means stands beside it in the contract.

/// The registry of residents.
pub mod anagrafe {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("varco.anagrafe.v1");
    }
}

/// The notice board.
pub mod albo {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("varco.albo.v1");
    }
}

/// The register of accesses.
pub mod audit {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("varco.audit.v1");
    }
}

/// The documents.
pub mod documenti {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("varco.documenti.v1");
    }
}

/// The gateway's own services.
pub mod gateway {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("varco.gateway.v1");
    }
}

/// What a contract says about itself.
pub mod options {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("varco.options.v1");
    }
}

/// The protocol register.
pub mod protocollo {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("varco.protocollo.v1");
    }
}

/// The registry.
pub mod registry {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("varco.registry.v1");
    }
}

/// Vouchers.
pub mod token {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("varco.token.v1");
    }
}

/// Every contract with its imports and its options, as an encoded `FileDescriptorSet`.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/varco.binpb"));
