//! What is not passed on: an empty document, a word in the log, and nobody gets a text.

use sandbox::Sandbox;
use serde_json::{Value, json};

use crate::scene::{COMPANY, EMPTY, MOBILE, STRANGER, Scene, forwarded, replaced};

/// In a sandbox whose Okta somebody prepared, a text to the company number is not passed on.
async fn not_passed_on(outcome: &str, prepare: impl FnOnce(&Sandbox)) -> Scene {
    let sandbox = Sandbox::start().await;
    prepare(&sandbox);
    if sandbox.okta.users().is_empty() {
        sandbox.okta.hire("Bob", "+4531415161", "+15005550077");
    }
    let scene = Scene::within(sandbox, 1, &[]).await;
    scene
        .ignored(&scene.inbound(STRANGER, "Hello"), outcome)
        .await;
    assert_eq!(scene.logged(outcome).await["Refused"], 1);
    assert!(scene.items("seen#").await.is_empty() && scene.items("thread#").await.is_empty());
    scene
}

#[tokio::test]
async fn numbers_of_nobody() {
    not_passed_on("unknown_number", |_| ()).await;
    for status in ["SUSPENDED", "DEPROVISIONED", "STAGED", "PROVISIONED"] {
        let suspended = |sandbox: &Sandbox| {
            sandbox
                .okta
                .set_status(&sandbox.okta.hire("Ann", MOBILE, COMPANY), status);
        };
        not_passed_on("user_not_active", suspended).await;
    }
}

#[tokio::test]
async fn a_number_of_two_is_nobody_s_and_somebody_is_told() {
    let scene = not_passed_on("ambiguous_number", |sandbox| {
        sandbox.okta.hire("Ann", MOBILE, COMPANY);
        sandbox.okta.hire("Bob", "+4531415161", COMPANY);
    })
    .await;
    scene
        .lambda
        .wait_log(|line| line.contains("several users") && line.contains("\"ERROR\""))
        .await;
}

/// Whoever may edit the own profile can write any number there. provision-numbers has noted for whom
/// it bought this one.
#[tokio::test]
async fn a_colleagues_company_number_in_a_profile_gets_no_texts_and_sends_none() {
    let sandbox = Sandbox::start().await;
    let eve = "+4531415161";
    let ann = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    sandbox.okta.hire("Eve", eve, COMPANY);
    let owner = json!({
        "pk": { "S": format!("number#{COMPANY}") }, "sk": { "S": "owner" }, "user": { "S": ann },
    });
    sandbox.aws.put(owner).await;
    let scene = Scene::within(sandbox, 1, &[]).await;
    // Nor does it silence the colleague. What Eve writes is a stranger's text.
    for from in [STRANGER, eve] {
        let text = format!("{STRANGER}: Hello");
        scene
            .text_leads_to(from, &text, &[&forwarded(from, &text)])
            .await;
    }
    assert!(scene.sandbox.twilio.texts(eve).is_empty());
    // While the number of somebody who has left is kept.
    scene.sandbox.okta.set_status(&ann, "DEPROVISIONED");
    scene.restart().await;
    for from in [STRANGER, eve] {
        let text = scene.inbound(from, &format!("{STRANGER}: Hello again"));
        scene.ignored(&text, "unknown_number").await;
    }
}

#[tokio::test]
async fn mobiles_that_are_none_or_not_to_be_texted() {
    for (mobile, outcome) in [
        ("", "no_mobile"),
        ("20 30 40 50", "no_mobile"),
        ("112", "no_mobile"),
        ("+4590123456", "country_not_allowed"),
        ("+447400123456", "country_not_allowed"),
        (COMPANY, "company_number"),
    ] {
        not_passed_on(outcome, |sandbox| {
            sandbox.okta.hire("Ann", mobile, COMPANY);
        })
        .await;
    }
}

