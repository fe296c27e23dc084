//! Each assertion is used once: its `jti` is spent in the database that the gateways share.

use uuid::Uuid;
use varco_runtime::on;
use varco_runtime::store;

use super::answer::Refusal;
use crate::gate::Gate;

/// Spends a `jti`; atomic, so that of two that race one is refused.
///
/// # Errors
///
/// `JTI_REUSED`, or that it cannot be stored: then no voucher is issued.
pub async fn spend(gate: &Gate, client: Uuid, jti: &str, expires: i64) -> Result<(), Refusal> {
    match insert(gate, client, jti, expires).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::client("JTI_REUSED")),
        Err(error) => {
            tracing::error!(
                cause = varco_runtime::problem::chain(&error),
                "jti cannot be stored"
            );
            Err(Refusal::unavailable("REGISTRY_UNAVAILABLE"))
        }
    }
}

async fn insert(gate: &Gate, client: Uuid, jti: &str, expires: i64) -> Result<bool, store::Error> {
    let mut tx = gate.registry.db().begin().await?;
    let client = client.to_string();
    // The tolerance for clocks counts too: a jti stays spent until nobody would take it.
    let done = on!(&mut tx, |db| sqlx::query(SPEND)
        .bind(&client)
        .bind(jti)
        .bind(expires + 60)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    on!(&mut tx, |db| sqlx::query(FORGET)
        .bind(gate.clock.unix())
        .execute(db)
        .await
        .map(|_| ()))?;
    tx.commit().await?;
    Ok(done == 1)
}

const FORGET: &str = "DELETE FROM spent_jti WHERE expires < $1";
const SPEND: &str = "INSERT INTO spent_jti (client_id, jti, expires) VALUES ($1, $2, $3) \
     ON CONFLICT (client_id, jti) DO NOTHING";
