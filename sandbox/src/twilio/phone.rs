//! Phones: a text to an account's number becomes a signed webhook, and the `TwiML` of its answer is
//! executed.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use axum::http::{Method, header};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::{ACCOUNT_SID, Message, Twilio, new_sid, segments};
use crate::{
    random,
    twiml::{self, Verb},
    wire::lock,
};

/// Words that opt out of texts from a long code when they are the whole message, and words that opt
/// in again (help.twilio.com/articles/223134027).
const STOP: [&str; 8] = [
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
];
const START: [&str; 3] = ["START", "YES", "UNSTOP"];

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

    /// The parameters of the webhook for a new text.
    pub fn inbound(&self, from: &str, to: &str, body: &str) -> Vec<(String, String)> {
        self.inbound_picture(from, to, body, &[])
    }

    /// The parameters of the webhook for a new text with media, by URL.
    pub fn inbound_picture(
        &self,
        from: &str,
        to: &str,
        body: &str,
        media: &[&str],
    ) -> Vec<(String, String)> {
        let sid = if media.is_empty() {
            new_sid()
        } else {
            format!("MM{}", random::hex(16))
        };
        let segments = if media.is_empty() { segments(body) } else { 1 }.to_string();
        let media_count = media.len().to_string();
        let pairs = [
            ("ToCountry", country(to)),
            ("ToState", ""),
            ("SmsMessageSid", &sid),
            ("NumMedia", &media_count),
            ("ToCity", ""),
            ("FromZip", ""),
            ("SmsSid", &sid),
            ("FromState", ""),
            ("SmsStatus", "received"),
            ("FromCity", ""),
            ("Body", body),
            ("FromCountry", country(from)),
            ("To", to),
            ("ToZip", ""),
            ("NumSegments", &segments),
            ("MessageSid", &sid),
            ("AccountSid", ACCOUNT_SID),
            ("From", from),
            ("ApiVersion", "2010-04-01"),
        ];
        let mut params: Vec<_> = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        for (n, url) in media.iter().enumerate() {
            params.push((format!("MediaUrl{n}"), (*url).to_owned()));
            params.push((format!("MediaContentType{n}"), media_type(url).to_owned()));
        }
        params
    }

    /// A phone texts one of the account's numbers. STOP words take effect. The webhook of the
    /// number or of its messaging service is called, and its `TwiML` is executed.
    pub async fn text(&self, from: &str, to: &str, body: &str) -> Reply {
        self.picture(from, to, body, &[]).await
    }

    /// A phone sends one of the account's numbers a text with media, by URL (MMS).
    pub async fn picture(&self, from: &str, to: &str, body: &str, media: &[&str]) -> Reply {
        let webhook = {
            let mut state = lock(&self.shared.state);
            let pair = (from.to_owned(), to.to_owned());
            let word = body.trim().to_uppercase();
            let own_reply = if STOP.contains(&word.as_str()) {
                state.opted_out.insert(pair);
                Some(
                    "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe.",
                )
            } else if START.contains(&word.as_str()) && state.opted_out.remove(&pair) {
                Some(
                    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
                )
            } else if matches!(word.as_str(), "HELP" | "INFO") {
                Some("Reply STOP to unsubscribe. Msg&Data Rates May Apply.")
            } else {
                None
            };
            if let Some(own_reply) = own_reply {
                state
                    .inboxes
                    .entry(from.to_owned())
                    .or_default()
                    .push(own_reply.to_owned());
            }
            state.sms_webhook(to)
        };
        self.shared.arrived.notify_waiters();
        let Some((url, method, service)) = webhook else {
            return Reply::default();
        };
        let mut params = self.inbound_picture(from, to, body, media);
        params.extend(service.map(|sid| ("MessagingServiceSid".to_owned(), sid)));
        if method != "GET" {
            return self.deliver(params, &url).await;
        }
        let Some((url, method)) = self.follow(&url, &url, &method, &params) else {
            return Reply::default();
        };
        let signature = self.sign(&url, &[]);
        self.run(params, &url, &signature, method).await
    }

    /// Calls a webhook with these parameters, signed. A test can repeat a `MessageSid`.
    pub async fn deliver(&self, params: Vec<(String, String)>, url: &str) -> Reply {
        let signature = self.sign(url, &params);
        self.deliver_signed(params, url, &signature).await
    }

    /// Calls a webhook with any parameters and any signature.
    pub async fn deliver_signed(
        &self,
        params: Vec<(String, String)>,
        url: &str,
        signature: &str,
    ) -> Reply {
        self.run(params, url, signature, Method::POST).await
    }

    /// Calls a webhook and executes its answer. Repeats this while the answer redirects.
    async fn run(
        &self,
        params: Vec<(String, String)>,
        url: &str,
        signature: &str,
        mut method: Method,
    ) -> Reply {
        let started = Instant::now();
        let mut reply = Reply::default();
        let (mut url, mut signature) = (url.to_owned(), signature.to_owned());
        for _ in 0..10 {
            let Some(document) = self
                .fetch(&mut reply, &params, &url, &signature, &method)
                .await
            else {
                break;
            };
            let Some(document) =
                self.document(&document, |text| format!("<Message>{text}</Message>"))
            else {
                break;
            };
            let Some((next, next_method)) = self.execute(&mut reply, &params, document) else {
                break;
            };
            let Some(next) = self.follow(&url, &next, &next_method, &params) else {
                break;
            };
            (url, method) = next;
            signature = self.sign(&url, if method == Method::GET { &[] } else { &params });
        }
        reply.took = started.elapsed();
        reply
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
        let (plain, overrides) = self.overrides(url);
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

    /// Executes a document. Returns the URL to which it redirects.
    fn execute(
        &self,
        reply: &mut Reply,
        params: &[(String, String)],
        document: String,
    ) -> Option<(String, String)> {
        let param = |name: &str| {
            params
                .iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        let verbs = match twiml::messaging(&document) {
            Ok(verbs) => verbs,
            Err(error) => {
                self.alert(error.code, error.detail, true);
                return None;
            }
        };
        drop(document);
        for verb in verbs {
            match verb {
                Verb::Redirect { url, method } => return Some((url, method)),
                Verb::Message {
                    to,
                    from,
                    body,
                    media,
                } => {
                    let (to, from) = (
                        to.unwrap_or_else(|| param("From").to_owned()),
                        from.unwrap_or_else(|| param("To").to_owned()),
                    );
                    // An agent's reply in RCS reaches the same phone.
                    let to = to.strip_prefix("rcs:").map_or(to.clone(), str::to_owned);
                    if to == from {
                        self.alert(
                            14101,
                            "\"To\" Attribute is Invalid: it equals \"From\"".to_owned(),
                            true,
                        );
                        continue;
                    }
                    let sent = lock(&self.shared.state).send(Message {
                        sid: new_sid(),
                        to,
                        from,
                        body,
                        media,
                        direction: "outbound-reply",
                        validity: None,
                        keeps_body: true,
                        keeps_to: true,
                    });
                    match sent {
                        Ok(message) => reply.messages.push(message.body),
                        Err((code, text)) => self.alert(code, text, code != 21610),
                    }
                }
            }
        }
        self.shared.arrived.notify_waiters();
        None
    }

    pub(super) fn alert(&self, code: u32, detail: String, complain: bool) {
        if complain {
            self.server.complain(format!("{code} {detail}"));
        }
        lock(&self.shared.state)
            .alerts
            .push(twiml::Error { code, detail });
    }

    /// The URL without its fragment, and the overrides in the fragment. The defaults are those
    /// documented for connection overrides.
    fn overrides<'a>(&self, url: &'a str) -> (&'a str, Overrides) {
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
                _ => self
                    .server
                    .complain(format!("connection override {key}={value}")),
            }
        }
        (plain, overrides)
    }
}

