//! The protected API: JSON by GET, with an access token that the tenant issues for its audience.
//!
//! If the API rejects a token, the token is replaced and the call made once more. A value in a path
//! is percent-encoded whole, so it cannot add a segment, a query or another host.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

use reqwest::Method;
use reqwest::header::ACCEPT;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::value::RawValue;
use url::Url;

use crate::platform::base_url::BaseUrl;
use crate::platform::config::Source;
use crate::platform::http::{Answer, Client, NoAnswer};
use crate::vendors::auth0::CallError;
use crate::vendors::auth0::tokens::Tokens;

/// The largest answer that a Studio flow takes
/// (<https://www.twilio.com/docs/studio/widget-library/http-request>).
pub const ANSWER_LIMIT: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(4);

/// A path below the API's address, with names in braces for later values:
/// `/accounts/{account_number}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl Template {
    /// Reads the template in the variable `name`; problems are noted in `source`.
    pub fn read(source: &mut Source<'_>, name: &str, default: &str) -> Self {
        source.text(name, default).parse().unwrap_or_else(|why| {
            source.problem(format!("{name} {why}"));
            Self(Vec::new())
        })
    }
}

impl FromStr for Template {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte))
        };
        let mut parts = Vec::new();
        let mut rest = text.trim();
        if !rest.starts_with('/')
            || rest.starts_with("//")
            || rest
                .split(['/', '?'])
                .any(|part| matches!(part, "." | ".."))
        {
            return Err("is not a path such as /accounts/{account_number}");
        }
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .ok_or("has an opening brace without a closing one")?;
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                return Err("has braces around something that is no name of letters, digits and _");
            }
            parts.extend([Part::Text(before.to_owned()), Part::Name(name.to_owned())]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let clean = parts.iter().all(|part| {
            matches!(part, Part::Text(text) if plain(text)) || matches!(part, Part::Name(_))
        });
        if clean {
            Ok(Self(parts))
        } else {
            Err("holds characters that no URL has")
        }
    }
}

impl Template {
    /// The names in braces.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| {
            if let Part::Name(name) = part {
                Some(name.as_str())
            } else {
                None
            }
        })
    }

    /// The path with the `value` of each name; `None` if one is missing, blank, `.` or `..`.
    pub fn fill<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
        let mut path = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Name(name) => {
                    let value = value(name)
                        .map(str::trim)
                        .filter(|value| !matches!(*value, "" | "." | ".."))?;
                    for byte in value.bytes() {
                        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                            path.push(char::from(byte));
                        } else {
                            // Writing to a string cannot fail.
                            let _ = write!(path, "%{byte:02X}");
                        }
                    }
                }
            }
        }
        Some(path)
    }
}

/// Why there is no answer from the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// The API does not accept our token, or the tenant does not accept our application.
    Unauthorized,
    /// The API, or the source of its token, gave no usable answer; the text says which and how.
    Unavailable(String),
    /// The answer did not come in time.
    Late,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized => {
                f.write_str("the API, or Auth0 before it, does not accept our application")
            }
            Self::Unavailable(why) => f.write_str(why),
            Self::Late => f.write_str("the API did not answer in time"),
        }
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unauthorized => Self::Unauthorized,
            CallError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

/// The API.
pub struct Api {
    client: Client,
    base: BaseUrl,
    tokens: Tokens,
}

