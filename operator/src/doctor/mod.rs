//! `doctor`: checks everything that can be checked from outside, and says how to correct it. It
//! only reads.
//!
//! A change that `connect` would make is a fault here, from the same plan. All other checks are in
//! one file for each provider.

mod auth0;
mod aws_sender;
mod base;
mod functions;
mod mailgun;
mod okta;
mod receipts;
mod senders;
mod twilio;

use std::io::{self, Write};

use serde::Serialize;
use shared::rules::phone::E164;

use crate::connect::{self, Change, Extras, Planned, Target};
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{BAD, DOUBTFUL, FAINT, GOOD, Report, Style};

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something does not work.
    Fault,
    /// It works but should be changed; or the provider did not answer, or rejected the key.
    Risk,
    /// Not checked: the required credential or scope was not given.
    Unchecked,
}

/// A finding: the problem, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    severity: Severity,
    /// A stable name, such as `twilio.auth_token`.
    check: &'static str,
    what: String,
    why: String,
    remedy: String,
}

/// The results.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Examination {
    /// The names of the checks without a finding.
    fine: Vec<&'static str>,
    findings: Vec<Finding>,
}

impl Examination {
    fn find(
        &mut self,
        severity: Severity,
        check: &'static str,
        what: impl Into<String>,
        why: &str,
        remedy: impl Into<String>,
    ) {
        self.findings.push(Finding {
            severity,
            check,
            what: what.into(),
            why: why.to_owned(),
            remedy: remedy.into(),
        });
    }

    fn fault(
        &mut self,
        check: &'static str,
        what: impl Into<String>,
        why: &str,
        remedy: impl Into<String>,
    ) {
        self.find(Severity::Fault, check, what, why, remedy);
    }

    fn risk(
        &mut self,
        check: &'static str,
        what: impl Into<String>,
        why: &str,
        remedy: impl Into<String>,
    ) {
        self.find(Severity::Risk, check, what, why, remedy);
    }

    fn unchecked(
        &mut self,
        check: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.find(
            Severity::Unchecked,
            check,
            what,
            "these credentials do not allow the check",
            remedy,
        );
    }

    /// The provider does not answer or rejects the request, so the state is unknown.
    fn unanswered(
        &mut self,
        check: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.risk(check, what, "the state at the provider is unknown", remedy);
    }

    /// True if a check has a finding.
    fn has_found(&self, check: &'static str) -> bool {
        self.findings.iter().any(|finding| finding.check == check)
    }

    /// Notes that a check was made. It is fine if it has no finding.
    fn checked(&mut self, check: &'static str) {
        if !self.has_found(check) && !self.fine.contains(&check) {
            self.fine.push(check);
        }
    }

    /// Reports the changes that `connect` would make as faults. `command` makes them.
    async fn compare(
        &mut self,
        context: &Context,
        check: &'static str,
        target: Target,
        extras: &Extras,
        command: &str,
    ) -> Result<(), Problem> {
        match connect::plan(context, target, extras).await {
            Ok(None) => return Ok(()),
            Ok(Some(Planned { plan, .. })) => {
                let mut subjects: Vec<&str> = plan
                    .changes
                    .iter()
                    .map(|change| change.of.as_str())
                    .collect();
                subjects.dedup();
                for of in subjects {
                    let changes = plan.changes.iter().filter(|change| change.of == of);
                    let words: Vec<String> = changes.map(difference).collect();
                    let why = "the settings at the provider do not match this stack";
                    self.fault(
                        check,
                        format!("{of}: {}", words.join("; ")),
                        why,
                        format!("run `operator connect {command}`"),
                    );
                }
                for problem in plan.problems {
                    self.fault(
                        check,
                        problem,
                        "`operator connect` cannot change that",
                        "change it by hand as described",
                    );
                }
            }
            // The functions do not need this scope, and it was not granted.
            Err(Problem::Failed(why)) if !why.contains("status 403") => {
                self.unanswered(check, why, "do what it says, and run this again");
            }
            Err(Problem::Failed(why) | Problem::Usage(why)) => {
                self.unchecked(check, why, "do what it says, and run this again");
            }
            Err(problem) => return Err(problem),
        }
        self.checked(check);
        Ok(())
    }
}

fn difference(
    Change {
        field, from, to, ..
    }: &Change,
) -> String {
    let to = if to.is_empty() { "nothing" } else { to };
    format!(
        "{field} is {}, should be {to}",
        from.as_deref().unwrap_or("nothing")
    )
}

/// Examines the stack and its providers. `phone` is a number for AWS's dry run.
pub(crate) async fn examine(
    context: &Context,
    phone: Option<&E164>,
) -> Result<Examination, Problem> {
    let mut examination = Examination::default();
    context.console.progress("secrets and table");
    let usable = base::examine(context, &mut examination).await?;
    context.console.progress("functions");
    functions::examine(context, &mut examination).await;
    context.console.progress("AWS End User Messaging");
    aws_sender::examine(context, &mut examination, phone).await?;
    context.console.progress("Twilio");
    twilio::examine(context, &mut examination, &usable).await?;
    context.console.progress("SMS providers");
    senders::examine(context, &mut examination, &usable).await?;
    context.console.progress("Mailgun");
    mailgun::examine(context, &mut examination).await?;
    context.console.progress("Auth0");
    auth0::examine(context, &mut examination, &usable).await?;
    context.console.progress("Okta");
    okta::examine(context, &mut examination, &usable).await?;
    context.console.progress("Cognito");
    let extras = Extras::default();
    examination
        .compare(
            context,
            "cognito.pools",
            Target::Cognito,
            &extras,
            "cognito",
        )
        .await?;
    context.console.progress("delivery receipts");
    receipts::examine(context, &mut examination).await?;
    base::clock(context, &mut examination);
    examination.findings.sort_by_key(|finding| finding.severity);
    Ok(examination)
}

impl Report for Examination {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for Finding {
            severity,
            check,
            what,
            why,
            remedy,
        } in &self.findings
        {
            let (word, style): (&str, Style) = match severity {
                Severity::Fault => ("fault", BAD),
                Severity::Risk => ("risk", DOUBTFUL),
                Severity::Unchecked => ("unchecked", FAINT),
            };
            writeln!(out, "{style}{word}{style:#} {check}: {what}")?;
            if *severity != Severity::Unchecked {
                writeln!(out, "  {FAINT}because{FAINT:#} {why}")?;
            }
            writeln!(out, "  {FAINT}do{FAINT:#} {remedy}")?;
        }
        if !self.fine.is_empty() {
            writeln!(out, "{GOOD}fine{GOOD:#} {}", self.fine.join(", "))?;
        }
        if self.findings.is_empty() {
            writeln!(out, "nothing to do")
        } else {
            Ok(())
        }
    }

    fn is_fine(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.severity == Severity::Unchecked)
    }
}