/// A successful answer to a webhook.
pub(super) struct Answer {
    content_type: String,
    pub(super) body: String,
}

struct Overrides {
    retries: u64,
    policy: BTreeSet<String>,
    read: Duration,
    total: Duration,
}

/// The media type by the file's extension; an image if there is none.
fn media_type(url: &str) -> &'static str {
    let name = url
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    [
        (".png", "image/png"),
        (".gif", "image/gif"),
        (".mp4", "video/mp4"),
        (".pdf", "application/pdf"),
        (".vcf", "text/vcard"),
    ]
    .into_iter()
    .find(|(ending, _)| name.ends_with(ending))
    .map_or("image/jpeg", |(_, kind)| kind)
}

pub(super) fn country(number: &str) -> &'static str {
    [
        ("+1", "US"),
        ("+45", "DK"),
        ("+57", "CO"),
        ("+44", "GB"),
        ("+49", "DE"),
    ]
    .into_iter()
    .find(|(prefix, _)| number.starts_with(prefix))
    .map_or("", |(_, country)| country)
}

/// Keys are sorted by bytes. Of a repeated key each different value is used once, sorted, as
/// twilio-node and twilio-python do.
pub(super) fn signature(token: &str, url: &str, params: &[(String, String)]) -> String {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    for (key, value) in params.iter().collect::<BTreeSet<_>>() {
        mac.update(key.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        twilio::{AUTH_TOKEN, NUMBER},
        wire::{Server, client},
    };
    use axum::{
        Router,
        http::StatusCode,
        routing::{any, get, post},
    };
    use std::collections::HashSet;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// A webhook with a fixed answer.
    async fn webhook(status: u16, content_type: &'static str, body: &'static str) -> Server {
        let answer = move || async move {
            (
                StatusCode::from_u16(status).unwrap(),
                [(header::CONTENT_TYPE, content_type)],
                body,
            )
        };
        Server::start("webhook", Router::new().fallback(any(answer)))
            .await
            .unwrap()
    }

    #[test]
    fn signatures_match_published_ones() {
        // form-basic: twilio/twilio-node@45d3d65a spec/validation.spec.js (MIT)
        let params = pairs(&[
            ("Digits", "1234"),
            ("CallSid", "CA1234567890ABCDE"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
            ("From", "+14158675309"),
        ]);
        assert_eq!(
            signature(
                "12345",
                "https://mycompany.com/myapp.php?foo=1&bar=2",
                &params
            ),
            "RSOYDt4T1cUTdK1PDd93/VVr8B8="
        );
        // http-nonstandard-port-kept: the same file
        assert_eq!(
            signature(
                "12345",
                "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
                &params
            ),
            "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="
        );
        // duplicate-params: the same file; twilio/twilio-python@306691e7 tests/unit/test_request_validator.py (MIT)
        let params = pairs(&[
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ]);
        assert_eq!(
            signature(
                "12345",
                "https://mycompany.com/myapp.php?foo=1&bar=2",
                &params
            ),
            "IK+Dwps556ElfBT0I3Rgjkr1wJU="
        );
    }

    #[tokio::test]
    async fn a_text_calls_the_webhook_and_its_twiml_is_executed() {
        let twilio = Twilio::start(None).await.unwrap();
        let hook = webhook(
            200,
            "text/xml; charset=utf-8",
            "<Response><Message>Thanks</Message><Message to='+4587654321'>Hi</Message></Response>",
        )
        .await;
        let url = hook.url() + "/?tenant=1";
        twilio.set_sms_url(NUMBER, &(url.clone() + "#rc=3&rp=5xx,ct,rt"));
        let reply = twilio.text("+4512345678", NUMBER, " Yes ").await;
        assert_eq!(
            (reply.status, reply.attempts, reply.messages),
            (200, 1, vec!["Thanks".to_owned(), "Hi".to_owned()])
        );
        assert_eq!(
            (twilio.inbox("+4512345678"), twilio.inbox("+4587654321")),
            (vec!["Thanks".to_owned()], vec!["Hi".to_owned()])
        );
        let sent = &hook.exchanges()[0];
        let params = form_urlencoded::parse(&sent.request)
            .into_owned()
            .collect::<Vec<_>>();
        let header = |name: &str| {
            sent.headers
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
                .unwrap()
        };
        assert_eq!(
            header("x-twilio-signature"),
            signature(AUTH_TOKEN, &url, &params)
        );
        assert_eq!(
            (
                sent.target.as_str(),
                header("user-agent").as_str(),
                header("i-twilio-idempotency-token").len()
            ),
            ("/?tenant=1", "TwilioProxy/1.1", 36)
        );
        assert!(params.contains(&("Body".to_owned(), " Yes ".to_owned())) && params.len() == 19);
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }

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

    #[tokio::test]
    async fn stop_words_opt_out_and_still_reach_the_webhook() {
        let twilio = Twilio::start(None).await.unwrap();
        let hook = webhook(200, "text/xml", "<Response><Message>x</Message></Response>").await;
        twilio.set_sms_url(NUMBER, &hook.url());
        assert!(
            twilio
                .text("+4512345678", NUMBER, " stop ")
                .await
                .messages
                .is_empty()
        );
        assert!(twilio.opted_out("+4512345678", NUMBER) && twilio.alerts()[0].code == 21610);
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
            twilio.server().url()
        );
        let form = [("To", "+4512345678"), ("From", NUMBER), ("Body", "x")];
        let refused = client()
            .post(url)
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert!(refused.text().await.unwrap().contains("\"code\":21610"));
        assert_eq!(
            twilio
                .text("+4512345678", NUMBER, "stop it")
                .await
                .messages
                .len(),
            0
        );
        assert_eq!(
            twilio.text("+4512345678", NUMBER, "Start").await.messages,
            ["x"]
        );
        assert_eq!(
            (twilio.inbox("+4512345678").len(), hook.exchanges().len()),
            (3, 3)
        );
        assert_eq!(
            twilio.text("+4512345678", NUMBER, "YES").await.messages,
            ["x"]
        );
        assert_eq!(
            twilio.inbox("+4512345678").len(),
            4,
            "YES opts nobody in who is not out"
        );
    }

    #[tokio::test]
    async fn pictures_come_and_go() {
        let twilio = Twilio::start(None).await.unwrap();
        let hook = webhook(
            200,
            "text/xml",
            "<Response><Message to='+4587654321'><Body>From: x</Body><Media>https://x.example/a.png</Media></Message></Response>",
        )
        .await;
        twilio.set_sms_url(NUMBER, &hook.url());
        let media = ["https://x.example/a.png?b", "https://x.example/c"];
        assert_eq!(
            twilio
                .picture("+4512345678", NUMBER, "", &media)
                .await
                .messages,
            ["From: x"]
        );
        let params = form_urlencoded::parse(&hook.exchanges()[0].request)
            .into_owned()
            .collect::<Vec<_>>();
        let param = |name: &str| {
            params
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
                .unwrap()
        };
        assert!(
            param("MessageSid").starts_with("MM") && param("NumMedia") == "2" && params.len() == 23
        );
        assert_eq!(
            (param("MediaContentType0"), param("MediaUrl1")),
            ("image/png".to_owned(), media[1].to_owned())
        );
        let texts = twilio.texts("+4587654321");
        assert_eq!(
            (texts[0].from.as_str(), &texts[0].media[..]),
            (NUMBER, &["https://x.example/a.png".to_owned()][..])
        );
        assert_eq!(twilio.inbox("+4587654321"), ["From: x"]);
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn odd_answers_are_complained_about() {
        let twilio = Twilio::start(None).await.unwrap();
        for (status, content_type, body, code) in [
            (
                200,
                "text/xml",
                "<Response><Message>a & b</Message></Response>",
                12100,
            ),
            (200, "text/xml", "<Response><Say>x</Say></Response>", 12200),
            (200, "application/json", "{}", 12300),
            (
                200,
                "text/xml",
                "<Response><Message to='+15005550006'>x</Message></Response>",
                14101,
            ),
            (302, "text/xml", "", 11200),
        ] {
            let hook = webhook(status, content_type, body).await;
            twilio.set_sms_url(NUMBER, &hook.url());
            assert!(
                twilio
                    .text("+4512345678", NUMBER, "x")
                    .await
                    .messages
                    .is_empty()
            );
            assert_eq!(
                (twilio.alerts()[0].code, twilio.server().complaints().len()),
                (code, 1),
                "{body}"
            );
        }
        let hook = webhook(200, "text/plain", "1 < 2 & so on").await;
        assert_eq!(
            twilio
                .deliver(twilio.inbound("+4512345678", NUMBER, "x"), &hook.url())
                .await
                .messages,
            ["1 < 2 & so on"]
        );
        assert_eq!(
            twilio
                .text("+4512345678", "+4599999999", "nobody there")
                .await
                .status,
            0
        );
    }

    #[tokio::test]
    async fn a_redirect_verb_is_followed_and_signed_anew() {
        let twilio = Twilio::start(None).await.unwrap();
        let answer = |body: &'static str| {
            move || async move { ([(header::CONTENT_TYPE, "text/xml")], body) }
        };
        let router = Router::new()
            .route(
                "/a",
                post(answer("<Response><Message>1</Message><Redirect>b?x=1</Redirect><Message>never</Message></Response>")),
            )
            .route("/b", post(answer("<Response><Redirect method='GET'>/c</Redirect></Response>")))
            .route("/c", get(answer("<Response><Message>2</Message></Response>")));
        let hook = Server::start("webhook", router).await.unwrap();
        let params = twilio.inbound("+4512345678", NUMBER, "a b");
        let reply = twilio.deliver(params.clone(), &(hook.url() + "/a")).await;
        assert_eq!(
            (reply.messages, reply.attempts),
            (vec!["1".to_owned(), "2".to_owned()], 3)
        );
        for (exchange, params) in hook.exchanges().iter().zip([&params[..], &params, &[]]) {
            let signed = signature(AUTH_TOKEN, &(hook.url() + &exchange.target), params);
            assert!(
                exchange
                    .headers
                    .contains(&("x-twilio-signature".to_owned(), signed)),
                "{}",
                exchange.target
            );
        }
        let endless = Server::start(
            "webhook",
            Router::new().fallback(any(answer("<Response><Redirect>/a</Redirect></Response>"))),
        )
        .await
        .unwrap();
        assert_eq!(twilio.deliver(params, &endless.url()).await.attempts, 10);
    }
}
