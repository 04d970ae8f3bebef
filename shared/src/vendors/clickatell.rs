//! Clickatell: the One API (`POST /v1/message`, <https://docs.clickatell.com/channels/one-api/>),
//! or the legacy HTTP API of Developers' Central (`/http/sendmsg`) when the secret holds a `user`.
//!
//! The One API answers 202 even for messages that it does not accept. The legacy API answers 200 to
//! everything. So the body decides, and without a readable body the outcome is unknown.
//!
//! The One API hands back the `clientMessageId` with a receipt. The URL for receipts stands in the
//! account's settings. The legacy API's `climsgid` is too short for a reference, so its texts have
//! no receipts.
//!
//! Only the legacy API can be told how long a text may wait
//! (<https://docs.clickatell.com/archive/channels/advanced-message-send-archived/validity-period/>).

pub mod receipt;

use std::ops::RangeInclusive;

use reqwest::RequestBuilder;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::platform::config::Source;
use crate::platform::http::Answer;
use crate::platform::layout::{Described, Key, Kind, Layout};
use crate::platform::secrets::{Content, Keys};
use crate::rules::sms::{self, Attempt, Outbound, Receipt, SendError, Vendor, segments};

/// The allowed minutes of `validity`.
const VALIDITY: RangeInclusive<u64> = 1..=1_440;

/// The `clickatell` secret.
#[derive(Debug)]
pub enum Credentials {
    /// A key of the platform's One API.
    Platform {
        /// Sent as it is in `Authorization`.
        api_key: SecretString,
    },
    /// An account of Developers' Central.
    Central {
        /// User name.
        user: SecretString,
        /// Password.
        password: SecretString,
        /// The HTTP API's id.
        api_id: SecretString,
    },
}

impl Content for Credentials {
    const NAME: &'static str = "clickatell";

    fn take(keys: &mut Keys) -> Option<Self> {
        // It is for receipts: see `receipt::CallbackToken`.
        let _ = keys.optional("callback_token");
        let Some(user) = keys.optional("user") else {
            return Some(Self::Platform {
                api_key: keys.required("api_key")?,
            });
        };
        let (password, api_id) = (keys.required("password"), keys.required("api_id"));
        Some(Self::Central {
            user,
            password: password?,
            api_id: api_id?,
        })
    }
}

impl Described for Credentials {
    const LAYOUT: Layout = Layout {
        keys: &[
            Key::new("api_key", Kind::Given, "of the One API"),
            Key::new("user", Kind::Given, "of the legacy HTTP API"),
            Key::new("password", Kind::Given, "of the legacy HTTP API"),
            Key::new("api_id", Kind::Given, "of the legacy HTTP API"),
            Key::new(
                "callback_token",
                Kind::Chosen,
                "for delivery receipts, the end of the callback URL: any long random text, see --generate",
            ),
        ],
        needed: &[&["api_key"], &["user", "password", "api_id"]],
        together: &[&["user", "password", "api_id"]],
    };
}

/// Clickatell as an SMS provider.
pub struct Clickatell;

#[derive(Deserialize)]
struct Accepted {
    #[serde(default)]
    messages: Vec<Message>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    api_message_id: Option<String>,
    accepted: Option<bool>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default, deserialize_with = "sms::number_or_digits")]
    code: Option<u32>,
}

impl Vendor for Clickatell {
    type Credentials = Credentials;
    const SECRET: &'static str = "CLICKATELL_SECRET";
    const URL: &'static str = "CLICKATELL_URL";
    const HOME: &'static str = "https://platform.clickatell.com";

    fn read(_source: &mut Source<'_>) -> Self {
        Self
    }

    /// Each of the two APIs has its own address.
    fn home(credentials: &Credentials) -> &'static str {
        match credentials {
            Credentials::Platform { .. } => Self::HOME,
            Credentials::Central { .. } => "https://api.clickatell.com",
        }
    }

    fn request(&self, attempt: &Attempt<'_, Self>) -> Result<RequestBuilder, SendError> {
        Ok(match attempt.credentials {
            Credentials::Platform { api_key } => one_api(attempt, api_key),
            Credentials::Central {
                user,
                password,
                api_id,
            } => central(attempt, [user, password, api_id]),
        })
    }

    fn taken(attempt: &Attempt<'_, Self>, answer: &Answer) -> Result<Receipt, SendError> {
        match attempt.credentials {
            Credentials::Platform { .. } => judge(answer),
            Credentials::Central { .. } => judge_line(answer).map(|receipt| Receipt {
                segments: Some(parts(attempt.sms)),
                ..receipt
            }),
        }
    }

    fn refused(attempt: &Attempt<'_, Self>, answer: &Answer) -> SendError {
        match attempt.credentials {
            Credentials::Platform { .. } => by_code(code(answer.json().as_ref())),
            Credentials::Central { .. } => SendError::OURS,
        }
    }
}

