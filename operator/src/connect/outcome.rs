//! The result of `connect`.

use std::io::{self, Write};

use serde::Serialize;

use super::receipts::ByHand;
use super::{Change, Target};
use crate::report::{BAD, DOUBTFUL, FAINT, GOOD, Report};

/// The results for all targets.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(super) dry_run: bool,
    pub(super) targets: Vec<Connected>,
    /// What a person must do at a provider.
    pub(super) by_hand: Vec<ByHand>,
}

#[derive(Debug, Serialize)]
pub(super) struct Connected {
    pub(super) target: Target,
    /// The changes made, or in a dry run to be made.
    pub(super) changes: Vec<Change>,
    pub(super) problems: Vec<String>,
    /// Why the provider was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skipped: Option<String>,
    /// True if the stack may need the provider, and keys are missing.
    #[serde(skip)]
    pub(super) lacks_keys: bool,
}

impl Outcome {
    /// The providers that were left alone because keys are missing, and which.
    pub(crate) fn without_keys(&self) -> Vec<String> {
        let left = self.targets.iter().filter(|connected| connected.lacks_keys);
        let told = left.map(|connected| {
            let why = connected.skipped.as_deref().unwrap_or_default();
            format!("{} is not connected: {why}", connected.target.word())
        });
        told.collect()
    }
}

impl Report for Outcome {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for Connected {
            target,
            changes,
            problems,
            skipped,
            ..
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
