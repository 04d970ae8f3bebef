//! The probe: `operator doctor` asks a function itself what it can reach.
//!
//! The question is an invocation with the event [`EVENT`]. Only AWS credentials with
//! `lambda:InvokeFunction` open it: AWS puts `requestContext` into every event of a Function URL, so
//! a stranger cannot ask. A function that does not know the event fails the invocation as
//! `unknown_event`, because the event is no direct one. The probe writes nothing and sends nothing.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Platform;
use super::base_url::BaseUrl;
use super::event;
use super::reply::Reply;
use super::table::Key;

/// The event of the probe.
pub const EVENT: &str = r#"{"switchboard":"probe","requestContext":null}"#;
/// An event of a Function URL is much longer.
const LONGEST: usize = 100;
/// Secrets, table and upstreams are asked at the same time, each for at most this long.
const TIME: Duration = Duration::from_secs(4);
const ANSWER_LIMIT: usize = 64 * 1024;
/// What ends the name of a variable with an address of the stack itself.
const OWN: [&str; 2] = ["PUBLIC_URL", "DELIVERY_URL"];

/// Whether an event is the probe, however its JSON is written.
pub(super) fn is_asked(payload: &str) -> bool {
    payload.len() <= LONGEST
        && event::members(payload).is_some_and(|members| {
            let is =
                |name: &str, value: &str| members.get(name).is_some_and(|raw| raw.get() == value);
            members.len() == 2 && is("switchboard", "\"probe\"") && is("requestContext", "null")
        })
}

/// The answer: version, clock, and whether each secret, the table and each upstream can be reached.
/// It has names and reasons, no values.
pub(super) async fn answer(
    platform: &Platform,
    upstreams: &[(String, BaseUrl)],
    item: &str,
    now: SystemTime,
) -> Reply {
    let ids = platform.secret_ids();
    let secrets = join_all(ids.iter().map(async |id| {
        let problem = within(platform.secret_problem(id)).await;
        json!({ "id": id, "problem": problem })
    }));
    let table = within(async {
        let read = platform.table.get(Key::new(item, "probe"), now).await;
        read.err().map(|unavailable| unavailable.to_string())
    });
    let asked = upstreams
        .iter()
        .filter(|(name, _)| !OWN.iter().any(|own| name.ends_with(own)));
    let handshakes = join_all(asked.map(async |(name, base)| {
        let request = platform
            .http
            .request(reqwest::Method::HEAD, base.as_url().clone());
        let sent = platform.http.send(request, ANSWER_LIMIT, TIME).await;
        let problem = sent.err().map(|why| why.to_string());
        json!({ "variable": name, "host": base.as_url().host_str(), "problem": problem })
    }));
    let (secrets, table, upstreams) = tokio::join!(secrets, table, handshakes);
    let millis = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"), "epoch_ms": u64::try_from(millis).unwrap_or(u64::MAX), "secrets": secrets,
        "table": { "problem": table }, "upstreams": upstreams,
    });
    Reply::body(200, "probed", "application/json", body.to_string())
}

async fn within(work: impl Future<Output = Option<String>>) -> Value {
    let done = tokio::time::timeout(TIME, work).await;
    done.unwrap_or_else(|_| Some("no answer in time".to_owned()))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_an_event_that_no_function_url_makes() {
        for event in [
            EVENT,
            r#"{ "requestContext": null, "switchboard" : "probe" }"#,
        ] {
            assert!(is_asked(event) && !event::is_direct(event), "{event}");
        }
        for event in [
            r#"{"switchboard":"probe"}"#,
            r#"{"switchboard":"probe","requestContext":{}}"#,
            r#"{"switchboard":"probe","requestContext":{"http":{"method":"GET"}}}"#,
            r#"{"switchboard":"probe","requestContext":null,"rawPath":"/"}"#,
            r#"{"switchboard":"other","requestContext":null}"#,
            r#"{"body":"probe","requestContext":null}"#,
            "null",
            "[]",
            "",
        ] {
            assert!(!is_asked(event), "{event}");
        }
    }
}
