//! The entrance for everyone else who posts JSON.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use sandbox::scene::at_once;
use sandbox::wire::Fault;
use sandbox::{GENERIC_HMAC_SECRET, GENERIC_SECRET, GENERIC_TOKEN, Sandbox};
use serde_json::{Value, json};

use crate::scene::{OTHER_PHONE, Override, PHONE, Scene, Told, number, says, status};

const CODE: &str = "27182818";
pub(crate) const ON: Override<'_> = ("GENERIC_SECRET", Some(GENERIC_SECRET));
const HEADER: &str = "x-signature";

pub(crate) async fn on(sandbox: Sandbox, processes: usize, settings: &[Override<'_>]) -> Scene {
    let usual = [ON, ("SMS_ROUTES", Some("*=twilio"))];
    let scene = Scene::on(sandbox, processes, &[&usual, settings].concat()).await;
    for text in [CODE, PHONE] {
        scene.mark(text);
    }
    scene
}

async fn with(settings: &[Override<'_>]) -> Scene {
    on(Sandbox::start().await, 1, settings).await
}

fn bearer() -> (&'static str, String) {
    ("authorization", format!("Bearer {GENERIC_TOKEN}"))
}

async fn post(scene: &Scene, body: &Value) -> Told {
    scene
        .post_to("generic", &[bearer()], body.to_string())
        .await
}

/// The body that the sandbox's mapping is for.
fn request() -> Value {
    json!({ "to": PHONE, "payload": { "code": CODE }, "ip": "203.0.113.7" })
}

fn error(status: u16, message: &str) -> Told {
    Told::json(status, &json!({ "error": message }))
}

pub(crate) fn mac(secret: &str, content: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, content.as_bytes()).as_ref().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn a_code_is_sent_once_in_the_person_s_language() {
    let scene = with(&[("LANGUAGES", Some("all")), ("WORDS", Some("table"))]).await;
    let answer = post(&scene, &request()).await;
    assert_eq!(
        scene.sandbox.twilio.messages()[0].body,
        format!("Din kode er {CODE}")
    );
    // A copy in another language, and after a change of the texts, is the same code.
    let mut french = request();
    french["locale"] = json!("fr");
    let own = r#"{"code-text":"{ $code }, voilà"}"#;
    let item = json!({
        "pk": { "S": "words#fr" }, "sk": { "S": "texts" }, "texts": { "S": own },
    });
    scene.sandbox.aws.put(item).await;
    assert_eq!(post(&scene, &french).await, answer);
    assert_eq!(scene.sandbox.twilio.messages().len(), 1);
    french["to"] = json!(OTHER_PHONE);
    post(&scene, &french).await;
    assert_eq!(
        scene.sandbox.twilio.messages()[1].body,
        format!("{CODE}, voilà")
    );
}

#[tokio::test]
async fn a_table_without_an_answer_costs_a_text_hardly_any_time() {
    let sandbox = Sandbox::start().await;
    let dynamodb = sandbox.aws.dynamodb().faults().clone();
    dynamodb.always_with("words#", Fault::Hang);
    let settings = [("LANGUAGES", Some("all")), ("WORDS", Some("table"))];
    let scene = on(sandbox, 1, &settings).await;
    let began = std::time::Instant::now();
    assert_eq!(post(&scene, &request()).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(3), "{began:?}");
    assert_eq!(
        scene.sandbox.twilio.messages()[0].body,
        format!("Din kode er {CODE}")
    );
}

#[tokio::test]
async fn a_code_is_sent_in_its_text_and_answered_with_the_receipt() {
    let scene = with(&[]).await;
    let answer = post(&scene, &request()).await;
    let [message] = &scene.sandbox.twilio.messages()[..] else {
        panic!("one text")
    };
    assert_eq!(
        (message.to.as_str(), message.body.as_str()),
        (PHONE, "Your code is 27182818")
    );
    assert_eq!(
        answer,
        Told::json(200, &json!({ "provider": "twilio", "id": message.sid }))
    );
    assert_eq!(scene.items("rate#code-ip#").await.len(), 1);
}

#[tokio::test]
async fn the_language_of_the_request_chooses_the_text() {
    let texts = r#"{"*":"Your code is {code}","da":"Din kode er {code}"}"#;
    let scene = with(&[("CODE_TEXT", Some(texts))]).await;
    for (locale, phone) in [(json!("da-DK"), PHONE), (json!("fr"), OTHER_PHONE)] {
        let mut body = request();
        body["to"] = phone.into();
        body["locale"] = locale;
        assert_eq!(post(&scene, &body).await.status, 200);
    }
    let messages = scene.sandbox.twilio.messages();
    let texts: Vec<_> = messages
        .iter()
        .map(|message| message.body.as_str())
        .collect();
    assert_eq!(texts, ["Din kode er 27182818", "Your code is 27182818"]);
}

#[tokio::test]
async fn without_its_secret_there_is_no_such_entrance() {
    let scene = Scene::through("twilio").await;
    assert_eq!(post(&scene, &request()).await, Told::refused(404));
    scene.untouched();
}

struct Case {
    outcome: &'static str,
    settings: &'static [Override<'static>],
    prepare: fn(&Sandbox),
    fault: fn(&Scene),
    body: Value,
    answer: Told,
}

fn case(outcome: &'static str, status: u16, message: &str) -> Case {
    Case {
        outcome,
        settings: &[],
        prepare: |_| (),
        fault: |_| (),
        body: request(),
        answer: error(status, message),
    }
}

#[tokio::test]
async fn each_outcome_has_its_answer() {
    let nothing_sent = "temporarily unavailable; nothing was sent";
    let to = |number: &str| json!({ "to": number, "text": "Code 27182818" });
    for case in [
        Case {
            fault: |scene| scene.faults("twilio").always(Some(status(500))),
            ..case(
                "outcome_unknown",
                504,
                "the text may or may not have been sent; it will not be sent again for now",
            )
        },
        Case {
            fault: |scene| {
                let refusal = says(400, r#"{"code":21211}"#);
                scene.faults("twilio").always(Some(refusal));
            },
            ..case("recipient_refused", 422, "this number cannot receive texts")
        },
        Case {
            fault: |scene| scene.faults("twilio").always(Some(status(429))),
            ..case("all_refused", 502, "no provider took the text")
        },
        Case {
            body: to("+46701234567"),
            ..case(
                "country_not_allowed",
                429,
                "texts to this country or range are not allowed",
            )
        },
        Case {
            settings: &[("SMS_ROUTES", Some("+1=twilio"))],
            ..case("no_route", 429, "no provider is configured for this number")
        },
        Case {
            prepare: |sandbox| sandbox.aws.remove_secret("switchboard/twilio-send"),
            ..case(
                "secret_unavailable",
                503,
                "the gateway's credentials are unavailable; try again",
            )
        },
        Case {
            prepare: |sandbox| sandbox.aws.remove_secret(GENERIC_SECRET),
            ..case("secret_unavailable", 503, nothing_sent)
        },
        Case {
            fault: |scene| scene.dynamodb().refuse(true),
            ..case("table_unavailable", 503, nothing_sent)
        },
        Case {
            body: json!({ "to": PHONE, "text": "x", "channel": "Voice" }),
            ..case(
                "voice_not_supported",
                422,
                "voice is not supported: this gateway sends texts; choose Text as the delivery method",
            )
        },
        Case {
            body: to("20304050"),
            ..case(
                "impossible_number",
                400,
                "recipient must be a possible number in E.164 form: a plus, its country code, and the number as dialled from abroad",
            )
        },
        Case {
            body: json!({ "text": "x" }),
            ..case(
                "malformed_body",
                400,
                "the body has no text where GENERIC_MAPPING says the recipient is",
            )
        },
        Case {
            body: json!({ "to": PHONE, "payload": { "code": 27_182.818 } }),
            ..case(
                "malformed_body",
                400,
                "the body has no text where GENERIC_MAPPING says the text or the code is",
            )
        },
    ] {
        let sandbox = Sandbox::start().await;
        (case.prepare)(&sandbox);
        let scene = on(sandbox, 1, case.settings).await;
        (case.fault)(&scene);
        assert_eq!(
            post(&scene, &case.body).await,
            case.answer,
            "{}",
            case.outcome
        );
        scene.logged(case.outcome).await;
        assert_eq!(scene.texts(), [0; 4], "{}", case.outcome);
    }
}

#[tokio::test]
async fn a_limit_holds_here_too() {
    let scene = with(&[("SMS_PER_NUMBER_PER_HOUR", Some("1"))]).await;
    assert_eq!(post(&scene, &request()).await.status, 200);
    let other = json!({ "to": PHONE, "text": "another text" });
    assert_eq!(
        post(&scene, &other).await,
        error(429, "too many texts; try again later")
    );
}

#[tokio::test]
async fn a_call_is_refused_and_costs_nothing() {
    let scene = with(&[]).await;
    for channel in ["voice", "Voice", "call"] {
        let body = json!({ "to": PHONE, "text": "x", "channel": channel });
        assert_eq!(post(&scene, &body).await.status, 422);
    }
    scene.untouched();
    let body = json!({ "to": PHONE, "text": "x", "channel": "SMS" });
    assert_eq!(post(&scene, &body).await.status, 200);
}

#[tokio::test]
async fn fifty_at_once_over_four_processes_are_one_text() {
    let scene = Arc::new(on(Sandbox::start().await, 4, &[]).await);
    scene
        .faults("twilio")
        .next(Fault::Delay(Duration::from_millis(300)));
    let answers = at_once((0..50).map(|_| {
        let scene = Arc::clone(&scene);
        async move { post(&scene, &request()).await }
    }))
    .await;
    let sid = &scene.sandbox.twilio.messages()[0].sid;
    let receipt = Told::json(200, &json!({ "provider": "twilio", "id": sid }));
    assert!(
        answers.iter().all(|answer| *answer == receipt),
        "{answers:?}"
    );
    assert_eq!((scene.texts(), scene.asked()), ([1, 0, 0, 0], [1, 0, 0, 0]));
}

#[tokio::test]
async fn the_same_id_is_the_same_message_and_without_one_the_same_text_is() {
    let scene = with(&[]).await;
    let body = |to: &str, text: &str, id: Value| json!({ "to": to, "text": text, "id": id });
    for (request, texts) in [
        (body(PHONE, "one", json!("m-1")), 1),
        (body(PHONE, "one, again", json!("m-1")), 1),
        (body(PHONE, "one", json!("m-2")), 2),
        (body(OTHER_PHONE, "one", json!("m-1")), 3),
        (body(PHONE, "two", Value::Null), 4),
        (body(PHONE, "two", Value::Null), 4),
        (body(PHONE, "three", Value::Null), 5),
    ] {
        assert_eq!(post(&scene, &request).await.status, 200);
        assert_eq!(scene.texts()[0], texts, "{request}");
    }
}

#[tokio::test]
async fn a_token_comes_as_bearer_bare_or_as_password_of_basic() {
    let scene = with(&[]).await;
    let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
    for (n, (value, status)) in [
        (format!("Bearer {GENERIC_TOKEN}"), 200),
        (format!("bearer  {GENERIC_TOKEN}"), 200),
        (GENERIC_TOKEN.to_owned(), 200),
        (basic(&format!("any:{GENERIC_TOKEN}")), 200),
        (basic(&format!("{GENERIC_TOKEN}:")), 401),
        (basic("any"), 401),
        ("Basic !".to_owned(), 401),
        ("Bearer".to_owned(), 401),
        (format!("Token {GENERIC_TOKEN}"), 401),
        (GENERIC_TOKEN[1..].to_owned(), 401),
        (format!("{GENERIC_TOKEN}x"), 401),
        (GENERIC_HMAC_SECRET.to_owned(), 401),
        (String::new(), 401),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "to": PHONE, "text": format!("text {n}") });
        let headers = [("authorization", value)];
        let answer = scene.post_to("generic", &headers, body.to_string()).await;
        assert_eq!(answer.status, status, "{headers:?}");
        if status == 401 {
            assert_eq!(answer, Told::refused(401), "{headers:?}");
        }
    }
    assert_eq!(scene.texts(), [4, 0, 0, 0]);
}

