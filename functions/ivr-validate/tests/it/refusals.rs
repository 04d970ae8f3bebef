//! Every refusal is the same to whoever hears it; the log knows the difference.

use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{
    ACCOUNT, CALLER, GOODBYE, NAME, NOBODYS, PIN, REFUSED, REFUSED_ONCE, Scene, WRONG_PIN, at_once,
    last_words, lock, question, says, status,
};

/// Up to the PIN, by a caller of this call's own; answers the call.
async fn keyed(scene: &Scene, caller: &str, account: &str) -> crate::scene::Params {
    let call = scene.inbound(caller);
    scene.document(&call, "voice", "").await;
    scene.document(&call, "voice/account", account).await;
    call
}

#[tokio::test]
async fn whatever_is_wrong_sounds_the_same() {
    let scene = Scene::with(16, &[]).await;
    let auth0 = &scene.sandbox.auth0;
    let later = sandbox::now().as_secs() + 600;
    let accounts = [
        "2000000001",
        "2000000002",
        "2000000003",
        "2000000004",
        "2000000005",
        "2000000006",
    ];
    let holders = accounts.map(|account| scene.hire(account, PIN, NAME));
    auth0.block(&holders[0], true);
    auth0.require_mfa(&holders[1], true);
    auth0.leak_password(&holders[2], true);
    let twin = auth0.sign_up_caller(accounts[3], PIN, NAME, "twin@acme.example");
    scene.mark(&twin.email);
    scene
        .sandbox
        .aws
        .put(lock(accounts[4], "all", 8, later))
        .await;
    auth0.set_app_metadata(&holders[5], "account_number", json!(2_000_000_006_u64)); // a number is no text
    let cases = [
        (ACCOUNT, WRONG_PIN),
        (NOBODYS, PIN),
        (accounts[0], PIN),
        (accounts[1], PIN),
        (accounts[2], PIN),
        (accounts[3], PIN),
        (accounts[4], PIN),
        (accounts[5], PIN),
    ];
    let mut calls = Vec::new();
    for (n, (account, pin)) in cases.into_iter().enumerate() {
        let call = keyed(&scene, &format!("+1415555{:04}", 1_000 + n), account).await;
        calls.push(scene.step(&call, "voice/pin", pin));
    }
    let validated = at_once(cases.map(|(account, pin)| scene.validate(account, pin)));
    let (answers, documents) = tokio::join!(validated, at_once(calls));
    for (n, (answer, document)) in answers.iter().zip(&documents).enumerate() {
        assert_eq!(
            (answer, answer.body.as_str()),
            (&answers[0], "error"),
            "{n}"
        );
        assert_eq!(
            (document, &document.body),
            (&documents[0], &question(REFUSED_ONCE, "account", None)),
            "{n}"
        );
    }
    auth0.suspect_everybody(true);
    let call = keyed(&scene, CALLER, ACCOUNT).await;
    let suspected: [_; 2] = tokio::join!(
        scene.validate(ACCOUNT, PIN),
        scene.step(&call, "voice/pin", PIN)
    )
    .into();
    assert_eq!(suspected, [answers[0].clone(), documents[0].clone()]);
    let mut outcomes = scene.outcomes();
    outcomes.retain(|outcome| !outcome.starts_with("asked_"));
    outcomes.sort();
    let expected = [
        "ambiguous_account",
        "blocked",
        "locked",
        "mfa_required",
        "password_leaked",
        "too_many_attempts",
        "unknown_account",
        "unknown_account",
        "wrong_pin",
    ];
    assert_eq!(outcomes, expected.map(|outcome| [outcome; 2]).concat());
    let logged = scene.logged("mfa_required").await;
    assert_eq!(
        (&logged["level"], &logged["LoginFailed"]),
        (&json!("INFO"), &json!(1))
    );
    scene
        .lambda
        .wait_log(|line| line.contains("several users have the same account number"))
        .await;
}

