//! The account's numbers: lists over pages, searches, one purchase, and what an answer proves.

use std::time::SystemTime;

use sandbox::wire::Fault;
use sandbox::{Sandbox, twilio};
use serde_json::{Value, json};
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;
use shared::rules::phone::E164;
use shared::vendors::twilio::number::{Available, Webhooks};
use shared::vendors::twilio::numbers::{CallError, Numbers};

const NAME: &str = "switchboard:00u1";

async fn setup() -> (Sandbox, Numbers) {
    let sandbox = Sandbox::start().await;
    let numbers = numbers(&sandbox);
    (sandbox, numbers)
}

fn numbers(sandbox: &Sandbox) -> Numbers {
    let http = crate::client();
    let secret = Secret::new(
        "switchboard/twilio".to_owned(),
        crate::aws(sandbox).secrets_manager(&http),
    );
    Numbers::new(http, sandbox.twilio.server().url().parse().unwrap(), secret)
}

fn webhooks() -> Webhooks {
    Webhooks {
        voice_url: "https://x.on.aws/#rc=3&rp=5xx,ct,rt".to_owned(),
        status_url: "https://x.on.aws/status#rc=3&rp=5xx,ct,rt".to_owned(),
        sms_url: "https://y.on.aws/".to_owned(),
    }
}

fn number(text: &str) -> E164 {
    text.parse().unwrap()
}

async fn buy(numbers: &Numbers) -> Result<E164, CallError> {
    numbers
        .buy(&number("+14155550101"), NAME, &webhooks(), now())
        .await
        .map(|owned| owned.number)
}

#[tokio::test]
async fn a_number_is_found_bought_found_again_and_released() {
    let (sandbox, numbers) = setup().await;
    let found = numbers.search("US", "415", 20, now()).await.unwrap();
    assert_eq!(
        (found.len(), &found[0]),
        (
            20,
            &Available {
                number: number("+14155550100"),
                needs_address: false
            }
        )
    );
    let bought = numbers
        .buy(&found[0].number, NAME, &webhooks(), now())
        .await
        .unwrap();
    assert!(bought.has_webhooks(&webhooks()) && bought.name == NAME);
    assert_eq!(
        numbers.list(Some(NAME), now()).await.unwrap().as_slice(),
        std::slice::from_ref(&bought)
    );
    assert_eq!(numbers.get(&bought.sid, now()).await.unwrap(), bought);
    assert_eq!(numbers.release(&bought.sid, now()).await, Ok(()));
    assert_eq!(
        numbers.release(&bought.sid, now()).await,
        Err(CallError::NotFound)
    );
    assert_eq!(numbers.list(Some(NAME), now()).await.unwrap(), []);
    assert_eq!(sandbox.twilio.purchases(), 1);
}

#[tokio::test]
async fn what_stands_in_the_way_of_the_webhooks_is_taken_away() {
    let (sandbox, numbers) = setup().await;
    let application = format!("AP{}", "0".repeat(32));
    for fields in [
        ("VoiceUrl", "https://old.example/"),
        ("StatusCallback", ""),
        ("StatusCallback", "https://old.example/status"),
        ("StatusCallbackMethod", "GET"),
        ("SmsMethod", "GET"),
        ("VoiceApplicationSid", application.as_str()),
    ] {
        let sid = sandbox.twilio.own("+14155550100", &[fields]);
        let owned = numbers.get(&sid, now()).await.unwrap();
        assert!(!owned.has_webhooks(&webhooks()), "{fields:?}");
        assert!(
            numbers
                .set_webhooks(&owned, &webhooks(), now())
                .await
                .unwrap()
                .has_webhooks(&webhooks()),
            "{fields:?}"
        );
    }
}

#[tokio::test]
async fn lists_are_read_to_their_end_and_never_elsewhere() {
    let (sandbox, numbers) = setup().await;
    for n in 0..5 {
        sandbox.twilio.own(&format!("+1415555015{n}"), &[]);
    }
    sandbox.twilio.set_page_size(2);
    assert_eq!(
        numbers.list(None, now()).await.unwrap().len(),
        sandbox.twilio.owned().len()
    );
    let page =
        |next: Value| json!({ "incoming_phone_numbers": [], "next_page_uri": next }).to_string();
    for next in [
        "https://elsewhere.example/2010-04-01/Accounts/x/IncomingPhoneNumbers.json?Page=1",
        "//elsewhere.example/?Page=1",
        "x",
    ] {
        sandbox.twilio.server().faults().next(Fault::Answer {
            status: 200,
            headers: vec![],
            body: page(json!(next)),
        });
        assert!(
            matches!(numbers.list(None, now()).await, Err(CallError::Unknown(_))),
            "{next}"
        );
    }
    let same = format!(
        "/2010-04-01/Accounts/{}/IncomingPhoneNumbers.json?PageSize=1000&Page=1",
        twilio::ACCOUNT_SID
    );
    sandbox
        .twilio
        .server()
        .faults()
        .times(60, || Fault::Answer {
            status: 200,
            headers: vec![],
            body: page(json!(same)),
        });
    assert!(
        matches!(numbers.list(None, now()).await, Err(CallError::Unknown(_))),
        "a list without an end"
    );
    assert!(sandbox.twilio.server().faults().pending() > 50);
}

