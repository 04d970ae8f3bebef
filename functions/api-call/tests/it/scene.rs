//! A sandbox with the function and an API in it, and what flows, the API and the log tell.

use std::collections::BTreeSet;
use std::future::ready;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::OriginalUri;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use sandbox::auth0::{self, API_AUDIENCE};
use sandbox::lambda::Lambda;
use sandbox::scene::{self, at_once};
use sandbox::wire::{Exchange, Server, client};
use sandbox::{STUDIO_TOKEN, Sandbox};
use serde_json::{Value, json};

pub(crate) use sandbox::scene::{Setting as Override, says};

pub(crate) const FUNCTION: &str = "api-call";
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_api-call");
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";

pub(crate) const NUMBER: &str = "4815162342";
/// What the API says about it, and with that the function.
pub(crate) const ACCOUNT: &str = r#"{"account_number":"4815162342","balance":{"amount":"1234.50","currency":"EUR"},"name":"Annabeth Chase"}"#;

pub(crate) const NOT_FOUND: &str = r#"{"found":false}"#;
pub(crate) const REFUSED: &str = r#"{"error":"the API does not accept this application"}"#;
pub(crate) const UNUSABLE: &str = r#"{"error":"the API has no usable answer"}"#;
pub(crate) const LATE: &str = r#"{"error":"the API did not answer in time"}"#;
const UNAVAILABLE: &str = r#"{"error":"this is not available right now, please try again"}"#;
pub(crate) const CHALLENGE: &str = r#"Basic realm="switchboard", Bearer"#;

/// What a flow gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `www-authenticate`, empty if there is none.
    pub(crate) challenge: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn says(status: u16, body: &str) -> Self {
        Self {
            status,
            challenge: String::new(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::says(status, "")
    }

    /// Something of AWS failed.
    pub(crate) fn unavailable() -> Self {
        Self::says(503, UNAVAILABLE)
    }

    pub(crate) fn account() -> Self {
        Self::says(200, ACCOUNT)
    }

    pub(crate) fn challenged() -> Self {
        Self {
            challenge: CHALLENGE.to_owned(),
            ..Self::empty(401)
        }
    }
}

/// Knows one account, and tells elsewhere for what it was asked. Takes any token of the tenant that it was not told to refuse.
pub(crate) struct Api {
    pub(crate) server: Server,
    refused: Arc<Mutex<Refused>>,
}

#[derive(Default)]
struct Refused {
    tokens: BTreeSet<String>,
    all: bool,
}

impl Api {
    async fn start() -> Self {
        let refused = Arc::<Mutex<Refused>>::default();
        let state = Arc::clone(&refused);
        let answer = move |uri: OriginalUri, headers: HeaderMap| {
            ready(Self::answer(&state.lock().unwrap(), &uri.0, &headers))
        };
        let router = Router::new().fallback(answer);
        Self {
            server: Server::start("API", router).await.unwrap(),
            refused,
        }
    }

    fn answer(refused: &Refused, uri: &Uri, headers: &HeaderMap) -> Response {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().unwrap().strip_prefix("Bearer ey"));
        if token.is_none_or(|token| refused.all || refused.tokens.contains(token)) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        match uri.to_string().strip_prefix("/accounts/") {
            Some(NUMBER) => ([(header::CONTENT_TYPE, JSON)], ACCOUNT).into_response(),
            Some(_) => (StatusCode::NOT_FOUND, "<html>nobody").into_response(),
            None => Json(json!({ "target": uri.to_string() })).into_response(),
        }
    }

    /// Whoever comes with a token that was used so far is refused.
    pub(crate) fn refuse_known_tokens(&self) {
        let known = self
            .tokens()
            .into_iter()
            .map(|token| token["Bearer ey".len()..].to_owned());
        self.refused.lock().unwrap().tokens.extend(known);
    }

    /// Everybody is refused, or nobody is any longer.
    pub(crate) fn refuse_all(&self, on: bool) {
        *self.refused.lock().unwrap() = Refused {
            all: on,
            ..Refused::default()
        };
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> usize {
        self.server.exchanges().len()
    }

    /// What it was asked for.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.server
            .exchanges()
            .into_iter()
            .map(|exchange| exchange.target)
            .collect()
    }

    /// The different credentials that it was shown.
    pub(crate) fn tokens(&self) -> BTreeSet<String> {
        self.server
            .exchanges()
            .iter()
            .filter_map(|exchange| value(exchange, "authorization"))
            .collect()
    }
}

fn value(exchange: &Exchange, name: &str) -> Option<String> {
    exchange
        .headers
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.clone())
}

