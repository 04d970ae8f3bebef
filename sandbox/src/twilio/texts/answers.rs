//! The webhooks of texts are called, and the `TwiML` of their answers is executed.

use std::time::Instant;

use axum::http::Method;

use crate::{
    twilio::{
        account::Twilio,
        messages::{Message, new_sid},
        webhook::Reply,
    },
    twiml::{self, Verb},
    wire::lock,
};

impl Twilio {
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
    pub(super) async fn run(
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
                        receipt_url: None,
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        twilio::{
            ids::{AUTH_TOKEN, NUMBER},
            signature::signature,
            texts::hook::webhook,
        },
        wire::Server,
    };
    use axum::{
        Router,
        http::header,
        routing::{any, get, post},
    };

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
