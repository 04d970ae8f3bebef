//! Plivo's delivery report: a signed form.
//!
//! Imitates <https://plivo.com/docs/messaging/api/message/message-status-callbacks>.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Plivo;
use crate::{
    moment, random,
    receipts::{self, Post, Repeats, State},
    segments,
    sms::Sent,
    wire::lock,
};

/// The error of a text that waited longer than its `message_expiry`.
const EXPIRED: u32 = 420;
/// Price of a segment.
const RATE: &str = "0.00500";

impl Plivo {
    /// Posts a receipt of this text now, to the URL that it names. Returns the status of the
    /// answer.
    pub async fn report(&self, sent: &Sent, post: Post) -> u16 {
        let token = lock(&self.account).secret.clone();
        let mut status = 0;
        for request in requests(&token, sent, post) {
            status = self.receipts().post(request, Repeats::USUAL).await;
        }
        status
    }
}

/// Signs a POST as Plivo does, version 3; returns the nonce and the signature.
/// github plivo/plivo-python@a0cd3237 `plivo/utils/signature_v3.py`.
pub fn sign(token: &str, url: &str, params: &[(String, String)]) -> (String, String) {
    let nonce = random::uuid();
    let signature = signature(token, url, params, &nonce);
    (nonce, signature)
}

pub(crate) fn signature(
    token: &str,
    url: &str,
    params: &[(String, String)],
    nonce: &str,
) -> String {
    let mut params = params.to_vec();
    params.sort();
    let mut text = url.to_owned();
    if !params.is_empty() {
        text.push('?');
    }
    for (name, value) in &params {
        text.push_str(name);
        text.push_str(value);
    }
    text.push('.');
    text.push_str(nonce);
    let mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("HMAC takes any key");
    BASE64_STANDARD.encode(mac.chain_update(text).finalize().into_bytes())
}

/// The parameters of a report.
pub(crate) fn params(sent: &Sent, state: State) -> Vec<(String, String)> {
    // A report's number in the order of a text's reports.
    let (status, sequence, code) = match state {
        State::OnItsWay => ("sent", "2", None),
        State::Delivered => ("delivered", "3", None),
        State::Failed(code) => ("undelivered", "3", Some(code)),
        State::Expired => ("undelivered", "3", Some(EXPIRED)),
    };
    let time = moment::iso(crate::now())
        .replace('T', " ")
        .replace('Z', "000");
    let mut params = receipts::pairs(&[
        ("MessageUUID", &sent.id),
        ("From", &sent.from),
        ("To", sent.to.trim_start_matches('+')),
        ("Type", "sms"),
        ("Status", status),
        ("Sequence", sequence),
        ("Units", &segments::segments(&sent.text).to_string()),
        ("TotalRate", RATE),
        ("TotalAmount", RATE),
        ("MCC", "238"),
        ("MNC", "01"),
        ("ParentMessageUUID", &sent.id),
        ("QueuedTime", &time),
        ("SentTime", &time),
    ]);
    params.extend(code.map(|code| ("ErrorCode".to_owned(), code.to_string())));
    if sequence == "3" {
        params.push(("DeliveryReportTime".to_owned(), time));
    }
    params
}

/// The requests of a receipt: one, if the text asked for it.
pub(super) fn requests(token: &str, sent: &Sent, post: Post) -> Vec<reqwest::Request> {
    let Some(url) = &sent.receipt_url else {
        return vec![];
    };
    let params = params(sent, post.state);
    let token = if post.forged { "guessed" } else { token };
    let (nonce, signature) = sign(token, url, &params);
    let headers = [
        ("x-plivo-signature-v3", signature.as_str()),
        ("x-plivo-signature-v3-nonce", &nonce),
    ];
    receipts::form(url, &params, &headers).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plivo::AUTH_ID,
        wire::{Server, client},
    };
    use axum::Router;
    use serde_json::json;

    #[tokio::test]
    async fn a_text_with_a_url_is_reported_there_with_a_signature() {
        let plivo = Plivo::start(None).await.unwrap();
        let hook = Server::start("hook", Router::new().fallback(|| async {}))
            .await
            .unwrap();
        let url = format!("{}/plivo/x", hook.url());
        plivo.set_auth_token("the token");
        let body =
            json!({"src": "ACME", "dst": "4512345678", "text": "Hi", "log": "false", "url": url});
        let api = format!("{}/v1/Account/{AUTH_ID}/Message/", plivo.server().url());
        let request = client().post(api).basic_auth(AUTH_ID, Some("the token"));
        assert_eq!(request.json(&body).send().await.unwrap().status(), 202);
        plivo.receipts().posted().await;
        let reports = hook.exchanges();
        for (report, status) in reports.iter().zip(["sent", "delivered"]) {
            let params: Vec<_> = form_urlencoded::parse(&report.request)
                .into_owned()
                .collect();
            let has =
                |name: &str, value: &str| params.contains(&(name.to_owned(), value.to_owned()));
            assert!(has("Status", status) && has("MessageUUID", &plivo.messages()[0].id));
            assert!(has("To", "4512345678") && has("Units", "1"));
            let header = |name: &str| {
                let found = report.headers.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            let nonce = header("x-plivo-signature-v3-nonce");
            let signature = signature("the token", &url, &params, &nonce);
            assert_eq!(header("x-plivo-signature-v3"), signature);
        }
        assert_eq!(reports.len(), 2);
    }
}
