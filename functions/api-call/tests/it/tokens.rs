//! The access token over several processes: how often the tenant is asked for one.

use std::time::Duration;

use sandbox::Sandbox;
use sandbox::auth0::API_AUDIENCE;
use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{Answer, REFUSED, Scene, UNUSABLE};

const TOKEN: &str = "POST /oauth/token";

fn all(answers: &[Answer], expected: &Answer) {
    let other = answers.iter().find(|answer| *answer != expected);
    assert!(other.is_none(), "{other:?} among {}", answers.len());
}

/// The processes start while the calls come in, and the tenant takes its time.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_cold_callers_on_five_processes_ask_once() {
    let sandbox = Sandbox::start().await;
    sandbox
        .auth0
        .server()
        .faults()
        .next_for(TOKEN, Fault::Delay(Duration::from_millis(500)));
    let scene = Scene::on(sandbox, 5, &[]).await;
    all(&scene.ask_at_once(100).await, &Answer::account());
    assert_eq!(
        (
            scene.token_requests(),
            scene.api.tokens().len(),
            scene.api.calls()
        ),
        (1, 1, 100)
    );
    assert_eq!(scene.lambda.pids().len(), 5);
}

/// The tenant was not there when the processes started: the first callers are the ones who need it.
#[tokio::test(flavor = "multi_thread")]
async fn nor_do_they_when_the_token_was_not_to_be_had_ahead() {
    let sandbox = Sandbox::start().await;
    sandbox.auth0.server().faults().refuse(true);
    let scene = Scene::on(sandbox, 5, &[]).await;
    scene.lambda.wait_ready().await.unwrap();
    scene.auth0().refuse(false);
    scene
        .auth0()
        .next_for(TOKEN, Fault::Delay(Duration::from_millis(500)));
    all(&scene.ask_at_once(100).await, &Answer::account());
    assert_eq!((scene.token_requests(), scene.api.tokens().len()), (1, 1));
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_call_made_once_more() {
    let scene = Scene::start().await;
    for round in 1..=3 {
        assert_eq!(scene.ask().await, Answer::account());
        scene.sandbox.auth0.rotate_key(); // so that the next token is another
        scene.api.refuse_known_tokens();
        scene.api.server.clear_exchanges();
        assert_eq!(scene.ask().await, Answer::account(), "{round}");
        assert_eq!(
            (
                scene.api.calls(),
                scene.api.tokens().len(),
                scene.token_requests()
            ),
            (2, 2, round + 1)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_refusals_is_one_grant() {
    let scene = Scene::on(Sandbox::start().await, 3, &[]).await;
    scene.lambda.wait_ready().await.unwrap();
    assert_eq!(scene.ask().await, Answer::account());
    scene.sandbox.auth0.rotate_key();
    scene.api.refuse_known_tokens();
    scene
        .auth0()
        .next_for(TOKEN, Fault::Delay(Duration::from_millis(300)));
    all(&scene.ask_at_once(30).await, &Answer::account());
    assert_eq!((scene.token_requests(), scene.api.tokens().len()), (2, 2));
}

/// Then the fault is not the token's.
#[tokio::test(flavor = "multi_thread")]
async fn refused_for_ever_is_no_flood_for_the_tenant() {
    let scene = Scene::on(Sandbox::start().await, 3, &[]).await;
    scene.lambda.wait_ready().await.unwrap();
    scene.api.refuse_all(true);
    for _ in 0..3 {
        scene.sandbox.auth0.rotate_key();
        all(&scene.ask_at_once(30).await, &Answer::says(502, REFUSED));
    }
    assert_eq!(
        scene.token_requests(),
        2,
        "the one ahead, and one in its place"
    );
    assert!(scene.api.calls() <= 2 * 90, "{}", scene.api.calls());
    let logged = scene.logged("api_refuses").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("ERROR"), &json!(502))
    );
    scene.api.refuse_all(false);
    all(&scene.ask_at_once(30).await, &Answer::account());
    assert_eq!(scene.token_requests(), 2);
}

/// It died with the lease in its hands.
#[tokio::test(flavor = "multi_thread")]
async fn when_the_one_who_asks_is_killed_the_others_go_on() {
    let sandbox = Sandbox::start().await;
    sandbox.auth0.server().faults().next_for(TOKEN, Fault::Hang);
    let mut scene = Scene::on(sandbox, 1, &[]).await;
    scene.wait_token_requests(1).await;
    assert!(scene.token_items().await[0]["lease_owner"]["S"].is_string());
    let holder = scene.join(4).await;
    let killing = async {
        holder.kill(holder.pids()[0]).await;
        holder.wait_exits(1).await;
    };
    let (answers, ()) = tokio::join!(scene.ask_at_once(40), killing);
    all(&answers, &Answer::account());
    assert_eq!((scene.token_requests(), scene.api.tokens().len()), (2, 1));
}

/// As it was about to answer a flow.
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_call_it_costs_that_call_alone() {
    let sandbox = Sandbox::start().await;
    sandbox.auth0.server().faults().refuse(true);
    let mut scene = Scene::on(sandbox, 1, &[]).await;
    scene.lambda.wait_ready().await.unwrap();
    scene.auth0().refuse(false);
    scene.auth0().next_for(TOKEN, Fault::Hang);
    let mut lost = tokio::task::JoinSet::new();
    lost.spawn(
        scene
            .request(crate::scene::FORM, "account_number=1")
            .bearer_auth(sandbox::STUDIO_TOKEN)
            .send(),
    );
    scene.wait_token_requests(1).await;
    let holder = scene.join(3).await;
    let killing = async {
        holder.kill(holder.pids()[0]).await;
        holder.wait_exits(1).await;
    };
    let (answers, ()) = tokio::join!(scene.ask_at_once(30), killing);
    all(&answers, &Answer::account());
    assert_eq!(
        lost.join_all().await.remove(0).unwrap().status().as_u16(),
        502
    );
    assert_eq!((scene.token_requests(), scene.api.tokens().len()), (2, 1));
}

/// Its own lease keeps it from asking again at once, and the flow still gets its answer.
#[tokio::test]
async fn a_tenant_that_hung_once_is_asked_again() {
    let sandbox = Sandbox::start().await;
    sandbox.auth0.server().faults().next_for(TOKEN, Fault::Hang);
    let scene = Scene::on(sandbox, 1, &[]).await;
    assert_eq!(scene.ask().await, Answer::account());
    assert_eq!(scene.token_requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_wants_rest_gets_it() {
    let sandbox = Sandbox::start().await;
    let headers = vec![("retry-after".to_owned(), "60".to_owned())];
    let body =
        r#"{"error":"too_many_requests","error_description":"Global limit has been reached"}"#
            .to_owned();
    sandbox.auth0.server().faults().always(Some(Fault::Answer {
        status: 429,
        headers,
        body,
    }));
    let scene = Scene::on(sandbox, 3, &[]).await;
    all(&scene.ask_at_once(60).await, &Answer::says(502, UNUSABLE));
    assert_eq!((scene.token_requests(), scene.api.calls()), (1, 0));
    scene.auth0().clear();
    all(&scene.ask_at_once(10).await, &Answer::says(502, UNUSABLE));
    assert_eq!(scene.token_requests(), 1);
    let mut item = scene.token_items().await.remove(0);
    item.as_object_mut()
        .unwrap()
        .remove("failed_until")
        .unwrap(); // the minute is over
    scene.sandbox.aws.put(item).await;
    all(&scene.ask_at_once(60).await, &Answer::account());
    assert_eq!(scene.token_requests(), 2);
}

/// Nobody uses a token that was granted for the old secret, and the new one is fetched when the tenant refuses the old.
#[tokio::test]
async fn a_client_secret_that_is_replaced_is_fetched_once() {
    let scene = Scene::start().await;
    assert_eq!(scene.ask().await, Answer::account());
    scene.rotate_client_secret("a-new-client-secret");
    assert_eq!(
        scene.ask().await,
        Answer::account(),
        "the token is good until its end"
    );
    assert_eq!((scene.fetched("auth0"), scene.token_requests()), (1, 1));
    scene.sandbox.auth0.rotate_key();
    scene.api.refuse_known_tokens();
    assert_eq!(scene.ask().await, Answer::account());
    assert_eq!(
        (scene.fetched("auth0"), scene.token_requests()),
        (2, 3),
        "refused with the old secret, granted with the new"
    );
    assert_eq!(scene.token_items().await.len(), 2);
    scene.restart().await;
    assert_eq!(scene.ask().await, Answer::account());
    assert_eq!((scene.fetched("auth0"), scene.token_requests()), (3, 3));
}

#[tokio::test]
async fn a_tenant_that_refuses_the_application_is_an_error_in_words() {
    let sandbox = Sandbox::start().await;
    sandbox.auth0.set_client_grant(API_AUDIENCE, false);
    let scene = Scene::on(sandbox, 1, &[]).await;
    for _ in 0..3 {
        assert_eq!(scene.ask().await, Answer::says(502, REFUSED));
    }
    assert_eq!(scene.api.calls(), 0);
    scene.sandbox.auth0.set_client_grant(API_AUDIENCE, true);
    assert_eq!(scene.ask().await, Answer::account());
}

#[tokio::test]
async fn answers_of_the_tenant_that_are_no_token_are_none() {
    let sandbox = Sandbox::start().await;
    let odd = |body: serde_json::Value| Fault::Answer {
        status: 200,
        headers: vec![],
        body: body.to_string(),
    };
    let faults = [
        odd(json!({})),
        odd(json!([])),
        odd(json!({"access_token": null})),
        odd(json!({"access_token": "", "expires_in": 60})),
        odd(json!({"access_token": {"a": 1}, "expires_in": 60})),
        Fault::Garbage,
        Fault::Truncate,
        Fault::Oversize(5_000_000),
        Fault::ResetBefore,
        Fault::ResetAfter,
    ];
    sandbox
        .auth0
        .server()
        .faults()
        .always(Some(faults[0].clone()));
    let scene = Scene::on(sandbox, 1, &[]).await;
    scene.lambda.wait_ready().await.unwrap();
    for fault in faults {
        scene.auth0().always(Some(fault.clone()));
        assert_eq!(scene.ask().await, Answer::says(502, UNUSABLE), "{fault:?}");
    }
    assert_eq!(scene.api.calls(), 0);
    scene.auth0().clear();
    assert_eq!(scene.ask().await, Answer::account());
}
