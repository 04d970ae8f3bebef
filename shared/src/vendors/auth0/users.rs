//! Users by e-mail address, marking an address as verified, and users by an account number in their
//! metadata.
//!
//! `GET /api/v2/users-by-email` is immediately consistent, unlike the search
//! (<https://auth0.com/docs/manage-users/user-search/retrieve-users-with-get-users-by-email-endpoint>);
//! scopes `read:users`, `update:users`.

use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use url::Url;

use super::tokens::Tokens;
use super::{CallError, management_audience};
use crate::platform::base_url::BaseUrl;
use crate::platform::http::{Answer, Client};
use crate::platform::random::random_below;
use crate::rules::account::AccountNumber;

const ANSWER_LIMIT: usize = 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(4);
/// The smallest tenants may ask twice a second. A caller that can wait asks again after each of
/// these pauses, which are prolonged by up to half.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1_600),
];

/// The result of marking an address as verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The address is verified, now or already before.
    Verified,
    /// No user has this address.
    NoUser,
    /// Several users have this address. None was changed, because the right one is unknown.
    Several,
}

/// Whether users have an address, and have verified it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No user has it.
    Nobody,
    /// A user has it and has not verified it yet.
    Unverified,
    /// Users have it, and all of them have verified it.
    Verified,
}

/// The users with an account number.
#[derive(Clone, PartialEq, Eq)]
pub enum Found {
    /// No user.
    Nobody,
    /// One user.
    One(AccountHolder),
    /// Several users: the right one is unknown.
    Several,
}

/// The user with an account number.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountHolder {
    /// The address that the user logs in with.
    pub email: String,
    /// The greeting for the user: `app_metadata.ivr_greeting`, else the name. Untrusted text.
    pub greeting: Option<String>,
}

#[derive(Deserialize)]
struct Identity {
    connection: Option<String>,
}

#[derive(Deserialize)]
struct Holder {
    identities: Option<Vec<Identity>>,
    email: Option<String>,
    name: Option<String>,
    app_metadata: Option<Metadata>,
}

/// The metadata that we read. A value that is not a text counts as absent.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default, deserialize_with = "text")]
    account_number: Option<String>,
    #[serde(default, deserialize_with = "text")]
    ivr_greeting: Option<String>,
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// The users of a tenant.
pub struct Users {
    client: Client,
    base: BaseUrl,
    tokens: Tokens,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "user_id")]
    id: String,
    email: String,
    #[serde(default)]
    email_verified: bool,
}

impl Users {
    /// The users of the tenant at `base`, with tokens for its Management API.
    pub fn new(client: Client, base: BaseUrl, tokens: Tokens) -> Self {
        Self {
            client,
            base,
            tokens,
        }
    }

    /// The audience of the Management API of the tenant at `base`.
    pub fn audience(base: &BaseUrl) -> String {
        management_audience(base)
    }

    /// Opens a connection ahead, during INIT.
    pub async fn connect(&self) {
        self.client.warm_up(Some(&self.base)).await;
    }

    /// Gets a token ahead, during INIT.
    pub async fn warm_up(&self, now: SystemTime) {
        // A failure shows again on the first request.
        let _ = self.tokens.get(now).await;
    }

