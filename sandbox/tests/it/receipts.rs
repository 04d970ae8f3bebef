//! The whole circle of a code, on the real binaries: the gateway sends it, its provider reports what
//! became of it, and `delivery-status` acts on that.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use sandbox::{
    Sandbox, auth0,
    auth0::Credential,
    lambda::Lambda,
    receipts::{Fate, Post, State},
    scene::{at_once, never_written},
    sms::Sent,
    vonage::ReceiptsBy,
};
use serde_json::{Value, json};

use crate::{DELIVERY, GATEWAY, binary};

/// Plivo's error of a phone that its network does not find.
const UNREACHABLE: u32 = 80;
/// Of everything, so that no limit is in the way.
const MANY: Option<&str> = Some("100000");

/// Both functions, and a sandbox whose providers report to `delivery-status`. When it ends, no line
/// of either may hold a number, a code, a text or a credential.
pub(crate) struct Circle {
    pub(crate) gateway: Lambda,
    pub(crate) delivery: Lambda,
    pub(crate) sandbox: Sandbox,
    /// What must be in no line.
    markers: Mutex<BTreeSet<String>>,
}

impl Drop for Circle {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.judge();
        }
    }
}

impl Circle {
    async fn start(routes: &str) -> Self {
        Self::keeping(routes, "false").await
    }

    /// `keeps`: whether texts are kept for another provider.
    pub(crate) async fn keeping(routes: &str, keeps: &str) -> Self {
        Self::with(routes, keeps, &[]).await
    }

    /// `more`: further settings of both functions.
    pub(crate) async fn with(routes: &str, keeps: &str, more: &[(&str, Option<&str>)]) -> Self {
        let sandbox = Sandbox::start().await;
        let url = sandbox.door(DELIVERY).url() + "/";
        let loud = ("LOG_LEVEL", Some("trace"));
        let settings = [
            loud,
            ("DELIVERY_URL", Some(url.as_str())),
            ("SMS_ROUTES", Some(routes)),
            ("KEEP_FOR_FAILOVER", Some(keeps)),
            ("SMS_PER_HOUR", MANY),
            ("SMS_PER_IP_PER_HOUR", MANY),
            ("SMS_PER_COUNTRY_PER_HOUR", MANY),
            ("SMS_PER_RANGE_PER_HOUR", MANY),
        ];
        let gateway = binary(GATEWAY).await;
        let of_gateway = [&settings, more].concat();
        let gateway = sandbox.run_with(GATEWAY, gateway, 1, &of_gateway).await;
        let delivery = binary(DELIVERY).await;
        let delivery = sandbox
            .run_with(
                DELIVERY,
                delivery,
                1,
                &[&[loud], &settings[2..4], more].concat(),
            )
            .await;
        for lambda in [&gateway, &delivery] {
            lambda.wait_ready().await.unwrap();
        }
        Self {
            gateway,
            delivery,
            sandbox,
            markers: Mutex::new(never_written()),
        }
    }

    /// The number of lines that both functions wrote. None holds a marker.
    pub(crate) fn judge(&self) -> usize {
        let markers = self.markers.lock().unwrap_or_else(PoisonError::into_inner);
        let lambdas = [&self.gateway, &self.delivery].into_iter();
        let lines: Vec<String> = lambdas
            .flat_map(|lambda| [lambda.log(), lambda.errors()].concat())
            .collect();
        for line in &lines {
            let mut line: Value = serde_json::from_str(line).unwrap();
            // Milliseconds and hexadecimal ids contain digits of a number by chance.
            for by_chance in ["_aws", "sid"] {
                line[by_chance] = Value::Null;
            }
            let line = line.to_string();
            for marker in &*markers {
                assert!(!line.contains(marker.as_str()), "{marker} in {line}");
            }
        }
        lines.len()
    }

