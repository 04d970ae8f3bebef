//! What the functions answer to each recorded request.

use sandbox::{COMPANY_NUMBER, EMPLOYEE_MOBILE, Sandbox, accounts};
use serde_json::{Value, json};

use super::{invoke, read, run};
use crate::{API, CALL, DELIVERY, FLOW, FORWARD, GATEWAY, IVR, PROVISION, RECEIVE, SEND};

#[tokio::test]
async fn each_request_is_answered_as_its_name_says() {
    let sandbox = Sandbox::start().await;
    let (send, receive) = (run(&sandbox, SEND).await, run(&sandbox, RECEIVE).await);
    let texts = || {
        sandbox
            .twilio
            .messages()
            .into_iter()
            .map(|message| message.body)
            .collect::<Vec<_>>()
    };
    // As in a stack, a phone in Denmark reads Danish.
    let sign_up = "Du har oprettet en konto. Svar JA for at bekræfte den";
    let password = "Nogen har bedt om at ændre din adgangskode. Hvis det var dig, så svar JA";
    let empty = |answer: &(u64, String)| answer.0 == 200 && answer.1.ends_with("<Response/>");

    assert!(
        empty(&invoke(&sandbox, &receive, "receive-confirmation-sms.json").await),
        "nothing waits yet"
    );
    assert_eq!(
        invoke(&sandbox, &receive, "receive-confirmation-sms-tampered.json").await,
        (403, String::new())
    );
    assert_eq!(
        invoke(&sandbox, &send, "send-verification-sms-forged.json").await,
        (401, String::new())
    );
    assert_eq!(
        (texts(), sandbox.aws.items().await.len()),
        (vec![], 2),
        "nothing but that the text came and was answered"
    );

    assert_eq!(
        invoke(&sandbox, &send, "send-verification-sms.json").await,
        (200, String::new())
    );
    assert_eq!(
        invoke(&sandbox, &send, "send-verification-sms.json").await,
        (200, String::new())
    );
    assert_eq!(texts(), [sign_up], "once");
    let (status, twiml) = invoke(
        &sandbox,
        &receive,
        "receive-confirmation-sms-wrong-word.json",
    )
    .await;
    assert!(status == 200 && twiml.contains("Prøv igen."), "{twiml}");
    assert_eq!(
        invoke(&sandbox, &send, "send-verification-sms-password.json").await,
        (200, String::new())
    );
    assert_eq!(texts(), [sign_up, password]);
}

#[tokio::test]
async fn each_request_of_auth0_is_answered_as_its_name_says() {
    let sandbox = Sandbox::start().await;
    let gateway = run(&sandbox, GATEWAY).await;
    assert_eq!(
        invoke(&sandbox, &gateway, "sms-gateway-forged.json").await,
        (401, String::new())
    );
    assert_eq!(
        (sandbox.vonage.messages(), sandbox.aws.items().await),
        (vec![], vec![])
    );

    let first = invoke(&sandbox, &gateway, "sms-gateway.json").await;
    let messages = sandbox.vonage.messages();
    assert_eq!(
        (first.0, messages.len(), messages[0].to.as_str()),
        (200, 1, "+4520123456")
    );
    let receipt: Value = serde_json::from_str(&first.1).unwrap();
    assert_eq!(
        (&receipt["provider"], receipt["id"].as_str()),
        (&"vonage".into(), Some(messages[0].id.as_str()))
    );
    assert_eq!(
        invoke(&sandbox, &gateway, "sms-gateway-action.json").await,
        first,
        "the same text to the same phone"
    );
    assert_eq!(sandbox.vonage.messages().len(), 1, "once");
}

#[tokio::test]
async fn the_request_for_a_call_makes_one_call() {
    let sandbox = Sandbox::start().await;
    let gateway = run(&sandbox, GATEWAY).await;
    for _ in 0..2 {
        let (status, body) = invoke(&sandbox, &gateway, "sms-gateway-voice.json").await;
        assert!(status == 200 && body.contains("twilio_voice"), "{body}");
    }
    let [call] = &sandbox.twilio.made_calls()[..] else {
        panic!("one call")
    };
    let words = "Your verification code is: 2. 7. 1. 8. 2. 8.";
    assert_eq!(call.says, [words, words]);
}

