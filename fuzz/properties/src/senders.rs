//! The secrets of senders, and requests that they sign. The sandbox gives the secrets once and ends.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sandbox::Sandbox;
use serde_json::{Value, json};
use shared::platform::Platform;
use shared::platform::config::{self, Source};
use shared::platform::request::Request;
use shared::platform::secrets::{Content, Secret};
use shared::vendors::clickatell::receipt::CallbackToken;
use shared::vendors::vonage::receipt::SigningKey;
use shared::vendors::{mailgun, plivo, twilio};
use tokio::runtime::{Builder, Runtime};

use crate::claims::NOW;

/// The host of every request.
pub(crate) const HOST: &str = "hooks.example.com";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";
/// A mail may have five mebibytes. No input has as many.
const LIMIT: usize = 8 << 20;

/// The time of every request. It never changes, so each secret is fetched once.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

/// What checks the senders.
pub(crate) struct Senders {
    pub(crate) twilio: Secret<twilio::Credentials>,
    pub(crate) mailgun: Secret<mailgun::Credentials>,
    pub(crate) plivo: Secret<plivo::Credentials>,
    pub(crate) vonage: Secret<SigningKey>,
    pub(crate) clickatell: Secret<CallbackToken>,
    runtime: Runtime,
}

pub(crate) static SENDERS: LazyLock<Senders> = LazyLock::new(Senders::new);

impl Senders {
    fn new() -> Self {
        let mut threads = Builder::new_multi_thread();
        let threads = threads.worker_threads(1).enable_all().build();
        let threads = threads.expect("a runtime");
        let sandbox = threads.block_on(Box::pin(Sandbox::start()));
        // Each function may read only its own secrets.
        let mailgun = read(&sandbox, "send-verification-sms", |platform, source| {
            platform.secret(source, "MAILGUN_SECRET")
        });
        let senders = read(&sandbox, "delivery-status", |platform, source| Self {
            twilio: platform.secret(source, "TWILIO_SECRET"),
            mailgun,
            plivo: platform.secret(source, "PLIVO_SECRET"),
            vonage: platform.secret(source, "VONAGE_SECRET"),
            clickatell: platform.secret(source, "CLICKATELL_SECRET"),
            runtime: Builder::new_current_thread().build().expect("a runtime"),
        });
        threads.block_on(async {
            fetch(&senders.twilio).await;
            fetch(&senders.mailgun).await;
            fetch(&senders.plivo).await;
            fetch(&senders.vonage).await;
            fetch(&senders.clickatell).await;
        });
        sandbox.finish();
        senders
    }

    /// Waits for what needs nobody else.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// What a function reads of its environment.
fn read<T>(
    sandbox: &Sandbox,
    function: &str,
    take: impl FnOnce(&Platform, &mut Source<'_>) -> T,
) -> T {
    let environment = sandbox.env_for(function);
    let lookup = |name: &str| environment.get(name).cloned();
    let read = config::read(&lookup, |source| take(&Platform::read(source), source));
    read.unwrap_or_else(|problems| panic!("{function}: {problems}"))
}

/// Fetches a secret, so that it is not fetched again for a signature that does not match.
async fn fetch<T: Content>(secret: &Secret<T>) {
    let fetched = secret.refresh(now()).await;
    assert!(fetched.is_ok_and(|secret| secret.is_some()), "no secret");
}

/// A request with this body, after the check of its length.
pub(crate) fn posted(path: &str, kind: &str, headers: &Value, body: &[u8]) -> Request {
    let request = request("POST", path, "", kind, headers, body).expect("a request");
    let kind = request.media_type();
    let checked = request.expect_post(path, &[&kind], LIMIT);
    assert!(checked.is_ok(), "a body that can be read");
    request
}

/// A request with this query. `None`: no URL has such a query.
pub(crate) fn asked(path: &str, query: &str) -> Option<Request> {
    request("GET", path, query, FORM, &json!({}), b"")
}

fn request(
    method: &str,
    path: &str,
    query: &str,
    kind: &str,
    headers: &Value,
    body: &[u8],
) -> Option<Request> {
    let mut headers = headers.clone();
    headers["content-type"] = kind.into();
    let event = json!({
        "rawPath": path, "rawQueryString": query, "headers": headers,
        "body": STANDARD.encode(body), "isBase64Encoded": true,
        "requestContext": { "domainName": HOST, "http": { "method": method } },
    });
    Request::from_event(&event.to_string(), "id", Instant::now()).ok()
}
