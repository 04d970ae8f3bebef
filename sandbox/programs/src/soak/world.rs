//! A round's sandbox, with all functions running in it, and how a step is played there.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sandbox::{
    COMPANY_NUMBER, HOOK_TOKEN, IVR_NUMBER, Sandbox, accounts,
    auth0::{self, Credential, LinkPage, TicketMail, User},
    lambda::Lambda,
    twilio,
};
use serde_json::json;

use super::plan::{FUNCTIONS, Step};

/// The employee whose company number gets texts.
pub(super) const MOBILE: &str = "+4521223344";
/// The account of the phone menu.
const ACCOUNT: &str = "10042";
const PIN: &str = "2718";
/// The domain of the proxy addresses.
const DOMAIN: &str = "sms.example.com";
/// How long a person asks again for a code after everything was mended: a function that met a broken
/// upstream leaves it alone for a minute.
const AGAIN: Duration = Duration::from_secs(90);
/// Of people who ask for a code after everything was mended. Each way has other providers.
const LAST: [(&str, &str); 2] = [("+4531999999", "314159"), ("+573009999999", "265358")];
/// How long a YES waits for the text that it answers.
const READS: Duration = Duration::from_secs(2);

/// What was asked for, to compare with what the simulators have.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) sign_ups: Vec<SignUp>,
    pub(super) codes: Vec<Code>,
    /// Ids of employees.
    pub(super) hired: Vec<String>,
    /// Texts of customers to the company number.
    pub(super) forwarded: Vec<String>,
    /// The numbers that each call of a customer was put through to.
    pub(super) calls: Vec<Vec<String>>,
    /// When a process of a function was killed.
    pub(super) kills: Vec<(&'static str, Instant)>,
}

/// A one-time code.
pub(super) struct Code {
    pub(super) phone: String,
    pub(super) digits: String,
    /// True if nothing was broken: it must have gone out.
    pub(super) is_due: bool,
}

/// A sign-up and its mail.
pub(super) struct SignUp {
    pub(super) phone: String,
    pub(super) email: String,
    pub(super) mail: TicketMail,
    pub(super) begun: Instant,
    pub(super) ended: Instant,
    /// True if the phone said YES.
    pub(super) said_yes: bool,
    /// True if the phone would say YES, to a text.
    pub(super) would_say_yes: bool,
}

/// A round's sandbox.
pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) functions: BTreeMap<&'static str, Lambda>,
    pub(super) asked: Mutex<Asked>,
    /// True if nothing breaks in this round.
    pub(super) is_calm: bool,
    /// True after everything was mended.
    is_mended: AtomicBool,
}

impl World {
    pub(super) async fn start(
        binaries: &BTreeMap<String, PathBuf>,
        is_calm: bool,
    ) -> Result<Self, String> {
        let sandbox = Sandbox::start().await;
        // Retries within seconds: a function that died has a lease until then.
        sandbox.mailgun.set_retry_scale(2e-4);
        sandbox.load(&accounts::seed()?).await;
        sandbox
            .auth0
            .sign_up_caller(ACCOUNT, PIN, "Ann", "ann@acme.example");
        sandbox.okta.hire("Ann", MOBILE, COMPANY_NUMBER);
        let delivery = sandbox.door("delivery-status").url() + "/";
        let settings = [
            ("DELIVERY_URL", Some(delivery.as_str())),
            ("SMS_PER_HOUR", Some("100000")),
            ("SMS_PER_COUNTRY_PER_HOUR", Some("100000")),
            ("SMS_PER_IP_PER_HOUR", Some("100000")),
        ];
        let mut functions = BTreeMap::new();
        for name in FUNCTIONS {
            let binary = binaries
                .get(name)
                .ok_or_else(|| format!("{name} was not built"))?;
            let processes = if name == "provision-numbers" { 1 } else { 2 };
            let lambda = sandbox.run_with(name, binary, processes, &settings).await;
            lambda
                .wait_ready()
                .await
                .map_err(|why| format!("{name}: {why}"))?;
            functions.insert(name, lambda);
        }
        Ok(Self {
            sandbox,
            functions,
            asked: Mutex::default(),
            is_calm,
            is_mended: AtomicBool::new(false),
        })
    }

