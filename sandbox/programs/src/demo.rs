//! `cargo demo`: the whole story against the real functions, step by step. Every claim is checked.

mod codes;
mod company_phone;
mod phone_menu;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    io::{self, IsTerminal as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use sandbox::{
    Sandbox,
    auth0::{LinkPage, TicketMail, User},
    binaries,
    lambda::Lambda,
    mailgun::{Delivery, Forgery},
    plivo,
    template::Template,
    twilio::{self, Reply},
    wire::{Exchange, Fault, Server},
};
use serde_json::Value;

const SEND: &str = "send-verification-sms";
const RECEIVE: &str = "receive-confirmation-sms";
const GATEWAY: &str = "sms-gateway";
const CALL: &str = "call-forward";
const FORWARD: &str = "sms-forward";
const PROVISION: &str = "provision-numbers";
const IVR: &str = "ivr-validate";
const FLOW: &str = "api-call";
const API: &str = "secure-api";
/// Settings that are off in the template and on in the story.
const SWITCHED_ON: [(&str, Option<&str>); 1] = [("VOICEMAIL", Some("on"))];
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
        for name in [
            SEND, RECEIVE, GATEWAY, CALL, FORWARD, PROVISION, API, IVR, FLOW,
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
        let lambda = self
            .sandbox
            .run_with(name, binary, instances, settings)
            .await;
        if let Some(before) = self.functions.insert(name, Function { lambda, read: 0 }) {
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
        self.company_phone().await?;
        self.phone_menu().await?;
        self.check(
            "the simulators met nothing unexpected",
            self.sandbox.complaints(),
            vec![],
        )
    }

    async fn sign_up(&mut self) -> Checked {
        self.title("Someone signs up with a phone number");
        let (phone, user) = self.person("+4512345678");
        let mail = self.sandbox.auth0.mail_verification(&user, LinkPage::Form);
        self.mail_arrives(&mail, &["sent"]).await?;
        self.check(
            "one text is on the phone",
            self.inbox(phone),
            vec![self.setting(SEND, "REG_SMS_BODY")],
        )?;
        self.check(
            "one request waits for an answer",
            self.waiting(phone).await,
            1,
        )?;
        self.check(
            "the account is not verified yet, its link not opened",
            (self.verified(&user), self.fetched(&mail)),
            (false, 0),
        )?;
        let reply = self.phone_says(phone, "yes", "confirmed").await?;
        self.check(
            "the phone is thanked",
            reply.messages,
            vec![self.setting(RECEIVE, "CONFIRMED_SMS_MESSAGE")],
        )?;
        self.check("the account is verified", self.verified(&user), true)?;
        let traces = (
            self.fetched(&mail),
            self.sandbox.auth0.posted(&mail.ticket),
            self.waiting(phone).await,
        );
        self.check(
            "the link was opened once, its form posted once, and nothing waits any more",
            traces,
            (1, 1, 0),
        )
    }

    async fn wrong_word_then_choice(&mut self) -> Checked {
        self.title("A wrong word");
        let (phone, user) = self.person("+4520304050");
        let verification = self
            .sandbox
            .auth0
            .mail_verification(&user, LinkPage::Redirect);
        self.mail_arrives(&verification, &["sent"]).await?;
        let reply = self
            .phone_says(phone, "Who is this?", "wrong_reply")
            .await?;
        self.check(
            "the phone is told what to reply",
            reply.messages,
            vec![self.setting(RECEIVE, "WRONG_SMS_MESSAGE")],
        )?;
        self.check(
            "nothing was opened, the request still waits",
            (self.fetched(&verification), self.waiting(phone).await),
            (0, 1),
        )?;

        self.title("Two requests wait for the same phone");
        let password = self.sandbox.auth0.mail_password(&user);
        self.mail_arrives(&password, &["sent"]).await?;
        let reply = self.phone_says(phone, "YES", "listed").await?;
        let list = reply.messages.concat();
        let code = |kind: &str| {
            let line = list
                .lines()
                .find(|line| line.contains(kind))
                .unwrap_or_default();
            line.split_whitespace()
                .find(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()))
                .map(str::to_owned)
        };
        let (first, second) = (code("account verification"), code("password change"));
        self.check(
            "both are listed, each with a code of its own",
            first.is_some() && second.is_some() && first != second,
            true,
        )?;
        self.check(
            "neither was acted on",
            (self.verified(&user), self.waiting(phone).await),
            (false, 2),
        )?;
        let reply = self
            .phone_says(
                phone,
                &format!("YES {}", first.unwrap_or_default()),
                "confirmed",
            )
            .await?;
        self.check(
            "the phone is thanked",
            reply.messages,
            vec![self.setting(RECEIVE, "CONFIRMED_SMS_MESSAGE")],
        )?;
        self.check("the account is verified", self.verified(&user), true)?;
        let left = (
            self.fetched(&verification),
            self.fetched(&password),
            self.waiting(phone).await,
        );
        self.check(
            "only that link was opened; the password request still waits",
            left,
            (1, 0, 1),
        )
    }

