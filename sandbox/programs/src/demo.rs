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
mod scenes;
mod troubles;
mod voice;

pub(crate) use scenes::Stories;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use sandbox::{
    Ports, Sandbox,
    auth0::{TicketMail, User},
    binaries,
    lambda::Lambda,
    mailgun::Delivery,
    page::{self, Line, Page},
    receipts::Fate,
    template::Template,
    twilio::{self, Reply},
};
use serde_json::Value;

use crate::{PageOptions, browser};
use calls::calls;
use print::{OnStage, STAGE, heard, masked, note, paint, pause, say, tell};

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
const ALL: [&str; 10] = [
    SEND, RECEIVE, GATEWAY, CALL, FORWARD, PROVISION, API, IVR, FLOW, DELIVERY,
];
/// Functions whose texts are in the person's language, as in a stack.
const IN_EVERY_LANGUAGE: [&str; 3] = [SEND, RECEIVE, CALL];
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
/// With `page`, a page shows the story.
pub(crate) async fn run(page: Option<PageOptions>) -> Result<(), String> {
    tokio::select! {
        biased; // Ctrl-C also ends a build; this is not a failure of the build.
        _ = tokio::signal::ctrl_c() => Err("\nInterrupted; everything has been stopped.".to_owned()),
        played = play(page) => played,
    }
}

async fn play(page: Option<PageOptions>) -> Result<(), String> {
    let begun = Instant::now();
    let template = Template::read()?;
    println!("{}", building(template.functions.len()));
    let binaries = binaries::build(&template).await?;
    let built = begun.elapsed();
    println!("Built in {:.1} s.", built.as_secs_f64());
    let sandbox = Arc::new(Sandbox::start().await);
    let (page, stage) = match page {
        Some(options) => {
            let page = open_page(&sandbox, options, &binaries).await?;
            let stage = page.begin_demo();
            (Some(page), Some(stage))
        }
        None => (None, None),
    };
    let told = async {
        let mut story = Story::open(Arc::clone(&sandbox), binaries, &ALL).await?;
        let played = story.play().await;
        let totals = (story.checks, story.texts_sent());
        let report = played.map_err(|failure| story.report(&failure));
        Ok::<_, String>((report.map(|()| totals), story))
    };
    let (report, story) = match &stage {
        Some(stage) => {
            let on = OnStage {
                stage: stage.clone(),
                quiet: false,
            };
            STAGE.scope(on, told).await
        }
        None => told.await,
    }?;
    if let (Some(page), Some(stage)) = (&page, &stage) {
        page.end_demo(stage, report.clone().map(drop));
    }
    if page.is_none() {
        story.close().await;
    }
    let (checks, texts) = report?;
    let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
    println!(
        "\n{} {checks} checks, {texts} texts, {} (and {} to build)",
        paint("32;1", "All as it should be:"),
        seconds(begun.elapsed().saturating_sub(built)),
        seconds(built)
    );
    if let Some(page) = page {
        println!("\nThe page stays until Ctrl-C: {}", page.url());
        std::future::pending::<()>().await;
    }
    Ok(())
}

async fn open_page(
    sandbox: &Arc<Sandbox>,
    options: PageOptions,
    binaries: &BTreeMap<String, PathBuf>,
) -> Result<Page, String> {
    let serving = |port| page::Options {
        port,
        files: options.page_files.clone(),
        demo: true,
    };
    // The usual port, so that an open page comes back; or another one beside `cargo sandbox`.
    let usual = Page::open(Arc::clone(sandbox), serving(Some(Ports::USUAL.page()))).await;
    let page = match usual {
        Ok(page) => page,
        Err(_) => Page::open(Arc::clone(sandbox), serving(None))
            .await
            .map_err(|error| format!("the page: {error}"))?,
    };
    page.set_scenes(Arc::new(Stories::new(binaries.clone())));
    println!("The page: {}", page.url());
    if options.open {
        browser::open(&page.url());
    }
    Ok(page)
}

/// What is said before a build, whose progress cargo shows.
pub(crate) fn building(functions: usize) -> String {
    format!("Building {functions} functions: a few minutes the first time, seconds later.")
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
    sandbox: Arc<Sandbox>,
    scene: String,
    scenes: u32,
    checks: u32,
    /// The callees of the last step's requests, in order.
    called: Vec<&'static str>,
}

impl Story {
    /// A story in this sandbox, with these functions.
    async fn open(
        sandbox: Arc<Sandbox>,
        binaries: BTreeMap<String, PathBuf>,
        functions: &[&'static str],
    ) -> Result<Self, String> {
        let started = functions;
        let functions = BTreeMap::new();
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
        for name in started {
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
        note(&format!(
            "{}{name} is up, {} ms",
            if self.scenes == 0 { "" } else { "  " },
            begun.elapsed().as_millis()
        ));
        if print::is_quiet() {
            calls(&self.sandbox); // a scene tells only of itself
        } else {
            self.print_calls().await;
        }
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
        self.nothing_unexpected()
    }

    fn nothing_unexpected(&mut self) -> Checked {
        self.check(
            "the simulators met nothing unexpected",
            self.sandbox.complaints(),
            vec![],
        )
    }

    fn title(&mut self, title: &str) {
        self.scenes += 1;
        self.scene = format!("{} {title}", self.scenes);
        let printed = format!("\n{}", paint("1", &self.scene));
        tell(Line::Title, title, None, &printed);
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
        pause().await;
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
        let printed = format!("  {} {claim}", paint("32", "✓"));
        tell(Line::Check, claim, None, &printed);
        Ok(())
    }

    fn fail(&self, claim: &str, came: &dyn Debug, expected: &dyn Debug) -> Checked {
        let printed = format!("  {} {claim}", paint("31", "✗"));
        tell(Line::Fail, claim, None, &printed);
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
