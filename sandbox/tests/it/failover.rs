//! A code that does not arrive goes out through the next provider, on the real binaries: in all
//! orders of receipts, and whatever dies in between.

use sandbox::{
    Sandbox,
    receipts::{Fate, Post, State},
    scene::{number, problems, says},
    sms::Sent,
    wire::Fault,
};
use serde_json::{Value, json};

use crate::{
    DELIVERY, GATEWAY, binary,
    receipts::{Circle, orders},
};

pub(crate) const PHONE: &str = "+4520304050";
const UNREACHABLE: u32 = 80;
pub(crate) const FAILED: Post = Post {
    state: State::Failed(UNREACHABLE),
    forged: false,
};

/// A circle that keeps texts. No provider sends a receipt unless the test does.
async fn keeping(routes: &str) -> Circle {
    let circle = Circle::keeping(routes, "true").await;
    for receipts in circle.sandbox.receipts() {
        receipts.usually(Fate::never());
    }
    circle
}

/// Sends a code, which Plivo takes.
pub(crate) async fn sent(circle: &Circle, phone: &str, code: u32) -> Sent {
    assert_eq!(circle.code(phone, code).await, "plivo");
    circle.sandbox.plivo.messages().pop().unwrap()
}

/// The kept texts whose life has not ended.
pub(crate) async fn kept(circle: &Circle) -> Vec<Value> {
    let mut items = circle.sandbox.aws.items().await;
    items.retain(|item| {
        item["pk"]["S"].as_str().unwrap().starts_with("kept#")
            && number(&item["expires_at"]) > sandbox::now().as_secs()
    });
    items
}

/// Lets time pass for all codes.
pub(crate) async fn age(circle: &Circle, seconds: u64) {
    let aws = &circle.sandbox.aws;
    let earlier = |value: &Value| json!({ "N": (number(value) - seconds).to_string() });
    for mut item in kept(circle).await {
        let (pk, sk) = (item["pk"]["S"].clone(), item["sk"]["S"].clone());
        let (at, reference) = sk.as_str().unwrap().split_once('#').unwrap();
        let at: u64 = at.parse().unwrap();
        let name = json!({ "S": format!("{:012}#{reference}", at - seconds) });
        aws.update_expiry(pk.as_str().unwrap(), sk.as_str().unwrap(), 1)
            .await;
        item["sk"] = name.clone();
        aws.put(item).await;
        for mut entry in aws.items().await {
            if entry["kept"]["S"] == sk {
                entry["kept"] = name.clone();
                entry["sent_at"] = earlier(&entry["sent_at"]);
                if !entry["tried_at"].is_null() {
                    entry["tried_at"] = earlier(&entry["tried_at"]);
                }
                aws.put(entry).await;
            }
        }
    }
}

/// The run of the schedule.
pub(crate) async fn run(circle: &Circle) {
    let event = json!({ "source": "aws.scheduler" });
    circle.delivery.invoke(event).await.unwrap();
}

/// The receipt meets a process that dies once `server` has as many requests with `part` as `n`.
async fn dies(circle: &Circle, text: &Sent, part: &str, n: usize) {
    let aws = circle.sandbox.aws.dynamodb();
    let has_it = |request: &[u8]| String::from_utf8_lossy(request).contains(part);
    let killing = async {
        aws.wait(|all| all.iter().filter(|one| has_it(&one.request)).count() >= n)
            .await;
        kill(circle).await;
    };
    tokio::join!(circle.sandbox.plivo.report(text, FAILED), killing);
    aws.faults().clear();
}

async fn kill(circle: &Circle) {
    let exits = circle.delivery.exits().len();
    circle.delivery.kill(circle.delivery.pids()[0]).await;
    circle.delivery.wait_exits(exits + 1).await;
    circle.delivery.wait_ready().await.unwrap();
}

#[tokio::test]
async fn a_kept_text_cannot_be_read_in_the_table_and_goes_with_its_code() {
    let circle = keeping("*=plivo,clickatell").await;
    let text = sent(&circle, PHONE, 27_182_818).await;
    let items = kept(&circle).await;
    assert_eq!(items.len(), 1);
    let written = items[0].to_string();
    assert!(!written.contains("27182818") && !written.contains("20304050"));
    let life = number(&items[0]["expires_at"]) - sandbox::now().as_secs();
    assert!((170..=180).contains(&life), "{life}");
    let delivered = Post::genuine(State::Delivered);
    assert_eq!(circle.sandbox.plivo.report(&text, delivered).await, 204);
    assert_eq!((kept(&circle).await.len(), circle.texts()), (0, 1));
}

