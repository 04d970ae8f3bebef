//! The recorded requests in `events/`.

use std::{collections::BTreeMap, fs};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sandbox::{
    COMPANY_NUMBER, EMPLOYEE_MOBILE, Ports, Sandbox, accounts, lambda::Lambda, record,
    template::root, wire::client,
};
use serde_json::{Value, json};

use crate::{API, CALL, DELIVERY, FLOW, FORWARD, GATEWAY, IVR, PROVISION, RECEIVE, SEND, binary};

pub(crate) fn read(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(root().join("events").join(name)).unwrap()).unwrap()
}

#[tokio::test]
async fn the_files_are_what_record_writes() {
    let files = record::files().await;
    for (name, text) in &files {
        let found = fs::read_to_string(root().join("events").join(name)).unwrap_or_default();
        assert!(found == *text, "events/{name} is stale: run `cargo record`");
    }
    let found = fs::read_dir(root().join("events")).unwrap().count();
    assert_eq!(
        found,
        files.len(),
        "a file in events/ that record does not write"
    );
}

/// The files in `events/` that are requests, by function. What follows the function's name in that of
/// the file says what is special about the request.
pub(crate) fn requests(sandbox: &Sandbox) -> BTreeMap<String, Vec<String>> {
    let mut requests = BTreeMap::<_, Vec<_>>::new();
    for entry in fs::read_dir(root().join("events")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let names = sandbox.template().functions.iter().map(|found| &found.name);
        let mut of = names.filter(|name| {
            let rest = file.strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.starts_with(['-', '.']))
        });
        match of.next() {
            Some(function) => requests.entry(function.clone()).or_default().push(file),
            None => assert_eq!(file, "env.json", "the name of no function"),
        }
    }
    requests
}

/// A sandbox with everybody whom the requests are about.
pub(crate) async fn inhabited() -> Sandbox {
    let sandbox = Sandbox::start().await;
    sandbox.okta.hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    sandbox.load(&accounts::seed().unwrap()).await;
    sandbox
        .auth0
        .sign_up_caller("10042", "2718", "Ann", "ann@acme.example");
    sandbox
}

/// True for a request that is refused.
pub(crate) fn is_forged(file: &str) -> bool {
    ["forged", "tampered"]
        .iter()
        .any(|word| file.contains(word))
}

/// Of every function, also of one that has no scene below.
#[tokio::test]
async fn what_is_forged_is_refused_and_leaves_nothing_and_all_else_is_answered() {
    let sandbox = inhabited().await;
    let mut running = BTreeMap::new();
    for function in &sandbox.template().functions {
        let lambda = run(&sandbox, &function.name).await;
        // Then it has also kept the access token that it asked for.
        lambda.wait_ready().await.unwrap();
        running.insert(&function.name, lambda);
    }
    let requests = requests(&sandbox);
    assert!(requests.keys().eq(running.keys().copied()), "{requests:?}");
    let requests = requests
        .iter()
        .flat_map(|(function, files)| files.iter().map(move |file| (function, file)));
    let (forged, genuine): (Vec<_>, Vec<_>) = requests.partition(|(_, file)| is_forged(file));

    let before = sandbox.aws.items().await;
    for (function, file) in forged {
        let (status, body) = invoke(&sandbox, &running[function], file).await;
        assert!(
            [401, 403].contains(&status) && body.is_empty(),
            "{file}: {status} {body}"
        );
    }
    assert_eq!(sandbox.aws.items().await, before);
    for (function, file) in genuine {
        // What is no HTTP request has no status.
        if read(file)["requestContext"].is_object() {
            let (status, body) = invoke(&sandbox, &running[function], file).await;
            assert!((200..300).contains(&status), "{file}: {status} {body}");
        } else {
            running[function].invoke(read(file)).await.unwrap();
        }
    }
}

