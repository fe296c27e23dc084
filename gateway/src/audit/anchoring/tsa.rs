//! An authority that gives time stamps (RFC 3161), asked over HTTP (its §3.4).
//!
//! What comes is kept as it came, for whoever verifies it with a tool of their choice and the authority's
//! certificate (`openssl ts -verify`). Here it is only read as far as to know that it is a stamp of this
//! hash and an answer to this question: its signature is not checked.

use std::sync::Arc;

use bytes::Bytes;
use cms::signed_data::EncapsulatedContentInfo;
use der::asn1::{Int, ObjectIdentifier, OctetString};
use der::{Any, Decode as _, Encode as _, Sequence, SliceReader};
use rustls::RootCertStore;
use varco_runtime::config::Config;
use varco_runtime::{https, tls};
use x509_tsp::{Accuracy, MessageImprint, TimeStampReq, TimeStampResp, TspVersion};

/// An authority, as the configuration names it.
pub(super) struct Authority {
    https: https::Https,
    address: String,
}

/// A time stamp.
pub(super) struct Stamp {
    /// Serial number and time, as the authority says them.
    pub(super) reference: String,
    /// The answer, byte for byte.
    pub(super) answer: Bytes,
}

/// Ways that no time stamp comes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The authority answers something else.
    #[error("its answer is no time stamp ({0})")]
    Answer(&'static str),
    /// The authority cannot be asked.
    #[error(transparent)]
    Https(#[from] https::Error),
    /// The authority says no.
    #[error("it refuses, with HTTP status {0}")]
    Http(http::StatusCode),
    /// None is configured.
    #[error("none is configured")]
    None,
    /// The authority says no.
    #[error("it refuses, with PKI status {0}")]
    Refused(u8),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

/// `TSTInfo` with a time of any precision: RFC 3161 allows fractions of a second, which DER's
/// `GeneralizedTime` of RFC 5280 does not.
#[derive(Sequence)]
struct TstInfo {
    version: TspVersion,
    policy: ObjectIdentifier,
    message_imprint: MessageImprint,
    serial_number: Int,
    gen_time: Any,
    #[asn1(optional = "true")]
    accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    ordering: bool,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
    #[asn1(optional = "true")]
    tsa: Option<Any>,
    #[asn1(optional = "true")]
    extensions: Option<Any>,
}

impl Authority {
    /// The authority of a configuration.
    pub(super) fn of(config: &Config) -> Result<Self, Error> {
        let tsa = config.gateway.anchors.tsa.as_ref().ok_or(Error::None)?;
        let roots = match &tsa.ca {
            Some(ca) => tls::roots(&config.path(ca))?,
            None => Arc::new(RootCertStore::empty()),
        };
        Ok(Self {
            https: https::Https::or_plain(tls::client(None, &roots, &[])?),
            address: tsa.address.clone(),
        })
    }

    /// Asks for a stamp of a SHA-256.
    pub(super) async fn stamp(&self, sha256: &[u8; 32], nonce: [u8; 16]) -> Result<Stamp, Error> {
        let question = question(sha256, nonce).map_err(|_| Error::Answer("question"))?;
        let content = ("application/timestamp-query", question.into());
        let answer = self.https.post(&self.address, content).await?;
        if !answer.status.is_success() {
            return Err(Error::Http(answer.status));
        }
        if answer.body.len() > LARGEST {
            return Err(Error::Answer("too large"));
        }
        Ok(Stamp {
            reference: read(&answer.body, sha256, nonce)?,
            answer: answer.body,
        })
    }
}

fn question(sha256: &[u8; 32], nonce: [u8; 16]) -> Result<Vec<u8>, der::Error> {
    TimeStampReq {
        version: TspVersion::V1,
        message_imprint: MessageImprint {
            hash_algorithm: spki::AlgorithmIdentifier {
                oid: SHA_256,
                parameters: Some(Any::null()),
            },
            hashed_message: OctetString::new(sha256.as_slice())?,
        },
        req_policy: None,
        nonce: Some(number(nonce)?),
        cert_req: true,
        extensions: None,
    }
    .to_der()
}

/// A positive number, as DER writes it.
fn number(nonce: [u8; 16]) -> Result<Int, der::Error> {
    let mut bytes = nonce;
    // Neither negative nor with a byte too many in front.
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Int::new(&bytes)
}

/// Serial number and time of an answer, if it is a stamp of that hash and answers that question.
fn read(answer: &[u8], sha256: &[u8; 32], nonce: [u8; 16]) -> Result<String, Error> {
    let malformed = |_: der::Error| Error::Answer("malformed");
    let answer = TimeStampResp::from_der(answer).map_err(malformed)?;
    let token = match (answer.status.status as u8, answer.time_stamp_token) {
        (GRANTED | GRANTED_WITH_CHANGES, Some(token)) => token,
        (GRANTED | GRANTED_WITH_CHANGES, None) => return Err(Error::Answer("no token")),
        (status, _) => return Err(Error::Refused(status)),
    };
    let content = signed_content(&token.content).map_err(malformed)?;
    if content.econtent_type != TST_INFO {
        return Err(Error::Answer("no time in it"));
    }
    let content = content.econtent.ok_or(Error::Answer("no time in it"))?;
    let info = TstInfo::from_der(content.value()).map_err(malformed)?;
    if info.message_imprint.hashed_message.as_bytes() != sha256 {
        return Err(Error::Answer("of another hash"));
    }
    if info.nonce != Some(number(nonce).map_err(malformed)?) {
        return Err(Error::Answer("to another question"));
    }
    let time = info.gen_time.value().iter().copied().map(char::from);
    let time: String = time.filter(char::is_ascii_graphic).take(32).collect();
    let serial = hex::encode(info.serial_number.as_bytes());
    Ok(format!("serial {serial} at {time}"))
}

/// The content of `SignedData` (RFC 5652 §5.1). What follows it is not read: authorities put certificates and
/// signatures there in an order of their own, which strict DER refuses.
fn signed_content(signed: &Any) -> Result<EncapsulatedContentInfo, der::Error> {
    let mut parts = SliceReader::new(signed.value())?;
    let _version = Any::decode(&mut parts)?;
    let _digest_algorithms = Any::decode(&mut parts)?;
    EncapsulatedContentInfo::decode(&mut parts)
}

const GRANTED: u8 = 0;
const GRANTED_WITH_CHANGES: u8 = 1;
/// A token with the certificates of its chain has about 6 KiB; a record takes at most 60 000 bytes.
const LARGEST: usize = 32 * 1024;
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// `id-ct-TSTInfo`.
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

#[cfg(test)]
mod tests {
    use super::*;

    /// What `openssl ts -reply` says of "note\n" and this nonce, with milliseconds.
    const ANSWER: &[u8] = include_bytes!("tsa/answer.tsr");
    const NONCE: [u8; 16] = [0x47; 16];

    fn sha256(text: &[u8]) -> [u8; 32] {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text);
        hash.as_ref().try_into().unwrap()
    }

    #[test]
    fn stamp_with_fractions_of_a_second_is_read() {
        let read = read(ANSWER, &sha256(b"note\n"), NONCE).unwrap();

        assert_eq!(read, "serial 02 at 20261129123759.039Z");
    }

    #[test]
    fn stamp_of_another_hash_or_for_another_question_is_none() {
        let other = read(ANSWER, &sha256(b"other\n"), NONCE);
        let stale = read(ANSWER, &sha256(b"note\n"), [0x48; 16]);

        assert!(matches!(other, Err(Error::Answer("of another hash"))));
        assert!(matches!(stale, Err(Error::Answer("to another question"))));
    }

    #[test]
    fn what_is_no_answer_is_refused_wherever_it_breaks_off() {
        for end in 0..ANSWER.len() {
            let cut = ANSWER.get(..end).unwrap();
            assert!(read(cut, &sha256(b"note\n"), NONCE).is_err(), "{end}");
        }
    }

    #[test]
    fn refusal_is_told_with_its_status() {
        // PKIStatusInfo with the status rejection (2) and no token.
        let refused = read(&[0x30, 5, 0x30, 3, 2, 1, 2], &[0; 32], NONCE);

        assert!(matches!(refused, Err(Error::Refused(2))));
    }

    #[test]
    fn question_is_the_one_of_the_standard() {
        let question = question(&sha256(b"note\n"), NONCE).unwrap();

        let parsed = TimeStampReq::from_der(&question).unwrap();
        assert!(parsed.cert_req);
        assert_eq!(parsed.nonce.unwrap().as_bytes(), NONCE);
        let hash = parsed.message_imprint.hashed_message;
        assert_eq!(hash.as_bytes(), sha256(b"note\n"));
    }
}
