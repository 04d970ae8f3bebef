//! `deploy`: from a section of `samconfig.toml` to a stack that works. It checks the settings, builds,
//! deploys, fills the secrets, connects the providers and checks everything. Each step also runs alone, and each finds
//! out itself what is left to do. So a run that was stopped anywhere is continued by another run.

mod arguments;
mod commands;
mod fill;
mod keys;
mod outcome;
mod sam;
mod tools;
mod update;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Instant;

pub(crate) use self::arguments::DeployArgs;
use self::arguments::Step;
use self::fill::Source;
pub(crate) use self::keys::Keys;
use self::outcome::{Done, Outcome, State};
use self::sam::shown;
use self::update::remedy;
use crate::aws::{self, Aws};
use crate::cli::Cli;
use crate::connect::{self, Extras};
use crate::context::Context;
use crate::doctor::{self, DoctorArgs};
use crate::problem::Problem;
use crate::report::{BAD, Console, FAINT, GOOD, Report, text};
use crate::secrets;
use crate::settings::{self, Section, Template};

/// The exit code of a program that SIGTERM stopped, by the shells' convention.
const STOPPED: u8 = 143;
/// What `sam build` leaves, and `sam deploy` takes.
const BUILT: &str = ".aws-sam/build/template.yaml";

/// A run of the steps.
struct Run<'a> {
    cli: Cli,
    args: &'a DeployArgs,
    console: &'a Console,
    stack: String,
    section: Section,
    /// Keys that were given before the deployment.
    keys: Keys,
    /// The stack and the providers, once the stack is there.
    context: OnceCell<Context>,
    /// The options of the command line that a command to continue repeats.
    options: Vec<String>,
    sam: PathBuf,
}

