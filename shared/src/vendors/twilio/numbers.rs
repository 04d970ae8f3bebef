//! The account's numbers: listed, searched for, bought, pointed at webhooks, released
//! (<https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource>,
//! <https://www.twilio.com/docs/phone-numbers/api/availablephonenumber-resource>).
//!
//! There is no idempotency key. After a purchase without an answer, the number is found by the name
//! it was bought with, or by buying the same number again: Twilio sells a number only once.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use url::Url;

use super::number::{Available, Owned, Resource, Webhooks, form};
use super::{RestCredentials, is_sid};
use crate::platform::base_url::BaseUrl;
use crate::platform::http::{Answer, Client, NoAnswer};
use crate::platform::secrets::{Secret, SecretError};
use crate::rules::phone::E164;

/// The prefix of the friendly names of the numbers that we buy. The user's id follows.
pub const BOUGHT: &str = "switchboard:";
/// Enough for a page of a thousand numbers.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);
/// Twilio's largest page.
const PAGE: &str = "1000";
/// More pages than any account needs that this is made for.
const MOST_PAGES: usize = 50;
/// Twilio's largest page as a number.
const MOST: usize = 1_000;
/// The countries where numbers are searched by area code, and where there is no list of mobile
/// numbers.
const NORTH_AMERICA: [&str; 2] = ["US", "CA"];

/// Why a call brought no result. No variant holds a value of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// Twilio does not accept the credentials, or what they permit.
    Unauthorized,
    /// Too many requests. This one was not executed.
    RateLimited,
    /// There is no such number or list.
    NotFound,
    /// Twilio rejected the request for good, with this code
    /// (<https://www.twilio.com/docs/api/errors>); 0 if it gave none.
    Refused(u32),
    /// Certainly not executed; the text says why.
    NotDone(String),
    /// It may have been executed; the text says what happened.
    Unknown(String),
}

impl From<SecretError> for CallError {
    fn from(error: SecretError) -> Self {
        Self::NotDone(error.to_string())
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized => f.write_str("Twilio refuses the credentials"),
            Self::RateLimited => f.write_str("Twilio's rate limit is reached"),
            Self::NotFound => f.write_str("Twilio knows no such number"),
            Self::Refused(code) => write!(f, "Twilio refuses the request: {code}"),
            Self::NotDone(why) | Self::Unknown(why) => write!(f, "Twilio: {why}"),
        }
    }
}

impl From<NoAnswer> for CallError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::NotSent(_) => Self::NotDone(error.to_string()),
            NoAnswer::Unknown(_) => Self::Unknown(error.to_string()),
        }
    }
}

/// The numbers of an account.
pub struct Numbers {
    client: Client,
    base: BaseUrl,
    secret: Secret<RestCredentials>,
}

/// One call. `resource` follows the account in the path, without `.json`.
struct Call<'a> {
    method: Method,
    resource: &'a str,
    query: Option<&'a str>,
    form: Option<String>,
}

impl Numbers {
    /// The numbers of the account whose credentials are in `secret`, at `base` (`TWILIO_URL`).
    pub fn new(client: Client, base: BaseUrl, secret: Secret<RestCredentials>) -> Self {
        Self {
            client,
            base,
            secret,
        }
    }

    /// Fetches the credentials ahead and opens a connection.
    pub async fn warm_up(&self, now: SystemTime) {
        // A failure shows again on the real call.
        let _ = tokio::join!(self.secret.get(now), self.client.warm_up(Some(&self.base)));
    }

