//! `connect`: the stack's URLs, registered with the providers. Each provider's module reads what is there, compares it with what
//! should be (`plan`, without any call), and the calls of the plan make it so. What is right is left alone, so a second run finds
//! nothing to change; the doctor reports the same plan as faults.

pub(crate) mod auth0;
pub(crate) mod mailgun;
pub(crate) mod okta;
pub(crate) mod twilio;

use std::io::{self, Write};

use clap::ValueEnum;
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::calls::{Body, Refusal, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{BAD, FAINT, GOOD, Report};

/// Who is to be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    /// Webhooks of numbers and messaging services
    Twilio,
    /// The route for the pseudo addresses
    Mailgun,
    /// The Action and phone provider, or a legacy gateway connection
    Auth0,
    /// The event hook for new employees
    Okta,
}

const ALL: [Target; 4] = [Target::Twilio, Target::Mailgun, Target::Auth0, Target::Okta];

/// What the command line adds to the stack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    /// Numbers bought by hand for the company phone.
    pub(crate) company_numbers: Vec<String>,
    /// The number of the phone menu.
    pub(crate) menu_number: Option<String>,
    /// Name or id of a passwordless connection, instead of the Action.
    pub(crate) legacy_gateway: Option<String>,
    /// The provider was asked for by its name: it is not passed over because nobody has set it up yet.
    pub(crate) named: bool,
    /// Another phone provider of the tenant may be replaced.
    pub(crate) replace_provider: bool,
}

/// A difference between what is and what should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// What has it, such as `Twilio number +15005550006`.
    pub(crate) of: String,
    pub(crate) field: String,
    /// `None`: nothing, or nothing that can be read.
    pub(crate) from: Option<String>,
    pub(crate) to: String,
}

/// What to change, and how.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Change>,
    pub(crate) steps: Vec<Step>,
    /// What keeps it from being right, and is not ours to change.
    pub(crate) problems: Vec<String>,
}

/// One thing to do at a provider. Has no `Debug` output of secrets: bodies are never printed.
#[derive(Clone, PartialEq)]
pub(crate) enum Step {
    /// One request is all.
    Send(Method, Url, Body),
    /// An Action: created or, with an id, updated; then built; then deployed.
    Action(Option<String>, Value),
    /// An event hook: created or, with an id, replaced; then verified.
    Hook(Option<String>, Value),
    /// An event hook whose address has not been verified yet.
    Verify(String),
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Send(method, url, _) => write!(f, "{method} {url}"),
            Self::Action(id, _) => write!(f, "action {id:?}"),
            Self::Hook(id, _) => write!(f, "hook {id:?}"),
            Self::Verify(id) => write!(f, "verify {id}"),
        }
    }
}

impl Plan {
    /// Notes a field whose value is not `to`; `true` if it was noted.
    pub(crate) fn compare(&mut self, of: &str, field: &str, from: Option<&str>, to: &str) -> bool {
        let from = from.filter(|value| !value.is_empty());
        let differs = from.unwrap_or_default() != to;
        if differs {
            self.set(of, field, from, to);
        }
        differs
    }

    /// Notes a change.
    pub(crate) fn set(&mut self, of: &str, field: &str, from: Option<&str>, to: &str) {
        let (of, from, to) = (of.to_owned(), from.map(crate::report::plain), to.to_owned());
        self.changes.push(Change { of, field: field.to_owned(), from, to });
    }
}

/// A provider's API, and what is to be changed there.
pub(crate) struct Planned {
    pub(crate) session: Session,
    pub(crate) plan: Plan,
}

/// Reads a provider and plans. `None`: the stack has nothing for it, or nobody has begun to set it up.
pub(crate) async fn plan(context: &Context, target: Target, extras: &Extras) -> Result<Option<Planned>, Problem> {
    match target {
        Target::Twilio => twilio::examine(context, extras).await,
        Target::Mailgun => mailgun::examine(context).await,
        Target::Auth0 => auth0::examine(context, extras).await,
        Target::Okta => okta::examine(context, extras).await,
    }
}

async fn carry_out(session: &Session, step: Step) -> Result<(), Refusal> {
    match step {
        Step::Send(method, url, body) => session.send_to(method, url, &body).await.map(drop),
        Step::Action(id, body) => auth0::deploy(session, id, body).await,
        Step::Hook(id, body) => okta::register(session, id, body).await,
        Step::Verify(id) => okta::verify(session, &id).await,
    }
}

/// What became of all targets.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    dry_run: bool,
    targets: Vec<Connected>,
}

#[derive(Debug, Serialize)]
struct Connected {
    target: Target,
    /// Made, or with a dry run to be made.
    changes: Vec<Change>,
    problems: Vec<String>,
    /// Why it was left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
}

/// Connects `targets`, or every one that the stack has something for.
pub(crate) async fn connect(context: &Context, targets: &[Target], extras: &Extras) -> Result<Outcome, Problem> {
    let mut done = Vec::new();
    for target in if targets.is_empty() { &ALL } else { targets } {
        let name = target.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        context.console.progress(&format!("reading {name}"));
        let mut connected = Connected { target: *target, changes: Vec::new(), problems: Vec::new(), skipped: None };
        match plan(context, *target, extras).await {
            Ok(Some(Planned { session, plan })) => {
                connected.problems = plan.problems;
                connected.changes = plan.changes;
                for step in plan.steps.into_iter().filter(|_| !context.dry_run) {
                    context.console.progress(&format!("changing {name}"));
                    if let Err(refusal) = carry_out(&session, step).await {
                        connected
                            .problems
                            .push(format!("{name} refused a change: {refusal}; what was listed before may not be complete"));
                        break;
                    }
                }
            }
            Ok(None) if targets.is_empty() => {
                connected.skipped = Some("nothing is deployed for it, or its secret is empty".to_owned());
            }
            Ok(None) => return Err(Problem::Usage(format!("the stack has nothing for {name}"))),
            Err(Problem::Failed(why)) => connected.problems.push(why),
            Err(Problem::Usage(why)) if targets.is_empty() => connected.problems.push(why),
            Err(problem) => return Err(problem),
        }
        done.push(connected);
    }
    Ok(Outcome { dry_run: context.dry_run, targets: done })
}

impl Report for Outcome {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for Connected { target, changes, problems, skipped } in &self.targets {
            let name = target.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            for Change { of, field, from, to } in changes {
                let verb = if self.dry_run { "would set" } else { "set" };
                let from = from.as_deref().unwrap_or("nothing");
                writeln!(out, "{GOOD}{verb}{GOOD:#} {field} of {of} from {FAINT}{from}{FAINT:#} to {to}")?;
            }
            for problem in problems {
                writeln!(out, "{BAD}{name}:{BAD:#} {problem}")?;
            }
            match skipped {
                Some(why) => writeln!(out, "{FAINT}{name}: left alone, {why}{FAINT:#}")?,
                None if changes.is_empty() && problems.is_empty() => writeln!(out, "{name}: nothing to change")?,
                None => {}
            }
        }
        Ok(())
    }

    fn is_fine(&self) -> bool {
        self.targets.iter().all(|connected| connected.problems.is_empty())
    }
}
