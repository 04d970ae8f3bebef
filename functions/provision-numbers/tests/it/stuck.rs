//! What fails again and again, at Okta or at Twilio: it costs its own users, and the others are served.

use std::time::Duration;

use sandbox::twilio::Stock;
use sandbox::wire::{Exchange, Fault};
use serde_json::{Value, json};

use crate::scene::{
    CLEAN_MOBILE, MOBILE, REFUSED, Scene, answer, answer_for, days_ago, did, failed,
    hire_a_settled_thousand, wait_until,
};

#[tokio::test]
async fn six_whom_okta_always_refuses_keep_no_run_from_its_end() {
    let scene = Scene::with(&[("RELEASE_AFTER_DAYS", Some("30"))]).await;
    let okta = &scene.sandbox.okta;
    let gone = okta.hire("Gone", CLEAN_MOBILE, "");
    scene.run().await;
    let number = scene.profile(&gone, "primaryPhone");
    okta.set_status(&gone, "DEPROVISIONED");
    okta.set_status_changed(&gone, days_ago(31));
    hire_a_settled_thousand(&scene);
    let bosses: Vec<String> = (0..6)
        .map(|n| okta.hire(&format!("Boss{n}"), &format!("+1302555{n:04}"), ""))
        .collect();
    for id in bosses.iter().chain([&gone]) {
        okta.set_last_updated(id, Duration::ZERO);
    }
    let run = async || {
        answer_for(&scene, &bosses, 403, REFUSED);
        scene.run().await
    };
    let report = run().await;
    assert_eq!(
        (failed(&report).len(), &report["complete"]),
        (5, &json!(false)),
        "{report}"
    );
    let report = run().await;
    assert_eq!(
        (failed(&report).len(), &report["complete"]),
        (6, &json!(true)),
        "{report}"
    );
    assert_eq!(
        report["released"],
        json!([{ "user": gone, "number": number }]),
        "{report}"
    );
    // A walk that finds nothing to do but what is refused, and then rest.
    assert_eq!(run().await["complete"], json!(true));
    okta.server().clear_exchanges();
    assert_eq!((did(&run().await), okta.server().exchanges().len()), (0, 1));
}

#[tokio::test]
async fn a_page_that_does_not_come_is_not_asked_for_for_ever() {
    for fault in [
        answer(500, ""),
        answer(200, "<html>"),
        Fault::Oversize(5 * 1024 * 1024),
        Fault::ResetBefore,
    ] {
        let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some("0"))]).await;
        let okta = &scene.sandbox.okta;
        okta.set_page_size(2);
        okta.hire_many(6);
        okta.limit(1, Duration::from_mins(1));
        assert_eq!(scene.run().await["remaining"], 2);
        okta.unlimit();
        scene.kill().await; // an instance that does not remember the limit
        okta.server().clear_exchanges();
        okta.server()
            .faults()
            .next_for("GET /api/v1/users?", fault.clone());
        let report = scene.run().await;
        assert_eq!(
            (&report["complete"], &report["remaining"]),
            (&json!(true), &json!(6)),
            "{fault:?} {report}"
        );
    }
}

#[tokio::test]
async fn a_page_that_does_not_come_holds_up_only_those_behind_it() {
    let scene = Scene::with(&[("RELEASE_AFTER_DAYS", Some("30"))]).await;
    let okta = &scene.sandbox.okta;
    let gone = okta.hire("Gone", CLEAN_MOBILE, "");
    scene.run().await;
    okta.set_status(&gone, "DEPROVISIONED");
    okta.set_status_changed(&gone, days_ago(31));
    let boss = okta.hire("Boss", CLEAN_MOBILE, "");
    answer_for(&scene, std::slice::from_ref(&boss), 403, REFUSED);
    scene.run().await;
    let gone = okta.hire("Gone2", CLEAN_MOBILE, "");
    scene.sandbox.twilio.own(
        "+14155560000",
        &[("FriendlyName", &format!("switchboard:{gone}"))],
    );
    okta.set_status(&gone, "DEPROVISIONED");
    okta.set_status_changed(&gone, days_ago(31));
    okta.set_page_size(2);
    let ids = okta.hire_many(3);
    okta.server().faults().next_for("after=", answer(500, ""));
    let report = scene.run().await;
    assert_eq!(
        (&report["released"][0]["user"], &report["complete"]),
        (&json!(gone), &json!(false)),
        "{report}"
    );
    assert_eq!(scene.numbers_of(&boss).len(), 1, "{report}");
    let report = scene.run().await;
    assert_eq!(report["complete"], json!(true), "{report}");
    assert!(ids.iter().all(|id| scene.numbers_of(id).len() == 1));
}

#[tokio::test]
async fn where_changes_cannot_be_asked_for_all_users_are_walked_through() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    hire_a_settled_thousand(&scene);
    scene.run().await;
    okta.server()
        .faults()
        .next_for("filter=lastUpdated", answer(500, ""));
    let ann = okta.hire("Ann", CLEAN_MOBILE, "");
    let report = scene.run().await;
    assert_eq!(
        (&report["purchased"][0]["user"], &report["complete"]),
        (&json!(ann), &json!(true)),
        "{report}"
    );
}

