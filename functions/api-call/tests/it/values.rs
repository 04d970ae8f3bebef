//! What flows post, and where it may go: into its place in the path, and nowhere else.

use sandbox::Sandbox;
use serde_json::json;

use crate::scene::{Answer, FORM, JSON, NUMBER, Scene, form};

const MISSING: &str = r#"{"error":"these are needed, of at most 200 bytes: account_number"}"#;
const UNREADABLE: &str = r#"{"error":"the body must be a form, or a JSON object of texts and numbers, each named once"}"#;

#[tokio::test]
async fn a_value_that_is_none_is_refused_and_nobody_is_called() {
    let scene = Scene::start().await;
    let long = "x".repeat(201);
    for value in [
        "",
        " ",
        "\t\r\n",
        ".",
        "..",
        " .. ",
        &long,
        &"é".repeat(101),
        &"1".repeat(100_000),
    ] {
        assert_eq!(
            scene.post(FORM, form(&[("account_number", value)])).await,
            Answer::says(400, MISSING),
            "{value:?}"
        );
        let object = json!({ "account_number": value }).to_string();
        assert_eq!(
            scene.post(JSON, object).await,
            Answer::says(400, MISSING),
            "{value:?}"
        );
    }
    for body in [
        "",
        "account_number",
        "Account_number=1",
        "account_number[]=1",
        "account-number=1",
        "{\"account_number\":\"1\"}",
    ] {
        assert_eq!(
            scene.post(FORM, body).await,
            Answer::says(400, MISSING),
            "{body}"
        );
    }
    for body in [
        "{}",
        r#"{"account_number":null}"#,
        r#"{"account_number":true}"#,
        r#"{"account_number":["1"]}"#,
        r#"{"account_number":{"S":"1"}}"#,
        r#"{"ACCOUNT_NUMBER":"1"}"#,
    ] {
        assert_eq!(
            scene.post(JSON, body).await,
            Answer::says(400, MISSING),
            "{body}"
        );
    }
    assert_eq!(scene.api.calls(), 0);
    let logged = scene.logged("value_missing").await;
    assert_eq!(
        (&logged["level"], &logged["Refused"]),
        (&json!("INFO"), &json!(1))
    );
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_and_nobody_is_called() {
    let scene = Scene::start().await;
    let good = format!("{{\"account_number\":\"{NUMBER}\"}}");
    for body in [
        "",
        "null",
        "1",
        "[]",
        "\"account_number\"",
        "{",
        "account_number=1",
        r#"[{"account_number":"1"}]"#,
        r#"{"account_number":"1",}"#,
        r#"{"account_number":"1","account_number":"2"}"#,
        r#"{"account_number":"1","account_number":null}"#,
        r#"{"x":1,"account_number":"1","\u0078":2}"#,
        &format!("{good}{good}"),
        &format!("\u{feff}{good}"),
        &"[".repeat(100_000),
        &format!("{{\"x\":{}", "[".repeat(100_000)),
        &"{\"account_number\":".repeat(50_000),
    ] {
        let shown = body.chars().take(100).collect::<String>();
        assert_eq!(
            scene.post(JSON, body.to_owned()).await,
            Answer::says(400, UNREADABLE),
            "{shown}"
        );
    }
    for body in [
        &b"{\"account_number\":\"\xff\"}"[..],
        b"\xff\xfe{\0}\0",
        b"\0",
    ] {
        assert_eq!(
            scene.post(JSON, body).await,
            Answer::says(400, UNREADABLE),
            "{body:?}"
        );
    }
    let many = (0..501)
        .map(|n| format!("x{n}="))
        .collect::<Vec<_>>()
        .join("&");
    for body in [
        "account_number=1&account_number=2",
        "account_number=1&account_number=1",
        "a=1&a=1&account_number=1",
        &many,
    ] {
        let shown = body.chars().take(100).collect::<String>();
        assert_eq!(
            scene.post(FORM, body.to_owned()).await,
            Answer::says(400, UNREADABLE),
            "{shown}"
        );
    }
    assert_eq!(scene.api.calls(), 0);
    scene.logged("bad_body").await;
}

#[tokio::test]
async fn a_value_stays_in_its_place() {
    let overrides = [(
        "API_PATH",
        Some("/search/{account_number}?phone={phone}&v=2"),
    )];
    let scene = Scene::with(&overrides).await;
    scene.mark("20304051");
    let evil = scene.sandbox.auth0.server().url(); // another host, which must not be asked
    scene.sandbox.auth0.server().clear_exchanges();
    for (account, phone, target) in [
        (
            "10042",
            "+4520304051",
            "/search/10042?phone=%2B4520304051&v=2",
        ),
        (" 10042\n", "a b", "/search/10042?phone=a%20b&v=2"),
        (
            "../admin",
            "a&b=c",
            "/search/..%2Fadmin?phone=a%26b%3Dc&v=2",
        ),
        (
            "..%2f..%2fadmin",
            "#",
            "/search/..%252f..%252fadmin?phone=%23&v=2",
        ),
        (
            "%2e%2e",
            "{account_number}",
            "/search/%252e%252e?phone=%7Baccount_number%7D&v=2",
        ),
        ("...", "?", "/search/...?phone=%3F&v=2"),
        (
            "a?b#c\\d;e",
            "1\r\nhost: evil",
            "/search/a%3Fb%23c%5Cd%3Be?phone=1%0D%0Ahost%3A%20evil&v=2",
        ),
        (
            "@evil.example",
            ":80",
            "/search/%40evil.example?phone=%3A80&v=2",
        ),
        (
            &evil,
            "//evil.example",
            &format!(
                "/search/{}?phone=%2F%2Fevil.example&v=2",
                evil.replace(':', "%3A").replace('/', "%2F")
            ),
        ),
        (
            "æ\u{0}",
            "\u{202e}1",
            "/search/%C3%A6%00?phone=%E2%80%AE1&v=2",
        ),
        (
            &"1".repeat(200),
            "1",
            &format!("/search/{}?phone=1&v=2", "1".repeat(200)),
        ),
    ] {
        let body = json!({"account_number": account, "phone": phone}).to_string();
        let expected = json!({ "target": target }).to_string();
        assert_eq!(
            scene.post(JSON, body).await,
            Answer::says(200, &expected),
            "{account:?} {phone:?}"
        );
    }
    assert_eq!(scene.sandbox.auth0.server().exchanges().len(), 0);
    let calls = scene.api.calls();
    let both = r#"{"error":"these are needed, of at most 200 bytes: account_number, phone"}"#;
    for body in [
        "account_number=1",
        "phone=1",
        "account_number=1&phone=",
        "account_number=..&phone=1",
        "",
    ] {
        assert_eq!(
            scene.post(FORM, body).await,
            Answer::says(400, both),
            "{body}"
        );
    }
    assert_eq!(scene.api.calls(), calls);
    let answer = scene
        .post(
            FORM,
            "account_number=1&phone=%2B4520304051&API_PATH=/x&API_URL=http://evil.example",
        )
        .await;
    assert_eq!(
        answer,
        Answer::says(200, r#"{"target":"/search/1?phone=%2B4520304051&v=2"}"#)
    );
}

#[tokio::test]
async fn numbers_go_as_they_were_written() {
    let scene = Scene::with(&[("API_PATH", Some("/search/{n}"))]).await;
    for (number, segment) in [
        ("10042", "10042"),
        ("0", "0"),
        ("-7", "-7"),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        (&"9".repeat(30), &"9".repeat(30)),
    ] {
        let expected = format!("{{\"target\":\"/search/{segment}\"}}");
        assert_eq!(
            scene.post(JSON, format!("{{\"n\":{number}}}")).await,
            Answer::says(200, &expected)
        );
    }
}

/// A path without names needs no values, and the API may live below a path.
#[tokio::test]
async fn other_paths() {
    for (path, prefix, body, target) in [
        ("/status", "", "", "/status"),
        ("/", "/v1", "x=1", "/v1/"),
        ("/{a}/{b}/{a}", "/v1/", "a=1&b=%2F", "/v1/1/%2F/1"),
        ("/x?a={a}", "", "a=+%26", "/x?a=%26"),
    ] {
        let scene = Scene::below(
            prefix,
            Sandbox::start().await,
            1,
            &[("API_PATH", Some(path))],
        )
        .await;
        let expected = format!("{{\"target\":\"{target}\"}}");
        assert_eq!(
            scene.post(FORM, body).await,
            Answer::says(200, &expected),
            "{path}"
        );
    }
}
