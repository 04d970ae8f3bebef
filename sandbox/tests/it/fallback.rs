//! A code that no provider of texts delivers is read out by phone, on the real binaries.

use sandbox::{
    calls::Called,
    end_user_messaging::POOL_ARN,
    receipts::{Fate, Post, State},
    scene::says,
    twilio::NO_ANSWER,
};
use serde_json::{Value, json};

use crate::{
    failover::{FAILED, PHONE, age, kept, run, sent},
    receipts::Circle,
};

/// A circle in which a code that no provider of texts delivered is read out by phone.
pub(crate) async fn calling(routes: &str, more: &[(&str, Option<&str>)]) -> Circle {
    let settings = [
        ("FALLBACK_CHANNEL", Some("voice")),
        ("VOICE_PROVIDERS", Some("twilio,vonage")),
        (
            "VOICE_FROM",
            Some("twilio:+15005550006,vonage:+15005550006"),
        ),
        ("AWS_VOICE_IDENTITY_ARN", Some(POOL_ARN)),
    ];
    let circle = Circle::with(routes, "true", &[&settings, more].concat()).await;
    for receipts in circle.sandbox.receipts() {
        receipts.usually(Fate::never());
    }
    circle
}

/// All calls, through all providers.
pub(crate) fn calls(circle: &Circle) -> Vec<Called> {
    let sandbox = &circle.sandbox;
    [
        sandbox.twilio.made_calls(),
        sandbox.vonage.made_calls(),
        sandbox.aws_sms.made_calls(),
    ]
    .concat()
}

/// The counters of the scoreboard, by the beginning of their line.
async fn scores(circle: &Circle, provider: &str) -> Vec<Value> {
    let mut items = circle.sandbox.aws.items().await;
    items.retain(|item| {
        let line = item["sk"]["S"].as_str().unwrap_or_default();
        item["pk"]["S"].as_str().unwrap().starts_with("score#")
            && line.split('#').any(|part| part == provider)
    });
    items
}

const WORDS: &str = "Your code is: 2. 7. 1. 8. 2. 8. 1. 8.";

#[tokio::test]
async fn a_code_that_no_text_delivered_is_read_out_once_after_a_bad_receipt() {
    let circle = calling("*=plivo", &[]).await;
    let text = sent(&circle, PHONE, 27_182_818).await;
    assert_eq!(
        kept(&circle).await.len(),
        1,
        "one provider of texts is enough"
    );
    for _ in 0..2 {
        assert_eq!(circle.sandbox.plivo.report(&text, FAILED).await, 204);
    }
    let [call] = &calls(&circle)[..] else {
        panic!("one call")
    };
    assert_eq!(
        (&*call.to, &call.says[..]),
        (PHONE, &[WORDS, WORDS].map(str::to_owned)[..])
    );
    assert_eq!((circle.texts(), kept(&circle).await.len()), (1, 0));
    // Nobody takes the call. It was the last thing to try.
    let missed = Post::genuine(State::Failed(NO_ANSWER));
    assert_eq!(circle.sandbox.twilio.report_call(call, missed).await, 204);
    age(&circle, 60).await;
    run(&circle).await;
    assert_eq!((circle.texts(), calls(&circle).len()), (1, 1));
    let entries = circle.sandbox.aws.items().await;
    let entry = entries
        .iter()
        .find(|item| item["sk"]["S"] == "send")
        .unwrap();
    let receipts = &entry["receipts"]["M"];
    assert_eq!(receipts["twilio_voice"]["S"], "not_answered");
    assert_eq!(receipts["plivo"]["S"], "unreachable");
    // The call counts for itself, and the number's next code need not avoid anybody for it.
    assert_eq!(scores(&circle, "twilio_voice").await.len(), 1);
    assert_eq!(scores(&circle, "twilio").await.len(), 0);
    assert!(
        entries
            .iter()
            .all(|item| item["failed_twilio_voice"].is_null())
    );
}

#[tokio::test]
async fn all_texts_come_before_the_call_and_silence_leads_to_it_too() {
    let circle = calling("*=plivo,clickatell", &[]).await;
    sent(&circle, PHONE, 1).await;
    age(&circle, 25).await;
    run(&circle).await;
    assert_eq!((circle.texts(), calls(&circle).len()), (2, 0));
    run(&circle).await;
    assert_eq!(calls(&circle).len(), 0, "too early");
    age(&circle, 25).await;
    tokio::join!(run(&circle), run(&circle));
    run(&circle).await;
    assert_eq!((circle.texts(), calls(&circle).len()), (2, 1));
    age(&circle, 60).await;
    run(&circle).await;
    assert_eq!((calls(&circle).len(), kept(&circle).await.len()), (1, 0));
}

