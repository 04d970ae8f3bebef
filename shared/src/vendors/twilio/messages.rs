//! Sending a text: `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`
//! (<https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>).
//!
//! There is no idempotency key. Once Twilio may have received the request, only an answer tells the
//! outcome.
//!
//! An error code (<https://www.twilio.com/docs/api/errors>) comes with a 4xx, or in a 201 whose
//! message has `failed` at once. The code tells whose fault the error is, and so whether another
//! provider, or a later try, would deliver:
//!
//! | code | whose fault | another provider, or a later try |
//! | --- | --- | --- |
//! | 21211, 21217 | the number is impossible | no |
//! | 21614, 21635 | the number is no mobile, or a landline | no |
//! | 21610 | the person opted out of our texts | must not, through any provider |
//! | 21212, 21601, 21603, 21606, 21659, 21660, 21701, 21703 | our sender is invalid, not ours, or cannot send | yes |
//! | 21214, 21266, 21612 | this sender does not reach this number: a name where names are not allowed, a landline, no route | yes |
//! | 21408, 21608, 30002, 30029, 30030, 30034 | our account: country not enabled, trial, suspended, no redaction, not registered | yes |
//! | 20429, 21611, 30001 | too many requests at once | yes |
//! | 30003 to 30008, 30450 | the network did not accept it: off, blocked, unknown, filtered, unnamed | perhaps: no code says never |
//! | any other | unknown | yes |

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::RequestBuilder;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::{RestCredentials, is_sid};
use crate::platform::config::Source;
use crate::platform::http::Answer;
use crate::platform::layout::Described;
use crate::rules::phone::E164;
use crate::rules::sms::{self, Attempt, Receipt, SendError, Vendor};

/// Connection overrides: Twilio posts a receipt again, as it does the webhooks of numbers. They are
/// not sent, and not signed.
pub(super) const RETRIES: &str = "rc=3&rp=5xx,ct,rt";
/// The allowed seconds of `ValidityPeriod`.
const VALIDITY: RangeInclusive<u64> = 1..=36_000;
/// With these codes no provider can ever text the number: impossible, opted out, not a mobile, a
/// landline. 21612 is not in the list: it is about the pair of sender and number.
const RECIPIENT_CODES: [u32; 5] = [21211, 21217, 21610, 21614, 21635];
/// The states of a message that was created and will never be sent.
const FAILED: [&str; 3] = ["failed", "undelivered", "canceled"];

/// The sender of texts.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// One of our numbers.
    pub number: Option<E164>,
    /// A Messaging Service (`MG…`), which chooses the number.
    pub service: Option<String>,
}

impl Sender {
    /// The sender that a phone sees, or the service that chooses it.
    pub fn name(&self) -> Option<&str> {
        let number = self.number.as_ref().map(E164::reveal);
        number.or(self.service.as_deref())
    }

    /// Reads `TWILIO_NUMBER` and `TWILIO_MESSAGING_SERVICE`, of which one is required.
    pub fn read(source: &mut Source<'_>) -> Self {
        let number = source.parsed("TWILIO_NUMBER", "an E.164 number such as +15005550006");
        let service = source
            .optional("TWILIO_MESSAGING_SERVICE")
            .map(|text| text.trim().to_owned());
        if source.optional("TWILIO_NUMBER").is_none() && service.is_none() {
            source.problem("TWILIO_NUMBER or TWILIO_MESSAGING_SERVICE is missing");
        }
        if service.as_deref().is_some_and(|sid| !is_sid(sid, &["MG"])) {
            source.problem("TWILIO_MESSAGING_SERVICE is not a SID such as MG followed by 32 hexadecimal digits");
        }
        Self { number, service }
    }
}

/// The Messages resource. `C` is the secret of the function, which may hold more than these calls
/// require.
#[derive(Debug, Clone)]
pub struct Messages<C = RestCredentials> {
    sender: Sender,
    discards_codes: bool,
    /// Twilio takes feedback only about a text that announced it
    /// (<https://www.twilio.com/docs/messaging/api/message-feedback-resource>).
    announces_feedback: bool,
    credentials: PhantomData<fn() -> C>,
}

#[derive(Deserialize)]
struct Created {
    sid: Option<String>,
    num_segments: Option<String>,
    status: Option<String>,
    #[serde(default, deserialize_with = "sms::number_or_digits")]
    error_code: Option<u32>,
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<u32>,
}

