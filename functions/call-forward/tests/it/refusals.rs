//! Calls that are not connected: nobody to call, or nobody who may be called.

use std::collections::HashSet;

use sandbox::twilio::Ended;
use sandbox::{COMPANY_NUMBER, Sandbox};
use serde_json::{Value, json};

use crate::scene::{
    CALLER, MOBILE, NAME, OTHER_CALLER, OTHER_COMPANY_NUMBER, OTHER_MOBILE, REGRET, Scene, and,
    connected, last_words, refused,
};

#[tokio::test]
async fn a_number_that_is_nobodys() {
    let scene = Scene::start().await;
    scene
        .sandbox
        .twilio
        .set_voice_url(OTHER_COMPANY_NUMBER, scene.lambda.url());
    let call = scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await;
    refused(&call, REGRET);
    assert_eq!(
        (call.ended, call.documents),
        (Ended::HungUpByUs, vec![last_words(REGRET)])
    );
    let line = scene.logged("unknown_number").await;
    assert_eq!(
        (&line["level"], &line["Refused"]),
        (&json!("INFO"), &json!(1))
    );
    assert_eq!(
        scene.line(OTHER_COMPANY_NUMBER).await.0,
        0,
        "refused calls do not count"
    );
    // Whoever gets the number is reached a minute later at most.
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    refused(
        &scene.call_to(OTHER_CALLER, OTHER_COMPANY_NUMBER).await,
        REGRET,
    );
    assert_eq!(scene.searches(), 1, "that it is nobody's is remembered");
    scene.restart().await;
    connected(
        &scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await,
        OTHER_MOBILE,
        CALLER,
    );
    let odd = and(&scene.inbound(CALLER), &[("To", "sip:hello@example.com")]);
    assert_eq!(scene.post(&odd, "").await, last_words(REGRET));
    assert_eq!(scene.post(&odd, "after").await, last_words(REGRET));
}

#[tokio::test]
async fn only_who_works_here_is_called() {
    let scene = Scene::start().await;
    let statuses = [
        "SUSPENDED",
        "DEPROVISIONED",
        "STAGED",
        "PROVISIONED",
        "NEWLY_INVENTED",
    ];
    for (n, status) in statuses.into_iter().enumerate() {
        let number = format!("+1500555{:04}", 1_000 + n);
        let id = scene.hire("Bob", MOBILE, &number);
        if status == "NEWLY_INVENTED" {
            let profile =
                json!({ "firstName": "Bob", "primaryPhone": number, "mobilePhone": MOBILE });
            let user = json!([{ "id": id, "status": status, "profile": profile }]);
            scene
                .okta()
                .next(crate::scene::says(200, &user.to_string()));
        } else {
            scene.sandbox.okta.set_status(&id, status);
        }
        refused(&scene.call_to(CALLER, &number).await, REGRET);
    }
    assert_eq!(scene.outcomes(), ["user_not_active"; 5]);
}

/// Whoever types wrong passwords into somebody's login must not cut the phone.
#[tokio::test]
async fn a_login_that_is_locked_does_not_cut_the_phone() {
    let scene = Scene::start().await;
    for (n, status) in ["LOCKED_OUT", "PASSWORD_EXPIRED", "RECOVERY"]
        .into_iter()
        .enumerate()
    {
        let number = format!("+1500555{:04}", 1_000 + n);
        let id = scene.hire("Bob", MOBILE, &number);
        scene.sandbox.okta.set_status(&id, status);
        connected(&scene.call_to(CALLER, &number).await, MOBILE, CALLER);
    }
}

