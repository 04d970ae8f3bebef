//! Many employees: all of them are come to, in several runs, and one does not stop the others.

use std::time::Duration;

use sandbox::wire::Exchange;
use serde_json::{Value, json};

use crate::scene::{
    CLEAN_MOBILE, REFUSED, Scene, answer, did, hire_a_settled_thousand, len, queue,
};

/// Employees with numbers that lead elsewhere.
fn moved(scene: &Scene, n: usize) -> Vec<String> {
    let hire = |n: usize| {
        let number = format!("+1415556{n:04}");
        let mobile = format!("+1302555{n:04}");
        let id = scene
            .sandbox
            .okta
            .hire(&format!("Old{n}"), &mobile, &number);
        let name = format!("switchboard:{id}");
        let fields = [
            ("FriendlyName", name.as_str()),
            ("VoiceUrl", "https://old.example/"),
        ];
        scene.sandbox.twilio.own(&number, &fields);
        id
    };
    (0..n).map(hire).collect()
}

fn posts(scene: &Scene) -> Vec<Exchange> {
    let exchanges = scene.sandbox.twilio.server().exchanges();
    exchanges
        .into_iter()
        .filter(|exchange| exchange.method == "POST")
        .collect()
}

#[tokio::test]
async fn an_area_is_searched_again_until_nothing_new_comes() {
    for dry_run in ["true", "false"] {
        let scene = Scene::with(&[
            ("MAX_PURCHASES_PER_RUN", Some("100")),
            ("AREA_PREFIXES", Some("415,628")),
            ("DRY_RUN", Some(dry_run)),
        ])
        .await;
        for sold in ["+1415555014", "+1415555015", "+1415555016", "+1415555017"] {
            scene.sandbox.twilio.sell_out(sold);
        }
        scene.sandbox.okta.hire_many(52);
        let report = scene.run().await;
        // Forty in the one area, ten in the other.
        assert_eq!(len(&report["purchased"]), 50, "{dry_run}: {report}");
        assert_eq!(
            report["failed"][0]["reason"],
            "no number is available in AREA_PREFIXES"
        );
        assert_eq!(
            (len(&report["failed"]), &report["remaining"]),
            (1, &json!(1)),
            "{report}"
        );
    }
}

#[tokio::test]
async fn one_employee_whom_okta_refuses_does_not_stop_the_others() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    let [boss, ann] = ["Boss", "Ann"].map(|name| okta.hire(name, CLEAN_MOBILE, ""));
    for run in ["first", "second"] {
        for _ in 0..3 {
            okta.server()
                .faults()
                .next_for(&format!("/api/v1/users/{boss}"), answer(403, REFUSED));
        }
        let new = okta.hire(&format!("New{run}"), CLEAN_MOBILE, "");
        let report = scene.run().await;
        assert_eq!(
            (
                &report["failed"][0]["user"],
                &report["failed"][0]["step"],
                len(&report["failed"])
            ),
            (&json!(boss), &json!("read"), 1),
            "{report}"
        );
        assert_eq!(
            (&report["complete"], &report["remaining"]),
            (&json!(true), &json!(0)),
            "{report}"
        );
        assert_eq!(scene.numbers_of(&new).len(), 1, "{report}");
        okta.server().faults().clear();
    }
    assert_eq!(
        (scene.numbers_of(&ann).len(), scene.queue().await),
        (1, vec![boss.clone()])
    );
    assert_eq!(scene.run().await["purchased"][0]["user"], json!(boss));
    assert!(scene.queue().await.is_empty());
}

