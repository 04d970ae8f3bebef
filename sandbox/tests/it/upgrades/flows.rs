//! The flows, one test each.

use sandbox::{
    COMPANY_NUMBER, EMPLOYEE_MOBILE, Sandbox, accounts,
    auth0::{LinkPage, TicketMail},
    lambda::Lambda,
    receipts::{Fate, Post, State},
    scene::status,
    twilio::NUMBER,
};
use serde_json::{Value, json};

use super::items::upgrades;
use crate::{
    API, CALL, FLOW, FORWARD, IVR, PROVISION, RECEIVE, SEND, binary,
    events::{invoke, run},
    failover::FAILED,
    receipts::Circle,
};

const PHONE: &str = "+4520304050";
const CODE: u32 = 271_828;

/// A person signs up. Returns the mail, and Mailgun's fields for it.
fn signs_up(sandbox: &Sandbox) -> (TicketMail, Vec<(String, String)>) {
    let user = sandbox
        .auth0
        .sign_up(&format!("acme{PHONE}@sms.example.com"));
    let mail = sandbox.auth0.mail_verification(&user, LinkPage::Form);
    let now = sandbox::now().as_secs();
    let fields = sandbox.mailgun.fields(&mail.mail, now);
    (mail, fields)
}

/// A new process, for what the simulators send. The recorded requests have another environment.
async fn fresh(sandbox: &Sandbox, function: &str) -> Lambda {
    sandbox
        .run_with(function, binary(function).await, 1, &[])
        .await
}

/// A new process of `send-verification-sms` gets a mail.
async fn mailed(sandbox: &Sandbox, fields: &[(String, String)]) {
    let send = fresh(sandbox, SEND).await;
    let answer = sandbox.mailgun.post(send.url(), fields).await;
    assert_eq!(answer.status, 200, "{:?}", send.log().last());
    send.stop().await;
}

#[tokio::test]
async fn a_request_that_waits_is_confirmed_and_its_mail_is_texted_once() {
    for upgrade in upgrades("pending") {
        let sandbox = Sandbox::start().await;
        let (mail, fields) = signs_up(&sandbox);
        mailed(&sandbox, &fields).await;
        upgrade.happens(&sandbox).await;
        mailed(&sandbox, &fields).await;
        assert_eq!(sandbox.twilio.messages().len(), 1, "once");
        let receive = fresh(&sandbox, RECEIVE).await;
        let reply = sandbox.twilio.text(PHONE, NUMBER, "YES").await;
        assert_eq!(reply.messages.len(), 1, "{:?}", receive.log().last());
        assert_eq!(sandbox.auth0.posted(&mail.ticket), 1);
    }
}

#[tokio::test]
async fn a_reply_that_was_answered_acts_no_second_time() {
    for upgrade in upgrades("replied") {
        let sandbox = Sandbox::start().await;
        let (mail, fields) = signs_up(&sandbox);
        mailed(&sandbox, &fields).await;
        let params = sandbox.twilio.inbound(PHONE, NUMBER, "YES");
        let receive = fresh(&sandbox, RECEIVE).await;
        let first = sandbox.twilio.deliver(params.clone(), receive.url()).await;
        receive.stop().await;
        upgrade.happens(&sandbox).await;
        let receive = fresh(&sandbox, RECEIVE).await;
        let again = sandbox.twilio.deliver(params, receive.url()).await;
        assert_eq!(
            (again.status, again.body),
            (200, first.body),
            "{:?}",
            receive.log().last()
        );
        assert_eq!(sandbox.auth0.posted(&mail.ticket), 1);
    }
}

#[tokio::test]
async fn texts_of_one_s_own_are_still_used() {
    for upgrade in upgrades("words") {
        let sandbox = Sandbox::start().await;
        let own = r#"{"verification-text":"Hej. Svar { $word }"}"#;
        let item =
            json!({ "pk": { "S": "words#da" }, "sk": { "S": "texts" }, "texts": { "S": own } });
        sandbox.aws.put(item).await;
        upgrade.happens(&sandbox).await;
        let (_, fields) = signs_up(&sandbox);
        let settings = [("LANGUAGES", Some("da,en")), ("WORDS", Some("table"))];
        let send = binary(SEND).await;
        let send = sandbox.run_with(SEND, send, 1, &settings).await;
        sandbox.mailgun.post(send.url(), &fields).await;
        assert_eq!(sandbox.twilio.messages()[0].body, "Hej. Svar JA");
    }
}

/// A circle whose providers send no receipts of their own accord.
async fn circle() -> Circle {
    let circle = Circle::keeping("*=plivo,clickatell", "true").await;
    for receipts in circle.sandbox.receipts() {
        receipts.usually(Fate::never());
    }
    circle
}

/// New processes of both functions.
async fn restart(circle: &Circle) {
    for lambda in [&circle.gateway, &circle.delivery] {
        let exits = lambda.exits().len();
        lambda.kill(lambda.pids()[0]).await;
        lambda.wait_exits(exits + 1).await;
        lambda.wait_ready().await.unwrap();
    }
}

#[tokio::test]
async fn a_code_that_was_sent_is_not_sent_again_and_goes_on_if_it_fails() {
    for upgrade in upgrades("sent") {
        let circle = circle().await;
        assert_eq!(circle.code(PHONE, CODE).await, "plivo");
        upgrade.happens(&circle.sandbox).await;
        restart(&circle).await;
        assert_eq!(circle.code(PHONE, CODE).await, "plivo");
        assert_eq!(circle.texts(), 1, "once");
        let text = circle.sandbox.plivo.messages().pop().unwrap();
        assert_eq!(circle.sandbox.plivo.report(&text, FAILED).await, 204);
        assert_eq!(circle.sandbox.clickatell.messages().len(), 1);
    }
}

