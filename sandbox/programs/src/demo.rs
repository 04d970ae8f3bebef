//! `cargo demo`: the whole story against the real functions, step by step. Every claim is checked.

mod account_api;
mod calls;
mod codes;
mod company_phone;
mod confirmations;
mod looks;
mod phone_menu;
mod print;
mod receipts;
mod troubles;
mod voice;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    path::PathBuf,
    time::{Duration, Instant},
};

use sandbox::{
    Sandbox,
    auth0::{TicketMail, User},
    binaries,
    lambda::Lambda,
    mailgun::Delivery,
    receipts::Fate,
    template::Template,
    twilio::{self, Reply},
};
use serde_json::Value;

use calls::calls;
use print::{heard, masked, paint, say};

const SEND: &str = "send-verification-sms";
const RECEIVE: &str = "receive-confirmation-sms";
const GATEWAY: &str = "sms-gateway";
const CALL: &str = "call-forward";
const FORWARD: &str = "sms-forward";
const PROVISION: &str = "provision-numbers";
const IVR: &str = "ivr-validate";
const FLOW: &str = "api-call";
const API: &str = "secure-api";
const DELIVERY: &str = "delivery-status";
/// Functions whose texts are in the person's language, as in a stack.
const IN_EVERY_LANGUAGE: [&str; 2] = [SEND, RECEIVE];
/// Settings that are off in the template and on in the story.
const SWITCHED_ON: [(&str, Option<&str>); 3] = [
    ("VOICEMAIL", Some("on")),
    ("VOICE_FROM", Some("twilio:+15005550006")),
    ("VOICE_PROVIDERS", Some("twilio")),
];
/// Maximum time that a log line takes from the function's process to this one.
const PATIENCE: Duration = Duration::from_secs(10);
/// Number of log lines that are shown after a failure.
const LAST_LINES: usize = 8;

/// Builds the functions, plays the story and prints the totals. The error is the first failed
/// check. Ctrl-C stops everything.
pub(crate) async fn run() -> Result<(), String> {
    tokio::select! {
        biased; // Ctrl-C also ends a build; this is not a failure of the build.
        _ = tokio::signal::ctrl_c() => Err("\nInterrupted; everything has been stopped.".to_owned()),
        played = play() => played,
    }
}

async fn play() -> Result<(), String> {
    let begun = Instant::now();
    println!("building the functions ...");
    let binaries = binaries::build(&Template::read()?).await?;
    let built = begun.elapsed();
    let mut story = Story::open(binaries).await?;
    let played = story.play().await;
    let (checks, texts) = (story.checks, story.texts_sent());
    let report = played.map_err(|failure| story.report(&failure));
    story.close().await;
    report?;
    let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
    println!(
        "\n{} {checks} checks, {texts} texts, {} (and {} to build)",
        paint("32;1", "All as it should be:"),
        seconds(begun.elapsed().saturating_sub(built)),
        seconds(built)
    );
    Ok(())
}

/// A claim that is not true.
struct Failure {
    scene: String,
    claim: String,
    expected: String,
    came: String,
}

type Checked = Result<(), Failure>;

/// A running function and the number of log lines read.
struct Function {
    lambda: Lambda,
    read: usize,
    /// The last log line with an outcome.
    last: Value,
}

struct Story {
    functions: BTreeMap<&'static str, Function>,
    binaries: BTreeMap<String, PathBuf>,
    sandbox: Sandbox,
    scene: String,
    scenes: u32,
    checks: u32,
    /// The callees of the last step's requests, in order.
    called: Vec<&'static str>,
}

