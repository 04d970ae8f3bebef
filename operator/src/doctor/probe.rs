//! The functions themselves: each one is invoked with the probe and says what it can reach. The
//! caller's AWS credentials open the invocation; nothing is written and nothing is sent.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;
use shared::platform::probe::EVENT;
use shared::platform::time::epoch;

use super::Examination;
use super::coverage::Check;
use crate::calls::{Body, Refusal};
use crate::context::Context;
use crate::problem::Problem;
use crate::report::plain;

const CHECK: &str = "functions.probe";

pub(super) const CHECKS: &[Check] = &[
    Check::new(CHECK, "what the functions say about themselves", |_| true),
    Check::new("functions.version", "the version of the functions", |_| {
        true
    })
    .after(&[CHECK]),
    Check::new("functions.clock", "the clocks of the functions", |_| true).after(&[CHECK]),
    Check::new(
        "functions.secrets",
        "whether the functions can read their secrets",
        |_| true,
    )
    .after(&[CHECK]),
    Check::new(
        "functions.table",
        "whether the functions can read the table",
        |_| true,
    )
    .after(&[CHECK]),
    Check::new(
        "functions.upstreams",
        "whether the functions reach their providers",
        |_| true,
    )
    .after(&[CHECK]),
];

/// A function whose clock is off more than this rejects honest signatures.
const SKEW: u64 = 60;

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    let names = context.stack.list("FunctionNames");
    if names.is_empty() {
        examination.unchecked(
            CHECK,
            "the stack does not name its functions (its output FunctionNames), so they were not asked",
            "run `operator deploy`, which deploys this version",
        );
        return Ok(());
    }
    let session = context.aws.lambda(context).await?;
    let asked = names.iter().map(async |name| {
        let path = format!("2015-03-31/functions/{name}/invocations");
        (
            name,
            session.send(Method::POST, &path, &Body::Event(EVENT)).await,
        )
    });
    let mut refused = Vec::new();
    // Often all have one cause.
    let mut silent: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, answer) in join_all(asked).await {
        match answer {
            Ok(answer) if answer["version"].is_string() => {
                judge(context, examination, name, &answer);
            }
            Ok(failed) => failure(examination, name, &failed),
            Err(Refusal::Status(401 | 403, words)) => refused.push((name, words)),
            Err(Refusal::Status(404, words)) => examination.fault(
                CHECK,
                format!("AWS has no function {name}: {words}"),
                "requests to it fail",
                "run `operator deploy`",
            ),
            Err(refusal) => silent.entry(refusal.to_string()).or_default().push(name),
        }
    }
    for (why, names) in silent {
        examination.unanswered(
            CHECK,
            format!("AWS does not invoke {}: {why}", names.join(", ")),
            "compare --region with the region of the stack, and look at the network. Then run `operator doctor`",
        );
    }
    if let Some((name, words)) = refused.first() {
        examination.unchecked(
            CHECK,
            format!("AWS does not let your login invoke {} of the functions, such as {name}: {words}", refused.len()),
            "give your login the right lambda:InvokeFunction on the stack's functions (AWS console, IAM). Then run `operator doctor`",
        );
    }
    examination.checked(CHECK);
    Ok(())
}

/// An invocation that failed: the function ends at its start, or is older than the probe.
fn failure(examination: &mut Examination, name: &str, failed: &Value) {
    let text = |member: &str| plain(failed[member].as_str().unwrap_or_default());
    if failed["errorType"] == "unknown_event" {
        examination.unchecked(
            CHECK,
            format!("{name} is of an older version, which does not say what it can reach"),
            "run `operator deploy`, which deploys this version",
        );
        return;
    }
    let words = [text("errorType"), text("errorMessage")];
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|text| !text.is_empty())
        .collect();
    examination.fault(
        CHECK,
        format!("{name} does not start, or fails: {}", words.join(": ")),
        "every request to it fails",
        "in samconfig.toml, correct the parameter of each setting that is named here (IVR_MENU is IvrMenu). Run `operator check-config`, which \
         names what is still wrong. Then run `operator deploy`",
    );
}

fn judge(context: &Context, examination: &mut Examination, name: &str, answer: &Value) {
    let own = env!("CARGO_PKG_VERSION");
    if answer["version"] != own {
        let version = plain(answer["version"].as_str().unwrap_or_default());
        examination.risk(
            "functions.version",
            format!("{name} is of version {version}, this program of version {own}"),
            "what is said here may not hold for another version",
            "run `operator deploy`, which deploys this version",
        );
    }
    examination.checked("functions.version");
    let now = epoch(context.calls.now()).saturating_add_signed(-context.calls.skew());
    let theirs = answer["epoch_ms"].as_u64().map(|millis| millis / 1000);
    if let Some(theirs) = theirs.filter(|theirs| theirs.abs_diff(now) > SKEW) {
        examination.risk(
            "functions.clock",
            format!("the clock of {name} is {} s off", theirs.abs_diff(now)),
            "signatures are rejected as too old or too new",
            "compare this machine's clock with another one. If it is right, tell AWS Support (AWS console, Support Center)",
        );
    }
    examination.checked("functions.clock");
    // What is missing in a secret is a finding of its own. Here counts what the function's role opens.
    for secret in unreachable(&answer["secrets"]) {
        let (id, why) = (said(secret, "id"), said(secret, "problem"));
        if why.starts_with("GetSecretValue") || why.starts_with("no answer") {
            examination.fault(
                "functions.secrets",
                format!("{name} cannot read the secret {id}: {why}"),
                "it answers 503",
                "run `operator deploy`, which renews the rights of the role",
            );
        }
    }
    examination.checked("functions.secrets");
    if let Some(why) = answer["table"]["problem"].as_str() {
        examination.fault(
            "functions.table",
            format!("{name} cannot read the table: {}", plain(why)),
            "it answers 503",
            "run `operator deploy`, which renews the rights of the role",
        );
    }
    examination.checked("functions.table");
    for upstream in unreachable(&answer["upstreams"]) {
        let (variable, host, why) = (
            said(upstream, "variable"),
            said(upstream, "host"),
            said(upstream, "problem"),
        );
        examination.fault(
            "functions.upstreams",
            format!("{name} makes no connection to {host} ({variable}): {why}"),
            "it cannot send or ask there",
            format!("look at the host's status page. If the host is wrong, correct the parameter of {variable} in samconfig.toml. Then run `operator deploy`"),
        );
    }
    examination.checked("functions.upstreams");
}

fn unreachable(list: &Value) -> impl Iterator<Item = &Value> {
    let list = list.as_array().into_iter().flatten();
    list.filter(|part| part["problem"].is_string())
}

fn said(part: &Value, member: &str) -> String {
    plain(part[member].as_str().unwrap_or_default())
}
