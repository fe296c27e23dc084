//! What one tenant may see and do of another's.
//!
//! An operator of the installation sees everything and acts on either side. An operator of a tenant
//! sees its own entries, those in which it is one of the two sides, and what is offered to all; it
//! acts only on its own side. Whatever is out of sight does not exist for it.

use uuid::Uuid;

use super::agreement::Agreement;
use super::body::{Body, parsed};
use super::certificate::Certificate;
use super::client::Client;
use super::draft::Draft;
use super::entry::{Entry, Kind, Row, State};
use super::eservice::Eservice;
use super::key::Key;
use super::law::Actor;
use super::operator::Operator;
use super::purpose::Purpose;
use super::snapshot::Snapshot;

/// An operator who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Name in the registry, or `client/…` for a system that administers.
    pub name: String,
    /// The operator who answers for it, whose eyes count: for a system the one in whose name it acts.
    pub person: String,
    /// The roles.
    pub roles: Vec<String>,
    /// The tenant for which the operator acts; none for the whole installation.
    pub tenant: Option<Uuid>,
    /// The system that acts, when it is one.
    pub system: Option<Uuid>,
    /// Whether it must still stand in the registry that a change is written into.
    pub stands: bool,
}

/// The two sides of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// The tenant that uses, or to which the entry belongs.
    pub consumer: Option<Uuid>,
    /// The tenant that offers.
    pub producer: Option<Uuid>,
}

impl Who {
    /// The installation itself, for what it does without being asked.
    #[must_use]
    pub fn installation() -> Self {
        Self {
            name: "varco".to_owned(),
            person: "varco".to_owned(),
            roles: vec!["admin".to_owned()],
            tenant: None,
            system: None,
            stands: false,
        }
    }

    /// Whether a registry lets this operator act as it was let in: whoever was suspended, or lost a
    /// role, while a change of his was under way does not make it.
    #[must_use]
    pub fn still_stands(&self, snapshot: &Snapshot) -> bool {
        let active = |id: &Uuid| {
            let tenant = snapshot.tenants.get(id);
            tenant.is_some_and(|it| it.state == State::Active)
        };
        let system = |id: &Uuid| {
            let client = snapshot.clients.get(id);
            client.is_some_and(|it| {
                let acts = it.body.admin.as_ref() == Some(&self.person);
                it.state == State::Active && acts
            })
        };
        let person = snapshot.operator(&self.person).is_some_and(|it| {
            let held = self.roles.iter().all(|role| it.body.roles.contains(role));
            let own = it.body.tenant.as_ref().is_none_or(active);
            it.state == State::Active && held && own
        });
        let tenant = self.tenant.as_ref().is_none_or(active);
        !self.stands || (person && tenant && self.system.as_ref().is_none_or(system))
    }

    /// Whether this operator administers the whole installation.
    #[must_use]
    pub fn administers(&self) -> bool {
        self.tenant.is_none() && self.roles.iter().any(|role| role == "admin")
    }

    /// Whether an entry exists for this operator.
    #[must_use]
    pub fn sees(&self, row: &Row, snapshot: &Snapshot) -> bool {
        let Some(tenant) = self.tenant else {
            return true;
        };
        let sides = Sides::of(row, snapshot);
        let own = sides.consumer == Some(tenant) || sides.producer == Some(tenant);
        let offered = match row.kind {
            Kind::Attribute | Kind::Tenant => true,
            Kind::Eservice => row.state == State::Active,
            Kind::Descriptor => row.state.serves(),
            _ => false,
        };
        own || offered
    }

    /// The sides on which this operator may act on an entry; `asked` narrows them.
    #[must_use]
    pub fn acts_as(&self, sides: Sides, asked: Option<Actor>) -> Vec<Actor> {
        let Some(tenant) = self.tenant else {
            return vec![asked.unwrap_or(Actor::Installation)];
        };
        let mut own = Vec::new();
        if sides.consumer == Some(tenant) {
            own.push(Actor::Consumer);
        }
        if sides.producer == Some(tenant) {
            own.push(Actor::Producer);
        }
        own.retain(|actor| asked.is_none_or(|asked| asked == *actor));
        own
    }

    /// Whether this operator may declare an entry: as it would become, it belongs to its tenant.
    #[must_use]
    pub fn may_declare(&self, row: &Row, draft: &Draft<'_>) -> bool {
        self.is_owner(row.kind, || Sides::drafted(row, draft))
    }

    /// Whether an entry, as it stands, belongs to this operator's tenant.
    #[must_use]
    pub fn owns(&self, row: &Row, snapshot: &Snapshot) -> bool {
        self.is_owner(row.kind, || Sides::of(row, snapshot))
    }

    fn is_owner(&self, kind: Kind, sides: impl FnOnce() -> Sides) -> bool {
        let Some(tenant) = self.tenant else {
            return true;
        };
        let owner = match kind {
            Kind::Attribute | Kind::Tenant | Kind::Operator | Kind::Delegation => None,
            Kind::Eservice | Kind::Descriptor => sides().producer,
            _ => sides().consumer,
        };
        owner == Some(tenant)
    }
}

impl Sides {
    /// The sides of an entry of a snapshot.
    #[must_use]
    pub fn of(row: &Row, snapshot: &Snapshot) -> Self {
        let client = |id: Uuid| snapshot.clients.get(&id).map(|it| it.body.consumer);
        let eservice = |id: Uuid| snapshot.eservices.get(&id).map(|it| it.body.producer);
        Self::read(row, client, eservice)
    }

    /// The sides of an entry as a draft would leave it.
    #[must_use]
    pub fn drafted(row: &Row, draft: &Draft<'_>) -> Self {
        let client = |id: Uuid| draft.entry::<Client>(id).ok().map(|it| it.body.consumer);
        let eservice = |id: Uuid| draft.entry::<Eservice>(id).ok().map(|it| it.body.producer);
        Self::read(row, client, eservice)
    }

    fn read(
        row: &Row,
        client: impl Fn(Uuid) -> Option<Uuid>,
        eservice: impl Fn(Uuid) -> Option<Uuid>,
    ) -> Self {
        let consumer = |consumer| Self {
            consumer,
            producer: None,
        };
        let producer = |producer| Self {
            consumer: None,
            producer,
        };
        let id = |field: &str| row.field(field).and_then(|text| text.parse::<Uuid>().ok());
        match row.kind {
            Kind::Attribute => Self::default(),
            Kind::Tenant => consumer(Some(row.id)),
            Kind::Eservice => producer(body::<Eservice>(row).map(|it| it.body.producer)),
            Kind::Descriptor => producer(id("eservice").and_then(eservice)),
            Kind::Client => consumer(body::<Client>(row).map(|it| it.body.consumer)),
            Kind::Key => consumer(body::<Key>(row).and_then(|it| client(it.body.client))),
            Kind::Certificate => {
                consumer(body::<Certificate>(row).and_then(|it| it.body.client.and_then(client)))
            }
            Kind::Agreement => Self {
                consumer: body::<Agreement>(row).map(|it| it.body.consumer),
                producer: id("eservice").and_then(eservice),
            },
            Kind::Purpose => Self {
                consumer: body::<Purpose>(row).map(|it| it.body.consumer),
                producer: id("eservice").and_then(eservice),
            },
            Kind::Delegation => consumer(id("delegator")),
            Kind::Operator => consumer(body::<Operator>(row).and_then(|it| it.body.tenant)),
        }
    }
}

fn body<T: Body>(row: &Row) -> Option<Entry<T>> {
    parsed(row).ok()
}

#[cfg(test)]
mod tests;
