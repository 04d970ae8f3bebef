//! `connect`: registers the stack's URLs with the providers. Each provider's module reads the
//! current state and compares it with the wanted state (`plan`, which makes no call). The plan's
//! calls then make the changes. Correct settings stay as they are, so a second run changes nothing.
//! The doctor reports the same plan as faults.

pub(crate) mod auth0;
pub(crate) mod cognito;
pub(crate) mod mailgun;
pub(crate) mod okta;
pub(crate) mod okta_telephony;
mod outcome;
mod plan;
pub(crate) mod receipts;
pub(crate) mod twilio;

pub(crate) use self::outcome::Outcome;
pub(crate) use self::plan::{Change, Plan, Step};

use clap::ValueEnum;
use serde::Serialize;

use self::outcome::Connected;
use crate::calls::{Refusal, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::stack::Stack;

/// A provider to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Target {
    /// Webhooks of numbers and messaging services
    Twilio,
    /// The route for the proxy e-mail addresses
    Mailgun,
    /// The Action and phone provider, or a legacy gateway connection
    Auth0,
    /// The event hook for new employees
    Okta,
    /// The telephony inline hook for one-time codes
    OktaTelephony,
    /// The custom SMS sender of Amazon Cognito's user pools
    Cognito,
    /// What to enter by hand for delivery receipts, with its secret token
    Clickatell,
    /// What to set by hand for delivery receipts
    Vonage,
}

impl Target {
    /// The name on the command line.
    fn word(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Mailgun => "mailgun",
            Self::Auth0 => "auth0",
            Self::Okta => "okta",
            Self::OktaTelephony => "okta-telephony",
            Self::Cognito => "cognito",
            Self::Clickatell => "clickatell",
            Self::Vonage => "vonage",
        }
    }

    /// True if only a person can register what is needed.
    fn is_by_hand(self) -> bool {
        matches!(self, Self::Clickatell | Self::Vonage)
    }
}

const ALL: [Target; 6] = [
    Target::Twilio,
    Target::Mailgun,
    Target::Auth0,
    Target::Okta,
    Target::OktaTelephony,
    Target::Cognito,
];

/// The options that add to the stack's values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    /// Numbers for the company phone that were bought by hand.
    pub(crate) company_numbers: Vec<String>,
    /// The number of the phone menu.
    pub(crate) menu_number: Option<String>,
    /// The name or id of a passwordless connection that is used instead of the Action.
    pub(crate) legacy_gateway: Option<String>,
    /// The provider was named on the command line, so it is not skipped because it is not set up
    /// yet.
    pub(crate) named: bool,
    /// Another phone provider of the tenant, or another custom SMS sender of a user pool, may be
    /// replaced.
    pub(crate) replace_provider: bool,
}

/// The prefix for the names of everything that this program creates where several stacks may have
/// their own.
pub(crate) fn mark(stack: &Stack) -> Result<String, Problem> {
    Ok(format!("Switchboard {}: ", stack.name()?))
}

/// A provider's API, and the changes to make there.
pub(crate) struct Planned {
    pub(crate) session: Session,
    pub(crate) plan: Plan,
}

/// Reads a provider and plans the changes. `None`: the stack has nothing for this provider, or its
/// setup has not begun.
pub(crate) async fn plan(
    context: &Context,
    target: Target,
    extras: &Extras,
) -> Result<Option<Planned>, Problem> {
    match target {
        Target::Twilio => twilio::examine(context, extras).await,
        Target::Mailgun => mailgun::examine(context).await,
        Target::Auth0 => auth0::examine(context, extras).await,
        Target::Okta => okta::examine(context, extras).await,
        Target::OktaTelephony => okta_telephony::examine(context, extras).await,
        Target::Cognito => cognito::examine(context, extras).await,
        Target::Clickatell | Target::Vonage => Ok(None),
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

/// Connects `targets`, or every provider that the stack has something for.
pub(crate) async fn connect(
    context: &Context,
    targets: &[Target],
    extras: &Extras,
) -> Result<Outcome, Problem> {
    let mut done = Vec::new();
    let by_hand = receipts::by_hand(context, targets).await?;
    for target in if targets.is_empty() { &ALL } else { targets } {
        if target.is_by_hand() {
            continue;
        }
        let name = target.word();
        context.console.progress(&format!("reading {name}"));
        let mut connected = Connected {
            target: *target,
            changes: Vec::new(),
            problems: Vec::new(),
            skipped: None,
            lacks_keys: false,
        };
        let lacks = match target {
            Target::Auth0 => auth0::lacks(context),
            Target::OktaTelephony => okta_telephony::lacks(context),
            _ => None,
        };
        if let Some(why) = lacks.filter(|_| targets.is_empty()) {
            connected.skipped = Some(why);
            connected.lacks_keys = true;
            done.push(connected);
            continue;
        }
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
                connected.skipped =
                    Some("nothing is deployed for it, or its secret is empty".to_owned());
            }
            Ok(None) => return Err(Problem::Usage(format!("the stack has nothing for {name}"))),
            Err(problem @ (Problem::Failed(_) | Problem::Missing { .. })) => {
                connected.problems.push(problem.to_string());
            }
            Err(Problem::Usage(why)) if targets.is_empty() => connected.problems.push(why),
            Err(problem) => return Err(problem),
        }
        done.push(connected);
    }
    Ok(Outcome {
        dry_run: context.dry_run,
        targets: done,
        by_hand,
    })
}
