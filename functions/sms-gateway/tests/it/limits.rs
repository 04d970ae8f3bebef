//! What strangers can make us send.

use std::collections::BTreeMap;
use std::sync::Arc;

use sandbox::Sandbox;
use serde_json::json;

use crate::scene::{Answer, BEARER, PHONE, Scene, TEXT, status};

fn sends(n: u64, send: impl Fn(u64) -> (String, String)) -> Vec<(String, String)> {
    (0..n).map(send).collect()
}

/// Everything counted was sent and none beyond the limit, in every hour the test saw; the others were answered 429.
async fn bounded(scene: &Scene, counter: &str, limit: u64, answers: &[Answer]) {
    let (hours, sent) = (scene.counted(counter).await, scene.texts()[0]);
    assert_eq!(hours.iter().sum::<u64>(), u64::try_from(sent).unwrap());
    assert!(
        hours.iter().all(|hits| *hits <= limit) && (hours.len() > 1 || hours == [limit]),
        "{hours:?}"
    );
    let with = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((with(200), with(429)), (sent, answers.len() - sent));
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 200 || answer.body["error"].is_string())
    );
    assert_eq!(scene.logged("rate_limited").await["Refused"], 1);
    let stages: Vec<_> = scene
        .items("sent#")
        .await
        .iter()
        .map(|item| item["stage"]["S"].clone())
        .collect();
    assert_eq!(stages.iter().filter(|stage| *stage == "sent").count(), sent);
    assert!(
        stages
            .iter()
            .all(|stage| *stage == "sent" || *stage == "failed"),
        "what is refused can be asked for again: {stages:?}"
    );
}

async fn limited(variable: &str, sends: Vec<(String, String)>, counter: &str) {
    let overrides = [("SMS_ROUTES", Some("*=twilio")), (variable, Some("3"))];
    let scene = Arc::new(Scene::on(Sandbox::start().await, 4, &overrides).await);
    let answers = scene.send_together(sends).await;
    bounded(&scene, counter, 3, &answers).await;
    assert_eq!(scene.logged("rate_limited").await["limit"], variable);
}

#[tokio::test]
async fn new_codes_to_one_number_at_once() {
    let sends = sends(12, |n| {
        (PHONE.to_owned(), format!("Your code is 2718281{n}"))
    });
    limited(
        "SMS_PER_NUMBER_PER_HOUR",
        sends,
        &format!("rate#code#{PHONE}"),
    )
    .await;
}

#[tokio::test]
async fn the_numbers_of_one_range_at_once() {
    let sends = sends(12, |n| (format!("+45203040{n:02}"), TEXT.to_owned()));
    limited("SMS_PER_RANGE_PER_HOUR", sends, "rate#code-range#+452030").await;
}

#[tokio::test]
async fn numbers_everywhere_at_once() {
    let sends = sends(12, |n| (format!("+4520{n:02}4050"), TEXT.to_owned()));
    limited("SMS_PER_HOUR", sends, "rate#code#all").await;
}

/// What may have been sent counts like what was.
#[tokio::test]
async fn texts_that_no_provider_took_do_not_count() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=twilio,vonage")),
        ("SMS_PER_HOUR", Some("3")),
    ])
    .await;
    let counters = [
        format!("rate#code#{PHONE}"),
        "rate#code-range#+452030".to_owned(),
        "rate#code#all".to_owned(),
    ];
    let counted = async || {
        let mut sums = Vec::new();
        for counter in &counters {
            sums.push(scene.counted(counter).await.iter().sum::<u64>());
        }
        sums
    };
    for provider in ["twilio", "vonage"] {
        scene.faults(provider).times(4, || status(429));
    }
    for n in 0..4 {
        assert_eq!(
            scene
                .send(PHONE, &format!("Your code is 2718281{n}"))
                .await
                .status,
            502
        );
        assert_eq!(counted().await, [0, 0, 0]);
    }
    for n in 0..2 {
        assert_eq!(
            scene
                .send(PHONE, &format!("Your code is 2718281{n}"))
                .await
                .status,
            200
        );
    }
    for provider in ["twilio", "vonage"] {
        scene.faults(provider).next(status(500));
    }
    assert_eq!(
        (
            scene.send(PHONE, "Your code is 27182812").await.status,
            counted().await
        ),
        (504, vec![3, 3, 3])
    );
    let hours = scene.counted("rate#code#all").await.len();
    assert!(hours > 1 || scene.send(PHONE, "Your code is 27182813").await.status == 429);
}

