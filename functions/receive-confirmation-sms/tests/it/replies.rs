//! Texts that confirm nothing.

use sandbox::auth0::LinkPage;
use sandbox::twilio::NUMBER;

use crate::scene::{CONFIRMED, PHONE, Scene, WRONG, replaced};

#[tokio::test]
async fn a_wrong_word_is_answered_five_times_a_day() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    for text in ["NO", "yes please", "y", "4821", "YES 4821"] {
        scene.text_answered(text, WRONG).await;
    }
    for text in ["NO", "YES 4821", "hello"] {
        scene.text_answered(text, "").await;
    }
    scene.assert_nothing_fetched();
    scene.assert_everything_expires().await;
    scene.text_answered("YES", CONFIRMED).await;
}

#[tokio::test]
async fn five_a_day_whatever_is_asked_for_and_confirmed_meanwhile() {
    let scene = Scene::start().await;
    for answers in [[WRONG, WRONG], [WRONG, WRONG], [WRONG, ""], ["", ""]] {
        scene.verification(LinkPage::Form).await;
        for expected in answers {
            scene.text_answered("NO", expected).await;
        }
        scene.text_answered("YES", CONFIRMED).await;
        assert_eq!(scene.pending().await, None);
    }
}

#[tokio::test]
async fn a_number_with_nothing_pending_is_not_answered() {
    let scene = Scene::start().await;
    for text in ["YES", "NO", "YES 4821", "", "STOP", "Is this Acme?"] {
        scene.text_answered(text, "").await;
    }
    assert!(scene.text("hi").await.body.ends_with("<Response/>"));
    scene.assert_nothing_fetched();
    scene.assert_everything_expires().await;
}

#[tokio::test]
async fn odd_texts_are_answered() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let odd = [
        "",
        " \n",
        "\0",
        "YES\0NO",
        "\u{202e}SEY",
        &"😘".repeat(1600),
        &"YES ".repeat(400),
        "<Response>&amp;]]>",
        "\u{fffd}",
    ];
    for text in odd {
        let reply = scene.text(text).await;
        assert!(
            reply.status == 200 && reply.messages.iter().all(|message| message == WRONG),
            "{text:?}: {reply:?}"
        );
    }
    let mut picture = scene.inbound("");
    picture.retain(|(name, _)| name != "NumMedia");
    let media = [
        ("NumMedia", "1"),
        ("MediaUrl0", "https://api.twilio.com/2010-04-01/x"),
        ("MediaContentType0", "image/jpeg"),
    ];
    picture.extend(media.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let picture = replaced(&picture, "MessageSid", &format!("MM{}", "0".repeat(32)));
    assert_eq!(
        scene
            .sandbox
            .twilio
            .deliver(picture, scene.lambda.url())
            .await
            .status,
        200
    );
    scene.assert_nothing_fetched();
    scene
        .text_answered("\u{feff}\u{202a}ＹＥＳ\u{202c}", CONFIRMED)
        .await;
}

/// A Messaging Service may send by RCS where the phone has it: the reply comes from `rcs:` and the number, to the agent or a number.
#[tokio::test]
async fn a_yes_by_rcs_counts_for_its_number() {
    for to in [
        "rcs:acme_agent".to_owned(),
        format!("rcs:{NUMBER}"),
        NUMBER.to_owned(),
    ] {
        let scene = Scene::start().await;
        scene.verification(LinkPage::Form).await;
        let mut params = scene
            .sandbox
            .twilio
            .inbound(&format!("rcs:{PHONE}"), &to, "YES");
        params.push((
            "MessagingServiceSid".to_owned(),
            sandbox::twilio::MESSAGING_SERVICE.to_owned(),
        ));
        let reply = scene
            .sandbox
            .twilio
            .deliver(params, scene.lambda.url())
            .await;
        assert_eq!(
            (reply.status, reply.messages.as_slice()),
            (200, &[CONFIRMED.to_owned()][..]),
            "{to}"
        );
        assert!(
            reply.body.contains("<Message>"),
            "without a from: {}",
            reply.body
        );
        assert!(scene.verified());
    }
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    for from in [
        "rcs:",
        "rcs:acme",
        "rcs:12345",
        &format!("rcs:rcs:{PHONE}"),
        &format!("RCS {PHONE}"),
        &format!("rcs:{NUMBER}"),
    ] {
        let params = scene.sandbox.twilio.inbound(from, NUMBER, "YES");
        let reply = scene
            .sandbox
            .twilio
            .deliver(params, scene.lambda.url())
            .await;
        assert_eq!((reply.status, reply.messages.len()), (200, 0), "{from}");
    }
    scene.assert_untouched();
}

