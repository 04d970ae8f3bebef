//! What is ours to fail: callers hear words, never Twilio's "application error".

use sandbox::Sandbox;
use sandbox::twilio::Ended;
use sandbox::wire::{Fault, client};
use serde_json::json;

use crate::scene::{
    ACCOUNT, APOLOGY, CALLER, NAME, PIN, RETRIED, Scene, and, last_words, post_signed, status,
};

const STEPS: [(&str, &str); 4] = [
    ("voice", ""),
    ("voice/account", ACCOUNT),
    ("voice/pin", PIN),
    ("voice/menu", "1"),
];

#[tokio::test]
async fn without_the_table_callers_hear_an_apology() {
    let scene = Scene::start().await;
    for fault in [Some(status(500)), Some(Fault::Hang), None] {
        match &fault {
            Some(fault) => scene.dynamodb().always(Some(fault.clone())),
            None => scene.dynamodb().refuse(true),
        }
        let call = scene.call(CALLER, &[ACCOUNT, PIN]).await;
        assert_eq!(
            (&call.heard[..], call.ended),
            (&[APOLOGY.to_owned()][..], Ended::HungUpByUs),
            "{fault:?}"
        );
        scene.dynamodb().clear();
    }
    // At whichever step.
    let call = scene.inbound(CALLER);
    for (path, keys) in STEPS {
        scene.dynamodb().always(Some(status(500)));
        assert_eq!(
            scene.document(&call, path, keys).await,
            last_words(&[APOLOGY]),
            "{path}"
        );
        scene.dynamodb().clear();
        scene.document(&call, path, keys).await;
    }
    let logged = scene.logged("table_unavailable").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("ERROR"), &json!(200))
    );
    assert_eq!((scene.logins(), scene.asked()), (1, 1));
}

/// Whether a request is Twilio's cannot be known.
#[tokio::test]
async fn without_secrets_callers_hear_an_apology() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.secrets().faults().refuse(true);
    let scene = Scene::on(sandbox, 1, &[]).await;
    scene.hire(ACCOUNT, PIN, NAME);
    for (path, keys) in STEPS {
        assert_eq!(
            scene.document(&scene.inbound(CALLER), path, keys).await,
            last_words(&[APOLOGY]),
            "{path}"
        );
    }
    let answer = scene.validate(ACCOUNT, PIN).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, ""));
    scene.untouched();
    let logged = scene.logged("secret_unavailable").await;
    assert_eq!(logged["level"], "ERROR");
    scene.sandbox.aws.secrets().faults().refuse(false);
    assert_eq!(scene.validate(ACCOUNT, PIN).await.body, NAME);
    assert_eq!(
        scene
            .call(CALLER, &[ACCOUNT, PIN, "1", "9"])
            .await
            .heard
            .len(),
        5
    );
}

#[tokio::test]
async fn a_secret_that_lacks_something() {
    let scene = Scene::start().await;
    let refused = scene.validate(ACCOUNT, "0000").await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/twilio", &json!({ "auth_token": "" }));
    scene
        .sandbox
        .aws
        .set_secret("switchboard/auth0", &json!({ "client_id": "x" }));
    scene.restart().await;
    let call = scene.call(CALLER, &[ACCOUNT, PIN]).await;
    assert_eq!(call.heard, [APOLOGY]);
    let logged = scene.logged("secret_unavailable").await;
    assert!(
        logged["error"]
            .as_str()
            .unwrap()
            .contains("lacks account_sid, auth_token"),
        "{logged}"
    );
    assert_eq!(
        scene.validate(ACCOUNT, PIN).await,
        refused,
        "how users log in is part of the login"
    );
    scene.sandbox.aws.remove_secret("switchboard/ivr");
    scene.restart().await;
    assert_eq!(scene.validate(ACCOUNT, PIN).await.status, 503);
}

/// The next step is below the path at which Twilio reaches the function.
#[tokio::test]
async fn behind_a_prefix() {
    for (public_url, prefix) in [
        ("https://hooks.example.com/ivr", "/ivr/"),
        ("https://hooks.example.com/a/b/", "/a/b/"),
        ("https://hooks.example.com", "/"),
    ] {
        let scene = Scene::with(1, &[("PUBLIC_URL", Some(public_url))]).await;
        let call = scene.inbound(CALLER);
        let origin = "https://hooks.example.com";
        for (step, keys, next) in [
            ("voice", "", "account"),
            ("voice/account", ACCOUNT, "pin"),
            ("voice/pin", PIN, "menu"),
            ("voice/menu", "1", "menu"),
        ] {
            let params = and(&call, &[("Digits", keys)]);
            let signature = scene
                .sandbox
                .twilio
                .sign(&format!("{origin}{prefix}{step}"), &params);
            let url = format!("{}{step}", scene.lambda.url());
            let answer = post_signed(&url, &signature, &params).await;
            assert!(
                answer
                    .body
                    .contains(&format!("action=\"{prefix}voice/{next}{RETRIED}\"")),
                "{public_url} {step} {answer:?}"
            );
            let own = scene.sandbox.twilio.sign(&url, &params);
            assert_eq!(post_signed(&url, &own, &params).await.status, 403);
        }
        // Twilio follows the address with the number of the answer, and signs that, too.
        let call = scene.inbound(CALLER);
        let mut address = format!("{prefix}voice");
        for (keys, words) in [
            ("", "account number"),
            (ACCOUNT, "enter your PIN"),
            (PIN, "Welcome Annabeth."),
            ("1", "1234.50"),
        ] {
            let params = and(&call, &[("Digits", keys)]);
            let signature = scene
                .sandbox
                .twilio
                .sign(&format!("{origin}{address}"), &params);
            let url = format!(
                "{}{}",
                scene.lambda.url(),
                address.strip_prefix(prefix).unwrap()
            );
            let answer = client()
                .post(url)
                .header("x-twilio-signature", signature)
                .form(&params)
                .send()
                .await
                .unwrap();
            let answer = answer.text().await.unwrap();
            assert!(answer.contains(words), "{address} {answer}");
            address = answer
                .split_once("action=\"")
                .unwrap()
                .1
                .split_once('"')
                .unwrap()
                .0
                .to_owned();
            assert!(
                address.starts_with(prefix) && address.contains("?step="),
                "{address}"
            );
        }
    }
}
