//! `varco apply`: makes the registry hold what a file declares, as its plan has shown.
//!
//! The plan comes first, from the registry itself, with every problem of the file and of what it
//! refers to. It is applied on the epoch that it saw and on no other, so that what was shown is
//! what is done.

use std::io::{BufRead, IsTerminal as _, Write as _};
use std::path::PathBuf;

use tonic::transport::Channel;
use tonic::{Code, Status};
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{ApplyDocumentRequest, ApplyDocumentResponse};

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::operator::{self, As};
use crate::output;
use crate::output::refusal::Refusal;
use crate::registry_file::{self, Mode, Reading};

mod plan;
pub mod problems;

/// What `varco apply` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Registry file to apply; - is standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Only shows what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Also archives what is not declared, after asking; operators and issued certificates stay
    #[arg(long)]
    pub prune: bool,
    /// Prunes without asking
    #[arg(long, requires = "prune")]
    pub yes: bool,
    /// As whom
    #[command(flatten)]
    pub operator: As,
}

/// Shows the difference, and makes the registry hold what the file declares.
///
/// # Errors
///
/// When something is wrong with the file, when pruning is not confirmed, or the registry refuses.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let mut applying = Applying::open(args, common)?;
    let mut plan = applying.plan().await?;
    if applying.args.dry_run {
        return applying.show_all(&plan, plan::DRY_RUN);
    }
    applying.announce(&plan)?;
    let answer = match applying.apply(&plan).await {
        // Another operator was faster: what would change now is shown before it is done.
        Err(status) if status.code() == Code::Aborted && !applying.args.prune => {
            output::note("the registry has changed meanwhile, and is planned again");
            plan = applying.plan().await?;
            applying.show_plan(&plan)?;
            applying.apply(&plan).await
        }
        answer => answer,
    };
    let answer = answer.map_err(|status| refused(&status))?;
    applying.show_end(&answer)
}

/// One file on its way into the registry.
struct Applying<'a> {
    args: Args,
    reading: Reading,
    registry: RegistryServiceClient<Channel>,
    common: &'a Common,
}

impl<'a> Applying<'a> {
    /// Reads the file and opens the way to the registry.
    fn open(args: Args, common: &'a Common) -> Result<Self, Failure> {
        let reading = registry_file::open(&args.file, Mode::Whole)?;
        let refusal = |reading: &Reading| problems::refusal(&args.file, &reading.problems, common);
        if !reading.is_toml {
            return Err(refusal(&reading));
        }
        let registry = match operator::registry(&args.operator.name, common) {
            // The file is wrong in any case, whether the registry can be asked or not.
            Err(_) if !reading.problems.is_empty() => return Err(refusal(&reading)),
            registry => registry?,
        };
        Ok(Self {
            args,
            reading,
            registry,
            common,
        })
    }

    /// Asks the registry what would change; refuses the file with all of its problems at once.
    async fn plan(&mut self) -> Result<ApplyDocumentResponse, Failure> {
        let request = ApplyDocumentRequest {
            document: Some(self.reading.document.clone()),
            dry_run: true,
            prune: self.args.prune,
            seen_epoch: 0,
        };
        let answer = self.registry.apply_document(request).await;
        let own = &self.reading.problems;
        let (file, common) = (&self.args.file, self.common);
        let plan = match answer {
            Ok(plan) => plan.into_inner(),
            // As much as can be told without the registry.
            Err(_) if !own.is_empty() => {
                return Err(problems::refusal(file, own, common));
            }
            Err(status) => return Err(Refusal::from(&status).into()),
        };
        let all = problems::together(&self.reading, &plan.problems);
        if all.is_empty() {
            Ok(plan)
        } else {
            Err(problems::refusal(file, &all, common))
        }
    }

    async fn apply(
        &mut self,
        plan: &ApplyDocumentResponse,
    ) -> Result<ApplyDocumentResponse, Status> {
        let request = ApplyDocumentRequest {
            document: Some(self.reading.document.clone()),
            dry_run: false,
            prune: self.args.prune,
            seen_epoch: plan.epoch,
        };
        let answer = self.registry.apply_document(request).await?;
        Ok(answer.into_inner())
    }

    /// Shows what is about to be done, and asks before anything is archived: that is for good.
    fn announce(&self, plan: &ApplyDocumentResponse) -> Result<(), Failure> {
        let archived = plan::archived(plan);
        if archived == 0 || self.args.yes {
            return self.show_plan(plan);
        }
        let entries = if archived == 1 { "entry" } else { "entries" };
        let what = format!("{archived} {entries} would be archived for good");
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            let remedy = "look at it with --dry-run, then add --yes";
            return Err(Failure::new(what, "nobody is there to confirm it", remedy));
        }
        match self.common.output {
            Output::Json => output::note(plan::difference(plan).trim_end()),
            Output::Text => self.show_plan(plan)?,
        }
        if asked(&what, std::io::stdin().lock())? {
            return Ok(());
        }
        let remedy = "declare what is to stay, or leave --prune out";
        Err(Failure::new("nothing was changed", "not confirmed", remedy))
    }

    /// Shows people what is about to be done; programs get it once it is done.
    fn show_plan(&self, plan: &ApplyDocumentResponse) -> Result<(), Failure> {
        let difference = plan::difference(plan);
        if self.common.output == Output::Json || difference.is_empty() {
            return Ok(());
        }
        output::line(difference.trim_end())
    }

    fn show_end(&self, answer: &ApplyDocumentResponse) -> Result<(), Failure> {
        match self.common.output {
            Output::Json => output::json(&plan::ids(answer)),
            Output::Text => output::line(format!("registry at epoch {}", answer.epoch)),
        }
    }

    fn show_all(&self, plan: &ApplyDocumentResponse, end: &str) -> Result<(), Failure> {
        match self.common.output {
            Output::Json => output::json(&plan::ids(plan)),
            Output::Text => output::line(format!("{}{end}", plan::difference(plan))),
        }
    }
}

/// Asks on the terminal, and takes nothing but a full yes for one.
fn asked(what: &str, mut answers: impl BufRead) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{what}; type yes to go on: ")?;
    stderr.flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// Why the plan was not carried out.
fn refused(status: &Status) -> Failure {
    let failure = Failure::from(Refusal::from(status));
    if status.code() == Code::Aborted {
        let remedy = "the registry has changed since the plan: look at it again with --dry-run";
        return failure.remedy(remedy);
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_full_yes_confirms() {
        let confirms = |answer: &'static str| asked("it is for good", answer.as_bytes()).unwrap();

        assert!(confirms("yes\n"));
        for answer in ["", "\n", "y\n", "no\n", "yes, no\n"] {
            assert!(!confirms(answer), "{answer}");
        }
    }

    #[test]
    fn plan_that_was_overtaken_says_what_to_do() {
        let overtaken = refused(&Status::aborted("the registry is at epoch 8"));
        let other = refused(&Status::permission_denied("not yours"));

        assert!(overtaken.to_string().contains("--dry-run"), "{overtaken}");
        assert!(!other.to_string().contains("--dry-run"), "{other}");
    }
}
