//! Vonage's Voice API: `POST /v1/calls` (<https://developer.vonage.com/en/api/voice>).
//!
//! The words are in the request itself (`ncco`), so the code is in no URL. An application of the
//! account opens the API: each request has a token that the application's private key signs.
//! `machine_detection` ends a call that an answering machine takes. There is no token against
//! repetition.

use std::time::Duration;

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::platform::config::Source;
use crate::platform::http::Answer;
use crate::platform::layout::{Described, Key, Kind, Layout};
use crate::platform::random::owner_id;
use crate::platform::secrets::{Content, Keys};
use crate::platform::time::epoch;
use crate::rules::jwt;
use crate::rules::sms::{self, Attempt, Receipt, SendError, Vendor};
use crate::rules::voice::{self, Channel};

/// How long a token is valid, in seconds.
const TOKEN_LIFE: u64 = 300;
/// The longest `text` of a `talk`, in characters.
const TEXT_LIMIT: usize = 1_500;

/// The `vonage` secret, as far as it makes calls.
#[derive(Debug)]
pub struct Application {
    id: SecretString,
    private_key: SecretString,
}

impl Content for Application {
    const NAME: &'static str = "vonage";

    fn take(keys: &mut Keys) -> Option<Self> {
        let (id, private_key) = (
            keys.required(APPLICATION_ID.name),
            keys.required(PRIVATE_KEY.name),
        );
        Some(Self {
            id: id?,
            private_key: private_key?,
        })
    }
}

/// For calls: the application's id.
pub(super) const APPLICATION_ID: Key = Key::new(
    "application_id",
    Kind::Given,
    "for calls: Dashboard, Applications: an application with the capability Voice",
);
/// For calls: the application's key.
pub(super) const PRIVATE_KEY: Key = Key::new(
    "private_key",
    Kind::Pem,
    "for calls: the file that this application's Generate public and private key saves",
);

impl Described for Application {
    const LAYOUT: Layout = Layout {
        keys: &[APPLICATION_ID, PRIVATE_KEY],
        needed: &[&[APPLICATION_ID.name, PRIVATE_KEY.name]],
        together: &[&[APPLICATION_ID.name, PRIVATE_KEY.name]],
    };
}

/// Vonage as a provider of calls.
pub struct Calls;

#[derive(Deserialize)]
struct Created {
    uuid: Option<String>,
}

impl Vendor for Calls {
    type Credentials = Application;
    const WORD: &'static str = "vonage_voice";
    const CHANNEL: Channel = Channel::Voice;
    const SECRET: &'static str = "VONAGE_SECRET";
    const URL: &'static str = "VONAGE_API_URL";
    const HOME: &'static str = "https://api.nexmo.com";
    const TIME: Duration = Duration::from_secs(10);

    fn read(_source: &mut Source<'_>) -> Self {
        Self
    }

    fn request(&self, attempt: &Attempt<'_, Self>) -> Result<RequestBuilder, SendError> {
        let (call, application) = (attempt.sms, attempt.credentials);
        let speech = voice::ssml(call.body, TEXT_LIMIT);
        let (from, speech) = call.from.zip(speech).ok_or(SendError::OURS)?;
        let now = epoch(attempt.now);
        let claims = json!({
            "application_id": application.id.expose_secret(), "iat": now, "exp": now + TOKEN_LIFE, "jti": owner_id(),
        });
        let token = jwt::sign_rs256(&claims, None, application.private_key.expose_secret());
        let token = token.ok_or(SendError::Unauthorized)?;
        let mut talk = json!({ "action": "talk", "text": speech });
        if let Some(language) = call.language {
            talk["language"] = language.into();
        }
        let mut body = json!({
            "to": [{ "type": "phone", "number": call.to.digits() }],
            "from": { "type": "phone", "number": from.trim_start_matches('+') },
            "ncco": [talk], "machine_detection": "hangup",
            "ringing_timer": voice::ring(call.life).as_secs(), "length_timer": voice::LONGEST.as_secs(),
        });
        if let Some(receipt) = &call.receipt {
            body["event_url"] = json!([receipt.url_of_text(Application::NAME).as_str()]);
        }
        Ok(attempt.post_json("v1/calls", &body).bearer_auth(token))
    }

    fn taken(_: &Attempt<'_, Self>, answer: &Answer) -> Result<Receipt, SendError> {
        let created = answer.json::<Created>();
        Ok(Receipt {
            id: sms::plain_id(created.and_then(|call| call.uuid)),
            segments: None,
        })
    }
}
