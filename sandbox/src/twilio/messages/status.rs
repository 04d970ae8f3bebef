//! Webhooks about a message's delivery.
//!
//! Imitates <https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>.

use std::time::Duration;

use axum::http::header;

use super::message::Message;
use crate::{
    twilio::{ids::ACCOUNT_SID, signature::signature},
    wire::client,
};

/// Sends a message's delivery statuses to its `StatusCallback`, signed like every webhook.
pub(super) fn tell(url: String, token: String, message: Message) {
    tokio::spawn(async move {
        for status in ["sent", "delivered"] {
            let params = [
                ("SmsSid", message.sid.as_str()),
                ("SmsStatus", status),
                ("MessageStatus", status),
                ("To", &message.to),
                ("MessageSid", &message.sid),
                ("AccountSid", ACCOUNT_SID),
                ("From", &message.from),
                ("ApiVersion", "2010-04-01"),
            ];
            let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let request = client()
                .post(&url)
                .timeout(Duration::from_secs(15))
                .header(header::USER_AGENT, "TwilioProxy/1.1");
            let _ = request
                .header("x-twilio-signature", signature(&token, &url, &params))
                .form(&params)
                .send()
                .await;
        }
    });
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::Method};

    use super::*;
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
        let heard = async {
            while hook
                .exchanges()
                .iter()
                .filter(|exchange| exchange.status.is_some())
                .count()
                < 2
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard)
            .await
            .unwrap();
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
