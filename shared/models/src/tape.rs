//! One instance, as the sequence of answers that it has got.
//!
//! A future cannot be copied, but a state must be. So an instance is stored as its tape: its calls
//! with their answers. To learn its next calls, the code runs again from the start and gets the
//! answers of the tape. The first call without an answer is the next one. The code is deterministic,
//! because each instance has a fixed clock and fixed random numbers. While it sleeps, its clock goes
//! on with the model's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::{Response, StatusCode};
use aws_smithy_types::body::SdkBody;
use reqwest::header::LOCATION;
use serde_json::{Value, json};
use shared::platform::Platform;
use shared::platform::config::{self, Source};
use shared::platform::http::{self, Answer as HttpAnswer, Carrier, Client, NoAnswer};
use shared::platform::random;
use shared::platform::table::Table;

use crate::digest;
use crate::table::{Reply, canonical};

/// A call to the world outside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// DynamoDB's operation, or the name of an effect. That of an HTTP request is its method, its URL
    /// and its body. The body of a redirect's answer is where it leads.
    pub target: String,
    /// DynamoDB's request; empty for an effect.
    pub body: String,
}

impl Call {
    fn sleep() -> Self {
        Self {
            target: "sleep".to_owned(),
            body: String::new(),
        }
    }

    /// True if the instance sleeps. The answer is the second in which it wakes.
    pub fn is_sleep(&self) -> bool {
        *self == Self::sleep()
    }

    /// True for what happens outside the table.
    pub fn is_effect(&self) -> bool {
        self.body.is_empty()
    }
}

/// The answer to a call. `None`: it was lost.
pub type Answer = Option<Reply>;

/// The calls that have an answer, in the order of the answers.
pub type Tape = Vec<(Call, Answer)>;

/// Where an instance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It waits for the answers of these calls.
    Waiting(Vec<Call>),
    /// It has given this answer to its caller.
    Ended(String),
}

#[derive(Debug, Default)]
struct Playing {
    left: Tape,
    waiting: Vec<Call>,
    at_once: Vec<(String, Reply)>,
}

impl Playing {
    /// When the instance woke, if the tape has it.
    fn woke(&mut self) -> Option<u64> {
        let place = self.left.iter().position(|(call, _)| call.is_sleep())?;
        let (_, answer) = self.left.remove(place);
        answer?.body.parse().ok()
    }
}

/// The wire of one instance.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<Playing>>);

impl Wire {
    /// A call whose target or body contains `part` is answered so, at once and always. It is no step,
    /// and it changes nothing.
    pub fn at_once(&self, part: impl Into<String>, reply: Reply) {
        self.playing().at_once.push((part.into(), reply));
    }

