//! What was counted, as a table in Markdown.

use super::profile::{Function, Profile, Thread};
use super::rooms::{ACROSS, BESIDE, Own, Place, ROOMS, Room};

/// The calls of one shape.
pub struct Counted {
    /// How they were made.
    pub shape: &'static str,
    /// How many they were.
    pub calls: usize,
    /// What they cost.
    pub profile: Profile,
}

impl Counted {
    /// Instructions of a call, by the name of the room; the whole call first.
    pub fn rooms(&self) -> Vec<(&'static str, u64)> {
        let rooms = ROOMS
            .iter()
            .map(|it| (it.name, self.room(it) / self.calls()));
        let rooms: Vec<_> = rooms.collect();
        let whole = rooms.iter().map(|(_, count)| count).sum();
        [(WHOLE, whole)].into_iter().chain(rooms).collect()
    }

    fn room(&self, room: &Room) -> u64 {
        let found = match room.place {
            Place::Functions(patterns) => {
                self.profile.functions(patterns).map(|it| it.with_callees)
            }
            Place::Thread(pattern) => self.profile.busiest(pattern).map(Thread::total),
        };
        found.unwrap_or_else(|| panic!("name the functions of {:?} anew", room.name))
    }

    fn part(&self, room: &Room, patterns: &[&str]) -> Function {
        let found = match room.place {
            Place::Functions(_) => self.profile.functions(patterns),
            Place::Thread(pattern) => {
                let thread = self.profile.busiest(pattern);
                thread.and_then(|it| it.functions(patterns))
            }
        };
        found.unwrap_or_default()
    }

    fn calls(&self) -> u64 {
        u64::try_from(self.calls).unwrap()
    }
}

/// Prints the table.
pub fn print(counted: &Counted) {
    let rooms = counted.rooms();
    let whole = rooms[0].1;
    let calls = counted.calls();
    println!("\n{}, {calls} calls\n", counted.shape);
    println!("| room | instructions a call | share | times a call |");
    println!("|---|---:|---:|---:|");
    let row = |name: &str, cost: u64, times: Option<u64>| {
        let (cost, whole) = (number(cost), number(whole));
        let times = times.map_or(String::new(), |it| {
            format!("{:.2}", number(it) / number(calls))
        });
        println!(
            "| {name} | {cost:.0} | {:.1} % | {times} |",
            100.0 * cost / whole
        );
    };
    row(&format!("**{WHOLE}**"), whole, None);
    for room in &ROOMS {
        let mut rest = counted.room(room);
        row(&format!("**{}**", room.name), rest / calls, None);
        for (name, patterns) in room.parts {
            let part = counted.part(room, patterns);
            rest = rest.saturating_sub(part.with_callees);
            let each = part.with_callees / calls;
            row(&format!("… {name}"), each, Some(part.calls));
        }
        row("… the rest", rest / calls, None);
    }
    let beside = (counted.profile.total() / calls).saturating_sub(whole);
    row(
        "*Beside it: batches, and what the clock asks for*",
        beside,
        None,
    );
    for (name, patterns) in BESIDE {
        let part = counted.profile.functions(patterns).unwrap_or_default();
        let each = part.with_callees / calls;
        row(&format!("… {name}"), each, Some(part.calls));
    }
    println!("\nOf the whole process, in whatever room:\n");
    println!("| | instructions a call | share | times a call |");
    println!("|---|---:|---:|---:|");
    for (name, own, patterns) in ACROSS {
        let found = counted.profile.functions(patterns).unwrap_or_default();
        let cost = match own {
            Own::Alone => found.own,
            Own::WithCallees => found.with_callees,
        };
        row(name, cost / calls, Some(found.calls));
    }
}

fn number(value: u64) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}

/// Name of the sum of all rooms.
const WHOLE: &str = "A call";
