//! Calls that go round in circles end, and a company number bounds what it costs.

use sandbox::COMPANY_NUMBER;
use sandbox::twilio::Ended;
use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{
    BUSY, CALLER, GREETING, MOBILE, OTHER_CALLER, OTHER_COMPANY_NUMBER, OTHER_MOBILE, Params,
    REGRET, Scene, and, connected, last_words, refused,
};

async fn hang_up(scene: &Scene, params: &Params, seconds: &str) {
    let over = and(
        params,
        &[
            ("DialCallStatus", "completed"),
            ("DialCallDuration", seconds),
        ],
    );
    assert_eq!(scene.post(&over, "after").await, last_words("Goodbye."));
}

/// Its carrier tells who passed the call on.
#[tokio::test]
async fn a_mobile_that_passes_calls_back_ends_after_one_round() {
    let scene = Scene::start().await;
    scene.sandbox.twilio.phone_forwards(MOBILE, COMPANY_NUMBER);
    for from in [CALLER, "anonymous", "+266696687"] {
        let call = scene.call(from).await;
        let caller_id = if from == CALLER {
            CALLER
        } else {
            COMPANY_NUMBER
        };
        connected(&call, MOBILE, caller_id);
        let onward = call.dialled[0].onward.as_ref().unwrap();
        refused(onward, REGRET);
        assert_eq!(
            (call.heard[0].as_str(), scene.line(COMPANY_NUMBER).await.0),
            (GREETING, 0)
        );
    }
    assert_eq!(
        scene.outcomes(),
        ["connected", "loop", "completed"].repeat(3)
    );
}

/// Ann's phone leads to Bob's number and his to hers: the second visit is the last.
#[tokio::test]
async fn two_mobiles_that_pass_calls_to_each_other_end_after_one_round() {
    let scene = Scene::start().await;
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    scene
        .sandbox
        .twilio
        .phone_forwards(MOBILE, OTHER_COMPANY_NUMBER);
    scene
        .sandbox
        .twilio
        .phone_forwards(OTHER_MOBILE, COMPANY_NUMBER);
    let call = scene.call(CALLER).await;
    connected(&call, MOBILE, CALLER);
    let onward = call.dialled[0].onward.as_ref().unwrap();
    connected(onward, OTHER_MOBILE, CALLER);
    refused(onward.dialled[0].onward.as_ref().unwrap(), BUSY);
    assert_eq!(scene.searches(), 2);
}

/// Not every carrier tells who passed a call on.
#[tokio::test]
async fn the_same_caller_within_a_minute_is_the_call_coming_back() {
    let scene = Scene::start().await;
    let (first, again) = (scene.inbound(CALLER), scene.inbound(CALLER));
    let dial = scene.post(&first, "").await;
    assert!(dial.contains(MOBILE));
    assert_eq!(scene.post(&again, "").await, last_words(BUSY));
    scene.logged("repeated_call").await;
    assert_eq!(scene.post(&first, "").await, dial, "the same call again");
    assert_eq!(scene.line(COMPANY_NUMBER).await, (1, 0));
    assert!(
        scene
            .post(&scene.inbound(OTHER_CALLER), "")
            .await
            .contains(MOBILE),
        "another caller"
    );
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    connected(
        &scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await,
        OTHER_MOBILE,
        CALLER,
    );
    hang_up(&scene, &first, "3").await;
    let third = scene.inbound(CALLER);
    assert_eq!(
        scene.post(&third, "").await,
        dial,
        "people hang up before they dial again"
    );
}

/// Lets time pass for the calls of the sandbox's company number.
async fn let_pass(scene: &Scene, seconds: u64) {
    let mut item = scene
        .item(&format!("rate#calls#{COMPANY_NUMBER}"))
        .await
        .unwrap();
    for (name, call) in item.as_object_mut().unwrap() {
        for moment in ["since", "until"] {
            if let Some(at) = call["M"][moment]["N"]
                .as_str()
                .filter(|_| name.starts_with("call_"))
            {
                call["M"][moment]["N"] = (at.parse::<u64>().unwrap() - seconds).to_string().into();
            }
        }
    }
    scene.sandbox.aws.put(item).await;
}

