//! The dialogue: question by question, each answer checked before the next one.

use super::ask::Asker;
use super::cost;
use super::lookups::Lookups;
use super::questions::{
    INTEGRATIONS, Integration, Look, OF_NO_SECTION, Question, REGION, STACK_NAME,
};
use crate::deploy::Keys;
use crate::problem::Problem;
use crate::report::Console;
use crate::settings::{self, Section, Values, check, check_one};

/// The longest name of a stack for which the limits of docs/configuration.md hold.
const LONGEST_NAME: usize = 24;
/// The regions without Function URLs, as in docs/deploy.md
/// (<https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>, November 2026).
const WITHOUT_URLS: [&str; 11] = [
    "ap-south-2",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ap-east-2",
    "ca-west-1",
    "eu-south-2",
    "eu-central-2",
    "il-central-1",
    "me-central-1",
];

/// Everything that the questions have found out.
pub(super) struct Dialogue<'a> {
    pub(super) asker: Asker,
    pub(super) lookups: Lookups,
    pub(super) keys: Keys,
    /// True if some of the keys are in the environment, where they stay.
    pub(super) is_in_environment: bool,
    /// The section before.
    pub(super) before: &'a Section,
    pub(super) values: Values,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Dialogue<'_> {
    /// Asks all questions. Gives the integrations, the stack's name and the region.
    pub(super) async fn questions(
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
                && name.len() <= LONGEST_NAME
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            (!is_good).then(|| {
                format!("a stack's name begins with a letter and has letters, digits and hyphens, {LONGEST_NAME} at most")
            })
        })?;
        let usual = self.variable("AWS_REGION");
        let usual = usual.or_else(|| self.variable("AWS_DEFAULT_REGION"));
        let region = self.simple(
            &REGION,
            self.before.region.clone().or(usual),
            &[],
            |region| {
                let parts: Vec<&str> = region.split('-').collect();
                let is_good =
                    parts.len() >= 3 && parts.last().is_some_and(|last| last.parse::<u8>().is_ok());
                if !is_good {
                    return Some("this is no region of AWS".to_owned());
                }
                let lacks = WITHOUT_URLS.contains(&region);
                lacks.then(|| "this region of AWS has no Function URLs".to_owned())
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
            if question.look == Look::Api {
                self.auth0(console).await?;
            }
            if !self.values.contains_key(question.name) {
                self.parameter(question, console).await?;
            }
        }
        if integrations.contains(&Integration::PhoneMenu) {
            self.application()?;
        }
        Ok((integrations, stack, region))
    }

    /// A question whose answer nobody else knows.
    pub(super) fn simple(
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

    /// A question about a parameter.
    async fn parameter(&mut self, question: &Question, console: &Console) -> Result<(), Problem> {
        let choices = self.lookups.offered(question.look).to_vec();
        let default = self.default(question, &choices);
        self.asker.show(question, &choices);
        let mut rejected = String::new();
        loop {
            let answer = self.asker.answer(question, default.as_deref())?;
            let answer = chosen(answer, &choices);
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
        let before = self.earlier(question.name);
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

    /// The answer that the section before stands for.
    fn earlier(&self, name: &str) -> Option<String> {
        let before = &self.before.parameters;
        let is_on = |name: &str| before.get(name).is_some_and(|value| value == "on");
        match name {
            "TwilioNumber" => before
                .get(name)
                .or_else(|| before.get("TwilioMessagingService"))
                .cloned(),
            "Callers" => before.get("SmsRoutes").map(|_| {
                let others = [("okta", "OktaHook"), ("supabase", "StandardWebhooks")];
                let others = others.iter().filter(|(_, switch)| is_on(switch));
                let words = others.map(|(word, _)| *word);
                std::iter::once("auth0")
                    .chain(words)
                    .collect::<Vec<_>>()
                    .join(",")
            }),
            name => before.get(name).cloned(),
        }
    }

    /// The section: what was there before, without the integrations that are not wanted, and the
    /// answers.
    pub(super) fn section(
        &mut self,
        integrations: &[Integration],
        stack: String,
        region: String,
    ) -> Section {
        let mut parameters = self.before.parameters.clone();
        for integration in Integration::ALL
            .into_iter()
            .filter(|one| !integrations.contains(one))
        {
            parameters.remove(integration.switch());
        }
        if let Asker::Given { answers, .. } = &mut self.asker {
            for question in OF_NO_SECTION {
                answers.remove(question.name);
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
    pub(super) fn finish(&mut self, section: &Section) -> Result<(), Problem> {
        let mut problems = match &mut self.asker {
            Asker::Given { problems, .. } => std::mem::take(problems),
            Asker::Person(_) => Vec::new(),
        };
        let told = problems.clone();
        let is_told = |name: &str| {
            let ways = [format!("{name}: "), format!("{name} is missing")];
            told.iter()
                .any(|problem| ways.iter().any(|way| problem.starts_with(way)))
        };
        let is_given = |name: &str| {
            let given = section.parameters.get(name);
            given.is_some_and(|value| !value.is_empty())
        };
        for found in check(&section.parameters) {
            match found.parameter {
                // While something is missing, the functions' readers would only repeat that.
                Some(name) if told.is_empty() || is_given(&name) && !is_told(&name) => {
                    problems.push(format!("{name}: {}", found.problem));
                }
                None if told.is_empty() => problems.push(found.problem),
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
    pub(super) async fn monthly(
        &self,
        integrations: &[Integration],
        parameters: &Values,
    ) -> Vec<String> {
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

/// The choice that a number stands for, or the answer as it is.
pub(super) fn chosen(answer: String, choices: &[(String, String)]) -> String {
    let number = answer.parse::<usize>().ok();
    let found = number.and_then(|number| choices.get(number.checked_sub(1)?));
    found.map_or(answer, |(choice, _)| choice.clone())
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
        "TwilioNumber" => {
            let number = pair(question.name, answer);
            (vec![number, pair("TwilioMessagingService", "")], Vec::new())
        }
        name => (vec![pair(name, answer)], Vec::new()),
    }
}
