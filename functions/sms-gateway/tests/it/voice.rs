//! Codes that are read out by phone: every entrance, every outcome, every provider.

use std::sync::Arc;

use sandbox::calls::Called;
use sandbox::end_user_messaging::POOL_ARN;
use sandbox::scene::at_once;
use sandbox::wire::Fault;
use sandbox::{GENERIC_SECRET, GENERIC_TOKEN, OKTA_HOOK_SECRET, OKTA_HOOK_TOKEN, Sandbox, twilio};
use serde_json::{Value, json};

use crate::scene::{Answer, OTHER_PHONE, OTHER_TEXT, Override, PHONE, Scene, TEXT, status};

const CODE: &str = "27182818";
const SPOKEN: &str = "Your code is: 2. 7. 1. 8. 2. 8. 1. 8.";
const FROM: &str = "twilio:+15005550006,vonage:+15005550006";

async fn on(sandbox: Sandbox, instances: usize, providers: &str, more: &[Override<'_>]) -> Scene {
    let settings = [
        ("VOICE_PROVIDERS", Some(providers)),
        ("VOICE_FROM", Some(FROM)),
        ("AWS_VOICE_IDENTITY_ARN", Some(POOL_ARN)),
        ("SMS_ROUTES", Some("*=plivo")),
        ("OKTA_HOOK_SECRET", Some(OKTA_HOOK_SECRET)),
        ("GENERIC_SECRET", Some(GENERIC_SECRET)),
        ("GATEWAY_SECRET", Some("switchboard/gateway")),
    ];
    let scene = Scene::on(sandbox, instances, &[&settings, more].concat()).await;
    for text in [CODE, PHONE, "2. 7. 1. 8. 2. 8. 1. 8."] {
        scene.mark(text);
    }
    scene
}

async fn calling(providers: &str, more: &[Override<'_>]) -> Scene {
    on(Sandbox::start().await, 1, providers, more).await
}

/// All calls that were made, Twilio's first.
fn calls(scene: &Scene) -> Vec<Called> {
    let sandbox = &scene.sandbox;
    [
        sandbox.twilio.made_calls(),
        sandbox.vonage.made_calls(),
        sandbox.aws_sms.made_calls(),
    ]
    .concat()
}

fn request(to: &str) -> Value {
    json!({ "recipient": to, "text": TEXT, "code": CODE, "delivery_method": "voice", "language": "en-US" })
}

async fn call(scene: &Scene, to: &str) -> Answer {
    scene.post(&request(to)).await
}

/// The same call is asked for at another entrance. Returns the status and what the caller is told.
async fn ask(scene: &Scene, entrance: &str, to: &str) -> (u16, String) {
    match entrance {
        "auth0" => {
            let answer = call(scene, to).await;
            let error = answer.body["error"].as_str().map(str::to_owned);
            (
                answer.status,
                error.unwrap_or_else(|| answer.provider().to_owned()),
            )
        }
        "generic" => {
            let body = json!({ "to": to, "payload": { "code": CODE }, "channel": "call" });
            let bearer = ("authorization", format!("Bearer {GENERIC_TOKEN}"));
            let told = scene.post_to("generic", &[bearer], body.to_string()).await;
            let body: Value = serde_json::from_str(&told.body).unwrap();
            let text = body["error"].as_str().or(body["provider"].as_str());
            (told.status, text.unwrap_or_default().to_owned())
        }
        _ => {
            let mut request = scene.sandbox.okta.code_request(to, CODE);
            request["data"]["messageProfile"]["deliveryChannel"] = "VOICE".into();
            let header = ("authorization", OKTA_HOOK_TOKEN.to_owned());
            let told = scene.post_to("okta", &[header], request.to_string()).await;
            let body: Value = serde_json::from_str(&told.body).unwrap();
            let value = &body["commands"][0]["value"][0];
            (
                told.status,
                value["status"].as_str().unwrap_or_default().to_owned(),
            )
        }
    }
}

#[tokio::test]
async fn each_provider_reads_the_code_out_twice_and_hangs_up() {
    for (provider, from, rings, longest) in [
        ("twilio", twilio::NUMBER, 20, 90),
        ("vonage", twilio::NUMBER, 20, 90),
        ("aws", POOL_ARN, 0, 0),
    ] {
        let scene = calling(provider, &[]).await;
        let answer = call(&scene, PHONE).await;
        let [made] = &calls(&scene)[..] else {
            panic!("one call: {provider}")
        };
        let name = format!("{provider}_voice");
        let receipt = json!({ "provider": name, "id": made.id });
        assert_eq!((answer.status, &answer.body), (200, &receipt));
        assert_eq!(made.says, [SPOKEN, SPOKEN], "{provider}");
        assert_eq!((&*made.to, &*made.from), (PHONE, from), "{provider}");
        assert_eq!((made.rings, made.longest), (rings, longest), "{provider}");
        assert_eq!(scene.texts(), [0; 4], "{provider}");
        let line = scene.logged("sent").await;
        assert_eq!(
            (&line["provider"], &line["channel"]),
            (&json!(name), &json!("voice"))
        );
        assert_eq!(
            (&line["CallsMade"], &line["SmsSent"]),
            (&json!(1), &Value::Null)
        );
        assert!(line["segments"].is_null());
    }
}

#[tokio::test]
async fn aws_calls_without_a_secret() {
    let scene = calling("aws", &[("SMS_ROUTES", Some("*=aws"))]).await;
    assert_eq!(call(&scene, PHONE).await.status, 200);
    for provider in ["twilio", "vonage", "plivo", "clickatell"] {
        assert_eq!(scene.fetched(provider), 0, "{provider}");
    }
}

/// Every entrance that can ask for a call, and every outcome.
#[tokio::test]
async fn every_entrance_tells_every_outcome_as_of_a_text() {
    let (refused, down) = ("no provider took the text", status(503));
    let doubt = "the text may or may not have been sent; it will not be sent again for now";
    for entrance in ["auth0", "generic", "okta"] {
        let scene = calling("twilio", &[("VOICE_PER_NUMBER_PER_HOUR", Some("1"))]).await;
        let twilio = &scene.sandbox.twilio;
        twilio.reject_calls("+4520304052", 21211);
        twilio.reject_calls("+4520304053", 21215);
        for (to, fault, status, text, okta, made) in [
            ("+4520304051", None, 200, "twilio_voice", "SUCCESSFUL", 1),
            (
                "+4520304052",
                None,
                422,
                "this number cannot receive texts",
                "FAILED",
                0,
            ),
            ("+4520304053", None, 502, refused, "FAILED", 0),
            ("+4520304054", Some(down.clone()), 502, refused, "FAILED", 0),
            (
                "+4520304055",
                Some(Fault::ResetAfter),
                504,
                doubt,
                "PENDING",
                1,
            ),
            // The same again: no second attempt.
            ("+4520304055", None, 504, doubt, "PENDING", 0),
            (
                "+46701234567",
                None,
                429,
                "texts to this country or range are not allowed",
                "FAILED",
                0,
            ),
        ] {
            if let Some(fault) = fault {
                scene.faults("twilio").next(fault);
            }
            let before = calls(&scene).len();
            let told = ask(&scene, entrance, to).await;
            let expected = match entrance {
                // Each of Okta's requests is another one.
                "okta" if status == 504 && made == 0 => (200, "FAILED"),
                "okta" => (200, okta),
                _ => (status, text),
            };
            assert_eq!(told, (expected.0, expected.1.to_owned()), "{entrance} {to}");
            assert_eq!(calls(&scene).len() - before, made, "{entrance} {to}");
        }
        let other = json!({ "recipient": "+4520304051", "text": OTHER_TEXT, "channel": "voice" });
        assert_eq!(scene.post(&other).await.status, 429, "the number's limit");
        assert_eq!(scene.texts(), [0; 4], "never a text: {entrance}");
    }
}

#[tokio::test]
async fn without_a_provider_of_calls_the_answers_are_those_of_before() {
    let scene = calling("", &[("VOICE_FROM", None)]).await;
    let text =
        "voice is not supported: this gateway sends texts; choose Text as the delivery method";
    for entrance in ["auth0", "generic"] {
        assert_eq!(
            ask(&scene, entrance, PHONE).await,
            (422, text.to_owned()),
            "{entrance}"
        );
    }
    assert_eq!(ask(&scene, "okta", PHONE).await, (200, "FAILED".to_owned()));
    scene.untouched();
}

#[tokio::test]
async fn fifty_requests_for_a_call_at_once_make_one_call() {
    let scene = Arc::new(on(Sandbox::start().await, 5, "twilio,vonage", &[]).await);
    for entrance in ["auth0", "generic", "okta"] {
        let before = calls(&scene).len();
        let mut request = scene.sandbox.okta.code_request(OTHER_PHONE, CODE);
        request["data"]["messageProfile"]["deliveryChannel"] = "CALL".into();
        let request = request.to_string();
        let asking = (0..50).map(|_| {
            let (scene, request) = (Arc::clone(&scene), request.clone());
            async move {
                if entrance == "okta" {
                    let header = ("authorization", OKTA_HOOK_TOKEN.to_owned());
                    let told = scene.post_to("okta", &[header], request).await;
                    assert!(told.body.contains("SUCCESSFUL"), "{}", told.body);
                    told.status
                } else {
                    ask(&scene, entrance, OTHER_PHONE).await.0
                }
            }
        });
        assert_eq!(at_once(asking).await, [200; 50], "{entrance}");
        assert_eq!(calls(&scene).len() - before, 1, "{entrance}");
    }
}

#[tokio::test]
async fn who_asks_for_a_text_and_then_for_a_call_gets_both_once() {
    let scene = calling("twilio", &[]).await;
    for _ in 0..2 {
        let text = scene
            .post(&json!({ "recipient": PHONE, "text": TEXT, "code": CODE }))
            .await;
        assert_eq!((text.status, text.provider()), (200, "plivo"));
        let called = call(&scene, PHONE).await;
        assert_eq!((called.status, called.provider()), (200, "twilio_voice"));
    }
    assert_eq!((calls(&scene).len(), scene.texts()), (1, [0, 0, 1, 0]));
}

#[tokio::test]
async fn words_of_the_caller_never_become_markup() {
    let words = "Code <Hangup/> & \"2. 7.\" <break time='9s'/> 'é'\u{ffff}";
    let said = "Code <Hangup/> & \"2. 7.\" <break time='9s'/> 'é'";
    for provider in ["twilio", "vonage", "aws"] {
        let scene = calling(provider, &[]).await;
        let mut body = request(PHONE);
        body["as_voice"] = words.into();
        assert_eq!(scene.post(&body).await.status, 200, "{provider}");
        assert_eq!(calls(&scene)[0].says, [said, said], "{provider}");
    }
}

#[tokio::test]
async fn a_call_speaks_the_language_of_the_request() {
    for (provider, danish, other) in [
        ("twilio", "da-DK", "sv-SE"),
        ("vonage", "da-DK", "sv-SE"),
        ("aws", "NAJA", "ASTRID"),
    ] {
        let scene = calling(provider, &[("VOICE_LANGUAGE", Some("sv-SE"))]).await;
        for (locale, to, language, says) in [
            (
                "da_DK",
                PHONE,
                danish,
                "Din kode er: 2. 7. 1. 8. 2. 8. 1. 8.",
            ),
            (
                "fi",
                OTHER_PHONE,
                other,
                "Din kod är: 2. 7. 1. 8. 2. 8. 1. 8.",
            ),
        ] {
            let mut body = request(to);
            body["language"] = locale.into();
            assert_eq!(scene.post(&body).await.status, 200);
            let made = calls(&scene).pop().unwrap();
            assert_eq!(
                (&*made.language, &*made.says[0]),
                (language, says),
                "{provider}"
            );
        }
    }
}

#[tokio::test]
async fn a_code_that_is_only_in_the_text_is_found_and_a_text_without_one_is_read_out() {
    let scene = calling("twilio", &[]).await;
    for (to, text, says) in [
        (PHONE, TEXT, SPOKEN),
        (
            OTHER_PHONE,
            "Your password was changed.",
            "Your password was changed.",
        ),
    ] {
        let body = json!({ "recipient": to, "body": text, "message_type": "voice" });
        assert_eq!(scene.post(&body).await.status, 200);
        assert_eq!(calls(&scene).pop().unwrap().says[0], says);
    }
    // Twice is too long for the request. Once is not.
    let long = format!("{}.", "& ".repeat(440));
    let body = json!({ "recipient": "+4520304051", "body": long, "message_type": "voice" });
    assert_eq!(scene.post(&body).await.status, 200);
    assert_eq!(calls(&scene).pop().unwrap().says.len(), 1);
}

#[tokio::test]
async fn calls_have_countries_and_limits_of_their_own() {
    let settings = [
        ("VOICE_COUNTRIES", Some("DK")),
        ("VOICE_PER_NUMBER_PER_HOUR", Some("2")),
        ("SMS_PER_NUMBER_PER_HOUR", Some("1")),
    ];
    let scene = calling("twilio", &settings).await;
    // An American number gets texts, but no calls, and nobody calls a premium number.
    for premium in ["+12025550123", "+4590123456"] {
        assert_eq!(call(&scene, premium).await.status, 429, "{premium}");
    }
    assert_eq!(scene.send("+12025550123", TEXT).await.status, 200);
    let ask = async |code: u32| {
        let text = format!("Code {code}");
        scene
            .post(&json!({ "recipient": PHONE, "text": text, "channel": "voice" }))
            .await
            .status
    };
    assert_eq!(
        scene.send(PHONE, TEXT).await.status,
        200,
        "a text is no call"
    );
    let statuses = [
        ask(10_000_001).await,
        ask(10_000_002).await,
        ask(10_000_003).await,
    ];
    assert_eq!(statuses, [200, 200, 429]);
    let line = scene.logged("rate_limited").await;
    assert_eq!(line["limit"], "VOICE_PER_NUMBER_PER_HOUR");
    assert_eq!(calls(&scene).len(), 2);
    assert_eq!(scene.counted("rate#code-call#+45").await, [2]);
}

#[tokio::test]
async fn a_refused_call_goes_to_the_next_provider_and_costs_no_count_if_all_refuse() {
    let scene = calling("twilio,vonage,aws", &[]).await;
    scene.sandbox.twilio.reject_calls(PHONE, 21215);
    scene.faults("vonage").next(status(429));
    let answer = call(&scene, PHONE).await;
    assert_eq!((answer.status, answer.provider()), (200, "aws_voice"));
    scene.faults("twilio").always(Some(status(503)));
    scene.faults("vonage").always(Some(status(401)));
    let blocked = (
        "ServiceQuotaExceededException",
        "DAILY_DESTINATION_CALL_LIMIT",
    );
    scene
        .sandbox
        .aws_sms
        .reject(OTHER_PHONE, blocked.0, blocked.1, "");
    assert_eq!(call(&scene, OTHER_PHONE).await.status, 502);
    assert_eq!(scene.counted("rate#code-call#+4531415161").await, [0]);
    assert_eq!(calls(&scene).len(), 1);
}

/// What calls do says nothing of texts.
#[tokio::test]
async fn a_provider_that_fails_calls_still_sends_texts_first() {
    let settings = [("SMS_ROUTES", Some("*=twilio,plivo"))];
    let scene = calling("twilio,vonage", &settings).await;
    scene.faults("twilio").times(3, || status(503));
    for n in 0..3 {
        let to = format!("+452030406{n}");
        assert_eq!(call(&scene, &to).await.provider(), "vonage_voice", "{n}");
    }
    assert_eq!(call(&scene, "+4520304063").await.provider(), "vonage_voice");
    assert_eq!(scene.asked()[0], 3, "what is broken is left alone");
    assert_eq!(scene.send(PHONE, OTHER_TEXT).await.provider(), "twilio");
}

#[tokio::test]
async fn the_end_of_a_call_is_asked_for_without_the_code_in_an_address() {
    for provider in ["twilio", "vonage", "aws"] {
        let url = "https://receipts.acme.example/base";
        let scene = calling(provider, &[("DELIVERY_URL", Some(url))]).await;
        assert_eq!(call(&scene, PHONE).await.status, 200);
        let made = calls(&scene).remove(0);
        let reference = match &made.receipt_url {
            Some(told) => {
                let base = format!("{url}/{provider}/");
                let rest = told.strip_prefix(&base).unwrap();
                rest.split('#').next().unwrap().to_owned()
            }
            None => made.reference.clone().unwrap(),
        };
        assert!(
            reference.starts_with("code-") && reference.len() == 27,
            "{reference}"
        );
        assert_eq!(scene.items("sent#code#").await.len(), 1);
    }
}
