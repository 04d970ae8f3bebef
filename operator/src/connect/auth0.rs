//! Auth0: the Action that passes SMS to sms-gateway, its secrets, and the tenant's phone provider;
//! or the gateway of a legacy passwordless connection
//! (<https://auth0.com/docs/customize/phone-messages/configure-phone-messaging-providers/configure-a-custom-phone-provider>,
//! <https://auth0.com/docs/authenticate/passwordless/authentication-methods/use-sms-gateway-passwordless>).

use std::time::Duration;

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use shared::platform::http::BaseUrl;

use super::{Extras, Plan, Planned, Step};
use crate::calls::{Authorization, Body, Refusal, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::Stored;

const CODE: &str = include_str!("../../../functions/sms-gateway/action/action.js");
const NAME: &str = "SMS gateway";
/// The name of passwordless connections for SMS.
pub(crate) const SMS_CONNECTION: &str = "sms";
/// The last line of an Action's code begins like this if this program wrote it.
const SIGNATURE: &str = "// Deployed by operator:";
const TRIGGER: &str = "custom-phone-provider";
const RUNTIME: &str = "node22";
/// How often to ask whether Auth0 has built the Action. It takes seconds.
const BUILD_POLLS: u32 = 60;
const BUILD_POLL: Duration = Duration::from_millis(500);

/// Opens the Management API, with the operator's own token or as the application of the `auth0`
/// secret.
pub(crate) async fn open(context: &Context) -> Result<Session, Problem> {
    let base = context.auth0_url()?;
    let token = if let Some(token) = &context.own.auth0_token {
        token.clone()
    } else if context.stack.secret("auth0").is_none() {
        return Err(Problem::Failed(
            "this stack has no credentials for Auth0's Management API: set AUTH0_MANAGEMENT_TOKEN"
                .to_owned(),
        ));
    } else {
        let secret = context.secret("auth0").await?;
        let granted = grant(context, &base, &secret, &management(&base)).await;
        granted
            .map_err(|refusal| {
                Problem::Failed(format!(
                    "the application of the secret auth0 gets no token: {refusal}"
                ))
            })?
            .0
    };
    let unusable = || {
        Problem::Failed(
            "the token for Auth0's Management API is not one line of plain characters".to_owned(),
        )
    };
    Ok(context.calls.to(
        &base,
        Authorization::header("Bearer", &token).ok_or_else(unusable)?,
    ))
}

/// The audience of the Management API.
pub(crate) fn management(base: &BaseUrl) -> String {
    format!("{base}/api/v2/")
}

/// Gets a token for an API, and its scopes.
pub(crate) async fn grant(
    context: &Context,
    base: &BaseUrl,
    secret: &Stored,
    audience: &str,
) -> Result<(SecretString, Vec<String>), Refusal> {
    let plain = |key: &str| {
        secret
            .text(key)
            .map(|value| value.expose_secret().to_owned())
            .unwrap_or_default()
    };
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": plain("client_id"),
        "client_secret": plain("client_secret"),
        "audience": audience,
    });
    let granted = context
        .calls
        .post(base.join("oauth/token"), &Body::Json(body))
        .await?;
    let token = granted["access_token"]
        .as_str()
        .ok_or_else(|| Refusal::Unreachable("no token in the answer".to_owned()))?;
    let scopes = granted["scope"]
        .as_str()
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned)
        .collect();
    Ok((token.into(), scopes))
}

/// What is missing for any look at the tenant, if only Auth0 itself calls the stack. `None`:
/// nothing.
pub(crate) fn lacks(context: &Context) -> Option<String> {
    let address = context.urls.auth0_url.is_some() || context.stack.get("Auth0Url").is_some();
    let credentials = context.own.auth0_token.is_some() || context.stack.secret("auth0").is_some();
    let missing: Vec<&str> = [
        (address, "AUTH0_URL"),
        (credentials, "AUTH0_MANAGEMENT_TOKEN"),
    ]
    .into_iter()
    .filter(|(has, _)| !has)
    .map(|(_, name)| name)
    .collect();
    let needed = context.stack.get("SmsGatewayUrl").is_some() && !missing.is_empty();
    needed.then(|| {
        format!(
            "the stack does not say how to reach the tenant; to connect it, set {}",
            missing.join(" and ")
        )
    })
}

