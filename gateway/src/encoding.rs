//! Compression of messages: gzip or none, the two that gRPC clients agree on.
//!
//! A message is decompressed only to be walked, within the bound of its method, and goes on as it
//! came. Other encodings are taken out of what the two sides tell each other they accept, so that
//! neither sends what the gateway could not look into.

use std::io::{self, Read as _, Write as _};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue};
use varco_runtime::metadata::{GRPC_ACCEPT_ENCODING, GRPC_ENCODING};

/// How the compressed messages of one direction are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 1952.
    Gzip,
    /// Not at all.
    Identity,
}

/// The encoding is none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported;

/// Ways that a message cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It is not what its encoding says.
    Malformed,
    /// It is larger than allowed once decompressed.
    TooLarge,
}

/// What is accepted, as `grpc-accept-encoding` says it.
pub const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip");

impl Encoding {
    /// The encoding that a request or an answer names.
    ///
    /// # Errors
    ///
    /// When it is another.
    pub fn of(headers: &HeaderMap) -> Result<Self, Unsupported> {
        match headers.get(&GRPC_ENCODING).map(HeaderValue::as_bytes) {
            None | Some(b"identity") => Ok(Self::Identity),
            Some(b"gzip") => Ok(Self::Gzip),
            Some(_) => Err(Unsupported),
        }
    }
}

/// Leaves only what the gateway can look into among the encodings that a side accepts.
pub fn filter_accepted(headers: &mut HeaderMap) {
    let told = headers.get_all(&GRPC_ACCEPT_ENCODING).iter();
    let told = told.filter_map(|value| value.to_str().ok());
    let names = told.flat_map(|list| list.split(',')).map(str::trim);
    let kept: Vec<&str> = names
        .filter(|name| matches!(*name, "gzip" | "identity"))
        .collect();
    let kept = HeaderValue::try_from(kept.join(","));
    headers.remove(&GRPC_ACCEPT_ENCODING);
    if let Ok(kept) = kept
        && !kept.is_empty()
    {
        headers.insert(GRPC_ACCEPT_ENCODING, kept);
    }
}

/// Decompresses a message of gzip, to `largest` bytes at most.
///
/// # Errors
///
/// When it is no gzip, or larger.
pub fn inflate(message: &[u8], largest: usize) -> Result<Vec<u8>, Bad> {
    let bound = u64::try_from(largest).unwrap_or(u64::MAX);
    let mut inflated = Vec::new();
    let mut decoder = GzDecoder::new(message).take(bound.saturating_add(1));
    let read = decoder.read_to_end(&mut inflated);
    let read = read.map_err(|_| Bad::Malformed)?;
    if read > largest {
        return Err(Bad::TooLarge);
    }
    // What follows the one member would be somebody else's message.
    if decoder.into_inner().into_inner().is_empty() {
        Ok(inflated)
    } else {
        Err(Bad::Malformed)
    }
}

/// Compresses a message that had to be written anew.
///
/// # Errors
///
/// Never in practice: it writes to memory.
pub fn deflate(message: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(message.len()), Compression::fast());
    encoder.write_all(message)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_comes_back_as_it_was_within_its_bound() {
        let message = b"residenza ".repeat(1000);
        let small = deflate(&message).unwrap();

        assert!(small.len() < 200);
        assert_eq!(inflate(&small, message.len()), Ok(message.clone()));
        assert_eq!(inflate(&small, message.len() - 1), Err(Bad::TooLarge));
        assert_eq!(inflate(&small[..20], 100_000), Err(Bad::Malformed));
        assert_eq!(inflate(b"no gzip", 100), Err(Bad::Malformed));
        let twice = [small.clone(), small].concat();
        assert_eq!(inflate(&twice, 100_000), Err(Bad::Malformed));
    }

    #[test]
    fn hundred_mebibytes_of_nothing_are_stopped_at_the_bound() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..100 {
            encoder.write_all(&vec![0; 1 << 20]).unwrap();
        }
        let bomb = encoder.finish().unwrap();

        assert!(bomb.len() < 200_000);
        assert_eq!(inflate(&bomb, 4 << 20), Err(Bad::TooLarge));
    }

    #[test]
    fn only_what_can_be_looked_into_is_passed_on_as_accepted() {
        let filtered = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(GRPC_ACCEPT_ENCODING, value.parse().unwrap());
            }
            filter_accepted(&mut headers);
            headers.get(&GRPC_ACCEPT_ENCODING).cloned()
        };

        let kept = filtered(&["identity, deflate, gzip", "zstd"]);
        assert_eq!(kept.unwrap(), "identity,gzip");
        assert_eq!(filtered(&["br,zstd"]), None);
        assert_eq!(filtered(&[]), None);
    }
}
