//! How often a PIN may be wrong: by account and caller, by account, by caller, in a day; and that this holds for many at once.

use std::time::{Duration, Instant};

use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{
    ACCOUNT, CALLER, NAME, NOBODYS, OTHER_CALLER, PIN, REFUSED_ONCE, Scene, WRONG_PIN, and,
    at_once, lock, question, status,
};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// Whoever calls from here never had the right PIN.
const STRANGER: &str = "+14155550199";

/// So many wrong PINs at once.
async fn wrong(scene: &Scene, times: usize, caller: &str) {
    let answers = at_once((0..times).map(|_| scene.validate_for(caller, ACCOUNT, WRONG_PIN))).await;
    assert!(answers.iter().all(|answer| answer.body == "error"));
}

/// The right PIN.
async fn right(scene: &Scene, caller: &str) -> bool {
    let answer = scene.validate_for(caller, ACCOUNT, PIN).await;
    assert!(
        [NAME, "error"].contains(&answer.body.as_str()),
        "{answer:?}"
    );
    answer.body == NAME
}

/// So many strangers, each with a number of its own, try a wrong PIN at once; `round` makes their numbers others.
async fn guess(scene: &Scene, round: usize, strangers: usize) {
    let callers: Vec<_> = (0..strangers)
        .map(|n| format!("+1415556{:04}", 100 * round + n))
        .collect();
    let answers = at_once(
        callers
            .iter()
            .map(|caller| scene.validate_for(caller, ACCOUNT, WRONG_PIN)),
    )
    .await;
    assert!(answers.iter().all(|answer| answer.body == "error"));
}

/// Whether somebody hears a wrong PIN.
async fn heard(scene: &Scene, caller: &str) -> bool {
    let before = scene.logins();
    wrong(scene, 1, caller).await;
    scene.logins() > before
}

/// So many seconds go by for all that the table has of attempts at the account.
async fn let_time_pass(scene: &Scene, seconds: u64) {
    for mut item in scene.sandbox.aws.items().await {
        if item["pk"]["S"] != format!("lock#{ACCOUNT}") {
            continue;
        }
        for (name, value) in item.as_object_mut().unwrap() {
            let passed = match name.as_str() {
                "expires_at" | "tried" | "counted" | "locked_until" | "grown_until"
                | "known_until" => seconds,
                "opened_at" => 1_000 * seconds,
                _ => continue,
            };
            let then: u64 = value["N"].as_str().unwrap().parse().unwrap();
            value["N"] = json!(then.saturating_sub(passed).to_string());
        }
        scene.sandbox.aws.put(item).await;
    }
}

/// So many PINs were wrong in the last hours.
async fn failed_today(scene: &Scene, failures: u64) {
    let slice = sandbox::now().as_secs() / (2 * HOUR);
    let mut item = json!({
        "pk": { "S": "rate#pin-failures#all" }, "sk": { "S": "day" }, "newest": { "N": slice.to_string() },
        "hits": { "N": failures.to_string() }, "expires_at": { "N": ((slice + 14) * 2 * HOUR).to_string() },
    });
    item[format!("s_{}", slice - 3)] = json!({ "N": failures.to_string() });
    scene.sandbox.aws.put(item).await;
}

fn shut_out(scene: &Scene) -> bool {
    scene.sandbox.auth0.is_shut_out(&scene.holder())
}

/// At once, since refusals take their time.
#[tokio::test]
async fn attempts_are_counted() {
    tokio::join!(
        a_caller_has_five_attempts_at_an_account(),
        the_right_pin_begins_anew(),
        an_account_has_eight_attempts_over_all_callers(),
        a_caller_has_ten_attempts_an_hour_over_all_accounts(),
        untold_callers_share_only_the_attempts_at_an_account(),
        withheld_callers_are_one(),
        a_pin_at_which_auth0_failed_stays_counted_and_begins_no_lock(),
        a_caller_is_one_however_the_number_is_written(),
        only_wrong_pins_begin_a_lock(),
        twenty_at_once_get_no_more_attempts_than_one_after_the_other(),
    );
}

