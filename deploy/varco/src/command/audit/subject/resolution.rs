//! Under which other identifiers the person is known: asked of anagrafe, through the gateway.
//!
//! A report that misses accesses without saying so would be wrong. So whatever keeps anagrafe from
//! answering ends the command, and searching without it must be asked for. The look-up is a call like
//! any other, recorded as one; the answer names it and leaves it out of the accesses, because it is
//! part of the answer. Those of earlier answers are accesses like any other.

use std::time::Duration;

use serde::Serialize;
use tonic::Request;
use varco_anagrafe::codice_fiscale::CodiceFiscale;
use varco_anagrafe::persona::IdAnpr;
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::anagrafe::v1::{ResolveIdentificativiRequest, ResolveIdentificativiResponse};
use varco_proto::options::v1::SubjectKind;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;

use super::Args;
use super::person::Person;
use super::searched::Kind;
use crate::command::voucher;
use crate::failure::Failure;
use crate::output::refusal::{Refusal, audit_id_in};

/// What came of asking anagrafe; the fields are a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolution {
    /// How it ended.
    pub outcome: Outcome,
    /// How many codes anagrafe does not tell, because they are another's too or too many.
    pub codes_omitted: u32,
    /// Ids of the calls in which it was asked.
    pub lookups: Vec<String>,
}

/// How asking anagrafe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// It was not asked, because the DPO wanted it so.
    NotAsked,
    /// It told all identifiers.
    Resolved,
    /// It knows no such person.
    Unknown,
}

/// Adds to a person the identifiers under which anagrafe knows them.
///
/// # Errors
///
/// When anagrafe cannot be asked or refuses, or knows the person by another id than was given.
pub async fn resolve(
    args: &Args,
    config: &Config,
    person: &mut Person,
) -> Result<Resolution, Failure> {
    if args.no_anagrafe {
        return Ok(Resolution::without(Outcome::NotAsked));
    }
    let asked = ask(args, config, person).await;
    asked.map_err(|failure| failure.while_doing(UNRESOLVED).remedy(GO_ON))
}

async fn ask(args: &Args, config: &Config, person: &mut Person) -> Result<Resolution, Failure> {
    let gateway = voucher::open(&args.client, config, &Clock::system())?;
    // Fetched ahead, because a refusal at the token endpoint is told better than by the call.
    let voucher = gateway.voucher(&args.purpose).await;
    voucher.map_err(|error| voucher::explain(error, &gateway))?;
    let mut anagrafe = AnagrafeServiceClient::new(gateway.purpose(&args.purpose)?);
    let mut resolution = Resolution::without(Outcome::Unknown);
    for message in questions(person) {
        let mut request = Request::new(message);
        request.set_timeout(PATIENCE);
        match anagrafe.resolve_identificativi(request).await {
            Ok(answer) => {
                resolution.lookups.extend(audit_id_in(answer.metadata()));
                return resolution.known(&answer.into_inner(), person);
            }
            Err(status) => {
                let refusal = Refusal::from(&status);
                if refusal.reason.as_deref() != Some(UNKNOWN) {
                    return Err(refusal.into());
                }
                resolution.lookups.extend(refusal.audit_id);
            }
        }
    }
    Ok(resolution)
}

/// By each identifier that can exist, until anagrafe knows one: the codice fiscale first.
fn questions(person: &Person) -> Vec<ResolveIdentificativiRequest> {
    let question =
        |kind, text: &str| match kind {
            Kind::IdAnpr => text
                .parse::<IdAnpr>()
                .ok()
                .map(|id| ResolveIdentificativiRequest {
                    codice_fiscale: None,
                    id_anpr: Some(id.as_str().to_owned()),
                }),
            Kind::CodiceFiscale | Kind::CodiceFiscalePrecedente => CodiceFiscale::parse(text)
                .ok()
                .map(|codice| ResolveIdentificativiRequest {
                    codice_fiscale: Some(codice.as_str().to_owned()),
                    id_anpr: None,
                }),
        };
    let given = person.searched().iter();
    given
        .filter_map(|it| question(it.kind, it.identifier.text()))
        .collect()
}

impl Resolution {
    fn without(outcome: Outcome) -> Self {
        Self {
            outcome,
            codes_omitted: 0,
            lookups: Vec::new(),
        }
    }

    /// Takes what anagrafe told.
    fn known(
        mut self,
        answer: &ResolveIdentificativiResponse,
        person: &mut Person,
    ) -> Result<Self, Failure> {
        let whole = answer.codici.iter().all(|it| it.codice_fiscale.is_some());
        let (Some(id), true) = (&answer.id_anpr, whole && !answer.codici.is_empty()) else {
            let remedy = "let the purpose see the class identificativi";
            return Err(Failure::new(
                "its answer has gaps",
                "the purpose withholds a part",
                remedy,
            ));
        };
        person.require_id(id)?;
        person.add(SubjectKind::IdAnpr, id, Kind::IdAnpr)?;
        for codice in &answer.codici {
            let kind = if codice.attuale() {
                Kind::CodiceFiscale
            } else {
                Kind::CodiceFiscalePrecedente
            };
            person.add(SubjectKind::CodiceFiscale, codice.codice_fiscale(), kind)?;
        }
        self.outcome = Outcome::Resolved;
        self.codes_omitted = answer.codici_omessi();
        Ok(self)
    }

