//! Giving and taking attributes, and what follows for agreements.

use uuid::Uuid;

use crate::registry::agreement::{Agreement, recomputed};
use crate::registry::attribute::{Attribute, AttributeKind};
use crate::registry::descriptor::Descriptor;
use crate::registry::draft::Draft;
use crate::registry::entry::Entry;
use crate::registry::error::Error;
use crate::registry::tenant::{Held, Tenant};

/// Gives a tenant an attribute; `verifier` is the producer of a verified one.
///
/// # Errors
///
/// When the tenant or the attribute has ended, a verified attribute has no verifier but the tenant
/// itself, or another kind has one or expires.
pub fn assign(draft: &mut Draft<'_>, tenant: Uuid, held: Held) -> Result<Uuid, Error> {
    let attribute = draft.entry::<Attribute>(held.attribute)?;
    let mut entry = Entry::clone(&*draft.entry::<Tenant>(tenant)?);
    for (name, state) in [
        (&attribute.name, attribute.state),
        (&entry.name, entry.state),
    ] {
        if state.is_final() {
            let english = format!("{name} is {state}, which is final");
            return Err(Error::Precondition("ENTRY_ENDED", english));
        }
    }
    let verified = attribute.body.kind == AttributeKind::Verified;
    if verified != held.verifier.is_some() || held.verifier == Some(tenant) {
        let english = format!(
            "{}: only a verified attribute has a verifier, and it needs another tenant for one",
            attribute.name
        );
        return Err(Error::Precondition("ATTRIBUTE_VERIFIER", english));
    }
    if !verified && held.expires.is_some() {
        let english = format!("{}: only a verified attribute expires", attribute.name);
        return Err(Error::Precondition("ATTRIBUTE_EXPIRES", english));
    }
    entry.body.attributes.retain(|known| !same(known, &held));
    entry.body.attributes.push(held);
    draft.update("attributed", &entry)?;
    recompute(draft, Some(tenant))?;
    Ok(tenant)
}

/// Takes an attribute from a tenant.
///
/// # Errors
///
/// When the tenant does not hold it.
pub fn revoke(draft: &mut Draft<'_>, tenant: Uuid, held: &Held) -> Result<Uuid, Error> {
    let mut entry = Entry::clone(&*draft.entry::<Tenant>(tenant)?);
    let before = entry.body.attributes.len();
    entry.body.attributes.retain(|known| !same(known, held));
    if entry.body.attributes.len() == before {
        let english = format!("{} does not hold the attribute", entry.name);
        return Err(Error::Precondition("ATTRIBUTE_NOT_HELD", english));
    }
    draft.update("disattributed", &entry)?;
    recompute(draft, Some(tenant))?;
    Ok(tenant)
}

/// Sets the platform's flag of the agreements of a tenant, or of all, as their attributes stand.
///
/// # Errors
///
/// When an entry is missing or does not parse.
pub fn recompute(draft: &mut Draft<'_>, tenant: Option<Uuid>) -> Result<(), Error> {
    for agreement in draft.entries::<Agreement>()? {
        let other = tenant.is_some_and(|tenant| agreement.body.consumer != tenant);
        if other || agreement.state.is_final() {
            continue;
        }
        let descriptor = draft.entry::<Descriptor>(agreement.body.descriptor)?;
        let met = draft.met(agreement.body.consumer, &descriptor.body)?;
        let by = agreement.body.suspended_by;
        let (state, by) = recomputed(agreement.state, by, met);
        if (state, by) == (agreement.state, agreement.body.suspended_by) {
            continue;
        }
        let mut entry = Entry::clone(&agreement);
        entry.state = state;
        entry.body.suspended_by = by;
        draft.update("recomputed", &entry)?;
    }
    Ok(())
}

fn same(one: &Held, other: &Held) -> bool {
    (one.attribute, one.verifier) == (other.attribute, other.verifier)
}
