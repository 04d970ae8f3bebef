//! The employee's own texts to the company number go back to others, from that number.

use sandbox::Sandbox;

use crate::scene::{COMPANY, MOBILE, NOT_ALLOWED, NOTICE, OTHER, STRANGER, Scene, forwarded};

#[tokio::test]
async fn a_reply_goes_to_whoever_wrote_last_and_only_as_typed() {
    let scene = Scene::start().await;
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    let reply = scene.text(MOBILE, " Hi!\n<Ann> ").await;
    assert_eq!(
        reply.body,
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><Response><Message to="{STRANGER}" from="{COMPANY}"> Hi!
&lt;Ann&gt; </Message></Response>"#
        )
    );
    let texts = scene.sandbox.twilio.texts(STRANGER);
    assert_eq!(
        (texts.len(), texts[0].from.as_str(), texts[0].body.as_str()),
        (1, COMPANY, " Hi!\n<Ann> ")
    );
    let line = scene.logged("replied").await;
    assert_eq!(
        (line["from"].as_str(), line["phone"].as_str()),
        (Some("+45••••4050"), Some("+45••••5678"))
    );
    assert_eq!(
        (&line["SmsSent"], &line["segments"]),
        (&1.into(), &1.into())
    );
    scene
        .text_leads_to(OTHER, "Me too", &[&forwarded(OTHER, "Me too")])
        .await;
    scene.text_leads_to(MOBILE, "Welcome", &["Welcome"]).await;
    assert_eq!(scene.sandbox.twilio.inbox(OTHER), ["Welcome"]);
    assert_eq!(scene.sandbox.twilio.inbox(STRANGER).len(), 1);
}

#[tokio::test]
async fn a_text_with_an_address_goes_there_and_so_does_what_follows() {
    let scene = Scene::start().await;
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    scene
        .text_leads_to(MOBILE, "+4587654321: Lunch at 12:30?", &["Lunch at 12:30?"])
        .await;
    scene.text_leads_to(MOBILE, "I pay", &["I pay"]).await;
    assert_eq!(
        scene.sandbox.twilio.inbox(OTHER),
        ["Lunch at 12:30?", "I pay"]
    );
    scene
        .text_leads_to(MOBILE, "+45 12 34 56 78:\nLater", &["Later"])
        .await;
    assert_eq!(scene.sandbox.twilio.inbox(STRANGER), ["Later"]);
    assert!(scene.sandbox.twilio.inbox(MOBILE).len() == 1);
}

#[tokio::test]
async fn without_anybody_to_reply_to_the_employee_is_told_how() {
    let scene = Scene::with(&[("MESSAGES_PER_PAIR_PER_MINUTE", Some("100"))]).await;
    scene.text_leads_to(MOBILE, "Hello?", &[NOTICE]).await;
    assert_eq!(
        (
            scene.sandbox.twilio.inbox(MOBILE),
            scene.correspondent().await
        ),
        (vec![NOTICE.to_owned()], None)
    );
    assert_eq!(
        scene.logged("no_correspondent").await["phone"],
        "+45••••4050"
    );
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    for unclear in [
        "+44 (0)20 7946 0958: Hello",
        "+45087654321: Hello",
        "+45: Hello",
        "+4587654321: ",
    ] {
        scene.text_leads_to(MOBILE, unclear, &[NOTICE]).await;
    }
    scene
        .sandbox
        .aws
        .update_expiry(&format!("thread#{COMPANY}"), "last", 1_000)
        .await;
    let params = scene.sandbox.twilio.inbound_picture(
        MOBILE,
        COMPANY,
        "Hello",
        &["https://api.twilio.com/1"],
    );
    assert_eq!(scene.deliver(&params).await.messages, [NOTICE]);
    assert!(
        scene
            .sandbox
            .twilio
            .texts(MOBILE)
            .iter()
            .all(|text| text.media.is_empty())
    );
    assert!(scene.sandbox.twilio.inbox(STRANGER).is_empty());
}

#[tokio::test]
async fn a_thread_ends_after_a_month() {
    let scene = Scene::start().await;
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    scene
        .sandbox
        .aws
        .update_expiry(
            &format!("thread#{COMPANY}"),
            "last",
            sandbox::now().as_secs() - 1,
        )
        .await;
    scene.text_leads_to(MOBILE, "Hello", &[NOTICE]).await;
}

#[tokio::test]
async fn where_a_reply_must_not_go() {
    let scene = Scene::with(&[("MESSAGES_PER_PAIR_PER_MINUTE", Some("100"))]).await;
    for to in [COMPANY, MOBILE, "+4590123456", "+447400123456"] {
        scene.mark(to);
        scene
            .text_leads_to(MOBILE, &format!("{to}: Hello there"), &[NOT_ALLOWED])
            .await;
    }
    let line = scene.logged("not_allowed").await;
    assert_eq!(
        (line["phone"].as_str(), &line["SmsSent"]),
        (Some("+45••••4050"), &1.into())
    );
    assert_eq!(scene.sandbox.twilio.inbox(MOBILE).len(), 4);
    assert!(scene.items("thread#").await.is_empty());
    scene.ignored(&scene.inbound(MOBILE, " "), "empty").await;
    assert_eq!(scene.logged("empty").await["Refused"], 1);
}