#[tokio::test]
async fn nobody_is_called_after_delivered_or_after_an_opt_out_or_after_a_newer_code() {
    let circle = calling("*=plivo", &[]).await;
    let delivered = sent(&circle, PHONE, 1).await;
    let state = Post::genuine(State::Delivered);
    assert_eq!(circle.sandbox.plivo.report(&delivered, state).await, 204);
    let out = sent(&circle, "+4520304051", 2).await;
    let opted_out = Post::genuine(State::Failed(200));
    assert_eq!(circle.sandbox.plivo.report(&out, opted_out).await, 204);
    let older = sent(&circle, "+4520304052", 3).await;
    sent(&circle, "+4520304052", 4).await;
    assert_eq!(circle.sandbox.plivo.report(&older, FAILED).await, 204);
    age(&circle, 10).await;
    run(&circle).await;
    assert_eq!(calls(&circle).len(), 0);
}

#[tokio::test]
async fn a_landline_is_called_without_another_text() {
    let circle = calling("*=plivo,clickatell", &[]).await;
    let text = sent(&circle, PHONE, 1).await;
    let landline = Post::genuine(State::Failed(50));
    assert_eq!(circle.sandbox.plivo.report(&text, landline).await, 204);
    let texts = circle.texts();
    assert_eq!((texts, calls(&circle).len()), (1, 1));
}

#[tokio::test]
async fn a_refused_call_is_made_through_another_provider_and_one_in_doubt_is_the_last() {
    for (fault, made) in [(says(503, ""), 1), (says(400, ""), 1), (says(500, ""), 0)] {
        let circle = calling("*=plivo", &[]).await;
        let text = sent(&circle, PHONE, 1).await;
        let twilio = circle.sandbox.twilio.server();
        twilio.faults().next(fault.clone());
        assert_eq!(circle.sandbox.plivo.report(&text, FAILED).await, 204);
        age(&circle, 60).await;
        run(&circle).await;
        assert_eq!(circle.sandbox.vonage.made_calls().len(), made, "{fault:?}");
        assert_eq!(circle.sandbox.twilio.made_calls().len(), 0);
    }
}

#[tokio::test]
async fn calls_of_the_fallback_keep_to_the_limits_and_countries_of_calls() {
    let few = [("VOICE_PER_NUMBER_PER_HOUR", Some("1"))];
    let circle = calling("*=plivo", &few).await;
    for code in [1, 2] {
        let text = sent(&circle, PHONE, code).await;
        assert_eq!(circle.sandbox.plivo.report(&text, FAILED).await, 204);
    }
    assert_eq!((circle.texts(), calls(&circle).len()), (2, 1));
    assert_eq!(kept(&circle).await.len(), 0);
    let elsewhere = [("VOICE_COUNTRIES", Some("US"))];
    let circle = calling("*=plivo", &elsewhere).await;
    let text = sent(&circle, PHONE, 1).await;
    assert_eq!(kept(&circle).await.len(), 0, "nobody could read it out");
    assert_eq!(circle.sandbox.plivo.report(&text, FAILED).await, 204);
    assert_eq!(calls(&circle).len(), 0);
}

#[tokio::test]
async fn aws_reads_a_code_out_without_a_secret_and_tells_of_it_by_an_event() {
    let circle = calling("*=plivo", &[("VOICE_PROVIDERS", Some("aws"))]).await;
    let text = sent(&circle, PHONE, 27_182_818).await;
    assert_eq!(circle.sandbox.plivo.report(&text, FAILED).await, 204);
    let call = calls(&circle).remove(0);
    let event = json!({
        "source": "aws.sms-voice", "detail-type": "Voice Message Delivery Status Updated",
        "detail": {
            "eventType": "VOICE_COMPLETED", "isFinal": true, "messageId": call.id, "context": { "reference": call.reference },
        },
    });
    circle.delivery.invoke(event).await.unwrap();
    let entries = circle.sandbox.aws.items().await;
    let entry = entries
        .iter()
        .find(|item| item["sk"]["S"] == "send")
        .unwrap();
    assert_eq!(entry["receipts"]["M"]["aws_voice"]["S"], "delivered");
}
