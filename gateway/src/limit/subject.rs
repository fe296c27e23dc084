//! What calls of a day are counted on.
//!
//! A call counts on its purpose, on its consumer at the e-service, and on the e-service itself, each
//! within one day of Europe/Rome.

use jiff::civil::Date;
use uuid::Uuid;

use crate::authorize::Permit;

/// Whose calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Those for one purpose.
    Purpose(Uuid),
    /// Those of one tenant on one e-service.
    Consumer(Uuid, Uuid),
    /// Those of everybody on one e-service.
    Eservice(Uuid),
}

/// A subject on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The subject.
    pub subject: Subject,
    /// The day in Europe/Rome.
    pub day: Date,
}

/// What a call needs of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What it counts on.
    pub key: Key,
    /// Calls a day, as the registry has it now.
    pub limit: u64,
}

impl Subject {
    /// The kind, as refusals and warnings name it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Purpose(_) => "purpose",
            Self::Consumer(..) => "consumer",
            Self::Eservice(_) => "eservice",
        }
    }
}

/// The text under which it stands in the database.
impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.kind();
        match self {
            Self::Purpose(id) | Self::Eservice(id) => write!(f, "{kind}/{id}"),
            Self::Consumer(tenant, eservice) => write!(f, "{kind}/{tenant}/{eservice}"),
        }
    }
}

/// What a permitted call needs on a day, the narrowest subject first.
#[must_use]
pub fn asks(permit: &Permit, day: Date) -> [Ask; 3] {
    let ask = |subject, limit| Ask {
        key: Key { subject, day },
        limit,
    };
    let (consumer, eservice) = (permit.consumer_id, permit.eservice_id);
    [
        ask(Subject::Purpose(permit.purpose_id), permit.daily_calls),
        ask(
            Subject::Consumer(consumer, eservice),
            permit.daily_per_consumer,
        ),
        ask(Subject::Eservice(eservice), permit.daily_total),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_stand_apart_in_the_database() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));

        let texts = [
            Subject::Purpose(one).to_string(),
            Subject::Consumer(one, other).to_string(),
            Subject::Eservice(one).to_string(),
        ];

        assert_eq!(texts[0], "purpose/00000000-0000-0000-0000-000000000001");
        assert_eq!(
            texts[1],
            "consumer/00000000-0000-0000-0000-000000000001/00000000-0000-0000-0000-000000000002"
        );
        assert_eq!(texts[2], "eservice/00000000-0000-0000-0000-000000000001");
    }
}
