//! A ZIP file that is written front to back, with the digest of every file in its last one.

use std::fmt::Write as _;
use std::io::{self, Write};

use aws_lc_rs::digest::{SHA256, digest};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::Error;
use crate::audit::pack::{self, MOST_BYTES, MOST_PACKED, Part, SUMS};

/// A pack that is being written.
pub(super) struct Archive<W> {
    zip: ZipArchiveWriter<W>,
    sums: String,
    bytes: u64,
}

impl<W: Write> Archive<W> {
    /// Begins one.
    pub(super) fn new(to: W) -> Self {
        Self {
            zip: ZipArchiveWriter::new(to),
            sums: String::new(),
            bytes: 0,
        }
    }

    /// Adds a file.
    ///
    /// # Errors
    ///
    /// `TooLarge` when the pack would be longer than packs may be.
    pub(super) fn put(&mut self, name: &str, content: &[u8]) -> Result<(), Error> {
        let digest = digest(&SHA256, content);
        let _ = writeln!(self.sums, "{}  {name}", hex::encode(digest));
        self.add(name, content)
    }

    /// Adds a file to the folder of a log.
    ///
    /// # Errors
    ///
    /// As `put`.
    pub(super) fn put_part(
        &mut self,
        origin: &str,
        part: Part,
        content: &[u8],
    ) -> Result<(), Error> {
        let folder = pack::folder(origin);
        self.put(&format!("{folder}/{}", part.name()), content)
    }

    /// Adds the digests and ends the file.
    pub(super) fn finish(mut self) -> Result<W, Error> {
        let sums = std::mem::take(&mut self.sums);
        self.add(SUMS, sums.as_bytes())?;
        self.zip.finish().map_err(failed)
    }

    fn add(&mut self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.bytes += u64::try_from(content.len()).unwrap_or(u64::MAX);
        if self.bytes > MOST_BYTES || self.zip.stream_offset() > MOST_PACKED {
            return Err(Error::TooLarge);
        }
        let file = self.zip.new_file(name);
        let file = file.compression_method(CompressionMethod::DEFLATE);
        let (mut file, config) = file.start().map_err(failed)?;
        let mut writer = config.wrap(DeflateEncoder::new(&mut file, Compression::default()));
        writer.write_all(content).map_err(Error::Write)?;
        let (encoder, written) = writer.finish().map_err(failed)?;
        encoder.finish().map_err(Error::Write)?;
        file.finish(written).map_err(failed)?;
        Ok(())
    }
}

fn failed(error: rawzip::Error) -> Error {
    Error::Write(io::Error::other(error))
}