/// Rights that the role has lost: they cost one number, not one for each employee.
#[tokio::test]
async fn several_whom_okta_refuses_in_a_row_end_the_run() {
    let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some("50"))]).await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    okta.server()
        .faults()
        .always_with("profile", answer(403, REFUSED));
    okta.hire_many(8);
    let report = scene.run().await;
    assert_eq!(
        (len(&report["failed"]), &report["failed"][4]["step"]),
        (5, &json!("record")),
        "{report}"
    );
    assert_eq!(
        (&report["complete"], &report["remaining"]),
        (&json!(false), &json!(3)),
        "{report}"
    );
    // The others come first: those five may just stand together.
    let told: Vec<Value> = (0..5)
        .map(|n| report["failed"][n]["user"].clone())
        .collect();
    let report = scene.run().await;
    for n in 0..3 {
        assert!(!told.contains(&report["failed"][n]["user"]), "{report}");
    }
    // Those who come last end no run.
    assert_eq!(
        (
            len(&report["failed"]),
            &report["complete"],
            twilio.purchases()
        ),
        (8, &json!(true), 1),
        "{report}"
    );
    okta.server().faults().clear();
    let report = scene.run().await;
    assert_eq!(
        (len(&report["failed"]), &report["complete"]),
        (0, &json!(true)),
        "{report}"
    );
    assert_eq!(
        (
            twilio.purchases(),
            scene.queue().await.len(),
            did(&scene.run().await)
        ),
        (8, 0, 0)
    );
}

#[tokio::test]
async fn okta_out_of_order_ends_the_run_after_several() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    for id in okta.hire_many(8) {
        okta.server()
            .faults()
            .next_for(&format!("/api/v1/users/{id}"), answer(500, ""));
    }
    let report = scene.run().await;
    assert_eq!(
        (len(&report["failed"]), &report["complete"]),
        (5, &json!(false)),
        "{report}"
    );
    assert_eq!(report["remaining"], 3, "{report}");
}

#[tokio::test]
async fn new_employees_come_before_rewiring() {
    let scene = Scene::new().await;
    moved(&scene, 30);
    let new = scene.sandbox.okta.hire("New", CLEAN_MOBILE, "");
    let report = scene.run().await;
    assert_eq!(
        (len(&report["rewired"]), &report["complete"]),
        (30, &json!(true)),
        "{report}"
    );
    assert_eq!(report["purchased"][0]["user"], json!(new), "{report}");
    let bought = posts(&scene)
        .iter()
        .position(|post| post.target.ends_with("IncomingPhoneNumbers.json"));
    assert_eq!((bought, posts(&scene).len()), (Some(0), 31));
    assert_eq!(did(&scene.run().await), 0);
}

#[tokio::test]
async fn at_most_ten_numbers_are_rewired_at_once() {
    let scene = Scene::new().await;
    moved(&scene, 35);
    let twilio = scene.sandbox.twilio.server();
    twilio
        .faults()
        .always(Some(sandbox::wire::Fault::Delay(Duration::from_millis(50))));
    assert_eq!(len(&scene.run().await["rewired"]), 35);
    let posts = posts(&scene);
    let at_once = |at: &Exchange| {
        let on = posts
            .iter()
            .filter(|post| post.started <= at.started && at.started < post.started + post.took);
        on.count()
    };
    assert_eq!(posts.iter().map(at_once).max(), Some(10));
}

#[tokio::test]
async fn rewiring_that_takes_longer_than_a_run_goes_on_in_the_next() {
    let scene = Scene::hurried(Duration::from_secs(3)).await;
    moved(&scene, 150);
    let twilio = scene.sandbox.twilio.server();
    twilio
        .faults()
        .always(Some(sandbox::wire::Fault::Delay(Duration::from_millis(
            200,
        ))));
    let report = scene.run().await;
    let first = len(&report["rewired"]);
    assert_eq!(
        (&report["complete"], &report["failed"]),
        (&json!(false), &json!([])),
        "{report}"
    );
    assert!(first > 0 && first < 150, "{first}");
    twilio.faults().clear();
    let report = scene.run().await;
    assert_eq!(
        (first + len(&report["rewired"]), &report["complete"]),
        (150, &json!(true))
    );
}

