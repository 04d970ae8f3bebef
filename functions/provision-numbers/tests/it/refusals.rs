//! What Twilio, Okta or the settings refuse: one number, one attribute, one user, and everybody else is served.

use sandbox::twilio::Stock;
use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{CLEAN_MOBILE, MOBILE, Scene, answer, did, wait_until};

const POST: &str = "POST /2010-04-01/";

/// Its purchase had no answer, so nobody else may have it; whatever Twilio says of it later is no word about others.
#[tokio::test]
async fn a_planned_number_that_is_refused_later_is_let_go() {
    for refusal in [
        (400, r#"{"code":21615}"#),
        (400, r#"{"code":21649}"#),
        (400, r#"{"code":21422}"#),
        (400, "<html>"),
        (404, "{}"),
    ] {
        let scene = Scene::new().await;
        let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
        let refuse = || {
            twilio
                .server()
                .faults()
                .next_for(POST, answer(refusal.0, refusal.1));
        };
        let ann = okta.hire("Ann", CLEAN_MOBILE, "");
        twilio.server().faults().next_for(POST, Fault::ResetBefore);
        assert_eq!(scene.run().await["failed"][0]["step"], "buy");
        let planned = scene.journal(&ann, &[]).await;
        let (number, at) = (
            planned["number"]["S"].as_str().unwrap(),
            planned["planned_at"]["N"].as_str().unwrap(),
        );
        // Others are served meanwhile.
        let bob = okta.hire("Bob", "+13025550101", "");
        twilio.sell_out(number);
        refuse();
        let report = scene.run().await;
        assert_eq!(
            report["failed"][0]["reason"], "it is not known yet whether the last purchase was made",
            "{report}"
        );
        assert_eq!(report["purchased"][0]["user"], json!(bob), "{report}");
        let long_ago = at.parse::<u64>().unwrap() - 600;
        scene
            .journal(
                &ann,
                &[("planned_at", json!({ "N": long_ago.to_string() }))],
            )
            .await;
        refuse();
        let cy = okta.hire("Cy", "+13025550102", "");
        let report = scene.run().await;
        let users: Vec<_> = report["purchased"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bought| &bought["user"])
            .collect();
        assert_eq!(
            (users, &report["failed"]),
            (vec![&json!(ann), &json!(cy)], &json!([])),
            "{refusal:?} {report}"
        );
        assert_ne!(scene.profile(&ann, "primaryPhone"), number);
        assert_eq!(
            (twilio.purchases(), scene.stage(&ann).await.as_deref()),
            (3, Some("recorded"))
        );
    }
}

#[tokio::test]
async fn what_is_refused_about_one_number_does_not_keep_others_from_being_bought() {
    let scene = Scene::new().await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let refused = Stock {
        refusal: Some(21620),
        ..Stock::default()
    };
    twilio.stock(&["+14155550100", "+14155550101"], &refused);
    twilio.server().faults().next_for(POST, answer(404, "{}"));
    twilio
        .server()
        .faults()
        .next_for(POST, answer(400, "<html>"));
    let [ann, bob] = ["Ann", "Bob"].map(|name| okta.hire(name, CLEAN_MOBILE, ""));
    let report = scene.run().await;
    let users: Vec<_> = report["purchased"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bought| &bought["user"])
        .collect();
    assert_eq!(
        (users, &report["failed"]),
        (vec![&json!(ann), &json!(bob)], &json!([])),
        "{report}"
    );
    // Whatever is refused so often is refused for all.
    let all: Vec<String> = (100..180).map(|n| format!("+14155550{n}")).collect();
    twilio.stock(
        &all.iter().map(String::as_str).collect::<Vec<_>>(),
        &refused,
    );
    okta.hire_many(3);
    let tried = || {
        twilio
            .server()
            .exchanges()
            .iter()
            .filter(|exchange| exchange.method == "POST")
            .count()
    };
    let before = tried();
    let report = scene.run().await;
    assert_eq!(
        (
            &report["failed"].as_array().unwrap().len(),
            &report["remaining"]
        ),
        (&1, &json!(2)),
        "{report}"
    );
    assert!(
        report["failed"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("21620"),
        "{report}"
    );
    assert_eq!((tried() - before, twilio.purchases()), (5, 2));
}

#[tokio::test]
async fn numbers_outside_the_area_are_not_bought() {
    let scene = Scene::with(&[("AREA_PREFIXES", Some("415"))]).await;
    let numbers = ["+16284150100", "+16285554150", "+14155550107"];
    scene.sandbox.twilio.stock(&numbers, &Stock::default());
    let entry = |number: &str| json!({ "phone_number": number, "address_requirements": "none" });
    let page = json!({ "available_phone_numbers": numbers.map(entry) });
    scene
        .sandbox
        .twilio
        .server()
        .faults()
        .next_for("AvailablePhoneNumbers", answer(200, &page.to_string()));
    scene.sandbox.okta.hire("Ann", CLEAN_MOBILE, "");
    assert_eq!(scene.run().await["purchased"][0]["number"], "+14155550107");
}

/// It comes from another directory, for example; the number does not wait for it.
#[tokio::test]
async fn a_mobile_that_okta_does_not_take_is_asked_for_once_a_day() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    let id = okta.hire("Ann", MOBILE, "");
    okta.server()
        .faults()
        .next_for("POST", Fault::Delay(std::time::Duration::ZERO));
    okta.server()
        .faults()
        .next_for("POST", answer(400, r#"{"errorCode":"E0000001"}"#));
    let report = scene.run().await;
    assert_eq!(
        (
            &report["purchased"][0]["user"],
            &report["failed"][0]["step"]
        ),
        (&json!(id), &json!("clean")),
        "{report}"
    );
    assert_eq!(
        (&report["cleaned"], &report["complete"]),
        (&json!([]), &json!(true))
    );
    assert_eq!(
        (scene.profile(&id, "primaryPhone"), scene.stage(&id).await),
        (
            scene.numbers_of(&id)[0].number.clone(),
            Some("recorded".to_owned())
        )
    );
    for _ in 0..2 {
        let report = scene.run().await;
        assert_eq!((did(&report), okta.updates().len()), (0, 1), "{report}");
    }
    let until: u64 = scene.journal(&id, &[]).await["unwritable_until"]["N"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(until.abs_diff(sandbox::now().as_secs() + 86_400) < 600);
    scene
        .journal(&id, &[("unwritable_until", json!({ "N": "1" }))])
        .await;
    assert_eq!(scene.run().await["cleaned"], json!([{ "user": id }]));
    assert_eq!(scene.profile(&id, "mobilePhone"), CLEAN_MOBILE);
}

/// The forwarders cannot read national forms, so they are told what this one means.
#[tokio::test]
async fn a_mobile_that_stays_as_it_is_is_noted() {
    let scene = Scene::with(&[("CLEAN_MOBILE", Some("false"))]).await;
    let okta = &scene.sandbox.okta;
    let [ann, bob, cy] = [
        ("Ann", MOBILE, ""),
        ("Bob", "302-482-9100", "+13024820000"),
        ("Cy", "+1 (302) 482-9101", ""),
    ]
    .map(|(name, mobile, number)| okta.hire(name, mobile, number));
    let report = scene.run().await;
    let users: Vec<_> = report["purchased"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bought| &bought["user"])
        .collect();
    assert_eq!(
        (users, &report["cleaned"]),
        (vec![&json!(ann), &json!(cy)], &json!([])),
        "{report}"
    );
    let noted = async |id: &str| {
        let item = scene
            .items(&format!("number#{id}"))
            .await
            .pop()
            .unwrap_or_default();
        ["mobile", "mobile_written"]
            .map(|name| item[name]["S"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(noted(&ann).await, [CLEAN_MOBILE, MOBILE]);
    assert_eq!(noted(&bob).await, ["+13024829100", "302-482-9100"]);
    assert_eq!(noted(&cy).await, ["", ""], "which everybody can read");
    assert_eq!(
        (
            scene.profile(&ann, "mobilePhone").as_str(),
            scene.stage(&ann).await.as_deref()
        ),
        (MOBILE, Some("recorded"))
    );
    okta.set_profile(&ann, "mobilePhone", json!("(302) 482-9228"));
    assert_eq!(did(&scene.run().await), 0);
    assert_eq!(noted(&ann).await, ["+13024829228", "(302) 482-9228"]);
    assert_eq!(scene.stage(&ann).await.as_deref(), Some("recorded"));
    // And then there is nothing more to do.
    let read = |scene: &Scene| {
        scene
            .sandbox
            .okta
            .server()
            .exchanges()
            .iter()
            .filter(|exchange| exchange.target.contains(&ann))
            .count()
    };
    let before = read(&scene);
    scene.run().await;
    assert_eq!(read(&scene), before);
}

#[tokio::test]
async fn a_colleagues_number_in_a_profile_is_told() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    let ann = okta.hire("Ann", CLEAN_MOBILE, "");
    scene.run().await;
    let number = scene.profile(&ann, "primaryPhone");
    let eve = okta.hire("Eve", "+13025550101", &number);
    let report = scene.run().await;
    assert_eq!(
        report["skipped"],
        json!([{ "user": eve, "reason": "primary_phone_is_another_users" }]),
        "{report}"
    );
    assert_eq!(
        (
            scene.profile(&eve, "primaryPhone"),
            scene.sandbox.twilio.purchases()
        ),
        (number, 1)
    );
}

/// A schedule's reports are read by nobody.
#[tokio::test]
async fn who_is_skipped_is_logged_when_that_changes() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    let ann = okta.hire("Ann", "call me", "");
    let told = async |runs: usize| {
        scene.run().await;
        let lines = |word: &str| {
            scene
                .lambda
                .log()
                .into_iter()
                .filter(|line| line.contains(word))
                .collect::<Vec<_>>()
        };
        wait_until(|| lines("\"outcome\":\"provisioned\"").len() == runs).await;
        lines("a user is skipped")
    };
    for run in [1, 2] {
        let lines = told(run).await;
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(
            (lines.len(), &line["level"], &line["user"], &line["reason"]),
            (1, &json!("WARN"), &json!(ann), &json!("mobile_unparsable"))
        );
    }
    okta.hire("Bob", "call me, too", "");
    for (run, lines) in [(3, 3), (4, 3)] {
        assert_eq!(told(run).await.len(), lines);
    }
    okta.set_profile(&ann, "mobilePhone", json!("+19005550123"));
    for (run, lines) in [(5, 5), (6, 5)] {
        assert_eq!(told(run).await.len(), lines);
    }
}
