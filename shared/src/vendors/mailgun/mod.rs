//! Mailgun: mails that a Route posts to us, with `store(notify=…)` or `forward(…)`
//! (<https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http>).
//!
//! The signature covers a timestamp and a token, not the mail. So a triple is valid for one mail
//! only (callers remember the token), and the mail's content is trusted no further than its sender.

pub mod dkim;
pub mod mail;
mod signature;

pub use signature::Triple;

use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream;
use secrecy::{ExposeSecret as _, SecretString};

use crate::platform::layout::{Described, Key, Kind, Layout};
use crate::platform::reply::{Failure, Reply};
use crate::platform::request::Request;
use crate::platform::secrets::{Content, Keys, Secret};
use crate::rules::verified::Verified;

/// A mail has some fifty fields. A form with this many is not a mail.
const FIELD_LIMIT: usize = 2_000;

/// The value of a part that is not UTF-8. A field that is needed does not fit then. Any other one,
/// such as a file whose name is only in `filename*`, does not lose the mail.
const UNREADABLE: &str = "\u{fffd}";

/// The `mailgun` secret: the HTTP webhook signing key (not the API key).
#[derive(Debug)]
pub struct Credentials {
    signing_key: SecretString,
    previous_signing_key: Option<SecretString>,
}

impl Content for Credentials {
    const NAME: &'static str = "mailgun";

    fn take(keys: &mut Keys) -> Option<Self> {
        let signing_key = keys.required("signing_key");
        Some(Self {
            signing_key: signing_key?,
            previous_signing_key: keys.optional("previous_signing_key"),
        })
    }
}

impl Described for Credentials {
    const LAYOUT: Layout = Layout {
        keys: &[
            Key::new(
                "signing_key",
                Kind::Given,
                "Control Panel, API security: the HTTP webhook signing key, not an API key",
            ),
            Key::new(
                "previous_signing_key",
                Kind::Given,
                "the key before, while it is being rotated",
            ),
        ],
        needed: &[&["signing_key"]],
        together: &[],
    };
}

/// The decoded fields of a post, in the order sent. Names are case-sensitive, and some come twice
/// (`from` and `From`).
#[derive(Debug)]
pub struct Form {
    pairs: Vec<(String, String)>,
    token: String,
    timestamp: u64,
}

impl Form {
    /// All values of the field with exactly this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a mail header. Its name may be written in any case.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All values of a mail header: those of the fields, and those in `message-headers`, Mailgun's
    /// JSON list of names and values. `None` if that list cannot be read.
    pub fn all_headers(&self, name: &str) -> Option<Vec<String>> {
        let mut values: Vec<String> = self.headers(name).map(str::to_owned).collect();
        for listed in self.all("message-headers") {
            let listed: Vec<(String, String)> = serde_json::from_str(listed).ok()?;
            let named = listed
                .into_iter()
                .filter(|(other, _)| other.trim().eq_ignore_ascii_case(name));
            values.extend(named.map(|(_, value)| value));
        }
        Some(values)
    }

    /// The post's token. Mailgun uses each token once.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// When Mailgun signed the post, epoch seconds.
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }
}

/// Reads the fields of a post and checks its signature and age. If the signature does not match,
/// the secret is fetched again once.
///
/// # Errors
/// The reply: 401 for a body that is not a form, or for a signature that is missing, wrong or old,
/// 503 if the secret cannot be fetched. After a 401 Mailgun retries, so a misconfigured key loses
/// no mail.
pub async fn authenticate(
    request: &Request,
    secret: &Secret<Credentials>,
    max_age: u64,
    now: SystemTime,
) -> Result<Verified<Form>, Reply> {
    let pairs = fields(request)
        .await
        .ok_or_else(|| Reply::refused(401, "malformed_form"))?;
    let form = Form {
        pairs,
        token: String::new(),
        timestamp: 0,
    };
    let only = |name: &'static str| {
        let mut values = form.all(name);
        values
            .next()
            .filter(|value| !value.is_empty() && values.next().is_none())
    };
    let (Some(timestamp), Some(token), Some(signature)) =
        (only("timestamp"), only("token"), only("signature"))
    else {
        return Err(Reply::refused(401, "signature_missing"));
    };
    // A subaccount's mails carry the parent account's signature as well.
    let signatures = [Some(signature), only("parent-signature")];
    let fits = |credentials: &Credentials| {
        let keys = [
            Some(&credentials.signing_key),
            credentials.previous_signing_key.as_ref(),
        ];
        keys.into_iter().flatten().any(|key| {
            let made = |signature| {
                Triple {
                    timestamp,
                    token,
                    signature,
                }
                .is_signed_with(key.expose_secret())
            };
            signatures.into_iter().flatten().any(made)
        })
    };
    let fitting = secret.fitting(now, fits).await.map_err(Failure::from)?;
    fitting.ok_or_else(|| Reply::refused(401, "bad_signature"))?;
    if !(Triple {
        timestamp,
        token,
        signature,
    })
    .is_fresh(max_age, now)
    {
        return Err(Reply::refused(401, "stale_signature"));
    }
    let (token, timestamp) = (
        token.to_ascii_lowercase(),
        timestamp.parse().unwrap_or_default(),
    );
    Ok(Verified::new(Form {
        token,
        timestamp,
        ..form
    }))
}

