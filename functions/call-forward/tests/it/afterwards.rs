//! When the dialled call is over: words, a message after the tone, and the text about it.

use sandbox::COMPANY_NUMBER;
use sandbox::twilio::{Ended, Recording, Twilio};
use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{
    APOLOGY, CALLER, GOODBYE, GREETING, MOBILE, OTHER_CALLER, OTHER_COMPANY_NUMBER, OTHER_MOBILE,
    Override, Params, Scene, VOICEMAIL, and, document, last_words, says, status,
};

const ON: [Override<'static>; 1] = [("VOICEMAIL", Some("on"))];

fn url(n: u32) -> String {
    format!(
        "https://api.twilio.com/2010-04-01/Accounts/{}/Recordings/RE{n:032x}",
        sandbox::twilio::ACCOUNT_SID
    )
}

/// What the caller of this call left.
fn recorded(scene: &Scene, call: &Params, url: &str) -> Params {
    scene.mark(url);
    and(
        call,
        &[
            ("CallStatus", "completed"),
            ("RecordingUrl", url),
            ("RecordingDuration", "7"),
            ("Digits", "hangup"),
        ],
    )
}

fn text(from: &str, recording: &Recording) -> String {
    format!(
        "Voicemail from {from} ({} s): {}.mp3",
        recording.seconds, recording.url
    )
}

#[tokio::test]
async fn every_end_of_a_dialled_call() {
    let record = r##"<Record action="/after" method="POST" maxLength="180" timeout="5" finishOnKey="#" playBeep="true"></Record>"##;
    let offer = document(&format!(
        "<Say>{VOICEMAIL}</Say>{record}<Say>{GOODBYE}</Say><Hangup/>"
    ));
    let goodbye = last_words(GOODBYE);
    for (voicemail, offered) in [
        (Some("on"), &offer),
        (Some("off"), &goodbye),
        (None, &goodbye),
    ] {
        let scene = Scene::with(&[("VOICEMAIL", voicemail)]).await;
        for (ended, answered) in [
            ("completed", true),
            ("answered", true),
            ("busy", false),
            ("no-answer", false),
            ("failed", false),
            ("canceled", false),
            ("", false),
            ("newly-invented", false),
        ] {
            let call = scene.inbound(CALLER);
            scene.post(&call, "").await;
            let said = scene
                .post(&and(&call, &[("DialCallStatus", ended)]), "after")
                .await;
            assert_eq!(
                &said,
                if answered { &goodbye } else { offered },
                "{voicemail:?} {ended}"
            );
            assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 0));
        }
        assert_eq!(
            scene.post(&scene.inbound(CALLER), "after").await,
            goodbye,
            "nothing dialled, nothing recorded"
        );
        scene.logged("ended").await;
        assert_eq!((scene.texts_tried(), scene.searches()), (0, 1));
    }
}

#[tokio::test]
async fn a_call_that_nobody_takes_ends_with_words() {
    let scene = Scene::start().await;
    let twilio = &scene.sandbox.twilio;
    for phone in [
        Twilio::phone_busy,
        Twilio::phone_rings_out,
        Twilio::phone_unreachable,
    ] {
        phone(twilio, MOBILE);
        let call = scene.call(CALLER).await;
        assert_eq!(
            (call.heard, call.ended),
            (
                vec![GREETING.to_owned(), GOODBYE.to_owned()],
                Ended::HungUpByUs
            )
        );
    }
    // While it rings, and while they talk.
    let hung_up = twilio
        .caller(CALLER)
        .hangs_up_after_greeting()
        .call(COMPANY_NUMBER)
        .await;
    assert_eq!(
        (hung_up.dialled[0].status, hung_up.ended),
        ("canceled", Ended::CallerHungUp)
    );
    twilio.phone_answers(MOBILE, 30);
    let talked = twilio
        .caller(CALLER)
        .hangs_up_after(12)
        .call(COMPANY_NUMBER)
        .await;
    assert_eq!(
        (
            talked.dialled[0].seconds,
            talked.ended,
            scene.line(COMPANY_NUMBER).await
        ),
        (12, Ended::CallerHungUp, (0, 12))
    );
    assert_eq!(scene.texts_tried(), 0);
}

