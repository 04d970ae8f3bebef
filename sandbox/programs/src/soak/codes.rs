//! How a round plays codes: texts, calls, what a person does with a code, and the schedule of
//! `delivery-status`.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sandbox::{GENERIC_TOKEN, OKTA_HOOK_TOKEN, auth0, wire::client};
use serde_json::{Value, json};

use super::{
    entrances::{self, Request},
    plan::{Channel, Entrance, Then, unreachable},
    world::{Asked, World},
};

/// `DELIVERY_TIMEOUT_SECONDS`: the least. So codes of which nothing is heard go on within a round.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a person exists who asks for a code: the gateway answers within 25 seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a person asks again for a code after everything was mended: a function that met a broken
/// upstream leaves it alone for a minute.
const AGAIN: Duration = Duration::from_secs(90);
/// Of people who ask for a code after everything was mended. Each way has other providers.
const LAST: [(&str, &str, Channel); 4] = [
    ("+46739999999", "161803", Channel::Text),
    ("+4531999999", "314159", Channel::Text),
    ("+573009999999", "265358", Channel::Text),
    ("+4532999999", "979323", Channel::Call),
];

/// A one-time code.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) phone: String,
    pub(super) digits: String,
    pub(super) by: Channel,
    pub(super) entrance: Entrance,
    /// The providers that report that no message to this number arrives.
    pub(super) failing: &'static [&'static str],
    /// True if nothing was broken and the gateway had the time: it must have gone out.
    pub(super) is_due: bool,
    /// True if its only caller was told that nothing was sent. Then it must not have gone out.
    pub(super) is_refused: bool,
    /// True if it must arrive, too: nothing breaks in this round, nobody has used it, and the person has
    /// asked for no newer one. After other rounds a function may still refuse receipts for a while.
    pub(super) must_arrive: bool,
}

/// A kept text that was still in the table when nothing was left to do.
pub(super) struct Stayed {
    pub(super) item: Value,
    /// When the last run began, in epoch seconds.
    pub(super) run_at: u64,
}

impl World {
    /// Plays a person who wants a code.
    pub(super) async fn want(&self, code: &Code, requests: usize, then: &Then) {
        let receipts = self.sandbox.providers().into_iter();
        for provider in receipts.filter(|provider| code.failing.contains(&provider.name)) {
            provider
                .receipts
                .of(&code.phone, unreachable(provider.name));
        }
        let at = self.note(|asked| noted(asked, code.clone()));
        self.ask(at, code, requests).await;
        if *then != Then::Nothing {
            self.note(|asked| asked.codes[at].must_arrive = false);
        }
        match then {
            Then::Nothing => {}
            Then::Newer(digits) => {
                let newer = Code {
                    digits: digits.clone(),
                    ..code.clone()
                };
                let at = self.note(|asked| noted(asked, newer.clone()));
                self.ask(at, &newer, 1).await;
            }
            Then::Used(news) => {
                let url = format!("{}used", self.url("delivery-status"));
                let tell = async |_| {
                    let request = client().post(&url).timeout(PATIENCE);
                    let request = request.bearer_auth(auth0::GATEWAY_BEARER_TOKEN);
                    let body = json!({ "recipient": code.phone });
                    // Without an answer the news is lost.
                    let _ = request.json(&body).send().await;
                };
                join_all((0..*news).map(tell)).await;
            }
        }
    }

    /// A code that somebody wants now.
    pub(super) fn code(&self, phone: &str, digits: &str, by: Channel) -> Code {
        Code {
            phone: phone.to_owned(),
            digits: digits.to_owned(),
            by,
            entrance: Entrance::Auth0,
            failing: &[],
            is_due: self.is_calm || self.is_mended.load(Ordering::Relaxed),
            is_refused: false,
            must_arrive: self.is_calm,
        }
    }

    /// The codes that an insisting person asks for: two more than the budget of a number.
    pub(super) const INSISTS: usize = 12;

    /// One of these codes.
    pub(super) fn insisted(phone: &str, at: usize) -> String {
        format!("{}{at:02}", &phone[phone.len() - 4..])
    }

    /// A person asks for all of them at once.
    pub(super) async fn insist(&self, phone: &str) {
        self.note(|asked| asked.insistent.push(phone.to_owned()));
        let ask = async |at| {
            let digits = Self::insisted(phone, at);
            self.ask_once(&self.code(phone, &digits, Channel::Text))
                .await;
        };
        join_all((0..Self::INSISTS).map(ask)).await;
    }

