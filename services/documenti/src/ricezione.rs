//! Checks the bytes of an upload against what its heading declares, while they arrive.
//!
//! A pure state: it sees each block once and keeps none. Where blocks go is not its concern.

use crate::impronta::{Calcolo, Impronta};

/// Ways that the bytes of an upload are not the declared ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A block is empty or too large.
    #[error("block must have 1 to {MAX_BLOCCO} bytes")]
    BlockSize,
    /// All bytes came, but they are others.
    #[error("bytes do not have the declared sha256")]
    HashMismatch,
    /// More bytes came than were declared.
    #[error("more bytes came than declared")]
    SizeMismatch,
    /// The stream ended before all declared bytes had come.
    #[error("stream ended before all declared bytes")]
    Truncated,
}

/// An upload that is under way.
#[derive(Debug)]
pub struct Ricezione {
    attesa: Impronta,
    mancanti: u64,
    calcolo: Calcolo,
}

impl Ricezione {
    /// Begins to receive `dimensione` bytes that must have the hash `attesa`.
    #[must_use]
    pub fn new(attesa: Impronta, dimensione: u64) -> Self {
        Self {
            attesa,
            mancanti: dimensione,
            calcolo: Calcolo::default(),
        }
    }

    /// Takes the next block into account.
    ///
    /// # Errors
    ///
    /// [`Error::BlockSize`] and [`Error::SizeMismatch`]: the block must not be stored.
    pub fn accept(&mut self, blocco: &[u8]) -> Result<(), Error> {
        // An empty block would let a caller hold the upload open without ever moving it.
        if blocco.is_empty() || blocco.len() > MAX_BLOCCO {
            return Err(Error::BlockSize);
        }
        let size = u64::try_from(blocco.len()).map_err(|_| Error::BlockSize)?;
        self.mancanti = self.mancanti.checked_sub(size).ok_or(Error::SizeMismatch)?;
        self.calcolo.update(blocco);
        Ok(())
    }

    /// Says whether what came is what was declared.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] and [`Error::HashMismatch`].
    pub fn finish(self) -> Result<(), Error> {
        if self.mancanti > 0 {
            return Err(Error::Truncated);
        }
        if self.calcolo.finish() != self.attesa {
            return Err(Error::HashMismatch);
        }
        Ok(())
    }
}

/// Largest block of an upload, in bytes.
pub const MAX_BLOCCO: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn ricezione(bytes: &[u8]) -> Ricezione {
        let mut calcolo = Calcolo::default();
        calcolo.update(bytes);
        Ricezione::new(calcolo.finish(), u64::try_from(bytes.len()).unwrap())
    }

    #[test]
    fn declared_bytes_are_accepted_in_any_blocks() {
        let mut upload = ricezione(b"delibera");

        upload.accept(b"deli").unwrap();
        upload.accept(b"bera").unwrap();

        assert_eq!(upload.finish(), Ok(()));
    }

    #[test]
    fn other_bytes_of_the_same_size_are_refused() {
        let mut upload = ricezione(b"delibera");

        upload.accept(b"delibere").unwrap();

        assert_eq!(upload.finish(), Err(Error::HashMismatch));
    }

    #[test]
    fn one_byte_too_many_is_refused_at_once() {
        let mut upload = ricezione(b"delibera");

        assert_eq!(upload.accept(b"delibera!"), Err(Error::SizeMismatch));
    }

    #[test]
    fn missing_bytes_are_a_truncated_upload() {
        let mut upload = ricezione(b"delibera");

        upload.accept(b"delib").unwrap();

        assert_eq!(upload.finish(), Err(Error::Truncated));
    }

    #[test]
    fn block_is_neither_empty_nor_above_one_mebibyte() {
        let mut upload = ricezione(&vec![0; 2 * MAX_BLOCCO]);

        assert_eq!(upload.accept(b""), Err(Error::BlockSize));
        assert_eq!(
            upload.accept(&vec![0; MAX_BLOCCO + 1]),
            Err(Error::BlockSize)
        );
        assert_eq!(upload.accept(&vec![0; MAX_BLOCCO]), Ok(()));
    }
}
