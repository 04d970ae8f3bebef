//! Okta: the event hook that tells provision-numbers about new employees
//! (<https://developer.okta.com/docs/api/openapi/okta-management/management/tag/EventHook/>).

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use shared::platform::base_url::BaseUrl;
use shared::platform::time::epoch;
use shared::rules::jwt;

use super::{Extras, Plan, Planned, Step};
use crate::calls::{Authorization, Body, Refusal, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::Stored;
use crate::stack::Stack;

/// The events after which a user should be checked.
const EVENTS: [&str; 3] = [
    "user.lifecycle.create",
    "user.lifecycle.activate",
    "user.account.update_profile",
];
/// The scopes that this stack's functions require. Only provision-numbers writes.
pub(crate) fn function_scopes(stack: &Stack) -> &'static [&'static str] {
    if stack.get("ProvisionNumbersUrl").is_some() {
        &["okta.users.read", "okta.users.manage"]
    } else {
        &["okta.users.read"]
    }
}

/// The scopes that registering the hook requires.
pub(crate) const HOOK_SCOPES: [&str; 2] = ["okta.eventHooks.read", "okta.eventHooks.manage"];
const ASSERTION_LIFE: u64 = 300;

fn unusable() -> Problem {
    Problem::Failed("Okta's token is not one line of plain characters".to_owned())
}

/// Opens the management API, with the operator's own token or with the functions' credentials.
pub(crate) async fn open(context: &Context, scopes: &[&str]) -> Result<Session, Problem> {
    match &context.own.okta_api_token {
        Some(token) => Ok(context
            .calls
            .to(
                &context.okta_url()?,
                Authorization::header("SSWS", token).ok_or_else(unusable)?,
            )
            .always_typed()),
        None => as_functions(context, scopes).await,
    }
}

/// Opens the management API with the `okta` secret, and with these scopes if it belongs to a
/// service app.
pub(crate) async fn as_functions(context: &Context, scopes: &[&str]) -> Result<Session, Problem> {
    let base = context.okta_url()?;
    let secret = context.secret("okta").await?;
    let authorization = if secret.text("client_id").is_some() {
        let token = grant(context, &base, &secret, scopes).await.map_err(|refusal| {
            Problem::Failed(format!(
                "Okta gives the service app of the secret okta no token for {}: {refusal}; grant these scopes (Applications, the app, Okta \
                 API Scopes), or set OKTA_API_TOKEN for this program",
                scopes.join(" ")
            ))
        })?;
        Authorization::header("Bearer", &token)
    } else {
        Authorization::header("SSWS", &secret.text("api_token").ok_or_else(unusable)?)
    };
    Ok(context
        .calls
        .to(&base, authorization.ok_or_else(unusable)?)
        .always_typed())
}

/// Gets an access token with the service app's signature.
pub(crate) async fn grant(
    context: &Context,
    base: &BaseUrl,
    secret: &Stored,
    scopes: &[&str],
) -> Result<SecretString, Refusal> {
    let plain = |key: &str| {
        secret
            .text(key)
            .map(|value| value.expose_secret().to_owned())
            .unwrap_or_default()
    };
    let (url, client_id, now) = (
        base.join("oauth2/v1/token"),
        plain("client_id"),
        epoch(context.calls.now()),
    );
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": url.as_str(),
        "iat": now,
        "exp": now + ASSERTION_LIFE,
        "jti": shared::platform::random::owner_id(),
    });
    let assertion = jwt::sign_rs256(&claims, Some(&plain("key_id")), &plain("private_key"))
        .ok_or_else(|| {
            Refusal::Unreachable("private_key is not an RSA key in PEM form".to_owned())
        })?;
    let form = [
        ("grant_type", "client_credentials".to_owned()),
        ("scope", scopes.join(" ")),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
        ),
        ("client_assertion", assertion),
    ];
    let body = Body::Form(form.map(|(name, value)| (name.to_owned(), value)).into());
    let granted = context.calls.post(url, &body).await?;
    granted["access_token"]
        .as_str()
        .map(SecretString::from)
        .ok_or_else(|| Refusal::Unreachable("no token in the answer".to_owned()))
}

