//! Supabase Auth as the caller of its *Send SMS* hook.
//!
//! Source: github.com/supabase/auth (MIT), `internal/hooks/hookshttp/hookshttp.go` for the
//! requests, the retries and the meaning of answers, `internal/hooks/v0hooks/v0hooks.go` for the
//! body.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Response, header};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{moment::iso, random, wire::client};

/// The secret of the sandbox's hook, as the dashboard shows it.
pub const SECRET: &str = "v1,whsec_ZXhhbXBsZS1zdXBhYmFzZS1ob29rLXNlY3JldC0zMi1i";

/// The time for all attempts together.
const LIMIT: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 3;
/// The pause after a connection error.
const PAUSE: Duration = Duration::from_secs(2);

/// A server of Supabase Auth whose *Send SMS* hook is on.
#[derive(Clone, Debug)]
pub struct Supabase {
    secrets: Vec<String>,
    client: reqwest::Client,
}

/// What a person sees after the hook was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// HTTP status of the sign-in request.
    pub status: u16,
    /// The message; empty on success.
    pub message: String,
    /// How often the hook was called.
    pub attempts: usize,
}

impl Seen {
    /// True if Supabase stored the code. It does so only after the hook accepted it.
    pub fn is_code_valid(&self) -> bool {
        self.status == 200
    }
}

impl Supabase {
    /// A server with these secrets (`v1,whsec_…`). Each signs every request.
    pub fn new(secrets: &[&str]) -> Self {
        Self {
            secrets: secrets.iter().map(|secret| (*secret).to_owned()).collect(),
            client: client(),
        }
    }

    /// The body of a call for this phone, as the server keeps it (without plus), and this code.
    pub fn body(phone: &str, otp: &str) -> Value {
        let digits = phone.trim_start_matches('+');
        json!({
            "metadata": { "uuid": random::uuid(), "time": iso(crate::now()), "name": "send-sms", "ip_address": "203.0.113.7" },
            "user": {
                "id": "6481a5c1-3d37-4a56-9f6a-bee08c554965", "aud": "authenticated", "role": "authenticated", "email": "", "phone": digits,
                "app_metadata": { "provider": "phone", "providers": ["phone"] }, "user_metadata": {}, "identities": [],
                "created_at": "2026-11-20T12:00:00Z", "updated_at": "2026-11-20T12:00:00Z", "is_anonymous": false,
            },
            "sms": { "otp": otp, "phone": digits },
        })
    }

