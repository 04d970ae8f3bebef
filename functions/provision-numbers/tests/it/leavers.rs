//! Numbers of people who left: to whom they may still belong, and how many a run looks into.

use std::time::Duration;

use sandbox::wire::{Exchange, Fault};
use serde_json::json;

use crate::scene::{CLEAN_MOBILE, Scene, answer, days_ago, queue, wait_until};

const DAY: [(&str, Option<&str>); 1] = [("RELEASE_AFTER_DAYS", Some("1"))];

#[tokio::test]
async fn a_number_that_a_colleague_has_is_kept() {
    let scene = Scene::with(&DAY).await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let gone = okta.hire("Ann", CLEAN_MOBILE, "");
    scene.run().await;
    let number = scene.profile(&gone, "primaryPhone");
    let heir = okta.hire("Bob", "+13025550101", &number);
    okta.set_status(&gone, "DEPROVISIONED");
    okta.set_status_changed(&gone, days_ago(2));
    okta.server()
        .faults()
        .next_for("primaryPhone+eq", answer(500, ""));
    let report = scene.run().await;
    assert_eq!(
        (
            okta.server().faults().pending(),
            &report["failed"][0]["step"]
        ),
        (0, &json!("release")),
        "{report}"
    );
    // Whoever has it and may come back is somebody, too.
    for status in ["ACTIVE", "SUSPENDED"] {
        okta.set_status(&heir, status);
        let report = scene.run().await;
        let kept = json!({ "user": gone, "reason": "number_in_use_by_another" });
        assert!(
            report["skipped"].as_array().unwrap().contains(&kept),
            "{report}"
        );
        assert_eq!(
            (twilio.releases(), scene.numbers_of(&gone).len()),
            (0, 1),
            "{report}"
        );
    }
    okta.set_status(&heir, "DEPROVISIONED");
    assert_eq!(
        scene.run().await["released"],
        json!([{ "user": gone, "number": number }])
    );
    assert_eq!(twilio.releases(), 1);
}

/// After the run has read that the user is gone: a run may wait for Okta's limit.
#[tokio::test]
async fn whoever_comes_back_while_a_release_is_prepared_keeps_the_number() {
    let scene = Scene::with(&DAY).await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let id = okta.hire("Ann", CLEAN_MOBILE, "");
    scene.run().await;
    let number = scene.profile(&id, "primaryPhone");
    okta.set_status(&id, "DEPROVISIONED");
    okta.set_status_changed(&id, days_ago(2));
    okta.server().clear_exchanges();
    let slowly = Fault::Trickle(Duration::from_millis(1));
    okta.server().faults().next_for("primaryPhone+eq", slowly);
    let back = async {
        let is_searched = |exchange: &Exchange| {
            exchange.target.contains("primaryPhone+eq") && exchange.took > Duration::ZERO
        };
        wait_until(|| okta.server().exchanges().iter().any(is_searched)).await;
        okta.set_status(&id, "ACTIVE");
    };
    let (report, ()) = tokio::join!(scene.run(), back);
    assert_eq!(
        (&report["released"], twilio.releases()),
        (&json!([]), 0),
        "{report}"
    );
    assert_eq!(scene.numbers_of(&id)[0].number, number);
    let report = scene.run().await;
    assert_eq!(
        (&report["failed"], scene.stage(&id).await.as_deref()),
        (&json!([]), Some("recorded")),
        "{report}"
    );
}

/// The number's name says whose it is, and the forwarders learn it from the record.
#[tokio::test]
async fn a_number_that_gets_another_users_name_is_handed_over() {
    let scene = Scene::with(&DAY).await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let gone = okta.hire("Ann", CLEAN_MOBILE, "");
    scene.run().await;
    let number = scene.profile(&gone, "primaryPhone");
    okta.set_status(&gone, "DEPROVISIONED");
    okta.set_status_changed(&gone, days_ago(2));
    let heir = okta.hire("Bob", "+13025550101", "");
    twilio.own(&number, &[("FriendlyName", &format!("switchboard:{heir}"))]);
    let report = scene.run().await;
    assert_eq!(
        (scene.profile(&heir, "primaryPhone"), twilio.releases()),
        (number.clone(), 0),
        "{report}"
    );
    let owner = scene.items(&format!("number#{number}")).await;
    assert_eq!(owner[0]["user"]["S"], json!(heir));
    assert_eq!(twilio.purchases(), 1);
}

/// Somebody has entered it in Okta, too. Okta's hook tells of the changed profile.
#[tokio::test]
async fn a_number_that_was_handed_over_in_both_places_belongs_to_the_heir() {
    let scene = Scene::with(&DAY).await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let gone = okta.hire("Ann", CLEAN_MOBILE, "");
    scene.run().await;
    let number = scene.profile(&gone, "primaryPhone");
    okta.set_status(&gone, "DEPROVISIONED");
    okta.set_status_changed(&gone, days_ago(2));
    let heir = okta.hire("Bob", "+13025550101", &number);
    twilio.own(&number, &[("FriendlyName", &format!("switchboard:{heir}"))]);
    queue(&scene, std::slice::from_ref(&heir)).await;
    let report = scene.run().await;
    let owner = scene.items(&format!("number#{number}")).await;
    assert_eq!(owner[0]["user"]["S"], json!(heir), "{report}");
    assert_eq!((twilio.purchases(), twilio.releases()), (1, 0));
}

