//! What callers hear of the API's answers.

use axum::Router;
use sandbox::Sandbox;
use sandbox::auth0::{API_AUDIENCE, CLIENT_CREDENTIALS};
use sandbox::wire::{Fault, Server};
use serde_json::json;

use crate::scene::{
    ACCOUNT, BALANCE, CALLER, GOODBYE, NAME, OFFER, PIN, Scene, WELCOME, bearers, issued, says,
    status,
};

const NOTHING: &str = "There is nothing to tell about this.";
const NOT_NOW: &str = "We are sorry, this is not available right now.";

/// What is heard of the balance, offered again.
async fn balance(scene: &Scene) -> String {
    let call = scene.call(CALLER, &[ACCOUNT, PIN, "1", "9"]).await;
    assert_eq!(
        (
            call.heard[0].as_str(),
            call.heard.last().map(String::as_str)
        ),
        (WELCOME, Some(GOODBYE)),
        "{call:#?}"
    );
    call.heard[3]
        .strip_suffix(OFFER)
        .unwrap()
        .trim_end()
        .to_owned()
}

#[tokio::test]
async fn every_answer_of_the_api() {
    let scene = Scene::start().await;
    let faults = scene.api.faults();
    let quoted = format!(r#"{{"error":"{ACCOUNT} {PIN}"}}"#);
    for (fault, words) in [
        (status(404), NOTHING),
        (says(404, "<html>"), NOTHING),
        (says(200, "{}"), NOTHING),
        (says(200, "[]"), NOTHING),
        (says(200, "null"), NOTHING),
        (
            says(200, r#"{"balance":{"amount":{"x":1},"currency":"EUR"}}"#),
            NOTHING,
        ),
        (
            says(200, r#"{"balance":{"amount":null,"currency":"EUR"}}"#),
            NOTHING,
        ),
        (status(500), NOT_NOW),
        (says(503, &quoted), NOT_NOW),
        (says(400, &quoted), NOT_NOW),
        (says(403, &quoted), NOT_NOW),
        (status(429), NOT_NOW),
        (status(302), NOT_NOW),
        (says(200, "<html>"), NOT_NOW),
        (status(204), NOT_NOW),
        (Fault::Garbage, NOT_NOW),
        (Fault::Truncate, NOT_NOW),
        (Fault::Oversize(5_000_000), NOT_NOW),
        (Fault::ResetBefore, NOT_NOW),
        (Fault::ResetAfter, NOT_NOW),
        (Fault::Hang, NOT_NOW),
        (
            says(
                200,
                r#"{"balance":{"amount":-3.5,"currency":"</Say><Dial>+19005550123</Dial>"}}"#,
            ),
            "Your balance is -3.5 </Say><Dial>+19005550123</Dial>.",
        ),
        (
            says(
                200,
                r#"{"balance":{"amount":"{payments.0.amount}","currency":"\u0000\u0008&amp;"}}"#,
            ),
            "Your balance is {payments.0.amount} &amp;.",
        ),
    ] {
        faults.next(fault.clone());
        assert_eq!(balance(&scene).await, words, "{fault:?}");
        faults.clear();
    }
    faults.refuse(true);
    assert_eq!(balance(&scene).await, NOT_NOW);
    faults.refuse(false);
    assert_eq!(balance(&scene).await, BALANCE);
    let logged = scene.logged("api_unavailable").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("ERROR"), &json!(200))
    );
    assert_eq!(
        scene.sandbox.auth0.grants(CLIENT_CREDENTIALS, API_AUDIENCE),
        1
    );
}

#[tokio::test]
async fn a_long_answer_is_cut() {
    let scene = Scene::start().await;
    let long = json!({ "balance": { "amount": "1".repeat(50_000), "currency": "EUR" } });
    scene.api.faults().next(says(200, &long.to_string()));
    assert_eq!(
        balance(&scene).await,
        format!("Your balance is {}", "1".repeat(1_000 - 16))
    );
}

#[tokio::test]
async fn one_token_for_all_calls() {
    let scene = Scene::start().await;
    for _ in 0..2 {
        assert_eq!(balance(&scene).await, BALANCE);
        scene.restart().await;
    }
    let bearers = bearers(&scene.api);
    assert_eq!(
        (bearers.len(), &bearers[0]),
        (2, &bearers[1]),
        "another process finds it in the table"
    );
    assert!(issued(&scene).contains(&bearers[0]));
    assert_eq!(
        scene.sandbox.auth0.grants(CLIENT_CREDENTIALS, API_AUDIENCE),
        1
    );
    assert!(
        scene
            .api
            .exchanges()
            .iter()
            .all(|exchange| exchange.target == format!("/accounts/{ACCOUNT}"))
    );
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let scene = Scene::start().await;
    let grants = || scene.sandbox.auth0.grants(CLIENT_CREDENTIALS, API_AUDIENCE);
    scene.api.faults().next(status(401));
    assert_eq!(balance(&scene).await, BALANCE);
    let shown = bearers(&scene.api);
    assert!(
        shown.len() == 2
            && shown[0] != shown[1]
            && shown.iter().all(|token| issued(&scene).contains(token))
    );
    assert_eq!(grants(), 2);
    scene.api.faults().always(Some(status(401)));
    for _ in 0..3 {
        assert_eq!(balance(&scene).await, NOT_NOW);
    }
    assert_eq!(grants(), 3, "the fault is not the token's");
}

/// No caller waits for what can be had before.
#[tokio::test]
async fn the_apis_token_and_connection_are_had_ahead() {
    let api = Server::start("API", Router::new()).await.unwrap();
    let url = format!("{}/v1", api.url());
    let scene = Scene::with(1, &[("API_URL", Some(&url))]).await;
    assert_eq!(
        scene.sandbox.auth0.grants(CLIENT_CREDENTIALS, API_AUDIENCE),
        1
    );
    let asked: Vec<_> = api
        .exchanges()
        .into_iter()
        .map(|exchange| (exchange.method, exchange.target))
        .collect();
    assert_eq!(asked, [("HEAD".to_owned(), "/v1/".to_owned())]);
    assert_eq!(
        bearers(&api),
        [""],
        "whatever is there is shown no token yet"
    );
}

/// Whoever is logged in stays so: the menu says what it cannot tell.
#[tokio::test]
async fn without_a_token_nothing_is_told() {
    let sandbox = Sandbox::start().await;
    sandbox.auth0.set_client_grant(API_AUDIENCE, false);
    let scene = Scene::on(sandbox, 1, &[]).await;
    scene.hire(ACCOUNT, PIN, NAME);
    assert_eq!(
        (balance(&scene).await.as_str(), scene.asked()),
        (NOT_NOW, 0)
    );
    scene.sandbox.auth0.set_client_grant(API_AUDIENCE, true);
    assert_eq!(balance(&scene).await, BALANCE);
}

#[tokio::test]
async fn a_menu_of_ones_own() {
    let menu = json!([
        { "digit": "0", "label": "your <number> & more", "path": "/accounts/{account}?fields=all", "say": "It is \"{account_number}\"." },
        { "digit": "5", "label": "nothing", "path": "/none/{account}", "say": "x" },
        { "digit": "8", "label": "the end", "exit": true },
    ]);
    let menu = menu.to_string();
    let scene = Scene::with(1, &[("IVR_MENU", Some(&menu))]).await;
    let call = scene
        .call(CALLER, &[ACCOUNT, PIN, "0", "5", "1", "8"])
        .await;
    let offer = "Press 0 for your <number> & more. Press 5 for nothing. Press 8 for the end.";
    let heard = [
        format!("Welcome Annabeth. {offer}"),
        format!("It is \"{ACCOUNT}\". {offer}"),
        format!("{NOTHING} {offer}"),
        format!("We did not get that. {offer}"),
        GOODBYE.to_owned(),
    ];
    assert_eq!(call.heard[2..], heard);
    let targets: Vec<_> = scene
        .api
        .exchanges()
        .into_iter()
        .map(|exchange| exchange.target)
        .collect();
    assert_eq!(
        targets,
        [
            format!("/accounts/{ACCOUNT}?fields=all"),
            format!("/none/{ACCOUNT}")
        ]
    );
}
