//! Calls to the providers' APIs: one request, and one JSON answer or the reason why there is none.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use shared::platform::base_url::BaseUrl;
use shared::platform::http::Client;
use shared::platform::signed::Signer;
use url::Url;

use crate::report::plain;

const ANSWER_LIMIT: usize = 8 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why a call has no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No answer, or an unreadable one.
    Unreachable(String),
    /// An HTTP status other than 2xx, and the provider's message.
    Status(u16, String),
}

impl Refusal {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status, _) => Some(*status),
            Self::Unreachable(_) => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => f.write_str(why),
            Self::Status(status, words) if words.is_empty() => write!(f, "status {status}"),
            Self::Status(status, words) => write!(f, "status {status}, {words}"),
        }
    }
}

/// The body of a request. Has no `Debug`: it may hold a secret.
#[derive(Clone, Default, PartialEq)]
pub(crate) enum Body {
    #[default]
    None,
    Form(Vec<(String, String)>),
    Json(Value),
    /// An operation of AWS, and its members.
    Aws(&'static str, Value),
    /// The event of an invocation of a function.
    Event(&'static str),
}

/// What all calls share.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) client: Client,
    clock: Arc<Clock>,
}

struct Clock {
    now: SystemTime,
    read: Instant,
    furthest: Mutex<i64>,
}

impl Calls {
    /// Calls with this client. `now` is this machine's time.
    pub(crate) fn new(client: Client, now: SystemTime) -> Self {
        Self {
            client,
            clock: Arc::new(Clock {
                now,
                read: Instant::now(),
                furthest: Mutex::new(0),
            }),
        }
    }

    /// This machine's time.
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now + self.clock.read.elapsed()
    }

    /// How many seconds this machine's clock is ahead of the providers' clocks: the largest
    /// difference in all answers so far.
    pub(crate) fn skew(&self) -> i64 {
        *self
            .clock
            .furthest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A session with the API at `base`.
    pub(crate) fn to(&self, base: &BaseUrl, authorization: Authorization) -> Session {
        Session {
            calls: self.clone(),
            base: base.clone(),
            authorization,
            always_typed: false,
        }
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        session: Option<&Session>,
        body: &Body,
    ) -> Result<Value, Refusal> {
        let mut request = self
            .client
            .request(method, url.clone())
            .header(ACCEPT, "application/json");
        let authorization = session.map(|session| &session.authorization);
        let signer = authorization.and_then(Authorization::signer);
        let unsigned = || Refusal::Unreachable("the request could not be signed".to_owned());
        if let Some(Authorization::Header(value)) = authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        request = match body {
            Body::None if session.is_some_and(|session| session.always_typed) => {
                request.header(CONTENT_TYPE, "application/json")
            }
            Body::None => request,
            Body::Form(pairs) => request.form(pairs),
            Body::Json(value) => request.json(value),
            Body::Aws(operation, members) => {
                let body = members.to_string();
                let headers = signer
                    .and_then(|(signer, version)| {
                        signer.operation(&url, version, operation, &body, self.now())
                    })
                    .ok_or_else(unsigned)?;
                request.headers(headers).body(body)
            }
            Body::Event(event) => {
                let own = [("content-type", "application/json")];
                let headers = signer
                    .and_then(|(signer, _)| signer.headers(&url, &own, event, self.now()))
                    .ok_or_else(unsigned)?;
                request.headers(headers).body(*event)
            }
        };
        let answer = self.client.send(request, ANSWER_LIMIT, TIMEOUT).await;
        let answer = answer.map_err(|error| Refusal::Unreachable(error.to_string()))?;
        if let Some(theirs) = answer
            .headers
            .get(DATE)
            .and_then(|date| DateTime::from_str(date.to_str().ok()?, DateTimeFormat::HttpDate).ok())
        {
            let skew = DateTime::from(self.now()).secs() - theirs.secs();
            let mut furthest = self
                .clock
                .furthest
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if skew.abs() > furthest.abs() {
                *furthest = skew;
            }
        }
        let value: Option<Value> = answer.json();
        match answer.status {
            204 => Ok(Value::Null),
            200..=299 => {
                value.ok_or_else(|| Refusal::Unreachable("the answer is not JSON".to_owned()))
            }
            status => Err(Refusal::Status(
                status,
                value.as_ref().map(words).unwrap_or_default(),
            )),
        }
    }

    /// Reads a public document.
    pub(crate) async fn read(&self, url: Url) -> Result<Value, Refusal> {
        self.send(Method::GET, url, None, &Body::None).await
    }

    /// Posts a form to a URL. The form itself contains the authorization.
    pub(crate) async fn post(&self, url: Url, body: &Body) -> Result<Value, Refusal> {
        self.send(Method::POST, url, None, body).await
    }
}

/// The provider's message, from one of its usual fields.
fn words(body: &Value) -> String {
    let texts = [
        "message",
        "Message",
        "error_description",
        "errorSummary",
        "error",
    ]
    .iter()
    .filter_map(|name| body[name].as_str());
    let text = texts.map(plain).next().unwrap_or_default();
    match (body["code"].as_u64(), body["__type"].as_str()) {
        (Some(code), _) => format!("{code}: {text}"),
        // An exception of AWS, perhaps with its namespace before it and its reason behind it.
        (None, Some(kind)) => {
            let kind = plain(kind.rsplit('#').next().unwrap_or(kind));
            match body["Reason"].as_str() {
                Some(reason) => format!("{kind} {}: {text}", plain(reason)),
                None => format!("{kind}: {text}"),
            }
        }
        (None, None) => text,
    }
}

/// How an API recognises the caller.
#[derive(Clone)]
pub(crate) enum Authorization {
    /// The value of `Authorization`.
    Header(HeaderValue),
    /// AWS: each request is signed.
    Signed {
        credentials: Credentials,
        region: String,
        service: &'static str,
        /// The version of the service's JSON protocol.
        json: &'static str,
    },
}

impl Authorization {
    /// `None`: the secret is not a single line of plain characters.
    pub(crate) fn basic(user: &str, password: &SecretString) -> Option<Self> {
        let text = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        Self::header("Basic", &SecretString::from(text))
    }