    async fn password(&mut self) -> Checked {
        self.title("A forgotten password");
        let (phone, user) = self.person("+4530405060");
        let mail = self.sandbox.auth0.mail_password(&user);
        self.mail_arrives(&mail, &["sent"]).await?;
        self.check(
            "the text asks about the password",
            self.inbox(phone),
            vec![self.setting(SEND, "PWD_SMS_BODY")],
        )?;
        let reply = self.phone_says(phone, "yes", "password_link").await?;
        let link = mail.link.trim_end_matches('#');
        let expected = self
            .setting(RECEIVE, "PASSWORD_LINK_MESSAGE")
            .replace("{link}", link);
        self.check(
            "the phone gets the link of the mail",
            reply.messages,
            vec![expected],
        )?;
        self.check(
            "nobody opened it, and it is used up",
            (self.fetched(&mail), self.waiting(phone).await),
            (0, 0),
        )
    }

    async fn duplicates(&mut self) -> Checked {
        self.title("Mailgun delivers the same mail again");
        let (phone, user) = self.person("+4540506070");
        let mail = self
            .sandbox
            .auth0
            .mail_verification(&user, LinkPage::Form)
            .mail;
        let route = self.url(SEND);
        let signed = |sandbox: &Sandbox| sandbox.mailgun.fields(&mail, sandbox::now().as_secs());
        let (first, later) = (signed(&self.sandbox), signed(&self.sandbox));
        for (what, fields, outcome) in [
            ("the mail", &first, "sent"),
            ("the same post, byte for byte", &first, "duplicate"),
            ("the same mail, signed anew", &later, "duplicate"),
        ] {
            say(&format!("Mailgun delivers {what}"));
            let attempt = self.sandbox.mailgun.post(&route, fields).await;
            self.tell(&[outcome]).await?;
            self.check(
                "answered 200, so that Mailgun is content",
                attempt.status,
                200,
            )?;
        }
        self.check("one text is on the phone", self.inbox(phone).len(), 1)
    }

