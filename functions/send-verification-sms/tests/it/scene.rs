//! A sandbox with the function running in it, and the questions every test asks.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::auth0::{LinkPage, User};
use sandbox::mail::Mail;
use sandbox::mailgun::Attempt;
use sandbox::scene::{self, at_once, wait_for};
use sandbox::wire::{Exchange, Server};
use serde_json::{Value, json};

pub(crate) use sandbox::scene::{Params as Fields, Setting as Override, number, wait_exchanges};

pub(crate) const FUNCTION: &str = "send-verification-sms";
pub(crate) const PHONE: &str = "+4512345678";
pub(crate) const REGISTRATION: &str = "You have registered for an account. Reply YES to verify";
pub(crate) const PASSWORD: &str = "Someone asked to change your password. If it was you, reply YES";

/// Without keys to ask Auth0 with.
pub(crate) const UNASKED: Override<'_> = ("AUTH0_SECRET", None);

/// When it ends, nothing that was logged may hold a number, a link or a secret in clear.
pub(crate) struct Scene {
    scene: scene::Scene,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(overrides: &[Override<'_>]) -> Self {
        Self::on(Sandbox::start().await, 1, overrides).await
    }

    /// With a shorter timeout than the template's: leases and waits end sooner.
    pub(crate) async fn hurried(timeout: Duration) -> Self {
        let mut sandbox = Sandbox::start().await;
        sandbox.set_timeout(timeout);
        Self::on(sandbox, 1, &[]).await
    }

    pub(crate) async fn on(sandbox: Sandbox, instances: usize, overrides: &[Override<'_>]) -> Self {
        let binary = env!("CARGO_BIN_EXE_send-verification-sms");
        let scene = Self {
            scene: scene::Scene::start(sandbox, FUNCTION, binary, instances, overrides).await,
        };
        for marker in [PHONE, "+4587654321", "sms.example.com"] {
            scene.mark(marker);
        }
        // What it did to be ready: it looked for an access token.
        scene.sandbox.aws.dynamodb().clear_exchanges();
        scene.sandbox.auth0.server().clear_exchanges();
        scene
    }

    /// A user with this phone's proxy e-mail address.
    pub(crate) fn sign_up(&self, phone: &str) -> User {
        self.sandbox.auth0.sign_up(&address(phone))
    }

    /// A verification mail to [`PHONE`] with a ticket and a Message-Id of its own.
    pub(crate) fn mail(&self) -> Mail {
        self.mail_to(PHONE)
    }

    pub(crate) fn mail_to(&self, phone: &str) -> Mail {
        self.sandbox
            .auth0
            .mail_verification(&self.sign_up(phone), LinkPage::Form)
            .mail
    }

    /// What Mailgun posts for a mail, signed now.
    pub(crate) fn fields(&self, mail: &Mail) -> Fields {
        self.sandbox.mailgun.fields(mail, sandbox::now().as_secs())
    }

    /// Signs fields again, as if Mailgun had meant them so.
    pub(crate) fn sign(&self, fields: &mut Fields, timestamp: &str, token: &str) {
        set(
            fields,
            "signature",
            &self.sandbox.mailgun.sign(timestamp, token),
        );
        set(fields, "timestamp", timestamp);
        set(fields, "token", token);
    }

    pub(crate) async fn post(&self, fields: &Fields) -> Attempt {
        self.sandbox.mailgun.post(self.lambda.url(), fields).await
    }

    pub(crate) async fn post_mail(&self, mail: &Mail) -> Attempt {
        self.post(&self.fields(mail)).await
    }

    /// Posts all at once; the statuses in no order.
    pub(crate) async fn post_together(self: &Arc<Self>, posts: Vec<Fields>) -> Vec<u16> {
        let posting = posts.into_iter().map(|fields| {
            let scene = Arc::clone(self);
            async move { scene.post(&fields).await.status }
        });
        at_once(posting).await
    }

    /// A good mail is sent by the process that is there, whatever happened before.
    pub(crate) async fn still_works(&self) {
        let (texts, pids) = (self.texts(), self.lambda.pids());
        assert_eq!(
            self.post_mail(&self.mail_to("+4587654321")).await.status,
            200
        );
        assert_eq!(self.texts(), texts + 1);
        assert_eq!(self.lambda.pids(), pids);
        assert!(self.lambda.exits().is_empty());
    }

    /// How many texts Twilio accepted.
    pub(crate) fn texts(&self) -> usize {
        self.sandbox.twilio.messages().len()
    }

    /// How often Twilio was asked, accepted or not.
    pub(crate) fn asked(&self) -> usize {
        self.sandbox.twilio.server().exchanges().len()
    }

    /// How often a secret was fetched.
    pub(crate) fn fetched(&self) -> usize {
        self.sandbox.aws.secrets().exchanges().len()
    }

    /// How often Auth0 was asked for this, such as `GET /api/v2/users-by-email`.
    pub(crate) fn asked_auth0(&self, what: &str) -> usize {
        let exchanges = self.sandbox.auth0.server().exchanges();
        exchanges
            .iter()
            .filter(|exchange| format!("{} {}", exchange.method, exchange.target).starts_with(what))
            .count()
    }

    /// Waits until Twilio was asked `n` times; it may still be thinking.
    pub(crate) async fn wait_asked(&self, n: usize) {
        wait_exchanges(self.sandbox.twilio.server(), n).await;
    }

    /// Cuts all connections to Twilio, once.
    pub(crate) fn cut_twilio(&self) {
        self.twilio().refuse(true);
        self.twilio().refuse(false);
    }

    /// No text was sent and the table not touched.
    pub(crate) fn untouched(&self) {
        assert_eq!(self.asked(), 0);
        assert!(self.sandbox.aws.dynamodb().exchanges().is_empty());
    }

    /// The requests that wait for a reply of this phone.
    pub(crate) async fn pending(&self, phone: &str) -> Vec<Value> {
        let item = self
            .items(&format!("pending#{phone}"))
            .await
            .pop()
            .unwrap_or_default();
        let attributes = item.as_object().cloned().unwrap_or_default();
        attributes
            .into_iter()
            .filter(|(name, _)| name.starts_with("r_"))
            .map(|(_, value)| value["M"].clone())
            .collect()
    }

    /// What has been counted for this key (`all`, or a phone), in every hour the test saw.
    pub(crate) async fn counted(&self, key: &str) -> u64 {
        self.items(&format!("rate#sms#{key}"))
            .await
            .iter()
            .map(|item| number(&item["hits"]))
            .sum()
    }

    /// An hour and more goes by for what has been counted.
    pub(crate) async fn an_hour_passes(&self) {
        for item in self.items("rate#").await {
            let moved =
                item.as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, value)| match name.split_once('_') {
                        Some((kind @ ("s" | "i"), slice)) => (
                            format!("{kind}_{}", slice.parse::<u64>().unwrap() - 13),
                            value.clone(),
                        ),
                        _ if name == "newest" => (
                            name.clone(),
                            json!({ "N": (number(value) - 13).to_string() }),
                        ),
                        _ => (name.clone(), value.clone()),
                    });
            self.sandbox.aws.put(Value::Object(moved.collect())).await;
        }
    }