#[tokio::test]
async fn without_a_list_only_costly_ranges_are_refused() {
    let sandbox = Sandbox::start().await;
    let ann = sandbox.okta.hire("Ann", "+447400123456", COMPANY);
    let scene = Scene::within(sandbox, 1, &[("ALLOWED_COUNTRIES", None)]).await;
    scene.mark("+447400123456");
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    scene
        .sandbox
        .okta
        .set_profile(&ann, "mobilePhone", "+19005550123".into());
    scene.restart().await;
    scene
        .ignored(&scene.inbound(STRANGER, "Hello"), "country_not_allowed")
        .await;
}

#[tokio::test]
async fn a_mobile_that_is_another_company_number_would_go_in_circles() {
    let sandbox = Sandbox::start().await;
    let bobs = "+15005550077";
    sandbox.okta.hire("Bob", "+4531415161", bobs);
    sandbox.okta.hire("Ann", bobs, COMPANY);
    let scene = Scene::within(sandbox, 1, &[]).await;
    scene.sandbox.twilio.set_sms_url(bobs, scene.lambda.url());
    let reply = scene.sandbox.twilio.text(STRANGER, bobs, "Hi Bob").await;
    assert_eq!(reply.messages, [forwarded(STRANGER, "Hi Bob")]);
    scene
        .ignored(&scene.inbound(STRANGER, "Hi Ann"), "company_number")
        .await;
}

#[tokio::test]
async fn ourselves_and_other_channels() {
    let scene = Scene::start().await;
    scene.asked();
    scene
        .ignored(&scene.inbound(COMPANY, "Hello"), "loop")
        .await;
    let params = scene.inbound("whatsapp:+4512345678", "Hello");
    scene.ignored(&params, "channel_not_served").await;
    scene
        .ignored(
            &replaced(&params, "To", "whatsapp:+15005550010"),
            "channel_not_served",
        )
        .await;
    for to in ["messenger:1", "12345", ""] {
        scene
            .ignored(
                &replaced(&scene.inbound(STRANGER, "Hello"), "To", to),
                "channel_not_served",
            )
            .await;
    }
    for from in [
        "",
        "messenger:1",
        "rcs:acme",
        "a name that no carrier allows",
    ] {
        scene
            .ignored(&scene.inbound(from, "Hello"), "channel_not_served")
            .await;
    }
    assert_eq!(scene.asked(), [0; 3]);
}

#[tokio::test]
async fn texts_that_opt_out_are_left_to_twilio() {
    let scene = Scene::start().await;
    scene.asked();
    for word in ["STOP", "stop ", "Unsubscribe", "END"] {
        let reply = scene.text(STRANGER, word).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, EMPTY), "{word}");
        scene
            .ignored(&scene.inbound(MOBILE, word), "opted_out")
            .await;
    }
    let taken = replaced(
        &scene.inbound("+4531415161", "No more please"),
        "OptOutType",
        "STOP",
    );
    scene.ignored(&taken, "opted_out").await;
    assert_eq!(scene.logged("opted_out").await["Refused"], Value::Null);
    assert_eq!(scene.asked(), [0; 3]);
    // A customer's "Yes" or "Help" is for the employee, whatever else Twilio does with it.
    for (kind, word) in [("START", "Yes"), ("HELP", "Help")] {
        let marked = replaced(&scene.inbound(STRANGER, word), "OptOutType", kind);
        let reply = scene
            .sandbox
            .twilio
            .deliver(marked, scene.lambda.url())
            .await;
        assert!(
            reply.body.contains(&forwarded(STRANGER, word)),
            "{kind}: {}",
            reply.body
        );
    }
    // Whoever has opted out may still write.
    scene
        .text_leads_to(
            STRANGER,
            "And another thing",
            &[&forwarded(STRANGER, "And another thing")],
        )
        .await;
    scene
        .text_leads_to(
            "+4531415161",
            "stop it",
            &[&forwarded("+4531415161", "stop it")],
        )
        .await;
}
