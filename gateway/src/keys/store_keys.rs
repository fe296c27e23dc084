//! The public halves of the signing keys, in the database that the gateways share.
//!
//! Every change is one transaction that does no harm when it is made twice, so that two gateways
//! may act on one key, and one gateway again after a crash.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use varco_runtime::on;
use varco_runtime::store::{self, Db, Tx};

use super::lifecycle::{Key, Order, Published, Role, State};

/// Keys that are not removed, and the orders, as they stand at one moment.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn read(db: &Db) -> Result<Published, store::Error> {
    let mut tx = db.read().await?;
    read_in(&mut tx).await
}

/// Every key that ever was, newest first, at most a thousand.
///
/// # Errors
///
/// As [`read()`].
pub async fn all(db: &Db) -> Result<Vec<Key>, store::Error> {
    let mut tx = db.read().await?;
    let rows: Vec<Stored> = on!(&mut tx, |db| sqlx::query_as(ALL).fetch_all(db).await)?;
    Ok(rows.into_iter().filter_map(|row| row.key).collect())
}

/// Publishes a key.
///
/// # Errors
///
/// When the database refuses; then it is not published.
pub async fn publish(db: &Db, key: &Key) -> Result<(), store::Error> {
    let mut tx = db.begin().await?;
    insert(&mut tx, key).await?;
    tx.commit().await
}

/// Notes when another took a key's place, once.
///
/// # Errors
///
/// When the database refuses.
pub async fn retire(db: &Db, kid: &str, now: i64) -> Result<(), store::Error> {
    mark(db, RETIRE, kid, now).await
}

/// Notes when a key ceased to verify, once.
///
/// # Errors
///
/// When the database refuses.
pub async fn remove(db: &Db, kid: &str, now: i64) -> Result<(), store::Error> {
    mark(db, REMOVE, kid, now).await
}

/// Notes that a key may have signed something that lives for so many seconds.
///
/// # Errors
///
/// When the database refuses.
pub async fn lengthen(db: &Db, kid: &str, longest: i64) -> Result<(), store::Error> {
    mark(db, LENGTHEN, kid, longest).await
}

/// Asks every gateway for another key, unless one is published already that does not sign yet.
///
/// # Errors
///
/// When the database refuses; then nothing is asked.
pub async fn ask(db: &Db, role: Role, now: i64) -> Result<(), store::Error> {
    let mut tx = db.begin().await?;
    let (at, published) = hold(&mut tx, role, now).await?;
    let waiting = |key: &Key| key.role == role && key.state(now) == State::Published;
    if published.keys.iter().any(waiting) {
        return Ok(());
    }
    order(&mut tx, ASK, role, at).await?;
    tx.commit().await
}

/// Ends every key of a role in favour of a new one, and asks the other gateways for theirs.
///
/// The private half of the new key must be durable already.
///
/// # Errors
///
/// When the database refuses; then nothing was done.
pub async fn replace_all(db: &Db, fresh: Key, now: i64) -> Result<Key, store::Error> {
    let mut tx = db.begin().await?;
    let (at, _) = hold(&mut tx, fresh.role, now).await?;
    order(&mut tx, REVOKE, fresh.role, at).await?;
    order(&mut tx, REMOVE_ALL, fresh.role, at).await?;
    let fresh = Key {
        published: at,
        active_from: at,
        ..fresh
    };
    insert(&mut tx, &fresh).await?;
    tx.commit().await?;
    Ok(fresh)
}