    /// A person's number, and what is sent to it. A short code may be in an id by chance.
    fn mark(&self, phone: &str, code: u32) {
        let mut markers = self.markers.lock().unwrap_or_else(PoisonError::into_inner);
        markers.insert(phone[3..].to_owned());
        markers.insert(format!("code is {code}"));
        let code = code.to_string();
        if code.len() >= 6 {
            let spoken: Vec<String> = code.chars().map(String::from).collect();
            markers.extend([code, spoken.join(". ")]);
        }
    }

    /// The gateway sends a code. Returns the name of the provider that took it.
    pub(crate) async fn code(&self, phone: &str, code: u32) -> String {
        let credential = Credential::Bearer(auth0::GATEWAY_BEARER_TOKEN);
        let text = format!("Your code is {code}");
        self.mark(phone, code);
        let auth0 = &self.sandbox.auth0;
        let answer = auth0
            .passwordless(self.gateway.url(), credential, phone, &text)
            .await;
        assert_eq!(answer.status, 200, "{:?}", self.gateway.log().last());
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        answer["provider"].as_str().unwrap().to_owned()
    }

    /// The number of texts, through all providers.
    pub(crate) fn texts(&self) -> usize {
        let others = self.sandbox.providers();
        let others = others.iter().map(|provider| provider.messages.len());
        self.sandbox.twilio.messages().len() + others.sum::<usize>()
    }

    /// The final states in the journal, by provider, of all codes.
    async fn states(&self) -> Vec<Value> {
        let items = self.sandbox.aws.items().await.into_iter();
        let items = items.filter(|item| item["sk"]["S"] == "send");
        items.map(|item| item["receipts"]["M"].clone()).collect()
    }

    /// The outcomes of `delivery-status` so far.
    fn outcomes(&self) -> Vec<String> {
        let lines = self.delivery.log().into_iter();
        let lines = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
        lines
            .filter_map(|line| line["outcome"].as_str().map(str::to_owned))
            .collect()
    }
}

#[tokio::test]
async fn every_providers_receipts_reach_the_journal() {
    for (provider, by) in [
        ("twilio", ReceiptsBy::Form),
        ("plivo", ReceiptsBy::Form),
        ("clickatell", ReceiptsBy::Form),
        ("vonage", ReceiptsBy::Query),
        ("vonage", ReceiptsBy::Form),
        ("vonage", ReceiptsBy::Json),
    ] {
        let circle = Circle::start(&format!("*={provider}")).await;
        circle.sandbox.vonage.set_receipts_by(by);
        assert_eq!(circle.code("+4520304050", 1).await, provider);
        circle.sandbox.receipts_posted().await;
        let delivered = json!({ provider: { "S": "delivered" } });
        assert_eq!(circle.states().await, [delivered], "{provider} {by:?}");
        assert_eq!(circle.texts(), 1, "{provider} {by:?}");
    }
}

#[tokio::test]
async fn receipts_may_overtake_the_providers_answer_and_come_twice() {
    let circle = Circle::start("*=plivo").await;
    circle
        .sandbox
        .plivo
        .receipts()
        .usually(Fate::delivered().out_of_order().then(Fate::delivered()));
    let circle = std::sync::Arc::new(circle);
    let codes = (0..20).map(|number| {
        let circle = std::sync::Arc::clone(&circle);
        async move { circle.code(&format!("+45203040{number:02}"), number).await }
    });
    at_once(codes).await;
    circle.sandbox.receipts_posted().await;
    let delivered = json!({ "plivo": { "S": "delivered" } });
    assert_eq!(circle.states().await, vec![delivered; 20]);
    assert_eq!(circle.texts(), 20);
}

