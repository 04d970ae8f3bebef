//! `deploy`: from a section of `samconfig.toml` to a stack that works. It builds, deploys, fills the
//! secrets, connects the providers and checks everything. Each step also runs alone, and each finds
//! out itself what is left to do. So a run that was stopped anywhere is continued by another run.

mod arguments;
mod commands;
mod fill;
mod outcome;
mod sam;
mod samconfig;
mod tools;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use self::arguments::DeployArgs;
use self::arguments::Step;
use self::fill::{Lookup, Source};
use self::outcome::{Done, Outcome, State};
use self::sam::shown;
use self::samconfig::Section;
use crate::aws::{self, Aws};
use crate::cli::Cli;
use crate::connect::{self, Extras};
use crate::context::Context;
use crate::doctor::{self, DoctorArgs};
use crate::problem::Problem;
use crate::report::{BAD, Console, FAINT, GOOD, Report, plain};
use crate::secrets;

/// How often `CloudFormation` is asked whether an earlier deployment has ended.
const PAUSE: Duration = Duration::from_secs(3);
/// What `sam build` leaves, and `sam deploy` takes.
const BUILT: &str = ".aws-sam/build/template.yaml";

/// A run of the steps.
struct Run<'a> {
    cli: Cli,
    args: &'a DeployArgs,
    console: &'a Console,
    section: Section,
    /// The options of the command line that a command to continue repeats.
    options: Vec<String>,
    sam: PathBuf,
}

/// Runs the steps and gives the exit code.
pub(crate) async fn run(cli: Cli, args: &DeployArgs, console: &Console) -> u8 {
    let mut outcome = Outcome::new(cli.dry_run);
    let mut run = match Run::new(cli, args, console) {
        Ok(run) => run,
        Err(problem) => return console.fail(&problem),
    };
    outcome.stack.clone_from(&run.section.stack);
    let ended = match run.prepare().await {
        Ok(()) => run.carry_out(&mut outcome).await,
        Err(problem) => Err(problem),
    };
    match ended {
        Ok(()) => {}
        Err(problem) if console.is_json() => {
            outcome.error = Some(problem.to_string());
            console.show(&outcome);
            return problem.code();
        }
        Err(problem) => return console.fail(&problem),
    }
    console.show(&outcome)
}

impl<'a> Run<'a> {
    fn new(mut cli: Cli, args: &'a DeployArgs, console: &'a Console) -> Result<Self, Problem> {
        if cli.outputs.is_some() {
            let why = "deploy asks CloudFormation for the stack: leave out --outputs";
            return Err(Problem::Usage(why.to_owned()));
        }
        let section = samconfig::read(&args.samconfig, &args.config_env)?;
        if let Some(other) = cli.stack.as_ref().filter(|name| **name != section.stack) {
            return Err(Problem::Usage(format!(
                "[{}.deploy.parameters] deploys the stack {}, but --stack or SWITCHBOARD_STACK names {other}: make them equal, or leave that out",
                args.config_env, section.stack
            )));
        }
        let mut options = Vec::new();
        for (option, value) in [("--profile", &cli.profile), ("--region", &cli.region)] {
            if let Some(value) = value {
                options.extend([option.to_owned(), value.clone()]);
            }
        }
        cli.stack = Some(section.stack.clone());
        cli.profile = cli.profile.or_else(|| section.profile.clone());
        cli.region = cli.region.or_else(|| section.region.clone());
        Ok(Self {
            cli,
            args,
            console,
            section,
            options,
            sam: PathBuf::new(),
        })
    }

