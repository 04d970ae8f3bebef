//! Amazon Cognito invokes the function itself, with encrypted codes.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sandbox::Sandbox;
use sandbox::aws::KEY_ARN;
use sandbox::cognito::POOL;
use sandbox::lambda::InvokeError;
use sandbox::scene::at_once;
use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{OTHER_PHONE, PHONE, Scene, number, says, status};

const CODE: &str = "27182818";
const TRIGGERS: [&str; 7] = [
    "SignUp",
    "ForgotPassword",
    "ResendCode",
    "VerifyUserAttribute",
    "UpdateUserAttribute",
    "Authentication",
    "AdminCreateUser",
];

impl Scene {
    /// An event of a person who signs in.
    fn sign_in(&self) -> Value {
        self.event("Authentication", PHONE, None)
    }

    fn event(&self, trigger: &str, phone: &str, locale: Option<&str>) -> Value {
        self.mark(CODE);
        self.mark(phone);
        self.sandbox.cognito.event(trigger, phone, CODE, locale)
    }

    /// The error type of a failed invocation.
    pub(crate) async fn take(&self, event: &Value) -> Result<(), String> {
        match self.lambda.invoke(event.clone()).await {
            Ok(answer) => {
                assert_eq!(answer, json!({}));
                Ok(())
            }
            Err(InvokeError::Function { kind, message }) => {
                self.assert_unmarked(&message);
                Err(kind)
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn bodies(&self) -> Vec<String> {
        let messages = self.sandbox.twilio.messages();
        messages.into_iter().map(|message| message.body).collect()
    }

    fn asked_kms(&self) -> usize {
        self.sandbox.aws.kms().exchanges().len()
    }
}

fn failed(kind: &str) -> Result<(), String> {
    Err(kind.to_owned())
}

#[tokio::test]
async fn each_trigger_has_its_text_and_its_life() {
    let scene = Scene::through("twilio").await;
    for trigger in TRIGGERS {
        let event = scene.event(trigger, PHONE, None);
        assert_eq!(scene.take(&event).await, Ok(()), "{trigger}");
    }
    let messages = scene.sandbox.twilio.messages();
    let sent = messages
        .iter()
        .map(|message| (message.body.as_str(), message.validity));
    // Twilio keeps no text for longer than ten hours.
    let [minutes, hour, longest] = [180, 3_600, 36_000].map(|s| Some(Duration::from_secs(s)));
    let expected = [
        ("Your code to confirm your account is 27182818", longest),
        ("Your password reset code is 27182818", hour),
        ("Your code to confirm your account is 27182818", longest),
        (
            "Your code to confirm your phone number is 27182818",
            longest,
        ),
        (
            "Your code to confirm your phone number is 27182818",
            longest,
        ),
        ("Your code to sign in is 27182818", minutes),
        ("Your temporary password is 27182818", longest),
    ];
    assert_eq!(sent.collect::<Vec<_>>(), expected);
    assert!(messages.iter().all(|message| message.to == PHONE));
    let line = scene.logged("sent").await;
    assert_eq!(
        (&line["kind"], &line["status"], &line["SmsSent"]),
        (&json!("SignUp"), &json!(200), &json!(1))
    );
    assert_eq!(line["phone"], "+45••••4050");
}

#[tokio::test]
async fn a_user_is_texted_in_the_language_of_the_user() {
    let texts = r#"{"default":"{code} it is","da":{"default":"Din kode er {code}"},"da:Authentication":"Log ind med {code}"}"#;
    let overrides = [
        ("SMS_ROUTES", Some("*=twilio")),
        ("COGNITO_TEXTS", Some(texts)),
    ];
    let scene = Scene::with(&overrides).await;
    for (trigger, locale) in [
        ("Authentication", Some("da-DK")),
        ("SignUp", Some("da")),
        ("SignUp", Some("de")),
        ("SignUp", None),
        ("AdminCreateUser", Some("da")),
    ] {
        let event = scene.event(trigger, PHONE, locale);
        assert_eq!(scene.take(&event).await, Ok(()));
    }
    let expected = [
        "Log ind med 27182818",
        "Din kode er 27182818",
        "27182818 it is",
        "27182818 it is",
        "Your temporary password is 27182818",
    ];
    assert_eq!(scene.bodies(), expected);
}

#[tokio::test]
async fn without_texts_of_the_settings_the_catalogue_s_are_in_the_user_s_language() {
    let settings = [("SMS_ROUTES", Some("*=twilio")), ("LANGUAGES", Some("all"))];
    let scene = Scene::with(&settings).await;
    for (trigger, locale) in [
        ("Authentication", Some("fr-FR")),
        ("Authentication", None),
        ("SignUp", Some("tlh")),
        ("ForgotPassword", Some("en_US")),
    ] {
        let event = scene.event(trigger, PHONE, locale);
        assert_eq!(scene.take(&event).await, Ok(()));
    }
    let expected = [
        "Votre code de connexion est 27182818",
        "Din kode til at logge ind er 27182818",
        "Din kode til at bekræfte din konto er 27182818",
        "Your password reset code is 27182818",
    ];
    assert_eq!(scene.bodies(), expected);
}

#[tokio::test]
async fn a_temporary_password_arrives_as_it_must_be_typed() {
    let scene = Scene::through("twilio").await;
    let escaped = "Tmp&lt;8&gt;&amp;xYz!27";
    scene.mark(escaped);
    scene.mark("xYz!27");
    let cognito = &scene.sandbox.cognito;
    let event = cognito.event("AdminCreateUser", PHONE, escaped, None);
    assert_eq!(scene.take(&event).await, Ok(()));
    assert_eq!(scene.bodies(), ["Your temporary password is Tmp<8>&xYz!27"]);
}

#[tokio::test]
async fn a_pool_that_is_not_listed_is_refused_before_kms_is_asked() {
    let scene = Scene::with(&[("COGNITO_POOLS", Some("eu-west-1_OTHER, us-east-1_OTHER"))]).await;
    let event = scene.sign_in();
    let mut poolless = event.clone();
    poolless["userPoolId"] = Value::Null;
    for event in [event, poolless] {
        assert_eq!(scene.take(&event).await, failed("unknown_pool"));
    }
    assert_eq!(scene.asked_kms(), 0);
    scene.untouched();
}

/// An event that says that it is from a listed pool, with a code of another one.
#[tokio::test]
async fn a_code_of_another_pool_is_refused_before_kms_is_asked() {
    let pools = format!("eu-west-1_OTHER,{POOL}");
    let scene = Scene::with(&[("COGNITO_POOLS", Some(&pools))]).await;
    let mut event = scene.sign_in();
    event["userPoolId"] = json!("eu-west-1_OTHER");
    assert_eq!(scene.take(&event).await, failed("unreadable_code"));
    assert_eq!(scene.asked_kms(), 0);
    scene.untouched();
}

#[tokio::test]
async fn a_code_under_another_key_is_refused_before_kms_is_asked() {
    let sandbox = Sandbox::start().await;
    let other = sandbox.aws.create_key();
    let scene = Scene::on(sandbox, 1, &[("COGNITO_KEY_ARN", Some(&other))]).await;
    assert_eq!(
        scene.take(&scene.sign_in()).await,
        failed("unreadable_code")
    );
    let line = scene.logged("unreadable_code").await;
    assert_eq!(line["error"], "the message is for another KMS key");
    assert_eq!(scene.asked_kms(), 0);
    scene.untouched();
}

#[tokio::test]
async fn a_code_that_was_changed_is_not_sent() {
    let scene = Scene::through("twilio").await;
    let event = scene.sign_in();
    let code = event["request"]["code"].as_str().unwrap();
    let genuine = BASE64_STANDARD.decode(code).unwrap();
    let changed = |bytes: Vec<u8>| {
        let mut event = event.clone();
        event["request"]["code"] = BASE64_STANDARD.encode(bytes).into();
        event
    };
    // The final frame is before the signature: its IV, and the code's own bytes.
    let frame = genuine.windows(4).rposition(|four| four == [0xff; 4]);
    let frame = frame.unwrap();
    for at in [4, frame + 8, frame + 24, frame + 30] {
        let mut bytes = genuine.clone();
        bytes[at] ^= 1;
        let outcome = scene.take(&changed(bytes)).await;
        assert_eq!(outcome, failed("unreadable_code"), "byte {at}");
    }
    for length in [0, 1, 100, frame + 20] {
        let outcome = scene.take(&changed(genuine[..length].to_vec())).await;
        let kind = if length == 0 {
            "malformed_event"
        } else {
            "unreadable_code"
        };
        assert_eq!(outcome, failed(kind), "{length} bytes");
    }
    scene.untouched();
    assert_eq!(scene.take(&event).await, Ok(()));
}

/// As `LocalStack` makes them.
#[tokio::test]
async fn a_code_of_another_suite_is_named() {
    let scene = Scene::through("twilio").await;
    let mut event = scene.sign_in();
    let message = [&[2, 5, 0x78][..], &[0; 200]].concat();
    event["request"]["code"] = BASE64_STANDARD.encode(message).into();
    assert_eq!(scene.take(&event).await, failed("unreadable_code"));
    let line = scene.logged("unreadable_code").await;
    assert!(line["error"].as_str().unwrap().contains("suite 0578"));
    assert_eq!((scene.asked_kms(), scene.asked()), (0, [0; 4]));
}

#[tokio::test]
async fn what_kms_does_not_decrypt_now_is_sent_by_the_retry() {
    let scene = Scene::through("twilio").await;
    let event = scene.sign_in();
    scene.kms().refuse(true);
    assert_eq!(scene.take(&event).await, failed("kms_unavailable"));
    scene.kms().refuse(false);
    scene.sandbox.aws.enable_key(KEY_ARN, false);
    assert_eq!(scene.take(&event).await, failed("kms_refused"));
    let line = scene.logged("kms_refused").await;
    assert_eq!(line["error"], "KMS: Decrypt: DisabledException");
    scene.sandbox.aws.enable_key(KEY_ARN, true);
    let denied = json!({ "__type": "AccessDeniedException" }).to_string();
    scene.kms().next(says(400, &denied));
    assert_eq!(scene.take(&event).await, failed("kms_refused"));
    scene.untouched();
    assert_eq!(scene.take(&event).await, Ok(()));
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_code_that_no_provider_took_is_sent_by_the_retry() {
    let scene = Scene::through("twilio,vonage").await;
    let event = scene.sign_in();
    for provider in ["twilio", "vonage"] {
        scene.faults(provider).next(status(429));
    }
    assert_eq!(scene.take(&event).await, failed("all_refused"));
    let line = scene.logged("all_refused").await;
    assert_eq!(
        (&line["SmsFailed"], &line["ProviderFailover"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(scene.take(&event).await, Ok(()));
    assert_eq!(scene.take(&event).await, Ok(()));
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
    assert_eq!(scene.counted(&format!("rate#code#{PHONE}")).await, [1]);
}

#[tokio::test]
async fn without_the_table_or_the_secrets_the_retry_sends_it() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.secrets().faults().refuse(true);
    let scene = Scene::on(sandbox, 1, &[("SMS_ROUTES", Some("*=twilio"))]).await;
    let event = scene.sign_in();
    assert_eq!(scene.take(&event).await, failed("secret_unavailable"));
    scene.secrets().refuse(false);
    scene.dynamodb().refuse(true);
    assert_eq!(scene.take(&event).await, failed("table_unavailable"));
    scene.dynamodb().refuse(false);
    assert_eq!(scene.asked(), [0; 4]);
    assert_eq!(scene.take(&event).await, Ok(()));
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
}

/// Also after the cooldown: Lambda may come later.
#[tokio::test]
async fn a_code_that_may_have_been_sent_is_never_sent_again() {
    let overrides = [
        ("SMS_ROUTES", Some("*=twilio,vonage")),
        ("RESEND_COOLDOWN_SECONDS", Some("1")),
    ];
    let scene = Scene::with(&overrides).await;
    let event = scene.sign_in();
    scene.faults("twilio").next(status(500));
    assert_eq!(scene.take(&event).await, Ok(()));
    let line = scene.logged("outcome_unknown").await;
    assert_eq!(
        (&line["level"], &line["Failed"]),
        (&json!("ERROR"), &json!(1))
    );
    let entry = scene.items("sent#").await.pop().unwrap();
    let remembered = entry.get("forgotten_at").unwrap_or(&entry["expires_at"]);
    let now = sandbox::now().as_secs();
    assert!(number(remembered) > now + 5 * 3_600, "{entry}");
    assert_eq!(scene.take(&event).await, Ok(()));
    assert_eq!(scene.asked(), [1, 0, 0, 0]);
}

#[tokio::test]
async fn what_a_retry_cannot_help_is_no_error() {
    let overrides = [
        ("SMS_ROUTES", Some("*=twilio")),
        ("ALLOWED_COUNTRIES", Some("DK,DE")),
        ("SMS_PER_NUMBER_PER_HOUR", Some("1")),
    ];
    let scene = Scene::with(&overrides).await;
    scene.faults("twilio").next(says(400, r#"{"code":21211}"#));
    for (phone, outcome) in [
        (OTHER_PHONE, "recipient_refused"),
        (PHONE, "sent"),
        (PHONE, "rate_limited"),
        ("+15005550006", "country_not_allowed"),
        ("+45123", "impossible_number"),
        ("20304050", "impossible_number"),
    ] {
        let event = scene.event("SignUp", phone, None);
        assert_eq!(scene.take(&event).await, Ok(()), "{outcome}");
        scene.logged(outcome).await;
    }
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
}

#[tokio::test]
async fn fifty_copies_over_four_processes_are_one_text() {
    let sandbox = Sandbox::start().await;
    let scene = Arc::new(Scene::on(sandbox, 4, &[("SMS_ROUTES", Some("*=twilio"))]).await);
    let pause = Fault::Delay(Duration::from_millis(300));
    scene.faults("twilio").next(pause);
    let event = scene.sign_in();
    let taking = (0..50).map(|_| {
        let (scene, event) = (Arc::clone(&scene), event.clone());
        async move { scene.take(&event).await }
    });
    let taken = at_once(taking).await;
    assert_eq!(taken, vec![Ok(()); 50]);
    assert_eq!((scene.texts(), scene.asked()), ([1, 0, 0, 0], [1, 0, 0, 0]));
    assert_eq!(scene.counted(&format!("rate#code#{PHONE}")).await, [1]);
    // The same digits, encrypted anew, are another code.
    assert_eq!(scene.take(&scene.sign_in()).await, Ok(()));
    assert_eq!(scene.texts(), [2, 0, 0, 0]);
}

#[tokio::test]
async fn through_the_function_url_it_is_a_request_without_a_credential() {
    let scene = Scene::through("twilio").await;
    let event = scene.sign_in();
    let json = [("content-type", "application/json")];
    let answer = scene.request("POST", "", &json, event.to_string()).await;
    assert_eq!(answer.status, 401);
    // Whatever else an event holds, with `requestContext` it is not from Cognito.
    for (context, outcome) in [
        (json!({ "http": { "method": "POST" } }), Some(401)),
        (json!({ "http": 7 }), Some(400)),
        (json!({}), None),
        (Value::Null, None),
    ] {
        let mut event = event.clone();
        event["requestContext"] = context.clone();
        event["headers"] = json!({ "content-type": "application/json" });
        match (scene.lambda.invoke(event).await, outcome) {
            (Ok(answer), Some(status)) => assert_eq!(answer["statusCode"], status, "{context}"),
            (Err(InvokeError::Function { kind, .. }), None) => assert_eq!(kind, "unknown_event"),
            (answer, _) => panic!("{context}: {answer:?}"),
        }
    }
    assert_eq!(scene.asked_kms(), 0);
    scene.untouched();
}

#[tokio::test]
async fn other_events_fail_by_their_names() {
    let scene = Scene::through("twilio").await;
    let event = scene.sign_in();
    let with = |pointer: &str, value: Value| {
        let mut event = event.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    let attributes = "/request/userAttributes";
    for (event, kind) in [
        (
            with("/triggerSource", json!("CustomSMSSender_New")),
            "unknown_trigger",
        ),
        (
            with("/triggerSource", json!("CustomMessage_SignUp")),
            "unknown_event",
        ),
        (with("/triggerSource", json!(7)), "unknown_event"),
        (
            with("/request/type", json!("customSMSSenderRequestV2")),
            "malformed_event",
        ),
        (with("/request/code", Value::Null), "malformed_event"),
        (
            with("/request/code", json!("not base64")),
            "malformed_event",
        ),
        (
            with(attributes, json!({ "email": "ann@acme.example" })),
            "malformed_event",
        ),
        (with(attributes, json!([7])), "malformed_event"),
        (with("/request", Value::Null), "malformed_event"),
    ] {
        assert_eq!(scene.take(&event).await, failed(kind), "{event}");
    }
    scene.untouched();
    assert!(scene.lambda.exits().is_empty());
}

#[tokio::test]
async fn without_pools_the_entrance_does_not_exist() {
    let overrides = [("COGNITO_POOLS", None), ("COGNITO_KEY_ARN", None)];
    let scene = Scene::with(&overrides).await;
    assert_eq!(scene.take(&scene.sign_in()).await, failed("unknown_event"));
    assert_eq!(scene.asked_kms(), 0);
}

/// Auth0's secret is not needed then.
#[tokio::test]
async fn cognito_may_be_the_only_entrance() {
    let overrides = [
        ("GATEWAY_SECRET", None),
        ("GATEWAY_AUDIENCE", None),
        ("GATEWAY_SUBJECT", None),
        ("SMS_ROUTES", Some("*=twilio")),
    ];
    let scene = Scene::with(&overrides).await;
    assert_eq!(scene.take(&scene.sign_in()).await, Ok(()));
    assert_eq!(
        scene.request("POST", "", &[], String::new()).await.status,
        404
    );
}