/// No webhook tells of it: such a call counts as long as one whose phone rings after the longest greeting.
#[tokio::test]
async fn without_a_status_callback_who_hangs_up_during_the_greeting_does_not_block_the_number_for_long()
 {
    let scene = Scene::start().await;
    scene.sandbox.twilio.set_status_callback(COMPANY_NUMBER, "");
    for n in 0..7 {
        let from = format!("+1415555013{n}");
        scene.mark(&from);
        let call = scene
            .sandbox
            .twilio
            .caller(&from)
            .hangs_up_during_greeting()
            .call(COMPANY_NUMBER)
            .await;
        assert_eq!((call.ended, call.dialled.len()), (Ended::CallerHungUp, 0));
    }
    assert_eq!(
        scene.outcomes(),
        [["connected"; 5].as_slice(), &["line_limit"; 2]].concat()
    );
    let_pass(&scene, 25 + 90 - 60).await;
    refused(&scene.call(CALLER).await, BUSY);
    let_pass(&scene, 60).await;
    for from in ["+14155550130", CALLER] {
        connected(&scene.call(from).await, MOBILE, from);
    }
}

#[tokio::test]
async fn a_long_call_is_counted_whoever_called_meanwhile() {
    let scene = Scene::start().await;
    let call = scene.inbound(CALLER);
    scene.post(&call, "").await;
    let_pass(&scene, 1_800).await;
    connected(&scene.call(OTHER_CALLER).await, MOBILE, OTHER_CALLER);
    hang_up(&scene, &call, "1800").await;
    assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 1_842));
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
    assert_eq!(
        scene.line(COMPANY_NUMBER).await.0,
        2,
        "what has ended is swept, what is on and this one stay"
    );
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
        let call = scene
            .sandbox
            .twilio
            .caller(CALLER)
            .forwarded_from(forwarded_from)
            .call(COMPANY_NUMBER)
            .await;
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
    connected(
        &scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await,
        OTHER_MOBILE,
        CALLER,
    );
    for from in [MOBILE, COMPANY_NUMBER, OTHER_COMPANY_NUMBER] {
        refused(&scene.call(from).await, REGRET);
    }
    let call = scene
        .sandbox
        .twilio
        .caller(CALLER)
        .forwarded_from(OTHER_COMPANY_NUMBER)
        .call(COMPANY_NUMBER)
        .await;
    refused(&call, REGRET);
    connected(&scene.call(OTHER_MOBILE).await, MOBILE, OTHER_MOBILE);
    assert_eq!(scene.outcomes()[2..6], ["loop"; 4]);
}

/// What provision-numbers bought is a company number before anybody called it.
#[tokio::test]
async fn a_bought_number_is_known_before_its_first_call() {
    let scene = Scene::start().await;
    scene.mark(OTHER_COMPANY_NUMBER);
    let on_the_way = || {
        scene
            .sandbox
            .twilio
            .caller(CALLER)
            .forwarded_from(OTHER_COMPANY_NUMBER)
            .call(COMPANY_NUMBER)
    };
    connected(&on_the_way().await, MOBILE, CALLER);
    connected(
        &scene.call(OTHER_COMPANY_NUMBER).await,
        MOBILE,
        OTHER_COMPANY_NUMBER,
    );
    let owner = json!({ "pk": { "S": format!("number#{OTHER_COMPANY_NUMBER}") }, "sk": { "S": "owner" }, "user": { "S": "00u1" } });
    scene.sandbox.aws.put(owner).await;
    refused(&on_the_way().await, REGRET);
    refused(&scene.call(OTHER_COMPANY_NUMBER).await, REGRET);
    scene.hire("Bob", OTHER_COMPANY_NUMBER, "+15005550021");
    refused(&scene.call_to(CALLER, "+15005550021").await, REGRET);
    assert_eq!(scene.outcomes()[4..], ["loop", "loop", "company_number"]);
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
    assert!(
        scene.post(&calls[0], "").await.contains(MOBILE),
        "one that is on already"
    );
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    connected(
        &scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await,
        OTHER_MOBILE,
        CALLER,
    );
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
    connected(
        &scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await,
        OTHER_MOBILE,
        CALLER,
    );
}

