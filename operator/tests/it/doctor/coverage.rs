//! What the doctor covers: whatever a stack has is fine, a finding, or listed as unchecked, also
//! when something that it depends on is out of order.

use std::collections::BTreeSet;

use sandbox::cloudformation::STACK_NAME;
use sandbox::end_user_messaging::POOL_ARN;
use serde_json::{Value, json};

use crate::scene::{NEVER_TRIED, Output, PREVENTED, Scene};

/// For each output that is an entrance, and for each parameter that makes another integration: the
/// checks that are about it.
const ENTRANCES: [(&str, &[&str]); 16] = [
    (
        "SendVerificationSmsUrl",
        &["mailgun.route", "mailgun.mx", "verification.mail"],
    ),
    (
        "ReceiveConfirmationSmsUrl",
        &["twilio.webhooks", "verification.redirect_to"],
    ),
    (
        "SmsGatewayUrl",
        &["auth0.phone_provider", "auth0.gateway", "gateway.delivery"],
    ),
    ("OktaHookUrl", &["okta.telephony_hook"]),
    ("WebhookUrl", &["supabase.hook"]),
    ("GenericUrl", &["generic.caller"]),
    ("SmsGatewayArn", &["cognito.pools"]),
    (
        "CallForwardUrl",
        &["twilio.webhooks", "okta.credentials", "company_phone.call"],
    ),
    ("SmsForwardUrl", &["twilio.webhooks", "okta.credentials"]),
    (
        "ProvisionNumbersUrl",
        &["okta.event_hook", "provision.purchase"],
    ),
    (
        "IvrVoiceUrl",
        &["twilio.webhooks", "auth0.login", "phone_menu.call"],
    ),
    ("IvrValidateUrl", &["phone_menu.other_ivr"]),
    ("ApiCallUrl", &["phone_menu.studio"]),
    ("SecureApiUrl", &["auth0.api_grant"]),
    ("DeliveryStatusUrl", &["receipts.url", "receipts.arrival"]),
    ("VoiceProviders", &["gateway.voice"]),
];

/// A stack with all integrations.
async fn everything() -> Scene {
    let scene = Scene::healthy().await;
    for (parameter, value) in [
        ("SmsRoutes", "*=twilio,plivo,vonage,clickatell,aws"),
        ("AwsSmsIdentityArn", POOL_ARN),
        ("VoiceProviders", "twilio,vonage"),
        ("AlarmEmail", "alarms@acme.example"),
    ] {
        scene.deploy(parameter, value);
    }
    scene
}

/// The names of all checks that a run told about.
fn told(output: &Output) -> BTreeSet<String> {
    let report = output.json();
    let fine = report["fine"].as_array().unwrap().iter();
    let findings = output.all_findings();
    let findings = findings.iter().map(|finding| &finding["check"]);
    let names = fine.chain(findings);
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

async fn examined(scene: &Scene) -> Output {
    scene.run(&["--json", "doctor"]).await
}

#[tokio::test]
async fn every_integration_entrance_and_provider_is_told_about() {
    let scene = everything().await;
    let told = told(&examined(&scene).await);
    let stack = scene.sandbox.cloudformation.stack(STACK_NAME).unwrap();
    let is_entrance = |name: &&String| name.ends_with("Url") && *name != "DashboardUrl";
    for output in stack.outputs.keys().filter(is_entrance) {
        assert!(
            ENTRANCES.iter().any(|(name, _)| name == output),
            "the doctor says nothing about {output}"
        );
    }
    for (name, checks) in ENTRANCES {
        let has = stack.outputs.contains_key(name) || stack.parameters.contains_key(name);
        assert!(has, "no {name}");
        for check in checks {
            assert!(
                told.contains(*check),
                "{name}: {check} is absent in {told:#?}"
            );
        }
    }
    let providers = scene.sandbox.providers();
    let providers = providers.iter().map(|provider| provider.name);
    for provider in providers.chain(["Twilio", "Mailgun", "Auth0", "Okta", "Cognito"]) {
        let prefix = format!("{}.", provider.to_lowercase());
        assert!(
            told.iter().any(|check| check.starts_with(&prefix)),
            "{provider} is absent in {told:#?}"
        );
    }
}

#[tokio::test]
async fn a_dead_upstream_makes_nothing_absent() {
    let scene = everything().await;
    let all = told(&examined(&scene).await);
    let servers = scene.sandbox.servers().into_iter();
    let mut servers: Vec<_> = servers
        .filter(|(name, _)| {
            // Without these there is no report at all, and the error says so.
            !["CloudFormation", "Secrets Manager", "DynamoDB"].contains(name)
        })
        .collect();
    servers.push(("hook", &scene.hook));
    for (name, server) in servers {
        server.faults().refuse(true);
        let output = examined(&scene).await;
        server.faults().refuse(false);
        let told = told(&output);
        let absent: Vec<_> = all.difference(&told).collect();
        assert!(absent.is_empty(), "without {name}: {absent:?}");
    }
    assert_eq!(told(&examined(&scene).await), all, "all are back");
}

#[tokio::test]
async fn a_secret_that_is_missing_makes_nothing_absent() {
    let scene = everything().await;
    let all = told(&examined(&scene).await);
    let stack = scene.sandbox.cloudformation.stack(STACK_NAME).unwrap();
    let secrets = stack.outputs.iter();
    let secrets = secrets.filter(|(name, _)| name.ends_with("SecretName"));
    for (_, id) in secrets {
        let Some(right) = scene.sandbox.aws.secret(id) else {
            continue;
        };
        scene.sandbox.aws.set_secret(id, &json!("no object"));
        let output = examined(&scene).await;
        scene.sandbox.aws.set_secret(id, &right);
        let told = told(&output);
        let absent: Vec<_> = all.difference(&told).collect();
        assert!(absent.is_empty(), "without {id}: {absent:?}");
    }
}

/// The unchecked findings that say why they are.
fn unchecked<'a>(findings: &'a [Value], why: &str) -> Vec<&'a Value> {
    let found = findings.iter().filter(|finding| finding["why"] == why);
    let found: Vec<_> = found.collect();
    for finding in &found {
        assert_eq!(finding["severity"], "unchecked", "{finding:#}");
    }
    found
}