impl Story {
    async fn open(binaries: BTreeMap<String, PathBuf>) -> Result<Self, String> {
        let (sandbox, functions) = (Sandbox::start().await, BTreeMap::new());
        let mut story = Self {
            functions,
            binaries,
            sandbox,
            scene: String::new(),
            scenes: 0,
            checks: 0,
            called: vec![],
        };
        for receipts in story.sandbox.receipts() {
            // Only the scenes about receipts have some.
            receipts.usually(Fate::never());
        }
        for name in [
            SEND, RECEIVE, GATEWAY, CALL, FORWARD, PROVISION, API, IVR, FLOW, DELIVERY,
        ] {
            story.start(name, &SWITCHED_ON).await?;
        }
        Ok(story)
    }

    /// Starts a function. It replaces the function's earlier process.
    async fn start(
        &mut self,
        name: &'static str,
        settings: &[(&str, Option<&str>)],
    ) -> Result<(), String> {
        let begun = Instant::now();
        self.launch(name, 1, settings).await?;
        let ready = self.functions[name].lambda.wait_ready().await;
        ready.map_err(|reason| format!("{name} does not start: {reason}"))?;
        println!(
            "{}{name} is up, {} ms",
            if self.scenes == 0 { "" } else { "  " },
            begun.elapsed().as_millis()
        );
        self.print_calls().await;
        Ok(())
    }

    /// Starts a function in several processes and does not wait for them.
    async fn launch(
        &mut self,
        name: &'static str,
        instances: usize,
        settings: &[(&str, Option<&str>)],
    ) -> Result<(), String> {
        let binary = self
            .binaries
            .get(name)
            .ok_or_else(|| format!("template.yaml has no {name}"))?;
        let delivery = self.sandbox.door(DELIVERY).url() + "/";
        let languages = IN_EVERY_LANGUAGE.contains(&name).then_some("all");
        let usual = [
            ("DELIVERY_URL", Some(delivery.as_str())),
            ("LANGUAGES", languages),
        ];
        let settings = [&usual, settings].concat();
        let lambda = self
            .sandbox
            .run_with(name, binary, instances, &settings)
            .await;
        if let Some(before) = self.functions.insert(
            name,
            Function {
                lambda,
                read: 0,
                last: Value::Null,
            },
        ) {
            before.lambda.stop().await;
        }
        Ok(())
    }

    async fn close(self) {
        for function in self.functions.into_values() {
            function.lambda.stop().await;
        }
        self.sandbox.complaints();
    }

    async fn play(&mut self) -> Checked {
        self.sign_up().await?;
        self.wrong_word_then_choice().await?;
        self.password().await?;
        self.duplicates().await?;
        self.outage_then_forgery().await?;
        self.forged_mail().await?;
        self.codes().await?;
        self.receipts().await?;
        self.company_phone().await?;
        self.phone_menu().await?;
        self.check(
            "the simulators met nothing unexpected",
            self.sandbox.complaints(),
            vec![],
        )
    }

    fn title(&mut self, title: &str) {
        self.scenes += 1;
        self.scene = format!("{} {title}", self.scenes);
        println!("\n{}", paint("1", &self.scene));
    }

    /// Signs up a user. The account's address is the phone's proxy e-mail address.
    fn person(&self, phone: &'static str) -> (&'static str, User) {
        (phone, self.sandbox.auth0.sign_up(&self.address(phone)))
    }

    /// The proxy e-mail address of a phone.
    fn address(&self, phone: &str) -> String {
        let setting = |name: &str| self.setting(SEND, name);
        format!(
            "{}{phone}@{}",
            setting("RECIPIENT_PREFIX"),
            setting("RECIPIENT_DOMAIN")
        )
    }

    /// Auth0 sends a mail. Mailgun delivers it, with its usual retries.
    async fn mail_arrives(
        &mut self,
        mail: &TicketMail,
        outcomes: &[&str],
    ) -> Result<Delivery, Failure> {
        let phone = mail
            .mail
            .to
            .split(['+', '@'])
            .nth(1)
            .map(|digits| format!("+{digits}"))
            .unwrap_or_default();
        say(&format!(
            "Auth0 mails {}: {:?}, with the link {}",
            mail.mail.to,
            mail.mail.subject,
            mail.link.trim_end_matches('#')
        ));
        let before = self.inbox(&phone).len();
        let delivery = self.sandbox.mailgun.receive(&mail.mail).await;
        self.tell(outcomes).await?;
        self.inbox(&phone)
            .iter()
            .skip(before)
            .for_each(|text| heard(&phone, text));
        Ok(delivery)
    }

