//! The One API's status callback. Nothing signs it; the URL ends with a token.
//!
//! Imitates <https://www.clickatell.com/developers/api-documentation/one-api-message-status-codes-descriptions/>.

use std::time::Duration;

use serde_json::{Value, json};

use super::Clickatell;
use crate::{
    receipts::{Post, Repeats, State},
    sms::Sent,
    wire::{client, lock},
};

impl Clickatell {
    /// Posts a receipt of this text now, to the URL of the account. Returns the status of the
    /// answer.
    pub async fn report(&self, sent: &Sent, post: Post) -> u16 {
        let url = lock(&self.account).receipt_url.clone();
        let mut status = 0;
        for request in requests(url.as_deref(), sent, post) {
            status = self.receipts().post(request, Repeats::USUAL).await;
        }
        status
    }
}

/// The body of a callback.
pub(crate) fn body(sent: &Sent, state: State, now: Duration) -> Value {
    let (status, code) = match state {
        State::OnItsWay => ("SENT_TO_SUPPLIER", 4),
        State::Delivered => ("DEVICE_ACK", 5),
        State::Failed(code) => ("DELIVERY_FAILURE", code),
        State::Expired => ("EXPIRED", 20),
    };
    let mut update = json!({
        "messageId": sent.id, "status": status, "statusCode": code, "channel": "sms",
        "timestamp": u64::try_from(now.as_millis()).unwrap_or_default(),
    });
    if let Some(reference) = &sent.reference {
        update["clientMessageId"] = reference.as_str().into();
    }
    json!({ "event": { "messageStatusUpdate": [update] } })
}

/// The requests of a receipt: one, if the account has a URL. A stranger does not know its end.
pub(super) fn requests(url: Option<&str>, sent: &Sent, post: Post) -> Vec<reqwest::Request> {
    let Some(url) = url else {
        return vec![];
    };
    let stranger = url
        .rsplit_once('/')
        .map(|(start, _)| format!("{start}/guessed"));
    let url = stranger.as_deref().filter(|_| post.forged).unwrap_or(url);
    let body = body(sent, post.state, crate::now());
    client().post(url).json(&body).build().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clickatell::API_KEY, receipts::Fate, wire::Server};
    use axum::Router;

    #[tokio::test]
    async fn the_accounts_url_hears_of_each_text() {
        let hook = Server::start("hook", Router::new().fallback(|| async {}))
            .await
            .unwrap();
        let clickatell = Clickatell::start(None).await.unwrap();
        clickatell.set_callback(&format!("{}/clickatell/token", hook.url()));
        clickatell
            .receipts()
            .next(Fate::failed(23).then(Fate::delivered().forged()));
        let message = json!({"channel": "sms", "to": "4512345678", "content": "Hi", "clientMessageId": "mine"});
        let request = client()
            .post(format!("{}/v1/message", clickatell.server().url()))
            .header("authorization", API_KEY)
            .header("accept", "application/json");
        let answer = request
            .json(&json!({"messages": [message]}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 202);
        clickatell.receipts().posted().await;
        let updates: Vec<_> = hook
            .exchanges()
            .iter()
            .map(|exchange| {
                let body: Value = serde_json::from_slice(&exchange.request).unwrap();
                let update = &body["event"]["messageStatusUpdate"][0];
                assert_eq!(update["clientMessageId"], "mine");
                assert_eq!(update["messageId"], clickatell.messages()[0].id.as_str());
                let code = update["statusCode"].as_u64().unwrap();
                (exchange.target.clone(), code)
            })
            .collect();
        let (own, guessed) = (
            "/clickatell/token".to_owned(),
            "/clickatell/guessed".to_owned(),
        );
        assert_eq!(
            updates,
            [
                (own.clone(), 4),
                (own, 23),
                (guessed.clone(), 4),
                (guessed, 5)
            ]
        );
    }
}
