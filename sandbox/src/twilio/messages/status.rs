//! Webhooks about a message's delivery.
//!
//! Imitates <https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>.

use super::message::Message;
use crate::{
    moment,
    receipts::{self, Post, Receipts, State},
    twilio::{Twilio, ids::ACCOUNT_SID, signature::signature, webhook::overrides},
    wire::{Complaints, lock},
};

/// The error of a message that waited longer than its `ValidityPeriod`.
const EXPIRED: u32 = 30_036;

impl Twilio {
    /// Posts a receipt of this message now, to the URL that it names. Returns the status of the
    /// answer.
    pub async fn report(&self, message: &Message, post: Post) -> u16 {
        let token = lock(&self.shared.state).auth_token.clone();
        let url = message.receipt_url.as_deref().unwrap_or_default();
        let (plain, overrides) = overrides(url, |what| self.server.complain(what));
        let mut status = 0;
        for request in requests(&token, plain, message, post) {
            let repeats = overrides.repeats();
            status = self.shared.receipts.post(request, repeats).await;
        }
        status
    }
}

/// Sends a message's delivery statuses to its `StatusCallback`, signed like every webhook.
pub(super) fn tell(
    receipts: &Receipts,
    complaints: &Complaints,
    token: &str,
    url: &str,
    message: &Message,
) {
    let (plain, overrides) = overrides(url, |what| complaints.add(what));
    receipts.tell(&message.to, overrides.repeats(), |post| {
        requests(token, plain, message, post)
    });
}

/// The parameters of a status callback.
pub(crate) fn params(message: &Message, state: State) -> Vec<(String, String)> {
    let (status, code) = match state {
        State::OnItsWay => ("sent", None),
        State::Delivered => ("delivered", None),
        // The carrier gave it up, or Twilio did.
        State::Failed(code @ 30_003..=30_008) => ("undelivered", Some(code)),
        State::Failed(code) => ("failed", Some(code)),
        State::Expired => ("failed", Some(EXPIRED)),
    };
    let mut params = receipts::pairs(&[
        ("SmsSid", &message.sid),
        ("SmsStatus", status),
        ("MessageStatus", status),
        ("To", &message.to),
        ("MessageSid", &message.sid),
        ("AccountSid", ACCOUNT_SID),
        ("From", &message.from),
        ("ApiVersion", "2010-04-01"),
    ]);
    params.extend(code.map(|code| ("ErrorCode".to_owned(), code.to_string())));
    if matches!(status, "delivered" | "undelivered") {
        params.push(("RawDlrDoneDate".to_owned(), moment::minute(crate::now())));
    }
    params
}

fn requests(token: &str, url: &str, message: &Message, post: Post) -> Vec<reqwest::Request> {
    let params = params(message, post.state);
    let token = if post.forged { "guessed" } else { token };
    let headers = [
        ("user-agent", "TwilioProxy/1.1"),
        ("x-twilio-signature", &signature(token, url, &params)),
    ];
    receipts::form(url, &params, &headers).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::Method};

    use crate::{
        twilio::{Twilio, records::api::Api},
        wire::Server,
    };

    #[tokio::test]
    async fn a_status_callback_hears_of_the_delivery() {
        let api = Api(Twilio::start(None).await.unwrap());
        let hook = Server::start("status callback", Router::new().fallback(|| async {}))
            .await
            .unwrap();
        let sid = api
            .send(
                "+4520000001",
                &[("StatusCallback", &hook.url()), ("SmartEncoded", "true")],
            )
            .await;
        api.0.receipts().posted().await;
        assert_eq!(hook.exchanges().len(), 2);
        for (exchange, status) in hook.exchanges().iter().zip(["sent", "delivered"]) {
            let params = form_urlencoded::parse(&exchange.request)
                .into_owned()
                .collect::<Vec<_>>();
            let param = |name: &str| {
                params
                    .iter()
                    .find(|(key, _)| key == name)
                    .unwrap()
                    .1
                    .clone()
            };
            assert_eq!(
                (param("MessageStatus"), param("MessageSid")),
                (status.to_owned(), sid.clone())
            );
            let signature = (
                "x-twilio-signature".to_owned(),
                api.0.sign(&hook.url(), &params),
            );
            assert!(exchange.headers.contains(&signature));
        }
        let (status, body) = api
            .call(
                Method::POST,
                "/Messages.json",
                &[("To", "+4520000001"), ("ContentSid", "HX1")],
            )
            .await;
        assert_eq!(
            (
                status,
                body["message"].as_str().unwrap().contains("not simulated")
            ),
            (501, true)
        );
        assert_eq!(api.0.server().complaints().len(), 1);
    }
}
