//! Tags in addresses, which only the application can make.

use sandbox::{RECIPIENT_KEY, RECIPIENT_SECRET, Sandbox, mail::Mail, wire::Fault};
use serde_json::{Value, json};

use crate::scene::{Override, PHONE, Scene, UNASKED};

const TAGGED: Override<'_> = ("RECIPIENT_KEY_SECRET", Some(RECIPIENT_SECRET));
/// Those of [`PHONE`] and of +4587654321, by the sandbox's key.
const TAG: &str = "3d8mkh7t2b26mx1p";
const OTHERS_TAG: &str = "e51j0jc3w7y846z8";

/// A mail to an address without a user, as those have it who cannot give Auth0's keys.
fn mail_to(scene: &Scene, local: &str) -> Mail {
    Mail {
        recipient: format!("{local}@sms.example.com"),
        ..scene.mail()
    }
}

async fn refused(scene: &Scene, local: &str, outcome: &str) {
    assert_eq!(
        scene.post_mail(&mail_to(scene, local)).await.status,
        406,
        "{local}"
    );
    scene.logged(outcome).await;
    scene.untouched();
}

#[tokio::test]
async fn the_right_tag_lets_a_mail_pass() {
    let scene = Scene::with(&[TAGGED, UNASKED]).await;
    for local in [
        format!("acme+4512345678.{TAG}"),
        format!("ACME+4512345678.{}", TAG.to_uppercase()),
    ] {
        assert_eq!(
            scene.post_mail(&mail_to(&scene, &local)).await.status,
            200,
            "{local}"
        );
    }
    assert_eq!(
        (scene.sandbox.twilio.inbox(PHONE).len(), scene.texts()),
        (2, 2)
    );
    let waiting = scene.pending(PHONE).await;
    assert_eq!(
        (
            waiting.len(),
            waiting[0]["email"]["S"].as_str().map(str::to_lowercase)
        ),
        (1, Some(format!("acme+4512345678.{TAG}@sms.example.com")))
    );
}

#[tokio::test]
async fn a_wrong_tag_counts_against_no_limit_and_leaves_no_trace() {
    let scene = Scene::with(&[TAGGED, UNASKED, ("SMS_PER_NUMBER_PER_HOUR", Some("1"))]).await;
    for tag in [
        "",
        ".",
        ".0000000000000000",
        &format!(".{OTHERS_TAG}"),
        &format!(".{TAG}0"),
        &format!(".{}", &TAG[..15]),
        &format!(".{TAG}.{TAG}"),
    ] {
        refused(&scene, &format!("acme+4512345678{tag}"), "wrong_tag").await;
    }
    refused(&scene, &format!("acme+.{TAG}"), "no_phone").await;
    refused(&scene, &format!("acme+4512345678 .{TAG}"), "no_phone").await;
    assert_eq!(
        scene
            .post_mail(&mail_to(&scene, &format!("acme+4512345678.{TAG}")))
            .await
            .status,
        200
    );
    assert_eq!(scene.logged("wrong_tag").await["phone"], "+45••••5678");
}

