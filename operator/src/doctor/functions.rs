//! The functions: whether each one starts. A function with a wrong setting ends at each start, and
//! AWS then answers for it. With a domain of one's own, also whether its path leads to the function.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use shared::platform::http::Answer;
use url::Url;

use super::Examination;
use super::coverage::Check;
use crate::context::Context;
use crate::stack::Stack;

const CHECK: &str = "functions";

pub(super) const CHECKS: &[Check] = &[Check::new(
    CHECK,
    "whether the functions start and can be called",
    |_| true,
)];

/// A cold start with a slow provider takes seconds.
const TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_LIMIT: usize = 64 * 1024;

/// Asks each function once. A GET has no effect in any of them.
pub(super) async fn examine(context: &Context, examination: &mut Examination) {
    let urls = urls(&context.stack);
    if urls.is_empty() {
        examination.unchecked(
            CHECK,
            "the stack's outputs do not tell which URLs are functions, so they were not called",
            "give --stack NAME in place of --outputs",
        );
        return;
    }
    let domain = context.stack.get("Domain");
    let asked = urls.into_iter().map(async |(function, url)| {
        let request = context.calls.client.request(Method::GET, url.clone());
        let answer = context.calls.client.send(request, ANSWER_LIMIT, TIMEOUT);
        (function, url, answer.await)
    });
    let mut silent = Vec::new();
    for (function, url, answer) in join_all(asked).await {
        match answer {
            Ok(answer) if domain.is_some() && answer.status == 404 => {
                astray(context, examination, &function, &url, &answer);
            }
            Ok(answer) => judge(examination, &function, &answer),
            Err(why) => silent.push((function, why.to_string())),
        }
    }
    silence(examination, domain, &silent);
    examination.checked(CHECK);
}

/// One URL of each function. At a Function URL it is one that no function has. At a domain of one's
/// own it is one that the function has: there a 404 comes from somebody else.
fn urls(stack: &Stack) -> BTreeMap<String, Url> {
    let mut urls = BTreeMap::new();
    for (output, mut url) in stack.urls() {
        let function = function(output);
        let path = match (stack.get("Domain"), function.as_str()) {
            (None, _) => "/".to_owned(),
            (Some(_), "secure-api") => format!("{}/accounts", url.path()),
            (Some(_), "delivery-status") => format!("{}/twilio", url.path()),
            (Some(_), _) => url.path().to_owned(),
        };
        url.set_path(&path.replace("//", "/"));
        urls.entry(function).or_insert(url);
    }
    urls
}

/// The function to which an output leads: `sms-gateway` for `SmsGatewayUrl`.
fn function(output: &str) -> String {
    match output.trim_end_matches("Url") {
        "OktaHook" | "Webhook" | "Generic" => "sms-gateway".to_owned(),
        "IvrVoice" => "ivr-validate".to_owned(),
        name => name.chars().fold(String::new(), |mut text, letter| {
            if letter.is_ascii_uppercase() && !text.is_empty() {
                text.push('-');
            }
            text.push(letter.to_ascii_lowercase());
            text
        }),
    }
}

fn judge(examination: &mut Examination, function: &str, answer: &Answer) {
    match answer.status {
        429 => examination.risk(
            CHECK,
            format!("{function} answers 429: too many requests at once"),
            "requests of providers are rejected",
            "raise ReservedConcurrency in samconfig.toml and run `operator deploy`. Or ask AWS for more (AWS console, Service Quotas, AWS \
             Lambda, Concurrent executions)",
        ),
        403 if is_from_aws(answer) => examination.fault(
            CHECK,
            format!("AWS lets nobody call the URL of {function}"),
            "providers get 403, and nothing works",
            "run `operator deploy`, which lets everybody call it. If that does not help, a policy of your organisation forbids it: \
             docs/domain.md has the way without open Function URLs",
        ),
        500.. => examination.fault(
            CHECK,
            format!(
                "{function} does not start, or fails: AWS answers {}",
                answer.status
            ),
            "every request to it fails. Most often a setting is wrong",
            format!(
                "mend functions.probe first, which names each wrong setting. If it names none, run `operator logs {function}`"
            ),
        ),
        _ => {}
    }
}

/// A path of one's own domain does not lead to its function.
fn astray(
    context: &Context,
    examination: &mut Examination,
    function: &str,
    url: &Url,
    answer: &Answer,
) {
    let capitalised = function
        .split('-')
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
    let parameter = capitalised.collect::<String>() + "Origin";
    let stack = context.stack.name().unwrap_or("NAME");
    // Only API Gateway answers with this header.
    let template = if answer.headers.contains_key("apigw-requestid") {
        "docs/domain/http-api.yaml"
    } else {
        "docs/domain/cloudfront.yaml --region us-east-1"
    };
    let remedy = match context.stack.get(&parameter) {
        Some(origin) => format!(
            "give the stack of the domain the address of the function: run `aws cloudformation deploy --stack-name {stack}-domain \
             --template-file {template} --parameter-overrides {parameter}={origin}` (with another name if you gave it one; docs/domain.md)"
        ),
        None => format!(
            "run `operator deploy`, which makes the output {parameter}. Then give its value to the stack of the domain (docs/domain.md, step 2)"
        ),
    };
    examination.fault(
        CHECK,
        format!("{url} does not lead to {function}: the answer is 404"),
        "who calls this function gets 404",
        remedy,
    );
}

/// Reports the functions that did not answer. Behind a domain of one's own they have one cause.
fn silence(examination: &mut Examination, domain: Option<&str>, silent: &[(String, String)]) {
    let may_fail = "requests of providers may fail";
    let (Some(domain), Some((_, why))) = (domain, silent.first()) else {
        for (function, why) in silent {
            let remedy =
                format!("run `operator doctor`. If it stays, run `operator logs {function}`");
            let what = format!("{function} does not answer: {why}");
            examination.risk(CHECK, what, may_fail, remedy);
        }
        return;
    };
    let functions: Vec<&str> = silent.iter().map(|(name, _)| name.as_str()).collect();
    examination.risk(
        CHECK,
        format!("{domain} does not answer for {}: {why}", functions.join(", ")),
        may_fail,
        format!(
            "look at the record of {domain} at your DNS provider. It must lead to the output Target of the stack of the domain \
             (docs/domain.md)"
        ),
    );
}

/// True for a refusal by AWS. A function's own has other words.
fn is_from_aws(answer: &Answer) -> bool {
    let body: Option<serde_json::Value> = answer.json();
    body.is_some_and(|body| body["Message"].is_string())
}
