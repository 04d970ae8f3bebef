//! One-time codes: what Okta does with the answer of its telephony inline hook.
//!
//! Imitates okta/okta-management-openapi-spec@fdda229e (webhook `CreateTelephonyInlineHook`) and
//! okta/okta-developer-docs@468de9c (concepts/inline-hooks). Okta calls the hook once, waits three
//! seconds, and follows no redirect. If it gets no answer of status 200, or an error object, or
//! `FAILED`, then its own provider sends the code.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{inline_hook::TELEPHONY, state::Okta};
use crate::{
    moment::iso,
    random,
    wire::{client, lock},
};

/// Okta's timeout for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a code is valid.
const CODE_LIFE: Duration = Duration::from_mins(5);

/// What Okta made of a hook's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeDelivery {
    /// The hook delivered the code.
    Successful,
    /// The hook may have delivered the code. Okta waits.
    Pending,
    /// Okta's own provider sent the code. The text says why.
    ByOkta(String),
    /// Okta cannot read the answer. Nobody sent the code, or the hook did.
    Skipped(String),
}

/// A code, and what became of it.
#[derive(Clone, Debug)]
pub struct Code {
    /// What Okta made of the answer.
    pub delivery: CodeDelivery,
    /// The status; 0 if there was no answer in time.
    pub status: u16,
    /// The answer; null if there was none, or none in JSON.
    pub body: Value,
    /// The time until the answer.
    pub took: Duration,
}

impl Okta {
    /// The request for a code (`271828`) by SMS to a phone, with a new `eventId`.
    pub fn code_request(&self, phone: &str, code: &str) -> Value {
        let now = crate::now();
        json!({
            "eventId": random::uuid(), "eventTime": iso(now), "eventType": TELEPHONY, "eventTypeVersion": "1.0",
            "contentType": "application/json", "cloudEventVersion": "0.1",
            "source": "https://acme.okta.com/api/v1/inlineHooks/cal1",
            "requestType": "com.okta.user.telephony.mfa-verification",
            "data": {
                "context": {"request": {
                    "id": "reqR", "method": "POST", "url": {"value": "/api/v1/authn/factors/sms1/verify"}, "ipAddress": "203.0.113.7",
                }},
                "userProfile": {"firstName": "Ann", "lastName": "Example", "login": "ann@acme.example", "userId": "00u1"},
                "messageProfile": {
                    "msgTemplate": format!("Your code is {code}"), "phoneNumber": phone, "otpExpires": iso(now + CODE_LIFE),
                    "deliveryChannel": "SMS", "otpCode": code, "locale": "EN-US",
                },
            },
        })
    }

    /// A person asks for a code: Okta calls the active telephony hook with this request, or sends
    /// the code itself.
    pub async fn send_code(&self, request: &Value) -> Code {
        let started = Instant::now();
        let hooks = self.inline_hooks();
        // A second active hook is not called.
        let Some(hook) = hooks.iter().find(|hook| hook.active) else {
            return self.finish(request, started, Err("no active hook".to_owned()));
        };
        let mut call = client()
            .post(&hook.uri)
            .header("accept", "application/json")
            .header(&hook.header, &hook.secret)
            .timeout(PATIENCE)
            .json(request);
        for (name, value) in &hook.headers {
            call = call.header(name, value);
        }
        let answer = async {
            let answer = call.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
        };
        let answer = answer.await.map_err(|error| {
            let why = if error.is_timeout() {
                "no answer in time"
            } else {
                "no connection"
            };
            why.to_owned()
        });
        self.finish(request, started, answer)
    }

    /// The codes that Okta's own provider sent: number and text.
    pub fn own_texts(&self) -> Vec<(String, String)> {
        lock(&self.state).own_texts.clone()
    }

