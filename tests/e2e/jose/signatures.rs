//! Signatures that prove nothing: zeros, other messages, other forms, keys that nobody registered.

use serde_json::json;

use super::forge::{Client, decode, parts, resigned};
use super::{Case, Cast};

/// Every hostile assertion of this family.
pub fn cases(cast: &Cast) -> Vec<Case> {
    let mut forged = Vec::new();
    for (name, client) in cast.clients() {
        let [one, two] = [0; 2].map(|_| client.with_header(&json!({})));
        let own = match client.forge.alg {
            "ES256" => ecdsa(&one),
            "EdDSA" => edwards(&one),
            _ => pkcs1(&one),
        };
        let all = own.into_iter().chain(altered(&one, &two));
        forged.extend(all.map(|(what, token)| (format!("{name}: {what}"), token)));
    }
    let refused = |(what, token): (String, String)| Case::new(what, &token, "ASSERTION_SIGNATURE");
    let mut cases: Vec<Case> = forged.into_iter().map(refused).collect();
    cases.push(of_the_text(&cast.ec));
    cases
}

/// Both halves of an ECDSA signature must lie between 1 and the order of the curve.
pub fn ecdsa(good: &str) -> Vec<(&'static str, String)> {
    let signature = decode(parts(good)[2]);
    let (r, s) = signature.split_at(32);
    let (zero, one, most) = ([0; 32], number(1), [0xff; 32]);
    let signatures = [
        ("r and s zero", [zero, zero].concat()),
        ("r zero", [&zero, s].concat()),
        ("s zero", [r, &zero].concat()),
        ("r the order", [&ORDER, s].concat()),
        ("s the order", [r, &ORDER].concat()),
        ("r and s the order", [ORDER, ORDER].concat()),
        ("r above the order", [&most, s].concat()),
        ("s above the order", [r, &most].concat()),
        ("r and s one", [one, one].concat()),
        ("s before r", [s, r].concat()),
        ("DER", der(r, s)),
        ("DER of zeros", der(&zero, &zero)),
        ("of ES384's length", [&signature[..], &zero].concat()),
        ("of ES512's length", vec![1; 132]),
        ("with a compression byte", [&[2], &signature[..]].concat()),
    ];
    each(good, signatures)
}

/// An Ed25519 signature has one spelling: s lies below the order (RFC 8032 §5.1.7).
fn edwards(good: &str) -> Vec<(&'static str, String)> {
    let signature = decode(parts(good)[2]);
    let (r, s) = signature.split_at(32);
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let signatures = [
        ("zeros", vec![0; 64]),
        ("the neutral point and zero", [neutral, [0; 32]].concat()),
        (
            "s with the order added",
            [r, &sum(s, &EDWARDS_ORDER)].concat(),
        ),
        ("s before r", [s, r].concat()),
        ("of ECDSA's form", der(r, s)),
        ("of Ed448's length", vec![1; 114]),
    ];
    each(good, signatures)
}

fn pkcs1(good: &str) -> Vec<(&'static str, String)> {
    let signature = decode(parts(good)[2]);
    let signatures = [
        ("zeros", vec![0; 256]),
        ("one", [vec![0; 255], vec![1]].concat()),
        ("all ones", vec![0xff; 256]),
        ("of a key of 1024 bits", vec![1; 128]),
        ("of a key of 512 bits", vec![1; 64]),
        ("with a zero before", [&[0], &signature[..]].concat()),
        ("one byte short", signature[..255].to_vec()),
    ];
    each(good, signatures)
}

/// Good signatures that are no longer about this message.
pub fn altered(one: &str, two: &str) -> Vec<(&'static str, String)> {
    let [header, _, signature] = parts(one);
    let [_, others, other] = parts(two);
    let bytes = decode(signature);
    let flipped = |place: usize| {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        bytes
    };
    let signatures = [
        ("of another token", decode(other)),
        ("with its first byte changed", flipped(0)),
        ("with its last byte changed", flipped(bytes.len() - 1)),
        ("truncated", bytes[..bytes.len() - 1].to_vec()),
        ("with a byte more", [&bytes[..], &[0]].concat()),
        ("twice", bytes.repeat(2)),
        ("empty", Vec::new()),
    ];
    let mut tokens = each(one, signatures);
    let moved = format!("{header}.{others}.{signature}");
    tokens.push(("beside the claims of another token", moved));
    tokens
}

/// A signature of what the parts say, instead of how they are spelt.
fn of_the_text(client: &Client) -> Case {
    let (header, claims) = (client.header().to_string(), client.claims().to_string());
    let signature = client.forge.sign(format!("{header}.{claims}").as_bytes());
    let token = client.forge.seal(header, claims);
    let token = resigned(&token, decode(&signature));
    Case::new(
        "a signature of the decoded text",
        &token,
        "ASSERTION_SIGNATURE",
    )
}

fn each<const N: usize>(
    token: &str,
    signatures: [(&'static str, Vec<u8>); N],
) -> Vec<(&'static str, String)> {
    let with = |(what, signature)| (what, resigned(token, signature));
    signatures.into_iter().map(with).collect()
}

/// The other signature that is as good: (r, n - s). ECDSA knows no single spelling.
pub fn mirrored(token: &str) -> String {
    let signature = decode(parts(token)[2]);
    let (r, s) = signature.split_at(32);
    let mut borrow = 0;
    let mut other = [0; 32];
    for place in (0..32).rev() {
        let digit = i16::from(ORDER[place]) - i16::from(s[place]) - borrow;
        borrow = i16::from(digit < 0);
        other[place] = digit.rem_euclid(256).try_into().unwrap();
    }
    resigned(token, [r, &other].concat())
}

/// A number in 32 bytes, the largest first.
fn number(of: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[31] = of;
    bytes
}

/// The sum of two numbers of 32 bytes, the smallest first.
fn sum(one: &[u8], two: &[u8; 32]) -> Vec<u8> {
    let mut carry = 0;
    let digits = one.iter().zip(two).map(|(one, two)| {
        let digit = u16::from(*one) + u16::from(*two) + carry;
        carry = digit >> 8;
        u8::try_from(digit & 0xff).unwrap()
    });
    digits.collect()
}

/// An ECDSA signature as X.509 writes it (RFC 3279 §2.2.3).
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let positive = [&[0], bytes].concat();
        [&[2, u8::try_from(positive.len()).unwrap()], &positive[..]].concat()
    };
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], &both[..]].concat()
}

/// The order of P-256 (FIPS 186-4, D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
/// The order of edwards25519 (RFC 8032 §5.1), the smallest byte first.
const EDWARDS_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
];