    async fn outage_then_forgery(&mut self) -> Checked {
        self.title("Twilio is down, and comes back");
        let (phone, user) = self.person("+4550607080");
        let mail = self.sandbox.auth0.mail_verification(&user, LinkPage::Form);
        say("Twilio answers the next two requests with 503");
        let down = || Fault::Answer {
            status: 503,
            headers: vec![],
            body: String::new(),
        };
        self.sandbox.twilio.server().faults().times(2, down);
        let delivery = self
            .mail_arrives(&mail, &["twilio_unavailable", "twilio_unavailable", "sent"])
            .await?;
        let answers: Vec<_> = delivery
            .attempts
            .iter()
            .map(|attempt| attempt.status)
            .collect();
        self.check(
            "Mailgun was asked to come again until the text was out",
            answers,
            vec![503, 503, 200],
        )?;
        self.check("one text is on the phone", self.inbox(phone).len(), 1)?;

        self.title("Forged webhooks");
        say("Someone posts a mail that Mailgun never signed");
        let mut fields = self
            .sandbox
            .mailgun
            .fields(&mail.mail, sandbox::now().as_secs());
        for (_, signature) in fields.iter_mut().filter(|(name, _)| name == "signature") {
            *signature = "0".repeat(signature.len());
        }
        let route = self.url(SEND);
        let attempt = self.sandbox.mailgun.post(&route, &fields).await;
        self.tell(&["bad_signature"]).await?;
        self.check(
            "refused without a word",
            (attempt.status, attempt.body.as_str()),
            (401, ""),
        )?;
        say("Someone posts the YES of a phone, with the signature of another text");
        let url = self.url(RECEIVE);
        let signature = self.sandbox.twilio.sign(
            &url,
            &self.sandbox.twilio.inbound(phone, twilio::NUMBER, "no"),
        );
        let forged = self.sandbox.twilio.inbound(phone, twilio::NUMBER, "YES");
        let reply = self
            .sandbox
            .twilio
            .deliver_signed(forged, &url, &signature)
            .await;
        self.tell(&["bad_signature"]).await?;
        self.check(
            "refused without a word",
            (reply.status, reply.body.as_str()),
            (403, ""),
        )?;
        let untouched = (
            self.verified(&user),
            self.fetched(&mail),
            self.waiting(phone).await,
            self.inbox(phone).len(),
        );
        self.check(
            "nothing was opened, verified or sent",
            untouched,
            (false, 0, 1, 1),
        )
    }