    /// The headers of an attempt. The signatures of several secrets are joined by comma and blank,
    /// where the standard wants a blank.
    pub fn headers(&self, id: &str, timestamp: u64, body: &str) -> Vec<(&'static str, String)> {
        let signatures: Vec<_> = self
            .secrets
            .iter()
            .map(|secret| sign(secret, id, timestamp, body))
            .collect();
        vec![
            ("accept-encoding", "identity".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-signature", signatures.join(", ")),
            ("webhook-timestamp", timestamp.to_string()),
        ]
    }

    /// A person asks for a code: calls the hook at `url` with this body.
    pub async fn send_sms(&self, url: &str, body: &Value) -> Seen {
        let (end, body) = (Instant::now() + LIMIT, body.to_string());
        let late = |attempts| {
            let message = "Failed to reach hook within maximum time of 5.000000 seconds";
            seen(422, message, attempts)
        };
        for attempt in 1..=ATTEMPTS {
            let mut request = self.client.post(url);
            for (name, value) in self.headers(&random::uuid(), crate::now().as_secs(), &body) {
                request = request.header(name, value);
            }
            let Ok(answer) = timeout_at(end, request.body(body.clone()).send()).await else {
                return late(attempt);
            };
            let Ok(answer) = answer else {
                if attempt == ATTEMPTS {
                    return seen(422, "Failed to reach hook after maximum retries", attempt);
                }
                if timeout_at(end, sleep(PAUSE)).await.is_err() {
                    return late(attempt);
                }
                continue;
            };
            match timeout_at(end, meaning(answer)).await {
                Err(_) => return late(attempt),
                Ok(Some((status, message))) => return seen(status, &message, attempt),
                Ok(None) => {}
            }
        }
        let message = "Service currently unavailable due to hook";
        seen(500, message, ATTEMPTS)
    }
}

fn seen(status: u16, message: &str, attempts: usize) -> Seen {
    Seen {
        status,
        message: message.to_owned(),
        attempts,
    }
}

/// Status and message for the person; `None`: the server tries again at once.
async fn meaning(answer: Response) -> Option<(u16, String)> {
    let fixed = |status, message: &str| Some((status, message.to_owned()));
    let text = |name| {
        let value = answer.headers().get(name)?;
        Some(value.to_str().unwrap_or_default().to_owned())
    };
    match answer.status().as_u16() {
        status @ (200 | 202 | 204) => {
            let media_type = text(header::CONTENT_TYPE).unwrap_or_default();
            let media_type = media_type.split(';').next().unwrap_or_default().trim();
            match media_type.to_ascii_lowercase().as_str() {
                "" if status == 204 => return fixed(200, ""),
                "application/json" => {}
                "" => return fixed(400, "Invalid Content-Type: Missing Content-Type header"),
                _ => return fixed(400, "Invalid JSON response"),
            }
            let body = answer.bytes().await.unwrap_or_default();
            let Ok(body) = serde_json::from_slice::<Value>(&body) else {
                return fixed(500, "Error unmarshaling JSON output.");
            };
            match body["error"]["message"].as_str() {
                Some(message) if !message.is_empty() => {
                    let status = body["error"]["http_code"].as_u64().unwrap_or_default();
                    let status = u16::try_from(status).ok().filter(|status| *status > 0);
                    fixed(status.unwrap_or(500), message)
                }
                _ => fixed(200, ""),
            }
        }
        429 | 503 if text(header::RETRY_AFTER).is_some_and(|value| !value.is_empty()) => None,
        429 | 503 => fixed(500, "Service currently unavailable due to hook"),
        400 => fixed(500, "Invalid payload sent to hook"),
        401 => fixed(500, "Hook requires authorization token"),
        status => fixed(
            500,
            &format!("Unexpected status code returned from hook: {status}"),
        ),
    }
}

/// A signature of the Standard Webhooks (<https://www.standardwebhooks.com>).
pub fn sign(secret: &str, id: &str, timestamp: u64, body: &str) -> String {
    let secret = secret
        .trim_start_matches("v1,")
        .trim_start_matches("whsec_");
    let key = BASE64_STANDARD.decode(secret).expect("a secret in base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use axum::{Router, http::StatusCode};

    use super::*;
    use crate::wire::Server;

    /// The vector in the test suites of the reference libraries
    /// (github.com/standard-webhooks/standard-webhooks, MIT).
    #[test]
    fn the_published_vector() {
        assert_eq!(
            sign(
                "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    /// Two secrets and a comma between their signatures, made by running Supabase's Go code:
    /// `generateSignatures` and the header of `internal/hooks/hookshttp/hookshttp.go` in
    /// github.com/supabase/auth@bc32168 (MIT), with the library of its `go.mod`, `libraries/go` in
    /// github.com/standard-webhooks/standard-webhooks@e0e82ad (MIT).
    #[test]
    fn the_headers_of_supabase_s_go_code() {
        let supabase = Supabase::new(&[
            "v1,whsec_b2xkLXN1cGFiYXNlLWhvb2stc2VjcmV0LTMyLWJ5dGVz",
            "v1,whsec_bmV3LXN1cGFiYXNlLWhvb2stc2VjcmV0LTMyLWJ5dGVz",
        ]);
        let body = r#"{"metadata":{"uuid":"8a2f4d6e-0b1c-4d3e-9f5a-6b7c8d9e0f1a","time":"2026-11-27T12:00:00Z","name":"send-sms","ip_address":"203.0.113.7"},"user":{"id":"6481a5c1-3d37-4a56-9f6a-bee08c554965","phone":"4520304050"},"sms":{"otp":"271828","phone":"+4520304050"}}"#;
        let headers = supabase.headers("0b5d7c2e-58a4-4a53-8a0b-2f3f4c1d9e77", 1_795_780_800, body);
        let signature = "v1,R5aQ+NcbK1CzAy7onHsuFkIGjUeQQHofDlawremS6ws=, v1,DcvLbwhIPNatxZ3BuX9U4NgsJxxnX7p88DAaa5KHOlI=";
        assert!(headers.contains(&("webhook-signature", signature.to_owned())));
    }

    type Answer = (u16, Vec<(&'static str, &'static str)>, &'static str);

    /// What a person sees if the hook always answers like that.
    async fn seen_with(answer: Answer) -> (Seen, usize) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let hook = Router::new().fallback(move || {
            counted.fetch_add(1, Relaxed);
            let (status, headers, body) = answer.clone();
            async move {
                let mut response = axum::response::Response::new(axum::body::Body::from(body));
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                for (name, value) in headers {
                    response.headers_mut().insert(name, value.parse().unwrap());
                }
                response
            }
        });
        let server = Server::start("hook", hook).await.unwrap();
        let supabase = Supabase::new(&[SECRET]);
        let body = Supabase::body("+4512345678", "271828");
        let seen = supabase.send_sms(&server.url(), &body).await;
        (seen, calls.load(Relaxed))
    }

    #[tokio::test]
    async fn each_answer_means_what_hookshttp_makes_of_it() {
        const JSON: (&str, &str) = ("content-type", "application/json");
        let again = ("retry-after", "true");
        for (answer, status, attempts) in [
            ((204, vec![], ""), 200, 1),
            ((200, vec![JSON], "{}"), 200, 1),
            ((200, vec![], "{}"), 400, 1),
            ((200, vec![("content-type", "text/plain")], "{}"), 400, 1),
            ((200, vec![JSON], r#"{"error":{"message":"no"}}"#), 500, 1),
            (
                (
                    200,
                    vec![JSON],
                    r#"{"error":{"http_code":429,"message":"no"}}"#,
                ),
                429,
                1,
            ),
            ((503, vec![], ""), 500, 1),
            ((503, vec![again], ""), 500, 3),
            ((429, vec![again], ""), 500, 3),
            ((502, vec![again], ""), 500, 1),
            ((400, vec![JSON], "{}"), 500, 1),
            ((401, vec![], ""), 500, 1),
        ] {
            let (seen, calls) = seen_with(answer.clone()).await;
            assert_eq!(
                (seen.status, seen.attempts),
                (status, attempts),
                "{answer:?}"
            );
            assert_eq!(calls, attempts, "{answer:?}");
        }
    }
}
