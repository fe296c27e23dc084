//! A registry file as a whole: its text, where each field stands, and what is wrong with it.
//!
//! The places are kept by what the registry calls an entry and its field, so that a problem that
//! only the registry can see is told with its line as well.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::Range;
use std::path::Path;

use varco_proto::registry::v1::{self as proto, Kind};

use super::Mode;
use super::schema::Property;
use crate::registry_kind::kind_word;

/// Something wrong with a registry file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line on which it stands, from 1, where it is known.
    pub line: Option<usize>,
    /// Kind of the entry; unspecified for the file itself.
    pub kind: Kind,
    /// Full name of the entry, as the registry has it.
    pub name: String,
    /// The field, such as `upstream.address`; empty for the whole entry.
    pub field: String,
    /// What is wrong with it.
    pub what: String,
}

/// Where entries and their fields stand in a registry file.
#[derive(Clone, Debug, Default)]
pub struct Places {
    lines: BTreeMap<(Kind, String, String), usize>,
}

/// The file as it is read.
pub struct Source<'a> {
    starts: Vec<usize>,
    folder: &'a Path,
    mode: Mode,
    places: RefCell<Places>,
    problems: RefCell<Vec<Problem>>,
    properties: Option<RefCell<Vec<Property>>>,
}

/// An entry, or the file itself, that problems are told of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Kind of the entry; unspecified for the file itself.
    pub kind: Kind,
    /// Its full name, as far as the file tells.
    pub name: String,
}

impl<'a> Source<'a> {
    /// Takes the text; paths in it start from `folder`.
    pub fn new(text: &str, folder: &'a Path, mode: Mode) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            starts: std::iter::once(0).chain(starts).collect(),
            folder,
            mode,
            places: RefCell::default(),
            problems: RefCell::default(),
            properties: None,
        }
    }

    /// Takes no text, but keeps which fields are asked for.
    pub fn asking() -> Self {
        Self {
            properties: Some(RefCell::default()),
            ..Self::new("", Path::new(""), Mode::Whole)
        }
    }

    /// Where paths start from.
    pub fn folder(&self) -> &'a Path {
        self.folder
    }

    /// Whether the file declares a registry, or one entry that is to be made.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Keeps a problem with the line on which its place begins.
    pub fn problem(&self, place: &Range<usize>, subject: &Subject, field: &str, what: &str) {
        self.problems.borrow_mut().push(Problem {
            line: Some(self.line(place)),
            kind: subject.kind,
            name: subject.name.clone(),
            field: field.to_owned(),
            what: what.to_owned(),
        });
    }

    /// Keeps where a field of an entry stands, or the entry itself when the field is empty.
    pub fn place(&self, place: &Range<usize>, subject: &Subject, field: &str) {
        let key = (subject.kind, subject.name.clone(), field.to_owned());
        let line = self.line(place);
        // Of an entry that is declared twice, the second is the one to mend.
        self.places.borrow_mut().lines.insert(key, line);
    }

    /// Where the fields are kept that are asked for, when that is what is wanted.
    pub fn properties(&self) -> Option<&RefCell<Vec<Property>>> {
        self.properties.as_ref()
    }

    /// The places, and every problem in the order of lines.
    pub fn into_parts(self) -> (Places, Vec<Problem>) {
        let mut problems = self.problems.into_inner();
        problems.sort();
        (self.places.into_inner(), problems)
    }

    fn line(&self, place: &Range<usize>) -> usize {
        self.starts.partition_point(|start| *start <= place.start)
    }
}

impl Places {
    /// Gives a problem of the registry its line: of the field, else of the entry.
    #[must_use]
    pub fn locate(&self, problem: proto::Problem) -> Problem {
        let kind = problem.kind();
        let (name, field) = (problem.name, problem.field);
        let root = root(&field).to_owned();
        let fields = [field.clone(), root, String::new()];
        let line = fields.into_iter().find_map(|field| {
            let key = (kind, name.clone(), field);
            self.lines.get(&key).copied()
        });
        Problem {
            line,
            kind,
            name,
            field,
            what: problem.what,
        }
    }
}

impl Problem {
    /// Whether it concerns the same field of the same entry, or the whole of that entry.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let whole = ["", "name"].contains(&self.field.as_str());
        self.kind == other.kind
            && self.name == other.name
            && (whole || root(&self.field) == root(&other.field))
    }
}

impl Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name may lack a part, which is then what is wrong.
        match (self.kind, self.name.trim_matches('/')) {
            (Kind::Unspecified, _) => {}
            (kind, "") => write!(out, "{}: ", kind_word(kind))?,
            (kind, name) => write!(out, "{} {name}: ", kind_word(kind))?,
        }
        match self.field.as_str() {
            "" => out.write_str(&self.what),
            field => write!(out, "{field} {}", self.what),
        }
    }
}

/// The field that holds a part of it: `upstream` of `upstream.address`, `keys` of `keys[1]`.
fn root(field: &str) -> &str {
    field.split(['.', '[']).next().unwrap_or_default()
}