    async fn forged_mail(&mut self) -> Checked {
        self.title("A forged mail");
        let (phone, limit) = ("+4561718191", self.setting(SEND, "SMS_PER_NUMBER_PER_HOUR"));
        let (link, route) = (self.sandbox.auth0.invented_link(), self.url(SEND));
        say(&format!(
            "A stranger mails {} as Auth0 would, with an invented ticket; Mailgun signs what it receives",
            self.address(phone)
        ));
        let mails = limit.parse().unwrap_or(5);
        for _ in 0..mails {
            let forged =
                self.sandbox
                    .mailgun
                    .forged(&self.address(phone), &link, Forgery::SignedElsewhere);
            let fields = self
                .sandbox
                .mailgun
                .fields(&forged, sandbox::now().as_secs());
            let attempt = self.sandbox.mailgun.post(&route, &fields).await;
            self.tell(&["no_such_user"]).await?;
            self.check("refused for good", attempt.status, 406)?;
        }
        let traces = (
            self.inbox(phone).len(),
            self.waiting(phone).await,
            self.counted(phone).await,
        );
        self.check(
            "nothing was texted or stored, nor counted",
            traces,
            (0, 0, 0),
        )?;
        let (_, user) = self.person(phone);
        let mail = self.sandbox.auth0.mail_verification(&user, LinkPage::Form);
        self.mail_arrives(&mail, &["sent"]).await?;
        self.check(
            "whoever signs up with that phone is texted",
            self.inbox(phone).len(),
            1,
        )?;
        self.phone_says(phone, "YES", "confirmed").await?;
        self.check("and verified by a plain YES", self.verified(&user), true)
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

    fn inbox(&self, phone: &str) -> Vec<String> {
        self.sandbox.twilio.inbox(phone)
    }

    fn verified(&self, user: &User) -> bool {
        self.sandbox
            .auth0
            .user(&user.email)
            .is_some_and(|user| user.email_verified)
    }

    fn fetched(&self, mail: &TicketMail) -> u32 {
        self.sandbox.auth0.fetched(&mail.ticket)
    }

    /// The number of this phone's requests in the table.
    async fn waiting(&self, phone: &str) -> usize {
        let key = format!("pending#{phone}");
        let items = self.sandbox.aws.items().await;
        let requests = items
            .iter()
            .filter(|item| item["pk"]["S"] == key.as_str())
            .filter_map(Value::as_object);
        requests
            .flat_map(|item| item.keys())
            .filter(|attribute| attribute.starts_with("r_"))
            .count()
    }

    /// The number of texts to this phone that count against its limit.
    async fn counted(&self, phone: &str) -> usize {
        let key = format!("rate#sms#{phone}");
        let items = self.sandbox.aws.items().await;
        let hits = items
            .iter()
            .filter(|item| item["pk"]["S"] == key.as_str())
            .filter_map(|item| item["hits"]["N"].as_str());
        hits.filter_map(|hits| hits.parse::<usize>().ok()).sum()
    }

    /// The value of a function's variable.
    fn setting(&self, function: &str, name: &str) -> String {
        self.sandbox
            .env_for(function)
            .remove(name)
            .unwrap_or_default()
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
                if let Some(outcome) = line["outcome"].as_str() {
                    return outcome.to_owned();
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| "(nothing)".to_owned())
    }
}

/// One request over the wire.
struct Call {
    from: &'static str,
    to: &'static str,
    exchange: Exchange,
}

/// The requests since the last call, in order.
fn calls(sandbox: &Sandbox) -> Vec<Call> {
    let mut servers: Vec<(_, _, &Server)> = vec![
        ("Mailgun", SEND, sandbox.door(SEND)),
        ("Twilio", RECEIVE, sandbox.door(RECEIVE)),
        ("Auth0", GATEWAY, sandbox.door(GATEWAY)),
        ("Twilio", CALL, sandbox.door(CALL)),
        ("Twilio", FORWARD, sandbox.door(FORWARD)),
        ("Okta", PROVISION, sandbox.door(PROVISION)),
        ("Twilio", IVR, sandbox.door(IVR)),
        ("Studio", FLOW, sandbox.door(FLOW)),
        ("", API, sandbox.door(API)),
        ("", "Okta", sandbox.okta.server()),
        ("", "Twilio", sandbox.twilio.server()),
        ("", "Auth0", sandbox.auth0.server()),
        ("", "DynamoDB", sandbox.aws.dynamodb()),
        ("", "Secrets Manager", sandbox.aws.secrets()),
    ];
    let providers = sandbox.providers();
    servers.extend(
        providers
            .iter()
            .map(|provider| ("", provider.name, provider.server)),
    );
    let mut calls = Vec::new();
    for (from, to, server) in servers {
        calls.extend(
            server
                .exchanges()
                .into_iter()
                .map(|exchange| Call { from, to, exchange }),
        );
        server.clear_exchanges();
    }
    calls.sort_by_key(|call| call.exchange.started);
    calls
}

impl Call {
    fn print(&self, outcome: Option<&String>) {
        print_call(
            &self.route(),
            &self.what(),
            self.exchange.status,
            self.exchange.took,
            outcome,
        );
    }

    /// Requests of the functions are indented below the request to them.
    fn route(&self) -> String {
        if self.from.is_empty() {
            format!("    → {}", self.to)
        } else {
            format!("{} → {}", self.from, self.to)
        }
    }

