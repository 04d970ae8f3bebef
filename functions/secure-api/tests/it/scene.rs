//! A sandbox with the function and an account in it, and what callers and the log tell.

use std::ops::Deref;

use sandbox::Sandbox;
use sandbox::auth0::{API_AUDIENCE, Signer};
use sandbox::scene;
use sandbox::wire::client;
use serde_json::{Value, json};

pub(crate) use sandbox::scene::says;

pub(crate) const FUNCTION: &str = "secure-api";
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_secure-api");
pub(crate) const NUMBER: &str = "4815162342";
pub(crate) const PHONE: &str = "+4520304051";
pub(crate) const NAME: &str = "Annabeth Chase";
/// As it goes over the wire.
pub(crate) const ACCOUNT: &str = concat!(
    r#"{"account_number":"4815162342","name":"Annabeth Chase","phone":"+4520304051","#,
    r#""balance":{"amount":"1234.50","currency":"EUR"},"payments":["#,
    r#"{"date":"2026-11-01","amount":"20.00","currency":"EUR","description":"Rent & \"more\""},"#,
    r#"{"date":"2026-10-01","amount":"0.10","currency":"EUR","description":"Coffee"}]}"#,
);

pub(crate) const NO_TOKEN: &str = r#"Bearer realm="switchboard""#;
pub(crate) const INVALID: &str = r#"Bearer realm="switchboard", error="invalid_token""#;
pub(crate) const NO_SCOPE: &str =
    r#"Bearer realm="switchboard", error="insufficient_scope", scope="read:accounts""#;

/// What a caller gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `www-authenticate`, empty if there is none.
    pub(crate) challenge: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            challenge: String::new(),
            body: String::new(),
        }
    }

    /// The tenant or the table failed.
    pub(crate) fn unavailable() -> Self {
        Self {
            body: r#"{"error":"this is not available right now, please try again"}"#.to_owned(),
            ..Self::empty(503)
        }
    }

    pub(crate) fn challenged(status: u16, challenge: &str) -> Self {
        Self {
            challenge: challenge.to_owned(),
            ..Self::empty(status)
        }
    }

    pub(crate) fn account(body: &str) -> Self {
        Self {
            body: body.to_owned(),
            ..Self::empty(200)
        }
    }
}

/// When it ends, no token, account, name or phone of the test may be in anything that was written, at the most talkative level.
pub(crate) struct Scene {
    scene: scene::Scene,
}

impl Scene {
    /// With one account.
    pub(crate) async fn start() -> Self {
        let scene = Self::on(Sandbox::start().await).await;
        scene.open_account().await;
        scene
    }

    /// Without accounts.
    pub(crate) async fn on(sandbox: Sandbox) -> Self {
        let settings = [("API_AUDIENCE", Some(API_AUDIENCE))];
        let scene = scene::Scene::start(sandbox, FUNCTION, BINARY, 1, &settings).await;
        for marker in [NUMBER, PHONE, NAME, "1234.50", "Coffee"] {
            scene.mark(marker);
        }
        Self { scene }
    }

    pub(crate) async fn open_account(&self) {
        let payment = |date: &str, amount: &str, description: &str| json!({ "M": texts(&[("date", date), ("amount", amount), ("currency", "EUR"), ("description", description)]) });
        let payments = [
            payment("2026-11-01", "20.00", "Rent & \"more\""),
            payment("2026-10-01", "0.10", "Coffee"),
        ];
        let mut account = account(NUMBER, &[("name", NAME), ("phone", PHONE)]);
        account["balance"] = json!({ "M": texts(&[("amount", "1234.50"), ("currency", "EUR")]) });
        account["payments"] = json!({ "L": payments });
        self.sandbox.aws.put(account).await;
        self.sandbox.aws.put(pointer(PHONE, NUMBER)).await;
    }

    /// A good access token.
    pub(crate) fn token(&self) -> String {
        self.mint(json!({}), json!({}), Signer::Current)
    }

    /// A token made to order: see [`sandbox::auth0::Auth0::mint`].
    pub(crate) fn mint(&self, claims: Value, header: Value, signer: Signer<'_>) -> String {
        self.sandbox.auth0.mint(claims, header, signer)
    }

    /// Somebody with a good token asks.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &self.token()).await
    }

    pub(crate) async fn get_with(&self, path: &str, token: &str) -> Answer {
        token.split('.').for_each(|part| self.mark(part));
        self.get_as(path, Some(&format!("Bearer {token}"))).await
    }

    /// With any `authorization`, or none.
    pub(crate) async fn get_as(&self, path: &str, authorization: Option<&str>) -> Answer {
        let mut request = client().get(self.url(path));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        answer(request.send().await.unwrap()).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.lambda.url().trim_end_matches('/'))
    }

    /// The `pk` of every item asked for so far.
    pub(crate) fn looked_up(&self) -> Vec<String> {
        let pk = |body: &[u8]| {
            serde_json::from_slice::<Value>(body).unwrap()["Key"]["pk"]["S"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        self.sandbox
            .aws
            .dynamodb()
            .exchanges()
            .iter()
            .map(|exchange| pk(&exchange.request))
            .collect()
    }
}

impl Deref for Scene {
    type Target = scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

async fn answer(answer: reqwest::Response) -> Answer {
    let challenge = answer
        .headers()
        .get("www-authenticate")
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    Answer {
        status: answer.status().as_u16(),
        challenge,
        body: answer.text().await.unwrap(),
    }
}

/// An account's item with these texts.
pub(crate) fn account(number: &str, attributes: &[(&str, &str)]) -> Value {
    item(&format!("account#{number}"), attributes)
}

/// The item that leads from a phone to an account.
pub(crate) fn pointer(phone: &str, number: &str) -> Value {
    item(&format!("phone#{phone}"), &[("account_number", number)])
}

fn item(pk: &str, attributes: &[(&str, &str)]) -> Value {
    texts(&[&[("pk", pk), ("sk", "account")], attributes].concat())
}

fn texts(pairs: &[(&str, &str)]) -> Value {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!({ "S": value })))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
