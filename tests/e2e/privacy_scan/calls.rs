//! Calls of every office's methods about citizens: answered, refused, wrong and failing ones, with their
//! names also where they do not belong.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::uri::PathAndQuery;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use uuid::Uuid;
use varco_proto::albo::v1::albo_service_client::AlboServiceClient;
use varco_proto::albo::v1::{
    GetPubblicazioneRequest, ListPubblicazioniRequest, PublishAttoRequest,
};
use varco_proto::anagrafe::v1::anagrafe_service_client::AnagrafeServiceClient;
use varco_proto::anagrafe::v1::{FamigliaView, GetFamigliaRequest, VerifyResidenzaRequest};
use varco_proto::documenti::v1::GetImprontaRequest;
use varco_proto::documenti::v1::documenti_service_client::DocumentiServiceClient;
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_proto::protocollo::v1::{
    GetRegistrazioneRequest, Identificatore, RegisterInternoRequest,
};
use varco_runtime::client::Gateway;
use varco_tests::assertion::Asker;
use varco_tests::calls::{heading, keyed, reason, registration, send_upload, upload};
use varco_tests::personal::texts::texts;
use varco_tests::process::Process;

use super::citizen::Citizen;

/// Callers at once.
const CALLERS: usize = 32;

/// How calls ended.
#[derive(Debug, Default)]
pub struct Answers {
    /// How often each end came: `OK`, or a code and a reason.
    ends: BTreeMap<String, usize>,
    /// Everything that refusals say.
    pub refusals: String,
}

impl fmt::Display for Answers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:#?}", self.ends)
    }
}

impl Answers {
    fn note(&mut self, answer: Result<(), Status>) {
        let end = match &answer {
            Ok(()) => "OK".to_owned(),
            Err(status) => format!("{:?} {}", status.code(), reason(status)),
        };
        *self.ends.entry(end).or_default() += 1;
        if let Err(status) = answer {
            self.refusals.push_str(&words(&status));
        }
    }

    fn join(&mut self, others: Self) {
        self.refusals.push_str(&others.refusals);
        for (end, count) in others.ends {
            *self.ends.entry(end).or_default() += count;
        }
    }

    /// Checks that enough of them were answered, and that the others ended in many ways.
    pub fn are_of_every_kind(&self, calls: usize) {
        let count = |what: &str| -> usize {
            let ends = self.ends.iter().filter(|(end, _)| end.starts_with(what));
            ends.map(|(_, count)| count).sum()
        };
        assert!(count("") >= calls && count("OK") > calls / 3, "{self}");
        for code in [
            "PermissionDenied",
            "InvalidArgument",
            "NotFound",
            "Unauthenticated",
            "Unimplemented",
        ] {
            assert!(count(code) > calls / 100, "{code}: {self}");
        }
        assert_eq!(count("Internal") + count("Unknown "), 0, "{self}");
    }
}

/// Everything that a refusal says.
pub fn words(status: &Status) -> String {
    let details = texts(status.details());
    format!("{}\n{details}{:?}\n", status.message(), status.metadata())
}

/// A page of the probes.
pub async fn page(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The offices' ways to the gateway.
#[derive(Clone)]
struct Offices {
    tributi: Gateway,
    sportello: Gateway,
    segreteria: Gateway,
    asker: Asker,
}

/// Makes calls about one citizen after the other.
pub async fn make(town: &Process, citizens: Arc<Vec<Citizen>>, calls: usize) -> Answers {
    let folder = town.data().join("clients/tributi");
    let offices = Offices {
        tributi: town.client("tributi"),
        sportello: town.client("sportello"),
        segreteria: town.client("segreteria"),
        asker: Asker::open(&folder, Some(&folder), &town.data().join("ca.pem")),
    };
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (offices, next, citizens) = (offices.clone(), Arc::clone(&next), Arc::clone(&citizens));
        callers.spawn(async move {
            let mut answers = Answers::default();
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= calls {
                    return answers;
                }
                let citizen = &citizens[turn % citizens.len()];
                answers.note(offices.call(turn, citizen).await);
            }
        });
    }
    let mut answers = Answers::default();
    for one in callers.join_all().await {
        answers.join(one);
    }
    answers
}