pub(crate) async fn examine(
    context: &Context,
    extras: &Extras,
) -> Result<Option<Planned>, Problem> {
    let Some(url) = context.stack.get("ProvisionNumbersUrl") else {
        return Ok(None);
    };
    // The hook is optional: without it new employees are found later.
    if !extras.named && !context.vault().is_in_use("hook").await? {
        return Ok(None);
    }
    let hook = context.secret("hook").await?;
    let session = open(context, &HOOK_SCOPES).await?;
    let hooks = session.get("api/v1/eventHooks", &[]).await;
    let hooks =
        hooks.map_err(|refusal| Problem::Failed(format!("Okta, event hooks: {refusal}")))?;
    Ok(Some(Planned {
        session,
        plan: plan(&hooks, &super::mark(&context.stack)?, url, &hook),
    }))
}

fn plan(hooks: &Value, mark: &str, url: &str, secret: &Stored) -> Plan {
    let mut plan = Plan::default();
    let name = format!("{mark}numbers for new employees");
    // Okta does not return the token. So the description says which version was set.
    let description = format!(
        "Authorization from version {} of {}",
        secret.version, secret.id
    );
    let token = secret
        .text("bearer_token")
        .map(|token| token.expose_secret().to_owned())
        .unwrap_or_default();
    let body = json!({
        "name": name,
        "description": description,
        "events": { "type": "EVENT_TYPE", "items": EVENTS },
        "channel": {
            "type": "HTTP",
            "version": "1.0.0",
            "config": {
                "uri": url,
                "headers": [],
                "authScheme": { "type": "HEADER", "key": "Authorization", "value": token },
            },
        },
    });
    let uri = |hook: &Value| {
        hook["channel"]["config"]["uri"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let all = || hooks.as_array().into_iter().flatten();
    let named = |hook: &&Value| {
        hook["name"]
            .as_str()
            .is_some_and(|name| name.starts_with(mark))
    };
    let of = format!("Okta event hook {name:?}");
    let Some(hook) = all()
        .find(|hook| uri(hook) == url)
        .or_else(|| all().find(named))
    else {
        plan.set(&of, "uri", None, url);
        plan.set(&of, "events", None, &EVENTS.join(", "));
        plan.set(
            &of,
            "Authorization",
            None,
            &format!("bearer_token of {}", secret.id),
        );
        plan.steps.push(Step::Hook(None, body));
        return plan;
    };
    let id = hook["id"].as_str().unwrap_or_default().to_owned();
    let name = hook["name"].as_str().unwrap_or_default();
    let of = format!("Okta event hook {:?}", crate::report::plain(name));
    plan.compare(&of, "uri", Some(&uri(hook)), url);
    let items: Vec<&str> = hook["events"]["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    // More events than needed do no harm.
    if !EVENTS.iter().all(|event| items.contains(event)) {
        plan.set(&of, "events", Some(&items.join(", ")), &EVENTS.join(", "));
    }
    let key = hook["channel"]["config"]["authScheme"]["key"]
        .as_str()
        .unwrap_or_default();
    if !key.eq_ignore_ascii_case("authorization") || hook["description"] != description.as_str() {
        plan.set(
            &of,
            "Authorization",
            Some("another or unknown value"),
            &format!("bearer_token of {}", secret.id),
        );
    }
    if !plan.changes.is_empty() {
        plan.steps.push(Step::Hook(Some(id), body));
    } else if hook["verificationStatus"] != "VERIFIED" {
        plan.set(
            &of,
            "verificationStatus",
            hook["verificationStatus"].as_str(),
            "VERIFIED",
        );
        plan.steps.push(Step::Verify(id));
    }
    if hook["status"]
        .as_str()
        .is_some_and(|status| status != "ACTIVE")
    {
        plan.problems.push(format!(
            "the event hook {name:?} is inactive: Workflow, Event Hooks, Activate"
        ));
    }
    plan
}

/// Creates or replaces the hook, and then starts Okta's verification of its URL.
pub(crate) async fn register(
    session: &Session,
    id: Option<String>,
    body: Value,
) -> Result<(), Refusal> {
    let (method, path) = match &id {
        Some(id) => (Method::PUT, format!("api/v1/eventHooks/{id}")),
        None => (Method::POST, "api/v1/eventHooks".to_owned()),
    };
    let registered = session.send(method, &path, &Body::Json(body)).await?;
    let id = registered["id"]
        .as_str()
        .ok_or_else(|| Refusal::Unreachable("the event hook has no id".to_owned()))?;
    verify(session, id).await
}

/// Starts the verification: Okta sends a challenge to the URL, and the function must repeat it.
pub(crate) async fn verify(session: &Session, id: &str) -> Result<(), Refusal> {
    session
        .send(
            Method::POST,
            &format!("api/v1/eventHooks/{id}/lifecycle/verify"),
            &Body::None,
        )
        .await
        .map(drop)
}
