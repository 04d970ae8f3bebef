//! `doctor`: everything that can be checked from outside, and what to do about what is wrong. Reads only.
//!
//! What `connect` would change is a fault here, by the same plan. The rest are checks of their own, one file for each provider.

mod auth0;
mod base;
mod mailgun;
mod okta;
mod twilio;

use std::io::{self, Write};

use serde::Serialize;

use crate::connect::{self, Change, Extras, Planned, Target};
use crate::context::Context;
use crate::problem::Problem;
use crate::report::{BAD, DOUBTFUL, FAINT, GOOD, Report, Style};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something does not work.
    Fault,
    /// It works, and should not stay so; or the provider did not answer, or refused the key.
    Risk,
    /// It was not asked for: the credential or scope for it was not given.
    Unchecked,
}

/// Something to know, and to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    severity: Severity,
    /// A stable name: `twilio.auth_token`.
    check: &'static str,
    what: String,
    why: String,
    remedy: String,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Examination {
    /// Names of the checks without a finding.
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

    /// The provider does not answer, or refuses: nobody knows how it is.
    fn unanswered(
        &mut self,
        check: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.risk(check, what, "the state at the provider is unknown", remedy);
    }

    /// Notes that a check was made; it is fine unless it has a finding.
    fn checked(&mut self, check: &'static str) {
        if !self.findings.iter().any(|finding| finding.check == check)
            && !self.fine.contains(&check)
        {
            self.fine.push(check);
        }
    }

    /// What `connect` would change, as faults: `command` is how.
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
            // A scope that the functions do not need, and that nobody granted.
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

/// Examines the stack and everything around it.
pub(crate) async fn examine(context: &Context) -> Result<Examination, Problem> {
    let mut examination = Examination::default();
    context.console.progress("secrets and table");
    let usable = base::examine(context, &mut examination).await?;
    context.console.progress("Twilio");
    twilio::examine(context, &mut examination, &usable).await?;
    context.console.progress("Mailgun");
    mailgun::examine(context, &mut examination).await?;
    context.console.progress("Auth0");
    auth0::examine(context, &mut examination, &usable).await?;
    if usable.contains(&"okta") {
        context.console.progress("Okta");
        okta::examine(context, &mut examination, &usable).await?;
    }
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
