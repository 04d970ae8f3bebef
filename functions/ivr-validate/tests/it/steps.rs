//! Steps of a call cannot be skipped, repeated, or taken by two requests at once.

use serde_json::{Value, json};

use crate::scene::{
    ACCOUNT, AGAIN_ACCOUNT, AGAIN_PIN, ASK_PIN, Answer, CALLER, GOODBYE, GREETED, OTHER_CALLER,
    PIN, Params, REFUSED_ONCE, Scene, WELCOME, WRONG_PIN, and, at_once, last_words, question,
};

/// A call that has got as far as the menu.
async fn logged_in(scene: &Scene) -> Params {
    let call = scene.inbound(CALLER);
    for (path, keys) in [
        ("voice", ""),
        ("voice/account", ACCOUNT),
        ("voice/pin", PIN),
    ] {
        scene.document(&call, path, keys).await;
    }
    call
}

fn sid(call: &Params) -> String {
    call.iter()
        .find(|(name, _)| name == "CallSid")
        .unwrap()
        .1
        .clone()
}

/// What the table has of the call.
async fn state(scene: &Scene, call: &Params) -> Value {
    let pk = format!("call#{}", sid(call));
    scene
        .sandbox
        .aws
        .items()
        .await
        .into_iter()
        .find(|item| item["pk"]["S"] == pk)
        .unwrap()
}

