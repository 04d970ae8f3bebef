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
    COMPANY_NUMBER, GENERIC_SECRET, OKTA_HOOK_SECRET, Sandbox, WEBHOOK_SECRET, accounts,
    auth0::{LinkPage, TicketMail, User},
    end_user_messaging::POOL_ARN,
    lambda::Lambda,
    twilio,
    wire::Faults,
};
use serde_json::{Value, json};

use super::{
    codes::{Code, Stayed, TIMEOUT},
    conversations::Conversation,
    leavers::{Leaver, RELEASE_AFTER},
    plan::{FUNCTIONS, OF_CODES, Step},
    replies::{ADDRESSES, COUNTRY_LANGUAGES, LANGUAGES, Talked},
};

/// The employee whose company number gets texts.
pub(super) const MOBILE: &str = "+4521223344";
/// The account of the phone menu.
pub(super) const ACCOUNT: &str = "10042";
pub(super) const PIN: &str = "2718";
/// The account whose PIN strangers guess, and its holder.
pub(super) const GUESSED: &str = "10043";
pub(super) const GUESSED_PIN: &str = "1618";
pub(super) const GUESSED_EMAIL: &str = "ben@acme.example";
/// The domain of the proxy addresses.
const DOMAIN: &str = "sms.example.com";
/// The most runs of `provision-numbers` that the employees of a round need.
const RUNS: usize = 8;
/// The numbers that call.
const VOICE_FROM: &str = "twilio:+15005550006,vonage:+15005550006";
/// The routes of codes. The sandbox's own have no AWS.
const ROUTES: &str = "+57=plivo,clickatell;+46=aws,plivo,vonage;+1=twilio;*=vonage,twilio";
/// How long a YES waits for the text that it answers.
const READS: Duration = Duration::from_secs(2);

/// What was asked for, to compare with what the simulators have.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) sign_ups: Vec<SignUp>,
    pub(super) talks: Vec<Talked>,
    pub(super) codes: Vec<Code>,
    /// True if a request for a code came so late that the gateway may not have ended its work.
    pub(super) is_late: bool,
    pub(super) stayed: Vec<Stayed>,
    /// Runs of the schedule of `delivery-status` that came to their end.
    pub(super) runs: usize,
    /// Ids of employees who stay.
    pub(super) hired: Vec<String>,
    pub(super) leavers: Vec<Leaver>,
    pub(super) conversations: Vec<Conversation>,
    /// Texts of customers to the company number.
    pub(super) forwarded: Vec<Forwarded>,
    /// The numbers that each call of a customer was put through to, for each copy of its webhook.
    pub(super) calls: Vec<Vec<Vec<String>>>,
    pub(super) menus: Vec<Menu>,
    /// Status and body of each answer about an account.
    pub(super) accounts: Vec<(u16, String)>,
    /// The numbers of people who asked for more codes than a number gets.
    pub(super) insistent: Vec<String>,
    /// The numbers that texted or called, and those of employees.
    pub(super) strangers: Vec<String>,
    /// Requests that met a fault.
    pub(super) faults: usize,
    /// When a process of a function was killed.
    pub(super) kills: Vec<(&'static str, Instant)>,
}

/// A text of a customer.
pub(super) struct Forwarded {
    pub(super) body: String,
    /// The answers to the other copies of its webhook.
    pub(super) answers: Vec<String>,
}

