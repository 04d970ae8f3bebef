//! Okta's telephony inline hook: what Okta is told of each outcome, what it then does, and when.

mod copies;
mod refusals;

use std::time::Duration;

use sandbox::okta::{Code, CodeDelivery};
use sandbox::wire::Fault;
use sandbox::{OKTA_HOOK_SECRET, OKTA_HOOK_TOKEN, Sandbox};
use serde_json::{Value, json};

use crate::scene::{Override, PHONE, Scene, says, status};

const CODE: &str = "27182818";
/// The setting that switches the entrance on.
const ON: Override<'static> = ("OKTA_HOOK_SECRET", Some(OKTA_HOOK_SECRET));
/// Okta's own provider sends the code.
const BY_OKTA: &str = "FAILED";

/// The gateway as Okta's hook.
async fn hook(sandbox: Sandbox, instances: usize, settings: &[Override<'_>]) -> Scene {
    let scene = Scene::on(sandbox, instances, &[&[ON], settings].concat()).await;
    let url = format!("{}okta", scene.lambda.url());
    let okta = &scene.sandbox.okta;
    okta.add_inline_hook("Codes", &url, OKTA_HOOK_TOKEN);
    scene.mark(CODE);
    scene.mark(PHONE);
    scene
}

async fn through(route: &str) -> Scene {
    let route = format!("*={route}");
    hook(Sandbox::start().await, 1, &[("SMS_ROUTES", Some(&route))]).await
}

/// A new request for the code.
fn request(scene: &Scene) -> Value {
    scene.sandbox.okta.code_request(PHONE, CODE)
}

/// Okta asks for the code. The answer repeats neither number nor code.
async fn ask(scene: &Scene, request: &Value) -> Code {
    let code = scene.sandbox.okta.send_code(request).await;
    scene.assert_unmarked(&code.body.to_string());
    code
}

/// The single element of the single command.
fn value(code: &Code) -> &Value {
    let command = &code.body["commands"][0];
    assert_eq!(code.body["commands"].as_array().unwrap().len(), 1);
    assert_eq!(command["type"], "com.okta.telephony.action");
    assert_eq!(command["value"].as_array().unwrap().len(), 1);
    &command["value"][0]
}

/// What Okta is told if it is to send the code.
fn refused(metadata: &str) -> Value {
    json!({ "status": BY_OKTA, "transactionMetadata": metadata })
}

/// A time from 2026 on, as Okta writes it.
fn iso(time: Duration) -> String {
    let (mut days, second) = (time.as_secs() / 86_400 - 20_454, time.as_secs() % 86_400);
    let (mut year, mut month) = (2026, 1);
    loop {
        let length = match month {
            2 if year % 4 == 0 => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if days < length {
            break;
        }
        days -= length;
        (year, month) = if month == 12 {
            (year + 1, 1)
        } else {
            (year, month + 1)
        };
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!(
        "{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.000Z",
        days + 1
    )
}

/// With this member of the message's profile.
fn with(scene: &Scene, name: &str, value: Value) -> Value {
    let mut request = request(scene);
    request["data"]["messageProfile"][name] = value;
    request
}

#[tokio::test]
async fn an_accepted_code_is_successful() {
    let scene = through("twilio").await;
    let code = ask(&scene, &request(&scene)).await;
    let sent = scene.sandbox.twilio.messages().pop().unwrap();
    let expected = json!({
        "status": "SUCCESSFUL", "provider": "TWILIO", "transactionId": sent.sid, "transactionMetadata": "segments=1",
    });
    assert_eq!((code.status, value(&code)), (200, &expected));
    assert_eq!(code.delivery, CodeDelivery::Successful);
    assert_eq!((&*sent.to, &*sent.body), (PHONE, "Your code is 27182818"));
    assert_eq!(
        sent.validity.unwrap().as_secs() / 10,
        29,
        "Okta's 5 minutes"
    );
    let line = scene.logged("sent").await;
    assert_eq!(
        (&line["kind"], &line["locale"]),
        (&json!("mfa-verification"), &json!("EN-US"))
    );
    assert_eq!(scene.counted("rate#code-ip#").await, [1]);
    assert!(scene.sandbox.okta.own_texts().is_empty());
}

/// Twilio and Vonage are the route. What a provider does, what Okta is told, whether Okta sends.
#[tokio::test]
async fn a_code_without_a_text_is_sent_in_the_person_s_language() {
    let settings = [("SMS_ROUTES", Some("*=twilio")), ("LANGUAGES", Some("all"))];
    let scene = hook(Sandbox::start().await, 1, &settings).await;
    for locale in ["FR", "xx"] {
        let mut request = with(&scene, "locale", json!(locale));
        request["data"]["messageProfile"]["msgTemplate"] = json!("");
        assert_eq!(value(&ask(&scene, &request).await)["status"], "SUCCESSFUL");
    }
    let messages = scene.sandbox.twilio.messages();
    assert_eq!(messages[0].body, format!("Votre code est {CODE}"));
    assert_eq!(messages[1].body, format!("Din kode er {CODE}"));
}

#[tokio::test]
async fn each_outcome_has_its_answer() {
    let twilio_says = |code: u32| says(400, json!({ "code": code }).to_string());
    let vonage_says = |status: u16| says(status, String::new());
    let unknown = json!({ "status": "PENDING", "transactionMetadata": "outcome_unknown" });
    for (twilio, vonage, expected, outcome) in [
        (
            twilio_says(21_606),
            vonage_says(429),
            refused("all_refused"),
            "all_refused",
        ),
        (
            status(503),
            status(503),
            refused("all_refused"),
            "all_refused",
        ),
        (
            twilio_says(21_614),
            status(503),
            refused("recipient_refused"),
            "recipient_refused",
        ),
        (status(500), status(503), unknown.clone(), "outcome_unknown"),
        (
            Fault::ResetBefore,
            status(503),
            unknown.clone(),
            "outcome_unknown",
        ),
        (Fault::ResetAfter, status(503), unknown, "outcome_unknown"),
    ] {
        let scene = through("twilio,vonage").await;
        scene.faults("twilio").always(Some(twilio));
        scene.faults("vonage").always(Some(vonage));
        let code = ask(&scene, &request(&scene)).await;
        assert_eq!((code.status, value(&code)), (200, &expected));
        let own = scene.sandbox.okta.own_texts().len();
        assert_eq!(own, usize::from(expected["status"] == BY_OKTA), "{outcome}");
        let line = scene.logged(outcome).await;
        let is_error = line["level"] == "ERROR";
        assert_eq!(is_error, outcome != "recipient_refused", "{line}");
    }
}

#[tokio::test]
async fn all_providers_down_is_failed() {
    let scene = through("twilio,vonage").await;
    for provider in ["twilio", "vonage"] {
        scene.faults(provider).refuse(true);
    }
    let code = ask(&scene, &request(&scene)).await;
    assert_eq!(value(&code), &refused("all_refused"));
    assert_eq!(scene.sandbox.okta.own_texts().len(), 1);
}

#[tokio::test]
async fn what_the_settings_forbid_is_failed() {
    for (setting, phone, codes, outcome) in [
        (
            ("SMS_PER_NUMBER_PER_HOUR", Some("1")),
            PHONE,
            2,
            "rate_limited",
        ),
        (("SMS_PER_IP_PER_HOUR", Some("1")), PHONE, 2, "rate_limited"),
        (
            ("ALLOWED_COUNTRIES", Some("SE")),
            PHONE,
            1,
            "country_not_allowed",
        ),
        (("SMS_ROUTES", Some("+1=twilio")), PHONE, 1, "no_route"),
    ] {
        let scene = hook(Sandbox::start().await, 1, &[setting]).await;
        let okta = &scene.sandbox.okta;
        let mut last = None;
        for _ in 0..codes {
            last = Some(ask(&scene, &okta.code_request(phone, CODE)).await);
        }
        let last = last.unwrap();
        assert_eq!((last.status, value(&last)), (200, &refused(outcome)));
        assert_eq!(okta.own_texts().len(), 1, "{outcome}");
        assert_eq!(scene.logged(outcome).await["Refused"], 1);
        assert_eq!(scene.texts().iter().sum::<usize>(), codes - 1, "{outcome}");
    }
}

#[tokio::test]
async fn an_expired_code_and_a_call_are_left_to_okta() {
    let scene = through("twilio").await;
    let soon = iso(sandbox::now() + Duration::from_secs(4));
    for (name, wish, outcome) in [
        ("otpExpires", "2026-01-01T00:00:00.000Z", "code_expired"),
        ("otpExpires", soon.as_str(), "code_expired"),
        ("deliveryChannel", "VOICE CALL", "voice_not_supported"),
    ] {
        let code = ask(&scene, &with(&scene, name, json!(wish))).await;
        assert_eq!((code.status, value(&code)), (200, &refused(outcome)));
        assert_eq!(scene.logged(outcome).await["Refused"], 1);
    }
    scene.untouched();
    assert_eq!(scene.sandbox.okta.own_texts().len(), 3);
}

/// The second provider, and the closing write, still fit into Okta's three seconds.
#[tokio::test]
async fn okta_has_its_answer_in_time_although_a_provider_hangs() {
    let in_time = Duration::from_millis(2_700);
    for (on_unknown, vonage, status, asked) in [
        ("stop", None, "PENDING", [1, 0]),
        ("failover", None, "SUCCESSFUL", [1, 1]),
        ("failover", Some(Fault::Hang), "PENDING", [1, 1]),
    ] {
        let settings = [
            ("SMS_ROUTES", Some("*=twilio,vonage")),
            ("ON_UNKNOWN", Some(on_unknown)),
        ];
        let scene = hook(Sandbox::start().await, 1, &settings).await;
        // Its connections are open now, as those of an instance after INIT.
        ask(&scene, &request(&scene)).await;
        scene.server("twilio").clear_exchanges();
        scene.faults("twilio").always(Some(Fault::Hang));
        scene.faults("vonage").always(vonage);
        let code = ask(&scene, &request(&scene)).await;
        assert_eq!(value(&code)["status"], status, "{on_unknown}");
        assert!(code.took < in_time, "{:?}", code.took);
        let [twilio, _, _, vonage] = scene.asked();
        assert_eq!([twilio, vonage], asked, "{on_unknown}");
        assert!(scene.sandbox.okta.own_texts().is_empty());
    }
}

/// A host that does not finish the handshake has no code: the next provider sends it.
#[tokio::test]
async fn a_provider_whose_handshake_hangs_costs_no_code() {
    // The kernel accepts the connections. Nobody answers the handshakes.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let settings = [
        ("SMS_ROUTES", Some("*=twilio,vonage")),
        ("TWILIO_URL", Some(url.as_str())),
    ];
    let scene = hook(Sandbox::start().await, 1, &settings).await;
    for _ in 0..2 {
        let code = ask(&scene, &request(&scene)).await;
        assert_eq!(value(&code)["provider"], "VONAGE", "{:?}", code.body);
        assert!(code.took < Duration::from_millis(2_700), "{:?}", code.took);
    }
    assert_eq!(scene.texts(), [0, 0, 0, 2]);
}

/// An only provider gets all of the time, not half of it.
#[tokio::test]
async fn the_last_provider_of_a_route_gets_all_the_time_that_is_left() {
    let scene = through("twilio").await;
    ask(&scene, &request(&scene)).await;
    let slow = Fault::Delay(Duration::from_millis(1_400));
    scene.faults("twilio").next(slow);
    let code = ask(&scene, &request(&scene)).await;
    assert_eq!(value(&code)["status"], "SUCCESSFUL", "{:?}", code.body);
}

/// A cold start is part of Okta's three seconds. After it, nothing is sent that Okta sends itself.
#[tokio::test]
async fn okta_s_time_begins_when_aws_took_the_request_in() {
    let scene = through("twilio").await;
    for (waited, status) in [
        (2_000, BY_OKTA),
        (100, "SUCCESSFUL"),
        (60_000, "SUCCESSFUL"),
    ] {
        let taken_in = sandbox::now().saturating_sub(Duration::from_millis(waited));
        let event = json!({
            "version": "2.0", "rawPath": "/okta", "rawQueryString": "",
            "headers": { "content-type": "application/json", "authorization": OKTA_HOOK_TOKEN },
            "requestContext": {
                "domainName": "hook.on.aws", "http": { "method": "POST" },
                "timeEpoch": u64::try_from(taken_in.as_millis()).unwrap(),
            },
            "body": request(&scene).to_string(), "isBase64Encoded": false,
        });
        let answer = scene.lambda.invoke(event).await.unwrap();
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        let told = &body["commands"][0]["value"][0]["status"];
        assert_eq!(told, status, "{waited}");
    }
    assert_eq!(scene.asked(), [2, 0, 0, 0]);
    assert_eq!(
        scene.logged("all_refused").await["error"],
        "twilio: not asked, too little time was left"
    );
}

/// For a caller who waits for seconds only, a provider that hangs is out of order, not slow.
#[tokio::test]
async fn a_provider_that_hangs_is_tried_last_after_three_codes_of_okta() {
    let scene = through("twilio,vonage").await;
    scene.faults("twilio").always(Some(Fault::Hang));
    for _ in 0..3 {
        let code = ask(&scene, &request(&scene)).await;
        assert_eq!(value(&code)["status"], "PENDING");
    }
    let code = ask(&scene, &request(&scene)).await;
    assert_eq!(value(&code)["provider"], "VONAGE", "{:?}", code.body);
    assert!(code.took < Duration::from_secs(1), "{:?}", code.took);
}

#[tokio::test]
async fn without_the_table_nothing_is_sent_and_okta_sends_in_time() {
    let scene = through("twilio,vonage").await;
    for fault in [status(500), Fault::Hang] {
        scene.dynamodb().always(Some(fault.clone()));
        let code = ask(&scene, &request(&scene)).await;
        assert_eq!((code.status, &code.body), (503, &Value::Null), "{fault:?}");
        assert!(code.took < Duration::from_millis(2_900), "{:?}", code.took);
        scene.logged("table_unavailable").await;
    }
    assert_eq!(scene.asked(), [0; 4]);
    assert_eq!(scene.sandbox.okta.own_texts().len(), 2);
}

#[tokio::test]
async fn without_the_secret_nothing_is_sent_and_okta_sends_in_time() {
    for (fault, outcome) in [
        (status(500), "secret_unavailable"),
        (Fault::Hang, "too_slow"),
    ] {
        let sandbox = Sandbox::start().await;
        sandbox.aws.secrets().faults().always(Some(fault));
        let scene = hook(sandbox, 1, &[("SMS_ROUTES", Some("*=twilio"))]).await;
        let code = ask(&scene, &request(&scene)).await;
        assert_eq!((code.status, &code.body), (503, &Value::Null), "{outcome}");
        assert!(code.took < Duration::from_millis(2_900), "{:?}", code.took);
        scene.logged(outcome).await;
        scene.untouched();
        assert_eq!(scene.sandbox.okta.own_texts().len(), 1);
    }
}

#[tokio::test]
async fn without_the_secrets_of_all_providers_okta_sends() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.remove_secret("switchboard/twilio-send");
    let scene = hook(sandbox, 1, &[("SMS_ROUTES", Some("*=twilio"))]).await;
    let code = ask(&scene, &request(&scene)).await;
    assert_eq!((code.status, &code.body), (503, &Value::Null));
    assert_eq!(scene.sandbox.okta.own_texts().len(), 1);
}

/// Okta's example has numbers where its schema has texts.
#[tokio::test]
async fn numbers_that_lost_their_plus_are_sent_to() {
    let scene = through("twilio").await;
    let mut request = with(&scene, "phoneNumber", json!(4_520_304_050_u64));
    request["data"]["messageProfile"]["otpCode"] = json!(27_182_818);
    request["data"]["messageProfile"]["msgTemplate"] = json!("Hello");
    assert_eq!(
        ask(&scene, &request).await.delivery,
        CodeDelivery::Successful
    );
    let sent = scene.sandbox.twilio.messages().pop().unwrap();
    assert_eq!((&*sent.to, &*sent.body), (PHONE, "Your code is 27182818"));
}

/// The sample is of a number that is in no country's plan, and of a code that expired in 2022. It is
/// read as it is. A phone number makes it a request, and a later end makes it one that is sent.
#[tokio::test]
async fn okta_s_published_sample_is_taken_as_it_is() {
    let scene = through("twilio").await;
    let sample: Value = serde_json::from_str(include_str!("sample.json")).unwrap();
    let mut body = sample["body"].clone();
    let code = ask(&scene, &body).await;
    assert_eq!((code.status, &code.body), (400, &Value::Null));
    scene.logged("impossible_number").await;
    body["data"]["messageProfile"]["phoneNumber"] = json!(4_520_304_050_u64);
    let code = ask(&scene, &body).await;
    assert_eq!((code.status, value(&code)), (200, &refused("code_expired")));
    assert_eq!(scene.sandbox.okta.own_texts().len(), 2);
    scene.untouched();
    let later = iso(sandbox::now() + Duration::from_mins(5));
    body["data"]["messageProfile"]["otpExpires"] = json!(later);
    let code = ask(&scene, &body).await;
    assert_eq!(code.delivery, CodeDelivery::Successful);
    let sent = scene.sandbox.twilio.messages().pop().unwrap();
    let text = "(HOOK)Your code is 11111";
    assert_eq!((&*sent.to, &*sent.body), (PHONE, text));
}

#[tokio::test]
async fn the_kind_of_a_request_is_logged() {
    let scene = through("twilio").await;
    for kind in ["pre-enrollment", "account-unlock", "password-reset"] {
        let mut request = request(&scene);
        request["requestType"] = json!(format!("com.okta.user.telephony.{kind}"));
        assert_eq!(
            ask(&scene, &request).await.delivery,
            CodeDelivery::Successful
        );
        scene
            .lambda
            .wait_log(|line| line.contains("\"sent\"") && line.contains(kind))
            .await;
    }
}
