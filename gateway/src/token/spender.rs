//! What is used once is spent in the database that the gateways share: assertions, proofs, evidence.
//!
//! One task takes whatever waits and spends it in one transaction, so that many requests share one
//! flush to the disk. What cannot be spent in time is refused, and then no voucher leaves and no
//! call goes on. What is stored is a hash: an identifier of a stranger's making may hold anything.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;
use varco_runtime::clock::Clock;
use varco_runtime::on;
use varco_runtime::problem::chain;
use varco_runtime::store::{self, Db, Tx};
use varco_runtime::tasks::Tasks;

use crate::proof::{self, Proof};

/// Something that is used once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Once {
    owner: String,
    jti: String,
    expires: i64,
    part: Part,
}

/// What it is to the request that uses it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// A client assertion.
    Assertion,
    /// A proof of possession.
    Proof,
    /// The signature of a message (ModI).
    Signature,
    /// Evidence of who acts (ModI).
    Tracking,
}

/// Ways that nothing is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It cannot be stored now.
    Unavailable,
    /// This part was used before; those that are spent after it are still good.
    Used(Part),
}

/// The way to the task that spends.
#[derive(Clone, Debug)]
pub struct Spender {
    queue: mpsc::Sender<Waiting>,
    db: Db,
}

#[derive(Debug)]
struct Waiting {
    parts: Vec<Once>,
    answer: oneshot::Sender<Result<(), Refused>>,
}

struct Worker {
    db: Db,
    clock: Clock,
    forgot: Instant,
}

impl Once {
    /// The assertion of a client, until its own expiry.
    #[must_use]
    pub fn assertion(client: Uuid, jti: &str, expires: i64) -> Self {
        Self::new(Part::Assertion, client.to_string(), jti, expires)
    }

    /// A proof that holds.
    #[must_use]
    pub fn proof(proof: &Proof) -> Self {
        let expires = proof.iat + proof::LIFE;
        Self::new(
            Part::Proof,
            format!("dpop:{}", proof.jkt),
            &proof.jti,
            expires,
        )
    }

    /// A client's signature of a message, until nobody takes it any more.
    #[must_use]
    pub fn signature(client: Uuid, jti: &str, expires: i64) -> Self {
        Self::new(Part::Signature, format!("signature:{client}"), jti, expires)
    }

    /// A client's evidence of who acts, until nobody takes it any more.
    #[must_use]
    pub fn tracking(client: Uuid, jti: &str, expires: i64) -> Self {
        Self::new(Part::Tracking, format!("tracking:{client}"), jti, expires)
    }

    /// What it is.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// A short name that nothing else has.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Context::new(&SHA256);
        hash.update(self.owner.as_bytes());
        hash.update(&[0]);
        hash.update(self.jti.as_bytes());
        let mut name = [0; 32];
        name.copy_from_slice(hash.finish().as_ref());
        name
    }

    fn new(part: Part, owner: String, jti: &str, expires: i64) -> Self {
        Self {
            part,
            owner,
            jti: URL_SAFE_NO_PAD.encode(digest(&SHA256, jti.as_bytes())),
            expires: expires.saturating_add(MARGIN),
        }
    }

    fn name(&self) -> (String, String) {
        (self.owner.clone(), self.jti.clone())
    }
}

impl Part {
    /// The order in which parts are spent: an assertion whose proof was used before stays good.
    const ORDER: [Self; 4] = [
        Self::Proof,
        Self::Assertion,
        Self::Tracking,
        Self::Signature,
    ];
}

impl Spender {
    /// Starts the task on the database of the registry.
    #[must_use]
    pub fn start(db: Db, clock: Clock, tasks: &Tasks) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let worker = Worker {
            db: db.clone(),
            clock,
            forgot: Instant::now(),
        };
        tasks.spawn(worker.work(waiting));
        Self { queue, db }
    }

    /// Spends what a request uses up, each part at most once in it, durably.
    ///
    /// # Errors
    ///
    /// What was used before, or that it cannot be stored within two seconds.
    pub async fn spend(&self, parts: Vec<Once>) -> Result<(), Refused> {
        let (answer, told) = oneshot::channel();
        let waiting = Waiting { parts, answer };
        self.queue
            .try_send(waiting)
            .map_err(|_| Refused::Unavailable)?;
        match tokio::time::timeout(DEADLINE, told).await {
            Ok(Ok(told)) => told,
            _ => Err(Refused::Unavailable),
        }
    }

    /// Whether something was used before; nothing is used up by asking.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn is_spent(&self, once: &Once) -> Result<bool, store::Error> {
        let mut tx = self.db.read().await?;
        let found: Option<(i64,)> = on!(&mut tx, |db| sqlx::query_as(FIND)
            .bind(&once.owner)
            .bind(&once.jti)
            .fetch_optional(db)
            .await)?;
        Ok(found.is_some())
    }
}

impl Worker {
    async fn work(mut self, mut queue: mpsc::Receiver<Waiting>) {
        let mut group = Vec::with_capacity(GROUP);
        while queue.recv_many(&mut group, GROUP).await > 0 {
            // Whoever went away was told that nothing can be spent: that shall be true.
            group.retain(|waiting: &Waiting| !waiting.answer.is_closed());
            let told = self.spend_in_time(&group).await;
            for (waiting, told) in group.drain(..).zip(told) {
                let _ = waiting.answer.send(told);
            }
            self.forget().await;
        }
    }

