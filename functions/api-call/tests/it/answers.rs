//! What the API says, and what a flow gets of it.

use std::time::Duration;

use sandbox::wire::{Fault, Server};
use serde_json::json;

use crate::scene::{
    ACCOUNT, Answer, FORM, JSON, LATE, NOT_FOUND, NUMBER, REFUSED, Scene, UNUSABLE, says,
};

/// The most that a flow takes.
const LIMIT: usize = 64 * 1024;

#[tokio::test]
async fn a_form_or_json_brings_the_apis_json() {
    let scene = Scene::start().await;
    for (content_type, body) in [
        (FORM, format!("account_number={NUMBER}")),
        (FORM, format!("name=x&account_number=%20{NUMBER}+&empty=")),
        (
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
            format!("account_number={NUMBER}"),
        ),
        (JSON, format!(r#"{{"account_number":"{NUMBER}"}}"#)),
        (JSON, format!(r#"{{"account_number": {NUMBER}}}"#)),
        (
            JSON,
            format!(r#" {{"account_number":"{NUMBER}","flow":{{"a":[1]}},"b":null,"c":true}} "#),
        ),
        (
            "application/json; charset=utf-8",
            format!(r#"{{"account_number":"{NUMBER}"}}"#),
        ),
    ] {
        assert_eq!(
            scene.post(content_type, body.clone()).await,
            Answer::account(),
            "{body}"
        );
    }
    assert_eq!(scene.api.targets(), vec![format!("/accounts/{NUMBER}"); 7]);
    let exchange = scene.api.server.exchanges().remove(0);
    assert_eq!(exchange.method, "GET");
    assert!(
        exchange
            .headers
            .contains(&("accept".to_owned(), JSON.to_owned())),
        "{exchange:?}"
    );
    assert_eq!((scene.api.tokens().len(), scene.token_requests()), (1, 1));
    let logged = scene.logged("found").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("INFO"), &json!(200))
    );
    assert!(logged["upstream_ms"].is_number(), "{logged}");
}

#[tokio::test]
async fn what_is_not_there_is_an_answer_too() {
    let scene = Scene::start().await;
    assert_eq!(
        scene.post(FORM, "account_number=1").await,
        Answer::says(200, NOT_FOUND)
    );
    for body in ["", "{}", "<html>nobody", r#"{"found":true}"#] {
        scene.api.server.faults().next(says(404, body));
        assert_eq!(scene.ask().await, Answer::says(200, NOT_FOUND), "{body}");
    }
    assert_eq!(scene.logged("not_found").await["level"], "INFO");
}

#[tokio::test]
async fn json_and_its_status_pass_and_nothing_else_does() {
    let scene = Scene::start().await;
    let full = format!("\"{}\"", "x".repeat(LIMIT - 2));
    for (status, body) in [
        (200, ACCOUNT),
        (201, "{}"),
        (202, "[]"),
        (203, "[1,\"é\",null]"),
        (200, "null"),
        (206, "0.10"),
        (200, r#"{"z":1e9,"a":12345678901234567890123}"#),
        (200, &full),
    ] {
        scene.api.server.faults().next(says(status, body));
        assert_eq!(scene.ask().await, Answer::says(status, body));
    }
    scene.api.server.clear_exchanges();
    let faults = [
        (says(200, ""), UNUSABLE),
        (says(204, ""), UNUSABLE),
        (says(200, "<html>Maintenance</html>"), UNUSABLE),
        (says(200, "{\"balance\":"), UNUSABLE),
        (says(200, "{} {}"), UNUSABLE),
        (says(200, &"[".repeat(50_000)), UNUSABLE),
        (says(200, &format!("{full} ")), UNUSABLE),
        (says(302, ACCOUNT), UNUSABLE),
        (says(304, ""), UNUSABLE),
        (says(400, ACCOUNT), UNUSABLE),
        (says(403, ACCOUNT), REFUSED),
        (says(429, "{}"), UNUSABLE),
        (says(500, ACCOUNT), UNUSABLE),
        (says(503, "<html>"), UNUSABLE),
        (Fault::Garbage, UNUSABLE),
        (Fault::Truncate, UNUSABLE),
        (Fault::Oversize(5_000_000), UNUSABLE),
        (Fault::ResetBefore, UNUSABLE),
        (Fault::ResetAfter, UNUSABLE),
    ];
    for (fault, body) in &faults {
        scene.api.server.faults().next(fault.clone());
        let shown = format!("{fault:?}").chars().take(100).collect::<String>();
        assert_eq!(scene.ask().await, Answer::says(502, body), "{shown}");
    }
    assert_eq!(
        (scene.api.calls(), scene.token_requests()),
        (faults.len(), 1),
        "each was called once, with the same token"
    );
    scene.api.server.faults().refuse(true);
    assert_eq!(scene.ask().await, Answer::says(502, UNUSABLE));
    let logged = scene.logged("api_unavailable").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("ERROR"), &json!(502))
    );
    assert!(
        logged["error"].as_str().unwrap().starts_with("API: "),
        "{logged}"
    );
    assert_eq!(scene.logged("api_refuses").await["status"], 502);
    scene.api.server.faults().clear();
    assert_eq!(scene.ask().await, Answer::account());
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_stays() {
    let scene = Scene::start().await;
    let other = Server::start("other", axum::Router::new().fallback(async || "{}"))
        .await
        .unwrap();
    for status in [301, 302, 303, 307, 308] {
        for location in [
            format!("{}/accounts", other.url()),
            format!("{}/elsewhere", scene.api.server.url()),
        ] {
            let headers = vec![("location".to_owned(), location)];
            scene.api.server.faults().next(Fault::Answer {
                status,
                headers,
                body: "{}".to_owned(),
            });
            assert_eq!(scene.ask().await, Answer::says(502, UNUSABLE), "{status}");
        }
    }
    assert_eq!((other.exchanges().len(), scene.api.calls()), (0, 10));
}

/// In words, before the flow gives up.
#[tokio::test]
async fn an_api_that_is_late_is_late() {
    let sandbox = sandbox::Sandbox::start().await;
    let scene = Scene::on(sandbox, 3, &[]).await;
    scene.lambda.wait_ready().await.unwrap();
    for fault in [
        Fault::Hang,
        Fault::Trickle(Duration::from_secs(1)),
        Fault::Delay(Duration::from_secs(20)),
    ] {
        scene.api.server.faults().next(fault);
    }
    let answers = scene.ask_at_once(3).await;
    assert!(
        answers
            .iter()
            .all(|answer| *answer == Answer::says(504, LATE)),
        "{answers:?}"
    );
    let logged = scene.logged("api_late").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("ERROR"), &json!(504))
    );
    assert_eq!(scene.ask().await, Answer::account());
}

/// Each of two calls within its own limit, and together beyond the flow's.
#[tokio::test]
async fn a_tenant_that_is_late_is_late_too() {
    let scene = Scene::start().await;
    assert_eq!(scene.ask().await, Answer::account());
    scene.sandbox.auth0.rotate_key();
    scene.api.refuse_known_tokens();
    scene.auth0().times(3, || Fault::Hang);
    let answer = scene.ask().await;
    assert!(
        [502, 504].contains(&answer.status) && answer.body.starts_with("{\"error\":"),
        "{answer:?}"
    );
}

/// What others say about an error is not repeated; the scene looks for it when it ends.
#[tokio::test]
async fn upstreams_that_quote_are_not_quoted() {
    let scene = Scene::start().await;
    assert_eq!(scene.ask().await, Answer::account());
    let token = scene.api.tokens().pop_first().unwrap();
    let all = format!(
        "{NUMBER} {token} {} {}",
        sandbox::STUDIO_TOKEN,
        sandbox::auth0::CLIENT_SECRET
    );
    let body = json!({"error": all, "error_description": all, "message": all}).to_string();
    let aws =
        json!({"__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException", "message": all})
            .to_string();
    for status in [400, 401, 403, 405, 429, 500] {
        for (faults, body) in [
            (scene.api.server.faults(), &body),
            (scene.auth0(), &body),
            (scene.dynamodb(), &aws),
        ] {
            faults.always(Some(says(status, body)));
        }
        let answer = scene.ask().await;
        let expected = if [401, 403].contains(&status) {
            [REFUSED, UNUSABLE]
        } else {
            [UNUSABLE; 2]
        };
        assert!(
            answer.status == 502 && expected.contains(&answer.body.as_str()),
            "{status} {answer:?}"
        );
        scene.restart().await;
        assert_eq!(scene.ask().await.status, 502, "{status}");
    }
}
