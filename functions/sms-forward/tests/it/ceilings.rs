//! What texts may cost: segments of a sender, of a company number, of the whole stack.

use std::sync::Arc;

use sandbox::Sandbox;
use sandbox::segments::segments;
use sandbox::twilio::Message;
use serde_json::json;

use crate::scene::{COMPANY, EMPTY, MOBILE, MORE, OTHER, STRANGER, Scene, forwarded, together};

const HOURLY: &str = "FORWARD_SEGMENTS_PER_NUMBER_PER_HOUR";
const OVERALL: &str = "FORWARD_SEGMENTS_PER_HOUR";
/// Twelve segments when it is forwarded.
const LONG: usize = 1_600;

fn long() -> String {
    "x".repeat(LONG)
}

/// What was sent to a phone: segments, and how often it was told that more came.
fn arrived(texts: &[Message]) -> (usize, usize) {
    let (told, texts): (Vec<_>, Vec<_>) =
        texts.iter().partition(|text| text.body.starts_with(MORE));
    (
        texts.iter().map(|text| segments(&text.body)).sum(),
        told.len(),
    )
}

fn senders(n: u32) -> impl Iterator<Item = String> {
    (0..n).map(|n| format!("+4531{n:06}"))
}

/// An employee with another company number, texts to which come here.
fn hire(scene: &Scene, name: &str, mobile: &str, number: &str) {
    scene.mark(mobile);
    scene.mark(number);
    scene.sandbox.okta.hire(name, mobile, number);
    scene.sandbox.twilio.set_sms_url(number, scene.lambda.url());
}

#[tokio::test]
async fn three_hundred_senders_of_long_texts_stay_under_the_ceiling() {
    let scene = Arc::new(Scene::within(Sandbox::start().await, 4, &[]).await);
    let (bobs, bobs_mobile) = ("+15005550077", "+4531415161");
    hire(&scene, "Bob", bobs_mobile, bobs);
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    scene.text_leads_to(MOBILE, "Hi", &["Hi"]).await;
    let texts: Vec<_> = senders(300)
        .map(|from| scene.inbound(&from, &long()))
        .collect();
    let mut answers = Vec::new();
    for texts in texts.chunks(20) {
        answers.extend(together(&scene, texts.to_vec()).await);
    }
    let (sent, told) = arrived(&scene.sandbox.twilio.texts(MOBILE));
    assert!(
        (150..=160).contains(&sent),
        "{sent}: four fifths of 200, for strangers"
    );
    assert_eq!(told, 1, "the employee is told once");
    let passed = answers
        .iter()
        .filter(|answer| answer.contains("From: "))
        .count();
    assert_eq!(
        answers.iter().filter(|answer| *answer == EMPTY).count(),
        300 - passed - 1
    );
    let line = scene.logged("ceiling_reached").await;
    assert_eq!(
        (
            &line["Refused"],
            &line["CeilingReached"],
            &line["limit"],
            &line["level"]
        ),
        (&json!(1), &json!(1), &json!(HOURLY), &json!("INFO"))
    );
    assert_eq!(
        scene
            .items(&format!("rate#text#{COMPANY}"))
            .await
            .iter()
            .filter(|item| item["sk"]["S"] == "hour")
            .count(),
        2
    );
    assert_eq!(
        scene.hits(&format!("text#{COMPANY}"), "hour").await,
        u64::try_from(sent).unwrap(),
        "refusals count nothing"
    );
    // Whom the employee has written to, the employee, and other employees are not affected.
    scene
        .text_leads_to(
            STRANGER,
            "Still there?",
            &[&forwarded(STRANGER, "Still there?")],
        )
        .await;
    scene.text_leads_to(MOBILE, "Yes", &["Yes"]).await;
    assert_eq!(scene.sandbox.twilio.inbox(STRANGER), ["Hi", "Yes"]);
    assert_eq!(
        scene
            .sandbox
            .twilio
            .text(OTHER, bobs, "Hello Bob")
            .await
            .messages,
        [forwarded(OTHER, "Hello Bob")]
    );
}

#[tokio::test]
async fn one_sender_does_not_use_up_what_is_for_all_of_them() {
    let scene = Scene::with(&[("MESSAGES_PER_PAIR_PER_MINUTE", Some("1000"))]).await;
    for n in 0..6 {
        let reply = scene.text(OTHER, &long()).await;
        assert_eq!(
            reply
                .messages
                .first()
                .is_some_and(|text| text.starts_with("From: ")),
            n < 4,
            "{n}"
        );
    }
    assert_eq!(arrived(&scene.sandbox.twilio.texts(MOBILE)), (48, 1));
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    // An answer makes it a conversation.
    scene
        .text_leads_to(
            MOBILE,
            &format!("{OTHER}: Slowly please"),
            &["Slowly please"],
        )
        .await;
    for n in 0..6 {
        let reply = scene.text(OTHER, &long()).await;
        assert_eq!(!reply.messages.is_empty(), n < 4, "{n}");
    }
    assert_eq!(
        arrived(&scene.sandbox.twilio.texts(MOBILE)),
        (48 + 1 + 48, 1)
    );
}

#[tokio::test]
async fn a_number_has_a_ceiling_for_the_day() {
    let scene = Scene::with(&[("FORWARD_SEGMENTS_PER_NUMBER_PER_DAY", Some("60"))]).await;
    for (n, from) in senders(6).enumerate() {
        let reply = scene.text(&from, &long()).await;
        let texts: Vec<usize> = reply.messages.iter().map(|text| segments(text)).collect();
        match n {
            0..4 => assert_eq!(texts, [11, 1]),
            // A day begins with the two hours in which the first of them came.
            4 => assert!(
                ["in about 25 hours", "in about 26 hours"]
                    .map(|when| format!("{MORE}{when}. Those in between are in Twilio's log."))
                    .contains(&reply.messages[0])
            ),
            _ => assert_eq!(reply.body, EMPTY),
        }
    }
    assert_eq!(
        scene.logged("ceiling_reached").await["limit"],
        "FORWARD_SEGMENTS_PER_NUMBER_PER_DAY"
    );
}

