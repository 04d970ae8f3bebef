//! What the steps did.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::Step;
use crate::report::{BAD, DOUBTFUL, GOOD, Report};

/// The results of all steps.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) dry_run: bool,
    pub(super) stack: String,
    pub(super) steps: Vec<Done>,
    /// Why the last step failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// The command that continues.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub(super) again: Option<String>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Done,
    NothingToDo,
    /// It ended, and a person must do something.
    Left,
    /// A dry run.
    Planned,
}

#[derive(Debug, Serialize)]
pub(super) struct Done {
    step: Step,
    pub(super) state: State,
    pub(super) seconds: f64,
    /// What a dry run did not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<String>,
    /// The document of the command that does the step alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<Value>,
    /// What was not connected for want of keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_alone: Vec<String>,
}

impl Outcome {
    pub(super) fn new(dry_run: bool) -> Self {
        Self {
            dry_run,
            stack: String::new(),
            steps: Vec::new(),
            error: None,
            again: None,
        }
    }
}

impl Outcome {
    fn is_checked(&self) -> bool {
        self.steps.iter().any(|done| done.step == Step::Doctor)
    }
}

impl Done {
    pub(super) fn of(step: Step, state: State) -> Self {
        Self {
            step,
            state,
            seconds: 0.0,
            command: None,
            result: None,
            left_alone: Vec::new(),
        }
    }

    pub(super) fn with(step: Step, state: State, result: &impl Serialize) -> Self {
        Self {
            result: serde_json::to_value(result).ok(),
            ..Self::of(step, state)
        }
    }
}

impl Report for Outcome {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let commands = self.steps.iter().filter_map(|done| done.command.as_ref());
        for command in commands {
            writeln!(out, "{GOOD}would run{GOOD:#} {command}")?;
        }
        match &self.again {
            Some(again) => writeln!(
                out,
                "{BAD}something is left to do{BAD:#} in the stack {}. Then run: {again}",
                self.stack
            ),
            None if self.dry_run || !self.is_checked() => Ok(()),
            None => {
                writeln!(out, "{GOOD}the stack {} is ready{GOOD:#}", self.stack)?;
                let left = self.steps.iter().flat_map(|done| &done.left_alone);
                left.into_iter()
                    .try_for_each(|what| writeln!(out, "{DOUBTFUL}but{DOUBTFUL:#} {what}"))
            }
        }
    }

    fn is_fine(&self) -> bool {
        self.again.is_none()
    }
}
