//! Runs in which nothing breaks, and what they refuse.

use sandbox::twilio::Stock;
use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{CLEAN_MOBILE, MOBILE, Scene, answer, days_ago, did};

#[tokio::test]
async fn a_new_employee_gets_a_number_once() {
    let scene = Scene::new().await;
    let id = scene.sandbox.okta.hire("Ann", MOBILE, "");
    let report = scene.run().await;
    let owned = scene.numbers_of(&id).pop().unwrap();
    assert_eq!(
        report["purchased"],
        json!([{ "user": id, "number": owned.number }])
    );
    assert_eq!(
        (&report["cleaned"], &report["complete"]),
        (&json!([{ "user": id }]), &json!(true))
    );
    assert_eq!(
        (
            scene.profile(&id, "primaryPhone"),
            scene.profile(&id, "mobilePhone")
        ),
        (owned.number.clone(), CLEAN_MOBILE.into())
    );
    assert_eq!(
        owned.field("VoiceUrl"),
        format!(
            "{}/#rc=3&rp=5xx,ct,rt",
            scene.sandbox.door("call-forward").url()
        )
    );
    assert_eq!(
        owned.field("SmsUrl"),
        format!(
            "{}/#rc=3&rp=5xx,ct,rt",
            scene.sandbox.door("sms-forward").url()
        )
    );
    let status = format!(
        "{}/status#rc=3&rp=5xx,ct,rt",
        scene.sandbox.door("call-forward").url()
    );
    assert_eq!(
        (
            owned.field("StatusCallback"),
            owned.field("StatusCallbackMethod")
        ),
        (status.as_str(), "POST")
    );
    assert!(owned.number.starts_with("+1415"));
    assert_eq!(scene.stage(&id).await.as_deref(), Some("recorded"));
    assert!(scene.queue().await.is_empty());
    scene
        .lambda
        .wait_log(|line| {
            line.contains(&format!(
                "Purchased a new company number (+1••••{}) for {id}.",
                &owned.number[8..]
            ))
        })
        .await;
    scene
        .lambda
        .wait_log(|line| {
            line.contains(&format!(
                "Cleaned up the formatting of a phone number (+1••••9229) for {id}."
            ))
        })
        .await;
    let line: Value = serde_json::from_str(
        &scene
            .lambda
            .wait_log(|line| line.contains("\"outcome\":\"provisioned\""))
            .await,
    )
    .unwrap();
    assert_eq!(
        (&line["NumbersPurchased"], &line["purchased"]),
        (&json!(1), &json!(1))
    );
    let again = scene.run().await;
    assert_eq!(
        (did(&again), scene.sandbox.twilio.purchases()),
        (0, 1),
        "{again}"
    );
}

