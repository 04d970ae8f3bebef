//! Connecting: once it changes what differs, twice it changes nothing.

use sandbox::auth0::GATEWAY_BEARER_TOKEN;
use sandbox::mail::Mail;
use sandbox::twilio::{NUMBER, Twilio};
use sandbox::{COMPANY_NUMBER, HOOK_TOKEN, IVR_NUMBER, auth0};
use serde_json::json;

use crate::scene::{SCOPES, Scene};

fn field(twilio: &Twilio, number: &str, name: &str) -> String {
    twilio.owned().iter().find(|owned| owned.number == number).unwrap().field(name).to_owned()
}

#[tokio::test]
async fn the_second_run_changes_nothing_and_says_so() {
    let scene = Scene::new().await;
    let sandbox = &scene.sandbox;
    sandbox.twilio.own(NUMBER, &[("SmsUrl", "https://old.example/"), ("SmsMethod", "GET")]);

    let first = scene.succeed(&["connect"]).await;
    for line in [
        format!(
            "set sms_url of Twilio number {NUMBER} from https://old.example/ to {}/#rc=3&rp=5xx,ct,rt",
            sandbox.door("receive-confirmation-sms").url()
        ),
        format!("set sms_method of Twilio number {NUMBER} from GET to POST"),
        "set code of Auth0 Action \"SMS gateway\" from nothing to action.js".to_owned(),
        "set name of Auth0 phone provider from nothing to custom".to_owned(),
        format!("from nothing to {}/okta", scene.hook.url()),
    ] {
        assert!(first.out.contains(&line), "{line}\n{}", first.out);
    }
    assert!(!first.out.contains('\x1b'), "colour only on a terminal");

    assert_eq!(field(&sandbox.twilio, NUMBER, "SmsMethod"), "POST");
    let [route] = &sandbox.mailgun.routes()[..] else { panic!("{:?}", sandbox.mailgun.routes()) };
    assert_eq!(
        route.actions,
        [format!("store(notify=\"{}/\")", sandbox.door("send-verification-sms").url()), "stop()".to_owned()]
    );
    let [action] = &sandbox.auth0.actions()[..] else { panic!() };
    assert!(action.is_deployed() && action.code.starts_with("\"use strict\";"));
    assert_eq!(action.secrets["GATEWAY_URL"], sandbox.door("sms-gateway").url() + "/");
    assert_eq!(action.secrets["GATEWAY_TOKEN"], GATEWAY_BEARER_TOKEN);
    assert_eq!(sandbox.auth0.phone_provider().unwrap()["name"], "custom");
    let [hook] = &sandbox.okta.event_hooks()[..] else { panic!() };
    assert!(hook.verified && hook.secret == HOOK_TOKEN && hook.events.len() == 3, "{hook:?}");

    let servers = [sandbox.twilio.server(), sandbox.mailgun.server(), sandbox.auth0.server(), sandbox.okta.server()];
    for server in servers {
        server.clear_exchanges();
    }
    let second = scene.succeed(&["connect"]).await;
    assert_eq!(
        second.out,
        "twilio: nothing to change\nmailgun: nothing to change\nauth0: nothing to change\nokta: nothing to change\n"
    );
    let writes = servers.iter().flat_map(|server| server.exchanges());
    let writes: Vec<String> = writes.filter(|exchange| exchange.method != "GET").map(|exchange| exchange.target).collect();
    assert_eq!(writes, ["/oauth/token"]);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_changes_nothing() {
    let scene = Scene::new().await;
    let sandbox = &scene.sandbox;
    sandbox.twilio.own(NUMBER, &[("SmsMethod", "GET")]);
    let dry = scene.succeed(&["--dry-run", "--json", "connect"]).await.json();
    assert_eq!(dry["dry_run"], true);
    assert!(sandbox.mailgun.routes().is_empty() && sandbox.auth0.actions().is_empty() && sandbox.okta.event_hooks().is_empty());
    assert_eq!(field(&sandbox.twilio, NUMBER, "SmsMethod"), "GET");
    let done = scene.succeed(&["--json", "connect"]).await.json();
    assert_eq!(done["targets"], dry["targets"]);
    assert_eq!(
        dry["targets"][0]["changes"][0],
        json!({ "of": format!("Twilio number {NUMBER}"), "field": "sms_method", "from": "GET", "to": "POST" })
    );
}

#[tokio::test]
async fn a_mail_to_a_pseudo_address_takes_the_route() {
    let scene = Scene::new().await;
    scene.sandbox.mailgun.add_route(0, "all", "catch_all()", &["forward(\"ops@acme.example\")"]);
    scene.sandbox.mailgun.add_route(
        3,
        "domain",
        "match_recipient(\".*@sms.example.com\")",
        &["forward(\"ops@acme.example\")", "stop()"],
    );
    scene.succeed(&["connect", "mailgun"]).await;
    let url = scene.sandbox.door("send-verification-sms");
    let mail = |recipient: &str| Mail { recipient: recipient.to_owned(), ..Mail::default() };
    let _unanswered = scene.sandbox.mailgun.receive(&mail("acme+4512345678@sms.example.com")).await;
    assert!(!url.exchanges().is_empty(), "the route takes the mail before the others");
    url.clear_exchanges();
    let _elsewhere = scene.sandbox.mailgun.receive(&mail("acme+45x@sms.example.com")).await;
    assert!(url.exchanges().is_empty());
}

#[tokio::test]
async fn a_route_that_nobody_can_pass_is_named() {
    let scene = Scene::new().await;
    scene.sandbox.mailgun.add_route(-1, "greedy", "match_recipient(\".*\")", &["stop()"]);
    let output = scene.run(&["connect", "mailgun"]).await;
    assert_eq!(output.code, 1);
    assert!(
        output.out.contains("has priority -1 and stops mails to the pseudo addresses before ours: give it a higher number"),
        "{}",
        output.out
    );
}

#[tokio::test]
async fn numbers_of_the_company_phone_and_the_menu() {
    let scene = Scene::new().await;
    let twilio = &scene.sandbox.twilio;
    let (calls, texts) = (scene.sandbox.door("call-forward").url(), scene.sandbox.door("sms-forward").url());
    twilio.own(
        "+14155550101",
        &[("FriendlyName", "switchboard:00u1"), ("VoiceApplicationSid", "AP00000000000000000000000000000001")],
    );
    twilio.own("+14155550102", &[]);
    twilio.own("+14155550103", &[("VoiceUrl", "https://elsewhere.example/")]);
    twilio.set_page_size(2);
    scene.succeed(&["connect", "twilio", "--company-number", "+14155550102", "--menu-number", IVR_NUMBER]).await;
    for number in ["+14155550101", "+14155550102", COMPANY_NUMBER] {
        assert_eq!(field(twilio, number, "VoiceUrl"), format!("{calls}/#rc=3&rp=5xx,ct,rt"), "{number}");
        assert_eq!(field(twilio, number, "SmsUrl"), format!("{texts}/#rc=3&rp=5xx,ct,rt"), "{number}");
        assert_eq!(field(twilio, number, "VoiceApplicationSid"), "", "{number}");
    }
    assert_eq!(field(twilio, "+14155550103", "VoiceUrl"), "https://elsewhere.example/");
    assert!(field(twilio, IVR_NUMBER, "VoiceUrl").ends_with("/voice#rc=3&rp=5xx,ct,rt"));
    let strange = scene.run(&["connect", "twilio", "--company-number", "+14155550199"]).await;
    assert!(strange.code == 1 && strange.out.contains("has no number +14155550199"), "{strange:?}");
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
        output.out.contains(&format!("set inbound_request_url of messaging service {sid} from nothing to http")),
        "{}",
        output.out
    );
    let url = format!("{}/#rc=3&rp=5xx,ct,rt", scene.sandbox.door("receive-confirmation-sms").url());
    assert_eq!(twilio.messaging_service(&sid).unwrap().field("InboundRequestUrl"), url);
    assert_eq!(scene.succeed(&["connect", "twilio"]).await.out, "twilio: nothing to change\n");
}

