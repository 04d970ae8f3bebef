//! Connecting Twilio: webhooks of numbers and of messaging services.

use sandbox::twilio::NUMBER;
use sandbox::{COMPANY_NUMBER, IVR_NUMBER};
use serde_json::json;

use super::field;
use crate::scene::Scene;

#[tokio::test]
async fn numbers_of_the_company_phone_and_the_menu() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    let (calls, texts) = (
        scene.sandbox.door("call-forward").url(),
        scene.sandbox.door("sms-forward").url(),
    );
    twilio.own(
        "+14155550101",
        &[
            ("FriendlyName", "switchboard:00u1"),
            ("VoiceApplicationSid", "AP00000000000000000000000000000001"),
        ],
    );
    twilio.own("+14155550102", &[]);
    twilio.own(
        "+14155550103",
        &[("VoiceUrl", "https://elsewhere.example/")],
    );
    twilio.set_page_size(2);
    scene
        .succeed(&[
            "connect",
            "twilio",
            "--company-number",
            "+14155550102",
            "--menu-number",
            IVR_NUMBER,
        ])
        .await;
    for number in ["+14155550101", "+14155550102", COMPANY_NUMBER] {
        assert_eq!(
            field(twilio, number, "VoiceUrl"),
            format!("{calls}/#rc=3&rp=5xx,ct,rt"),
            "{number}"
        );
        assert_eq!(
            field(twilio, number, "SmsUrl"),
            format!("{texts}/#rc=3&rp=5xx,ct,rt"),
            "{number}"
        );
        assert_eq!(
            field(twilio, number, "StatusCallback"),
            format!("{calls}/status#rc=3&rp=5xx,ct,rt"),
            "{number}"
        );
        assert_eq!(field(twilio, number, "VoiceApplicationSid"), "", "{number}");
    }
    assert_eq!(
        field(twilio, "+14155550103", "VoiceUrl"),
        "https://elsewhere.example/"
    );
    assert!(field(twilio, IVR_NUMBER, "VoiceUrl").ends_with("/voice#rc=3&rp=5xx,ct,rt"));
    assert_eq!(
        field(twilio, IVR_NUMBER, "StatusCallback"),
        "",
        "the menu asks for no news"
    );
    let strange = scene
        .run(&["connect", "twilio", "--company-number", "+14155550199"])
        .await;
    assert!(
        strange.code == 1 && strange.out.contains("has no number +14155550199"),
        "{strange:?}"
    );
}

#[tokio::test]
async fn texts_to_a_messaging_service() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    let sid = twilio.add_messaging_service("Texts", &["+15005550011"]);
    scene.deploy("TwilioNumber", "");
    scene.deploy("TwilioMessagingService", &sid);
    let output = scene.succeed(&["connect", "twilio"]).await;
    assert!(
        output.out.contains(&format!(
            "set inbound_request_url of messaging service {sid} from nothing to http"
        )),
        "{}",
        output.out
    );
    let url = format!(
        "{}/#rc=3&rp=5xx,ct,rt",
        scene.sandbox.door("receive-confirmation-sms").url()
    );
    assert_eq!(
        twilio
            .messaging_service(&sid)
            .unwrap()
            .field("InboundRequestUrl"),
        url
    );
    assert_eq!(
        scene.succeed(&["connect", "twilio"]).await.out,
        "twilio: nothing to change\n"
    );
}

/// A service that takes the texts of its numbers itself: what their own webhooks say counts for nothing, and no YES ever arrives.
#[tokio::test]
async fn a_service_that_keeps_the_texts_of_our_number_is_told_to_leave_them() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    scene.succeed(&["connect", "twilio"]).await;
    let off = ("UseInboundWebhookOnNumber", "false");
    for (fields, went) in [
        (&[off][..], "its texts went to nobody"),
        (
            &[
                off,
                (
                    "InboundRequestUrl",
                    "https://user:canary@shop.example/?key=canary",
                ),
            ],
            "its texts went to shop.example",
        ),
    ] {
        let sid = sandbox::twilio::MESSAGING_SERVICE;
        twilio.set_messaging_service(sid, fields);
        let doctor = scene.run(&["doctor"]).await;
        let line = format!(
            "messaging service {sid}, which holds {NUMBER}: use_inbound_webhook_on_number is false, should be true"
        );
        assert!(doctor.code == 1 && doctor.out.contains(&line), "{doctor:?}");
        assert!(
            doctor
                .out
                .contains("operator --stack switchboard connect twilio"),
            "{doctor:?}"
        );
        let output = scene.succeed(&["connect", "twilio"]).await;
        let line = format!(
            "set use_inbound_webhook_on_number of messaging service {sid}, which holds {NUMBER} from false to true, {went}\n"
        );
        assert!(
            output.out.contains(&line) && !output.out.contains("canary"),
            "{output:?}"
        );
        assert_eq!(
            twilio
                .messaging_service(sid)
                .unwrap()
                .field("UseInboundWebhookOnNumber"),
            "true"
        );
        assert_eq!(
            scene.succeed(&["connect", "twilio"]).await.out,
            "twilio: nothing to change\n"
        );
    }
}