#[tokio::test]
async fn a_service_app_must_be_allowed_to_write() {
    let scene = Scene::new().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/okta", &sandbox::okta::service_app());
    scene.sandbox.okta.set_scope("okta.users.read");
    let id = scene.sandbox.okta.hire("Ann", MOBILE, "");
    let failed = scene.try_run().await.unwrap_err().to_string();
    assert!(
        failed.contains("invalid_scope") && scene.sandbox.twilio.purchases() == 0,
        "{failed}"
    );
    scene
        .sandbox
        .okta
        .set_scope("okta.users.read okta.users.manage");
    assert_eq!(scene.run().await["purchased"][0]["user"], id);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nothing() {
    let scene = Scene::with(&[
        ("DRY_RUN", Some("true")),
        ("MAX_PURCHASES_PER_RUN", Some("2")),
    ])
    .await;
    let okta = &scene.sandbox.okta;
    let ids = ["Ann", "Bob", "Cy"].map(|name| okta.hire(name, MOBILE, ""));
    let report = scene.run().await;
    let users: Vec<&str> = report["purchased"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["user"].as_str().unwrap())
        .collect();
    assert_eq!(users, [&ids[0], &ids[1]]);
    assert_ne!(
        report["purchased"][0]["number"],
        report["purchased"][1]["number"]
    );
    assert_eq!(
        (&report["dry_run"], &report["remaining"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(report["cleaned"].as_array().unwrap().len(), 3);
    assert!(scene.sandbox.aws.items().await.is_empty());
    for server in [scene.sandbox.twilio.server(), okta.server()] {
        assert!(
            server
                .exchanges()
                .iter()
                .all(|exchange| exchange.method == "GET")
        );
    }
}

#[tokio::test]
async fn limits_hold_and_the_next_run_goes_on() {
    let scene = Scene::with(&[
        ("MAX_PURCHASES_PER_RUN", Some("2")),
        ("MAX_NUMBERS", Some("5")),
    ])
    .await;
    scene.sandbox.okta.hire_many(7);
    let mut remaining = vec![];
    for _ in 0..4 {
        remaining.push(scene.run().await["remaining"].as_u64().unwrap());
    }
    assert_eq!(
        (remaining, scene.sandbox.twilio.purchases()),
        (vec![5, 3, 2, 2], 5)
    );
}

#[tokio::test]
async fn one_bad_user_does_not_stop_the_others() {
    let scene = Scene::with(&[("ALLOWED_COUNTRIES", Some("US"))]).await;
    let okta = &scene.sandbox.okta;
    let strange = okta.hire("Ann", "call me", "");
    let premium = okta.hire("Bob", "+1 900 555 0123", "");
    let foreign = okta.hire("Cy", "+45 20 30 40 50", "");
    let company = okta.hire("Di", "+15005550006", "");
    let broken = okta.hire("Ed", "+13025550101", "");
    let fine = okta.hire("Flo", MOBILE, "");
    okta.server().faults().next_for(
        &format!("GET /api/v1/users/{broken}"),
        Fault::Answer {
            status: 500,
            headers: vec![],
            body: String::new(),
        },
    );
    let report = scene.run().await;
    let skipped = |id: &str, reason: &str| json!({ "user": id, "reason": reason });
    let expected = json!([
        skipped(&strange, "mobile_unparsable"),
        skipped(&premium, "mobile_is_costly"),
        skipped(&foreign, "mobile_country_not_allowed"),
        skipped(&company, "mobile_is_company_number"),
    ]);
    assert_eq!(report["skipped"], expected);
    assert_eq!(
        (&report["failed"][0]["user"], &report["failed"][0]["step"]),
        (&json!(broken), &json!("read"))
    );
    assert_eq!(
        (
            scene.numbers_of(&fine).len(),
            scene.sandbox.twilio.purchases()
        ),
        (1, 1)
    );
    scene.run().await;
    assert_eq!(scene.numbers_of(&broken).len(), 1);
}

#[tokio::test]
async fn areas_in_order_and_numbers_that_others_buy_first() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    twilio.sell_out("+1415");
    twilio.snatch_next(2);
    let id = scene.sandbox.okta.hire("Ann", MOBILE, "");
    let report = scene.run().await;
    assert_eq!(report["purchased"][0]["user"], json!(id), "{report}");
    assert!(scene.profile(&id, "primaryPhone").starts_with("+1628"));
    twilio.sell_out("+1628");
    let papers = Stock {
        address_requirements: "any",
        ..Stock::default()
    };
    twilio.stock(&["+14155550190"], &papers);
    scene.sandbox.okta.hire("Bob", MOBILE, "");
    let report = scene.run().await;
    assert_eq!(
        report["failed"][0]["reason"], "all numbers found require an address",
        "{report}"
    );
    assert_eq!(twilio.purchases(), 1);
}

#[tokio::test]
async fn a_number_set_by_hand_stays_and_drift_is_mended() {
    let scene = Scene::new().await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let by_hand = okta.hire("Ann", CLEAN_MOBILE, "+1 302 482 0000");
    let id = okta.hire("Bob", CLEAN_MOBILE, "");
    scene.run().await;
    let number = scene.profile(&id, "primaryPhone");
    twilio.own(
        &number,
        &[
            ("VoiceUrl", "https://old.example/"),
            ("TrunkSid", &format!("TK{}", "0".repeat(32))),
        ],
    );
    let report = scene.run().await;
    assert_eq!(report["rewired"], json!([{ "user": id, "number": number }]));
    let owned = scene.numbers_of(&id).pop().unwrap();
    assert!(
        owned.field("VoiceUrl").starts_with("http://127.0.0.1")
            && owned.field("TrunkSid").is_empty()
    );
    // A number from before there was a status callback.
    twilio.own(&number, &[("StatusCallback", "")]);
    assert_eq!(
        scene.run().await["rewired"],
        json!([{ "user": id, "number": number }])
    );
    let status = format!(
        "{}/status#rc=3&rp=5xx,ct,rt",
        scene.sandbox.door("call-forward").url()
    );
    assert_eq!(
        scene.numbers_of(&id).pop().unwrap().field("StatusCallback"),
        status
    );
    assert_eq!(
        (
            did(&scene.run().await),
            scene.profile(&by_hand, "primaryPhone")
        ),
        (0, "+1 302 482 0000".to_owned())
    );
}

#[tokio::test]
async fn who_left_loses_the_number_after_the_grace_period_and_who_returns_gets_another() {
    let scene = Scene::with(&[("RELEASE_AFTER_DAYS", Some("30"))]).await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let [gone, back, deleted] = ["Ann", "Bob", "Cy"].map(|name| okta.hire(name, CLEAN_MOBILE, ""));
    scene.run().await;
    let number = scene.profile(&gone, "primaryPhone");
    okta.set_status(&gone, "DEPROVISIONED");
    okta.set_status(&back, "DEPROVISIONED");
    okta.delete(&deleted);
    assert_eq!((did(&scene.run().await), twilio.releases()), (0, 0));
    let month_ago = days_ago(30);
    okta.set_status_changed(&gone, month_ago);
    okta.set_status_changed(&back, month_ago);
    okta.set_status(&back, "ACTIVE");
    let report = scene.run().await;
    assert_eq!(
        report["released"],
        json!([{ "user": gone, "number": number }]),
        "{report}"
    );
    assert_eq!(
        (twilio.releases(), scene.stage(&gone).await.as_deref()),
        (1, Some("released"))
    );
    assert_eq!(scene.queue().await, [deleted]);
    okta.set_status(&gone, "ACTIVE");
    let report = scene.run().await;
    assert_eq!(report["purchased"][0]["user"], json!(gone), "{report}");
    assert_ne!(scene.profile(&gone, "primaryPhone"), number);
    assert_eq!((did(&scene.run().await), twilio.purchases()), (0, 4));
}

#[tokio::test]
async fn a_thousand_users_with_a_limit_are_gone_through_in_several_runs() {
    let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some("0"))]).await;
    let okta = &scene.sandbox.okta;
    okta.hire_many(1_000);
    okta.limit(3, std::time::Duration::from_mins(1));
    let report = scene.run().await;
    assert_eq!(
        (&report["complete"], &report["remaining"], &report["failed"]),
        (&json!(false), &json!(600), &json!([])),
        "{report}"
    );
    okta.unlimit();
    scene.kill().await; // an instance that does not remember the limit
    let report = scene.run().await;
    assert_eq!(
        (&report["complete"], &report["remaining"]),
        (&json!(true), &json!(400)),
        "{report}"
    );
    let report = scene.run().await;
    assert_eq!(
        (&report["complete"], &report["remaining"]),
        (&json!(true), &json!(1_000)),
        "{report}"
    );
}

