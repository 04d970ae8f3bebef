//! A sandbox with the function running in it, and the questions every test asks.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use ring::hmac;
use sandbox::scene::{self, at_once, wait_for};
use sandbox::wire::{Fault, Faults, Server};
use sandbox::{Sandbox, clickatell, plivo, twilio};
use serde_json::{Value, json};

pub(crate) use sandbox::scene::{Setting as Override, number, status, wait_exchanges};

pub(crate) const FUNCTION: &str = "sms-gateway";
pub(crate) const PHONE: &str = "+4520304050";
pub(crate) const OTHER_PHONE: &str = "+4531415161";
pub(crate) const TEXT: &str = "Your verification code is: 27182818";
pub(crate) const OTHER_TEXT: &str = "Your verification code is: 31415926";
pub(crate) const JWT_SECRET: &str = "a-gateway-secret-of-32-bytes-and-more";
pub(crate) const BEARER: &str = "a-static-bearer-token-for-the-action";
pub(crate) const AUDIENCE: &str = "urn:MySmsGateway";
pub(crate) const SUBJECT: &str = "urn:Auth0";
pub(crate) const PROVIDERS: [&str; 4] = ["twilio", "clickatell", "plivo", "vonage"];

/// Whatever a provider says, these are not repeated, nor any secret of the sandbox.
const SECRETS: [&str; 6] = [
    JWT_SECRET,
    BEARER,
    twilio::ACCOUNT_SID,
    clickatell::USER,
    clickatell::PASSWORD,
    plivo::AUTH_ID,
];

/// Where a provider's credentials are.
pub(crate) fn secret(provider: &str) -> String {
    format!(
        "switchboard/{}",
        if provider == "twilio" {
            "twilio-send"
        } else {
            provider
        }
    )
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The body as JSON, `Null` if there is none.
    pub(crate) body: Value,
    pub(crate) allow: Option<String>,
}

impl Answer {
    /// A receipt's provider.
    pub(crate) fn provider(&self) -> &str {
        self.body["provider"].as_str().unwrap_or_default()
    }
}

/// What came back at an entrance whose callers read more than status and body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

impl Told {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: Some("application/json".to_owned()),
            retry_after: None,
            body: body.to_string(),
        }
    }

    /// A refusal without a body. Lambda adds the type that an answer lacks.
    pub(crate) fn refused(status: u16) -> Self {
        Self {
            status,
            content_type: Some("application/json".to_owned()),
            retry_after: None,
            body: String::new(),
        }
    }
}

/// When it ends, no number, text, token or secret of the test may be in anything that was written, at the most talkative level.
pub(crate) struct Scene {
    scene: scene::Scene,
    client: reqwest::Client,
}