#[tokio::test]
async fn services_that_lead_here_or_hold_none_of_ours_are_left_alone() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    scene.succeed(&["connect", "twilio"]).await;
    let here = format!("{}/", scene.sandbox.door("receive-confirmation-sms").url());
    let off = ("UseInboundWebhookOnNumber", "false");
    twilio.set_messaging_service(
        sandbox::twilio::MESSAGING_SERVICE,
        &[off, ("InboundRequestUrl", &here)],
    );
    let shop = twilio.add_messaging_service("Shop", &["+15005550041"]);
    twilio.set_messaging_service(
        &shop,
        &[off, ("InboundRequestUrl", "https://shop.example/")],
    );
    assert_eq!(
        scene.succeed(&["connect", "twilio"]).await.out,
        "twilio: nothing to change\n"
    );
    assert_eq!(
        twilio
            .messaging_service(&shop)
            .unwrap()
            .field("UseInboundWebhookOnNumber"),
        "false"
    );
}

#[tokio::test]
async fn a_company_number_among_those_that_text_for_a_yes_is_named() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    let sid = twilio.add_messaging_service("Texts", &["+15005550011", COMPANY_NUMBER]);
    scene.deploy("TwilioNumber", "");
    scene.deploy("TwilioMessagingService", &sid);
    let output = scene.run(&["connect", "twilio"]).await;
    let words = format!(
        "{COMPANY_NUMBER}: the messaging service {sid} has all texts of its numbers sent to the function"
    );
    assert!(
        output.code == 1 && output.out.contains(&words),
        "{output:?}"
    );
    assert_eq!(
        twilio
            .messaging_service(&sid)
            .unwrap()
            .field("UseInboundWebhookOnNumber"),
        "false"
    );
}

#[tokio::test]
async fn a_bought_number_is_this_stacks_by_its_state_record_only() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    let elsewhere = [
        ("FriendlyName", "switchboard:00u1"),
        ("VoiceUrl", "https://other.on.aws/?canary=1"),
    ];
    for number in ["+14155550101", "+14155550102", "+14155550103"] {
        twilio.own(number, &elsewhere);
    }
    let owner = json!({ "pk": { "S": "number#+14155550102" }, "sk": { "S": "owner" } });
    let entry = json!({ "pk": { "S": "number#00u3" }, "sk": { "S": "number" }, "number": { "S": "+14155550103" } });
    scene.sandbox.aws.put(owner).await;
    scene.sandbox.aws.put(entry).await;
    let output = scene.run(&["connect", "twilio"]).await;
    assert_eq!(output.code, 1);
    assert!(
        output.out.contains(
            "+14155550101 is named switchboard:..., leads to other.on.aws and has no state record"
        ),
        "{output:?}"
    );
    assert!(!output.out.contains("canary"), "{output:?}");
    assert_eq!(field(twilio, "+14155550101", "VoiceUrl"), elsewhere[1].1);
    for number in ["+14155550102", "+14155550103"] {
        assert!(
            field(twilio, number, "VoiceUrl")
                .starts_with(&scene.sandbox.door("call-forward").url()),
            "{number}"
        );
    }
}

#[tokio::test]
async fn numbers_of_a_deferring_service_that_lead_elsewhere_are_named() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    let pool = ["+15005550011", "+15005550012", "+15005550013"];
    let sid = twilio.add_messaging_service("Texts", &pool);
    twilio.set_messaging_service(&sid, &[("UseInboundWebhookOnNumber", "true")]);
    twilio.own(
        pool[1],
        &[("SmsUrl", "https://demo.twilio.com/welcome/sms/reply/")],
    );
    twilio.own(pool[2], &[("SmsUrl", "https://shop.example/?token=canary")]);
    scene.deploy("TwilioNumber", "");
    scene.deploy("TwilioMessagingService", &sid);
    let output = scene.run(&["connect", "twilio"]).await;
    assert_eq!(output.code, 1);
    assert!(
        output
            .out
            .contains("+15005550013, of the messaging service")
            && !output.out.contains("canary"),
        "{output:?}"
    );
    let url = format!(
        "{}/#rc=3&rp=5xx,ct,rt",
        scene.sandbox.door("receive-confirmation-sms").url()
    );
    assert_eq!(
        [
            field(twilio, pool[0], "SmsUrl"),
            field(twilio, pool[1], "SmsUrl")
        ],
        [url.clone(), url]
    );
    assert_eq!(
        field(twilio, pool[2], "SmsUrl"),
        "https://shop.example/?token=canary"
    );
    assert_eq!(
        twilio
            .messaging_service(&sid)
            .unwrap()
            .field("InboundRequestUrl"),
        ""
    );
}

#[tokio::test]
async fn a_number_that_is_missing_is_asked_for() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    twilio.own(IVR_NUMBER, &[("VoiceUrl", "")]);
    twilio.own(COMPANY_NUMBER, &[("VoiceUrl", ""), ("SmsUrl", "")]);
    let output = scene.run(&["connect", "twilio"]).await;
    assert!(
        output.code == 1
            && output
                .out
                .contains("no number leads to the phone menu: --menu-number"),
        "{output:?}"
    );
    assert!(
        !output.out.contains("no number leads to the company phone"),
        "they are bought: {output:?}"
    );
    scene.deploy("ProvisionNumbersUrl", "");
    let output = scene
        .run(&["connect", "twilio", "--menu-number", IVR_NUMBER])
        .await;
    assert!(
        output.code == 1
            && output
                .out
                .contains("no number leads to the company phone: --company-number"),
        "{output:?}"
    );
    scene
        .succeed(&["connect", "twilio", "--company-number", COMPANY_NUMBER])
        .await;
    twilio.own(
        NUMBER,
        &[("SmsApplicationSid", "AP00000000000000000000000000000001")],
    );
    let output = scene.succeed(&["connect", "twilio"]).await;
    assert!(
        output
            .out
            .contains("from AP00000000000000000000000000000001 to nothing\n"),
        "{output:?}"
    );
}