    fn what(&self) -> String {
        let exchange = &self.exchange;
        let operation = exchange
            .headers
            .iter()
            .find(|(name, _)| name == "x-amz-target")
            .and_then(|(_, target)| target.split('.').nth(1));
        let unmet = exchange.status == Some(400)
            && String::from_utf8_lossy(&exchange.response).contains("ConditionalCheckFailed");
        match operation {
            Some(operation) if unmet => format!("{operation}, condition not met"),
            Some(operation) => operation.to_owned(),
            None => {
                // The account in a path and the text before a ticket are not interesting.
                let accounts = [twilio::ACCOUNT_SID, plivo::AUTH_ID];
                let after =
                    |account: &str| exchange.target.rsplit_once(account).map(|(_, rest)| rest);
                let target = accounts
                    .into_iter()
                    .find_map(after)
                    .unwrap_or(&exchange.target);
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                let ticket = query
                    .find("ticket=")
                    .map_or(String::new(), |at| format!("?{}", &query[at..]));
                masked(&format!("{} {path}{ticket}", exchange.method))
            }
        }
    }
}

fn print_call(
    route: &str,
    what: &str,
    status: Option<u16>,
    took: Duration,
    outcome: Option<&String>,
) {
    let status = status.map_or("-".to_owned(), |status| status.to_string());
    let took = took.as_secs_f64() * 1000.0;
    let line = paint(
        "2",
        &format!("{route:<35}{what:<42}{status:>3}{took:>7.1} ms"),
    );
    match outcome {
        Some(outcome) => println!("  {line}  {}", paint("33", outcome)),
        None => println!("  {line}"),
    }
}

fn say(text: &str) {
    println!("  {}", masked(text));
}

/// Prints a text that a caller hears.
fn hears(who: &str, text: &str) {
    println!(
        "  {} hears {}",
        masked(who),
        paint("36", &format!("\"{text}\""))
    );
}

/// Prints a text that a phone received.
fn heard(phone: &str, text: &str) {
    let who = masked(phone) + " receives ";
    let margin = format!("\n{}", " ".repeat(2 + who.chars().count()));
    let text = format!("\"{}\"", masked(text));
    let lines: Vec<_> = text.lines().map(|line| paint("36", line)).collect();
    println!("  {who}{}", lines.join(&margin));
}

/// Adds colour on a terminal, unless the user asked for none (<https://no-color.org>).
fn paint(code: &str, text: &str) -> String {
    let plain = text.is_empty()
        || !io::stdout().is_terminal()
        || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain {
        text.to_owned()
    } else {
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Removes secrets and identities from a text. Phone numbers keep the country and the last four
/// digits. Tickets, codes and recordings are removed completely.
fn masked(text: &str) -> String {
    const HIDDEN: &str = "••••";
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        let after = &rest[next.len_utf8()..];
        if next == '+' && digits(after) >= 7 {
            let (country, end) = (if after.starts_with('1') { 1 } else { 2 }, digits(after));
            shown.extend(["+", &after[..country], HIDDEN, &after[end - 4..end]]);
            rest = &after[end..];
        } else if let Some(value) = rest.strip_prefix("ticket=") {
            shown.extend(["ticket=", HIDDEN]);
            rest = value.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        } else if let Some(code) = rest.strip_prefix("YES ").filter(|code| digits(code) == 4) {
            shown.extend(["YES ", HIDDEN]);
            rest = &code[4..];
        } else if let Some(code) = rest
            .strip_prefix("code is ")
            .filter(|code| digits(code) > 0)
        {
            shown.extend(["code is ", HIDDEN]);
            rest = &code[digits(code)..];
        } else if let Some(sid) = rest.strip_prefix("/Recordings/") {
            shown.extend(["/Recordings/", HIDDEN]);
            rest = sid.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        } else if let Some(number) = rest.strip_prefix("/accounts/") {
            shown.extend(["/accounts/", HIDDEN]);
            rest = number.trim_start_matches(|c: char| c.is_ascii_digit());
        } else {
            shown.push(next);
            rest = after;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_opens_anything() {
        for (text, shown) in [
            (
                "acme+4512345678@sms.example.com",
                "acme+45••••5678@sms.example.com",
            ),
            ("from +15005550006, +45", "from +1••••0006, +45"),
            (
                "GET /u/x?a=1&ticket=0aZ&b=2",
                "GET /u/x?a=1&ticket=••••&b=2",
            ),
            ("Your code is 271828.", "Your code is ••••."),
            (
                "https://x/AC1/Recordings/RE0aZ.mp3",
                "https://x/AC1/Recordings/••••.mp3",
            ),
            ("GET /accounts/0010042", "GET /accounts/••••"),
            (
                "Reply YES 4821 for ø, YES 48211",
                "Reply YES •••• for ø, YES 48211",
            ),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