impl Offices {
    /// One call; which one is the turn's.
    async fn call(&self, turn: usize, about: &Citizen) -> Result<(), Status> {
        match turn % 20 {
            0..=5 => self.verify("verifica-residenza", question(about)).await,
            6 => self.famiglia(about).await,
            7 => self.verify("accertamento-famiglia", question(about)).await,
            8 => self.verify("verifica-residenza", wrong_code(about)).await,
            9 => self.verify("verifica-residenza", wrong_place(about)).await,
            10 => self.upload(about).await.map(drop),
            11 => self.register(turn, about).await,
            12 => self.impronta(turn, about).await,
            13 => self.registrazione(about).await,
            14 => self.interno(about).await,
            15 => self.publish(about).await,
            16 => self.board(turn, about).await,
            17 => self.without_voucher(about).await,
            18 => self.unknown_method(about).await,
            _ if turn % 200 == 19 => self.voucher(about).await,
            _ => self.in_no_time(about).await,
        }
    }

    async fn verify(&self, purpose: &str, asked: VerifyResidenzaRequest) -> Result<(), Status> {
        let channel = self.tributi.purpose(purpose).unwrap();
        let mut office = AnagrafeServiceClient::new(channel);
        office.verify_residenza(asked).await.map(drop)
    }

    async fn famiglia(&self, about: &Citizen) -> Result<(), Status> {
        let channel = self.tributi.purpose("accertamento-famiglia").unwrap();
        let asked = GetFamigliaRequest {
            codice_fiscale: Some(about.codice_fiscale.clone()),
            view: Some(FamigliaView::Count.into()),
            ..GetFamigliaRequest::default()
        };
        let mut office = AnagrafeServiceClient::new(channel);
        office.get_famiglia(asked).await.map(drop)
    }

    async fn upload(&self, about: &Citizen) -> Result<String, Status> {
        let content = about.in_words().into_bytes();
        let mut heading = heading(&content);
        heading.nome = Some(format!("istanza di {}.txt", about.in_words()));
        heading.oggetto = Some(format!("Istanza di {}", about.in_words()));
        let messages = upload(heading, &content, 16);
        let stored = send_upload(&self.sportello, messages, &about.codice_fiscale).await?;
        Ok(stored.into_inner().documento.unwrap_or_default())
    }

    /// A registration of what a citizen has sent, or of what is none of theirs.
    async fn register(&self, turn: usize, about: &Citizen) -> Result<(), Status> {
        let content = about.in_words().into_bytes();
        let documento = if turn % 40 == 11 {
            self.upload(about).await?
        } else {
            format!("documenti/{}", about.codice_fiscale)
        };
        let mut wanted = registration(&documento, &content);
        wanted.mittente = Some(about.mittente());
        wanted.oggetto = Some(about.in_words());
        let channel = self.sportello.purpose("istanze-protocollo").unwrap();
        let mut protocollo = ProtocolloServiceClient::new(channel);
        let wanted = keyed(wanted, &about.codice_fiscale);
        protocollo.register_in_entrata(wanted).await.map(drop)
    }

    async fn impronta(&self, turn: usize, about: &Citizen) -> Result<(), Status> {
        let name = if turn % 40 == 12 {
            Uuid::from_u128(7).to_string()
        } else {
            about.codice_fiscale.clone()
        };
        let channel = self.sportello.purpose("istanze-documenti").unwrap();
        let wanted = GetImprontaRequest {
            documento: Some(format!("documenti/{name}")),
        };
        let mut office = DocumentiServiceClient::new(channel);
        office.get_impronta(wanted).await.map(drop)
    }

    async fn registrazione(&self, about: &Citizen) -> Result<(), Status> {
        let channel = self.sportello.purpose("istanze-protocollo").unwrap();
        let wanted = GetRegistrazioneRequest {
            identificatore: Some(Identificatore {
                registro: Some(about.codice_fiscale.clone()),
                anno: Some(2026),
                numero: Some(1),
                ..Identificatore::default()
            }),
        };
        let mut office = ProtocolloServiceClient::new(channel);
        office.get_registrazione(wanted).await.map(drop)
    }

    async fn interno(&self, about: &Citizen) -> Result<(), Status> {
        let wanted = RegisterInternoRequest {
            ufficio_mittente: Some(about.cognome.clone()),
            oggetto: Some(about.in_words()),
            classificazione: Some(about.codice_fiscale.clone()),
            assegnazione: Some(about.nome.clone()),
            ..RegisterInternoRequest::default()
        };
        let channel = self.segreteria.purpose("determine-protocollo").unwrap();
        let mut protocollo = ProtocolloServiceClient::new(channel);
        let wanted = keyed(wanted, &about.codice_fiscale);
        protocollo.register_interno(wanted).await.map(drop)
    }

