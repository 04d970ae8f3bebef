//! Callers that present a token we gave them: `Authorization: Bearer` (RFC 6750), or the password
//! of `Basic` (RFC 7617) for callers that can only put credentials into a URL.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::platform::layout::{Described, Key, Kind, Layout};
use crate::platform::reply::{Failure, Reply};
use crate::platform::request::Request;
use crate::platform::secrets::{self, Content, Keys, Secret};

/// A secret with the key `bearer_token`: `ivr`, `studio`, `hook`.
pub struct Token(SecretString);

impl Content for Token {
    const NAME: &'static str = "for callers";

    fn take(keys: &mut Keys) -> Option<Self> {
        keys.required("bearer_token").map(Self)
    }
}

impl Described for Token {
    const LAYOUT: Layout = Layout {
        keys: &[Key::new(
            "bearer_token",
            Kind::Chosen,
            "any long random text, see --generate",
        )],
        needed: &[&["bearer_token"]],
        together: &[],
    };
}

/// The token that the caller presents; `None` if the request has none.
pub fn presented(request: &Request) -> Option<SecretString> {
    let token = match request.bearer() {
        Some(token) => token.to_owned(),
        None => password(request)?,
    };
    Some(SecretString::from(token)).filter(|token| !token.expose_secret().is_empty())
}

fn password(request: &Request) -> Option<String> {
    let (scheme, rest) = request.header("authorization")?.trim().split_once(' ')?;
    let pair = STANDARD
        .decode(rest.trim())
        .ok()
        .filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    Some(String::from_utf8(pair).ok()?.split_once(':')?.1.to_owned())
}

/// Checks the presented token. If it does not match, the secret is fetched again once.
///
/// # Errors
/// The reply: 401, or 503 if the secret cannot be fetched.
pub async fn check(
    given: Option<&SecretString>,
    secret: &Secret<Token>,
    now: SystemTime,
) -> Result<(), Reply> {
    let refused = |outcome| {
        Reply::refused(401, outcome)
            .header("www-authenticate", r#"Basic realm="switchboard", Bearer"#)
    };
    let Some(given) = given else {
        return Err(refused("credential_missing"));
    };
    let fits = |token: &Token| secrets::same(token.0.expose_secret(), given.expose_secret());
    let fitting = secret.fitting(now, fits).await.map_err(Failure::from)?;
    fitting.map(drop).ok_or_else(|| refused("bad_credential"))
}