#[tokio::test]
async fn countries_that_are_not_listed_and_ranges_that_cost() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=twilio")),
        ("ALLOWED_COUNTRIES", Some("DK,US")),
    ])
    .await;
    for number in [
        "+442071838750",
        "+573001234567",
        "+18765550123", // Jamaica
        "+14165550123", // Canada
        "+4590203040",  // premium in an allowed country
        "+19005550123",
        "+881612345678", // satellite
        "+870773111632",
        "+882131234567",
        "+979123456789",
    ] {
        let answer = scene.send(number, TEXT).await;
        assert_eq!(
            (answer.status, answer.body["error"].is_string()),
            (429, true),
            "{number}"
        );
    }
    assert_eq!(scene.logged("country_not_allowed").await["Refused"], 1);
    scene.untouched();
    assert_eq!(scene.send("+12025550123", TEXT).await.status, 200);
}

/// Attackers earn by texts to ranges of theirs; users of ours come from everywhere.
#[tokio::test]
async fn a_pumping_attack_is_stopped_and_users_do_not_notice() {
    const ELSEWHERE: [u32; 10] = [
        44_740_012,
        7_912_345,
        35_567_212,
        960_771,
        1_876_555,
        88_161_234,
        459_020,
        234_802_123,
        26_371_234,
        1_900_555,
    ];
    let scene = Arc::new(
        Scene::on(
            Sandbox::start().await,
            4,
            &[("SMS_ROUTES", Some("*=twilio"))],
        )
        .await,
    );
    let attack = (0..1_000_u32).map(|n| match n % 10 {
        0..7 => format!("+452030{:04}", n / 10 * 7 + n % 10),
        7 | 8 => "+4531415161".to_owned(),
        _ => format!("+{}{:04}", ELSEWHERE[(n / 10 % 10) as usize], n),
    });
    let attack = attack
        .enumerate()
        .map(|(n, number)| (number, format!("Your code is {n:08}")));
    let user = |n: usize| {
        (
            format!("+45{}{:04}", 4000 + n, n * 37 % 10_000),
            format!("Your code is {n:08}"),
        )
    };
    // Users come all through the attack, the last after it.
    let mut all: Vec<(bool, (String, String))> = Vec::new();
    for (n, request) in attack.enumerate() {
        all.push((false, request));
        if n % 5 == 4 {
            all.push((true, user(n / 5)));
        }
    }
    let (mut passed, mut users) = (0, 0);
    for wave in all.chunks(60) {
        let mut sending = tokio::task::JoinSet::new();
        for (is_user, (to, text)) in wave.iter().cloned() {
            let scene = Arc::clone(&scene);
            let request = json!({ "recipient": to, "text": text });
            sending.spawn(async move {
                (
                    is_user,
                    scene
                        .post_as(Some(&format!("Bearer {BEARER}")), &request)
                        .await
                        .status,
                )
            });
        }
        for (is_user, status) in sending.join_all().await {
            assert!(matches!(status, 200 | 429), "{status}");
            users += usize::from(is_user);
            passed += usize::from(is_user && status == 200);
        }
    }
    assert!(
        users == 200 && passed * 100 >= users * 99,
        "{passed} of {users}"
    );
    let mut ranges: BTreeMap<String, u64> = BTreeMap::new();
    let mut hammered = 0;
    for message in scene.sandbox.twilio.messages() {
        *ranges
            .entry(message.to[..message.to.len() - 4].to_owned())
            .or_default() += 1;
        hammered += u64::from(message.to == "+4531415161");
    }
    let hours = u64::try_from(scene.counted("rate#code#all").await.len()).unwrap();
    assert!(hours <= 2);
    assert!(
        ranges["+452030"] <= 25 * hours && hammered <= 10 * hours,
        "{hammered} {ranges:?}"
    );
    assert!(
        ranges
            .keys()
            .all(|range| range.starts_with("+454")
                || ["+452030", "+453141"].contains(&range.as_str())),
        "{ranges:?}"
    );
}

fn asked_from(ip: &str, to: &str, text: &str) -> serde_json::Value {
    json!({ "recipient": to, "body": text, "sender": "ACME", "req": { "ip": ip, "user-agent": "curl" } })
}