    async fn publish(&self, about: &Citizen) -> Result<(), Status> {
        let wanted = PublishAttoRequest {
            tipo_atto: Some(about.cognome.clone()),
            oggetto: Some(about.in_words()),
            numero_atto: Some(about.codice_fiscale.clone()),
            ufficio: Some(about.in_words()),
            documento: Some(format!("documenti/{}", about.codice_fiscale)),
            ..PublishAttoRequest::default()
        };
        let channel = self.segreteria.purpose("pubblicazione-albo").unwrap();
        let mut albo = AlboServiceClient::new(channel);
        let wanted = keyed(wanted, &about.codice_fiscale);
        albo.publish_atto(wanted).await.map(drop)
    }

    async fn board(&self, turn: usize, about: &Citizen) -> Result<(), Status> {
        let channel = self.segreteria.purpose("pubblicazione-albo").unwrap();
        let mut albo = AlboServiceClient::new(channel);
        if turn % 40 == 16 {
            let wanted = GetPubblicazioneRequest {
                anno: Some(2026),
                numero: u64::try_from(turn).ok(),
            };
            return albo.get_pubblicazione(wanted).await.map(drop);
        }
        let wanted = ListPubblicazioniRequest {
            page_token: Some(about.in_words()),
            ..ListPubblicazioniRequest::default()
        };
        albo.list_pubblicazioni(wanted).await.map(drop)
    }

    /// A call whose voucher and context are somebody's name.
    async fn without_voucher(&self, about: &Citizen) -> Result<(), Status> {
        let mut asked = Request::new(question(about));
        let named = about.in_words();
        let code = &about.codice_fiscale;
        let headers = [
            ("authorization", format!("Bearer {code}")),
            ("baggage", format!("citizen={code}")),
            ("tracestate", format!("varco={code}")),
            ("x-cittadino", named),
            ("idempotency-key", code.clone()),
            ("agid-jwt-trackingevidence", code.clone()),
        ];
        for (name, value) in headers {
            // Not every name is ASCII.
            if let Ok(value) = MetadataValue::try_from(value) {
                asked.metadata_mut().insert(name, value);
            }
        }
        let mut office = AnagrafeServiceClient::new(self.tributi.bare());
        office.verify_residenza(asked).await.map(drop)
    }

    /// A method by the name of a citizen.
    async fn unknown_method(&self, about: &Citizen) -> Result<(), Status> {
        let path = format!(
            "/varco.anagrafe.v1.AnagrafeService/{}",
            about.codice_fiscale
        );
        let channel = self.tributi.purpose("verifica-residenza").unwrap();
        let mut client = Grpc::new(channel);
        let codec = ProstCodec::<VerifyResidenzaRequest, VerifyResidenzaRequest>::default();
        let path = PathAndQuery::try_from(path).unwrap();
        client
            .unary(Request::new(question(about)), path, codec)
            .await
            .map(drop)
    }

    /// A voucher for a purpose by the name of a citizen.
    async fn voucher(&self, about: &Citizen) -> Result<(), Status> {
        let claims = self.asker.claims(&about.codice_fiscale);
        let answer = self.asker.ask(&claims).await;
        Err(Status::unauthenticated(format!(
            "{} {}",
            answer.status, answer.body
        )))
    }

    /// A call that gives up before it can be answered.
    async fn in_no_time(&self, about: &Citizen) -> Result<(), Status> {
        let mut asked = Request::new(question(about));
        asked.set_timeout(Duration::from_micros(300));
        let channel = self.tributi.purpose("verifica-residenza").unwrap();
        let mut office = AnagrafeServiceClient::new(channel);
        office.verify_residenza(asked).await.map(drop)
    }
}

fn question(about: &Citizen) -> VerifyResidenzaRequest {
    VerifyResidenzaRequest {
        codice_fiscale: Some(about.codice_fiscale.clone()),
        indirizzo: Some(about.indirizzo.clone()),
        data: None,
    }
}

/// A codice fiscale with a wrong last letter.
fn wrong_code(about: &Citizen) -> VerifyResidenzaRequest {
    let code = &about.codice_fiscale;
    let last = if code.ends_with('A') { 'B' } else { 'A' };
    VerifyResidenzaRequest {
        codice_fiscale: Some(format!("{}{last}", &code[..15])),
        ..question(about)
    }
}

/// Names in the fields of an address, and in place of the code and the day.
fn wrong_place(about: &Citizen) -> VerifyResidenzaRequest {
    let mut asked = question(about);
    asked.codice_fiscale = Some(about.in_words());
    asked.data = Some(about.codice_fiscale.clone());
    let indirizzo = asked.indirizzo.get_or_insert_default();
    indirizzo.specie = Some(about.cognome.clone());
    indirizzo.cap = Some(about.codice_fiscale.clone());
    asked
}
