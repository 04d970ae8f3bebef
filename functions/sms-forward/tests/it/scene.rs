//! A sandbox with the function in it, and an employee with a company number.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::lambda::Lambda;
use sandbox::twilio::Reply;
use sandbox::wire::{Fault, Faults};
use serde_json::Value;

pub(crate) use sandbox::{COMPANY_NUMBER as COMPANY, EMPLOYEE_MOBILE as MOBILE};

pub(crate) const FUNCTION: &str = "sms-forward";
pub(crate) const STRANGER: &str = "+4512345678";
pub(crate) const OTHER: &str = "+4587654321";
pub(crate) const EMPTY: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#;
pub(crate) const NOTICE: &str = "Not sent, because it is not clear to whom. Begin your text with a number, like this: +4512345678: Hello";
pub(crate) const MORE: &str =
    "More texts came to your company number than are forwarded. It goes on ";
pub(crate) const NOT_ALLOWED: &str = "Not sent: texts to this number are not allowed.";

pub(crate) type Params = Vec<(String, String)>;

/// When it ends, no number, text or secret of the test may be in anything that was written, at the most talkative level.
pub(crate) struct Scene {
    pub(crate) lambda: Lambda,
    pub(crate) sandbox: Sandbox,
    markers: Mutex<BTreeSet<String>>,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[(&str, Option<&str>)]) -> Self {
        Self::within(Sandbox::start().await, 1, settings).await
    }

    /// In a sandbox with Ann, whose company number is [`COMPANY`].
    pub(crate) async fn within(
        sandbox: Sandbox,
        instances: usize,
        settings: &[(&str, Option<&str>)],
    ) -> Self {
        if sandbox.okta.users().is_empty() {
            sandbox.okta.hire("Ann", MOBILE, COMPANY);
        }
        let usual = [("LOG_LEVEL", Some("trace"))];
        let binary = Path::new(env!("CARGO_BIN_EXE_sms-forward"));
        let lambda = sandbox
            .run_with(FUNCTION, binary, instances, &[&usual, settings].concat())
            .await;
        lambda.wait_ready().await.unwrap();
        let scene = Self {
            lambda,
            sandbox,
            markers: Mutex::default(),
        };
        for marker in [
            sandbox::twilio::AUTH_TOKEN,
            sandbox::okta::API_TOKEN,
            COMPANY,
            MOBILE,
            STRANGER,
            OTHER,
        ] {
            scene.mark(marker);
        }
        scene
    }

    /// This must never be written; nor a number without its calling code.
    pub(crate) fn mark(&self, marker: &str) {
        let mut markers = self.markers.lock().unwrap();
        markers.insert(marker.to_owned());
        if let Some(digits) = marker.strip_prefix('+').filter(|digits| digits.len() >= 10) {
            markers.insert(digits[digits.len() - 8..].to_owned());
        }
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

    pub(crate) fn dynamodb(&self) -> &Faults {
        self.sandbox.aws.dynamodb().faults()
    }

    pub(crate) fn okta(&self) -> &Faults {
        self.sandbox.okta.server().faults()
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
        let named = || {
            let exchanges = self.sandbox.aws.dynamodb().exchanges();
            exchanges
                .iter()
                .filter(|exchange| String::from_utf8_lossy(&exchange.request).contains(part))
                .count()
        };
        let enough = async {
            while named() < n {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), enough)
            .await
            .expect("the request arrives");
    }

    /// The items whose `pk` begins so.
    pub(crate) async fn items(&self, prefix: &str) -> Vec<Value> {
        let all = self.sandbox.aws.items().await;
        all.into_iter()
            .filter(|item| {
                item["pk"]["S"]
                    .as_str()
                    .is_some_and(|pk| pk.starts_with(prefix))
            })
            .collect()
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

    /// Lets so many seconds pass since texts were answered.
    pub(crate) async fn let_pass(&self, seconds: u64) {
        for item in self
            .items("seen#twilio-forward#")
            .await
            .into_iter()
            .filter(|item| item["at"].is_object())
        {
            let key = |name: &str| item[name]["S"].as_str().unwrap();
            let at: u64 = item["at"]["N"].as_str().unwrap().parse().unwrap();
            self.sandbox
                .aws
                .set_number(key("pk"), key("sk"), "at", at - seconds * 1_000)
                .await;
        }
    }

    /// The last log line with this outcome.
    pub(crate) async fn logged(&self, outcome: &str) -> Value {
        let marked = format!("\"outcome\":\"{outcome}\"");
        self.lambda.wait_log(|line| line.contains(&marked)).await;
        let log = self.lambda.log();
        serde_json::from_str(log.iter().rfind(|line| line.contains(&marked)).unwrap()).unwrap()
    }

    /// The instance ends, and a new one is there.
    pub(crate) async fn restart(&self) {
        let exits = self.lambda.exits().len();
        self.lambda.kill(self.lambda.pids()[0]).await;
        self.lambda.wait_exits(exits + 1).await;
        self.lambda.wait_ready().await.unwrap();
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for line in [self.lambda.log(), self.lambda.errors()].concat() {
            let mut line: Value = serde_json::from_str(&line).unwrap();
            (line["_aws"], line["sid"]) = (Value::Null, Value::Null); // digits by chance
            for marker in &*self.markers.lock().unwrap() {
                assert!(
                    !line.to_string().contains(marker.as_str()),
                    "{marker} in {line}"
                );
            }
        }
    }
}

fn hits(item: &Value) -> u64 {
    item["hits"]["N"].as_str().unwrap().parse().unwrap()
}

/// What the employee gets.
pub(crate) fn forwarded(from: &str, body: &str) -> String {
    format!("From: {from}\n\n{body}")
}

pub(crate) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Any answer in the place of the real one.
pub(crate) fn answer(status: u16, body: &str) -> Fault {
    Fault::Answer {
        status,
        headers: vec![],
        body: body.to_owned(),
    }
}

/// The documents that these messages, all at once, are answered with.
pub(crate) async fn together(scene: &Arc<Scene>, texts: Vec<Params>) -> Vec<String> {
    let mut delivering = tokio::task::JoinSet::new();
    for params in texts {
        let scene = Arc::clone(scene);
        delivering.spawn(async move { scene.deliver(&params).await });
    }
    let answers = delivering.join_all().await;
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
    let others = params.iter().filter(|(key, _)| key != name).cloned();
    others
        .chain([(name.to_owned(), value.to_owned())])
        .collect()
}
