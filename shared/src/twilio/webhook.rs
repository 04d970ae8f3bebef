//! Twilio's webhooks: authentication, and the inbound SMS
//! (<https://www.twilio.com/docs/messaging/guides/webhook-request>).

use std::time::SystemTime;

use ring::digest;
use secrecy::ExposeSecret as _;

use super::{Credentials, is_sid, signature};
use crate::http::BaseUrl;
use crate::phone::E164;
use crate::reply::{Failure, Reply};
use crate::request::Request;
use crate::secrets::Secret;
use crate::verified::Verified;

/// Twilio sends some thirty, and a few for each media file.
const PARAMETER_LIMIT: usize = 500;

/// The decoded parameters of a webhook, in the order sent.
#[derive(Debug)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// A parameter's value, if it came.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Checks the signature of a form webhook against `PUBLIC_URL` (or the Function URL), fetching the secret anew once when it does
/// not fit, and that it is our account's.
///
/// # Errors
/// The answer: 403 for a missing or wrong signature, 400 for a parameter that came twice, 503 if the secret cannot be had.
pub async fn authenticate(
    request: &Request,
    public_url: Option<&BaseUrl>,
    secret: &Secret<Credentials>,
    now: SystemTime,
) -> Result<Verified<Form>, Reply> {
    let signature = request.header("x-twilio-signature").filter(|value| !value.is_empty());
    let Some(signature) = signature else { return Err(Reply::refused(403, "signature_missing")) };
    let own: Option<BaseUrl> = format!("https://{}", request.domain).parse().ok();
    let Some(base) = public_url.or(own.as_ref()) else { return Err(Reply::refused(403, "bad_signature")) };
    let urls = signature::candidates(base.as_url(), &request.path, &request.query);
    let pairs: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().take(PARAMETER_LIMIT + 1).collect();
    if pairs.len() > PARAMETER_LIMIT {
        return Err(Reply::refused(403, "too_many_parameters"));
    }
    let fits = |credentials: &Credentials| {
        let tokens = [Some(&credentials.auth_token), credentials.previous_auth_token.as_ref()];
        tokens.into_iter().flatten().any(|token| signature::fits(token.expose_secret(), &urls, &pairs, signature))
    };
    let mut credentials = secret.get(now).await.map_err(Failure::from)?;
    if !fits(&credentials) {
        match secret.refresh(now).await.map_err(Failure::from)? {
            Some(fresh) if fits(&fresh) => credentials = fresh,
            _ => return Err(Reply::refused(403, "bad_signature")),
        }
    }
    let form = Form { pairs };
    // The signature would also fit with parameters glued together or moved into the query: what must be there is checked, and
    // Twilio never repeats a parameter.
    let mut names: Vec<&str> = form.pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Reply::refused(400, "repeated_parameter"));
    }
    if form.get("AccountSid") != Some(credentials.account_sid.expose_secret()) {
        return Err(Reply::refused(403, "other_account"));
    }
    Ok(Verified::vouch(form))
}

/// A text that someone sent to one of our numbers.
#[derive(Debug)]
pub struct InboundSms {
    /// `SM…` or `MM…`; the same on Twilio's retries.
    pub sid: String,
    /// The sender; `None` if it is no E.164 number (short code, alphanumeric, another channel), which is never answered.
    pub from: Option<E164>,
    /// Our number, if it is E.164.
    pub to: Option<E164>,
    /// The text, untrimmed; may be empty.
    pub body: String,
    /// `STOP`, `START` or `HELP`, when Twilio's Advanced Opt-Out took it as such and answered itself.
    pub opt_out_type: Option<String>,
}

impl InboundSms {
    /// A hash of what, besides its SID, makes it the same message.
    pub fn fingerprint(&self) -> String {
        let from = self.from.as_ref().map_or("", E164::reveal);
        let hash = digest::digest(&digest::SHA256, format!("{from}\n{}", self.body).as_bytes());
        hex::encode(&hash.as_ref()[..8])
    }

    /// Reads a verified form.
    ///
    /// # Errors
    /// 403 when a parameter is missing that every signed inbound message has: Twilio did not sign this request as it is.
    pub fn parse(form: &Verified<Form>) -> Result<Self, Reply> {
        let (Some(sid), Some(from), Some(to), Some(body)) =
            (form.get("MessageSid"), form.get("From"), form.get("To"), form.get("Body"))
        else {
            return Err(Reply::refused(403, "not_an_inbound_sms"));
        };
        if !is_sid(sid, &["SM", "MM"]) {
            return Err(Reply::refused(403, "not_an_inbound_sms"));
        }
        Ok(Self {
            sid: sid.to_owned(),
            from: from.parse().ok(),
            to: to.parse().ok(),
            body: body.to_owned(),
            opt_out_type: form.get("OptOutType").filter(|kind| !kind.is_empty()).map(str::to_owned),
        })
    }
}
