//! The delivery of a mail to the URLs of its routes, with retries.

use std::time::{Duration, Instant};

use axum::http::header;

use super::state::Mailgun;
use crate::{
    mail::{Attachment, Mail},
    random,
    wire::{News, lock, number},
};

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

impl Mailgun {
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

    /// Receives a mail. Posts it to the URL of each route that takes it, until that URL answers 200
    /// or 406 or all retries have failed.
    pub async fn receive(&self, mail: &Mail) -> Delivery {
        let urls = lock(&self.settings).account.destinations(mail);
        let id = number();
        self.server.tell(&News::Mail {
            id,
            mail,
            urls: &urls,
        });
        let mut delivery = Delivery {
            attempts: vec![],
            done: !urls.is_empty(),
        };
        for url in urls {
            let attempts = self.post_until_done(id, mail, &url).await;
            delivery.done &= attempts.last().is_some_and(|attempt| attempt.status == 200);
            delivery.attempts.extend(attempts);
        }
        self.server.tell(&News::MailDone {
            id,
            done: delivery.done,
        });
        delivery
    }

    async fn post_until_done(&self, id: u64, mail: &Mail, url: &str) -> Vec<Attempt> {
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
            self.server.tell(&News::MailPosted {
                id,
                status,
                took: attempt.took,
            });
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{mailgun::caller::start, wire::client};

    const TO: &str = "acme+4512345678@sms.example.com";

    fn answer(status: u16) -> crate::wire::Fault {
        crate::wire::Fault::Answer {
            status,
            headers: vec![],
            body: String::new(),
        }
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
