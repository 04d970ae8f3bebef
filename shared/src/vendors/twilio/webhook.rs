//! Twilio's webhooks: authentication, the inbound SMS
//! (<https://www.twilio.com/docs/messaging/guides/webhook-request>) and the inbound call
//! (<https://www.twilio.com/docs/voice/twiml#twilios-request-to-your-application>).

use std::sync::Arc;
use std::time::SystemTime;

use ring::digest;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Credentials, is_sid, signature};
use crate::platform::base_url::{self, BaseUrl};
use crate::platform::config::Source;
use crate::platform::reply::{Failure, Reply};
use crate::platform::request::Request;
use crate::platform::secrets::Secret;
use crate::rules::phone::E164;
use crate::rules::verified::Verified;

/// Twilio sends some thirty parameters, and a few for each media file.
const PARAMETER_LIMIT: usize = 500;
/// Twilio's limit for the media of a message.
const MEDIA_LIMIT: usize = 10;
const URL_LIMIT: usize = 2000;
/// A longer speech is no answer to a question, in bytes.
const SPEECH_LIMIT: usize = 500;
/// The numbers that Twilio sends instead of a withheld caller id: ANONYMOUS, RESTRICTED, BLOCKED,
/// UNKNOWN and UNAVAILABLE on a keypad (<https://help.twilio.com/articles/223179988>).
const WITHHELD: [&str; 5] = [
    "+266696687",
    "+7378742833",
    "+2562533",
    "+8656696",
    "+86282452253",
];

/// The prefix of a party's address in RCS. A Messaging Service may use RCS to send to, and hear
/// from, a phone that has it.
const RCS: &str = "rcs:";

/// The media types of Twilio's webhooks.
pub const FORMS: [&str; 1] = ["application/x-www-form-urlencoded"];

/// Words that opt out of all texts if a text holds nothing else
/// (<https://help.twilio.com/articles/223134027>); in lower case.
pub const STOP_WORDS: [&str; 9] = [
    "stop",
    "stopall",
    "unsubscribe",
    "cancel",
    "end",
    "quit",
    "revoke",
    "optout",
    "arret",
];

/// The decoded parameters of a webhook, in the order sent.
#[derive(Debug)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Decodes a body; `None` if it has more parameters than any form of Twilio's.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(body)
            .into_owned()
            .take(PARAMETER_LIMIT + 1)
            .collect();
        Some(Self { pairs }).filter(|form| form.pairs.len() <= PARAMETER_LIMIT)
    }

    /// Whether a parameter comes more than once.
    pub fn repeats(&self) -> bool {
        let mut names: Vec<&str> = self.pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// All parameters.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.pairs
    }

    /// A parameter's value, if it is present.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads `PUBLIC_URL`: the URL that Twilio was given, if it is not the Function URL.
pub fn public_url(source: &mut Source<'_>) -> Option<BaseUrl> {
    source.optional_base_url("PUBLIC_URL")
}

/// Checks the signature of a form webhook against `PUBLIC_URL` (or the Function URL), and that the
/// webhook is our account's. If the signature does not match, the secret is fetched again once.
///
/// # Errors
/// The reply: 403 for a missing or wrong signature, 400 for a repeated parameter, 503 if the secret
/// cannot be fetched.
pub async fn authenticate(
    request: &Request,
    public_url: Option<&BaseUrl>,
    secret: &Secret<Credentials>,
    now: SystemTime,
) -> Result<Verified<Form>, Reply> {
    let (form, credentials) = check(request, public_url, secret, now, true).await?;
    if form.get("AccountSid") != Some(credentials.rest.account_sid.expose_secret()) {
        return Err(Reply::refused(403, "other_account"));
    }
    Ok(Verified::new(form))
}

/// As [`authenticate`], for a Studio flow's request. The flow's author chose its parameters. A
/// `bodySHA256` in the query covers a JSON body
/// (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>).
///
/// # Errors
/// As [`authenticate`].
pub async fn authenticate_flow(
    request: &Request,
    public_url: Option<&BaseUrl>,
    secret: &Secret<Credentials>,
    now: SystemTime,
) -> Result<(), Reply> {
    let is_form = FORMS.contains(&request.media_type().as_str());
    check(request, public_url, secret, now, is_form).await?;
    if is_form || signature::fits_body(request.query(), request.body()) {
        Ok(())
    } else {
        Err(Reply::refused(403, "bad_signature"))
    }
}

