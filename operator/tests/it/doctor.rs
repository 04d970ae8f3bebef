//! The doctor: quiet where all is well, and for each planted fault its name and the remedy.

use sandbox::COMPANY_NUMBER;
use sandbox::auth0::{API_AUDIENCE, CLIENT_ID, CLIENT_SECRET, LOGIN_CLIENT_ID};
use sandbox::cloudformation::STACK_NAME;
use sandbox::mailgun::DOMAIN;
use sandbox::twilio::{self, MESSAGING_SERVICE, NUMBER};
use sandbox::wire::{Fault, client};
use serde_json::{Value, json};

use crate::scene::{SCOPES, Scene};

async fn findings(scene: &Scene) -> (i32, Vec<Value>) {
    let output = scene.run(&["--json", "doctor"]).await;
    let report = output.json();
    (
        output.code,
        report["findings"]
            .as_array()
            .unwrap_or_else(|| panic!("{output:?}"))
            .clone(),
    )
}

/// Exactly one finding, of this check, whose text and remedy hold these words.
async fn only(scene: &Scene, check: &str, severity: &str, words: &str, remedy: &str) {
    let (code, findings) = findings(scene).await;
    let [finding] = &findings[..] else {
        panic!("{check}: {findings:#?}")
    };
    assert_eq!(
        (
            finding["check"].as_str().unwrap(),
            finding["severity"].as_str().unwrap()
        ),
        (check, severity),
        "{finding:#}"
    );
    assert!(
        finding["what"].as_str().unwrap().contains(words),
        "{finding:#}"
    );
    assert!(
        finding["remedy"].as_str().unwrap().contains(remedy),
        "{finding:#}"
    );
    assert_eq!(code, i32::from(severity != "unchecked"), "{check}");
}

#[tokio::test]
async fn a_healthy_stack_is_fine() {
    let scene = Scene::healthy().await;
    let output = scene.succeed(&["doctor"]).await;
    assert!(output.out.ends_with("nothing to do\n"), "{}", output.out);
    for check in [
        "secrets",
        "table.ttl",
        "twilio.auth_token",
        "twilio.webhooks",
        "mailgun.mx",
        "auth0.brute_force",
        "okta.event_hook",
        "okta.telephony_hook",
        "clock",
    ] {
        assert!(output.out.contains(check), "{check}: {}", output.out);
    }
}

#[tokio::test]
async fn a_secret_without_a_key() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/mailgun", &json!({}));
    only(
        &scene,
        "secrets",
        "fault",
        "switchboard/mailgun lacks signing_key",
        "operator --stack switchboard secrets set mailgun",
    )
    .await;
}

#[tokio::test]
async fn a_provider_that_is_out_of_order() {
    let scene = Scene::healthy().await;
    let now = sandbox::now().as_secs();
    let state = |state: String| {
        json!({
            "pk": { "S": "rate#code-provider#health" }, "sk": { "S": "state" }, "p_twilio": { "S": format!("sfs {now} 0 0") },
            "p_vonage": { "S": state }, "expires_at": { "N": (now + 60).to_string() },
        })
    };
    scene
        .sandbox
        .aws
        .put(state(format!("fff {} {} 0", now - 5, now + 25)))
        .await;
    only(
        &scene,
        "gateway.providers",
        "risk",
        "vonage failed three of its last five codes",
        "sms-gateway",
    )
    .await;
    scene.sandbox.aws.put(state(format!(" {now} 0 0"))).await;
    assert_eq!(findings(&scene).await.0, 0);
}

