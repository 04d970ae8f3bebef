//! How often a PIN may be wrong: by account and caller, by account, by caller; and that this holds for many at once.

use serde_json::json;

use crate::scene::{ACCOUNT, CALLER, NAME, OTHER_CALLER, PIN, Scene, WRONG_PIN, and, at_once, lock};

/// So many wrong PINs at once.
async fn wrong(scene: &Scene, times: usize, caller: &str) {
    let answers = at_once((0..times).map(|_| scene.validate_for(caller, ACCOUNT, WRONG_PIN))).await;
    assert!(answers.iter().all(|answer| answer.body == "error"));
}

/// The right PIN.
async fn right(scene: &Scene, caller: &str) -> bool {
    let answer = scene.validate_for(caller, ACCOUNT, PIN).await;
    assert!([NAME, "error"].contains(&answer.body.as_str()), "{answer:?}");
    answer.body == NAME
}

/// The time of all locks of the account is over.
async fn let_time_pass(scene: &Scene) {
    for item in scene.sandbox.aws.items().await {
        let [pk, sk] = ["pk", "sk"].map(|name| item[name]["S"].as_str().unwrap());
        if pk.starts_with("lock#") {
            scene.sandbox.aws.update_expiry(pk, sk, sandbox::now().as_secs() - 1).await;
        }
    }
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
        a_caller_is_one_however_the_number_is_written(),
        only_wrong_pins_make_a_lock_last(),
        twenty_at_once_get_no_more_attempts_than_one_after_the_other(),
    );
}

async fn a_caller_has_five_attempts_at_an_account() {
    let scene = Scene::with(5, &[("PIN_ATTEMPTS_CALLER", Some("100"))]).await;
    wrong(&scene, 5, CALLER).await;
    assert_eq!((scene.logins(), scene.sandbox.auth0.failed_logins(&scene.holder())), (5, 5));
    assert!(!right(&scene, CALLER).await && scene.logins() == 5, "Auth0 is not asked");
    scene.logged("locked").await;
    assert!(right(&scene, OTHER_CALLER).await);
    assert_eq!(scene.wrong().await, 5, "what was right, and what was refused, counts nothing");
    let until = scene.counted(&format!("lock#{ACCOUNT}"), "", "expires_at").await;
    assert!(until.iter().all(|until| *until > sandbox::now().as_secs() + 25 * 60), "{until:?}");
    let_time_pass(&scene).await;
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
    let scene = Scene::with(4, &[("PIN_ATTEMPTS_ACCOUNT", Some("20")), ("PIN_ATTEMPTS_CALLER", Some("100"))]).await;
    for _ in 0..2 {
        wrong(&scene, 4, CALLER).await;
        assert!(right(&scene, CALLER).await);
    }
    assert_eq!(scene.wrong().await, 8);
}

async fn an_account_has_eight_attempts_over_all_callers() {
    let scene = Scene::with(8, &[]).await;
    let callers: Vec<_> = (0..8).map(|n| format!("+1415555{:04}", 2_000 + n)).collect();
    at_once(callers.iter().map(|caller| scene.validate_for(caller, ACCOUNT, WRONG_PIN))).await;
    assert_eq!(scene.wrong().await, 8);
    assert!(!right(&scene, OTHER_CALLER).await && scene.logins() == 8);
    assert!(!scene.sandbox.auth0.is_shut_out(&scene.holder()), "Auth0's own lock, which is for a month, is further away");
    let_time_pass(&scene).await;
    assert!(right(&scene, OTHER_CALLER).await);
}

async fn a_caller_has_ten_attempts_an_hour_over_all_accounts() {
    let scene = Scene::with(10, &[]).await;
    let accounts: Vec<_> = (0..10).map(|n| format!("30000000{n:02}")).collect();
    at_once(accounts.iter().map(|account| scene.validate_for(CALLER, account, WRONG_PIN))).await;
    let items = scene.sandbox.aws.items().await;
    let mut counts: Vec<_> = items.iter().filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("rate#pin#")).collect();
    assert_eq!(scene.counted("rate#pin#", "", "hits").await.iter().sum::<u64>(), 10);
    assert!(!format!("{counts:?}").contains(&CALLER[1..]), "by a hash of the number");
    // The hour may be over any moment: the next is as bad.
    let mut next = counts.remove(0).clone();
    for hour in 0..2 {
        next["sk"]["S"] = (sandbox::now().as_secs() / 3600 + hour).to_string().into();
        next["hits"]["N"] = json!("10");
        scene.sandbox.aws.put(next.clone()).await;
    }
    let before = scene.logins();
    assert!(!right(&scene, CALLER).await && scene.logins() == before);
    assert!(right(&scene, OTHER_CALLER).await);
}

/// An IVR that does not tell its callers' numbers is not locked out by one of them.
async fn untold_callers_share_only_the_attempts_at_an_account() {
    let scene = Scene::with(6, &[]).await;
    let accounts: Vec<_> = (0..12).map(|n| format!("40000000{n:02}")).collect();
    at_once(accounts.iter().map(|account| scene.validate(account, WRONG_PIN))).await;
    assert_eq!(scene.validate(ACCOUNT, PIN).await.body, NAME);
    assert_eq!(scene.counted("rate#pin#", "", "hits").await, [0; 0]);
    // Empty, or under Twilio's name for it.
    let forms = ["", " "].map(|caller| [("account_number", ACCOUNT), ("pin", WRONG_PIN), ("caller", caller)]);
    at_once(forms.iter().map(|form| scene.validate_form(form))).await;
    assert_eq!(scene.counted(&format!("lock#{ACCOUNT}"), "caller#untold", "wrong").await, [2]);
    let from = [("account_number", ACCOUNT), ("pin", WRONG_PIN), ("From", CALLER)];
    scene.validate_form(&from).await;
    assert_eq!(scene.counted("rate#pin#", "", "hits").await.iter().sum::<u64>(), 1);
    scene.sandbox.aws.put(lock(ACCOUNT, "caller#untold", 5, sandbox::now().as_secs() + 600)).await;
    assert_eq!(scene.validate(ACCOUNT, PIN).await.body, "error");
    assert!(right(&scene, CALLER).await);
}

