//! Several requests wait for one phone.

use std::collections::BTreeSet;

use sandbox::auth0::{LinkPage, TicketMail};
use shared::rules::link::Kind;

use crate::scene::{CONFIRMED, EMAIL, EXPIRED, Scene, WRONG, aged};

/// Two accounts signed up with this phone, minutes apart, and one password was forgotten, just now.
async fn three(scene: &Scene) -> (TicketMail, TicketMail, TicketMail) {
    let auth0 = &scene.sandbox.auth0;
    let older = auth0.mail_verification(&auth0.sign_up("older@sms.example.com"), LinkPage::Form);
    let newer = auth0.mail_verification(&auth0.sign_up("newer@sms.example.com"), LinkPage::Form);
    let password = auth0.mail_password(&auth0.sign_up(EMAIL));
    scene
        .pend(&aged("newer", Kind::Verification, &newer.link, 90))
        .await;
    scene
        .pend(&aged(
            "older",
            Kind::Verification,
            &older.link,
            2 * 3600 + 60,
        ))
        .await;
    scene
        .pend(&aged("password", Kind::Password, &password.link, 0))
        .await;
    (older, newer, password)
}

/// The codes of the list, in its order.
async fn codes(scene: &Scene) -> Vec<String> {
    let reply = scene.text("YES").await;
    let [list] = reply.messages.as_slice() else {
        panic!("{reply:?}")
    };
    let lines: Vec<&str> = list.lines().collect();
    let codes: Vec<String> = lines[1..]
        .iter()
        .map(|line| line[10..14].to_owned())
        .collect();
    let expected: Vec<String> = [
        "account verification (2 hours ago)",
        "account verification (1 minute ago)",
        "password change (just now)",
    ]
    .iter()
    .zip(&codes)
    .map(|(what, code)| format!("Reply YES {code} for {what}"))
    .collect();
    assert_eq!(lines[1..], expected);
    codes
}

#[tokio::test]
async fn a_bare_yes_lists_them_and_confirms_none() {
    let scene = Scene::start().await;
    three(&scene).await;
    let listed = codes(&scene).await;
    assert!(
        listed
            .iter()
            .all(|code| code.bytes().all(|byte| byte.is_ascii_digit()))
    );
    assert_eq!(
        listed.iter().collect::<BTreeSet<_>>().len(),
        3,
        "each has its own"
    );
    assert_eq!(codes(&scene).await, listed, "and keeps it");
    scene.assert_nothing_fetched();
    assert_eq!(scene.waiting().await, 3);
    scene.assert_everything_expires().await;
}

#[tokio::test]
async fn a_code_confirms_the_one_it_belongs_to() {
    let scene = Scene::start().await;
    let (older, newer, password) = three(&scene).await;
    let codes = codes(&scene).await;
    let auth0 = &scene.sandbox.auth0;
    scene
        .text_answered(&format!("YES {}", codes[1]), CONFIRMED)
        .await;
    assert_eq!(
        (auth0.posted(&older.ticket), auth0.posted(&newer.ticket)),
        (0, 1)
    );
    assert!(!auth0.user("older@sms.example.com").unwrap().email_verified);
    scene
        .text_answered(&format!("yes, {}.", codes[1]), CONFIRMED)
        .await;
    assert_eq!((auth0.posted(&newer.ticket), scene.waiting().await), (1, 2));
    let reply = scene.text(&format!("YES {}", codes[2])).await;
    assert!(
        reply.messages[0].contains(&password.ticket) && auth0.fetched(&password.ticket) == 0,
        "{reply:?}"
    );
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(
        (auth0.posted(&older.ticket), scene.pending().await),
        (1, None)
    );
}

#[tokio::test]
async fn a_wrong_code_confirms_none() {
    let scene = Scene::start().await;
    three(&scene).await;
    let codes = codes(&scene).await;
    let free = ["0000".to_owned(), codes[0].chars().rev().collect()];
    for code in free.iter().filter(|code| !codes.contains(code)) {
        scene.text_answered(&format!("YES {code}"), WRONG).await;
    }
    scene.text_answered(&codes[0], WRONG).await;
    scene.assert_nothing_fetched();
    assert_eq!(scene.waiting().await, 3);
}

#[tokio::test]
async fn no_code_is_valid_before_it_was_listed() {
    let scene = Scene::start().await;
    three(&scene).await;
    scene.text_answered("YES 1000", WRONG).await;
    scene.assert_nothing_fetched();
}

#[tokio::test]
async fn stop_cancels_them_all() {
    let scene = Scene::start().await;
    three(&scene).await;
    scene.text_answered("STOP", "").await;
    assert_eq!(scene.pending().await, None);
    scene.assert_nothing_fetched();
}

#[tokio::test]
async fn a_long_list_fits_a_text() {
    let scene = Scene::start().await;
    for number in 0..30 {
        let link = format!(
            "{}/u/email-verification?ticket={number}",
            scene.sandbox.auth0.server().url()
        );
        scene
            .pend(&aged(
                &format!("mail{number}"),
                Kind::Verification,
                &link,
                60 * number,
            ))
            .await;
    }
    let list = scene.text("YES").await.messages.concat();
    assert!(
        list.chars().count() <= 1600 && list.contains("(just now)") && list.lines().count() > 2,
        "{list}"
    );
    assert_eq!(scene.waiting().await, 30);
}

/// Four digits can be guessed.
#[tokio::test]
async fn after_five_wrong_codes_the_right_one_does_not_count_either() {
    let scene = Scene::start().await;
    three(&scene).await;
    let codes = codes(&scene).await;
    for guess in (1000..)
        .map(|guess| guess.to_string())
        .filter(|guess| !codes.contains(guess))
        .take(5)
    {
        scene.text_answered(&format!("YES {guess}"), WRONG).await;
    }
    for code in &codes {
        scene.text_answered(&format!("YES {code}"), "").await;
    }
    scene.assert_nothing_fetched();
    assert_eq!(scene.waiting().await, 3);
}

#[tokio::test]
async fn words_beside_the_matter_do_not_use_the_code_up() {
    let scene = Scene::start().await;
    let (_, newer, _) = three(&scene).await;
    let codes = codes(&scene).await;
    for text in ["Who is this?", "hello", "yes please", "4821", "NO"] {
        scene.text_answered(text, WRONG).await;
    }
    scene.text_answered("NO", "").await;
    scene
        .text_answered(&format!("YES {}", codes[1]), CONFIRMED)
        .await;
    assert_eq!(scene.sandbox.auth0.posted(&newer.ticket), 1);
}

/// The link of the other one was refused. Nobody may take that for a success.
#[tokio::test]
async fn a_code_that_confirmed_nothing_is_not_answered_with_the_success_of_another() {
    let scene = Scene::start().await;
    let (older, _, _) = three(&scene).await;
    let codes = codes(&scene).await;
    scene.sandbox.auth0.expire(&older.ticket);
    scene.text(&format!("YES {}", codes[2])).await;
    scene
        .text_answered(&format!("YES {}", codes[1]), CONFIRMED)
        .await;
    let refused = format!("YES {}", codes[0]);
    for answer in [EXPIRED, ""] {
        scene.text_answered(&refused, answer).await;
    }
    let older = scene.sandbox.auth0.user("older@sms.example.com");
    assert!(!older.unwrap().email_verified);
    // The one that was confirmed is told again.
    scene
        .text_answered(&format!("YES {}", codes[1]), CONFIRMED)
        .await;
}
