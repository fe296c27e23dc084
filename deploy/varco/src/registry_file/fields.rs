//! The fields of one table of a registry file, taken one by one; problems are kept with lines.
//!
//! Taking a field never fails: what is missing or of the wrong kind leaves a problem and an empty
//! value, and the document is thrown away at the end if any problem is left. A field that nobody
//! took is unknown and refused.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file as a whole: its text, its folder and what is wrong with it.
pub struct Source<'a> {
    text: &'a str,
    folder: &'a Path,
    problems: RefCell<Vec<(usize, String)>>,
}

/// One table and which of its fields have been taken.
pub struct Fields<'a> {
    source: &'a Source<'a>,
    table: &'a DeTable<'a>,
    place: Range<usize>,
    name: String,
    known: BTreeSet<&'static str>,
}

impl<'a> Source<'a> {
    /// Takes the text; paths in it start from `folder`.
    pub fn new(text: &'a str, folder: &'a Path) -> Self {
        let problems = RefCell::default();
        Self {
            text,
            folder,
            problems,
        }
    }

    /// Keeps a problem with the line on which its place begins.
    pub fn problem(&self, place: Range<usize>, what: impl Into<String>) {
        let before = self.text.get(..place.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        self.problems.borrow_mut().push((line, what.into()));
    }

    /// The value when nothing is wrong, else every problem in the order of lines.
    pub fn into_result<T>(self, value: T) -> Result<T, Vec<String>> {
        let mut problems = self.problems.into_inner();
        if problems.is_empty() {
            return Ok(value);
        }
        problems.sort();
        let told = problems.into_iter();
        Err(told
            .map(|(line, what)| format!("line {line}: {what}"))
            .collect())
    }
}

impl<'a> Fields<'a> {
    /// The fields of the whole file.
    pub fn root(table: &'a Spanned<DeTable<'a>>, source: &'a Source<'a>) -> Self {
        Self::of(table.get_ref(), table.span(), String::new(), source)
    }

    fn of(
        table: &'a DeTable<'a>,
        place: Range<usize>,
        name: String,
        source: &'a Source<'a>,
    ) -> Self {
        let known = BTreeSet::new();
        Self {
            source,
            table,
            place,
            name,
            known,
        }
    }

    /// Takes an array of tables that may be absent, each read by `read`.
    pub fn entries<T>(&mut self, key: &'static str, read: fn(&mut Fields<'a>) -> T) -> Vec<T> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let Some(entries) = value.get_ref().as_array() else {
            self.wrong(value.span(), key, "must be an array of tables, [[…]]");
            return Vec::new();
        };
        let mut read_one = |entry: &'a Spanned<DeValue<'a>>| {
            let table = entry.get_ref().as_table();
            let name = self.path(key);
            let mut fields = Fields::of(table?, entry.span(), name, self.source);
            let value = read(&mut fields);
            fields.refuse_unknown();
            Some(value)
        };
        let read: Vec<T> = entries.iter().filter_map(&mut read_one).collect();
        if read.len() != entries.len() {
            self.wrong(value.span(), key, "must hold tables only");
        }
        read
    }

    /// Takes a table that may be absent.
    pub fn table<T>(&mut self, key: &'static str, read: fn(&mut Fields<'a>) -> T) -> Option<T> {
        let value = self.take(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(value.span(), key, "must be a table");
            return None;
        };
        let mut fields = Fields::of(table, value.span(), self.path(key), self.source);
        let read = read(&mut fields);
        fields.refuse_unknown();
        Some(read)
    }

    /// Takes a table that must be there.
    pub fn required_table<T>(
        &mut self,
        key: &'static str,
        read: fn(&mut Fields<'a>) -> T,
    ) -> Option<T> {
        self.require(key);
        self.table(key, read)
    }

    /// Takes a text that must be there.
    pub fn text(&mut self, key: &'static str) -> String {
        self.require(key);
        self.optional_text(key).unwrap_or_default()
    }

    /// Takes a text that may be absent.
    pub fn optional_text(&mut self, key: &'static str) -> Option<String> {
        let value = self.take(key)?;
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => return Some(text.to_owned()),
            Some(_) => self.wrong(value.span(), key, "is empty"),
            None => self.wrong(value.span(), key, "must be a text"),
        }
        None
    }

    /// Takes a text that must be one of a few.
    pub fn choice(&mut self, key: &'static str, choices: &[&str]) -> String {
        let text = self.text(key);
        if !text.is_empty() && !choices.contains(&text.as_str()) {
            let place = self.place_of(key);
            self.wrong(
                place,
                key,
                &format!("must be one of {}", choices.join(", ")),
            );
        }
        text
    }

    /// Takes a list of texts that must be there and hold something.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        self.require(key);
        self.optional_texts(key)
    }

    /// Takes a list of texts that may be absent, but not empty.
    pub fn optional_texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let items = value.get_ref().as_array().map_or(&[][..], AsRef::as_ref);
        let text = |item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
        let texts: Vec<String> = items.iter().filter_map(text).collect();
        if texts.is_empty() || texts.len() != items.len() {
            self.wrong(value.span(), key, "must be a list of texts, at least one");
        }
        texts
    }

    /// Takes a whole number of at least one that must be there.
    pub fn number(&mut self, key: &'static str) -> u64 {
        self.require(key);
        let Some(value) = self.take(key) else {
            return 0;
        };
        let number = value.get_ref().as_integer();
        let number = number.and_then(|it| u64::from_str_radix(it.as_str(), it.radix()).ok());
        number.filter(|number| *number > 0).unwrap_or_else(|| {
            self.wrong(value.span(), key, "must be a whole number above zero");
            0
        })
    }

    /// Takes a whole number of at least one and at most 2³² − 1 that must be there.
    pub fn small_number(&mut self, key: &'static str) -> u32 {
        let number = self.number(key);
        u32::try_from(number).unwrap_or_else(|_| {
            self.wrong(self.place_of(key), key, "is too large");
            0
        })
    }

    /// Takes a yes or no that is no when absent.
    pub fn flag(&mut self, key: &'static str) -> bool {
        let Some(value) = self.take(key) else {
            return false;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(value.span(), key, "must be true or false");
            false
        })
    }

    /// Reads a file that a field names.
    pub fn file(&self, key: &'static str, name: &str) -> Option<Vec<u8>> {
        let path: PathBuf = self.source.folder.join(name);
        std::fs::read(&path)
            .inspect_err(|error| {
                let what = format!("names {}, which cannot be read ({error})", path.display());
                self.wrong(self.place_of(key), key, &what);
            })
            .ok()
    }

    /// Keeps a problem of a field.
    pub fn problem(&self, key: &'static str, what: &str) {
        self.wrong(self.place_of(key), key, what);
    }

    /// Refuses what nobody took.
    pub fn refuse_unknown(&self) {
        for (key, _) in self.table {
            if !self.known.contains(key.get_ref().as_ref()) {
                self.wrong(key.span(), key.get_ref(), "is unknown");
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.insert(key);
        self.table.get(key)
    }

    fn require(&self, key: &'static str) {
        if !self.table.contains_key(key) {
            self.wrong(self.place.clone(), key, "is missing");
        }
    }

    fn place_of(&self, key: &str) -> Range<usize> {
        self.table
            .get(key)
            .map_or_else(|| self.place.clone(), Spanned::span)
    }

    fn wrong(&self, place: Range<usize>, key: &str, what: &str) {
        self.source
            .problem(place, format!("{} {what}", self.path(key)));
    }

    fn path(&self, key: &str) -> String {
        match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        }
    }
}