#[tokio::test]
async fn a_message_is_texted_to_the_employee() {
    let scene = Scene::with(&ON).await;
    let twilio = &scene.sandbox.twilio;
    twilio.phone_rings_out(MOBILE);
    let hung_up = twilio.caller(CALLER).records(30).call(COMPANY_NUMBER).await;
    scene.note(&hung_up);
    let pressed = twilio
        .caller("anonymous")
        .records_until(1_000, '#')
        .call(COMPANY_NUMBER)
        .await;
    scene.note(&pressed);
    let heard = [
        GREETING.to_owned(),
        VOICEMAIL.to_owned(),
        GOODBYE.to_owned(),
    ];
    assert_eq!(
        (&hung_up.heard[..], hung_up.ended),
        (&heard[..2], Ended::CallerHungUp)
    );
    assert_eq!(
        (
            &pressed.heard[..],
            pressed.ended,
            pressed.recordings[0].seconds
        ),
        (&heard[..], Ended::HungUpByUs, 180)
    );
    let texts = [
        text(CALLER, &hung_up.recordings[0]),
        text("a withheld number", &pressed.recordings[0]),
    ];
    assert_eq!(twilio.inbox(MOBILE), texts);
    assert!(
        twilio
            .messages()
            .iter()
            .all(|text| text.from == COMPANY_NUMBER && text.direction == "outbound-api")
    );
    let logged = scene.logged("voicemail").await;
    assert_eq!(
        (&logged["SmsSent"], &logged["seconds"], &logged["phone"]),
        (&json!(1), &json!(30), &json!("+1••••0123"))
    );
    assert_eq!(
        (
            scene.texts_tried(),
            scene.searches(),
            scene.line(COMPANY_NUMBER).await
        ),
        (2, 1, (0, 0))
    );
}

#[tokio::test]
async fn silence_is_no_message() {
    let scene = Scene::with(&ON).await;
    let twilio = &scene.sandbox.twilio;
    twilio.phone_busy(MOBILE);
    let silent = scene.call(CALLER).await;
    assert_eq!(
        (&silent.heard[1..], silent.ended),
        (
            &[VOICEMAIL.to_owned(), GOODBYE.to_owned()][..],
            Ended::HungUpByUs
        )
    );
    twilio
        .caller(CALLER)
        .hangs_up_at_the_beep()
        .call(COMPANY_NUMBER)
        .await;
    assert_eq!(
        (scene.texts_tried(), scene.line(COMPANY_NUMBER).await.0),
        (0, 0)
    );
}

/// Twilio tells of a recording that nobody spoke into, too.
#[tokio::test]
async fn a_recording_of_no_length_is_no_message() {
    let scene = Scene::with(&ON).await;
    let told = and(
        &recorded(&scene, &scene.inbound(CALLER), &url(1)),
        &[("RecordingDuration", "0")],
    );
    assert_eq!(scene.post(&told, "after").await, last_words(GOODBYE));
    scene.logged("ended").await;
    assert_eq!((scene.texts_tried(), scene.writes("sent#")), (0, 0));
}

