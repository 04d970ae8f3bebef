//! The SMS providers besides Twilio and AWS: one read of the account with the functions' own keys.

use secrecy::ExposeSecret as _;
use serde_json::Value;
use shared::platform::base_url::BaseUrl;
use shared::rules::sms::Vendor;
use shared::vendors::{clickatell, plivo, vonage};

use super::Examination;
use super::coverage::Check;
use crate::calls::{Authorization, Refusal};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::Stored;

pub(super) const CHECKS: &[Check] = &[
    Check::new("plivo.keys", "whether Plivo accepts the keys", |deployed| {
        deployed.stack.routes_to("plivo")
    })
    .with(&["plivo"]),
    Check::new(
        "vonage.keys",
        "whether Vonage accepts the keys",
        |deployed| deployed.stack.routes_to("vonage"),
    )
    .with(&["vonage"]),
    Check::new(
        "clickatell.keys",
        "whether Clickatell accepts the keys",
        |deployed| deployed.stack.routes_to("clickatell"),
    )
    .with(&["clickatell"]),
];

/// Below this the balance is as good as empty.
const LOW: f64 = 1.0;

/// How a provider is asked.
struct Question {
    provider: &'static str,
    check: &'static str,
    base: BaseUrl,
    path: String,
    authorization: Option<Authorization>,
    /// Where a person finds the keys.
    place: &'static str,
}

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    for provider in ["plivo", "vonage", "clickatell"] {
        if !context.stack.routes_to(provider) || !examination.secrets.is_usable(provider) {
            continue;
        }
        let stored = context.secret(provider).await?;
        match question(context, provider, &stored)? {
            Some(question) => ask(context, examination, question).await,
            None => examination.unchecked(
                "clickatell.keys",
                "the legacy HTTP API of Clickatell takes credentials only in a URL",
                "sign in with a phone of your own. Then run `operator logs sms-gateway`",
            ),
        }
    }
    Ok(())
}

/// `None`: the provider cannot be asked without a risk.
fn question(
    context: &Context,
    provider: &'static str,
    stored: &Stored,
) -> Result<Option<Question>, Problem> {
    let text = |key: &str| stored.text(key).unwrap_or_default();
    let basic = |user: &str, password: &str| {
        Authorization::basic(text(user).expose_secret(), &text(password))
    };
    let base = |parameter: &str, home: &str| {
        let url = context.stack.get(parameter).unwrap_or(home);
        let url = url.parse();
        url.map_err(|why| Problem::Usage(format!("{parameter} {why}")))
    };
    Ok(Some(match provider {
        "plivo" => Question {
            provider: "Plivo",
            check: "plivo.keys",
            base: base("PlivoUrl", plivo::Plivo::HOME)?,
            path: format!("v1/Account/{}/", text("auth_id").expose_secret()),
            authorization: basic("auth_id", "auth_token"),
            place: "Plivo Console, Overview: Auth ID and Auth Token",
        },
        "vonage" => Question {
            provider: "Vonage",
            check: "vonage.keys",
            base: base("VonageUrl", vonage::Vonage::HOME)?,
            path: "account/get-balance".to_owned(),
            authorization: basic("api_key", "api_secret"),
            place: "Vonage Dashboard, API settings: API key and API secret",
        },
        _ => {
            if stored.text("user").is_some() {
                return Ok(None);
            }
            Question {
                provider: "Clickatell",
                check: "clickatell.keys",
                base: base("ClickatellUrl", clickatell::Clickatell::HOME)?,
                path: "v1/balance".to_owned(),
                authorization: Authorization::bare(&text("api_key")),
                place: "Clickatell portal, the workspace's API key",
            }
        }
    }))
}

async fn ask(context: &Context, examination: &mut Examination, question: Question) {
    let Question {
        provider,
        check,
        base,
        path,
        authorization,
        place,
    } = question;
    let answer = match authorization {
        Some(authorization) => context.calls.to(&base, authorization).get(&path, &[]).await,
        None => Err(Refusal::Status(401, String::new())),
    };
    let name = provider.to_lowercase();
    match answer {
        Ok(account) => {
            if balance(&account).is_some_and(|balance| balance < LOW) {
                examination.risk(
                    check,
                    format!("the balance at {provider} is below 1"),
                    "the provider rejects texts when it is empty. Codes then take another road, if the route has one",
                    format!("top up the account at {provider} (its console, Billing). Then run `operator doctor`"),
                );
            }
        }
        Err(Refusal::Status(401 | 403 | 404, _)) => examination.fault(
            check,
            format!("{provider} rejects the keys"),
            "each code that goes there fails. The next provider of its route sends it, if there is one",
            format!("run `operator secrets set {name}` with the right keys ({place})"),
        ),
        Err(refusal) => examination.unanswered(
            check,
            format!("{provider}: {refusal}"),
            "run `operator doctor`. If it stays, look at the provider's status page",
        ),
    }
    examination.checked(check);
}

/// The balance in the answer, where the provider tells it.
fn balance(account: &Value) -> Option<f64> {
    let told = ["cash_credits", "value", "balance"]
        .into_iter()
        .find_map(|name| account.get(name))?;
    told.as_f64().or_else(|| told.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_balance_is_a_number_or_a_text() {
        for (account, told) in [
            (json!({ "cash_credits": "10.00000" }), Some(10.0)),
            (json!({ "value": 0.5 }), Some(0.5)),
            (json!({ "balance": 7, "currency": "EUR" }), Some(7.0)),
            (json!({ "balance": null }), None),
            (json!({}), None),
        ] {
            assert_eq!(balance(&account), told, "{account}");
        }
    }
}