pub(crate) async fn examine(
    context: &Context,
    extras: &Extras,
) -> Result<Option<Planned>, Problem> {
    let Some(url) = context.stack.get("SmsGatewayUrl") else {
        return Ok(None);
    };
    let gateway = context.secret("gateway").await?;
    let only_legacy =
        gateway.text("bearer_token").is_none() && context.stack.get("GatewayAudience").is_some();
    let legacy_gateway = extras
        .legacy_gateway
        .as_deref()
        .or(only_legacy.then_some(SMS_CONNECTION));
    let session = open(context).await?;
    let plan = if let Some(connection) = legacy_gateway {
        let connections = read(&session, "api/v2/connections", &[("strategy", "sms")]).await?;
        legacy(
            context,
            &session.base,
            &connections,
            connection,
            url,
            &gateway,
        )?
    } else {
        let actions = read(
            &session,
            "api/v2/actions/actions",
            &[("triggerId", TRIGGER)],
        )
        .await?;
        // A tenant has one Action for this trigger, under any name.
        let action = match actions["actions"][0]["id"].as_str() {
            Some(id) => Some(read(&session, &format!("api/v2/actions/actions/{id}"), &[]).await?),
            None => None,
        };
        let providers = read(&session, "api/v2/branding/phone/providers", &[]).await?;
        phone_provider(
            &session.base,
            action.as_ref(),
            &providers["providers"],
            url,
            &gateway,
            extras.replace_provider,
        )?
    };
    Ok(Some(Planned { session, plan }))
}

/// Reads from the Management API. If a scope is missing, Auth0's error names it.
async fn read(session: &Session, path: &str, query: &[(&str, &str)]) -> Result<Value, Problem> {
    session
        .get(path, query)
        .await
        .map_err(|refusal| Problem::Failed(format!("Auth0, {path}: {refusal}")))
}

/// The Action's code. Auth0 does not return an Action's secrets. So the last line says which values
/// they were set from, and a later run can compare.
fn code(url: &str, gateway: &Stored) -> String {
    format!(
        "{CODE}\n{SIGNATURE} GATEWAY_URL {url}, GATEWAY_TOKEN from version {} of {}.\n",
        gateway.version, gateway.id
    )
}

