//! Webhooks of calls with fixed documents, for tests.

use std::collections::BTreeMap;

use axum::{Router, http::header, routing::post};

use crate::{
    twilio::{NUMBER, Twilio},
    wire::Server,
};

pub(super) const CALLER: &str = "+14155550123";

pub(super) const MOBILE: &str = "+4512345678";

pub(super) const FORWARD: &str = "<Say>Please wait.</Say><Dial answerOnBridge='true' callerId='+14155550123' timeout='25' timeLimit='30' action='/after?x=1'>+4512345678</Dial><Say>never</Say>";

/// A webhook that answers each path (POST) with a fixed document.
pub(super) async fn webhook(documents: &[(&'static str, &'static str)]) -> Server {
    let router = documents
        .iter()
        .fold(Router::new(), |router, &(path, body)| {
            router.route(
                path,
                post(move || async move {
                    (
                        [(header::CONTENT_TYPE, "text/xml")],
                        format!("<Response>{body}</Response>"),
                    )
                }),
            )
        });
    Server::start("webhook", router).await.unwrap()
}

/// The account's number, with such a webhook at `/`.
pub(super) async fn line(documents: &[(&'static str, &'static str)]) -> (Twilio, Server) {
    let (twilio, hook) = (Twilio::start(None).await.unwrap(), webhook(documents).await);
    twilio.set_voice_url(NUMBER, &(hook.url() + "/"));
    (twilio, hook)
}

/// Path and parameters of every request.
pub(super) fn asked(hook: &Server) -> Vec<(String, BTreeMap<String, String>)> {
    hook.exchanges()
        .into_iter()
        .map(|exchange| {
            (
                exchange.target,
                form_urlencoded::parse(&exchange.request)
                    .into_owned()
                    .collect(),
            )
        })
        .collect()
}

/// One parameter of every request; `-` where it is absent.
pub(super) fn each(hook: &Server, name: &str) -> Vec<String> {
    asked(hook)
        .into_iter()
        .map(|(_, mut params)| params.remove(name).unwrap_or("-".to_owned()))
        .collect()
}
