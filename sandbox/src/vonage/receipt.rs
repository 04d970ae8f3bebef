//! Vonage's delivery receipt (DLR), signed: one for each part of a text.
//!
//! Imitates <https://developer.vonage.com/messaging/sms/building-blocks/receive-a-delivery-receipt>
//! and `DeliveryReceipt` of `sms.yml`.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::{API_KEY, SIGNATURE_SECRET, Vonage};
use crate::{
    moment, random,
    receipts::{self, Post, Repeats, State},
    sms::Sent,
    wire::{client, lock},
};

/// How an account gets its receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiptsBy {
    /// GET, with the parameters in the query.
    Query,
    /// POST of a form.
    #[default]
    Form,
    /// POST of JSON.
    Json,
}

impl Vonage {
    /// Posts a receipt of this text's first part now, to the URL that it names. Returns the status
    /// of the answer.
    pub async fn report(&self, sent: &Sent, post: Post) -> u16 {
        let by = *lock(&self.receipts_by);
        match request(by, sent, &sent.id, post) {
            Some(request) => self.receipts().post(request, Repeats::USUAL).await,
            None => 0,
        }
    }
}

/// Signs the parameters of a webhook as an account does whose method is HMAC with SHA-256.
/// github Vonage/vonage-python-sdk@b308cb1e `http_client/src/vonage_http_client/auth.py`.
pub fn sign(key: &str, params: &[(String, String)]) -> String {
    let mut params = params.to_vec();
    params.sort();
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes any key");
    for (name, value) in &params {
        mac.update(format!("&{name}={}", value.replace(['&', '='], "_")).as_bytes());
    }
    hex::encode(mac.finalize().into_bytes())
}

/// The parameters of a receipt for the part with this id, without the signature.
pub(crate) fn params(sent: &Sent, id: &str, state: State) -> Vec<(String, String)> {
    let (status, code) = match state {
        State::OnItsWay => ("accepted", 0),
        State::Delivered => ("delivered", 0),
        State::Failed(code) => ("failed", code),
        State::Expired => ("expired", 1),
    };
    let now = crate::now();
    let seconds = moment::iso(now).replace('T', " ");
    let mut params = receipts::pairs(&[
        ("msisdn", sent.to.trim_start_matches('+')),
        ("to", &sent.from),
        ("network-code", "23801"),
        ("messageId", id),
        ("price", "0.03"),
        ("status", status),
        ("scts", &moment::minute(now)),
        ("err-code", &code.to_string()),
        ("api-key", API_KEY),
        (
            "message-timestamp",
            seconds.split('.').next().unwrap_or_default(),
        ),
        ("timestamp", &now.as_secs().to_string()),
        ("nonce", &random::uuid()),
    ]);
    let reference = sent.reference.clone();
    params.extend(reference.map(|reference| ("client-ref".to_owned(), reference)));
    params
}

/// The parameters as one JSON object.
pub(crate) fn json(params: &[(String, String)]) -> Value {
    let members = params.iter().cloned();
    let members = members.map(|(name, value)| (name, value.into()));
    Value::Object(members.collect())
}

/// The request of a receipt for the part with this id, if the text asked for receipts.
pub(super) fn request(
    by: ReceiptsBy,
    sent: &Sent,
    id: &str,
    post: Post,
) -> Option<reqwest::Request> {
    let url = sent.receipt_url.as_ref()?;
    let mut params = params(sent, id, post.state);
    let key = if post.forged {
        "guessed"
    } else {
        SIGNATURE_SECRET
    };
    let sig = sign(key, &params);
    params.push(("sig".to_owned(), sig));
    let request = match by {
        ReceiptsBy::Query => client().get(url).query(&params),
        ReceiptsBy::Form => client().post(url).form(&params),
        ReceiptsBy::Json => client().post(url).json(&json(&params)),
    };
    request.build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{vonage::API_SECRET, wire::Server};
    use axum::Router;
    use serde_json::Map;

    #[tokio::test]
    async fn each_part_of_a_text_has_its_receipts_as_the_account_wants_them() {
        let hook = Server::start("hook", Router::new().fallback(|| async {}))
            .await
            .unwrap();
        for by in [ReceiptsBy::Query, ReceiptsBy::Form, ReceiptsBy::Json] {
            let vonage = Vonage::start(None).await.unwrap();
            vonage.set_receipts_by(by);
            let form = [
                ("api_key", API_KEY),
                ("api_secret", API_SECRET),
                ("from", "ACME"),
                ("to", "4512345678"),
                ("text", &"a".repeat(161)),
                ("callback", &hook.url()),
                ("client-ref", "mine"),
            ];
            let url = format!("{}/sms/json", vonage.server().url());
            let answer = client().post(url).form(&form).send().await.unwrap();
            let answer: Value = answer.json().await.unwrap();
            let ids: Vec<_> = (0..2)
                .map(|part| &answer["messages"][part]["message-id"])
                .collect();
            vonage.receipts().posted().await;
            let receipts: Vec<Vec<(String, String)>> = hook
                .exchanges()
                .iter()
                .map(|exchange| {
                    let query = exchange
                        .target
                        .split_once('?')
                        .map_or("", |(_, query)| query);
                    match by {
                        ReceiptsBy::Query => form_urlencoded::parse(query.as_bytes())
                            .into_owned()
                            .collect(),
                        ReceiptsBy::Form => form_urlencoded::parse(&exchange.request)
                            .into_owned()
                            .collect(),
                        ReceiptsBy::Json => {
                            let members: Map<String, Value> =
                                serde_json::from_slice(&exchange.request).unwrap();
                            let pairs = members.into_iter();
                            pairs
                                .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
                                .collect()
                        }
                    }
                })
                .collect();
            assert_eq!(receipts.len(), 4, "{by:?}");
            for (receipt, (status, id)) in receipts.iter().zip([
                ("accepted", ids[0]),
                ("accepted", ids[1]),
                ("delivered", ids[0]),
                ("delivered", ids[1]),
            ]) {
                let of = |name: &str| {
                    receipt
                        .iter()
                        .find(|(key, _)| key == name)
                        .unwrap()
                        .1
                        .as_str()
                };
                assert_eq!((of("status"), of("client-ref")), (status, "mine"));
                assert_eq!(of("messageId"), id);
                let signed: Vec<_> = receipt
                    .iter()
                    .filter(|(name, _)| name != "sig")
                    .cloned()
                    .collect();
                assert_eq!(of("sig"), sign(SIGNATURE_SECRET, &signed));
            }
            hook.clear_exchanges();
        }
    }
}