#[tokio::test]
async fn the_minutes_of_past_days_are_forgotten() {
    let scene = Scene::with(&[("MAX_MINUTES_PER_DAY", Some("2"))]).await;
    let now = sandbox::now().as_secs();
    let item = json!({
        "pk": { "S": format!("rate#calls#{COMPANY_NUMBER}") }, "sk": { "S": "active" }, "expires_at": { "N": (now + 600).to_string() },
        format!("talked_{}", now / 86_400 - 2): { "N": "50000" },
    });
    scene.sandbox.aws.put(item).await;
    let call = scene.inbound(CALLER);
    assert!(
        scene.post(&call, "").await.contains(MOBILE),
        "they do not count"
    );
    hang_up(&scene, &call, "60").await;
    assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 60), "nor pile up");
}

/// Two lines that never hang up must not talk all day. Where nobody tells how calls end, a caller who hung up during the greeting looks
/// like one who talks: that must not block an honest number.
#[tokio::test]
async fn minutes_of_calls_under_way_count_where_ends_are_told() {
    for told in [true, false] {
        let scene = Scene::with(&[("MAX_MINUTES_PER_DAY", Some("2"))]).await;
        let first = scene.inbound(OTHER_CALLER);
        scene.post(&first, "").await;
        hang_up(&scene, &first, "1").await;
        if told {
            let news = scene.sandbox.twilio.ended_call(&first, "completed", 9);
            assert_eq!(scene.tell(&news).await.0, 204);
        }
        scene.post(&scene.inbound(CALLER), "").await;
        let_pass(&scene, 110).await;
        let before_the_limit = scene.inbound("+14155550133");
        assert!(scene.post(&before_the_limit, "").await.contains(MOBILE));
        let_pass(&scene, 30).await;
        let said = scene.post(&scene.inbound(OTHER_CALLER), "").await;
        assert_eq!(said == last_words(BUSY), told, "{said}");
    }
}

#[tokio::test]
async fn what_calls_beyond_a_hundred_have_talked_is_counted_once() {
    let scene = Scene::start().await;
    let now = sandbox::now().as_secs();
    let mut item = json!({
        "pk": { "S": format!("rate#calls#{COMPANY_NUMBER}") }, "sk": { "S": "active" }, "expires_at": { "N": (now + 600).to_string() },
        "told_at": { "N": now.to_string() },
    });
    for n in 0..102 {
        let since = (now - 300 - n).to_string();
        item[format!("call_CA{n:032x}")] =
            json!({ "M": { "since": { "N": since }, "until": { "N": (now - 1).to_string() } } });
    }
    scene.sandbox.aws.put(item).await;
    let mut call = scene.inbound(CALLER);
    assert!(scene.post(&call, "").await.contains(MOBILE));
    let (calls, talked) = scene.line(COMPANY_NUMBER).await;
    assert_eq!(calls, 101, "the last hundred, and this one");
    assert!((801..820).contains(&talked), "{talked}");
    call = and(&call, &[("CallSid", &format!("CA{:032x}", 101))]);
    hang_up(&scene, &call, "500").await;
    assert_eq!(scene.line(COMPANY_NUMBER).await, (101, talked));
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

/// The table notes a call, and its answer is lost. The write is repeated, and finds its own entry.
#[tokio::test]
async fn a_refused_call_takes_no_line_although_the_answer_to_its_note_was_lost() {
    let scene = Scene::start().await;
    let first = scene.inbound(CALLER);
    assert!(scene.post(&first, "").await.contains(MOBILE));
    scene
        .dynamodb()
        .next_with("attribute_not_exists(call_", Fault::ResetAfter);
    let again = scene.inbound(CALLER);
    assert_eq!(scene.post(&again, "").await, last_words(BUSY));
    assert_eq!(
        (
            scene.line(COMPANY_NUMBER).await.0,
            scene.dynamodb().pending()
        ),
        (1, 0)
    );
    // Nor does a copy of the first call take its line away.
    assert!(scene.post(&first, "").await.contains(MOBILE));
    assert_eq!(scene.line(COMPANY_NUMBER).await.0, 1);
}