#[tokio::test]
async fn a_signature_is_enough_in_each_of_its_forms() {
    let scene = with(&[]).await;
    let now = sandbox::now().as_secs();
    let mut sent = 0;
    for (n, form) in ["hex", "HEX", "sha256=", "base64", "t=", "t=, two"]
        .into_iter()
        .enumerate()
    {
        let body = json!({ "to": PHONE, "text": format!("text {n}") }).to_string();
        let (plain, timed) = (
            mac(GENERIC_HMAC_SECRET, &body),
            hex(&mac(GENERIC_HMAC_SECRET, &format!("{now}.{body}"))),
        );
        let value = match form {
            "hex" => hex(&plain),
            "HEX" => hex(&plain).to_uppercase(),
            "sha256=" => format!("sha256={}", hex(&plain)),
            "base64" => BASE64_STANDARD.encode(&plain),
            "t=" => format!("t={now},v1={timed}"),
            _ => format!("t={now},v1={},v1={timed}", hex(&plain)),
        };
        let answer = scene.post_to("generic", &[(HEADER, value)], body).await;
        sent += 1;
        assert_eq!((answer.status, scene.texts()[0]), (200, sent), "{form}");
    }
}

#[tokio::test]
async fn forged_and_stale_requests_are_refused_without_effect() {
    let scene = with(&[]).await;
    let (body, now) = (request().to_string(), sandbox::now().as_secs());
    let timed = |time: u64, secret: &str| {
        format!(
            "t={time},v1={}",
            hex(&mac(secret, &format!("{time}.{body}")))
        )
    };
    let good = timed(now, GENERIC_HMAC_SECRET);
    let plain = hex(&mac(GENERIC_HMAC_SECRET, &body));
    for (outcome, headers, body) in [
        ("credential_missing", vec![], body.clone()),
        (
            "credential_missing",
            vec![("x-other", plain.clone())],
            body.clone(),
        ),
        (
            "bad_credential",
            vec![("authorization", "Bearer guessed".to_owned())],
            body.clone(),
        ),
        ("bad_signature", vec![(HEADER, String::new())], body.clone()),
        (
            "bad_signature",
            vec![(HEADER, "guessed".to_owned())],
            body.clone(),
        ),
        (
            "bad_signature",
            vec![(HEADER, plain.clone())],
            body.replace("2718", "3718"),
        ),
        (
            "bad_signature",
            vec![(HEADER, hex(&mac("", &body)))],
            body.clone(),
        ),
        (
            "bad_signature",
            vec![(HEADER, hex(&mac(GENERIC_TOKEN, &body)))],
            body.clone(),
        ),
        (
            "bad_signature",
            vec![(HEADER, timed(now, "guessed"))],
            body.clone(),
        ),
        (
            "bad_signature",
            vec![(
                HEADER,
                good.replace(&now.to_string(), &(now - 1).to_string()),
            )],
            body.clone(),
        ),
        (
            "bad_signature",
            vec![(HEADER, format!("t={now},v1={plain}"))],
            body.clone(),
        ),
        (
            "stale_signature",
            vec![(HEADER, timed(now - 310, GENERIC_HMAC_SECRET))],
            body.clone(),
        ),
        (
            "stale_signature",
            vec![(HEADER, timed(now + 310, GENERIC_HMAC_SECRET))],
            body.clone(),
        ),
        (
            "stale_signature",
            vec![(HEADER, format!("t=,v1={plain}"))],
            body.clone(),
        ),
    ] {
        let answer = scene.post_to("generic", &headers, body).await;
        assert_eq!(answer, Told::refused(401), "{headers:?}");
        assert_eq!(
            scene.last_logged(outcome).await["Refused"],
            1,
            "{headers:?}"
        );
    }
    scene.untouched();
    // The secret was fetched at start, and once more within the minute.
    assert_eq!(scene.fetched("generic"), 2);
}

