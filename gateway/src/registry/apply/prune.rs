//! Ending what a document does not declare.

use varco_proto::registry::v1::{self as proto, Change, Document};

use super::names::declared;
use super::{Named, Planner, proto_kind};
use crate::registry::act;
use crate::registry::body::Body;
use crate::registry::client::Client;
use crate::registry::entry::{Kind, Row};
use crate::registry::error::Error;
use crate::registry::law::{self, Action, Actor};

impl Planner<'_, '_> {
    /// Archives or deletes what is not declared, from what rests on others to what others rest on.
    /// Operators stay, and so do certificates that were issued: nobody locks himself out so.
    pub(super) fn prune(&mut self, document: &Document) -> Result<(), Error> {
        let declared = declared(document);
        let kinds = Kind::ALL.iter().rev().filter(|kind| PRUNED.contains(kind));
        for kind in kinds {
            let rows: Vec<Row> = self
                .draft
                .seen
                .rows(*kind)
                .map(|row| Row::clone(row))
                .collect();
            for seen in rows {
                let Some(row) = self.draft.row(seen.id).cloned() else {
                    continue;
                };
                let name = row
                    .name
                    .split_once('@')
                    .map_or(row.name.as_str(), |(it, _)| it);
                let kept = declared.contains(&(*kind, name.to_owned()));
                if !kept && !row.state.is_final() && self.who.may_declare(&row, self.draft) {
                    self.end(&row)?;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, row: &Row) -> Result<(), Error> {
        let name = Named::new(row.kind, row.name.clone());
        let action = [Action::Delete, Action::Archive]
            .into_iter()
            .find(|action| law::check(row.kind, row.state, *action, Actor::Installation).is_ok());
        let Some(action) = action else {
            return Ok(());
        };
        if row.kind == Client::KIND {
            self.end_keys(row)?;
        }
        let done = act::perform(self.draft, row, action, Actor::Installation);
        if self.refused(&name, done)?.is_none() {
            return Ok(());
        }
        self.entitle(&name, row);
        let state = self.draft.row(row.id).map_or(row.state, |row| row.state);
        self.changes.push(Change {
            action: proto::Action::Archive.into(),
            kind: proto_kind(row.kind).into(),
            name: row.name.clone(),
            id: row.id.to_string(),
            state: state.name().to_owned(),
            ..Default::default()
        });
        Ok(())
    }

    /// A client's keys end with it: their names stay taken.
    fn end_keys(&mut self, client: &Row) -> Result<(), Error> {
        for key in self.keys_of(client.id)? {
            self.revoke(&key)?;
        }
        Ok(())
    }
}

const PRUNED: [Kind; 7] = [
    Kind::Attribute,
    Kind::Tenant,
    Kind::Eservice,
    Kind::Descriptor,
    Kind::Client,
    Kind::Agreement,
    Kind::Purpose,
];
