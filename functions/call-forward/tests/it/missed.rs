//! Missed calls: the employee gets one SMS about each call that nobody answered.

use std::time::Instant;

use sandbox::COMPANY_NUMBER;
use sandbox::twilio::Twilio;
use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{CALLER, MOBILE, OTHER_CALLER, Override, Params, Scene, and, status};

const ON: [Override<'static>; 1] = [("MISSED_CALL_TEXT", Some("on"))];
const BOTH: [Override<'static>; 2] = [ON[0], ("VOICEMAIL", Some("on"))];

fn ended(scene: &Scene, call: &Params) -> Params {
    scene.sandbox.twilio.ended_call(call, "completed", 9)
}

fn dialled(call: &Params, status: &str) -> Params {
    and(call, &[("DialCallStatus", status)])
}

/// A call that rang, and that nobody answered.
async fn missed(scene: &Scene, from: &str) -> Params {
    let call = scene.inbound(from);
    scene.post(&call, "").await;
    scene.post(&dialled(&call, "no-answer"), "after").await;
    call
}

fn texts(scene: &Scene) -> Vec<String> {
    scene.sandbox.twilio.inbox(MOBILE)
}

#[tokio::test]
async fn a_call_that_nobody_answers_is_texted_to_the_employee() {
    let scene = Scene::with(&ON).await;
    let twilio = &scene.sandbox.twilio;
    for phone in [
        Twilio::phone_busy,
        Twilio::phone_rings_out,
        Twilio::phone_unreachable,
    ] {
        phone(twilio, MOBILE);
        assert_eq!(scene.call(CALLER).await.told, 204);
    }
    twilio.phone_rings_out(MOBILE);
    scene.call("anonymous").await;
    let known = format!("Missed call from {CALLER}");
    let expected = [&known, &known, &known, "Missed call from a hidden number"];
    assert_eq!(texts(&scene), expected);
    let message = twilio.messages().remove(0);
    assert_eq!(message.from, COMPANY_NUMBER);
    let logged = scene.logged("missed_call").await;
    assert_eq!(
        (&logged["SmsSent"], &logged["phone"], &logged["status"]),
        (&json!(1), &json!("+1••••0123"), &json!(204))
    );
    assert_eq!(scene.logged("not_answered").await["MissedCalls"], 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_before_anybody_answers_was_missed() {
    let scene = Scene::with(&ON).await;
    let twilio = &scene.sandbox.twilio;
    let caller = || twilio.caller(CALLER);
    scene.inbound(CALLER);
    caller()
        .hangs_up_during_greeting()
        .call(COMPANY_NUMBER)
        .await;
    assert_eq!(texts(&scene).len(), 1, "before it rang");
    caller()
        .hangs_up_after_greeting()
        .call(COMPANY_NUMBER)
        .await;
    assert_eq!(texts(&scene).len(), 2, "while it rang");
    assert_eq!(scene.logged("missed_call").await["MissedCalls"], 1);
}

#[tokio::test]
async fn an_answered_call_is_not_missed() {
    let scene = Scene::with(&ON).await;
    let twilio = &scene.sandbox.twilio;
    twilio.phone_answers(MOBILE, 30);
    scene.call(CALLER).await;
    twilio
        .caller(CALLER)
        .hangs_up_after(12)
        .call(COMPANY_NUMBER)
        .await;
    assert_eq!(scene.texts_tried(), 0);
    // If `/after` never came: this call was too long to have been a missed one.
    let call = scene.inbound(OTHER_CALLER);
    scene.post(&call, "").await;
    let long = twilio.ended_call(&call, "completed", 300);
    assert_eq!(scene.tell(&long).await.0, 204);
    assert_eq!(scene.texts_tried(), 0);
}

/// If the caller hangs up, Twilio makes both requests at once.
#[tokio::test]
async fn whichever_news_come_first_an_answered_call_is_not_missed() {
    let scene = Scene::in_two_processes(&ON).await;
    let call = scene.inbound(CALLER);
    scene.post(&call, "").await;
    let (over, answered) = (ended(&scene, &call), dialled(&call, "completed"));
    let answer = async {
        while scene.line(COMPANY_NUMBER).await.0 > 0 {
            tokio::task::yield_now().await;
        }
        scene.post(&answered, "after").await
    };
    let (told, _) = tokio::join!(scene.tell(&over), answer);
    assert_eq!((told.0, scene.texts_tried()), (204, 0));
}

#[tokio::test]
async fn a_voicemail_is_told_instead_of_a_missed_call() {
    let scene = Scene::in_two_processes(&BOTH).await;
    let twilio = &scene.sandbox.twilio;
    twilio.phone_rings_out(MOBILE);
    let call = twilio.caller(CALLER).records(30).call(COMPANY_NUMBER).await;
    scene.note(&call);
    assert_eq!(texts(&scene).len(), 1);
    assert!(texts(&scene)[0].starts_with("Voicemail from "));
    // The status callback is first.
    let call = missed(&scene, OTHER_CALLER).await;
    let url = "https://api.twilio.com/2010-04-01/Accounts/x/Recordings/RE1";
    scene.mark(url);
    let recorded = [("RecordingUrl", url), ("RecordingDuration", "7")];
    let recorded = and(&call, &recorded);
    let over = ended(&scene, &call);
    tokio::join!(scene.tell(&over), scene.post(&recorded, "after"));
    assert_eq!(texts(&scene).len(), 2);
    assert!(texts(&scene)[1].starts_with("Voicemail from "));
    // Nothing was said after the tone.
    let call = missed(&scene, "+14155550133").await;
    scene.tell(&ended(&scene, &call)).await;
    assert_eq!(texts(&scene)[2], "Missed call from +14155550133");
}

#[tokio::test]
async fn repeated_news_of_one_call_are_one_text() {
    let scene = Scene::with(&ON).await;
    let call = missed(&scene, CALLER).await;
    let over = ended(&scene, &call);
    tokio::join!(scene.tell(&over), scene.tell(&over), scene.tell(&over));
    scene.tell(&over).await;
    assert_eq!(scene.texts_tried(), 1);
    scene.let_pass_since_answers(61).await;
    assert_eq!(scene.tell(&over).await, (204, String::new()));
    scene.logged("replayed").await;
    assert_eq!(scene.texts_tried(), 1);
}

/// A call of a time when the setting was off, replayed by an attacker.
#[tokio::test]
async fn an_old_missed_call_is_history() {
    let scene = Scene::with(&ON).await;
    let call = missed(&scene, CALLER).await;
    scene.let_pass_since_answers(901).await;
    scene.tell(&ended(&scene, &call)).await;
    assert_eq!(scene.texts_tried(), 0);
}

#[tokio::test]
async fn calls_that_were_never_connected_are_not_missed() {
    let scene = Scene::with(&ON).await;
    // Unknown to us.
    let call = scene.inbound(CALLER);
    scene.tell(&ended(&scene, &call)).await;
    // Refused: a loop.
    let call = scene.inbound(MOBILE);
    scene.post(&call, "").await;
    scene.tell(&ended(&scene, &call)).await;
    assert_eq!(scene.texts_tried(), 0);
}

#[tokio::test]
async fn somebody_suspended_meanwhile_gets_no_text() {
    let scene = Scene::with(&ON).await;
    let id = scene.sandbox.okta.users()[0].id.clone();
    let call = missed(&scene, CALLER).await;
    scene.sandbox.okta.set_status(&id, "SUSPENDED");
    scene.restart().await;
    scene.tell(&ended(&scene, &call)).await;
    scene.logged("user_not_active").await;
    assert_eq!(scene.texts_tried(), 0);
}

/// Each of them is a text that somebody pays for.
#[tokio::test]
async fn an_employee_is_told_of_so_many_missed_calls_an_hour() {
    let scene = Scene::with(&ON).await;
    for _ in 0..7 {
        let call = missed(&scene, CALLER).await;
        scene.tell(&ended(&scene, &call)).await;
        scene.forget(&format!("rate#calls#{COMPANY_NUMBER}")).await;
    }
    assert_eq!(scene.texts_tried(), 5, "of one caller");
    assert_eq!(scene.logged("missed_call_limit").await["Refused"], 1);
    for n in 0..27 {
        let call = missed(&scene, &format!("+141555502{n:02}")).await;
        scene.tell(&ended(&scene, &call)).await;
        scene.forget(&format!("rate#calls#{COMPANY_NUMBER}")).await;
    }
    assert_eq!(scene.texts_tried(), 30, "in all");
}

#[tokio::test]
async fn without_the_setting_nobody_is_told_and_nothing_waits() {
    let scene = Scene::start().await;
    let call = missed(&scene, CALLER).await;
    let started = Instant::now();
    assert_eq!(scene.tell(&ended(&scene, &call)).await.0, 204);
    let ringing = scene.inbound(OTHER_CALLER);
    scene.post(&ringing, "").await;
    assert_eq!(scene.tell(&ended(&scene, &ringing)).await.0, 204);
    assert!(started.elapsed().as_secs() < 2);
    assert_eq!((scene.texts_tried(), scene.writes("sent#")), (0, 0));
}

#[tokio::test]
async fn what_fails_is_told_again() {
    let scene = Scene::with(&ON).await;
    let call = missed(&scene, CALLER).await;
    let over = ended(&scene, &call);
    scene.dynamodb().always(Some(status(500)));
    assert_eq!(scene.tell(&over).await, (503, String::new()));
    scene.dynamodb().clear();
    // Twilio is too busy, and then takes it.
    scene.twilio().next(Fault::Answer {
        status: 429,
        headers: vec![],
        body: "{}".into(),
    });
    assert_eq!(scene.tell(&over).await.0, 204);
    assert_eq!(texts(&scene).len(), 1);
}
