//! The Action that passes SMS to sms-gateway, and its secrets.

use std::time::Duration;

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use shared::platform::base_url::BaseUrl;

use super::provider::provider;
use crate::calls::{Body, Refusal, Session};
use crate::connect::{Plan, Step};
use crate::problem::Problem;
use crate::secrets::Stored;

const CODE: &str = include_str!("../../../../functions/sms-gateway/action/action.js");

const NAME: &str = "SMS gateway";

/// The last line of an Action's code begins like this if this program wrote it.
const SIGNATURE: &str = "// Deployed by operator:";

pub(super) const TRIGGER: &str = "custom-phone-provider";

const RUNTIME: &str = "node22";

/// How often to ask whether Auth0 has built the Action. It takes seconds.
const BUILD_POLLS: u32 = 60;

const BUILD_POLL: Duration = Duration::from_millis(500);

/// The Action's code. Auth0 does not return an Action's secrets. So the last line says which values
/// they were set from, and a later run can compare.
fn code(url: &str, gateway: &Stored) -> String {
    format!(
        "{CODE}\n{SIGNATURE} GATEWAY_URL {url}, GATEWAY_TOKEN from version {} of {}.\n",
        gateway.version, gateway.id
    )
}

pub(super) fn phone_provider(
    base: &BaseUrl,
    action: Option<&Value>,
    providers: &Value,
    url: &str,
    gateway: &Stored,
    replace: bool,
) -> Result<Plan, Problem> {
    let token = gateway
        .text("bearer_token")
        .ok_or_else(|| Problem::Missing {
            what: format!(
                "the secret {} lacks bearer_token, which the Action sends",
                gateway.id
            ),
            remedy: "run `operator secrets set gateway --generate bearer_token`".to_owned(),
        })?;
    let mut plan = Plan::default();
    let code = code(url, gateway);
    let name = crate::report::plain(
        action.map_or(NAME, |action| action["name"].as_str().unwrap_or_default()),
    );
    let of = format!("Auth0 Action {name:?}");
    let body = json!({
        "name": NAME,
        "code": code,
        "runtime": RUNTIME,
        "supported_triggers": [{ "id": TRIGGER, "version": "v1" }],
        "secrets": [
            { "name": "GATEWAY_URL", "value": url },
            { "name": "GATEWAY_TOKEN", "value": token.expose_secret() },
        ],
    });
    match action {
        None => {
            plan.set(&of, "code", None, "action.js");
            plan.set(&of, "GATEWAY_URL", None, url);
            plan.set(
                &of,
                "GATEWAY_TOKEN",
                None,
                &format!("bearer_token of {}", gateway.id),
            );
            plan.steps.push(Step::Action(None, body));
        }
        Some(action) => {
            let id = action["id"].as_str().unwrap_or_default().to_owned();
            let held = action["code"].as_str().unwrap_or_default();
            let settings = |code: &str| {
                code.trim_end()
                    .rsplit('\n')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            // The Action belongs to other software, and the phone provider uses it. Leave both
            // unchanged.
            if !settings(held).starts_with(SIGNATURE) && !replace {
                plan.problems.push(format!(
                    "the tenant's Action for phone messages is {name:?}, which this program did not write: with --replace-provider it \
                     becomes the stack's"
                ));
                return Ok(plan);
            }
            if !held.starts_with(CODE) {
                plan.set(&of, "code", Some("other code"), "action.js");
            }
            if settings(held) != settings(&code) {
                plan.set(
                    &of,
                    "GATEWAY_URL and GATEWAY_TOKEN",
                    Some("other or unknown values"),
                    &format!("{url} and bearer_token of {}", gateway.id),
                );
            }
            let has = |name: &str| {
                action["secrets"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|secret| secret["name"] == name)
            };
            for name in ["GATEWAY_URL", "GATEWAY_TOKEN"]
                .into_iter()
                .filter(|name| !has(name))
            {
                plan.set(&of, name, None, "the stack's");
            }
            if !plan.changes.is_empty() {
                let changes = ["code", "runtime", "secrets"]
                    .map(|name| (name.to_owned(), body[name].clone()));
                plan.steps.push(Step::Action(
                    Some(id),
                    Value::Object(changes.into_iter().collect()),
                ));
            } else if action["all_changes_deployed"] != true {
                plan.set(
                    &of,
                    "deployed version",
                    Some("an older one or none"),
                    "the current one",
                );
                plan.steps.push(Step::Action(Some(id), Value::Null));
            }
        }
    }
    provider(base, providers, replace, &mut plan);
    Ok(plan)
}

/// Creates or updates the Action, waits until Auth0 has built it, and deploys it. With a `null`
/// body it only deploys.
pub(crate) async fn deploy(
    session: &Session,
    id: Option<String>,
    body: Value,
) -> Result<(), Refusal> {
    let id = match id {
        Some(id) if body.is_null() => id,
        Some(id) => {
            session
                .send(
                    Method::PATCH,
                    &format!("api/v2/actions/actions/{id}"),
                    &Body::Json(body),
                )
                .await?;
            id
        }
        None => {
            let created = session
                .send(Method::POST, "api/v2/actions/actions", &Body::Json(body))
                .await?;
            created["id"]
                .as_str()
                .ok_or_else(|| Refusal::Unreachable("the new Action has no id".to_owned()))?
                .to_owned()
        }
    };
    let path = format!("api/v2/actions/actions/{id}");
    for _ in 0..BUILD_POLLS {
        match session.get(&path, &[]).await?["status"].as_str() {
            Some("built") => {
                return session
                    .send(Method::POST, &format!("{path}/deploy"), &Body::None)
                    .await
                    .map(drop);
            }
            Some("failed") => {
                return Err(Refusal::Unreachable(
                    "Auth0 could not build the Action".to_owned(),
                ));
            }
            _ => tokio::time::sleep(BUILD_POLL).await,
        }
    }
    Err(Refusal::Unreachable(
        "Auth0 has not built the Action within half a minute; run this again".to_owned(),
    ))
}