    /// Marks the address of the one user who has it as verified.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn verify_email(
        &self,
        email: &str,
        now: SystemTime,
    ) -> Result<Verification, CallError> {
        let user = match self.by_email(email, now).await?.as_mut_slice() {
            [] => return Ok(Verification::NoUser),
            [user] if user.email_verified => return Ok(Verification::Verified),
            [user] => std::mem::take(&mut user.id),
            _ => return Ok(Verification::Several),
        };
        // Ids hold a `|`, which a URL must not hold. In the encoded text a `+` can only be a blank.
        let id: String = form_urlencoded::byte_serialize(user.as_bytes()).collect();
        let url = self
            .base
            .join(&format!("api/v2/users/{}", id.replace('+', "%20")));
        let answer = self
            .call(
                Method::PATCH,
                url,
                Some(json!({ "email_verified": true }).to_string()),
                now,
            )
            .await?;
        match answer.status {
            200 => Ok(Verification::Verified),
            404 => Ok(Verification::NoUser),
            status => Err(CallError::Unavailable(format!(
                "updating the user: status {status}"
            ))),
        }
    }

    /// Whether a user has this address, and still has to verify it. If Auth0 gets too many
    /// requests, this waits some seconds and asks again.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn standing(&self, email: &str, now: SystemTime) -> Result<Standing, CallError> {
        let mut answer = self.ask_by_email(email, now).await?;
        for pause in PAUSES {
            if answer.status != 429 {
                break;
            }
            let millis = u64::try_from(pause.as_millis()).unwrap_or_default();
            tokio::time::sleep(pause + Duration::from_millis(random_below(millis / 2))).await;
            answer = self.ask_by_email(email, now).await?;
        }
        let users = with_email(&answer, email)?;
        Ok(match users.iter().find(|user| !user.email_verified) {
            Some(_) => Standing::Unverified,
            None if users.is_empty() => Standing::Nobody,
            None => Standing::Verified,
        })
    }

    /// Whether the one user with this address has it verified.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn is_verified(&self, email: &str, now: SystemTime) -> Result<bool, CallError> {
        Ok(matches!(self.by_email(email, now).await?.as_slice(), [user] if user.email_verified))
    }

    /// The user with this account number (digits) in `app_metadata.account_number`, a text, and an
    /// identity in the connection `realm`. A user of another connection may have the same address
    /// and another password.
    ///
    /// The search is eventually consistent: a user changed a moment ago may be found as before
    /// (<https://auth0.com/docs/manage-users/user-search/list-and-search-users>). A found user has
    /// exactly this number.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn by_account_number(
        &self,
        number: &AccountNumber,
        realm: &str,
        now: SystemTime,
    ) -> Result<Found, CallError> {
        let mut url = self.base.join("api/v2/users");
        url.query_pairs_mut()
            .append_pair(
                "q",
                &format!("app_metadata.account_number:\"{}\"", number.as_str()),
            )
            .append_pair("search_engine", "v3")
            .append_pair("fields", "email,name,app_metadata,identities")
            .append_pair("include_fields", "true")
            .append_pair("per_page", "3");
        let answer = self.call(Method::GET, url, None, now).await?;
        if answer.status != 200 {
            return Err(CallError::Unavailable(format!(
                "searching the user: status {}",
                answer.status
            )));
        }
        let unreadable =
            || CallError::Unavailable("searching the user: unreadable answer".to_owned());
        let mut holders: Vec<Holder> = answer.json().ok_or_else(unreadable)?;
        let has_number =
            |metadata: &Metadata| metadata.account_number.as_deref() == Some(number.as_str());
        let is_elsewhere = |identities: &Vec<Identity>| {
            identities
                .iter()
                .all(|known| known.connection.as_deref() != Some(realm))
        };
        holders.retain(|holder| holder.app_metadata.as_ref().is_some_and(has_number));
        holders.retain(|holder| !holder.identities.as_ref().is_some_and(is_elsewhere));
        Ok(match holders.len() {
            0 => Found::Nobody,
            1 => {
                let Holder {
                    email,
                    name,
                    app_metadata,
                    ..
                } = holders.remove(0);
                let greeting = app_metadata.and_then(|metadata| metadata.ivr_greeting);
                // Without another name, Auth0 uses the address as the name. An address must not be
                // read out.
                let name = name.filter(|name| !name.contains('@'));
                let greeting = [greeting, name]
                    .into_iter()
                    .flatten()
                    .find(|text| !text.trim().is_empty());
                email.map_or(Found::Nobody, |email| {
                    Found::One(AccountHolder { email, greeting })
                })
            }
            _ => Found::Several,
        })
    }

    async fn by_email(&self, email: &str, now: SystemTime) -> Result<Vec<User>, CallError> {
        with_email(&self.ask_by_email(email, now).await?, email)
    }

    async fn ask_by_email(&self, email: &str, now: SystemTime) -> Result<Answer, CallError> {
        let mut url = self.base.join("api/v2/users-by-email");
        // Auth0 stores addresses in lower case and compares exactly.
        let email = email.to_lowercase();
        url.query_pairs_mut()
            .append_pair("email", &email)
            .append_pair("fields", "user_id,email,email_verified");
        self.call(Method::GET, url, None, now).await
    }

    /// One call. If the API rejects the token, the token is replaced and the call made once more.
    async fn call(
        &self,
        method: Method,
        url: Url,
        body: Option<String>,
        now: SystemTime,
    ) -> Result<Answer, CallError> {
        let mut refused: Option<SecretString> = None;
        loop {
            let token = match &refused {
                None => self.tokens.get(now).await?,
                Some(refused) => self.tokens.replace(refused, now).await?,
            };
            let mut request = self
                .client
                .request(method.clone(), url.clone())
                .bearer_auth(token.expose_secret());
            if let Some(body) = &body {
                request = request
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.clone());
            }
            let answer = self.client.send(request, ANSWER_LIMIT, TIMEOUT).await;
            let answer = answer
                .map_err(|error| CallError::Unavailable(format!("Management API: {error}")))?;
            if answer.status != 401 {
                self.tokens.worked(&token);
            }
            match answer.status {
                401 if refused.is_none() => refused = Some(token),
                401 | 403 => return Err(CallError::Unauthorized),
                _ => return Ok(answer),
            }
        }
    }
}

/// The users in an answer who have exactly this address.
fn with_email(answer: &Answer, email: &str) -> Result<Vec<User>, CallError> {
    if answer.status != 200 {
        return Err(CallError::Unavailable(format!(
            "looking up the user: status {}",
            answer.status
        )));
    }
    let unreadable = || CallError::Unavailable("looking up the user: unreadable answer".to_owned());
    let mut users: Vec<User> = answer.json().ok_or_else(unreadable)?;
    users.retain(|user| user.email.to_lowercase() == email.to_lowercase());
    Ok(users)
}
