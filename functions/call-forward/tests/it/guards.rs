//! Calls that go round in circles end, and a company number bounds what it costs.

use sandbox::COMPANY_NUMBER;
use serde_json::json;

use crate::scene::{
    BUSY, CALLER, GREETING, MOBILE, OTHER_CALLER, OTHER_COMPANY_NUMBER, OTHER_MOBILE, Params, REGRET, Scene, and, connected,
    last_words, refused,
};

async fn hang_up(scene: &Scene, params: &Params, seconds: &str) {
    let over = and(params, &[("DialCallStatus", "completed"), ("DialCallDuration", seconds)]);
    assert_eq!(scene.post(&over, "after").await, last_words("Goodbye."));
}

#[tokio::test]
async fn a_mobile_that_passes_calls_back_ends_after_one_round() {
    let scene = Scene::start().await;
    scene.sandbox.twilio.phone_forwards(MOBILE, COMPANY_NUMBER);
    for from in [CALLER, "anonymous", "+266696687"] {
        let call = scene.call(from).await;
        let caller_id = if from == CALLER { CALLER } else { COMPANY_NUMBER };
        connected(&call, MOBILE, caller_id);
        let onward = call.dialled[0].onward.as_ref().unwrap();
        refused(onward, REGRET);
        assert_eq!((call.heard[0].as_str(), scene.line(COMPANY_NUMBER).await.0), (GREETING, 0));
    }
    assert_eq!(scene.outcomes(), ["connected", "loop", "completed"].repeat(3));
}

/// Ann's phone leads to Bob's number and his to hers: the second visit is the last.
#[tokio::test]
async fn two_mobiles_that_pass_calls_to_each_other_end_after_one_round() {
    let scene = Scene::start().await;
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    scene.sandbox.twilio.phone_forwards(MOBILE, OTHER_COMPANY_NUMBER);
    scene.sandbox.twilio.phone_forwards(OTHER_MOBILE, COMPANY_NUMBER);
    let call = scene.call(CALLER).await;
    connected(&call, MOBILE, CALLER);
    let onward = call.dialled[0].onward.as_ref().unwrap();
    connected(onward, OTHER_MOBILE, CALLER);
    refused(onward.dialled[0].onward.as_ref().unwrap(), REGRET);
    assert_eq!(scene.searches(), 2);
}

/// Not every carrier tells who passed a call on.
#[tokio::test]
async fn the_same_caller_within_a_minute_is_the_call_coming_back() {
    let scene = Scene::start().await;
    let (first, again) = (scene.inbound(CALLER), scene.inbound(CALLER));
    let dial = scene.post(&first, "").await;
    assert!(dial.contains(MOBILE));
    assert_eq!(scene.post(&again, "").await, last_words(REGRET));
    scene.logged("loop").await;
    assert_eq!(scene.post(&first, "").await, dial, "the same call again");
    assert_eq!(scene.line(COMPANY_NUMBER).await, (1, 0));
    assert!(scene.post(&scene.inbound(OTHER_CALLER), "").await.contains(MOBILE), "another caller");
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    connected(&scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await, OTHER_MOBILE, CALLER);
    hang_up(&scene, &first, "3").await;
    let third = scene.inbound(CALLER);
    assert_eq!(scene.post(&third, "").await, dial, "people hang up before they dial again");
}

/// The caller hung up, and nobody told; a call outlives neither its own end nor a minute as a mark of a loop.
#[tokio::test]
async fn calls_whose_end_was_never_told_end_by_themselves() {
    let scene = Scene::start().await;
    let now = sandbox::now().as_secs();
    let caller = json!({ "S": "0123456789abcdef" });
    let entry = |since: u64, until: u64| json!({ "M": { "since": { "N": since.to_string() }, "until": { "N": until.to_string() }, "from": caller } });
    let item = json!({
        "pk": { "S": format!("rate#calls#{COMPANY_NUMBER}") }, "sk": { "S": "active" }, "expires_at": { "N": (now + 600).to_string() },
        "call_CA1": entry(now - 9_000, now - 1), "call_CA2": entry(now - 9_000, now - 1_000), "call_CA3": entry(now - 90, now + 600),
    });
    scene.sandbox.aws.put(item).await;
    let params = scene.inbound(CALLER);
    assert!(scene.post(&params, "").await.contains(MOBILE));
    assert_eq!(scene.line(COMPANY_NUMBER).await.0, 2, "what has ended is swept, what is on and this one stay");
}

