//! The tables of the law against every combination of state, action and actor.

use super::*;
use crate::registry::entry::Kind;

const ACTORS: [Actor; 3] = [Actor::Consumer, Actor::Producer, Actor::Installation];

#[test]
fn every_triple_is_legal_exactly_where_its_table_says_so() {
    let mut legal = 0;
    for kind in Kind::ALL {
        for state in State::ALL {
            for action in Action::ALL {
                for actor in ACTORS {
                    let listed = law(kind).iter().any(|row| {
                        row.action == action
                            && row.from.contains(&state)
                            && row.actors.contains(&actor)
                    });
                    let checked = check(kind, state, action, actor);
                    let case = format!("{kind:?} {state} {action:?} {actor:?}");
                    assert_eq!(checked.is_ok(), listed, "{case}");
                    legal += usize::from(listed);
                }
            }
        }
    }
    assert!(legal > 100, "{legal}");
}

#[test]
fn nothing_leads_out_of_an_end_but_a_copy() {
    for kind in Kind::ALL {
        for row in law(kind) {
            let ended = row.from.iter().any(|state| state.is_final());
            assert!(
                !ended || row.action == Action::Clone,
                "{kind:?} {:?}",
                row.action
            );
        }
    }
}

#[test]
fn refusal_says_whether_state_actor_or_kind_is_wrong() {
    let approve = |state, actor| check(Kind::Agreement, state, Action::Approve, actor).unwrap_err();

    assert_eq!(
        approve(State::Draft, Actor::Producer),
        Illegal::State(&[State::Pending])
    );
    assert_eq!(approve(State::Pending, Actor::Consumer), Illegal::Actor);
    assert_eq!(approve(State::Draft, Actor::Consumer), Illegal::Actor);
    let publish = check(
        Kind::Tenant,
        State::Active,
        Action::Publish,
        Actor::Installation,
    );
    assert_eq!(publish.unwrap_err(), Illegal::Kind);
}