async fn a_caller_has_five_attempts_at_an_account() {
    let scene = Scene::with(5, &[("PIN_ATTEMPTS_CALLER", Some("100"))]).await;
    wrong(&scene, 5, CALLER).await;
    assert_eq!(
        (
            scene.logins(),
            scene.sandbox.auth0.failed_logins(&scene.holder())
        ),
        (5, 5)
    );
    assert!(
        !right(&scene, CALLER).await && scene.logins() == 5,
        "Auth0 is not asked"
    );
    scene.logged("locked").await;
    assert_eq!(scene.wrong().await, 5, "what was refused counts nothing");
    assert!(right(&scene, OTHER_CALLER).await);
    assert_eq!(scene.wrong().await, 0, "Auth0 counts anew as well");
    let_time_pass(&scene, 29 * 60).await;
    assert!(!right(&scene, CALLER).await);
    let_time_pass(&scene, 61).await;
    wrong(&scene, 1, CALLER).await;
    assert_eq!(scene.wrong().await, 1, "it begins anew");
    assert!(right(&scene, CALLER).await);
}

#[tokio::test]
async fn a_lock_that_is_swept_away_is_over() {
    let scene = Scene::start().await;
    let past = sandbox::now().as_secs() - 1;
    scene.sandbox.aws.put(lock(ACCOUNT, "all", 8, past)).await;
    scene.sandbox.aws.sweep_now().await;
    assert!(right(&scene, CALLER).await);
    scene.sandbox.aws.put(lock(ACCOUNT, "all", 8, past)).await;
    assert!(right(&scene, CALLER).await, "or only outlived");
}

async fn the_right_pin_begins_anew() {
    let scene = Scene::with(
        4,
        &[
            ("PIN_ATTEMPTS_ACCOUNT", Some("20")),
            ("PIN_ATTEMPTS_CALLER", Some("100")),
        ],
    )
    .await;
    for _ in 0..2 {
        wrong(&scene, 4, CALLER).await;
        assert!(right(&scene, CALLER).await);
    }
    assert_eq!((scene.wrong().await, scene.logins()), (0, 10));
}

async fn an_account_has_eight_attempts_over_all_callers() {
    let scene = Scene::with(8, &[]).await;
    guess(&scene, 1, 8).await;
    assert_eq!(scene.wrong().await, 8);
    assert!(!right(&scene, OTHER_CALLER).await && scene.logins() == 8);
    assert!(
        !shut_out(&scene),
        "Auth0's own lock, which is for a month, is further away"
    );
    let_time_pass(&scene, 29 * 60).await;
    assert!(!right(&scene, OTHER_CALLER).await && scene.logins() == 8);
    let_time_pass(&scene, 61).await;
    assert!(right(&scene, OTHER_CALLER).await);
}

async fn a_caller_has_ten_attempts_an_hour_over_all_accounts() {
    let scene = Scene::with(10, &[]).await;
    let accounts: Vec<_> = (0..10).map(|n| format!("30000000{n:02}")).collect();
    at_once(
        accounts
            .iter()
            .map(|account| scene.validate_for(CALLER, account, WRONG_PIN)),
    )
    .await;
    assert_eq!(scene.counted("rate#pin#", "", "hits").await, [10]);
    let items = scene.sandbox.aws.items().await;
    let counts: Vec<_> = items
        .iter()
        .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("rate#pin#"))
        .collect();
    assert!(
        !format!("{counts:?}").contains(&CALLER[1..]),
        "by a hash of the number"
    );
    let before = scene.logins();
    assert!(!right(&scene, CALLER).await && scene.logins() == before);
    assert!(right(&scene, OTHER_CALLER).await);
    assert_eq!(
        scene.wrong().await,
        0,
        "what nobody heard is no attempt at the account either"
    );
    let mut hits = scene.counted("rate#pin#", "", "hits").await;
    hits.sort_unstable();
    assert_eq!(hits, [0, 10], "a right PIN is given back");
}

