//! The board's own copies of the documents, readable by anyone while they are on the board.
//!
//! Each publication has a file of its own, named by the content's SHA-256 and the publication's
//! key: whoever has the file can check it, and removing one never takes away another's. A copy
//! becomes visible whole or not at all: it is written aside, synced, renamed, and the folder synced.
//! A copy that comes to nothing removes itself.
//!
//! Which copies are public is decided by the database, not by the folder.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use crate::impronta::{Calcolo, Impronta};
use crate::pubblicazione::Chiave;

/// The folder of public copies.
#[derive(Clone, Debug)]
pub struct Archivio {
    folder: PathBuf,
}

/// A copy that is being received.
#[derive(Debug)]
pub struct Bozza {
    file: File,
    aside: Aside,
    calcolo: Calcolo,
    dimensione: u64,
}

/// A copy that was received whole and is not kept yet.
#[derive(Debug)]
pub struct Ricevuta {
    aside: Aside,
    /// SHA-256 of the bytes that arrived.
    pub impronta: Impronta,
    /// How many they were.
    pub dimensione: u64,
}

/// A file that stands aside until it is renamed; whatever stays there is removed.
#[derive(Debug)]
struct Aside(PathBuf);

impl Archivio {
    /// Opens the folder of public copies and keeps only those of publications on the board.
    ///
    /// Whatever a crash left behind goes: it is nobody's copy.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, read or cleared.
    pub async fn open(folder: &Path, in_corso: &[(Chiave, Impronta)]) -> io::Result<Self> {
        let archivio = Self {
            folder: folder.join("copie"),
        };
        let wanted: HashSet<PathBuf> = in_corso
            .iter()
            .map(|(chiave, impronta)| archivio.path(*chiave, *impronta))
            .collect();
        fs::create_dir_all(&archivio.folder).await?;
        let mut entries = fs::read_dir(&archivio.folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            if !wanted.contains(&entry.path()) {
                fs::remove_file(entry.path()).await?;
            }
        }
        Ok(archivio)
    }

    /// Begins to receive the copy of a publication.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub async fn begin(&self, chiave: Chiave) -> io::Result<Bozza> {
        let aside = Aside(self.folder.join(format!("{chiave}.parte")));
        let file = File::options()
            .write(true)
            .create_new(true)
            .open(&aside.0)
            .await?;
        Ok(Bozza {
            file,
            aside,
            calcolo: Calcolo::default(),
            dimensione: 0,
        })
    }

    /// Keeps a received copy under its name, durably.
    ///
    /// # Errors
    ///
    /// When the file system fails; then the copy may or may not stand there.
    pub async fn keep(&self, ricevuta: Ricevuta, chiave: Chiave) -> io::Result<()> {
        fs::rename(&ricevuta.aside.0, self.path(chiave, ricevuta.impronta)).await?;
        // A rename is durable only when the folder is (POSIX, fsync).
        File::open(&self.folder).await?.sync_all().await
    }

    /// Opens a copy to read it.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub async fn read(&self, chiave: Chiave, impronta: Impronta) -> io::Result<File> {
        File::open(self.path(chiave, impronta)).await
    }

    /// Deletes a copy; one that is gone already is no error.
    ///
    /// # Errors
    ///
    /// When the file system fails.
    pub async fn remove(&self, chiave: Chiave, impronta: Impronta) -> io::Result<()> {
        match fs::remove_file(self.path(chiave, impronta)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    fn path(&self, chiave: Chiave, impronta: Impronta) -> PathBuf {
        self.folder.join(format!("{impronta}.{chiave}"))
    }
}

impl Bozza {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub async fn write(&mut self, block: &[u8]) -> io::Result<()> {
        self.calcolo.update(block);
        self.dimensione += block.len() as u64;
        self.file.write_all(block).await
    }

    /// How many bytes were taken so far.
    #[must_use]
    pub fn dimensione(&self) -> u64 {
        self.dimensione
    }

    /// Ends the copy and makes its bytes durable.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub async fn finish(mut self) -> io::Result<Ricevuta> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let Self {
            aside,
            calcolo,
            dimensione,
            ..
        } = self;
        Ok(Ricevuta {
            aside,
            impronta: calcolo.finish(),
            dimensione,
        })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // After a rename nothing stands here; a file that cannot be removed goes at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn kept_copy_reads_back_and_is_named_by_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let archivio = Archivio::open(folder.path(), &[]).await.unwrap();
        let chiave = Chiave::random().unwrap();
        let ricevuta = receive(&archivio, chiave).await;
        let impronta = ricevuta.impronta;

        archivio.keep(ricevuta, chiave).await.unwrap();

        let mut text = String::new();
        let mut file = archivio.read(chiave, impronta).await.unwrap();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "abc");
        assert!(
            folder
                .path()
                .join(format!("copie/{impronta}.{chiave}"))
                .exists()
        );
    }

    #[tokio::test]
    async fn removing_one_copy_leaves_another_of_the_same_document() {
        let folder = tempfile::tempdir().unwrap();
        let archivio = Archivio::open(folder.path(), &[]).await.unwrap();
        let (first, second) = (Chiave::random().unwrap(), Chiave::random().unwrap());
        let impronta = receive_and_keep(&archivio, first).await;
        receive_and_keep(&archivio, second).await;

        archivio.remove(first, impronta).await.unwrap();
        archivio.remove(first, impronta).await.unwrap();

        assert!(archivio.read(first, impronta).await.is_err());
        assert!(archivio.read(second, impronta).await.is_ok());
    }

    #[tokio::test]
    async fn copy_that_comes_to_nothing_removes_itself() {
        let folder = tempfile::tempdir().unwrap();
        let archivio = Archivio::open(folder.path(), &[]).await.unwrap();

        drop(archivio.begin(Chiave::random().unwrap()).await.unwrap());
        drop(receive(&archivio, Chiave::random().unwrap()).await);

        assert_eq!(
            std::fs::read_dir(folder.path().join("copie"))
                .unwrap()
                .count(),
            0
        );
    }

    #[tokio::test]
    async fn restart_keeps_only_what_is_on_the_board() {
        let folder = tempfile::tempdir().unwrap();
        let archivio = Archivio::open(folder.path(), &[]).await.unwrap();
        let (live, expired) = (Chiave::random().unwrap(), Chiave::random().unwrap());
        let impronta = receive_and_keep(&archivio, live).await;
        receive_and_keep(&archivio, expired).await;
        std::fs::write(folder.path().join("copie/rest.parte"), b"x").unwrap();

        let archivio = Archivio::open(folder.path(), &[(live, impronta)])
            .await
            .unwrap();

        assert!(archivio.read(live, impronta).await.is_ok());
        assert_eq!(
            std::fs::read_dir(folder.path().join("copie"))
                .unwrap()
                .count(),
            1
        );
    }

    async fn receive(archivio: &Archivio, chiave: Chiave) -> Ricevuta {
        let mut bozza = archivio.begin(chiave).await.unwrap();
        bozza.write(b"ab").await.unwrap();
        bozza.write(b"c").await.unwrap();
        bozza.finish().await.unwrap()
    }

    async fn receive_and_keep(archivio: &Archivio, chiave: Chiave) -> Impronta {
        let ricevuta = receive(archivio, chiave).await;
        let impronta = ricevuta.impronta;
        archivio.keep(ricevuta, chiave).await.unwrap();
        impronta
    }
}