#[tokio::test]
async fn an_outage_does_not_lose_the_place_where_a_run_stopped() {
    let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some("0"))]).await;
    let (okta, twilio) = (&scene.sandbox.okta, scene.sandbox.twilio.server());
    okta.set_page_size(2);
    okta.hire_many(6);
    okta.limit(1, std::time::Duration::from_mins(1));
    assert_eq!(scene.run().await["remaining"], 2);
    okta.unlimit();
    scene.kill().await; // an instance that does not remember the limit
    twilio.faults().always(Some(Fault::Answer {
        status: 500,
        headers: vec![],
        body: String::new(),
    }));
    scene.try_run().await.unwrap_err();
    twilio.faults().clear();
    let report = scene.run().await;
    assert_eq!(
        (&report["remaining"], &report["complete"]),
        (&json!(4), &json!(true)),
        "{report}"
    );
}

#[tokio::test]
async fn without_table_or_lists_a_run_fails_so_that_lambda_tries_again() {
    for (path, outcome) in [
        ("dynamodb", "table_unavailable"),
        ("IncomingPhoneNumbers", "twilio_unavailable"),
        ("/api/v1/users", "okta_unavailable"),
    ] {
        let scene = Scene::new().await;
        let id = scene.sandbox.okta.hire("Ann", MOBILE, "");
        let server = match path {
            "dynamodb" => scene.sandbox.aws.dynamodb(),
            "IncomingPhoneNumbers" => scene.sandbox.twilio.server(),
            _ => scene.sandbox.okta.server(),
        };
        server.faults().always(Some(Fault::Answer {
            status: 500,
            headers: vec![],
            body: String::new(),
        }));
        let error = scene.try_run().await.unwrap_err();
        assert!(error.to_string().starts_with(outcome), "{error}");
        scene
            .lambda
            .wait_log(|line| line.contains(&format!("\"outcome\":\"{outcome}\"")))
            .await;
        server.faults().clear();
        assert_eq!(
            scene.run().await["purchased"][0]["user"],
            json!(id),
            "the lock was let go"
        );
    }
}

