//! Clickatell's status callback
//! (<https://www.clickatell.com/developers/api-documentation/one-api-message-status-codes-descriptions/>).
//!
//! Clickatell signs nothing. So the callback's URL ends with a token that nobody can guess, the key
//! `callback_token` of the secret. One API posts `{"event": {"messageStatusUpdate": [...]}}`; the
//! older platform posts one flat object, which also holds the API key and must never be logged.

use std::time::SystemTime;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::platform::reply::{Failure, Reply};
use crate::platform::secrets::{self, Content, Keys, Secret};
use crate::rules::delivery::{DeliveryReceipt, Reason, Reference, State};
use crate::rules::sms;
use crate::rules::verified::Verified;

/// One callback may report several messages.
const UPDATE_LIMIT: usize = 100;

/// The `clickatell` secret, as far as it authenticates callbacks.
#[derive(Debug)]
pub struct CallbackToken(Option<SecretString>);

impl Content for CallbackToken {
    const NAME: &'static str = "clickatell";

    fn take(keys: &mut Keys) -> Option<Self> {
        Some(Self(keys.optional("callback_token")))
    }
}

/// One message's status.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    message_id: Option<String>,
    client_message_id: Option<String>,
    #[serde(default, deserialize_with = "sms::number_or_digits")]
    status_code: Option<u32>,
    status: Option<Value>,
}

/// Checks the token of the callback's path in constant time, and reads the body. If the token does
/// not match, the secret is fetched again once.
///
/// # Errors
/// The reply: 403 for a wrong token, or if the secret has no `callback_token`; 503 if the secret
/// cannot be fetched.
pub async fn authenticate(
    token: &str,
    body: &[u8],
    secret: &Secret<CallbackToken>,
    now: SystemTime,
) -> Result<Verified<Vec<Update>>, Reply> {
    let fits = |known: &CallbackToken| {
        known
            .0
            .as_ref()
            .is_some_and(|known| secrets::same(known.expose_secret(), token))
    };
    let fitting = secret.fitting(now, fits).await.map_err(Failure::from)?;
    fitting.ok_or_else(|| Reply::refused(403, "bad_token"))?;
    Ok(Verified::new(updates(body)))
}

/// The updates that can be read. One that cannot takes no other with it.
fn updates(body: &[u8]) -> Vec<Update> {
    let mut posted: Value = serde_json::from_slice(body).unwrap_or_default();
    let updates = match posted.get_mut("event").map(Value::take) {
        None => vec![posted],
        Some(mut event) => match event.get_mut("messageStatusUpdate").map(Value::take) {
            Some(Value::Array(updates)) => updates,
            _ => Vec::new(),
        },
    };
    updates
        .into_iter()
        .take(UPDATE_LIMIT)
        .filter_map(|update| serde_json::from_value(update).ok())
        .collect()
}

/// The receipts of a verified callback.
pub fn parse(updates: &Verified<Vec<Update>>) -> Vec<DeliveryReceipt> {
    updates
        .iter()
        .filter_map(|update| {
            let id = update.message_id.clone()?;
            let written = update.status.as_ref().and_then(|status| match status {
                Value::Number(code) => u32::try_from(code.as_u64()?).ok(),
                Value::String(text) => text.parse().ok(),
                _ => None,
            });
            let code = update.status_code.or(written)?;
            Some(DeliveryReceipt {
                reference: update
                    .client_message_id
                    .as_deref()
                    .and_then(Reference::parse),
                id: Some(id),
                state: state(code),
                code: Some(code),
            })
        })
        .collect()
}

/// The status codes. 1 to 4 and 24 (emulated) say nothing about the phone.
fn state(code: u32) -> State {
    match code {
        5 | 6 => State::Delivered,
        20 => State::Undelivered(Reason::Expired),
        21 => State::Undelivered(Reason::OptedOut),
        22 | 25..=28 => State::Undelivered(Reason::Blocked),
        29 => State::Undelivered(Reason::Landline),
        100 => State::Undelivered(Reason::Unreachable),
        23 => State::Undelivered(Reason::Unknown),
        _ => State::OnItsWay,
    }
}
