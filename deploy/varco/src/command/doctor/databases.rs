//! Whether the databases can be read and are whole.

use std::path::Path;

use sqlx::Connection as _;
use varco_runtime::config::Config;
use varco_runtime::on;
use varco_runtime::store::{self, Db};

use super::Finding;

/// Checks the database of every role.
pub async fn check(config: &Config) -> Vec<Finding> {
    let gateway = &config.gateway;
    let mut addresses = vec![
        ("gateway", &gateway.database),
        ("audit", &gateway.audit_database),
    ];
    if config.telemetry.store {
        addresses.push(("traces", &gateway.trace_database));
    }
    let offices = config.services.iter();
    addresses.extend(offices.map(|(name, service)| (name.as_str(), &service.database)));
    let mut findings = Vec::new();
    for (name, address) in addresses {
        let check = format!("database {name}");
        findings.push(match address.strip_prefix("sqlite:") {
            Some(file) => sqlite(check, &config.path(Path::new(file))).await,
            None => postgres(check, address).await,
        });
    }
    findings
}

async fn sqlite(check: String, file: &Path) -> Finding {
    if !file.exists() {
        let remedy = "its role makes it at the first start; if it was there, restore a backup";
        return Finding::warn(check, format!("{} does not exist", file.display()), remedy);
    }
    match quick_check(file).await {
        Ok(answer) if answer == "ok" => Finding::ok(check, format!("{} is whole", file.display())),
        Ok(answer) => {
            let detail = format!("{} is damaged: {answer}", file.display());
            Finding::fail(
                check,
                detail,
                "keep the file as it is and restore a backup beside it",
            )
        }
        Err(error) => Finding::fail(check, error.to_string(), "check the file and its folder"),
    }
}

/// Reads every page, whatever the size.
async fn quick_check(file: &Path) -> Result<String, store::Error> {
    let db = Db::open_to_read(file).await?;
    let mut tx = db.read().await?;
    let answer: Result<(String,), sqlx::Error> =
        on!(&mut tx, |db| sqlx::query_as("PRAGMA quick_check(1)")
            .fetch_one(db)
            .await);
    drop(tx);
    db.close().await;
    Ok(answer?.0)
}

async fn postgres(check: String, address: &str) -> Finding {
    let asked = async {
        let mut connection = sqlx::PgConnection::connect(address).await?;
        connection.ping().await?;
        connection.close().await
    };
    let answered = tokio::time::timeout(std::time::Duration::from_secs(5), asked).await;
    let remedy = "check the address in the configuration, and that the server runs";
    match answered {
        Ok(Ok(())) => Finding::ok(check, "PostgreSQL answers"),
        Ok(Err(_)) => Finding::fail(check, "PostgreSQL refuses the connection", remedy),
        Err(_) => Finding::fail(check, "PostgreSQL does not answer", remedy),
    }
}
