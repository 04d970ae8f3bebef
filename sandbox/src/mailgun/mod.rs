//! Mailgun: routes that turn mails into signed POSTs and retry them, and the administration of
//! routes.
//!
//! Imitates
//! <https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http>
//! and `user_manual.rst`, `api-routes.rst` of github mailgun/documentation@32f41214.

mod forged;
mod routes;

pub use forged::Forgery;
pub use routes::Route;

use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Extension, Router,
    extract::OriginalUri,
    http::{Method, StatusCode, header},
    response::Response,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use crate::{
    mail::{self, Attachment, Mail},
    random,
    wire::{Complaints, Server, client, lock},
};

/// The account's first HTTP webhook signing key. [`Mailgun::set_signing_key`] replaces it.
pub const SIGNING_KEY: &str = "example-http-webhook-signing-key";

/// The account's first API key. [`Mailgun::set_api_key`] replaces it.
pub const API_KEY: &str = "example-mailgun-api-key";
/// The account's domain.
pub const DOMAIN: &str = "sms.example.com";

/// Pauses between attempts, seconds: 10, 10, 15, 30 minutes, 1, 2, 4 hours (user manual; newer
/// pages omit the second).
const PAUSES: [u64; 7] = [600, 600, 900, 1800, 3600, 7200, 14_400];

/// One POST and its answer.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// HTTP status; 0 if there was no answer or only part of one.
    pub status: u16,
    /// The answer's body.
    pub body: String,
    /// Time from the request to the end of the answer.
    pub took: Duration,
}

/// The result of a mail.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// In order. Each URL has at most one attempt more than there are pauses. Empty if no route
    /// took the mail.
    pub attempts: Vec<Attempt>,
    /// True if every URL of the routes that took the mail answered 200. False if one answered 406,
    /// or if Mailgun gave up.
    pub done: bool,
}

struct Settings {
    signing_key: String,
    account: routes::Account,
    retry_scale: f64,
    sign_each_attempt: bool,
}

type Shared = Arc<Mutex<Settings>>;

/// The Mailgun simulator.
pub struct Mailgun {
    server: Server,
    settings: Shared,
    client: reqwest::Client,
}

impl Mailgun {
    /// Serves `https://api.mailgun.net` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let settings = Shared::new(Mutex::new(Settings {
            signing_key: SIGNING_KEY.to_owned(),
            account: routes::Account::new(),
            retry_scale: 1e-5,
            sign_each_attempt: false,
        }));
        let server = Server::start_on("Mailgun", port.unwrap_or(0), router(&settings)).await?;
        Ok(Self {
            server,
            settings,
            client: client(),
        })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Signs with another key from now on.
    pub fn set_signing_key(&self, key: &str) {
        key.clone_into(&mut lock(&self.settings).signing_key);
    }

    /// Multiplies the pauses between retries. At first 1e-5: eight hours become a third of a
    /// second.
    pub fn set_retry_scale(&self, factor: f64) {
        lock(&self.settings).retry_scale = factor;
    }

    /// Sets whether each retry is signed with its own time and token. Mailgun does not document
    /// this. At first a retry repeats the POST unchanged.
    pub fn set_sign_each_attempt(&self, on: bool) {
        lock(&self.settings).sign_each_attempt = on;
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

    /// Receives a mail. Posts it to the URL of each route that takes it, until that URL answers 200
    /// or 406 or all retries have failed.
    pub async fn receive(&self, mail: &Mail) -> Delivery {
        let urls = lock(&self.settings).account.destinations(mail);
        let mut delivery = Delivery {
            attempts: vec![],
            done: !urls.is_empty(),
        };
        for url in urls {
            let attempts = self.post_until_done(mail, &url).await;
            delivery.done &= attempts.last().is_some_and(|attempt| attempt.status == 200);
            delivery.attempts.extend(attempts);
        }
        delivery
    }

    async fn post_until_done(&self, mail: &Mail, url: &str) -> Vec<Attempt> {
        let (scale, sign_each) = {
            let settings = lock(&self.settings);
            (settings.retry_scale, settings.sign_each_attempt)
        };
        let mut fields = self.fields(mail, crate::now().as_secs());
        let mut attempts: Vec<Attempt> = Vec::new();
        for pause in PAUSES.map(Some).into_iter().chain([None]) {
            if sign_each && !attempts.is_empty() {
                fields = self.fields(mail, crate::now().as_secs());
            }
            let attempt = if mail.attachments.is_empty() {
                self.post(url, &fields).await
            } else {
                self.post_multipart(url, &fields, &mail.attachments).await
            };
            let status = attempt.status;
            attempts.push(attempt);
            match pause {
                Some(seconds) if !matches!(status, 200 | 406) => {
                    tokio::time::sleep(Duration::from_secs(seconds).mul_f64(scale)).await;
                }
                _ => break,
            }
        }
        attempts
    }

    /// Sends one POST of a form with any fields.
    pub async fn post(&self, url: &str, fields: &[(String, String)]) -> Attempt {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.send(url, "application/x-www-form-urlencoded", form.into_bytes())
            .await
    }

    /// Sends one POST of a multipart form with any fields. Files become `attachment-1`...
    pub async fn post_multipart(
        &self,
        url: &str,
        fields: &[(String, String)],
        files: &[Attachment],
    ) -> Attempt {
        let boundary = random::hex(16);
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend_from_slice(
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes(),
            );
        }
        for (
            n,
            Attachment {
                name,
                content_type,
                content,
            },
        ) in (1..).zip(files)
        {
            let head = format!(
                "Content-Disposition: form-data; name=\"attachment-{n}\"; filename=\"{name}\"\r\nContent-Type: {content_type}"
            );
            body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        self.send(
            url,
            &format!("multipart/form-data; boundary={boundary}"),
            body,
        )
        .await
    }

    /// Waits a minute for an answer. Mailgun does not document its timeout.
    async fn send(&self, url: &str, content_type: &str, body: Vec<u8>) -> Attempt {
        let started = Instant::now();
        let request = self
            .client
            .post(url)
            .timeout(Duration::from_mins(1))
            .header(header::CONTENT_TYPE, content_type)
            .header(header::USER_AGENT, "mailgun/treq")
            .body(body);
        let answer = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
        };
        let (status, body) = answer.await.unwrap_or_default();
        Attempt {
            status,
            body,
            took: started.elapsed(),
        }
    }
}

