//! Twilio, `DynamoDB` or Secrets Manager fail: which answer, and how many texts in the end.

use std::time::Duration;

use sandbox::{Sandbox, twilio::ACCOUNT_SID, wire::Fault};
use serde_json::json;

use crate::scene::{PHONE, Scene};

fn status(status: u16) -> Fault {
    Fault::Answer {
        status,
        headers: vec![],
        body: String::new(),
    }
}

#[tokio::test]
async fn a_phone_that_can_never_be_reached_is_refused_and_nothing_waits_for_its_reply() {
    for code in [21211, 21610, 21614, 21635] {
        let scene = Scene::start().await;
        scene.sandbox.twilio.reject(PHONE, code);
        let fields = scene.fields(&scene.mail());
        assert_eq!(scene.post(&fields).await.status, 406);
        let line = scene.logged("recipient_refused").await;
        assert_eq!(
            (&line["code"], &line["SmsFailed"]),
            (&json!(code), &json!(1))
        );
        assert!(scene.items("pending#").await.is_empty());
        scene.sandbox.twilio.accept(PHONE);
        assert_eq!(
            scene.post(&fields).await.status,
            406,
            "delivered again, it is the same answer"
        );
        assert_eq!((scene.texts(), scene.asked()), (0, 1));
    }
}

#[tokio::test]
async fn a_text_that_failed_at_once_is_refused_where_the_number_is_why() {
    for code in [21610, 21614] {
        let scene = Scene::start().await;
        let message = json!({ "sid": format!("SM{}", "0".repeat(32)), "status": "failed", "error_code": code });
        scene.twilio().next(Fault::Answer {
            status: 201,
            headers: vec![],
            body: message.to_string(),
        });
        assert_eq!(scene.post_mail(&scene.mail()).await.status, 406);
        assert_eq!(scene.logged("recipient_refused").await["code"], code);
        assert!(scene.items("pending#").await.is_empty());
    }
}

#[tokio::test]
async fn a_refused_text_leaves_other_requests_of_the_phone_alone() {
    let scene = Scene::start().await;
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    scene.sandbox.twilio.reject(PHONE, 21610);
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 406);
    assert_eq!(scene.pending(PHONE).await.len(), 1);
}

#[tokio::test]
async fn what_twilio_did_not_take_is_sent_once_by_a_retry() {
    let absurd = vec![("retry-after".to_owned(), "99999999999999999999".to_owned())];
    let patient = Fault::Answer {
        status: 429,
        headers: absurd,
        body: "<html>".into(),
    };
    let refused = |code: u32| Fault::Answer {
        status: 400,
        headers: vec![],
        body: json!({ "code": code }).to_string(),
    };
    let failed = |code: u32| {
        let message = json!({ "sid": format!("SM{}", "0".repeat(32)), "status": "failed", "error_code": code });
        Fault::Answer {
            status: 201,
            headers: vec![],
            body: message.to_string(),
        }
    };
    for fault in [
        status(429),
        patient,
        status(503),
        status(400),
        status(404),
        status(302),
        // Another sender, or a later day, reaches this number.
        refused(21612),
        refused(21408),
        failed(30034),
        failed(30006),
    ] {
        let scene = Scene::start().await;
        scene.twilio().next(fault.clone());
        let delivery = scene.sandbox.mailgun.receive(&scene.mail()).await;
        let statuses: Vec<u16> = delivery
            .attempts
            .iter()
            .map(|attempt| attempt.status)
            .collect();
        assert_eq!(
            (statuses, scene.texts(), scene.asked()),
            (vec![503, 200], 1, 2),
            "{fault:?}"
        );
        scene.logged("twilio_unavailable").await;
        assert_eq!(
            (
                scene.pending(PHONE).await.len(),
                scene.stage().await.as_str()
            ),
            (1, "sent")
        );
    }
}

#[tokio::test]
async fn nothing_waits_for_a_reply_to_a_text_that_was_certainly_not_sent() {
    let scene = Scene::start().await;
    scene.twilio().next(status(429));
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 503);
    assert_eq!(
        (
            scene.items("pending#").await.len(),
            scene.stage().await.as_str()
        ),
        (0, "failed")
    );
}

