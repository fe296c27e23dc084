//! Lines of TOML: keys with their values, left out where they say nothing.

use std::fmt::Write as _;

use toml::Value;

use super::super::time::{self, Edge};

/// A text that grows by lines.
pub struct Text {
    lines: String,
}

/// A table in one line.
#[derive(Default)]
pub struct Inline {
    fields: Vec<String>,
}

impl Text {
    /// Begins with a heading.
    pub fn new(heading: &str) -> Self {
        let lines = heading.to_owned();
        Self { lines }
    }

    /// Begins an entry, after an empty line.
    pub fn entry(&mut self, name: &str) {
        let _ = write!(self.lines, "\n[[{name}]]\n");
    }

    /// Begins a part of the entry.
    pub fn part(&mut self, name: &str) {
        let _ = writeln!(self.lines, "[[{name}]]");
    }

    /// Writes a text, unless it is empty.
    pub fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.line(key, &quoted(text));
        }
    }

    /// Writes a number, unless it is zero.
    pub fn number(&mut self, key: &str, number: u64) {
        if number > 0 {
            self.line(key, &number.to_string());
        }
    }

    /// Writes a flag, unless it is down.
    pub fn flag(&mut self, key: &str, flag: bool) {
        if flag {
            self.line(key, "true");
        }
    }

    /// Writes a moment, unless it is zero.
    pub fn moment(&mut self, key: &str, seconds: i64, edge: Edge) {
        if let Some(moment) = told(seconds, edge) {
            self.line(key, &moment);
        }
    }

    /// Writes a list of texts.
    pub fn texts(&mut self, key: &str, texts: &[String]) {
        self.items(key, &quoted_all(texts));
    }

    /// Writes a list of texts, unless it is empty.
    pub fn some_texts(&mut self, key: &str, texts: &[String]) {
        self.some_items(key, &quoted_all(texts));
    }

    /// Writes a list of values, unless it is empty.
    pub fn some_items(&mut self, key: &str, items: &[String]) {
        if !items.is_empty() {
            self.items(key, items);
        }
    }

    /// Writes a list of values: in one line where it is short, else a line each.
    pub fn items(&mut self, key: &str, items: &[String]) {
        let short = list(items);
        if key.len() + short.len() <= WIDTH {
            self.line(key, &short);
            return;
        }
        let lines = items.iter().map(|item| format!("    {item},\n"));
        self.line(key, &format!("[\n{}]", lines.collect::<String>()));
    }

    /// Writes a table in one line.
    pub fn table(&mut self, key: &str, table: Inline) {
        self.line(key, &table.into_string());
    }

    /// The whole text.
    pub fn into_string(self) -> String {
        self.lines
    }

    fn line(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.lines, "{key} = {value}");
    }
}

impl Inline {
    /// Adds a text, unless it is empty.
    pub fn text(self, key: &str, text: &str) -> Self {
        self.some(key, (!text.is_empty()).then(|| quoted(text)))
    }

    /// Adds a list of texts, unless it is empty.
    pub fn texts(self, key: &str, texts: &[String]) -> Self {
        self.some(key, (!texts.is_empty()).then(|| list(&quoted_all(texts))))
    }

    /// Adds a number, unless it is zero.
    pub fn number(self, key: &str, number: u64) -> Self {
        self.some(key, (number > 0).then(|| number.to_string()))
    }

    /// Adds a flag, unless it is down.
    pub fn flag(self, key: &str, flag: bool) -> Self {
        self.some(key, flag.then(|| "true".to_owned()))
    }

    /// Adds a moment, unless it is zero.
    pub fn moment(self, key: &str, seconds: i64, edge: Edge) -> Self {
        self.some(key, told(seconds, edge))
    }

    /// The table.
    pub fn into_string(self) -> String {
        format!("{{ {} }}", self.fields.join(", "))
    }

    fn some(mut self, key: &str, value: Option<String>) -> Self {
        self.fields
            .extend(value.map(|value| format!("{key} = {value}")));
        self
    }
}

/// A text between quotes.
pub fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// Texts between quotes.
pub fn quoted_all(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| quoted(text)).collect()
}

/// A list in one line.
pub fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

fn told(seconds: i64, edge: Edge) -> Option<String> {
    let moment = (seconds != 0).then_some(seconds)?;
    time::written(moment, edge)
}

/// Longest list that stays in one line.
const WIDTH: usize = 96;