#[tokio::test]
async fn a_provider_that_failed_for_a_number_is_still_avoided_and_no_receipt_acts_again() {
    for upgrade in upgrades("failed") {
        let circle = circle().await;
        circle.code(PHONE, CODE).await;
        let text = circle.sandbox.plivo.messages().pop().unwrap();
        circle.sandbox.plivo.report(&text, FAILED).await;
        upgrade.happens(&circle.sandbox).await;
        restart(&circle).await;
        circle.sandbox.plivo.report(&text, FAILED).await;
        let late = Post::genuine(State::Delivered);
        circle.sandbox.plivo.report(&text, late).await;
        assert_eq!(circle.texts(), 2, "the code and its failover");
        assert_eq!(circle.code(PHONE, CODE + 1).await, "clickatell");
    }
}

#[tokio::test]
async fn a_call_is_counted_until_it_ends_and_the_directory_is_known() {
    for upgrade in upgrades("calling") {
        let sandbox = Sandbox::start().await;
        sandbox.okta.hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
        let calls = run(&sandbox, CALL).await;
        let first = invoke(&sandbox, &calls, "call-forward.json").await;
        calls.stop().await;
        upgrade.happens(&sandbox).await;
        // Whose number it is, only the table knows now.
        sandbox.okta.server().faults().always(Some(status(503)));
        let calls = run(&sandbox, CALL).await;
        let again = invoke(&sandbox, &calls, "call-forward.json").await;
        for (status, twiml) in [first, again] {
            assert!(status == 200 && twiml.contains("Ann"), "{status} {twiml}");
        }
        let counted = async || {
            let items = sandbox.aws.items().await;
            let active = items.into_iter().find(|item| item["sk"]["S"] == "active");
            active.is_some_and(|item| item.to_string().contains("\"call_CA000"))
        };
        assert!(counted().await);
        let ended = invoke(&sandbox, &calls, "call-forward-status.json").await;
        assert_eq!(ended.0, 204);
        assert!(!counted().await);
    }
}

#[tokio::test]
async fn an_employee_s_reply_goes_to_the_last_correspondent() {
    for upgrade in upgrades("thread") {
        let sandbox = Sandbox::start().await;
        sandbox.okta.hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
        let texts = run(&sandbox, FORWARD).await;
        invoke(&sandbox, &texts, "sms-forward.json").await;
        texts.stop().await;
        upgrade.happens(&sandbox).await;
        let texts = run(&sandbox, FORWARD).await;
        let (_, twiml) = invoke(&sandbox, &texts, "sms-forward-reply.json").await;
        assert!(twiml.contains("to=\"+4520123456\""), "{twiml}");
    }
}

#[tokio::test]
async fn the_state_of_a_number_continues_and_no_second_one_is_bought() {
    for upgrade in upgrades("numbers") {
        let sandbox = Sandbox::start().await;
        let user = sandbox.okta.hire("Ben", "+18182179229", "");
        let event: Value = crate::events::read("provision-numbers.json");
        let hook = run(&sandbox, PROVISION).await;
        invoke(&sandbox, &hook, "provision-numbers-hook.json").await;
        let report = hook.invoke(event.clone()).await.unwrap();
        let bought = report["purchased"][0]["number"].clone();
        assert!(bought.is_string(), "{report}");
        hook.stop().await;
        upgrade.happens(&sandbox).await;
        // Okta lost the number: only the table knows whose it is.
        let owned = sandbox.twilio.owned().len();
        let hook = run(&sandbox, PROVISION).await;
        invoke(&sandbox, &hook, "provision-numbers-hook.json").await;
        let report = hook.invoke(event).await.unwrap();
        assert_eq!(report["purchased"], json!([]), "{user}: {report}");
        assert_eq!(sandbox.twilio.owned().len(), owned);
    }
}

#[tokio::test]
async fn a_lock_after_wrong_pins_still_holds() {
    for upgrade in upgrades("lock") {
        let sandbox = Sandbox::start().await;
        sandbox
            .auth0
            .sign_up_caller("10042", "2718", "Ann", "ann@acme.example");
        let ivr = run(&sandbox, IVR).await;
        for _ in 0..10 {
            invoke(&sandbox, &ivr, "ivr-validate-wrong-pin.json").await;
        }
        ivr.stop().await;
        upgrade.happens(&sandbox).await;
        let ivr = run(&sandbox, IVR).await;
        let answer = invoke(&sandbox, &ivr, "ivr-validate.json").await;
        assert_eq!(answer, (200, "error".to_owned()));
    }
}

#[tokio::test]
async fn a_kept_token_is_used_and_accounts_are_found() {
    for upgrade in upgrades("accounts") {
        let sandbox = Sandbox::start().await;
        sandbox.load(&accounts::seed().unwrap()).await;
        let api = run(&sandbox, API).await;
        let flow = run(&sandbox, FLOW).await;
        let first = invoke(&sandbox, &flow, "api-call.json").await;
        assert_eq!(first.0, 200, "{}", first.1);
        flow.stop().await;
        api.stop().await;
        upgrade.happens(&sandbox).await;
        let tokens = || {
            let exchanges = sandbox.auth0.server().exchanges().into_iter();
            exchanges.filter(|one| one.target == "/oauth/token").count()
        };
        let before = tokens();
        let (api, flow) = (run(&sandbox, API).await, run(&sandbox, FLOW).await);
        let token = invoke(&sandbox, &flow, "api-call-token.json").await;
        assert_eq!((token.0, &token.1), (200, &first.1));
        assert_eq!(tokens(), before, "the kept token was used");
        let account = invoke(&sandbox, &api, "secure-api-phone.json").await;
        assert_eq!(account.0, 200, "{}", account.1);
    }
}
