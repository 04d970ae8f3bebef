//! Which receipts of Plivo and Vonage are believed, and what they say.

use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use sandbox::Sandbox;
use serde_json::{Value, json};
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::runtime::now;
use shared::platform::secrets::{Content, Secret};
use shared::platform::time::epoch;
use shared::rules::delivery::{DeliveryReceipt, Reason, Reference, State};
use shared::vendors::{plivo, vonage};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const PATH: &str = "/receipts";
const BASE: &str = "https://x.lambda-url.eu-west-1.on.aws";

type Params = Vec<(String, String)>;

fn params(pairs: &[(&str, &str)]) -> Params {
    let pairs = pairs.iter();
    pairs
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// As many as wanted, with these first.
fn filled(first: &[(&str, &str)], wanted: usize) -> Params {
    let mut all = params(first);
    all.extend((all.len()..wanted).map(|nth| (format!("x{nth}"), String::new())));
    all
}

fn form(params: &[(String, String)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(params).finish()
}

/// A secret with this content.
fn secret<T: Content>(sandbox: &Sandbox, content: &Value) -> Secret<T> {
    sandbox.aws.set_secret("receipts", content);
    let client = crate::aws(sandbox).secrets_manager(&crate::client());
    Secret::new("receipts".to_owned(), client)
}

fn request(method: &str, query: &str, mut headers: Value, media_type: &str, body: &str) -> Request {
    headers["content-type"] = media_type.into();
    let event = json!({
        "rawPath": PATH, "rawQueryString": query, "headers": headers,
        "body": BASE64.encode(body), "isBase64Encoded": true,
        "requestContext": { "domainName": "x.lambda-url.eu-west-1.on.aws", "http": { "method": method } }
    });
    let request = Request::from_event(&event.to_string(), "id", Instant::now()).unwrap();
    if method == "POST" {
        request.expect_post(PATH, &[media_type], 100_000).unwrap();
    }
    request
}

fn reference() -> Option<Reference> {
    Reference::parse("code-AAAAAAAAAAAAAAAAAAAAAA")
}

async fn plivos(sandbox: &Sandbox, request: &Request) -> Result<DeliveryReceipt, Reply> {
    let content = json!({"auth_id": "MA", "auth_token": plivo_token()});
    let secret = secret(sandbox, &content);
    let base = BASE.parse().unwrap();
    let report = plivo::receipt::authenticate(request, &base, &secret, now()).await?;
    plivo::receipt::parse(&report, reference())
}

fn plivo_token() -> &'static str {
    sandbox::plivo::AUTH_TOKEN
}

/// The form, signed by Plivo.
fn from_plivo(params: &[(String, String)]) -> Request {
    let (nonce, signature) = sandbox::plivo::sign(plivo_token(), &format!("{BASE}{PATH}"), params);
    let headers = json!({"x-plivo-signature-v3": signature, "x-plivo-signature-v3-nonce": nonce});
    request("POST", "", headers, FORM, &form(params))
}

#[tokio::test]
async fn plivos_report_says_what_became_of_a_text() {
    let sandbox = Sandbox::start().await;
    let lost = State::Undelivered;
    for (status, code, state) in [
        ("delivered", "", State::Delivered),
        ("read", "", State::Delivered),
        ("queued", "", State::OnItsWay),
        ("sent", "", State::OnItsWay),
        ("failed", "80", lost(Reason::Unreachable)),
        ("undelivered", "90", lost(Reason::Unreachable)),
        ("rejected", "50", lost(Reason::Landline)),
        ("undelivered", "70", lost(Reason::Landline)),
        ("undelivered", "100", lost(Reason::Blocked)),
        ("undelivered", "450", lost(Reason::Blocked)),
        ("undelivered", "30", lost(Reason::Filtered)),
        ("undelivered", "200", lost(Reason::OptedOut)),
        ("undelivered", "420", lost(Reason::Expired)),
        ("undelivered", "1", lost(Reason::Unknown)),
        ("undelivered", "", lost(Reason::Unknown)),
    ] {
        let report = params(&[
            ("MessageUUID", "1"),
            ("Status", status),
            ("ErrorCode", code),
        ]);
        let receipt = plivos(&sandbox, &from_plivo(&report)).await.unwrap();
        let expected = DeliveryReceipt {
            reference: reference(),
            id: Some("1".to_owned()),
            state,
            code: code.parse().ok(),
        };
        assert_eq!(receipt, expected, "{status} {code}");
    }
}

#[tokio::test]
async fn only_a_report_that_plivo_signed_as_it_is_counts() {
    let sandbox = Sandbox::start().await;
    let (id, status) = (("MessageUUID", "1"), ("Status", "sent"));
    let good = params(&[id, status]);
    let (nonce, signature) = sandbox::plivo::sign(plivo_token(), &format!("{BASE}{PATH}"), &good);
    let with = |name: &str, signatures: &str| {
        let headers = json!({name: signatures, "x-plivo-signature-v3-nonce": nonce});
        request("POST", "", headers, FORM, &form(&good))
    };
    // The header may hold several signatures, and that of the main account counts as well.
    let (v3, main) = ("x-plivo-signature-v3", "x-plivo-signature-ma-v3");
    let ten = "AAAA,".repeat(9) + &signature;
    for request in [
        with(v3, &signature),
        with(v3, &format!("AAAA, {signature}")),
        with(main, &signature),
        with(v3, &ten),
        from_plivo(&filled(&[id, status], 200)),
    ] {
        let receipt = plivos(&sandbox, &request).await.unwrap();
        assert_eq!(receipt.state, State::OnItsWay);
    }
    let unsigned = json!({"x-plivo-signature-v3-nonce": nonce});
    let no_nonce = json!({"x-plivo-signature-v3": signature});
    let again = params(&[id, status, ("Status", "delivered")]);
    for (request, outcome) in [
        (
            request("POST", "", unsigned, FORM, &form(&good)),
            "signature_missing",
        ),
        (
            request("POST", "", no_nonce, FORM, &form(&good)),
            "signature_missing",
        ),
        (with(v3, "?"), "signature_missing"),
        (with(v3, "AAAA"), "bad_signature"),
        (with(v3, &format!("AAAA,{ten}")), "bad_signature"),
        (
            from_plivo(&filled(&[id, status], 201)),
            "too_many_parameters",
        ),
        (from_plivo(&again), "repeated_parameter"),
        (from_plivo(&params(&[id])), "parameter_missing"),
        (from_plivo(&params(&[status])), "parameter_missing"),
    ] {
        let reply = plivos(&sandbox, &request).await.unwrap_err();
        assert_eq!((reply.status, reply.outcome), (403, outcome));
    }
}

/// The `vonage` secret of an account whose webhooks are signed.
fn vonages_secret() -> Value {
    json!({"signature_secret": sandbox::vonage::SIGNATURE_SECRET, "signature_method": "sha256"})
}

async fn vonages(
    sandbox: &Sandbox,
    content: &Value,
    request: &Request,
    now: SystemTime,
) -> Result<Option<DeliveryReceipt>, Reply> {
    let secret = secret(sandbox, content);
    let dlr = vonage::receipt::authenticate(request, &secret, now).await?;
    Ok(vonage::receipt::parse(&dlr))
}

/// With the time and Vonage's signature.
fn signed(mut params: Params, now: SystemTime) -> Params {
    params.push(("timestamp".to_owned(), epoch(now).to_string()));
    let sig = sandbox::vonage::sign(sandbox::vonage::SIGNATURE_SECRET, &params);
    params.push(("sig".to_owned(), sig));
    params
}

/// The request in each form that an account can choose.
fn from_vonage(params: &[(String, String)]) -> [Request; 3] {
    let members = params.iter();
    let members = members.map(|(name, value)| (name.clone(), value.as_str().into()));
    let object = Value::Object(members.collect());
    let headers = || json!({});
    [
        request("GET", &form(params), headers(), "", ""),
        request("POST", "", headers(), FORM, &form(params)),
        request("POST", "", headers(), JSON, &object.to_string()),
    ]
}

#[tokio::test]
async fn vonages_receipt_says_what_became_of_a_text() {
    let (sandbox, now) = (Sandbox::start().await, now());
    let lost = State::Undelivered;
    let (unreachable, blocked) = (lost(Reason::Unreachable), lost(Reason::Blocked));
    let mut cases = vec![
        ("delivered", "0", State::Delivered),
        ("accepted", "0", State::OnItsWay),
        ("expired", "1", lost(Reason::Expired)),
        ("rejected", "3", lost(Reason::Landline)),
        ("failed", "9", lost(Reason::Landline)),
        ("failed", "6", lost(Reason::Filtered)),
        ("failed", "50", lost(Reason::Filtered)),
        ("failed", "1", lost(Reason::Unknown)),
        ("failed", "", lost(Reason::Unknown)),
    ];
    cases.extend(["2", "5", "7", "8", "11", "12"].map(|code| ("failed", code, unreachable)));
    cases.extend(["4", "13", "14"].map(|code| ("failed", code, blocked)));
    for (status, code, state) in cases {
        let receipt = params(&[
            ("client-ref", "code-AAAAAAAAAAAAAAAAAAAAAA"),
            ("messageId", "1"),
            ("status", status),
            ("err-code", code),
        ]);
        let expected = DeliveryReceipt {
            reference: reference(),
            id: Some("1".to_owned()),
            state,
            code: code.parse().ok().filter(|code| *code != 0),
        };
        for request in from_vonage(&signed(receipt, now)) {
            let receipt = vonages(&sandbox, &vonages_secret(), &request, now).await;
            assert_eq!(receipt.unwrap(), Some(expected.clone()), "{status} {code}");
        }
    }
    for (incomplete, is_receipt) in [
        (&[("messageId", "1")][..], false),
        (&[("status", "delivered")], false),
        (&[("message-id", "1"), ("status", "delivered")], true),
    ] {
        let [request, ..] = from_vonage(&signed(params(incomplete), now));
        let receipt = vonages(&sandbox, &vonages_secret(), &request, now).await;
        assert_eq!(receipt.unwrap().is_some(), is_receipt, "{incomplete:?}");
    }
}

#[tokio::test]
async fn only_a_receipt_that_vonage_signed_as_it_is_counts() {
    let (sandbox, now) = (Sandbox::start().await, now());
    let first = [("messageId", "1"), ("status", "a&b=c")];
    // With the time and the signature there are 100.
    for request in from_vonage(&signed(filled(&first, 98), now)) {
        let receipt = vonages(&sandbox, &vonages_secret(), &request, now).await;
        assert_eq!(receipt.unwrap().unwrap().state, State::OnItsWay);
    }
    let good = signed(params(&first), now);
    let altered = |sig: &str| {
        let mut params = good.clone();
        params.last_mut().unwrap().1 = sig.to_owned();
        params
    };
    let sig = good.last().unwrap().1.clone();
    let glued = params(&[("messageId", "1"), ("a&status", "delivered")]);
    let equals = params(&[("messageId", "1"), ("a=1", "delivered")]);
    for (params, outcome) in [
        (signed(filled(&first, 99), now), Err("unreadable")),
        (signed(glued, now), Err("unreadable")),
        (signed(equals, now), Err("unreadable")),
        (good[..3].to_vec(), Err("signature_missing")),
        (altered(""), Err("signature_missing")),
        (altered(&"0".repeat(64)), Err("bad_signature")),
        (altered(&sig.to_ascii_uppercase()), Ok(())),
    ] {
        for request in from_vonage(&params) {
            let verdict = vonages(&sandbox, &vonages_secret(), &request, now).await;
            let verdict = verdict.map(drop).map_err(|reply| reply.outcome);
            assert_eq!(verdict, outcome);
        }
    }
    let twice = signed(params(&[first[0], first[1], ("status", "x")]), now);
    let [query, form, _] = from_vonage(&twice);
    for request in [query, form] {
        let verdict = vonages(&sandbox, &vonages_secret(), &request, now).await;
        assert_eq!(verdict.unwrap_err().outcome, "unreadable");
    }
}

#[tokio::test]
async fn values_of_vonages_json_may_be_numbers_and_nothing_else() {
    let (sandbox, now) = (Sandbox::start().await, now());
    let written = params(&[
        ("err-code", "4"),
        ("last", "true"),
        ("messageId", "1"),
        ("status", "failed"),
    ]);
    let mut object =
        json!({"err-code": 4, "last": true, "messageId": "1", "network": null, "status": "failed"});
    let signed = signed(written, now);
    for (name, value) in &signed[4..] {
        object[name] = value.as_str().into();
    }
    let posted = |object: &Value| request("POST", "", json!({}), JSON, &object.to_string());
    let receipt = vonages(&sandbox, &vonages_secret(), &posted(&object), now).await;
    assert_eq!(
        receipt.unwrap().unwrap().state,
        State::Undelivered(Reason::Blocked)
    );
    for other in [json!({}), json!(["4"])] {
        object["err-code"] = other;
        let verdict = vonages(&sandbox, &vonages_secret(), &posted(&object), now).await;
        assert_eq!(verdict.unwrap_err().outcome, "unreadable");
    }
}

#[tokio::test]
async fn vonages_receipt_is_valid_for_25_hours() {
    let (sandbox, now) = (Sandbox::start().await, now());
    let good = signed(params(&[("messageId", "1"), ("status", "delivered")]), now);
    let [request, ..] = from_vonage(&good);
    let most = Duration::from_hours(25);
    let second = Duration::from_secs(1);
    for (at, is_fresh) in [
        (now + most, true),
        (now - most, true),
        (now + most + second, false),
        (now - most - second, false),
    ] {
        let verdict = vonages(&sandbox, &vonages_secret(), &request, at).await;
        let outcome = verdict.err().map(|reply| reply.outcome);
        assert_eq!(outcome, (!is_fresh).then_some("stale"));
    }
}

#[tokio::test]
async fn the_secret_says_how_vonage_signs() {
    let (sandbox, now) = (Sandbox::start().await, now());
    let good = signed(params(&[("messageId", "1"), ("status", "delivered")]), now);
    let [request, ..] = from_vonage(&good);
    let key = sandbox::vonage::SIGNATURE_SECRET;
    for (content, status) in [
        (json!({"signature_secret": key}), None),
        (
            json!({"signature_secret": key, "signature_method": "sha256"}),
            None,
        ),
        (
            json!({"signature_secret": key, "signature_method": "md5hash"}),
            Some(403),
        ),
        (
            json!({"signature_secret": key, "signature_method": "sha3"}),
            Some(503),
        ),
        (json!({"signature_secret": "another"}), Some(403)),
        (json!({}), Some(403)),
    ] {
        let verdict = vonages(&sandbox, &content, &request, now).await;
        assert_eq!(verdict.err().map(|reply| reply.status), status, "{content}");
    }
}