#[tokio::test]
async fn a_third_of_oktas_limit_is_left() {
    let nothing = [("MAX_PURCHASES_PER_RUN", Some("0"))];
    // No time to wait for the next window.
    let scene = Scene::hurried_with(Duration::from_secs(3), &nothing).await;
    let okta = &scene.sandbox.okta;
    okta.set_page_size(2);
    okta.hire_many(20);
    okta.limit(9, Duration::from_mins(1));
    let report = scene.run().await;
    assert_eq!(
        (&report["complete"], &report["remaining"]),
        (&json!(false), &json!(14)),
        "{report}"
    );
    // Two are less than a third.
    assert_eq!(okta.server().exchanges().len(), 7);
    // With time, it is waited for.
    let scene = Scene::with(&nothing).await;
    let okta = &scene.sandbox.okta;
    okta.set_page_size(2);
    okta.hire_many(20);
    okta.limit(9, Duration::from_secs(3));
    let report = scene.run().await;
    assert_eq!(
        (&report["complete"], &report["remaining"]),
        (&json!(true), &json!(20)),
        "{report}"
    );
    assert!(
        okta.server()
            .exchanges()
            .iter()
            .all(|exchange| exchange.status == Some(200))
    );
}

#[tokio::test]
async fn remaining_is_true() {
    let scene = Scene::hurried(Duration::from_secs(3)).await;
    let okta = &scene.sandbox.okta;
    okta.hire_many(8);
    okta.limit(12, Duration::from_mins(1));
    let report = scene.run().await;
    let bought = len(&report["purchased"]);
    assert!(bought > 0 && bought < 5, "{report}");
    assert_eq!(
        (&report["remaining"], &report["complete"]),
        (&json!(8 - bought), &json!(false)),
        "{report}"
    );
    okta.unlimit();
    scene.kill().await; // an instance that does not remember the limit
    let report = scene.run().await;
    let more = len(&report["purchased"]);
    assert_eq!(
        (more, &report["remaining"]),
        (5, &json!(3 - bought)),
        "{report}"
    );
    assert_eq!(
        (scene.sandbox.twilio.purchases(), &report["complete"]),
        (5 + bought, &json!(true))
    );
}

#[tokio::test]
async fn where_nobody_changed_among_many_okta_is_asked_one_question() {
    let scene = Scene::new().await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    hire_a_settled_thousand(&scene);
    let asked = async || {
        okta.server().clear_exchanges();
        twilio.server().clear_exchanges();
        let report = scene.run().await;
        assert_eq!(
            (&report["complete"], &report["remaining"]),
            (&json!(true), &json!(0)),
            "{report}"
        );
        (
            report,
            okta.server().exchanges().len(),
            twilio.server().exchanges().len(),
        )
    };
    let (_, okta_calls, twilio_calls) = asked().await;
    assert_eq!((okta_calls, twilio_calls), (5, 1));
    let (report, okta_calls, twilio_calls) = asked().await;
    assert_eq!((did(&report), okta_calls, twilio_calls), (0, 1, 0));
    // Whoever is new is found, and so is a change.
    let ann = okta.hire("Ann", CLEAN_MOBILE, "");
    let (report, ..) = asked().await;
    assert_eq!(report["purchased"][0]["user"], json!(ann), "{report}");
    okta.set_profile(&ann, "primaryPhone", Value::Null);
    asked().await;
    assert_eq!(
        scene.profile(&ann, "primaryPhone"),
        scene.numbers_of(&ann)[0].number
    );
    // The hook's users do not wait for a walk.
    let bob = okta.hire("Bob", CLEAN_MOBILE, "");
    okta.set_last_updated(&bob, Duration::ZERO);
    queue(&scene, std::slice::from_ref(&bob)).await;
    let (report, ..) = asked().await;
    assert_eq!(report["purchased"][0]["user"], json!(bob), "{report}");
    // All users are walked through again after an hour.
    let run = scene.items("number#run").await;
    let mut cursor = run
        .into_iter()
        .find(|item| item["sk"]["S"] == "cursor")
        .unwrap();
    cursor["walked_at"] = json!({ "N": "1" });
    scene.sandbox.aws.put(cursor).await;
    assert_eq!(asked().await.1, 6);
}
