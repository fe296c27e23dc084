//! A pack of which anything was altered is refused, and says what still holds.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::*;
use crate::audit::export::pack::{Wanted, choice, pack};
use crate::audit::pack::{READ_ME, SUMS};
use crate::audit::testing::{anchor, each_place, outcome};

const FOLDER: &str = "c_z999.audit-gw1-2026";

/// A pack of nine records and an anchor, with the log's key.
async fn packed() -> (Vec<u8>, String) {
    let place = each_place().await.remove(0);
    let register = place.open().await.unwrap();
    let mut last = None;
    for n in 0..9 {
        last = Some(register.commit(outcome(n)).await.unwrap());
    }
    let anchor = anchor(&last.unwrap(), "tsa");
    register.commit(anchor).await.unwrap();
    let wanted = Wanted::Day("2026-11-22".parse().unwrap());
    let chosen = choice::choose((place.db(), place.index()), &wanted, None);
    let chosen = chosen.await.unwrap();
    let (bytes, _) = pack(Vec::new(), (&chosen, &[]), "una prova").await.unwrap();
    (bytes, register.log().vkey.clone())
}

/// The files of a pack but for their digests.
fn files(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = Archive::open(bytes).unwrap();
    let names = archive.names().iter().filter(|name| *name != SUMS);
    names
        .map(|name| (name.clone(), archive.read(name).unwrap()))
        .collect()
}

/// Packs files as a forger does: with the digests that fit.
fn forged(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut sums = String::new();
    for (name, content) in files {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
        let _ = writeln!(sums, "{}  {name}", hex::encode(digest));
    }
    let mut files = files.to_vec();
    files.push((SUMS.to_owned(), sums.into_bytes()));
    zipped(&files)
}

fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipArchiveWriter::new(Vec::new());
    for (name, content) in files {
        let path = rawzip::path::EntryPath::verbatim(name.as_bytes().to_vec());
        let file = zip
            .new_file(path)
            .compression_method(CompressionMethod::DEFLATE);
        let (mut file, config) = file.start().unwrap();
        let mut writer = config.wrap(DeflateEncoder::new(&mut file, Compression::fast()));
        writer.write_all(content).unwrap();
        let (encoder, written) = writer.finish().unwrap();
        encoder.finish().unwrap();
        file.finish(written).unwrap();
    }
    zip.finish().unwrap()
}

fn policy(vkey: &str) -> Policy {
    format!("log {vkey}\nquorum none\n").parse().unwrap()
}