    /// What is said of it to people, a sentence each.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let outcome = match self.outcome {
            Outcome::NotAsked => NOT_ASKED,
            Outcome::Resolved => RESOLVED,
            Outcome::Unknown => NOT_KNOWN,
        };
        let mut sentences = vec![outcome.to_owned()];
        if self.codes_omitted > 0 {
            sentences.push(format!("{OMITTED}: {}.", self.codes_omitted));
        }
        if !self.lookups.is_empty() {
            sentences.push(format!("{LOOKED_UP}: {}.", self.lookups.join(", ")));
        }
        sentences
    }
}

const GO_ON: &str = "nothing was searched: repeat when that is mended, or search with --no-anagrafe for \
what is given alone, with the ids ANPR that the office knows in --id-anpr";
const LOOKED_UP: &str = "L'anagrafe è stata consultata per questa risposta; la consultazione è registrata come le altre \
e non è elencata fra gli accessi. Id di chiamata";
const NOT_ASKED: &str = "L'anagrafe non è stata interrogata: gli accessi sotto altri identificativi della persona \
(codici fiscali precedenti, id ANPR) non compaiono.";
const NOT_KNOWN: &str =
    "L'anagrafe non conosce questa persona: sono stati cercati i soli identificativi indicati.";
const OMITTED: &str = "Codici fiscali già attribuiti a questa persona e non cercati, perché attribuiti anche ad altri o troppi";
/// How long anagrafe may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
const RESOLVED: &str = "Sono stati cercati gli identificativi indicati e quelli con cui l'anagrafe conosce la stessa \
persona.";
/// Reason with which anagrafe says that it knows nobody by that identifier.
const UNKNOWN: &str = "PERSON_UNKNOWN";
const UNRESOLVED: &str =
    "anagrafe did not tell the person's other identifiers (earlier codici fiscali, id ANPR)";

#[cfg(test)]
mod tests {
    use varco_proto::anagrafe::v1::CodiceAttribuito;

    use super::super::searched::Source;
    use super::*;

    const CF: &str = "RSSMRA80A01H501U";
    const OLD: &str = "RSSMRA80A01H50MF";

    fn answer() -> ResolveIdentificativiResponse {
        let codice = |text: &str, attuale| CodiceAttribuito {
            codice_fiscale: Some(text.to_owned()),
            attuale: Some(attuale),
        };
        ResolveIdentificativiResponse {
            id_anpr: Some("AA00001AA".to_owned()),
            codici: vec![codice(CF, true), codice(OLD, false)],
            codici_omessi: Some(2),
        }
    }

    fn known(
        answer: &ResolveIdentificativiResponse,
        person: &mut Person,
    ) -> Result<Resolution, Failure> {
        Resolution::without(Outcome::Unknown).known(answer, person)
    }

    #[test]
    fn what_anagrafe_tells_is_searched_beside_what_was_given() {
        let mut person = Person::of(CF, &[]).unwrap();

        let resolution = known(&answer(), &mut person).unwrap();

        let told: Vec<_> = person
            .searched()
            .iter()
            .map(|it| (it.identifier.text(), it.kind, it.source))
            .collect();
        let expected = [
            (CF, Kind::CodiceFiscale, Source::Given),
            ("AA00001AA", Kind::IdAnpr, Source::Anagrafe),
            (OLD, Kind::CodiceFiscalePrecedente, Source::Anagrafe),
        ];
        assert_eq!(told, expected);
        assert_eq!(resolution.outcome, Outcome::Resolved);
        assert!(resolution.sentences()[1].ends_with("troppi: 2."));
    }

    #[test]
    fn id_of_somebody_else_is_refused_without_being_repeated() {
        let mut person = Person::of(CF, &["BB00002BB".to_owned()]).unwrap();

        let refused = known(&answer(), &mut person).unwrap_err().to_string();

        assert!(refused.starts_with("--id-anpr: "), "{refused}");
        assert!(!refused.contains("00002") && !refused.contains("00001"));
    }

    #[test]
    fn answer_with_gaps_is_no_answer() {
        let mut person = Person::of(CF, &[]).unwrap();
        let mut no_id = answer();
        no_id.id_anpr = None;
        let mut no_code = answer();
        no_code.codici[1].codice_fiscale = None;
        let mut no_codes = answer();
        no_codes.codici.clear();

        for withheld in [no_id, no_code, no_codes] {
            let refused = known(&withheld, &mut person).unwrap_err().to_string();
            assert!(refused.contains("the class identificativi"), "{refused}");
        }
        assert_eq!(person.searched().len(), 1);
    }

    #[test]
    fn only_identifiers_that_can_exist_are_asked_about() {
        let ids = ["ab1".to_owned(), "aa00001aa".to_owned()];
        let odd = Person::of("RSSMRA80A01H501X", &ids).unwrap();

        let questions = questions(&odd);

        assert_eq!(questions.len(), 1);
        assert_eq!(questions[0].id_anpr(), "AA00001AA");
    }

    #[test]
    fn searching_without_anagrafe_says_what_is_missed() {
        let sentences = Resolution::without(Outcome::NotAsked).sentences();

        assert_eq!(sentences, [NOT_ASKED]);
    }
}