    fn playing(&self) -> MutexGuard<'_, Playing> {
        self.0.lock().expect("no thread has panicked")
    }

    async fn ask(&self, target: &str, body: String) -> Answer {
        let found = {
            let mut playing = self.playing();
            let call = Call {
                target: target.to_owned(),
                body,
            };
            let is_of = |part: &str| call.target.contains(part) || call.body.contains(part);
            let mut at_once = playing.at_once.iter();
            if let Some((_, reply)) = at_once.find(|(part, _)| is_of(part)) {
                return Some(reply.clone());
            }
            let place = playing.left.iter().position(|(made, _)| *made == call);
            if place.is_none() {
                playing.waiting.push(call);
            }
            place.map(|place| playing.left.remove(place).1)
        };
        match found {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// An effect outside the table: its answer, or `None` if the answer was lost.
    pub async fn effect(&self, name: &str) -> Option<String> {
        self.ask(name, String::new()).await.map(|reply| reply.body)
    }

    /// The table behind this wire. A lost answer is not asked for again: a repeat of the SDK is a
    /// repeat of the caller with less in between.
    pub fn table(&self) -> Table {
        Self::table_of(self.clone())
    }

    fn table_of(client: impl HttpClient + 'static) -> Table {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            // Signatures would take most of the time.
            .allow_no_auth()
            .http_client(client)
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .endpoint_url("http://table.invalid");
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        Table::new(client, "table".to_owned())
    }
}

/// Secrets Manager's answer.
fn secret(id: &str) -> Value {
    let content = match id {
        "twilio" => json!({ "account_sid": format!("AC{:032}", 0), "auth_token": "secret" }),
        "auth0" => json!({ "client_id": "client", "client_secret": "secret" }),
        "clickatell" => json!({ "api_key": "secret", "callback_token": "token" }),
        "gateway" => json!({ "bearer_token": "a-static-bearer-token-for-the-action" }),
        "mailgun" => json!({ "signing_key": sandbox::mailgun::SIGNING_KEY }),
        "okta" => json!({ "api_token": "secret" }),
        other => panic!("there is no secret {other}"),
    };
    json!({ "SecretString": content.to_string() })
}

/// What Secrets Manager and KMS answer, always and at once. This KMS encrypts nothing. `None`: the
/// request is not for them.
fn service(target: &str, body: &str) -> Option<Value> {
    let asked = || -> Value { serde_json::from_str(body).expect("the request is JSON") };
    Some(match target {
        "secretsmanager.GetSecretValue" => secret(asked()["SecretId"].as_str().unwrap_or_default()),
        "TrentService.Encrypt" => json!({ "CiphertextBlob": asked()["Plaintext"] }),
        "TrentService.Decrypt" => json!({ "Plaintext": asked()["CiphertextBlob"] }),
        _ => return None,
    })
}

thread_local! {
    /// Making the clients anew for each step would take longer than the step.
    static PLATFORM: RefCell<Option<Platform>> = const { RefCell::new(None) };
    /// The wire of the instance that this thread plays.
    static PLAYED: RefCell<Wire> = RefCell::default();
}

impl Wire {
    /// A function with these settings. Its requests and its table are behind the wire of the
    /// instance that this thread plays.
    pub fn function<F>(
        settings: &[(&str, &str)],
        read: impl FnOnce(&Platform, &mut Source<'_>) -> F,
    ) -> F {
        let set = |name: &str| match name {
            "AWS_REGION" => Some("eu-central-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "TABLE_NAME" => Some("x".to_owned()),
            _ => {
                let mut settings = settings.iter();
                settings.find_map(|(known, value)| (*known == name).then(|| (*value).to_owned()))
            }
        };
        let read = config::read(&set, |source| {
            PLATFORM.with_borrow_mut(|platform| {
                let platform = platform.get_or_insert_with(|| {
                    let client = Client::new(http::Settings::default()).expect("a client");
                    let client = client.carried_by(Arc::new(Current));
                    let mut platform = Platform::over(client, source);
                    platform.table = Self::table_of(Current);
                    platform
                });
                read(platform, source)
            })
        });
        read.unwrap_or_else(|problems| panic!("{problems}"))
    }
}

/// Carries the requests of the instance that this thread plays.
#[derive(Debug, Clone)]
struct Current;

impl HttpClient for Current {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        PLAYED.with_borrow(|wire| wire.http_connector(settings, components))
    }
}

impl Carrier for Current {
    fn carry(
        &self,
        request: reqwest::Request,
    ) -> Pin<Box<dyn Future<Output = Result<HttpAnswer, NoAnswer>> + Send>> {
        let wire = PLAYED.with_borrow(Clone::clone);
        Box::pin(async move {
            let body = request.body().and_then(reqwest::Body::as_bytes);
            let body = String::from_utf8_lossy(body.unwrap_or_default());
            let target = request.headers().get("x-amz-target");
            let target = target.and_then(|target| target.to_str().ok());
            if let Some(answer) = target.and_then(|target| service(target, &body)) {
                return Ok(HttpAnswer::new(200, answer.to_string()));
            }
            let call = format!("{} {} {body}", request.method(), request.url());
            match wire.ask(&call, String::new()).await {
                None => Err(NoAnswer::Unknown("no answer in time")),
                Some(reply) if (300..400).contains(&reply.status) => {
                    let mut answer = HttpAnswer::new(reply.status, "");
                    let location = reply.body.parse().expect("an address");
                    answer.headers.insert(LOCATION, location);
                    Ok(answer)
                }
                Some(reply) => Ok(HttpAnswer::new(reply.status, reply.body)),
            }
        })
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let target = target.rsplit('.').next().unwrap_or_default().to_owned();
            let body = request.body().bytes().unwrap_or_default();
            let mut body: Value = serde_json::from_slice(body).expect("the SDK sends JSON");
            // The SDK makes one by chance for each transaction.
            if let Some(fields) = body.as_object_mut() {
                fields.remove("ClientRequestToken");
            }
            match wire.ask(&target, canonical(body)).await {
                None => Err(ConnectorError::io("the answer was lost".into())),
                Some(Reply { status, body }) => {
                    let status = StatusCode::try_from(status).expect("a status");
                    Ok(Response::new(status, SdkBody::from(body)))
                }
            }
        })
    }
}

