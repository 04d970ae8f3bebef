//! Okta: the telephony inline hook that sends Okta's codes through the gateway
//! (<https://developer.okta.com/docs/api/openapi/okta-management/management/tag/InlineHook/>).

use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Extras, Plan, Planned, Step};
use crate::calls::Body;
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::Stored;

/// The scopes that registering the hook requires.
const SCOPES: [&str; 2] = ["okta.inlineHooks.read", "okta.inlineHooks.manage"];
const TYPE: &str = "com.okta.telephony.provider";
const HOOKS: &str = "api/v1/inlineHooks";
/// Okta does not return the token. So this header says which version of the secret was set.
const VERSION: &str = "X-Secret-Version";

/// What is missing for any look at the org, if only Okta's codes need it. `None`: nothing.
pub(crate) fn lacks(context: &Context) -> Option<String> {
    context.stack.get("OktaHookUrl")?;
    let has_keys = context.own.okta_api_token.is_some() || context.stack.secret("okta").is_some();
    if context.okta_url().is_ok() && has_keys {
        return None;
    }
    let why = "the stack does not say how to reach the org; to connect it, set OKTA_URL and OKTA_API_TOKEN";
    Some(why.to_owned())
}

pub(crate) async fn examine(
    context: &Context,
    extras: &Extras,
) -> Result<Option<Planned>, Problem> {
    let Some(url) = context.stack.get("OktaHookUrl") else {
        return Ok(None);
    };
    if !extras.named && !context.vault().is_in_use("okta-hook").await? {
        return Ok(None);
    }
    let secret = context.secret("okta-hook").await?;
    let session = super::okta::open(context, &SCOPES).await?;
    let hooks = session.get(HOOKS, &[("type", TYPE)]).await;
    let hooks =
        hooks.map_err(|refusal| Problem::Failed(format!("Okta, inline hooks: {refusal}")))?;
    let base = context.okta_url()?;
    let plan = plan(
        &hooks,
        &super::mark(&context.stack)?,
        url,
        &secret,
        |id, rest| base.join(&format!("{HOOKS}{id}{rest}")),
    );
    Ok(Some(Planned { session, plan }))
}

/// `address` makes the URL of a hook (`/cal1`), or of all hooks (an empty id), and of an action.
fn plan(
    hooks: &Value,
    mark: &str,
    url: &str,
    secret: &Stored,
    address: impl Fn(&str, &str) -> url::Url,
) -> Plan {
    let mut plan = Plan::default();
    let name = format!("{mark}one-time codes");
    let token = secret.text("bearer_token");
    let token = token.as_ref().map(ExposeSecret::expose_secret);
    let body = json!({
        "name": name,
        "type": TYPE,
        "version": "1.0.0",
        "channel": {
            "type": "HTTP",
            "version": "1.0.0",
            "config": {
                "uri": url,
                "method": "POST",
                "headers": [{ "key": VERSION, "value": secret.version }],
                "authScheme": { "type": "HEADER", "key": "Authorization", "value": token },
            },
        },
    });
    let all = || hooks.as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let uri = |hook: &Value| text(&hook["channel"]["config"]["uri"]);
    let is_marked = |hook: &&Value| text(&hook["name"]).starts_with(mark);
    let ours = all()
        .find(|hook| uri(hook) == url)
        .or_else(|| all().find(is_marked));
    let of = format!("Okta inline hook {name:?}");
    let credential = format!("bearer_token of {}", secret.id);
    match ours {
        None => {
            plan.set(&of, "uri", None, url);
            plan.set(&of, "Authorization", None, &credential);
            // Okta creates it active.
            let create = Step::Send(Method::POST, address("", ""), Body::Json(body));
            plan.steps.push(create);
        }
        Some(hook) => {
            let id = format!("/{}", text(&hook["id"]));
            let of = format!(
                "Okta inline hook {:?}",
                crate::report::plain(&text(&hook["name"]))
            );
            let config = &hook["channel"]["config"];
            plan.compare(&of, "uri", Some(&uri(hook)), url);
            plan.compare(&of, "method", Some(&text(&config["method"])), "POST");
            let key = text(&config["authScheme"]["key"]);
            let mut headers = config["headers"].as_array().into_iter().flatten();
            let is_current = headers.any(|header| {
                text(&header["key"]).eq_ignore_ascii_case(VERSION)
                    && header["value"] == secret.version.as_str()
            });
            if !key.eq_ignore_ascii_case("authorization") || !is_current {
                let from = Some("another or unknown value");
                plan.set(&of, "Authorization", from, &credential);
            }
            if !plan.changes.is_empty() {
                let replace = Step::Send(Method::PUT, address(&id, ""), Body::Json(body));
                plan.steps.push(replace);
            }
            if hook["status"] != "ACTIVE" {
                plan.set(&of, "status", hook["status"].as_str(), "ACTIVE");
                let activate = address(&id, "/lifecycle/activate");
                plan.steps
                    .push(Step::Send(Method::POST, activate, Body::None));
            }
        }
    }
    // Okta calls one of them only.
    let is_other = |hook: &&Value| {
        hook["status"] == "ACTIVE" && ours.is_none_or(|ours| ours["id"] != hook["id"])
    };
    if let Some(other) = all().find(is_other) {
        plan.problems.push(format!(
            "Okta calls one telephony hook only, and {:?} is active, too: Workflow, Inline Hooks, the hook, Deactivate; then run this again",
            crate::report::plain(&text(&other["name"]))
        ));
        // Two active ones are worse than the old one alone.
        plan.steps.clear();
        plan.changes.clear();
    }
    plan
}
