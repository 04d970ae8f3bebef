//! Checks that the caller is Auth0, by a JWT or by a static bearer token.
//!
//! The legacy gateway sends a JWT, signed by HS256 with the connection's secret
//! (<https://auth0.com/docs/authenticate/passwordless/authentication-methods/use-sms-gateway-passwordless>).
//! An Action sends the static bearer token that we give it.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use shared::platform::config::Source;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::secrets::{self, Content, Keys, Secret};
use shared::rules::jwt::{self, Expected, Invalid};

const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The `gateway` secret.
pub(crate) struct Credentials {
    jwt_keys: Vec<SecretSlice<u8>>,
    bearer_token: Option<SecretString>,
}

impl Content for Credentials {
    const NAME: &'static str = "gateway";

    fn take(keys: &mut Keys) -> Option<Self> {
        let encoded = keys.flag("jwt_secret_base64");
        let bearer_token = keys.optional("bearer_token");
        let current = if bearer_token.is_some() {
            keys.optional("jwt_secret")
        } else {
            keys.required("jwt_secret")
        };
        let texts = [current, keys.optional("previous_jwt_secret")]
            .into_iter()
            .flatten();
        let key = |text: SecretString| {
            let bytes = if encoded {
                BASE64URL.decode(text.expose_secret()).ok()?
            } else {
                text.expose_secret().into()
            };
            Some(SecretSlice::from(bytes))
        };
        let jwt_keys: Option<Vec<_>> = texts.map(key).collect();
        if jwt_keys.is_none() {
            keys.reject("jwt_secret as base64url, which jwt_secret_base64 says it is");
        }
        Some(Self {
            jwt_keys: jwt_keys?,
            bearer_token,
        })
    }
}

/// The claims that a signed token must have; `None` if signed tokens are not accepted.
pub(super) fn expected_token(source: &mut Source<'_>) -> Option<Expected> {
    let (audience, subject) = (
        source.optional("GATEWAY_AUDIENCE"),
        source.optional("GATEWAY_SUBJECT"),
    );
    if audience.is_some() != subject.is_some() {
        source.problem("GATEWAY_AUDIENCE and GATEWAY_SUBJECT go together: both are compared with the token's claims");
    }
    let life = source.number("GATEWAY_TOKEN_LIFE_SECONDS", 3_600, 60..=31_536_000);
    let undated = source.choice(
        "GATEWAY_UNDATED_TOKENS",
        &[("accept", true), ("refuse", false)],
    );
    Some(Expected {
        audience: audience?,
        subject: subject?,
        life,
        undated,
    })
}

/// Checks `Authorization`. If the token does not match, the secret is fetched again once.
///
/// # Errors
/// The answer: 401, or 503 if the secret is unavailable.
pub(crate) async fn check(
    request: &Request,
    secret: &Secret<Credentials>,
    expected: Option<&Expected>,
    now: SystemTime,
) -> Result<(), Reply> {
    let Some(token) = request.bearer() else {
        return Err(Reply::refused(401, "credential_missing"));
    };
    let verify = |credentials: &Credentials| verify(token, credentials, expected, now);
    let signed = |credentials: &Credentials| verify(credentials) != Err(Invalid::Signature);
    let fitting = secret.fitting(now, signed).await;
    let fitting = fitting.map_err(crate::answers::unavailable)?;
    let verdict = fitting.map_or(Err(Invalid::Signature), |credentials| verify(&credentials));
    verdict.map_err(|invalid| {
        let outcome = if invalid == Invalid::Claims {
            "bad_claims"
        } else {
            "bad_credential"
        };
        Reply::refused(401, outcome)
    })
}

fn verify(
    token: &str,
    credentials: &Credentials,
    expected: Option<&Expected>,
    now: SystemTime,
) -> Result<(), Invalid> {
    if credentials
        .bearer_token
        .as_ref()
        .is_some_and(|known| secrets::same(known.expose_secret(), token))
    {
        return Ok(());
    }
    let Some(expected) = expected else {
        // Without GATEWAY_AUDIENCE and GATEWAY_SUBJECT no JWT is accepted, so the secret is not
        // fetched again for one. A static token may have been rotated.
        let signed = token.split('.').count() == 3 && !credentials.jwt_keys.is_empty();
        return Err(if signed {
            Invalid::Claims
        } else {
            Invalid::Signature
        });
    };
    let mut verdict = Err(Invalid::Signature);
    for key in &credentials.jwt_keys {
        verdict = jwt::check_hs256(token, key.expose_secret(), expected, now);
        if verdict != Err(Invalid::Signature) {
            break;
        }
    }
    verdict
}
