//! `init`: asks what a stack shall do, and only what that needs; checks each answer at once; writes
//! the section of `samconfig.toml`, so that `sam deploy` asks nothing. Secrets go into the stack, if
//! there is one, and never into a file.

mod ask;
mod cost;
mod fill;
mod lookups;
mod outcome;
mod questions;

pub(crate) use outcome::Outcome;

use std::path::PathBuf;

use secrecy::SecretString;

use self::ask::{Asker, Draft, tell};
use self::lookups::Lookups;
use self::questions::{
    INTEGRATIONS, Integration, Look, MAILGUN_KEY, Question, REGION, STACK_NAME, TWILIO_SID,
    TWILIO_TOKEN,
};
use crate::calls::Calls;
use crate::cli::Cli;
use crate::problem::Problem;
use crate::report::Console;
use crate::settings::{self, Section, Values, check, check_one};

/// Ask what a new stack needs, and write its section of samconfig.toml
#[derive(clap::Args)]
#[command(long_about = "\
Ask what a new stack needs, and write its section of samconfig.toml. Then `sam build && sam deploy` asks nothing.

The command asks what the stack shall do, and only what that needs. It checks each answer at once: by the template's limits, by the functions' \
own readers, and at the provider (the Auth0 tenant answers, the number is yours, the domain's MX records lead to Mailgun). With keys of Twilio \
and Mailgun it offers your numbers and domains. It reads no key from samconfig.toml and writes none there. If the stack exists, it puts \
Twilio's keys and generated tokens into the stack's secrets.

Each answer is kept in a file until the section is written. After an interruption, run the same command again.

With --answers or --set nobody is asked; all that is missing or wrong is listed at once. Keys may also be in TWILIO_ACCOUNT_SID, \
TWILIO_AUTH_TOKEN and MAILGUN_API_KEY.")]
#[command(after_help = "\
Examples:
  operator init
  operator init --config-env prod --samconfig samconfig.toml
  operator init --set Integrations=gateway --set SmsFrom=twilio:+15005550006
  operator init --config-env prod --answers prod.json --replace        {\"Integrations\": \"verification\", \"Auth0Url\": \"https://...\", ...}")]
pub(crate) struct Args {
    /// The environment; the default is that of `sam deploy` without --config-env
    #[arg(long, value_name = "NAME", default_value = "default")]
    config_env: String,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "samconfig.toml")]
    samconfig: PathBuf,
    /// A JSON object or a TOML file of names and answers; `-` reads JSON from standard input
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// An answer, or any other parameter of the template; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::cli::pair)]
    set: Vec<(String, String)>,
    /// Change a section that exists already
    #[arg(long)]
    replace: bool,
    /// Ask neither the providers nor AWS
    #[arg(long)]
    offline: bool,
}

/// Keys that were given. Has no `Debug`.
#[derive(Default)]
pub(crate) struct Keys {
    /// The Account SID and the Auth Token.
    pub(crate) twilio: Option<(String, SecretString)>,
}

/// Everything that the questions have found out.
struct Dialogue<'a> {
    asker: Asker,
    lookups: Lookups,
    keys: Keys,
    /// The section before.
    before: &'a Section,
    values: Values,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

