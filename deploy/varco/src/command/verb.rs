//! `varco suspend`, `submit`, `approve` and their like: an entry moved to another state.
//!
//! The contract gives each verb a message of its own, all of one form (decision 0002). They are
//! sent through one of them, so that the verbs are a table here and not a function each; a test
//! holds that the forms are one on the wire.

use clap::ValueEnum;
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use varco_proto::registry::v1::{Entry, Kind, Side, SuspendEntryRequest, SuspendEntryResponse};

use crate::cli::{Common, Output};
use crate::entry_name::entry_name;
use crate::failure::Failure;
use crate::operator::{self, As};
use crate::output;
use crate::output::entry;
use crate::output::refusal::Refusal;
use crate::registry_kind::{KindName, kind_word};

/// What is done to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// A draft agreement is handed in.
    Submit,
    /// A draft descriptor is opened.
    Publish,
    /// A draft purpose is put in force.
    Activate,
    /// What waits is approved.
    Approve,
    /// What waits is rejected.
    Reject,
    /// An agreement moves to the newest descriptor.
    Upgrade,
    /// A new draft is made from an entry.
    Clone,
    /// A draft is deleted.
    Delete,
    /// A purpose is confirmed after a change of the contract.
    Confirm,
    /// An entry is suspended.
    Suspend,
    /// A suspension is lifted.
    Unsuspend,
    /// An entry is archived.
    Archive,
}

/// What a verb is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Kind of the entry
    pub kind: KindName,
    /// Its name or id
    #[arg(value_name = "ID", allow_hyphen_values = true, value_parser = entry_name)]
    pub entry: String,
    /// Why, for the register of accesses; no personal data
    #[arg(long, default_value = "", hide_default_value = true)]
    pub reason: String,
    /// Only if the entry still is as it was seen, by the etag that `describe` shows
    #[arg(long, default_value = "", hide_default_value = true)]
    pub etag: String,
    /// On whose side; that of the operator's own tenant when left out
    #[arg(long)]
    pub side: Option<SideName>,
    /// As whom
    #[command(flatten)]
    pub operator: As,
}

/// A side of an agreement or a purpose.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SideName {
    /// The tenant that uses
    Consumer,
    /// The tenant that offers
    Producer,
}

/// Does it, and says where the entry stands then.
///
/// # Errors
///
/// When the law of the kind forbids it, the operator may not do it, or there is no such entry.
pub async fn run(verb: Verb, args: Args, common: &Common) -> Result<(), Failure> {
    let side = args.side.map_or(Side::Unspecified, Side::from);
    let request = SuspendEntryRequest {
        kind: Kind::from(args.kind).into(),
        entry: args.entry.clone(),
        reason: args.reason,
        etag: args.etag,
        side: side.into(),
    };
    let moved = call(verb, request, &args.operator.name, common).await?;
    // What is deleted stands nowhere.
    if verb == Verb::Delete && common.output == Output::Text {
        let name = moved.map_or(args.entry, |entry| entry.name);
        let kind = kind_word(args.kind.into());
        return output::line(format!("{kind} {name} is deleted"));
    }
    entry::moved(moved, common)
}

async fn call(
    verb: Verb,
    request: SuspendEntryRequest,
    operator: &str,
    common: &Common,
) -> Result<Option<Entry>, Failure> {
    let channel = operator::channel(operator, &common.load_config()?)?;
    let mut grpc = Grpc::new(channel);
    let ready = grpc.ready().await;
    ready.map_err(|error| Refusal::from(&Status::from_error(error.into())))?;
    let path = format!("/{SERVICE}/{}", verb.method());
    let codec = ProstCodec::<SuspendEntryRequest, SuspendEntryResponse>::default();
    let answer = grpc
        .unary(Request::new(request), PathAndQuery::try_from(path)?, codec)
        .await;
    let answer = answer.map_err(|status| Refusal::from(&status))?;
    Ok(answer.into_inner().entry)
}

impl Verb {
    /// The method of the registry.
    fn method(self) -> &'static str {
        match self {
            Self::Submit => "SubmitEntry",
            Self::Publish => "PublishEntry",
            Self::Activate => "ActivateEntry",
            Self::Approve => "ApproveEntry",
            Self::Reject => "RejectEntry",
            Self::Upgrade => "UpgradeEntry",
            Self::Clone => "CloneEntry",
            Self::Delete => "DeleteEntry",
            Self::Confirm => "ConfirmEntry",
            Self::Suspend => "SuspendEntry",
            Self::Unsuspend => "UnsuspendEntry",
            Self::Archive => "ArchiveEntry",
        }
    }
}

impl From<SideName> for Side {
    fn from(name: SideName) -> Self {
        match name {
            SideName::Consumer => Self::Consumer,
            SideName::Producer => Self::Producer,
        }
    }
}

const SERVICE: &str = "varco.registry.v1.RegistryService";

#[cfg(test)]
mod tests {
    use prost_reflect::{DescriptorPool, MessageDescriptor};

    use super::*;

    #[test]
    fn messages_of_all_verbs_are_one_on_the_wire() {
        let pool = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap();
        let service = pool.get_service_by_name(SERVICE).unwrap();
        let forms = |name: &str| {
            let method = service.methods().find(|method| method.name() == name);
            let method = method.unwrap_or_else(|| panic!("no method {name}"));
            (form(&method.input()), form(&method.output()))
        };

        let sent = forms("SuspendEntry");

        assert!(VERBS.iter().all(|verb| forms(verb.method()) == sent));
    }

    #[test]
    fn every_method_that_moves_an_entry_has_a_verb() {
        let pool = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap();
        let service = pool.get_service_by_name(SERVICE).unwrap();
        let methods = service.methods().filter(|method| {
            let (read, new) = ("GetEntry", "CreateEntry");
            method.name().ends_with("Entry") && ![read, new].contains(&method.name())
        });

        let mut names: Vec<String> = methods.map(|method| method.name().to_owned()).collect();

        let mut verbs: Vec<&str> = VERBS.iter().map(|verb| verb.method()).collect();
        names.sort();
        verbs.sort_unstable();
        assert_eq!(names, verbs);
    }

    fn form(message: &MessageDescriptor) -> Vec<(u32, String, String)> {
        let fields = message.fields().map(|field| {
            let kind = format!("{:?} {:?}", field.cardinality(), field.kind());
            (field.number(), field.name().to_owned(), kind)
        });
        fields.collect()
    }

    const VERBS: [Verb; 12] = [
        Verb::Submit,
        Verb::Publish,
        Verb::Activate,
        Verb::Approve,
        Verb::Reject,
        Verb::Upgrade,
        Verb::Clone,
        Verb::Delete,
        Verb::Confirm,
        Verb::Suspend,
        Verb::Unsuspend,
        Verb::Archive,
    ];
}
