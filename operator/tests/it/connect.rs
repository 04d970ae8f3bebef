//! Connecting: once it changes what differs, twice it changes nothing.

use sandbox::auth0::GATEWAY_BEARER_TOKEN;
use sandbox::cloudformation::STACK_NAME;
use sandbox::mail::Mail;
use sandbox::twilio::{NUMBER, Twilio};
use sandbox::wire::client;
use sandbox::{COMPANY_NUMBER, HOOK_TOKEN, IVR_NUMBER, auth0};
use serde_json::{Value, json};

use crate::scene::{SCOPES, Scene};

fn field(twilio: &Twilio, number: &str, name: &str) -> String {
    twilio
        .owned()
        .iter()
        .find(|owned| owned.number == number)
        .unwrap()
        .field(name)
        .to_owned()
}

#[tokio::test]
async fn the_second_run_changes_nothing_and_says_so() {
    let scene = Scene::new().await;
    let sandbox = &scene.sandbox;
    sandbox.twilio.own(
        NUMBER,
        &[("SmsUrl", "https://old.example/"), ("SmsMethod", "GET")],
    );

    let first = scene.succeed(&["connect"]).await;
    for line in [
        format!(
            "set sms_url of Twilio number {NUMBER} from https://old.example/ to {}/#rc=3&rp=5xx,ct,rt, which led to old.example\n",
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
    let [route] = &sandbox.mailgun.routes()[..] else {
        panic!("{:?}", sandbox.mailgun.routes())
    };
    assert_eq!(
        route.actions,
        [
            format!(
                "store(notify=\"{}/\")",
                sandbox.door("send-verification-sms").url()
            ),
            "stop()".to_owned()
        ]
    );
    let [action] = &sandbox.auth0.actions()[..] else {
        panic!()
    };
    assert!(action.is_deployed() && action.code.starts_with("\"use strict\";"));
    assert_eq!(
        action.secrets["GATEWAY_URL"],
        sandbox.door("sms-gateway").url() + "/"
    );
    assert_eq!(action.secrets["GATEWAY_TOKEN"], GATEWAY_BEARER_TOKEN);
    assert_eq!(sandbox.auth0.phone_provider().unwrap()["name"], "custom");
    let [hook] = &sandbox.okta.event_hooks()[..] else {
        panic!()
    };
    assert!(
        hook.verified && hook.secret == HOOK_TOKEN && hook.events.len() == 3,
        "{hook:?}"
    );

    let servers = [
        sandbox.twilio.server(),
        sandbox.mailgun.server(),
        sandbox.auth0.server(),
        sandbox.okta.server(),
    ];
    for server in servers {
        server.clear_exchanges();
    }
    let second = scene.succeed(&["connect"]).await;
    assert_eq!(
        second.out,
        "twilio: nothing to change\nmailgun: nothing to change\nauth0: nothing to change\nokta: nothing to change\n\
         okta-telephony: nothing to change\ncognito: nothing to change\n\
         clickatell, by hand: `operator connect clickatell` shows the callback URL for Clickatell's portal\n\
         vonage, by hand: in Vonage's dashboard, API settings, webhooks must be signed with the secret in signature_secret. \
         Each text names its callback\n"
    );
    let writes = servers.iter().flat_map(|server| server.exchanges());
    let writes: Vec<String> = writes
        .filter(|exchange| exchange.method != "GET")
        .map(|exchange| exchange.target)
        .collect();
    assert_eq!(writes, ["/oauth/token"]);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_changes_nothing() {
    let scene = Scene::new().await;
    let sandbox = &scene.sandbox;
    sandbox.twilio.own(NUMBER, &[("SmsMethod", "GET")]);
    let dry = scene
        .succeed(&["--dry-run", "--json", "connect"])
        .await
        .json();
    assert_eq!(dry["dry_run"], true);
    assert!(
        sandbox.mailgun.routes().is_empty()
            && sandbox.auth0.actions().is_empty()
            && sandbox.okta.event_hooks().is_empty()
            && sandbox.okta.inline_hooks().is_empty()
    );
    assert_eq!(field(&sandbox.twilio, NUMBER, "SmsMethod"), "GET");
    let done = scene.succeed(&["--json", "connect"]).await.json();
    assert_eq!(done["targets"], dry["targets"]);
    assert_eq!(
        dry["targets"][0]["changes"][0],
        json!({ "of": format!("Twilio number {NUMBER}"), "field": "sms_method", "from": "GET", "to": "POST" })
    );
}

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

#[tokio::test]
async fn an_action_follows_the_stack_and_waits_until_it_is_built() {
    let scene = Scene::new().await;
    let auth0 = &scene.sandbox.auth0;
    auth0.slow_builds(2);
    scene.succeed(&["connect", "auth0"]).await;
    assert!(auth0.actions()[0].is_deployed());
    let fresh = "another-long-bearer-token-of-ours";
    scene
        .sandbox
        .aws
        .set_secret("switchboard/gateway", &json!({ "bearer_token": fresh }));
    let output = scene.succeed(&["connect", "auth0"]).await;
    assert!(
        output
            .out
            .contains("GATEWAY_URL and GATEWAY_TOKEN of Auth0 Action"),
        "{}",
        output.out
    );
    assert!(
        auth0.actions()[0].is_deployed() && auth0.actions()[0].secrets["GATEWAY_TOKEN"] == fresh
    );
    assert_eq!(
        scene.succeed(&["connect", "auth0"]).await.out,
        "auth0: nothing to change\n"
    );
}

/// `cargo sandbox` prints it, so that `connect auth0` can be tried without an account.
#[tokio::test]
async fn the_sandboxs_management_token_is_enough_for_auth0() {
    let scene = Scene::new().await;
    scene.sandbox.auth0.set_scope("read:users update:users");
    let own = [("AUTH0_MANAGEMENT_TOKEN", auth0::MANAGEMENT_TOKEN)];
    let connect = ["--stack", STACK_NAME, "connect", "auth0"];
    let output = scene.run_with(&connect, &own, "").await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(scene.sandbox.auth0.actions()[0].is_deployed());
    assert_eq!(
        scene.run_with(&connect, &own, "").await.out,
        "auth0: nothing to change\n"
    );
}

#[tokio::test]
async fn another_phone_provider_is_replaced_only_when_told_to() {
    let scene = Scene::new().await;
    scene.sandbox.auth0.set_phone_provider("twilio", false);
    let output = scene.run(&["connect", "auth0"]).await;
    assert!(
        output.code == 1 && output.out.contains("--replace-provider"),
        "{output:?}"
    );
    assert_eq!(
        scene.sandbox.auth0.phone_provider().unwrap()["name"],
        "twilio"
    );
    scene
        .succeed(&["connect", "auth0", "--replace-provider"])
        .await;
    assert_eq!(
        scene.sandbox.auth0.phone_provider().unwrap()["name"],
        "custom"
    );
}

#[tokio::test]
async fn the_gateway_of_a_legacy_connection_keeps_the_other_options() {
    let scene = Scene::new().await;
    let options = json!({ "strategy": "sms", "template": "Code @@password@@", "totp": { "length": 6 }, "twilio_sid": "AC1", "twilio_token": "t" });
    let id = scene.sandbox.auth0.add_connection("sms", "sms", &options);
    let arguments = ["connect", "auth0", "--legacy-gateway", "sms"];
    scene.succeed(&arguments).await;
    let options = scene.sandbox.auth0.connection(&id).unwrap()["options"].clone();
    assert_eq!(
        (&options["template"], &options["totp"]["length"]),
        (&json!("Code @@password@@"), &json!(6))
    );
    assert!(options["twilio_sid"].is_null() && options["twilio_token"].is_null());
    assert_eq!(
        options["gateway_authentication"]["secret"],
        auth0::GATEWAY_SECRET
    );
    assert_eq!(
        options["gateway_authentication"]["audience"],
        auth0::GATEWAY_AUDIENCE
    );
    assert_eq!(
        scene.succeed(&arguments).await.out,
        "auth0: nothing to change\n"
    );
}

#[tokio::test]
async fn a_connection_that_auth0_does_not_have_is_named_with_those_that_it_has() {
    let scene = Scene::new().await;
    let options = json!({ "strategy": "sms" });
    scene.sandbox.auth0.add_connection("codes", "sms", &options);
    let output = scene
        .run(&["connect", "auth0", "--legacy-gateway", "sms"])
        .await;
    assert_eq!(
        (output.code, output.out.as_str()),
        (
            1,
            "auth0: Auth0 has no passwordless connection sms, but codes: in Auth0, switch SMS on (Authentication, Passwordless), or name \
             another connection with --legacy-gateway\n"
        )
    );
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let scene = Scene::new().await;
    scene
        .sandbox
        .auth0
        .set_scope(&SCOPES.replace("read:actions", ""));
    let output = scene.run(&["connect", "auth0"]).await;
    assert!(
        output.code == 1 && output.out.contains("read:actions"),
        "{output:?}"
    );
}

#[tokio::test]
async fn an_event_hook_that_does_not_echo_is_not_verified() {
    let scene = Scene::new().await;
    scene.deploy(
        "ProvisionNumbersUrl",
        &(scene.sandbox.door("provision-numbers").url() + "/okta"),
    );
    let output = scene.run(&["connect", "okta"]).await;
    assert!(
        output.code == 1 && output.out.contains("okta refused a change"),
        "{output:?}"
    );
    scene.deploy("ProvisionNumbersUrl", &(scene.hook.url() + "/okta"));
    scene.succeed(&["connect", "okta"]).await;
    let [hook] = &scene.sandbox.okta.event_hooks()[..] else {
        panic!()
    };
    assert!(hook.verified && hook.uri == scene.hook.url() + "/okta");
}

/// `method` stands in Okta's answers only.
#[tokio::test]
async fn an_event_hook_is_sent_without_what_okta_only_answers() {
    let scene = Scene::new().await;
    scene.succeed(&["connect", "okta"]).await;
    let exchanges = scene.sandbox.okta.server().exchanges();
    let sent = exchanges
        .iter()
        .find(|exchange| exchange.method == "POST" && exchange.target == "/api/v1/eventHooks")
        .unwrap();
    let body: Value = serde_json::from_slice(&sent.request).unwrap();
    let config = body["channel"]["config"].as_object().unwrap();
    let names: Vec<&String> = config.keys().collect();
    assert_eq!(names, ["authScheme", "headers", "uri"]);
}

#[tokio::test]
async fn what_nobody_has_set_up_is_left_alone_unless_it_is_named() {
    let scene = Scene::new().await;
    scene.sandbox.aws.set_secret("switchboard/hook", &json!({}));
    let output = scene.succeed(&["connect"]).await;
    assert!(
        output
            .out
            .contains("okta: left alone, nothing is deployed for it, or its secret is empty"),
        "{}",
        output.out
    );
    scene
        .sandbox
        .aws
        .set_secret("switchboard/gateway", &json!({}));
    scene.succeed(&["connect"]).await;
    let output = scene.run(&["connect", "auth0"]).await;
    assert!(
        output.code == 1
            && output
                .out
                .contains("switchboard/gateway lacks jwt_secret, or bearer_token; run"),
        "{output:?}"
    );
    let named = scene.run(&["connect", "okta"]).await;
    assert!(
        named.code == 1
            && named
                .out
                .contains("switchboard/hook lacks bearer_token; run `operator secrets set hook`"),
        "{named:?}"
    );
}

#[tokio::test]
async fn another_stack_in_the_same_accounts_keeps_what_is_its_own() {
    let scene = Scene::new().await;
    let sandbox = &scene.sandbox;
    scene.succeed(&["connect", "mailgun", "okta"]).await;
    // The other one, deployed the same way.
    let stack = sandbox.cloudformation.stack(STACK_NAME).unwrap();
    sandbox.cloudformation.set_stack("other", stack);
    let (url, hook_url) = ("https://other.on.aws/", scene.hook.url() + "/okta?other");
    sandbox.cloudformation.change_stack("other", |stack| {
        stack
            .outputs
            .insert("SendVerificationSmsUrl".to_owned(), url.to_owned());
        stack
            .outputs
            .insert("ProvisionNumbersUrl".to_owned(), hook_url.clone());
    });
    let (routes, hooks) = (sandbox.mailgun.routes(), sandbox.okta.event_hooks());
    let other = ["--stack", "other", "connect", "mailgun", "okta"];
    let output = scene.run_with(&other, &[], "").await;
    assert!(
        output.code == 1 && output.out.contains("has priority 0 and stops mails"),
        "{output:?}"
    );
    let (both_routes, both_hooks) = (sandbox.mailgun.routes(), sandbox.okta.event_hooks());
    assert_eq!((both_routes.len(), both_hooks.len()), (2, 2));
    assert!(
        both_routes
            .iter()
            .any(|route| route.id == routes[0].id && route.actions == routes[0].actions)
    );
    assert!(
        both_hooks.contains(&hooks[0])
            && both_hooks[1].name == "Switchboard other: numbers for new employees"
    );
    // A new address of a stack finds its own by the name.
    sandbox.cloudformation.change_stack("other", |stack| {
        stack.outputs.insert(
            "SendVerificationSmsUrl".to_owned(),
            "https://moved.on.aws/".to_owned(),
        );
        stack.outputs.insert(
            "ProvisionNumbersUrl".to_owned(),
            scene.hook.url() + "/okta?moved",
        );
    });
    let _named = scene.run_with(&other, &[], "").await;
    assert_eq!(
        (
            sandbox.mailgun.routes().len(),
            sandbox.okta.event_hooks().len()
        ),
        (2, 2)
    );
    assert!(sandbox.okta.event_hooks().contains(&hooks[0]));
    assert!(
        sandbox
            .mailgun
            .routes()
            .iter()
            .any(|route| route.actions[0].contains("moved.on.aws"))
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
async fn a_strangers_action_is_left_alone_unless_told_otherwise() {
    let scene = Scene::new().await;
    scene.succeed(&["connect", "auth0"]).await;
    let (url, token) = (
        scene.sandbox.auth0.server().url(),
        scene.management_token().await,
    );
    let theirs = json!({ "code": "exports.onExecuteCustomPhoneProvider = async () => {};" });
    let action = format!(
        "{url}/api/v2/actions/actions/{}",
        scene.sandbox.auth0.actions()[0].id
    );
    let changed = client().patch(action).bearer_auth(&token).json(&theirs);
    assert_eq!(changed.send().await.unwrap().status(), 200);
    let output = scene.run(&["connect", "auth0"]).await;
    assert!(
        output.code == 1
            && output
                .out
                .contains("is \"SMS gateway\", which this program did not write"),
        "{output:?}"
    );
    assert_eq!(scene.sandbox.auth0.actions()[0].code, theirs["code"]);
    scene
        .succeed(&["connect", "auth0", "--replace-provider"])
        .await;
    assert!(
        scene.sandbox.auth0.actions()[0]
            .code
            .contains("// Deployed by operator:")
    );
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
async fn credentials_in_urls_are_never_shown() {
    let scene = Scene::new().await;
    let sandbox = &scene.sandbox;
    let url = "https://canary:canary@old.example/in?token=canary#canary";
    sandbox.twilio.own(NUMBER, &[("SmsUrl", url)]);
    let action = format!("forward(\"{url}\")");
    sandbox
        .mailgun
        .add_route(0, "Switchboard switchboard: old", "catch_all()", &[&action]);
    sandbox.mailgun.add_route(
        0,
        "Switchboard switchboard: mails to phone numbers",
        "catch_all()",
        &[&action],
    );
    sandbox
        .okta
        .add_event_hook("Switchboard switchboard: old", url, "canary");
    for command in [
        &["--dry-run", "connect"][..],
        &["--dry-run", "--json", "connect"],
        &["doctor"],
        &["connect"],
    ] {
        let output = scene.run(command).await;
        assert!(output.out.contains("...@old.example/in?..."), "{output:?}");
        assert!(
            !output.out.contains("canary") && !output.err.contains("canary"),
            "{output:?}"
        );
    }
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

#[tokio::test]
async fn a_gateway_without_a_way_to_its_tenant() {
    let scene = Scene::new().await;
    let outputs = json!({
        "TableName": "t", "SmsGatewayUrl": scene.sandbox.door("sms-gateway").url(), "GatewaySecretName": "switchboard/gateway",
    });
    let outputs = outputs.to_string();
    let output = scene
        .run_with(&["--outputs", "-", "connect"], &[], &outputs)
        .await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output.out.contains("auth0: left alone")
            && output.out.contains("AUTH0_URL and AUTH0_MANAGEMENT_TOKEN"),
        "{output:?}"
    );
    let named = scene
        .run_with(&["--outputs", "-", "connect", "auth0"], &[], &outputs)
        .await;
    assert_ne!(named.code, 0, "{named:?}");
}
