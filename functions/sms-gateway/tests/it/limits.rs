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
    assert!(hours.iter().all(|hits| *hits <= limit) && (hours.len() > 1 || hours == [limit]), "{hours:?}");
    let with = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((with(200), with(429)), (sent, answers.len() - sent));
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.body["error"].is_string()));
    assert_eq!(scene.logged("rate_limited").await["Refused"], 1);
    assert_eq!(scene.items("sent#").await.len(), sent, "what is refused leaves nothing behind");
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
    let sends = sends(12, |n| (PHONE.to_owned(), format!("Your code is 2718281{n}")));
    limited("SMS_PER_NUMBER_PER_HOUR", sends, &format!("rate#code#{PHONE}")).await;
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
    let scene = Scene::with(&[("SMS_ROUTES", Some("*=twilio,vonage")), ("SMS_PER_HOUR", Some("3"))]).await;
    let counters = [format!("rate#code#{PHONE}"), "rate#code-range#+452030".to_owned(), "rate#code#all".to_owned()];
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
        assert_eq!(scene.send(PHONE, &format!("Your code is 2718281{n}")).await.status, 502);
        assert_eq!(counted().await, [0, 0, 0]);
    }
    for n in 0..2 {
        assert_eq!(scene.send(PHONE, &format!("Your code is 2718281{n}")).await.status, 200);
    }
    for provider in ["twilio", "vonage"] {
        scene.faults(provider).next(status(500));
    }
    assert_eq!((scene.send(PHONE, "Your code is 27182812").await.status, counted().await), (504, vec![3, 3, 3]));
    let hours = scene.counted("rate#code#all").await.len();
    assert!(hours > 1 || scene.send(PHONE, "Your code is 27182813").await.status == 429);
}

#[tokio::test]
async fn countries_that_are_not_listed_and_ranges_that_cost() {
    let scene = Scene::with(&[("SMS_ROUTES", Some("*=twilio")), ("ALLOWED_COUNTRIES", Some("DK,US"))]).await;
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
        assert_eq!((answer.status, answer.body["error"].is_string()), (429, true), "{number}");
    }
    assert_eq!(scene.logged("country_not_allowed").await["Refused"], 1);
    scene.untouched();
    assert_eq!(scene.send("+12025550123", TEXT).await.status, 200);
}

/// Attackers earn by texts to ranges of theirs; users of ours come from everywhere.
#[tokio::test]
async fn a_pumping_attack_is_stopped_and_users_do_not_notice() {
    const ELSEWHERE: [u32; 10] =
        [44_740_012, 7_912_345, 35_567_212, 960_771, 1_876_555, 88_161_234, 459_020, 234_802_123, 26_371_234, 1_900_555];
    let scene = Arc::new(Scene::on(Sandbox::start().await, 4, &[("SMS_ROUTES", Some("*=twilio"))]).await);
    let attack = (0..1_000_u32).map(|n| match n % 10 {
        0..7 => format!("+452030{:04}", n / 10 * 7 + n % 10),
        7 | 8 => "+4531415161".to_owned(),
        _ => format!("+{}{:04}", ELSEWHERE[(n / 10 % 10) as usize], n),
    });
    let attack = attack.enumerate().map(|(n, number)| (number, format!("Your code is {n:08}")));
    let user = |n: usize| (format!("+45{}{:04}", 4000 + n, n * 37 % 10_000), format!("Your code is {n:08}"));
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
            sending.spawn(async move { (is_user, scene.post_as(Some(&format!("Bearer {BEARER}")), &request).await.status) });
        }
        for (is_user, status) in sending.join_all().await {
            assert!(matches!(status, 200 | 429), "{status}");
            users += usize::from(is_user);
            passed += usize::from(is_user && status == 200);
        }
    }
    assert!(users == 200 && passed * 100 >= users * 99, "{passed} of {users}");
    let mut ranges: BTreeMap<String, u64> = BTreeMap::new();
    let mut hammered = 0;
    for message in scene.sandbox.twilio.messages() {
        *ranges.entry(message.to[..message.to.len() - 4].to_owned()).or_default() += 1;
        hammered += u64::from(message.to == "+4531415161");
    }
    let hours = u64::try_from(scene.counted("rate#code#all").await.len()).unwrap();
    assert!(hours <= 2);
    assert!(ranges["+452030"] <= 25 * hours && hammered <= 10 * hours, "{hammered} {ranges:?}");
    assert!(
        ranges.keys().all(|range| range.starts_with("+454") || ["+452030", "+453141"].contains(&range.as_str())),
        "{ranges:?}"
    );
}