async fn withheld_callers_are_one() {
    let scene = Scene::start().await;
    let later = sandbox::now().as_secs() + 600;
    scene.sandbox.aws.put(lock(ACCOUNT, "caller#withheld", 5, later)).await;
    for from in ["anonymous", "+266696687", "+114155550100"] {
        let call = scene.inbound(CALLER);
        let call = and(&call, &[("From", from), ("Caller", from)]);
        scene.document(&call, "voice", "").await;
        scene.document(&call, "voice/account", ACCOUNT).await;
        assert!(scene.document(&call, "voice/pin", PIN).await.contains("could not be accepted"), "{from}");
    }
    assert_eq!((scene.logins(), &scene.logged("locked").await["from"]), (0, &json!("withheld")));
    scene.sandbox.aws.put(lock(ACCOUNT, "caller#withheld", 0, later)).await;
    let call = scene.call("anonymous", &[ACCOUNT, PIN, "9"]).await;
    assert!(call.heard[2].starts_with("Welcome Annabeth."), "{call:#?}");
}

/// Forms turn a plus sign into a blank, and every IVR has its own way to write a number.
async fn a_caller_is_one_however_the_number_is_written() {
    let scene = Scene::with(8, &[]).await;
    let long = "x".repeat(5_000);
    for (account, callers, sk) in [
        ("5000000001", &["+4520123456", "4520123456", " 4520123456", "+45 20 12 34-56", "(45) 20.12/3456"][..], "caller#"),
        ("5000000002", &["Extension Anna", "extension anna ", "EXTENSION ANNA"], "caller#"),
        ("5000000003", &[&long, &long, &long, &long], "caller#"),
        ("5000000004", &["anonymous", "Unknown", "RESTRICTED", "+266696687", "266696687"], "caller#withheld"),
    ] {
        let answers = at_once(callers.iter().map(|caller| scene.validate_for(caller, account, WRONG_PIN))).await;
        assert!(answers.iter().all(|answer| answer.body == "error"));
        let counted = scene.counted(&format!("lock#{account}"), sk, "wrong").await;
        assert_eq!(counted, [callers.len() as u64], "{account}");
    }
    let others = ["1", "2", &long[1..]].map(|caller| scene.validate_for(caller, "5000000005", WRONG_PIN));
    at_once(others).await;
    assert_eq!(scene.counted("lock#5000000005", "caller#", "wrong").await, [1, 1, 1], "those are three");
}

/// Else whoever keeps calling would keep the owner out for ever.
async fn only_wrong_pins_make_a_lock_last() {
    let scene = Scene::start().await;
    wrong(&scene, 1, CALLER).await;
    let soon = sandbox::now().as_secs() + 300;
    for sk in ["all", "caller#untold"] {
        scene.sandbox.aws.put(lock(ACCOUNT, sk, 4, soon)).await;
    }
    let until = async || scene.counted(&format!("lock#{ACCOUNT}"), "all", "expires_at").await;
    assert!(right(&scene, OTHER_CALLER).await && right(&scene, CALLER).await);
    assert_eq!(scene.validate(ACCOUNT, PIN).await.body, NAME);
    assert_eq!((until().await, scene.wrong().await), (vec![soon], 4), "right ones");
    scene.auth0().next_for("GET /api/v2/users?", crate::scene::status(500));
    assert!(!right(&scene, CALLER).await);
    assert_eq!((until().await, scene.wrong().await), (vec![soon], 4), "nobody looked at it");
    wrong(&scene, 1, CALLER).await;
    let prolonged = until().await;
    assert!(prolonged[0] > soon + 20 * 60 && scene.wrong().await == 5, "{prolonged:?}");
    scene.sandbox.aws.put(lock(ACCOUNT, "all", 8, soon)).await;
    assert!(!right(&scene, CALLER).await);
    assert_eq!((until().await, scene.wrong().await), (vec![soon], 8), "who is locked out");
}

async fn twenty_at_once_get_no_more_attempts_than_one_after_the_other() {
    let scene = Scene::with(10, &[]).await;
    wrong(&scene, 20, CALLER).await;
    assert_eq!((scene.logins(), scene.sandbox.auth0.failed_logins(&scene.holder())), (5, 5));
    scene.sandbox.auth0.let_in(&scene.holder());
    let callers: Vec<_> = (0..20).map(|n| format!("+1415555{:04}", 3_000 + n)).collect();
    at_once(callers.iter().map(|caller| scene.validate_for(caller, ACCOUNT, WRONG_PIN))).await;
    assert_eq!((scene.logins(), scene.wrong().await), (8, 8));
    // By phone, the same counters.
    let call = scene.call(CALLER, &[ACCOUNT, PIN]).await;
    assert!(call.heard[2].contains("could not be accepted"));
    assert_eq!(scene.logins(), 8);
}
