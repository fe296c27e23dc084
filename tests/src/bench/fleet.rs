//! Many clients and many purposes of one office, declared by the program's own `varco apply`.
//!
//! What a real installation takes days for is made at once: the comune's authority issues the clients'
//! certificates, and the gateway's key signs their vouchers, which last for hours.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;
use varco_gateway::keys::lifecycle::Role;
use varco_gateway::voucher::{Claims, Confirmation, TYP};
use varco_runtime::clock::Clock;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{Ca, Holder, KeyKind, generate_key, public_key};
use varco_runtime::secret;
use varco_runtime::tls::{self, pair};

use super::load::{Caller, Vouchers};
use super::town::{AUDIENCE, SERVER_NAME, Town};
use crate::real::{ADMIN, text};

/// The one e-service that everybody uses.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Lines of a registry file that name the contract.
    pub contract: &'static str,
    /// The methods, as a list of the registry file.
    pub methods: &'static str,
    /// The classes of data that each purpose may see, likewise.
    pub data_classes: &'static str,
    /// Calls a day of each purpose, all of which together are at most [`ALL_CALLS`]. Leases of a quota
    /// follow from it, so installations that are compared have the same.
    pub daily_calls: u64,
}

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Clients, each with a key.
    pub clients: usize,
    /// Purposes. The first client may act for all of them, each other for its share.
    pub purposes: usize,
}

/// An office whose many clients may call.
pub struct Fleet {
    /// How many there are.
    pub size: Size,
    /// How long it took to apply the registry file.
    pub applied: Duration,
    /// Bytes of the registry file.
    pub bytes: usize,
    clients: Vec<Member>,
    purposes: Vec<Uuid>,
    rest: Rest,
}

/// What is the same for all vouchers, and who makes them.
struct Rest {
    issuer: String,
    tenant: Uuid,
    eservice: Uuid,
    descriptor: Uuid,
    epoch: u64,
    signer: Arc<PrivateKey>,
    ca: PathBuf,
    clock: Clock,
}

struct Member {
    id: Uuid,
    kid: String,
    folder: PathBuf,
    thumbprint: [u8; 32],
}

impl Fleet {
    /// Declares it in a town whose gateway runs.
    pub async fn declare(town: &Town, offer: &Offer, size: Size) -> Self {
        let folder = town.real.data.join("flotta");
        fs::create_dir_all(&folder).unwrap();
        let keys = (0..size.clients).map(|number| {
            let key = generate_key(KeyKind::EcP256).unwrap();
            let file = folder.join(format!("{number}.pem"));
            fs::write(file, public_key(&key).unwrap()).unwrap();
            PrivateKey::from_pem(&key)
                .unwrap()
                .public()
                .kid()
                .to_owned()
        });
        let keys: Vec<String> = keys.collect();
        let file = folder.join("registro.toml");
        let registry = registry(town, offer, size);
        fs::write(&file, &registry).unwrap();
        let begun = Instant::now();
        let arguments = ["apply", "-f", text(&file), "--as", ADMIN];
        let answer = town.real.program.json(&arguments).await;
        let applied = begun.elapsed();
        let changes = Changes(answer["changes"].as_array().unwrap());
        let clients = certified(town, changes.all("client"), keys);
        Self {
            size,
            applied,
            bytes: registry.len(),
            clients,
            purposes: changes.all("purpose"),
            rest: Rest {
                issuer: town.config.issuer(),
                tenant: changes.all("tenant")[0],
                eservice: changes.all("eservice")[0],
                descriptor: changes.all("descriptor")[0],
                epoch: answer["epoch"].as_u64().unwrap(),
                signer: town.signer(Role::Voucher),
                ca: town.real.data.join("ca.pem"),
                clock: Clock::system(),
            },
        }
    }

    /// So many clients spread over all of them, whose calls ask one question, each for at most so many
    /// of its purposes in turn.
    #[must_use]
    pub fn callers(
        &self,
        clients: usize,
        question: (&str, &Bytes),
        purposes: usize,
    ) -> Vec<Caller> {
        let chosen = spread(self.size.clients, clients);
        chosen
            .map(|client| self.caller(client, question, purposes))
            .collect()
    }

    fn caller(&self, client: usize, (path, message): (&str, &Bytes), most: usize) -> Caller {
        let own: Vec<usize> = (0..self.size.purposes)
            .filter(|purpose| self.size.uses(client, *purpose))
            .collect();
        let vouchers = spread(own.len(), most).map(|it| self.voucher(client, own[it]));
        let vouchers: Vec<String> = vouchers.collect();
        Caller::new(
            &self.clients[client].folder,
            &self.rest.ca,
            (path, message.clone()),
            Vouchers::of(&vouchers),
        )
    }

