//! What fails again and again, at Okta or at Twilio: it costs its own users, and the others are served.

use std::time::Duration;

use sandbox::twilio::Stock;
use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{CLEAN_MOBILE, MOBILE, Scene, answer, days_ago, did};

const REFUSED: &str = r#"{"errorCode":"E0000006"}"#;

fn len(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

/// Whoever failed, in the order of their turns.
fn failed(report: &Value) -> Vec<&str> {
    let failed = report["failed"].as_array().unwrap();
    failed
        .iter()
        .map(|failed| failed["user"].as_str().unwrap())
        .collect()
}

/// The next run gets this answer to its question for each of these users.
fn answer_for(scene: &Scene, ids: &[String], status: u16, body: &str) {
    let faults = scene.sandbox.okta.server().faults();
    faults.clear();
    for id in ids {
        faults.next_for(&format!("GET /api/v1/users/{id}"), answer(status, body));
    }
}

/// As the hook does it.
async fn queue(scene: &Scene, ids: &[String]) {
    let mut item = json!({ "pk": { "S": "number#new" }, "sk": { "S": "queue" } });
    for (n, id) in ids.iter().enumerate() {
        item[format!("u_{id}")] = json!({ "M": { "queued_at": { "N": (n + 1).to_string() } } });
    }
    scene.sandbox.aws.put(item).await;
}

#[tokio::test]
async fn six_whom_okta_always_refuses_keep_no_run_from_its_end() {
    let scene = Scene::with(&[("RELEASE_AFTER_DAYS", Some("30"))]).await;
    let okta = &scene.sandbox.okta;
    let gone = okta.hire("Gone", CLEAN_MOBILE, "");
    scene.run().await;
    let number = scene.profile(&gone, "primaryPhone");
    okta.set_status(&gone, "DEPROVISIONED");
    okta.set_status_changed(&gone, days_ago(31));
    for n in 0..1_000 {
        let [mobile, number] = ["20", "30"].map(|kind| format!("+45{kind}{n:06}"));
        let id = okta.hire(&format!("User{n}"), &mobile, &number);
        okta.set_last_updated(&id, Duration::ZERO);
    }
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
async fn users_whom_okta_cannot_answer_for_come_after_all_others() {
    for queued in [false, true] {
        let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some("50"))]).await;
        let okta = &scene.sandbox.okta;
        let ids = okta.hire_many(13);
        let (broken, fine) = ids.split_at(6);
        if queued {
            queue(&scene, &ids).await;
        }
        let run = async || {
            answer_for(&scene, broken, 500, "");
            scene.run().await
        };
        let report = run().await;
        assert_eq!(failed(&report), broken[..5], "{report}");
        assert_eq!(
            (&report["complete"], &report["remaining"]),
            (&json!(false), &json!(8)),
            "{report}"
        );
        let report = run().await;
        assert_eq!(len(&report["purchased"]), fine.len(), "{report}");
        assert!(fine.iter().all(|id| scene.numbers_of(id).len() == 1));
        assert_eq!(failed(&report).len(), 6, "{report}");
        okta.server().faults().clear();
        let report = scene.run().await;
        assert_eq!(
            (len(&report["purchased"]), &report["complete"]),
            (6, &json!(true)),
            "{report}"
        );
        assert!(scene.queue().await.is_empty());
    }
}

#[tokio::test]
async fn those_who_come_last_take_turns() {
    let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some("50"))]).await;
    let ids = scene.sandbox.okta.hire_many(12);
    queue(&scene, &ids).await;
    let mut item = scene.items("number#new").await.pop().unwrap();
    for id in &ids {
        item[format!("u_{id}")]["M"]["refused_at"] = json!({ "N": "1" });
    }
    scene.sandbox.aws.put(item).await;
    let (broken, fine) = ids.split_at(6);
    answer_for(&scene, broken, 500, "");
    let report = scene.run().await;
    assert_eq!(failed(&report), broken[..5], "{report}");
    assert_eq!(
        (&report["complete"], &report["remaining"]),
        (&json!(false), &json!(7)),
        "{report}"
    );
    answer_for(&scene, broken, 500, "");
    let report = scene.run().await;
    assert_eq!(
        (failed(&report)[0], len(&report["purchased"])),
        (broken[5].as_str(), fine.len()),
        "{report}"
    );
}

/// When Okta answers nothing, nobody in particular is the reason.
#[tokio::test]
async fn an_outage_does_not_change_whose_turn_it_is() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    let ids = okta.hire_many(6);
    queue(&scene, &ids).await;
    let before = scene.items("number#new").await;
    okta.server().faults().always(Some(answer(500, "")));
    let error = scene.try_run().await.unwrap_err();
    assert!(error.to_string().starts_with("okta_unavailable"), "{error}");
    assert_eq!(scene.items("number#new").await, before);
}

#[tokio::test]
async fn the_queue_is_served_while_okta_has_no_list() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    let [ann, bob] = ["Ann", "Bob"].map(|name| okta.hire(name, CLEAN_MOBILE, ""));
    queue(&scene, std::slice::from_ref(&ann)).await;
    okta.server()
        .faults()
        .next_for("GET /api/v1/users?", answer(500, ""));
    let report = scene.run().await;
    assert_eq!(
        (
            &report["purchased"][0]["user"],
            len(&report["purchased"]),
            &report["complete"]
        ),
        (&json!(ann), 1, &json!(false)),
        "{report}"
    );
    assert_eq!(scene.run().await["purchased"][0]["user"], json!(bob));
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
    for n in 0..1_000 {
        let [mobile, number] = ["20", "30"].map(|kind| format!("+45{kind}{n:06}"));
        let id = okta.hire(&format!("User{n}"), &mobile, &number);
        okta.set_last_updated(&id, Duration::ZERO);
    }
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
