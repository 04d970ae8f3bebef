//! Planted faults: the doctor finds each, its remedy is a command or a click, and the remedy mends it.
//! Commands of the operator run as they are printed. A click, or a command of another program, is
//! made at the simulator.

use std::path::Path;

use sandbox::HOOK_TOKEN;
use sandbox::auth0::{CLIENT_ID, CLIENT_SECRET, LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET};
use sandbox::aws::{KEY_ARN, TABLE_NAME};
use sandbox::cloudformation::STACK_NAME;
use sandbox::mailgun;
use sandbox::twilio::{self, MESSAGING_SERVICE, NUMBER};
use sandbox::wire::Fault;
use sandbox::{clickatell, plivo, vonage};
use serde_json::{Value, json};

use crate::scene::Scene;
use crate::stand_ins::StandIns;

/// The finding of a check, if there is one.
async fn finding(scene: &Scene, check: &str) -> Option<Value> {
    finding_in(scene, Path::new("."), check).await
}

/// The same; the doctor runs in a folder.
pub(crate) async fn finding_in(scene: &Scene, folder: &Path, check: &str) -> Option<Value> {
    let arguments = ["--stack", STACK_NAME, "--json", "doctor"];
    let output = scene.run_in(folder, &arguments, &[], "").await;
    let findings = output.all_findings();
    let found = findings
        .into_iter()
        .find(|finding| finding["check"] == check);
    if let Some(found) = &found
        && found["severity"] != "unchecked"
    {
        assert_eq!(output.code, 1, "{found:#}");
    }
    found
}

/// The finding of a planted fault.
pub(crate) async fn found(scene: &Scene, check: &str) -> Value {
    let found = finding(scene, check).await;
    let found = found.unwrap_or_else(|| panic!("{check} is not found"));
    assert_ne!(found["severity"], "unchecked", "{found:#}");
    found
}

pub(crate) async fn is_mended(scene: &Scene, check: &str) {
    assert_eq!(finding(scene, check).await, None, "{check} is not mended");
}

/// Runs the commands of the operator that a finding names, with this on standard input.
async fn run_as_printed(scene: &Scene, check: &str, input: &Value) {
    let found = found(scene, check).await;
    let commands = found["commands"].as_array().unwrap();
    let ours: Vec<&str> = commands
        .iter()
        .filter_map(|command| command.as_str())
        .filter(|command| command.starts_with("operator --stack switchboard "))
        .collect();
    assert!(!ours.is_empty(), "no command mends this: {found:#}");
    for command in ours {
        let output = scene.shell(command, &input.to_string()).await;
        assert_eq!(output.code, 0, "{command}: {output:?}");
    }
    is_mended(scene, check).await;
}

#[tokio::test]
async fn wrong_keys_are_mended_by_the_printed_command() {
    let scene = Scene::healthy().await;
    scene.deploy("SmsRoutes", "*=plivo,vonage,clickatell,twilio");
    for (secret, key, wrong, right, check) in [
        (
            "plivo",
            "auth_token",
            "mistyped-auth-token",
            plivo::AUTH_TOKEN,
            "plivo.keys",
        ),
        (
            "vonage",
            "api_secret",
            "mistyped-api-secret",
            vonage::API_SECRET,
            "vonage.keys",
        ),
        (
            "clickatell",
            "api_key",
            "mistyped-api-key",
            clickatell::API_KEY,
            "clickatell.keys",
        ),
        (
            "mailgun",
            "signing_key",
            mailgun::API_KEY,
            mailgun::SIGNING_KEY,
            "mailgun.signing_key",
        ),
        (
            "mailgun",
            "signing_key",
            "key-3ax6xnjp29jd6fds4gc373sgvjxteol0",
            mailgun::SIGNING_KEY,
            "mailgun.signing_key",
        ),
        (
            "mailgun",
            "signing_key",
            "the-key-of-another-account",
            mailgun::SIGNING_KEY,
            "mailgun.signing_key",
        ),
        (
            "auth0",
            "login_client_secret",
            "mistyped-login-secret",
            LOGIN_CLIENT_SECRET,
            "auth0.login_secret",
        ),
        (
            "auth0",
            "client_secret",
            "mistyped-client-secret",
            CLIENT_SECRET,
            "auth0.credentials",
        ),
        (
            "twilio",
            "auth_token",
            "mistyped-auth-token-of-twilio",
            twilio::AUTH_TOKEN,
            "twilio.auth_token",
        ),
        (
            "okta",
            "api_token",
            "00mistyped-api-token",
            sandbox::okta::API_TOKEN,
            "okta.credentials",
        ),
    ] {
        scene.change_secret(secret, key, wrong);
        run_as_printed(&scene, check, &json!({ key: right })).await;
    }
}

