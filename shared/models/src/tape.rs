//! One instance, as the sequence of answers that it has got.
//!
//! A future cannot be copied, but a state must be. So an instance is stored as its tape: its calls
//! with their answers. To learn its next calls, the code runs again from the start and gets the
//! answers of the tape. The first call without an answer is the next one. The code is deterministic,
//! because each instance has a fixed name and a fixed clock.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, IdentityCache, Region, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::{Response, StatusCode};
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use shared::platform::table::Table;

use crate::table::{Reply, canonical};

/// A call to the world outside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// DynamoDB's operation, or the name of an effect.
    pub target: String,
    /// DynamoDB's request; empty for an effect.
    pub body: String,
}

impl Call {
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
}

/// The wire of one instance.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<Playing>>);

impl Wire {
    fn playing(&self) -> MutexGuard<'_, Playing> {
        self.0.lock().expect("no thread has panicked")
    }

    async fn ask(&self, target: &str, body: String) -> Answer {
        let call = Call {
            target: target.to_owned(),
            body,
        };
        let found = {
            let mut playing = self.playing();
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
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "model"))
            .http_client(self.clone())
            .retry_config(RetryConfig::disabled())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .endpoint_url("http://table.invalid");
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        Table::new(client, "table".to_owned())
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

type Played = (usize, u8, u64, Tape);

/// The steps that were found so far, so that the code runs once for each different tape.
#[derive(Debug, Default)]
pub struct Player(Mutex<HashMap<Played, Step>>);

impl Player {
    /// Where instance number `attempt` of `caller` is, which began at `now` and has got `tape`.
    pub fn step(
        &self,
        (caller, attempt, now): (usize, u8, u64),
        tape: &[(Call, Answer)],
        code: impl FnOnce(Wire) -> Code,
    ) -> Step {
        let known = (caller, attempt, now, tape.to_vec());
        let steps = || self.0.lock().expect("no thread has panicked");
        let found = steps().get(&known).cloned();
        if let Some(step) = found {
            return step;
        }
        let step = play(tape, code);
        steps().insert(known, step.clone());
        step
    }
}

fn play(tape: &[(Call, Answer)], code: impl FnOnce(Wire) -> Code) -> Step {
    let wire = Wire::default();
    wire.playing().left = tape.to_vec();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut running = code(wire.clone());
        poll_fn(|context| match running.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Step::Ended(answer)),
            Poll::Pending => {
                let waiting = std::mem::take(&mut wire.playing().waiting);
                if waiting.is_empty() {
                    return Poll::Pending; // It sleeps.
                }
                assert!(
                    wire.playing().left.is_empty(),
                    "the code is not deterministic: it did not repeat a call of its tape"
                );
                Poll::Ready(Step::Waiting(waiting))
            }
        })
        .await
    })
}
