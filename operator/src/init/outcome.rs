//! What `init` wrote, and what is left to do.

use std::io::{self, Write};

use serde::Serialize;

use crate::report::{DOUBTFUL, GOOD, Report};

/// The result.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(super) file: String,
    pub(super) environment: String,
    pub(super) stack: String,
    /// False if the section was the same before, or nothing may be written.
    pub(super) written: bool,
    /// The names of the parameters that the section sets.
    pub(super) parameters: Vec<String>,
    /// What a month costs when nothing happens.
    pub(super) monthly: Vec<String>,
    /// What is not here, but needed next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) missing: Option<String>,
    /// The commands that come next.
    pub(super) next: Vec<String>,
}

impl Report for Outcome {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            file, environment, ..
        } = self;
        let count = self.parameters.len();
        if self.written {
            writeln!(
                out,
                "{GOOD}written{GOOD:#} [{environment}.deploy.parameters] of {file}, {count} parameters"
            )?;
        } else {
            writeln!(
                out,
                "[{environment}.deploy.parameters] of {file}, {count} parameters: not written"
            )?;
        }
        writeln!(out, "\nA month costs, when nothing happens:")?;
        for cost in &self.monthly {
            writeln!(out, "  {cost}")?;
        }
        writeln!(out, "\nNext:")?;
        for command in &self.next {
            writeln!(out, "  {command}")?;
        }
        match &self.missing {
            Some(why) => writeln!(out, "{DOUBTFUL}But{DOUBTFUL:#} {why}"),
            None => Ok(()),
        }
    }
}
