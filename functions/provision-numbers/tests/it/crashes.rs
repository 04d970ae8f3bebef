//! The process dies, or an answer is lost, at each of its requests: what is begun is finished, and nothing is bought twice.

use std::time::Duration;

use sandbox::wire::{Exchange, Fault, Server};
use serde_json::json;

use crate::scene::{CLEAN_MOBILE, MOBILE, Scene, answer, days_ago, did, wait_until};

fn server<'a>(scene: &'a Scene, which: &str) -> &'a Server {
    match which {
        "dynamodb" => scene.sandbox.aws.dynamodb(),
        "twilio" => scene.sandbox.twilio.server(),
        "okta" => scene.sandbox.okta.server(),
        other => panic!("no server {other}"),
    }
}

/// How many requests of each kind the run under test makes.
async fn requests() -> [(&'static str, usize); 3] {
    let scene = Scene::new().await;
    let before = ["dynamodb", "twilio", "okta"]
        .map(|which| (which, server(&scene, which).exchanges().len()));
    scene.sandbox.okta.hire("Ann", MOBILE, "");
    scene.sandbox.okta.hire("Bob", MOBILE, "");
    scene.run().await;
    before.map(|(which, before)| (which, server(&scene, which).exchanges().len() - before))
}

async fn broken_at(which: &'static str, request: usize, fault: Fault, kill: bool) {
    let scene = Scene::new().await;
    let ids = ["Ann", "Bob"].map(|name| scene.sandbox.okta.hire(name, MOBILE, ""));
    let server = server(&scene, which);
    let place = server.exchanges().len() + request;
    server
        .faults()
        .times(request, || Fault::Delay(Duration::ZERO));
    server.faults().next(fault.clone());
    let killing = async {
        if kill {
            wait_until(|| server.exchanges().len() > place).await;
            scene.kill().await;
            // What Twilio, Okta or the table do with it, they have done before the lease ends.
            if matches!(fault, Fault::Delay(_)) {
                wait_until(|| server.exchanges()[place].took > Duration::ZERO).await;
            }
        }
    };
    let (_report, ()) = tokio::join!(scene.try_run(), killing);
    // A run may need one request less, if a connection was opened ahead. The fault is for that run.
    server.faults().clear();
    scene.run_until_quiet().await;
    let what = format!("{which} {request} {fault:?} {kill}");
    for id in ids {
        let owned = scene.numbers_of(&id);
        assert_eq!(owned.len(), 1, "{what}");
        assert_eq!(
            scene.profile(&id, "primaryPhone"),
            owned[0].number,
            "{what}"
        );
        assert_eq!(scene.profile(&id, "mobilePhone"), CLEAN_MOBILE, "{what}");
        assert_eq!(
            scene.stage(&id).await.as_deref(),
            Some("recorded"),
            "{what}"
        );
    }
    assert_eq!(
        (
            scene.sandbox.twilio.purchases(),
            scene.sandbox.twilio.releases()
        ),
        (2, 0),
        "{what}"
    );
    assert!(scene.queue().await.is_empty(), "{what}");
}

async fn broken_anywhere(fault: Fault, kill: bool) {
    let mut running = tokio::task::JoinSet::new();
    for (which, requests) in requests().await {
        for request in 0..requests {
            if running.len() >= 8 {
                running.join_next().await.unwrap().unwrap();
            }
            running.spawn(broken_at(which, request, fault.clone(), kill));
        }
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn killed_before_any_request_is_executed() {
    broken_anywhere(Fault::Hang, true).await;
}

#[tokio::test]
async fn killed_after_any_request_is_executed() {
    broken_anywhere(Fault::Delay(Duration::from_millis(300)), true).await;
}

#[tokio::test]
async fn any_answer_is_lost() {
    broken_anywhere(Fault::ResetAfter, false).await;
}

#[tokio::test]
async fn any_request_fails() {
    broken_anywhere(
        Fault::Answer {
            status: 500,
            headers: vec![],
            body: String::new(),
        },
        false,
    )
    .await;
}

/// The one case in which neither the ledger nor Twilio's lists know of a purchase.
#[tokio::test]
async fn an_unanswered_purchase_that_no_list_shows_yet_is_waited_for() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    let id = scene.sandbox.okta.hire("Ann", CLEAN_MOBILE, "");
    twilio.lag(true);
    twilio.server().faults().next_for("POST", Fault::ResetAfter);
    let report = scene.run().await;
    assert_eq!(
        (&report["purchased"], &report["failed"][0]["step"]),
        (&json!([]), &json!("buy")),
        "{report}"
    );
    let report = scene.run().await;
    assert_eq!(
        report["failed"][0]["reason"], "it is not known yet whether the last purchase was made",
        "{report}"
    );
    twilio.lag(false);
    let report = scene.run().await;
    assert_eq!(
        report["purchased"],
        json!([{ "user": id, "number": scene.profile(&id, "primaryPhone") }]),
        "{report}"
    );
    assert_eq!((twilio.purchases(), did(&scene.run().await)), (1, 0));
}

/// When the ledger says that the purchase was planned.
async fn planned_at(scene: &Scene, id: &str) -> u64 {
    let planned = scene.journal(id, &[]).await;
    planned["planned_at"]["N"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

async fn plan_seems_older(scene: &Scene, id: &str, seconds: u64) -> u64 {
    let earlier = planned_at(scene, id).await - seconds;
    let change = ("planned_at", json!({ "N": earlier.to_string() }));
    scene.journal(id, &[change]).await;
    earlier
}

/// The first purchase was not made. The second may have been, long after it.
#[tokio::test]
async fn a_second_unanswered_purchase_is_waited_for_from_its_own_time_on() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    let id = scene.sandbox.okta.hire("Ann", CLEAN_MOBILE, "");
    twilio.lag(true);
    let faults = twilio.server().faults();
    faults.next_for("POST", Fault::ResetBefore);
    scene.run().await;
    plan_seems_older(&scene, &id, 600).await;
    faults.next_for("POST", Fault::ResetAfter);
    scene.run().await;
    assert_eq!(twilio.purchases(), 1);
    let at = plan_seems_older(&scene, &id, 100).await;
    let report = scene.run().await;
    assert_eq!(
        report["failed"][0]["reason"], "it is not known yet whether the last purchase was made",
        "{report}"
    );
    // Asking again does not make the wait longer.
    assert_eq!((twilio.purchases(), planned_at(&scene, &id).await), (1, at));
    twilio.lag(false);
    scene.run().await;
    assert_eq!(
        (scene.profile(&id, "primaryPhone"), twilio.purchases()),
        (scene.numbers_of(&id)[0].number.clone(), 1)
    );
}

/// The write of a killed run comes when the next run has bought another number, of which only the
/// ledger knows.
#[tokio::test]
async fn a_late_write_does_not_replace_what_a_later_run_has_written() {
    let scene = Scene::hurried(Duration::from_secs(3)).await;
    let twilio = &scene.sandbox.twilio;
    let (dynamodb, id) = (
        scene.sandbox.aws.dynamodb(),
        scene.sandbox.okta.hire("Ann", CLEAN_MOBILE, ""),
    );
    twilio.lag(true);
    // The purchase is refused. That the plan is void is written late.
    let refused = answer(400, r#"{"code":21422}"#);
    twilio.server().faults().next_for("POST", refused);
    let late = Duration::from_secs(9);
    for delay in [Duration::ZERO, late] {
        let fault = Fault::Delay(delay);
        dynamodb.faults().next_with(r#""planned_at""#, fault);
    }
    let is_void = |exchange: &Exchange| {
        let body = String::from_utf8_lossy(&exchange.request);
        body.contains("planned_at") && !body.contains("TransactItems")
    };
    let voids = || {
        let exchanges = dynamodb.exchanges();
        exchanges.into_iter().filter(is_void).collect::<Vec<_>>()
    };
    let killing = async {
        wait_until(|| !voids().is_empty()).await;
        scene.kill().await;
    };
    let (_report, ()) = tokio::join!(scene.try_run(), killing);
    scene.wait_for_the_lease().await;
    twilio.server().faults().next_for("POST", Fault::ResetAfter);
    scene.run().await;
    assert_eq!(twilio.purchases(), 1);
    wait_until(|| voids()[0].took > Duration::ZERO).await;
    scene.run().await;
    assert_eq!(twilio.purchases(), 1);
    twilio.lag(false);
    scene.run().await;
    assert_eq!(
        (scene.profile(&id, "primaryPhone"), twilio.purchases()),
        (scene.numbers_of(&id)[0].number.clone(), 1)
    );
}

#[tokio::test]
async fn an_answered_purchase_that_no_list_shows_yet_is_known_by_its_sid() {
    let scene = Scene::new().await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let id = okta.hire("Ann", CLEAN_MOBILE, "");
    twilio.lag(true);
    okta.server().faults().next_for(
        "POST",
        Fault::Answer {
            status: 403,
            headers: vec![],
            body: r#"{"errorCode":"E0000006"}"#.to_owned(),
        },
    );
    let report = scene.run().await;
    assert_eq!(
        (&report["failed"][0]["step"], &report["complete"]),
        (&json!("record"), &json!(true)),
        "{report}"
    );
    assert_eq!(did(&scene.run().await), 0);
    assert_eq!(
        (scene.profile(&id, "primaryPhone"), twilio.purchases()),
        (scene.numbers_of(&id)[0].number.clone(), 1)
    );
}

#[tokio::test]
async fn a_number_set_by_hand_while_ours_is_bought_stays() {
    let scene = Scene::new().await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let id = okta.hire("Ann", CLEAN_MOBILE, "");
    twilio
        .server()
        .faults()
        .next_for("POST", Fault::Delay(Duration::from_millis(300)));
    let by_hand = async {
        wait_until(|| {
            twilio
                .server()
                .exchanges()
                .iter()
                .any(|exchange| exchange.method == "POST")
        })
        .await;
        okta.set_profile(&id, "primaryPhone", json!("+13024820000"));
    };
    let (report, ()) = tokio::join!(scene.run(), by_hand);
    assert_eq!(
        (&report["failed"][0]["step"], twilio.purchases()),
        (&json!("record"), 1),
        "{report}"
    );
    let report = scene.run().await;
    assert_eq!(
        report["skipped"],
        json!([{ "user": id, "reason": "primary_phone_set_by_hand" }]),
        "{report}"
    );
    assert_eq!(
        (
            scene.profile(&id, "primaryPhone").as_str(),
            twilio.purchases()
        ),
        ("+13024820000", 1)
    );
    okta.set_profile(&id, "primaryPhone", json!(null));
    scene.run().await;
    assert_eq!(
        (scene.profile(&id, "primaryPhone"), twilio.purchases()),
        (scene.numbers_of(&id)[0].number.clone(), 1)
    );
}

/// A release that was decided, and then asked for or not.
#[tokio::test]
async fn a_release_without_an_answer_is_finished() {
    for fault in [Fault::ResetAfter, Fault::ResetBefore] {
        let scene = Scene::with(&[("RELEASE_AFTER_DAYS", Some("1"))]).await;
        let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
        let [gone, back] = ["Ann", "Bob"].map(|name| okta.hire(name, CLEAN_MOBILE, ""));
        scene.run().await;
        for id in [&gone, &back] {
            okta.set_status(id, "DEPROVISIONED");
            okta.set_status_changed(id, days_ago(1));
            twilio.server().faults().next_for("DELETE", fault.clone());
        }
        let report = scene.run().await;
        assert_eq!(
            (
                report["released"].as_array().unwrap().len(),
                report["failed"].as_array().unwrap().len()
            ),
            (0, 2),
            "{report}"
        );
        okta.set_status(&back, "ACTIVE");
        let report = scene.run().await;
        assert_eq!(report["released"][0]["user"], json!(gone), "{report}");
        assert_eq!(scene.stage(&gone).await.as_deref(), Some("released"));
        let kept = matches!(fault, Fault::ResetBefore);
        assert_eq!(
            (twilio.purchases(), twilio.releases()),
            if kept { (2, 1) } else { (3, 2) },
            "{fault:?}"
        );
        assert_eq!(
            scene.profile(&back, "primaryPhone"),
            scene.numbers_of(&back)[0].number
        );
        assert_eq!(scene.stage(&back).await.as_deref(), Some("recorded"));
        assert_eq!((did(&scene.run().await), scene.queue().await.len()), (0, 0));
    }
}

#[tokio::test]
async fn two_runs_at_once_are_one() {
    let scene = Scene::instances(2).await;
    let id = scene.sandbox.okta.hire("Ann", CLEAN_MOBILE, "");
    scene
        .sandbox
        .twilio
        .server()
        .faults()
        .next(Fault::Delay(Duration::from_millis(300)));
    let (one, other) = tokio::join!(scene.run(), scene.run());
    assert_ne!(
        one["locked"] == true,
        other["locked"] == true,
        "{one} {other}"
    );
    assert_eq!(
        (
            scene.numbers_of(&id).len(),
            scene.sandbox.twilio.purchases()
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_killed_run_keeps_others_out_until_lambda_would_have_ended_it() {
    let scene = Scene::hurried(Duration::from_secs(3)).await;
    let id = scene.sandbox.okta.hire("Ann", CLEAN_MOBILE, "");
    scene.sandbox.twilio.server().faults().next(Fault::Hang);
    let killing = async {
        wait_until(|| !scene.sandbox.twilio.server().exchanges().is_empty()).await;
        scene.kill().await;
    };
    let (_report, ()) = tokio::join!(scene.try_run(), killing);
    assert_eq!(scene.run().await["locked"], true);
    scene.wait_for_the_lease().await;
    assert_eq!(scene.run().await["purchased"][0]["user"], json!(id));
}
