//! A sandbox with the function in it, and what waits for the phone.

use std::ops::Deref;
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::auth0::{LinkPage, TicketMail};
use sandbox::scene::{self, Setting};
use sandbox::twilio::{NUMBER, Reply};
use sandbox::wire::{Exchange, Fault, Server};
use serde_json::{Value, json};
use shared::platform::table::{Table, Write};
use shared::platform::time::epoch;
use shared::rules::link::Kind;
use shared::rules::pending::{self, Request};

pub(crate) const FUNCTION: &str = "receive-confirmation-sms";
pub(crate) const PHONE: &str = "+4512345678";
pub(crate) const EMAIL: &str = "acme+4512345678@sms.example.com";

pub(crate) const CONFIRMED: &str = "Thank you. Your account is verified.";
pub(crate) const WRONG: &str = "Try again. Reply YES or don't reply";
pub(crate) const RETRY: &str =
    "Something went wrong on our side. Please reply YES again in a few minutes.";
pub(crate) const EXPIRED: &str = "This request is no longer valid. Please start again.";

/// When it ends, no number, address, link or ticket of the test may be in anything that was written.
pub(crate) struct Scene {
    scene: scene::Scene,
}

impl Deref for Scene {
    type Target = scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[Setting<'_>]) -> Self {
        Self::within(Sandbox::start().await, 1, settings).await
    }

    /// With a function that Lambda ends after `timeout`, so that what waits for that need not wait long.
    pub(crate) async fn hurried(timeout: Duration) -> Self {
        let mut sandbox = Sandbox::start().await;
        sandbox.set_timeout(timeout);
        Self::within(sandbox, 1, &[]).await
    }

