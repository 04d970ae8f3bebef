//! Twilio tells when a call is over, whoever ended it and when: its place among the number's calls is free at once.

use sandbox::COMPANY_NUMBER;
use sandbox::twilio::Ended;
use serde_json::json;

use crate::scene::{
    BUSY, CALLER, MOBILE, OTHER_CALLER, Params, Scene, and, connected, last_words, refused, status,
};

/// What ends a call.
const ENDS: [&str; 5] = ["completed", "busy", "failed", "no-answer", "canceled"];

fn ended(scene: &Scene, call: &Params, status: &str) -> Params {
    scene.sandbox.twilio.ended_call(call, status, 9)
}

fn talked(call: &Params, seconds: &str) -> Params {
    and(
        call,
        &[
            ("DialCallStatus", "completed"),
            ("DialCallDuration", seconds),
        ],
    )
}

#[tokio::test]
async fn five_withheld_callers_who_hang_up_in_the_greeting_block_nobody() {
    let scene = Scene::start().await;
    for _ in 0..5 {
        let call = scene
            .sandbox
            .twilio
            .caller("anonymous")
            .hangs_up_during_greeting()
            .call(COMPANY_NUMBER)
            .await;
        assert_eq!(
            (call.ended, call.dialled.len(), call.told),
            (Ended::CallerHungUp, 0, 204)
        );
        assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 0));
    }
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    assert_eq!(scene.outcomes()[..5], ["connected"; 5]);
    assert_eq!(scene.logged("call_ended").await["from"], "withheld");
}

/// Whether or not anybody tells how their calls end.
#[tokio::test]
async fn withheld_callers_never_have_all_lines() {
    for (lines, withheld) in [("5", 2), ("4", 2), ("3", 1), ("2", 1), ("1", 1)] {
        let scene = Scene::with(&[("MAX_CONCURRENT_CALLS", Some(lines))]).await;
        for (n, from) in [
            "anonymous",
            "+266696687",
            "Restricted",
            "anonymous",
            "+8656696",
            "anonymous",
        ]
        .into_iter()
        .enumerate()
        {
            let said = scene.post(&scene.inbound(from), "").await;
            assert_eq!(said.contains(MOBILE), n < withheld, "{lines} {n} {from}");
            assert!(n < withheld || said == last_words(BUSY));
        }
        let said = scene.post(&scene.inbound(CALLER), "").await;
        assert_eq!(
            said.contains(MOBILE),
            lines != "1",
            "{lines}: who shows a number"
        );
    }
}

#[tokio::test]
async fn one_caller_has_two_lines() {
    let scene = Scene::start().await;
    let calls = [(); 3].map(|()| scene.inbound(CALLER));
    let mut said = Vec::new();
    for call in &calls {
        said.push(scene.post(call, "").await.contains(MOBILE));
        let mut item = scene
            .item(&format!("rate#calls#{COMPANY_NUMBER}"))
            .await
            .unwrap();
        for call in item
            .as_object_mut()
            .unwrap()
            .values_mut()
            .filter(|value| value["M"].is_object())
        {
            let since: u64 = call["M"]["since"]["N"].as_str().unwrap().parse().unwrap();
            call["M"]["since"]["N"] = json!((since - 60).to_string()); // no loop
        }
        scene.sandbox.aws.put(item).await;
    }
    assert_eq!(said, [true, true, false]);
    assert!(
        scene
            .post(&scene.inbound(OTHER_CALLER), "")
            .await
            .contains(MOBILE)
    );
}

/// People hang up, and dial again; that is no loop.
#[tokio::test]
async fn who_hangs_up_and_dials_again_is_connected() {
    let scene = Scene::start().await;
    for _ in 0..4 {
        let hung_up = scene
            .sandbox
            .twilio
            .caller(CALLER)
            .hangs_up_during_greeting()
            .call(COMPANY_NUMBER)
            .await;
        assert_eq!((hung_up.ended, hung_up.told), (Ended::CallerHungUp, 204));
    }
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    // The loop guard stays for a call that is on.
    scene.post(&scene.inbound(OTHER_CALLER), "").await;
    refused(&scene.call(OTHER_CALLER).await, BUSY);
    assert_eq!(scene.outcomes().last().unwrap(), "repeated_call");
}

#[tokio::test]
async fn each_status_that_is_an_end_ends_it_and_no_other() {
    let scene = Scene::with(&[("MAX_CONCURRENT_CALLS", Some("100"))]).await;
    for (n, status) in ENDS.into_iter().enumerate() {
        let call = scene.inbound(&format!("+1415555013{n}"));
        scene.post(&call, "").await;
        for other in [
            "queued",
            "initiated",
            "ringing",
            "in-progress",
            "answered",
            "",
            "Completed",
            "newly-invented",
        ] {
            assert_eq!(
                scene.tell(&ended(&scene, &call, other)).await,
                (204, String::new()),
                "{other}"
            );
            assert_eq!(scene.line(COMPANY_NUMBER).await.0, 1, "{other}");
        }
        scene.logged("still_on").await;
        for _ in 0..3 {
            assert_eq!(
                scene.tell(&ended(&scene, &call, status)).await,
                (204, String::new()),
                "{status}"
            );
            assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 0), "{status}");
        }
        scene.logged("nothing_to_end").await;
    }
}

