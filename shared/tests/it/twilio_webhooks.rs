//! Which of Twilio's requests are believed: the signature, the account, and the parameters that it covers.

use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use ring::digest;
use sandbox::Sandbox;
use sandbox::twilio::ACCOUNT_SID;
use serde_json::json;
use shared::platform::request::Request;
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;
use shared::vendors::twilio::Credentials;
use shared::vendors::twilio::webhook::{FORMS, authenticate, authenticate_flow, claimed_caller};

const URL: &str = "https://x.lambda-url.eu-west-1.on.aws/sms";

async fn setup() -> (Sandbox, Secret<Credentials>) {
    let sandbox = Sandbox::start().await;
    let client = crate::aws(&sandbox).secrets_manager(&crate::client());
    let secret = Secret::new("switchboard/twilio".to_owned(), client);
    (sandbox, secret)
}

/// A POST to [`URL`] that has been measured.
fn posted(query: &str, media_type: &str, body: &str, signature: &str) -> Request {
    let event = json!({
        "rawPath": "/sms", "rawQueryString": query, "body": BASE64.encode(body), "isBase64Encoded": true,
        "headers": { "content-type": media_type, "x-twilio-signature": signature },
        "requestContext": { "domainName": "x.lambda-url.eu-west-1.on.aws", "http": { "method": "POST" } }
    });
    let request = Request::from_event(&event.to_string(), "id", Instant::now()).unwrap();
    request.expect_post("/sms", &[media_type], 10_000).unwrap();
    request
}

fn pairs(parameters: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = parameters.iter();
    pairs
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The signed form.
fn form(sandbox: &Sandbox, parameters: &[(&str, &str)]) -> Request {
    let parameters = pairs(parameters);
    let signature = sandbox.twilio.sign(URL, &parameters);
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&parameters)
        .finish();
    posted("", FORMS[0], &body, &signature)
}

#[tokio::test]
async fn only_our_accounts_signed_form_is_believed() {
    let (sandbox, secret) = setup().await;
    let ours = [("AccountSid", ACCOUNT_SID), ("From", "+4512345678")];
    let request = form(&sandbox, &ours);
    let believed = authenticate(&request, None, &secret, now()).await.unwrap();
    assert_eq!(believed.get("From"), Some("+4512345678"));
    assert_eq!(claimed_caller(&request), "+4512345678".parse().ok());

    let body = format!("AccountSid={ACCOUNT_SID}&From=%2B4512345678");
    let subaccount = ACCOUNT_SID.replace('1', "2");
    for (request, status) in [
        (posted("", FORMS[0], &body, ""), 403),
        (posted("", FORMS[0], &body, "AAAA"), 403),
        (
            posted("", FORMS[0], "", &sandbox.twilio.sign(URL, &pairs(&ours))),
            403,
        ),
        (form(&sandbox, &[("AccountSid", &subaccount)]), 403),
        (form(&sandbox, &[("From", "+4512345678")]), 403),
        (
            form(&sandbox, &[ours[0], ("Body", "a"), ("Body", "b")]),
            400,
        ),
    ] {
        let refused = authenticate(&request, None, &secret, now()).await;
        assert_eq!(refused.unwrap_err().status, status);
    }
}

#[tokio::test]
async fn the_public_url_is_what_twilio_signs() {
    let (sandbox, secret) = setup().await;
    let request = form(&sandbox, &[("AccountSid", ACCOUNT_SID)]);
    for (public, is_believed) in [
        ("https://x.lambda-url.eu-west-1.on.aws", true),
        ("https://sms.acme.example", false),
    ] {
        let public = public.parse().unwrap();
        let verdict = authenticate(&request, Some(&public), &secret, now()).await;
        assert_eq!(verdict.is_ok(), is_believed, "{public:?}");
    }
}

#[tokio::test]
async fn a_flows_json_is_covered_by_the_hash_in_its_signed_query() {
    let (sandbox, secret) = setup().await;
    let (json, body) = ("application/json", r#"{"pin":"1"}"#);
    let hash = digest::digest(&digest::SHA256, body.as_bytes());
    let hash = hex::encode(hash);
    let query = format!("bodySHA256={hash}");
    let signature = sandbox.twilio.sign(&format!("{URL}?{query}"), &[]);
    let bare = sandbox.twilio.sign(URL, &[]);
    for (request, status) in [
        (posted(&query, json, body, &signature), None),
        (
            posted(&query, json, r#"{"pin":"2"}"#, &signature),
            Some(403),
        ),
        (posted("", json, body, &bare), Some(403)),
        (posted(&query, json, body, &bare), Some(403)),
        // The flow's author chose the parameters: no account is among them.
        (form(&sandbox, &[("Pin", "1")]), None),
    ] {
        let verdict = authenticate_flow(&request, None, &secret, now()).await;
        assert_eq!(verdict.err().map(|reply| reply.status), status);
    }
}
