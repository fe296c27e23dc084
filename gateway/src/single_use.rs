//! What a call may use once, however many gateways there are and however often they start.
//!
//! Two memories are asked. This gateway's own answers the common case of a replay and bounds each
//! client; the database that the gateways share has the last word, because it is durable before the
//! call goes on. Without it nothing that is used once can be taken.

use uuid::Uuid;

use crate::token::spender::{self, Once, Part, Spender};

pub mod replays;

use replays::Replays;

/// Takes what may be used once.
#[derive(Debug)]
pub struct SingleUse {
    seen: Replays,
    spender: Spender,
}

/// Ways that something is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client has used too much of late.
    Full,
    /// It cannot be stored now: nothing is said of it, so that asking again is safe.
    Unavailable,
    /// This part was used before.
    Used(Part),
}

impl SingleUse {
    /// Over the database that the gateways share.
    #[must_use]
    pub fn over(spender: Spender) -> Self {
        Self {
            seen: Replays::default(),
            spender,
        }
    }

    /// Takes the parts that a call of a client uses up, at a time (Unix seconds).
    ///
    /// # Errors
    ///
    /// What was used before, that the client has used too much, or that the database does not
    /// answer within two seconds.
    pub async fn take(&self, client: Uuid, parts: Vec<Once>, now: i64) -> Result<(), Refused> {
        if parts.is_empty() {
            return Ok(());
        }
        let names: Vec<[u8; 32]> = parts.iter().map(Once::digest).collect();
        for (place, once) in parts.iter().enumerate() {
            if let Err(refused) = self.seen.take(client, once.digest(), now) {
                self.release(client, names.get(..place).unwrap_or_default());
                return Err(match refused {
                    replays::Refused::Full => Refused::Full,
                    replays::Refused::Replayed => Refused::Used(once.part()),
                });
            }
        }
        let spent = self.spender.spend(parts).await;
        spent.map_err(|refused| match refused {
            spender::Refused::Used(part) => Refused::Used(part),
            spender::Refused::Unavailable => {
                // It may be good still; the database will say, when it is asked again.
                self.release(client, &names);
                Refused::Unavailable
            }
        })
    }

    fn release(&self, client: Uuid, names: &[[u8; 32]]) {
        let each = names.iter();
        each.for_each(|name| self.seen.release(client, name));
    }
}

#[cfg(test)]
mod tests;
