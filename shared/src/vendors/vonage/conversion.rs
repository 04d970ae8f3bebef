//! Vonage's Conversion API: `POST /conversions/sms` (<https://developer.vonage.com/api/conversion>).
//! Vonage must enable it for the account. Until then it answers 402.

use std::time::SystemTime;

use reqwest::Method;
use secrecy::ExposeSecret as _;

use super::Credentials;
use crate::platform::base_url::BaseUrl;
use crate::platform::config::Source;
use crate::platform::http::Client;
use crate::platform::time::utc;
use crate::rules::feedback::{ANSWER_LIMIT, NotTaken, TIME};

/// Reads `VONAGE_API_URL`.
pub fn api(source: &mut Source<'_>) -> BaseUrl {
    source.base_url("VONAGE_API_URL", Some("https://api.nexmo.com"))
}

/// Tells whether the code in message `id` was used.
///
/// # Errors
/// Why Vonage did not take it.
pub async fn tell(
    id: &str,
    was_used: bool,
    credentials: &Credentials,
    client: &Client,
    base: &BaseUrl,
    now: SystemTime,
) -> Result<(), NotTaken> {
    let mut url = base.join("conversions/sms");
    url.query_pairs_mut()
        .append_pair("message-id", id)
        .append_pair("delivered", if was_used { "true" } else { "false" })
        .append_pair("timestamp", &utc(now));
    // The header keeps the secret out of the URL.
    let request = client.request(Method::POST, url).basic_auth(
        credentials.api_key.expose_secret(),
        Some(credentials.api_secret.expose_secret()),
    );
    let answer = client.send(request, ANSWER_LIMIT, TIME).await?;
    match answer.status {
        402 => Err(NotTaken::NotEnabled),
        _ => NotTaken::unless_taken(&answer),
    }
}
