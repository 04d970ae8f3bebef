//! Events about texts, as `EventBridge` hands them to the function of the stack's rule.
//!
//! Imitates
//! <https://docs.aws.amazon.com/sms-voice/latest/userguide/monitor-event-bridge.html>. `EventBridge`
//! invokes the function asynchronously. Lambda repeats a failed invocation twice, as
//! `template.yaml` says.

use serde_json::{Value, json};

use super::{EndUserMessaging, Shared};
use crate::{
    REGION, Sandbox, moment, random,
    receipts::{Post, Repeats, State},
    sms::Sent,
    wire::client,
};

/// [`State::Failed`] of a phone that is off or away. AWS has words instead of numbers.
pub const UNREACHABLE: u32 = 1;
/// [`State::Failed`] of a text that the carrier blocked.
pub const BLOCKED: u32 = 2;
/// [`State::Failed`] of a number that cannot receive texts.
pub const LANDLINE: u32 = 3;

/// The rule that hands events over.
pub(super) struct Rule {
    /// Where the function is invoked.
    invocations: String,
    /// The Function URL, where a stranger posts.
    door: String,
}

impl Sandbox {
    /// From now on `delivery-status` hears what becomes of each text of AWS, as in a stack that has
    /// the rule.
    pub fn send_events_to_delivery_status(&self) {
        let function = "delivery-status";
        let invoke = self.invoke_api().url();
        self.aws_sms.set_rule(Rule {
            invocations: format!("{invoke}/2015-03-31/functions/{function}/invocations"),
            door: format!("{}/aws", self.door(function).url()),
        });
    }
}

impl EndUserMessaging {
    fn set_rule(&self, rule: Rule) {
        let _ = self.shared.rule.set(rule);
    }
}

/// Tells what becomes of this text.
pub(super) fn tell(shared: &Shared, sent: &Sent) {
    let Some(rule) = shared.rule.get() else {
        return;
    };
    let request = |post: Post| {
        // Only the rule may invoke the function. A stranger has its URL.
        let url = if post.forged {
            &rule.door
        } else {
            &rule.invocations
        };
        let request = client().post(url).json(&event(sent, post.state));
        request.build().into_iter().collect()
    };
    let receipts = shared.receipts();
    receipts.tell(&sent.to, Repeats::USUAL, request);
}

/// The event.
fn event(sent: &Sent, state: State) -> Value {
    let (kind, is_final) = match state {
        State::OnItsWay => ("TEXT_SENT", false),
        State::Delivered => ("TEXT_DELIVERED", true),
        State::Failed(UNREACHABLE) => ("TEXT_UNREACHABLE", true),
        State::Failed(BLOCKED) => ("TEXT_BLOCKED", true),
        State::Failed(LANDLINE) => ("TEXT_INVALID", true),
        State::Failed(_) => ("TEXT_UNKNOWN", true),
        State::Expired => ("TEXT_TTL_EXPIRED", true),
    };
    let now = crate::now();
    let mut event = json!({
        "version": "0", "id": random::uuid(), "detail-type": "Text Message Delivery Status Updated",
        "source": "aws.sms-voice", "account": "000000000000", "time": moment::iso(now), "region": REGION, "resources": [],
        "detail": {
            "eventType": kind, "eventVersion": "1.0", "eventTimestamp": u64::try_from(now.as_millis()).unwrap_or_default(),
            "isFinal": is_final, "originationPhoneNumber": sent.from, "destinationPhoneNumber": sent.to,
            "messageId": sent.id, "totalMessageParts": 1,
        },
    });
    if let Some(reference) = &sent.reference {
        event["detail"]["context"] = json!({ "reference": reference });
    }
    event
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        extract::Request,
        http::StatusCode,
        response::{IntoResponse as _, Response},
    };

    use super::*;
    use crate::{receipts::Fate, wire::Server};

    fn text() -> Sent {
        Sent {
            to: "+46731234567".to_owned(),
            from: "ACME".to_owned(),
            text: "Hi".to_owned(),
            id: "ed23196c-75ce-4727-93ee-7bf72b64998f".to_owned(),
            validity: None,
            receipt_url: None,
            reference: Some("mine".to_owned()),
        }
    }

    async fn answered(request: Request) -> Response {
        match request.uri().path() {
            "/invocations" => [("x-amz-function-error", "Unhandled")].into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }

    #[tokio::test]
    async fn the_rule_s_function_is_invoked_and_again_if_it_fails() {
        let lambda = Server::start("lambda", Router::new().fallback(answered));
        let lambda = lambda.await.unwrap();
        let aws = EndUserMessaging::start(None).await.unwrap();
        tell(&aws.shared, &text());
        aws.receipts().posted().await;
        assert_eq!(lambda.exchanges().len(), 0, "without a rule");
        aws.set_rule(Rule {
            invocations: format!("{}/invocations", lambda.url()),
            door: format!("{}/aws", lambda.url()),
        });
        aws.receipts().next(Fate::failed(UNREACHABLE));
        aws.receipts().next(Fate::delivered().forged());
        for _ in 0..2 {
            tell(&aws.shared, &text());
            aws.receipts().posted().await;
        }
        let told = lambda.exchanges();
        let told = told.iter().map(|exchange| {
            let event: Value = serde_json::from_slice(&exchange.request).unwrap();
            let kind = event["detail"]["eventType"].as_str().unwrap().to_owned();
            assert_eq!(event["detail"]["context"]["reference"], "mine");
            (exchange.target.clone(), kind)
        });
        let told: Vec<_> = told.collect();
        let told: Vec<_> = told.iter().map(|(to, kind)| (&to[..], &kind[..])).collect();
        let [sent, failed] =
            ["TEXT_SENT", "TEXT_UNREACHABLE"].map(|kind| [("/invocations", kind); 3]);
        let forged = [("/aws", "TEXT_SENT"), ("/aws", "TEXT_DELIVERED")];
        assert_eq!(told, [&sent[..], &failed, &forged].concat());
    }
}