/// While Okta's pages are read, users come, go and move, and its index lags behind.
#[tokio::test]
async fn who_is_listed_twice_gets_one_number_and_who_is_missed_gets_it_in_the_next_run() {
    let scene = Scene::new().await;
    let (okta, twilio) = (&scene.sandbox.okta, &scene.sandbox.twilio);
    let faults = okta.server().faults();
    okta.set_page_size(2);
    let ids = okta.hire_many(3);
    let listed = |users: &[Value]| answer(200, &json!(users).to_string());
    // The first page has two users. The third one is missed.
    faults.next_for("after=", listed(&[]));
    scene.run().await;
    assert_eq!(twilio.purchases(), 2);
    let exchanges = okta.server().exchanges();
    let first = exchanges
        .iter()
        .find(|exchange| exchange.target.starts_with("/api/v1/users?"));
    let page: Vec<Value> = serde_json::from_slice(&first.unwrap().response).unwrap();
    assert_eq!(page.len(), 2);
    // The first two are listed twice, as they were before they had numbers.
    faults.next_for("GET /api/v1/users?", listed(&[page.clone(), page].concat()));
    scene.run().await;
    assert_eq!(twilio.purchases(), 2);
    scene.run().await;
    assert_eq!(twilio.purchases(), 3);
    for id in &ids {
        let numbers = scene.numbers_of(id);
        assert_eq!(numbers.len(), 1, "{id}");
        let number = &numbers[0].number;
        assert_eq!(&scene.profile(id, "primaryPhone"), number, "{id}");
    }
}

/// The list comes before anyone has a number, and has each of two users twice.
#[tokio::test]
async fn who_is_listed_twice_counts_once_in_a_run() {
    for (most, bought) in [("0", 0), ("5", 2)] {
        let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some(most))]).await;
        let okta = &scene.sandbox.okta;
        let ids = okta.hire_many(2);
        let users: Vec<Value> = ids
            .iter()
            .map(|id| {
                let mobile = scene.profile(id, "mobilePhone");
                json!({ "id": id, "status": "ACTIVE", "profile": { "mobilePhone": mobile } })
            })
            .collect();
        let page = json!([users.clone(), users].concat());
        let faults = okta.server().faults();
        faults.next_for("GET /api/v1/users?", answer(200, &page.to_string()));
        let report = scene.run().await;
        assert_eq!(faults.pending(), 0);
        assert_eq!(scene.sandbox.twilio.purchases(), bought, "{report}");
        assert_eq!(report["remaining"], 2 - bought, "{report}");
        let purchased = report["purchased"].as_array().unwrap();
        let purchased: Vec<_> = purchased.iter().map(|user| &user["user"]).collect();
        let expected: Vec<Value> = ids[..bought].iter().map(|id| json!(id)).collect();
        assert_eq!(purchased, expected.iter().collect::<Vec<_>>(), "{report}");
        assert_eq!(did(&report), bought, "{report}");
    }
}