/// Nobody can say who is meant; an operator is told.
#[tokio::test]
async fn a_number_that_two_have() {
    let scene = Scene::start().await;
    let first = scene.hire("Bob", MOBILE, OTHER_COMPANY_NUMBER);
    let second = scene.hire("Eve", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    refused(&scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await, REGRET);
    scene.logged("ambiguous_number").await;
    let told: Value = serde_json::from_str(
        &scene
            .lambda
            .wait_log(|line| line.contains("\"users\""))
            .await,
    )
    .unwrap();
    let users: HashSet<&str> = told["users"].as_str().unwrap().split(',').collect();
    assert_eq!(
        (&told["level"], users),
        (&json!("ERROR"), HashSet::from([first.as_str(), &second]))
    );
    // One who has left does not count.
    scene.sandbox.okta.set_status(&second, "DEPROVISIONED");
    scene.restart().await;
    connected(
        &scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await,
        MOBILE,
        CALLER,
    );
}

/// Whoever may edit the own profile can write any number there. provision-numbers has noted for whom
/// it bought this one.
#[tokio::test]
async fn a_colleagues_company_number_in_a_profile_gets_no_calls() {
    let scene = Scene::start().await;
    let ann = scene.hire("Bob", MOBILE, OTHER_COMPANY_NUMBER);
    let eve = scene.hire("Eve", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    let owner = json!({
        "pk": { "S": format!("number#{OTHER_COMPANY_NUMBER}") }, "sk": { "S": "owner" },
        "user": { "S": ann },
    });
    scene.sandbox.aws.put(owner).await;
    // Nor does it silence the colleague.
    connected(
        &scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await,
        MOBILE,
        CALLER,
    );
    let told = scene
        .lambda
        .wait_log(|line| line.contains("\"users\""))
        .await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["level"], &told["users"], &told["owner"]),
        (&json!("ERROR"), &json!(eve), &json!(ann))
    );
    // While the number of somebody who has left is kept.
    scene.sandbox.okta.set_status(&ann, "DEPROVISIONED");
    scene.restart().await;
    refused(
        &scene.call_to(OTHER_CALLER, OTHER_COMPANY_NUMBER).await,
        REGRET,
    );
    scene.logged("unknown_number").await;
}

#[tokio::test]
async fn phones_that_are_not_called() {
    let scene = Scene::with(&[("ALLOWED_COUNTRIES", Some("US,DK"))]).await;
    // Another company number: the directory has seen it.
    scene.hire("Other", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    connected(
        &scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await,
        OTHER_MOBILE,
        CALLER,
    );
    for (n, (mobile, outcome)) in [
        ("", "no_mobile"),
        ("20304050", "no_mobile"),
        ("(202) 555-0123", "no_mobile"),
        ("2025550123", "no_mobile"),
        ("0012025550123", "no_mobile"),
        ("112", "no_mobile"),
        ("911", "no_mobile"),
        ("+112", "no_mobile"),
        ("+1911", "no_mobile"),
        ("+12025550123,+12025550145", "no_mobile"),
        ("+12025550123;ext=5", "no_mobile"),
        ("\u{202e}+12025550123", "no_mobile"),
        ("</Dial><Dial>+19005550123", "no_mobile"),
        ("+19005550123", "country_not_allowed"),
        ("+4590123456", "country_not_allowed"),
        ("+881612345678", "country_not_allowed"),
        ("+18765550123", "country_not_allowed"),
        ("+447400123456", "country_not_allowed"),
        (OTHER_COMPANY_NUMBER, "company_number"),
        ("+15005551019", "company_number"),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("+1500555{:04}", 1_000 + n);
        scene.hire("Bob", mobile, &number);
        refused(&scene.call_to(CALLER, &number).await, REGRET);
        assert_eq!(
            scene.outcomes().last().map(String::as_str),
            Some(outcome),
            "{mobile}"
        );
        assert_eq!(scene.line(&number).await.0, 0);
    }
    scene.hire("Ib", "+4520304050", "+15005552000");
    connected(
        &scene.call_to(CALLER, "+15005552000").await,
        "+4520304050",
        CALLER,
    );
}

#[tokio::test]
async fn unless_told_otherwise_calls_stay_in_the_country() {
    let scene = Scene::with(&[("ALLOWED_COUNTRIES", None)]).await;
    scene.hire("Ib", "+4520304050", "+15005550021");
    refused(&scene.call_to(CALLER, "+15005550021").await, REGRET);
    scene.logged("country_not_allowed").await;
    scene.hire("Bo", "+4520304051", "+4531415161");
    connected(
        &scene.call_to(CALLER, "+4531415161").await,
        "+4520304051",
        CALLER,
    );
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
}

/// What another server takes for the same number is not.
#[tokio::test]
async fn a_user_with_another_number_is_not_who_was_called() {
    let scene = Scene::on(Sandbox::start().await, &[]).await;
    scene.hire(NAME, MOBILE, OTHER_COMPANY_NUMBER);
    let user = scene.sandbox.okta.users().remove(0);
    let body = json!([{ "id": user.id, "status": "ACTIVE", "profile": user.profile }]);
    scene
        .okta()
        .next(crate::scene::says(200, &body.to_string()));
    scene
        .sandbox
        .twilio
        .set_voice_url(COMPANY_NUMBER, scene.lambda.url());
    refused(&scene.call(CALLER).await, REGRET);
    scene.logged("unknown_number").await;
}