    /// Asks so many times at once for the code that was noted there.
    async fn ask(&self, at: usize, code: &Code, requests: usize) {
        let request = &self.request_of(code);
        let time = entrances::time(code.entrance);
        let ask = async |_| {
            let begun = Instant::now();
            let is_refused = match request {
                Request::Supabase(body) => self.by_supabase(body).await,
                Request::Cognito(event) => self.by_cognito(event).await,
                Request::Other => {
                    self.ask_once(code).await;
                    false
                }
            };
            (time.is_some_and(|time| begun.elapsed() > time), is_refused)
        };
        let answers = join_all((0..requests).map(ask)).await;
        self.note(|asked| {
            asked.is_late |= answers.iter().any(|(is_late, _)| *is_late);
            let code = &mut asked.codes[at];
            if answers.iter().all(|(is_late, _)| *is_late) {
                (code.is_due, code.must_arrive) = (false, false);
            }
            // A copy may be told that another one is under way.
            code.is_refused = matches!(&answers[..], [(_, true)]);
        });
    }

    /// The gateway is asked to deliver a code. Returns the status of the answer.
    async fn ask_once(&self, code: &Code) -> u16 {
        let url = self.url("sms-gateway");
        let text = format!("Your code is {}", code.digits);
        let token = auth0::GATEWAY_BEARER_TOKEN;
        let elsewhere = match code.entrance {
            Entrance::Auth0 | Entrance::Supabase | Entrance::Cognito => None,
            // The same request comes several times.
            Entrance::Okta => {
                let mut body = self.sandbox.okta.code_request(&code.phone, &code.digits);
                body["eventId"] = format!("00000000-0000-4000-8000-000000{}", code.digits).into();
                Some(("okta", OKTA_HOOK_TOKEN, body))
            }
            Entrance::Generic => {
                let body = json!({ "id": code.digits, "to": code.phone, "payload": { "code": code.digits } });
                Some(("generic", GENERIC_TOKEN, body))
            }
        };
        if let Some((path, token, body)) = elsewhere {
            let request = client().post(url + path).header("authorization", token);
            let answer = request.timeout(PATIENCE).json(&body).send().await;
            return answer.map_or(0, |answer| answer.status().as_u16());
        }
        if code.by == Channel::Text {
            let (auth0, bearer) = (&self.sandbox.auth0, auth0::Credential::Bearer(token));
            let answer = auth0.passwordless(&url, bearer, &code.phone, &text).await;
            return answer.status;
        }
        let body = json!({
            "recipient": code.phone, "text": text, "code": code.digits, "delivery_method": "voice", "language": "en-US",
        });
        let request = client().post(url).bearer_auth(token).timeout(PATIENCE);
        let answer = request.json(&body).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    /// The schedule of `delivery-status` comes so many times at once. Its process is killed after this
    /// time.
    pub(super) async fn run_schedule(&self, runs: usize, kill: Option<Duration>) {
        let event = || json!({ "source": "aws.scheduler" });
        let runs = (0..runs).map(|_| self.sandbox.invoke("delivery-status", event()));
        let killed = async {
            if let Some(after) = kill {
                tokio::time::sleep(after).await;
                self.kill("delivery-status").await;
            }
        };
        let (ended, ()) = tokio::join!(join_all(runs), killed);
        let ended = ended.iter().filter(|ended| ended.is_ok()).count();
        self.note(|asked| asked.runs += ended);
    }

    /// After the plan, when no fault is left: codes go out.
    pub(super) async fn codes_go_out(&self) {
        let ask = async |(phone, digits, by): (&str, &str, Channel)| {
            let code = self.code(phone, digits, by);
            self.note(|asked| noted(asked, code.clone()));
            let begun = Instant::now();
            while self.ask_once(&code).await != 200 && begun.elapsed() < AGAIN {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        join_all(LAST.map(ask)).await;
    }

    /// Lets every code come to its end: those of which nothing is heard go on, and then lives end.
    pub(super) async fn codes_end(&self) {
        let aws = &self.sandbox.aws;
        self.sandbox.receipts_posted().await;
        let mut run_at = 0;
        for attempt in 0..3 {
            if self.kept().await.is_empty() {
                return;
            }
            // The first wait is longer than the time that a receipt may take.
            let pause = if attempt == 0 { 6 } else { 1 };
            tokio::time::sleep(Duration::from_secs(pause)).await;
            run_at = sandbox::now().as_secs();
            self.run_schedule(1, None).await;
            self.sandbox.receipts_posted().await;
        }
        let stayed = self.kept().await;
        for item in &stayed {
            let name = |part: &str| item[part]["S"].as_str().unwrap_or_default();
            aws.update_expiry(name("pk"), name("sk"), run_at - 1).await;
        }
        let stayed = stayed.into_iter().map(|item| Stayed { item, run_at });
        self.note(|asked| asked.stayed.extend(stayed));
        self.run_schedule(1, None).await;
    }

    /// The kept texts.
    pub(super) async fn kept(&self) -> Vec<Value> {
        let mut items = self.sandbox.aws.items().await;
        items.retain(|item| {
            let pk = item["pk"]["S"].as_str();
            pk.is_some_and(|pk| pk.starts_with("kept#"))
        });
        items
    }
}

/// Notes a code. Returns its place.
fn noted(asked: &mut Asked, code: Code) -> usize {
    asked.codes.push(code);
    asked.codes.len() - 1
}
