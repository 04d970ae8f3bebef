//! The functions: whether each one starts. A function with a wrong setting ends at each start, and
//! AWS then answers for it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use shared::platform::http::Answer;
use url::Url;

use super::Examination;
use crate::context::Context;

const CHECK: &str = "functions";
/// A cold start with a slow provider takes seconds.
const TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_LIMIT: usize = 64 * 1024;

/// Asks each Function URL for something that no function has. A GET has no effect in any of them.
pub(super) async fn examine(context: &Context, examination: &mut Examination) {
    // Some functions have several URLs.
    let mut urls: BTreeMap<String, (&str, Url)> = BTreeMap::new();
    for (output, mut url) in context.stack.urls() {
        // At a domain of one's own, the first part of the path chooses the function.
        let own = context.stack.get("Domain").and(url.path_segments());
        let first = own.and_then(|mut parts| parts.next());
        let path = first.map_or_else(|| "/".to_owned(), |first| format!("/{first}/"));
        url.set_path(&path);
        urls.entry(url.to_string()).or_insert((output, url));
    }
    let asked = urls.into_values().map(async |(output, url)| {
        let request = context.calls.client.request(Method::GET, url);
        let answer = context.calls.client.send(request, ANSWER_LIMIT, TIMEOUT);
        (output, answer.await)
    });
    for (output, answer) in join_all(asked).await {
        let function = output.trim_end_matches("Url");
        let log = format!(
            "correct the setting that functions.probe names, and deploy again. Its log has the same words: `sam logs --stack-name {} --tail`",
            stack(context)
        );
        match answer {
            Ok(answer) => match answer.status {
                429 => examination.risk(
                    CHECK,
                    format!("{function} answers 429: too many requests at once"),
                    "requests of providers are rejected",
                    "raise ReservedConcurrency, or the account's limit for concurrent executions",
                ),
                403 if is_from_aws(&answer) => examination.fault(
                    CHECK,
                    format!("AWS lets nobody call the URL of {function}"),
                    "providers get 403, and nothing works",
                    "deploy the stack again. It may be that a policy of the organisation forbids open Function URLs",
                ),
                500.. => examination.fault(
                    CHECK,
                    format!("{function} does not start, or fails: AWS answers {}", answer.status),
                    "every request to it fails. Most often a setting is wrong; the log names each wrong setting",
                    log,
                ),
                _ => {}
            },
            Err(why) => examination.risk(
                CHECK,
                format!("{function} does not answer: {why}"),
                "requests of providers may fail",
                log,
            ),
        }
    }
    examination.checked(CHECK);
}

fn stack(context: &Context) -> &str {
    context.stack.name().unwrap_or("NAME")
}

/// True for a refusal by AWS. A function's own has other words.
fn is_from_aws(answer: &Answer) -> bool {
    let body: Option<serde_json::Value> = answer.json();
    body.is_some_and(|body| body["Message"].is_string())
}