    fn finish(
        &self,
        request: &Value,
        started: Instant,
        answer: Result<(u16, String), String>,
    ) -> Code {
        let took = started.elapsed();
        let (status, text) = answer.clone().unwrap_or_default();
        let body = serde_json::from_str(&text).unwrap_or_default();
        let delivery = match answer {
            Err(why) => CodeDelivery::ByOkta(why),
            Ok((200, _)) => judged(&body),
            Ok((status, _)) => CodeDelivery::ByOkta(format!("status {status}")),
        };
        if matches!(delivery, CodeDelivery::ByOkta(_)) {
            let profile = &request["data"]["messageProfile"];
            let text = |name: &str| profile[name].as_str().unwrap_or_default().to_owned();
            let own = (text("phoneNumber"), text("msgTemplate"));
            lock(&self.state).own_texts.push(own);
        }
        Code {
            delivery,
            status,
            body,
            took,
        }
    }
}

/// What Okta makes of a body with status 200.
fn judged(body: &Value) -> CodeDelivery {
    if body.get("error").is_some() {
        return CodeDelivery::ByOkta("an error object".to_owned());
    }
    let one = |list: &Value| {
        list.as_array()
            .filter(|list| list.len() == 1)?
            .first()
            .cloned()
    };
    let command = one(&body["commands"]).filter(|it| it["type"] == "com.okta.telephony.action");
    let value = command.and_then(|command| one(&command["value"]));
    let status = value.as_ref().and_then(|value| value["status"].as_str());
    match status {
        Some("SUCCESSFUL") => CodeDelivery::Successful,
        Some("PENDING") => CodeDelivery::Pending,
        Some("FAILED") => CodeDelivery::ByOkta("FAILED".to_owned()),
        _ => CodeDelivery::Skipped(body.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;

    use super::*;
    use crate::wire::{Fault, Server};

    #[tokio::test]
    async fn okta_sends_the_code_itself_unless_the_hook_did_or_may_have() {
        let okta = Okta::start(None).await.unwrap();
        let hook = Server::start("hook", Router::new()).await.unwrap();
        let request = okta.code_request("+4512345678", "271828");
        let none = okta.send_code(&request).await;
        assert_eq!(
            none.delivery,
            CodeDelivery::ByOkta("no active hook".to_owned())
        );
        okta.add_inline_hook("Codes", &hook.url(), "secret");
        okta.add_inline_hook("Second", "http://127.0.0.1:1", "secret");
        let says = |status, body: &str| Fault::Answer {
            status,
            headers: vec![],
            body: body.to_owned(),
        };
        let commands = |status: &str| {
            let action =
                json!({"type": "com.okta.telephony.action", "value": [{"status": status}]});
            json!({ "commands": [action] }).to_string()
        };
        let by_okta = |why: &str| CodeDelivery::ByOkta(why.to_owned());
        let mut own = 1;
        for (fault, delivery) in [
            (says(200, &commands("SUCCESSFUL")), CodeDelivery::Successful),
            (says(200, &commands("PENDING")), CodeDelivery::Pending),
            (says(200, &commands("FAILED")), by_okta("FAILED")),
            (says(200, "{\"error\":{}}"), by_okta("an error object")),
            (says(200, "x"), CodeDelivery::Skipped("null".to_owned())),
            (says(302, ""), by_okta("status 302")),
            (says(503, &commands("SUCCESSFUL")), by_okta("status 503")),
            (Fault::ResetBefore, by_okta("no connection")),
            (Fault::Hang, by_okta("no answer in time")),
        ] {
            hook.clear_exchanges();
            hook.faults().next(fault);
            let code = okta.send_code(&request).await;
            assert_eq!(code.delivery, delivery);
            own += usize::from(matches!(delivery, CodeDelivery::ByOkta(_)));
            assert_eq!(okta.own_texts().len(), own, "{delivery:?}");
            assert!(hook.exchanges().len() <= 1, "Okta does not retry");
        }
        let text = "Your code is 271828".to_owned();
        assert_eq!(okta.own_texts()[0], ("+4512345678".to_owned(), text));
    }
}
