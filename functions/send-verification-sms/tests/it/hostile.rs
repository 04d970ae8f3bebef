//! Events no honest caller makes: all are answered as Function URL payloads, and the process lives.

use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
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
        assert!(answered == 401, "{answered} {content_type:.100}");
    }
    assert_eq!(
        status(&scene, event(FORM, &"a=1&".repeat(10_000))).await,
        401
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

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn a_compressed_body_is_not_unpacked() {
    let scene = Scene::start().await;
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(scene.fields(&scene.mail()))
        .finish();
    // Half of the function's memory, in 64 KB.
    let bomb = gzip(&vec![b'a'; 64 << 20]);
    assert!(bomb.len() < 1 << 17, "{}", bomb.len());
    for (content, encoding) in [
        (gzip(form.as_bytes()), "gzip"),
        (bomb.clone(), "gzip"),
        (gzip(&bomb), "gzip, gzip"),
    ] {
        let mut event = event(FORM, &BASE64_STANDARD.encode(content));
        event["isBase64Encoded"] = json!(true);
        event["headers"]["content-encoding"] = json!(encoding);
        assert!(matches!(status(&scene, event).await, 400 | 401));
    }
    scene.untouched();
    scene.still_works().await;
}

/// A multipart form in which the mail's HTML has this head and content.
fn with_html_part(scene: &Scene, head: &str, content: &[u8]) -> Value {
    let part = [head.as_bytes(), b"\r\n\r\n", content].concat();
    with_part(&scene.fields(&scene.mail()), &part)
}

/// A multipart form with these fields, but for the mail's content, and with this part.
fn with_part(fields: &Fields, part: &[u8]) -> Value {
    let mut body = Vec::new();
    let others = fields
        .iter()
        .filter(|(name, _)| !["body-html", "stripped-html", "body-plain"].contains(&&**name));
    for (name, value) in others {
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"");
        body.extend_from_slice(format!("{head}\r\n\r\n{value}\r\n").as_bytes());
    }
    body.extend_from_slice(b"--b\r\n");
    body.extend_from_slice(part);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let kind = "multipart/form-data; boundary=b";
    let mut event = event(kind, &BASE64_STANDARD.encode(body));
    event["isBase64Encoded"] = json!(true);
    event
}

#[tokio::test]
async fn a_part_in_another_encoding_is_refused_or_has_no_link() {
    let scene = Scene::start().await;
    let link = format!(
        "{}/u/email-verification?ticket=abcdef",
        scene.sandbox.auth0.server().url()
    );
    let html = format!("<a href=\"{link}\">Verify \u{e6}</a>");
    let named = "Content-Disposition: form-data; name=\"body-html\"";
    let utf16 = |big: bool, mark: bool| -> Vec<u8> {
        let mark = if mark { "\u{feff}" } else { "" };
        let units = format!("{mark}{html}");
        let bytes = |unit| {
            if big {
                u16::to_be_bytes(unit)
            } else {
                u16::to_le_bytes(unit)
            }
        };
        units.encode_utf16().flat_map(bytes).collect()
    };
    let latin: Vec<u8> = html.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let quoted = html
        .replace('=', "=3D")
        .replace("ticket=3Dabc", "ticket=3Dabc=\r\n")
        .replace('\u{e6}', "=C3=A6");
    let typed = |charset: &str| format!("{named}\r\nContent-Type: text/html; charset={charset}");
    let encoded = |encoding: &str| format!("{named}\r\nContent-Transfer-Encoding: {encoding}");
    let ascii = html.replace('\u{e6}', "ae");
    let ascii16: Vec<u8> = ascii.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (head, content) in [
        (typed("utf-16"), utf16(false, true)),
        (typed("utf-16"), utf16(true, true)),
        (typed("utf-16be"), ascii16),
        (typed("iso-8859-1"), latin.clone()),
        (typed("utf-8"), latin),
        (encoded("quoted-printable"), quoted.into_bytes()),
        (
            encoded("base64"),
            BASE64_STANDARD.encode(&html).into_bytes(),
        ),
        (
            named.replace("-html", "-\r\nhtml"),
            html.clone().into_bytes(),
        ),
        (named.replace("-html", "-html\0"), html.clone().into_bytes()),
        (
            format!("{named}\r\n{}", "a: b\r\n".repeat(10_000)),
            html.clone().into_bytes(),
        ),
    ] {
        let answered = status(&scene, with_html_part(&scene, &head, &content)).await;
        assert!(matches!(answered, 401 | 406), "{answered} {head:.100}");
    }
    scene.untouched();
    let good = with_html_part(&scene, &typed("utf-8"), html.as_bytes());
    assert_eq!((status(&scene, good).await, scene.texts()), (200, 1));
}

/// A file with a name in another alphabet, a header in another encoding: the mail has its link all the same.
#[tokio::test]
async fn a_part_that_cannot_be_read_and_is_not_needed_does_not_lose_the_mail() {
    let scene = Scene::start().await;
    let head = |name: &str| format!("Content-Disposition: form-data; name=\"{name}\"");
    let file = format!("{}; filename*=UTF-8''f%C3%BC.bin", head("attachment-1"));
    for (n, (part, is_needed)) in [
        (file, false),
        (head("X-Greeting"), false),
        (head("From"), true),
        (head("recipient"), true),
    ]
    .into_iter()
    .enumerate()
    {
        let link = format!(
            "{}/u/email-verification?ticket=abcdef{n}",
            scene.sandbox.auth0.server().url()
        );
        let html = format!("{}\r\n\r\n<a href=\"{link}\">Verify</a>", head("body-html"));
        let content = [
            html.as_bytes(),
            b"\r\n--b\r\n",
            part.as_bytes(),
            b"\r\n\r\n\xff\xfe",
        ]
        .concat();
        let mut fields = scene.fields(&scene.mail());
        if is_needed {
            fields.retain(|(name, _)| !part.contains(&format!("\"{name}\"")));
        }
        let event = with_part(&fields, &content);
        let answered = status(&scene, event).await;
        let expected = if is_needed { 406 } else { 200 };
        assert_eq!(answered, expected, "{part}");
        assert_eq!(scene.texts(), (n + 1).min(2), "{part}");
    }
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
