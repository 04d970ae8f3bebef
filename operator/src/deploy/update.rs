//! The step `deploy`: `sam deploy`, and the state of the stack before and after it.

use std::time::{Duration, Instant};

use super::outcome::{Done, State};
use super::{Run, Step, sam};
use crate::aws;
use crate::problem::Problem;
use crate::report::plain;

/// How often `CloudFormation` is asked whether an earlier deployment has ended.
const PAUSE: Duration = Duration::from_secs(3);
/// A deployment takes minutes.
const LONGEST: Duration = Duration::from_hours(1);

impl Run<'_> {
    pub(super) async fn update(&self) -> Result<Done, Problem> {
        let before = self.settled().await?;
        if !self.args.yes && self.console.is_watched() {
            let preview = self.deploy(&["--no-execute-changeset"]);
            let said = sam::run(&self.sam, &preview).await?;
            let question = format!("Deploy these changes to {}?", self.stack);
            let is_same = said.contains("No changes to deploy");
            if !is_same && self.console.confirm(&question) != Some(true) {
                return Err(Problem::Failed("nothing was deployed".to_owned()));
            }
            if is_same {
                return Ok(Done::of(Step::Deploy, State::NothingToDo));
            }
        }
        self.execute().await?;
        let is_same = self.state().await? == before;
        Ok(Done::of(
            Step::Deploy,
            if is_same {
                State::NothingToDo
            } else {
                State::Done
            },
        ))
    }

    /// The state of the stack, once no other deployment is at work.
    async fn settled(&self) -> Result<Option<aws::State>, Problem> {
        let begun = Instant::now();
        let mut told = String::new();
        loop {
            let state = self.state().await?;
            let status = state.as_ref().map(|state| state.status.as_str());
            let busy = status.filter(|status| {
                *status != "REVIEW_IN_PROGRESS" && status.ends_with("_IN_PROGRESS")
            });
            let Some(status) = busy else {
                return Ok(state);
            };
            if begun.elapsed() > LONGEST {
                return Err(Problem::Failed(format!(
                    "CloudFormation has worked on an earlier deployment of {} for an hour ({status})",
                    self.stack
                )));
            }
            if told != status {
                self.console.line(&format!(
                    "CloudFormation still works on an earlier deployment of {} ({status}); waiting",
                    self.stack
                ));
                status.clone_into(&mut told);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Runs `sam deploy`. The error has what CloudFormation says about each resource: in sam's table
    /// it is cut into columns.
    async fn execute(&self) -> Result<(), Problem> {
        let Err(problem) = sam::run(&self.sam, &self.deploy(&[])).await else {
            return Ok(());
        };
        let failures = match self.aws().await {
            Ok(aws) => aws.failures(&self.stack).await,
            Err(_) => Vec::new(),
        };
        let mut why = problem.to_string();
        for failure in &failures {
            why = format!("{why}\n  {}", plain(failure));
        }
        let why = match sam::hint(&why) {
            Some(hint) => format!("{why}\n{hint}"),
            None => why,
        };
        Err(Problem::Failed(why))
    }
}

/// The command that helps a stack which cannot be updated in its state.
pub(super) fn remedy(status: &str, stack: &str) -> Option<String> {
    Some(match status {
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => {
            format!("sam delete --stack-name {stack}")
        }
        "UPDATE_ROLLBACK_FAILED" => {
            format!("aws cloudformation continue-update-rollback --stack-name {stack}")
        }
        _ => return None,
    })
}
