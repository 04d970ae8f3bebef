//! Auth0: the application's token and scopes, the end of its mail links, the gateway, the login of
//! the phone menu, and attack protection.

mod application;
mod login;
mod protection;
mod verification;

use secrecy::ExposeSecret;

use super::Examination;
use super::coverage::{Check, Deployed};
use crate::calls::{Authorization, Refusal};
use crate::connect::auth0::SMS_CONNECTION;
use crate::connect::{Extras, Target};
use crate::context::Context;
use crate::problem::Problem;

/// Whether a stack has a phone menu.
const MENU: fn(&Deployed<'_>) -> bool = |deployed| deployed.has("IvrVoiceUrl");
const PHONE_PROVIDER: &str = "auth0.phone_provider";
const GATEWAY: &str = "auth0.gateway";

pub(super) const CHECKS: &[Check] = &[
    verification::KEYS,
    verification::REDIRECT_TO,
    application::CREDENTIALS,
    application::GRANTS,
    application::API,
    application::API_GRANT,
    login::APPLICATION,
    login::SECRET,
    protection::BRUTE_FORCE,
    protection::SUSPICIOUS_IP,
    Check::new(
        PHONE_PROVIDER,
        "Auth0's phone provider and its Action",
        |deployed| deployed.may_have("gateway", "bearer_token"),
    )
    .with(&["gateway", "auth0"])
    .after(&["auth0.credentials"]),
    Check::new(
        GATEWAY,
        "the gateway of Auth0's passwordless connection",
        |deployed| deployed.has("GatewayAudience") && deployed.may_have("gateway", "jwt_secret"),
    )
    .with(&["gateway", "auth0"])
    .after(&["auth0.credentials"]),
    protection::PHONE_PROVIDER,
];

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    if context.stack.get("SendVerificationSmsUrl").is_some() {
        verification::origin(context, examination).await?;
    }
    if context.stack.get("ReceiveConfirmationSmsUrl").is_some() {
        verification::ends(context, examination).await?;
    }
    tenant(context, examination).await?;
    gateway(context, examination).await
}

/// Checks what the functions and their callers need in the tenant.
async fn tenant(context: &Context, examination: &mut Examination) -> Result<(), Problem> {
    let has_application = examination.secrets.is_usable("auth0");
    let granted = if has_application {
        application::examine(context, examination).await?
    } else {
        None
    };
    // One's own token may read more than the functions.
    let Some(token) = context.own.auth0_token.clone().or_else(|| granted.clone()) else {
        return Ok(());
    };
    let authorization = Authorization::header("Bearer", &token);
    let (Some(authorization), Ok(base)) = (authorization, context.auth0_url()) else {
        return Ok(());
    };
    let session = context.calls.to(&base, authorization);
    if granted.is_some() {
        application::audience(context, examination, &session).await?;
    }
    if granted.is_some() && context.stack.get("IvrVoiceUrl").is_some() {
        let secret = context.secret("auth0").await?;
        let client = secret
            .text("login_client_id")
            .or_else(|| secret.text("client_id"));
        let client = client.as_ref().map_or("", ExposeSecret::expose_secret);
        login::application(examination, &session, client).await;
        login::secret(context, examination).await?;
        protection::brute_force(context, examination, &session).await;
        protection::suspicious_ip(examination, &session).await;
    }
    if examination.secrets.is_usable("gateway")
        && examination.secrets.may_have("gateway", "bearer_token")
    {
        protection::phone_provider(examination, &session).await;
    }
    Ok(())
}

/// Checks what makes Auth0 send its codes through the gateway.
async fn gateway(context: &Context, examination: &mut Examination) -> Result<(), Problem> {
    let secrets = &examination.secrets;
    if !secrets.is_usable("gateway") {
        return Ok(());
    }
    let has_provider = secrets.may_have("gateway", "bearer_token");
    let has_connection =
        secrets.may_have("gateway", "jwt_secret") && context.stack.get("GatewayAudience").is_some();
    let nobody = context.own.auth0_token.is_none() && !secrets.is_usable("auth0");
    for (check, applies) in [(PHONE_PROVIDER, has_provider), (GATEWAY, has_connection)] {
        if !applies {
            continue;
        }
        if nobody {
            examination.unchecked(
                check,
                "Auth0 was not asked: there is no AUTH0_MANAGEMENT_TOKEN and no usable secret auth0",
                "set AUTH0_URL and AUTH0_MANAGEMENT_TOKEN. Then run `operator doctor`",
            );
            continue;
        }
        let legacy = (check == GATEWAY).then(|| SMS_CONNECTION.to_owned());
        let command = match &legacy {
            Some(connection) => format!("auth0 --legacy-gateway {connection}"),
            None => "auth0".to_owned(),
        };
        let extras = Extras {
            legacy_gateway: legacy,
            ..Extras::default()
        };
        examination
            .compare(context, check, Target::Auth0, &extras, &command)
            .await?;
    }
    Ok(())
}

fn not_seen(examination: &mut Examination, check: &'static str, refusal: &Refusal) {
    if refusal.status() != Some(403) {
        examination.unanswered(
            check,
            format!("Auth0: {refusal}"),
            "run `operator doctor`. If it stays, make a new AUTH0_MANAGEMENT_TOKEN (Auth0, Applications, APIs, Auth0 Management API, API Explorer)",
        );
        return;
    }
    let remedy = "in Auth0, grant that scope to the application of the secret auth0 (Applications, the application, APIs, Auth0 Management API). Or set \
                  AUTH0_MANAGEMENT_TOKEN. Then run `operator doctor`";
    examination.unchecked(check, format!("Auth0: {refusal}"), remedy);
}

/// A value as one segment of a URL path.
fn segment(value: &str) -> String {
    use std::fmt::Write as _;
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
