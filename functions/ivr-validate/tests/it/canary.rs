//! What callers key, and what is known of them, is written nowhere; the scene looks through the log when it ends.

use sandbox::wire::Server;
use serde_json::json;

use crate::scene::{ACCOUNT, CALLER, NAME, OTHER_CALLER, Scene, TOKEN, at_once, says};

const LONG_PIN: &str = "27182818";
const LONG_WRONG_PIN: &str = "31415926";

fn targets(server: &Server) -> String {
    server
        .exchanges()
        .into_iter()
        .map(|exchange| exchange.target)
        .collect()
}

async fn scene() -> Scene {
    let scene = Scene::with(2, &[("PIN_LENGTH", Some("8"))]).await;
    for marker in [LONG_PIN, LONG_WRONG_PIN, "1234.50 EUR"] {
        scene.mark(marker);
    }
    scene.sandbox.auth0.set_password(&scene.holder(), LONG_PIN);
    scene
}

#[tokio::test]
async fn pins_are_written_nowhere() {
    let scene = scene().await;
    assert_eq!(
        scene.validate_for(CALLER, ACCOUNT, LONG_PIN).await.body,
        NAME
    );
    assert_eq!(scene.validate(ACCOUNT, LONG_WRONG_PIN).await.body, "error");
    let keys = [
        ACCOUNT,
        LONG_WRONG_PIN,
        ACCOUNT,
        "271828#",
        LONG_PIN,
        "1",
        "5",
        "",
        "9",
    ];
    let call = scene.call(OTHER_CALLER, &keys).await;
    assert!(
        call.heard
            .iter()
            .any(|words| words.starts_with("Welcome Annabeth.")),
        "{call:#?}"
    );
    let items = serde_json::to_string(&scene.sandbox.aws.items().await).unwrap();
    for marker in [
        LONG_PIN,
        LONG_WRONG_PIN,
        NAME,
        &CALLER[1..],
        &OTHER_CALLER[1..],
        "acme.example\"",
    ] {
        assert!(!items.contains(marker), "{marker} in {items}");
    }
    let servers = [
        scene.sandbox.auth0.server(),
        &scene.api,
        scene.sandbox.aws.dynamodb(),
        scene.sandbox.aws.secrets(),
    ];
    let seen: String = servers.map(targets).concat();
    assert!(
        ![LONG_PIN, LONG_WRONG_PIN]
            .iter()
            .any(|pin| seen.contains(pin)),
        "{seen}"
    );
    for document in &call.documents {
        assert!(
            ![LONG_PIN, LONG_WRONG_PIN, ACCOUNT]
                .iter()
                .any(|keys| document.contains(keys)),
            "{document}"
        );
    }
}

/// A recording would hold the tones of a PIN.
#[tokio::test]
async fn no_document_of_a_call_records_it_or_fetches_anything() {
    let scene = scene().await;
    let keys = [ACCOUNT, LONG_WRONG_PIN, ACCOUNT, LONG_PIN, "1", "9"];
    let call = scene.call(OTHER_CALLER, &keys).await;
    assert!(call.documents.len() > keys.len() / 2, "{call:#?}");
    for document in &call.documents {
        let document = document.to_lowercase();
        for verb in [
            "record",
            "transcri",
            "<start",
            "<stream",
            "<siprec",
            "<play",
            "<redirect",
        ] {
            assert!(!document.contains(verb), "{verb} in {document}");
        }
    }
}

/// What others say about an error is not repeated.
#[tokio::test]
async fn upstreams_that_quote_are_not_quoted() {
    at_once([200, 400, 401, 403, 404, 429, 500].map(async |code| {
        let scene = scene().await;
        assert_eq!(scene.validate(ACCOUNT, LONG_PIN).await.body, NAME);
        let all = format!("{LONG_PIN} {ACCOUNT} {CALLER} {NAME} {TOKEN}");
        let body = json!({
            "errorCode": all, "error": all, "error_description": all, "code": all, "message": all, "balance": { "amount": all },
        });
        let fault = says(code, &body.to_string());
        scene.api.faults().next(fault.clone());
        scene.call(CALLER, &[ACCOUNT, LONG_PIN, "1", "9"]).await;
        for place in ["GET /api/v2/users", "POST /oauth/token"] {
            scene.auth0().next_for(place, fault.clone());
            scene.validate(ACCOUNT, LONG_PIN).await;
            assert_eq!(scene.auth0().pending(), 0);
        }
        let aws = json!({ "__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException", "message": all });
        scene.dynamodb().always(Some(says(code.max(400), &aws.to_string())));
        scene.call(CALLER, &[ACCOUNT]).await;
        scene.validate(ACCOUNT, LONG_PIN).await;
    }))
    .await;
}