#[tokio::test]
async fn what_was_prevented_names_the_cause_and_the_command() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.server().faults().refuse(true);
    let findings = examined(&scene).await.all_findings();
    let prevented = unchecked(&findings, PREVENTED);
    let checks: Vec<_> = prevented.iter().map(|finding| &finding["check"]).collect();
    let below = [
        "twilio.account",
        "twilio.webhooks",
        "twilio.geo.texts",
        "twilio.geo.calls",
        "twilio.registration",
    ];
    assert_eq!(checks, below, "{findings:#?}");
    let what = prevented[1]["what"].as_str().unwrap();
    assert!(
        what.ends_with(": not tried, because twilio.auth_token is not fine"),
        "{what}"
    );
    let again = json!(["operator --stack switchboard doctor"]);
    assert_eq!(prevented[1]["commands"], again);

    scene.sandbox.twilio.server().faults().refuse(false);
    scene
        .sandbox
        .aws
        .set_secret("switchboard/vonage", &json!({}));
    scene.deploy("SmsRoutes", "*=vonage");
    let findings = examined(&scene).await.all_findings();
    let [vonage] = unchecked(&findings, PREVENTED)[..] else {
        panic!("{findings:#?}")
    };
    assert_eq!(
        vonage["what"],
        "whether Vonage accepts the keys: not tried, because the secret switchboard/vonage is not usable"
    );
    let set = "operator --stack switchboard secrets set vonage";
    assert_eq!(vonage["commands"][0], set);
    let vonage = "switchboard/vonage";
    scene.sandbox.aws.set_secret(vonage, &json!("no object"));
    let findings = examined(&scene).await.all_findings();
    let vonage = unchecked(&findings, PREVENTED)[0];
    assert_eq!(vonage["commands"][0], format!("{set} --replace"));
}

/// A person can do each of them: each names a command, or a place in a console.
#[tokio::test]
async fn what_is_never_tried_is_listed_with_the_way_to_try_it() {
    let scene = everything().await;
    let output = examined(&scene).await;
    assert_eq!(output.code, 0, "{output:?}");
    let findings = output.all_findings();
    let never = unchecked(&findings, NEVER_TRIED);
    assert!(never.len() > 10, "{never:#?}");
    for finding in &never {
        let remedy = finding["remedy"].as_str().unwrap();
        let commands = finding["commands"].as_array().unwrap();
        assert!(!commands.is_empty() || remedy.contains('('), "{finding:#}");
        for command in commands {
            let command = command.as_str().unwrap();
            let (_, of_stack) = command.split_once("switchboard ").unwrap_or_default();
            // `deploy` is another test's: it needs a folder. `sam` is not ours.
            if of_stack.is_empty() || !command.starts_with("operator ") {
                continue;
            }
            let words: Vec<&str> = of_stack.split(' ').collect();
            scene.succeed(&words).await;
        }
    }
    // A stack that has nothing of it does not get it named.
    for name in ["WebhookUrl", "GenericUrl", "VoiceProviders"] {
        scene.deploy(name, "");
    }
    let told = told(&examined(&scene).await);
    for check in ["supabase.hook", "generic.caller", "gateway.voice"] {
        assert!(!told.contains(check), "{check}");
    }
}

#[tokio::test]
async fn functions_whose_urls_nobody_tells_are_unchecked() {
    let scene = Scene::healthy().await;
    let stack = scene.sandbox.cloudformation.stack(STACK_NAME).unwrap();
    let mut values = stack.parameters;
    values.extend(stack.outputs);
    let arguments = ["--outputs", "-", "--json", "doctor"];
    let output = scene
        .run_with(&arguments, &[], &json!(values).to_string())
        .await;
    let findings = output.findings();
    let functions = findings.iter().find(|found| found["check"] == "functions");
    let functions = functions.unwrap_or_else(|| panic!("{output:?}"));
    assert_eq!(functions["severity"], "unchecked");
    assert!(functions["what"].as_str().unwrap().contains("not called"));
}