#[tokio::test]
async fn in_all_orders_of_receipts_a_code_goes_on_exactly_if_its_provider_failed_first() {
    let circle = keeping("*=plivo,clickatell,vonage").await;
    let posts = [
        ("plivo", Post::genuine(State::Delivered)),
        ("plivo", FAILED),
        ("clickatell", Post::genuine(State::Delivered)),
        ("clickatell", Post::genuine(State::Failed(23))),
    ];
    for (number, order) in orders(posts.len()).iter().enumerate() {
        let phone = format!("+4520304{number:03}");
        let before = circle.texts();
        let text = sent(&circle, &phone, 1).await;
        let url = text.receipt_url.as_deref().unwrap();
        let mut other = Sent {
            id: "of-clickatell".to_owned(),
            reference: url.rsplit('/').next().map(str::to_owned),
            ..text.clone()
        };
        let mut states = std::collections::BTreeMap::new();
        let mut expected = vec!["plivo"];
        for (provider, post) in order.iter().map(|place| posts[*place]) {
            // Clickatell reports only what it has; a receipt before that is another message's.
            if provider == "clickatell" && expected.len() == 1 {
                continue;
            }
            if provider == "plivo" {
                circle.sandbox.plivo.report(&text, post).await;
            } else {
                circle.sandbox.clickatell.report(&other, post).await;
            }
            if states.contains_key(provider) {
                continue;
            }
            states.insert(provider, post.state);
            let is_known = states.values().any(|state| *state == State::Delivered);
            let is_present = expected.last() == Some(&provider);
            if !is_known && is_present {
                expected.push(["clickatell", "vonage"][expected.len() - 1]);
                if expected.len() == 2 {
                    other = circle.sandbox.clickatell.messages().pop().unwrap();
                }
            }
            let texts = circle.texts() - before;
            assert_eq!(texts, expected.len(), "{order:?}, {provider} {post:?}");
        }
        let of = |messages: Vec<Sent>| messages.iter().filter(|one| one.to == phone).count();
        for texts in [
            of(circle.sandbox.clickatell.messages()),
            of(circle.sandbox.vonage.messages()),
        ] {
            assert!(texts <= 1, "at most one through each provider: {order:?}");
        }
    }
}

#[tokio::test]
async fn the_text_that_goes_on_is_the_same_and_nothing_stays_behind() {
    let circle = keeping("*=plivo,vonage").await;
    let text = sent(&circle, PHONE, 27_182_818).await;
    for _ in 0..2 {
        assert_eq!(circle.sandbox.plivo.report(&text, FAILED).await, 204);
    }
    let again = circle.sandbox.vonage.messages();
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].to, &again[0].text), (&text.to, &text.text));
    assert!(again[0].validity.unwrap().as_secs() <= 180);
    assert_eq!(kept(&circle).await.len(), 0, "nobody else could send it");
    let delivered = Post::genuine(State::Delivered);
    let vonage = &circle.sandbox.vonage;
    assert_eq!(vonage.report(&again[0], delivered).await, 204);
    age(&circle, 60).await;
    run(&circle).await;
    assert_eq!(circle.texts(), 2);
    let entries = circle.sandbox.aws.items().await;
    let entry = entries.iter().find(|item| item["sk"]["S"] == "send");
    assert_eq!(entry.unwrap()["receipts"]["M"]["vonage"]["S"], "delivered");
}

#[tokio::test]
async fn the_next_provider_may_be_aws_which_has_no_secret() {
    let circle = keeping("*=plivo,aws").await;
    let text = sent(&circle, PHONE, 27_182_818).await;
    for _ in 0..2 {
        assert_eq!(circle.sandbox.plivo.report(&text, FAILED).await, 204);
    }
    let again = circle.sandbox.aws_sms.messages();
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].to, &again[0].text), (&text.to, &text.text));
}

#[tokio::test]
async fn nobody_gets_an_older_code_after_a_newer_one() {
    let circle = keeping("*=plivo,clickatell").await;
    let older = sent(&circle, PHONE, 1).await;
    sent(&circle, PHONE, 2).await;
    assert_eq!(circle.sandbox.plivo.report(&older, FAILED).await, 204);
    assert_eq!((circle.texts(), kept(&circle).await.len()), (2, 1));
}

