//! The phone provider of the tenant.

use reqwest::Method;
use serde_json::{Value, json};
use shared::platform::base_url::BaseUrl;

use crate::calls::Body;
use crate::connect::{Plan, Step};

/// Plans the phone provider. A tenant has only one.
pub(super) fn provider(base: &BaseUrl, providers: &Value, replace: bool, plan: &mut Plan) {
    let of = "Auth0 phone provider";
    let wanted = |methods: &Value| {
        let configuration = json!({ "delivery_methods": methods });
        json!({ "name": "custom", "disabled": false, "configuration": configuration, "credentials": {} })
    };
    let text = json!(["text"]);
    let Some(held) = providers.as_array().and_then(|list| list.first()) else {
        plan.set(of, "name", None, "custom");
        plan.steps.push(Step::Send(
            Method::POST,
            base.join("api/v2/branding/phone/providers"),
            Body::Json(wanted(&text)),
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
    let methods = &held["configuration"]["delivery_methods"];
    let texts = methods
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
            // Voice, if somebody has switched it on, stays.
            Body::Json(wanted(if texts { methods } else { &text })),
        ));
    }
}
