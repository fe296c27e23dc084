//! The fields of one table of a registry file, taken one by one; problems are kept with lines.
//!
//! Taking a field never fails: what is missing or of the wrong kind leaves a problem and an empty
//! value, and nothing is applied in the end if any problem is left. A field that nobody took is
//! unknown and refused. What is asked for is also what the schema for editors says, so that the
//! two cannot differ.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use varco_proto::registry::v1::Kind;

use super::Mode;
use super::schema::{Property, Shape};
use super::source::{Source, Subject};
use super::time::{self, Edge};

mod list;

/// Whether a field must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It may be left out.
    Optional,
    /// It must be there.
    Required,
}

/// One table and which of its fields have been taken.
pub struct Fields<'a> {
    source: &'a Source<'a>,
    table: &'a DeTable<'a>,
    place: Range<usize>,
    subject: Subject,
    /// The way from the entry to this table, such as `upstream`; empty for the entry itself.
    within: String,
    /// The way from the file to this table, such as `eservice.descriptor.upstream`.
    path: String,
    known: BTreeSet<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of the whole file.
    pub fn root(table: &'a Spanned<DeTable<'a>>, source: &'a Source<'a>) -> Self {
        let subject = Subject {
            kind: Kind::Unspecified,
            name: String::new(),
        };
        Self {
            source,
            table: table.get_ref(),
            place: table.span(),
            subject,
            within: String::new(),
            path: String::new(),
            known: BTreeSet::new(),
        }
    }

    /// Whether the file is to make one entry of this kind, in something that exists.
    pub fn makes(&self, kind: Kind) -> bool {
        self.source.mode() == Mode::One(kind)
    }

    /// Takes an array of tables that may be absent, each an entry of a kind.
    pub fn entries<T>(
        &mut self,
        key: &'static str,
        kind: Kind,
        read: fn(&mut Fields<'a>) -> T,
    ) -> Vec<T> {
        self.entries_if(key, Need::Optional, (kind, read))
    }

    /// Takes an array of tables, each an entry of a kind.
    pub fn entries_if<T>(
        &mut self,
        key: &'static str,
        need: Need,
        (kind, read): (Kind, fn(&mut Fields<'a>) -> T),
    ) -> Vec<T> {
        self.ask(key, Shape::Tables, need);
        if self.source.properties().is_some() {
            self.nested(key, self.table, self.place.clone(), read);
        }
        let parent = self.subject.clone();
        let read_one = |fields: &Fields<'a>, table: &'a DeTable<'a>, place: Range<usize>| {
            let subject = Subject {
                kind,
                name: full_name(kind, table, &parent),
            };
            fields.source.place(&place, &subject, "");
            let mut fields = fields.child(key, table, place);
            (fields.subject, fields.within) = (subject, String::new());
            let value = read(&mut fields);
            fields.refuse_unknown();
            value
        };
        self.tables(key, "must be an array of tables, [[…]]", read_one)
    }

    /// Takes a table that may be absent.
    pub fn table<T>(&mut self, key: &'static str, read: fn(&mut Fields<'a>) -> T) -> Option<T> {
        self.table_if(key, Need::Optional, read)
    }

    /// Takes a table that must be there.
    pub fn required_table<T>(
        &mut self,
        key: &'static str,
        read: fn(&mut Fields<'a>) -> T,
    ) -> Option<T> {
        self.table_if(key, Need::Required, read)
    }

    fn table_if<T>(
        &mut self,
        key: &'static str,
        need: Need,
        read: fn(&mut Fields<'a>) -> T,
    ) -> Option<T> {
        self.ask(key, Shape::Table, need);
        if self.source.properties().is_some() {
            self.nested(key, self.table, self.place.clone(), read);
        }
        let value = self.take(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(&value.span(), key, "must be a table");
            return None;
        };
        Some(self.nested(key, table, value.span(), read))
    }

    /// Takes a text that must be there.
    pub fn text(&mut self, key: &'static str) -> String {
        self.text_if(key, Shape::Text, Need::Required)
            .unwrap_or_default()
    }

    /// Takes a text that may be absent.
    pub fn optional_text(&mut self, key: &'static str) -> Option<String> {
        self.text_if(key, Shape::Text, Need::Optional)
    }

    /// Takes a text that must be one of a few.
    pub fn choice(&mut self, key: &'static str, choices: &'static [&'static str]) -> String {
        let text = self.text_if(key, Shape::Choice(choices), Need::Required);
        self.one_of(key, choices, text)
    }

    /// Takes a text that may be absent, but must be one of a few.
    pub fn optional_choice(
        &mut self,
        key: &'static str,
        choices: &'static [&'static str],
    ) -> String {
        let text = self.text_if(key, Shape::Choice(choices), Need::Optional);
        self.one_of(key, choices, text)
    }

    /// Takes a whole number of at least one that must be there.
    pub fn number(&mut self, key: &'static str) -> u64 {
        self.number_if(key, Need::Required, u64::MAX)
    }

    /// Takes a whole number of at least one that may be absent, and is then zero.
    pub fn optional_number(&mut self, key: &'static str) -> u64 {
        self.number_if(key, Need::Optional, u64::MAX)
    }

    /// Takes a whole number of at least one and at most 2³² − 1 that must be there.
    pub fn small_number(&mut self, key: &'static str) -> u32 {
        let number = self.number_if(key, Need::Required, u32::MAX.into());
        u32::try_from(number).unwrap_or_default()
    }

    /// Takes such a number that may be absent, and is then zero.
    pub fn optional_small_number(&mut self, key: &'static str) -> u32 {
        let number = self.number_if(key, Need::Optional, u32::MAX.into());
        u32::try_from(number).unwrap_or_default()
    }

    /// Takes a yes or no that is no when absent.
    pub fn flag(&mut self, key: &'static str) -> bool {
        self.ask(key, Shape::Flag, Need::Optional);
        let Some(value) = self.take(key) else {
            return false;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(&value.span(), key, "must be true or false");
            false
        })
    }

    /// Takes a moment that may be absent, in Unix seconds; zero when it is.
    pub fn moment(&mut self, key: &'static str, edge: Edge) -> i64 {
        self.ask(key, Shape::Moment, Need::Optional);
        let Some(value) = self.take(key) else {
            return 0;
        };
        let text = match value.get_ref() {
            DeValue::Datetime(moment) => moment.to_string(),
            DeValue::String(text) => text.clone().into_owned(),
            _ => String::new(),
        };
        time::parse(&text, edge).unwrap_or_else(|| {
            let what = "must be a date such as 2027-01-01, or an instant with its offset";
            self.wrong(&value.span(), key, what);
            0
        })
    }

    /// Reads a file that a field names.
    pub fn file(&self, key: &'static str, name: &str) -> Option<Vec<u8>> {
        let path: PathBuf = self.source.folder().join(name);
        std::fs::read(&path)
            .inspect_err(|error| {
                let what = format!("names {}, which cannot be read ({error})", path.display());
                self.problem(key, &what);
            })
            .ok()
    }

    /// Keeps a problem of a field.
    pub fn problem(&self, key: &'static str, what: &str) {
        self.wrong(&self.place_of(key), key, what);
    }

    /// Keeps a problem that stands somewhere in this table, such as one of syntax.
    pub fn problem_at(&self, place: &Range<usize>, what: &str) {
        self.wrong(place, "", what);
    }

    /// Keeps where an entry stands that is written as a mere field of another.
    pub fn place_entry(&self, key: &'static str, kind: Kind, name: &str) {
        let name = name.to_owned();
        let place = self.place_of(key);
        self.source.place(&place, &Subject { kind, name }, "");
    }

    /// Refuses what nobody took.
    pub fn refuse_unknown(&self) {
        for (key, _) in self.table {
            if !self.known.contains(key.get_ref().as_ref()) {
                self.wrong(&key.span(), key.get_ref(), "is unknown");
            }
        }
    }

    fn text_if(&mut self, key: &'static str, shape: Shape, need: Need) -> Option<String> {
        self.ask(key, shape, need);
        let value = self.take(key)?;
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => return Some(text.to_owned()),
            Some(_) => self.wrong(&value.span(), key, "is empty"),
            None => self.wrong(&value.span(), key, "must be a text"),
        }
        None
    }

    fn one_of(&self, key: &'static str, choices: &[&str], text: Option<String>) -> String {
        let text = text.unwrap_or_default();
        if !text.is_empty() && !choices.contains(&text.as_str()) {
            self.problem(key, &format!("must be one of {}", choices.join(", ")));
        }
        text
    }

    fn number_if(&mut self, key: &'static str, need: Need, most: u64) -> u64 {
        self.ask(key, Shape::Number, need);
        let Some(value) = self.take(key) else {
            return 0;
        };
        let number = value.get_ref().as_integer();
        let number = number.and_then(|it| u64::from_str_radix(it.as_str(), it.radix()).ok());
        let what = match number {
            Some(number) if number > most => "is too large",
            Some(number) if number > 0 => return number,
            _ => "must be a whole number above zero",
        };
        self.wrong(&value.span(), key, what);
        0
    }

    fn nested<T>(
        &self,
        key: &str,
        table: &'a DeTable<'a>,
        place: Range<usize>,
        read: impl Fn(&mut Fields<'a>) -> T,
    ) -> T {
        let mut fields = self.child(key, table, place);
        let value = read(&mut fields);
        fields.refuse_unknown();
        value
    }

    fn child(&self, key: &str, table: &'a DeTable<'a>, place: Range<usize>) -> Self {
        Self {
            source: self.source,
            table,
            place,
            subject: self.subject.clone(),
            within: dotted(&self.within, key),
            path: dotted(&self.path, key),
            known: BTreeSet::new(),
        }
    }

    /// Notes for the schema that a field is asked for; a missing one that is required is wrong.
    fn ask(&self, key: &'static str, shape: Shape, need: Need) {
        if let Some(properties) = self.source.properties() {
            let path = dotted(&self.path, key);
            properties.borrow_mut().push(Property {
                path,
                shape,
                required: need == Need::Required,
            });
        } else if need == Need::Required && !self.table.contains_key(key) {
            self.wrong(&self.place, key, "is missing");
        }
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.insert(key);
        let value = self.table.get(key)?;
        let field = dotted(&self.within, key);
        self.source.place(&value.span(), &self.subject, &field);
        Some(value)
    }

    fn place_of(&self, key: &str) -> Range<usize> {
        self.table
            .get(key)
            .map_or_else(|| self.place.clone(), Spanned::span)
    }

    fn wrong(&self, place: &Range<usize>, key: &str, what: &str) {
        let field = dotted(&self.within, key);
        self.source.problem(place, &self.subject, &field, what);
    }
}

/// What the registry calls an entry; a part that is missing is empty there, too.
fn full_name(kind: Kind, table: &DeTable<'_>, parent: &Subject) -> String {
    let value = |key: &str| table.get(key).map(Spanned::get_ref);
    let text = |key: &str| value(key).and_then(DeValue::as_str).unwrap_or_default();
    match kind {
        Kind::Agreement => format!("{}/{}", text("consumer"), text("eservice")),
        Kind::Descriptor => {
            let version = value("version").and_then(DeValue::as_integer);
            let version = version.map_or("0", |it| it.as_str());
            format!("{}/{version}", parent.name)
        }
        Kind::Purpose => format!("{}/{}", text("consumer"), text("name")),
        _ => text("name").to_owned(),
    }
}

fn dotted(before: &str, key: &str) -> String {
    match (before, key) {
        ("", key) => key.to_owned(),
        (before, "") => before.to_owned(),
        (before, key) => format!("{before}.{key}"),
    }
}
