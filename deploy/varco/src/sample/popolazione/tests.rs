//! Facts about the sample municipality, held for one seed and, where cheap, for others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::Date;
use varco_anagrafe::codice_fiscale::CodiceFiscale;
use varco_anagrafe::famiglia::{self, Parentela};
use varco_anagrafe::persona::IdAnpr;
use varco_anagrafe::residenza::{self, Residenza};

use super::*;

static TOWN: LazyLock<Popolazione> = LazyLock::new(|| popolazione(2026));

#[test]
fn the_last_day_counts_twelve_thousand_residents_in_five_thousand_famiglie() {
    for seed in [0, 7, 2026] {
        let town = popolazione(seed);

        let residents = town
            .residenze
            .iter()
            .filter(|residenza| residenza.covers(FINE))
            .count();
        let living = town
            .persone
            .iter()
            .filter(|persona| persona.decesso.is_none())
            .count();
        let famiglie: BTreeSet<_> = famiglia::at(&town.componenti, FINE)
            .map(|componente| componente.famiglia)
            .collect();
        assert_eq!(
            (residents, living, famiglie.len()),
            (12_000, 12_000, 5_000),
            "seed {seed}"
        );
    }
}

#[test]
fn one_seed_always_gives_the_same_town() {
    assert_eq!(popolazione(2026), *TOWN);
    assert_ne!(popolazione(2027), *TOWN);
}

#[test]
fn codes_and_identifiers_are_valid_and_given_once() {
    let codes: BTreeSet<_> = TOWN
        .persone
        .iter()
        .map(|persona| persona.codice_fiscale)
        .collect();
    let ids: BTreeSet<_> = TOWN.persone.iter().map(|persona| persona.id).collect();

    assert_eq!(
        (codes.len(), ids.len()),
        (TOWN.persone.len(), TOWN.persone.len())
    );
    assert!(
        codes
            .iter()
            .all(|code| CodiceFiscale::parse(code.as_str()) == Ok(*code))
    );
}

#[test]
fn every_code_comes_from_the_data_of_its_person() {
    for persona in &TOWN.persone {
        let computed = CodiceFiscale::compute(
            &persona.cognome,
            &persona.nome,
            persona.data_nascita,
            persona.sesso,
            &persona.luogo_nascita,
        );

        assert_eq!(persona.codice_fiscale.base(), computed);
    }
}

#[test]
fn people_with_the_same_base_code_hold_different_forms() {
    let omocodes = TOWN
        .persone
        .iter()
        .filter(|p| p.codice_fiscale.base() != p.codice_fiscale);

    assert!(omocodes.count() >= 1);
}

#[test]
fn every_famiglia_has_one_intestatario_on_every_sampled_day() {
    for day in sampled_days(20) {
        assert_eq!(famiglia::check(&TOWN.componenti, day), Ok(()), "{day}");
    }
}

#[test]
fn whoever_resides_is_in_a_famiglia_and_the_other_way_round() {
    for day in sampled_days(20) {
        let residents: BTreeSet<_> = TOWN
            .residenze
            .iter()
            .filter(|r| r.covers(day))
            .map(|r| r.persona)
            .collect();
        let members: BTreeSet<_> = famiglia::at(&TOWN.componenti, day)
            .map(|componente| componente.persona)
            .collect();

        assert_eq!(residents, members, "{day}");
    }
}

#[test]
fn members_of_a_famiglia_share_their_address() {
    let mut homes = BTreeMap::new();
    let addresses: BTreeMap<_, _> = TOWN
        .residenze
        .iter()
        .filter(|r| r.covers(FINE))
        .map(|r| (r.persona, r))
        .collect();

    for componente in famiglia::at(&TOWN.componenti, FINE) {
        let indirizzo = &addresses[&componente.persona].indirizzo;
        assert_eq!(
            homes.entry(componente.famiglia).or_insert(indirizzo),
            &indirizzo
        );
    }
}

#[test]
fn intervals_are_ordered_adjacent_and_never_empty() {
    for history in TOWN.residenze.chunk_by(|a, b| a.persona == b.persona) {
        assert!(
            history
                .windows(2)
                .all(|pair| pair[0].al == Some(pair[1].dal))
        );
        assert!(
            history
                .iter()
                .all(|r| r.al.is_none_or(|al| r.dal < al && al <= FINE))
        );
        assert!(history.iter().all(|r| r.dal <= FINE));
    }
    for history in TOWN.componenti.chunk_by(|a, b| a.persona == b.persona) {
        assert!(
            history
                .windows(2)
                .all(|pair| pair[0].al == Some(pair[1].dal))
        );
        assert!(
            history
                .iter()
                .all(|c| c.al.is_none_or(|al| c.dal < al && al <= FINE))
        );
    }
}

#[test]
fn lists_are_grouped_by_person() {
    let groups = TOWN
        .residenze
        .chunk_by(|a, b| a.persona == b.persona)
        .count();

    assert_eq!(groups, TOWN.persone.len());
}