#[tokio::test]
async fn the_event_of_cognito_sends_its_code_once() {
    let sandbox = Sandbox::start().await;
    let gateway = run(&sandbox, GATEWAY).await;
    for _ in 0..2 {
        let answer = gateway.invoke(read("sms-gateway-cognito.json")).await;
        assert_eq!(answer, Ok(json!({})));
    }
    let messages = sandbox.vonage.messages();
    let sent: Vec<_> = messages
        .iter()
        .map(|message| (message.to.as_str(), message.text.as_str()))
        .collect();
    assert_eq!(sent, [("+4520123456", "Your code to sign in is 271828")]);
}

#[tokio::test]
async fn each_request_of_okta_for_a_code_is_answered_as_its_name_says() {
    let sandbox = Sandbox::start().await;
    let gateway = run(&sandbox, GATEWAY).await;
    let forged = invoke(&sandbox, &gateway, "sms-gateway-okta-forged.json").await;
    assert_eq!(forged, (401, String::new()));
    assert_eq!(sandbox.aws.items().await, [] as [Value; 0]);
    let first = invoke(&sandbox, &gateway, "sms-gateway-okta.json").await;
    let message = sandbox.vonage.messages().pop().unwrap();
    assert_eq!(
        (message.to.as_str(), message.text.as_str()),
        ("+4512345678", "Your code is 271828")
    );
    let answer: Value = serde_json::from_str(&first.1).unwrap();
    let value = &answer["commands"][0]["value"][0];
    assert_eq!(
        (&value["status"], &value["transactionId"]),
        (&"SUCCESSFUL".into(), &message.id.as_str().into())
    );
    let again = invoke(&sandbox, &gateway, "sms-gateway-okta-duplicate.json").await;
    assert_eq!(again, first);
    assert_eq!(sandbox.vonage.messages().len(), 1, "once");
}

#[tokio::test]
async fn each_call_and_text_of_an_employee_is_answered_as_its_name_says() {
    let sandbox = Sandbox::start().await;
    sandbox.okta.hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    let (calls, texts) = (run(&sandbox, CALL).await, run(&sandbox, FORWARD).await);
    for (lambda, forged) in [
        (&calls, "call-forward-forged.json"),
        (&texts, "sms-forward-forged.json"),
    ] {
        assert_eq!(invoke(&sandbox, lambda, forged).await, (403, String::new()));
    }
    assert_eq!(sandbox.aws.items().await, [] as [Value; 0]);
    let (status, twiml) = invoke(&sandbox, &calls, "call-forward.json").await;
    assert!(
        status == 200 && twiml.contains("Du bliver stillet om til Ann."),
        "{twiml}"
    );
    assert_eq!(
        invoke(&sandbox, &calls, "call-forward-status.json").await,
        (204, String::new()),
        "the caller hung up"
    );
    for (lambda, event, said) in [
        (
            &calls,
            "call-forward.json",
            &[
                "Du bliver stillet om til Ann.",
                &format!(">{EMPLOYEE_MOBILE}</"),
            ][..],
        ),
        (&calls, "call-forward-after.json", &["Farvel.", "<Hangup/>"]),
        (
            &texts,
            "sms-forward.json",
            &["Fra: +4520123456", &format!("to=\"{EMPLOYEE_MOBILE}\"")],
        ),
        (
            &texts,
            "sms-forward-picture.json",
            &[
                "The new sign",
                "<Media>https://api.twilio.com/example/sign.jpg</Media>",
            ],
        ),
        (
            &texts,
            "sms-forward-reply.json",
            &["From noon on.", "to=\"+4520123456\""],
        ),
    ] {
        let (status, twiml) = invoke(&sandbox, lambda, event).await;
        assert!(
            status == 200 && said.iter().all(|words| twiml.contains(words)),
            "{event}: {status} {twiml}"
        );
    }
}

#[tokio::test]
async fn each_event_of_provisioning_is_answered_as_its_name_says() {
    let sandbox = Sandbox::start().await;
    let user = sandbox.okta.hire("Ben", "+18182179229", "");
    let lambda = run(&sandbox, PROVISION).await;
    assert_eq!(
        invoke(&sandbox, &lambda, "provision-numbers-forged.json").await,
        (401, String::new())
    );
    assert_eq!(sandbox.aws.items().await, [] as [Value; 0]);
    let (status, body) = invoke(&sandbox, &lambda, "provision-numbers-challenge.json").await;
    let challenge =
        &read("provision-numbers-challenge.json")["headers"]["x-okta-verification-challenge"];
    assert_eq!(
        (status, serde_json::from_str::<Value>(&body).unwrap()),
        (200, json!({ "verification": challenge }))
    );
    assert_eq!(
        invoke(&sandbox, &lambda, "provision-numbers-hook.json").await,
        (200, String::new())
    );
    let report = lambda.invoke(read("provision-numbers.json")).await.unwrap();
    let bought = sandbox
        .twilio
        .owned()
        .into_iter()
        .find(|owned| owned.field("FriendlyName") == format!("switchboard:{user}"));
    let bought = bought.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(
        report["purchased"],
        json!([{ "user": user, "number": bought.number }])
    );
    let urls = [("VoiceUrl", CALL), ("SmsUrl", FORWARD)];
    for (field, function) in urls {
        assert!(
            bought
                .field(field)
                .starts_with(&format!("{}/#", sandbox.door(function).url())),
            "{}",
            bought.field(field)
        );
    }
}