/// Runs the command.
pub(crate) async fn run(
    cli: &Cli,
    args: &Args,
    console: &Console,
    calls: Calls,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Outcome, Problem> {
    let name = &args.config_env;
    if !is_name(name) {
        return Err(Problem::Usage(format!(
            "--config-env {name} is not a name of letters, digits, _ and -"
        )));
    }
    let known = settings::read(&args.samconfig, name)?;
    let is_known = known.is_some();
    let before = known.unwrap_or_default();
    let answers = answers(args)?;
    let draft = args
        .samconfig
        .with_file_name(format!(".operator-init-{name}.json"));
    let asker = match answers {
        Some(answers) => Asker::Given {
            answers,
            problems: Vec::new(),
        },
        None => Asker::Person(Draft::open(draft)),
    };
    let mut dialogue = Dialogue {
        asker,
        lookups: Lookups::new(calls.clone(), cli.urls.clone(), args.offline),
        keys: Keys::default(),
        before: &before,
        values: Values::new(),
        environment,
    };
    if let Asker::Person(draft) = &dialogue.asker {
        tell("Enter takes the answer in brackets. An interruption loses no answer.");
        if !draft.answers.is_empty() {
            tell("The answers of an interrupted run are in brackets.");
        }
    }
    let (integrations, stack, region) = dialogue.questions(console).await?;
    let section = dialogue.section(&integrations, stack.clone(), region.clone());
    dialogue.finish(&section)?;
    let differences = differences(&before, &section);
    let may_write = match (
        &mut dialogue.asker,
        is_known && !args.replace && !differences.is_empty(),
    ) {
        (_, false) => true,
        (Asker::Given { .. }, true) => {
            let why = format!(
                "the section [{name}.deploy.parameters] exists, and would change; --replace changes it:\n  {}",
                differences.join("\n  ")
            );
            return Err(Problem::Usage(why));
        }
        (asker @ Asker::Person(_), true) => {
            tell(&format!(
                "\n[{name}.deploy.parameters] exists. These are the changes:\n  {}",
                differences.join("\n  ")
            ));
            matches!(
                asker.answer(&CHANGE, CHANGE.default)?.as_str(),
                "y" | "Y" | "yes"
            )
        }
    };
    let written = may_write && !cli.dry_run && (!is_known || !differences.is_empty());
    if written {
        settings::write(&args.samconfig, name, &section)?;
    }
    let mut outcome = Outcome {
        file: args.samconfig.display().to_string(),
        environment: name.clone(),
        stack,
        written,
        parameters: section.parameters.keys().cloned().collect(),
        monthly: dialogue.monthly(&integrations, &section.parameters).await,
        filled: Vec::new(),
        unseen: None,
        next: Vec::new(),
    };
    let left = fill::fill(
        cli,
        args.offline,
        &calls,
        &section,
        &dialogue.keys,
        &mut outcome,
    )
    .await?;
    outcome.next = next(name, &outcome.stack, &left);
    if let (Asker::Person(draft), true) = (&dialogue.asker, !cli.dry_run) {
        draft.remove();
    }
    Ok(outcome)
}

const CHANGE: Question = Question {
    name: "Change",
    what: "Write them",
    place: "",
    example: "y or n",
    default: Some("y"),
    look: Look::Nothing,
    is_secret: false,
};

impl Dialogue<'_> {
    /// Asks all questions. Gives the integrations, the stack's name and the region.
    async fn questions(
        &mut self,
        console: &Console,
    ) -> Result<(Vec<Integration>, String, String), Problem> {
        let choices = Integration::ALL.map(|one| (one.word().to_owned(), one.label().to_owned()));
        let earlier = Integration::ALL
            .into_iter()
            .filter(|one| self.before.parameters.contains_key(one.switch()));
        let earlier: Vec<&str> = earlier.map(Integration::word).collect();
        let earlier = (!earlier.is_empty()).then(|| earlier.join(","));
        let check = |answer: &str| Integration::read(answer).err();
        let chosen = self.simple(&INTEGRATIONS, earlier, &choices, check)?;
        let integrations = Integration::read(&chosen).unwrap_or_default();
        let stack = self.simple(&STACK_NAME, self.before.stack_name.clone(), &[], |name| {
            let is_good = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.len() <= 64
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            (!is_good).then(|| {
                "a stack's name begins with a letter and has letters, digits and hyphens".to_owned()
            })
        })?;
        let usual =
            (self.environment)("AWS_REGION").or_else(|| (self.environment)("AWS_DEFAULT_REGION"));
        let region = self.simple(
            &REGION,
            self.before.region.clone().or(usual),
            &[],
            |region| {
                let parts: Vec<&str> = region.split('-').collect();
                let is_good =
                    parts.len() >= 3 && parts.last().is_some_and(|last| last.parse::<u8>().is_ok());
                (!is_good).then(|| "this is no region of AWS".to_owned())
            },
        )?;
        let asked: Vec<&Question> = integrations
            .iter()
            .flat_map(|one| one.questions())
            .collect();
        let needs = |look: Look| asked.iter().any(|question| question.look == look);
        if needs(Look::Number) {
            self.twilio(console).await?;
        }
        if needs(Look::Domain) {
            self.mailgun(console).await?;
        }
        // The switches decide which functions check an answer.
        for question in asked {
            if !self.values.contains_key(question.name) {
                self.parameter(question, console).await?;
            }
        }
        Ok((integrations, stack, region))
    }

    /// A question whose answer nobody else knows.
    fn simple(
        &mut self,
        question: &Question,
        usual: Option<String>,
        choices: &[(String, String)],
        check: impl Fn(&str) -> Option<String>,
    ) -> Result<String, Problem> {
        let default = self.asker.earlier(question.name).or(usual);
        let default = default.or_else(|| question.default.map(str::to_owned));
        self.asker.show(question, choices);
        loop {
            let answer = self.asker.answer(question, default.as_deref())?;
            match check(&answer) {
                Some(why) if self.asker.reject(question, &why) => {}
                _ => {
                    self.asker.keep(question, &answer)?;
                    return Ok(answer);
                }
            }
        }
    }

    /// The keys of the Twilio account, from the environment or a person.
    async fn twilio(&mut self, console: &Console) -> Result<(), Problem> {
        let set = |name| (self.environment)(name).filter(|value| !value.trim().is_empty());
        if let (Some(sid), Some(token)) = (set("TWILIO_ACCOUNT_SID"), set("TWILIO_AUTH_TOKEN")) {
            return self
                .open_twilio(sid, token.into())
                .await
                .map_err(Problem::Failed);
        }
        loop {
            let sid = self.simple(&TWILIO_SID, None, &[], |_| None)?;
            if sid.is_empty() {
                return Ok(());
            }
            let token = self.simple(&TWILIO_TOKEN, None, &[], |token| {
                token
                    .is_empty()
                    .then(|| "it is needed with the SID".to_owned())
            })?;
            console.progress("reading Twilio");
            let opened = self.open_twilio(sid, token.into()).await;
            console.end_progress();
            match opened {
                Err(why) if self.asker.reject(&TWILIO_SID, &why) => {}
                _ => return Ok(()),
            }
        }
    }

    async fn open_twilio(&mut self, sid: String, token: SecretString) -> Result<(), String> {
        self.lookups.open_twilio(&sid, &token).await?;
        self.keys.twilio = Some((sid, token));
        Ok(())
    }

    /// The API key of Mailgun, from the environment or a person.
    async fn mailgun(&mut self, console: &Console) -> Result<(), Problem> {
        let set = (self.environment)("MAILGUN_API_KEY").filter(|value| !value.trim().is_empty());
        if let Some(key) = set {
            return self
                .lookups
                .open_mailgun(&key.into())
                .await
                .map_err(Problem::Failed);
        }
        loop {
            let key = self.simple(&MAILGUN_KEY, None, &[], |_| None)?;
            if key.is_empty() {
                return Ok(());
            }
            console.progress("reading Mailgun");
            let opened = self.lookups.open_mailgun(&key.into()).await;
            console.end_progress();
            match opened {
                Err(why) if self.asker.reject(&MAILGUN_KEY, &why) => {}
                _ => return Ok(()),
            }
        }
    }

    /// A question about a parameter.
    async fn parameter(&mut self, question: &Question, console: &Console) -> Result<(), Problem> {
        let choices = self.lookups.offered(question.look).to_vec();
        let default = self.default(question, &choices);
        self.asker.show(question, &choices);
        let mut rejected = String::new();
        loop {
            let answer = self.asker.answer(question, default.as_deref())?;
            let chosen = answer
                .parse::<usize>()
                .ok()
                .and_then(|number| choices.get(number.checked_sub(1)?));
            let answer = chosen.map_or(answer, |(choice, _)| choice.clone());
            let (parameters, mut problems) = parameters(question, &answer);
            if answer.is_empty() && default.is_none() {
                problems.push("this is needed".to_owned());
            }
            for (name, value) in &parameters {
                problems.extend(check_one(name, value, &self.values));
            }
            if problems.is_empty() {
                console.progress("checking");
                let fault = self.lookups.fault(question.look, &answer).await;
                console.end_progress();
                // A provider may be down. A person who insists knows better.
                problems.extend(fault.filter(|_| answer != rejected).map(
                    |why| match &self.asker {
                        Asker::Person(_) => format!("{why}. Give it again to keep it"),
                        Asker::Given { .. } => why,
                    },
                ));
                rejected.clone_from(&answer);
            }
            if !problems.is_empty() && self.asker.reject(question, &problems.join("; ")) {
                continue;
            }
            self.asker.keep(question, &answer)?;
            self.values.extend(parameters);
            // A question of another integration is not asked again.
            self.values.entry(question.name.to_owned()).or_default();
            return Ok(());
        }
    }

    /// The answer of an empty line: that of an interrupted run, of the section before, of what was
    /// looked up, or the usual one.
    fn default(&self, question: &Question, choices: &[(String, String)]) -> Option<String> {
        let before = self.before.parameters.get(question.name).cloned();
        let known = self.asker.earlier(question.name).or(before);
        let found = || match (choices, question.name, self.values.get("TwilioNumber")) {
            ([(only, _)], ..) => Some(only.clone()),
            (_, "SmsFrom", Some(number)) if !number.is_empty() => Some(format!("twilio:{number}")),
            _ => None,
        };
        known
            .or_else(found)
            .or_else(|| question.default.map(str::to_owned))
    }

    /// The section: what was there before, without the integrations that are not wanted, and the
    /// answers.
    fn section(&mut self, integrations: &[Integration], stack: String, region: String) -> Section {
        let mut parameters = self.before.parameters.clone();
        for integration in Integration::ALL
            .into_iter()
            .filter(|one| !integrations.contains(one))
        {
            parameters.remove(integration.switch());
        }
        if let Asker::Given { answers, .. } = &mut self.asker {
            for key in [TWILIO_SID.name, TWILIO_TOKEN.name, MAILGUN_KEY.name] {
                answers.remove(key);
            }
            parameters.extend(std::mem::take(answers));
        }
        let template = settings::Template::own();
        for (name, value) in std::mem::take(&mut self.values) {
            // A default need not be written, and follows the template.
            match template.default(&name) {
                Some(default) if default == value => drop(parameters.remove(&name)),
                Some(_) => drop(parameters.insert(name, value)),
                None => {}
            }
        }
        Section::new(stack, region, parameters)
    }

    /// Fails if anything is missing or wrong.
    fn finish(&mut self, section: &Section) -> Result<(), Problem> {
        let mut problems = match &mut self.asker {
            Asker::Given { problems, .. } => std::mem::take(problems),
            Asker::Person(_) => Vec::new(),
        };
        // While something is missing, the functions' readers would only repeat that.
        let template = settings::Template::own();
        let is_complete = problems.is_empty();
        let is_unknown = |name: &String| template.default(name).is_none();
        for found in check(&section.parameters) {
            match found.parameter {
                Some(name) if is_complete || is_unknown(&name) => {
                    problems.push(format!("{name}: {}", found.problem));
                }
                None if is_complete => problems.push(found.problem),
                _ => {}
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Problem::Usage(format!(
            "nothing was written:\n  {}",
            problems.join("\n  ")
        )))
    }

    /// What a month costs.
    async fn monthly(&self, integrations: &[Integration], parameters: &Values) -> Vec<String> {
        let cents = cost::monthly(integrations, parameters);
        let about = if integrations.len() > 1 {
            "at most"
        } else {
            "about"
        };
        let mut costs = vec![format!(
            "AWS: {about} ${}.{:02} for secrets, alarms and the dashboard; docs/operate.md, Costs, says what requests cost",
            cents / 100,
            cents % 100
        )];
        let number = parameters
            .get("TwilioNumber")
            .filter(|number| !number.is_empty());
        match number {
            Some(number) => costs.push(match self.lookups.price(number).await {
                Some((price, currency)) => {
                    format!("Twilio: {price:.2} {currency} for {number}, and each text")
                }
                None => {
                    "Twilio: the number (a local one in the US $1.15), and each text".to_owned()
                }
            }),
            None => costs.push("SMS providers: numbers, and each text".to_owned()),
        }
        costs
    }
}

/// The parameters that an answer sets, and what is wrong with it.
fn parameters(question: &Question, answer: &str) -> (Vec<(String, String)>, Vec<String>) {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match question.name {
        "TwilioNumber" if answer.starts_with("MG") => {
            (vec![pair("TwilioMessagingService", answer)], Vec::new())
        }
        "Callers" => {
            let words: Vec<&str> = answer.split(',').map(str::trim).collect();
            let unknown: Vec<&&str> = words
                .iter()
                .filter(|word| !["auth0", "okta", "supabase"].contains(*word))
                .collect();
            let problems = unknown
                .iter()
                .map(|word| format!("{word} is none of auth0, okta, supabase"));
            let switch = |word| if words.contains(&word) { "on" } else { "off" };
            (
                vec![
                    pair("OktaHook", switch("okta")),
                    pair("StandardWebhooks", switch("supabase")),
                ],
                problems.collect(),
            )
        }
        name => (vec![pair(name, answer)], Vec::new()),
    }
}

/// The answers of a file and of options. `None`: a person answers.
fn answers(args: &Args) -> Result<Option<Values>, Problem> {
    let mut answers = match &args.answers {
        None if args.set.is_empty() => return Ok(None),
        None => Values::new(),
        Some(path) => {
            let text = if path.as_os_str() == "-" {
                std::io::read_to_string(std::io::stdin())
            } else {
                std::fs::read_to_string(path)
            };
            let wrong =
                |why: String| Problem::Usage(format!("--answers {}: {why}", path.display()));
            parse(&text.map_err(|error| wrong(error.to_string()))?).map_err(wrong)?
        }
    };
    answers.extend(args.set.iter().cloned());
    Ok(Some(answers))
}

/// An object of texts, numbers and truth values, in JSON or TOML.
fn parse(text: &str) -> Result<Values, String> {
    let shape = || "it is neither a JSON object nor TOML, of names and answers".to_owned();
    if text.trim_start().starts_with('{') {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|error| format!("{}: {error}", shape()))?;
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            // A menu or texts may be written as JSON.
            other => other.to_string(),
        };
        return Ok(object
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect());
    }
    let document: toml_edit::DocumentMut = text.parse().map_err(|_| shape())?;
    let pairs = document.iter().map(|(name, item)| {
        let value = item.as_str().map(str::to_owned);
        let value = value.or_else(|| item.as_integer().map(|number| number.to_string()));
        let value = value.or_else(|| item.as_bool().map(|flag| flag.to_string()));
        value
            .map(|value| (name.to_owned(), value))
            .ok_or_else(|| format!("{name} is no text"))
    });
    pairs.collect()
}

fn differences(before: &Section, after: &Section) -> Vec<String> {
    let all = |section: &Section| {
        let of = |name: &str, value: &Option<String>| {
            (name.to_owned(), value.clone().unwrap_or_default())
        };
        let mut all = section.parameters.clone();
        all.extend([
            of("stack_name", &section.stack_name),
            of("region", &section.region),
        ]);
        all
    };
    let (old, new) = (all(before), all(after));
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = keys
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    let show = |value: Option<&String>| {
        value.map_or_else(
            || "(not set)".to_owned(),
            |value| crate::report::plain(value),
        )
    };
    changed
        .map(|name| format!("{name}: {} -> {}", show(old.get(name)), show(new.get(name))))
        .collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The commands that lead from here to a working stack.
fn next(environment: &str, stack: &str, left: &[&str]) -> Vec<String> {
    let environment = if environment == "default" {
        String::new()
    } else {
        format!(" --config-env {environment}")
    };
    let mut commands = vec![
        format!("sam build && sam deploy{environment}"),
        format!("export SWITCHBOARD_STACK={stack}"),
    ];
    commands.extend(left.iter().map(|name| fill::command(name)));
    commands.push("cargo operator connect && cargo operator doctor".to_owned());
    commands
}