    fn voucher(&self, client: usize, purpose: usize) -> String {
        let (member, rest) = (&self.clients[client], &self.rest);
        let now = rest.clock.unix();
        let claims = Claims {
            iss: rest.issuer.clone(),
            sub: member.id.to_string(),
            client_id: member.id,
            aud: AUDIENCE.to_owned(),
            jti: rest.clock.uuid(),
            iat: now,
            nbf: now,
            exp: now + LASTS,
            purpose_id: self.purposes[purpose],
            producer_id: rest.tenant,
            consumer_id: rest.tenant,
            eservice_id: rest.eservice,
            descriptor_id: rest.descriptor,
            client_kid: member.kid.clone(),
            epoch: rest.epoch,
            cnf: Some(Confirmation {
                thumbprint: Some(URL_SAFE_NO_PAD.encode(member.thumbprint)),
                jkt: None,
            }),
            digest: None,
            act: None,
            origin_purpose_id: None,
            txn: None,
        };
        rest.signer.sign(TYP, &claims).unwrap()
    }
}

impl Size {
    /// Whether a client may act for a purpose.
    fn uses(self, client: usize, purpose: usize) -> bool {
        client == 0 || purpose % self.clients == client || client % self.purposes == purpose
    }
}

/// Changes that the program has told of.
struct Changes<'a>(&'a [Value]);

impl Changes<'_> {
    /// Ids of a kind, in the order of the numbers that their names end with.
    fn all(&self, kind: &str) -> Vec<Uuid> {
        let of_kind = self.0.iter().filter(|change| change["kind"] == kind);
        let mut numbered: Vec<(u64, Uuid)> = of_kind
            .map(|change| {
                let name = change["name"].as_str().unwrap();
                let number = name.rsplit('-').next().unwrap().parse();
                let id = change["id"].as_str().unwrap().parse().unwrap();
                (number.unwrap_or(0), id)
            })
            .collect();
        numbered.sort_unstable();
        numbered.into_iter().map(|(_, id)| id).collect()
    }
}

/// Gives each client a certificate of the comune's authority.
fn certified(town: &Town, ids: Vec<Uuid>, keys: Vec<String>) -> Vec<Member> {
    let pem = secret::read(&town.real.data.join("ca.pem")).unwrap();
    let key = town.vault().read(&town.real.data.join("ca.key")).unwrap();
    let ca = Ca::load(pem.to_string(), &key).unwrap();
    let (domain, now) = (town.config.trust_domain(), Clock::system().now());
    let certified = |(id, kid): (Uuid, String)| {
        let leaf = ca.issue(&Holder::client(&domain, &id.to_string()), now);
        let leaf = leaf.unwrap();
        let folder = town.real.data.join("flotta").join(id.to_string());
        fs::create_dir_all(&folder).unwrap();
        pair::replace(&folder.join("tls.pem"), &folder.join("tls.key"), &leaf).unwrap();
        Member {
            id,
            kid,
            folder,
            thumbprint: tls::thumbprint(&leaf.certificate).unwrap(),
        }
    };
    ids.into_iter().zip(keys).map(certified).collect()
}

/// Numbers below `all`, at most so many, as far from each other as they can be.
fn spread(all: usize, most: usize) -> impl Iterator<Item = usize> {
    let count = all.min(most);
    (0..count).map(move |number| number * all / count)
}

fn registry(town: &Town, offer: &Offer, size: Size) -> String {
    let upstream = town.upstream();
    let Offer {
        contract,
        methods,
        data_classes,
        daily_calls,
    } = offer;
    let mut file = format!(
        r#"
[[tenant]]
name = "demografici"
title = "Ufficio servizi demografici"
ipa = "c_e648"

[[eservice]]
name = "anagrafe"
producer = "demografici"
[[eservice.descriptor]]
version = 1
audience = "{AUDIENCE}"
{contract}
upstream = {{ address = "https://{upstream}", server_name = "{SERVER_NAME}" }}
methods = {methods}
voucher_lifespan = 600
daily_calls = {{ per_consumer = {ALL_CALLS}, total = {ALL_CALLS} }}
approval = "automatic"

[[agreement]]
consumer = "demografici"
eservice = "anagrafe"
"#
    );
    for client in 0..size.clients {
        write!(
            file,
            "[[client]]\nname = \"sistema-{client}\"\nconsumer = \"demografici\"\nkeys = [\"{client}.pem\"]\n"
        )
        .unwrap();
    }
    for purpose in 0..size.purposes {
        let clients = (0..size.clients).filter(|client| size.uses(*client, purpose));
        let clients: Vec<String> = clients.map(|it| format!("\"sistema-{it}\"")).collect();
        write!(
            file,
            "[[purpose]]\nname = \"finalita-{purpose}\"\nconsumer = \"demografici\"\neservice = \"anagrafe\"\n\
             legal_basis = \"collaudo interno\"\nmethods = {methods}\ndata_classes = {data_classes}\n\
             daily_calls = {daily_calls}\nclients = [{}]\n",
            clients.join(", ")
        )
        .unwrap();
    }
    file
}

/// Calls a day of an e-service: more than this no registry takes.
pub const ALL_CALLS: u64 = 1_000_000_000;
/// Seconds that a voucher lasts.
const LASTS: i64 = 3 * 3600;