    pub(crate) async fn within(
        sandbox: Sandbox,
        instances: usize,
        settings: &[Setting<'_>],
    ) -> Self {
        let binary = env!("CARGO_BIN_EXE_receive-confirmation-sms");
        let scene = Self {
            scene: scene::Scene::start(sandbox, FUNCTION, binary, instances, settings).await,
        };
        for marker in [PHONE, "sms.example.com"] {
            scene.mark(marker);
        }
        scene
    }

    /// The table, as send-verification-sms sees it.
    fn table(&self) -> Table {
        let environment = self.sandbox.env_for(FUNCTION);
        let lookup = |name: &str| environment.get(name).cloned();
        let aws =
            shared::platform::config::read(&lookup, shared::platform::aws::Settings::read).unwrap();
        let http = shared::platform::http::Client::new(shared::platform::http::Settings::default())
            .unwrap();
        Table::new(aws.dynamodb(&http), sandbox::aws::TABLE_NAME.to_owned())
    }

    /// A request for the phone, as send-verification-sms leaves it.
    pub(crate) async fn pend(&self, request: &Request) {
        self.mark(&request.link);
        let added = self
            .table()
            .update(pending::add(&PHONE.parse().unwrap(), request))
            .await;
        assert!(matches!(added, Ok(Write::Done(_))));
        self.sandbox.aws.dynamodb().clear_exchanges();
    }

    /// A user signed up, or asked for another mail, and its link waits for a YES.
    pub(crate) async fn verification(&self, page: LinkPage) -> TicketMail {
        let auth0 = &self.sandbox.auth0;
        let mail = auth0.mail_verification(
            &auth0.user(EMAIL).unwrap_or_else(|| auth0.sign_up(EMAIL)),
            page,
        );
        self.pend(&request("verify", Kind::Verification, &mail.link))
            .await;
        mail
    }

    /// A user forgot the password, and the mail's link waits for a YES.
    pub(crate) async fn password(&self) -> TicketMail {
        let auth0 = &self.sandbox.auth0;
        let mail = auth0.mail_password(&auth0.user(EMAIL).unwrap_or_else(|| auth0.sign_up(EMAIL)));
        self.pend(&request("password", Kind::Password, &mail.link))
            .await;
        mail
    }

    /// The phone texts us.
    pub(crate) async fn text(&self, body: &str) -> Reply {
        self.sandbox.twilio.text(PHONE, NUMBER, body).await
    }

    /// The phone texts us and is answered just this (empty: not at all).
    pub(crate) async fn text_answered(&self, body: &str, answer: &str) {
        let reply = self.text(body).await;
        assert_eq!(
            (reply.status, reply.messages.join("|").as_str()),
            (200, answer),
            "{body:?}: {:#?}",
            self.lambda.log()
        );
    }

    /// The webhook as Twilio makes it.
    pub(crate) fn inbound(&self, body: &str) -> Vec<(String, String)> {
        self.sandbox.twilio.inbound(PHONE, NUMBER, body)
    }

    /// The same message as often as it takes until leases have ended: each attempt waits for them, and is answered 503, or that
    /// it should be tried again when hardly any time was left to act.
    pub(crate) async fn deliver_until_answered(&self, params: &[(String, String)]) -> Reply {
        for _ in 0..20 {
            let reply = self
                .sandbox
                .twilio
                .deliver(params.to_vec(), self.lambda.url())
                .await;
            if reply.status != 503 && reply.messages != [RETRY] {
                return reply;
            }
        }
        panic!("never answered: {:#?}", self.lambda.log());
    }

    /// What was asked of the pages behind links.
    pub(crate) fn opened(&self) -> Vec<String> {
        let made = targets(self.sandbox.auth0.server()).into_iter();
        made.filter(|target| target.contains(" /u/") || target.contains(" /lo/"))
            .collect()
    }

    pub(crate) fn verified(&self) -> bool {
        self.sandbox.auth0.user(EMAIL).unwrap().email_verified
    }

    /// The item of what waits for the phone.
    pub(crate) async fn pending(&self) -> Option<Value> {
        let key = json!({ "S": format!("pending#{PHONE}") });
        self.sandbox
            .aws
            .items()
            .await
            .into_iter()
            .find(|item| item["pk"] == key)
    }

    /// How many requests wait for the phone.
    pub(crate) async fn waiting(&self) -> usize {
        let item = self.pending().await.unwrap_or_default();
        item.as_object().map_or(0, |item| {
            item.keys().filter(|name| name.starts_with("r_")).count()
        })
    }

    /// Nothing was asked of Auth0.
    pub(crate) fn assert_nothing_fetched(&self) {
        assert_eq!(targets(self.sandbox.auth0.server()), [""; 0]);
    }

    /// Nothing was even looked up, since the last [`Scene::pend`].
    pub(crate) fn assert_untouched(&self) {
        self.assert_nothing_fetched();
        assert_eq!(self.sandbox.aws.dynamodb().exchanges().len(), 0);
    }

    /// Everything in the table will vanish by itself.
    pub(crate) async fn assert_everything_expires(&self) {
        let now = epoch(shared::platform::runtime::now());
        for item in self.sandbox.aws.items().await {
            let end = item["expires_at"]["N"]
                .as_str()
                .and_then(|text| text.parse::<u64>().ok());
            // Only that a message came is known for so long.
            let days = if item["sk"]["S"] == "first" { 401 } else { 31 };
            assert!(
                end.is_some_and(|end| end > now && end < now + days * 86_400),
                "{item}"
            );
        }
    }
}

/// A request made just now.
pub(crate) fn request(id: &str, kind: Kind, link: &str) -> Request {
    aged(id, kind, link, 0)
}

/// A request made so many seconds ago, valid for eight hours from then.
pub(crate) fn aged(id: &str, kind: Kind, link: &str, seconds: u64) -> Request {
    let created_at = epoch(shared::platform::runtime::now()) - seconds;
    Request {
        id: id.to_owned(),
        // As if each were for an address of its own.
        slot: pending::slot(kind, id),
        kind,
        link: link.to_owned(),
        email: EMAIL.to_owned(),
        mailed_at: created_at,
        created_at,
        expires_at: created_at + 8 * 3600,
        code: None,
        language: None,
        added_by: "the scene".to_owned(),
    }
}

/// Method and path of every exchange.
pub(crate) fn targets(server: &Server) -> Vec<String> {
    let short = |exchange: &Exchange| {
        format!(
            "{} {}",
            exchange.method,
            exchange.target.split('?').next().unwrap()
        )
    };
    server.exchanges().iter().map(short).collect()
}

/// Any answer in the place of the real one.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Fault::Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}

/// A request that meets no fault.
pub(crate) fn no_fault() -> Fault {
    Fault::Delay(Duration::ZERO)
}

/// The parameters as a form.
pub(crate) fn form(params: &[(String, String)]) -> String {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |encoded, byte| {
            encoded + &format!("%{byte:02X}")
        })
    };
    let pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

/// The parameters with one replaced.
pub(crate) fn replaced(
    params: &[(String, String)],
    name: &str,
    value: &str,
) -> Vec<(String, String)> {
    let replace = |(key, old): &(String, String)| {
        (
            key.clone(),
            if key == name {
                value.to_owned()
            } else {
                old.clone()
            },
        )
    };
    params.iter().map(replace).collect()
}
