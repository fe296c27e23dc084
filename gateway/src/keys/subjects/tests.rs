//! How the key of the year comes, turns and goes.

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;

/// A gateway's folder with the key of 2026, on a clock of its own.
struct Place {
    folder: TempDir,
    clock: Clock,
    first: YearKey,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let first = create(&Vault::default(), folder.path(), 2026).unwrap();
        let clock = Clock::fixed("2026-06-01T12:00:00Z".parse().unwrap());
        Self {
            folder,
            clock,
            first,
        }
    }

    fn at(&self, time: &str) -> &Self {
        self.clock.set(time.parse::<Timestamp>().unwrap());
        self
    }

    fn open(&self) -> Result<Subjects, Error> {
        let clock = self.clock.clone();
        Subjects::open(Vault::default(), self.folder.path(), "gw1", clock)
    }

    fn years(&self) -> Vec<i16> {
        let files = files(self.folder.path()).unwrap();
        files.into_iter().map(|(year, _)| year).collect()
    }
}

fn later(hours: u64) -> Instant {
    Instant::now() + Duration::from_hours(hours)
}

#[test]
fn key_turns_at_midnight_in_rome_and_the_old_one_goes_an_hour_later() {
    let place = Place::new();
    let keys = place.at("2026-12-31T22:59:59Z").open().unwrap();
    let before = keys.turn(Instant::now()).unwrap();
    let under_way = keys.hashes();

    place.at("2026-12-31T23:00:00Z");
    let turned = keys.turn(Instant::now()).unwrap();
    let both = place.years();
    let soon = keys.turn(Instant::now()).unwrap();
    let gone = keys.turn(later(1)).unwrap();

    assert_eq!(before, None);
    assert_eq!(turned, Some(Turned::Used(2027)));
    assert_eq!((under_way.year(), keys.hashes().year()), (2026, 2027));
    assert_eq!((both, soon), (vec![2026, 2027], None));
    assert_eq!(gone, Some(Turned::Deleted(2027)));
    assert_eq!(place.years(), [2027]);
    assert_eq!(keys.turn(later(2)).unwrap(), None);
}

#[test]
fn restart_after_two_years_derives_twice() {
    let place = Place::new();
    place.at("2028-03-01T12:00:00Z");

    let keys = place.open().unwrap();
    let turned = keys.turn(Instant::now()).unwrap();
    keys.turn(later(1)).unwrap();

    assert_eq!(turned, Some(Turned::Used(2028)));
    assert_eq!(place.years(), [2028]);
    let stored = read(&Vault::default(), 2028, &file(place.folder.path(), 2028)).unwrap();
    assert_eq!(Some(stored), place.first.at(2028).unwrap());
}

#[test]
fn clock_that_jumps_ahead_and_back_loses_no_key() {
    let place = Place::new();
    let keys = place.open().unwrap();

    place.at("2031-01-01T12:00:00Z");
    let ahead = keys.turn(Instant::now()).unwrap();
    place.at("2026-06-01T12:00:01Z");
    let back = keys.turn(Instant::now()).unwrap();
    let again = place.open().unwrap();

    assert_eq!(
        (ahead, back),
        (Some(Turned::Used(2031)), Some(Turned::Used(2026)))
    );
    assert_eq!((keys.hashes().year(), again.hashes().year()), (2026, 2026));
    assert!(place.years().contains(&2026));
}

#[test]
fn missing_key_is_a_refusal_that_says_what_to_do() {
    let place = Place::new();
    fs::remove_file(file(place.folder.path(), 2026)).unwrap();

    let refused = place.open().unwrap_err().to_string();

    assert!(
        refused.contains("subject-2026.key is missing: "),
        "{refused}"
    );
    assert!(refused.contains("backup"), "{refused}");
}

#[test]
fn key_of_a_year_to_come_and_a_damaged_one_are_refused() {
    let place = Place::new();
    place.at("2025-06-01T12:00:00Z");
    let ahead = place.open().unwrap_err().to_string();
    place.at("2026-06-01T12:00:00Z");
    fs::write(
        file(place.folder.path(), 2026),
        place.first.at(2027).unwrap().unwrap().text(),
    )
    .unwrap();
    let other = place.open().unwrap_err().to_string();

    assert!(
        ahead.contains("2025") && ahead.contains("set the clock"),
        "{ahead}"
    );
    assert!(other.contains("restore it from a backup"), "{other}");
}

#[test]
fn first_key_is_made_once() {
    let place = Place::new();

    let refused = create(&Vault::default(), place.folder.path(), 2027).unwrap_err();

    assert!(matches!(refused, Error::KeyExists(_)), "{refused}");
}

#[test]
fn gateways_that_share_a_folder_turn_one_after_the_other() {
    let place = Place::new();
    let [one, other] = [(); 2].map(|()| place.open().unwrap());
    place.at("2027-01-01T00:00:00Z");

    let turned = [&one, &other].map(|keys| keys.turn(Instant::now()).unwrap());
    let gone = [&one, &other].map(|keys| keys.turn(later(1)).unwrap());

    assert_eq!(turned, [Some(Turned::Used(2027)); 2]);
    assert_eq!(gone, [Some(Turned::Deleted(2027)); 2]);
    assert_eq!(place.years(), [2027]);
}
