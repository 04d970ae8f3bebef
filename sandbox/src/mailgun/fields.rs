//! The form of a received mail: its fields and their signature.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::state::Mailgun;
use crate::{
    mail::{self, Mail},
    random,
    wire::lock,
};

impl Mailgun {
    /// Signs with another key from now on.
    pub fn set_signing_key(&self, key: &str) {
        key.clone_into(&mut lock(&self.settings).signing_key);
    }

    /// `hex(HMAC-SHA256(signing key, timestamp + token))`.
    pub fn sign(&self, timestamp: &str, token: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(lock(&self.settings).signing_key.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(timestamp.as_bytes());
        mac.update(token.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// The fields of a parsed mail, signed at `now` (epoch seconds) with a new token. They are
    /// those of `store(notify=...)`; a mail with files has those of `forward(...)`.
    pub fn fields(&self, mail: &Mail, now: u64) -> Vec<(String, String)> {
        let (timestamp, token) = (now.to_string(), random::hex(25));
        let (domain, plain) = (
            mail.recipient.split('@').next_back().unwrap_or_default(),
            mail::plain_text(&mail.html),
        );
        let (envelope_from, date) = (format!("<{}>", mail.sender), mail::date(now));
        let mut headers = vec![
            ("X-Mailgun-Incoming", "Yes"),
            ("X-Envelope-From", &envelope_from),
            ("Mime-Version", "1.0"),
            (
                "Content-Type",
                if mail.attachments.is_empty() {
                    "text/html; charset=\"utf-8\""
                } else {
                    "multipart/mixed; boundary=\"b\""
                },
            ),
            ("Date", &date),
            ("Subject", &mail.subject),
            ("From", &mail.from),
            ("To", &mail.to),
        ];
        if !mail.message_id.is_empty() {
            headers.push(("Message-Id", &mail.message_id));
        }
        headers.extend(
            mail.headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let (headers_json, signature) = (json!(headers).to_string(), self.sign(&timestamp, &token));
        let mut fields = vec![
            ("recipient", mail.recipient.as_str()),
            ("sender", &mail.sender),
            ("subject", &mail.subject),
            ("from", &mail.from),
        ];
        let (message_url, count) = (
            format!(
                "{}/v3/domains/{domain}/messages/{}",
                self.server.url(),
                random::hex(16)
            ),
            mail.attachments.len().to_string(),
        );
        if mail.attachments.is_empty() {
            fields.extend([("domain", domain), ("message-url", &message_url)]);
        } else {
            fields.extend([
                ("attachment-count", count.as_str()),
                ("content-id-map", "{}"),
            ]);
        }
        fields.extend(headers.iter().copied());
        fields.extend([
            ("message-headers", headers_json.as_str()),
            ("body-plain", &plain),
            ("body-html", &mail.html),
            ("stripped-html", &mail.html),
            ("stripped-text", &plain),
            ("stripped-signature", ""),
            ("timestamp", &timestamp),
            ("token", &token),
            ("signature", &signature),
        ]);
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailgun::caller::start;

    const TO: &str = "acme+4512345678@sms.example.com";

    #[tokio::test]
    async fn the_signature_is_the_documented_one() {
        // valid: composed, MAC computed independently with Python's standard library
        let (timestamp, token) = (
            "1800000000",
            "0000000000abcdef1234567890abcdef1234567890deadbeef",
        );
        let mailgun = Mailgun::start(None).await.unwrap();
        assert_eq!(
            mailgun.sign(timestamp, token),
            "d7a359e341354dd3e46f489e1d33142be15dfe716c6271c7ca2bd360582cc636"
        );
        mailgun.set_signing_key("other");
        assert_ne!(
            mailgun.sign(timestamp, token),
            "d7a359e341354dd3e46f489e1d33142be15dfe716c6271c7ca2bd360582cc636"
        );
    }

    #[tokio::test]
    async fn a_mail_arrives_as_a_form_with_colliding_names() {
        let (mailgun, route) = start().await;
        let mail = Mail {
            headers: vec![
                ("Received".to_owned(), "a".to_owned()),
                ("Received".to_owned(), "b".to_owned()),
            ],
            ..Mail::new(TO, "Verify", "<a href=\"https://x/?t=1&amp;u=2\">Go</a>")
        };
        let delivery = mailgun.receive(&mail).await;
        assert!(delivery.done && delivery.attempts.len() == 1);
        let exchange = &route.exchanges()[0];
        assert!(exchange.headers.contains(&(
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned()
        )));
        assert!(
            exchange
                .request
                .starts_with(b"recipient=acme%2B4512345678%40sms.example.com&sender=")
        );
        let fields = form_urlencoded::parse(&exchange.request)
            .into_owned()
            .collect::<Vec<_>>();
        let all = |name: &str| {
            fields
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (all("from"), all("From")),
            (
                vec!["Acme <no-reply@acme.example>"],
                vec!["Acme <no-reply@acme.example>"]
            )
        );
        assert_eq!(
            (all("Received"), all("To"), all("domain")),
            (vec!["a", "b"], vec![TO], vec!["sms.example.com"])
        );
        assert_eq!(
            (all("body-plain"), all("body-html")),
            (vec!["Go ( https://x/?t=1&u=2 )"], vec![mail.html.as_str()])
        );
        assert_eq!(
            (all("token")[0].len(), all("signature")),
            (
                50,
                vec![mailgun.sign(all("timestamp")[0], all("token")[0]).as_str()]
            )
        );
        assert!(
            serde_json::from_str::<Vec<(String, String)>>(all("message-headers")[0])
                .unwrap()
                .contains(&("Message-Id".to_owned(), mail.message_id))
        );
    }
}
