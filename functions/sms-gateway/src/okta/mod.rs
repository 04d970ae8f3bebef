//! The entrance for Okta: `POST /okta`, the telephony inline hook
//! (<https://developer.okta.com/docs/guides/telephony-inline-hook/main/>).
//!
//! Okta waits 3 s, and asks once. After any other status than 200, after `FAILED` and after no
//! answer in time it sends the code itself. So a failure is final for its event, and an unknown
//! outcome is answered `PENDING`: otherwise two texts could arrive.

mod posted;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::secrets::{self, Content, Keys, Secret};
use shared::rules::sms::segments;
use shared::rules::words::Words;
use tokio::time::Instant;

use crate::gateway::{Gateway, Message, Outcome, RESERVE};
use crate::posted::BODY_LIMIT;
use posted::Asked;

/// Half of [`RESERVE`] follows for the closing write. So the answer comes within 2.7 s. The rest of
/// Okta's 3 s is for the way.
const TIME: Duration = Duration::from_millis(2_200);
/// A code that ends sooner would come too late.
const SHORTEST_LIFE: Duration = Duration::from_secs(5);
/// A copy of an event is known for at least this long, and while its code is valid.
const EVENT_LIFE: Duration = Duration::from_mins(10);

/// The `okta-hook` secret.
struct Credentials(SecretString);

impl Content for Credentials {
    const NAME: &'static str = "okta-hook";

    fn take(keys: &mut Keys) -> Option<Self> {
        keys.required("bearer_token").map(Self)
    }
}

/// The settings of this entrance.
pub(crate) struct Okta {
    credentials: Secret<Credentials>,
    /// How long a code is valid if Okta does not say it.
    code_life: Duration,
    words: Arc<Words>,
}

impl Okta {
    /// `None`: the entrance is not switched on.
    pub(crate) fn read(
        platform: &Platform,
        words: &Arc<Words>,
        source: &mut Source<'_>,
    ) -> Option<Self> {
        Some(Self {
            credentials: platform.optional_secret(source, "OKTA_HOOK_SECRET")?,
            code_life: Duration::from_secs(source.number("CODE_LIFE_SECONDS", 180, 60..=36_000)),
            words: Arc::clone(words),
        })
    }

    pub(crate) async fn warm_up(&self, now: SystemTime) {
        let _ = self.credentials.get(now).await;
    }

    pub(crate) async fn answer(
        &self,
        request: &Request,
        gateway: &Gateway,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let arrived = Instant::now();
        // Okta has waited since before a cold start.
        let time = TIME.saturating_sub(request.waited(now));
        let deadline = arrived + time.min(request.remaining(RESERVE));
        request.expect_post("/okta", &["application/json"], BODY_LIMIT)?;
        let checked = self.authenticate(request, now);
        tokio::time::timeout_at(deadline, checked)
            .await
            .unwrap_or_else(|_| Err(Reply::empty(503, "too_slow")))?;
        let read_at = now + arrived.elapsed();
        let asked = self
            .read_body(request.body(), read_at)
            .await
            .map_err(|outcome| Reply::refused(400, outcome))?;
        let now = now + arrived.elapsed();
        Ok(asked.log(self.deliver(&asked, gateway, deadline, now).await))
    }

    pub(crate) async fn read_body(
        &self,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Asked, &'static str> {
        posted::parse(body, self.code_life, &self.words, now).await
    }

    async fn deliver(
        &self,
        asked: &Asked,
        gateway: &Gateway,
        deadline: Instant,
        now: SystemTime,
    ) -> Reply {
        let message = &asked.message;
        // A person who chose a call does not look for a text. Okta's own provider can call, too.
        let is_possible = !asked.by_voice || message.by_voice && gateway.can_call();
        if !is_possible {
            return command(Status::Failed, "voice_not_supported", None).metric("Refused", 1);
        }
        if message.life < SHORTEST_LIFE {
            return command(Status::Failed, "code_expired", None).metric("Refused", 1);
        }
        let delivery = gateway
            .deliver_or_fail_once_in(message.life.max(EVENT_LIFE), message, deadline, now)
            .await;
        delivery.log(message, answer(&delivery.outcome, message))
    }

    /// Okta sends the header as it was registered, with or without a scheme.
    async fn authenticate(&self, request: &Request, now: SystemTime) -> Result<(), Reply> {
        let given = request
            .header("authorization")
            .map(str::trim)
            .filter(|given| !given.is_empty())
            .ok_or_else(|| Reply::refused(401, "credential_missing"))?;
        let bare = request.bearer().unwrap_or(given);
        let fits = |Credentials(known): &Credentials| {
            let known = known.expose_secret().trim();
            secrets::same(known, given) | secrets::same(known, bare)
        };
        let fitting = self.credentials.fitting(now, fits).await;
        fitting
            .map_err(Failure::from)?
            .map(drop)
            .ok_or_else(|| Reply::refused(401, "bad_credential"))
    }
}

/// What Okta is told of a delivery.
#[derive(Clone, Copy)]
enum Status {
    /// Done.
    Successful,
    /// The delivery could not be confirmed. Okta does not send the code.
    Pending,
    /// Okta's own provider sends the code.
    Failed,
}

fn answer(outcome: &Outcome, message: &Message) -> Reply {
    let word = outcome.word();
    match outcome {
        Outcome::Sent {
            provider, receipt, ..
        } => {
            let is_text = !message.by_voice;
            let segments = || format!("segments={}", segments::count(&message.body));
            let sent = json!({
                "provider": provider.as_ref().map(|name| name.to_ascii_uppercase()),
                "transactionId": receipt,
                "transactionMetadata": is_text.then(segments),
            });
            command(Status::Successful, word, Some(sent))
        }
        Outcome::Unknown { .. } => command(Status::Pending, word, None).failed(),
        Outcome::AllRefused => command(Status::Failed, word, None).failed(),
        Outcome::RecipientRefused
        | Outcome::CountryNotAllowed
        | Outcome::NoRoute
        | Outcome::Limited { .. } => command(Status::Failed, word, None),
        Outcome::NoCredentials | Outcome::Unavailable { .. } => Reply::empty(503, word),
    }
}

/// The answer to Okta, a single command. Without a receipt, the log's word is its metadata: Okta's
/// System Log shows it to administrators.
fn command(status: Status, outcome: &'static str, sent: Option<Value>) -> Reply {
    let mut value = sent.unwrap_or_else(|| json!({ "transactionMetadata": outcome }));
    value["status"] = match status {
        Status::Successful => "SUCCESSFUL",
        Status::Pending => "PENDING",
        Status::Failed => "FAILED",
    }
    .into();
    // A member without a value is left out.
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    let body = json!({
        "commands": [{ "type": "com.okta.telephony.action", "value": [value] }],
    });
    Reply::body(200, outcome, "application/json", body.to_string())
}
