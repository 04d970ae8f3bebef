//! A sandbox with the function in it, and an employee with a company number.

use std::ops::Deref;
use std::sync::Arc;

use sandbox::Sandbox;
use sandbox::scene::{self, Setting, at_once, number, wait_for};
use sandbox::twilio::Reply;
use serde_json::Value;

pub(crate) use sandbox::scene::{Params, says as answer};
pub(crate) use sandbox::{COMPANY_NUMBER as COMPANY, EMPLOYEE_MOBILE as MOBILE};

pub(crate) const FUNCTION: &str = "sms-forward";
pub(crate) const STRANGER: &str = "+4512345678";
pub(crate) const OTHER: &str = "+4587654321";
pub(crate) const EMPTY: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#;
pub(crate) const NOTICE: &str = "Not sent, because it is not clear to whom. Begin your text with a number, like this: +4512345678: Hello";
pub(crate) const MORE: &str =
    "More texts came to your company number than are forwarded. It goes on ";
pub(crate) const NOT_ALLOWED: &str = "Not sent: texts to this number are not allowed.";

/// When it ends, no number, text or secret of the test may be in anything that was written, at the most talkative level.
pub(crate) struct Scene {
    scene: scene::Scene,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[Setting<'_>]) -> Self {
        Self::within(Sandbox::start().await, 1, settings).await
    }

    /// In a sandbox with Ann, whose company number is [`COMPANY`].
    pub(crate) async fn within(
        sandbox: Sandbox,
        instances: usize,
        settings: &[Setting<'_>],
    ) -> Self {
        if sandbox.okta.users().is_empty() {
            sandbox.okta.hire("Ann", MOBILE, COMPANY);
        }
        let binary = env!("CARGO_BIN_EXE_sms-forward");
        let scene = Self {
            scene: scene::Scene::start(sandbox, FUNCTION, binary, instances, settings).await,
        };
        for number in [COMPANY, MOBILE, STRANGER, OTHER] {
            scene.mark(number);
        }
        scene
    }

    /// Somebody texts the company number, and Twilio tries as often as its settings say.
    pub(crate) async fn text(&self, from: &str, body: &str) -> Reply {
        if body.len() >= 8 {
            self.mark(body);
        }
        self.sandbox.twilio.text(from, COMPANY, body).await
    }

    /// Somebody texts the company number; these texts come of it.
    pub(crate) async fn text_leads_to(&self, from: &str, body: &str, texts: &[&str]) {
        let reply = self.text(from, body).await;
        assert_eq!(
            (reply.status, reply.messages.as_slice()),
            (200, &owned(texts)[..]),
            "{body:?}: {:#?}",
            self.lambda.log()
        );
    }

    /// The webhook as Twilio makes it.
    pub(crate) fn inbound(&self, from: &str, body: &str) -> Params {
        self.sandbox.twilio.inbound(from, COMPANY, body)
    }

    /// One attempt at a webhook, well signed.
    pub(crate) async fn deliver(&self, params: &Params) -> Reply {
        self.sandbox
            .twilio
            .deliver(params.clone(), self.lambda.url())
            .await
    }

    /// Nothing is sent to anybody, and the log says why.
    pub(crate) async fn ignored(&self, params: &Params, outcome: &str) {
        let sent = self.sandbox.twilio.messages().len();
        let reply = self.deliver(params).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (200, EMPTY),
            "{outcome} {params:?}"
        );
        assert_eq!(self.sandbox.twilio.messages().len(), sent);
        self.logged(outcome).await;
    }

    /// How often Okta, the table and Twilio's API were asked since the last time.
    pub(crate) fn asked(&self) -> [usize; 3] {
        let servers = [
            self.sandbox.okta.server(),
            self.sandbox.aws.dynamodb(),
            self.sandbox.twilio.server(),
        ];
        servers.map(|server| {
            let asked = server.exchanges().len();
            server.clear_exchanges();
            asked
        })
    }

    /// Waits until `n` requests to the table named such an item; they may not have been answered.
    pub(crate) async fn wait_written(&self, part: &str, n: usize) {
        wait_for(self.sandbox.aws.dynamodb(), n, |exchange| {
            String::from_utf8_lossy(&exchange.request).contains(part)
        })
        .await;
    }

    /// Who wrote last.
    pub(crate) async fn correspondent(&self) -> Option<String> {
        let items = self.items(&format!("thread#{COMPANY}")).await;
        let last = items.iter().find(|item| item["sk"]["S"] == "last");
        last.and_then(|item| item["correspondent"]["S"].as_str())
            .map(str::to_owned)
    }

    /// How many texts were counted for each sender, of those who have a count.
    pub(crate) async fn counted(&self) -> Vec<u64> {
        let items = self.items(&format!("rate#text-pair#{COMPANY}#")).await;
        items
            .iter()
            .filter(|item| item["sk"]["S"] == "minute")
            .map(hits)
            .filter(|hits| *hits > 0)
            .collect()
    }

    /// What a budget has counted.
    pub(crate) async fn hits(&self, budget: &str, window: &str) -> u64 {
        let items = self.items(&format!("rate#{budget}")).await;
        let exact = |item: &&Value| {
            item["pk"]["S"] == format!("rate#{budget}") && item["sk"]["S"] == window
        };
        items.iter().find(exact).map(hits).unwrap_or_default()
    }

    /// The last log line with this outcome.
    pub(crate) async fn logged(&self, outcome: &str) -> Value {
        self.last_logged(outcome).await
    }

    /// Lets so many seconds pass since texts were answered.
    pub(crate) async fn let_pass(&self, seconds: u64) {
        for item in self
            .items("seen#twilio-forward#")
            .await
            .into_iter()
            .filter(|item| item["at"].is_object())
        {
            let key = |name: &str| item[name]["S"].as_str().unwrap();
            let at = number(&item["at"]) - seconds * 1_000;
            self.sandbox
                .aws
                .set_number(key("pk"), key("sk"), "at", at)
                .await;
        }
    }
}

impl Deref for Scene {
    type Target = scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

fn hits(item: &Value) -> u64 {
    number(&item["hits"])
}

/// What the employee gets.
pub(crate) fn forwarded(from: &str, body: &str) -> String {
    format!("From: {from}\n\n{body}")
}

pub(crate) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The documents that these messages, all at once, are answered with.
pub(crate) async fn together(scene: &Arc<Scene>, texts: Vec<Params>) -> Vec<String> {
    let delivering = texts.into_iter().map(|params| {
        let scene = Arc::clone(scene);
        async move { scene.deliver(&params).await }
    });
    let answers = at_once(delivering).await;
    let failed: Vec<u16> = answers
        .iter()
        .map(|answer| answer.status)
        .filter(|status| *status != 200)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    answers.into_iter().map(|answer| answer.body).collect()
}

/// The parameters with one replaced, or added.
pub(crate) fn replaced(params: &Params, name: &str, value: &str) -> Params {
    scene::and(params, &[(name, value)])
}
