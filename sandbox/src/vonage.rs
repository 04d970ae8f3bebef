//! Vonage: the SMS API.
//!
//! Imitates `sms.yml` 1.0.10 of github Nexmo/api-specification@ad042003. Everything is answered 200; complaints and refusals are in the
//! elements. Stricter than Vonage: fields that are not simulated, and a `type` that does not fit the text's alphabet, are complained about.

use std::{io, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, header},
    routing::post,
};
use serde_json::{Value, json};

use crate::{
    random,
    sms::{self, Account, Sent, Shared},
    twilio,
    wire::{Complaints, Server, lock},
};

/// The account.
pub const API_KEY: &str = "abcd1234";
/// Its secret, until [`Vonage::set_api_secret`].
pub const API_SECRET: &str = "sandbox-vonage-api-secret";

/// The simulator. Numbers are E.164.
pub struct Vonage {
    server: Server,
    account: Shared,
}

impl Vonage {
    /// Serves `https://rest.nexmo.com` on this port, or a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let account = Account::open(API_SECRET);
        let routes = Router::new().route("/sms/json", post(send));
        let server = Server::start_on("Vonage", port.unwrap_or(0), sms::router("Vonage", routes, &account)).await?;
        Ok(Self { server, account })
    }

    /// What passed over the wire, faults, complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Every text taken, in order, whatever its parts; the id is the first part's.
    pub fn messages(&self) -> Vec<Sent> {
        lock(&self.account).sent.clone()
    }

    /// From now on every text to this number is refused with this status (1, 5, 6, 7, 9, 15, 33...).
    pub fn reject(&self, number: &str, status: u32) {
        lock(&self.account).refusals.insert(number.to_owned(), status);
    }

    /// Takes [`Vonage::reject`] back.
    pub fn accept(&self, number: &str) {
        lock(&self.account).refusals.remove(number);
    }

    /// Replaces the account's secret.
    pub fn set_api_secret(&self, secret: &str) {
        secret.clone_into(&mut lock(&self.account).secret);
    }
}

fn refuse(status: u32, text: &str) -> Json<Value> {
    Json(json!({"message-count": "1", "messages": [{"status": status.to_string(), "error-text": text}]}))
}

async fn send(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    let complain = |status, what: &str| {
        complaints.add(format!("Vonage SMS: {what}"));
        refuse(status, what)
    };
    if sms::header(&headers, header::CONTENT_TYPE) != "application/x-www-form-urlencoded" {
        return complain(2, "content type");
    }
    let fields = match sms::form(&body, &["api_key", "api_secret", "from", "to", "text", "type", "ttl"]) {
        Ok(fields) => fields,
        Err(wrong) => return complain(3, &wrong),
    };
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    if let Some(missing) = ["api_key", "api_secret", "from", "to", "text"].into_iter().find(|name| field(name).is_empty()) {
        return complain(2, &format!("Missing {missing} param"));
    }
    let mut account = lock(&account);
    if field("api_key") != API_KEY || field("api_secret") != account.secret {
        return refuse(4, "Bad Credentials");
    }
    let (to, from, text) = (field("to"), field("from"), field("text"));
    if !sms::is_number(to) {
        return complain(3, "to is digits with the country code");
    }
    if !sms::is_sender(from) {
        return complain(3, "from is digits or a name");
    }
    let needed = if text.chars().all(|c| twilio::septets(c).is_some()) { "text" } else { "unicode" };
    if fields.get("type").map_or("text", String::as_str) != needed {
        return complain(3, &format!("type is {needed} for this text"));
    }
    let ttl = match sms::number(&fields, "ttl", 20_000..=604_800_000) {
        Ok(ttl) => ttl.map(Duration::from_millis),
        Err(wrong) => return complain(3, &wrong),
    };
    if let Some(status) = account.refusal(to) {
        return refuse(status, "refused");
    }
    let ids = (0..twilio::segments(text)).map(|_| random::hex(8).to_uppercase()).collect::<Vec<_>>();
    account.take(to, from, text, &ids[0], ttl);
    let part = |id| json!({"to": to, "message-id": id, "status": "0", "remaining-balance": "3.14", "message-price": "0.03", "network": "23801"});
    Json(json!({"message-count": ids.len().to_string(), "messages": ids.iter().map(part).collect::<Vec<_>>()}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;

    #[tokio::test]
    async fn one_element_per_part_and_always_200() {
        let vonage = Vonage::start(None).await.unwrap();
        let url = format!("{}/sms/json", vonage.server().url());
        let post = async |changes: &[(&str, &str)]| {
            let mut form =
                vec![("api_key", API_KEY), ("api_secret", API_SECRET), ("from", "ACME"), ("to", "4512345678"), ("text", "Hi")];
            form.retain(|(name, _)| !changes.iter().any(|(other, _)| other == name));
            form.extend(changes);
            let answer = client().post(&url).form(&form).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.json::<Value>().await.unwrap()
        };
        let long = "œ".repeat(71);
        let answer = post(&[("text", &long), ("type", "unicode"), ("ttl", "20000")]).await;
        let Sent { to, from, text, id, validity } = vonage.messages().remove(0);
        assert_eq!((&answer["message-count"], &answer["messages"][0]["message-id"]), (&json!("2"), &json!(id)));
        assert_eq!((&answer["messages"][1]["status"], answer["messages"].as_array().unwrap().len()), (&json!("0"), 2));
        assert_eq!((to.as_str(), from.as_str(), text), ("+4512345678", "ACME", long));
        assert_eq!(validity, Some(Duration::from_secs(20)));
        vonage.reject("+4512345678", 33);
        assert_eq!(post(&[]).await["messages"][0]["status"], "33");
        vonage.set_api_secret("new");
        assert_eq!(post(&[]).await["messages"][0]["status"], "4");
        vonage.set_api_secret(API_SECRET);
        vonage.accept("+4512345678");
        assert_eq!(vonage.server().complaints(), [""; 0]);
        for (change, status) in [
            (("to", "+4512345678"), "3"),
            (("from", "+15005550006"), "3"),
            (("text", "œ"), "3"),
            (("type", "unicode"), "3"),
            (("ttl", "19999"), "3"),
            (("ttl", "604800001"), "3"),
            (("ttl", "20s"), "3"),
            (("client-ref", "x"), "3"),
            (("text", ""), "2"),
        ] {
            assert_eq!(
                (post(&[change]).await["messages"][0]["status"].as_str(), vonage.server().complaints().len()),
                (Some(status), 1)
            );
        }
        assert_eq!(vonage.messages().len(), 1);
        assert_eq!((client().get(&url).send().await.unwrap().status().as_u16(), vonage.server().complaints().len()), (501, 1));
    }
}
