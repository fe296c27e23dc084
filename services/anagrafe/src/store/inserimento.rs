//! INSERT statements for one row and for many: an import of tens of thousands of rows would
//! otherwise spend its time on the way to the database and back.
//!
//! The text is made once from constants and never from data.

/// Rows that the wide statement carries.
pub const WIDTH: usize = 32;

/// An INSERT for one row, and its twin for [`WIDTH`] rows.
#[derive(Debug)]
pub struct Insert {
    one: String,
    many: String,
}

impl Insert {
    /// Makes both from a head such as `INSERT INTO persona (id, recorded_at)`.
    #[must_use]
    pub fn new(head: &str, columns: usize) -> Self {
        let row = |row: usize| {
            let places = (1..=columns).map(|column| format!("${}", row * columns + column));
            format!("({})", places.collect::<Vec<_>>().join(", "))
        };
        let values = |rows: usize| (0..rows).map(row).collect::<Vec<_>>().join(", ");
        Self {
            one: format!("{head} VALUES {}", values(1)),
            many: format!("{head} VALUES {}", values(WIDTH)),
        }
    }

    /// The statement for a slice that [`slices`] has cut.
    #[must_use]
    pub fn text(&'static self, rows: usize) -> &'static str {
        if rows == WIDTH { &self.many } else { &self.one }
    }
}

/// Cuts rows into slices of [`WIDTH`] and, for the rest, of one.
pub fn slices<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let whole = rows.chunks_exact(WIDTH);
    let rest = whole.remainder().chunks(1);
    whole.chain(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_own_places() {
        let insert = Insert::new("INSERT INTO t (a, b)", 2);

        assert_eq!(insert.one, "INSERT INTO t (a, b) VALUES ($1, $2)");
        assert!(
            insert
                .many
                .starts_with("INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)")
        );
        assert!(insert.many.ends_with("($63, $64)"));
    }

    #[test]
    fn slices_are_whole_or_single() {
        let rows: Vec<usize> = (0..70).collect();

        let lengths: Vec<usize> = slices(&rows).map(<[_]>::len).collect();

        assert_eq!(lengths, [32, 32, 1, 1, 1, 1, 1, 1]);
        assert_eq!(slices(&rows).flatten().count(), 70);
    }
}