    /// Finds out whether the steps can run, before the first one takes its minutes.
    async fn prepare(&mut self) -> Result<(), Problem> {
        let steps = self.args.steps();
        let needs = |step| steps.contains(&step);
        let missing = |file: &str, hint: &str| {
            Problem::Usage(format!("there is no {file} in this folder: {hint}"))
        };
        let exists = |file: &str| PathBuf::from(file).exists();
        if needs(Step::Build) && !exists("template.yaml") {
            return Err(missing(
                "template.yaml",
                "run this in the repository's folder",
            ));
        }
        if self.cli.dry_run {
            return Ok(());
        }
        if needs(Step::Deploy) && !needs(Step::Build) && !exists(BUILT) {
            let hint = format!("run `{}`", self.again(Step::Build));
            return Err(missing(BUILT, &hint));
        }
        if needs(Step::Build) || needs(Step::Deploy) {
            let path = crate::environment("PATH");
            self.sam = tools::find(needs(Step::Build), path.as_deref()).await?;
        }
        if steps == [Step::Build] {
            return Ok(());
        }
        self.console.progress("looking for the stack");
        let state = self.state().await?;
        let stack = &self.section.stack;
        let remedy = state
            .as_ref()
            .and_then(|state| remedy(&state.status, stack));
        match (&state, remedy) {
            (Some(state), Some(command)) => Err(Problem::Failed(format!(
                "the stack {stack} is in the state {}, in which it cannot be updated. Run `{command}`, then this again",
                state.status
            ))),
            (None, _) if !needs(Step::Deploy) => Err(Problem::Failed(format!(
                "there is no stack {stack} yet: run `{}`",
                self.again(Step::Build)
            ))),
            _ => Ok(()),
        }
    }

    async fn carry_out(&self, outcome: &mut Outcome) -> Result<(), Problem> {
        let steps = self.args.steps();
        for (index, step) in steps.iter().copied().enumerate() {
            let (word, place) = (step.word(), format!("{}/{}", index + 1, steps.len()));
            let what = self.what(step);
            self.console
                .line(&format!("{FAINT}{place}{FAINT:#} {word}: {what}"));
            let begun = Instant::now();
            let ended = self.take(step).await;
            let seconds = begun.elapsed().as_secs_f64();
            let mut done = match ended {
                Ok(done) => done,
                Err(problem) => {
                    let again = self.again(step);
                    let line = format!("{place} {word}: failed after {seconds:.0} s");
                    self.console.line(&format!("{BAD}{line}{BAD:#}"));
                    outcome.again = Some(again.clone());
                    let why = format!("{word}: {problem}\nThen continue with: {again}");
                    return Err(match problem {
                        Problem::Failed(_) => Problem::Failed(why),
                        Problem::Usage(_) => Problem::Usage(why),
                        Problem::Aws(_) => Problem::Aws(why),
                    });
                }
            };
            done.seconds = (seconds * 10.0).round() / 10.0;
            let (words, style) = match done.state {
                State::Done => ("done", GOOD),
                State::NothingToDo => ("nothing to do", GOOD),
                State::Left => ("something is left to do", BAD),
                State::Planned => ("nothing was changed", FAINT),
            };
            self.console.line(&format!(
                "{style}{place} {word}: {words}{style:#} {FAINT}({seconds:.0} s){FAINT:#}"
            ));
            if done.state == State::Left && outcome.again.is_none() {
                outcome.again = Some(self.again(step));
            }
            outcome.steps.push(done);
        }
        Ok(())
    }

    /// What a step is about to do.
    fn what(&self, step: Step) -> String {
        match step {
            Step::Build => shown(&self.build()),
            Step::Deploy => shown(&self.deploy(&[])),
            Step::Secrets => "fills the secrets that lack keys".to_owned(),
            Step::Connect => "registers the stack's URLs with the providers".to_owned(),
            Step::Doctor => "checks everything".to_owned(),
        }
    }

    async fn take(&self, step: Step) -> Result<Done, Problem> {
        if self.cli.dry_run {
            return self.plan(step).await;
        }
        match step {
            Step::Build => {
                let built = sam::run(&self.sam, &self.build()).await;
                built.map(|_| Done::of(step, State::Done))
            }
            Step::Deploy => self.update().await,
            Step::Secrets => self.fill(&self.context().await?).await,
            Step::Connect => self.connect(&self.context().await?).await,
            Step::Doctor => self.check(&self.context().await?).await,
        }
    }