#[tokio::test]
async fn every_vector_is_right_and_its_neighbours_are_not() {
    let file: Value = serde_json::from_str(include_str!("../vectors/recipient_tag.json")).unwrap();
    let sandbox = Sandbox::start().await;
    let scene = Scene::on(
        sandbox,
        1,
        &[TAGGED, UNASKED, ("ALLOWED_COUNTRIES", Some("DK,US,CO,FI"))],
    )
    .await;
    let cases: Vec<&Value> = file["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| case["recipient_key"] == RECIPIENT_KEY)
        .collect();
    for (at, case) in cases.iter().enumerate() {
        let (digits, tag) = (
            case["digits"].as_str().unwrap(),
            case["tag"].as_str().unwrap(),
        );
        let neighbour = cases[(at + 1) % cases.len()]["tag"].as_str().unwrap();
        for (tag, status) in [(neighbour, 406), (tag, 200)] {
            assert_eq!(
                scene
                    .post_mail(&mail_to(&scene, &format!("acme+{digits}.{tag}")))
                    .await
                    .status,
                status,
                "{case}"
            );
        }
    }
    assert_eq!(scene.texts(), 5);
}

#[tokio::test]
async fn without_the_setting_addresses_are_as_ever() {
    let scene = Scene::start().await;
    refused(&scene, &format!("acme+4512345678.{TAG}"), "no_phone").await;
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
}

#[tokio::test]
async fn the_key_before_is_accepted_while_it_is_rotated() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.set_secret(
        RECIPIENT_SECRET,
        &json!({ "recipient_key": "new", "previous_recipient_key": RECIPIENT_KEY }),
    );
    let scene = Scene::on(sandbox, 1, &[TAGGED, UNASKED]).await;
    assert_eq!(
        scene
            .post_mail(&mail_to(&scene, &format!("acme+4512345678.{TAG}")))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_new_key_is_fetched_once_and_wrong_tags_fetch_no_more() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.set_secret(
        RECIPIENT_SECRET,
        &json!({ "recipient_key": "the one before" }),
    );
    let scene = Scene::on(sandbox, 1, &[TAGGED, UNASKED]).await;
    let fetched = scene.fetched();
    scene
        .sandbox
        .aws
        .set_secret(RECIPIENT_SECRET, &json!({ "recipient_key": RECIPIENT_KEY }));
    assert_eq!(
        scene
            .post_mail(&mail_to(&scene, &format!("acme+4512345678.{TAG}")))
            .await
            .status,
        200
    );
    for _ in 0..5 {
        assert_eq!(
            scene
                .post_mail(&mail_to(&scene, &format!("acme+4512345678.{OTHERS_TAG}")))
                .await
                .status,
            406
        );
    }
    assert_eq!((scene.texts(), scene.fetched()), (1, fetched + 1));
}

#[tokio::test]
async fn without_the_secret_nothing_passes() {
    let sandbox = Sandbox::start().await;
    sandbox
        .aws
        .set_secret(RECIPIENT_SECRET, &json!({ "recipient_key": "" }));
    let scene = Scene::on(sandbox, 1, &[TAGGED, UNASKED]).await;
    let right = scene.fields(&mail_to(&scene, &format!("acme+4512345678.{TAG}")));
    assert_eq!(scene.post(&right).await.status, 503);
    assert!(
        scene.logged("secret_unavailable").await["error"]
            .as_str()
            .unwrap()
            .contains("secret recipient")
    );
    scene.sandbox.aws.remove_secret(RECIPIENT_SECRET);
    scene.restart().await;
    assert_eq!(scene.post(&right).await.status, 503);
    scene.secrets().next(Fault::Answer {
        status: 500,
        headers: vec![],
        body: String::new(),
    });
    assert_eq!(scene.post(&right).await.status, 503);
    scene.untouched();
    scene
        .sandbox
        .aws
        .set_secret(RECIPIENT_SECRET, &json!({ "recipient_key": RECIPIENT_KEY }));
    // A running process remembers for half a minute what the secret lacks.
    scene.restart().await;
    assert_eq!((scene.post(&right).await.status, scene.texts()), (200, 1));
}

#[tokio::test]
async fn a_pattern_may_say_where_the_tag_stands() {
    let pattern = r"(?P<tag>[0-9a-z]*)-(?P<phone>\d+)@sms\.example\.com";
    let overrides = [
        TAGGED,
        UNASKED,
        ("RECIPIENT_PATTERN", Some(pattern)),
        ("RECIPIENT_PREFIX", None),
        ("RECIPIENT_DOMAIN", None),
    ];
    let scene = Scene::with(&overrides).await;
    refused(&scene, &format!("{OTHERS_TAG}-4512345678"), "wrong_tag").await;
    refused(&scene, "-4512345678", "wrong_tag").await;
    assert_eq!(
        scene
            .post_mail(&mail_to(&scene, &format!("{TAG}-4512345678")))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn tag_and_user_may_both_be_asked_for() {
    let scene = Scene::with(&[TAGGED]).await;
    let right = mail_to(&scene, &format!("acme+4512345678.{TAG}"));
    assert_eq!(scene.post_mail(&right).await.status, 406);
    scene.logged("no_such_user").await;
    scene.sandbox.auth0.sign_up(&right.recipient);
    assert_eq!(
        (scene.post_mail(&right).await.status, scene.texts()),
        (200, 1)
    );
}