/// When it ends, no token, secret or value of the test may be in anything that was written, at the most talkative level.
pub(crate) struct Scene {
    scene: scene::Scene,
    pub(crate) api: Api,
}

impl Scene {
    /// One process, which knows callers by signature and by token.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(overrides: &[Override<'_>]) -> Self {
        let scene = Self::on(Sandbox::start().await, 1, overrides).await;
        scene.lambda.wait_ready().await.unwrap();
        scene
    }

    /// Several processes, not waited for.
    pub(crate) async fn on(sandbox: Sandbox, processes: usize, overrides: &[Override<'_>]) -> Self {
        Self::below("", sandbox, processes, overrides).await
    }

    /// The same with this after the API's host.
    pub(crate) async fn below(
        prefix: &str,
        sandbox: Sandbox,
        processes: usize,
        overrides: &[Override<'_>],
    ) -> Self {
        let api = Api::start().await;
        let url = format!("{}{prefix}", api.server.url());
        let settings = [&settings(&url), overrides].concat();
        let scene = scene::Scene::launch(sandbox, FUNCTION, BINARY, processes, &settings).await;
        for marker in [NUMBER, "Annabeth Chase", "1234.50"] {
            scene.mark(marker);
        }
        Self { scene, api }
    }

    /// Other processes in place of the ones there are, which go on unseen.
    pub(crate) async fn join(&mut self, processes: usize) -> Lambda {
        let url = self.api.server.url();
        let joined =
            scene::launch(&self.sandbox, FUNCTION, BINARY, processes, &settings(&url)).await;
        std::mem::replace(&mut self.scene.lambda, joined)
    }

    /// A request without a credential.
    pub(crate) fn request(
        &self,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::RequestBuilder {
        client()
            .post(self.lambda.url())
            .header("content-type", content_type)
            .body(body)
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = answer(request).await;
        for token in self.api.tokens() {
            assert!(
                !answer.body.contains(&token["Bearer ".len()..]),
                "{answer:?}"
            );
        }
        answer
    }

    /// A flow with the token posts this.
    pub(crate) async fn post(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(content_type, body).bearer_auth(STUDIO_TOKEN))
            .await
    }

    /// A flow with the token asks for the account.
    pub(crate) async fn ask(&self) -> Answer {
        self.post(FORM, format!("account_number={NUMBER}")).await
    }

    /// So many flows at once.
    pub(crate) async fn ask_at_once(&self, flows: usize) -> Vec<Answer> {
        let account = format!("account_number={NUMBER}");
        let ask = |_| {
            answer(
                self.request(FORM, account.clone())
                    .bearer_auth(STUDIO_TOKEN),
            )
        };
        at_once((0..flows).map(ask)).await
    }

    /// How often the tenant was asked for a token.
    pub(crate) fn token_requests(&self) -> usize {
        self.sandbox.auth0.token_requests()
    }

    /// Waits until it was asked so often.
    pub(crate) async fn wait_token_requests(&self, n: usize) {
        let patience = Instant::now() + Duration::from_secs(30);
        while self.token_requests() < n {
            assert!(Instant::now() < patience, "{n} token requests");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The shared tokens' items.
    pub(crate) async fn token_items(&self) -> Vec<Value> {
        let items = self.sandbox.aws.items().await;
        items
            .into_iter()
            .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("token#"))
            .collect()
    }

    /// Another client secret, which the tenant demands at once.
    pub(crate) fn rotate_client_secret(&self, secret: &str) {
        self.mark(secret);
        self.sandbox.auth0.set_client_secret(secret);
        let value = json!({ "client_id": auth0::CLIENT_ID, "client_secret": secret });
        self.sandbox.aws.set_secret("switchboard/auth0", &value);
    }
}

impl Deref for Scene {
    type Target = scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

/// The API at this address, over the sandbox's settings.
fn settings(url: &str) -> [Override<'_>; 2] {
    [("API_URL", Some(url)), ("API_AUDIENCE", Some(API_AUDIENCE))]
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let text = |name: &str| {
        answer
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
            .to_owned()
    };
    let (status, challenge, content_type) = (
        answer.status().as_u16(),
        text("www-authenticate"),
        text("content-type"),
    );
    let body = answer.text().await.unwrap();
    assert!(
        body.is_empty() || content_type == JSON,
        "{content_type}: {body}"
    );
    Answer {
        status,
        challenge,
        body,
    }
}

/// Parameters as the body of a form.
pub(crate) fn form<N: AsRef<str>, V: AsRef<str>>(params: &[(N, V)]) -> String {
    let mut url = reqwest::Url::parse("http://form").unwrap();
    url.query_pairs_mut().extend_pairs(params);
    url.query().unwrap().to_owned()
}
