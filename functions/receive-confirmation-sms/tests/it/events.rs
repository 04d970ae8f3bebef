//! Requests that Twilio never makes: refused as HTTP, never a function error, and the process lives on.

use sandbox::auth0::LinkPage;
use sandbox::lambda::InvokeError;
use sandbox::wire::client;
use serde_json::{Value, json};

use crate::scene::{CONFIRMED, FUNCTION, Scene, form};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn only_a_form_posted_to_the_root_is_read() {
    let scene = Scene::start().await;
    let url = scene.lambda.url();
    for path in ["sms", "index.php", ".env", "%00"] {
        let answer = client()
            .post(format!("{url}{path}"))
            .header("content-type", FORM)
            .body("a=b")
            .send()
            .await
            .unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                answer.text().await.unwrap().as_str()
            ),
            (404, ""),
            "{path}"
        );
    }
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = client()
            .request(method.parse().unwrap(), url)
            .header("content-type", FORM)
            .send()
            .await
            .unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                answer.headers()["allow"].to_str().unwrap()
            ),
            (405, "POST"),
            "{method}"
        );
        assert_eq!(answer.text().await.unwrap(), "");
    }
    for kind in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "text/xml",
        "",
        "x-www-form-urlencoded",
    ] {
        let answer = client()
            .post(url)
            .header("content-type", kind)
            .body("Body=YES")
            .send()
            .await
            .unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                answer.text().await.unwrap().as_str()
            ),
            (415, ""),
            "{kind}"
        );
    }
    let answer = client()
        .post(url)
        .header("content-type", FORM)
        .body("a".repeat(1024 * 1024 + 1))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.text().await.unwrap().as_str()
        ),
        (413, "")
    );
    scene.assert_untouched();
}

fn event(change: impl FnOnce(&mut Value)) -> Value {
    let mut event = json!({
        "version": "2.0", "rawPath": "/", "rawQueryString": "",
        "headers": { "content-type": FORM, "x-twilio-signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
        "requestContext": { "domainName": "x.lambda-url.eu-west-1.on.aws", "http": { "method": "POST", "path": "/" } },
        "body": "Body=YES", "isBase64Encoded": false,
    });
    change(&mut event);
    event
}

#[tokio::test]
async fn hostile_events_are_refused_and_the_process_lives() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let pids = scene.lambda.pids();
    let set = |pointer: &'static str, value: Value| {
        event(|event| *event.pointer_mut(pointer).unwrap() = value)
    };
    for (status, event) in [
        (400, set("/rawQueryString", json!("a=\"b\"<script>"))),
        (400, set("/rawQueryString", json!("a=1#b"))),
        (400, set("/rawQueryString", json!("a".repeat(70_000)))),
        (400, set("/rawPath", json!("/a".repeat(35_000)))),
        (400, set("/rawPath", json!(":99999999"))),
        (400, set("/rawPath", json!("/\u{202e}"))),
        (400, set("/rawPath", json!("/a b"))),
        (400, set("/body", json!({ "Body": "YES" }))),
        (
            400,
            event(|event| (event["body"], event["isBase64Encoded"]) = (json!("%%%"), json!(true))),
        ),
        (
            403,
            event(|event| {
                (event["body"], event["isBase64Encoded"]) = (json!("/////w=="), json!(true));
            }),
        ),
        (403, set("/body", json!(null))),
        (403, set("/body", json!(""))),
        (403, set("/body", json!("%ff%fe=%00&=&&%=%zz&Body"))),
        (403, set("/body", json!("a=b&".repeat(250_000)))),
        (403, set("/requestContext/domainName", json!(""))),
        (403, event(|event| event["headers"]["host"] = json!("a b"))),
        (
            403,
            event(|event| event["headers"]["x-forwarded-proto"] = json!("a b")),
        ),
        (400, set("/requestContext/domainName", json!("x y/\\@evil"))),
        (
            400,
            set("/headers/x-twilio-signature", json!("\u{0}\n\u{fffd}")),
        ),
        (403, set("/headers/x-twilio-signature", json!("\u{fffd}å"))),
        (
            403,
            set("/headers/x-twilio-signature", json!("A".repeat(1_000_000))),
        ),
        (415, set("/headers", json!(null))),
        (415, set("/headers", json!({}))),
        (413, set("/body", json!("a".repeat(4 * 1024 * 1024)))),
    ] {
        let shown: String = event.to_string().chars().take(200).collect();
        let answer = scene.lambda.invoke(event).await;
        assert!(
            answer
                .as_ref()
                .is_ok_and(|answer| answer["statusCode"] == status && answer["body"] == ""),
            "{shown}: {answer:?}"
        );
    }
    scene.assert_untouched();
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(scene.lambda.pids(), pids);
}