/// An IVR that does not tell its callers' numbers is not locked out by one of them.
async fn untold_callers_share_only_the_attempts_at_an_account() {
    let scene = Scene::with(6, &[]).await;
    let accounts: Vec<_> = (0..12).map(|n| format!("40000000{n:02}")).collect();
    at_once(
        accounts
            .iter()
            .map(|account| scene.validate(account, WRONG_PIN)),
    )
    .await;
    assert_eq!(scene.validate(ACCOUNT, PIN).await.body, NAME);
    assert_eq!(scene.counted("rate#pin#", "", "hits").await, [0; 0]);
    // Empty, or under Twilio's name for it.
    let forms = ["", " "].map(|caller| {
        [
            ("account_number", ACCOUNT),
            ("pin", WRONG_PIN),
            ("caller", caller),
        ]
    });
    at_once(forms.iter().map(|form| scene.validate_form(form))).await;
    assert_eq!(
        scene
            .counted(&format!("lock#{ACCOUNT}"), "caller#untold", "wrong")
            .await,
        [2]
    );
    let from = [
        ("account_number", ACCOUNT),
        ("pin", WRONG_PIN),
        ("From", CALLER),
    ];
    scene.validate_form(&from).await;
    assert_eq!(
        scene
            .counted("rate#pin#", "", "hits")
            .await
            .iter()
            .sum::<u64>(),
        1
    );
    scene
        .sandbox
        .aws
        .put(lock(
            ACCOUNT,
            "caller#untold",
            5,
            sandbox::now().as_secs() + 600,
        ))
        .await;
    assert_eq!(scene.validate(ACCOUNT, PIN).await.body, "error");
    assert!(right(&scene, CALLER).await);
}

async fn withheld_callers_are_one() {
    let scene = Scene::start().await;
    let later = sandbox::now().as_secs() + 600;
    scene
        .sandbox
        .aws
        .put(lock(ACCOUNT, "caller#withheld", 5, later))
        .await;
    for from in ["anonymous", "+266696687", "+114155550100"] {
        let call = scene.inbound(CALLER);
        let call = and(&call, &[("From", from), ("Caller", from)]);
        scene.document(&call, "voice", "").await;
        scene.document(&call, "voice/account", ACCOUNT).await;
        assert!(
            scene
                .document(&call, "voice/pin", PIN)
                .await
                .contains("could not be accepted"),
            "{from}"
        );
    }
    assert_eq!(
        (scene.logins(), &scene.logged("locked").await["from"]),
        (0, &json!("withheld"))
    );
    scene
        .sandbox
        .aws
        .put(lock(ACCOUNT, "caller#withheld", 0, later))
        .await;
    let call = scene.call("anonymous", &[ACCOUNT, PIN, "9"]).await;
    assert!(call.heard[2].starts_with("Welcome Annabeth."), "{call:#?}");
}

/// Forms turn a plus sign into a blank, and every IVR has its own way to write a number.
async fn a_caller_is_one_however_the_number_is_written() {
    let scene = Scene::with(8, &[]).await;
    let long = "x".repeat(5_000);
    for (account, callers, sk) in [
        (
            "5000000001",
            &[
                "+4520123456",
                "4520123456",
                " 4520123456",
                "+45 20 12 34-56",
                "(45) 20.12/3456",
            ][..],
            "caller#",
        ),
        (
            "5000000002",
            &["Extension Anna", "extension anna ", "EXTENSION ANNA"],
            "caller#",
        ),
        ("5000000003", &[&long, &long, &long, &long], "caller#"),
        (
            "5000000004",
            &[
                "anonymous",
                "Unknown",
                "RESTRICTED",
                "+266696687",
                "266696687",
            ],
            "caller#withheld",
        ),
    ] {
        let answers = at_once(
            callers
                .iter()
                .map(|caller| scene.validate_for(caller, account, WRONG_PIN)),
        )
        .await;
        assert!(answers.iter().all(|answer| answer.body == "error"));
        let counted = scene.counted(&format!("lock#{account}"), sk, "wrong").await;
        assert_eq!(counted, [callers.len() as u64], "{account}");
    }
    let others =
        ["1", "2", &long[1..]].map(|caller| scene.validate_for(caller, "5000000005", WRONG_PIN));
    at_once(others).await;
    assert_eq!(
        scene.counted("lock#5000000005", "caller#", "wrong").await,
        [1, 1, 1],
        "those are three"
    );
}