/// Runs the steps and gives the exit code.
pub(crate) async fn run(cli: Cli, args: &DeployArgs, console: &Console, keys: Keys) -> u8 {
    let mut outcome = Outcome::new(cli.dry_run);
    let mut run = match Run::new(cli, args, console, keys) {
        Ok(run) => run,
        Err(problem) => return console.fail(&problem),
    };
    outcome.stack.clone_from(&run.stack);
    let ended = tokio::select! {
        // First, so that no signal finds sam running and nobody listening.
        biased;
        () = stopped(console) => None, // and sam with it
        ended = run.carry_out(&mut outcome) => Some(ended),
    };
    let Some(ended) = ended else {
        let step = args.steps().get(outcome.steps.len()).copied();
        let again = step.map(|step| run.again(step)).unwrap_or_default();
        console.fail(&Problem::Failed(format!("stopped. Continue with: {again}")));
        return STOPPED;
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

/// Ends when a pipeline stops the program by SIGTERM. At a terminal nothing is caught: a program that
/// waits for an answer would not hear Ctrl-C, and the terminal stops sam by itself.
async fn stopped(console: &Console) {
    #[cfg(unix)]
    if !console.is_watched() {
        let kind = tokio::signal::unix::SignalKind::terminate();
        if let Ok(mut terminated) = tokio::signal::unix::signal(kind) {
            terminated.recv().await;
            return;
        }
    }
    std::future::pending::<()>().await;
}

impl<'a> Run<'a> {
    fn new(
        mut cli: Cli,
        args: &'a DeployArgs,
        console: &'a Console,
        keys: Keys,
    ) -> Result<Self, Problem> {
        if cli.outputs.is_some() {
            let why = "deploy asks CloudFormation for the stack: leave out --outputs";
            return Err(Problem::Usage(why.to_owned()));
        }
        let environment = &args.config_env;
        let section = settings::required(&args.samconfig, environment)?;
        let Some(stack) = section.stack_name.clone() else {
            return Err(Problem::Usage(format!(
                "{}: [{environment}.deploy.parameters] has no stack_name; add stack_name = \"switchboard\"",
                args.samconfig.display()
            )));
        };
        if let Some(other) = cli.stack.as_ref().filter(|name| **name != stack) {
            return Err(Problem::Usage(format!(
                "[{environment}.deploy.parameters] deploys the stack {stack}, but --stack or SWITCHBOARD_STACK names {other}: make them equal, or leave that out"
            )));
        }
        let mut options = Vec::new();
        for (option, value) in [("--profile", &cli.profile), ("--region", &cli.region)] {
            if let Some(value) = value {
                options.extend([option.to_owned(), value.clone()]);
            }
        }
        cli.stack = Some(stack.clone());
        cli.profile = cli.profile.or_else(|| section.profile.clone());
        cli.region = cli.region.or_else(|| section.region.clone());
        Ok(Self {
            cli,
            args,
            console,
            stack,
            section,
            keys,
            context: OnceCell::new(),
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
        if steps.iter().all(|step| *step <= Step::Build) {
            return Ok(());
        }
        self.console.progress("looking for the stack");
        let state = self.state().await?;
        let stack = &self.stack;
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

    async fn carry_out(&mut self, outcome: &mut Outcome) -> Result<(), Problem> {
        let steps = self.args.steps();
        let mut is_prepared = false;
        for (index, step) in steps.iter().copied().enumerate() {
            // The check needs neither tools nor a login.
            if step != Step::Check && !is_prepared {
                self.prepare().await?;
                is_prepared = true;
            }
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
                        Problem::Failed(_) | Problem::Missing { .. } => Problem::Failed(why),
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
            Step::Check => "checks the settings, as `operator check-config` does".to_owned(),
            Step::Build => shown(&self.build()),
            Step::Deploy => shown(&self.deploy(&[])),
            Step::Secrets => "fills the secrets that lack keys".to_owned(),
            Step::Connect => "registers the stack's URLs with the providers".to_owned(),
            Step::Doctor => "checks everything".to_owned(),
        }
    }

    async fn take(&self, step: Step) -> Result<Done, Problem> {
        if self.cli.dry_run && step != Step::Check {
            return self.plan(step).await;
        }
        match step {
            Step::Check => self.check(),
            Step::Build => {
                let built = sam::run(&self.sam, &self.build()).await;
                built.map(|_| Done::of(step, State::Done))
            }
            Step::Deploy => self.update().await,
            Step::Secrets => self.fill(self.context().await?).await,
            Step::Connect => self.connect(self.context().await?).await,
            Step::Doctor => self.examine(self.context().await?).await,
        }
    }

    /// Checks the settings as `check-config` does, and says it in the same words.
    fn check(&self) -> Result<Done, Problem> {
        let checked = settings::examine(&self.args.config_env, &self.section, &[]);
        let template = std::fs::read_to_string("template.yaml");
        // A program that was installed earlier may know other parameters.
        let is_own = template.map_or(true, |text| Template::own().has_parameters_of(&text));
        let other = "this program was built with another template.yaml than the one in this folder, and checks by its own: run `cargo operator deploy` here, or install the program again";
        if !is_own {
            self.console.line(other);
        }
        if checked.is_fine() {
            return Ok(Done::with(Step::Check, State::Done, &checked));
        }
        let mut why = format!(
            "nothing was built or deployed\n{}",
            text(&checked).trim_end()
        );
        if !is_own {
            why = format!("{why}\nBut {other}");
        }
        let file = self.args.samconfig.display();
        Err(Problem::Failed(format!("{why}\nCorrect {file}.")))
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
                    self.connect(context).await?
                };
                done.result = planned.result;
            }
            Step::Check | Step::Secrets | Step::Connect | Step::Doctor => {
                let (stack, word) = (&self.stack, step.word());
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

    async fn fill(&self, context: &Context) -> Result<Done, Problem> {
        let is_read = self.args.from_env;
        let variable = |name: &str| {
            let given = self.keys.variable(name);
            given.or_else(|| crate::environment(name).filter(|_| is_read))
        };
        let source = Source {
            variable: &variable,
            is_asked: self.console.is_watched() && !is_read,
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
        let mut done = self.shown(Step::Connect, &connected);
        done.left_alone = connected.without_keys();
        Ok(done)
    }

    async fn examine(&self, context: &Context) -> Result<Done, Problem> {
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

    /// The stack and the providers. What a person has typed in one step serves the next ones.
    async fn context(&self) -> Result<&Context, Problem> {
        if let Some(context) = self.context.get() {
            return Ok(context);
        }
        let mut context = crate::open(&self.cli, Console::new(self.cli.json)).await?;
        self.keys.complete(&mut context.own);
        Ok(self.context.get_or_init(|| context))
    }

    async fn aws(&self) -> Result<Aws, Problem> {
        let (profile, region) = (self.cli.profile.as_deref(), self.cli.region.as_deref());
        Aws::connect(profile, region, &crate::client()?).await
    }

    async fn state(&self) -> Result<Option<aws::State>, Problem> {
        self.aws().await?.state(&self.stack).await
    }
}
