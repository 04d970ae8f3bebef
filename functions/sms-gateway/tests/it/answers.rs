//! What is asked and what is answered when all is well, or the request is not right.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sandbox::lambda::InvokeError;
use serde_json::{Value, json};

use crate::scene::{BEARER, PHONE, Scene, TEXT, token};

#[tokio::test]
async fn a_code_of_the_legacy_gateway_is_sent_and_answered_with_its_receipt() {
    let scene = Scene::through("twilio").await;
    let request = json!({
        "recipient": "+45 2030 4050", "body": TEXT, "sender": "+1 500 555 0006",
        "req": { "ip": "203.0.113.7", "user-agent": "Mozilla/5.0" },
    });
    let answer = scene.post(&request).await;
    let [message] = &scene.sandbox.twilio.messages()[..] else {
        panic!("one text")
    };
    assert_eq!(
        (
            message.to.as_str(),
            message.from.as_str(),
            message.body.as_str()
        ),
        (PHONE, "+15005550006", TEXT)
    );
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({ "provider": "twilio", "id": message.sid }))
    );
    let line = scene.logged("sent").await;
    assert_eq!(
        (&line["phone"], &line["provider"], &line["sid"]),
        (&json!("+45••••4050"), &json!("twilio"), &json!(message.sid))
    );
    assert_eq!(
        (&line["SmsSent"], &line["SmsSegments"], &line["segments"]),
        (&json!(1), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_code_of_an_action_is_sent_with_the_static_token() {
    let scene = Scene::through("twilio").await;
    let request = json!({
        "recipient": PHONE, "text": TEXT, "from": "+15005550006", "code": "27182818", "message_type": "text", "language": "en",
        "action": "second-factor-authenticator",
    });
    let answer = scene
        .post_as(Some(&format!("Bearer {BEARER}")), &request)
        .await;
    assert_eq!(
        (answer.status, answer.provider(), scene.texts()),
        (200, "twilio", [1, 0, 0, 0])
    );
}

#[tokio::test]
async fn a_path_that_a_proxy_leaves_there_is_served() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=twilio")),
        ("PUBLIC_URL", Some("https://hooks.example.com/codes")),
    ])
    .await;
    for (n, (path, status)) in [
        ("", 200),
        ("codes", 200),
        ("codes/", 200),
        ("code", 404),
        ("codes/x", 404),
    ]
    .into_iter()
    .enumerate()
    {
        let headers = [
            ("authorization", &*format!("Bearer {BEARER}")),
            ("content-type", "application/json"),
        ];
        let body = json!({ "recipient": PHONE, "body": format!("{TEXT} {n}") }).to_string();
        assert_eq!(
            scene.request("POST", path, &headers, body).await.status,
            status,
            "{path}"
        );
    }
    assert_eq!(scene.texts(), [3, 0, 0, 0]);
}

/// Whoever wants to be called waits for a call: a text instead would be paid for, and not looked for.
#[tokio::test]
async fn a_delivery_by_voice_is_refused_and_costs_nothing() {
    let scene = Scene::through("twilio").await;
    for (name, value) in [
        ("delivery_method", "voice"),
        ("message_type", "voice"),
        ("channel", "voice"),
        ("delivery_method", "Voice"),
    ] {
        for text in ["text", "body"] {
            let answer = scene
                .post(&json!({ "recipient": PHONE, text: TEXT, name: value }))
                .await;
            assert_eq!(answer.status, 422, "{name} {value}");
            assert!(
                answer.body["error"]
                    .as_str()
                    .unwrap()
                    .contains("voice is not supported"),
                "{answer:?}"
            );
        }
    }
    assert_eq!(scene.logged("voice_not_supported").await["Refused"], 1);
    scene.untouched();
    for (name, value) in [
        ("delivery_method", "text"),
        ("message_type", "otp_verify"),
        ("channel", "sms"),
    ] {
        let answer = scene
            .post(&json!({ "recipient": PHONE, "text": format!("{TEXT} {name}"), name: value }))
            .await;
        assert_eq!(answer.status, 200, "{name} {value}");
    }
}

#[tokio::test]
async fn body_and_credential_go_in_any_pair() {
    let scene = Scene::through("twilio").await;
    let (legacy, action) = (
        json!({ "recipient": PHONE, "body": TEXT }),
        json!({ "recipient": "+4520304051", "text": TEXT }),
    );
    for (authorization, body) in [
        (format!("bearer  {BEARER}"), legacy),
        (format!("BEARER {}", token(&json!({}))), action),
    ] {
        assert_eq!(scene.post_as(Some(&authorization), &body).await.status, 200);
    }
    assert_eq!(scene.texts(), [2, 0, 0, 0]);
}