/// Else whoever keeps calling would keep the owner out for ever.
async fn only_wrong_pins_begin_a_lock() {
    let scene = Scene::with(8, &[]).await;
    guess(&scene, 1, 7).await;
    scene.auth0().next_for("GET /api/v2/users?", status(500));
    assert!(!right(&scene, OTHER_CALLER).await);
    assert_eq!(scene.wrong().await, 7, "nobody looked at it");
    guess(&scene, 2, 1).await;
    let_time_pass(&scene, 29 * 60).await;
    assert!(!right(&scene, CALLER).await && scene.wrong().await == 8);
    let_time_pass(&scene, 61).await;
    // Who is locked out makes no lock last; nor does an attempt after it that nobody looked at.
    scene.auth0().next_for("GET /api/v2/users?", status(500));
    assert!(!right(&scene, CALLER).await && scene.logins() == 8);
    assert!(right(&scene, CALLER).await);
}

/// Auth0 may have counted the PIN before it failed: our count must not be lower than its own. But
/// while it fails, the right PIN is refused as well, and that must lock nobody out.
async fn a_pin_at_which_auth0_failed_stays_counted_and_begins_no_lock() {
    let scene = Scene::with(4, &[("PIN_ATTEMPTS_CALLER", Some("100"))]).await;
    let outage = || scene.auth0().always_with("password-realm", status(503));
    outage();
    wrong(&scene, 5, CALLER).await;
    assert_eq!(scene.wrong().await, 5, "Auth0's count may be as high");
    wrong(&scene, 5, CALLER).await;
    assert_eq!(scene.wrong().await, 7, "the last attempt is left");
    scene.auth0().clear();
    assert!(right(&scene, CALLER).await);
    // With a known caller, strangers have five attempts.
    outage();
    guess(&scene, 1, 8).await;
    assert_eq!(scene.wrong().await, 4);
    scene.auth0().clear();
    guess(&scene, 2, 2).await;
    assert_eq!(scene.wrong().await, 5, "strangers are locked out");
    outage();
    wrong(&scene, 5, CALLER).await;
    assert_eq!(scene.wrong().await, 8, "the known caller's last is left");
    scene.auth0().clear();
    assert!(right(&scene, CALLER).await);
    // After a lock strangers have one attempt.
    let_time_pass(&scene, HOUR).await;
    guess(&scene, 3, 6).await;
    let_time_pass(&scene, 2 * HOUR).await;
    outage();
    guess(&scene, 4, 1).await;
    scene.auth0().clear();
    assert_eq!(scene.wrong().await, 5);
    assert!(heard(&scene, STRANGER).await && !heard(&scene, STRANGER).await);
}

async fn twenty_at_once_get_no_more_attempts_than_one_after_the_other() {
    let scene = Scene::with(10, &[]).await;
    wrong(&scene, 20, CALLER).await;
    assert_eq!(
        (
            scene.logins(),
            scene.sandbox.auth0.failed_logins(&scene.holder())
        ),
        (5, 5)
    );
    scene.sandbox.auth0.let_in(&scene.holder());
    let callers: Vec<_> = (0..20)
        .map(|n| format!("+1415555{:04}", 3_000 + n))
        .collect();
    at_once(
        callers
            .iter()
            .map(|caller| scene.validate_for(caller, ACCOUNT, WRONG_PIN)),
    )
    .await;
    assert_eq!((scene.logins(), scene.wrong().await), (8, 8));
    // By phone, the same counters.
    let call = scene.call(CALLER, &[ACCOUNT, PIN]).await;
    assert!(call.heard[2].contains("could not be accepted"));
    assert_eq!(scene.logins(), 8);
}

/// At once, since refusals take their time.
#[tokio::test]
async fn guessers_and_owners() {
    tokio::join!(
        a_guesser_does_not_lock_the_owner_out(),
        nor_does_one_who_comes_back_for_weeks(),
        a_known_caller_has_a_bound_as_well(),
        many_at_once_leave_auth0s_tenth(),
        each_lock_lasts_twice_as_long_as_the_one_before(),
        a_lock_of_a_day_is_the_longest_and_a_day_without_wrong_pins_forgets(),
        nobody_without_a_number_is_known(),
        a_caller_is_known_for_half_a_year(),
    );
}

