//! A sandbox with the function, an account's holder and an API that knows the account; and what callers and the log tell.

use std::collections::BTreeMap;
use std::ops::Deref;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::StatusCode;
use sandbox::auth0::{API_AUDIENCE, TokenProfile, User};
use sandbox::scene;
use sandbox::twilio::Call;
use sandbox::wire::{Exchange, Server, client};
use sandbox::{Sandbox, auth0};
use serde_json::{Value, json};

pub(crate) use sandbox::scene::{
    Params, Setting as Override, and, at_once, document, says, status,
};

pub(crate) const FUNCTION: &str = "ivr-validate";
/// Where callers reach the dialogue.
pub(crate) const NUMBER: &str = "+15005550077";
pub(crate) const CALLER: &str = "+14155550111";
pub(crate) const OTHER_CALLER: &str = "+14155550122";
pub(crate) const TOKEN: &str = "example-ivr-bearer-token";

pub(crate) const ACCOUNT: &str = "1004200427";
pub(crate) const PIN: &str = "2718";
pub(crate) const WRONG_PIN: &str = "3141";
pub(crate) const NAME: &str = "Annabeth";
pub(crate) const NOBODYS: &str = "9999999999";

pub(crate) const WELCOME: &str =
    "Welcome. Please enter your account number, followed by the pound key.";
pub(crate) const ASK_PIN: &str = "Please enter your PIN of 4 digits.";
pub(crate) const GREETED: &str =
    "Welcome Annabeth. Press 1 for account balance. Press 2 for payments. Press 9 for exit.";
pub(crate) const OFFER: &str =
    "Press 1 for account balance. Press 2 for payments. Press 9 for exit.";
pub(crate) const BALANCE: &str = "Your balance is 1234.50 EUR.";
pub(crate) const PAYMENT: &str = "Your last payment was 20 EUR on 2026-11-02.";
pub(crate) const REFUSED: &str = "We are sorry, this account number and PIN could not be accepted.";
pub(crate) const REFUSED_ONCE: &str = "We are sorry, this account number and PIN could not be accepted. Please enter your account number, followed by the pound key.";
pub(crate) const AGAIN_ACCOUNT: &str =
    "We did not get that. Please enter your account number, followed by the pound key.";
pub(crate) const AGAIN_PIN: &str = "We did not get that. Please enter your PIN of 4 digits.";
pub(crate) const GOODBYE: &str = "Goodbye.";
pub(crate) const APOLOGY: &str =
    "We are sorry, something went wrong on our side. Please call again in a few minutes. Goodbye.";

/// What the function answered, but for the date and the length, which the number of an answer is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// When it ends, no number, name, greeting, token or secret of the test may be in anything that was written, at the most talkative level.
pub(crate) struct Scene {
    scene: scene::Scene,
    /// The protected API, which knows [`ACCOUNT`].
    pub(crate) api: Server,
}

impl Scene {
    /// With one account's holder.
    pub(crate) async fn start() -> Self {
        Self::with(1, &[]).await
    }