#[tokio::test]
async fn while_okta_takes_no_changes_nothing_is_bought() {
    for fault in [
        answer(500, ""),
        answer(400, r#"{"errorCode":"E0000001"}"#),
        answer(404, r#"{"errorCode":"E0000007"}"#),
        answer(200, "<html>"),
        Fault::ResetBefore,
    ] {
        let scene = Scene::new().await;
        let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
        let faults = okta.server().faults();
        okta.hire("Boss", CLEAN_MOBILE, "");
        faults.always_with("profile", answer(403, REFUSED));
        assert_eq!(scene.run().await["failed"][0]["step"], "record");
        faults.always_with("profile", fault.clone());
        let ann = okta.hire("Ann", "+13025550101", "");
        for _ in 0..2 {
            let report = scene.run().await;
            assert_eq!(
                (&report["failed"][0]["user"], &report["failed"][0]["step"]),
                (&json!(ann), &json!("record")),
                "{fault:?} {report}"
            );
            assert_eq!(twilio.purchases(), 1, "{fault:?} {report}");
        }
        faults.clear();
        let report = scene.run().await;
        assert_eq!(
            (&report["purchased"][0]["user"], &report["failed"]),
            (&json!(ann), &json!([])),
            "{fault:?} {report}"
        );
    }
}

/// Okta might refuse a change of nothing, whoever it is for.
#[tokio::test]
async fn whether_okta_takes_a_number_is_tried_with_what_stands_there() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    okta.hire("Boss", CLEAN_MOBILE, "");
    okta.server()
        .faults()
        .next_with("profile", answer(403, REFUSED));
    scene.run().await;
    let ann = okta.hire("Ann", MOBILE, "");
    scene.run().await;
    let updates = okta.updates();
    assert_eq!(updates[0].id, ann);
    assert_eq!(
        Value::from(updates[0].profile.clone()),
        json!({ "primaryPhone": null })
    );
}

/// By an administrator, after the run has read the profile: before it tries whether Okta takes
/// numbers, and before it records a number that an earlier run bought.
#[tokio::test]
async fn a_number_entered_meanwhile_is_not_overwritten() {
    for bought_before in [false, true] {
        let scene = Scene::new().await;
        let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
        let boss = okta.hire("Boss", CLEAN_MOBILE, "");
        let faults = okta.server().faults();
        faults.next_with("profile", answer(403, REFUSED));
        scene.run().await;
        okta.server().clear_exchanges();
        let id = if bought_before {
            boss
        } else {
            okta.hire("Ann", CLEAN_MOBILE, "")
        };
        let slowly = Fault::Trickle(Duration::from_millis(1));
        faults.next_for(&format!("GET /api/v1/users/{id}"), slowly);
        let by_hand = async {
            let is_read = |exchange: &Exchange| {
                exchange.target.contains(&id) && exchange.took > Duration::ZERO
            };
            wait_until(|| okta.server().exchanges().iter().any(is_read)).await;
            okta.set_profile(&id, "primaryPhone", json!("+13024820000"));
        };
        let (report, ()) = tokio::join!(scene.run(), by_hand);
        assert_eq!(scene.profile(&id, "primaryPhone"), "+13024820000");
        let reason = &report["failed"][0]["reason"];
        let expected = "the user no longer needs the number just bought";
        assert_eq!(reason == expected, bought_before, "{report}");
        assert_eq!(twilio.purchases(), 1, "{report}");
    }
}

#[tokio::test]
async fn a_failing_okta_costs_one_number_however_many_runs_it_lasts() {
    let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some("50"))]).await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    okta.server()
        .faults()
        .always_with("profile", answer(500, ""));
    okta.hire_many(12);
    for _ in 0..3 {
        scene.run().await;
        assert_eq!(twilio.purchases(), 1);
    }
    okta.server().faults().clear();
    let report = scene.run().await;
    assert_eq!(
        (twilio.purchases(), &report["failed"], &report["complete"]),
        (12, &json!([]), &json!(true)),
        "{report}"
    );
}

#[tokio::test]
async fn an_area_whose_numbers_all_need_an_address_is_searched_once() {
    let scene = Scene::with(&[("AREA_PREFIXES", Some("415,628"))]).await;
    let twilio = &scene.sandbox.twilio;
    for area in ["+1415", "+1628"] {
        twilio.sell_out(area);
        let numbers: Vec<String> = (100..200).map(|n| format!("{area}5550{n}")).collect();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let papers = Stock {
            address_requirements: "any",
            ..Stock::default()
        };
        twilio.stock(&numbers, &papers);
    }
    scene.sandbox.okta.hire("Ann", CLEAN_MOBILE, "");
    let report = scene.run().await;
    assert_eq!(
        report["failed"][0]["reason"], "all numbers found require an address",
        "{report}"
    );
    let exchanges = twilio.server().exchanges();
    let searches = exchanges
        .iter()
        .filter(|exchange| exchange.target.contains("AvailablePhoneNumbers"))
        .count();
    assert_eq!(searches, 2);
}

#[tokio::test]
async fn searching_ends_where_a_runs_time_ends() {
    let scene = Scene::hurried_with(
        Duration::from_secs(3),
        &[("AREA_PREFIXES", Some("415,628,302,212,206,305,408,503"))],
    )
    .await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    twilio.sell_out("+1");
    for _ in 0..8 {
        twilio.server().faults().next_for(
            "AvailablePhoneNumbers",
            Fault::Delay(Duration::from_millis(700)),
        );
    }
    okta.hire("Ann", CLEAN_MOBILE, "");
    let report = scene.run().await;
    assert_eq!(
        (&report["failed"], &report["remaining"], &report["complete"]),
        (&json!([]), &json!(1), &json!(false)),
        "{report}"
    );
    let exchanges = twilio.server().exchanges();
    let searches = exchanges
        .iter()
        .filter(|exchange| exchange.target.contains("AvailablePhoneNumbers"));
    assert!(searches.count() <= 3);
}
