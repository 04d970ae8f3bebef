//! A sandbox with the function and an API in it, and what flows, the API and the log tell.

use std::collections::BTreeSet;
use std::future::ready;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::OriginalUri;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use sandbox::auth0::{self, API_AUDIENCE};
use sandbox::lambda::Lambda;
use sandbox::wire::{Exchange, Fault, Faults, Server, client};
use sandbox::{STUDIO_TOKEN, Sandbox, twilio};
use serde_json::{Value, json};
use tokio::task::JoinSet;

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

pub(crate) type Override<'a> = (&'a str, Option<&'a str>);

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
    pub(crate) lambda: Lambda,
    pub(crate) api: Api,
    pub(crate) sandbox: Sandbox,
    markers: Mutex<BTreeSet<String>>,
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
        let lambda = launch(
            &sandbox,
            &format!("{}{prefix}", api.server.url()),
            processes,
            overrides,
        )
        .await;
        let scene = Self {
            lambda,
            api,
            sandbox,
            markers: Mutex::default(),
        };
        for marker in [
            NUMBER,
            "Annabeth Chase",
            "1234.50",
            STUDIO_TOKEN,
            twilio::AUTH_TOKEN,
            auth0::CLIENT_SECRET,
        ] {
            scene.mark(marker);
        }
        scene
    }

    /// Other processes in place of the ones there are, which go on unseen.
    pub(crate) async fn join(&mut self, processes: usize) -> Lambda {
        let joined = launch(&self.sandbox, &self.api.server.url(), processes, &[]).await;
        std::mem::replace(&mut self.lambda, joined)
    }

    /// This must never be written.
    pub(crate) fn mark(&self, marker: &str) {
        self.markers.lock().unwrap().insert(marker.to_owned());
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
        let mut answers = JoinSet::new();
        for _ in 0..flows {
            answers.spawn(answer(
                self.request(FORM, format!("account_number={NUMBER}"))
                    .bearer_auth(STUDIO_TOKEN),
            ));
        }
        answers.join_all().await
    }

    pub(crate) fn auth0(&self) -> &Faults {
        self.sandbox.auth0.server().faults()
    }

    pub(crate) fn dynamodb(&self) -> &Faults {
        self.sandbox.aws.dynamodb().faults()
    }

    pub(crate) fn secrets(&self) -> &Faults {
        self.sandbox.aws.secrets().faults()
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

    /// How often a secret was fetched.
    pub(crate) fn fetched(&self, secret: &str) -> usize {
        let asked_for = |body: &[u8]| {
            serde_json::from_slice::<Value>(body).unwrap()["SecretId"]
                == format!("switchboard/{secret}")
        };
        self.sandbox
            .aws
            .secrets()
            .exchanges()
            .iter()
            .filter(|exchange| asked_for(&exchange.request))
            .count()
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

    /// The first log line with this outcome.
    pub(crate) async fn logged(&self, outcome: &str) -> Value {
        let marked = format!("\"outcome\":\"{outcome}\"");
        serde_json::from_str(&self.lambda.wait_log(|line| line.contains(&marked)).await).unwrap()
    }

    /// Another process, which remembers nothing.
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
        let mut markers = self.markers.lock().unwrap().clone();
        for exchange in self.sandbox.auth0.server().exchanges() {
            let granted: Value = serde_json::from_slice(&exchange.response).unwrap_or_default();
            markers.extend(
                granted["access_token"]
                    .as_str()
                    .filter(|token| !token.is_empty())
                    .map(str::to_owned),
            );
        }
        for line in [self.lambda.log(), self.lambda.errors()].concat() {
            let mut line: Value = serde_json::from_str(&line).unwrap();
            line["_aws"] = Value::Null; // its milliseconds are digits by chance
            let line = line.to_string();
            for marker in &markers {
                assert!(!line.contains(marker.as_str()), "{marker} in {line}");
            }
        }
    }
}

async fn launch(
    sandbox: &Sandbox,
    url: &str,
    processes: usize,
    overrides: &[Override<'_>],
) -> Lambda {
    let usual = [
        ("LOG_LEVEL", Some("trace")),
        ("API_URL", Some(url)),
        ("API_AUDIENCE", Some(API_AUDIENCE)),
    ];
    sandbox
        .run_with(
            FUNCTION,
            Path::new(BINARY),
            processes,
            &[&usual, overrides].concat(),
        )
        .await
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

pub(crate) fn says(status: u16, body: &str) -> Fault {
    Fault::Answer {
        status,
        headers: vec![],
        body: body.to_owned(),
    }
}