#[tokio::test]
async fn a_refused_connection_is_met_again_by_the_retry() {
    let scene = Scene::start().await;
    let fields = scene.fields(&scene.mail());
    scene.twilio().refuse(true);
    assert_eq!(scene.post(&fields).await.status, 503);
    assert_eq!(
        (
            scene.items("pending#").await.len(),
            scene.stage().await.as_str()
        ),
        (0, "failed")
    );
    scene.twilio().refuse(false);
    assert_eq!(scene.post(&fields).await.status, 200);
    assert_eq!((scene.texts(), scene.pending(PHONE).await.len()), (1, 1));
}

#[tokio::test]
async fn without_tls_nothing_is_sent() {
    let sandbox = Sandbox::start().await;
    let url = sandbox.twilio.server().url().replace("http:", "https:");
    let scene = Scene::on(sandbox, 1, &[("TWILIO_URL", Some(&url))]).await;
    assert_eq!(
        (scene.post_mail(&scene.mail()).await.status, scene.asked()),
        (503, 0)
    );
    assert_eq!(
        (
            scene.items("pending#").await.len(),
            scene.stage().await.as_str()
        ),
        (0, "failed")
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let scene = Scene::start().await;
    let elsewhere = format!("{}/steal", scene.sandbox.twilio.server().url());
    scene.twilio().next(Fault::Answer {
        status: 307,
        headers: vec![("location".into(), elsewhere)],
        body: String::new(),
    });
    assert_eq!(
        (
            scene.post_mail(&scene.mail()).await.status,
            scene.asked(),
            scene.texts()
        ),
        (503, 1, 0)
    );
}

#[tokio::test]
async fn a_new_api_key_is_fetched_once_and_tried_again() {
    let scene = Scene::start().await;
    let fetched = scene.fetched();
    scene.sandbox.twilio.revoke_api_keys();
    let key = format!("SK{}", "1".repeat(32));
    scene.sandbox.twilio.add_api_key(&key, "new");
    let secret = json!({ "account_sid": ACCOUNT_SID, "api_key_sid": key, "api_key_secret": "new" });
    scene
        .sandbox
        .aws
        .set_secret("switchboard/twilio-send", &secret);
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    assert_eq!(
        (scene.texts(), scene.asked(), scene.fetched()),
        (1, 2, fetched + 1)
    );
}

#[tokio::test]
async fn a_wrong_api_key_is_503_and_causes_no_storm() {
    let scene = Scene::start().await;
    let fetched = scene.fetched();
    scene.sandbox.twilio.revoke_api_keys();
    for _ in 0..4 {
        assert_eq!(scene.post_mail(&scene.mail()).await.status, 503);
    }
    assert_eq!((scene.texts(), scene.fetched()), (0, fetched + 1));
    assert!(scene.items("pending#").await.is_empty());
}

/// It may have been sent, and losing a text is worse than repeating it.
#[tokio::test]
async fn an_unknown_outcome_is_sent_again_by_the_retry() {
    for (fault, texts) in [
        (Fault::ResetBefore, 1),
        (Fault::ResetAfter, 2),
        (status(500), 1),
        (status(504), 1),
        (Fault::Hang, 1),
    ] {
        let scene = Scene::hurried(Duration::from_secs(4)).await;
        scene.twilio().next(fault.clone());
        let fields = scene.fields(&scene.mail());
        assert_eq!(scene.post(&fields).await.status, 503, "{fault:?}");
        scene.logged("outcome_unknown").await;
        assert_eq!(
            (
                scene.pending(PHONE).await.len(),
                scene.stage().await.as_str()
            ),
            (1, "unknown"),
            "{fault:?}"
        );
        assert_eq!(scene.post(&fields).await.status, 200, "{fault:?}");
        assert_eq!(
            (scene.texts(), scene.pending(PHONE).await.len()),
            (texts, 1),
            "{fault:?}"
        );
        assert_eq!(scene.post(&fields).await.status, 200);
        assert_eq!(scene.texts(), texts, "{fault:?}");
    }
}

#[tokio::test]
async fn no_second_text_when_the_first_was_answered_meanwhile() {
    let scene = Scene::start().await;
    scene.twilio().next(Fault::ResetAfter);
    let fields = scene.fields(&scene.mail());
    assert_eq!(scene.post(&fields).await.status, 503);
    scene.confirm(PHONE).await;
    for _ in 0..2 {
        assert_eq!(scene.post(&fields).await.status, 200);
    }
    assert_eq!(
        (
            scene.texts(),
            scene.asked(),
            scene.pending(PHONE).await.len()
        ),
        (1, 1, 0)
    );
}

/// The text of the first attempt may have arrived: its request stays, whatever becomes of the attempts after it.
#[tokio::test]
async fn a_failure_after_an_unknown_outcome_leaves_it_unknown() {
    for later in [status(429), status(503)] {
        let scene = Scene::start().await;
        scene.twilio().next(Fault::ResetAfter);
        scene.twilio().next(later);
        let fields = scene.fields(&scene.mail());
        assert_eq!(scene.post(&fields).await.status, 503);
        assert_eq!(scene.post(&fields).await.status, 503);
        assert_eq!(
            (
                scene.pending(PHONE).await.len(),
                scene.stage().await.as_str()
            ),
            (1, "unknown")
        );
        scene.confirm(PHONE).await;
        assert_eq!(scene.post(&fields).await.status, 200);
        assert_eq!((scene.texts(), scene.asked()), (1, 2));
    }
}

#[tokio::test]
async fn a_201_counts_whatever_its_body() {
    for fault in [Fault::Truncate, Fault::Garbage, Fault::Oversize(5_000_000)] {
        let scene = Scene::start().await;
        scene.twilio().next(fault.clone());
        let fields = scene.fields(&scene.mail());
        for _ in 0..2 {
            assert_eq!(scene.post(&fields).await.status, 200, "{fault:?}");
        }
        assert_eq!(
            (scene.texts(), scene.asked(), scene.stage().await.as_str()),
            (1, 1, "sent"),
            "{fault:?}"
        );
        assert_eq!(scene.pending(PHONE).await.len(), 1);
    }
}

#[tokio::test]
async fn a_201_whose_body_never_ends_counts() {
    let scene = Scene::hurried(Duration::from_secs(4)).await;
    scene.twilio().next(Fault::Trickle(Duration::from_secs(1)));
    assert_eq!(
        (scene.post_mail(&scene.mail()).await.status, scene.texts()),
        (200, 1)
    );
    assert_eq!(scene.stage().await, "sent");
}

#[tokio::test]
async fn without_dynamodb_nothing_is_sent() {
    let scene = Scene::start().await;
    let fields = scene.fields(&scene.mail());
    let body =
        json!({ "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "" }).to_string();
    let throttled = Fault::Answer {
        status: 400,
        headers: vec![],
        body,
    };
    for fault in [
        status(500),
        throttled,
        Fault::ResetBefore,
        Fault::Answer {
            status: 200,
            headers: vec![],
            body: "<html>".into(),
        },
    ] {
        scene.dynamodb().always(Some(fault.clone()));
        assert_eq!(
            (scene.post(&fields).await.status, scene.asked()),
            (503, 0),
            "{fault:?}"
        );
    }
    scene.dynamodb().always(None);
    scene.dynamodb().refuse(true);
    assert_eq!((scene.post(&fields).await.status, scene.asked()), (503, 0));
    scene.dynamodb().refuse(false);
    let line = scene.logged("table_unavailable").await;
    assert!(
        line["error"]
            .as_str()
            .unwrap()
            .starts_with("TransactWriteItems: "),
        "{line}"
    );
    assert_eq!((scene.post(&fields).await.status, scene.texts()), (200, 1));
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_recognised_as_our_own() {
    for fault in [Fault::ResetAfter, Fault::Truncate] {
        let scene = Scene::start().await;
        scene.dynamodb().next_with("TransactItems", fault.clone());
        let fields = scene.fields(&scene.mail());
        for _ in 0..2 {
            assert_eq!(scene.post(&fields).await.status, 200, "{fault:?}");
        }
        assert_eq!((scene.texts(), scene.stage().await.as_str()), (1, "sent"));
        assert_eq!(
            (scene.counted(PHONE).await, scene.counted("all").await),
            (1, 1)
        );
    }
}

/// The text is out, so a retry would be a second one.
#[tokio::test]
async fn dynamodb_failing_after_the_send_is_answered_200() {
    let scene = Scene::start().await;
    scene
        .dynamodb()
        .next_with("TransactItems", Fault::Delay(Duration::ZERO));
    scene.dynamodb().always_with("\"sent#", status(500));
    let delivery = scene.sandbox.mailgun.receive(&scene.mail()).await;
    assert_eq!(
        (delivery.done, delivery.attempts.len(), scene.texts()),
        (true, 1, 1)
    );
    scene.logged("sent_unrecorded").await;
    assert_eq!(scene.pending(PHONE).await.len(), 1);
    scene.dynamodb().always(None);
    scene.still_works().await;
}

#[tokio::test]
async fn a_closing_write_that_fails_once_is_written_again() {
    let scene = Scene::start().await;
    scene
        .dynamodb()
        .next_with("TransactItems", Fault::Delay(Duration::ZERO));
    for _ in 0..2 {
        scene.dynamodb().next_with("\"sent#", status(500));
    }
    let fields = scene.fields(&scene.mail());
    for _ in 0..2 {
        assert_eq!(scene.post(&fields).await.status, 200);
    }
    assert_eq!((scene.texts(), scene.stage().await.as_str()), (1, "sent"));
}

/// Another mail to the same phone is being claimed at that moment.
#[tokio::test]
async fn a_closing_write_that_meets_a_transaction_is_written_again() {
    let scene = Scene::start().await;
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionConflictException";
    let conflict =
        json!({ "__type": kind, "message": "Transaction is ongoing for the item" }).to_string();
    scene
        .dynamodb()
        .next_with("TransactItems", Fault::Delay(Duration::ZERO));
    for _ in 0..3 {
        scene.dynamodb().next_with(
            "\"sent#",
            Fault::Answer {
                status: 400,
                headers: vec![],
                body: conflict.clone(),
            },
        );
    }
    let fields = scene.fields(&scene.mail());
    assert_eq!(scene.post(&fields).await.status, 200);
    scene.dynamodb().clear();
    let mut journal = scene.items("sent#").await.remove(0);
    journal["lease_until"]["N"] = "0".into();
    scene.sandbox.aws.put(journal).await;
    assert_eq!(scene.post(&fields).await.status, 200);
    assert_eq!(
        (scene.texts(), scene.asked(), scene.stage().await.as_str()),
        (1, 1, "sent")
    );
}

#[tokio::test]
async fn without_secrets_manager_at_start_it_waits_for_better_times() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.secrets().faults().refuse(true);
    let scene = Scene::on(sandbox, 1, &[]).await;
    let fields = scene.fields(&scene.mail());
    assert_eq!(scene.post(&fields).await.status, 503);
    scene.secrets().refuse(false);
    scene.secrets().always(Some(status(500)));
    assert_eq!(scene.post(&fields).await.status, 503);
    scene.logged("secret_unavailable").await;
    scene.untouched();
    scene.secrets().always(None);
    assert_eq!((scene.post(&fields).await.status, scene.texts()), (200, 1));
}

#[tokio::test]
async fn without_twilio_s_secret_nothing_is_written() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.remove_secret("switchboard/twilio-send");
    let scene = Scene::on(sandbox, 1, &[]).await;
    let fields = scene.fields(&scene.mail());
    assert_eq!(scene.post(&fields).await.status, 503);
    scene.untouched();
    let secret = json!({ "account_sid": ACCOUNT_SID, "auth_token": sandbox::twilio::AUTH_TOKEN });
    scene
        .sandbox
        .aws
        .set_secret("switchboard/twilio-send", &secret);
    assert_eq!((scene.post(&fields).await.status, scene.texts()), (200, 1));
}

#[tokio::test]
async fn once_fetched_secrets_outlast_an_outage() {
    let scene = Scene::start().await;
    scene.secrets().refuse(true);
    assert_eq!(
        (scene.post_mail(&scene.mail()).await.status, scene.texts()),
        (200, 1)
    );
}
