//! Users: found by a phone number in their profile, listed, read by id, and given a number.
//!
//! The search is eventually consistent, so it may show an old state of a user just changed. A user
//! read by id is current
//! (<https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/#tag/User/operation/listUsers>).

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, LINK};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use url::Url;

use super::link_header::next_link;
use super::rate_limit::{Pause, ends, pause};
use super::tokens::{Authorization, Tokens};
use super::user::{Attribute, Status, User};
use super::{Access, CallError, Credentials};
use crate::lock;
use crate::platform::Platform;
use crate::platform::base_url::BaseUrl;
use crate::platform::config::Source;
use crate::platform::http::{Answer, Client};
use crate::platform::secrets::Secret;
use crate::rules::phone::E164;

const ANSWER_LIMIT: usize = 4 * 1024 * 1024;
/// A caller waits on the phone.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(4);
/// No caller waits. Giving up on a change leaves its outcome unknown.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Okta's largest page.
const PAGE: &str = "200";
/// Enough to show that several users have a number, although departed users still have it too.
const MATCHES: &str = "10";
const FIELDS: &str = "id,status,statusChanged,profile:(firstName,locale,login,mobilePhone,preferredLanguage,primaryPhone)";
/// Leaves unread fields out of lists, which makes lists faster.
const SPARSE: &str = r#"application/json; okta-response="omitCredentials,omitCredentialsLinks,omitTransitioningToStatus""#;

/// The users with a number. The caller decides by the status whether to serve one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No user.
    Nobody,
    /// One user. Departed users count only if no other user has the number.
    One(User),
    /// Several users: the right one is unknown.
    Several(Vec<User>),
}

/// A page of all users except departed ones. A user added or changed meanwhile may be missing, or
/// come twice.
#[derive(Debug)]
pub struct Page {
    /// Up to 200, with any status.
    pub users: Vec<User>,
    /// The next page to request; `None`: this is the last one.
    pub next: Option<NextPage>,
}

/// The address of a further page, as Okta gave it, in the configured org.
#[derive(Debug, Clone)]
pub struct NextPage(Url);

impl NextPage {
    /// The address as text. [`Users::next_page`] reads it, to go on later. Okta does not say how
    /// long an address is valid.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The users of an org.
pub struct Users {
    client: Client,
    base: BaseUrl,
    tokens: Tokens,
    access: Access,
    /// For each [`Kind`], until when no call is made, and why.
    pauses: Mutex<[Option<Pause>; 3]>,
}

/// The kinds of calls. Okta has a limit for each of them
/// (<https://developer.okta.com/docs/reference/rl2-monitor/>).
#[derive(Clone, Copy)]
enum Kind {
    List,
    Read,
    Change,
}

impl Users {
    /// The users of the org at `base` (`OKTA_URL`); [`Users::update`] needs [`Access::Manage`].
    pub fn new(client: Client, base: BaseUrl, access: Access, secret: Secret<Credentials>) -> Self {
        let tokens = Tokens::new(client.clone(), base.clone(), access, secret);
        Self {
            client,
            base,
            tokens,
            access,
            pauses: Mutex::default(),
        }
    }

    /// Reads `OKTA_URL` and `OKTA_SECRET`.
    pub fn read(platform: &Platform, source: &mut Source<'_>, access: Access) -> Self {
        let base = source.base_url("OKTA_URL", None);
        let secret = platform.secret(source, "OKTA_SECRET");
        Self::new(platform.http.clone(), base, access, secret)
    }

    /// Opens a connection ahead.
    pub async fn connect(&self) {
        self.client.warm_up(Some(&self.base)).await;
    }

    /// Gets ahead what the first call needs: the secret and, for a service app, a token.
    pub async fn warm_up(&self, now: SystemTime) {
        // A failure shows again on the real call.
        let _ = self.tokens.get(now).await;
    }

