//! What the files of a descriptor set import: all of it there, nothing in a circle.
//!
//! The parser of descriptors (prost-reflect 0.16, `resolve_public_dependencies`) follows public
//! imports along every way that there is, and in a circle for ever. So they are looked at before
//! it sees them.

use std::collections::{BTreeSet, HashMap, HashSet};

use prost_reflect::FileDescriptor;
use prost_types::FileDescriptorProto;

/// Checks what the files of a set import, and gives what each sees beside it: what its imports
/// import publicly, and those in their turn.
///
/// # Errors
///
/// Every import that is missing; a file that is there twice, or on a circle, or whose public imports
/// lead too many ways.
pub(super) fn check(
    files: &[FileDescriptorProto],
) -> Result<HashMap<String, Vec<String>>, Vec<String>> {
    let missing = missing(files);
    if !missing.is_empty() {
        return Err(missing);
    }
    let problem = |found: String| vec![found];
    once(files).map_err(problem)?;
    let ordered = ordered(files).map_err(problem)?;
    followed(&ordered).map_err(problem)?;
    Ok(seen_beside(&ordered))
}

/// A file after those that it imports, each once.
pub fn with_imports(file: &FileDescriptor, files: &mut Vec<FileDescriptor>) {
    let known = files.iter().map(|file| file.name().to_owned());
    let mut met: HashSet<String> = known.collect();
    // Imports may be deeper than a stack.
    let mut waiting = vec![Step::Meet(file.clone())];
    while let Some(next) = waiting.pop() {
        match next {
            Step::Meet(file) if met.insert(file.name().to_owned()) => {
                let imports: Vec<FileDescriptor> = file.dependencies().collect();
                waiting.push(Step::Add(file));
                waiting.extend(imports.into_iter().rev().map(Step::Meet));
            }
            Step::Meet(_) => {}
            Step::Add(file) => files.push(file),
        }
    }
}

/// What is still to be done with a file.
enum Step {
    /// Its imports come first.
    Meet(FileDescriptor),
    /// They have come.
    Add(FileDescriptor),
}

/// Every import that a set names and does not hold.
fn missing(files: &[FileDescriptorProto]) -> Vec<String> {
    let held: HashSet<&str> = files.iter().map(FileDescriptorProto::name).collect();
    let imports = files.iter().flat_map(|file| &file.dependency);
    let missing: BTreeSet<&str> = imports
        .map(String::as_str)
        .filter(|import| !held.contains(import))
        .collect();
    let told = |import: &&str| {
        format!("lacks {import}, which it imports: build it with --include_imports")
    };
    missing.iter().take(MOST_TOLD).map(told).collect()
}

fn once(files: &[FileDescriptorProto]) -> Result<(), String> {
    let mut seen = HashSet::new();
    match files.iter().find(|file| !seen.insert(file.name())) {
        Some(twice) => Err(format!("holds {} twice: give each file once", twice.name())),
        None => Ok(()),
    }
}

/// The files, each after those that it imports.
///
/// # Errors
///
/// A file that imports itself, be it through others.
fn ordered(files: &[FileDescriptorProto]) -> Result<Vec<&FileDescriptorProto>, String> {
    let mut importers = importers(files);
    let awaited = files
        .iter()
        .map(|file| (file.name(), file.dependency.len()));
    let mut awaited: HashMap<&str, usize> = awaited.collect();
    let free = files.iter().filter(|file| file.dependency.is_empty());
    let mut free: Vec<&FileDescriptorProto> = free.collect();
    let mut ordered = Vec::new();
    while let Some(file) = free.pop() {
        ordered.push(file);
        for importer in importers.remove(file.name()).unwrap_or_default() {
            let Some(left) = awaited.get_mut(importer.name()) else {
                continue;
            };
            *left -= 1;
            if *left == 0 {
                free.push(importer);
            }
        }
    }
    if ordered.len() == files.len() {
        return Ok(ordered);
    }
    awaited.retain(|_, left| *left > 0);
    let file = on_a_circle(files, &awaited).unwrap_or_default();
    Err(format!(
        "{file} imports itself, directly or through others: break the circle"
    ))
}

/// Who imports a file, as often as it does.
fn importers(files: &[FileDescriptorProto]) -> HashMap<&str, Vec<&FileDescriptorProto>> {
    let mut importers: HashMap<&str, Vec<&FileDescriptorProto>> = HashMap::new();
    for file in files {
        for import in &file.dependency {
            importers.entry(import).or_default().push(file);
        }
    }
    importers
}

/// A file on a circle, where some wait for ever: whoever goes on to what is waited for comes to it.
fn on_a_circle<'a>(
    files: &'a [FileDescriptorProto],
    waiting: &HashMap<&str, usize>,
) -> Option<&'a str> {
    let waits = |name: &str| waiting.contains_key(name);
    let named: HashMap<&str, &FileDescriptorProto> =
        files.iter().map(|file| (file.name(), file)).collect();
    let mut file = files.iter().find(|file| waits(file.name()))?;
    let mut seen = HashSet::new();
    while seen.insert(file.name()) {
        let next = file.dependency.iter().find(|import| waits(import))?;
        file = named.get(next.as_str())?;
    }
    Some(file.name())
}

/// Counts the ways that the parser goes along public imports; the files stand after their imports.
///
/// # Errors
///
/// A file from which there are too many.
fn followed(ordered: &[&FileDescriptorProto]) -> Result<(), String> {
    let mut from: HashMap<&str, usize> = HashMap::new();
    let mut gone: usize = 0;
    for file in ordered {
        let ways = |import: &String| from.get(import.as_str()).copied().unwrap_or(1);
        let own = file.dependency.iter().map(ways);
        gone = own.fold(gone, usize::saturating_add);
        if gone > MOST_WAYS {
            return Err(format!(
                "{} imports more than can be followed: its public imports lead too many ways: \
                 import what is used directly",
                file.name()
            ));
        }
        // A place where nothing stands is looked for as well.
        let public = public(file).map(|import| import.map_or(1, ways));
        from.insert(file.name(), public.fold(1, usize::saturating_add));
    }
    Ok(())
}

/// What each file sees and does not import; the files stand after their imports.
fn seen_beside(ordered: &[&FileDescriptorProto]) -> HashMap<String, Vec<String>> {
    let mut shown: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    let mut beside = HashMap::new();
    for file in ordered {
        let through = |import: &String| shown.get(import.as_str()).into_iter().flatten().copied();
        let mut own: BTreeSet<&str> = public(file).flatten().flat_map(through).collect();
        own.insert(file.name());
        let imported: BTreeSet<&str> = file.dependency.iter().map(String::as_str).collect();
        let seen: BTreeSet<&str> = file.dependency.iter().flat_map(through).collect();
        let more = seen.difference(&imported).map(|name| (*name).to_owned());
        beside.insert(file.name().to_owned(), more.collect());
        shown.insert(file.name(), own);
    }
    beside
}

/// What a file imports publicly; none for a place where it imports nothing.
fn public(file: &FileDescriptorProto) -> impl Iterator<Item = Option<&String>> {
    let places = file.public_dependency.iter();
    places.map(|place| file.dependency.get(usize::try_from(*place).ok()?))
}

/// Ways along public imports that are gone; in sets that a compiler wrote there are about as many as
/// imports.
const MOST_WAYS: usize = 100_000;
/// Missing imports that are told; a set that lacks more is told again.
const MOST_TOLD: usize = 100;

#[cfg(test)]
mod tests;
