//! Who may use the page, and what it never shows.

use sandbox::{scene::never_written, twilio};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::Stage;
use crate::{GATEWAY, RECEIVE, SEND};

/// The head of the answer to a request with these lines.
async fn head(stage: &Stage, lines: &[&str]) -> String {
    let address = stage.page.url();
    let address = address.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await.unwrap();
    let port = address.rsplit(':').next().unwrap();
    let request = lines.join("\r\n").replace("PORT", port) + "\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split("\r\n\r\n").next().unwrap().to_lowercase()
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let stage = Stage::open(&[]).await;
    for line in [
        "GET /api/state HTTP/1.1",
        "GET / HTTP/1.1",
        "GET /api/nothing HTTP/1.1",
        "GET /no/such/page HTTP/1.1",
        "POST /api/state HTTP/1.1",
        "DELETE /api/faults HTTP/1.1",
        "GET /%2e%2e/Cargo.toml HTTP/1.1",
    ] {
        let head = head(&stage, &[line, "Host: 127.0.0.1:PORT"]).await;
        for header in [
            "content-security-policy: default-src 'self';",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "x-frame-options: deny",
        ] {
            assert!(head.contains(header), "{line}: {header} is not in {head}");
        }
        assert!(!head.contains("unsafe-"), "{line}: {head}");
        assert!(!head.contains("access-control-allow"), "{line}: {head}");
    }
    stage.close().await;
}

#[tokio::test]
async fn a_stranger_neither_reads_nor_writes() {
    let stage = Stage::open(&[]).await;
    for (lines, status) in [
        (
            &["GET /api/state HTTP/1.1", "Host: 127.0.0.1:PORT"][..],
            "200",
        ),
        (&["GET /api/state HTTP/1.1", "Host: localhost:PORT"], "200"),
        (
            &["GET /api/state HTTP/1.1", "Host: evil.example:PORT"],
            "421",
        ),
        (&["GET /api/events HTTP/1.1", "Host: evil.example"], "421"),
        (
            &[
                "GET http://evil.example/api/state HTTP/1.1",
                "Host: 127.0.0.1:PORT",
            ],
            "421",
        ),
        (
            &["DELETE /api/faults HTTP/1.1", "Host: 127.0.0.1:PORT"],
            "403",
        ),
        (
            &[
                "DELETE /api/faults HTTP/1.1",
                "Host: 127.0.0.1:PORT",
                "X-Sandbox-Page: 1",
                "Origin: http://evil.example",
            ],
            "403",
        ),
        (
            &[
                "DELETE /api/faults HTTP/1.1",
                "Host: 127.0.0.1:PORT",
                "X-Sandbox-Page: 1",
                "Origin: http://127.0.0.1:PORT",
            ],
            "204",
        ),
        (
            &[
                "OPTIONS /api/faults HTTP/1.1",
                "Host: 127.0.0.1:PORT",
                "Origin: http://evil.example",
                "Access-Control-Request-Method: DELETE",
            ],
            "403",
        ),
    ] {
        let head = head(&stage, lines).await;
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{lines:?}: {head}"
        );
    }
    stage.close().await;
}

#[tokio::test]
async fn a_mail_stands_in_a_frame_without_scripts() {
    let stage = Stage::open(&[SEND]).await;
    let hostile = "<script>parent.document.title = 1</script>";
    let mail =
        json!({ "to": "acme+4512345678@sms.example.com", "subject": hostile, "text": hostile });
    let mail = stage.post("/api/mails", mail).await;
    let path = format!("/api/mails/{}/page", mail["id"].as_str().unwrap());
    let line = format!("GET {path} HTTP/1.1");
    let head = head(&stage, &[&line, "Host: 127.0.0.1:PORT"]).await;
    assert!(
        head.contains("content-security-policy: sandbox; default-src 'none'"),
        "{head}"
    );
    assert!(head.contains("x-frame-options: sameorigin"), "{head}");
    assert_eq!(head.matches("content-security-policy").count(), 1);
    stage.close().await;
}

