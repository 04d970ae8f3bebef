//! Connecting: once it changes what differs, twice it changes nothing.

mod auth0;
mod mailgun;
mod okta;
mod twilio;

use sandbox::HOOK_TOKEN;
use sandbox::auth0::GATEWAY_BEARER_TOKEN;
use sandbox::cloudformation::STACK_NAME;
use sandbox::twilio::{NUMBER, Twilio};
use serde_json::json;

use crate::scene::Scene;

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