    /// In so many processes.
    pub(crate) async fn with(instances: usize, overrides: &[Override<'_>]) -> Self {
        let scene = Self::on(Sandbox::start().await, instances, overrides).await;
        scene.hire(ACCOUNT, PIN, NAME);
        scene
    }

    /// Without an account's holder.
    pub(crate) async fn on(sandbox: Sandbox, instances: usize, overrides: &[Override<'_>]) -> Self {
        let api = Server::start("API", Router::new().fallback(account))
            .await
            .unwrap();
        sandbox.auth0.set_token_profile(TokenProfile::Rfc9068); // no two tokens are alike
        sandbox
            .aws
            .set_secret("switchboard/ivr", &json!({ "bearer_token": TOKEN }));
        let applications = json!({
            "client_id": auth0::CLIENT_ID, "client_secret": auth0::CLIENT_SECRET,
            "login_client_id": auth0::LOGIN_CLIENT_ID, "login_client_secret": auth0::LOGIN_CLIENT_SECRET,
        });
        sandbox.aws.set_secret("switchboard/auth0", &applications);
        let url = api.url();
        let usual = [
            ("API_URL", Some(url.as_str())),
            ("API_AUDIENCE", Some(API_AUDIENCE)),
        ];
        let (binary, settings) = (
            env!("CARGO_BIN_EXE_ivr-validate"),
            [&usual, overrides].concat(),
        );
        let scene = scene::Scene::start(sandbox, FUNCTION, binary, instances, &settings).await;
        scene
            .sandbox
            .twilio
            .set_voice_url(NUMBER, &format!("{}voice", scene.lambda.url()));
        for marker in [NUMBER, NOBODYS] {
            scene.mark(marker);
        }
        Self { scene, api }
    }

    /// An account's holder.
    pub(crate) fn hire(&self, account: &str, pin: &str, greeting: &str) -> User {
        let email = format!("holder-of-{account}@acme.example");
        for marker in [account, pin, greeting, &email] {
            self.mark(marker);
        }
        self.sandbox
            .auth0
            .sign_up_caller(account, pin, greeting, &email)
    }

    /// The holder of [`ACCOUNT`].
    pub(crate) fn holder(&self) -> User {
        self.sandbox
            .auth0
            .user(&format!("holder-of-{ACCOUNT}@acme.example"))
            .unwrap()
    }

    /// Somebody calls, presses these keys, one text for each question, and stays until the end. Answers have different numbers in each
    /// call: here they have none.
    pub(crate) async fn call(&self, from: &str, keys: &[&str]) -> Call {
        self.mark(from);
        let mut call = self
            .sandbox
            .twilio
            .caller(from)
            .keys(keys.iter().copied())
            .call(NUMBER)
            .await;
        call.documents
            .iter_mut()
            .for_each(|document| *document = unnumbered(document));
        call
    }

    /// The webhook for a new call, as Twilio makes it.
    pub(crate) fn inbound(&self, from: &str) -> Params {
        self.mark(from);
        self.sandbox.twilio.inbound_call(from, NUMBER)
    }

    /// A signed request of a call, to where an answer told Twilio to post: what comes, and where it tells to post next.
    pub(crate) fn post(
        &self,
        call: &Params,
        address: &str,
        keys: &str,
    ) -> impl Future<Output = (String, String)> + Send + use<> {
        let params = and(call, &[("CallStatus", "in-progress"), ("Digits", keys)]);
        let url = format!("{}{}", self.lambda.url(), address.trim_start_matches('/'));
        let signature = self.sandbox.twilio.sign(&url, &params);
        let answering = client()
            .post(url)
            .header("x-twilio-signature", signature)
            .form(&params)
            .send();
        async move {
            let answer = answering.await.unwrap().text().await.unwrap();
            let next = answer
                .split_once("action=\"")
                .map(|(_, rest)| rest.split(['"', '#']).next().unwrap().to_owned());
            (unnumbered(&answer), next.unwrap_or_default())
        }
    }

    /// Such requests one after the other; where the last answer tells to post.
    pub(crate) async fn follow(&self, call: &Params, keys: &[&str]) -> String {
        let mut next = self.post(call, "voice", "").await.1;
        for keys in keys {
            next = self.post(call, &next, keys).await.1;
        }
        next
    }

    /// A signed step of a call, without the number of an answer.
    pub(crate) fn step(
        &self,
        call: &Params,
        path: &str,
        keys: &str,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let params = and(call, &[("CallStatus", "in-progress"), ("Digits", keys)]);
        let url = format!("{}{path}", self.lambda.url());
        let signature = self.sandbox.twilio.sign(&url, &params);
        send(
            client()
                .post(url)
                .header("x-twilio-signature", signature)
                .form(&params),
        )
    }

    /// The document that a step is answered.
    pub(crate) async fn document(&self, call: &Params, path: &str, keys: &str) -> String {
        let answer = self.step(call, path, keys).await;
        assert_eq!(
            (answer.status, answer.headers["content-type"].as_str()),
            (200, "text/xml; charset=utf-8"),
            "{path}"
        );
        answer.body
    }

    /// An account number and a PIN from an IVR that has our token.
    pub(crate) fn validate(
        &self,
        account: &str,
        pin: &str,
    ) -> impl Future<Output = Answer> + Send + use<> {
        self.validate_form(&[("account_number", account), ("pin", pin)])
    }

    /// The same, for this caller.
    pub(crate) fn validate_for(
        &self,
        caller: &str,
        account: &str,
        pin: &str,
    ) -> impl Future<Output = Answer> + Send + use<> {
        self.validate_form(&[
            ("account_number", account),
            ("pin", pin),
            ("caller", caller),
        ])
    }

    pub(crate) fn validate_form(
        &self,
        form: &[(&str, &str)],
    ) -> impl Future<Output = Answer> + Send + use<> {
        send(
            client()
                .post(format!("{}validate", self.lambda.url()))
                .bearer_auth(TOKEN)
                .form(form),
        )
    }

    /// Forgets what upstreams were asked so far.
    pub(crate) fn clear(&self) {
        for server in [
            self.sandbox.auth0.server(),
            self.sandbox.aws.dynamodb(),
            &self.api,
        ] {
            server.clear_exchanges();
        }
    }

    /// Neither Auth0 nor the table nor the API was asked anything.
    #[track_caller]
    pub(crate) fn untouched(&self) {
        for server in [
            self.sandbox.auth0.server(),
            self.sandbox.aws.dynamodb(),
            &self.api,
        ] {
            let asked: Vec<_> = server
                .exchanges()
                .into_iter()
                .map(|exchange| exchange.target)
                .collect();
            assert_eq!(asked, [""; 0]);
        }
    }

    /// How often the API was asked.
    pub(crate) fn asked(&self) -> usize {
        self.api.exchanges().len()
    }

    /// Passwords tried at Auth0.
    pub(crate) fn logins(&self) -> usize {
        let exchanges = self.sandbox.auth0.server().exchanges();
        exchanges
            .iter()
            .filter(|exchange| {
                exchange
                    .request
                    .windows(14)
                    .any(|part| part == b"password-realm")
            })
            .count()
    }

    /// The attribute of the items with these keys; `sk` may be the beginning of one.
    pub(crate) async fn counted(&self, pk: &str, sk: &str, attribute: &str) -> Vec<u64> {
        let items = self.sandbox.aws.items().await;
        let fits = |item: &&Value| {
            item["pk"]["S"].as_str().unwrap().starts_with(pk)
                && item["sk"]["S"].as_str().unwrap().starts_with(sk)
        };
        items
            .iter()
            .filter(fits)
            .map(|item| item[attribute]["N"].as_str().unwrap().parse().unwrap())
            .collect()
    }

    /// Wrong PINs counted for [`ACCOUNT`]: by its callers together.
    pub(crate) async fn wrong(&self) -> u64 {
        self.counted(&format!("lock#{ACCOUNT}"), "all", "wrong")
            .await
            .into_iter()
            .sum()
    }
}

impl Deref for Scene {
    type Target = scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

/// What the API knows.
async fn account(OriginalUri(uri): OriginalUri) -> Result<String, StatusCode> {
    if uri.path() != format!("/accounts/{ACCOUNT}") {
        return Err(StatusCode::NOT_FOUND);
    }
    let payments = json!([{ "amount": 20, "currency": "EUR", "date": "2026-11-02" }]);
    Ok(json!({ "account_number": ACCOUNT, "balance": { "amount": "1234.50", "currency": "EUR" }, "payments": payments })
        .to_string())
}

fn access_token(exchange: &Exchange) -> Option<String> {
    serde_json::from_slice::<Value>(&exchange.response).ok()?["access_token"]
        .as_str()
        .map(str::to_owned)
}

/// The bearer tokens that the API was shown.
pub(crate) fn bearers(server: &Server) -> Vec<String> {
    let bearer = |exchange: &Exchange| {
        let header = exchange
            .headers
            .iter()
            .find(|(name, _)| name == "authorization");
        header
            .and_then(|(_, value)| value.strip_prefix("Bearer "))
            .unwrap_or_default()
            .to_owned()
    };
    server.exchanges().iter().map(bearer).collect()
}

/// The tokens that Auth0 issued, in order.
pub(crate) fn issued(scene: &Scene) -> Vec<String> {
    scene
        .sandbox
        .auth0
        .server()
        .exchanges()
        .iter()
        .filter_map(access_token)
        .collect()
}

/// Sends a request and reads the answer.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let headers = answer
        .headers()
        .iter()
        .filter(|(name, _)| !["date", "content-length"].contains(&name.as_str()));
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    Answer {
        status,
        headers,
        body: unnumbered(&answer.text().await.unwrap()),
    }
}

/// The document without the numbers of answers.
fn unnumbered(document: &str) -> String {
    let mut parts = document.split("?step=");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

/// A document that says this and hangs up.
pub(crate) fn last_words(words: &[&str]) -> String {
    let said: Vec<_> = words
        .iter()
        .map(|words| format!("<Say language=\"en-US\">{words}</Say>"))
        .collect();
    document(&format!("{}<Hangup/>", said.concat()))
}

/// A document that asks this question.
pub(crate) fn question(words: &str, step: &str, digits: Option<u32>) -> String {
    let digits = digits
        .map(|digits| format!(" numDigits=\"{digits}\""))
        .unwrap_or_default();
    let gather = format!(
        "<Gather input=\"dtmf\" action=\"/voice/{step}\" method=\"POST\" finishOnKey=\"#\" timeout=\"8\" actionOnEmptyResult=\"true\"{digits}>"
    );
    document(&format!(
        "{gather}<Say language=\"en-US\">{words}</Say></Gather>"
    ))
}

/// What counts the wrong PINs for an account: of all callers (`all`) or of one (`caller#...`).
pub(crate) fn lock(account: &str, sk: &str, wrong: u32, expires_at: u64) -> Value {
    json!({
        "pk": { "S": format!("lock#{account}") }, "sk": { "S": sk }, "wrong": { "N": wrong.to_string() },
        "expires_at": { "N": expires_at.to_string() },
    })
}

/// Posts a form with this signature.
pub(crate) async fn post_signed(url: &str, signature: &str, params: &Params) -> Answer {
    send(
        client()
            .post(url)
            .header("x-twilio-signature", signature)
            .form(params),
    )
    .await
}
