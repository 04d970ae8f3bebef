//! What `secrets set` changed, or would change.

use std::io::{self, Write};

use serde::Serialize;

use crate::report::{FAINT, GOOD, Report};

/// The changes.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    #[serde(flatten)]
    pub(super) asked: Change,
    /// The change of the secret that is made from this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) also: Option<Change>,
}

/// The changes of one secret. Names only.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) secret: &'static str,
    pub(super) id: String,
    pub(super) dry_run: bool,
    pub(super) changed: Vec<String>,
    pub(super) kept: Vec<String>,
    pub(super) removed: Vec<String>,
}

impl Outcome {
    /// True if nothing is different.
    pub(crate) fn is_none(&self) -> bool {
        self.asked.is_none() && self.also.as_ref().is_none_or(Change::is_none)
    }
}

impl Report for Outcome {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let changes = [Some(&self.asked), self.also.as_ref()];
        changes
            .iter()
            .flatten()
            .try_for_each(|change| change.write(out))?;
        let written = changes
            .iter()
            .flatten()
            .any(|change| !change.dry_run && !change.is_none());
        if written {
            writeln!(
                out,
                "Running functions read it within five minutes; `operator doctor` tries it."
            )?;
        }
        Ok(())
    }
}

impl Change {
    pub(super) fn is_none(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_none() {
            return writeln!(out, "{}: nothing to change", self.id);
        }
        let verb = if self.dry_run { "would set" } else { "set" };
        for name in &self.changed {
            writeln!(out, "{GOOD}{verb}{GOOD:#} {name} of {}", self.id)?;
        }
        for name in &self.removed {
            writeln!(
                out,
                "{GOOD}{}{GOOD:#} {name} of {}",
                if self.dry_run {
                    "would remove"
                } else {
                    "removed"
                },
                self.id
            )?;
        }
        if !self.kept.is_empty() {
            writeln!(out, "{FAINT}kept {}{FAINT:#}", self.kept.join(", "))?;
        }
        Ok(())
    }
}