impl<C> Messages<C> {
    /// The resource, with the sender of the texts that name none.
    pub fn new(sender: Sender) -> Self {
        Self {
            sender,
            discards_codes: false,
            announces_feedback: false,
            credentials: PhantomData,
        }
    }

    /// If `discards` is true, Twilio is asked to keep neither the words of a text with a code nor
    /// the last digits of its number. If the account lacks Message Redaction
    /// (<https://www.twilio.com/docs/messaging/guides/privacy-message-redaction>), Twilio then
    /// rejects the text with 30029 or 30030.
    #[must_use]
    pub fn discarding_codes(self, discards: bool) -> Self {
        Self {
            discards_codes: discards,
            ..self
        }
    }
}

impl<C: Described + AsRef<RestCredentials>> Vendor for Messages<C> {
    type Credentials = C;
    const SECRET: &'static str = "TWILIO_SECRET";
    const URL: &'static str = "TWILIO_URL";
    const HOME: &'static str = super::HOME;
    const TIME: Duration = Duration::from_secs(10);

    /// Reads `TWILIO_RETENTION` and `CONVERSION_FEEDBACK`. Every text names its sender.
    fn read(source: &mut Source<'_>) -> Self {
        let discards = source.choice("TWILIO_RETENTION", &[("keep", false), ("discard", true)]);
        let announces = source.choice("CONVERSION_FEEDBACK", &[("off", false), ("on", true)]);
        Self {
            announces_feedback: announces,
            ..Self::new(Sender::default()).discarding_codes(discards)
        }
    }

    fn request(&self, attempt: &Attempt<'_, Self>) -> Result<RequestBuilder, SendError> {
        let (sms, credentials) = (attempt.sms, attempt.credentials.as_ref());
        let account = credentials.account_sid.expose_secret();
        if !is_sid(account, &["AC"]) {
            return Err(SendError::Unauthorized);
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("To", sms.to.reveal())
            .append_pair("Body", sms.body);
        match sms.from {
            Some(service) if is_sid(service, &["MG"]) => {
                form.append_pair("MessagingServiceSid", service);
            }
            Some(from) => {
                form.append_pair("From", from);
            }
            None => {
                if let Some(number) = &self.sender.number {
                    form.append_pair("From", number.reveal());
                }
                if let Some(service) = &self.sender.service {
                    form.append_pair("MessagingServiceSid", service);
                }
            }
        }
        if let Some(life) = sms.life {
            form.append_pair(
                "ValidityPeriod",
                &life
                    .as_secs()
                    .clamp(*VALIDITY.start(), *VALIDITY.end())
                    .to_string(),
            );
        }
        if let Some(receipt) = &sms.receipt {
            let mut url = receipt.url_of_text(C::NAME);
            url.set_fragment(Some(RETRIES));
            form.append_pair("StatusCallback", url.as_str());
        }
        if sms.holds_code && self.discards_codes {
            form.append_pair("ContentRetention", "discard")
                .append_pair("AddressRetention", "obfuscate");
        }
        if sms.holds_code && self.announces_feedback {
            form.append_pair("ProvideFeedback", "true");
        }
        let path = format!("2010-04-01/Accounts/{account}/Messages.json");
        Ok(attempt.post_form(&path, form).basic_auth(
            credentials.user.expose_secret(),
            Some(credentials.password.expose_secret()),
        ))
    }

    fn taken(_: &Attempt<'_, Self>, answer: &Answer) -> Result<Receipt, SendError> {
        judge(answer)
    }

    fn refused(_: &Attempt<'_, Self>, answer: &Answer) -> SendError {
        by_code(answer.json::<Refusal>().and_then(|refusal| refusal.code))
    }
}

/// Accepted, unless the body says that the message failed at once.
fn judge(answer: &Answer) -> Result<Receipt, SendError> {
    match answer.json::<Created>() {
        Some(Created {
            status: Some(status),
            error_code,
            ..
        }) if FAILED.contains(&status.as_str()) => Err(by_code(error_code)),
        created => {
            let (id, segments) =
                created.map_or((None, None), |created| (created.sid, created.num_segments));
            Ok(Receipt {
                id: id.filter(|sid| is_sid(sid, &["SM", "MM"])),
                segments: segments.and_then(|text| text.parse().ok()),
            })
        }
    }
}

fn by_code(code: Option<u32>) -> SendError {
    SendError::Refused {
        recipient: code.is_some_and(|code| RECIPIENT_CODES.contains(&code)),
        code,
    }
}
