//! A sandbox with the function and an employee in it, and what callers and the log tell.

use std::ops::Deref;

use sandbox::scene;
use sandbox::twilio::Call;
use sandbox::wire::{Exchange, Server};
use sandbox::{COMPANY_NUMBER, Sandbox};
use serde_json::Value;

pub(crate) use sandbox::scene::{Params, Setting as Override, and, document, says, status};

pub(crate) const FUNCTION: &str = "call-forward";
pub(crate) const CALLER: &str = "+14155550111";
pub(crate) const OTHER_CALLER: &str = "+14155550122";
pub(crate) const NAME: &str = "Annabeth";
pub(crate) const MOBILE: &str = "+12025550123";
pub(crate) const OTHER_COMPANY_NUMBER: &str = "+15005550020";
pub(crate) const OTHER_MOBILE: &str = "+12025550145";

pub(crate) const GREETING: &str = "Please wait. You are being connected to Annabeth.";
pub(crate) const REGRET: &str = "We are sorry, this number cannot be reached. Goodbye.";
pub(crate) const BUSY: &str = "We are sorry, this number is busy. Please try again later. Goodbye.";
pub(crate) const APOLOGY: &str =
    "We are sorry, something went wrong on our side. Please call again in a few minutes. Goodbye.";
pub(crate) const VOICEMAIL: &str = "Nobody can take your call right now. Please leave a message after the tone, and press the pound key when you are done.";
pub(crate) const GOODBYE: &str = "Goodbye.";

/// When it ends, no number, name, recording or secret of the test may be in anything that was written, at the most talkative level.
pub(crate) struct Scene {
    scene: scene::Scene,
}