/// Keeps others from ordering meanwhile; gives what is published, and a time after all of it.
async fn hold(tx: &mut Tx, role: Role, now: i64) -> Result<(i64, Published), store::Error> {
    on!(&mut *tx, |db| sqlx::query(HOLD)
        .bind(role.name())
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    let published = read_in(tx).await?;
    let keys = published.keys.iter().filter(|key| key.role == role);
    let last = keys.map(|key| key.published + 1).max().unwrap_or(now);
    let at = now.max(last).max(published.order(role).asked + 1);
    Ok((at, published))
}

async fn order(tx: &mut Tx, sql: &'static str, role: Role, at: i64) -> Result<(), store::Error> {
    on!(&mut *tx, |db| sqlx::query(sql)
        .bind(role.name())
        .bind(at)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(())
}

async fn mark(db: &Db, sql: &'static str, kid: &str, value: i64) -> Result<(), store::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx, |db| sqlx::query(sql)
        .bind(kid)
        .bind(value)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    tx.commit().await
}

async fn insert(tx: &mut Tx, key: &Key) -> Result<(), store::Error> {
    let jwk = serde_json::to_string(&key.jwk).map_err(|error| sqlx::Error::Encode(error.into()))?;
    on!(&mut *tx, |db| sqlx::query(INSERT)
        .bind(&key.kid)
        .bind(key.role.name())
        .bind(&key.instance)
        .bind(&key.algorithm)
        .bind(&jwk)
        .bind(key.published)
        .bind(key.active_from)
        .bind(key.longest)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(())
}

async fn read_in(tx: &mut Tx) -> Result<Published, store::Error> {
    let rows: Vec<Stored> = on!(tx, |db| sqlx::query_as(LIVE).fetch_all(db).await)?;
    let mut published = Published::default();
    for row in rows {
        if !published.orders.contains(&row.order) {
            published.orders.push(row.order);
        }
        published.keys.extend(row.key);
    }
    Ok(published)
}

/// An order and one of the keys that it is about, if there is any.
struct Stored {
    order: Order,
    key: Option<Key>,
}

impl<'r, R> FromRow<'r, R> for Stored
where
    R: Row,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let role: String = row.try_get("role")?;
        let role = Role::parse(&role).ok_or_else(|| sqlx::Error::Decode(role.into()))?;
        let order = Order {
            role,
            asked: row.try_get("asked")?,
            revoked: row.try_get("revoked")?,
        };
        let Some(kid) = row.try_get("kid")? else {
            return Ok(Self { order, key: None });
        };
        let jwk: String = row.try_get("jwk")?;
        let key = Key {
            kid,
            role,
            instance: row.try_get("instance")?,
            algorithm: row.try_get("algorithm")?,
            jwk: serde_json::from_str(&jwk).map_err(|error| sqlx::Error::Decode(error.into()))?,
            published: row.try_get("published")?,
            active_from: row.try_get("active_from")?,
            longest: row.try_get("longest")?,
            retired_at: row.try_get("retired_at")?,
            removed_at: row.try_get("removed_at")?,
        };
        Ok(Self {
            order,
            key: Some(key),
        })
    }
}

const ALL: &str = "SELECT o.role, o.asked, o.revoked, k.kid, k.instance, k.algorithm, k.jwk, \
     k.published, k.active_from, k.longest, k.retired_at, k.removed_at \
     FROM signing_order o JOIN signing_key k ON k.role = o.role \
     ORDER BY k.published DESC, k.kid LIMIT 1000";
const ASK: &str = "UPDATE signing_order SET asked = $2 WHERE role = $1";
const HOLD: &str = "UPDATE signing_order SET asked = asked WHERE role = $1";
const INSERT: &str = "INSERT INTO signing_key \
     (kid, role, instance, algorithm, jwk, published, active_from, longest) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const LENGTHEN: &str = "UPDATE signing_key SET longest = $2 WHERE kid = $1 AND longest < $2";
const LIVE: &str = "SELECT o.role, o.asked, o.revoked, k.kid, k.instance, k.algorithm, k.jwk, \
     k.published, k.active_from, k.longest, k.retired_at, k.removed_at \
     FROM signing_order o LEFT JOIN signing_key k ON k.role = o.role AND k.removed_at IS NULL \
     ORDER BY k.published, k.kid";
const REMOVE: &str = "UPDATE signing_key SET removed_at = $2 WHERE kid = $1 AND removed_at IS NULL";
const REMOVE_ALL: &str =
    "UPDATE signing_key SET removed_at = $2 WHERE role = $1 AND removed_at IS NULL";
const RETIRE: &str = "UPDATE signing_key SET retired_at = $2 WHERE kid = $1 AND retired_at IS NULL";
const REVOKE: &str = "UPDATE signing_order SET asked = $2, revoked = $2 WHERE role = $1";
