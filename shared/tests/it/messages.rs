//! Sending a text: each outcome that callers branch on, from Twilio's real answers and from a failing wire.

use std::sync::Arc;
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::twilio::{ACCOUNT_SID, AUTH_TOKEN, MESSAGING_SERVICE, NUMBER};
use sandbox::wire::Fault;
use serde_json::json;
use shared::platform::layout::Described;
use shared::platform::runtime::now;
use shared::platform::secrets::{Content, Secret};
use shared::rules::phone::E164;
use shared::rules::sms::{Account, Outbound, Receipt, SendError};
use shared::vendors::twilio::messages::{Messages, Sender};
use shared::vendors::twilio::{Credentials, RestCredentials};

struct Setup {
    sandbox: Sandbox,
    messages: Account<Messages<Credentials>>,
    secret: Arc<Secret<Credentials>>,
}

async fn setup() -> Setup {
    let sandbox = Sandbox::start().await;
    let sender = Sender {
        number: Some(NUMBER.parse().unwrap()),
        service: None,
    };
    let secret = Arc::new(secret(&sandbox, "switchboard/twilio"));
    let messages = account(&sandbox, Messages::new(sender), Arc::clone(&secret));
    Setup {
        sandbox,
        messages,
        secret,
    }
}

fn secret<C: Content>(sandbox: &Sandbox, id: &str) -> Secret<C> {
    let client = crate::aws(sandbox).secrets_manager(&crate::client());
    Secret::new(id.to_owned(), client)
}

fn account<C: Described + AsRef<RestCredentials>>(
    sandbox: &Sandbox,
    messages: Messages<C>,
    secret: impl Into<Arc<Secret<C>>>,
) -> Account<Messages<C>> {
    let base = sandbox.twilio.server().url().parse().unwrap();
    Account::new(messages, crate::client(), base, secret)
}

impl Setup {
    async fn send(&self, within: Duration) -> Result<Receipt, SendError> {
        let to: E164 = "+4512345678".parse().unwrap();
        let sms = Outbound {
            to: &to,
            from: None,
            body: "Grüße",
            life: None,
            holds_code: false,
            language: None,
            receipt: None,
        };
        self.messages.send(&sms, now(), within).await
    }
}

const TIME: Duration = Duration::from_secs(5);

#[tokio::test]
async fn accepted() {
    let setup = setup().await;
    let receipt = setup.send(TIME).await.unwrap();
    let sent = &setup.sandbox.twilio.messages()[0];
    assert_eq!(
        (sent.to.as_str(), sent.from.as_str(), sent.body.as_str()),
        ("+4512345678", NUMBER, "Grüße")
    );
    assert_eq!(
        receipt,
        Receipt {
            id: Some(sent.sid.clone()),
            segments: Some(1)
        }
    );
}

#[tokio::test]
async fn through_a_messaging_service_with_an_api_key() {
    let setup = setup().await;
    let key = format!("SK{}", "a".repeat(32));
    setup.sandbox.twilio.add_api_key(&key, "key-secret");
    setup.sandbox.aws.set_secret(
        "switchboard/twilio",
        &json!({"account_sid": ACCOUNT_SID, "auth_token": "not used for REST", "api_key_sid": key, "api_key_secret": "key-secret"}),
    );
    let sender = Sender {
        number: None,
        service: Some(MESSAGING_SERVICE.to_owned()),
    };
    let messages = account(
        &setup.sandbox,
        Messages::new(sender),
        Arc::clone(&setup.secret),
    );
    let setup = Setup { messages, ..setup };
    assert!(setup.send(TIME).await.is_ok());
}

#[tokio::test]
async fn only_codes_are_discarded_and_only_if_told_so() {
    let setup = setup().await;
    setup.sandbox.twilio.add_message_redaction();
    let to: E164 = "+4512345678".parse().unwrap();
    for (discards, holds_code) in [(false, false), (false, true), (true, false), (true, true)] {
        let sender = Sender {
            number: Some(NUMBER.parse().unwrap()),
            service: None,
        };
        let messages = Messages::new(sender).discarding_codes(discards);
        let messages = account(&setup.sandbox, messages, Arc::clone(&setup.secret));
        let sms = Outbound {
            to: &to,
            from: None,
            body: "x",
            life: None,
            holds_code,
            language: None,
            receipt: None,
        };
        messages.send(&sms, now(), TIME).await.unwrap();
        let sent = setup.sandbox.twilio.messages().pop().unwrap();
        let kept = !(discards && holds_code);
        assert_eq!(
            (sent.keeps_body, sent.keeps_to),
            (kept, kept),
            "{discards} {holds_code}"
        );
    }
}

#[tokio::test]
async fn who_only_sends_needs_no_auth_token() {
    let setup = setup().await;
    let sender = Sender {
        number: Some(NUMBER.parse().unwrap()),
        service: None,
    };
    let secret = secret::<RestCredentials>(&setup.sandbox, "switchboard/sends");
    let messages = account(&setup.sandbox, Messages::new(sender), secret);
    let to: E164 = "+4512345678".parse().unwrap();
    let sms = Outbound {
        to: &to,
        from: None,
        body: "x",
        life: None,
        holds_code: false,
        language: None,
        receipt: None,
    };
    let send = async || messages.send(&sms, now(), TIME).await;
    let key = format!("SK{}", "a".repeat(32));
    setup.sandbox.twilio.add_api_key(&key, "key-secret");
    let lacks =
        "secret twilio (switchboard/sends) lacks api_key_sid and api_key_secret (or auth_token)";
    for half in [
        json!({"account_sid": ACCOUNT_SID}),
        json!({"account_sid": ACCOUNT_SID, "api_key_sid": key}),
    ] {
        setup.sandbox.aws.set_secret("switchboard/sends", &half);
        assert_eq!(send().await.unwrap_err().to_string(), lacks);
    }
    let whole =
        json!({"account_sid": ACCOUNT_SID, "api_key_sid": key, "api_key_secret": "key-secret"});
    setup.sandbox.aws.set_secret("switchboard/sends", &whole);
    assert!(send().await.is_ok());
    setup.sandbox.aws.set_secret("switchboard/twilio", &whole);
    let verifies = setup.secret.get(now()).await.unwrap_err();
    assert_eq!(
        verifies.to_string(),
        "secret twilio (switchboard/twilio) lacks auth_token",
        "whom Twilio calls does need it"
    );
}

