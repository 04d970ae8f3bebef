//! A call in progress: the webhooks' documents are fetched and executed, one after the other.

use std::time::{Duration, Instant};

use axum::http::Method;

use super::{
    call::{APPLICATION_ERROR, Call, Ended},
    caller::Caller,
    happening::Happening,
    parameters::inbound,
};
use crate::{
    twilio::{account::Twilio, webhook::Reply},
    twiml,
    wire::{News, lock},
};

/// The caller hangs up after this many documents in one call.
const MAX_DOCUMENTS: usize = 50;

/// A request for a document, with the parameters of the call.
pub(super) struct Request {
    /// Relative to the current document's URL.
    pub(super) url: String,
    pub(super) method: String,
    pub(super) params: Vec<(&'static str, String)>,
    /// True if the caller has hung up. This request is then the last, and its document is not
    /// executed.
    pub(super) last: bool,
}

/// The result of a verb.
pub(super) enum Step {
    /// Continue with the next verb.
    On,
    Ask(Request),
    End(Ended),
}

/// A call in progress.
pub(super) struct Line<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) to: String,
    pub(super) call: Call,
}

impl Caller<'_> {
    /// Calls a number and waits for the end of the call. The number is the account's or that of a
    /// phone which forwards to one.
    pub async fn call(mut self, to: &str) -> Call {
        let started = Instant::now();
        let target = self.twilio.arrives_at(to, &mut self.hops);
        let number = target.map(|(number, forwarder)| {
            self.forwarded_from = forwarder.or(self.forwarded_from.take());
            number
        });
        let twilio = self.twilio;
        twilio.server.tell(&News::CallBegan {
            call: &self.sid,
            from: &self.from,
            to: number.as_deref().unwrap_or(to),
            forwarded_from: self.forwarded_from.as_deref(),
            parent: self.parent.as_deref(),
            hops: self.hops,
            live: self.party.is_some(),
        });
        let mut line = Line {
            call: Call {
                sid: self.sid.clone(),
                status: 0,
                heard: vec![],
                dialled: vec![],
                recordings: vec![],
                documents: vec![],
                requests: 0,
                answered: false,
                ended: Ended::ApplicationError,
                told: 0,
                refused: None,
                took: Duration::ZERO,
            },
            to: number.clone().unwrap_or_else(|| to.to_owned()),
            caller: self,
        };
        if let Some((url, method)) = number.and_then(|number| line.caller.twilio.voice_url(&number))
        {
            line.call.ended = line.run(url, method).await;
            line.tell_end().await;
        } else {
            line.call.ended = Ended::Rejected;
            line.call.refused = Some(format!("nobody answers calls to {to}"));
        }
        line.call.took = started.elapsed();
        line.keep();
        match line.call.ended {
            Ended::HungUpByUs => line.happened(&Happening::Hangup { by: "us" }),
            Ended::CallerHungUp => line.happened(&Happening::Hangup { by: "caller" }),
            Ended::Rejected | Ended::ApplicationError => {}
        }
        twilio.server.tell(&News::CallEnded { call: &line.call });
        line.call
    }
}

impl Twilio {
    /// A person calls one of the account's numbers and waits until the other side hangs up.
    pub async fn call(&self, from: &str, to: &str) -> Call {
        self.caller(from).call(to).await
    }
}