/// With a signed time, what is signed is no JSON. So no signature of one form is one of the other.
#[tokio::test]
async fn a_signature_with_a_time_is_none_of_a_body() {
    let scene = with(&[]).await;
    let (body, old) = (request().to_string(), sandbox::now().as_secs() - 900);
    let mac = hex(&mac(GENERIC_HMAC_SECRET, &format!("{old}.{body}")));
    let answer = scene
        .post_to("generic", &[(HEADER, mac)], format!("{old}.{body}"))
        .await;
    assert_eq!(answer, error(400, "the body must be a JSON object"));
    scene.untouched();
}

#[tokio::test]
async fn old_and_new_values_count_while_they_are_rotated() {
    let scene = with(&[]).await;
    let new = [
        "the-next-bearer-token-of-a-caller",
        "the-next-hmac-secret-of-a-caller",
    ];
    for text in new {
        scene.mark(text);
    }
    let secret = json!({
        "bearer_token": new[0], "previous_bearer_token": GENERIC_TOKEN,
        "hmac_secret": new[1], "previous_hmac_secret": GENERIC_HMAC_SECRET,
    });
    scene.sandbox.aws.set_secret(GENERIC_SECRET, &secret);
    for (n, header) in [
        ("authorization", new[0]),
        ("authorization", GENERIC_TOKEN),
        (HEADER, new[1]),
        (HEADER, GENERIC_HMAC_SECRET),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "to": PHONE, "text": format!("text {n}") }).to_string();
        let value = match header {
            ("authorization", token) => format!("Bearer {token}"),
            (_, secret) => hex(&mac(secret, &body)),
        };
        let answer = scene.post_to("generic", &[(header.0, value)], body).await;
        assert_eq!(answer.status, 200, "{header:?}");
    }
}