#[tokio::test]
async fn a_long_text_is_counted_in_segments() {
    let scene = Scene::through("twilio").await;
    scene.send(PHONE, &"ж".repeat(71)).await;
    assert_eq!(scene.logged("sent").await["SmsSegments"], 2);
}

/// Of as many segments as are allowed, and line breaks are no control characters.
#[tokio::test]
async fn the_longest_texts_are_sent() {
    let scene = Scene::through("twilio").await;
    for text in [
        "x".repeat(6 * 153),
        "ж".repeat(6 * 67),
        "27182818\r\n\tis your code\n\n@acme.example #27182818".to_owned(),
    ] {
        assert_eq!(scene.send(PHONE, &text).await.status, 200, "{text}");
    }
    assert_eq!(scene.texts(), [3, 0, 0, 0]);
}

#[tokio::test]
async fn what_is_not_a_json_post_to_the_root_is_refused_before_anything_else() {
    let scene = Scene::through("twilio").await;
    let json = ("content-type", "application/json");
    let body = || json!({ "recipient": PHONE, "body": TEXT }).to_string();
    for (method, path, headers, body, status) in [
        ("POST", "sms", &[json][..], body(), 404),
        ("GET", "elsewhere", &[json], String::new(), 404),
        ("GET", "", &[json], String::new(), 405),
        ("PUT", "", &[json], body(), 405),
        ("POST", "", &[], body(), 415),
        (
            "POST",
            "",
            &[("content-type", "application/x-www-form-urlencoded")],
            "recipient=%2B45".to_owned(),
            415,
        ),
        ("POST", "", &[("content-type", "text/plain")], body(), 415),
        ("POST", "", &[json], " ".repeat(1024 * 1024 + 1), 413),
        (
            "POST",
            "",
            &[("content-type", "Application/JSON; charset=utf-8")],
            body(),
            401,
        ),
    ] {
        let answer = scene.request(method, path, headers, body).await;
        assert_eq!(
            (answer.status, answer.body),
            (status, Value::Null),
            "{method} /{path}"
        );
        assert_eq!(answer.allow.as_deref(), (status == 405).then_some("POST"));
    }
    scene.untouched();
}

