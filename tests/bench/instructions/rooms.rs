//! The rooms of a call: the functions by which its cost is told apart.
//!
//! The outer rooms do not overlap and are what is counted as the call; the inner ones are parts of the
//! one above them. A room is named by functions that are no part of a larger one after inlining; one that is not
//! found any more has to be named anew, and the count fails until then.

/// A row of the table.
pub struct Room {
    /// What the table calls it.
    pub name: &'static str,
    /// Where its cost is found.
    pub place: Place,
    /// The parts of it that are told apart.
    pub parts: &'static [(&'static str, &'static [&'static str])],
}

/// Where a cost is found.
pub enum Place {
    /// In functions, and in those that they call.
    Functions(&'static [&'static str]),
    /// In the thread that calls this function most often.
    Thread(&'static str),
}

/// What is counted as the call.
pub const ROOMS: [Room; 5] = [
    Room {
        name: "The caller's connection",
        place: Place::Functions(&["varco_runtime::server::serve::{{closure}}::{{closure}}"]),
        parts: &[("TLS", &["<tokio_rustls::server::TlsStream<*"])],
    },
    Room {
        name: "The call",
        place: Place::Functions(&["<hyper::proto::h2::server::H2Stream<*>::poll"]),
        parts: &[
            (
                "certificate, voucher's verdict",
                &["varco_gateway::authenticate::admit::{{closure}}"],
            ),
            ("decision", &["varco_gateway::authorize::decide"]),
            (
                "limits and quotas",
                &["varco_gateway::limit::Limiter::take::{{closure}}"],
            ),
            ("grant, signed", &["varco_gateway::forward::grant"]),
            (
                "minimisation of both messages",
                &["varco_gateway::minimise::walk::walk"],
            ),
            (
                "references to the persons in them",
                &["varco_gateway::call::Call::note"],
            ),
            (
                "handing over to the service's connection",
                &["h2::client::SendRequest<B>::send_request"],
            ),
            (
                "record, made",
                &[
                    "varco_gateway::call::described::<impl varco_gateway::call::Call>::deposit",
                    "varco_gateway::record::stamp",
                ],
            ),
            (
                "record, handed over",
                &["varco_gateway::audit::committer::Register::commit"],
            ),
            (
                "spans, begun and ended",
                &[
                    "varco_runtime::telemetry::span::Spans::server",
                    "varco_runtime::telemetry::span::Span::client",
                    "varco_gateway::forward::Onward::span",
                    "varco_runtime::telemetry::span::Span::end",
                ],
            ),
        ],
    },
    Room {
        name: "The service's connection",
        place: Place::Functions(&[
            "<hyper::proto::h2::client::H2ClientFuture<*>::poll",
            "<hyper::proto::h2::client::ClientTask<*>::poll",
        ]),
        parts: &[("TLS", &["<tokio_rustls::client::TlsStream<*"])],
    },
    Room {
        name: "The register's thread",
        place: Place::Thread("varco_gateway::audit::leaf::Maker::make"),
        parts: &[
            (
                "leaf, sealed and hashed",
                &["varco_gateway::audit::leaf::Maker::make"],
            ),
            (
                "tree, grown, and its root",
                &[
                    "varco_tlog::tile::builder::Tiles::push",
                    "varco_tlog::tile::builder::Tiles::root",
                ],
            ),
            (
                "head, signed",
                &["varco_tlog::checkpoint::Checkpoint::sign"],
            ),
            (
                "segment of the index",
                &["varco_gateway::audit::writer::Writer::stands"],
            ),
        ],
    },
    Room {
        name: "The register's SQLite",
        place: Place::Thread("sqlite3VdbeHalt"),
        parts: &[("commit", &["sqlite3VdbeHalt"])],
    },
];

/// What is done in batches and by the clock; it depends on how fast the machine is, and is not compared.
pub const BESIDE: [(&str, &[&str]); 2] = [
    (
        "spans, stored and sealed",
        &[
            "varco_gateway::traces::keeper::Keeper::round::{{closure}}",
            "varco_gateway::traces::keeper::Gathered::batch",
        ],
    ),
    (
        "keys, looked for",
        &["varco_gateway::keys::keeper::Keeper::settle::{{closure}}"],
    ),
];

/// What all rooms do: of each function its own cost, or with those that it calls.
pub const ACROSS: [(&str, Own, &[&str]); 5] = [
    (
        "Ed25519, two signatures",
        Own::WithCallees,
        &["aws_lc_*_ED25519_sign"],
    ),
    (
        "SHA-256",
        Own::Alone,
        &["aws_lc_*_sha256_block_data_order_avx"],
    ),
    (
        "AES-GCM of TLS",
        Own::WithCallees,
        &[
            "<rustls::crypto::aws_lc_rs::tls13::GcmMessageEncrypter *>::encrypt",
            "<rustls::crypto::aws_lc_rs::tls13::GcmMessageDecrypter *>::decrypt",
        ],
    ),
    ("allocator", Own::Alone, &["_rjem_*"]),
    ("copying", Own::Alone, &["__memcpy_*", "__memmove_*"]),
];

/// Which cost of a function is meant.
pub enum Own {
    /// Its own.
    Alone,
    /// With those that it calls.
    WithCallees,
}