/// An identity provider repeats a request, or Cognito an event, after the person asked for a newer
/// code.
#[tokio::test]
async fn a_late_copy_of_an_older_code_does_not_make_it_the_newest() {
    let circle = keeping("*=plivo,clickatell").await;
    for code in 1..=3 {
        sent(&circle, PHONE, code).await;
    }
    let newest = circle.sandbox.plivo.messages().pop().unwrap();
    for copy in 1..=2 {
        circle.code(PHONE, copy).await;
    }
    assert_eq!(circle.texts(), 3);
    assert_eq!(circle.sandbox.plivo.report(&newest, FAILED).await, 204);
    let again = circle.sandbox.clickatell.messages();
    assert_eq!(again.len(), 1, "the newest code goes out again");
    assert_eq!(again[0].text, newest.text);
}

/// The newer code is sent after the older one was looked at, and before its second attempt is
/// claimed.
#[tokio::test]
async fn a_newer_code_that_comes_in_the_last_moment_stops_the_older_one() {
    let circle = keeping("*=plivo,clickatell").await;
    let older = sent(&circle, PHONE, 1).await;
    let aws = circle.sandbox.aws.dynamodb();
    let claim = Fault::Delay(std::time::Duration::from_secs(2));
    aws.faults().next_with(":delivered", claim);
    let is_claim = |request: &[u8]| String::from_utf8_lossy(request).contains(":delivered");
    let newer = async {
        aws.wait(|all| all.iter().any(|one| is_claim(&one.request)))
            .await;
        circle.code(PHONE, 2).await;
    };
    tokio::join!(circle.sandbox.plivo.report(&older, FAILED), newer);
    let others = circle.sandbox.clickatell.messages();
    assert_eq!((others.len(), circle.texts()), (1, 2));
    assert_ne!(others[0].text, older.text);
}

#[tokio::test]
async fn an_opt_out_and_a_landline_end_it() {
    let circle = keeping("*=plivo,clickatell").await;
    let text = sent(&circle, PHONE, 1).await;
    let opted_out = Post::genuine(State::Failed(200));
    assert_eq!(circle.sandbox.plivo.report(&text, opted_out).await, 204);
    assert_eq!((circle.texts(), kept(&circle).await.len()), (1, 0));
}

#[tokio::test]
async fn a_code_of_which_nothing_is_heard_goes_on_once_with_the_next_run() {
    let circle = keeping("*=plivo,clickatell,vonage").await;
    sent(&circle, PHONE, 1).await;
    run(&circle).await;
    assert_eq!(circle.texts(), 1, "too early");
    age(&circle, 25).await;
    run(&circle).await;
    run(&circle).await;
    assert_eq!(circle.texts(), 2);
    age(&circle, 25).await;
    run(&circle).await;
    assert_eq!(circle.texts(), 3);
    assert_eq!(circle.sandbox.vonage.messages().len(), 1);
    age(&circle, 25).await;
    run(&circle).await;
    assert_eq!((circle.texts(), kept(&circle).await.len()), (3, 0));
}

#[tokio::test]
async fn a_provider_that_refuses_is_passed_over_and_an_unknown_outcome_is_the_last() {
    for (fault, after) in [
        (says(503, ""), 2),
        (says(500, ""), 1),
        (Fault::ResetAfter, 2),
    ] {
        let circle = keeping("*=plivo,clickatell,vonage").await;
        let text = sent(&circle, PHONE, 1).await;
        circle
            .sandbox
            .clickatell
            .server()
            .faults()
            .next(fault.clone());
        assert_eq!(circle.sandbox.plivo.report(&text, FAILED).await, 204);
        age(&circle, 60).await;
        run(&circle).await;
        assert_eq!(circle.texts(), after, "{fault:?}");
    }
}

#[tokio::test]
async fn killed_before_the_claim_the_repeated_receipt_sends_it() {
    let circle = keeping("*=plivo,clickatell").await;
    let text = sent(&circle, PHONE, 1).await;
    let faults = circle.sandbox.aws.dynamodb().faults();
    faults.next_with(":delivered", Fault::Hang);
    dies(&circle, &text, ":delivered", 1).await;
    assert_eq!(circle.texts(), 2);
    age(&circle, 25).await;
    run(&circle).await;
    assert_eq!((circle.texts(), kept(&circle).await.len()), (2, 0));
}