fn router(settings: &Shared) -> Router {
    Router::new()
        .merge(routes::router(settings))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(Arc::clone(settings))
}

async fn unknown(
    Extension(complaints): Extension<Complaints>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    complaints.add(format!("Mailgun: {method} {uri} is not simulated"));
    routes::answer(
        StatusCode::NOT_IMPLEMENTED,
        &crate::sms::not_simulated(&method, &uri),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const TO: &str = "acme+4512345678@sms.example.com";

    async fn start() -> (Mailgun, Server) {
        let (mailgun, route) = (
            Mailgun::start(None).await.unwrap(),
            Server::start("route", Router::new().fallback(|| async {}))
                .await
                .unwrap(),
        );
        mailgun.set_route(&route.url());
        (mailgun, route)
    }

    fn answer(status: u16) -> crate::wire::Fault {
        crate::wire::Fault::Answer {
            status,
            headers: vec![],
            body: String::new(),
        }
    }

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

    #[tokio::test]
    async fn files_make_it_multipart() {
        let (mailgun, route) = start().await;
        let attachment = Attachment {
            name: "a.bin".to_owned(),
            content_type: "application/octet-stream".to_owned(),
            content: vec![0, 255, 13, 10],
        };
        mailgun
            .receive(&Mail {
                attachments: vec![attachment],
                ..Mail::new(TO, "Verify", "x")
            })
            .await;
        let exchange = &route.exchanges()[0];
        let body = exchange.request.as_ref();
        let has = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
        assert!(
            has(b"name=\"attachment-count\"\r\n\r\n1\r\n")
                && has(b"name=\"attachment-1\"; filename=\"a.bin\"")
                && has(&[10, 0, 255, 13, 10, 13, 10, b'-'])
        );
        assert!(
            has(b"name=\"recipient\"\r\n\r\nacme+4512345678@sms.example.com\r\n")
                && !has(b"message-url")
        );
    }

    #[tokio::test]
    async fn only_200_and_406_end_the_retries() {
        let (mailgun, route) = start().await;
        let mail = Mail::new(TO, "Verify", "x");
        for (answers, done, attempts) in [
            (vec![406], false, 1),
            (vec![503, 204, 401], true, 4),
            (vec![500; 8], false, 8),
        ] {
            route.clear_exchanges();
            for status in &answers {
                route.faults().next(answer(*status));
            }
            let delivery = mailgun.receive(&mail).await;
            assert_eq!(
                (delivery.done, delivery.attempts.len()),
                (done, attempts),
                "{answers:?}"
            );
            assert_eq!(
                route
                    .exchanges()
                    .into_iter()
                    .map(|exchange| exchange.request)
                    .collect::<HashSet<_>>()
                    .len(),
                1
            );
        }
        mailgun.set_sign_each_attempt(true);
        mailgun.set_retry_scale(0.0);
        route.clear_exchanges();
        route.faults().next(crate::wire::Fault::ResetAfter);
        let delivery = mailgun.receive(&mail).await;
        assert_eq!(
            delivery
                .attempts
                .iter()
                .map(|attempt| attempt.status)
                .collect::<Vec<_>>(),
            [0, 200]
        );
        assert_ne!(route.exchanges()[0].request, route.exchanges()[1].request);
        client()
            .get(mailgun.server().url() + "/v3/x")
            .send()
            .await
            .unwrap();
        assert_eq!(mailgun.server().complaints().len(), 1);
    }
}