    fn note<T>(&self, note: impl FnOnce(&mut Asked) -> T) -> T {
        note(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn url(&self, function: &str) -> String {
        format!("{}/", self.sandbox.door(function).url())
    }

    /// Plays a step to its end.
    pub(super) async fn play(&self, step: &Step) {
        let sandbox = &self.sandbox;
        match step {
            Step::SignUp {
                phone,
                mails,
                replies,
            } => self.sign_up(phone, *mails, *replies).await,
            Step::Code {
                phone,
                code,
                requests,
            } => {
                self.note_code(phone, code);
                join_all((0..*requests).map(|_| self.code(phone, code))).await;
            }
            Step::Hire { name, tells } => {
                let id = sandbox.okta.hire(name, MOBILE, "");
                self.note(|asked| asked.hired.push(id.clone()));
                let url = format!("{}okta", self.url("provision-numbers"));
                let event = "user.lifecycle.activate";
                let tells =
                    (0..*tells).map(|_| sandbox.okta.deliver_event(&url, HOOK_TOKEN, event, &id));
                join_all(tells).await;
            }
            Step::Provision => {
                let event = json!({ "source": "aws.scheduler" });
                let _ = sandbox.invoke("provision-numbers", event).await;
            }
            Step::Forward { from, body } => {
                self.note(|asked| asked.forwarded.push(body.clone()));
                sandbox.twilio.text(from, COMPANY_NUMBER, body).await;
            }
            Step::Call { from } => {
                let call = sandbox.twilio.call(from, COMPANY_NUMBER).await;
                let dialled = call.dialled.into_iter().map(|dialled| dialled.number);
                self.note(|asked| asked.calls.push(dialled.collect()));
            }
            Step::Account { asked } => {
                let params = [("account_number", ACCOUNT), ("asked", &asked.to_string())];
                let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
                let url = self.url("api-call");
                sandbox.twilio.post_call(params.to_vec(), &url).await;
            }
            Step::Menu { from, pin } => {
                let keys = ["10042#", pin];
                let caller = sandbox.twilio.caller(from).keys(keys).hangs_up_after_keys();
                caller.call(IVR_NUMBER).await;
            }
            Step::Break {
                server,
                fault,
                times,
            } => {
                let servers = sandbox.servers();
                if let Some((_, server)) = servers.iter().find(|(name, _)| name == server) {
                    server.faults().times(*times, || fault.clone());
                }
            }
            Step::Receipts { provider, fate } => {
                let receipts = if *provider == "Twilio" {
                    sandbox.twilio.receipts().clone()
                } else {
                    let mut all = sandbox.providers().into_iter();
                    match all.find(|known| known.name == *provider) {
                        Some(known) => known.receipts,
                        None => return,
                    }
                };
                receipts.next(fate.clone());
            }
            Step::Kill { function } => {
                let lambda = &self.functions[function];
                let pid = lambda.pids().first().copied();
                // Another kill may have ended it already.
                if let Some(pid) = pid
                    && lambda.try_kill(pid).await
                {
                    self.note(|asked| asked.kills.push((function, Instant::now())));
                }
            }
        }
    }

    fn note_code(&self, phone: &str, digits: &str) {
        let code = Code {
            phone: phone.to_owned(),
            digits: digits.to_owned(),
            is_due: self.is_calm || self.is_mended.load(Ordering::Relaxed),
        };
        self.note(|asked| asked.codes.push(code));
    }

    /// Auth0 asks the gateway to send a code. Returns the status of the answer.
    async fn code(&self, phone: &str, code: &str) -> u16 {
        let (url, text) = (self.url("sms-gateway"), format!("Your code is {code}"));
        let bearer = Credential::Bearer(auth0::GATEWAY_BEARER_TOKEN);
        let auth0 = &self.sandbox.auth0;
        auth0.passwordless(&url, bearer, phone, &text).await.status
    }

    async fn sign_up(&self, phone: &str, mails: usize, replies: usize) {
        let sandbox = &self.sandbox;
        let email = format!("acme{phone}@{DOMAIN}");
        let user = sandbox.auth0.sign_up(&email);
        let mail = sandbox.auth0.mail_verification(&user, LinkPage::Form);
        let begun = Instant::now();
        join_all((0..mails).map(|_| sandbox.mailgun.receive(&mail.mail))).await;
        let ended = Instant::now();
        let inbox = sandbox.twilio.wait_inbox(phone, 1, READS).await;
        let said_yes = replies > 0 && !inbox.is_empty();
        self.note(|asked| {
            asked.sign_ups.push(SignUp {
                phone: phone.to_owned(),
                email,
                mail,
                begun,
                ended,
                said_yes,
                would_say_yes: replies > 0,
            });
        });
        if said_yes {
            let replies = (0..replies).map(|_| sandbox.twilio.text(phone, twilio::NUMBER, "YES"));
            join_all(replies).await;
        }
    }

    /// Mends everything, and lets everything end that has begun.
    pub(super) async fn calm_down(&self) {
        for (_, server) in self.sandbox.servers() {
            server.faults().clear();
        }
        self.sandbox.receipts_posted().await;
        self.is_mended.store(true, Ordering::Relaxed);
    }

    /// After all troubles: codes go out, and employees get their numbers.
    pub(super) async fn go_on(&self) {
        let ask = async |(phone, code): (&str, &str)| {
            self.note_code(phone, code);
            let begun = Instant::now();
            while self.code(phone, code).await != 200 && begun.elapsed() < AGAIN {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        join_all(LAST.map(ask)).await;
        if self.is_calm {
            self.play(&Step::Provision).await;
        }
        self.sandbox.receipts_posted().await;
    }

    /// A user as Auth0 has it.
    pub(super) fn user(&self, email: &str) -> Option<User> {
        self.sandbox.auth0.user(email)
    }

    pub(super) async fn stop(self) {
        for (_, lambda) in self.functions {
            lambda.stop().await;
        }
        // Each complaint was read.
        self.sandbox.complaints();
    }
}