/// A number as sender is no proof of who sends: whoever could send with the employee's must not text the world.
#[tokio::test]
async fn without_a_list_addresses_are_in_two_countries_and_answers_go_anywhere() {
    let scene = Scene::with(&[
        ("ALLOWED_COUNTRIES", None),
        ("MESSAGES_PER_PAIR_PER_MINUTE", Some("100")),
    ])
    .await;
    let (american, french) = ("+12025550123", "+33612345678");
    for number in [american, french, "+573001234567"] {
        scene.mark(number);
    }
    for near in [american, OTHER] {
        scene
            .text_leads_to(MOBILE, &format!("{near}: Hello there"), &["Hello there"])
            .await;
        assert_eq!(scene.sandbox.twilio.inbox(near), ["Hello there"]);
    }
    for far in [french, "+573001234567", "+447400123456"] {
        scene
            .text_leads_to(MOBILE, &format!("{far}: Hello there"), &[NOT_ALLOWED])
            .await;
    }
    assert_eq!(
        scene.correspondent().await.as_deref(),
        Some(OTHER),
        "what was not sent changes nothing"
    );
    scene
        .text_leads_to(french, "Bonjour", &[&forwarded(french, "Bonjour")])
        .await;
    scene
        .text_leads_to(MOBILE, "How are you?", &["How are you?"])
        .await;
    assert_eq!(scene.sandbox.twilio.inbox(french), ["How are you?"]);
}

#[tokio::test]
async fn a_list_says_where_addresses_may_be() {
    let scene = Scene::with(&[("ALLOWED_COUNTRIES", Some("DK,CO"))]).await;
    for (to, text) in [
        ("+573001234567", "Hello there"),
        ("+12025550123", NOT_ALLOWED),
    ] {
        scene.mark(to);
        scene
            .text_leads_to(MOBILE, &format!("{to}: Hello there"), &[text])
            .await;
    }
}

#[tokio::test]
async fn an_employee_has_so_many_texts_a_day() {
    let scene = Scene::with(&[("REPLIES_PER_DAY", Some("2"))]).await;
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    scene
        .text_leads_to(MOBILE, "first reply", &["first reply"])
        .await;
    let second = scene.inbound(MOBILE, &format!("{OTHER}: second reply"));
    for _ in 0..2 {
        assert_eq!(
            scene.deliver(&second).await.messages,
            ["second reply"],
            "counted once"
        );
    }
    let third = scene.inbound(MOBILE, "third reply");
    for _ in 0..2 {
        let told = scene.deliver(&third).await.messages.concat();
        let words =
            "Not sent: more texts left your company number than are allowed. Try again in about 2";
        assert!(
            told.starts_with(words) && told.ends_with(" hours."),
            "nothing is lost silently: {told}"
        );
    }
    scene
        .ignored(
            &scene.inbound(MOBILE, &format!("{STRANGER}: fourth reply")),
            "ceiling_reached",
        )
        .await;
    assert_eq!(
        scene.logged("ceiling_reached").await["limit"],
        "REPLIES_PER_DAY"
    );
    assert_eq!(scene.correspondent().await.as_deref(), Some(OTHER));
    scene
        .text_leads_to(OTHER, "Why?", &[&forwarded(OTHER, "Why?")])
        .await;
    assert_eq!(
        (
            scene.sandbox.twilio.inbox(STRANGER).len(),
            scene.logged("ceiling_reached").await["Refused"].as_u64()
        ),
        (1, Some(1))
    );
}

#[tokio::test]
async fn employees_text_each_other_through_their_company_numbers() {
    let sandbox = Sandbox::start().await;
    let (bobs, bobs_mobile) = ("+15005550077", "+4531415161");
    sandbox.okta.hire("Ann", MOBILE, COMPANY);
    sandbox.okta.hire("Bob", bobs_mobile, bobs);
    let scene = Scene::within(sandbox, 1, &[]).await;
    scene.sandbox.twilio.set_sms_url(bobs, scene.lambda.url());
    scene
        .text_leads_to(MOBILE, &format!("{bobs}: Hi Bob"), &["Hi Bob"])
        .await;
    // What the simulator's phones get is not called back to us: Bob's number gets it now.
    let twilio = &scene.sandbox.twilio;
    assert_eq!(
        twilio.text(COMPANY, bobs, "Hi Bob").await.messages,
        [forwarded(COMPANY, "Hi Bob")]
    );
    assert_eq!(
        twilio.text(bobs_mobile, bobs, "Hi Ann").await.messages,
        ["Hi Ann"]
    );
    assert_eq!(twilio.texts(COMPANY)[0].from, bobs);
    assert_eq!(
        twilio.text(bobs, COMPANY, "Hi Ann").await.messages,
        [forwarded(bobs, "Hi Ann")]
    );
    assert_eq!(twilio.texts(MOBILE).len(), 1);
}