/// Okta keeps the number that was released. It is no number that a person has set.
#[tokio::test]
async fn who_comes_back_gets_a_number_also_if_a_run_ends_before_it_is_recorded() {
    for (part, fault) in [
        ("POST /2010-04-01/", Fault::ResetBefore),
        ("POST /api/v1/users/", Fault::ResetBefore),
    ] {
        let scene = Scene::with(&DAY).await;
        let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
        let id = okta.hire("Ann", CLEAN_MOBILE, "");
        scene.run().await;
        let released = scene.profile(&id, "primaryPhone");
        okta.set_status(&id, "DEPROVISIONED");
        okta.set_status_changed(&id, days_ago(2));
        scene.run().await;
        assert_eq!(twilio.releases(), 1);
        twilio.sell_out(&released);
        okta.set_status(&id, "ACTIVE");
        let server = match part {
            "POST /2010-04-01/" => twilio.server(),
            _ => okta.server(),
        };
        server.faults().next_for(part, fault);
        let report = scene.run().await;
        assert_eq!(report["failed"][0]["user"], json!(id), "{report}");
        scene.run().await;
        let owned = scene.numbers_of(&id);
        assert_eq!(owned.len(), 1, "{part}");
        assert_eq!(
            scene.profile(&id, "primaryPhone"),
            owned[0].number,
            "{part}"
        );
        assert_ne!(owned[0].number, released);
    }
}

/// Twice as many departed as a run looks into.
#[tokio::test]
async fn departed_users_are_looked_into_some_in_each_run() {
    let scene = Scene::with(&DAY).await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let urls = ["call-forward", "sms-forward"]
        .map(|name| format!("{}/#rc=3&rp=5xx,ct,rt", scene.sandbox.door(name).url()));
    let mut ids = okta.hire_many(70);
    for (n, id) in ids.iter().enumerate() {
        okta.set_status(id, "DEPROVISIONED");
        let name = format!("switchboard:{id}");
        twilio.own(
            &format!("+1415556{n:04}"),
            &[
                ("FriendlyName", &name),
                ("VoiceUrl", &urls[0]),
                ("SmsUrl", &urls[1]),
            ],
        );
    }
    ids.sort();
    let asked = async || {
        okta.server().clear_exchanges();
        let report = scene.run().await;
        assert_eq!(
            (&report["complete"], &report["released"]),
            (&json!(true), &json!([])),
            "{report}"
        );
        let targets = okta
            .server()
            .exchanges()
            .into_iter()
            .map(|exchange| exchange.target);
        targets
            .filter_map(|target| {
                Some(
                    target
                        .split('?')
                        .next()?
                        .strip_prefix("/api/v1/users/")?
                        .to_owned(),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(asked().await, ids[..50]);
    assert_eq!(asked().await, [&ids[50..], &ids[..30]].concat());
    for id in &ids {
        okta.set_status_changed(id, days_ago(1));
    }
    let mut released = vec![];
    for _ in 0..2 {
        released.push(scene.run().await["released"].as_array().unwrap().len());
    }
    assert_eq!((released, twilio.releases()), (vec![50, 20], 70));
}

/// The walk through all users was over: the next run begins it anew, whatever ended this one.
#[tokio::test]
async fn a_run_that_ends_among_the_departed_went_through_the_others() {
    let scene = Scene::with(&[DAY[0], ("MAX_PURCHASES_PER_RUN", Some("0"))]).await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    okta.set_page_size(2);
    okta.hire_many(4);
    twilio.own("+14155560000", &[("FriendlyName", "switchboard:00u1")]);
    okta.limit(1, Duration::from_mins(1));
    assert_eq!(scene.run().await["remaining"], 2);
    assert!(
        scene
            .items("number#run")
            .await
            .iter()
            .any(|item| item["next"]["S"].is_string())
    );
    scene.kill().await; // an instance that does not remember the limit
    okta.limit(1, Duration::from_mins(1));
    let report = scene.run().await;
    assert_eq!(
        (&report["remaining"], &report["complete"]),
        (&json!(2), &json!(false)),
        "{report}"
    );
    assert!(
        scene
            .items("number#run")
            .await
            .iter()
            .all(|item| item["next"].is_null())
    );
    scene.kill().await;
    okta.unlimit();
    assert_eq!(scene.run().await["remaining"], 4);
}

/// What call-forward knows company numbers by that nobody has called yet.
#[tokio::test]
async fn a_number_is_noted_as_the_companys_while_it_is() {
    let scene = Scene::with(&DAY).await;
    let okta = &scene.sandbox.okta;
    let id = okta.hire("Ann", CLEAN_MOBILE, "");
    scene.run().await;
    let number = scene.profile(&id, "primaryPhone");
    let owner = async || {
        scene
            .items(&format!("number#{number}"))
            .await
            .pop()
            .unwrap()
    };
    let expires = async || {
        owner().await["expires_at"]["N"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    assert_eq!(
        (&owner().await["sk"]["S"], &owner().await["user"]["S"]),
        (&json!("owner"), &json!(id))
    );
    assert!(expires().await > (sandbox::now() + Duration::from_hours(24 * 365)).as_secs());
    okta.set_status(&id, "DEPROVISIONED");
    okta.set_status_changed(&id, days_ago(1));
    assert_eq!(scene.run().await["released"][0]["user"], json!(id));
    assert!(owner().await["user"].is_null() && expires().await <= sandbox::now().as_secs());
}
