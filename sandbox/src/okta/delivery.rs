//! Event hooks: Okta's notices to a server about its users,
//! <https://developer.okta.com/docs/concepts/event-hooks/> (okta/okta-developer-docs@468de9c).

use std::time::Duration;

use axum::http::{Method, header};
use serde_json::{Value, json};

use super::state::Okta;
use crate::{moment::iso, random, wire::client};

/// Okta's timeout for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The result of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// `eventId`. It is the same in every attempt.
    pub event_id: String,
    /// The status of each attempt; 0 if there was no answer in time.
    pub attempts: Vec<u16>,
    /// True if the last attempt was answered with 200 or 204.
    pub done: bool,
}

/// Checks that a URL echoes a challenge. The error describes its answer.
pub(super) async fn challenge(url: &str) -> Result<(), String> {
    let challenge = random::hex(20);
    let request = client()
        .get(url)
        .header("x-okta-verification-challenge", &challenge)
        .timeout(PATIENCE);
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let kind = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let body = answer.text().await.map_err(|error| error.to_string())?;
    let echoed = serde_json::from_str::<Value>(&body)
        .is_ok_and(|body| body == json!({ "verification": challenge }));
    let fits = status == 200 && kind.split(';').next() == Some("application/json") && echoed;
    if fits {
        Ok(())
    } else {
        Err(format!("{status}, {kind:?}: {body}"))
    }
}

impl Okta {
    /// The body for one event (`user.lifecycle.create`...) of a user, with a new `eventId`.
    pub fn event(&self, event_type: &str, user_id: &str) -> Value {
        let user = self.user(user_id);
        let text = |attribute| user.as_ref().map_or("", |user| user.text(attribute));
        let now = iso(crate::now());
        json!({
            "eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1", "eventId": random::uuid(),
            "source": "https://acme.okta.com/api/v1/eventHooks/who1", "eventTime": now, "contentType": "application/json",
            "data": {"events": [{
                "uuid": random::uuid(), "published": now, "eventType": event_type, "version": "0", "severity": "INFO",
                "displayMessage": event_type, "outcome": {"result": "SUCCESS", "reason": null},
                "actor": {"id": "00uadministrator0000", "type": "User", "alternateId": "admin@acme.example", "displayName": "Ada Admin"},
                "target": [{
                    "id": user_id, "type": "User", "alternateId": text("login"),
                    "displayName": format!("{} {}", text("firstName"), text("lastName")), "detailEntry": null,
                }],
            }]},
        })
    }

    /// Verifies a hook's URL, as when an administrator verifies it. The error says why Okta refuses
    /// the URL.
    pub async fn verify_hook(&self, url: &str) -> Result<(), String> {
        challenge(url).await
    }

    /// Sends one event of a user to a hook, with the `Authorization` from its registration.
    pub async fn deliver_event(
        &self,
        url: &str,
        authorization: &str,
        event_type: &str,
        user_id: &str,
    ) -> Delivery {
        self.deliver(url, authorization, &self.event(event_type, user_id))
            .await
    }

    /// Sends this body unchanged to a hook. Repeats it once after a 5xx or no answer, never after
    /// another refusal.
    pub async fn deliver(&self, url: &str, authorization: &str, event: &Value) -> Delivery {
        let event_id = event["eventId"].as_str().unwrap_or_default().to_owned();
        let mut delivery = Delivery {
            event_id,
            attempts: vec![],
            done: false,
        };
        for _ in 0..2 {
            let request = client()
                .request(Method::POST, url)
                .header(header::AUTHORIZATION, authorization)
                .timeout(PATIENCE);
            let answer = request
                .header(header::USER_AGENT, "Okta-Event-Hooks/1.0")
                .json(event)
                .send()
                .await;
            let status = answer.map_or(0, |answer| answer.status().as_u16());
            delivery.attempts.push(status);
            delivery.done = matches!(status, 200 | 204);
            if !(status == 0 || status >= 500) {
                break;
            }
        }
        delivery
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        Json, Router,
        http::{HeaderMap, StatusCode},
        routing::get,
    };

    use super::*;
    use crate::wire::{Fault, Server};

    #[tokio::test]
    async fn a_hook_is_verified_by_its_echo() {
        let okta = Okta::start(None).await.unwrap();
        let echo = |headers: HeaderMap| async move {
            Json(
                json!({ "verification": headers["x-okta-verification-challenge"].to_str().unwrap() }),
            )
        };
        let hook = Server::start("hook", Router::new().route("/okta", get(echo)))
            .await
            .unwrap();
        assert_eq!(okta.verify_hook(&(hook.url() + "/okta")).await, Ok(()));
        assert!(okta.verify_hook(&hook.url()).await.is_err());
        hook.faults().next(Fault::Answer {
            status: 200,
            headers: vec![],
            body: "{\"verification\":\"x\"}".to_owned(),
        });
        assert!(
            okta.verify_hook(&(hook.url() + "/okta"))
                .await
                .unwrap_err()
                .contains("200, \"\"")
        );
    }

    #[tokio::test]
    async fn an_event_is_told_twice_at_most() {
        let okta = Okta::start(None).await.unwrap();
        let id = okta.hire("Ann", "+4520000001", "");
        let hook = Server::start(
            "hook",
            Router::new().fallback(|| async { StatusCode::NO_CONTENT }),
        )
        .await
        .unwrap();
        let answer = |status| Fault::Answer {
            status,
            headers: vec![],
            body: String::new(),
        };
        for (faults, attempts, done) in [
            (vec![], vec![204], true),
            (vec![answer(503)], vec![503, 204], true),
            (vec![Fault::ResetBefore, answer(500)], vec![0, 500], false),
            (vec![answer(401)], vec![401], false),
            (vec![answer(202)], vec![202], false),
        ] {
            hook.clear_exchanges();
            for fault in faults {
                hook.faults().next(fault);
            }
            let delivery = okta
                .deliver_event(&hook.url(), "secret", "user.lifecycle.activate", &id)
                .await;
            assert_eq!((&delivery.attempts, delivery.done), (&attempts, done));
            for exchange in hook.exchanges() {
                let body = serde_json::from_slice::<Value>(&exchange.request).unwrap();
                assert_eq!(
                    (
                        &body["eventId"],
                        &body["data"]["events"][0]["target"][0]["id"]
                    ),
                    (&json!(delivery.event_id), &json!(id))
                );
                assert!(
                    exchange
                        .headers
                        .contains(&("authorization".to_owned(), "secret".to_owned()))
                );
            }
        }
    }
}
