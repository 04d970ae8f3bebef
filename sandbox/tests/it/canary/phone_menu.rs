//! The phone menu, a Studio flow, and the protected API behind both.

use sandbox::IVR_NUMBER;
use sandbox::accounts::{Account, Amount};
use sandbox::auth0::Signer;
use sandbox::wire::{Fault, client};
use serde_json::json;

use super::company_phone::upstream_faults;
use super::watch::{Canary, malformed, quoting};
use super::{ACCOUNTS, IVR_TOKEN, PHONES, PIN, STUDIO_TOKEN, WORD};
use crate::{API, FLOW, IVR};

/// The phone menu, a Studio flow, and the protected API behind both.
pub(super) async fn asking(canary: &mut Canary) {
    let sandbox = &canary.sandbox;
    let balance = Amount {
        amount: "1.00".to_owned(),
        currency: WORD.to_owned(),
    };
    let account = Account {
        account_number: ACCOUNTS[0].to_owned(),
        name: Some(WORD.to_owned()),
        phone: Some(PHONES[0].to_owned()),
        balance: Some(balance),
        payments: vec![],
    };
    sandbox.load(&[account]).await;
    let caller = |account, name| {
        sandbox
            .auth0
            .sign_up_caller(account, PIN, WORD, &format!("{WORD}{name}@acme.example"))
    };
    caller(ACCOUNTS[0], "1");
    caller(ACCOUNTS[1], "2");
    caller(ACCOUNTS[1], "3");
    sandbox.auth0.block(&caller(ACCOUNTS[2], "4"), true);

    let api = canary.run(API, &[]).await;
    let flow = canary.run(FLOW, &[]).await;
    let settings = [("PIN_LENGTH", Some("12")), ("PIN_ATTEMPTS", Some("1"))];
    let ivr = canary.run_many(IVR, 4, &settings).await; // refusals take their time
    validating(canary, ivr.url()).await;
    calling_the_menu(canary, ivr.url()).await;
    flowing(canary, flow.url()).await;
    asking_the_api(canary, api.url()).await;
    for lambda in [&api, &flow, &ivr] {
        for event in malformed() {
            let _answer_or_error = lambda.invoke(event).await;
        }
    }
    canary.collect(API, api, malformed().len()).await;

    // Nobody is behind the API's door any more.
    let door = canary.sandbox.door(API);
    for fault in upstream_faults() {
        door.faults().next(fault);
        canary
            .sandbox
            .twilio
            .post_call(
                vec![("account_number".into(), ACCOUNTS[0].into())],
                flow.url(),
            )
            .await;
        door.faults().clear();
    }
    canary
        .sandbox
        .twilio
        .caller(PHONES[0])
        .keys([ACCOUNTS[0], PIN, "1", "9"])
        .call(IVR_NUMBER)
        .await;
    canary.sandbox.twilio.alerts();
    canary.collect(FLOW, flow, malformed().len()).await;
    canary.collect(IVR, ivr, malformed().len()).await;
}

