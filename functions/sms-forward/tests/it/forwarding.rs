//! A text to a company number arrives at the employee's phone.

use sandbox::twilio::ACCOUNT_SID;

use crate::scene::{COMPANY, MOBILE, OTHER, STRANGER, Scene, forwarded};

#[tokio::test]
async fn a_text_arrives_with_its_sender() {
    let scene = Scene::start().await;
    let reply = scene
        .text(STRANGER, "Hi Ann,\nsee you at 8? Bøf & \"øl\"")
        .await;
    assert_eq!(
        reply.body,
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><Response><Message to="{MOBILE}" from="{COMPANY}">From: {STRANGER}

Hi Ann,
see you at 8? Bøf &amp; &quot;øl&quot;</Message></Response>"#
        )
    );
    assert_eq!((reply.status, reply.attempts), (200, 1));
    let texts = scene.sandbox.twilio.texts(MOBILE);
    assert_eq!(texts.len(), 1);
    assert_eq!(
        (texts[0].from.as_str(), texts[0].body.as_str()),
        (
            COMPANY,
            "From: +4512345678\n\nHi Ann,\nsee you at 8? Bøf & \"øl\""
        )
    );
    let line = scene.logged("forwarded").await;
    assert_eq!(
        (line["from"].as_str(), line["phone"].as_str()),
        (Some("+45••••5678"), Some("+45••••4050"))
    );
    assert_eq!(
        (&line["segments"], &line["SmsSent"], &line["SmsSegments"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert!(line["sid"].as_str().unwrap().starts_with("SM"));
}

#[tokio::test]
async fn one_request_to_okta_when_cold_none_when_warm_and_none_to_twilio() {
    let scene = Scene::start().await;
    scene
        .text_leads_to(STRANGER, "one", &[&forwarded(STRANGER, "one")])
        .await;
    let [okta, _, twilio] = scene.asked();
    assert_eq!((okta, twilio), (1, 0));
    scene
        .text_leads_to(OTHER, "two", &[&forwarded(OTHER, "two")])
        .await;
    // That it came, whether it was answered, and six budgets, at once; then that it was answered, and who wrote last.
    assert_eq!(scene.asked(), [0, 10, 0]);
    scene.text_leads_to(MOBILE, "three", &["three"]).await;
    assert_eq!(scene.asked(), [0, 12, 0]);
    scene.restart().await;
    scene
        .text_leads_to(STRANGER, "four", &[&forwarded(STRANGER, "four")])
        .await;
    let [okta, _, twilio] = scene.asked();
    assert_eq!((okta, twilio), (1, 0));
}

#[tokio::test]
async fn pictures_go_along() {
    let scene = Scene::start().await;
    let media =
        format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/MM1/Media/ME");
    let urls: Vec<String> = (0..10).map(|n| format!("{media}{n}?a=1&b=2")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let reply = scene
        .sandbox
        .twilio
        .picture(STRANGER, COMPANY, "Look", &urls)
        .await;
    assert!(
        reply.body.contains("</Body><Media>https://api.twilio.com/")
            && reply.body.contains("?a=1&amp;b=2</Media>")
    );
    scene
        .sandbox
        .twilio
        .picture(STRANGER, COMPANY, "", &urls[..1])
        .await;
    let texts = scene.sandbox.twilio.texts(MOBILE);
    assert_eq!(
        (texts[0].body.as_str(), &texts[0].media),
        (
            forwarded(STRANGER, "Look").as_str(),
            &crate::scene::owned(&urls)
        )
    );
    assert_eq!(
        (texts[1].body.as_str(), texts[1].media.len()),
        (forwarded(STRANGER, "").as_str(), 1)
    );
    scene
        .sandbox
        .twilio
        .picture(MOBILE, COMPANY, "", &urls[..2])
        .await;
    assert_eq!(
        scene.sandbox.twilio.texts(STRANGER)[0].media,
        crate::scene::owned(&urls[..2])
    );
}

#[tokio::test]
async fn a_picture_that_comes_without_a_body_goes_along() {
    let scene = Scene::start().await;
    let url =
        format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/MM1/Media/ME1");
    let mut params = scene
        .sandbox
        .twilio
        .inbound_picture(STRANGER, COMPANY, "", &[&url]);
    params.retain(|(name, _)| name != "Body");
    assert_eq!(
        scene.deliver(&params).await.messages,
        [forwarded(STRANGER, "")]
    );
    assert_eq!(scene.sandbox.twilio.texts(MOBILE)[0].media, [url]);
}

/// By RCS a person writes as `rcs:` and the number: it is the same person, who can be answered.
#[tokio::test]
async fn a_text_by_rcs_is_from_its_number() {
    let scene = Scene::start().await;
    let params = scene.inbound(&format!("rcs:{STRANGER}"), "Hello");
    assert_eq!(
        scene.deliver(&params).await.messages,
        [forwarded(STRANGER, "Hello")]
    );
    assert_eq!(scene.correspondent().await.as_deref(), Some(STRANGER));
    let params = scene.inbound(&format!("rcs:{MOBILE}"), "And you");
    assert_eq!(scene.deliver(&params).await.messages, ["And you"]);
    assert_eq!(scene.sandbox.twilio.texts(STRANGER).len(), 1);
    let agent = scene
        .sandbox
        .twilio
        .inbound(&format!("rcs:{STRANGER}"), "rcs:acme_agent", "Hello");
    scene.ignored(&agent, "channel_not_served").await;
    scene
        .ignored(
            &scene.inbound("rcs:acme_agent", "Hello"),
            "channel_not_served",
        )
        .await;
}

#[tokio::test]
async fn only_addresses_that_twilio_can_fetch_go_along() {
    let scene = Scene::start().await;
    let params = scene.sandbox.twilio.inbound_picture(
        STRANGER,
        COMPANY,
        "Look",
        &[
            "javascript:alert(1)",
            "http://evil.example/x",
            "https://user:pw@evil.example/",
            "https://api.twilio.com/1",
        ],
    );
    scene.deliver(&params).await;
    assert_eq!(
        scene.sandbox.twilio.texts(MOBILE)[0].media,
        ["https://api.twilio.com/1"]
    );
}

#[tokio::test]
async fn a_text_that_its_sender_makes_too_long_arrives_in_two() {
    let scene = Scene::start().await;
    let body = "æ".repeat(1_600);
    let reply = scene
        .sandbox
        .twilio
        .picture(STRANGER, COMPANY, &body, &["https://api.twilio.com/1"])
        .await;
    assert_eq!(reply.messages.concat(), forwarded(STRANGER, &body));
    assert_eq!(
        (reply.messages.len(), reply.messages[0].chars().count()),
        (2, 1_600)
    );
    let media: Vec<usize> = scene
        .sandbox
        .twilio
        .texts(MOBILE)
        .iter()
        .map(|text| text.media.len())
        .collect();
    assert_eq!(media, [1, 0]);
    assert_eq!(scene.logged("forwarded").await["SmsSent"], 2);
    scene.text_leads_to(MOBILE, &body, &[&body]).await;
}

#[tokio::test]
async fn senders_without_a_number_are_forwarded_and_cannot_be_answered() {
    let scene = Scene::with(&[("MESSAGES_PER_PAIR_PER_MINUTE", Some("100"))]).await;
    for sender in [
        "12345",
        "+12345",
        "ACME Inc",
        "+114155550100",
        "Zürich",
        "Grøn Bank",
        "ÅÄÖ",
        "ΔΣΩ",
    ] {
        scene
            .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
            .await;
        assert_eq!(scene.correspondent().await.as_deref(), Some(STRANGER));
        let params = scene.inbound(sender, "Your parcel");
        assert_eq!(
            scene.deliver(&params).await.messages,
            [forwarded(sender, "Your parcel")]
        );
        assert_eq!(
            scene.logged("forwarded").await["from"],
            serde_json::Value::Null
        );
        // The answer to the parcel service is nothing for the stranger.
        scene
            .text_leads_to(MOBILE, "OK", &[crate::scene::NOTICE])
            .await;
    }
    assert!(scene.sandbox.twilio.texts(STRANGER).is_empty());
}

/// Another region than the list's, where there is one, is no correspondent either, but may still write.
#[tokio::test]
async fn senders_that_may_not_be_texted_are_forwarded_and_cannot_be_answered() {
    let scene = Scene::with(&[("ALLOWED_COUNTRIES", Some("DK"))]).await;
    scene.mark("+447400123456");
    for sender in ["+447400123456", "+4590123456"] {
        scene
            .text_leads_to(sender, "Hello", &[&forwarded(sender, "Hello")])
            .await;
        assert_eq!(scene.correspondent().await, None);
    }
}

#[tokio::test]
async fn what_is_kept_is_little_and_not_for_long() {
    let scene = Scene::start().await;
    scene
        .text_leads_to(
            STRANGER,
            "a secret word",
            &[&forwarded(STRANGER, "a secret word")],
        )
        .await;
    scene.text_leads_to(MOBILE, "another", &["another"]).await;
    let now = sandbox::now().as_secs();
    let is_hash =
        |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for item in scene.sandbox.aws.items().await {
        let end: u64 = item["expires_at"]["N"].as_str().unwrap().parse().unwrap();
        let (pk, sk) = (
            item["pk"]["S"].as_str().unwrap(),
            item["sk"]["S"].as_str().unwrap(),
        );
        let days = match (pk.split('#').next().unwrap(), sk.split('#').next().unwrap()) {
            ("seen", "to") => 1,
            ("seen", _) => 400,
            ("rate", _) => 2,
            ("thread", "known") => 90,
            _ => 30,
        };
        assert!(end > now && end <= now + days * 86_400 + 60, "{item}");
        let text = item.to_string();
        assert!(
            !text.contains("secret word") && !text.contains("another"),
            "{item}"
        );
        // Nobody's number is kept for longer than it is needed.
        assert!(
            days <= 30
                || [MOBILE, STRANGER]
                    .iter()
                    .all(|number| !text.contains(number)),
            "{item}"
        );
        let hash = pk.strip_prefix("rate#text-pair#").map(|rest| {
            rest.strip_prefix(COMPANY)
                .unwrap()
                .strip_prefix('#')
                .unwrap()
        });
        assert!(
            [hash, sk.strip_prefix("known#")]
                .into_iter()
                .flatten()
                .all(is_hash),
            "{item}"
        );
    }
    assert_eq!(
        (
            scene.counted().await.len(),
            scene.items("seen#").await.len(),
            scene.items("thread#").await.len()
        ),
        (2, 5, 2)
    );
}