#[tokio::test]
async fn a_secret_that_is_no_json() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/hook", &json!("Bearer"));
    only(
        &scene,
        "secrets",
        "fault",
        "switchboard/hook is no JSON object",
        "operator --stack switchboard secrets set hook --replace",
    )
    .await;
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
async fn nothing_to_send_with() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/twilio-send", &json!({}));
    let lacks = "switchboard/twilio-send lacks account_sid and api_key_sid and api_key_secret, or account_sid and auth_token";
    only(
        &scene,
        "secrets",
        "fault",
        lacks,
        "operator --stack switchboard secrets set twilio",
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
    let (_, findings) = findings(&scene).await;
    assert!(
        !findings
            .iter()
            .any(|finding| finding["check"] == "twilio.geo.calls"),
        "{findings:#?}"
    );
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

#[tokio::test]
async fn no_route() {
    let scene = Scene::healthy().await;
    scene.sandbox.mailgun.clear_routes();
    only(
        &scene,
        "mailgun.route",
        "fault",
        "Mailgun route (new)",
        "operator --stack switchboard connect mailgun",
    )
    .await;
}

#[tokio::test]
async fn a_route_shadowed_by_another_with_stop() {
    let scene = Scene::healthy().await;
    scene.sandbox.mailgun.add_route(
        -5,
        "greedy",
        "match_recipient(\".*@sms.example.com\")",
        &["forward(\"a@acme.example\")", "stop()"],
    );
    only(
        &scene,
        "mailgun.route",
        "fault",
        "has priority -5 and stops mails",
        "",
    )
    .await;
}

#[tokio::test]
async fn mx_records_that_lead_elsewhere() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .mailgun
        .set_domain(DOMAIN, "active", "invalid");
    only(
        &scene,
        "mailgun.mx",
        "fault",
        "MX records of sms.example.com do not lead to Mailgun",
        "mxa.mailgun.org and mxb.mailgun.org",
    )
    .await;
}

#[tokio::test]
async fn a_domain_of_another_account_or_region() {
    let scene = Scene::healthy().await;
    scene.sandbox.mailgun.remove_domain(DOMAIN);
    only(
        &scene,
        "mailgun.domain",
        "fault",
        "no domain sms.example.com",
        "api.eu.mailgun.net",
    )
    .await;
}

#[tokio::test]
async fn without_mailguns_key_the_route_is_unchecked() {
    let scene = Scene::healthy().await;
    let output = scene
        .run_with(
            &["--stack", STACK_NAME, "--json", "doctor"],
            &[("MAILGUN_API_KEY", " ")],
            "",
        )
        .await;
    let report = output.json();
    assert_eq!(
        (output.code, &report["findings"][0]["severity"]),
        (0, &json!("unchecked")),
        "{report:#}"
    );
}

#[tokio::test]
async fn an_application_without_its_grant() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .auth0
        .set_scope(&SCOPES.replace("read:users ", ""));
    only(
        &scene,
        "auth0.grants",
        "fault",
        "lacks read:users",
        "grant read:users",
    )
    .await;
}

#[tokio::test]
async fn an_application_without_the_password_grant() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .auth0
        .set_grant_types(LOGIN_CLIENT_ID, &["client_credentials"]);
    only(
        &scene,
        "auth0.login",
        "fault",
        "may not log users in",
        "Grant Types",
    )
    .await;
}

#[tokio::test]
async fn an_application_without_a_grant_for_the_api() {
    let scene = Scene::healthy().await;
    scene.sandbox.auth0.set_client_grant(API_AUDIENCE, false);
    only(
        &scene,
        "auth0.api_grant",
        "fault",
        API_AUDIENCE,
        "authorise it for that API",
    )
    .await;
}

#[tokio::test]
async fn a_grant_for_the_api_without_its_scope() {
    let scene = Scene::healthy().await;
    scene.sandbox.auth0.set_api_scope("");
    only(
        &scene,
        "auth0.api_grant",
        "fault",
        "lacks read:accounts",
        "grant read:accounts",
    )
    .await;
}

#[tokio::test]
async fn verification_without_keys_to_tell_forged_mails() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .cloudformation
        .change_stack(STACK_NAME, |stack| {
            let verification = [
                "SendVerificationSmsUrl",
                "ReceiveConfirmationSmsUrl",
                "FunctionNames",
                "TableName",
            ];
            let secrets = [
                "TwilioSecretName",
                "MailgunSecretName",
                "Auth0SecretName",
                "RecipientSecretName",
            ];
            stack
                .outputs
                .retain(|name, _| verification.iter().chain(&secrets).any(|kept| kept == name));
        });
    assert_eq!(findings(&scene).await, (0, vec![]));
    for empty in [json!({}), json!({ "client_id": "", "client_secret": "" })] {
        scene.sandbox.aws.set_secret("switchboard/auth0", &empty);
        let (_, findings) = findings(&scene).await;
        let found = findings
            .iter()
            .find(|finding| finding["check"] == "verification.keys")
            .unwrap();
        assert!(
            found["why"]
                .as_str()
                .unwrap()
                .starts_with("anyone who can send mail to sms.example.com can have texts sent")
        );
    }
    scene
        .sandbox
        .aws
        .set_secret("switchboard/auth0", &json!({}));
    // Where links end cannot be seen then: a finding of its own.
    let others = async || {
        let (_, mut all) = findings(&scene).await;
        all.retain(|finding| finding["check"] != "verification.redirect_to");
        all
    };
    let [found] = &others().await[..] else {
        panic!("the keys alone")
    };
    assert_eq!(found["severity"], "risk");
    let has = |name: &str, words: &str| found[name].as_str().unwrap().contains(words);
    assert!(has("what", "neither the keys of an Auth0 application"));
    assert!(has(
        "remedy",
        "operator --stack switchboard secrets set auth0"
    ));
    scene.deploy("RecipientTags", "true");
    scene.succeed(&["connect", "mailgun"]).await;
    assert_eq!(others().await, [Value::Null; 0]);
    scene
        .sandbox
        .aws
        .set_secret("switchboard/recipient", &json!({}));
    let [found] = &others().await[..] else {
        panic!("the secret alone")
    };
    let has = |name: &str, words: &str| found[name].as_str().unwrap().contains(words);
    assert!(has("what", "switchboard/recipient lacks recipient_key"));
    assert!(has(
        "remedy",
        "operator --stack switchboard secrets set recipient"
    ));
}