#[tokio::test]
async fn accepted_whatever_the_body() {
    let setup = setup().await;
    for fault in [Fault::Garbage, Fault::Truncate, Fault::Oversize(1_000_000)] {
        setup.sandbox.twilio.server().faults().next(fault.clone());
        assert_eq!(
            setup.send(TIME).await,
            Ok(Receipt {
                id: None,
                segments: None
            }),
            "{fault:?}"
        );
    }
    assert_eq!(setup.sandbox.twilio.messages().len(), 3);
}

#[tokio::test]
async fn refusals_by_code() {
    let setup = setup().await;
    for (code, recipient) in [
        (21211, true),
        (21217, true),
        (21610, true),
        (21614, true),
        (21635, true),
        (21612, false),
        (21214, false),
        (21266, false),
        (21408, false),
        (21606, false),
        (21608, false),
        (30006, false),
    ] {
        setup.sandbox.twilio.reject("+4512345678", code);
        assert_eq!(
            setup.send(TIME).await,
            Err(SendError::Refused {
                recipient,
                code: Some(code)
            })
        );
    }
}

/// Twilio has made a message of it, which it will never send.
#[tokio::test]
async fn created_and_failed_at_once_is_refused() {
    let setup = setup().await;
    let sid = format!("SM{}", "a".repeat(32));
    for (status, error, expected) in [
        (
            "failed",
            json!(30034),
            Err(SendError::Refused {
                recipient: false,
                code: Some(30034),
            }),
        ),
        (
            "failed",
            json!("21610"),
            Err(SendError::Refused {
                recipient: true,
                code: Some(21610),
            }),
        ),
        (
            "failed",
            json!(21612),
            Err(SendError::Refused {
                recipient: false,
                code: Some(21612),
            }),
        ),
        (
            "failed",
            json!(null),
            Err(SendError::Refused {
                recipient: false,
                code: None,
            }),
        ),
        (
            "undelivered",
            json!(30003),
            Err(SendError::Refused {
                recipient: false,
                code: Some(30003),
            }),
        ),
        (
            "canceled",
            json!(null),
            Err(SendError::Refused {
                recipient: false,
                code: None,
            }),
        ),
        (
            "queued",
            json!(null),
            Ok(Receipt {
                id: Some(sid.clone()),
                segments: Some(1),
            }),
        ),
        (
            "accepted",
            json!(null),
            Ok(Receipt {
                id: Some(sid.clone()),
                segments: Some(1),
            }),
        ),
        (
            "sent",
            json!({"odd": 1}),
            Ok(Receipt {
                id: Some(sid.clone()),
                segments: Some(1),
            }),
        ),
    ] {
        let body =
            json!({ "sid": sid, "num_segments": "1", "status": status, "error_code": error })
                .to_string();
        setup.sandbox.twilio.server().faults().next(Fault::Answer {
            status: 201,
            headers: vec![],
            body,
        });
        assert_eq!(setup.send(TIME).await, expected, "{status} {error}");
    }
}

#[tokio::test]
async fn failures_before_and_after_acceptance() {
    let setup = setup().await;
    let answer = |status| Fault::Answer {
        status,
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
        body: "<html>".to_owned(),
    };
    for (fault, error) in [
        (
            answer(429),
            SendError::RateLimited {
                after: Some(Duration::from_secs(7)),
            },
        ),
        (answer(503), SendError::Unavailable),
        (answer(500), SendError::Unknown),
        (answer(502), SendError::Unknown),
        (
            answer(400),
            SendError::Refused {
                recipient: false,
                code: None,
            },
        ),
        (
            answer(302),
            SendError::Refused {
                recipient: false,
                code: None,
            },
        ),
        (Fault::ResetBefore, SendError::Unknown),
        (Fault::ResetAfter, SendError::Unknown),
        (Fault::Hang, SendError::Unknown),
    ] {
        setup.sandbox.twilio.server().faults().next(fault.clone());
        assert_eq!(
            setup.send(Duration::from_millis(500)).await,
            Err(error),
            "{fault:?}"
        );
    }
    setup.sandbox.twilio.server().faults().refuse(true);
    assert_eq!(setup.send(TIME).await, Err(SendError::Unavailable));
}

#[tokio::test]
async fn refused_credentials_are_fetched_again_once() {
    let setup = setup().await;
    setup.send(TIME).await.unwrap();
    setup.sandbox.twilio.set_auth_token("rotated");
    setup.sandbox.aws.set_secret(
        "switchboard/twilio",
        &json!({"account_sid": ACCOUNT_SID, "auth_token": "rotated"}),
    );
    assert!(setup.send(TIME).await.is_ok());
    setup.sandbox.twilio.set_auth_token(AUTH_TOKEN);
    let before = setup.sandbox.aws.secrets().exchanges().len();
    for _ in 0..3 {
        assert_eq!(setup.send(TIME).await, Err(SendError::Unauthorized));
    }
    assert_eq!(
        setup.sandbox.aws.secrets().exchanges().len(),
        before,
        "fetched again within a minute"
    );
}
