//! What the doctor finds about numbers that text to the United States.

use sandbox::COMPANY_NUMBER;
use sandbox::twilio::{MESSAGING_SERVICE, NUMBER};
use serde_json::Value;

use super::{findings, only};
use crate::scene::Scene;

#[tokio::test]
async fn no_a2p_registration() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .twilio
        .set_a2p_status(MESSAGING_SERVICE, Some("IN_PROGRESS"));
    only(
        &scene,
        "twilio.registration",
        "fault",
        "no verified A2P 10DLC campaign (IN_PROGRESS)",
        "register brand and campaign",
    )
    .await;
}

#[tokio::test]
async fn an_unverified_toll_free_number() {
    let scene = Scene::healthy().await;
    scene.deploy("TwilioNumber", "+18005550100");
    scene.sandbox.twilio.own("+18005550100", &[]);
    scene.succeed(&["connect", "twilio"]).await;
    only(
        &scene,
        "twilio.registration",
        "fault",
        "+18005550100 is not verified (never asked for)",
        "Toll-Free",
    )
    .await;
    scene
        .sandbox
        .twilio
        .set_tollfree_verification("+18005550100", "TWILIO_APPROVED");
    assert_eq!(findings(&scene).await, (0, vec![]));
}

/// What the doctor says about registrations.
async fn registrations(scene: &Scene) -> Vec<String> {
    let (_, findings) = findings(scene).await;
    let about = findings
        .iter()
        .filter(|finding| finding["check"] == "twilio.registration");
    about
        .map(|finding| finding["what"].as_str().unwrap().to_owned())
        .collect()
}

const NONE: [String; 0] = [];

#[tokio::test]
async fn the_numbers_of_a_messaging_service_need_its_own_campaign() {
    let scene = Scene::healthy().await;
    let twilio = &scene.sandbox.twilio;
    let sid = twilio.add_messaging_service("Texts", &["+15005550011", "+18005550100"]);
    twilio.set_tollfree_verification("+18005550100", "IN_REVIEW");
    scene.deploy("TwilioNumber", "");
    scene.deploy("TwilioMessagingService", &sid);
    let toll_free = "the toll-free number +18005550100 is not verified (IN_REVIEW)".to_owned();
    let lacks = |state: &str| {
        format!("the messaging service {sid} has no verified A2P 10DLC campaign ({state})")
    };
    // The campaign of another service does not count.
    let found = registrations(&scene).await;
    assert_eq!(found, [lacks("none at all"), toll_free.clone()]);
    twilio.set_a2p_status(&sid, Some("FAILED"));
    let found = registrations(&scene).await;
    assert_eq!(found, [lacks("FAILED"), toll_free.clone()]);
    twilio.set_a2p_status(&sid, Some("VERIFIED"));
    assert_eq!(registrations(&scene).await, [toll_free]);
    twilio.set_tollfree_verification("+18005550100", "TWILIO_APPROVED");
    assert_eq!(registrations(&scene).await, NONE);
    // Numbers of other countries need nothing.
    let abroad = twilio.add_messaging_service("Abroad", &["+4520304059"]);
    scene.deploy("TwilioMessagingService", &abroad);
    assert_eq!(registrations(&scene).await, NONE);
}

#[tokio::test]
async fn the_senders_of_codes_are_checked_too() {
    let scene = Scene::healthy().await;
    let twilio = &scene.sandbox.twilio;
    scene.deploy("SmsRoutes", "*=twilio");
    twilio.own("+15005550012", &[]);
    scene.deploy("SmsFrom", "vonage:ACME, twilio:+15005550012");
    let outside = format!(
        "+15005550012: outside the A2P 10DLC campaign, because not among the senders of {MESSAGING_SERVICE}"
    );
    assert_eq!(registrations(&scene).await, [outside]);
    twilio.add_sender(MESSAGING_SERVICE, "+15005550012");
    assert_eq!(registrations(&scene).await, NONE);

    let sid = twilio.add_messaging_service("Codes", &["+15005550013"]);
    scene.deploy("SmsFrom", &format!("twilio:{sid}"));
    let lacks =
        format!("the messaging service {sid} has no verified A2P 10DLC campaign (none at all)");
    assert_eq!(registrations(&scene).await, [lacks]);
    // Codes that do not go through Twilio have other senders.
    scene.deploy("SmsRoutes", "*=vonage");
    assert_eq!(registrations(&scene).await, NONE);
    // Nobody in the US gets a text.
    scene.deploy("SmsRoutes", "*=twilio");
    scene.deploy("AllowedCountries", "DK");
    assert_eq!(registrations(&scene).await, NONE);
}

#[tokio::test]
async fn a_sender_of_codes_that_is_not_the_accounts() {
    let scene = Scene::healthy().await;
    scene.deploy("SmsRoutes", "*=twilio");
    scene.deploy("SmsFrom", "twilio:+15005550098");
    only(
        &scene,
        "twilio.registration",
        "fault",
        "the account has no number +15005550098, which SmsFrom names",
        "operator deploy",
    )
    .await;
}

#[tokio::test]
async fn company_numbers_are_checked_where_the_company_phone_texts_to_the_us() {
    let scene = Scene::healthy().await;
    let twilio = &scene.sandbox.twilio;
    for number in [NUMBER, COMPANY_NUMBER] {
        twilio.remove_sender(MESSAGING_SERVICE, number);
    }
    twilio.own(
        "+15005550014",
        &[("SmsUrl", &twilio_url(&scene, COMPANY_NUMBER))],
    );
    // One finding names them all, and the remedy as well.
    let (_, all) = findings(&scene).await;
    let about: Vec<&Value> = all
        .iter()
        .filter(|finding| finding["check"] == "twilio.registration")
        .collect();
    let [finding] = about[..] else {
        panic!("{all:#?}")
    };
    for member in ["what", "remedy"] {
        for number in [NUMBER, COMPANY_NUMBER, "+15005550014"] {
            let text = finding[member].as_str().unwrap();
            assert!(text.contains(number), "{number}: {finding:#}");
        }
    }
    twilio.add_sender(MESSAGING_SERVICE, NUMBER);
    scene.deploy("CompanyPhoneCountries", "DK");
    assert_eq!(registrations(&scene).await, NONE);
    scene.deploy("CompanyPhoneCountries", "DK,US");
    assert_eq!(registrations(&scene).await.len(), 1);
    for number in [COMPANY_NUMBER, "+15005550014"] {
        twilio.add_sender(MESSAGING_SERVICE, number);
    }
    assert_eq!(registrations(&scene).await, NONE);
}

/// The webhook for the texts of a number.
fn twilio_url(scene: &Scene, number: &str) -> String {
    let owned = scene.sandbox.twilio.owned();
    let owned = owned.iter().find(|owned| owned.number == number);
    owned.unwrap().field("SmsUrl").to_owned()
}