/// From what a container sees to this sandbox.
pub(crate) fn moved(text: &str, sandbox: &Sandbox) -> String {
    let base = Ports::USUAL.base;
    let mut servers = vec![
        (10, sandbox.twilio.server()),
        (12, sandbox.auth0.server()),
        (16, sandbox.okta.server()),
        (20, sandbox.aws.dynamodb()),
        (21, sandbox.aws.secrets()),
        (23, sandbox.aws.kms()),
    ];
    let providers = sandbox.providers();
    servers.extend(
        providers
            .iter()
            .map(|provider| (provider.port, provider.server)),
    );
    let moved = servers
        .iter()
        .fold(text.to_owned(), |text, (offset, server)| {
            text.replace(
                &format!("http://host.docker.internal:{}", base + offset),
                &server.url(),
            )
        });
    let doors = sandbox.template().functions.iter().enumerate();
    let moved = doors.fold(moved, |text, (place, function)| {
        let port = Ports::USUAL.function(place);
        let door = format!("{}/", sandbox.door(&function.name).url());
        ["127.0.0.1", "host.docker.internal"]
            .iter()
            .fold(text, |text, host| {
                text.replace(&format!("http://{host}:{port}/"), &door)
            })
    });
    assert!(!moved.contains("docker"), "{moved}");
    moved
}

/// With the variables as `sam local` sets them: the template's, those of `env.json` in their place.
pub(crate) async fn run(sandbox: &Sandbox, name: &str) -> Lambda {
    let environment = read("env.json");
    let function = sandbox.template().function(name).unwrap();
    let given: BTreeMap<&str, String> = environment[&function.logical_id]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), moved(value.as_str().unwrap(), sandbox)))
        .collect();
    for name in given.keys() {
        assert!(
            function.environment.contains_key(*name),
            "sam ignores {name}: template.yaml does not declare it"
        );
    }
    let overrides: Vec<_> = function
        .environment
        .iter()
        .map(|(name, default)| {
            (
                name.as_str(),
                given
                    .get(name.as_str())
                    .or(default.as_ref())
                    .map(String::as_str),
            )
        })
        .collect();
    sandbox
        .run_with(name, binary(name).await, 1, &overrides)
        .await
}

/// A recorded request as this sandbox would send it: to its servers, with valid tokens.
pub(crate) fn request(sandbox: &Sandbox, event: &str) -> Value {
    let mut event = read(event);
    if event["isBase64Encoded"] == true {
        let body = BASE64_STANDARD
            .decode(event["body"].as_str().unwrap())
            .unwrap();
        let fields: Vec<_> = form_urlencoded::parse(&body)
            .map(|(name, value)| (name, moved(&value, sandbox)))
            .collect();
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        event["body"] = BASE64_STANDARD.encode(body).into();
    }
    let event = record::Tokens::new(&sandbox.auth0).reissue(event.to_string().into());
    serde_json::from_slice(&event).unwrap()
}

/// Status and body.
pub(crate) async fn invoke(sandbox: &Sandbox, lambda: &Lambda, event: &str) -> (u64, String) {
    let answer = lambda.invoke(request(sandbox, event)).await.unwrap();
    (
        answer["statusCode"].as_u64().unwrap(),
        answer["body"].as_str().unwrap().to_owned(),
    )
}

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
        (vec![], 1),
        "nothing but that the text was answered"
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

#[tokio::test]
async fn the_invoke_api_takes_a_recorded_access_token() {
    let sandbox = Sandbox::start().await;
    sandbox.load(&accounts::seed().unwrap()).await;
    let _recorded = sandbox.run_recorded(API, binary(API).await, &[]).await;
    let api = format!(
        "{}/2015-03-31/functions/{API}/invocations",
        sandbox.invoke_api().url()
    );
    for (event, status) in [("secure-api.json", 200), ("secure-api-forged.json", 401)] {
        let answer = client()
            .post(&api)
            .json(&read(event))
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap();
        assert_eq!(answer["statusCode"], status, "{event}");
    }
}

/// What the Invoke API answers to a recorded event.
async fn invoked(sandbox: &Sandbox, function: &str, event: &Value) -> Value {
    let url = sandbox.invoke_api().url();
    let api = format!("{url}/2015-03-31/functions/{function}/invocations");
    let answer = client().post(api).json(event).send().await.unwrap();
    answer.json().await.unwrap()
}