fn at<'a>(files: &'a mut [(String, Vec<u8>)], part: &str) -> &'a mut Vec<u8> {
    let name = format!("{FOLDER}/{part}");
    let found = files.iter_mut().find(|(it, _)| *it == name);
    &mut found.unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_pack_holds_under_the_logs_key_and_no_other() {
    let (bytes, vkey) = packed().await;
    let other = vkey.parse::<varco_tlog::note::Verifier>().unwrap();
    let other = varco_tlog::note::Verifier::new(other.name(), [1; 32]).unwrap();

    let held = verify(&bytes, Some(&policy(&vkey))).unwrap();
    let refused = verify(&bytes, Some(&policy(&other.to_string()))).unwrap_err();

    let held = &held[0];
    assert_eq!(
        (held.records, held.absent, held.anchors, held.size),
        (10, 0, 1, 10)
    );
    assert_eq!(held.vkey, vkey);
    assert!(
        refused.to_string().contains("not signed as you ask"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_altered_byte_of_a_file_is_found_though_the_digests_fit() {
    let (bytes, vkey) = packed().await;
    let whole = files(&bytes);
    let trusted = policy(&vkey);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    assert!(verify(&forged(&whole), Some(&trusted)).is_ok());

    for (place, (name, content)) in whole.iter().enumerate() {
        // A forger who writes the digests anew may write what he likes for people to read first.
        if name == READ_ME {
            continue;
        }
        for at in 0..content.len() {
            if content.len() > 300 && random.next_u32() % 8 != 0 {
                continue;
            }
            let mut altered = whole.clone();
            altered[place].1[at] ^= 1 << (random.next_u32() % 8);

            let found = verify(&forged(&altered), Some(&trusted));

            assert!(found.is_err(), "{name} byte {at}: {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_altered_byte_of_the_archive_is_found_or_changes_nothing_that_is_read() {
    let (bytes, vkey) = packed().await;
    let trusted = policy(&vkey);
    let (whole, held) = (files(&bytes), verify(&bytes, Some(&trusted)).unwrap());
    let mut random = ChaCha8Rng::seed_from_u64(8);

    for at in (0..bytes.len()).step_by(13) {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (random.next_u32() % 8);

        if let Ok(found) = verify(&altered, Some(&trusted)) {
            assert_eq!(found, held, "byte {at}");
            assert_eq!(files(&altered), whole, "byte {at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn first_bad_record_is_named_with_what_still_holds() {
    let (bytes, _) = packed().await;
    let mut files = files(&bytes);
    let leaves = at(&mut files, "records.bin");
    let fourth = (0..3).fold(0, |at, _| {
        at + 2 + usize::from(u16::from_be_bytes([leaves[at], leaves[at + 1]]))
    });
    leaves[fourth + 20] ^= 1;
    at(&mut files, "proofs/6.tlog-proof").truncate(60);

    let refused = verify(&forged(&files), None).unwrap_err().to_string();

    assert!(
        refused.contains("record 3 of c_z999.audit/gw1/2026"),
        "{refused}"
    );
    assert!(
        refused.contains("of c_z999.audit/gw1/2026 8 records hold"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_head_leaves_nothing_to_trust_and_an_altered_letter_all_records() {
    let (bytes, _) = packed().await;
    let whole = files(&bytes);
    let mut headless = whole.clone();
    let head = at(&mut headless, "checkpoint");
    let text = String::from_utf8(head.clone()).unwrap();
    *head = text.replace("\n10\n", "\n11\n").into_bytes();
    let mut letter = whole.clone();
    letter[1].1[0] ^= 1;
    let sums = Archive::open(&bytes).unwrap().read(SUMS).unwrap();
    letter.push((SUMS.to_owned(), sums));

    let headless = verify(&forged(&headless), None).unwrap_err().to_string();
    let letter = verify(&zipped(&letter), None).unwrap_err().to_string();

    assert!(headless.contains("nothing of"), "{headless}");
    assert!(
        letter.contains("LEGGIMI.txt") && letter.contains("all 10 records"),
        "{letter}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_that_no_exporter_writes_are_refused() {
    let (bytes, _) = packed().await;
    let whole = files(&bytes);
    let with = |name: &str| {
        let mut more = whole.clone();
        more.push((name.to_owned(), b"x".to_vec()));
        forged(&more)
    };
    let mut longer = bytes.clone();
    longer.push(0);
    let mut prefixed = b"#!/bin/sh\n".to_vec();
    prefixed.extend(&bytes);

    for (archive, why) in [
        (with("../../etc/passwd"), "a name that no pack has"),
        (with("/etc/passwd"), "a name that no pack has"),
        (with("a/b/checkpoint"), "a name that no pack has"),
        (with(READ_ME), "stands twice"),
        (with("altro/checkpoint"), "altro"),
        (with(&format!("{FOLDER}/anchors/3.tsr")), "no anchor holds"),
        (
            with(&format!("{FOLDER}/proofs/3.tlog-proof")),
            "stands twice",
        ),
        (
            with(&format!("{FOLDER}/proofs/10.tlog-proof")),
            "record 10 of",
        ),
        (longer, "pack"),
        (prefixed, "pack"),
        (bytes[..bytes.len() / 2].to_vec(), "no ZIP file"),
        (Vec::new(), "no ZIP file"),
        (zipped(&[]), "format"),
    ] {
        let refused = verify(&archive, None).unwrap_err().to_string();

        assert!(refused.contains(why), "{why}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_claims_to_be_longer_than_packs_are_is_not_unpacked() {
    let (bytes, _) = packed().await;
    let mut bomb = bytes.clone();
    let central = bomb.windows(4).position(|it| it == b"PK\x01\x02").unwrap();
    bomb[central + 24..central + 28].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());

    let refused = verify(&bomb, None).unwrap_err();

    let why = "its files are longer than those of packs are";
    assert_eq!(refused, Error::Alien(why));
}