#[tokio::test]
async fn keys_that_are_missing_are_given_by_the_printed_command() {
    let scene = Scene::healthy().await;
    let aws = &scene.sandbox.aws;
    aws.set_secret("switchboard/mailgun", &json!({}));
    let key = json!({ "signing_key": mailgun::SIGNING_KEY });
    run_as_printed(&scene, "secrets", &key).await;
    aws.set_secret("switchboard/hook", &json!("Bearer"));
    let token = json!({ "bearer_token": HOOK_TOKEN });
    run_as_printed(&scene, "secrets", &token).await;
    // A tenant without keys to ask with.
    aws.set_secret("switchboard/auth0", &json!({}));
    let keys = json!({
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        "login_client_id": LOGIN_CLIENT_ID, "login_client_secret": LOGIN_CLIENT_SECRET,
    });
    run_as_printed(&scene, "verification.keys", &keys).await;
    assert_eq!(finding(&scene, "verification.redirect_to").await, None);
}

#[tokio::test]
async fn what_a_provider_has_wrong_is_mended_by_connect_as_printed() {
    let scene = Scene::healthy().await;
    let (twilio, nothing) = (&scene.sandbox.twilio, json!({}));
    twilio.own(NUMBER, &[("SmsMethod", "GET")]);
    run_as_printed(&scene, "twilio.webhooks", &nothing).await;
    twilio.own(NUMBER, &[("SmsUrl", "https://old.example/")]);
    run_as_printed(&scene, "twilio.webhooks", &nothing).await;
    // A service that sends replies elsewhere.
    let elsewhere = [
        ("InboundRequestUrl", "https://old.example/"),
        ("UseInboundWebhookOnNumber", "false"),
    ];
    twilio.set_messaging_service(MESSAGING_SERVICE, &elsewhere);
    run_as_printed(&scene, "twilio.webhooks", &nothing).await;
    scene.sandbox.mailgun.clear_routes();
    run_as_printed(&scene, "mailgun.route", &nothing).await;
    let hook = scene.sandbox.okta.event_hooks()[0].id.clone();
    let change = |change: fn(&mut sandbox::okta::EventHook)| {
        scene.sandbox.okta.change_event_hook(&hook, change);
    };
    change(|hook| hook.verified = false);
    run_as_printed(&scene, "okta.event_hook", &nothing).await;
    change(|hook| hook.events.clear());
    run_as_printed(&scene, "okta.event_hook", &nothing).await;
    // A pool that sends its texts itself.
    let key_alone = json!({ "KMSKeyID": KEY_ARN });
    scene.sandbox.cognito.set("LambdaConfig", key_alone);
    run_as_printed(&scene, "cognito.pools", &nothing).await;
    scene.change_secret("gateway", "bearer_token", "a-new-token-for-the-gateway");
    run_as_printed(&scene, "auth0.phone_provider", &nothing).await;
}

/// Who finds a fault that a person mends: the words of the remedy name the place or another program.
async fn by_hand(scene: &Scene, check: &str, words: &str, mend: impl AsyncFnOnce()) {
    let found = found(scene, check).await;
    let remedy = found["remedy"].as_str().unwrap();
    assert!(remedy.contains(words), "{found:#}");
    mend().await;
    is_mended(scene, check).await;
}

#[tokio::test]
async fn what_only_a_person_can_mend_is_named_with_its_place() {
    let scene = Scene::healthy().await;
    let (twilio, auth0) = (&scene.sandbox.twilio, &scene.sandbox.auth0);
    twilio.set_geo("DK", false, true);
    let place = "Messaging, Settings, Geo permissions";
    by_hand(&scene, "twilio.geo.texts", place, async || {
        twilio.set_geo("DK", true, true);
    })
    .await;
    twilio.remove_sender(MESSAGING_SERVICE, NUMBER);
    by_hand(
        &scene,
        "twilio.registration",
        "Sender Pool, Add Senders",
        async || {
            twilio.add_sender(MESSAGING_SERVICE, NUMBER);
        },
    )
    .await;
    auth0.set_brute_force_protection(json!({ "enabled": false }));
    by_hand(
        &scene,
        "auth0.brute_force",
        "Brute-force Protection",
        async || {
            auth0.set_brute_force_protection(json!({ "enabled": true }));
        },
    )
    .await;
    auth0.set_suspicious_ip_throttling(json!({ "allowlist": [] }));
    by_hand(
        &scene,
        "auth0.suspicious_ip",
        "Suspicious IP Throttling",
        async || {
            auth0.set_suspicious_ip_throttling(json!({ "allowlist": ["198.51.100.7"] }));
        },
    )
    .await;
}