/// A stack takes the text of one id once, and the request of a flow for five minutes.
#[tokio::test]
async fn recorded_events_work_in_any_order_and_again() {
    let sandbox = Sandbox::start().await;
    sandbox.okta.hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    sandbox.load(&accounts::seed().unwrap()).await;
    let mut running = vec![];
    for name in [SEND, RECEIVE, FORWARD, FLOW] {
        running.push(sandbox.run_recorded(name, binary(name).await, &[]).await);
    }
    // The protected API behind its URL, as api-call asks it.
    let _api = sandbox.run(API, binary(API).await).await;
    running.push(sandbox.run_recorded(API, binary(API).await, &[]).await);
    let answered = async |function: &str, file: &str| {
        let answer = invoked(&sandbox, function, &read(file)).await;
        assert_eq!(answer["statusCode"], 200, "{file}: {answer}");
        answer["body"].as_str().unwrap_or_default().to_owned()
    };
    let nothing = answered(RECEIVE, "receive-confirmation-sms.json").await;
    assert!(nothing.ends_with("<Response/>"), "nothing waits: {nothing}");
    answered(SEND, "send-verification-sms.json").await;
    let other = answered(RECEIVE, "receive-confirmation-sms-wrong-word.json").await;
    let again = answered(RECEIVE, "receive-confirmation-sms-wrong-word.json").await;
    assert!(other.contains("Try again."), "{other}");
    assert_eq!(other, again, "another text with the same words");
    // The tenant does not know this person, so the answer is about that. But there is one.
    let yes = answered(RECEIVE, "receive-confirmation-sms.json").await;
    assert!(
        yes.contains("<Message>"),
        "the same text after the mail: {yes}"
    );
    for _ in 0..3 {
        let sent = answered(FORWARD, "sms-forward.json").await;
        assert!(sent.contains("Are you in the office today?"), "{sent}");
        let found = answered(FLOW, "api-call.json").await;
        assert!(found.contains("10042"), "{found}");
    }
    let forged = invoked(&sandbox, FORWARD, &read("sms-forward-forged.json")).await;
    assert_eq!(forged["statusCode"], 403);
    // For a function in a container, the program makes them.
    let file = fs::read_to_string(root().join("events/sms-forward.json")).unwrap();
    let fresh: Value = serde_json::from_str(&record::fresh(&file)).unwrap();
    assert_ne!(fresh["body"], read("sms-forward.json")["body"]);
    let sent = invoked(&sandbox, FORWARD, &fresh).await;
    assert_eq!(sent["statusCode"], 200, "{sent}");
    let forged = fs::read_to_string(root().join("events/sms-forward-forged.json")).unwrap();
    let same: Value = serde_json::from_str(&record::fresh(&forged)).unwrap();
    assert_eq!(same, read("sms-forward-forged.json"));
}

#[tokio::test]
async fn the_invoke_api_takes_them_while_the_function_url_takes_its_own() {
    let sandbox = Sandbox::start().await;
    let url = sandbox.run(SEND, binary(SEND).await).await;
    let recorded = sandbox.run_recorded(SEND, binary(SEND).await, &[]).await;
    let invoke = |name: &str| {
        let api = format!(
            "{}/2015-03-31/functions/{SEND}/invocations",
            sandbox.invoke_api().url()
        );
        let event = read(name);
        async move {
            client()
                .post(api)
                .json(&event)
                .send()
                .await
                .unwrap()
                .json::<Value>()
                .await
                .unwrap()
        }
    };
    assert_eq!(
        invoke("send-verification-sms.json").await["statusCode"],
        200
    );
    assert_eq!(
        invoke("send-verification-sms-forged.json").await["statusCode"],
        401
    );
    assert_eq!(
        (
            sandbox.twilio.messages().len(),
            recorded.log().len(),
            url.log().len()
        ),
        (1, 2, 0)
    );
    let user = sandbox.auth0.sign_up("acme+4512345678@sms.example.com");
    assert!(
        sandbox
            .mailgun
            .receive(&sandbox.auth0.mail_password(&user).mail)
            .await
            .done
    );
    url.wait_log(|line| line.contains("\"sent\"")).await;
}