#[tokio::test]
async fn only_an_authentic_bad_receipt_makes_the_next_code_take_another_road() {
    let circle = Circle::start("*=plivo,clickatell").await;
    let failed = || Fate::failed(UNREACHABLE);
    for (number, (fate, next)) in [
        (failed(), "clickatell"),
        (failed().twice(), "clickatell"),
        (failed().out_of_order(), "clickatell"),
        (failed().then(Fate::delivered()), "clickatell"),
        (Fate::expired(), "clickatell"),
        (Fate::delivered(), "plivo"),
        (Fate::delivered().then(failed()), "plivo"),
        (Fate::never(), "plivo"),
        (failed().forged(), "plivo"),
        // The person opted out.
        (Fate::failed(200), "plivo"),
    ]
    .into_iter()
    .enumerate()
    {
        let phone = format!("+45203040{number:02}");
        circle.sandbox.plivo.receipts().next(fate.clone());
        assert_eq!(circle.code(&phone, 1).await, "plivo");
        circle.sandbox.receipts_posted().await;
        assert_eq!(circle.texts(), 2 * number + 1, "no receipt sends a text");
        assert_eq!(circle.code(&phone, 2).await, next, "{fate:?}");
        circle.sandbox.receipts_posted().await;
        assert_eq!(circle.texts(), 2 * number + 2, "{fate:?}");
    }
}

#[tokio::test]
async fn in_no_order_of_two_providers_receipts_is_there_a_second_text_or_a_step_back() {
    let circle = Circle::start("*=plivo,clickatell").await;
    circle.sandbox.plivo.receipts().usually(Fate::never());
    let posts = [
        ("plivo", Post::genuine(State::Delivered)),
        ("plivo", Post::genuine(State::Failed(UNREACHABLE))),
        ("plivo", Post::forged(State::Failed(UNREACHABLE))),
        ("clickatell", Post::genuine(State::Delivered)),
        ("clickatell", Post::genuine(State::Failed(23))),
    ];
    let orders = orders(posts.len());
    for (number, order) in orders.iter().enumerate() {
        let phone = format!("+4520304{number:03}");
        assert_eq!(circle.code(&phone, 1).await, "plivo");
        let sent = circle.sandbox.plivo.messages().pop().unwrap();
        // Clickatell has the same code, and the gateway does not know that.
        let url = sent.receipt_url.as_deref().unwrap();
        let reference = url.rsplit('/').next().map(str::to_owned);
        let other = Sent {
            id: "of-clickatell".to_owned(),
            reference: reference.clone(),
            ..sent.clone()
        };
        // Each receipt comes twice.
        for (provider, post) in order.iter().chain(order).map(|place| posts[*place]) {
            let status = match provider {
                "plivo" => circle.sandbox.plivo.report(&sent, post).await,
                _ => circle.sandbox.clickatell.report(&other, post).await,
            };
            assert_eq!(status, if post.forged { 403 } else { 204 });
        }
        let first = |of: &str| {
            let mut genuine = order.iter().map(|place| posts[*place]);
            let first = genuine.find(|(provider, post)| *provider == of && !post.forged);
            first.unwrap().1.state
        };
        let word = |of: &str, failure: &str| match first(of) {
            State::Delivered => json!({ "S": "delivered" }),
            _ => json!({ "S": failure }),
        };
        let items = circle.sandbox.aws.items().await;
        let key = format!("sent#{}", reference.unwrap().replacen('-', "#", 1));
        let entry = items.iter().find(|item| item["pk"]["S"] == key.as_str());
        assert_eq!(
            entry.unwrap()["receipts"]["M"],
            json!({ "plivo": word("plivo", "unreachable"), "clickatell": word("clickatell", "unknown") }),
            "{order:?}"
        );
        assert_eq!(circle.texts(), number + 1, "{order:?}");
    }
    let recorded = circle.outcomes();
    let recorded = recorded.iter().filter(|outcome| *outcome == "recorded");
    assert_eq!(recorded.count(), 2 * orders.len(), "one for each provider");
}

/// All orders of this many places.
pub(crate) fn orders(places: usize) -> Vec<Vec<usize>> {
    if places == 0 {
        return vec![vec![]];
    }
    let shorter = orders(places - 1).into_iter();
    let longer = shorter.flat_map(|order| {
        (0..places).map(move |at| {
            let mut order = order.clone();
            order.insert(at, places - 1);
            order
        })
    });
    longer.collect()
}
