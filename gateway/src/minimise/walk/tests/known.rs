//! Messages of protobuf itself: an Any, and those whose fields have the class of their holder.

use super::wire::{left, walked};
use super::*;

fn field(number: u8, value: &[u8]) -> Vec<u8> {
    [
        &[number << 3 | 2, u8::try_from(value.len()).unwrap()],
        value,
    ]
    .concat()
}

fn any(number: u8, name: &str, value: &[u8]) -> Vec<u8> {
    let url = format!("type.googleapis.com/{name}");
    let value = if value.is_empty() {
        Vec::new()
    } else {
        field(2, value)
    };
    field(number, &[field(1, url.as_bytes()), value].concat())
}

#[test]
fn any_is_walked_as_the_message_that_it_holds() {
    let full = any(6, "t.OnlyInAny", &[0x08, 0x01, 0x10, 0x02, 0x18, 0x03]);
    let open = any(6, "t.OnlyInAny", &[0x08, 0x01]);

    assert_eq!(left(&full), open);
    assert_eq!(left(&open), open);
}

#[test]
fn fields_of_an_any_may_come_in_either_order() {
    let url = field(1, b"/t.OnlyInAny");
    let value = |held: &[u8]| field(2, held);
    let full = field(6, &[value(&[0x08, 0x01, 0x10, 0x02]), url.clone()].concat());

    assert_eq!(left(&full), field(6, &[value(&[0x08, 0x01]), url].concat()));
}

#[test]
fn any_of_an_unknown_type_is_left_out_whole_and_refused_by_its_field() {
    let url = field(1, b"/t.OnlyInAny");
    let value = field(2, &[0x08, 0x01]);
    for unknown in [
        any(6, "t.Nowhere", &[0x08, 0x01]),
        any(6, "t.Nowhere", &[]),
        any(6, "", &[]),
        field(6, &value),
        field(6, &[&url[..], &url, &value].concat()),
        field(6, &[&url[..], &value, &value].concat()),
        field(6, &field(1, b"/\xff")),
    ] {
        let message = [&[0x08, 0x01], &unknown[..]].concat();

        assert_eq!(left(&message), [0x08, 0x01], "{unknown:02x?}");
        let refused = walked(Outside::Refuse, &message);
        assert_eq!(refused, Err(Obstacle::Field("any".to_owned())));
    }
}

#[test]
fn any_that_holds_nothing_passes() {
    for empty in [field(6, &[]), field(6, &field(1, b""))] {
        assert_eq!(left(&empty), empty);
    }
}

#[test]
fn unknown_any_delivers_nothing_and_leaves_its_neighbours() {
    let known = any(10, "t.OnlyInAny", &[0x08, 0x01]);
    let unknown = any(10, "t.Nowhere", &[]);

    assert_eq!(left(&[known.clone(), unknown.clone()].concat()), known);
    let alone = walked(Outside::Drop, &unknown).unwrap();
    assert_eq!((alone.delivered, alone.withheld), (0, 0));
}

#[test]
fn any_that_two_halves_would_make_is_not_let_together() {
    let first = any(6, "t.M", &[0x10, 0x07]);
    let second = any(6, "t.OnlyInAny", &[]);
    let both = [&first[..], &second].concat();

    assert_eq!(left(&both), first);
    let refused = walked(Outside::Refuse, &both);
    assert_eq!(refused, Err(Obstacle::Field("any".to_owned())));
    // The same in the two halves of what holds it, be it a message or a group.
    let inner = field(4, &first);
    assert_eq!(left(&[&inner[..], &field(4, &second)].concat()), inner);
    let group = |held: &[u8]| [&[0x2b], held, &[0x2c]].concat();
    let halves = [group(&first), group(&second)].concat();
    assert_eq!(left(&halves), group(&first));
    // Where many may come, each is one of its own.
    let many = [any(10, "t.M", &[0x10, 0x07]), any(10, "t.OnlyInAny", &[])].concat();
    assert_eq!(left(&many), many);
}

#[test]
fn any_in_an_any_is_walked_too() {
    let inner = any(6, "t.OnlyInAny", &[0x08, 0x01, 0x10, 0x02]);
    let clean = any(6, "t.OnlyInAny", &[0x08, 0x01]);
    let name = "google.protobuf.Any";

    let reduced = left(&any(6, name, &inner[2..]));

    assert_eq!(reduced, any(6, name, &clean[2..]));
}

#[test]
fn malformed_value_of_a_known_type_is_malformed() {
    let broken = any(6, "t.OnlyInAny", &[0x08]);

    assert_eq!(walked(Outside::Drop, &broken), Err(Obstacle::Malformed));
}

#[test]
fn unknown_fields_do_not_pass_in_messages_of_protobuf() {
    // Struct { fields: {"a": {number_value: 1.5}} }, with a stranger at each level.
    let number = [0x11, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f];
    let stranger = [0xf8, 0x01, 0x01];
    let record = |more: &[u8]| {
        let value = [&number[..], more].concat();
        let entry = [&field(1, b"a")[..], &field(2, &value), more].concat();
        field(7, &[&field(1, &entry)[..], more].concat())
    };

    assert_eq!(left(&record(&stranger)), record(&[]));
    assert_eq!(left(&record(&[])), record(&[]));
    let inside = |more: &[u8]| any(6, "google.protobuf.Struct", &record(more)[2..]);
    assert_eq!(left(&inside(&stranger)), inside(&[]));
}
