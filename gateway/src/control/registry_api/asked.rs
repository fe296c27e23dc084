//! What an operator asks for, parsed.

use uuid::Uuid;
use varco_proto::registry::v1::{Kind as ProtoKind, Side};
use varco_runtime::problem::Problem;

use crate::audit::record::names_a_person;
use crate::registry::Registry;
use crate::registry::apply::proto_kind;
use crate::registry::attribute::AttributeKind;
use crate::registry::entry::{Kind, Row};
use crate::registry::error::Error;
use crate::registry::law::{Action, Actor};
use crate::registry::scope::Who;
use crate::registry::tenant::Held;

/// An action that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Kind of the entry.
    pub kind: Kind,
    /// Its name or id.
    pub entry: String,
    /// Why.
    pub reason: String,
    /// The etag that was seen.
    pub etag: String,
    /// The side that was named.
    pub side: Option<Actor>,
}

/// An attribute that is to be given or taken.
#[derive(Clone, Copy, Debug)]
pub struct Attributed<'a> {
    /// Name or id of the tenant.
    pub tenant: &'a str,
    /// Name or id of the attribute.
    pub attribute: &'a str,
    /// Name or id of the tenant that verifies.
    pub verifier: &'a str,
    /// Until when, in seconds since the Unix epoch; zero for good.
    pub expires: i64,
    /// The etag of the tenant that was seen.
    pub etag: &'a str,
}

impl Asked {
    /// Parses the fields of a request.
    ///
    /// # Errors
    ///
    /// Names the field that is malformed.
    pub fn new(
        (of, entry): (i32, &str),
        reason: &str,
        etag: &str,
        side: i32,
    ) -> Result<Self, Problem> {
        if reason.len() > 500 {
            return Err(Problem::invalid("reason", "must have at most 500 bytes"));
        }
        if names_a_person(reason) {
            let rule = "must not hold a codice fiscale: it is kept for good";
            return Err(Problem::invalid("reason", rule));
        }
        let side = match Side::try_from(side) {
            Ok(Side::Unspecified) => None,
            Ok(Side::Consumer) => Some(Actor::Consumer),
            Ok(Side::Producer) => Some(Actor::Producer),
            Err(_) => return Err(Problem::invalid("side", "names no side")),
        };
        Ok(Self {
            kind: kind(of)?,
            entry: entry.to_owned(),
            reason: reason.to_owned(),
            etag: etag.to_owned(),
            side,
        })
    }

    /// What an action needs of a request beside its fields: whoever is rejected is told why.
    ///
    /// # Errors
    ///
    /// Names the field that is missing.
    pub fn to(self, action: Action) -> Result<Self, Problem> {
        if action == Action::Reject && self.reason.trim().is_empty() {
            let rule = "is required: whoever asked is told why";
            return Err(Problem::invalid("reason", rule));
        }
        Ok(self)
    }
}

/// The kind that a request names.
///
/// # Errors
///
/// When it names none.
pub fn kind(kind: i32) -> Result<Kind, Problem> {
    Kind::ALL
        .into_iter()
        .find(|known| ProtoKind::try_from(kind) == Ok(proto_kind(*known)))
        .ok_or_else(|| Problem::invalid("kind", "names no kind of entry"))
}

/// What is to be given to or taken from whom. An operator of a tenant declares for that tenant, and
/// verifies as that tenant; certified attributes are the installation's.
///
/// # Errors
///
/// When an entry does not exist, or it is not this operator's to give.
pub fn held(asked: &Attributed<'_>, who: &Who, registry: &Registry) -> Result<(Uuid, Held), Error> {
    let snapshot = registry.snapshot();
    let tenant = snapshot.find(Kind::Tenant, asked.tenant)?;
    let attribute = snapshot.find(Kind::Attribute, asked.attribute)?;
    let kind = snapshot
        .attributes
        .get(&attribute.id)
        .map(|it| it.body.kind);
    let verifier = match (kind, asked.verifier) {
        (Some(AttributeKind::Verified), "") => who.tenant,
        (_, "") => None,
        (_, name) => Some(snapshot.find(Kind::Tenant, name)?.id),
    };
    let own = match (who.tenant, kind) {
        (None, _) => true,
        (Some(own), Some(AttributeKind::Declared)) => tenant.id == own,
        (Some(own), Some(AttributeKind::Verified)) => verifier == Some(own),
        _ => false,
    };
    if !own {
        return Err(not_theirs(&attribute));
    }
    let held = Held {
        attribute: attribute.id,
        verifier,
        expires: (asked.expires != 0).then_some(asked.expires),
    };
    Ok((tenant.id, held))
}

fn not_theirs(attribute: &Row) -> Error {
    Error::NotTheirs(attribute.name.clone(), "assigned or revoked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_rejected_is_told_why() {
        let kind = proto_kind(Kind::Purpose).into();
        let asked = |reason: &str| Asked::new((kind, "verifica"), reason, "", 0).unwrap();

        assert!(asked(" ").to(Action::Reject).is_err());
        assert!(asked("troppo").to(Action::Reject).is_ok());
        assert!(asked("").to(Action::Approve).is_ok());
    }
}