#[tokio::test]
async fn each_request_of_the_phone_menu_is_answered_as_its_name_says() {
    let sandbox = Sandbox::start().await;
    sandbox.load(&accounts::seed().unwrap()).await;
    sandbox
        .auth0
        .sign_up_caller("10042", "2718", "Ann", "ann@acme.example");
    let (api, flow, ivr) = (
        run(&sandbox, API).await,
        run(&sandbox, FLOW).await,
        run(&sandbox, IVR).await,
    );
    let refused = |status| (status, String::new());
    for (lambda, forged, answer) in [
        (&ivr, "ivr-validate-forged.json", refused(401)),
        (&ivr, "ivr-validate-voice-forged.json", refused(403)),
        (&flow, "api-call-forged.json", refused(401)),
        (&api, "secure-api-forged.json", refused(401)),
        (
            &ivr,
            "ivr-validate-wrong-pin.json",
            (200, "error".to_owned()),
        ),
        (&ivr, "ivr-validate.json", (200, "Ann".to_owned())),
    ] {
        assert_eq!(invoke(&sandbox, lambda, forged).await, answer, "{forged}");
    }
    let (status, twiml) = invoke(&sandbox, &ivr, "ivr-validate-voice.json").await;
    // The caller's number is Danish, and a stack speaks all languages.
    let asks = [r#"action="/voice/account?step="#, r#"language="da-DK""#];
    assert!(
        status == 200 && asks.iter().all(|part| twiml.contains(part)),
        "{twiml}"
    );
    let expected = serde_json::to_value(&accounts::seed().unwrap()[0]).unwrap();
    for (lambda, event) in [
        (&api, "secure-api.json"),
        (&api, "secure-api-phone.json"),
        (&flow, "api-call.json"),
        (&flow, "api-call-token.json"),
    ] {
        let (status, body) = invoke(&sandbox, lambda, event).await;
        assert_eq!(
            (
                status,
                serde_json::from_str::<Value>(&body).unwrap_or_default()
            ),
            (200, expected.clone()),
            "{event}"
        );
    }
}

#[tokio::test]
async fn each_receipt_is_answered_as_its_name_says() {
    let sandbox = Sandbox::start().await;
    let lambda = run(&sandbox, DELIVERY).await;
    let expiry = (sandbox::now().as_secs() + 1000).to_string();
    let text = |text: &str| json!({ "S": text });
    sandbox
        .aws
        .put(json!({
            "pk": text("sent#code#AAAAAAAAAAAAAAAAAAAAAA"), "sk": text("send"), "stage": text("sent"), "provider": text("twilio"),
            "sid": text("SM00000000000000000000000000000006"), "number": text("a-hash"), "region": text("DK"),
            "sent_at": { "N": "1795176000" }, "expires_at": { "N": expiry }, "receipts": { "M": {} },
        }))
        .await;
    let stored = async || {
        let items = sandbox.aws.items().await.into_iter();
        let mut items = items.filter(|item| item["sk"]["S"] == "send");
        items.next().unwrap()["receipts"]["M"].clone()
    };
    let forged = invoke(&sandbox, &lambda, "delivery-status-forged.json").await;
    assert_eq!((forged, stored().await), ((403, String::new()), json!({})));
    for (event, provider) in [
        ("delivery-status.json", "twilio"),
        ("delivery-status-plivo.json", "plivo"),
        ("delivery-status-vonage.json", "vonage"),
        ("delivery-status-clickatell.json", "clickatell"),
    ] {
        let answer = invoke(&sandbox, &lambda, event).await;
        assert_eq!(answer, (204, String::new()), "{event}");
        assert_eq!(stored().await[provider], text("delivered"), "{event}");
    }
    let used = invoke(&sandbox, &lambda, "delivery-status-used.json").await;
    assert_eq!(used, (204, String::new()), "of a number without a code");
}