#[tokio::test]
async fn who_passed_a_call_on_counts() {
    let scene = Scene::start().await;
    for (forwarded_from, looped) in [
        (MOBILE, true),
        (COMPANY_NUMBER, true),
        ("12025550123", true),
        ("(202) 555-0123", true),
        ("001 202 555 0123", true),
        (OTHER_CALLER, false),
        ("+12025550124", false),
        ("0123", false),
        ("", false),
        ("anonymous", false),
    ] {
        scene.mark(forwarded_from);
        let call = scene.sandbox.twilio.caller(CALLER).forwarded_from(forwarded_from).call(COMPANY_NUMBER).await;
        if looped {
            refused(&call, REGRET);
        } else {
            connected(&call, MOBILE, CALLER);
        }
    }
}

#[tokio::test]
async fn company_numbers_and_the_employee_do_not_call() {
    let scene = Scene::start().await;
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    connected(&scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await, OTHER_MOBILE, CALLER);
    for from in [MOBILE, COMPANY_NUMBER, OTHER_COMPANY_NUMBER] {
        refused(&scene.call(from).await, REGRET);
    }
    let call = scene.sandbox.twilio.caller(CALLER).forwarded_from(OTHER_COMPANY_NUMBER).call(COMPANY_NUMBER).await;
    refused(&call, REGRET);
    connected(&scene.call(OTHER_MOBILE).await, MOBILE, OTHER_MOBILE);
    assert_eq!(scene.outcomes()[2..6], ["loop"; 4]);
}

#[tokio::test]
async fn a_number_has_so_many_calls_at_once() {
    let scene = Scene::with(&[("MAX_CONCURRENT_CALLS", Some("2"))]).await;
    let calls = ["+14155550131", "+14155550132", "anonymous"].map(|from| scene.inbound(from));
    for call in &calls[..2] {
        assert!(scene.post(call, "").await.contains(MOBILE));
    }
    assert_eq!(scene.post(&calls[2], "").await, last_words(BUSY));
    scene.logged("line_limit").await;
    assert!(scene.post(&calls[0], "").await.contains(MOBILE), "one that is on already");
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    connected(&scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await, OTHER_MOBILE, CALLER);
    hang_up(&scene, &calls[0], "1").await;
    assert!(scene.post(&calls[2], "").await.contains(MOBILE));
    assert_eq!(scene.line(COMPANY_NUMBER).await, (2, 1));
}

#[tokio::test]
async fn a_number_has_so_many_minutes_a_day() {
    let scene = Scene::with(&[("MAX_MINUTES_PER_DAY", Some("2"))]).await;
    scene.sandbox.twilio.phone_answers(MOBILE, 100);
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 200));
    refused(&scene.call(CALLER).await, BUSY);
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    connected(&scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await, OTHER_MOBILE, CALLER);
}

/// Told twice, counted once; and no minutes for a call that was never connected.
#[tokio::test]
async fn minutes_are_counted_once() {
    let scene = Scene::start().await;
    let (call, stranger) = (scene.inbound(CALLER), scene.inbound(OTHER_CALLER));
    scene.post(&call, "").await;
    for _ in 0..3 {
        hang_up(&scene, &call, "60").await;
        hang_up(&scene, &stranger, "60").await;
    }
    assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 60));
    for seconds in ["-5", "many", "", "99999999999999999999"] {
        let call = scene.inbound(CALLER);
        scene.post(&call, "").await;
        hang_up(&scene, &call, seconds).await;
    }
    assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 60));
}
