//! Who acted, out of the sealed details: opened here, with the DPO's key alone.

use std::collections::HashMap;

use prost::Message as _;
use varco_gateway::audit::seal::{self, KeyId};
use varco_proto::audit::v1::{Details, Entry};
use varco_runtime::secret::dpo::DpoKey;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Opens details, each key of theirs once.
#[derive(Debug)]
pub struct Opener<'a> {
    dpo: &'a DpoKey,
    keys: HashMap<KeyId, Zeroizing<[u8; 32]>>,
}

impl<'a> Opener<'a> {
    /// Opens with a key of the DPO's.
    #[must_use]
    pub fn new(dpo: &'a DpoKey) -> Self {
        let keys = HashMap::new();
        Self { dpo, keys }
    }

    /// The person who acted in the call of a record; none where the record has no details any more,
    /// or they name nobody.
    ///
    /// # Errors
    ///
    /// When the details do not open, or are not what was sealed.
    pub fn actor(&mut self, audit_id: &[u8], entry: &Entry) -> Result<Option<String>, Failure> {
        let Some(id) = KeyId::named_by(&entry.details) else {
            return Ok(None);
        };
        let failed = |error: seal::Error| {
            let what = format!("record {}", entry.index);
            Failure::new(
                what,
                error,
                "name the DPO's key of that time with --dpo-key",
            )
        };
        if !self.keys.contains_key(&id) {
            let key = seal::open_key(&entry.details_key, self.dpo).map_err(failed)?;
            self.keys.insert(id, key);
        }
        let Some(key) = self.keys.get(&id) else {
            return Ok(None);
        };
        let opened = seal::open(key, audit_id, &entry.details).map_err(failed)?;
        let details = Details::decode(opened.as_slice())?;
        Ok(Some(details.actor).filter(|actor| !actor.is_empty()))
    }
}