#[tokio::test]
async fn a_secret_with_neither_value_is_named_and_nothing_is_sent() {
    for secret in [
        json!({}),
        json!({ "bearer_token": "", "hmac_secret": " " }),
        json!({ "previous_bearer_token": GENERIC_TOKEN }),
    ] {
        let sandbox = Sandbox::start().await;
        sandbox.aws.set_secret(GENERIC_SECRET, &secret);
        let scene = on(sandbox, 1, &[]).await;
        assert_eq!(post(&scene, &request()).await.status, 503, "{secret}");
        let line = scene.logged("secret_unavailable").await;
        let error = line["error"].as_str().unwrap();
        assert!(
            error.contains("lacks bearer_token or hmac_secret"),
            "{line}"
        );
        scene.untouched();
    }
}

#[tokio::test]
async fn hostile_bodies_are_400_in_words_of_our_own() {
    let scene = with(&[]).await;
    scene.mark("zebrafinch");
    let deep = "[".repeat(100_000);
    for body in [
        String::new(),
        "zebrafinch".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "7".to_owned(),
        deep.clone(),
        format!(r#"{{"to":"{PHONE}","text":"x","a":{deep}"#),
        json!({ "to": [PHONE], "text": "zebrafinch" }).to_string(),
        json!({ "to": { "a": PHONE }, "text": "zebrafinch" }).to_string(),
        json!({ "to": PHONE, "text": ["zebrafinch"] }).to_string(),
        json!({ "to": PHONE, "payload": "zebrafinch" }).to_string(),
        json!({ "to": PHONE, "payload": { "code": "" } }).to_string(),
        json!({ "to": PHONE, "text": "\u{1b}[31mzebrafinch" }).to_string(),
        json!({ "to": PHONE, "text": "zebrafinch".repeat(100) }).to_string(),
        json!({ "to": PHONE, "payload": { "code": "zebrafinch".repeat(100) } }).to_string(),
        json!({ "to": "zebrafinch", "text": "x" }).to_string(),
        json!({ "to": format!("{PHONE},{OTHER_PHONE}"), "text": "x" }).to_string(),
        r#"{"to":"+4520304050","text":"\ud800"}"#.to_owned(),
    ] {
        let answer = scene.post_to("generic", &[bearer()], body.clone()).await;
        let known: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            (answer.status, known["error"].is_string()),
            (400, true),
            "{body:.200}"
        );
    }
    scene.untouched();
    for (headers, body, status) in [
        (
            vec![("content-type", "text/plain".to_owned())],
            String::new(),
            415,
        ),
        (vec![], " ".repeat(1024 * 1024 + 1), 413),
    ] {
        assert_eq!(
            scene.post_to("generic", &headers, body).await,
            Told::refused(status)
        );
    }
    let answer = scene.request("GET", "generic", &[], String::new()).await;
    assert_eq!(
        (answer.status, answer.allow.as_deref()),
        (405, Some("POST"))
    );
    assert!(scene.lambda.exits().is_empty());
}

/// The cooldown is shorter than the age that such a signature may have.
#[tokio::test]
async fn a_replay_of_a_signature_with_a_time_sends_nothing_for_as_long_as_it_is_good() {
    let scene = with(&[("RESEND_COOLDOWN_SECONDS", Some("1"))]).await;
    let (body, now) = (request().to_string(), sandbox::now().as_secs());
    let signed = hex(&mac(GENERIC_HMAC_SECRET, &format!("{now}.{body}")));
    let headers = [(HEADER, format!("t={now},v1={signed}"))];
    let post = || scene.post_to("generic", &headers, body.clone());
    let first = post().await;
    assert_eq!(first.status, 200);
    scene.wait_cooled_down().await;
    assert_eq!(post().await, first);
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
    let entry = scene.items("sent#").await.pop().unwrap();
    let remembered = entry.get("forgotten_at").unwrap_or(&entry["expires_at"]);
    assert!(number(remembered) > now + 300, "{entry}");
}