#[tokio::test]
async fn malformed_bodies_are_400_in_words_of_our_own() {
    let scene = Scene::through("twilio").await;
    let authorization = format!("Bearer {}", token(&json!({})));
    let headers = [
        ("content-type", "application/json"),
        ("authorization", &authorization),
    ];
    scene.mark("zebrafinch");
    scene.mark("20304050");
    for body in [
        String::new(),
        "zebrafinch".to_owned(),
        "[]".to_owned(),
        json!([PHONE, "zebrafinch", null, null, null]).to_string(),
        "null".to_owned(),
        r#"{"recipient":"+4520304050","body":"zebrafinch""#.to_owned(),
        r#"{"recipient":"+4520304050","body":"zebrafinch","body":"x"}"#.to_owned(),
        json!({ "recipient": PHONE }).to_string(),
        json!({ "body": "zebrafinch" }).to_string(),
        json!({ "recipient": null, "text": "zebrafinch" }).to_string(),
        json!({ "recipient": PHONE, "body": "zebrafinch", "text": "zebrafinch" }).to_string(),
        json!({ "recipient": PHONE, "body": "" }).to_string(),
        json!({ "recipient": PHONE, "body": " \r\n\t" }).to_string(),
        json!({ "recipient": PHONE, "body": "zebrafinch\u{0}" }).to_string(),
        json!({ "recipient": PHONE, "text": "\u{1b}[31mzebrafinch\u{85}" }).to_string(),
        json!({ "recipient": PHONE, "body": "x".repeat(6 * 153 + 1) }).to_string(),
        json!({ "recipient": PHONE, "body": "ж".repeat(6 * 67 + 1) }).to_string(),
        json!({ "recipient": [PHONE], "body": "zebrafinch" }).to_string(),
        json!({ "recipient": "20304050", "body": "zebrafinch" }).to_string(),
        json!({ "recipient": "+45", "body": "zebrafinch" }).to_string(),
        json!({ "recipient": "+45 (0) 20304050", "body": "zebrafinch" }).to_string(),
        json!({ "recipient": "+020304050", "body": "zebrafinch" }).to_string(),
        json!({ "recipient": "+4520304050,+4520304051", "body": "zebrafinch" }).to_string(),
        json!({ "recipient": "+4520304050;phone-context=AA", "body": "zebrafinch" }).to_string(),
        json!({ "recipient": "\u{202e}+4520304050", "body": "zebrafinch" }).to_string(),
        json!({ "recipient": "+４５20304050", "body": "zebrafinch" }).to_string(),
        json!({ "recipient": "+452030405020304050", "body": "zebrafinch" }).to_string(),
    ] {
        let answer = scene.request("POST", "", &headers, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(
            answer.body["error"]
                .as_str()
                .is_some_and(|error| !error.is_empty()),
            "{body}: {answer:?}"
        );
    }
    for outcome in ["malformed_body", "impossible_number"] {
        scene.logged(outcome).await;
    }
    scene.untouched();
}

/// Each would else have limits of its own.
#[tokio::test]
async fn an_impossible_number_is_400_and_nothing_is_written() {
    let scene = Scene::through("twilio").await;
    for to in [
        "+45020123456",
        "+45201234567890",
        "+10000000000",
        "+114155550100",
        "+4407400123456",
        "+399999999",
        "+1 399 999",
        "+2101234567",
        "+9991234567",
        "+44 (0)20 7946 0958",
        "+61(0432)123-456",
        "+61 (04) 3212 3456",
    ] {
        let answer = scene.send(to, TEXT).await;
        assert_eq!(answer.status, 400, "{to}");
        assert!(
            answer.body["error"]
                .as_str()
                .is_some_and(|error| error.contains("possible number in E.164 form")),
            "{to}: {answer:?}"
        );
        assert_eq!(scene.logged("impossible_number").await["Refused"], 1);
    }
    scene.untouched();
    assert!(scene.items("").await.is_empty());
}

#[tokio::test]
async fn numbers_are_read_as_people_write_them() {
    let scene = Scene::with(&[("ALLOWED_COUNTRIES", Some("IT,US,DK"))]).await;
    for (written, number) in [
        ("+39 (06) 1234 5678", "+390612345678"),
        ("+1 (808) 555-0199", "+18085550199"),
        ("+1.808.555.0198", "+18085550198"),
        ("+45\u{a0}20123456", "+4520123456"),
    ] {
        assert_eq!(scene.send(written, TEXT).await.status, 200, "{written}");
        assert_eq!(
            scene.items(&format!("rate#code#{number}")).await.len(),
            1,
            "{written}"
        );
    }
}

#[tokio::test]
async fn hostile_events_are_answered_and_the_process_lives() {
    let scene = Scene::through("twilio").await;
    let event = |body: &str, base64: bool| {
        json!({
            "rawPath": "/", "rawQueryString": "", "body": body, "isBase64Encoded": base64,
            "headers": { "content-type": "application/json", "authorization": format!("Bearer {}", token(&json!({}))) },
            "requestContext": { "domainName": "x.example", "http": { "method": "POST" } },
        })
    };
    let deep = "[".repeat(100_000);
    for (event, status) in [
        (event("!", true), 400),
        // Too long to be worth decoding, so nobody sees that it is no base64.
        (event(&"!".repeat(3 * 1024 * 1024 / 2), true), 413),
        (event(&" ".repeat(1024 * 1024 + 1), false), 413),
        (
            event(&BASE64_STANDARD.encode(" ".repeat(1024 * 1024 + 1)), true),
            413,
        ),
        (
            event(&BASE64_STANDARD.encode(" ".repeat(1024 * 1024)), true),
            400,
        ),
        (event("/w==", true), 400),
        (event(&deep, false), 400),
        (
            event(
                &format!("{{\"recipient\":\"{PHONE}\",\"req\":{deep}"),
                false,
            ),
            400,
        ),
        (
            event("{\"recipient\":\"\\ud800\",\"body\":\"x\"}", false),
            400,
        ),
    ] {
        assert_eq!(
            scene.lambda.invoke(event).await.unwrap()["statusCode"],
            status
        );
    }
    for event in [Value::Null, json!({ "source": "aws.events" })] {
        let answer = scene.lambda.invoke(event).await;
        assert!(
            matches!(&answer, Err(InvokeError::Function { kind, .. }) if kind == "unknown_event"),
            "{answer:?}"
        );
    }
    assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
    assert!(scene.lambda.exits().is_empty());
}

#[tokio::test]
async fn every_item_written_expires() {
    let scene = Scene::through("twilio").await;
    assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
    let (items, now) = (scene.items("").await, sandbox::now().as_secs());
    assert_eq!(items.len(), 5, "a journal entry, four counters: {items:#?}");
    for item in items {
        assert!(crate::scene::number(&item["expires_at"]) > now, "{item}");
        assert!(!item.to_string().contains("27182818"), "{item}");
    }
}