    /// A phone texts our number. Prints the reply.
    async fn phone_says(
        &mut self,
        phone: &str,
        text: &str,
        outcome: &str,
    ) -> Result<Reply, Failure> {
        say(&format!(
            "{phone} replies {}",
            paint("36", &format!("{text:?}"))
        ));
        let reply = self.sandbox.twilio.text(phone, twilio::NUMBER, text).await;
        self.tell(&[outcome]).await?;
        reply.messages.iter().for_each(|text| heard(phone, text));
        Ok(reply)
    }

    /// Prints the requests since the last call, and checks their outcomes in the functions' logs.
    async fn tell(&mut self, expected: &[&str]) -> Checked {
        let outcomes = self.print_calls().await;
        if outcomes == expected {
            Ok(())
        } else {
            self.fail("the outcomes in the log", &outcomes, &expected)
        }
    }

    /// Prints the requests since the last call. Returns their outcomes, in the order of the
    /// requests.
    async fn print_calls(&mut self) -> Vec<String> {
        let mut outcomes = Vec::new();
        self.called.clear();
        for call in calls(&self.sandbox) {
            self.called.push(call.to);
            if self.functions.contains_key(call.to) {
                outcomes.push(self.next_outcome(call.to).await);
                call.print(outcomes.last());
            } else {
                call.print(None);
            }
        }
        outcomes
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "claims are read more easily without ampersands"
    )]
    fn check<T: PartialEq + Debug>(&mut self, claim: &str, came: T, expected: T) -> Checked {
        if came != expected {
            return self.fail(claim, &came, &expected);
        }
        self.checks += 1;
        println!("  {} {claim}", paint("32", "✓"));
        Ok(())
    }

    fn fail(&self, claim: &str, came: &dyn Debug, expected: &dyn Debug) -> Checked {
        println!("  {} {claim}", paint("31", "✗"));
        let text = |value: &dyn Debug| masked(&format!("{value:?}"));
        Err(Failure {
            scene: self.scene.clone(),
            claim: claim.to_owned(),
            expected: text(expected),
            came: text(came),
        })
    }

    fn report(&self, failure: &Failure) -> String {
        let Failure {
            scene,
            claim,
            expected,
            came,
        } = failure;
        let mut report = vec![format!(
            "\n{} {scene}: {claim}\n  expected {expected}\n  came     {came}",
            paint("31;1", "Not as it should be.")
        )];
        for (name, function) in &self.functions {
            let lines = [function.lambda.log(), function.lambda.errors()].concat();
            report.push(format!("The last of the log of {name}:"));
            report.extend(
                lines[lines.len().saturating_sub(LAST_LINES)..]
                    .iter()
                    .map(|line| format!("  {line}")),
            );
        }
        report.join("\n")
    }

    /// The outcome of the next request in a function's log.
    async fn next_outcome(&mut self, function: &str) -> String {
        match self.functions.get_mut(function) {
            Some(function) => function.next_outcome().await,
            None => "(no such function)".to_owned(),
        }
    }

    fn url(&self, function: &str) -> String {
        self.functions[function].lambda.url().to_owned()
    }
}

impl Function {
    /// The outcome of the next request in the log.
    async fn next_outcome(&mut self) -> String {
        let found = async {
            loop {
                let line = self.lambda.follow(self.read).await.swap_remove(0);
                self.read += 1;
                let line: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(outcome) = line["outcome"].as_str().map(str::to_owned) {
                    self.last = line;
                    return outcome;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| "(nothing)".to_owned())
    }
}
