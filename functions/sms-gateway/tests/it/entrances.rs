//! The table of every entrance and every outcome, with the exact answer.
//!
//! Auth0 and the products behind `/generic` read the status. Okta sends the code itself after
//! `FAILED`, and after any error. Lambda tries an invocation of Cognito again after an error.
//! Supabase shows the person the error of a 200, and stores a code after `{}`. So an unknown outcome
//! must be an error for none of the last three.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sandbox::supabase::{SECRET, Supabase};
use sandbox::wire::Fault;
use sandbox::{GENERIC_SECRET, GENERIC_TOKEN, OKTA_HOOK_SECRET, OKTA_HOOK_TOKEN, Sandbox};
use serde_json::{Value, json};

use crate::scene::{Override, Scene, Told, says, status, token};

const CODE: &str = "27182818";
const OTHER_CODE: &str = "31415926";
/// All entrances are open. Cognito's is open in every scene.
const ALL: [Override<'_>; 4] = [
    ("OKTA_HOOK_SECRET", Some(OKTA_HOOK_SECRET)),
    ("WEBHOOK_SECRET", Some(sandbox::WEBHOOK_SECRET)),
    ("GENERIC_SECRET", Some(GENERIC_SECRET)),
    ("SMS_ROUTES", Some("*=twilio")),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Entrance {
    Auth0,
    Okta,
    Cognito,
    Supabase,
    Generic,
}

use Entrance::{Auth0, Cognito, Generic, Okta, Supabase as SupabaseHook};

const ENTRANCES: [Entrance; 5] = [Auth0, Okta, Cognito, SupabaseHook, Generic];

/// What a caller gets.
#[derive(Debug, PartialEq)]
enum Answer {
    Http(Told),
    /// The end of an invocation: no error, or the error's type.
    Invoked(Result<(), String>),
}

/// What was to happen to a code.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Accepted,
    Refused,
    Limited,
    Unknown,
    AllDown,
    /// The provider does not answer within the entrance's time.
    Late,
}

impl Entrance {
    /// Each entrance has a phone of its own.
    fn phone(self) -> String {
        format!("+452030405{}", self as usize)
    }

    /// The caller's own limit for an answer.
    fn patience(self) -> Duration {
        match self {
            Okta => Duration::from_millis(2_700),
            SupabaseHook => Duration::from_millis(4_900),
            Generic => Duration::from_secs(10),
            Auth0 | Cognito => Duration::from_secs(25),
        }
    }

    /// A code comes in here.
    async fn ask(self, scene: &Scene, code: &str) -> Answer {
        let phone = self.phone();
        scene.mark(&phone);
        scene.mark(code);
        let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
        let text = format!("Your code is {code}");
        let (path, headers, body) = match self {
            Auth0 => {
                let body = json!({ "recipient": phone, "body": text });
                ("", vec![bearer(&token(&json!({})))], body.to_string())
            }
            Okta => {
                let body = scene.sandbox.okta.code_request(&phone, code);
                let hook = ("authorization", OKTA_HOOK_TOKEN.to_owned());
                ("okta", vec![hook], body.to_string())
            }
            Cognito => {
                let cognito = &scene.sandbox.cognito;
                let event = cognito.event("Authentication", &phone, code, None);
                return Answer::Invoked(scene.take(&event).await);
            }
            SupabaseHook => {
                let body = Supabase::body(&phone, code).to_string();
                let now = sandbox::now().as_secs();
                let headers = Supabase::new(&[SECRET]).headers("msg_1", now, &body);
                ("hooks/send-sms", headers, body)
            }
            Generic => {
                let body = json!({ "to": phone, "text": text });
                ("generic", vec![bearer(GENERIC_TOKEN)], body.to_string())
            }
        };
        Answer::Http(scene.post_to(path, &headers, body).await)
    }