/// With keys the function asks Auth0, whatever the page says; without them only a *Redirect To* tells.
#[tokio::test]
async fn templates_without_redirect_to_and_no_keys_to_ask_with() {
    const CHECK: &str = "verification.redirect_to";
    let scene = Scene::healthy().await;
    let auth0 = &scene.sandbox.auth0;
    auth0.set_redirect_to(false);
    assert_eq!(findings(&scene).await, (0, vec![]));

    auth0.set_scope("read:email_templates");
    let url = auth0.server().url();
    let body = json!({
        "grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "audience": format!("{url}/api/v2/"),
    });
    let granted = client().post(format!("{url}/oauth/token")).json(&body);
    let granted: Value = granted.send().await.unwrap().json().await.unwrap();
    let token = granted["access_token"].as_str().unwrap();
    scene
        .sandbox
        .aws
        .set_secret("switchboard/auth0", &json!({}));
    let found = async |token: &str| {
        let arguments = ["--stack", STACK_NAME, "--json", "doctor"];
        let own = [("AUTH0_MANAGEMENT_TOKEN", token)];
        let report = scene.run_with(&arguments, &own, "").await.json();
        let all = report["findings"].as_array().unwrap().clone();
        all.into_iter()
            .filter(|finding| finding["check"] == CHECK)
            .map(|finding| {
                ["severity", "what", "why", "remedy"]
                    .map(|name| finding[name].as_str().unwrap().to_owned())
            })
            .collect::<Vec<_>>()
    };
    let [[severity, _, _, remedy]] = &found("").await[..] else {
        panic!("without a token")
    };
    assert!(severity == "unchecked" && remedy.contains("AUTH0_MANAGEMENT_TOKEN"));
    let [[severity, what, why, remedy]] = &found(token).await[..] else {
        panic!("with a token")
    };
    assert!(severity == "risk" && what.contains("verify_email has no Redirect To"));
    assert!(why.contains("SUBMITTED_SMS_MESSAGE"), "{why}");
    for words in [
        "operator --stack switchboard secrets set auth0",
        "set Redirect To",
        "May 2026",
    ] {
        assert!(remedy.contains(words), "{remedy}");
    }
    scene.deploy("PasswordAction", "click");
    assert_eq!(found(token).await.len(), 2, "the password's mail too");
    auth0.set_redirect_to(true);
    assert_eq!(found(token).await.len(), 0);
    auth0.set_redirect_to(false);
    scene.deploy("ConfirmWith", "management-api");
    assert_eq!(found(token).await.len(), 0, "no link is opened");
    scene.sandbox.complaints();
}

#[tokio::test]
async fn a_mailgun_key_that_is_refused_is_a_risk() {
    let scene = Scene::healthy().await;
    let output = scene
        .run_with(
            &["--stack", STACK_NAME, "--json", "doctor"],
            &[("MAILGUN_API_KEY", "key-wrong")],
            "",
        )
        .await;
    let report = output.json();
    assert_eq!(
        (output.code, &report["findings"][0]["severity"]),
        (1, &json!("risk")),
        "{report:#}"
    );
}