/// Five numbers at once use up what all share; whom an employee has written to still gets through to each of them.
#[tokio::test]
async fn the_whole_stack_has_a_ceiling_that_no_number_reaches_alone() {
    let scene = Scene::with(&[(OVERALL, Some("200")), (HOURLY, Some("50"))]).await;
    let numbers: Vec<String> = (0..5).map(|n| format!("+1500555007{n}")).collect();
    for (n, number) in numbers.iter().enumerate() {
        hire(&scene, "Bob", &format!("+453141516{n}"), number);
    }
    let twilio = &scene.sandbox.twilio;
    twilio
        .text("+4531415164", &numbers[4], &format!("{STRANGER}: Hi"))
        .await;
    for number in &numbers {
        for from in senders(10) {
            twilio.text(&from, number, &long()).await;
        }
    }
    let sent: Vec<usize> = (0..5)
        .map(|n| arrived(&twilio.texts(&format!("+453141516{n}"))).0)
        .collect();
    assert_eq!(sent, [36, 36, 36, 36, 12]);
    assert_eq!(scene.logged("ceiling_reached").await["limit"], OVERALL);
    assert_eq!(
        scene
            .lambda
            .wait_log(|line| line.contains("\"HalfOfBudgetUsed\":1"))
            .await
            .matches("forwarded")
            .count(),
        1
    );
    assert_eq!(
        twilio.text(STRANGER, &numbers[4], "Hi back").await.messages,
        [forwarded(STRANGER, "Hi back")]
    );
}

/// Somebody who sends with the employee's number does not use up what is for those who write to the employee.
#[tokio::test]
async fn what_an_employee_sends_is_bounded_by_itself() {
    let scene = Scene::with(&[
        ("MESSAGES_PER_PAIR_PER_MINUTE", Some("1000")),
        (HOURLY, Some("50")),
    ])
    .await;
    for n in 0..7 {
        let reply = scene
            .text(MOBILE, &format!("{OTHER}: {}", "x".repeat(1_500)))
            .await;
        match n {
            0..5 => assert_eq!(segments(&reply.messages[0]), 10),
            5 => assert!(
                reply.messages[0]
                    .starts_with("Not sent: more texts left your company number than are allowed."),
                "{reply:?}"
            ),
            _ => assert_eq!(reply.body, EMPTY),
        }
    }
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
}

/// What is refused has not been forwarded, and is not when it comes again, however much room there is by then.
#[tokio::test]
async fn a_text_that_was_refused_stays_so() {
    let scene = Scene::with(&[("FORWARD_SEGMENTS_PER_NUMBER_PER_DAY", Some("50"))]).await;
    let refused: Vec<_> = senders(6)
        .map(|from| scene.inbound(&from, &long()))
        .collect();
    let first: Vec<String> = {
        let mut answers = Vec::new();
        for text in &refused {
            answers.push(scene.deliver(text).await.body);
        }
        answers
    };
    assert!(first[3].contains(MORE) && first[4] == EMPTY);
    for item in scene.items("rate#text").await {
        let mut item = item;
        item.as_object_mut()
            .unwrap()
            .retain(|name, _| name == "pk" || name == "sk");
        scene.sandbox.aws.put(item).await;
    }
    for n in [3, 4] {
        assert_eq!(scene.deliver(&refused[n]).await.body, first[n]);
    }
    scene.let_pass(300).await;
    for n in [3, 4] {
        scene.ignored(&refused[n], "replayed").await;
    }
    assert_eq!(scene.hits("text#all", "day").await, 0);
}

/// No item of a company number is part of a transaction, in which they would refuse each other.
#[tokio::test]
async fn fifty_texts_at_once_to_one_number_are_all_forwarded() {
    let scene = Arc::new(Scene::within(Sandbox::start().await, 8, &[]).await);
    scene
        .text_leads_to(OTHER, "Hello", &[&forwarded(OTHER, "Hello")])
        .await;
    let texts = senders(50)
        .map(|from| scene.inbound(&from, "Hello"))
        .collect();
    let answers = together(&scene, texts).await;
    assert!(
        answers.iter().all(|answer| answer.contains("Hello")),
        "{answers:#?}"
    );
    assert_eq!(scene.sandbox.twilio.texts(MOBILE).len(), 51);
    let dynamodb = scene.sandbox.aws.dynamodb().exchanges();
    let operations = dynamodb
        .iter()
        .flat_map(|exchange| &exchange.headers)
        .filter(|(name, _)| name == "x-amz-target");
    assert!(
        operations.clone().count() > 400
            && operations
                .into_iter()
                .all(|(_, operation)| !operation.contains("Transact"))
    );
    assert_eq!(
        (
            scene.hits(&format!("text#{COMPANY}"), "hour").await,
            scene.hits("text#all", "day").await
        ),
        (51, 51)
    );
}

#[tokio::test]
async fn twenty_texts_to_a_number_of_nobody_are_one_request_to_okta() {
    let sandbox = Sandbox::start().await;
    sandbox.okta.hire("Bob", "+4531415161", "+15005550077");
    let scene = Scene::within(sandbox, 1, &[]).await;
    scene.asked();
    for from in senders(20) {
        scene
            .ignored(&scene.inbound(&from, "Hello"), "unknown_number")
            .await;
    }
    assert_eq!(scene.asked()[0], 1);
}