    /// All numbers of the account, or those with exactly this `name`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn list(&self, name: Option<&str>, now: SystemTime) -> Result<Vec<Owned>, CallError> {
        #[derive(Deserialize)]
        struct Page {
            incoming_phone_numbers: Vec<Resource>,
            next_page_uri: Option<String>,
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(name.map(|name| ("FriendlyName", name)));
        let mut query = query.append_pair("PageSize", PAGE).finish();
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let call = Call {
                method: Method::GET,
                resource: "IncomingPhoneNumbers",
                query: Some(&query),
                form: None,
            };
            let page: Page = readable(&self.call(&call, now).await?)?;
            let numbers = page
                .incoming_phone_numbers
                .into_iter()
                .filter_map(Resource::read);
            // Twilio's comparison of names may differ from ours, so the names are compared again.
            found.extend(numbers.filter(|owned| name.is_none_or(|name| owned.name == name)));
            let Some(next) = page.next_page_uri.filter(|uri| !uri.is_empty()) else {
                return Ok(found);
            };
            // Only the parameters of the next page's address are used, so the credentials never go
            // to another address.
            let next = next.split_once('?').filter(|(path, _)| {
                path.starts_with('/') && path.ends_with("/IncomingPhoneNumbers.json")
            });
            let Some((_, next)) = next.filter(|(_, next)| *next != query) else {
                break;
            };
            query = next.to_owned();
        }
        Err(CallError::Unknown(
            "the list of numbers does not end".to_owned(),
        ))
    }

    /// The number with this SID.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get(&self, sid: &str, now: SystemTime) -> Result<Owned, CallError> {
        let call = Call {
            method: Method::GET,
            resource: &resource(sid)?,
            query: None,
            form: None,
        };
        owned(&self.call(&call, now).await?)
    }

    /// Up to `most` numbers (of each kind, at most 1,000) for calls and texts that begin with
    /// `prefix`. In the US and Canada `prefix` is an area code. Elsewhere it is the number's first
    /// digits with the country code, and local numbers come first, then mobile ones. Empty: there
    /// are none, or Twilio has no list for this country.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn search(
        &self,
        country: &str,
        prefix: &str,
        most: usize,
        now: SystemTime,
    ) -> Result<Vec<Available>, CallError> {
        #[derive(Deserialize)]
        struct Page {
            available_phone_numbers: Vec<Entry>,
        }
        #[derive(Deserialize)]
        struct Entry {
            phone_number: String,
            address_requirements: Option<String>,
        }
        let area_codes = NORTH_AMERICA.contains(&country);
        let (name, value) = if area_codes {
            ("AreaCode", prefix.to_owned())
        } else {
            ("Contains", format!("+{prefix}"))
        };
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair(name, &value)
            .append_pair("VoiceEnabled", "true")
            .append_pair("SmsEnabled", "true")
            .append_pair("PageSize", &most.clamp(1, MOST).to_string())
            .finish();
        let mut found: Vec<Available> = Vec::new();
        for list in if area_codes {
            &["Local"][..]
        } else {
            &["Local", "Mobile"]
        } {
            let resource = format!("AvailablePhoneNumbers/{country}/{list}");
            let call = Call {
                method: Method::GET,
                resource: &resource,
                query: Some(&query),
                form: None,
            };
            let page: Page = match self.call(&call, now).await {
                Ok(answer) => readable(&answer)?,
                Err(CallError::NotFound) => continue,
                Err(error) => return Err(error),
            };
            found.extend(
                page.available_phone_numbers
                    .into_iter()
                    .filter_map(|entry| {
                        let needs_address = entry
                            .address_requirements
                            .is_some_and(|kind| kind != "none");
                        let number: E164 = entry.phone_number.parse().ok()?;
                        // Twilio may find `prefix` elsewhere in the number.
                        let digits = if area_codes {
                            number.digits().strip_prefix('1')?
                        } else {
                            number.digits()
                        };
                        digits.starts_with(prefix).then_some(Available {
                            number,
                            needs_address,
                        })
                    }),
            );
        }
        Ok(found)
    }

    /// Buys this number, once, with a name and its webhook set. After [`CallError::Unknown`] the
    /// number may be ours.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn buy(
        &self,
        number: &E164,
        name: &str,
        webhooks: &Webhooks,
        now: SystemTime,
    ) -> Result<Owned, CallError> {
        let form = form(
            webhooks,
            &[("PhoneNumber", number.reveal()), ("FriendlyName", name)],
        );
        let call = Call {
            method: Method::POST,
            resource: "IncomingPhoneNumbers",
            query: None,
            form: Some(form),
        };
        let bought = owned(&self.call(&call, now).await?)?;
        let right = bought.number == *number;
        right
            .then_some(bought)
            .ok_or_else(|| CallError::Unknown("another number was bought".to_owned()))
    }

    /// Points a number at its webhook set, and at nothing else. Repeating it does no harm.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn set_webhooks(
        &self,
        number: &Owned,
        webhooks: &Webhooks,
        now: SystemTime,
    ) -> Result<Owned, CallError> {
        let diversions = [
            ("VoiceApplicationSid", ""),
            ("SmsApplicationSid", ""),
            ("TrunkSid", ""),
        ];
        let form = form(webhooks, if number.diverted { &diversions } else { &[] });
        let call = Call {
            method: Method::POST,
            resource: &resource(&number.sid)?,
            query: None,
            form: Some(form),
        };
        owned(&self.call(&call, now).await?)
    }

    /// Releases a number for good. If the number is already gone, the error is
    /// [`CallError::NotFound`].
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn release(&self, sid: &str, now: SystemTime) -> Result<(), CallError> {
        let call = Call {
            method: Method::DELETE,
            resource: &resource(sid)?,
            query: None,
            form: None,
        };
        self.call(&call, now).await.map(drop)
    }

    /// One call. If Twilio rejects the credentials, they are fetched again and tried a second time.
    /// A rejected call executes nothing.
    async fn call(&self, call: &Call<'_>, now: SystemTime) -> Result<Answer, CallError> {
        let is_refused = |error: &CallError| *error == CallError::Unauthorized;
        let attempt =
            |credentials: Arc<RestCredentials>| async move { self.send(call, &credentials).await };
        self.secret.retrying(now, is_refused, attempt).await
    }

    async fn send(
        &self,
        call: &Call<'_>,
        credentials: &RestCredentials,
    ) -> Result<Answer, CallError> {
        let account = credentials.account_sid.expose_secret();
        if !is_sid(account, &["AC"]) {
            return Err(CallError::Unauthorized);
        }
        let (user, password) = (
            credentials.user.expose_secret(),
            credentials.password.expose_secret(),
        );
        let mut url: Url = self.base.join(&format!(
            "2010-04-01/Accounts/{account}/{}.json",
            call.resource
        ));
        url.set_query(call.query);
        let mut request = self
            .client
            .request(call.method.clone(), url)
            .basic_auth(user, Some(password));
        if let Some(form) = &call.form {
            request = request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.clone());
        }
        let answer = self.client.send(request, ANSWER_LIMIT, TIMEOUT).await?;
        match answer.status {
            200..=299 => Ok(answer),
            401 | 403 => Err(CallError::Unauthorized),
            404 => Err(CallError::NotFound),
            429 => Err(CallError::RateLimited),
            400..=499 => Err(CallError::Refused(code(&answer))),
            status @ 500.. => Err(CallError::Unknown(format!("status {status}"))),
            status => Err(CallError::NotDone(format!("status {status}"))),
        }
    }
}

fn resource(sid: &str) -> Result<String, CallError> {
    is_sid(sid, &["PN"])
        .then(|| format!("IncomingPhoneNumbers/{sid}"))
        .ok_or(CallError::NotFound)
}

fn code(answer: &Answer) -> u32 {
    #[derive(Deserialize)]
    struct Refusal {
        code: u32,
    }
    answer.json().map_or(0, |Refusal { code }| code)
}

fn readable<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, CallError> {
    answer
        .json()
        .ok_or_else(|| CallError::Unknown("unreadable answer".to_owned()))
}

fn owned(answer: &Answer) -> Result<Owned, CallError> {
    readable::<Resource>(answer)?
        .read()
        .ok_or_else(|| CallError::Unknown("unreadable answer".to_owned()))
}