    /// The request is used up, as by a person's YES.
    pub(crate) async fn confirm(&self, phone: &str) {
        let mut item = self.items(&format!("pending#{phone}")).await.pop().unwrap();
        item.as_object_mut()
            .unwrap()
            .retain(|name, _| !name.starts_with("r_"));
        self.sandbox.aws.put(item).await;
    }
}

impl Deref for Scene {
    type Target = scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

/// The proxy e-mail address of a phone.
pub(crate) fn address(phone: &str) -> String {
    format!("acme{phone}@sms.example.com")
}

/// Waits until so many requests for an item have arrived whose key begins so: reads (`GetItem`), writes (`UpdateItem`).
pub(crate) async fn wait_items(server: &Server, n: usize, operation: &str, key: &str) {
    let is_meant = |exchange: &Exchange| {
        let named = exchange
            .headers
            .iter()
            .any(|(name, value)| name == "x-amz-target" && value.ends_with(operation));
        named && String::from_utf8_lossy(&exchange.request).contains(&format!("\"{key}"))
    };
    wait_for(server, n, is_meant).await;
}

pub(crate) fn get<'a>(fields: &'a Fields, name: &str) -> &'a str {
    &fields.iter().find(|(key, _)| key == name).unwrap().1
}

pub(crate) fn set(fields: &mut Fields, name: &str, value: &str) {
    value.clone_into(&mut fields.iter_mut().find(|(key, _)| key == name).unwrap().1);
}