/// A picture alone may come without `Body`. It is a reply, and no right word.
#[tokio::test]
async fn a_picture_without_a_body_is_a_wrong_word() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let url = "https://api.twilio.com/2010-04-01/x";
    for (media, status, answer) in [
        (&[url][..], 200, vec![WRONG.to_owned()]),
        (&[][..], 403, vec![]),
    ] {
        let mut params = scene
            .sandbox
            .twilio
            .inbound_picture(PHONE, NUMBER, "", media);
        params.retain(|(name, _)| name != "Body");
        let reply = scene
            .sandbox
            .twilio
            .deliver(params, scene.lambda.url())
            .await;
        assert_eq!(
            (reply.status, reply.messages),
            (status, answer),
            "{media:?}"
        );
    }
    scene.assert_nothing_fetched();
    scene.text_answered("YES", CONFIRMED).await;
}

#[tokio::test]
async fn stop_words_cancel_and_are_not_answered() {
    for word in [
        "STOP",
        "stopall",
        "Unsubscribe",
        " CANCEL ",
        "end",
        "Quit",
        "REVOKE",
        "OPTOUT",
        "Arret",
        "stop.",
    ] {
        let scene = Scene::start().await;
        scene.verification(LinkPage::Form).await;
        let reply = scene.text(word).await;
        assert_eq!((reply.status, reply.messages.len()), (200, 0), "{word}");
        assert!(reply.body.ends_with("<Response/>"));
        assert_eq!(scene.pending().await, None, "{word}");
        assert_eq!(scene.text("YES").await.messages.len(), 0, "{word}");
        scene.assert_nothing_fetched();
    }
}

/// Advanced Opt-Out: only STOP takes anything away.
#[tokio::test]
async fn of_the_keywords_that_twilio_takes_only_stop_cancels() {
    for (kind, body, waiting) in [
        ("STOP", "STOP", 0),
        ("STOP", "No more", 0),
        ("START", "Start", 1),
        ("HELP", "HELP", 1),
        ("HELP", "YES", 1),
    ] {
        let scene = Scene::start().await;
        scene.verification(LinkPage::Form).await;
        let mut params = scene.inbound(body);
        params.push(("OptOutType".to_owned(), kind.to_owned()));
        let reply = scene
            .sandbox
            .twilio
            .deliver(params, scene.lambda.url())
            .await;
        assert_eq!(
            (reply.status, reply.messages.len()),
            (200, 0),
            "{kind} {body}"
        );
        assert_eq!(
            scene.pending().await.is_some(),
            waiting == 1,
            "{kind} {body}"
        );
        scene.assert_nothing_fetched();
    }
}

#[tokio::test]
async fn the_word_that_opts_in_again_confirms() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let mut params = scene.inbound("YES");
    params.push(("OptOutType".to_owned(), "START".to_owned()));
    let reply = scene
        .sandbox
        .twilio
        .deliver(params, scene.lambda.url())
        .await;
    assert_eq!(
        (reply.messages, scene.verified()),
        (vec![crate::scene::CONFIRMED.to_owned()], true)
    );
}

#[tokio::test]
async fn senders_that_could_start_a_loop_are_not_answered() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let whatsapp = format!("whatsapp:{PHONE}");
    let bare = PHONE.trim_start_matches('+');
    for from in [
        "12345",
        "ACME",
        &whatsapp,
        "messenger:1234",
        bare,
        "+0",
        "",
        "+45 12345678",
        "+45012345678",
        "\u{202e}+4512345678",
        NUMBER,
    ] {
        let reply = scene
            .sandbox
            .twilio
            .deliver(
                scene.sandbox.twilio.inbound(from, NUMBER, "YES"),
                scene.lambda.url(),
            )
            .await;
        assert_eq!((reply.status, reply.messages.len()), (200, 0), "{from:?}");
        assert!(reply.body.ends_with("<Response/>"), "{from:?}");
    }
    scene.assert_untouched();
    assert_eq!(scene.waiting().await, 1);
}

#[tokio::test]
async fn a_yes_from_another_number_does_nothing() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    for from in ["+4512345679", "+451234567", "+14512345678"] {
        let reply = scene.sandbox.twilio.text(from, NUMBER, "YES").await;
        assert_eq!((reply.status, reply.messages.len()), (200, 0), "{from}");
    }
    scene.assert_nothing_fetched();
    assert_eq!(scene.waiting().await, 1);
    scene.text_answered("YES", CONFIRMED).await;
}