/// The form (empty if the body is not one), and the credentials that match its signature.
async fn check(
    request: &Request,
    public_url: Option<&BaseUrl>,
    secret: &Secret<Credentials>,
    now: SystemTime,
    is_form: bool,
) -> Result<(Form, Arc<Credentials>), Reply> {
    let signature = request
        .header("x-twilio-signature")
        .filter(|value| !value.is_empty());
    let Some(signature) = signature else {
        return Err(Reply::refused(403, "signature_missing"));
    };
    let own: Option<BaseUrl> = format!("https://{}", request.domain()).parse().ok();
    let Some(base) = public_url.or(own.as_ref()) else {
        return Err(Reply::refused(403, "bad_signature"));
    };
    let urls = signature::candidates(base.as_url(), request.path(), request.query());
    let body: &[u8] = if is_form { request.body() } else { &[] };
    let form = Form::parse(body).ok_or_else(|| Reply::refused(403, "too_many_parameters"))?;
    let fits = |credentials: &Credentials| {
        let tokens = [
            Some(&credentials.auth_token),
            credentials.previous_auth_token.as_ref(),
        ];
        tokens
            .into_iter()
            .flatten()
            .any(|token| signature::fits(token.expose_secret(), &urls, &form.pairs, signature))
    };
    let fitting = secret.fitting(now, fits).await.map_err(Failure::from)?;
    let credentials = fitting.ok_or_else(|| Reply::refused(403, "bad_signature"))?;
    // Twilio's signature has no separators, so it also matches the same text with parameters joined
    // or moved into the query. Therefore required parameters are checked, and repeated ones are
    // rejected: Twilio never repeats a parameter.
    if form.repeats() {
        return Err(Reply::refused(400, "repeated_parameter"));
    }
    Ok((form, credentials))
}

/// A text that was sent to one of our numbers.
#[derive(Debug)]
pub struct InboundSms {
    /// `SM…` or `MM…`; the same on Twilio's retries.
    pub sid: String,
    /// The sender; `None` if it is not a possible E.164 number (short code, alphanumeric, another
    /// channel than RCS, forged). Such a sender never gets an answer.
    pub from: Option<E164>,
    /// The sender as Twilio names it, without the `rcs:` before a number.
    pub sender: String,
    /// Our number, if it is E.164. An RCS agent (`rcs:acme_agent`) has none.
    pub to: Option<E164>,
    /// The text, untrimmed. It may be empty, for example if the message is only a picture.
    pub body: String,
    /// The URLs of its pictures and other media, at most ten.
    pub media: Vec<String>,
    /// `STOP`, `START` or `HELP`, if Twilio's Advanced Opt-Out recognised the word and answered
    /// itself.
    pub opt_out_type: Option<String>,
}

impl InboundSms {
    /// A hash of the parts, besides the SID, that copies of the same message share.
    pub fn fingerprint(&self) -> String {
        let from = self.from.as_ref().map_or("", E164::reveal);
        let hash = digest::digest(&digest::SHA256, format!("{from}\n{}", self.body).as_bytes());
        hex::encode(&hash.as_ref()[..8])
    }

    /// Whether the sender wants no more texts. Twilio handles that itself.
    pub fn opts_out(&self) -> bool {
        match self.opt_out_type.as_deref() {
            None => STOP_WORDS.contains(&self.body.trim().to_lowercase().as_str()),
            Some(kind) => kind == "STOP",
        }
    }

    /// Reads a verified form.
    ///
    /// # Errors
    /// 403 if a parameter is missing that every signed inbound message has: Twilio did not sign
    /// this request as it is. A message with only pictures may come without `Body`.
    pub fn parse(form: &Verified<Form>) -> Result<Self, Reply> {
        let body = form
            .get("Body")
            .or_else(|| (media_count(form) > 0).then_some(""));
        let (Some(sid), Some(from), Some(to), Some(body)) = (
            form.get("MessageSid"),
            form.get("From"),
            form.get("To"),
            body,
        ) else {
            return Err(Reply::refused(403, "not_an_inbound_sms"));
        };
        if !is_sid(sid, &["SM", "MM"]) {
            return Err(Reply::refused(403, "not_an_inbound_sms"));
        }
        Ok(Self {
            sid: sid.to_owned(),
            from: without_channel(from).parse().ok(),
            sender: without_channel(from).to_owned(),
            to: without_channel(to).parse().ok(),
            body: body.to_owned(),
            media: media(form),
            opt_out_type: form
                .get("OptOutType")
                .filter(|kind| !kind.is_empty())
                .map(str::to_owned),
        })
    }
}

/// The number of an RCS address; any other address as it came.
fn without_channel(address: &str) -> &str {
    address
        .strip_prefix(RCS)
        .filter(|number| number.parse::<E164>().is_ok())
        .unwrap_or(address)
}

fn media_count(form: &Form) -> usize {
    form.get("NumMedia")
        .and_then(|count| count.parse().ok())
        .unwrap_or_default()
}

fn media(form: &Form) -> Vec<String> {
    let urls = (0..media_count(form).min(MEDIA_LIMIT))
        .filter_map(|index| form.get(&format!("MediaUrl{index}")));
    urls.filter(|url| is_fetchable(url))
        .map(str::to_owned)
        .collect()
}

fn is_fetchable(url: &str) -> bool {
    url.len() <= URL_LIMIT && base_url::is_acceptable(url)
}