async fn validating(canary: &Canary, url: &str) {
    let url = &format!("{url}validate");
    let ask = |token: &str, account: &str, pin: &str, caller: &str| {
        let form = [
            ("account_number", account),
            ("pin", pin),
            ("caller", caller),
        ];
        let request = client().post(url).bearer_auth(token).form(&form);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(ask(IVR_TOKEN, ACCOUNTS[0], PIN, PHONES[0]).await, 200);
    let wrong = PIN.chars().rev().collect::<String>();
    tokio::join!(
        ask(IVR_TOKEN, ACCOUNTS[0], &wrong, PHONES[1]),
        ask(IVR_TOKEN, ACCOUNTS[1], PIN, PHONES[2]),
        ask(IVR_TOKEN, ACCOUNTS[2], PIN, PHONES[3]),
        ask(IVR_TOKEN, ACCOUNTS[3], PIN, WORD),
    );
    tokio::join!(
        ask(IVR_TOKEN, ACCOUNTS[0], PIN, PHONES[1]),
        ask(IVR_TOKEN, WORD, WORD, WORD),
        ask(WORD, WORD, WORD, WORD)
    );
    for server in [canary.sandbox.auth0.server(), canary.sandbox.aws.dynamodb()] {
        for fault in [quoting(500), quoting(400), quoting(200), Fault::Garbage] {
            server.faults().always(Some(fault));
            tokio::join!(
                ask(IVR_TOKEN, ACCOUNTS[0], PIN, PHONES[4]),
                canary
                    .sandbox
                    .twilio
                    .caller(PHONES[5])
                    .keys([ACCOUNTS[0], PIN])
                    .hangs_up_after_keys()
                    .call(IVR_NUMBER),
            );
            server.faults().clear();
        }
    }
    client()
        .post(url)
        .form(&[("pin", PIN)])
        .send()
        .await
        .unwrap();
}

async fn calling_the_menu(canary: &Canary, url: &str) {
    let twilio = &canary.sandbox.twilio;
    let call = twilio
        .caller(PHONES[0])
        .keys([ACCOUNTS[0], PIN, "1", "2", "5", "9"])
        .call(IVR_NUMBER)
        .await;
    assert!(call.heard.concat().contains(WORD), "{call:?}");
    let digits = |keys: &str| {
        let mut params = twilio.inbound_call(PHONES[6], IVR_NUMBER);
        params.push(("Digits".to_owned(), keys.to_owned()));
        params
    };
    twilio
        .post_call(digits(PIN), &format!("{url}voice/pin"))
        .await;
    twilio
        .post_call(digits(WORD), &format!("{url}voice/account"))
        .await;
    twilio
        .post_call_signed(digits(PIN), &format!("{url}voice/pin"), WORD)
        .await;
}

async fn flowing(canary: &Canary, url: &str) {
    let twilio = &canary.sandbox.twilio;
    for (name, value) in [
        ("account_number", ACCOUNTS[0]),
        ("account_number", ACCOUNTS[3]),
        (WORD, WORD),
        ("account_number", WORD),
    ] {
        twilio
            .post_call(vec![(name.to_owned(), value.to_owned())], url)
            .await;
    }
    let post = |token: &str| {
        client()
            .post(url)
            .basic_auth(WORD, Some(token))
            .json(&json!({ "account_number": ACCOUNTS[0] }))
    };
    assert_eq!(post(STUDIO_TOKEN).send().await.unwrap().status(), 200);
    assert_eq!(post(WORD).send().await.unwrap().status(), 401);
    let garbled = client()
        .post(url)
        .bearer_auth(STUDIO_TOKEN)
        .header("content-type", "application/json")
        .body(WORD);
    assert_eq!(garbled.send().await.unwrap().status(), 400);
}

async fn asking_the_api(canary: &Canary, url: &str) {
    let auth0 = &canary.sandbox.auth0;
    let good = auth0.mint(json!({}), json!({}), Signer::Current);
    let get = |path: String, token: &str| {
        let request = client().get(format!("{url}{path}")).bearer_auth(token);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let path = format!("accounts/{}", ACCOUNTS[0]);
    assert_eq!(get(path.clone(), &good).await, 200);
    assert_eq!(
        get(format!("accounts?phone=%2B{}", &PHONES[0][1..]), &good).await,
        200
    );
    assert_eq!(get(format!("accounts?phone={WORD}"), &good).await, 400);
    assert_eq!(get(format!("accounts/{WORD}"), &good).await, 404);
    for (claims, header, signer) in [
        (json!({ "scope": WORD }), json!({}), Signer::Current),
        (
            json!({ "iss": WORD, "sub": WORD }),
            json!({}),
            Signer::Current,
        ),
        (json!({}), json!({ "kid": WORD }), Signer::Current),
        (json!({}), json!({}), Signer::Stranger),
        (json!({}), json!({ "alg": WORD }), Signer::Nobody),
    ] {
        assert!([401, 403].contains(&get(path.clone(), &auth0.mint(claims, header, signer)).await));
    }
    for fault in [quoting(500), quoting(400), Fault::Garbage] {
        canary.sandbox.aws.dynamodb().faults().always(Some(fault));
        assert_eq!(get(path.clone(), &good).await, 503);
        canary.sandbox.aws.dynamodb().faults().clear();
    }
}