/// The text fields of a form-urlencoded or multipart body; files are skipped.
async fn fields(request: &Request) -> Option<Vec<(String, String)>> {
    if request.media_type() != "multipart/form-data" {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(request.body())
            .take(FIELD_LIMIT + 1)
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        return (pairs.len() <= FIELD_LIMIT).then_some(pairs);
    }
    let boundary = multer::parse_boundary(request.header("content-type")?).ok()?;
    let body = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::clone(
        request.body(),
    ))]);
    let mut parts = multer::Multipart::new(body, boundary);
    let mut pairs = Vec::new();
    let mut count = 0;
    while let Some(part) = parts.next_field().await.ok()? {
        count += 1;
        if count > FIELD_LIMIT {
            return None;
        }
        if let (None, Some(name)) = (part.file_name(), part.name().map(str::to_owned)) {
            let text = String::from_utf8(part.bytes().await.ok()?.into());
            pairs.push((name, text.unwrap_or_else(|_| UNREADABLE.to_owned())));
        }
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn request(content_type: &str, body: &[u8]) -> Request {
        let event = serde_json::json!({
            "headers": {"content-type": content_type}, "requestContext": {"http": {"method": "POST"}},
            "body": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, body), "isBase64Encoded": true
        });
        let request = Request::from_event(&event.to_string(), "id", Instant::now()).unwrap();
        let media_types = ["application/x-www-form-urlencoded", "multipart/form-data"];
        request.expect_post("/", &media_types, body.len()).unwrap();
        request
    }

    #[tokio::test]
    async fn both_encodings_give_the_same_fields() {
        let form = request(
            "application/x-www-form-urlencoded",
            b"recipient=acme%2B45%40x&From=A&from=a&body-html=%3Cp%3E%C3%A5",
        );
        let multipart = request(
            "multipart/form-data; boundary=\"b:1\"",
            "--b:1\r\nContent-Disposition: form-data; name=\"recipient\"\r\n\r\nacme+45@x\r\n--b:1\r\n\
             Content-Disposition: form-data; name=\"From\"\r\n\r\nA\r\n--b:1\r\n\
             Content-Disposition: form-data; name=\"attachment-1\"; filename=\"f.bin\"\r\n\r\n\u{1}\r\n--b:1\r\n\
             Content-Disposition: form-data; name=\"from\"\r\n\r\na\r\n--b:1\r\n\
             Content-Disposition: form-data; name=\"body-html\"\r\n\r\n<p>å\r\n--b:1--\r\n"
                .as_bytes(),
        );
        let pairs = fields(&form).await.unwrap();
        assert_eq!(pairs, fields(&multipart).await.unwrap());
        assert_eq!(pairs[0].1, "acme+45@x");
    }

    #[tokio::test]
    async fn a_part_that_cannot_be_read_is_there_without_its_text() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xff\r\n\
                     --b\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n1\r\n--b--";
        let pairs = fields(&request("multipart/form-data; boundary=b", body)).await;
        let named = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(pairs.unwrap(), [named("a", UNREADABLE), named("b", "1")]);
    }

    #[tokio::test]
    async fn malformed_multipart_is_refused() {
        let good = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--";
        assert!(
            fields(&request("multipart/form-data; boundary=b", good))
                .await
                .is_some()
        );
        for (content_type, body) in [
            ("multipart/form-data", &good[..]),
            ("multipart/form-data; boundary=", good),
            ("multipart/form-data; boundary=c", good),
            ("multipart/form-data; boundary=b", &good[..good.len() - 6]),
        ] {
            assert!(
                fields(&request(content_type, body)).await.is_none(),
                "{content_type}"
            );
        }
        let many = b"a=1&".repeat(FIELD_LIMIT + 1);
        assert!(
            fields(&request("application/x-www-form-urlencoded", &many))
                .await
                .is_none()
        );
    }
}