/// A step of a call to one of our numbers.
#[derive(Debug)]
pub struct InboundCall {
    /// `CA…`; the same in all steps of a call.
    pub sid: String,
    /// The caller; `None` if the number is withheld or not a possible E.164 number.
    pub from: Option<E164>,
    /// Our number, if it is E.164.
    pub to: Option<E164>,
    /// The number that forwarded the call to ours, if a carrier says so.
    pub forwarded_from: Option<String>,
}

/// The caller that a request names, without a check of its signature. It may choose a language, no
/// more.
pub fn claimed_caller(request: &Request) -> Option<E164> {
    Form::parse(request.body())?.get("From")?.parse().ok()
}

impl InboundCall {
    /// Reads a verified form.
    ///
    /// # Errors
    /// 403 if a parameter is missing that every signed step of a call has: Twilio did not sign this
    /// request as it is.
    pub fn parse(form: &Verified<Form>) -> Result<Self, Reply> {
        let (Some(sid), Some(from), Some(to)) =
            (form.get("CallSid"), form.get("From"), form.get("To"))
        else {
            return Err(Reply::refused(403, "not_an_inbound_call"));
        };
        if !is_sid(sid, &["CA"]) {
            return Err(Reply::refused(403, "not_an_inbound_call"));
        }
        Ok(Self {
            sid: sid.to_owned(),
            from: from.parse().ok().filter(|_| !is_withheld(from)),
            to: to.parse().ok(),
            forwarded_from: form
                .get("ForwardedFrom")
                .filter(|number| !number.trim().is_empty())
                .map(str::to_owned),
        })
    }
}

/// The keys pressed in a `<Gather>`, empty if none. They may be a PIN
/// (<https://www.twilio.com/docs/voice/twiml/gather#twilios-request-to-the-action-url>).
pub fn keys(form: &Verified<Form>) -> SecretString {
    form.get("Digits").unwrap_or_default().to_owned().into()
}

/// What Twilio understood of a caller's speech, empty if nothing. It may be an account number. A text
/// that is longer than any answer to our questions counts as nothing
/// (<https://www.twilio.com/docs/voice/twiml/gather#twilios-request-to-the-action-url>).
pub fn speech(form: &Verified<Form>) -> SecretString {
    let text = form.get("SpeechResult").unwrap_or_default();
    let fits = text.len() <= SPEECH_LIMIT;
    (if fits { text } else { "" }).to_owned().into()
}

/// Whether a caller's number is one that Twilio sends instead of a withheld one (a form may have
/// lost its plus), or a word for that.
pub fn is_withheld(from: &str) -> bool {
    let word = from.to_ascii_lowercase();
    WITHHELD
        .iter()
        .any(|number| number.trim_start_matches('+') == from.trim_start_matches('+'))
        || matches!(
            word.as_str(),
            "anonymous" | "restricted" | "unavailable" | "unknown" | "withheld" | "blocked"
        )
}

/// Whether a call is over, by its status
/// (<https://www.twilio.com/docs/voice/twiml#callstatus-values>).
pub fn has_ended(form: &Verified<Form>) -> bool {
    form.get("CallStatus").is_some_and(|status| {
        matches!(
            status,
            "completed" | "busy" | "failed" | "no-answer" | "canceled"
        )
    })
}

/// The length of a call whose end is reported, in seconds, with the time before it was answered by a
/// person (<https://www.twilio.com/docs/voice/api/call-resource#statuscallback>).
pub fn call_seconds(form: &Verified<Form>) -> u64 {
    number(form, "CallDuration")
}

/// How a `<Dial>` ended (<https://www.twilio.com/docs/voice/twiml/dial#dialcallstatus>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialled {
    /// Whether the called phone was answered.
    pub answered: bool,
    /// Seconds of talk.
    pub seconds: u64,
}

impl Dialled {
    /// Reads it; `None` if this request reports no dialled call.
    pub fn parse(form: &Verified<Form>) -> Option<Self> {
        let answered = matches!(form.get("DialCallStatus")?, "completed" | "answered");
        Some(Self {
            answered,
            seconds: number(form, "DialCallDuration"),
        })
    }
}

/// The result of a `<Record>`
/// (<https://www.twilio.com/docs/voice/twiml/record#request-parameters>).
#[derive(Debug)]
pub struct Recording {
    /// The recording's URL, without a suffix for the format.
    pub url: String,
    /// The recording's length.
    pub seconds: u64,
}

impl Recording {
    /// Reads it; `None` if this request reports no recording.
    pub fn parse(form: &Verified<Form>) -> Option<Self> {
        let url = form.get("RecordingUrl").filter(|url| is_fetchable(url))?;
        Some(Self {
            url: url.to_owned(),
            seconds: number(form, "RecordingDuration"),
        })
    }
}

fn number(form: &Form, name: &str) -> u64 {
    form.get(name)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