    /// The cell of the table. `sid`: Twilio's id of an accepted text.
    fn answer(self, outcome: Outcome, sid: Option<&str>) -> Answer {
        use Outcome::{Accepted, AllDown, Late, Limited, Refused, Unknown};
        let (status, message, word) = match outcome {
            Accepted => (200, "", "sent"),
            Refused => (422, "this number cannot receive texts", "recipient_refused"),
            Limited => (429, "too many texts; try again later", "rate_limited"),
            AllDown => (502, "no provider took the text", "all_refused"),
            Unknown | Late => (
                504,
                "the text may or may not have been sent; it will not be sent again for now",
                "outcome_unknown",
            ),
        };
        let is_sent = outcome == Accepted;
        let is_unknown = status == 504;
        match self {
            Auth0 | Generic => {
                let receipt = json!({ "provider": "twilio", "id": sid });
                let error = json!({ "error": message });
                Answer::Http(Told::json(status, if is_sent { &receipt } else { &error }))
            }
            Okta => {
                let value = if is_sent {
                    json!({ "status": "SUCCESSFUL", "provider": "TWILIO", "transactionId": sid, "transactionMetadata": "segments=1" })
                } else {
                    let state = if is_unknown { "PENDING" } else { "FAILED" };
                    json!({ "status": state, "transactionMetadata": word })
                };
                let command = json!({ "type": "com.okta.telephony.action", "value": [value] });
                Answer::Http(Told::json(200, &json!({ "commands": [command] })))
            }
            // A retry helps only if every provider refused, and nobody knows yet whether for good.
            Cognito if outcome == AllDown => Answer::Invoked(Err(word.to_owned())),
            Cognito => Answer::Invoked(Ok(())),
            SupabaseHook => {
                let error = json!({ "error": { "http_code": status, "message": message } });
                let is_good = is_sent || is_unknown;
                Answer::Http(Told::json(200, &if is_good { json!({}) } else { error }))
            }
        }
    }
}

/// Answers may have their members in any order.
fn parsed(answer: Answer) -> (Answer, Value) {
    match answer {
        Answer::Http(told) => {
            let body = serde_json::from_str(&told.body).unwrap();
            let body_less = Told {
                body: String::new(),
                ..told
            };
            (Answer::Http(body_less), body)
        }
        invoked @ Answer::Invoked(_) => (invoked, Value::Null),
    }
}

/// Plays a row of the table.
async fn row(outcome: Outcome) {
    let mut sandbox = Sandbox::start().await;
    if outcome == Outcome::Late {
        // Else Auth0's and Cognito's answers would take half a minute.
        sandbox.set_timeout(Duration::from_secs(5));
    }
    let limit = [("SMS_PER_NUMBER_PER_HOUR", Some("1"))];
    let more = if outcome == Outcome::Limited {
        &limit[..]
    } else {
        &[]
    };
    let scene = Arc::new(Scene::on(sandbox, 1, &[&ALL, more].concat()).await);
    let twilio = scene.faults("twilio");
    match outcome {
        Outcome::Accepted | Outcome::Limited => {}
        Outcome::Refused => twilio.always(Some(says(400, r#"{"code":21211}"#))),
        Outcome::Unknown => twilio.always(Some(status(500))),
        Outcome::AllDown => twilio.refuse(true),
        Outcome::Late => twilio.always(Some(Fault::Hang)),
    }
    for entrance in ENTRANCES {
        let what = format!("{entrance:?}, {outcome:?}");
        if outcome == Outcome::Limited {
            let first = entrance.ask(&scene, OTHER_CODE).await;
            let sid = scene.sandbox.twilio.messages().pop().map(|sent| sent.sid);
            let accepted = entrance.answer(Outcome::Accepted, sid.as_deref());
            assert_eq!(parsed(first), parsed(accepted), "{what}");
        }
        let (before, begun) = (scene.texts()[0], Instant::now());
        let answer = entrance.ask(&scene, CODE).await;
        assert!(begun.elapsed() < entrance.patience(), "{what}");
        let is_sent = outcome == Outcome::Accepted;
        assert_eq!(scene.texts()[0], before + usize::from(is_sent), "{what}");
        let sid = scene.sandbox.twilio.messages().pop().map(|sent| sent.sid);
        let expected = entrance.answer(outcome, sid.as_deref().filter(|_| is_sent));
        assert_eq!(parsed(answer), parsed(expected), "{what}");
    }
}

#[tokio::test]
async fn an_accepted_code_has_its_answer_at_every_entrance() {
    row(Outcome::Accepted).await;
}

#[tokio::test]
async fn a_refused_number_has_its_answer_at_every_entrance() {
    row(Outcome::Refused).await;
}

#[tokio::test]
async fn a_full_limit_has_its_answer_at_every_entrance() {
    row(Outcome::Limited).await;
}

#[tokio::test]
async fn an_unknown_outcome_has_its_answer_at_every_entrance() {
    row(Outcome::Unknown).await;
}

#[tokio::test]
async fn providers_that_are_down_have_their_answer_at_every_entrance() {
    row(Outcome::AllDown).await;
}

#[tokio::test]
async fn a_provider_that_hangs_has_its_answer_in_time_at_every_entrance() {
    row(Outcome::Late).await;
}