#[tokio::test]
async fn killed_after_the_claim_nobody_knows_and_nobody_sends_it_again() {
    let circle = keeping("*=plivo,clickatell,vonage").await;
    let text = sent(&circle, PHONE, 1).await;
    let clickatell = circle.sandbox.clickatell.server();
    clickatell.faults().next(Fault::Hang);
    let killing = async {
        clickatell.wait(|all| !all.is_empty()).await;
        kill(&circle).await;
    };
    tokio::join!(circle.sandbox.plivo.report(&text, FAILED), killing);
    for _ in 0..2 {
        age(&circle, 35).await;
        run(&circle).await;
    }
    assert_eq!((circle.texts(), kept(&circle).await.len()), (1, 0));
}

#[tokio::test]
async fn killed_after_the_send_nobody_sends_it_again() {
    let circle = keeping("*=plivo,clickatell,vonage").await;
    let text = sent(&circle, PHONE, 1).await;
    let faults = circle.sandbox.aws.dynamodb().faults();
    faults.next_with("trying = :owner", Fault::Hang);
    dies(&circle, &text, "trying = :owner", 1).await;
    for _ in 0..2 {
        age(&circle, 35).await;
        run(&circle).await;
    }
    assert_eq!((circle.texts(), kept(&circle).await.len()), (2, 0));
}

#[tokio::test]
async fn killed_before_the_text_is_deleted_the_next_run_deletes_it() {
    let circle = keeping("*=plivo,clickatell").await;
    let text = sent(&circle, PHONE, 1).await;
    let aws = circle.sandbox.aws.dynamodb();
    let written = aws.exchanges();
    let written = written
        .iter()
        .filter(|one| String::from_utf8_lossy(&one.request).contains("\"kept#"));
    let before = written.count();
    // The text is read, then deleted.
    let faults = aws.faults();
    faults.next_with("\"kept#", Fault::Delay(std::time::Duration::ZERO));
    faults.next_with("\"kept#", Fault::Hang);
    dies(&circle, &text, "\"kept#", before + 2).await;
    assert_eq!((circle.texts(), kept(&circle).await.len()), (2, 1));
    age(&circle, 25).await;
    run(&circle).await;
    assert_eq!((circle.texts(), kept(&circle).await.len()), (2, 0));
}

#[tokio::test]
async fn without_kms_a_code_is_sent_and_nothing_is_kept() {
    for fault in [says(500, ""), Fault::Hang] {
        let circle = keeping("*=plivo,clickatell").await;
        circle.sandbox.aws.kms().faults().always(Some(fault));
        let text = sent(&circle, PHONE, 1).await;
        assert_eq!(circle.sandbox.plivo.report(&text, FAILED).await, 204);
        assert_eq!((circle.texts(), kept(&circle).await.len()), (1, 0));
    }
}

#[tokio::test]
async fn receipts_and_runs_at_the_same_time_send_one_text() {
    let circle = keeping("*=plivo,clickatell,vonage").await;
    let text = sent(&circle, PHONE, 1).await;
    let plivo = &circle.sandbox.plivo;
    let report = || plivo.report(&text, FAILED);
    tokio::join!(report(), report(), report(), report());
    age(&circle, 10).await;
    tokio::join!(run(&circle), run(&circle));
    assert_eq!(circle.texts(), 2);
}

#[tokio::test]
async fn what_keeping_needs_is_said_at_start() {
    let sandbox = Sandbox::start().await;
    let on = ("KEEP_FOR_FAILOVER", Some("true"));
    let no_key = ("FAILOVER_KEY_ARN", None);
    let call = ("FALLBACK_CHANNEL", Some("voice"));
    for (function, settings, named) in [
        (GATEWAY, vec![on], "DELIVERY_URL"),
        (GATEWAY, vec![on, no_key], "FAILOVER_KEY_ARN"),
        (DELIVERY, vec![on, no_key], "FAILOVER_KEY_ARN"),
        (DELIVERY, vec![on, ("SMS_ROUTES", None)], "SMS_ROUTES"),
        (GATEWAY, vec![call], "needs KEEP_FOR_FAILOVER=true"),
        (DELIVERY, vec![call], "needs KEEP_FOR_FAILOVER=true"),
        (
            DELIVERY,
            vec![on, call],
            "FALLBACK_CHANNEL=voice needs VOICE_PROVIDERS",
        ),
        (
            DELIVERY,
            vec![("DELIVERY_TIMEOUT_SECONDS", Some("4"))],
            "DELIVERY_TIMEOUT_SECONDS",
        ),
    ] {
        let told = problems(&sandbox, function, binary(function).await, &settings).await;
        assert!(told.iter().any(|one| one.contains(named)), "{told:?}");
    }
}