/// Eight wrong PINs in a few seconds, each from another number; then the owner calls from the phone that opened the account before.
async fn a_guesser_does_not_lock_the_owner_out() {
    let scene = Scene::with(4, &[]).await;
    assert!(right(&scene, CALLER).await);
    guess(&scene, 1, 8).await;
    assert_eq!(scene.wrong().await, 5, "three are left to whoever is known");
    assert!(!right(&scene, STRANGER).await, "strangers are locked out");
    let call = scene.inbound(STRANGER);
    scene.document(&call, "voice", "").await;
    scene.document(&call, "voice/account", ACCOUNT).await;
    assert_eq!(
        scene.document(&call, "voice/pin", PIN).await,
        question(REFUSED_ONCE, "account", None)
    );
    assert_eq!(scene.logins(), 6);
    let call = scene
        .call(
            CALLER,
            &[ACCOUNT, WRONG_PIN, ACCOUNT, WRONG_PIN, ACCOUNT, PIN, "9"],
        )
        .await;
    assert!(call.heard[6].starts_with("Welcome Annabeth."), "{call:#?}");
    assert!(!shut_out(&scene));
    // The number proves nothing by itself.
    assert!(scene.validate_for(CALLER, ACCOUNT, WRONG_PIN).await.body == "error");
    assert!(
        !right(&scene, STRANGER).await,
        "the owner's call ends no lock"
    );
}

/// Auth0 would block the user for a month, the owner included.
async fn nor_does_one_who_comes_back_for_weeks() {
    let scene = Scene::with(4, &[]).await;
    assert!(right(&scene, CALLER).await);
    for round in 0..6 {
        guess(&scene, round, 8).await;
        let_time_pass(&scene, 2 * DAY).await;
    }
    assert_eq!(
        (
            scene.sandbox.auth0.failed_logins(&scene.holder()),
            shut_out(&scene)
        ),
        (6, false)
    );
    assert!(
        !right(&scene, STRANGER).await && right(&scene, CALLER).await,
        "the owner makes room for new callers"
    );
    assert!(right(&scene, STRANGER).await);
    // Without the owner it is Auth0 who forgets, after a month.
    guess(&scene, 7, 8).await;
    let_time_pass(&scene, 2 * DAY).await;
    guess(&scene, 8, 2).await;
    let_time_pass(&scene, 29 * DAY).await;
    assert!(!heard(&scene, "+14155550191").await);
    let_time_pass(&scene, DAY).await;
    assert!(heard(&scene, "+14155550192").await);
}

async fn a_known_caller_has_a_bound_as_well() {
    let scene = Scene::with(4, &[]).await;
    assert!(right(&scene, CALLER).await);
    wrong(&scene, 8, CALLER).await;
    assert_eq!(scene.logins(), 6);
    assert!(!right(&scene, CALLER).await && scene.logins() == 6);
    assert!(
        !right(&scene, STRANGER).await,
        "somebody who forges the owner's number is, to the lock, the owner"
    );
    let_time_pass(&scene, 31 * 60).await;
    assert!(right(&scene, CALLER).await);
}

async fn many_at_once_leave_auth0s_tenth() {
    let scene = Scene::with(6, &[("PIN_ATTEMPTS_CALLER", Some("100"))]).await;
    assert!(right(&scene, CALLER).await && right(&scene, OTHER_CALLER).await);
    let strangers = (0..30).map(|n| format!("+1415557{n:04}"));
    let callers = strangers.chain(
        [CALLER, OTHER_CALLER]
            .into_iter()
            .cycle()
            .take(20)
            .map(str::to_owned),
    );
    at_once(callers.map(|caller| scene.validate_for(&caller, ACCOUNT, WRONG_PIN))).await;
    let failed = scene.sandbox.auth0.failed_logins(&scene.holder());
    assert!((5..=9).contains(&failed) && !shut_out(&scene), "{failed}");
    assert_eq!(u64::from(failed), scene.wrong().await);
}