/// Each message is a text that somebody pays for.
#[tokio::test]
async fn an_employee_is_told_of_so_many_messages_an_hour() {
    let scene = Scene::with(&ON).await;
    let leave = async |from: &str, n| {
        let told = recorded(&scene, &scene.inbound(from), &url(n));
        assert_eq!(scene.post(&told, "after").await, last_words(GOODBYE));
        told
    };
    let first = leave(CALLER, 0).await;
    for n in 1..7 {
        leave(CALLER, n).await;
    }
    assert_eq!(scene.texts_tried(), 5, "of one caller");
    let logged = scene.logged("voicemail_limit").await;
    assert_eq!(
        (&logged["Refused"], &logged["level"]),
        (&json!(1), &json!("INFO"))
    );
    for n in 7..22 {
        leave("anonymous", n).await;
    }
    for n in 22..32 {
        leave(&format!("+141555501{n}"), n).await;
    }
    assert_eq!(scene.texts_tried(), 30, "those refused did not count");
    leave("+14155550144", 32).await;
    leave("anonymous", 33).await;
    assert_eq!(scene.post(&first, "after").await, last_words(GOODBYE));
    assert_eq!(
        (
            scene.texts_tried(),
            scene.sandbox.twilio.inbox(MOBILE).len()
        ),
        (30, 30)
    );
    assert_eq!(
        scene.outcomes()[32..],
        ["voicemail_limit", "voicemail_limit", "duplicate"]
    );
    // Another employee's are counted for that one.
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    let elsewhere = and(&scene.inbound(CALLER), &[("To", OTHER_COMPANY_NUMBER)]);
    scene
        .post(&recorded(&scene, &elsewhere, &url(34)), "after")
        .await;
    assert_eq!(scene.sandbox.twilio.inbox(OTHER_MOBILE).len(), 1);
}

#[tokio::test]
async fn one_text_however_often_twilio_tells() {
    let scene = Scene::with(&ON).await;
    let (twilio, call) = (&scene.sandbox.twilio, scene.inbound(CALLER));
    let told = recorded(&scene, &call, &url(1));
    let at_once = (
        scene.post(&told, "after"),
        scene.post(&told, "after"),
        scene.post(&told, "after"),
    );
    let (first, second, third) = tokio::join!(at_once.0, at_once.1, at_once.2);
    assert_eq!([first, second, third], [0; 3].map(|_| last_words(GOODBYE)));
    scene.restart().await;
    assert_eq!(scene.post(&told, "after").await, last_words(GOODBYE));
    assert_eq!(
        twilio.inbox(MOBILE),
        [format!("Voicemail from {CALLER} (7 s): {}.mp3", url(1))]
    );
    // Another call is another message.
    scene
        .post(&recorded(&scene, &scene.inbound(CALLER), &url(2)), "after")
        .await;
    assert_eq!((twilio.inbox(MOBILE).len(), scene.texts_tried()), (2, 2));
    let mut outcomes = scene.outcomes();
    outcomes.sort();
    assert_eq!(
        outcomes,
        [
            "duplicate",
            "duplicate",
            "duplicate",
            "voicemail",
            "voicemail"
        ]
    );
}

/// Okta and its copy fail together: nothing in the table says that the message was told of, so that a repeated request tells it.
#[tokio::test]
async fn a_message_is_told_of_when_the_directory_is_back() {
    let scene = Scene::with(&ON).await;
    let twilio = &scene.sandbox.twilio;
    for (n, (okta, dynamodb)) in [(true, false), (true, true), (false, true)]
        .into_iter()
        .enumerate()
    {
        scene.restart().await; // which remembers nobody
        let told = recorded(&scene, &scene.inbound(CALLER), &url(n.try_into().unwrap()));
        scene.okta().always(okta.then(|| status(500)));
        scene.dynamodb().always(dynamodb.then(|| status(500)));
        for _ in 0..2 {
            assert_eq!(scene.post(&told, "after").await, last_words(APOLOGY));
        }
        assert_eq!(twilio.inbox(MOBILE).len(), n, "{okta} {dynamodb}");
        scene.okta().clear();
        scene.dynamodb().clear();
        scene.restart().await; // Okta's pause is forgotten
        for _ in 0..3 {
            assert_eq!(scene.post(&told, "after").await, last_words(GOODBYE));
        }
        assert_eq!(twilio.inbox(MOBILE).len(), n + 1, "{okta} {dynamodb}");
        // The copy serves while Okta is down: from here on there must be none.
        scene.forget(&format!("directory#{COMPANY_NUMBER}")).await;
    }
    let logged = scene.logged("directory_unavailable").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("ERROR"), &json!(200))
    );
}

