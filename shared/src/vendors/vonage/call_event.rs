//! Vonage's event of a call (<https://developer.vonage.com/en/voice/voice-api/webhook-reference>):
//! JSON, with a token that the account's signature secret signs
//! (<https://developer.vonage.com/en/getting-started/concepts/webhooks>). The token holds a hash of
//! the body. The reference is the last segment of the URL. The token does not cover the URL, but the
//! journal takes only events of the call that it names.

use std::time::SystemTime;

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::Value;

use super::receipt::SigningKey;
use crate::platform::reply::{Failure, Reply};
use crate::platform::request::Request;
use crate::platform::secrets::Secret;
use crate::rules::delivery::{DeliveryReceipt, Reason, Reference, State};
use crate::rules::jwt;
use crate::rules::verified::Verified;
use crate::rules::voice::HEARD_SECONDS;

/// Vonage repeats an unanswered event for a day. One more hour is for clocks that differ.
const MAX_AGE: u64 = 25 * 3_600;

/// An event. Vonage writes the duration as a text.
#[derive(Debug, Default, Deserialize)]
pub struct Event {
    uuid: Option<String>,
    status: Option<String>,
    duration: Option<Value>,
}

/// Checks the token of an event, and reads the event. If the token does not match, the secret is
/// fetched again once.
///
/// # Errors
/// The reply: 403 for a missing, wrong or old token, or if the secret has no `signature_secret`;
/// 503 if the secret cannot be fetched.
pub async fn authenticate(
    request: &Request,
    secret: &Secret<SigningKey>,
    now: SystemTime,
) -> Result<Verified<Event>, Reply> {
    let Some(token) = request.bearer() else {
        return Err(Reply::refused(403, "signature_missing"));
    };
    let fits = |keys: &SigningKey| {
        keys.signature_secret.as_ref().is_some_and(|key| {
            let key = key.expose_secret().as_bytes();
            jwt::check_webhook(token, key, request.body(), MAX_AGE, now).is_ok()
        })
    };
    let fitting = secret.fitting(now, fits).await.map_err(Failure::from)?;
    fitting.ok_or_else(|| Reply::refused(403, "bad_signature"))?;
    // What Vonage signed and is no event of a call has neither a call nor a state.
    let event = serde_json::from_slice(request.body()).unwrap_or_default();
    Ok(Verified::new(event))
}

/// Reads a verified event. `None`: it tells nothing of a call's state.
pub fn parse(event: &Verified<Event>, reference: Option<Reference>) -> Option<DeliveryReceipt> {
    let (uuid, status) = (event.uuid.as_ref()?, event.status.as_ref()?);
    let seconds = event.duration.as_ref().and_then(|duration| match duration {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    Some(DeliveryReceipt {
        reference,
        id: Some(uuid.clone()),
        state: state(status, seconds),
        code: None,
    })
}

/// The meaning of `status`. Who hangs up at once has not heard the code. Nor has a machine.
fn state(status: &str, seconds: Option<u64>) -> State {
    match (status, seconds) {
        ("completed", Some(0..=HEARD_SECONDS))
        | ("busy" | "timeout" | "unanswered" | "rejected" | "cancelled" | "machine", _) => {
            State::Undelivered(Reason::NotAnswered)
        }
        ("completed", _) => State::Delivered,
        ("failed", _) => State::Undelivered(Reason::Unknown),
        _ => State::OnItsWay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        let missed = State::Undelivered(Reason::NotAnswered);
        for (status, seconds, expected) in [
            ("started", None, State::OnItsWay),
            ("ringing", None, State::OnItsWay),
            ("answered", None, State::OnItsWay),
            ("human", None, State::OnItsWay),
            ("something_new", None, State::OnItsWay),
            ("completed", Some(20), State::Delivered),
            ("completed", Some(5), missed),
            ("machine", None, missed),
            ("busy", None, missed),
            ("timeout", None, missed),
            ("unanswered", None, missed),
            ("rejected", None, missed),
            ("cancelled", None, missed),
            ("failed", None, State::Undelivered(Reason::Unknown)),
        ] {
            assert_eq!(state(status, seconds), expected, "{status} {seconds:?}");
        }
    }
}