    /// The users who have exactly `number` in `attribute`, by one request. A service app's first
    /// call, and a call after a rejected token, also needs a token. Each request is given 4 s.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn by_phone(
        &self,
        attribute: Attribute,
        number: &E164,
        now: SystemTime,
    ) -> Result<Found, CallError> {
        // String literals in a search are JSON strings.
        let search = format!("profile.{} eq {}", attribute.name(), json!(number.reveal()));
        let mut url = self.base.join("api/v1/users");
        url.query_pairs_mut()
            .append_pair("search", &search)
            .append_pair("limit", MATCHES)
            .append_pair("fields", FIELDS);
        let answer = self
            .call(Kind::List, &url, None, LOOKUP_TIMEOUT, now)
            .await?;
        let mut users: Vec<User> = readable(&answer)?;
        // The search ignores case, and Okta's comparison may differ from ours in other ways.
        users.retain(|user| attribute.of(user) == Some(number.reveal()));
        if users
            .iter()
            .any(|user| user.status != Status::Deprovisioned)
        {
            users.retain(|user| user.status != Status::Deprovisioned);
        }
        Ok(match users.len() {
            0 => Found::Nobody,
            1 => Found::One(users.remove(0)),
            _ => Found::Several(users),
        })
    }

    /// The first page of the users, or the `next` one.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn page(&self, next: Option<&NextPage>, now: SystemTime) -> Result<Page, CallError> {
        let url = next.map_or_else(|| self.list(None), |next| next.0.clone());
        self.page_at(url, now).await
    }

    /// The first page of the users who were made or changed after `since`, perhaps with departed
    /// ones. Further pages: [`Users::page`].
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn changed(&self, since: SystemTime, now: SystemTime) -> Result<Page, CallError> {
        let since = OffsetDateTime::from(since);
        // Whole seconds, with the milliseconds that Okta's dates have.
        let (date, (hour, minute, second)) = (since.date(), since.time().as_hms());
        let filter = format!(r#"lastUpdated gt "{date}T{hour:02}:{minute:02}:{second:02}.000Z""#);
        self.page_at(self.list(Some(&filter)), now).await
    }

    fn list(&self, filter: Option<&str>) -> Url {
        let mut url = self.base.join("api/v1/users");
        url.query_pairs_mut()
            .append_pair("limit", PAGE)
            .append_pair("fields", FIELDS)
            .extend_pairs(filter.map(|filter| ("filter", filter)));
        url
    }

    async fn page_at(&self, url: Url, now: SystemTime) -> Result<Page, CallError> {
        let answer = self.call(Kind::List, &url, None, TIMEOUT, now).await?;
        Ok(Page {
            users: readable(&answer)?,
            next: self.next(&answer.headers, &url)?,
        })
    }

    /// The address of a page as [`NextPage::as_str`] wrote it; `None` if it is not a list of this
    /// org.
    pub fn next_page(&self, text: &str) -> Option<NextPage> {
        let list = self.base.join("api/v1/users");
        let url = Url::parse(text)
            .ok()
            .filter(|url| self.is_ours(url) && url.path() == list.path());
        url.map(NextPage)
    }

    /// The user with this id, as it is now.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get(&self, id: &str, now: SystemTime) -> Result<User, CallError> {
        let answer = self
            .call(Kind::Read, &self.user(id)?, None, LOOKUP_TIMEOUT, now)
            .await?;
        // Okta also answers to `me` and to short login names.
        Some(readable::<User>(&answer)?)
            .filter(|user| user.id == id)
            .ok_or(CallError::NotFound)
    }

    /// Sets these attributes; `None` empties one. The rest of the profile stays as it is. Repeating
    /// it does no harm.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn update(
        &self,
        id: &str,
        changes: &[(Attribute, Option<&E164>)],
        now: SystemTime,
    ) -> Result<User, CallError> {
        let profile: Map<String, Value> = changes
            .iter()
            .map(|(attribute, number)| {
                (attribute.name().to_owned(), json!(number.map(E164::reveal)))
            })
            .collect();
        // PUT would empty every attribute that is not in the body.
        let body = json!({ "profile": profile }).to_string();
        readable(
            &self
                .call(Kind::Change, &self.user(id)?, Some(body), TIMEOUT, now)
                .await?,
        )
    }

    fn user(&self, id: &str) -> Result<Url, CallError> {
        let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain
            .then(|| self.base.join(&format!("api/v1/users/{id}")))
            .ok_or(CallError::NotFound)
    }

    /// One call, unless the limit for its kind is known to be reached. If Okta rejects the token,
    /// the token is replaced and the call made once more.
    async fn call(
        &self,
        kind: Kind,
        url: &Url,
        body: Option<String>,
        timeout: Duration,
        now: SystemTime,
    ) -> Result<Answer, CallError> {
        match lock(&self.pauses)[kind as usize].filter(|pause| pause.until > now) {
            Some(Pause {
                until,
                reserved: true,
            }) => return Err(CallError::Reserved { until }),
            Some(Pause { until, .. }) => return Err(CallError::RateLimited { until }),
            None => {}
        }
        let mut authorization = self.tokens.get(now).await?;
        let mut answer = self
            .send(&authorization, url, body.as_deref(), timeout)
            .await?;
        if answer.status == 401 {
            authorization = self.tokens.replace(&authorization, now).await?;
            answer = self
                .send(&authorization, url, body.as_deref(), timeout)
                .await?;
        }
        lock(&self.pauses)[kind as usize] = pause(&answer, self.access, now);
        match refusal(&answer, now) {
            _ if answer.status == 200 => Ok(answer),
            // A list is not about one user, so the token lacks the right.
            CallError::Forbidden if matches!(kind, Kind::List) => Err(CallError::Unauthorized),
            error => Err(error),
        }
    }

    async fn send(
        &self,
        authorization: &Authorization,
        url: &Url,
        body: Option<&str>,
        timeout: Duration,
    ) -> Result<Answer, CallError> {
        let (method, content_type) = if body.is_some() {
            (Method::POST, "application/json")
        } else {
            (Method::GET, SPARSE)
        };
        let mut request = self
            .client
            .request(method, url.clone())
            .header(AUTHORIZATION, authorization.header()?)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, content_type);
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        let answer = self.client.send(request, ANSWER_LIMIT, timeout).await;
        answer.map_err(|error| CallError::Unavailable(format!("Okta: {error}")))
    }

    /// The link to the next page. It must lead to the same org, because the token is sent with the
    /// request.
    fn next(&self, headers: &HeaderMap, current: &Url) -> Result<Option<NextPage>, CallError> {
        let mut fields = headers
            .get_all(LINK)
            .iter()
            .filter_map(|field| field.to_str().ok());
        let Some(target) = fields.find_map(next_link) else {
            return Ok(None);
        };
        let url = self
            .base
            .as_url()
            .join(target)
            .ok()
            .filter(|url| self.is_ours(url) && url != current);
        url.map(|url| Some(NextPage(url)))
            .ok_or_else(|| CallError::Unavailable("Okta: the next page is elsewhere".to_owned()))
    }

    /// Whether the token may be sent to this address.
    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base.as_url().origin()
            && url.username().is_empty()
            && url.password().is_none()
    }
}

