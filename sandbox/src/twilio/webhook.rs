//! Webhooks: signed requests to the account's URLs, with retries as the URL's fragment allows.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use axum::http::{Method, header};

use super::{account::Twilio, signature::signature};
use crate::{random, receipts::Repeats, wire::lock};

/// The result of a text to one of the account's numbers.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Status of the last attempt; 0 if there was no such number, no answer or only part of one.
    pub status: u16,
    /// Body of the last attempt.
    pub body: String,
    /// The texts that its `TwiML` delivered to any phone, in order. Twilio's own replies to STOP
    /// and similar words are only in the [`Twilio::inbox`].
    pub messages: Vec<String>,
    /// Number of webhook requests, with retries and redirects.
    pub attempts: u32,
    /// Time from the first request to the last delivered text.
    pub took: Duration,
}

impl Twilio {
    /// `X-Twilio-Signature` of a request to this URL, with parameters for a form POST and none for
    /// GET. The URL's fragment is left out.
    pub fn sign(&self, url: &str, params: &[(String, String)]) -> String {
        let url = url.split('#').next().unwrap_or_default();
        signature(&lock(&self.shared.state).auth_token, url, params)
    }

    /// The URL for `next` in a document from `base`. For GET, the parameters go into its query.
    pub(super) fn follow(
        &self,
        base: &str,
        next: &str,
        method: &str,
        params: &[(String, String)],
    ) -> Option<(String, Method)> {
        let mut url = match url::Url::parse(base).and_then(|base| base.join(next)) {
            Ok(url) => url,
            Err(error) => {
                self.alert(11100, format!("Invalid URL format: {next}: {error}"), true);
                return None;
            }
        };
        let method = if method == "GET" {
            Method::GET
        } else {
            Method::POST
        };
        if method == Method::GET {
            url.query_pairs_mut().extend_pairs(params);
        }
        Some((url.into(), method))
    }

    /// Fetches one answer, with as many attempts as the URL's fragment allows. `None`: no answer.
    pub(super) async fn fetch(
        &self,
        reply: &mut Reply,
        params: &[(String, String)],
        url: &str,
        signature: &str,
        method: &Method,
    ) -> Option<Answer> {
        let (plain, overrides) = overrides(url, |what| self.server.complain(what));
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(params)
            .finish();
        let (token, deadline) = (random::uuid(), Instant::now() + overrides.total);
        for retry in 0..=overrides.retries {
            reply.attempts += 1;
            let mut request = self
                .client
                .request(method.clone(), plain)
                .timeout(
                    overrides
                        .read
                        .min(deadline.saturating_duration_since(Instant::now())),
                )
                .header("X-Twilio-Signature", signature)
                .header("I-Twilio-Idempotency-Token", &token)
                .header(header::USER_AGENT, "TwilioProxy/1.1")
                .header(header::ACCEPT, "*/*");
            if *method == Method::POST {
                request = request
                    .header(
                        header::CONTENT_TYPE,
                        "application/x-www-form-urlencoded; charset=UTF-8",
                    )
                    .body(form.clone());
            }
            let answer = async {
                let answer = request.send().await?;
                let (status, kind) = (
                    answer.status().as_u16(),
                    answer.headers().get(header::CONTENT_TYPE).cloned(),
                );
                Ok::<_, reqwest::Error>((status, kind, answer.text().await?))
            };
            let (failure, alert) = match answer.await {
                Ok((status, kind, body)) => {
                    (reply.status, reply.body) = (status, body);
                    match status {
                        200..300 => {
                            let content_type = kind
                                .as_ref()
                                .and_then(|kind| kind.to_str().ok())
                                .unwrap_or_default()
                                .to_owned();
                            return Some(Answer {
                                content_type,
                                body: reply.body.clone(),
                            });
                        }
                        300..400 => {
                            self.alert(
                                11200,
                                format!("{status}: a redirect would lose the parameters"),
                                true,
                            );
                            return None;
                        }
                        400..500 => ("4xx", 11200),
                        _ => ("5xx", 11200),
                    }
                }
                Err(error) => {
                    (reply.status, reply.body) = (0, String::new());
                    if error.is_connect() {
                        ("ct", 11205)
                    } else {
                        ("rt", 11200)
                    }
                }
            };
            let again = overrides.policy.contains(failure) || overrides.policy.contains("all");
            if retry == overrides.retries || !again || Instant::now() >= deadline {
                self.alert(
                    alert,
                    format!("HTTP retrieval failure: {failure} {}", reply.status),
                    false,
                );
                return None;
            }
        }
        None
    }