impl Line<'_> {
    async fn run(&mut self, url: String, method: String) -> Ended {
        let base = inbound(
            &self.call.sid,
            &self.caller.from,
            &self.to,
            self.caller.forwarded_from.as_deref(),
        );
        // The first URL is its own base. Its connection overrides are kept.
        let (mut current, mut request) = (
            url,
            Request {
                url: String::new(),
                method,
                params: vec![],
                last: false,
            },
        );
        let mut first = true;
        loop {
            if self.call.documents.len() == MAX_DOCUMENTS {
                self.caller
                    .twilio
                    .server
                    .complain(format!("a call of more than {MAX_DOCUMENTS} documents"));
                return Ended::CallerHungUp;
            }
            let status = match (self.call.answered, request.last) {
                (false, false) => "ringing",
                (true, false) => "in-progress",
                (true, true) => "completed",
                (false, true) => "no-answer",
            };
            let mut params = base.clone();
            for (_, value) in params.iter_mut().filter(|(name, _)| name == "CallStatus") {
                status.clone_into(value);
            }
            params.extend(
                request
                    .params
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.clone())),
            );
            let fetched = if first && request.method != "GET" {
                Some((current.clone(), Method::POST))
            } else {
                self.caller
                    .twilio
                    .follow(&current, &request.url, &request.method, &params)
            };
            first = false;
            let Some((url, method)) = fetched else {
                return self.fail(request.last);
            };
            let Some(document) = self.fetch(&params, &url, &method).await else {
                return self.fail(request.last);
            };
            if request.last {
                return Ended::CallerHungUp;
            }
            current = url;
            let verbs = match twiml::voice(&document) {
                Ok(verbs) => verbs,
                Err(error) => {
                    self.caller.twilio.alert(error.code, error.detail, true);
                    return self.fail(false);
                }
            };
            request = match self.execute(verbs).await {
                Step::Ask(next) => next,
                Step::End(ended) => return ended,
                Step::On => return Ended::HungUpByUs,
            };
        }
    }

    async fn fetch(
        &mut self,
        params: &[(String, String)],
        url: &str,
        method: &Method,
    ) -> Option<String> {
        let twilio = self.caller.twilio;
        let signature = twilio.sign(url, if *method == Method::GET { &[] } else { params });
        let mut reply = Reply::default();
        let answer = twilio
            .fetch(&mut reply, params, url, &signature, method)
            .await;
        self.call.requests += reply.attempts;
        self.call.status = reply.status;
        let answer = answer?;
        self.call.documents.push(answer.body.clone());
        self.happened(&Happening::Document {
            url: url.to_owned(),
            status: reply.status,
            twiml: answer.body.clone(),
        });
        twilio.document(&answer, |text| format!("<Say>{text}</Say>"))
    }

    /// Twilio ends the call with an error message. A caller who has hung up does not hear it.
    pub(super) fn fail(&mut self, caller_gone: bool) -> Ended {
        if caller_gone {
            return Ended::CallerHungUp;
        }
        self.call.answered = true;
        self.call.heard.push(APPLICATION_ERROR.to_owned());
        let state = lock(&self.caller.twilio.shared.state);
        self.call.refused = state
            .alerts
            .last()
            .map(|alert| format!("{} {}", alert.code, alert.detail));
        drop(state);
        self.happened(&Happening::Error {
            text: self.call.refused.clone().unwrap_or_default(),
        });
        self.happened(&Happening::Say {
            text: APPLICATION_ERROR.to_owned(),
            language: None,
            voice: None,
            times: 1,
        });
        Ended::ApplicationError
    }

    /// Tells those who watch the call.
    pub(super) fn happened(&self, step: &Happening) {
        self.caller.twilio.server.tell(&News::CallStep {
            call: &self.call.sid,
            answered: self.call.answered,
            step,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        twilio::{NUMBER, voice::hook::CALLER},
        wire::Server,
    };
    use axum::{
        Router,
        http::{StatusCode, header},
        routing::{get, post},
    };

    #[tokio::test]
    async fn failures_are_heard() {
        let answer = |status: u16, kind: &'static str, body: &'static str| {
            move || async move {
                (
                    StatusCode::from_u16(status).unwrap(),
                    [(header::CONTENT_TYPE, kind)],
                    body,
                )
            }
        };
        let router = Router::new()
            .route(
                "/broken",
                post(answer(
                    200,
                    "text/xml",
                    "<Response><Say>a & b</Say></Response>",
                )),
            )
            .route(
                "/sms",
                post(answer(200, "text/xml", "<Response><Sms>x</Sms></Response>")),
            )
            .route(
                "/id",
                post(answer(
                    200,
                    "text/xml",
                    "<Response><Dial callerId='+4599999999'>+4512345678</Dial></Response>",
                )),
            )
            .route("/json", post(answer(200, "application/json", "{}")))
            .route("/down", post(answer(503, "text/plain", "")))
            .route(
                "/after",
                post(answer(
                    200,
                    "text/xml",
                    "<Response><Redirect>/down</Redirect></Response>",
                )),
            )
            .route(
                "/loop",
                post(answer(
                    200,
                    "text/xml",
                    "<Response><Redirect>/loop</Redirect></Response>",
                )),
            )
            .route("/plain", post(answer(200, "text/plain", "1 < 2")))
            .route(
                "/get",
                post(answer(
                    200,
                    "text/xml",
                    "<Response><Redirect method='GET'>/got?a=b</Redirect></Response>",
                )),
            )
            .route(
                "/got",
                get(answer(
                    200,
                    "text/xml",
                    "<Response><Say>got</Say></Response>",
                )),
            );
        let (twilio, hook) = (
            Twilio::start(None).await.unwrap(),
            Server::start("webhook", router).await.unwrap(),
        );
        for (path, code, requests, complaints) in [
            ("/broken", 12100, 1, 1),
            ("/sms", 12200, 1, 1),
            ("/id", 13214, 1, 1),
            ("/json", 12300, 1, 1),
            ("/down", 11200, 1, 0),
            ("/down#rc=2&rp=5xx", 11200, 3, 0),
            ("/after", 11200, 2, 0),
            ("/missing", 11200, 1, 0),
        ] {
            twilio.set_voice_url(NUMBER, &(hook.url() + path));
            let call = twilio.call(CALLER, NUMBER).await;
            assert_eq!(
                (call.ended, &call.heard[..], call.requests),
                (
                    Ended::ApplicationError,
                    &[APPLICATION_ERROR.to_owned()][..],
                    requests
                )
            );
            assert!(
                call.refused
                    .is_some_and(|why| why.starts_with(&code.to_string())),
                "{path}"
            );
            assert_eq!(
                (twilio.alerts()[0].code, twilio.server().complaints().len()),
                (code, complaints),
                "{path}"
            );
        }
        twilio.set_voice_url(NUMBER, &(hook.url() + "/plain"));
        assert_eq!(twilio.call(CALLER, NUMBER).await.heard, ["1 < 2"]);
        twilio.set_voice_url(NUMBER, &(hook.url() + "/get"));
        assert_eq!(twilio.call(CALLER, NUMBER).await.heard, ["got"]);
        let target = hook.exchanges().pop().unwrap().target;
        assert!(target.starts_with("/got?a=b&AccountSid=AC"));
        twilio.set_voice_url(NUMBER, &(hook.url() + "/loop"));
        assert_eq!(twilio.call(CALLER, NUMBER).await.requests, 50);
        assert_eq!(twilio.server().complaints().len(), 1);
        let call = twilio.call(CALLER, "+4599999999").await;
        assert_eq!((call.requests, call.ended), (0, Ended::Rejected));
    }
}