    /// `None`: the secret is not a single line of plain characters.
    pub(crate) fn header(scheme: &str, token: &SecretString) -> Option<Self> {
        let mut value =
            HeaderValue::try_from(format!("{scheme} {}", token.expose_secret())).ok()?;
        value.set_sensitive(true);
        Some(Self::Header(value))
    }

    /// The secret alone. `None`: it is not a single line of plain characters.
    pub(crate) fn bare(secret: &SecretString) -> Option<Self> {
        let mut value = HeaderValue::try_from(secret.expose_secret()).ok()?;
        value.set_sensitive(true);
        Some(Self::Header(value))
    }

    /// Who signs, and the version of the service's JSON protocol. `None`: nothing is signed.
    fn signer(&self) -> Option<(Signer<'_>, &'static str)> {
        match self {
            Self::Header(_) => None,
            Self::Signed {
                credentials,
                region,
                service,
                json,
            } => {
                let signer = Signer {
                    credentials,
                    region,
                    service,
                };
                Some((signer, *json))
            }
        }
    }
}

/// An API and its credentials.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) calls: Calls,
    pub(crate) base: BaseUrl,
    authorization: Authorization,
    always_typed: bool,
}

impl Session {
    /// Gives every request a content type, even one without a body. Okta requires that.
    pub(crate) fn always_typed(self) -> Self {
        Self {
            always_typed: true,
            ..self
        }
    }

    /// The same credentials at another URL.
    pub(crate) fn at(&self, base: &BaseUrl) -> Self {
        Self {
            base: base.clone(),
            ..self.clone()
        }
    }

    /// Sends a request. `path` has no leading slash.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Body,
    ) -> Result<Value, Refusal> {
        self.send_to(method, self.base.join(path), body).await
    }

    /// Sends a request to a full URL, which must be the provider's own.
    pub(crate) async fn send_to(
        &self,
        method: Method,
        url: Url,
        body: &Body,
    ) -> Result<Value, Refusal> {
        self.calls.send(method, url, Some(self), body).await
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Refusal> {
        let mut url = self.base.join(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.calls
            .send(Method::GET, url, Some(self), &Body::None)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_has_the_providers_words() {
        for (body, text) in [
            (
                json!({ "code": 20003, "message": "Authenticate" }),
                "20003: Authenticate",
            ),
            (
                json!({ "error": "access_denied", "error_description": "Unauthorized" }),
                "Unauthorized",
            ),
            (
                json!({ "errorCode": "E0000011", "errorSummary": "Invalid token provided" }),
                "Invalid token provided",
            ),
            (
                json!({ "__type": "x#AccessDeniedException", "Message": "not authorized" }),
                "AccessDeniedException: not authorized",
            ),
            (
                json!({ "__type": "x#ConflictException", "Reason": "OPTED_OUT", "Message": "no" }),
                "ConflictException OPTED_OUT: no",
            ),
            (json!([]), ""),
        ] {
            assert_eq!(words(&body), text);
        }
        assert_eq!(
            Refusal::Status(401, String::new()).to_string(),
            "status 401"
        );
    }
}