#[tokio::test]
async fn wrong_client_credentials() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .auth0
        .set_client_secret("rotated-client-secret");
    let (code, findings) = findings(&scene).await;
    assert!(
        code == 1
            && findings
                .iter()
                .any(|finding| finding["check"] == "auth0.credentials"),
        "{findings:#?}"
    );
}

#[tokio::test]
async fn a_function_that_does_not_start() {
    let scene = Scene::healthy().await;
    let door = scene.sandbox.door("ivr-validate");
    // Without a function behind its URL, the sandbox answers as AWS does for one that ends at start.
    door.faults().always(None);
    only(&scene, "functions", "fault", "Ivr", "sam logs --stack-name").await;
    for (status, body, severity, words) in [
        (
            403,
            r#"{"Message":"Forbidden"}"#,
            "fault",
            "lets nobody call",
        ),
        (429, "", "risk", "too many requests"),
    ] {
        door.faults()
            .always(Some(sandbox::scene::says(status, body)));
        only(&scene, "functions", severity, words, "").await;
    }
}

#[tokio::test]
async fn a_wrong_secret_for_logins() {
    let scene = Scene::healthy().await;
    scene.change_secret("auth0", "login_client_secret", "mistyped-login-secret");
    only(
        &scene,
        "auth0.login_secret",
        "fault",
        "rejects the application that logs callers in",
        "secrets set auth0",
    )
    .await;
}

#[tokio::test]
async fn keys_that_an_sms_provider_rejects() {
    let scene = Scene::healthy().await;
    scene.deploy("SmsRoutes", "*=plivo,vonage,clickatell,twilio");
    for (secret, key, check) in [
        ("plivo", "auth_token", "plivo.keys"),
        ("vonage", "api_secret", "vonage.keys"),
        ("clickatell", "api_key", "clickatell.keys"),
    ] {
        let before = scene.change_secret(secret, key, "mistyped-key-of-a-provider");
        only(
            &scene,
            check,
            "fault",
            "rejects the keys",
            &format!("secrets set {secret}"),
        )
        .await;
        scene.change_secret(secret, key, &before);
    }
    let output = scene.succeed(&["doctor"]).await;
    for check in [
        "plivo.keys",
        "vonage.keys",
        "clickatell.keys",
        "auth0.login_secret",
    ] {
        assert!(output.out.contains(check), "{}", output.out);
    }
    scene
        .sandbox
        .vonage
        .server()
        .faults()
        .always(Some(sandbox::scene::status(503)));
    only(&scene, "vonage.keys", "risk", "503", "status page").await;
}

#[tokio::test]
async fn no_such_api() {
    let scene = Scene::healthy().await;
    let other = format!("{API_AUDIENCE}v2");
    scene.deploy("ApiAudience", &other);
    only(&scene, "auth0.api", "fault", &other, "Create API").await;
}

#[tokio::test]
async fn brute_force_protection_that_is_stronger_than_our_lock() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .auth0
        .set_brute_force_protection(json!({ "max_attempts": 3 }));
    only(
        &scene,
        "auth0.brute_force",
        "risk",
        "after 3 wrong PINs, this stack after 8",
        "PinAttemptsAccount below 3",
    )
    .await;
}

#[tokio::test]
async fn brute_force_protection_that_is_off() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .auth0
        .set_brute_force_protection(json!({ "enabled": false }));
    only(
        &scene,
        "auth0.brute_force",
        "risk",
        "is off",
        "Brute-force Protection",
    )
    .await;
}

#[tokio::test]
async fn an_action_that_somebody_edited() {
    let scene = Scene::healthy().await;
    scene.sandbox.aws.set_secret(
        "switchboard/gateway",
        &json!({ "bearer_token": "a-new-token-for-the-gateway", "jwt_secret": sandbox::auth0::GATEWAY_SECRET }),
    );
    only(
        &scene,
        "auth0.phone_provider",
        "fault",
        "GATEWAY_TOKEN",
        "operator --stack switchboard connect auth0",
    )
    .await;
}

#[tokio::test]
async fn a_service_app_without_a_scope() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/okta", &sandbox::okta::service_app());
    scene.sandbox.okta.set_scope("okta.users.read");
    only(
        &scene,
        "okta.scopes",
        "fault",
        "no token with okta.users.manage",
        "grant okta.users.manage",
    )
    .await;
    // Only provision-numbers writes.
    scene
        .sandbox
        .cloudformation
        .change_stack(STACK_NAME, |stack| {
            stack.outputs.remove("ProvisionNumbersUrl");
        });
    let (_, findings) = findings(&scene).await;
    assert!(
        !findings
            .iter()
            .any(|finding| finding["check"] == "okta.scopes"),
        "{findings:#?}"
    );
}

