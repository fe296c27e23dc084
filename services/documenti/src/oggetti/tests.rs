//! Objects on disk: written once, whole, and verified when read.

use tempfile::TempDir;

use super::*;

struct Disk {
    oggetti: Oggetti,
    folder: TempDir,
}

impl Disk {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let oggetti = Oggetti::open(folder.path()).await.unwrap();
        Self { oggetti, folder }
    }

    async fn put(&self, bytes: &[u8]) -> Result<Impronta, Error> {
        let mut scrittura = self.oggetti.begin(Uuid::from_u128(1)).await?;
        scrittura.write(bytes).await?;
        let impronta = hash(bytes);
        scrittura.keep(impronta, size(bytes)).await?;
        Ok(impronta)
    }

    fn files(&self, folder: &str) -> usize {
        let entries = std::fs::read_dir(self.folder.path().join(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                if path.is_dir() {
                    std::fs::read_dir(path).unwrap().count()
                } else {
                    1
                }
            })
            .sum()
    }

    fn flip_a_byte(&self, impronta: &Impronta) {
        let path = self.oggetti.path(impronta);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] ^= 1;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
}

fn hash(bytes: &[u8]) -> Impronta {
    let mut calcolo = Calcolo::default();
    calcolo.update(bytes);
    calcolo.finish()
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap()
}

async fn all(mut lettura: Lettura) -> Result<Vec<Bytes>, Error> {
    let mut blocks = Vec::new();
    while let Some(block) = lettura.next().await? {
        blocks.push(block);
    }
    Ok(blocks)
}

#[tokio::test]
async fn what_was_written_is_read_in_blocks() {
    let disk = Disk::new().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(2 * BLOCCO + 7).collect();

    let impronta = disk.put(&bytes).await.unwrap();

    let blocks = all(disk.oggetti.read(impronta, size(&bytes)).await.unwrap())
        .await
        .unwrap();
    assert_eq!(
        blocks.iter().map(Bytes::len).collect::<Vec<_>>(),
        [BLOCCO, BLOCCO, 7]
    );
    assert_eq!(blocks.concat(), bytes);
}

#[tokio::test]
async fn same_bytes_are_stored_once_and_read_only() {
    let disk = Disk::new().await;

    let impronta = disk.put(b"delibera").await.unwrap();
    disk.put(b"delibera").await.unwrap();

    let mode = std::fs::metadata(disk.oggetti.path(&impronta))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!((disk.files("oggetti"), disk.files("tmp")), (1, 0));
    assert_eq!(mode & 0o777, 0o440);
}

#[tokio::test]
async fn flipped_byte_on_disk_is_noticed_before_the_last_block() {
    let disk = Disk::new().await;
    let bytes = vec![7; BLOCCO + 1];
    let impronta = disk.put(&bytes).await.unwrap();
    disk.flip_a_byte(&impronta);

    let mut lettura = disk.oggetti.read(impronta, size(&bytes)).await.unwrap();

    assert_eq!(lettura.next().await.unwrap().unwrap().len(), BLOCCO);
    assert!(matches!(lettura.next().await, Err(Error::Damaged(_))));
}

#[tokio::test]
async fn missing_or_shortened_bytes_are_damage() {
    let disk = Disk::new().await;
    let impronta = disk.put(b"delibera").await.unwrap();

    let shorter = disk.oggetti.read(impronta, 9).await;
    let missing = disk.oggetti.read(hash(b"determina"), 9).await;

    assert!(matches!(shorter, Err(Error::Damaged(_))));
    assert!(matches!(missing, Err(Error::Damaged(_))));
}

#[tokio::test]
async fn damaged_bytes_are_not_taken_for_the_same_document() {
    let disk = Disk::new().await;
    let impronta = disk.put(b"delibera").await.unwrap();
    disk.flip_a_byte(&impronta);

    let again = disk.put(b"delibera").await;

    assert!(matches!(again, Err(Error::Damaged(_))));
}

#[tokio::test]
async fn abandoned_bytes_leave_nothing() {
    let disk = Disk::new().await;
    let mut scrittura = disk.oggetti.begin(Uuid::nil()).await.unwrap();
    scrittura.write(b"half a deliber").await.unwrap();

    drop(scrittura);

    assert_eq!((disk.files("oggetti"), disk.files("tmp")), (0, 0));
}

#[tokio::test]
async fn start_removes_what_an_interrupted_process_left() {
    let disk = Disk::new().await;
    std::fs::write(disk.folder.path().join("tmp/stale"), b"half").unwrap();

    Oggetti::open(disk.folder.path()).await.unwrap();

    assert_eq!(disk.files("tmp"), 0);
}