#[tokio::test]
async fn an_action_follows_the_stack_and_waits_until_it_is_built() {
    let scene = Scene::new().await;
    let auth0 = &scene.sandbox.auth0;
    auth0.slow_builds(2);
    scene.succeed(&["connect", "auth0"]).await;
    assert!(auth0.actions()[0].is_deployed());
    let fresh = "another-long-bearer-token-of-ours";
    scene.sandbox.aws.set_secret("switchboard/gateway", &json!({ "bearer_token": fresh }));
    let output = scene.succeed(&["connect", "auth0"]).await;
    assert!(output.out.contains("GATEWAY_URL and GATEWAY_TOKEN of Auth0 Action"), "{}", output.out);
    assert!(auth0.actions()[0].is_deployed() && auth0.actions()[0].secrets["GATEWAY_TOKEN"] == fresh);
    assert_eq!(scene.succeed(&["connect", "auth0"]).await.out, "auth0: nothing to change\n");
}

#[tokio::test]
async fn another_phone_provider_is_replaced_only_when_told_to() {
    let scene = Scene::new().await;
    scene.sandbox.auth0.set_phone_provider("twilio", false);
    let output = scene.run(&["connect", "auth0"]).await;
    assert!(output.code == 1 && output.out.contains("--replace-provider"), "{output:?}");
    assert_eq!(scene.sandbox.auth0.phone_provider().unwrap()["name"], "twilio");
    scene.succeed(&["connect", "auth0", "--replace-provider"]).await;
    assert_eq!(scene.sandbox.auth0.phone_provider().unwrap()["name"], "custom");
}