/// A repeated request tells the message of which an outage kept the first from telling.
#[tokio::test]
async fn who_pressed_the_pound_key_hears_an_apology() {
    let scene = Scene::with(&ON).await;
    let told = and(
        &recorded(&scene, &scene.inbound(CALLER), &url(1)),
        &[("CallStatus", "in-progress"), ("Digits", "#")],
    );
    scene.okta().always(Some(status(500)));
    assert_eq!(scene.post(&told, "after").await, last_words(APOLOGY));
    scene.okta().clear();
    scene.restart().await;
    assert_eq!(scene.post(&told, "after").await, last_words(GOODBYE));
    assert_eq!(scene.sandbox.twilio.inbox(MOBILE).len(), 1);
}

/// The message's count in the table fails, but not its claim: that is given back.
#[tokio::test]
async fn a_message_that_could_not_be_counted_is_told_of_later() {
    let scene = Scene::with(&ON).await;
    scene.call(CALLER).await; // the employee is known
    let told = recorded(&scene, &scene.inbound(OTHER_CALLER), &url(1));
    scene.dynamodb().always_with("rate#voicemail#", status(500));
    assert_eq!(scene.post(&told, "after").await, last_words(APOLOGY));
    scene.dynamodb().clear();
    scene.dynamodb().always_with("sent#voicemail#", status(500));
    assert_eq!(scene.post(&told, "after").await, last_words(APOLOGY));
    scene.dynamodb().clear();
    for _ in 0..2 {
        assert_eq!(scene.post(&told, "after").await, last_words(GOODBYE));
    }
    assert_eq!(scene.texts_tried(), 1);
}

/// The claim is written, its answer lost: the repeated claim meets its own.
#[tokio::test]
async fn a_claim_whose_answer_is_lost_is_recognised() {
    let scene = Scene::with(&ON).await;
    scene.call(CALLER).await; // the employee is known, so the claim comes first
    scene.dynamodb().next(Fault::ResetAfter);
    scene
        .post(
            &recorded(&scene, &scene.inbound(OTHER_CALLER), &url(1)),
            "after",
        )
        .await;
    assert_eq!(
        (
            scene.dynamodb().pending(),
            scene.sandbox.twilio.inbox(MOBILE).len()
        ),
        (0, 1)
    );
}

/// The caller hears the same; an operator is told; nobody tries again, since the text may have gone out. Only what Twilio certainly
/// did not take, because it was busy, is tried once more.
#[tokio::test]
async fn a_text_that_fails_is_not_the_callers_trouble() {
    let refusal = |code: u32| {
        says(
            400,
            &json!({ "code": code, "message": MOBILE, "status": 400 }).to_string(),
        )
    };
    let absurd = Fault::Answer {
        status: 429,
        headers: vec![("retry-after".to_owned(), u64::MAX.to_string())],
        body: "{}".to_owned(),
    };
    for (fault, times, stage, texts, tried) in [
        (absurd, 1, "failed", 0, 1),
        (status(500), 1, "unknown", 0, 1),
        (status(503), 1, "sent", 1, 2),
        (status(503), 2, "failed", 0, 2),
        (says(429, "{}"), 1, "sent", 1, 2),
        (says(429, "{}"), 2, "failed", 0, 2),
        (refusal(21610), 1, "failed", 0, 1),
        (Fault::ResetBefore, 1, "unknown", 0, 1),
        (Fault::ResetAfter, 1, "unknown", 1, 1),
        (Fault::Garbage, 1, "sent", 1, 1),
    ] {
        let scene = Scene::with(&ON).await;
        let (call, twilio) = (
            scene.inbound(CALLER),
            scene.sandbox.twilio.server().faults(),
        );
        twilio.times(times, || fault.clone());
        let told = recorded(&scene, &call, &url(1));
        for _ in 0..2 {
            assert_eq!(
                scene.post(&told, "after").await,
                last_words(GOODBYE),
                "{fault:?}"
            );
        }
        assert_eq!(
            (
                scene.sandbox.twilio.inbox(MOBILE).len(),
                scene.texts_tried()
            ),
            (texts, tried),
            "{fault:?}"
        );
        let items = scene.sandbox.aws.items().await;
        let journal = items
            .iter()
            .find(|item| item["pk"]["S"].as_str().unwrap().starts_with("sent#"))
            .unwrap();
        assert_eq!(journal["stage"]["S"], stage, "{fault:?}");
        if stage != "sent" {
            let logged = scene.logged("voicemail_text_failed").await;
            assert_eq!(
                (&logged["level"], &logged["SmsFailed"]),
                (&json!("ERROR"), &json!(1)),
                "{fault:?}"
            );
        }
    }
}

