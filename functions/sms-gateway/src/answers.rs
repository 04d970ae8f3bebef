//! The answers of entrances whose callers read only the HTTP status.

use serde_json::{Value, json};
use shared::platform::reply::{Failure, Reply};
use shared::platform::secrets::SecretError;

use crate::gateway::Outcome;
use crate::posted::Wrong;

pub(crate) const NOTHING_SENT: &str = "temporarily unavailable; nothing was sent";

/// The answer to a delivery.
pub(crate) fn of(outcome: &Outcome) -> Reply {
    match (refusal(outcome), outcome) {
        (Some((status, public)), _) => error(status, outcome.word(), public),
        (
            None,
            Outcome::Sent {
                provider, receipt, ..
            },
        ) => {
            let body = json!({ "provider": provider, "id": receipt });
            json_reply(200, outcome.word(), &body)
        }
        (None, _) => json_reply(200, outcome.word(), &json!({})),
    }
}

/// The status and the text for the caller; `None` if a provider accepted the text.
pub(crate) fn refusal(outcome: &Outcome) -> Option<(u16, &'static str)> {
    Some(match outcome {
        Outcome::Sent { .. } => return None,
        Outcome::CountryNotAllowed => (429, "texts to this country or range are not allowed"),
        Outcome::NoRoute => (429, "no provider is configured for this number"),
        Outcome::Limited { .. } => (429, "too many texts; try again later"),
        Outcome::RecipientRefused => (422, "this number cannot receive texts"),
        Outcome::AllRefused => (502, "no provider took the text"),
        Outcome::NoCredentials => (503, "the gateway's credentials are unavailable; try again"),
        Outcome::Unavailable { .. } => (503, NOTHING_SENT),
        Outcome::Unknown { .. } => (
            504,
            "the text may or may not have been sent; it will not be sent again for now",
        ),
    })
}

/// The answer if the credentials to check against are unavailable.
pub(crate) fn unavailable(cause: SecretError) -> Reply {
    let failure = Failure::from(cause);
    error(failure.status, failure.outcome, NOTHING_SENT).field("error", failure.cause)
}

/// The answer to a body that cannot be read.
pub(crate) fn wrong(wrong: Wrong) -> Reply {
    error(wrong.status, wrong.outcome, wrong.public).metric("Refused", 1)
}

/// A JSON error with a fixed text. Input is never echoed.
fn error(status: u16, outcome: &'static str, public: &'static str) -> Reply {
    json_reply(status, outcome, &json!({ "error": public }))
}

/// A JSON answer.
pub(crate) fn json_reply(status: u16, outcome: &'static str, body: &Value) -> Reply {
    Reply::body(status, outcome, "application/json", body.to_string())
}
