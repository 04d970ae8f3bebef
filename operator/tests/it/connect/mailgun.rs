//! Connecting Mailgun: the route for mails to proxy addresses.

use sandbox::mail::Mail;

use crate::scene::Scene;

#[tokio::test]
async fn a_mail_to_a_proxy_address_takes_the_route() {
    let scene = Scene::new().await;
    scene
        .sandbox
        .mailgun
        .add_route(0, "all", "catch_all()", &["forward(\"ops@acme.example\")"]);
    scene.sandbox.mailgun.add_route(
        3,
        "domain",
        "match_recipient(\".*@sms.example.com\")",
        &["forward(\"ops@acme.example\")", "stop()"],
    );
    scene.succeed(&["connect", "mailgun"]).await;
    let url = scene.sandbox.door("send-verification-sms");
    let mail = |recipient: &str| Mail {
        recipient: recipient.to_owned(),
        ..Mail::default()
    };
    let _unanswered = scene
        .sandbox
        .mailgun
        .receive(&mail("acme+4512345678@sms.example.com"))
        .await;
    assert!(
        !url.exchanges().is_empty(),
        "the route takes the mail before the others"
    );
    url.clear_exchanges();
    let _elsewhere = scene
        .sandbox
        .mailgun
        .receive(&mail("acme+45x@sms.example.com"))
        .await;
    assert!(url.exchanges().is_empty());
}

#[tokio::test]
async fn a_route_that_nobody_can_pass_is_named() {
    let scene = Scene::new().await;
    scene
        .sandbox
        .mailgun
        .add_route(-1, "greedy", "match_recipient(\".*\")", &["stop()"]);
    let output = scene.run(&["connect", "mailgun"]).await;
    assert_eq!(output.code, 1);
    assert!(
        output.out.contains("has priority -1 and stops mails to the proxy e-mail addresses before ours: give it a higher number"),
        "{}",
        output.out
    );
}

#[tokio::test]
async fn a_route_for_raw_mails_is_mended() {
    let scene = Scene::new().await;
    let raw = format!(
        "store(notify=\"{}/mime\")",
        scene.sandbox.door("send-verification-sms").url()
    );
    scene.sandbox.mailgun.add_route(
        0,
        "by hand",
        r#"match_recipient("^acme.*@sms.example.com$")"#,
        &[&raw, "stop()"],
    );
    let doctor = scene.run(&["doctor"]).await;
    assert!(
        doctor.out.contains("/mime")
            && doctor
                .out
                .contains("operator --stack switchboard connect mailgun"),
        "{doctor:?}"
    );
    scene.succeed(&["connect", "mailgun"]).await;
    let [route] = &scene.sandbox.mailgun.routes()[..] else {
        panic!("{:?}", scene.sandbox.mailgun.routes())
    };
    assert!(route.actions[0].ends_with("/\")"), "{route:?}");
    assert_eq!(
        scene.succeed(&["connect", "mailgun"]).await.out,
        "mailgun: nothing to change\n"
    );
}
