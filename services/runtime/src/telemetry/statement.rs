//! What a statement does to which table, read off its text, which holds no values.
//!
//! Texts are static (`$1` stands for each value), so a reading that is wrong could at most name the
//! wrong table. It is no parser: it knows the shapes of statements that this tree writes.

/// A statement in two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Its verb, such as `SELECT`.
    pub operation: &'static str,
    /// The first table that it names.
    pub collection: Option<&'a str>,
}

impl<'a> Statement<'a> {
    /// Reads a statement.
    #[must_use]
    pub fn of(sql: &'a str) -> Self {
        let mut words = words(sql).skip_while(|word| !is_verb(word));
        let verb = words.next().unwrap_or_default();
        let operation = VERBS.iter().find(|it| it.eq_ignore_ascii_case(verb));
        let operation = operation.copied().unwrap_or("OTHER");
        let collection = match operation {
            "UPDATE" => words.next(),
            "COMMIT" | "BEGIN" | "OTHER" => None,
            _ => {
                let place = |word: &&str| {
                    ["FROM", "INTO"]
                        .iter()
                        .any(|it| it.eq_ignore_ascii_case(word))
                };
                words.skip_while(|word| !place(word)).nth(1)
            }
        };
        Self {
            operation,
            collection,
        }
    }
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    let between = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';');
    sql.split(between).filter(|word| !word.is_empty())
}

fn is_verb(word: &str) -> bool {
    VERBS.iter().any(|verb| verb.eq_ignore_ascii_case(word))
}

const VERBS: [&str; 6] = ["SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_is_told_by_its_verb_and_its_table() {
        for (sql, operation, collection) in [
            (
                "SELECT id, nome FROM persona WHERE id = $1",
                "SELECT",
                Some("persona"),
            ),
            ("select count(*)\nfrom atto", "SELECT", Some("atto")),
            (
                "INSERT INTO persona (id, nome) VALUES ($1, $2)",
                "INSERT",
                Some("persona"),
            ),
            (
                "INSERT INTO chiave(id) VALUES ($1)",
                "INSERT",
                Some("chiave"),
            ),
            (
                "UPDATE contatore SET ultimo = ultimo + 1 RETURNING ultimo",
                "UPDATE",
                Some("contatore"),
            ),
            (
                "DELETE FROM spent WHERE until < $1",
                "DELETE",
                Some("spent"),
            ),
            (
                "WITH di AS (SELECT 1 FROM famiglia) SELECT * FROM di",
                "SELECT",
                Some("famiglia"),
            ),
            ("PRAGMA quick_check(1)", "OTHER", None),
            ("SELECT 1", "SELECT", None),
            ("COMMIT", "COMMIT", None),
            ("", "OTHER", None),
        ] {
            let told = Statement::of(sql);

            assert_eq!(
                (told.operation, told.collection),
                (operation, collection),
                "{sql}"
            );
        }
    }
}