#[tokio::test]
async fn outside_north_america_numbers_are_searched_by_their_first_digits() {
    let (_sandbox, numbers) = setup().await;
    let found = numbers.search("DK", "4520", 20, now()).await.unwrap();
    assert!(
        !found.is_empty()
            && found
                .iter()
                .all(|found| found.needs_address && found.number.reveal().starts_with("+4520"))
    );
    assert_eq!(numbers.search("DK", "4599", 20, now()).await, Ok(vec![]));
}

/// What is searched for may stand elsewhere in a number.
#[tokio::test]
async fn numbers_that_do_not_begin_as_asked_are_left_out() {
    let (sandbox, numbers) = setup().await;
    let entry = |number: &str| json!({ "phone_number": number, "address_requirements": "none" });
    let page = |numbers: &[&str]| {
        let entries: Vec<Value> = numbers.iter().map(|number| entry(number)).collect();
        Fault::Answer {
            status: 200,
            headers: vec![],
            body: json!({ "available_phone_numbers": entries }).to_string(),
        }
    };
    for (country, prefix, offered, kept) in [
        (
            "US",
            "415",
            &["+16284150100", "+4541555010", "+14155550101"][..],
            "+14155550101",
        ),
        (
            "CA",
            "416",
            &["+14155550416", "+14165550101"],
            "+14165550101",
        ),
        (
            "DK",
            "4520",
            &["+4530452000", "+14520555010", "+4520550100"],
            "+4520550100",
        ),
    ] {
        sandbox.twilio.server().faults().next(page(offered));
        sandbox.twilio.server().faults().next(page(&[])); // of mobile numbers, where there is such a list
        let found = numbers.search(country, prefix, 20, now()).await.unwrap();
        assert_eq!(
            found,
            [Available {
                number: number(kept),
                needs_address: false
            }],
            "{country} {prefix}"
        );
        sandbox.twilio.server().faults().clear();
    }
}

#[tokio::test]
async fn an_answer_says_whether_a_purchase_may_have_been_made() {
    let (sandbox, numbers) = setup().await;
    let answer = |status: u16, body: &str| Fault::Answer {
        status,
        headers: vec![],
        body: body.to_owned(),
    };
    let unknown = |result: &Result<E164, CallError>| matches!(result, Err(CallError::Unknown(_)));
    for fault in [
        answer(500, ""),
        answer(503, ""),
        answer(201, "<html>"),
        answer(201, "{}"),
        Fault::ResetBefore,
    ] {
        sandbox.twilio.server().faults().next(fault.clone());
        assert!(unknown(&buy(&numbers).await), "{fault:?}");
    }
    for (fault, expected) in [
        (answer(429, ""), CallError::RateLimited),
        (
            answer(400, r#"{"code":21422,"message":"x"}"#),
            CallError::Refused(21422),
        ),
        (answer(400, "<html>"), CallError::Refused(0)),
        (answer(404, ""), CallError::NotFound),
        (answer(302, ""), CallError::NotDone("status 302".to_owned())),
    ] {
        sandbox.twilio.server().faults().next(fault);
        assert_eq!(buy(&numbers).await, Err(expected));
    }
    sandbox.twilio.server().faults().refuse(true);
    // Without a connection from before, which might have carried it.
    assert!(matches!(
        buy(&self::numbers(&sandbox)).await,
        Err(CallError::NotDone(_))
    ));
    sandbox.twilio.server().faults().refuse(false);
    sandbox.twilio.server().faults().next(Fault::ResetAfter);
    assert!(unknown(&buy(&numbers).await));
    assert_eq!(
        buy(&numbers).await,
        Err(CallError::Refused(21422)),
        "it is ours already"
    );
}

#[tokio::test]
async fn refused_credentials_are_fetched_anew_once() {
    let (sandbox, numbers) = setup().await;
    numbers.list(None, now()).await.unwrap();
    let key = format!("SK{}", "0".repeat(32));
    sandbox.twilio.add_api_key(&key, "secret");
    sandbox.twilio.set_auth_token("another");
    let at: SystemTime = now();
    assert_eq!(buy(&numbers).await, Err(CallError::Unauthorized));
    let secret = json!({ "account_sid": twilio::ACCOUNT_SID, "auth_token": "stale", "api_key_sid": key, "api_key_secret": "secret" });
    sandbox.aws.set_secret("switchboard/twilio", &secret);
    assert!(
        numbers
            .list(None, at + std::time::Duration::from_secs(61))
            .await
            .is_ok()
    );
    assert!(buy(&numbers).await.is_ok());
}