#[tokio::test]
async fn the_gateway_of_a_legacy_connection_keeps_the_other_options() {
    let scene = Scene::new().await;
    let options = json!({ "strategy": "sms", "template": "Code @@password@@", "totp": { "length": 6 }, "twilio_sid": "AC1", "twilio_token": "t" });
    let id = scene.sandbox.auth0.add_connection("sms", "sms", &options);
    let arguments = ["connect", "auth0", "--legacy-gateway", "sms"];
    scene.succeed(&arguments).await;
    let options = scene.sandbox.auth0.connection(&id).unwrap()["options"].clone();
    assert_eq!((&options["template"], &options["totp"]["length"]), (&json!("Code @@password@@"), &json!(6)));
    assert!(options["twilio_sid"].is_null() && options["twilio_token"].is_null());
    assert_eq!(options["gateway_authentication"]["secret"], auth0::GATEWAY_SECRET);
    assert_eq!(options["gateway_authentication"]["audience"], auth0::GATEWAY_AUDIENCE);
    assert_eq!(scene.succeed(&arguments).await.out, "auth0: nothing to change\n");
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let scene = Scene::new().await;
    scene.sandbox.auth0.set_scope(&SCOPES.replace("read:actions", ""));
    let output = scene.run(&["connect", "auth0"]).await;
    assert!(output.code == 1 && output.out.contains("read:actions"), "{output:?}");
}

#[tokio::test]
async fn an_event_hook_that_does_not_echo_is_not_verified() {
    let scene = Scene::new().await;
    scene.deploy("ProvisionNumbersUrl", &(scene.sandbox.door("provision-numbers").url() + "/okta"));
    let output = scene.run(&["connect", "okta"]).await;
    assert!(output.code == 1 && output.out.contains("okta refused a change"), "{output:?}");
    scene.deploy("ProvisionNumbersUrl", &(scene.hook.url() + "/okta"));
    scene.succeed(&["connect", "okta"]).await;
    let [hook] = &scene.sandbox.okta.event_hooks()[..] else { panic!() };
    assert!(hook.verified && hook.uri == scene.hook.url() + "/okta");
}

#[tokio::test]
async fn what_nobody_has_set_up_is_left_alone_unless_it_is_named() {
    let scene = Scene::new().await;
    scene.sandbox.aws.set_secret("switchboard/hook", &json!({}));
    let output = scene.succeed(&["connect"]).await;
    assert!(output.out.contains("okta: left alone, nothing is deployed for it, or its secret is empty"), "{}", output.out);
    scene.sandbox.aws.set_secret("switchboard/gateway", &json!({}));
    let output = scene.run(&["connect"]).await;
    assert!(output.code == 1 && output.out.contains("switchboard/gateway lacks jwt_secret, or bearer_token; run"), "{output:?}");
    let named = scene.run(&["connect", "okta"]).await;
    assert!(
        named.code == 1 && named.out.contains("switchboard/hook lacks bearer_token; run `operator secrets set hook`"),
        "{named:?}"
    );
}