    async fn spend_in_time(&self, group: &[Waiting]) -> Vec<Result<(), Refused>> {
        match tokio::time::timeout(FLUSH, self.spend(group)).await {
            Ok(Ok(told)) => return told,
            Ok(Err(error)) => tracing::error!(cause = chain(&error), "single use cannot be stored"),
            Err(_) => tracing::error!("the database of the registry does not answer"),
        }
        group.iter().map(|_| Err(Refused::Unavailable)).collect()
    }

    async fn spend(&self, group: &[Waiting]) -> Result<Vec<Result<(), Refused>>, store::Error> {
        let mut told: Vec<Result<(), Refused>> = group.iter().map(|_| Ok(())).collect();
        if group.is_empty() {
            return Ok(told);
        }
        let mut tx = self.db.begin().await?;
        for part in Part::ORDER {
            let places = places(group, &told, part);
            let new = insert(&mut tx, &places).await?;
            mark(&mut told, &places, &new);
        }
        tx.commit().await?;
        Ok(told)
    }

    /// Deletes what nobody would take any more, a little at a time.
    async fn forget(&mut self) {
        if self.forgot.elapsed() < Duration::from_secs(1) {
            return;
        }
        self.forgot = Instant::now();
        if let Err(error) = forget(&self.db, self.clock.unix()).await {
            tracing::warn!(cause = chain(&error), "what has expired cannot be deleted");
        }
    }
}

/// What is to be inserted, with the place of its request; those already refused are left out.
fn places<'a>(
    group: &'a [Waiting],
    told: &[Result<(), Refused>],
    part: Part,
) -> Vec<(usize, &'a Once)> {
    let of = |waiting: &'a Waiting| waiting.parts.iter().find(|once| once.part == part);
    let standing = group.iter().zip(told).enumerate();
    let standing = standing.filter(|(_, (_, told))| told.is_ok());
    standing
        .filter_map(|(place, (waiting, _))| of(waiting).map(|once| (place, once)))
        .collect()
}

/// Refuses those that were not new; of equal ones in one group the first is.
fn mark(
    told: &mut [Result<(), Refused>],
    places: &[(usize, &Once)],
    new: &HashSet<(String, String)>,
) {
    let mut left = new.clone();
    for (place, once) in places {
        if !left.remove(&once.name())
            && let Some(told) = told.get_mut(*place)
        {
            *told = Err(Refused::Used(once.part));
        }
    }
}

/// Inserts in one statement; gives the names of those that were not there before.
async fn insert(
    tx: &mut Tx,
    places: &[(usize, &Once)],
) -> Result<HashSet<(String, String)>, store::Error> {
    if places.is_empty() {
        return Ok(HashSet::new());
    }
    let mut rows: Vec<&Once> = places.iter().map(|(_, once)| *once).collect();
    // In one order everywhere, so that gateways wait for each other but never in a circle.
    rows.sort_unstable();
    let names: Vec<(String, String)> = match tx {
        Tx::Sqlite(tx) => {
            let rows: Vec<_> = rows
                .iter()
                .map(|once| (&once.owner, &once.jti, once.expires))
                .collect();
            let rows = serde_json::to_string(&rows).unwrap_or_default();
            sqlx::query_as(INSERT_SQLITE)
                .bind(rows)
                .fetch_all(&mut **tx)
                .await?
        }
        Tx::Postgres(tx) => {
            let owners: Vec<&str> = rows.iter().map(|once| once.owner.as_str()).collect();
            let jtis: Vec<&str> = rows.iter().map(|once| once.jti.as_str()).collect();
            let expires: Vec<i64> = rows.iter().map(|once| once.expires).collect();
            sqlx::query_as(INSERT_POSTGRES)
                .bind(owners)
                .bind(jtis)
                .bind(expires)
                .fetch_all(&mut **tx)
                .await?
        }
    };
    Ok(names.into_iter().collect())
}

async fn forget(db: &Db, now: i64) -> Result<(), store::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx, |db| sqlx::query(FORGET)
        .bind(now)
        .execute(db)
        .await
        .map(|_| ()))?;
    tx.commit().await
}

const DEADLINE: Duration = Duration::from_secs(2);
const FIND: &str = "SELECT expires FROM spent WHERE owner = $1 AND jti = $2";
const FLUSH: Duration = Duration::from_secs(2);
const FORGET: &str = "DELETE FROM spent WHERE (owner, jti) IN \
     (SELECT owner, jti FROM spent WHERE expires < $1 ORDER BY expires LIMIT 5000)";
const GROUP: usize = 512;
const INSERT_POSTGRES: &str = "INSERT INTO spent (owner, jti, expires) \
     SELECT * FROM UNNEST($1::text[], $2::text[], $3::bigint[]) \
     ON CONFLICT (owner, jti) DO NOTHING RETURNING owner, jti";
const INSERT_SQLITE: &str = "INSERT INTO spent (owner, jti, expires) \
     SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1) WHERE true \
     ON CONFLICT (owner, jti) DO NOTHING RETURNING owner, jti";
/// Spent for longer than anybody would take it, whatever the clocks show, seconds.
const MARGIN: i64 = 60;
const QUEUE: usize = 4096;

#[cfg(test)]
mod tests;