impl Scene {
    pub(crate) async fn with(overrides: &[Override<'_>]) -> Self {
        Self::on(Sandbox::start().await, 1, overrides).await
    }

    /// Everything goes through these, in this order.
    pub(crate) async fn through(route: &str) -> Self {
        Self::with(&[("SMS_ROUTES", Some(&format!("*={route}")))]).await
    }

    /// With a function that Lambda ends after `timeout`: leases and waits end sooner.
    pub(crate) async fn hurried(timeout: Duration, route: &str) -> Self {
        let mut sandbox = Sandbox::start().await;
        sandbox.set_timeout(timeout);
        Self::on(sandbox, 1, &[("SMS_ROUTES", Some(&format!("*={route}")))]).await
    }

    pub(crate) async fn on(sandbox: Sandbox, instances: usize, overrides: &[Override<'_>]) -> Self {
        sandbox.aws.set_secret(
            "switchboard/gateway",
            &json!({ "jwt_secret": JWT_SECRET, "bearer_token": BEARER }),
        );
        let usual = [
            ("GATEWAY_AUDIENCE", Some(AUDIENCE)),
            ("GATEWAY_SUBJECT", Some(SUBJECT)),
        ];
        let (binary, settings) = (
            env!("CARGO_BIN_EXE_sms-gateway"),
            [&usual, overrides].concat(),
        );
        let scene = Self {
            scene: scene::Scene::start(sandbox, FUNCTION, binary, instances, &settings).await,
            client: sandbox::wire::client(),
        };
        for secret in SECRETS {
            scene.mark(secret);
        }
        scene
    }

    /// Neither the whole, nor its digits, nor those without a calling code.
    fn mark_content(&self, text: &str) {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        // Digits of a thousand numbers would be found in ids by chance.
        if digits.len() >= 8 && self.marked() < 200 {
            self.mark(text);
            self.mark(&digits);
            self.mark(&digits[digits.len() - 8..]);
        }
    }

    pub(crate) fn server(&self, provider: &str) -> &Server {
        match provider {
            "twilio" => self.sandbox.twilio.server(),
            "clickatell" => self.sandbox.clickatell.server(),
            "plivo" => self.sandbox.plivo.server(),
            "vonage" => self.sandbox.vonage.server(),
            "aws" => self.sandbox.aws_sms.server(),
            other => panic!("{other} is no provider"),
        }
    }

    pub(crate) fn faults(&self, provider: &str) -> &Faults {
        self.server(provider).faults()
    }

    /// Waits until a cooldown of one second, of a text that was just sent, has ended. Whole seconds count.
    pub(crate) async fn wait_cooled_down(&self) {
        let end = sandbox::now().as_secs() + 2;
        while sandbox::now().as_secs() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How often the providers were asked, in the order of [`PROVIDERS`].
    pub(crate) fn asked(&self) -> [usize; 4] {
        PROVIDERS.map(|provider| self.server(provider).exchanges().len())
    }

    /// How many texts each of them took.
    pub(crate) fn texts(&self) -> [usize; 4] {
        let sandbox = &self.sandbox;
        [
            sandbox.twilio.messages().len(),
            sandbox.clickatell.messages().len(),
            sandbox.plivo.messages().len(),
            sandbox.vonage.messages().len(),
        ]
    }

    /// No provider was called and the table not touched.
    pub(crate) fn untouched(&self) {
        assert_eq!(self.asked(), [0; 4]);
        assert!(self.sandbox.aws.dynamodb().exchanges().is_empty());
    }

    /// How often a provider's secret was fetched, or another.
    pub(crate) fn fetched(&self, provider: &str) -> usize {
        let secret = secret(provider);
        self.scene
            .fetched(secret.trim_start_matches("switchboard/"))
    }

    /// A code as Auth0's legacy gateway posts it.
    pub(crate) async fn send(&self, to: &str, text: &str) -> Answer {
        self.post(&json!({ "recipient": to, "body": text, "sender": "+15005550006" }))
            .await
    }

    /// A body with a good token.
    pub(crate) async fn post(&self, body: &Value) -> Answer {
        self.post_as(Some(&format!("Bearer {}", token(&json!({})))), body)
            .await
    }

    pub(crate) async fn post_as(&self, authorization: Option<&str>, body: &Value) -> Answer {
        for value in ["recipient", "body", "text"]
            .iter()
            .filter_map(|name| body[name].as_str())
        {
            self.mark_content(value);
        }
        let headers: Vec<_> = authorization
            .map(|value| ("authorization", value))
            .into_iter()
            .collect();
        self.request(
            "POST",
            "",
            &[&headers[..], &[("content-type", "application/json")]].concat(),
            body.to_string(),
        )
        .await
    }

    /// Any request to the Function URL, `path` without its leading slash.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let url = format!("{}{path}", self.lambda.url());
        let mut request = self.client.request(method.parse().unwrap(), url).body(body);
        for (name, value) in headers {
            if *name == "authorization" {
                value
                    .split_whitespace()
                    .skip(1)
                    .filter(|token| token.len() > 8)
                    .for_each(|token| self.mark(token));
            }
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let allow = answer
            .headers()
            .get("allow")
            .map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        self.assert_unmarked(&text);
        Answer {
            status,
            body: if text.is_empty() {
                Value::Null
            } else {
                serde_json::from_str(&text).unwrap()
            },
            allow,
        }
    }

    /// A POST of JSON to another entrance, `path` without its leading slash.
    pub(crate) async fn post_to(
        &self,
        path: &str,
        headers: &[(&str, String)],
        body: impl Into<String>,
    ) -> Told {
        let url = format!("{}{path}", self.lambda.url());
        let mut request = self.client.post(url).body(body.into());
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        let header = |name| {
            let value: Option<&reqwest::header::HeaderValue> = answer.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        let told = Told {
            status: answer.status().as_u16(),
            content_type: header("content-type"),
            retry_after: header("retry-after"),
            body: answer.text().await.unwrap(),
        };
        self.assert_unmarked(&told.body);
        told
    }

    /// The same code `n` times at once.
    pub(crate) async fn send_together(
        self: &Arc<Self>,
        sends: Vec<(String, String)>,
    ) -> Vec<Answer> {
        let sending = sends.into_iter().map(|(to, text)| {
            let scene = Arc::clone(self);
            async move { scene.send(&to, &text).await }
        });
        at_once(sending).await
    }

    /// Waits until a provider was asked `n` times; it may still be thinking.
    pub(crate) async fn wait_asked(&self, provider: &str, n: usize) {
        wait_exchanges(self.server(provider), n).await;
    }

    /// Waits until `n` requests to the table named such an item; they may not have been answered.
    pub(crate) async fn wait_written(&self, part: &str, n: usize) {
        wait_for(self.sandbox.aws.dynamodb(), n, |exchange| {
            String::from_utf8_lossy(&exchange.request).contains(part)
        })
        .await;
    }

    /// The counts of a limit, of every hour the test saw (nearly always one).
    pub(crate) async fn counted(&self, counter: &str) -> Vec<u64> {
        self.items(counter)
            .await
            .iter()
            .map(|item| number(&item["hits"]))
            .collect()
    }
}

impl Deref for Scene {
    type Target = scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

/// A good token of the gateway's connection, with these claims over the usual ones; `null` takes one away.
pub(crate) fn token(claims: &Value) -> String {
    jwt(
        &json!({ "alg": "HS256", "typ": "JWT" }),
        claims,
        JWT_SECRET.as_bytes(),
    )
}

pub(crate) fn jwt(header: &Value, claims: &Value, key: &[u8]) -> String {
    let mut all = json!({ "aud": AUDIENCE, "sub": SUBJECT, "iat": sandbox::now().as_secs() });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    signed(
        &format!("{}.{}", part(header), part(&all)),
        hmac::HMAC_SHA256,
        key,
    )
}

pub(crate) fn signed(text: &str, algorithm: hmac::Algorithm, key: &[u8]) -> String {
    format!(
        "{text}.{}",
        BASE64URL.encode(hmac::sign(&hmac::Key::new(algorithm, key), text.as_bytes()))
    )
}

pub(crate) fn part(value: &Value) -> String {
    BASE64URL.encode(value.to_string())
}

pub(crate) fn says(status: u16, body: impl Into<String>) -> Fault {
    scene::says(status, &body.into())
}
