//! `connect`: registers the stack's URLs with the providers. Each provider's module reads the
//! current state and compares it with the wanted state (`plan`, which makes no call). The plan's
//! calls then make the changes. Correct settings stay as they are, so a second run changes nothing.
//! The doctor reports the same plan as faults.

pub(crate) mod auth0;
pub(crate) mod cognito;
pub(crate) mod mailgun;
pub(crate) mod okta;
pub(crate) mod okta_telephony;
pub(crate) mod receipts;
pub(crate) mod twilio;

use std::io::{self, Write};

use clap::ValueEnum;
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use self::receipts::ByHand;
use crate::calls::{Body, Refusal, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{BAD, DOUBTFUL, FAINT, GOOD, Report};
use crate::stack::{RETRIES, Stack};

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

/// A difference between the current state and the wanted state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// The object that changes, such as `Twilio number +15005550006`.
    pub(crate) of: String,
    pub(crate) field: String,
    /// The current value. `None`: there is none, or it cannot be read.
    pub(crate) from: Option<String>,
    pub(crate) to: String,
    /// A remark that the person should not miss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// The changes, and the calls that make them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Change>,
    pub(crate) steps: Vec<Step>,
    /// Problems that a person must solve, because this program must not change them.
    pub(crate) problems: Vec<String>,
}

/// One action at a provider. Its `Debug` output has no secrets: bodies are never printed.
#[derive(Clone, PartialEq)]
pub(crate) enum Step {
    /// A single request.
    Send(Method, Url, Body),
    /// An Action: create it, or update the one with this id; then build and deploy it.
    Action(Option<String>, Value),
    /// An event hook: create it, or replace the one with this id; then verify it.
    Hook(Option<String>, Value),
    /// An event hook whose URL is not verified yet.
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
    /// Notes a field whose value is not `to`. Returns true if it was noted.
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
        let from = from.map(|from| crate::report::plain(&without_credentials(from)));
        self.changes.push(Change {
            of: of.to_owned(),
            field: field.to_owned(),
            from,
            to: without_credentials(to),
            note: None,
        });
    }
}

/// The prefix for the names of everything that this program creates where several stacks may have
/// their own.
pub(crate) fn mark(stack: &Stack) -> Result<String, Problem> {
    Ok(format!("Switchboard {}: ", stack.name()?))
}

/// A text with its URLs shortened to scheme, host and path, and the retries for Twilio
/// ([`RETRIES`]). User, query and any other fragment may contain credentials. A URL ends with the
/// quote that it began after, or else with a blank.
fn without_credentials(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        shown.push_str(before);
        let quote = before[..at]
            .trim_end_matches(|c: char| c.is_ascii_alphanumeric())
            .chars()
            .next_back();
        let end = match quote.filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => after.find(quote),
            None => after.find(char::is_whitespace),
        };
        let (url, left) = after.split_at(end.unwrap_or(after.len()));
        let (authority, more) = url.split_at(url.find(['/', '\\', '?', '#']).unwrap_or(url.len()));
        let (path, hidden) = more.split_at(more.find(['?', '#']).unwrap_or(more.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => shown.extend(["...@", host]),
            None => shown.push_str(authority),
        }
        shown.push_str(path);
        match hidden.chars().next() {
            Some(_) if hidden == RETRIES => shown.push_str(RETRIES),
            Some(sign) => shown.extend([sign, '.', '.', '.']),
            None => {}
        }
        rest = left;
    }
    shown + rest
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

/// The results for all targets.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    dry_run: bool,
    targets: Vec<Connected>,
    /// What a person must do at a provider.
    by_hand: Vec<ByHand>,
}

#[derive(Debug, Serialize)]
struct Connected {
    target: Target,
    /// The changes made, or in a dry run to be made.
    changes: Vec<Change>,
    problems: Vec<String>,
    /// Why the provider was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
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
        };
        let lacks = match target {
            Target::Auth0 => auth0::lacks(context),
            Target::OktaTelephony => okta_telephony::lacks(context),
            _ => None,
        };
        if let Some(why) = lacks.filter(|_| targets.is_empty()) {
            connected.skipped = Some(why);
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
            Err(Problem::Failed(why)) => connected.problems.push(why),
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

impl Report for Outcome {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for Connected {
            target,
            changes,
            problems,
            skipped,
        } in &self.targets
        {
            let name = target.word();
            for Change {
                of,
                field,
                from,
                to,
                note,
            } in changes
            {
                let verb = if self.dry_run { "would set" } else { "set" };
                let from = from.as_deref().unwrap_or("nothing");
                let to = if to.is_empty() { "nothing" } else { to };
                write!(
                    out,
                    "{GOOD}{verb}{GOOD:#} {field} of {of} from {FAINT}{from}{FAINT:#} to {to}"
                )?;
                match note {
                    Some(note) => writeln!(out, ", {DOUBTFUL}{note}{DOUBTFUL:#}")?,
                    None => writeln!(out)?,
                }
            }
            for problem in problems {
                writeln!(out, "{BAD}{name}:{BAD:#} {problem}")?;
            }
            match skipped {
                Some(why) => writeln!(out, "{FAINT}{name}: left alone, {why}{FAINT:#}")?,
                None if changes.is_empty() && problems.is_empty() => {
                    writeln!(out, "{name}: nothing to change")?;
                }
                None => {}
            }
        }
        for ByHand { provider, what, .. } in &self.by_hand {
            writeln!(out, "{DOUBTFUL}{provider}, by hand:{DOUBTFUL:#} {what}")?;
        }
        Ok(())
    }

    fn is_fine(&self) -> bool {
        self.targets
            .iter()
            .all(|connected| connected.problems.is_empty())
            && self.by_hand.iter().all(|by_hand| by_hand.is_ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_may_be_a_credential() {
        for (text, shown) in [
            (
                "https://x.example/a#rc=3&rp=5xx,ct,rt",
                "https://x.example/a#rc=3&rp=5xx,ct,rt",
            ),
            (
                "https://u:canary@x.example:81/a?canary#canary",
                "https://...@x.example:81/a?...",
            ),
            (
                "HTTPS://u@canary@x.example#canary",
                "HTTPS://...@x.example#...",
            ),
            (
                r#"forward("https://u:canary@x/?a=(c,d canary)"), stop()"#,
                r#"forward("https://...@x/?..."), stop()"#,
            ),
            (
                "store(notify='https://x/?canary'), forward('http://y/')",
                "store(notify='https://x/?...'), forward('http://y/')",
            ),
            (
                "https://x/?canary https://y/?canary",
                "https://x/?... https://y/?...",
            ),
            ("://", "://"),
            ("^acme[+]([0-9]{7,15})@x$", "^acme[+]([0-9]{7,15})@x$"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
