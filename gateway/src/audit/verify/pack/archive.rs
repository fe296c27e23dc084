//! A pack as it comes from outside, read without believing a length or a name in it.
//!
//! Nothing is extracted: names are compared, never joined to a path. The files must lie one behind the other and be
//! listed in that order, so that every tool that unpacks the archive gets what is checked here.

use std::collections::BTreeMap;
use std::io::Read as _;

use aws_lc_rs::digest::{SHA256, digest};
use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipSliceArchive};

use crate::audit::pack::{self, MOST_BYTES, MOST_LOGS, MOST_PACKED, MOST_RECORDS, Part, SUMS};

/// A pack whose files can be read.
pub(super) struct Archive<'a> {
    zip: ZipSliceArchive<&'a [u8]>,
    files: BTreeMap<String, ZipArchiveEntryWayfinder>,
    /// Names in the order in which they lie.
    order: Vec<String>,
}

impl<'a> Archive<'a> {
    /// Takes the list of files in.
    ///
    /// # Errors
    ///
    /// Says what no pack is like.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let length = length(bytes);
        if length > MOST_PACKED {
            return Err("it is longer than packs are");
        }
        let zip = ZipArchive::from_slice(bytes).map_err(|_| NO_ZIP)?;
        if zip.end_offset() != length || !zip.comment().as_bytes().is_empty() {
            return Err("something stands behind its end");
        }
        let (files, order) = list(&zip)?;
        Ok(Self { zip, files, order })
    }

    /// The names of its files, in the order in which they lie.
    #[cfg(test)]
    pub(super) fn names(&self) -> &[String] {
        &self.order
    }

    /// The folders of logs, in the order of the pack.
    pub(super) fn folders(&self) -> Result<Vec<&str>, &'static str> {
        let mut folders: Vec<&str> = Vec::new();
        for (folder, _) in self.order.iter().filter_map(|name| pack::place(name)) {
            if folders.last() != Some(&folder) {
                if folders.contains(&folder) || folders.len() >= MOST_LOGS {
                    return Err("its folders are mixed up, or too many");
                }
                folders.push(folder);
            }
        }
        Ok(folders)
    }

    /// The parts of a folder, in the order of the pack.
    pub(super) fn parts(&self, folder: &str) -> Vec<Part> {
        let placed = self.order.iter().filter_map(|name| pack::place(name));
        let inside = placed.filter(|(it, _)| *it == folder);
        inside.map(|(_, part)| part).collect()
    }

    /// A file; none where there is none or it cannot be unpacked.
    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        let wayfinder = *self.files.get(name)?;
        let entry = self.zip.get_entry(wayfinder).ok()?;
        let size = wayfinder.uncompressed_size_hint();
        let mut content = Vec::new();
        let inflated = DeflateDecoder::new(entry.data());
        let mut reader = entry.verifying_reader(inflated).take(size + 1);
        reader.read_to_end(&mut content).ok()?;
        (length(&content) == size).then_some(content)
    }

    /// A part of a folder as text.
    pub(super) fn text(&self, folder: &str, part: Part) -> Option<String> {
        String::from_utf8(self.part(folder, part)?).ok()
    }

    /// A part of a folder.
    pub(super) fn part(&self, folder: &str, part: Part) -> Option<Vec<u8>> {
        self.read(&format!("{folder}/{}", part.name()))
    }

    /// The first file that is not as `SHA256SUMS` says, which may be that file.
    pub(super) fn first_altered(&self) -> Option<&str> {
        let told = self.read(SUMS).and_then(|it| String::from_utf8(it).ok());
        let Some(told) = told.filter(|_| self.order.last().is_some_and(|it| it == SUMS)) else {
            return Some(SUMS);
        };
        let mut lines = told.split_terminator('\n');
        for name in self.order.iter().filter(|name| *name != SUMS) {
            let Some(content) = self.read(name) else {
                return Some(name);
            };
            let line = format!("{}  {name}", hex::encode(digest(&SHA256, &content)));
            if lines.next() != Some(&line) {
                return Some(name);
            }
        }
        (lines.next().is_some() || !told.ends_with('\n')).then_some(SUMS)
    }
}

/// The files of an archive by their names, and the names in the order in which the files lie.
fn list(
    zip: &ZipSliceArchive<&[u8]>,
) -> Result<(BTreeMap<String, ZipArchiveEntryWayfinder>, Vec<String>), &'static str> {
    let (mut files, mut order) = (BTreeMap::new(), Vec::new());
    let (mut next, mut total) = (0, 0_u64);
    let mut entries = zip.entries();
    while let Some(entry) = entries.next_entry().map_err(|_| NO_ZIP)? {
        if order.len() >= MOST_FILES {
            return Err("it holds more files than packs do");
        }
        let name = known(entry.file_path().as_bytes()).ok_or(ALIEN)?;
        total = total.saturating_add(entry.uncompressed_size_hint());
        if total > MOST_BYTES {
            return Err("its files are longer than those of packs are");
        }
        let inside = zip.get_entry(entry.wayfinder()).map_err(|_| NO_ZIP)?;
        let is_next = entry.local_header_offset() == next
            && inside.local_header().file_path().as_bytes() == name.as_bytes();
        if !is_next || entry.compression_method() != CompressionMethod::DEFLATE {
            return Err(SCATTERED);
        }
        next = inside.compressed_data_range().1 + DESCRIPTOR;
        if files.insert(name.clone(), entry.wayfinder()).is_some() {
            return Err("a file stands twice in it");
        }
        order.push(name);
    }
    if next != zip.directory_offset() || zip.entries_hint() != length(&order) {
        return Err(SCATTERED);
    }
    Ok((files, order))
}

/// A name that a file in a pack may have.
fn known(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let is_known =
        [pack::FORMAT, pack::READ_ME, SUMS].contains(&name) || pack::place(name).is_some();
    is_known.then(|| name.to_owned())
}

fn length<T>(of: &[T]) -> u64 {
    u64::try_from(of.len()).unwrap_or(u64::MAX)
}

const ALIEN: &str = "a file in it has a name that no pack has";
const SCATTERED: &str = "its files do not lie one behind the other";
const NO_ZIP: &str = "it is no ZIP file, or a part of it is missing";
/// Bytes of the CRC and the lengths behind each file.
const DESCRIPTOR: u64 = 16;
/// Room for a proof of each record, and for what stands beside them.
const MOST_FILES: usize = MOST_RECORDS + 10_000;