#[tokio::test]
async fn an_event_that_is_neither_http_nor_known_fails_the_invocation() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let pids = scene.lambda.pids();
    for event in [
        json!(null),
        json!([]),
        json!("text"),
        json!(7),
        json!({}),
        json!({ "requestContext": null }),
        json!({ "requestContext": {} }),
        json!({ "source": "aws.scheduler", "detail": {} }),
        json!({ "Records": [{ "eventSource": "aws:s3" }] }),
        json!({ "httpMethod": "POST", "path": "/", "requestContext": { "httpMethod": "POST" } }),
    ] {
        let answer = scene.lambda.invoke(event.clone()).await;
        assert!(
            matches!(&answer, Err(InvokeError::Function { kind, .. }) if kind == "unknown_event"),
            "{event}: {answer:?}"
        );
    }
    let logged = |line: &str| line.contains(r#""outcome":"unknown_event""#);
    let line = scene.lambda.wait_log(logged).await;
    assert!(line.contains(r#""level":"ERROR""#), "{line}");
    scene.assert_untouched();
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(scene.lambda.pids(), pids);
}

#[tokio::test]
async fn events_that_are_hardly_json_are_refused_too() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let pids = scene.lambda.pids();
    let invoke = format!(
        "{}/2015-03-31/functions/{FUNCTION}/invocations",
        scene.sandbox.invoke_api().url()
    );
    let (opened, closed) = ("[".repeat(100_000), "]".repeat(100_000));
    let context = r#""requestContext":{"http":{"method":"POST"}"#;
    let deep = format!(r#"{{{context}}},"headers":{opened}{closed}}}"#);
    // Where no function looks, it does not matter; a form is missed.
    let aside = format!(r#"{{{context},"authorizer":{opened}{closed}}}}}"#);
    for (raw, status) in [
        (
            r#"{"rawPath":"\ud800","requestContext":{"http":{"method":"POST"}}}"#,
            400,
        ),
        (
            r#"{"body":"\udfff\ud800","requestContext":{"http":{"method":"POST"}}}"#,
            400,
        ),
        (&deep, 400),
        (&aside, 415),
    ] {
        let answer = client()
            .post(&invoke)
            .body(raw.to_owned())
            .send()
            .await
            .unwrap();
        assert!(
            !answer.headers().contains_key("x-amz-function-error"),
            "{raw:.60}"
        );
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(answer["statusCode"], status, "{raw:.60}");
    }
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(scene.lambda.pids(), pids);
}

#[tokio::test]
async fn without_a_public_url_the_function_url_counts_and_no_header() {
    let scene = Scene::with(&[("PUBLIC_URL", None)]).await;
    scene.verification(LinkPage::Form).await;
    let ask = async |signed_for: &str| {
        let params = scene.inbound("YES");
        let signature = scene.sandbox.twilio.sign(signed_for, &params);
        let event = event(|event| {
            event["body"] = form(&params).into();
            event["headers"] = json!({
                "content-type": FORM, "x-twilio-signature": signature, "host": "evil.example", "x-forwarded-host": "evil.example",
                "x-forwarded-proto": "https", "forwarded": "host=evil.example",
            });
        });
        scene.lambda.invoke(event).await.unwrap()
    };
    assert_eq!(ask("https://evil.example/").await["statusCode"], 403);
    scene.assert_untouched();
    let answer = ask("https://x.lambda-url.eu-west-1.on.aws/").await;
    assert_eq!(
        (&answer["statusCode"], &answer["headers"]["content-type"]),
        (&json!(200), &json!("text/xml; charset=utf-8"))
    );
    assert!(answer["body"].as_str().unwrap().contains(CONFIRMED) && scene.verified());
}
