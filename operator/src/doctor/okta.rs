//! Okta: the token, what it may, the event hook.

use super::Examination;
use crate::calls::Refusal;
use crate::connect::okta::{FUNCTION_SCOPES, as_functions, grant};
use crate::connect::{Extras, Target};
use crate::context::Context;
use crate::problem::Problem;

pub(super) async fn examine(context: &Context, examination: &mut Examination, usable: &[&str]) -> Result<(), Problem> {
    if credentials(context, examination).await? && usable.contains(&"hook") {
        examination.compare(context, "okta.event_hook", Target::Okta, &Extras::default(), "okta").await?;
    }
    Ok(())
}

/// Whether Okta can be asked further.
async fn credentials(context: &Context, examination: &mut Examination) -> Result<bool, Problem> {
    let (base, secret) = (context.okta_url()?, context.secret("okta").await?);
    if secret.text("client_id").is_some() {
        match grant(context, &base, &secret, &FUNCTION_SCOPES).await {
            Ok(_) => {}
            Err(Refusal::Status(400, words)) => {
                // One by one: which are they?
                let mut missing = Vec::new();
                for scope in FUNCTION_SCOPES {
                    if grant(context, &base, &secret, &[scope]).await.is_err_and(|refusal| refusal.status() == Some(400)) {
                        missing.push(scope);
                    }
                }
                let scopes = if missing.is_empty() { FUNCTION_SCOPES.join(" and ") } else { missing.join(" and ") };
                examination.fault(
                    "okta.scopes",
                    format!("Okta gives the service app no token with {scopes}: {words}"),
                    "calls and texts to company numbers find nobody, nobody gets a number",
                    format!("Applications, the app, Okta API Scopes: grant {scopes}; and Proof of Possession (DPoP) off"),
                );
                return Ok(false);
            }
            Err(refusal) => return Ok(refused(examination, &refusal)),
        }
    }
    examination.checked("okta.scopes");
    let session = as_functions(context, &FUNCTION_SCOPES).await?;
    match session.get("api/v1/users", &[("limit", "1")]).await {
        Ok(_) => {
            examination.checked("okta.credentials");
            Ok(true)
        }
        Err(Refusal::Status(403, words)) => {
            examination.fault(
                "okta.credentials",
                format!("Okta does not let the token read users: {words}"),
                "calls and texts to company numbers find nobody",
                "an admin role with View users and their details and Edit users' profile attributes, for the service app or the token's administrator",
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
            format!("Okta refuses the credentials of the secret okta: {words}"),
            "calls and texts to company numbers find nobody, nobody gets a number",
            "make a new token (Security, API, Tokens) or key (Applications, the app, Public keys), run `operator secrets set okta`",
        ),
        refusal => examination.unanswered("okta.credentials", format!("Okta: {refusal}"), "run this again; is OktaUrl right?"),
    }
    false
}