async fn each_lock_lasts_twice_as_long_as_the_one_before() {
    let scene = Scene::with(4, &[]).await;
    assert!(right(&scene, CALLER).await);
    for (round, minutes) in [30, 60, 120, 240].into_iter().enumerate() {
        guess(&scene, round, 8).await;
        assert!(right(&scene, CALLER).await);
        // That gives strangers their attempts again, after the lock.
        let_time_pass(&scene, 60 * minutes - 60).await;
        assert!(
            !heard(&scene, &format!("+1415558{round:04}")).await,
            "{minutes}"
        );
        let_time_pass(&scene, 61).await;
    }
    // Without the owner: one attempt for each lock, as far as Auth0 allows.
    assert!(heard(&scene, STRANGER).await);
    guess(&scene, 5, 8).await;
    let_time_pass(&scene, 8 * HOUR - 60).await;
    assert!(!heard(&scene, "+14155550191").await);
    let_time_pass(&scene, 61).await;
    assert!(heard(&scene, "+14155550192").await && !heard(&scene, "+14155550193").await);
    assert_eq!(scene.wrong().await, 6);
}

async fn a_lock_of_a_day_is_the_longest_and_a_day_without_wrong_pins_forgets() {
    let scene = Scene::with(4, &[]).await;
    let now = sandbox::now().as_secs();
    let put = async |wrong: u64, tried: u64, grown_until: u64| {
        let mut item = lock(ACCOUNT, "all", 0, now + 100 * DAY);
        for (name, number) in [
            ("wrong", wrong),
            ("tried", tried),
            ("counted", tried),
            ("locks", 20),
            ("grown_until", grown_until),
        ] {
            item[name] = json!({ "N": number.to_string() });
        }
        scene.sandbox.aws.put(item).await;
    };
    put(8, now - DAY + 60, now + DAY).await;
    assert!(!right(&scene, CALLER).await);
    put(8, now - DAY - 1, now + DAY).await;
    assert!(right(&scene, CALLER).await);
    put(0, now - 2 * DAY, now - 1).await;
    guess(&scene, 1, 8).await;
    let_time_pass(&scene, 29 * 60).await;
    assert!(!heard(&scene, STRANGER).await);
    let_time_pass(&scene, 61).await;
    assert!(heard(&scene, STRANGER).await, "as the first one");
}

async fn nobody_without_a_number_is_known() {
    let scene = Scene::with(4, &[]).await;
    assert_eq!(scene.validate(ACCOUNT, PIN).await.body, NAME);
    for withheld in ["anonymous", "+266696687"] {
        assert!(right(&scene, withheld).await);
    }
    assert_eq!(
        scene
            .counted(&format!("lock#{ACCOUNT}"), "known#", "expires_at")
            .await,
        [0; 0]
    );
    guess(&scene, 1, 8).await;
    assert_eq!(scene.wrong().await, 8);
    assert_eq!(scene.validate(ACCOUNT, PIN).await.body, "error");
    assert!(!right(&scene, "anonymous").await);
}

async fn a_caller_is_known_for_half_a_year() {
    let scene = Scene::with(4, &[]).await;
    // However the number is written, and by whichever way.
    let call = scene.call(CALLER, &[ACCOUNT, PIN, "9"]).await;
    assert!(call.heard[2].starts_with("Welcome Annabeth."), "{call:#?}");
    let items = scene.sandbox.aws.items().await;
    let known: Vec<&Value> = items
        .iter()
        .filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("known#"))
        .collect();
    assert!(
        known.len() == 1 && !format!("{known:?}").contains(&CALLER[1..]),
        "{known:?}"
    );
    let_time_pass(&scene, 179 * DAY).await;
    guess(&scene, 1, 8).await;
    assert!(right(&scene, &CALLER.replace("+1", "1 ")).await);
    let_time_pass(&scene, 181 * DAY).await;
    guess(&scene, 2, 8).await;
    assert_eq!(scene.wrong().await, 8);
    assert!(!right(&scene, CALLER).await);
}

/// Auth0 counts it after the right one.
#[tokio::test]
async fn a_right_pin_forgets_no_attempt_that_is_being_made() {
    let scene = Scene::with(2, &[]).await;
    assert!(right(&scene, CALLER).await);
    scene
        .auth0()
        .next_for("POST /oauth/token", Fault::Delay(Duration::from_secs(3)));
    let guessing = tokio::spawn(scene.validate_for(STRANGER, ACCOUNT, WRONG_PIN));
    while scene.wrong().await == 0 || scene.auth0().pending() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(right(&scene, CALLER).await);
    assert_eq!(scene.wrong().await, 0);
    guessing.await.unwrap();
    assert_eq!(
        (
            scene.wrong().await,
            scene.sandbox.auth0.failed_logins(&scene.holder())
        ),
        (1, 1)
    );
}

