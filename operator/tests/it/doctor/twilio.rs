//! What the doctor finds at Twilio: keys, account, webhooks and countries.

use sandbox::COMPANY_NUMBER;
use sandbox::cloudformation::STACK_NAME;
use sandbox::twilio::{self, NUMBER};
use serde_json::{Value, json};

use super::{findings, only};
use crate::remedies::is_mended;
use crate::scene::Scene;

#[tokio::test]
async fn countries_may_be_in_small_letters() {
    let scene = Scene::healthy().await;
    scene.deploy("AllowedCountries", "dk");
    scene.deploy("CompanyPhoneCountries", "us, gb");
    let output = scene.succeed(&["--json", "doctor"]).await;
    assert_eq!(output.findings(), [Value::Null; 0]);
}

#[tokio::test]
async fn a_wrong_auth_token() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .twilio
        .set_auth_token("rotated-token-of-the-account");
    only(
        &scene,
        "twilio.auth_token",
        "fault",
        "rejects the Auth Token",
        "operator --stack switchboard secrets set twilio",
    )
    .await;
}

#[tokio::test]
async fn an_auth_token_where_an_api_key_would_do() {
    let scene = Scene::healthy().await;
    let secret = json!({ "account_sid": twilio::ACCOUNT_SID, "auth_token": twilio::AUTH_TOKEN });
    scene
        .sandbox
        .aws
        .set_secret("switchboard/twilio-send", &secret);
    only(
        &scene,
        "twilio.api_key",
        "risk",
        "switchboard/twilio-send has the Auth Token",
        "operator --stack switchboard secrets set twilio",
    )
    .await;
}

#[tokio::test]
async fn a_revoked_api_key() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.revoke_api_keys();
    only(
        &scene,
        "twilio.api_key",
        "fault",
        "rejects the API key",
        "make a new key",
    )
    .await;
}

#[tokio::test]
async fn a_webhook_that_leads_elsewhere() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .twilio
        .own(NUMBER, &[("SmsUrl", "https://old.example/")]);
    only(
        &scene,
        "twilio.webhooks",
        "fault",
        "sms_url is https://old.example/",
        "operator --stack switchboard connect twilio",
    )
    .await;
}

#[tokio::test]
async fn a_webhook_by_get() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.own(NUMBER, &[("SmsMethod", "GET")]);
    only(
        &scene,
        "twilio.webhooks",
        "fault",
        "sms_method is GET, should be POST",
        "operator --stack switchboard connect twilio",
    )
    .await;
}

/// Such numbers work, but for calls that end in the greeting.
#[tokio::test]
async fn a_company_number_without_a_status_callback() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .twilio
        .own(COMPANY_NUMBER, &[("StatusCallback", "")]);
    only(
        &scene,
        "twilio.webhooks",
        "fault",
        "status_callback is nothing, should be http",
        "operator --stack switchboard connect twilio",
    )
    .await;
}

#[tokio::test]
async fn a_number_that_is_not_the_accounts() {
    let scene = Scene::healthy().await;
    scene.deploy("TwilioNumber", "+15005550099");
    only(
        &scene,
        "twilio.webhooks",
        "fault",
        "has no number +15005550099",
        "",
    )
    .await;
}

#[tokio::test]
async fn a_trial_account() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.set_account("active", "Trial");
    only(&scene, "twilio.account", "risk", "is a trial", "upgrade").await;
}

#[tokio::test]
async fn texts_to_a_country_that_the_account_may_not_text() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.set_geo("DK", false, true);
    only(
        &scene,
        "twilio.geo.texts",
        "fault",
        "texts to DK",
        "Messaging, Settings, Geo permissions",
    )
    .await;
}

#[tokio::test]
async fn calls_to_a_country_that_the_account_may_not_call() {
    let scene = Scene::healthy().await;
    scene.deploy("CompanyPhoneCountries", "DK,GB");
    scene.sandbox.twilio.set_geo("GB", true, false);
    only(
        &scene,
        "twilio.geo.calls",
        "fault",
        "calls to GB",
        "Voice, Settings, Geo permissions",
    )
    .await;
}

#[tokio::test]
async fn countries_are_those_of_what_is_deployed() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.set_geo("SE", true, false);
    scene.deploy("CompanyPhoneCountries", "");
    scene.deploy("NumberCountry", "SE");
    only(
        &scene,
        "twilio.geo.calls",
        "fault",
        "calls to SE",
        "CompanyPhoneCountries",
    )
    .await;
    scene
        .sandbox
        .cloudformation
        .change_stack(STACK_NAME, |stack| {
            stack
                .outputs
                .retain(|name, _| !matches!(name.as_str(), "CallForwardUrl" | "SmsForwardUrl"));
        });
    is_mended(&scene, "twilio.geo.calls").await;
}

#[tokio::test]
async fn a_url_that_was_found_is_shown_without_credentials() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.own(
        NUMBER,
        &[("SmsUrl", "https://user:canary@old.example/x?key=canary")],
    );
    let (code, findings) = findings(&scene).await;
    assert!(
        code == 1
            && findings[0]["what"]
                .as_str()
                .unwrap()
                .contains("old.example/x"),
        "{findings:#?}"
    );
    assert!(
        !json!(findings).to_string().contains("canary"),
        "{findings:#?}"
    );
}

#[tokio::test]
async fn a_gateway_alone_that_sends_through_twilio_is_examined_with_its_api_key() {
    let scene = Scene::healthy().await;
    scene.keep_outputs(&[
        "SmsGatewayUrl",
        "FunctionNames",
        "TableName",
        "TwilioSendSecretName",
        "GatewaySecretName",
    ]);
    scene
        .sandbox
        .cloudformation
        .change_stack(STACK_NAME, |stack| {
            let twilio_url = stack.parameters.remove("TwilioUrl").unwrap();
            let parameters = [
                ("SmsRoutes", "*=twilio"),
                ("AllowedCountries", "DK"),
                ("TwilioUrl", &twilio_url),
            ];
            stack.parameters = parameters
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        });
    scene.sandbox.twilio.set_geo("DK", false, true);
    let (_, findings) = findings(&scene).await;
    let checks: Vec<&Value> = findings.iter().map(|finding| &finding["check"]).collect();
    assert_eq!(
        checks,
        ["twilio.geo.texts", "auth0.phone_provider"],
        "{findings:#?}"
    );
}

#[tokio::test]
async fn a_provider_that_is_down_is_a_risk_and_the_rest_examined() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.server().faults().refuse(true);
    only(
        &scene,
        "twilio.auth_token",
        "risk",
        "not sent",
        "operator --stack switchboard doctor",
    )
    .await;
}
