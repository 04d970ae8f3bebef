//! Numbers, codes, tokens and secrets never come out again, whatever a provider says about them: every scene looks for them in
//! every answer and line, at the most talkative level; here the providers repeat all they were told.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sandbox::wire::Fault;
use sandbox::{clickatell, plivo, twilio, vonage};
use serde_json::{Value, json};

use crate::scene::{BEARER, JWT_SECRET, PHONE, PROVIDERS, Scene, says, token};

/// An answer of every provider's error shape, with all that must not be repeated.
fn quoting(status: u16, text: &str) -> Fault {
    let all = [
        text,
        PHONE,
        &PHONE[1..],
        twilio::API_KEY_SECRET,
        clickatell::API_KEY,
        plivo::AUTH_TOKEN,
        vonage::API_SECRET,
        &BASE64_STANDARD.encode(format!(
            "{}:{}",
            twilio::API_KEY_SID,
            twilio::API_KEY_SECRET
        )),
    ]
    .join(" ");
    let error = json!({ "code": all, "description": all });
    let message =
        json!({ "accepted": false, "to": all, "error": error, "status": all, "error-text": all });
    let body = json!({ "code": all, "message": all, "error": error, "api_id": all, "messages": [message], "more_info": all });
    let headers = vec![
        (
            "location".to_owned(),
            format!("https://evil.example/?{}", all.replace(' ', "%20")),
        ),
        ("retry-after".to_owned(), all),
    ];
    Fault::Answer {
        status,
        headers,
        body: body.to_string(),
    }
}

#[tokio::test]
async fn providers_that_quote_are_not_quoted() {
    for provider in PROVIDERS {
        let scene = Scene::through(provider).await;
        scene.mark(&BASE64_STANDARD.encode(format!(
            "{}:{}",
            twilio::API_KEY_SID,
            twilio::API_KEY_SECRET
        )));
        for (n, status) in [200, 202, 302, 400, 401, 402, 403, 404, 422, 429, 500, 503]
            .into_iter()
            .enumerate()
        {
            let (phone, text) = (
                format!("+45{}304050", n + 20),
                format!("Your verification code is: {:08}", 27_182_818 + n),
            );
            scene
                .faults(provider)
                .always(Some(quoting(status, &format!("{phone} {text}"))));
            let answer = scene.send(&phone, &text).await;
            assert!(
                [200, 502, 504].contains(&answer.status),
                "{provider} {status}: {answer:?}"
            );
            scene.faults(provider).clear();
        }
    }
}

#[tokio::test]
async fn aws_that_quotes_is_not_quoted() {
    let scene = Scene::through("twilio").await;
    let text = "Your verification code is: 27182818";
    for status in [400, 403, 500] {
        let body = json!({ "__type": "x#AccessDeniedException", "message": format!("{PHONE} {text} {BEARER} {JWT_SECRET}") })
            .to_string();
        scene.dynamodb().always(Some(says(status, body.clone())));
        scene.secrets().always(Some(says(status, body)));
        assert_eq!(scene.send(PHONE, text).await.status, 503);
        assert!(
            [401, 503].contains(
                &scene
                    .post_as(Some("Bearer not-the-right-token"), &Value::Null)
                    .await
                    .status
            )
        );
    }
    scene.dynamodb().clear();
    scene.secrets().clear();
}

#[tokio::test]
async fn requests_that_are_none_are_not_quoted() {
    let scene = Scene::through("twilio").await;
    let token = token(&json!({ "name": "zebrafinch" }));
    scene.mark("zebrafinch");
    for (path, kind, authorization) in [
        ("zebrafinch", "application/json", format!("Bearer {token}")),
        (
            "?token=zebrafinch",
            "application/json",
            format!("Bearer {token}"),
        ),
        ("", "zebrafinch/zebrafinch", format!("Bearer {token}")),
        ("", "application/json", "Bearer zebrafinch".to_owned()),
        ("", "application/json", "zebrafinch".to_owned()),
    ] {
        let headers = [
            ("content-type", kind),
            ("authorization", &authorization),
            ("x-zebrafinch", "zebrafinch"),
        ];
        let answer = scene
            .request(
                "POST",
                path,
                &headers,
                json!({ "recipient": "zebrafinch", "body": "zebrafinch" }).to_string(),
            )
            .await;
        assert!([400, 401, 404, 415].contains(&answer.status), "{answer:?}");
    }
}
