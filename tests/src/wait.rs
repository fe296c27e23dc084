//! Waiting for what must become true, with a limit, in place of sleeping.

use std::time::Duration;

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// When there is none within twenty seconds.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    answered.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(20);