fn readable<T: DeserializeOwned>(answer: &Answer) -> Result<T, CallError> {
    answer
        .json()
        .ok_or_else(|| CallError::Unavailable("Okta: unreadable answer".to_owned()))
}

/// The meaning of an answer other than 200. Only the code is made for programs
/// (<https://developer.okta.com/docs/reference/error-codes/>).
fn refusal(answer: &Answer, now: SystemTime) -> CallError {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        error_code: String,
    }
    let sound = |code: &String| {
        code.len() == 8
            && code.starts_with('E')
            && code[1..].bytes().all(|byte| byte.is_ascii_digit())
    };
    let code = answer
        .json()
        .map(|Body { error_code }| error_code)
        .filter(sound);
    match (answer.status, code) {
        (429, _) => CallError::RateLimited {
            until: ends(&answer.headers, now),
        },
        // Without Okta's code a 404 does not say that there is no such user: the address may be
        // wrong.
        (404, Some(code)) if code == "E0000007" => CallError::NotFound,
        (403, Some(code)) if ["E0000014", "E0000016", "E0000038"].contains(&code.as_str()) => {
            CallError::Refused(code)
        }
        (403, Some(code)) if code == "E0000006" => CallError::Forbidden,
        (400, Some(code)) => CallError::Refused(code),
        (401 | 403, _) => CallError::Unauthorized,
        (status, code) => CallError::Unavailable(
            format!("Okta: status {status} {}", code.unwrap_or_default())
                .trim_end()
                .to_owned(),
        ),
    }
}