fn phone_provider(
    base: &BaseUrl,
    action: Option<&Value>,
    providers: &Value,
    url: &str,
    gateway: &Stored,
    replace: bool,
) -> Result<Plan, Problem> {
    let token = gateway.text("bearer_token").ok_or_else(|| {
        Problem::Failed(format!(
            "the secret {} lacks bearer_token, which the Action sends; run `operator secrets set gateway --generate bearer_token`",
            gateway.id
        ))
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

/// Plans the phone provider. A tenant has only one.
fn provider(base: &BaseUrl, providers: &Value, replace: bool, plan: &mut Plan) {
    let of = "Auth0 phone provider";
    let configuration = json!({ "delivery_methods": ["text"] });
    let wanted = json!({ "name": "custom", "disabled": false, "configuration": configuration, "credentials": {} });
    let Some(held) = providers.as_array().and_then(|list| list.first()) else {
        plan.set(of, "name", None, "custom");
        plan.steps.push(Step::Send(
            Method::POST,
            base.join("api/v2/branding/phone/providers"),
            Body::Json(wanted),
        ));
        return;
    };
    let name = held["name"].as_str().unwrap_or_default();
    if name != "custom" && !replace {
        plan.problems.push(format!(
            "the tenant's phone provider is {name}, on which other texts may depend. --replace-provider replaces it by the Action"
        ));
        return;
    }
    let differs = [
        plan.compare(of, "name", Some(name), "custom"),
        plan.compare(
            of,
            "disabled",
            Some(if held["disabled"] == true {
                "true"
            } else {
                "false"
            }),
            "false",
        ),
    ];
    let texts = held["configuration"]["delivery_methods"]
        .as_array()
        .is_some_and(|methods| methods.contains(&json!("text")));
    if !texts {
        plan.set(of, "delivery_methods", None, "text");
    }
    if differs.contains(&true) || !texts {
        let id = held["id"].as_str().unwrap_or_default();
        plan.steps.push(Step::Send(
            Method::PATCH,
            base.join(&format!("api/v2/branding/phone/providers/{id}")),
            Body::Json(wanted),
        ));
    }
}

/// Plans the legacy gateway. Auth0 replaces `options` as a whole, so all other values there are
/// kept.
fn legacy(
    context: &Context,
    base: &BaseUrl,
    connections: &Value,
    named: &str,
    url: &str,
    gateway: &Stored,
) -> Result<Plan, Problem> {
    let secret = gateway.text("jwt_secret").ok_or_else(|| {
        Problem::Failed(format!(
            "the secret {} lacks jwt_secret, which signs the connection's tokens; run `operator secrets set gateway --generate jwt_secret`",
            gateway.id
        ))
    })?;
    let list = connections
        .as_array()
        .or_else(|| connections["connections"].as_array());
    let found = list
        .into_iter()
        .flatten()
        .find(|connection| connection["name"] == named || connection["id"] == named);
    let connection =
        found.ok_or_else(|| Problem::Failed(format!("Auth0 has no sms connection {named}")))?;
    if connection["options"].is_null() {
        return Err(Problem::Failed(
            "Auth0 does not show a connection's options without the scope read:connections_options"
                .to_owned(),
        ));
    }
    let mut plan = Plan::default();
    let of = format!("Auth0 connection {named}");
    let options: Map<String, Value> = connection["options"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let mut updated = options.clone();
    let takes_away = ["twilio_sid", "twilio_token", "messaging_service_sid"];
    for name in takes_away
        .into_iter()
        .filter(|name| options.contains_key(*name))
    {
        plan.set(&of, name, Some("a value"), "nothing");
        updated.remove(name);
    }
    for (name, wanted) in [
        ("strategy", "sms"),
        ("provider", "sms_gateway"),
        ("gateway_url", url),
    ] {
        plan.compare(&of, name, options.get(name).and_then(Value::as_str), wanted);
        updated.insert(name.to_owned(), wanted.into());
    }
    let held = options
        .get("gateway_authentication")
        .cloned()
        .unwrap_or_default();
    for (name, parameter) in [
        ("audience", "GatewayAudience"),
        ("subject", "GatewaySubject"),
    ] {
        let field = format!("gateway_authentication.{name}");
        plan.compare(
            &of,
            &field,
            held[name].as_str(),
            context.stack.required(parameter)?,
        );
    }
    plan.compare(
        &of,
        "gateway_authentication.method",
        held["method"].as_str(),
        "bearer",
    );
    if held["secret"].as_str() != Some(secret.expose_secret()) {
        plan.set(
            &of,
            "gateway_authentication.secret",
            held["secret"].as_str().map(|_| "another"),
            &format!("jwt_secret of {}", gateway.id),
        );
    }
    let encoded = gateway.flag("jwt_secret_base64");
    if (held["secret_base64_encoded"] == true) != encoded {
        let word = |set: bool| if set { "true" } else { "false" };
        plan.set(
            &of,
            "gateway_authentication.secret_base64_encoded",
            Some(word(!encoded)),
            word(encoded),
        );
    }
    // Without this setting the gateway never gets the IP address of the user who asked for a code.
    let held = options.get("forward_req_info");
    if held != Some(&json!(true)) && held != Some(&json!("true")) {
        plan.set(&of, "forward_req_info", None, "true");
        updated.insert("forward_req_info".to_owned(), true.into());
    }
    updated.insert(
        "gateway_authentication".to_owned(),
        json!({
            "method": "bearer",
            "audience": context.stack.required("GatewayAudience")?,
            "subject": context.stack.required("GatewaySubject")?,
            "secret": secret.expose_secret(),
            "secret_base64_encoded": encoded,
        }),
    );
    if !plan.changes.is_empty() {
        let id = connection["id"].as_str().unwrap_or_default();
        let body = Body::Json(json!({ "options": updated }));
        plan.steps.push(Step::Send(
            Method::PATCH,
            base.join(&format!("api/v2/connections/{id}")),
            body,
        ));
    }
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