#[tokio::test]
async fn credentials_that_were_replaced_are_fetched_and_used() {
    let scene = Scene::with(&ON).await;
    let told = recorded(&scene, &scene.inbound(CALLER), &url(1));
    let twilio = &scene.sandbox.twilio;
    let secret = json!({
        "account_sid": sandbox::twilio::ACCOUNT_SID, "auth_token": sandbox::twilio::AUTH_TOKEN,
        "api_key_sid": format!("SK{}", "1".repeat(32)), "api_key_secret": "an-api-key-secret",
    });
    scene.sandbox.aws.set_secret("switchboard/twilio", &secret);
    twilio.add_api_key(&format!("SK{}", "1".repeat(32)), "an-api-key-secret");
    twilio.server().faults().next(says(401, "{}"));
    scene.post(&told, "after").await;
    assert_eq!(
        (
            twilio.inbox(MOBILE).len(),
            scene.texts_tried(),
            scene.fetched("twilio")
        ),
        (1, 2, 2)
    );
}

#[tokio::test]
async fn messages_for_nobody_and_odd_recordings_are_not_texted() {
    let scene = Scene::with(&ON).await;
    let long = format!("https://api.twilio.com/{}", "x".repeat(3_000));
    for odd in [
        "",
        "javascript:alert(1)",
        "http://evil.example/x",
        "/2010-04-01/x",
        "https://a b",
        &long,
    ] {
        assert_eq!(
            scene
                .post(&recorded(&scene, &scene.inbound(CALLER), odd), "after")
                .await,
            last_words(GOODBYE),
            "{odd}"
        );
    }
    scene
        .sandbox
        .okta
        .set_status(&scene.sandbox.okta.users()[0].id, "SUSPENDED");
    assert_eq!(
        scene
            .post(&recorded(&scene, &scene.inbound(CALLER), &url(1)), "after")
            .await,
        last_words(GOODBYE)
    );
    scene.logged("user_not_active").await;
    let off = Scene::start().await;
    assert_eq!(
        off.post(&recorded(&off, &off.inbound(CALLER), &url(1)), "after")
            .await,
        last_words(GOODBYE)
    );
    assert_eq!((scene.texts_tried(), off.texts_tried()), (0, 0));
}

#[tokio::test]
async fn the_text_about_a_message_asks_for_a_receipt_and_is_counted_as_sent() {
    for url in [None, Some("http://127.0.0.1:9/receipts")] {
        let scene = Scene::with(&[ON[0], ("DELIVERY_URL", url)]).await;
        let call = scene.inbound(CALLER);
        let told = recorded(&scene, &call, &self::url(1));
        for _ in 0..2 {
            assert_eq!(scene.post(&told, "after").await, last_words(GOODBYE));
        }
        let sid = &call.iter().find(|(name, _)| name == "CallSid").unwrap().1;
        let texts = scene.sandbox.twilio.texts(MOBILE);
        let asked = url.map(|url| format!("{url}/twilio/voicemail-{sid}#rc=3&rp=5xx,ct,rt"));
        assert_eq!((texts.len(), &texts[0].receipt_url), (1, &asked));
        let entry = scene.items("sent#voicemail#").await.remove(0);
        let score = scene.items("score#").await;
        if url.is_none() {
            assert_eq!((&entry["sender"], score.len()), (&json!(null), 0));
            continue;
        }
        assert_eq!(entry["sender"]["S"], COMPANY_NUMBER);
        assert_eq!(entry["provider"]["S"], "twilio");
        assert_eq!(score.len(), 1);
        assert_eq!(score[0]["sk"]["S"], format!("twilio#US#{COMPANY_NUMBER}"));
        assert_eq!(score[0]["sent"]["N"], "1");
    }
}
