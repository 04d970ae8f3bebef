//! `doctor`: checks everything that can be checked from outside, and says how to correct it. It
//! only reads.
//!
//! A change that `connect` would make is a fault here, from the same plan. All other checks are in
//! one file for each provider, which also declares them. [`coverage`] lists what was not tried.

mod arguments;
mod auth0;
mod aws_sender;
mod base;
mod cognito;
mod coverage;
mod functions;
mod mailgun;
mod okta;
mod probe;
mod receipts;
mod remedy;
mod secrets;
mod senders;
mod twilio;
mod untried;
mod watch;

pub(crate) use arguments::DoctorArgs;
pub(crate) use watch::watch;

use std::io::{self, Write};

use serde::Serialize;

use self::remedy::Remedy;
use self::secrets::Secrets;

use crate::cli::Programs;
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
    /// Not checked: a credential or scope was not given, a check before it was not fine, or the doctor
    /// never tries it.
    Unchecked,
}

/// A finding: the problem, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    severity: Severity,
    /// A stable name, such as `twilio.auth_token`.
    check: &'static str,
    what: String,
    why: String,
    remedy: Remedy,
}

/// The results. Has no `Debug`: it knows the secrets.
#[derive(Default, Serialize)]
pub(crate) struct Examination {
    /// How a person calls programs for this stack.
    #[serde(skip)]
    programs: Programs,
    /// The option of `operator deploy` that chooses this stack's section of `samconfig.toml`.
    #[serde(skip)]
    config_env: String,
    /// What was found in the stack's secrets.
    #[serde(skip)]
    secrets: Secrets,

    /// The names of the checks without a finding.
    fine: Vec<&'static str>,
    findings: Vec<Finding>,
}

/// The members of a finding for programs.
#[derive(Serialize)]
struct Told<'a> {
    severity: Severity,
    check: &'static str,
    what: &'a str,
    why: &'a str,
    remedy: &'a str,
    /// The commands of the remedy, in order.
    commands: &'a [String],
}

impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let told = Told {
            severity: self.severity,
            check: self.check,
            what: &self.what,
            why: &self.why,
            remedy: &self.remedy.text,
            commands: &self.remedy.commands,
        };
        told.serialize(serializer)
    }
}

impl Finding {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let (word, style): (&str, Style) = match self.severity {
            Severity::Fault => ("fault", BAD),
            Severity::Risk => ("risk", DOUBTFUL),
            Severity::Unchecked => ("unchecked", FAINT),
        };
        writeln!(out, "{style}{word}{style:#} {}: {}", self.check, self.what)?;
        if self.severity != Severity::Unchecked {
            writeln!(out, "  {FAINT}because{FAINT:#} {}", self.why)?;
        }
        writeln!(out, "  {FAINT}do{FAINT:#} {}", self.remedy.text)
    }
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
        debug_assert!(coverage::is_declared(check), "{check} is not declared");
        let remedy = Remedy::new(&remedy.into(), &self.programs, &self.config_env);
        self.findings.push(Finding {
            severity,
            check,
            what: what.into(),
            why: why.to_owned(),
            remedy,
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

    /// A check that was not made.
    fn missing(&mut self, check: &'static str, what: String, why: &str, remedy: impl Into<String>) {
        self.find(Severity::Unchecked, check, what, why, remedy);
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

    /// True if a check is fine or has a finding.
    fn has_told(&self, check: &'static str) -> bool {
        self.fine.contains(&check) || self.has_found(check)
    }

    /// Notes that a check was made. It is fine if it has no finding.
    fn checked(&mut self, check: &'static str) {
        debug_assert!(coverage::is_declared(check), "{check} is not declared");
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
                        "`operator connect` does not change that by itself",
                        format!(
                            "correct by hand what is named here. Then run `operator connect {command}`"
                        ),
                    );
                }
            }
            Err(Problem::Missing { what, remedy }) => {
                let why = "the stack expects it at the provider, and nothing works through it yet";
                let remedy = format!("{remedy}. Then run `operator connect {command}`");
                self.fault(check, what, why, remedy);
            }
            // The functions do not need this scope, and it was not granted.
            Err(Problem::Failed(why)) if !why.contains("status 403") => {
                self.unanswered(
                    check,
                    why,
                    "correct what is named here. Then run `operator doctor`",
                );
            }
            Err(Problem::Failed(why) | Problem::Usage(why)) => {
                self.unchecked(
                    check,
                    why,
                    "give what is named here. Then run `operator doctor`",
                );
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

/// Examines the stack and its providers.
pub(crate) async fn examine(context: &Context, args: &DoctorArgs) -> Result<Examination, Problem> {
    let mut examination = Examination {
        programs: context.programs.clone(),
        config_env: remedy::config_env(&context.stack),
        ..Examination::default()
    };
    context.console.progress("secrets and table");
    examination.secrets = secrets::examine(context, &mut examination).await?;
    base::examine(context, &mut examination).await?;
    context.console.progress("functions");
    functions::examine(context, &mut examination).await;
    probe::examine(context, &mut examination).await?;
    context.console.progress("AWS End User Messaging");
    aws_sender::examine(context, &mut examination, args.phone.as_ref()).await?;
    context.console.progress("Twilio");
    twilio::examine(context, &mut examination).await?;
    context.console.progress("SMS providers");
    senders::examine(context, &mut examination).await?;
    context.console.progress("Mailgun");
    mailgun::examine(context, &mut examination).await?;
    context.console.progress("Auth0");
    auth0::examine(context, &mut examination).await?;
    context.console.progress("Okta");
    okta::examine(context, &mut examination).await?;
    context.console.progress("Cognito");
    cognito::examine(context, &mut examination).await?;
    context.console.progress("delivery receipts");
    receipts::examine(context, &mut examination).await?;
    base::clock(context, &mut examination);
    coverage::complete(&mut examination, &context.stack);
    examination.findings.sort_by_key(|finding| finding.severity);
    Ok(examination)
}

impl Examination {
    fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// The last line: how many of each, and what that means.
    fn write_verdict(&self, out: &mut dyn Write) -> io::Result<()> {
        let (faults, risks) = (self.count(Severity::Fault), self.count(Severity::Risk));
        let unchecked = self.count(Severity::Unchecked);
        let (style, meaning) = match (faults, risks, unchecked) {
            (1.., ..) => (BAD, "something does not work"),
            (0, 1.., _) => (
                DOUBTFUL,
                "it works, as far as was checked, but should not stay so",
            ),
            (0, 0, 1..) => (GOOD, "nothing to do, as far as was checked"),
            (0, 0, 0) => (GOOD, "nothing to do"),
        };
        let mut counts = vec![format!("{} fine", self.fine.len())];
        for (count, one, many) in [
            (faults, "fault", "faults"),
            (risks, "risk", "risks"),
            (unchecked, "unchecked", "unchecked"),
        ] {
            if count > 0 {
                counts.push(format!("{count} {}", if count == 1 { one } else { many }));
            }
        }
        writeln!(out, "{}: {style}{meaning}{style:#}", counts.join(", "))
    }
}

impl Report for Examination {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for finding in &self.findings {
            finding.write(out)?;
        }
        if !self.fine.is_empty() {
            writeln!(out, "{GOOD}fine{GOOD:#} {}", self.fine.join(", "))?;
        }
        self.write_verdict(out)
    }

    fn is_fine(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.severity == Severity::Unchecked)
    }
}
