//! Auth0: the Action that passes SMS to sms-gateway, its secrets, and the tenant's phone provider;
//! or the gateway of a legacy passwordless connection
//! (<https://auth0.com/docs/customize/phone-messages/configure-phone-messaging-providers/configure-a-custom-phone-provider>,
//! <https://auth0.com/docs/authenticate/passwordless/authentication-methods/use-sms-gateway-passwordless>).

mod action;
mod legacy;
mod management;
mod provider;

pub(crate) use action::deploy;
pub(crate) use legacy::SMS_CONNECTION;
pub(crate) use management::{grant, management, open};

use self::action::{TRIGGER, phone_provider};
use self::legacy::legacy;
use self::management::read;
use super::{Extras, Planned};
use crate::context::Context;
use crate::problem::Problem;

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
    // A gateway for Okta's codes may do without Auth0's.
    let may_be_empty = !extras.named && context.stack.get("OktaHookUrl").is_some();
    if may_be_empty && !context.vault().is_in_use("gateway").await? {
        return Ok(None);
    }
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