/// The code of an instance.
pub type Code = Pin<Box<dyn Future<Output = String>>>;

/// Second `second` of the model.
pub fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

/// The steps that were found so far, by the digest of the instance and its tape. So the code runs
/// once for each different tape.
#[derive(Debug, Default)]
pub struct Player(Mutex<HashMap<u64, Step>>);

impl Player {
    /// Where instance number `attempt` of `caller` is, which began at `now` and has got `tape`.
    pub fn step(
        &self,
        (caller, attempt, now): (usize, u8, u64),
        tape: &[(Call, Answer)],
        code: impl Fn(Wire) -> Code,
    ) -> Step {
        let known = digest(&(caller, attempt, now, tape));
        let steps = || self.0.lock().expect("no thread has panicked");
        let found = steps().get(&known).cloned();
        if let Some(step) = found {
            return step;
        }
        let seed = (caller as u64) << 8 | u64::from(attempt);
        let step = play(seed, now, tape, code);
        steps().insert(known, step.clone());
        step
    }
}

fn play(seed: u64, now: u64, tape: &[(Call, Answer)], code: impl Fn(Wire) -> Code) -> Step {
    loop {
        let started = Instant::now();
        random::follow(seed);
        let (step, is_repeated) = play_once(now, tape, &code);
        // The code reads a real clock as well. Its second must not change in between.
        if started.elapsed() < Duration::from_millis(700) {
            assert!(
                is_repeated,
                "the code is not deterministic: it did not repeat a call of its tape"
            );
            return step;
        }
    }
}

/// The step, and whether the code made all calls of the tape again.
fn play_once(mut now: u64, tape: &[(Call, Answer)], code: impl Fn(Wire) -> Code) -> (Step, bool) {
    let wire = Wire::default();
    wire.playing().left = tape.to_vec();
    PLAYED.replace(wire.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut running = code(wire.clone());
        loop {
            if let Some(step) = until_it_waits(&mut running, &wire).await {
                let is_repeated = matches!(step, Step::Ended(_)) || wire.playing().left.is_empty();
                return (step, is_repeated);
            }
            let woke = wire.playing().woke();
            let Some(woke) = woke else {
                return (Step::Waiting(vec![Call::sleep()]), true);
            };
            tokio::time::advance(Duration::from_secs(woke - now)).await;
            now = woke;
        }
    })
}

/// `None`: it sleeps.
async fn until_it_waits(running: &mut Code, wire: &Wire) -> Option<Step> {
    let mut idle = 0;
    poll_fn(|context| match running.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(Step::Ended(answer))),
        Poll::Pending => {
            let waiting = std::mem::take(&mut wire.playing().waiting);
            if !waiting.is_empty() {
                return Poll::Ready(Some(Step::Waiting(waiting)));
            }
            idle += 1;
            if idle > 3 {
                return Poll::Ready(None);
            }
            // Something inside may have yielded.
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}
