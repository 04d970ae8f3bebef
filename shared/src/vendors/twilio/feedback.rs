//! Feedback about a message: `POST /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}/Feedback.json`
//! (<https://www.twilio.com/docs/messaging/api/message-feedback-resource>). Twilio takes it for
//! messages that were sent with `ProvideFeedback=true`.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret as _;

use super::{RestCredentials, is_sid};
use crate::platform::base_url::BaseUrl;
use crate::platform::http::Client;
use crate::rules::feedback::{ANSWER_LIMIT, NotTaken, TIME};

/// Tells whether the code in message `sid` was used.
///
/// # Errors
/// Why Twilio did not take it.
pub async fn tell(
    sid: &str,
    was_used: bool,
    credentials: &RestCredentials,
    client: &Client,
    base: &BaseUrl,
) -> Result<(), NotTaken> {
    let account = credentials.account_sid.expose_secret();
    if !is_sid(account, &["AC"]) || !is_sid(sid, &["SM", "MM"]) {
        return Err(NotTaken::Failed("no SID of a message".to_owned()));
    }
    let path = format!("2010-04-01/Accounts/{account}/Messages/{sid}/Feedback.json");
    let outcome = if was_used { "confirmed" } else { "unconfirmed" };
    let request = client
        .request(Method::POST, base.join(&path))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("Outcome={outcome}"))
        .basic_auth(
            credentials.user.expose_secret(),
            Some(credentials.password.expose_secret()),
        );
    NotTaken::unless_taken(&client.send(request, ANSWER_LIMIT, TIME).await?)
}