async fn open_until(scene: &Scene, call: &Params) -> u64 {
    state(scene, call).await["open_until"]["N"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// The call is open for so many seconds from now.
async fn set_open(scene: &Scene, call: &Params, seconds: u64) -> u64 {
    let (mut item, until) = (state(scene, call).await, sandbox::now().as_secs() + seconds);
    item["open_until"] = json!({ "N": until.to_string() });
    scene.sandbox.aws.put(item).await;
    until
}

#[tokio::test]
async fn no_step_without_the_one_before_it() {
    let scene = Scene::start().await;
    let goodbye = last_words(&[GOODBYE]);
    let all = [
        ("voice/account", ACCOUNT),
        ("voice/pin", PIN),
        ("voice/menu", "1"),
        ("voice/menu", "7"),
        ("voice/pin", ""),
    ];
    for (path, keys) in all {
        assert_eq!(
            scene.document(&scene.inbound(CALLER), path, keys).await,
            goodbye,
            "{path} {keys}"
        );
    }
    for (path, keys) in &all[1..] {
        let call = scene.inbound(CALLER);
        assert_eq!(
            scene.document(&call, "voice", "").await,
            question(WELCOME, "account", None)
        );
        assert_eq!(
            scene.document(&call, path, keys).await,
            goodbye,
            "after the welcome: {path} {keys}"
        );
    }
    for (path, keys) in [
        ("voice", ""),
        ("voice/account", ACCOUNT),
        ("voice/menu", "1"),
        ("voice/menu", "9"),
        ("voice/account", ""),
    ] {
        let call = scene.inbound(CALLER);
        scene.document(&call, "voice", "").await;
        scene.document(&call, "voice/account", ACCOUNT).await;
        assert_eq!(
            scene.document(&call, path, keys).await,
            goodbye,
            "after the account number: {path} {keys}"
        );
    }
    assert_eq!(
        (scene.logins(), scene.asked(), scene.wrong().await),
        (0, 0, 0)
    );
    assert!(scene.outcomes().contains(&"out_of_order".to_owned()));
}

#[tokio::test]
async fn no_step_twice() {
    let scene = Scene::start().await;
    let goodbye = last_words(&[GOODBYE]);
    let call = logged_in(&scene).await;
    for (path, keys) in [
        ("voice/pin", PIN),
        ("voice/pin", WRONG_PIN),
        ("voice/account", ACCOUNT),
        ("voice", ""),
    ] {
        assert_eq!(scene.document(&call, path, keys).await, goodbye, "{path}");
    }
    assert_eq!((scene.logins(), scene.wrong().await), (1, 0));
    assert!(
        scene
            .document(&call, "voice/menu", "1")
            .await
            .contains("Your balance is 1234.50 EUR.")
    );
    assert_eq!(scene.document(&call, "voice/menu", "9").await, goodbye);
    for (path, keys) in [
        ("voice/menu", "1"),
        ("voice", ""),
        ("voice/account", ACCOUNT),
        ("voice/pin", PIN),
    ] {
        assert_eq!(
            scene.document(&call, path, keys).await,
            goodbye,
            "after the exit: {path}"
        );
    }
    assert_eq!((scene.logins(), scene.asked()), (1, 1));
    // Twilio asks again if an answer is lost; that is no other step.
    let call = scene.inbound(CALLER);
    for _ in 0..3 {
        assert_eq!(
            scene.document(&call, "voice", "").await,
            question(WELCOME, "account", None)
        );
    }
    assert_eq!(
        scene.document(&call, "voice/account", ACCOUNT).await,
        question(ASK_PIN, "pin", Some(4))
    );
    // After a wrong pair as well the way is the whole way.
    assert_eq!(
        scene.document(&call, "voice/pin", WRONG_PIN).await,
        question(REFUSED_ONCE, "account", None)
    );
    assert_eq!(scene.document(&call, "voice/pin", PIN).await, goodbye);
}

#[tokio::test]
async fn a_call_is_not_another() {
    let scene = Scene::start().await;
    let (call, goodbye) = (logged_in(&scene).await, last_words(&[GOODBYE]));
    let other = scene.inbound(OTHER_CALLER);
    assert_eq!(scene.document(&other, "voice/menu", "1").await, goodbye);
    let almost = and(&call, &[("CallSid", &format!("CA{}", "0".repeat(32)))]);
    assert_eq!(scene.document(&almost, "voice/menu", "1").await, goodbye);
    assert_eq!(scene.asked(), 0);
    // The account asked about is the one that was logged in to, whatever else a request says.
    let more = and(
        &call,
        &[("account", "9999999999"), ("account_number", "9999999999")],
    );
    assert!(
        scene
            .document(&more, "voice/menu", "1")
            .await
            .contains("1234.50")
    );
}

#[tokio::test]
async fn what_was_reached_does_not_last() {
    let scene = Scene::start().await;
    let goodbye = last_words(&[GOODBYE]);
    let call = logged_in(&scene).await;
    set_open(&scene, &call, 0).await;
    // Nor does it begin anew: what was recorded of a call opens nothing.
    for (path, keys) in [
        ("voice/menu", "1"),
        ("voice/menu", "9"),
        ("voice/menu", ""),
        ("voice", ""),
        ("voice/account", ACCOUNT),
        ("voice/pin", PIN),
    ] {
        assert_eq!(scene.document(&call, path, keys).await, goodbye, "{path}");
    }
    // Not even one that was hung up before anything was keyed.
    let call = scene.inbound(CALLER);
    scene.document(&call, "voice", "").await;
    set_open(&scene, &call, 0).await;
    for (path, keys) in [
        ("voice", ""),
        ("voice/account", ""),
        ("voice/account", ACCOUNT),
        ("voice/pin", PIN),
    ] {
        assert_eq!(scene.document(&call, path, keys).await, goodbye, "{path}");
    }
    let call = scene.inbound(CALLER);
    scene.document(&call, "voice", "").await;
    scene.document(&call, "voice/account", ACCOUNT).await;
    set_open(&scene, &call, 0).await;
    assert_eq!(scene.document(&call, "voice/pin", PIN).await, goodbye);
    assert_eq!((scene.logins(), scene.asked()), (1, 0));
}

#[tokio::test]
async fn no_step_gives_a_dialogue_or_a_menu_more_time() {
    let scene = Scene::start().await;
    let call = scene.inbound(CALLER);
    scene.document(&call, "voice", "").await;
    let until = set_open(&scene, &call, 100).await;
    for (path, keys) in [
        ("voice", ""),
        ("voice/account", ""),
        ("voice/account", ACCOUNT),
        ("voice/pin", ""),
        ("voice/pin", WRONG_PIN),
        ("voice/account", ACCOUNT),
    ] {
        scene.document(&call, path, keys).await;
        assert_eq!(open_until(&scene, &call).await, until, "{path} {keys}");
    }
    // A menu has a time of its own.
    let now = sandbox::now().as_secs();
    scene.document(&call, "voice/pin", PIN).await;
    assert!((now + 15 * 60..now + 16 * 60).contains(&open_until(&scene, &call).await));
    let until = set_open(&scene, &call, 100).await;
    for keys in ["1", "", "7", "2"] {
        scene.document(&call, "voice/menu", keys).await;
        assert_eq!(open_until(&scene, &call).await, until, "{keys}");
    }
    assert_eq!(scene.asked(), 2);
}

/// How many of the answers are this document; the others say goodbye.
#[track_caller]
fn went_on(answers: &[Answer], document: &str) -> usize {
    let (on, others): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| answer.body == document);
    assert!(
        others
            .iter()
            .all(|answer| answer.status == 200 && answer.body == last_words(&[GOODBYE])),
        "{others:?}"
    );
    on.len()
}

#[tokio::test]
async fn of_twenty_at_once_one_goes_on() {
    let scene = Scene::with(5, &[]).await;
    let call = scene.inbound(CALLER);
    scene.document(&call, "voice", "").await;
    let twenty = |path: &'static str, keys: &'static str| (0..20).map(move |_| (path, keys));
    let all = |steps: Vec<(&'static str, &'static str)>| {
        at_once(
            steps
                .into_iter()
                .map(|(path, keys)| scene.step(&call, path, keys)),
        )
    };
    let answers = all(twenty("voice/account", ACCOUNT).collect()).await;
    assert_eq!(went_on(&answers, &question(ASK_PIN, "pin", Some(4))), 1);
    let answers = all(twenty("voice/pin", WRONG_PIN).collect()).await;
    assert_eq!(
        went_on(&answers, &question(REFUSED_ONCE, "account", None)),
        1
    );
    assert_eq!((scene.logins(), scene.wrong().await), (1, 1));
    all(vec![("voice/account", ACCOUNT)]).await;
    let answers = all(twenty("voice/pin", PIN).collect()).await;
    assert_eq!(
        (
            went_on(&answers, &question(GREETED, "menu", Some(1))),
            scene.logins()
        ),
        (1, 2)
    );
    // A guess of every PIN at once is one guess.
    let other = scene.inbound(OTHER_CALLER);
    scene.document(&other, "voice", "").await;
    scene.document(&other, "voice/account", ACCOUNT).await;
    let guesses: Vec<String> = (0..20).map(|n| format!("{n:04}")).collect();
    let answers = at_once(
        guesses
            .iter()
            .map(|pin| scene.step(&other, "voice/pin", pin)),
    )
    .await;
    assert_eq!(
        (
            went_on(&answers, &question(REFUSED_ONCE, "account", None)),
            scene.logins()
        ),
        (1, 3)
    );
}

#[tokio::test]
async fn a_menu_does_not_go_on_for_ever() {
    let scene = Scene::start().await;
    let call = logged_in(&scene).await;
    for _ in 0..50 {
        assert!(
            scene
                .document(&call, "voice/menu", "1")
                .await
                .contains("1234.50")
        );
    }
    assert_eq!(
        scene.document(&call, "voice/menu", "1").await,
        last_words(&[GOODBYE])
    );
    assert_eq!(scene.asked(), 50);
}

#[tokio::test]
async fn what_no_keypad_has_is_no_entry() {
    let scene = Scene::start().await;
    let (long, huge) = ("1".repeat(100), "1".repeat(500_000));
    let spoken = [
        ("SpeechResult", "two seven one eight"),
        ("Confidence", "0.9"),
    ];
    let keyed = [
        "",
        "abcd",
        "२७१८",
        "27 18",
        "271\u{0}",
        "1 OR *",
        "* AND email:x",
        "\"",
        "\"}}",
        "</Say>",
        "\r\nx: y",
        "+271",
        &long,
        &huge,
    ];
    for keys in keyed {
        let call = and(&scene.inbound(CALLER), &spoken);
        scene.document(&call, "voice", "").await;
        assert_eq!(
            scene.document(&call, "voice/account", keys).await,
            question(AGAIN_ACCOUNT, "account", None),
            "{keys:.20}"
        );
        assert_eq!(
            scene.document(&call, "voice/account", ACCOUNT).await,
            question(ASK_PIN, "pin", Some(4))
        );
        assert_eq!(
            scene.document(&call, "voice/pin", keys).await,
            question(AGAIN_PIN, "pin", Some(4)),
            "{keys:.20}"
        );
    }
    assert_eq!(
        (scene.logins(), scene.wrong().await, scene.asked()),
        (0, 0, 0)
    );
}

/// Where each answer of a call told to post, with what was keyed there.
struct Captured {
    call: Params,
    requests: Vec<(String, &'static str)>,
}

impl Captured {
    /// A whole call, until its exit.
    async fn whole(scene: &Scene) -> Self {
        let call = scene.inbound(CALLER);
        let (mut next, mut requests) = ("voice".to_owned(), Vec::new());
        for keys in ["", ACCOUNT, PIN, "1", "9"] {
            let (_, after) = scene.post(&call, &next, keys).await;
            requests.push((std::mem::replace(&mut next, after), keys));
        }
        Self { call, requests }
    }

    /// The same, as it would have been so many days ago.
    fn before(self, days: u64) -> Self {
        let requests =
            self.requests
                .into_iter()
                .map(|(address, keys)| match address.split_once("?step=") {
                    Some((path, number)) => (
                        format!(
                            "{path}?step={}",
                            number.parse::<u64>().unwrap() - 1_000 * days
                        ),
                        keys,
                    ),
                    None => (address, keys),
                });
        Self {
            requests: requests.collect(),
            ..self
        }
    }

    async fn replay(&self, scene: &Scene) -> Vec<String> {
        let mut documents = Vec::new();
        for (address, keys) in &self.requests {
            documents.push(scene.post(&self.call, address, keys).await.0);
        }
        documents
    }
}

/// So many seconds ago the last answer was given.
async fn answered_ago(scene: &Scene, call: &Params, seconds: u64) {
    let mut item = state(scene, call).await;
    item["answered"] = json!({ "N": (sandbox::now().as_secs() - seconds).to_string() });
    scene.sandbox.aws.put(item).await;
}

/// Twilio asks again when an answer was lost: it gets the same one, with the same next address, and nothing is done again.
#[tokio::test]
async fn a_step_that_comes_again_at_once_gets_the_same_answer() {
    let scene = Scene::start().await;
    let call = scene.inbound(CALLER);
    let mut next = "voice".to_owned();
    for keys in [
        "", "x", ACCOUNT, "12", WRONG_PIN, ACCOUNT, PIN, "5", "1", "2", "9",
    ] {
        let first = scene.post(&call, &next, keys).await;
        let before = state(&scene, &call).await;
        for _ in 0..2 {
            assert_eq!(scene.post(&call, &next, keys).await, first, "{keys}");
        }
        assert_eq!(state(&scene, &call).await, before, "{keys}");
        assert!(
            first.1.is_empty() == (keys == "9") && first.1 != next,
            "{keys} {first:?}"
        );
        next = first.1;
    }
    assert_eq!((scene.logins(), scene.wrong().await), (2, 0));
    assert_eq!(
        scene
            .outcomes()
            .iter()
            .filter(|outcome| *outcome == "repeated")
            .count(),
        22
    );
    let call = scene.inbound(OTHER_CALLER);
    let next = scene
        .follow(&call, &[ACCOUNT, WRONG_PIN, ACCOUNT, WRONG_PIN, ACCOUNT])
        .await;
    let last = scene.post(&call, &next, WRONG_PIN).await;
    assert_eq!(
        last,
        (last_words(&[crate::scene::REFUSED, GOODBYE]), String::new())
    );
    assert_eq!(scene.post(&call, &next, WRONG_PIN).await, last);
    assert_eq!(scene.wrong().await, 3, "the last try was one");
    let call = scene.inbound(OTHER_CALLER);
    let next = scene.follow(&call, &["", ""]).await;
    for _ in 0..2 {
        assert_eq!(scene.post(&call, &next, "").await.0, last_words(&[GOODBYE]));
    }
}

#[tokio::test]
async fn a_step_that_comes_again_later_does_nothing() {
    let scene = Scene::start().await;
    let goodbye = last_words(&[GOODBYE]);
    let call = scene.inbound(CALLER);
    let mut next = "voice".to_owned();
    for keys in ["", ACCOUNT, WRONG_PIN, ACCOUNT, PIN, "1"] {
        let after = scene.post(&call, &next, keys).await.1;
        answered_ago(&scene, &call, 16).await;
        let before = state(&scene, &call).await;
        assert_eq!(
            scene.post(&call, &next, keys).await,
            (goodbye.clone(), String::new()),
            "{keys}"
        );
        assert_eq!(state(&scene, &call).await, before, "{keys}");
        next = after;
    }
    assert_eq!((scene.logins(), scene.asked()), (2, 1));
    assert!(
        scene
            .post(&call, &next, "2")
            .await
            .0
            .contains("Your last payment"),
        "the call goes on"
    );
}

/// Neither an older step, nor one that was never told, nor one without a number where others had one. None of them ends the call.
#[tokio::test]
async fn a_step_that_is_not_the_next_does_nothing() {
    let scene = Scene::start().await;
    let goodbye = last_words(&[GOODBYE]);
    let call = scene.inbound(CALLER);
    let account = scene.follow(&call, &[]).await;
    let pin = scene.post(&call, &account, ACCOUNT).await.1;
    let menu = scene.post(&call, &pin, PIN).await.1;
    let (path, number) = menu.split_once('=').unwrap();
    let number: u64 = number.parse().unwrap();
    let others = [number - 2, number + 1, 0, 1, u64::MAX].map(|number| format!("{path}={number}"));
    let odd = [
        "=",
        "",
        &format!("={number}&step={number}"),
        &format!("=+{number}"),
        &format!("={number}x"),
    ];
    let odd = odd.map(|rest| format!("{path}{rest}"));
    for address in others
        .iter()
        .chain(&odd)
        .chain([&account, &format!("/voice/account?step={number}")])
    {
        for keys in ["1", "9", "", "x"] {
            assert_eq!(
                scene.post(&call, address, keys).await.0,
                goodbye,
                "{address} {keys}"
            );
        }
    }
    for path in [
        "voice/menu",
        "voice/menu?a=1",
        "voice/account",
        "voice/pin",
        "voice",
    ] {
        assert_eq!(scene.post(&call, path, "1").await.0, goodbye, "{path}");
    }
    assert_eq!((scene.asked(), scene.logins()), (0, 1));
    assert!(
        scene
            .post(&call, &format!("{menu}&a=1"), "1")
            .await
            .0
            .contains("1234.50"),
        "what else a query says is nothing"
    );
}

#[tokio::test]
async fn a_captured_call_opens_nothing_ever_after() {
    let scene = Scene::start().await;
    let (captured, goodbye) = (Captured::whole(&scene).await, last_words(&[GOODBYE]));
    answered_ago(&scene, &captured.call, 60).await;
    assert_eq!(captured.replay(&scene).await, vec![goodbye.clone(); 5]);
    // A week later nothing is known of it.
    let captured = captured.before(7);
    let pk = format!("call#{}", sid(&captured.call));
    scene
        .sandbox
        .aws
        .update_expiry(&pk, "state", sandbox::now().as_secs() - 1)
        .await;
    for swept in [false, true] {
        if swept {
            scene
                .sandbox
                .aws
                .update_expiry(&pk, "state", sandbox::now().as_secs() - 1)
                .await;
            scene.sandbox.aws.sweep_now().await;
        }
        let replayed = captured.replay(&scene).await;
        assert_eq!(
            replayed[0],
            question(WELCOME, "account", None),
            "a call like any other"
        );
        assert_eq!(replayed[1..], vec![goodbye.clone(); 4]);
    }
    assert_eq!((scene.logins(), scene.asked()), (1, 1));
}

/// At the same moment, on several instances.
#[tokio::test]
async fn of_twenty_repetitions_at_once_one_acts() {
    let scene = Scene::with(5, &[]).await;
    let call = scene.inbound(CALLER);
    let mut next = scene.follow(&call, &[]).await;
    for (keys, words) in [
        (ACCOUNT, ASK_PIN),
        (WRONG_PIN, REFUSED_ONCE),
        (ACCOUNT, ASK_PIN),
        (PIN, GREETED),
        ("1", "Your balance is 1234.50 EUR."),
    ] {
        let answers = at_once((0..20).map(|_| scene.post(&call, &next, keys))).await;
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{keys} {answers:#?}"
        );
        assert!(answers[0].0.contains(words), "{keys} {}", answers[0].0);
        next.clone_from(&answers[0].1);
    }
    assert_eq!(
        (
            scene.logins(),
            scene.sandbox.auth0.failed_logins(&scene.holder())
        ),
        (2, 0)
    );
    let turns = &state(&scene, &call).await["turns"]["N"];
    assert_eq!(turns, "1");
}

/// Whoever tried the PIN died: nobody waits for ever, and nobody tries it again.
#[tokio::test]
async fn a_pin_that_was_being_tried_is_not_tried_again() {
    let scene = Scene::start().await;
    let call = scene.inbound(CALLER);
    let next = scene.follow(&call, &[ACCOUNT]).await;
    let mut item = state(&scene, &call).await;
    item["step"] = json!({ "S": "trying" });
    scene.sandbox.aws.put(item).await;
    assert_eq!(
        scene.post(&call, &next, PIN).await.0,
        last_words(&[GOODBYE])
    );
    assert_eq!(scene.logins(), 0);
}

/// An answer is lost on its way, and Twilio asks again, as the number's address tells it to.
#[tokio::test]
async fn callers_do_not_notice_a_lost_answer() {
    let scene = Scene::start().await;
    scene.sandbox.twilio.set_voice_url(
        crate::scene::NUMBER,
        &format!("{}voice#rc=3&rp=5xx,ct,rt", scene.lambda.url()),
    );
    scene
        .sandbox
        .door(crate::scene::FUNCTION)
        .faults()
        .next(sandbox::wire::Fault::ResetAfter);
    let call = scene.call(CALLER, &[ACCOUNT, PIN, "9"]).await;
    assert_eq!(call.heard, [WELCOME, ASK_PIN, GREETED, GOODBYE]);
    assert_eq!(call.requests, 5);
}

/// The table makes a change, and its answer is lost. The write is repeated, and finds its own change.
#[tokio::test]
async fn callers_do_not_notice_a_lost_answer_of_the_table() {
    let scene = Scene::start().await;
    for (n, change) in ["trying", "refused", "greeted"].into_iter().enumerate() {
        let lost = sandbox::wire::Fault::ResetAfter;
        scene.dynamodb().next_with(&format!("\"{change}\""), lost);
        let keys = [ACCOUNT, WRONG_PIN, ACCOUNT, PIN, "9"];
        let call = scene.call(CALLER, &keys).await;
        let heard = [WELCOME, ASK_PIN, REFUSED_ONCE, ASK_PIN, GREETED, GOODBYE];
        assert_eq!(call.heard, heard, "{change}");
        assert_eq!(
            (
                scene.dynamodb().pending(),
                scene.logins(),
                scene.wrong().await
            ),
            (0, 2 * (n + 1), 0),
            "{change}"
        );
    }
}