/// One PIN over many accounts, each time from another number: neither an account's count nor a caller's sees that.
#[tokio::test]
async fn spraying_ends_refused_while_known_callers_get_in() {
    let scene = Scene::with(6, &[("PIN_FAILURES_PER_DAY", Some("20"))]).await;
    assert!(right(&scene, CALLER).await);
    let mut heard = 0;
    for round in 0..3 {
        let pairs: Vec<_> = (0..15)
            .map(|n| {
                (
                    format!("+1415559{round}{n:03}"),
                    format!("60000000{round}{n}"),
                )
            })
            .collect();
        at_once(pairs.iter().map(|(caller, account)| {
            scene.validate_for(caller, &account[..10.min(account.len())], WRONG_PIN)
        }))
        .await;
        heard = scene
            .outcomes()
            .iter()
            .filter(|outcome| *outcome == "unknown_account")
            .count();
    }
    assert!(
        (20..=26).contains(&heard),
        "as many as allowed, and those that were being made: {heard}"
    );
    let logged = scene.logged("too_many_failures").await;
    let counted = (
        &logged["level"],
        &logged["LoginFailed"],
        &logged["HalfOfBudgetUsed"],
    );
    assert_eq!(counted, (&json!("INFO"), &json!(1), &json!(1)));
    let logins = scene.logins();
    assert!(!right(&scene, STRANGER).await && scene.validate(ACCOUNT, PIN).await.body == "error");
    assert_eq!(
        (scene.logins(), scene.wrong().await),
        (logins, 0),
        "nobody looked at it"
    );
    assert!(right(&scene, CALLER).await);
    assert!(!heard_hits(&scene, STRANGER).await);
}

/// Whether something stays counted for a caller.
async fn heard_hits(scene: &Scene, caller: &str) -> bool {
    let before: u64 = scene.counted("rate#pin#", "", "hits").await.iter().sum();
    wrong(scene, 1, caller).await;
    scene
        .counted("rate#pin#", "", "hits")
        .await
        .iter()
        .sum::<u64>()
        > before
}

/// Of all kinds, so that the time tells nothing then either.
#[tokio::test]
async fn from_half_of_a_days_failures_on_refusals_are_slow() {
    let scene = Scene::with(6, &[("PIN_FAILURES_PER_DAY", Some("100"))]).await;
    assert!(right(&scene, CALLER).await);
    scene.hire("2000000001", PIN, NAME);
    scene
        .sandbox
        .aws
        .put(lock("2000000001", "all", 8, sandbox::now().as_secs() + 600))
        .await;
    let call = scene.inbound(OTHER_CALLER);
    scene.document(&call, "voice", "").await;
    scene.document(&call, "voice/account", ACCOUNT).await;
    for (failures, seconds) in [(35, 1.5), (50, 3.0), (100, 3.0)] {
        failed_today(&scene, failures).await;
        // Each instance learns of it.
        at_once((0..6).map(|_| scene.validate(NOBODYS, PIN))).await;
        let answers = [
            (ACCOUNT, WRONG_PIN),
            (NOBODYS, PIN),
            ("2000000001", PIN),
            (ACCOUNT, "12"),
        ];
        let timed = answers.map(|(account, pin)| {
            let answering = scene.validate_for(STRANGER, account, pin);
            async move {
                let started = Instant::now();
                (answering.await, started.elapsed().as_secs_f64())
            }
        });
        let answers = at_once(timed).await;
        for (n, (answer, took)) in answers.iter().enumerate() {
            assert_eq!(*answer, answers[0].0, "{failures} {n}");
            assert!(
                (seconds..seconds + 1.4).contains(took),
                "{failures} {n}: {took}"
            );
        }
    }
    let started = Instant::now();
    let answer = scene.document(&call, "voice/pin", WRONG_PIN).await;
    assert_eq!(answer, question(REFUSED_ONCE, "account", None));
    assert!(started.elapsed() >= Duration::from_secs(3));
    assert!(right(&scene, CALLER).await);
}