/// At once, since refusals take their time.
#[tokio::test]
async fn refusals_are_the_same() {
    tokio::join!(
        a_table_that_fails_sounds_as_a_wrong_pin_to_other_ivrs(),
        calls_of_refused_pairs_are_the_same_to_their_end()
    );
}

/// Sets an upstream fault.
type Trouble = fn(&Scene);

/// All of it ours: the refusal of a wrong PIN, and the attempt was none, unless Auth0 may have judged the PIN. Twice each.
#[tokio::test]
async fn an_auth0_without_an_answer_sounds_the_same() {
    const SEARCH: &str = "GET /api/v2/users?";
    const LOGIN: &str = "POST /oauth/token";
    fn often(scene: &Scene, part: &str, fault: &Fault) {
        (0..8).for_each(|_| scene.auth0().next_for(part, fault.clone()));
    }
    let not_judged: [Trouble; 13] = [
        |scene| scene.auth0().refuse(true),
        |scene| scene.auth0().always(Some(status(500))),
        |scene| scene.auth0().always(Some(status(302))),
        |scene| scene.auth0().always(Some(Fault::ResetBefore)),
        |scene| scene.auth0().always(Some(Fault::Truncate)),
        |scene| scene.auth0().always(Some(Fault::Garbage)),
        |scene| scene.auth0().always(Some(Fault::Hang)),
        |scene| scene.sandbox.auth0.slow_searches(2),
        |scene| scene.sandbox.auth0.rate_limit(2),
        |scene| scene.sandbox.auth0.rate_limit_tokens(2),
        |scene| often(scene, SEARCH, &Fault::Oversize(5_000_000)),
        |scene| {
            often(
                scene,
                SEARCH,
                &says(403, r#"{"errorCode":"insufficient_scope"}"#),
            );
        },
        |scene| {
            often(
                scene,
                LOGIN,
                &says(401, r#"{"error":"invalid_client","error_description":"x"}"#),
            );
        },
    ];
    let perhaps: [Trouble; 8] = [
        |scene| often(scene, LOGIN, &status(500)),
        |scene| often(scene, LOGIN, &says(503, "<html>")),
        |scene| often(scene, LOGIN, &Fault::Oversize(5_000_000)),
        |scene| often(scene, LOGIN, &Fault::Hang),
        |scene| often(scene, LOGIN, &Fault::ResetAfter),
        |scene| often(scene, LOGIN, &says(200, "{}")),
        |scene| {
            often(
                scene,
                LOGIN,
                &says(
                    403,
                    r#"{"error":"unheard_of","error_description":"2718 holder-of-1004200427"}"#,
                ),
            );
        },
        // A step has one time for all it waits for.
        |scene| {
            scene
                .dynamodb()
                .next(Fault::Delay(std::time::Duration::from_secs(2)));
            often(
                scene,
                SEARCH,
                &Fault::Delay(std::time::Duration::from_secs(3)),
            );
            often(scene, LOGIN, &Fault::Hang);
        },
    ];
    let troubles = not_judged
        .map(|trouble| (trouble, 0))
        .into_iter()
        .chain(perhaps.map(|trouble| (trouble, 2)));
    let refused = {
        let scene = Scene::start().await;
        scene.validate(ACCOUNT, WRONG_PIN).await
    };
    let scenes = troubles.enumerate().map(|(n, (trouble, counted))| {
        let refused = refused.clone();
        async move {
            let scene = Scene::start().await;
            assert_eq!(scene.validate(ACCOUNT, PIN).await.body, NAME);
            let call = keyed(&scene, CALLER, ACCOUNT).await;
            trouble(&scene);
            assert_eq!(scene.validate(ACCOUNT, PIN).await, refused, "{n}");
            assert_eq!(
                scene.document(&call, "voice/pin", PIN).await,
                question(REFUSED_ONCE, "account", None),
                "{n}"
            );
            assert_eq!(scene.wrong().await, counted, "{n}");
            scene.dynamodb().clear();
            scene.auth0().clear();
            let logged = scene.logged("login_unavailable").await;
            assert_eq!(
                (&logged["level"], &logged["status"], &logged["LoginFailed"]),
                (&json!("ERROR"), &json!(200), &json!(1))
            );
            // The call goes on where a wrong PIN would have led it.
            scene.document(&call, "voice/account", ACCOUNT).await;
            assert!(
                scene
                    .document(&call, "voice/pin", PIN)
                    .await
                    .contains("Welcome Annabeth."),
                "{n}"
            );
        }
    });
    at_once(scenes).await;
}

/// Between two steps nothing is known: that is said. Once a PIN is being tried, it sounds as any other refusal.
#[tokio::test]
async fn a_table_that_fails_while_a_pin_is_tried_sounds_the_same() {
    let scene = Scene::start().await;
    let call = keyed(&scene, CALLER, ACCOUNT).await;
    scene
        .dynamodb()
        .next(Fault::Delay(std::time::Duration::ZERO)); // the step's own write is let through
    scene.dynamodb().times(20, || status(500));
    assert_eq!(
        scene.document(&call, "voice/pin", PIN).await,
        last_words(&[REFUSED, GOODBYE])
    );
    scene.dynamodb().clear();
    let logged = scene.logged("table_unavailable").await;
    assert_eq!(
        (&logged["level"], &logged["status"], scene.logins()),
        (&json!("ERROR"), &json!(200), 0)
    );
}

async fn a_table_that_fails_sounds_as_a_wrong_pin_to_other_ivrs() {
    let refused = {
        let scene = Scene::start().await;
        scene.validate(ACCOUNT, WRONG_PIN).await
    };
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"2718"}"#;
    let faults = [
        status(500),
        says(400, throttled),
        says(200, "<html>"),
        Fault::Hang,
        Fault::ResetBefore,
    ];
    at_once(faults.map(|fault| {
        let refused = refused.clone();
        async move {
            let scene = Scene::start().await;
            scene.dynamodb().always(Some(fault.clone()));
            assert_eq!(scene.validate(ACCOUNT, PIN).await, refused, "{fault:?}");
            scene.dynamodb().clear();
            assert_eq!(
                (scene.logins(), scene.validate(ACCOUNT, PIN).await.body),
                (0, NAME.to_owned())
            );
        }
    }))
    .await;
}

/// Nobody learns from how a call goes on, either.
async fn calls_of_refused_pairs_are_the_same_to_their_end() {
    let scene = Scene::with(4, &[]).await;
    let blocked = scene.hire("2000000001", PIN, NAME);
    scene.sandbox.auth0.block(&blocked, true);
    let later = sandbox::now().as_secs() + 600;
    let locked = scene.hire("2000000002", PIN, NAME);
    scene
        .sandbox
        .aws
        .put(lock("2000000002", "all", 8, later))
        .await;
    let keys =
        |account: &'static str, pin: &'static str| [account, pin, account, pin, account, pin, "1"];
    let (wrong, unknown, blocked_call, locked_call) = tokio::join!(
        async { scene.call(CALLER, &keys(ACCOUNT, WRONG_PIN)).await },
        async { scene.call("+14155550133", &keys(NOBODYS, PIN)).await },
        async { scene.call("+14155550144", &keys("2000000001", PIN)).await },
        async { scene.call("+14155550155", &keys("2000000002", PIN)).await },
    );
    for call in [&unknown, &blocked_call, &locked_call] {
        assert_eq!(
            (&call.documents, &call.heard, call.requests),
            (&wrong.documents, &wrong.heard, wrong.requests)
        );
    }
    assert_eq!(
        wrong.documents.last(),
        Some(&last_words(&[REFUSED, GOODBYE]))
    );
    assert_eq!(
        (scene.asked(), scene.sandbox.auth0.failed_logins(&locked)),
        (0, 0)
    );
    let items = scene.sandbox.aws.items().await;
    let over = items
        .iter()
        .filter(|item| item["step"]["S"] == "over")
        .collect::<Vec<&Value>>();
    assert!(
        over.len() == 4 && over.iter().all(|item| item.get("account").is_none()),
        "{over:?}"
    );
}