#[tokio::test]
async fn a_missing_passwordless_connection_is_switched_on_and_then_connected_as_printed() {
    let scene = Scene::new().await;
    scene.succeed(&["connect"]).await;
    let found = found(&scene, "auth0.gateway").await;
    let remedy = found["remedy"].as_str().unwrap();
    let page = "in Auth0, switch SMS on (Authentication, Passwordless). Then run ";
    assert!(remedy.starts_with(page), "{found:#}");
    let options = json!({ "strategy": "sms" });
    scene.sandbox.auth0.add_connection("sms", "sms", &options);
    for command in found["commands"].as_array().unwrap() {
        let output = scene.shell(command.as_str().unwrap(), "").await;
        assert_eq!(output.code, 0, "{command}: {output:?}");
    }
    is_mended(&scene, "auth0.gateway").await;
}

/// Who finds a fault that a command of another program mends: it runs as printed, with a stand-in
/// that must get these arguments. What the program does is made at the simulator.
async fn by_command(
    scene: &Scene,
    check: &str,
    [program, arguments]: [&str; 2],
    mend: impl AsyncFnOnce(),
) {
    let programs = StandIns::new(&[program]);
    let found = found(scene, check).await;
    for command in found["commands"].as_array().unwrap() {
        let command = command.as_str().unwrap();
        let output = scene.shell_in(programs.folder(), command, "").await;
        assert_eq!(output.code, 0, "{command}: {output:?}");
    }
    assert_eq!(programs.calls(program), [arguments], "{found:#}");
    mend().await;
    is_mended(scene, check).await;
}

#[tokio::test]
async fn what_another_program_mends_is_mended_by_the_printed_command() {
    let scene = Scene::healthy().await;
    let (auth0, aws) = (&scene.sandbox.auth0, &scene.sandbox.aws);
    auth0.set_phone_provider_protection("none");
    let command = [
        "auth0",
        "api patch attack-protection/phone-provider-protection --data {\"type\":\"exponential\"}",
    ];
    by_command(
        &scene,
        "auth0.phone_provider_protection",
        command,
        async || {
            auth0.set_phone_provider_protection("exponential");
        },
    )
    .await;
    aws.set_time_to_live(false).await;
    let update = format!(
        "dynamodb update-time-to-live --table-name {TABLE_NAME} --time-to-live-specification Enabled=true,AttributeName=expires_at"
    );
    by_command(&scene, "table.ttl", ["aws", &update], async || {
        aws.set_time_to_live(true).await;
    })
    .await;
    // While this machine's clock is wrong, the provider's answers have another time.
    scene.deploy("SmsRoutes", "*=clickatell");
    let date = "Mon, 02 Nov 2026 12:00:00 GMT";
    let headers = [("date", date), ("content-type", "application/json")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let clickatell = scene.sandbox.clickatell.server();
    clickatell.faults().always(Some(Fault::Answer {
        status: 200,
        headers: headers.into(),
        body: json!({ "balance": 7 }).to_string(),
    }));
    let set_clock = if cfg!(target_os = "macos") {
        ["sudo", "sntp -sS time.apple.com"]
    } else {
        ["timedatectl", "set-ntp true"]
    };
    by_command(&scene, "clock", set_clock, async || {
        clickatell.faults().clear();
    })
    .await;
}

#[tokio::test]
async fn the_last_line_is_the_verdict() {
    let scene = Scene::healthy().await;
    let fine = scene.succeed(&["doctor"]).await.out;
    let last = fine.lines().next_back().unwrap();
    assert!(
        last.ends_with(" unchecked: nothing to do, as far as was checked"),
        "{last}"
    );
    scene.sandbox.twilio.own(NUMBER, &[("SmsMethod", "GET")]);
    scene.sandbox.twilio.set_account("active", "Trial");
    let bad = scene.run(&["doctor"]).await.out;
    let last = bad.lines().next_back().unwrap();
    assert!(
        last.contains(" fine, 1 fault, 1 risk, ")
            && last.ends_with(" unchecked: something does not work"),
        "{last}"
    );
}

#[tokio::test]
async fn a_watched_doctor_shows_what_is_mended_and_ends_when_nothing_is_left() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.own(NUMBER, &[("SmsMethod", "GET")]);
    let mend = async {
        // The second examination begins after the first has asked for the number.
        let is_route =
            |exchange: &sandbox::wire::Exchange| exchange.target.starts_with("/v4/domains");
        sandbox::scene::wait_for(scene.sandbox.mailgun.server(), 1, is_route).await;
        scene.succeed(&["connect", "twilio"]).await;
    };
    let (watched, ()) = tokio::join!(scene.run(&["doctor", "--watch=1"]), mend);
    assert_eq!(watched.code, 0, "{watched:?}");
    let at = |words: &str| {
        watched
            .out
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {watched:?}"))
    };
    assert!(
        at("fault twilio.webhooks") < at("mended twilio.webhooks"),
        "{watched:?}"
    );
    assert!(
        watched
            .out
            .ends_with("nothing to do, as far as was checked\n"),
        "{watched:?}"
    );
}