    /// The document in an answer. `plain` makes the verb from a plain text.
    pub(super) fn document(
        &self,
        answer: &Answer,
        plain: impl Fn(&str) -> String,
    ) -> Option<String> {
        let Answer { content_type, body } = answer;
        match content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
            .as_str()
        {
            "text/xml" | "application/xml" | "text/html" => Some(body.clone()),
            "text/plain" => Some(format!(
                "<Response>{}</Response>",
                plain(&quick_xml::escape::escape(body))
            )),
            other => {
                self.alert(12300, format!("Invalid Content-Type: {other:?}"), true);
                None
            }
        }
    }
}

/// A successful answer to a webhook.
pub(super) struct Answer {
    content_type: String,
    pub(super) body: String,
}

/// The URL without its fragment, and the overrides in the fragment. The defaults are those
/// documented for connection overrides.
pub(super) fn overrides(url: &str, complain: impl Fn(String)) -> (&str, Overrides) {
    let (plain, fragment) = url.split_once('#').unwrap_or((url, ""));
    let mut overrides = Overrides {
        retries: 1,
        policy: ["ct".to_owned()].into(),
        read: Duration::from_secs(15),
        total: Duration::from_secs(15),
    };
    for (key, value) in form_urlencoded::parse(fragment.as_bytes()) {
        let number = value.parse::<u64>();
        match (key.as_ref(), number) {
            ("rc", Ok(n @ 0..=5)) => overrides.retries = n,
            ("rt", Ok(n @ 100..=15_000)) => overrides.read = Duration::from_millis(n),
            ("tt", Ok(n @ 100..=15_000)) => overrides.total = Duration::from_millis(n),
            ("ct", Ok(100..=10_000)) => {} // a connection on loopback never takes so long
            ("rp", _)
                if value
                    .split(',')
                    .all(|policy| ["4xx", "5xx", "ct", "rt", "all"].contains(&policy)) =>
            {
                overrides.policy = value.split(',').map(str::to_owned).collect();
            }
            _ => complain(format!("connection override {key}={value}")),
        }
    }
    (plain, overrides)
}

/// How an answer is waited for, and what is repeated.
pub(super) struct Overrides {
    retries: u64,
    policy: BTreeSet<String>,
    read: Duration,
    total: Duration,
}

impl Overrides {
    /// The repetitions of what is not answered.
    pub(super) fn repeats(&self) -> Repeats {
        let asked = |failure: &str| self.policy.contains(failure);
        Repeats {
            times: self.retries,
            after_5xx: asked("5xx") || asked("all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::{NUMBER, texts::hook::webhook};
    use std::collections::HashSet;

    #[tokio::test]
    async fn retries_follow_the_fragment() {
        let twilio = Twilio::start(None).await.unwrap();
        for (fragment, status, attempts) in [
            ("", 503, 1),
            ("#rc=3&rp=5xx,ct,rt", 503, 4),
            ("#rc=2&rp=ct", 503, 1),
            ("#rc=2&rp=5xx", 403, 1),
            ("#rp=all", 403, 2),
        ] {
            let hook = webhook(status, "text/xml", "").await;
            twilio.set_sms_url(NUMBER, &(hook.url() + "/" + fragment));
            let reply = twilio.text("+4512345678", NUMBER, "x").await;
            assert_eq!(
                (reply.status, reply.attempts),
                (status, attempts),
                "{fragment}"
            );
            let bodies = hook
                .exchanges()
                .into_iter()
                .map(|exchange| exchange.request)
                .collect::<HashSet<_>>();
            assert_eq!(bodies.len(), 1, "the same MessageSid each time");
            let gone = webhook(status, "text/xml", "").await;
            gone.faults().refuse(true);
            twilio.set_sms_url(NUMBER, &gone.url());
            let reply = twilio.text("+4512345678", NUMBER, "x").await;
            assert_eq!((reply.status, reply.attempts), (0, 2), "{fragment}");
        }
        assert_eq!(
            twilio
                .alerts()
                .iter()
                .map(|alert| alert.code)
                .collect::<Vec<_>>(),
            [11200, 11205].repeat(5)
        );
        assert!(twilio.server().complaints().is_empty());
    }
}