#[tokio::test]
async fn an_event_hook_that_is_inactive() {
    let scene = Scene::healthy().await;
    let id = scene.sandbox.okta.event_hooks()[0].id.clone();
    scene
        .sandbox
        .okta
        .change_event_hook(&id, |hook| hook.active = false);
    only(&scene, "okta.event_hook", "fault", "is inactive", "").await;
}

#[tokio::test]
async fn a_revoked_okta_token() {
    let scene = Scene::healthy().await;
    scene.sandbox.okta.set_api_token("00anothertoken");
    only(
        &scene,
        "okta.credentials",
        "fault",
        "rejects the credentials",
        "operator --stack switchboard secrets set okta",
    )
    .await;
}

#[tokio::test]
async fn a_table_without_ttl() {
    let scene = Scene::healthy().await;
    scene.sandbox.aws.set_time_to_live(false).await;
    only(
        &scene,
        "table.ttl",
        "fault",
        "does not delete",
        "update-time-to-live",
    )
    .await;
}

#[tokio::test]
async fn a_clock_that_is_off() {
    let scene = Scene::healthy().await;
    let body = json!({ "status": "active", "type": "Full" }).to_string();
    let headers = vec![
        (
            "date".to_owned(),
            "Mon, 02 Nov 2026 12:00:00 GMT".to_owned(),
        ),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    scene.sandbox.twilio.server().faults().next(Fault::Answer {
        status: 200,
        headers,
        body,
    });
    only(&scene, "clock", "fault", "clock is", "NTP").await;
}

#[tokio::test]
async fn several_at_once_are_all_told_in_words() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.own(NUMBER, &[("SmsMethod", "GET")]);
    scene
        .sandbox
        .mailgun
        .set_domain(DOMAIN, "active", "invalid");
    scene.sandbox.aws.set_time_to_live(false).await;
    let output = scene.run(&["doctor"]).await;
    assert_eq!(output.code, 1);
    for words in [
        "fault twilio.webhooks",
        "fault mailgun.mx",
        "fault table.ttl",
        "  do run `operator --stack switchboard connect twilio`",
        "fine secrets",
    ] {
        assert!(output.out.contains(words), "{words}: {}", output.out);
    }
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

#[tokio::test]
async fn a_stack_with_the_gateway_alone_needs_its_own_secrets_only() {
    let scene = Scene::healthy().await;
    let kept = [
        "SmsGatewayUrl",
        "FunctionNames",
        "TableName",
        "TwilioSendSecretName",
        "GatewaySecretName",
        "VonageSecretName",
        "PlivoSecretName",
    ];
    scene
        .sandbox
        .cloudformation
        .change_stack(STACK_NAME, |stack| {
            stack
                .outputs
                .retain(|name, _| kept.contains(&name.as_str()));
            stack.parameters.retain(|name, _| name == "VonageUrl");
            let routes = ("SmsRoutes".to_owned(), "*=vonage".to_owned());
            stack.parameters.extend([routes]);
        });
    for secret in ["switchboard/twilio-send", "switchboard/plivo"] {
        scene.sandbox.aws.set_secret(secret, &json!({}));
    }
    only(&scene, "auth0.phone_provider", "unchecked", "Auth0", "").await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/vonage", &json!({}));
    let (code, findings) = findings(&scene).await;
    assert!(
        code == 1
            && findings[0]["what"] == "the secret switchboard/vonage lacks api_key and api_secret",
        "{findings:#?}"
    );
    let connected = scene.run(&["connect"]).await;
    assert!(
        connected.code == 0 && connected.out.contains("twilio: left alone"),
        "{connected:?}"
    );
}

#[tokio::test]
async fn a_gateway_alone_that_sends_through_twilio_is_examined_with_its_api_key() {
    let scene = Scene::healthy().await;
    let kept = [
        "SmsGatewayUrl",
        "FunctionNames",
        "TableName",
        "TwilioSendSecretName",
        "GatewaySecretName",
    ];
    scene
        .sandbox
        .cloudformation
        .change_stack(STACK_NAME, |stack| {
            stack
                .outputs
                .retain(|name, _| kept.contains(&name.as_str()));
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
