//! Okta: the token, its scopes, the event hook, and the telephony inline hook.

use super::Examination;
use super::coverage::Check;
use crate::calls::Refusal;
use crate::connect::okta::{as_functions, function_scopes, grant};
use crate::connect::{Extras, Target};
use crate::context::Context;
use crate::problem::Problem;

const TELEPHONY: &str = "okta.telephony_hook";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "okta.scopes",
        "the scopes of the credentials of the secret okta",
        |deployed| deployed.uses("okta"),
    )
    .with(&["okta"]),
    Check::new(
        "okta.credentials",
        "whether Okta accepts the credentials of the secret okta",
        |deployed| deployed.uses("okta"),
    )
    .with(&["okta"])
    .after(&["okta.scopes"]),
    Check::new(
        "okta.event_hook",
        "Okta's event hook for new employees",
        |deployed| deployed.has("ProvisionNumbersUrl") && deployed.uses("hook"),
    )
    .with(&["hook", "okta"])
    .after(&["okta.scopes", "okta.credentials"]),
    Check::new(
        TELEPHONY,
        "Okta's telephony hook for one-time codes",
        |deployed| deployed.has("OktaHookUrl"),
    )
    .with(&["okta-hook"])
    .after(&["okta.scopes", "okta.credentials"]),
];

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    if examination.secrets.is_usable("okta") {
        if !credentials(context, examination).await? {
            return Ok(());
        }
        if examination.secrets.is_usable("hook") {
            examination
                .compare(
                    context,
                    "okta.event_hook",
                    Target::Okta,
                    &Extras::default(),
                    "okta",
                )
                .await?;
        }
    }
    telephony(context, examination).await
}

/// Checks the telephony inline hook. A stack for Okta's codes need not have Okta's URL and keys.
async fn telephony(context: &Context, examination: &mut Examination) -> Result<(), Problem> {
    if !examination.secrets.is_usable("okta-hook") {
        return Ok(());
    }
    let has_keys = context.own.okta_api_token.is_some() || examination.secrets.is_usable("okta");
    if context.okta_url().is_err() || !has_keys {
        examination.unchecked(
            TELEPHONY,
            "Okta was not asked: there is no OKTA_URL or no OKTA_API_TOKEN",
            "set OKTA_URL and OKTA_API_TOKEN (Okta, Security, API, Tokens). Then run `operator doctor`",
        );
        return Ok(());
    }
    let (target, extras) = (Target::OktaTelephony, Extras::default());
    examination
        .compare(context, TELEPHONY, target, &extras, "okta-telephony")
        .await
}

/// Checks the credentials. True if further checks at Okta are possible.
async fn credentials(context: &Context, examination: &mut Examination) -> Result<bool, Problem> {
    let (base, secret) = (context.okta_url()?, context.secret("okta").await?);
    let needed = function_scopes(&context.stack);
    if secret.text("client_id").is_some() {
        match grant(context, &base, &secret, needed).await {
            Ok(_) => {}
            Err(Refusal::Status(400, words)) => {
                // Ask for one scope at a time to find the missing ones.
                let mut missing = Vec::new();
                for scope in needed.iter().copied() {
                    if grant(context, &base, &secret, &[scope])
                        .await
                        .is_err_and(|refusal| refusal.status() == Some(400))
                    {
                        missing.push(scope);
                    }
                }
                let scopes = if missing.is_empty() {
                    needed.join(" and ")
                } else {
                    missing.join(" and ")
                };
                examination.fault(
                    "okta.scopes",
                    format!("the service app gets no token with {scopes} from Okta: {words}"),
                    "calls and texts to company numbers are not forwarded. Nobody gets a number",
                    format!("in Okta, grant {scopes} (Applications, the app, Okta API Scopes). Switch Proof of Possession (DPoP) off"),
                );
                return Ok(false);
            }
            Err(refusal) => return Ok(refused(examination, &refusal)),
        }
    }
    examination.checked("okta.scopes");
    let session = as_functions(context, needed).await?;
    match session.get("api/v1/users", &[("limit", "1")]).await {
        Ok(_) => {
            examination.checked("okta.credentials");
            Ok(true)
        }
        Err(Refusal::Status(403, words)) => {
            let view = "View users and their details";
            let rights = if needed.len() > 1 {
                format!("{view} and Edit users' profile attributes")
            } else {
                view.to_owned()
            };
            examination.fault(
                "okta.credentials",
                format!("Okta does not let the token read users: {words}"),
                "calls and texts to company numbers are not forwarded",
                format!(
                    "in Okta, give an admin role with {rights} to the service app or the token's administrator"
                ),
            );
            Ok(false)
        }
        Err(refusal) => Ok(refused(examination, &refusal)),
    }
}

fn refused(examination: &mut Examination, refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Status(401, words) => examination.fault(
            "okta.credentials",
            format!("Okta rejects the credentials of the secret okta: {words}"),
            "calls and texts to company numbers are not forwarded. Nobody gets a number",
            "in Okta, make a new token (Security, API, Tokens) or key (Applications, the app, Public keys). Then run `operator secrets set okta`",
        ),
        refusal => examination.unanswered("okta.credentials", format!("Okta: {refusal}"), "run `operator doctor`. If it stays, look at status.okta.com, and at the parameter OktaUrl"),
    }
    false
}
