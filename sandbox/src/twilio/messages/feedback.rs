//! Feedback about a message that was sent with `ProvideFeedback=true`.
//!
//! Imitates <https://www.twilio.com/docs/messaging/api/message-feedback-resource>.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State as Axum},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::{
    sms,
    twilio::{
        account::{Shared, Twilio},
        api::{authenticate, refuse},
    },
    wire::{Complaints, lock},
};

impl Twilio {
    /// From now on, the account may give feedback about this message.
    pub fn take_feedback(&self, sid: &str) {
        lock(&self.shared.state)
            .feedback
            .insert(sid.to_owned(), None);
    }

    /// True if the account may give feedback about this message.
    pub fn takes_feedback(&self, sid: &str) -> bool {
        lock(&self.shared.state).feedback.contains_key(sid)
    }

    /// The feedback about a message: `confirmed` or `unconfirmed`.
    pub fn feedback(&self, sid: &str) -> Option<String> {
        lock(&self.shared.state)
            .feedback
            .get(sid)
            .cloned()
            .flatten()
    }
}

pub(in crate::twilio) async fn give(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path((account, sid)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = match authenticate(&shared, &complaints, &account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let outcome = sms::form(&body, &["Outcome"])
        .ok()
        .and_then(|mut fields| fields.remove("Outcome"))
        .filter(|outcome| ["confirmed", "unconfirmed"].contains(&outcome.as_str()));
    let Some(outcome) = outcome else {
        complaints.add("Twilio Feedback: Outcome is confirmed or unconfirmed");
        return refuse(20001, "Outcome is confirmed or unconfirmed");
    };
    let Some(feedback) = state.feedback.get_mut(&sid) else {
        return refuse(20404, "no message that was sent with ProvideFeedback=true");
    };
    *feedback = Some(outcome.clone());
    let body = json!({ "account_sid": account, "message_sid": sid, "outcome": outcome });
    (StatusCode::CREATED, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use crate::twilio::{ACCOUNT_SID, AUTH_TOKEN, Twilio};
    use crate::wire::client;

    #[tokio::test]
    async fn feedback_is_taken_about_a_message_that_asked_for_it() {
        let twilio = Twilio::start(None).await.unwrap();
        let sid = "SM00000000000000000000000000000001";
        let give = async |outcome: &str| {
            let url = format!(
                "{}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid}/Feedback.json",
                twilio.server().url()
            );
            let request = client().post(url).form(&[("Outcome", outcome)]);
            let request = request.basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(give("confirmed").await, 404);
        twilio.take_feedback(sid);
        assert_eq!(give("confirmed").await, 201);
        assert_eq!(twilio.feedback(sid).as_deref(), Some("confirmed"));
        assert_eq!(give("yes").await, 400);
        assert_eq!(twilio.server().complaints().len(), 1);
    }
}