    /// What a step would do.
    async fn plan(&self, step: Step) -> Result<Done, Problem> {
        let mut done = Done::of(step, State::Planned);
        match step {
            Step::Build => done.command = Some(shown(&self.build())),
            Step::Deploy => done.command = Some(shown(&self.deploy(&[]))),
            Step::Secrets | Step::Connect if self.is_made().await? => {
                let context = self.context().await?;
                let planned = if step == Step::Secrets {
                    self.shown(step, &secrets::list(&context.vault()).await?)
                } else {
                    self.connect(&context).await?
                };
                done.result = planned.result;
            }
            Step::Secrets | Step::Connect | Step::Doctor => {
                let (stack, word) = (&self.section.stack, step.word());
                let list = if step == Step::Secrets { " list" } else { "" };
                done.command = Some(format!("operator --stack {stack} {word}{list}"));
            }
        }
        Ok(done)
    }

    /// True if the stack has outputs.
    async fn is_made(&self) -> Result<bool, Problem> {
        let state = self.state().await?;
        Ok(state.is_some_and(|state| state.status != "REVIEW_IN_PROGRESS"))
    }

    async fn update(&self) -> Result<Done, Problem> {
        let before = self.settled().await?;
        if !self.args.yes && self.console.is_watched() {
            let preview = self.deploy(&["--no-execute-changeset"]);
            let said = sam::run(&self.sam, &preview).await?;
            let question = format!("Deploy these changes to {}?", self.section.stack);
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
        loop {
            let state = self.state().await?;
            let status = state.as_ref().map(|state| state.status.as_str());
            let busy = status.filter(|status| {
                *status != "REVIEW_IN_PROGRESS" && status.ends_with("_IN_PROGRESS")
            });
            let Some(status) = busy else {
                return Ok(state);
            };
            self.console.line(&format!(
                "CloudFormation still works on an earlier deployment of {} ({status}); waiting",
                self.section.stack
            ));
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
            Ok(aws) => aws.failures(&self.section.stack).await,
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

    async fn fill(&self, context: &Context) -> Result<Done, Problem> {
        let environment: &Lookup = &crate::environment;
        let source = Source {
            environment: self.args.from_env.then_some(environment),
            is_watched: self.console.is_watched(),
        };
        let filled = fill::fill(context, &source).await?;
        let state = if filled.is_empty() {
            State::NothingToDo
        } else {
            State::Done
        };
        Ok(Done::with(Step::Secrets, state, &filled))
    }

    async fn connect(&self, context: &Context) -> Result<Done, Problem> {
        let connected = connect::connect(context, &[], &Extras::default()).await?;
        Ok(self.shown(Step::Connect, &connected))
    }

    async fn check(&self, context: &Context) -> Result<Done, Problem> {
        let examination = doctor::examine(context, &DoctorArgs::default()).await?;
        Ok(self.shown(Step::Doctor, &examination))
    }

    /// Shows a person the result of a step now. A program gets it at the end.
    fn shown(&self, step: Step, report: &impl Report) -> Done {
        if !self.console.is_json() {
            self.console.show(report);
        }
        let state = if report.is_fine() {
            State::Done
        } else {
            State::Left
        };
        Done::with(step, state, report)
    }

    async fn context(&self) -> Result<Context, Problem> {
        crate::open(&self.cli, Console::new(self.cli.json)).await
    }

    async fn aws(&self) -> Result<Aws, Problem> {
        let (profile, region) = (self.cli.profile.as_deref(), self.cli.region.as_deref());
        Aws::connect(profile, region, &crate::client()?).await
    }

    async fn state(&self) -> Result<Option<aws::State>, Problem> {
        self.aws().await?.state(&self.section.stack).await
    }
}

/// The command that helps a stack which cannot be updated in its state.
fn remedy(status: &str, stack: &str) -> Option<String> {
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