fn one_api(attempt: &Attempt<'_, Clickatell>, key: &SecretString) -> RequestBuilder {
    let sms = attempt.sms;
    let mut message = json!({ "channel": "sms", "to": sms.to.digits(), "content": sms.body });
    if let Some(from) = sms.from {
        message["from"] = from.trim_start_matches('+').into();
    }
    if let Some(receipt) = &sms.receipt {
        message["clientMessageId"] = receipt.reference.as_str().into();
    }
    attempt
        .post_json("v1/message", &json!({ "messages": [message] }))
        .header(AUTHORIZATION, key.expose_secret())
        .header(ACCEPT, "application/json")
}

fn central(
    attempt: &Attempt<'_, Clickatell>,
    [user, password, api_id]: [&SecretString; 3],
) -> RequestBuilder {
    let sms = attempt.sms;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("user", user.expose_secret());
    form.append_pair("password", password.expose_secret());
    form.append_pair("api_id", api_id.expose_secret());
    form.append_pair("to", sms.to.digits());
    if is_plain(sms.body) {
        form.append_pair("text", sms.body);
    } else {
        let units: Vec<u8> = sms.body.encode_utf16().flat_map(u16::to_be_bytes).collect();
        form.append_pair("unicode", "1")
            .append_pair("text", &hex::encode(units));
    }
    form.append_pair("concat", &parts(sms).min(3).to_string());
    if let Some(life) = sms.life {
        form.append_pair(
            "validity",
            &(life.as_secs() / 60)
                .clamp(*VALIDITY.start(), *VALIDITY.end())
                .to_string(),
        );
    }
    if let Some(from) = sms.from {
        form.append_pair("from", from.trim_start_matches('+'))
            .append_pair("mo", "1");
    }
    attempt.post_form("http/sendmsg", form)
}

/// Whether the legacy API takes the text as it is. The API's character set is not documented beyond
/// ASCII. As hexadecimal UCS-2 every text arrives.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && segments::is_gsm(text)
}

/// The parts of a text through the legacy API.
fn parts(sms: &Outbound<'_>) -> u64 {
    if is_plain(sms.body) {
        segments::count(sms.body)
    } else {
        segments::count_ucs2(sms.body)
    }
}

/// The One API's verdict in the body of a 2xx.
fn judge(answer: &Answer) -> Result<Receipt, SendError> {
    let read: Accepted = answer.json().ok_or(SendError::Unknown)?;
    let code = code(Some(&read));
    match (read.messages.into_iter().next_back(), read.error) {
        (
            Some(Message {
                accepted: Some(true),
                api_message_id,
                ..
            }),
            _,
        ) => Ok(Receipt {
            id: sms::plain_id(api_message_id),
            segments: None,
        }),
        (
            Some(Message {
                accepted: Some(false),
                ..
            }),
            _,
        )
        | (None, Some(_)) => Err(by_code(code)),
        _ => Err(SendError::Unknown),
    }
}

/// The error of the first message, or of the whole request.
fn code(read: Option<&Accepted>) -> Option<u32> {
    let read = read?;
    let message = read
        .messages
        .iter()
        .find_map(|message| message.error.as_ref());
    message.or(read.error.as_ref())?.code
}

/// The codes of the One API (<https://docs.rs/clickatell-api/0.3.0>).
fn by_code(code: Option<u32>) -> SendError {
    match code {
        Some(1 | 7) => SendError::Unauthorized,
        Some(18 | 19) => SendError::Unavailable,
        Some(43) => SendError::RateLimited { after: None },
        Some(25 | 26) => SendError::Refused {
            recipient: true,
            code,
        },
        _ => SendError::Refused {
            recipient: false,
            code,
        },
    }
}

/// `ID: <id>` or `ERR: <code>, <text>`.
fn judge_line(answer: &Answer) -> Result<Receipt, SendError> {
    let text = answer
        .body()
        .ok()
        .and_then(|body| std::str::from_utf8(body).ok())
        .ok_or(SendError::Unknown)?;
    let line = text.lines().next().unwrap_or_default().trim();
    if let Some(id) = line.strip_prefix("ID:") {
        let id = id.split_whitespace().next().ok_or(SendError::Unknown)?;
        return Ok(Receipt {
            id: sms::plain_id(Some(id.to_owned())),
            segments: None,
        });
    }
    let code = line
        .strip_prefix("ERR:")
        .and_then(|rest| rest.trim().split(',').next()?.trim().parse().ok());
    Err(match code {
        None => SendError::Unknown,
        Some(1 | 2 | 3 | 5 | 7 | 108) => SendError::Unauthorized,
        Some(105 | 121 | 122 | 128) => SendError::Refused {
            recipient: true,
            code,
        },
        Some(901) => SendError::Unavailable,
        Some(_) => SendError::Refused {
            recipient: false,
            code,
        },
    })
}
