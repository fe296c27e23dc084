//! Fields that hold lists: of texts, of groups of texts, of files, of tables.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::schema::Shape;
use super::{Fields, Need};

impl<'a> Fields<'a> {
    /// Takes a list of texts that must be there and hold something.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        let texts = self.any_texts(key);
        if texts.as_ref().is_some_and(Vec::is_empty) {
            self.problem(key, "must be a list of texts, at least one");
        }
        texts.unwrap_or_default()
    }

    /// Takes a list of texts that must be there, but may hold none.
    pub fn texts_or_none(&mut self, key: &'static str) -> Vec<String> {
        self.any_texts(key).unwrap_or_default()
    }

    /// Takes a list of texts that may be absent.
    pub fn optional_texts(&mut self, key: &'static str) -> Vec<String> {
        self.ask(key, Shape::Texts, Need::Optional);
        self.take_texts(key).unwrap_or_default()
    }

    /// Takes a list of lists of texts that may be absent.
    pub fn groups(&mut self, key: &'static str) -> Vec<Vec<String>> {
        self.ask(key, Shape::Groups, Need::Optional);
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let read = |group: &Spanned<DeValue<'_>>| {
            texts_in(group.get_ref()).filter(|group| !group.is_empty())
        };
        let groups = value.get_ref().as_array();
        let groups = groups.and_then(|groups| groups.iter().map(read).collect());
        groups.unwrap_or_else(|| {
            self.wrong(&value.span(), key, "must be a list of lists of texts");
            Vec::new()
        })
    }

    /// Takes a list of tables that may be absent, parts of this entry.
    pub fn parts<T>(&mut self, key: &'static str, read: fn(&mut Fields<'a>) -> T) -> Vec<T> {
        self.ask(key, Shape::Tables, Need::Optional);
        if self.source.properties().is_some() {
            self.nested(key, self.table, self.place.clone(), read);
        }
        let read_one = |fields: &Fields<'a>, table: &'a DeTable<'a>, place: Range<usize>| {
            fields.nested(key, table, place, read)
        };
        self.tables(key, "must be a list of tables", read_one)
    }

    /// Takes a list of files, each named by a text or by a table that says more; it may hold none.
    pub fn files<T>(
        &mut self,
        key: &'static str,
        need: Need,
        (of_name, of_table): (fn(&str, &Fields<'a>) -> T, fn(&mut Fields<'a>) -> T),
    ) -> Vec<T> {
        self.ask(key, Shape::Files, need);
        if self.source.properties().is_some() {
            self.nested(key, self.table, self.place.clone(), of_table);
        }
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let read = |item: &'a Spanned<DeValue<'a>>| match item.get_ref() {
            DeValue::String(name) => Some(of_name(name, self)),
            DeValue::Table(table) => Some(self.nested(key, table, item.span(), of_table)),
            _ => None,
        };
        let items = value.get_ref().as_array();
        let items = items.and_then(|items| items.iter().map(read).collect());
        items.unwrap_or_else(|| {
            let what = "must be a list of files, each a text or { file = … }";
            self.wrong(&value.span(), key, what);
            Vec::new()
        })
    }

    /// Takes a list of tables, each read by `read_one`.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        rule: &str,
        read_one: impl Fn(&Self, &'a DeTable<'a>, Range<usize>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let items = value.get_ref().as_array();
        let tables = items.and_then(|items| {
            let table = |item: &'a Spanned<DeValue<'a>>| {
                let table = item.get_ref().as_table()?;
                Some((table, item.span()))
            };
            items.iter().map(table).collect::<Option<Vec<_>>>()
        });
        let Some(tables) = tables else {
            self.wrong(&value.span(), key, rule);
            return Vec::new();
        };
        let tables = tables.into_iter();
        tables
            .map(|(table, place)| read_one(self, table, place))
            .collect()
    }

    fn any_texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.ask(key, Shape::Texts, Need::Required);
        self.take_texts(key)
    }

    fn take_texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let value = self.take(key)?;
        let texts = texts_in(value.get_ref());
        if texts.is_none() {
            self.wrong(&value.span(), key, "must be a list of texts");
        }
        texts
    }
}

fn texts_in(value: &DeValue<'_>) -> Option<Vec<String>> {
    let text = |item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
    value.as_array()?.iter().map(text).collect()
}