/// A call to the phone menu.
pub(super) struct Menu {
    pub(super) is_right: bool,
    /// What the menu said, or would have said.
    pub(super) said: String,
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
    pub(super) is_mended: AtomicBool,
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
        sandbox
            .auth0
            .sign_up_caller(GUESSED, GUESSED_PIN, "Ben", GUESSED_EMAIL);
        sandbox.okta.hire("Ann", MOBILE, COMPANY_NUMBER);
        let delivery = sandbox.door("delivery-status").url() + "/";
        let timeout = TIMEOUT.as_secs().to_string();
        let of_codes = [
            ("KEEP_FOR_FAILOVER", Some("true")),
            ("DELIVERY_TIMEOUT_SECONDS", Some(timeout.as_str())),
            ("FALLBACK_CHANNEL", Some("voice")),
            ("VOICE_PROVIDERS", Some("twilio,vonage")),
            ("VOICE_FROM", Some(VOICE_FROM)),
            ("VOICE_PER_HOUR", Some("100000")),
            ("OKTA_HOOK_SECRET", Some(OKTA_HOOK_SECRET)),
            ("GENERIC_SECRET", Some(GENERIC_SECRET)),
            ("WEBHOOK_SECRET", Some(WEBHOOK_SECRET)),
            ("SMS_ROUTES", Some(ROUTES)),
            ("ALLOWED_COUNTRIES", Some("DK,US,CO,SE")),
            ("AWS_SMS_IDENTITY_ARN", Some(POOL_ARN)),
        ];
        sandbox.send_events_to_delivery_status();
        let settings = [
            ("DELIVERY_URL", Some(delivery.as_str())),
            ("SMS_PER_HOUR", Some("100000")),
            ("SMS_PER_COUNTRY_PER_HOUR", Some("100000")),
            ("SMS_PER_IP_PER_HOUR", Some("100000")),
            ("RECIPIENT_PATTERN", Some(ADDRESSES)),
            ("LANGUAGES", Some(LANGUAGES)),
            ("COUNTRY_LANGUAGES", Some(COUNTRY_LANGUAGES)),
            ("RELEASE_AFTER_DAYS", Some(RELEASE_AFTER)),
        ];
        let mut functions = BTreeMap::new();
        for name in FUNCTIONS {
            let binary = binaries
                .get(name)
                .ok_or_else(|| format!("{name} was not built"))?;
            let processes = if name == "provision-numbers" { 1 } else { 2 };
            let more = if OF_CODES.contains(&name) {
                &of_codes[..]
            } else {
                &[]
            };
            let settings = [&settings, more].concat();
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

    pub(super) fn note<T>(&self, note: impl FnOnce(&mut Asked) -> T) -> T {
        note(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn url(&self, function: &str) -> String {
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
                by,
                entrance,
                failing,
                then,
            } => {
                let mut code = self.code(phone, code, *by);
                code.failing = failing;
                code.entrance = *entrance;
                self.want(&code, *requests, then).await;
            }
            Step::Insist { phone } => self.insist(phone).await,
            Step::Schedule { runs, kill } => self.run_schedule(*runs, *kill).await,
            Step::Hire {
                name,
                mobile,
                tells,
            } => {
                let id = sandbox.okta.hire(name, mobile, "");
                self.note(|asked| {
                    asked.strangers.push(mobile.clone());
                    asked.hired.push(id.clone());
                });
                let tell = |_| self.tell_okta_event("user.lifecycle.activate", &id);
                join_all((0..*tells).map(tell)).await;
            }
            Step::Provision => {
                self.provision().await;
            }
            Step::Forward { from, body, copies } => self.forward(from, body, *copies).await,
            Step::Call { from, copies } => self.call(from, *copies).await,
            Step::Account => self.account().await,
            Step::Menu { from, is_right } => self.menu(from, *is_right).await,
            Step::Break {
                server,
                fault,
                times,
            } => {
                self.note(|asked| asked.faults += times);
                if let Some(faults) = self.faults(server) {
                    faults.times(*times, || fault.clone());
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
            Step::Kill { function } => self.kill(function).await,
            Step::Leave(plan) => self.leave(plan).await,
            Step::Converse(plan) => self.converse(plan).await,
            Step::Talk(talk) => self.talk(talk).await,
            Step::Gone { server, time } => self.go_away(server, *time).await,
            Step::Refuse { refusal, times } => {
                self.note(|asked| asked.faults += times);
                if let Some(faults) = self.faults(refusal.server) {
                    (0..*times).for_each(|_| faults.next_for(refusal.part, refusal.fault()));
                }
            }
        }
    }

    fn faults(&self, server: &str) -> Option<Faults> {
        let servers = self.sandbox.servers().into_iter();
        let mut named = servers.filter(|(name, _)| *name == server);
        named.next().map(|(_, server)| server.faults().clone())
    }

    /// A server is gone for this time.
    async fn go_away(&self, server: &str, time: Duration) {
        self.note(|asked| asked.faults += 1);
        if let Some(faults) = self.faults(server) {
            faults.refuse(true);
            tokio::time::sleep(time).await;
            faults.refuse(false);
        }
    }

    /// The schedule of `provision-numbers` runs. Returns its report; null if it failed.
    pub(super) async fn provision(&self) -> Value {
        let event = json!({ "source": "aws.scheduler" });
        let report = self.sandbox.invoke("provision-numbers", event).await;
        report.unwrap_or_default()
    }

    /// Kills a process of a function. Another kill may have ended it already.
    pub(super) async fn kill(&self, function: &'static str) {
        let lambda = &self.functions[function];
        let pid = lambda.pids().first().copied();
        if let Some(pid) = pid
            && lambda.try_kill(pid).await
        {
            self.note(|asked| asked.kills.push((function, Instant::now())));
        }
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
        for receipts in self.sandbox.receipts() {
            receipts.forget_next();
        }
        self.sandbox.receipts_posted().await;
        self.is_mended.store(true, Ordering::Relaxed);
    }

    /// After the plan, when no fault is left: codes go out, employees get their numbers, and every code ends.
    pub(super) async fn go_on(&self) {
        self.codes_go_out().await;
        // A run buys a few numbers and leaves the others to the next one.
        for _ in 0..RUNS {
            if !self.is_calm || self.provision().await["remaining"] == 0 {
                break;
            }
        }
        self.codes_end().await;
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
