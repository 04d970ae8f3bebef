//! The common parts of the simulators of Clickatell, Plivo and Vonage: an account with its accepted
//! texts, and the parsing of requests.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    extract::OriginalUri,
    http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;

use crate::{receipts::Receipts, wire::Complaints};

/// A text that a provider accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The recipient, E.164. On the wire it has no plus.
    pub to: String,
    /// The sender as given; empty if there was none.
    pub from: String,
    /// The text.
    pub text: String,
    /// The provider's id.
    pub id: String,
    /// Maximum time in the provider's queue, if the request set one.
    pub validity: Option<Duration>,
    /// The URL that the request gives for delivery receipts. Clickatell's stands in its portal.
    pub receipt_url: Option<String>,
    /// The name of the text that a receipt hands back, if the request gave one.
    pub reference: Option<String>,
}

/// The state of a simulator.
pub(crate) struct Account {
    /// The key, token or password of the account.
    pub(crate) secret: String,
    pub(crate) sent: Vec<Sent>,
    /// The acceptance time of each text, seconds since the epoch.
    pub(crate) taken: Vec<u64>,
    /// The provider's code with which texts to a number (E.164) are refused.
    pub(crate) refusals: HashMap<String, u32>,
    pub(crate) receipts: Receipts,
    /// The URL for the receipts of all texts, if the account has one.
    pub(crate) receipt_url: Option<String>,
}

pub(crate) type Shared = Arc<Mutex<Account>>;

impl Account {
    pub(crate) fn open(secret: &str) -> Shared {
        Arc::new(Mutex::new(Self {
            secret: secret.to_owned(),
            sent: vec![],
            taken: vec![],
            refusals: HashMap::new(),
            receipts: Receipts::new(),
            receipt_url: None,
        }))
    }

    /// Accepts a text.
    pub(crate) fn take(&mut self, sent: Sent) {
        self.taken.push(crate::now().as_secs());
        self.sent.push(sent);
    }

    /// The code with which texts to these digits are refused, if any.
    pub(crate) fn refusal(&self, to: &str) -> Option<u32> {
        self.refusals.get(&format!("+{to}")).copied()
    }
}

/// The routes. A request to any other path gets a complaint. `error` makes an error in the vendor's
/// form.
pub(crate) fn router(
    vendor: &'static str,
    routes: Router<Shared>,
    account: &Shared,
    error: fn(&str) -> Value,
) -> Router {
    let unknown = move |Extension(complaints): Extension<Complaints>,
                        method: Method,
                        OriginalUri(uri): OriginalUri| async move {
        complaints.add(format!("{vendor}: {method} {uri} is not simulated"));
        (
            StatusCode::NOT_IMPLEMENTED,
            Json(error(&not_simulated(&method, &uri))),
        )
    };
    routes
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(Arc::clone(account))
}

/// The text of a simulator's answer to a request that it does not simulate.
pub(crate) fn not_simulated(method: &Method, uri: &Uri) -> String {
    format!("{method} {} is not simulated by this sandbox", uri.path())
}

/// The user and the password in `Authorization: Basic`.
pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let decoded = BASE64
        .decode(header(headers, header::AUTHORIZATION).strip_prefix("Basic ")?)
        .ok()?;
    let (user, password) = str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The header's value; empty if it is missing.
pub(crate) fn header(headers: &HeaderMap, name: HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// A form's fields. The error names the first field that is unknown or repeated.
pub(crate) fn form(body: &[u8], known: &[&str]) -> Result<HashMap<String, String>, String> {
    let mut fields = HashMap::new();
    for (name, value) in form_urlencoded::parse(body).into_owned() {
        if !known.contains(&name.as_str()) || fields.insert(name.clone(), value).is_some() {
            return Err(format!("unknown or repeated field {name}"));
        }
    }
    Ok(fields)
}

/// A field with a whole number within bounds; `Ok(None)` if it is missing. The error names the
/// field.
pub(crate) fn number(
    fields: &HashMap<String, String>,
    name: &str,
    bounds: RangeInclusive<u64>,
) -> Result<Option<u64>, String> {
    let Some(text) = fields.get(name) else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number
        .map(Some)
        .ok_or_else(|| format!("{name} is {} to {}", bounds.start(), bounds.end()))
}

/// 7 to 15 digits with the country code, without a plus.
pub(crate) fn is_number(text: &str) -> bool {
    (7..=15).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An E.164 number: a plus and 7 to 15 digits.
pub(crate) fn e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// A number, or a name of at most 11 letters and digits.
pub(crate) fn is_sender(text: &str) -> bool {
    is_number(text)
        || (1..=11).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
}