#[tokio::test]
async fn unknown_calls_and_numbers_end_nothing() {
    let scene = Scene::start().await;
    let (call, stranger) = (scene.inbound(CALLER), scene.inbound(OTHER_CALLER));
    scene.post(&call, "").await;
    let before = scene.sandbox.aws.items().await;
    for params in [
        ended(&scene, &stranger, "completed"),
        and(
            &ended(&scene, &call, "completed"),
            &[("To", "+15005550099")],
        ),
        and(
            &ended(&scene, &call, "completed"),
            &[("To", "sip:hello@example.com")],
        ),
    ] {
        assert_eq!(scene.tell(&params).await, (204, String::new()));
    }
    let mut after = scene.sandbox.aws.items().await;
    for (item, before) in after.iter_mut().zip(&before) {
        // That the number's calls end is known from now on.
        item.as_object_mut().unwrap().remove("told_at");
        item["expires_at"] = before["expires_at"].clone();
    }
    assert_eq!(after, before);
}

/// The caller hangs up while they talk: Twilio makes both requests at the same time.
#[tokio::test]
async fn minutes_are_counted_once_whichever_news_come_first() {
    let scene = Scene::start().await;
    let [first, second, third] =
        [CALLER, OTHER_CALLER, "+14155550133"].map(|from| scene.inbound(from));
    for call in [&first, &second, &third] {
        scene.post(call, "").await;
    }
    scene.tell(&ended(&scene, &first, "completed")).await;
    assert_eq!(scene.line(COMPANY_NUMBER).await, (2, 0), "its line is free");
    for _ in 0..2 {
        scene.post(&talked(&first, "60"), "after").await;
        scene.tell(&ended(&scene, &first, "completed")).await;
        assert_eq!(scene.line(COMPANY_NUMBER).await, (2, 60));
    }
    scene.post(&talked(&second, "30"), "after").await;
    scene.tell(&ended(&scene, &second, "completed")).await;
    assert_eq!(scene.line(COMPANY_NUMBER).await, (1, 90));
    let (over, news) = (talked(&third, "10"), ended(&scene, &third, "completed"));
    tokio::join!(scene.post(&over, "after"), scene.tell(&news));
    assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 100));
}

/// Twilio's repetition of the first request, late: the call is over all the same.
#[tokio::test]
async fn a_call_that_has_ended_does_not_come_back() {
    let scene = Scene::start().await;
    let call = scene.inbound(CALLER);
    scene.post(&call, "").await;
    scene.tell(&ended(&scene, &call, "no-answer")).await;
    scene.post(&call, "").await;
    assert_eq!(scene.line(COMPANY_NUMBER).await.0, 0);
}

/// Neither ends nor calls without an end pile up in a number's item.
#[tokio::test]
async fn what_is_kept_of_ended_calls_is_little() {
    let scene = Scene::start().await;
    let now = sandbox::now().as_secs();
    let mut item = json!({
        "pk": { "S": format!("rate#calls#{COMPANY_NUMBER}") }, "sk": { "S": "active" }, "expires_at": { "N": (now + 600).to_string() },
    });
    for n in 0..150 {
        let since = (now - 300 - n).to_string();
        item[format!("call_CA{n:032x}")] =
            json!({ "M": { "since": { "N": since }, "until": { "N": (now - 1).to_string() } } });
        item[format!("over_CA{n:032x}")] = json!({ "N": (now - n).to_string() });
    }
    scene.sandbox.aws.put(item).await;
    let call = scene.inbound(CALLER);
    assert!(scene.post(&call, "").await.contains(MOBILE));
    let item = scene
        .item(&format!("rate#calls#{COMPANY_NUMBER}"))
        .await
        .unwrap();
    let names: Vec<&String> = item.as_object().unwrap().keys().collect();
    let kept = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).count();
    assert_eq!(kept("call_"), 101, "the last hundred, and this one");
    assert!(
        (115..=120).contains(&kept("over_")),
        "those of two minutes: {}",
        kept("over_")
    );
    assert!(
        item[format!("call_CA{:032x}", 99)].is_object()
            && item[format!("call_CA{:032x}", 100)].is_null()
    );
}

/// Nobody hears the answer; Twilio tells once more.
#[tokio::test]
async fn without_the_table_an_end_is_told_again() {
    let scene = Scene::start().await;
    let call = scene.inbound(CALLER);
    scene.post(&call, "").await;
    scene.dynamodb().always(Some(status(500)));
    assert_eq!(
        scene.tell(&ended(&scene, &call, "completed")).await,
        (503, String::new())
    );
    scene.dynamodb().clear();
    assert_eq!(
        scene.tell(&ended(&scene, &call, "completed")).await,
        (204, String::new())
    );
    assert_eq!(scene.line(COMPANY_NUMBER).await.0, 0);
}

#[tokio::test]
async fn a_forged_end_is_refused() {
    let scene = Scene::start().await;
    let call = scene.inbound(CALLER);
    scene.post(&call, "").await;
    let (params, url) = (
        ended(&scene, &call, "completed"),
        format!("{}status", scene.lambda.url()),
    );
    let of_the_call = scene.sandbox.twilio.sign(scene.lambda.url(), &call);
    for signature in ["", "x", &of_the_call] {
        let answer = scene
            .sandbox
            .twilio
            .post_call_signed(params.clone(), &url, signature)
            .await;
        assert_eq!(answer, (403, String::new()), "{signature}");
    }
    assert_eq!(scene.line(COMPANY_NUMBER).await.0, 1);
}
