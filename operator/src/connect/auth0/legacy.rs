//! The gateway of a legacy passwordless connection.

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use shared::platform::base_url::BaseUrl;

use crate::calls::Body;
use crate::connect::{Plan, Step};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::Stored;

/// The name of passwordless connections for SMS.
pub(crate) const SMS_CONNECTION: &str = "sms";

/// Says that a connection is missing, beside these others.
fn lacks(named: &str, others: &str) -> Problem {
    let what = format!("Auth0 has no passwordless connection {named}");
    let remedy = "in Auth0, switch SMS on (Authentication, Passwordless)";
    if others.is_empty() {
        let remedy = remedy.to_owned();
        return Problem::Missing { what, remedy };
    }
    let others = crate::report::plain(others);
    Problem::Missing {
        what: format!("{what}, but {others}"),
        remedy: format!("{remedy}, or name another connection with --legacy-gateway"),
    }
}

/// Plans the legacy gateway. Auth0 replaces `options` as a whole, so all other values there are
/// kept.
pub(super) fn legacy(
    context: &Context,
    base: &BaseUrl,
    connections: &Value,
    named: &str,
    url: &str,
    gateway: &Stored,
) -> Result<Plan, Problem> {
    let secret = gateway.text("jwt_secret").ok_or_else(|| Problem::Missing {
        what: format!(
            "the secret {} lacks jwt_secret, which signs the connection's tokens",
            gateway.id
        ),
        remedy: "run `operator secrets set gateway --generate jwt_secret`".to_owned(),
    })?;
    let list = connections
        .as_array()
        .or_else(|| connections["connections"].as_array());
    let all = || list.into_iter().flatten();
    let found = all().find(|connection| connection["name"] == named || connection["id"] == named);
    let Some(connection) = found else {
        let others: Vec<&str> = all()
            .filter_map(|connection| connection["name"].as_str())
            .collect();
        return Err(lacks(named, &others.join(", ")));
    };
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
