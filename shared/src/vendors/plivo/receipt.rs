//! Plivo's delivery report (<https://plivo.com/docs/messaging/api/message/message-status-callbacks>):
//! a form, signed by version 3 of Plivo's signature. The reference is the last segment of the
//! callback's path, which the signature covers.
//!
//! The signature, as Plivo's SDK checks it (github plivo/plivo-python@a0cd3237,
//! `plivo/utils/signature_v3.py`): base64 of HMAC-SHA256 with the account's token over
//! `<URL without query>?<sorted query>.<sorted names and values>.<nonce>`, with the odd rules for
//! empty parts that `signed_text` follows.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use secrecy::ExposeSecret as _;

use super::Credentials;
use crate::platform::base_url::BaseUrl;
use crate::platform::reply::{Failure, Reply};
use crate::platform::request::Request;
use crate::platform::secrets::Secret;
use crate::rules::delivery::{DeliveryReceipt, Reason, Reference, State};
use crate::rules::verified::Verified;

/// Plivo sends some twenty parameters.
const PARAMETER_LIMIT: usize = 200;
/// The header may hold several signatures: of a subaccount and of its main account.
const SIGNATURE_LIMIT: usize = 10;
const SIGNATURES: [&str; 2] = ["x-plivo-signature-v3", "x-plivo-signature-ma-v3"];

/// The decoded parameters of a signed report.
#[derive(Debug)]
pub struct Report(Vec<(String, String)>);

impl Report {
    fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str())
    }
}

/// Checks the signature of a posted report against `base` and the request's path and query. If it
/// does not match, the secret is fetched again once.
///
/// # Errors
/// The reply: 403 for a missing or wrong signature, 503 if the secret cannot be fetched.
pub async fn authenticate(
    request: &Request,
    base: &BaseUrl,
    secret: &Secret<Credentials>,
    now: SystemTime,
) -> Result<Verified<Report>, Reply> {
    let signatures: Vec<Vec<u8>> = SIGNATURES
        .iter()
        .filter_map(|name| request.header(name))
        .flat_map(|value| value.split(','))
        .take(SIGNATURE_LIMIT)
        .filter_map(|signature| STANDARD.decode(signature.trim()).ok())
        .collect();
    let Some(nonce) = request
        .header("x-plivo-signature-v3-nonce")
        .filter(|_| !signatures.is_empty())
    else {
        return Err(Reply::refused(403, "signature_missing"));
    };
    let pairs: Vec<(String, String)> = form_urlencoded::parse(request.body())
        .into_owned()
        .take(PARAMETER_LIMIT + 1)
        .collect();
    if pairs.len() > PARAMETER_LIMIT {
        return Err(Reply::refused(403, "too_many_parameters"));
    }
    let url = base.as_url();
    let origin = url.as_str().trim_end_matches('/');
    let text = signed_text(
        &format!("{origin}{}", request.path()),
        request.query(),
        &pairs,
        nonce,
    );
    let fits = |credentials: &Credentials| {
        let key = hmac::Key::new(
            hmac::HMAC_SHA256,
            credentials.auth_token.expose_secret().as_bytes(),
        );
        signatures
            .iter()
            .any(|signature| hmac::verify(&key, text.as_bytes(), signature).is_ok())
    };
    let fitting = secret.fitting(now, fits).await.map_err(Failure::from)?;
    fitting.ok_or_else(|| Reply::refused(403, "bad_signature"))?;
    // The signature has no separators between names and values, so a name must not come twice.
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Reply::refused(403, "repeated_parameter"));
    }
    Ok(Verified::new(Report(pairs)))
}

/// The text that Plivo signs for a POST.
fn signed_text(url: &str, query: &str, pairs: &[(String, String)], nonce: &str) -> String {
    let mut text = url.to_owned();
    let mut query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    query.sort();
    if !query.is_empty() || !pairs.is_empty() {
        text.push('?');
    }
    let joined: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    text.push_str(&joined.join("&"));
    if !query.is_empty() && !pairs.is_empty() {
        text.push('.');
    }
    let mut pairs: Vec<&(String, String)> = pairs.iter().collect();
    pairs.sort();
    for (name, value) in pairs {
        text.push_str(name);
        text.push_str(value);
    }
    format!("{text}.{nonce}")
}

/// Reads a verified report.
///
/// # Errors
/// 403 if a parameter is missing that every report has: Plivo did not sign this request as it is.
pub fn parse(
    report: &Verified<Report>,
    reference: Option<Reference>,
) -> Result<DeliveryReceipt, Reply> {
    let (Some(id), Some(status)) = (report.get("MessageUUID"), report.get("Status")) else {
        return Err(Reply::refused(403, "parameter_missing"));
    };
    let code: Option<u32> = report.get("ErrorCode").and_then(|code| code.parse().ok());
    let state = match status {
        "delivered" | "read" => State::Delivered,
        "failed" | "undelivered" | "rejected" => State::Undelivered(reason(code)),
        _ => State::OnItsWay,
    };
    Ok(DeliveryReceipt {
        reference,
        id: Some(id.to_owned()),
        state,
        code,
    })
}

/// Plivo's error codes of a message
/// (<https://www.plivo.com/docs/messaging/troubleshooting/error-codes>).
fn reason(code: Option<u32>) -> Reason {
    match code {
        Some(80 | 90) => Reason::Unreachable,
        Some(50 | 70) => Reason::Landline,
        Some(100 | 450) => Reason::Blocked,
        Some(30) => Reason::Filtered,
        Some(200) => Reason::OptedOut,
        Some(420) => Reason::Expired,
        _ => Reason::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Plivo's own SDK, github plivo/plivo-python@a0cd3237.
    #[test]
    fn the_signed_text_is_plivos() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        for (query, params, expected, signature) in [
            (
                "b=2&a=1",
                pairs(&[
                    ("To", "4587654321"),
                    ("From", "4512345678"),
                    ("Text", "hello world"),
                ]),
                "https://hooks.example.com/plivo?a=1&b=2.From4512345678Texthello worldTo4587654321.20261120000000",
                "34PCVmG0ly4QH+Xq4V76547mTP/vAwcLC5v6OvrcCqw=",
            ),
            (
                "",
                pairs(&[("From", "4512345678"), ("Text", "x y")]),
                "https://hooks.example.com/plivo?From4512345678Textx y.20261120000000",
                "LRXHln4fIcZ7RlzPKbOnTwbBSHuXCeID8mZzG+RxYgc=",
            ),
            (
                "",
                pairs(&[]),
                "https://hooks.example.com/plivo.20261120000000",
                "WfwyjuA5uY4/Rritea3sqn6LQybwemyY6akj0fzkNvk=",
            ),
        ] {
            let text = signed_text(
                "https://hooks.example.com/plivo",
                query,
                &params,
                "20261120000000",
            );
            assert_eq!(text, expected);
            let key = hmac::Key::new(hmac::HMAC_SHA256, b"my_auth_token");
            let made = hmac::sign(&key, text.as_bytes());
            assert_eq!(STANDARD.encode(made), signature);
        }
    }
}