impl Scene {
    /// With one employee, whose company number is the sandbox's.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(overrides: &[Override<'_>]) -> Self {
        let scene = Self::on(Sandbox::start().await, overrides).await;
        scene.hire(NAME, MOBILE, COMPANY_NUMBER);
        scene
    }

    /// As [`Scene::with`], in two processes: two requests are handled at the same time.
    pub(crate) async fn in_two_processes(overrides: &[Override<'_>]) -> Self {
        let scene = Self::start_on(Sandbox::start().await, 2, overrides).await;
        scene.hire(NAME, MOBILE, COMPANY_NUMBER);
        scene
    }

    /// Without employees.
    pub(crate) async fn on(sandbox: Sandbox, overrides: &[Override<'_>]) -> Self {
        Self::start_on(sandbox, 1, overrides).await
    }

    async fn start_on(sandbox: Sandbox, processes: usize, overrides: &[Override<'_>]) -> Self {
        let binary = env!("CARGO_BIN_EXE_call-forward");
        let scene = scene::Scene::start(sandbox, FUNCTION, binary, processes, overrides).await;
        scene.mark(COMPANY_NUMBER);
        Self { scene }
    }

    /// An employee with a company number, which the account has and whose calls come here, as does the news of their end. Answers
    /// Okta's id.
    pub(crate) fn hire(&self, name: &str, mobile: &str, company_number: &str) -> String {
        self.sandbox
            .twilio
            .set_voice_url(company_number, self.lambda.url());
        self.sandbox
            .twilio
            .set_status_callback(company_number, &format!("{}status", self.lambda.url()));
        self.mark(mobile);
        self.mark(company_number);
        if name.len() > 7 {
            self.mark(name); // a shorter one is part of other words
        }
        self.sandbox.okta.hire(name, mobile, company_number)
    }

    /// Somebody calls the employee and stays until the end.
    pub(crate) async fn call(&self, from: &str) -> Call {
        self.call_to(from, COMPANY_NUMBER).await
    }

    pub(crate) async fn call_to(&self, from: &str, to: &str) -> Call {
        self.mark(from);
        let call = self.sandbox.twilio.call(from, to).await;
        self.note(&call);
        call
    }

    /// Marks what a call left behind.
    pub(crate) fn note(&self, call: &Call) {
        call.recordings
            .iter()
            .for_each(|recording| self.mark(&recording.url));
    }

    /// The webhook for a new call, as Twilio makes it.
    pub(crate) fn inbound(&self, from: &str) -> Params {
        self.mark(from);
        self.sandbox.twilio.inbound_call(from, COMPANY_NUMBER)
    }

    /// The document that a signed request is answered.
    pub(crate) async fn post(&self, params: &Params, path: &str) -> String {
        let (status, body) = self
            .sandbox
            .twilio
            .post_call(params.clone(), &format!("{}{path}", self.lambda.url()))
            .await;
        assert_eq!(status, 200, "{path} {params:?}");
        body
    }

    /// What a signed status callback is answered.
    pub(crate) async fn tell(&self, params: &Params) -> (u16, String) {
        self.sandbox
            .twilio
            .post_call(params.clone(), &format!("{}status", self.lambda.url()))
            .await
    }

    /// Lets so many seconds pass since the steps of calls were answered.
    pub(crate) async fn let_pass_since_answers(&self, seconds: u64) {
        for item in self.sandbox.aws.items().await {
            let key = |name: &str| item[name]["S"].as_str().unwrap();
            if key("pk").starts_with("seen#call#") {
                let at: u64 = item["at"]["N"].as_str().unwrap().parse().unwrap();
                self.sandbox
                    .aws
                    .set_number(key("pk"), key("sk"), "at", at - seconds)
                    .await;
            }
        }
    }

    /// How often Okta was asked who has a number.
    pub(crate) fn searches(&self) -> usize {
        self.sandbox.okta.server().exchanges().len()
    }

    /// Requests to Twilio's REST API.
    pub(crate) fn texts_tried(&self) -> usize {
        self.sandbox.twilio.server().exchanges().len()
    }

    /// How often items whose `pk` begins so were written.
    pub(crate) fn writes(&self, prefix: &str) -> usize {
        let writes = |exchange: &&Exchange| {
            let target = exchange
                .headers
                .iter()
                .find(|(name, _)| name == "x-amz-target");
            let body: Value = serde_json::from_slice(&exchange.request).unwrap();
            target.is_some_and(|(_, value)| value.ends_with(".UpdateItem"))
                && body["Key"]["pk"]["S"].as_str().unwrap().starts_with(prefix)
        };
        self.sandbox
            .aws
            .dynamodb()
            .exchanges()
            .iter()
            .filter(writes)
            .count()
    }

    /// The item whose `pk` this is.
    pub(crate) async fn item(&self, pk: &str) -> Option<Value> {
        self.sandbox
            .aws
            .items()
            .await
            .into_iter()
            .find(|item| item["pk"]["S"] == pk)
    }

    /// The item whose `pk` this is has ended.
    pub(crate) async fn forget(&self, pk: &str) {
        if let Some(mut item) = self.item(pk).await {
            item["expires_at"] = serde_json::json!({ "N": "1" });
            self.sandbox.aws.put(item).await;
        }
    }

    /// The calls that are on at a company number, and the seconds talked.
    pub(crate) async fn line(&self, company_number: &str) -> (usize, u64) {
        let item = self
            .item(&format!("rate#calls#{company_number}"))
            .await
            .unwrap_or_default();
        let attributes = item.as_object().cloned().unwrap_or_default();
        let calls = attributes
            .keys()
            .filter(|name| name.starts_with("call_"))
            .count();
        let talked = attributes
            .iter()
            .filter(|(name, _)| name.starts_with("talked_"));
        (
            calls,
            talked
                .map(|(_, value)| value["N"].as_str().unwrap().parse::<u64>().unwrap())
                .sum(),
        )
    }

    /// No upstream was asked anything but the twilio secret.
    pub(crate) fn untouched(&self) {
        for server in [
            self.sandbox.okta.server(),
            self.sandbox.aws.dynamodb(),
            self.sandbox.twilio.server(),
        ] {
            assert_eq!(exchanges(server), [""; 0]);
        }
    }

    /// The outcomes so far, in order, without those of status callbacks.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let lines = self
            .lambda
            .log()
            .into_iter()
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let answers = lines.filter(|line| line["status"] != 204);
        answers
            .filter_map(|line| line["outcome"].as_str().map(str::to_owned))
            .collect()
    }
}

impl Deref for Scene {
    type Target = scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

fn exchanges(server: &Server) -> Vec<String> {
    server
        .exchanges()
        .iter()
        .map(|exchange| format!("{} {}", exchange.method, exchange.target))
        .collect()
}

/// A call that was connected: to this phone, showing this number.
#[track_caller]
pub(crate) fn connected(call: &Call, mobile: &str, caller_id: &str) {
    let dialled: Vec<_> = call
        .dialled
        .iter()
        .map(|dialled| (dialled.number.as_str(), dialled.caller_id.as_str()))
        .collect();
    assert_eq!(
        (call.status, &dialled[..]),
        (200, &[(mobile, caller_id)][..]),
        "{call:#?}"
    );
}

/// A call that ended with these words, nobody dialled.
#[track_caller]
pub(crate) fn refused(call: &Call, words: &str) {
    assert_eq!(
        (call.status, &call.heard[..], call.dialled.len()),
        (200, &[words.to_owned()][..], 0),
        "{call:#?}"
    );
}

/// A document that says this and hangs up.
pub(crate) fn last_words(words: &str) -> String {
    document(&format!("<Say>{words}</Say><Hangup/>"))
}