#[tokio::test]
async fn one_address_cannot_use_up_everybody_s_budget() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=twilio")),
        ("ALLOWED_COUNTRIES", Some("DK")),
        ("SMS_PER_HOUR", Some("60")),
    ])
    .await;
    let mut passed = 0;
    for n in 0..60 {
        let to = format!("+4520{n:02}4050");
        // One customer's IPv6 network is one asker.
        let ip = format!("2001:db8:7:1::{n:x}");
        passed += u64::from(
            scene
                .post(&asked_from(&ip, &to, &format!("Your code is 31{n:02}5926")))
                .await
                .status
                == 200,
        );
    }
    assert_eq!(
        passed, 15,
        "a quarter of the total, which is too small for a reserve"
    );
    assert_eq!(
        scene.logged("rate_limited").await["limit"],
        "SMS_PER_IP_PER_HOUR"
    );
    for n in 0..20 {
        let to = format!("+4540{n:02}4050");
        assert_eq!(
            scene
                .post(&asked_from(&format!("198.51.100.{n}"), &to, TEXT))
                .await
                .status,
            200,
            "{n}"
        );
    }
    let items = scene.items("rate#code-ip#").await;
    assert!(
        items.len() == 21
            && items
                .iter()
                .all(|item| !item.to_string().contains("2001:db8")),
        "{items:#?}"
    );
}

#[tokio::test]
async fn one_country_cannot_use_up_the_others_budget() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=twilio")),
        ("ALLOWED_COUNTRIES", Some("DK,US")),
        ("SMS_PER_HOUR", Some("30")),
        ("SMS_PER_COUNTRY_PER_HOUR", Some("4")),
    ])
    .await;
    let mut statuses = Vec::new();
    for n in 0..6 {
        statuses.push(scene.send(&format!("+1202555{n}123"), TEXT).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 429, 429]);
    assert_eq!(
        scene.logged("rate_limited").await["limit"],
        "SMS_PER_COUNTRY_PER_HOUR"
    );
    // The country that Auth0 saw the asker in has a budget too.
    for n in 0..6 {
        let body = json!({ "recipient": format!("+4520{n}04050"), "text": TEXT, "req": { "country": "NG" } });
        let expected = if n < 4 { 200 } else { 429 };
        assert_eq!(scene.post(&body).await.status, expected, "{n}");
        if n == 3 {
            // Denmark's four are used up too: the fifth is refused for both.
            assert_eq!(scene.send("+4531415161", TEXT).await.status, 429);
        }
    }
}

/// Whoever had a code before still gets one after strangers have used up the range and the total.
#[tokio::test]
async fn a_reserve_is_kept_for_numbers_that_had_a_code_before() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=twilio")),
        ("ALLOWED_COUNTRIES", Some("DK")),
        ("SMS_PER_HOUR", Some("20")),
        ("SMS_PER_RANGE_PER_HOUR", Some("20")),
    ])
    .await;
    assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
    for n in 0..20 {
        let status = scene
            .send(
                &format!("+45203060{n:02}"),
                &format!("Your code is 31{n:02}5926"),
            )
            .await
            .status;
        assert_eq!(status, if n < 15 { 200 } else { 429 }, "{n}");
    }
    // Known since today: half of the reserve.
    let statuses = async |texts: std::ops::Range<u64>| {
        let mut statuses = Vec::new();
        for n in texts {
            statuses.push(
                scene
                    .send(PHONE, &format!("Your code is 5{n:02}41593"))
                    .await
                    .status,
            );
        }
        statuses
    };
    assert_eq!(statuses(0..3).await, [200, 200, 429]);
    // Known for longer: all of it.
    let number = scene.items(&format!("rate#code#{PHONE}")).await.remove(0);
    let day_ago = sandbox::now().as_secs() - 86_401;
    scene
        .sandbox
        .aws
        .set_number(
            number["pk"]["S"].as_str().unwrap(),
            "hour",
            "first_at",
            day_ago,
        )
        .await;
    assert_eq!(statuses(3..6).await, [200, 200, 429]);
    assert_eq!(scene.texts()[0], 20);
}

#[tokio::test]
async fn half_of_the_total_is_told() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=twilio")),
        ("SMS_PER_HOUR", Some("6")),
    ])
    .await;
    let mut told = Vec::new();
    for n in 0..4 {
        let text = format!("Your code is 5{n:02}41593");
        assert_eq!(scene.send(PHONE, &text).await.status, 200);
        let id = scene.sandbox.twilio.messages().pop().unwrap().sid;
        let line = scene.lambda.wait_log(|line| line.contains(&id)).await;
        told.push(line.contains("HalfOfBudgetUsed"));
    }
    assert_eq!(told, [false, false, true, true]);
}
