//! Making a call: `POST /2010-04-01/Accounts/{AccountSid}/Calls.json`
//! (<https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource>).
//!
//! The words are in the request itself (`Twiml`), so the code is in no URL, and Twilio asks nobody
//! what to say. `MachineDetection` would not keep the code from an answering machine: `AnsweredBy`
//! is told to a URL, and a call with inline words has none. A short ring time does most of it.
//!
//! There is no idempotency key. Once Twilio may have received the request, only an answer tells the
//! outcome.
//!
//! | code | whose fault | another provider, or a later try |
//! | --- | --- | --- |
//! | 21211, 21217, 13224 | the number is impossible | no |
//! | 21214, 21215, 21216 | this account does not call this number: not reached, country not enabled, blocked | yes |
//! | any other | unknown | yes |

use std::marker::PhantomData;
use std::time::Duration;

use reqwest::RequestBuilder;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::messages::RETRIES;
use super::twiml::{Response, Voice};
use super::{RestCredentials, is_sid};
use crate::platform::config::Source;
use crate::platform::http::Answer;
use crate::platform::layout::Described;
use crate::rules::sms::{self, Attempt, Outbound, Receipt, SendError, Vendor};
use crate::rules::voice::{self, Channel};

/// Twilio's limit for `Twiml`, in characters.
const TWIML_LIMIT: usize = 4_000;
/// With these codes nobody can ever call the number.
const RECIPIENT_CODES: [u32; 3] = [13_224, 21_211, 21_217];
/// The states of a call that was created and will never ring.
const FAILED: [&str; 2] = ["failed", "canceled"];

/// The Calls resource. `C` is the secret of the function, which may hold more than these calls
/// require.
#[derive(Debug, Clone)]
pub struct Calls<C = RestCredentials>(PhantomData<fn() -> C>);

#[derive(Deserialize)]
struct Created {
    sid: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default, deserialize_with = "sms::number_or_digits")]
    code: Option<u32>,
}

impl<C: Described + AsRef<RestCredentials>> Vendor for Calls<C> {
    type Credentials = C;
    const WORD: &'static str = "twilio_voice";
    const CHANNEL: Channel = Channel::Voice;
    const SECRET: &'static str = "TWILIO_SECRET";
    const URL: &'static str = "TWILIO_URL";
    const HOME: &'static str = super::HOME;
    const TIME: Duration = Duration::from_secs(10);

    fn read(_source: &mut Source<'_>) -> Self {
        Self(PhantomData)
    }

    fn request(&self, attempt: &Attempt<'_, Self>) -> Result<RequestBuilder, SendError> {
        let (call, credentials) = (attempt.sms, attempt.credentials.as_ref());
        let account = credentials.account_sid.expose_secret();
        if !is_sid(account, &["AC"]) {
            return Err(SendError::Unauthorized);
        }
        let (from, twiml) = call.from.zip(twiml(call)).ok_or(SendError::OURS)?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("To", call.to.reveal())
            .append_pair("From", from)
            .append_pair("Twiml", &twiml)
            .append_pair("Timeout", &voice::ring(call.life).as_secs().to_string())
            .append_pair("TimeLimit", &voice::LONGEST.as_secs().to_string());
        // Without `StatusCallbackEvent` Twilio tells only how the call ended.
        if let Some(receipt) = &call.receipt {
            let mut url = receipt.url_of_text(C::NAME);
            url.set_fragment(Some(RETRIES));
            form.append_pair("StatusCallback", url.as_str());
        }
        let path = format!("2010-04-01/Accounts/{account}/Calls.json");
        Ok(attempt.post_form(&path, form).basic_auth(
            credentials.user.expose_secret(),
            Some(credentials.password.expose_secret()),
        ))
    }

    fn taken(_: &Attempt<'_, Self>, answer: &Answer) -> Result<Receipt, SendError> {
        let created = answer.json::<Created>();
        let status = created.as_ref().and_then(|call| call.status.as_deref());
        if status.is_some_and(|status| FAILED.contains(&status)) {
            return Err(SendError::OURS);
        }
        let id = created.and_then(|call| call.sid);
        Ok(Receipt {
            id: id.filter(|sid| is_sid(sid, &["CA"])),
            segments: None,
        })
    }

    fn refused(_: &Attempt<'_, Self>, answer: &Answer) -> SendError {
        let code = answer.json::<Refusal>().and_then(|refusal| refusal.code);
        SendError::Refused {
            recipient: code.is_some_and(|code| RECIPIENT_CODES.contains(&code)),
            code,
        }
    }
}

/// The words twice, or once if they are long. `None`: even that is too long.
fn twiml(call: &Outbound<'_>) -> Option<String> {
    let voice = Voice {
        language: call.language.map(str::to_owned),
        name: None,
    };
    let once = Response::new().voice(&voice).pause(1).say(call.body);
    let twice = once.clone().pause(2).say(call.body);
    let documents = [twice, once].into_iter().map(|it| it.hangup().to_xml());
    let mut fitting = documents.filter(|xml| xml.chars().count() <= TWIML_LIMIT);
    fitting.next()
}