#[tokio::test]
async fn no_answer_shows_a_secret() {
    let stage = Stage::open(&[SEND, RECEIVE, GATEWAY]).await;
    let user = json!({ "phone": "+4512345678" });
    stage.post("/api/auth0/users", user).await;
    let yes = json!({ "from": "+4512345678", "to": twilio::NUMBER, "text": "YES" });
    stage.post("/api/texts", yes).await;
    stage
        .post("/api/auth0/login", json!({ "phone": "+573001234567" }))
        .await;
    let wire = stage.get("/api/wire?limit=1000").await;
    let mut shown = vec![wire.to_string()];
    for exchange in wire["exchanges"].as_array().unwrap() {
        let path = format!("/api/wire/{}", exchange["id"]);
        shown.push(stage.get(&path).await.to_string());
    }
    for path in [
        "/api/state",
        "/api/secrets",
        "/api/table",
        "/api/identity",
        "/api/numbers",
    ] {
        shown.push(stage.get(path).await.to_string());
    }
    let exchanges = shown.join("\n");
    assert!(exchanges.contains("GetSecretValue"));
    // A mail is shown with its link.
    for secret in never_written().iter().filter(|text| *text != "ticket=") {
        assert!(!exchanges.contains(secret.as_str()), "{secret}");
    }
    stage.close().await;
}

#[tokio::test]
async fn bad_input_is_named_and_harms_nothing() {
    let stage = Stage::open(&[]).await;
    let long = "x".repeat(2_000);
    for (method, path, body, status) in [
        (
            "POST",
            "/api/texts",
            json!({ "from": "anna", "to": "+15005550006", "text": "x" }),
            400,
        ),
        (
            "POST",
            "/api/texts",
            json!({ "from": "+4512345678", "to": "+15005550006", "text": long }),
            400,
        ),
        (
            "POST",
            "/api/texts",
            json!({ "from": "+4512345678", "to": "+15005550006", "text": "\u{0}" }),
            400,
        ),
        (
            "POST",
            "/api/texts",
            json!({ "from": "+4512345678", "to": "+15005550006", "media": ["javascript:alert(1)"] }),
            400,
        ),
        (
            "POST",
            "/api/texts",
            json!({ "from": "+4512345678", "to": "+15005550006", "text": "x", "other": 1 }),
            400,
        ),
        ("POST", "/api/texts", json!([]), 400),
        (
            "POST",
            "/api/phones",
            json!({ "number": "+15005550010" }),
            409,
        ),
        (
            "POST",
            "/api/phones",
            json!({ "number": "+4512345678" }),
            409,
        ),
        (
            "PATCH",
            "/api/phones/%2B4512345678",
            json!({ "behaviour": "forwards" }),
            400,
        ),
        (
            "PATCH",
            "/api/phones/%2B4500000000",
            json!({ "name": "x" }),
            404,
        ),
        (
            "POST",
            "/api/calls",
            json!({ "from": "+4512345678", "to": "1" }),
            400,
        ),
        ("POST", "/api/calls/CA1/keys", json!({ "digits": "1" }), 409),
        (
            "POST",
            "/api/calls/CA1/keys",
            json!({ "digits": "one" }),
            400,
        ),
        ("POST", "/api/calls/CA1/dance", json!({}), 404),
        (
            "POST",
            "/api/mails",
            json!({ "to": "x@evil.example", "subject": "x" }),
            400,
        ),
        ("POST", "/api/auth0/users/nobody/forgot", json!({}), 404),
        (
            "POST",
            "/api/auth0/callers",
            json!({ "account": "x", "pin": "1", "name": "x" }),
            400,
        ),
        (
            "PATCH",
            "/api/okta/users/nobody",
            json!({ "mobile": null }),
            404,
        ),
        ("POST", "/api/schedules/sms-gateway", json!({}), 404),
        ("PUT", "/api/faults/Twilio/nonsense", json!({}), 404),
        ("PUT", "/api/faults/Nobody/down", json!({}), 404),
        ("PUT", "/api/faults/Twilio/refuse_21610", json!({}), 400),
        ("PUT", "/api/faults/Twilio/slow", json!({ "left": 0 }), 400),
        ("POST", "/api/wire/1/replay", json!({ "as": "worse" }), 400),
        (
            "POST",
            "/api/wire/999999/replay",
            json!({ "as": "same" }),
            404,
        ),
        ("POST", "/api/scenes/nothing", json!({}), 404),
    ] {
        let (came, answer) = stage.ask(method, path, Some(body.clone())).await;
        assert_eq!(came, status, "{method} {path} {body}: {answer}");
        assert!(answer["error"].as_str().unwrap().ends_with('.'), "{answer}");
    }
    let large = json!({ "name": "x".repeat(70_000) });
    assert_eq!(stage.ask("POST", "/api/phones", Some(large)).await.0, 413);
    assert_eq!(stage.ask("POST", "/api/phones", None).await.0, 400);
    for path in [
        "/api/mails/m1",
        "/api/wire/x",
        "/api/calls/CA1",
        "/nothing.js",
    ] {
        assert!(
            [400, 404].contains(&stage.ask("GET", path, None).await.0),
            "{path}"
        );
    }
    stage.close().await;
}
