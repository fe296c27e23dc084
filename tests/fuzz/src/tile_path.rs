//! What must hold of any bytes that come as the path of a tile.

use varco_tlog::tile::TileId;

/// Reads a path: it has one spelling, and leads nowhere but below `tile/`.
///
/// # Panics
///
/// When that does not hold.
pub fn holds(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(id) = TileId::parse(path) else {
        return;
    };
    assert_eq!(id.path(), path);
    assert!((1..=256).contains(&id.width) && id.level <= 63);
    assert!(path.starts_with("tile/") && !path.contains("..") && !path.contains("//"));
}
