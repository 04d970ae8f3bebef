//! Events no honest caller makes: all are answered as Function URL payloads, and the process lives.

use sandbox::lambda::InvokeError;
use sandbox::wire::client;
use serde_json::{Value, json};

use crate::scene::{FUNCTION, Fields, Scene, set};

const FORM: &str = "application/x-www-form-urlencoded";

fn event(content_type: &str, body: &str) -> Value {
    json!({
        "version": "2.0", "rawPath": "/", "rawQueryString": "", "headers": { "content-type": content_type },
        "requestContext": { "domainName": "127.0.0.1", "http": { "method": "POST" } },
        "body": body, "isBase64Encoded": false
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut event = event(FORM, "a=1");
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

/// The answer's status; an error of the function fails the test.
async fn status(scene: &Scene, event: Value) -> u64 {
    let answer = scene.lambda.invoke(event).await.unwrap();
    assert_eq!(answer["body"], "");
    answer["statusCode"].as_u64().unwrap()
}

/// A signed mail with this as its only content.
fn containing(scene: &Scene, html: &str, plain: &str) -> Fields {
    let mut fields = scene.fields(&sandbox::mail::Mail {
        html: String::new(),
        ..scene.mail()
    });
    set(&mut fields, "body-html", html);
    set(&mut fields, "body-plain", plain);
    fields
}

#[tokio::test]
async fn events_that_are_none_and_broken_ones() {
    let scene = Scene::start().await;
    for event in [
        with("/rawQueryString", json!("a=\"b\"&c='d'")),
        with("/rawQueryString", json!("a=<script>\\")),
        with("/rawPath", json!("/\u{0}")),
        with("/rawPath", json!({})),
        with("/rawPath", json!(":99999999")),
        with("/rawPath", json!("/a".repeat(35_000))),
        with("/rawQueryString", json!("a=1#b")),
        with("/requestContext/domainName", json!("a b")),
        with("/headers", json!({ "content-type": 7 })),
        with("/body", json!({ "a": 1 })),
        with("/isBase64Encoded", json!("true")),
        with("/isBase64Encoded", json!(true)),
        with("/requestContext/http/method", json!(["POST"])),
    ] {
        assert_eq!(status(&scene, event.clone()).await, 400, "{event}");
    }
    for event in [
        with("/body", Value::Null),
        with("/headers", Value::Null),
        with("/rawPath", json!("/%00/%ff")),
    ] {
        let answered = status(&scene, event.clone()).await;
        assert!((400..500).contains(&answered), "{answered} {event}");
    }
    for event in [
        Value::Null,
        json!([]),
        json!("text"),
        json!(7),
        json!({}),
        json!({ "requestContext": {} }),
        json!({ "Records": [{ "eventSource": "aws:sqs" }] }),
    ] {
        let answer = scene.lambda.invoke(event.clone()).await;
        assert!(
            matches!(&answer, Err(InvokeError::Function { kind, .. }) if kind == "unknown_event"),
            "{event}: {answer:?}"
        );
    }
    scene.untouched();
    scene.still_works().await;
}

#[tokio::test]
async fn json_that_no_value_can_hold() {
    let scene = Scene::start().await;
    let url = format!(
        "{}/2015-03-31/functions/{FUNCTION}/invocations",
        scene.sandbox.invoke_api().url()
    );
    let good = event(FORM, "a=1").to_string();
    for raw in [
        good.replace("a=1", "a=\\ud800"),
        good.replace("\"/\"", "\"/\\udfff\""),
        good.replace("127.0.0.1", "\\ud800\\ud800"),
        good.replace("content-type", "\\udc00"),
        good.replacen('{', "{\"body\":\"twice\",", 1),
        good.replacen(
            '{',
            &format!("{{\"deep\":{}{},", "[".repeat(100_000), "]".repeat(100_000)),
            1,
        ),
        good.replacen('{', "{\"huge\":1e999999,", 1),
    ] {
        let answer = client().post(&url).body(raw.clone()).send().await.unwrap();
        assert!(
            !answer.headers().contains_key("x-amz-function-error"),
            "{raw:.200}"
        );
        let answer: Value = answer.json().await.unwrap();
        assert!(
            (400..500).contains(&answer["statusCode"].as_u64().unwrap()),
            "{answer} {raw:.200}"
        );
    }
    scene.untouched();
    scene.still_works().await;
}

#[tokio::test]
async fn malformed_multipart() {
    let scene = Scene::start().await;
    let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    for (content_type, body) in [
        ("multipart/form-data", format!("{part}--b--")),
        ("multipart/form-data; boundary=", format!("{part}--b--")),
        ("multipart/form-data; boundary=c", format!("{part}--b--")),
        (
            "multipart/form-data; boundary=b; boundary=c",
            format!("{part}--c--"),
        ),
        ("multipart/form-data; boundary=b", part.to_owned()),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nno header\r\n\r\n1\r\n--b--".to_owned(),
        ),
        ("multipart/form-data; boundary=b", String::new()),
        ("multipart/form-data; boundary=b", part.repeat(10_000)),
        (
            &format!("multipart/form-data; boundary={}", "b".repeat(100_000)),
            part.to_owned(),
        ),
    ] {
        let answered = status(&scene, event(content_type, &body)).await;
        assert!(
            matches!(answered, 400 | 401),
            "{answered} {content_type:.100}"
        );
    }
    assert_eq!(
        status(&scene, event(FORM, &"a=1&".repeat(10_000))).await,
        400
    );
    assert_eq!(
        status(&scene, event(FORM, "%ff%fe=%&&&==&%zz=+++")).await,
        401
    );
    scene.untouched();
    scene.still_works().await;
}

#[tokio::test]
async fn mails_larger_or_stranger_than_any_honest_one() {
    let scene = Scene::start().await;
    let good = format!(
        "{}/u/email-verification?ticket=x",
        scene.sandbox.auth0.server().url()
    );
    let attributes = |n: usize| (0..n).fold(String::new(), |all, n| all + " a" + &n.to_string());
    for (what, html, plain) in [
        ("4 MB", "x".repeat(4_000_000), String::new()),
        ("4 MB of text", String::new(), "x".repeat(4_000_000)),
        ("300,000 links", String::new(), "a://b ".repeat(300_000)),
        ("250,000 schemes", String::new(), "http://".repeat(250_000)),
        ("nested tags", "<div>".repeat(100_000), String::new()),
        (
            "300,000 attributes",
            format!("<a{} href='{good}'>", attributes(300_000)),
            String::new(),
        ),
        (
            "50,000 attributes",
            format!("<a{} href='{good}'>", attributes(50_000)),
            String::new(),
        ),
        (
            "an open comment",
            format!("<!--{}<a href='{good}'>", "-".repeat(400_000)),
            String::new(),
        ),
        ("entities", "&amp".repeat(100_000), String::new()),
        (
            "control characters",
            "\u{0}\u{1b}[31m\u{202e}<a\u{0}href=x>".repeat(1_000),
            String::new(),
        ),
        (
            "a replaced character",
            format!("<a href='{good}\u{fffd}'>"),
            String::new(),
        ),
        (
            "a line break in the link",
            format!("<a href='{}'>", good.replace("ticket", "tic\nket")),
            String::new(),
        ),
    ] {
        assert_eq!(
            scene.post(&containing(&scene, &html, &plain)).await.status,
            406,
            "{what}"
        );
    }
    scene.untouched();
    let buried = format!("{}<a href='{good}'>", "<div>".repeat(100_000));
    assert_eq!(
        scene.post(&containing(&scene, &buried, "")).await.status,
        200
    );
    scene.still_works().await;
}

#[tokio::test]
async fn six_megabytes_of_event() {
    let scene = Scene::start().await;
    let fields = containing(&scene, &"x".repeat(6_200_000), "");
    assert_eq!(scene.post(&fields).await.status, 413, "Lambda's own limit");
    assert_eq!(
        status(&scene, event(FORM, &"x".repeat(6_000_000))).await,
        413
    );
    scene.untouched();
    scene.still_works().await;
}

#[tokio::test]
async fn forged_headers_change_nothing() {
    let scene = Scene::start().await;
    let fields = scene.fields(&scene.mail());
    let answer = client()
        .post(scene.lambda.url())
        .header(
            "content-type",
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
        )
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "ftp")
        .header("x-original-url", "/x")
        .header("x-http-method-override", "GET")
        .header("content-encoding", "gzip")
        .form(&fields)
        .send()
        .await
        .unwrap();
    assert_eq!((answer.status().as_u16(), scene.texts()), (200, 1));
}