#[test]
fn registration_begins_with_the_first_residence_and_ends_with_death() {
    for (persona, history) in histories() {
        assert_eq!(persona.iscritta_dal, history[0].dal);
        assert!(persona.data_nascita <= persona.iscritta_dal);
        assert_eq!(
            persona.decesso,
            history.last().and_then(|residenza| residenza.al)
        );
        assert!(residenza::at(history, persona.iscritta_dal.yesterday().unwrap()).is_none());
    }
}

#[test]
fn reads_as_of_different_years_differ_for_a_tenth_of_the_people() {
    let known = |history: &[Residenza], day: Date| residenza::at(history, day).cloned();

    let changed = histories()
        .filter(|(_, history)| known(history, INIZIO) != known(history, FINE))
        .filter(|(persona, _)| persona.iscritta_dal < INIZIO && persona.decesso.is_none())
        .count();

    assert!(changed * 10 >= PERSONE, "{changed}");
}

#[test]
fn every_kind_of_event_occurs() {
    let born = TOWN
        .persone
        .iter()
        .filter(|p| p.data_nascita >= INIZIO)
        .count();
    let dead = TOWN.persone.iter().filter(|p| p.decesso.is_some()).count();
    let immigrated = TOWN
        .persone
        .iter()
        .filter(|p| p.iscritta_dal >= INIZIO)
        .count()
        - born;
    let reserved = TOWN
        .residenze
        .iter()
        .filter(|r| r.stato == StatoResidenza::ConRiserva)
        .count();

    assert!(
        born > 300 && dead > 300 && immigrated > 300,
        "{born} {dead} {immigrated}"
    );
    assert!((10..600).contains(&reserved), "{reserved}");
}

#[test]
fn only_recent_declarations_are_under_reserve_and_each_names_its_procedure() {
    let reserved = TOWN
        .residenze
        .iter()
        .filter(|r| r.stato == StatoResidenza::ConRiserva);

    for residenza in reserved {
        assert!(residenza.dal > FINE.saturating_sub(45.days()));
        assert!(residenza.procedimento.is_some());
    }
}

#[test]
fn newlyweds_become_spouses_on_a_day_of_the_ten_years() {
    let spouses = TOWN.componenti.iter().filter(|componente| {
        componente.parentela == Parentela::Coniuge && componente.dal >= INIZIO
    });

    assert!(spouses.count() > 100);
}

#[test]
fn children_of_the_town_are_born_in_its_hospital() {
    let mut born_here = TOWN
        .persone
        .iter()
        .filter(|p| p.data_nascita >= INIZIO && p.iscritta_dal == p.data_nascita);

    assert!(born_here.all(|persona| persona.luogo_nascita.as_str() == "E648"));
}

#[test]
fn relationships_are_restated_when_the_intestatario_changes() {
    for day in sampled_days(5) {
        let mut partners = BTreeMap::new();
        for componente in famiglia::at(&TOWN.componenti, day) {
            let partner = matches!(
                componente.parentela,
                Parentela::Coniuge | Parentela::Convivente | Parentela::UnitoCivilmente
            );
            *partners.entry(componente.famiglia).or_insert(0) += u32::from(partner);
        }

        assert!(partners.values().all(|count| *count <= 1), "{day}");
    }
}

#[test]
fn births_abroad_are_a_minority() {
    let abroad = TOWN
        .persone
        .iter()
        .filter(|p| p.luogo_nascita.is_foreign())
        .count();

    assert!(
        (TOWN.persone.len() / 20..TOWN.persone.len() / 4).contains(&abroad),
        "{abroad}"
    );
}

#[test]
fn intestatari_are_adults_on_the_last_day() {
    let people: BTreeMap<IdAnpr, &Persona> = TOWN.persone.iter().map(|p| (p.id, p)).collect();
    let heads = famiglia::at(&TOWN.componenti, FINE)
        .filter(|componente| componente.parentela == Parentela::Intestatario);

    for head in heads {
        assert!(people[&head.persona].data_nascita <= FINE.saturating_sub(18.years()));
    }
}

#[test]
fn applicant_is_an_adult_who_moved_and_is_confirmed() {
    let (persona, current) = applicant(&TOWN).unwrap();

    let history: Vec<_> = TOWN
        .residenze
        .iter()
        .filter(|r| r.persona == persona.id)
        .collect();
    assert!(history.len() > 1);
    assert_eq!(history.last(), Some(&current));
    assert_eq!(
        (current.al, current.stato),
        (None, StatoResidenza::Definitiva)
    );
    assert!(current.dal >= INIZIO);
    assert!(persona.data_nascita <= FINE.saturating_sub(18.years()));
    assert_eq!(applicant(&popolazione(2026)), Some((persona, current)));
}

#[test]
fn empty_register_has_no_applicant() {
    assert_eq!(applicant(&Popolazione::default()), None);
}

fn sampled_days(count: i32) -> impl Iterator<Item = Date> {
    (0..count).map(move |i| INIZIO.saturating_add((3_653 * i / (count - 1)).days()))
}

fn histories() -> impl Iterator<Item = (&'static Persona, &'static [Residenza])> {
    let histories = TOWN.residenze.chunk_by(|a, b| a.persona == b.persona);
    TOWN.persone.iter().zip(histories)
}