impl Api {
    /// The API at `base` (`API_URL`), with tokens for its audience.
    pub fn new(client: Client, base: BaseUrl, tokens: Tokens) -> Self {
        Self {
            client,
            base,
            tokens,
        }
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

    /// The JSON at `path` (of [`Template::fill`]) as the API wrote it, with its status, 2xx;
    /// `None`: the API has none (404).
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn get(
        &self,
        path: &str,
        within: Duration,
        now: SystemTime,
    ) -> Result<Option<(u16, Box<RawValue>)>, Failed> {
        tokio::time::timeout(within, self.ask(path, now))
            .await
            .unwrap_or(Err(Failed::Late))
    }

    async fn ask(
        &self,
        path: &str,
        now: SystemTime,
    ) -> Result<Option<(u16, Box<RawValue>)>, Failed> {
        let started = Instant::now();
        // The URL is below the base's own path, and on its host whatever the path says.
        let url = Url::parse(&format!("{}{path}", self.base))
            .ok()
            .filter(|url| url.origin() == self.base.as_url().origin());
        let url = url.ok_or_else(|| Failed::Unavailable("API: the path is none".to_owned()))?;
        let token = self.tokens.get(now).await?;
        let mut answer = self.call(&url, &token).await?;
        if answer.status == 401 {
            let token = self.tokens.replace(&token, now + started.elapsed()).await?;
            answer = self.call(&url, &token).await?;
        }
        match answer.status {
            200..=299 => match (answer.json(), answer.body()) {
                (Some(body), _) => Ok(Some((answer.status, body))),
                (None, Ok(_)) => Err(Failed::Unavailable(
                    "API: an answer that is no JSON".to_owned(),
                )),
                (None, Err("answer not complete in time")) => Err(Failed::Late),
                (None, Err(why)) => Err(Failed::Unavailable(format!("API: {why}"))),
            },
            404 => Ok(None),
            401 | 403 => Err(Failed::Unauthorized),
            status => Err(Failed::Unavailable(format!("API: status {status}"))),
        }
    }

    async fn call(&self, url: &Url, token: &SecretString) -> Result<Answer, Failed> {
        let request = self
            .client
            .request(Method::GET, url.clone())
            .header(ACCEPT, "application/json");
        let request = request.bearer_auth(token.expose_secret());
        let answer = self
            .client
            .send(request, ANSWER_LIMIT, TIMEOUT)
            .await
            .map_err(|error| match error {
                NoAnswer::Unknown("no answer in time") => Failed::Late,
                error => Failed::Unavailable(format!("API: {error}")),
            })?;
        if answer.status != 401 {
            self.tokens.worked(token);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_one_segment() {
        let template: Template = "/accounts/{account_number}?phone={phone}".parse().unwrap();
        assert_eq!(
            template.names().collect::<Vec<_>>(),
            ["account_number", "phone"]
        );
        let fill = |account: &'static str, phone: &'static str| {
            template.fill(|name| {
                if name == "phone" {
                    Some(phone)
                } else {
                    Some(account)
                }
            })
        };
        for (account, phone, path) in [
            (
                "10042",
                "+4512345678",
                Some("/accounts/10042?phone=%2B4512345678"),
            ),
            (" 10042 ", "a b", Some("/accounts/10042?phone=a%20b")),
            ("../admin", "1", Some("/accounts/..%2Fadmin?phone=1")),
            (
                "a?b#c&d=e",
                "%2F",
                Some("/accounts/a%3Fb%23c%26d%3De?phone=%252F"),
            ),
            (
                "\r\nhost: x",
                "å",
                Some("/accounts/host%3A%20x?phone=%C3%A5"),
            ),
            ("..", "1", None),
            (".", "1", None),
            ("", "1", None),
        ] {
            assert_eq!(
                fill(account, phone).as_deref(),
                path,
                "{account:?} {phone:?}"
            );
        }
        assert_eq!(template.fill(|_| None), None);
    }

    #[test]
    fn templates() {
        for text in ["/", "/accounts", "/a/{x}/b/{y_1}", "/a?b={x}&c=1"] {
            assert!(text.parse::<Template>().is_ok(), "{text}");
        }
        for text in [
            "",
            "accounts",
            "//evil.example",
            "/a/{",
            "/a/{}",
            "/a/{x y}",
            "/a/}",
            "/a b",
            "/a#b",
            "/../a",
            "/å",
        ] {
            assert!(text.parse::<Template>().is_err(), "{text}");
        }
    }
}
