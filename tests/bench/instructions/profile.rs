//! What callgrind writes of one thread, as functions with what they and those that they call cost.
//!
//! The format is that of valgrind's manual ("Callgrind Format Specification"), as far as callgrind
//! itself writes it with one event and lines as positions.

use std::collections::HashMap;

/// All threads of a process.
pub struct Profile {
    threads: Vec<Thread>,
}

/// The functions of one thread.
#[derive(Default)]
pub struct Thread {
    functions: HashMap<String, Function>,
}

/// What a function costs, in instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// How often it was called.
    pub calls: u64,
    /// Its own.
    pub own: u64,
    /// With those that it calls. Of one that calls itself, the outermost call alone.
    pub with_callees: u64,
}

impl Profile {
    /// Of these threads.
    pub fn of(threads: Vec<Thread>) -> Self {
        Self { threads }
    }

    /// Instructions of all of them.
    pub fn total(&self) -> u64 {
        self.threads.iter().map(Thread::total).sum()
    }

    /// All functions whose name fits one of the patterns, together; `None` where there is none.
    pub fn functions(&self, patterns: &[&str]) -> Option<Function> {
        let threads = self.threads.iter();
        let found = threads.filter_map(|thread| thread.functions(patterns));
        found.reduce(Function::and)
    }

    /// The thread that calls a function most often; `None` where none does.
    pub fn busiest(&self, pattern: &str) -> Option<&Thread> {
        let threads = self.threads.iter();
        let busy = threads.filter_map(|it| Some((it.functions(&[pattern])?.calls, it)));
        busy.max_by_key(|(calls, _)| *calls).map(|(_, it)| it)
    }
}

impl Thread {
    /// Reads the file of one thread.
    pub fn read(text: &str) -> Self {
        let (mut thread, mut names) = (Self::default(), Names::default());
        let (mut current, mut callee, mut calls) = (String::new(), String::new(), None);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                current = names.read(name);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                callee = names.read(name);
            } else if let Some(counts) = line.strip_prefix("calls=") {
                calls = counts.split(' ').next().and_then(|it| it.parse().ok());
            } else if let Some(cost) = cost(line) {
                match calls.take() {
                    Some(calls) => thread.call(&current, &callee, (calls, cost)),
                    None => thread.function(&current).own += cost,
                }
            }
        }
        thread
    }

    /// Instructions of all its functions.
    pub fn total(&self) -> u64 {
        self.functions.values().map(|it| it.own).sum()
    }

    /// Those functions whose name fits one of the patterns, together; `None` where there is none.
    pub fn functions(&self, patterns: &[&str]) -> Option<Function> {
        let functions = self.functions.iter();
        let fitting = functions.filter(|(name, _)| patterns.iter().any(|it| fits(name, it)));
        fitting.map(|(_, it)| *it).reduce(Function::and)
    }

    fn call(&mut self, from: &str, callee: &str, (calls, cost): (u64, u64)) {
        let function = self.function(callee);
        function.calls += calls;
        if outermost(from) != callee {
            function.with_callees += cost;
        }
    }

    fn function(&mut self, name: &str) -> &mut Function {
        self.functions.entry(name.to_owned()).or_default()
    }
}

impl Function {
    fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            own: self.own + other.own,
            with_callees: self.with_callees + other.with_callees,
        }
    }
}

/// Names are written once and numbered.
#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn read(&mut self, text: &str) -> String {
        let (number, name) = text.split_once(' ').unwrap_or((text, ""));
        if !name.is_empty() {
            self.0.insert(number.to_owned(), name.to_owned());
        }
        self.0[number].clone()
    }
}

/// The cost of a line `position cost`; a position is a number, a difference or `*`.
fn cost(line: &str) -> Option<u64> {
    let position = line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first));
    let cost = line.split(' ').nth(1);
    position.then(|| cost.map_or(0, |it| it.parse().unwrap()))
}

/// The name without what callgrind adds to that of a function within itself: `name'2`.
fn outermost(name: &str) -> &str {
    match name.rsplit_once('\'') {
        Some((name, level)) if level.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => name,
    }
}

/// Whether a name is the pattern, in which one `*` stands for anything.
fn fits(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => name
            .strip_prefix(before)
            .is_some_and(|rest| rest.ends_with(after)),
        None => name == pattern,
    }
}
