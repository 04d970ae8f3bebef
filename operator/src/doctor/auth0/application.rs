//! The application of the secret `auth0`: its token, its scopes, and the API that the phone menu calls.

use secrecy::SecretString;

use super::{not_seen, segment};
use crate::calls::{Refusal, Session};
use crate::connect::auth0::{grant, management};
use crate::context::Context;
use crate::doctor::Examination;
use crate::doctor::coverage::Check;
use crate::problem::Problem;

/// The scope that the built-in API requires.
const READ_ACCOUNTS: &str = "read:accounts";

pub(super) const CREDENTIALS: Check = Check::new(
    "auth0.credentials",
    "whether Auth0 accepts the keys of the secret auth0",
    |deployed| deployed.uses("auth0"),
)
.with(&["auth0"]);
pub(super) const GRANTS: Check = Check::new(
    "auth0.grants",
    "the scopes of the application of the secret auth0",
    |deployed| deployed.uses("auth0"),
)
.with(&["auth0"])
.after(&["auth0.credentials"]);
pub(super) const API: Check = Check::new("auth0.api", "the API of the phone menu", |deployed| {
    deployed.has("ApiAudience") && deployed.uses("auth0")
})
.with(&["auth0"])
.after(&["auth0.credentials"]);
pub(super) const API_GRANT: Check = Check::new(
    "auth0.api_grant",
    "whether the application of the secret auth0 may call the API of the phone menu",
    |deployed| deployed.has("ApiAudience") && deployed.uses("auth0"),
)
.with(&["auth0"])
.after(&["auth0.credentials", "auth0.api"]);

/// Checks token and scopes. Returns the token, if there is one.
pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<Option<SecretString>, Problem> {
    let (base, secret) = (context.auth0_url()?, context.secret("auth0").await?);
    let by_phone = context.stack.get("IvrVoiceUrl").is_some();
    let confirms = context.stack.get("ConfirmWith") == Some("management-api");
    let verifies = context.stack.get("SendVerificationSmsUrl").is_some();
    let (token, scopes) = match grant(context, &base, &secret, &management(&base)).await {
        Ok(granted) => granted,
        Err(Refusal::Status(401 | 403, words)) => {
            examination.fault(
                "auth0.credentials",
                format!("the application of the secret auth0 gets no token for the Management API: {words}"),
                "the functions can neither find nor confirm users",
                "compare client id and secret in Auth0 (Applications, the machine-to-machine application). Authorise it for the Auth0 \
                 Management API (its tab APIs). Then run `operator secrets set auth0`",
            );
            return Ok(None);
        }
        Err(refusal) => {
            examination.unanswered(
                "auth0.credentials",
                format!("Auth0: {refusal}"),
                "run `operator doctor`. If it stays, look at status.auth0.com, and whether Auth0Url is the tenant's own domain",
            );
            return Ok(None);
        }
    };
    examination.checked("auth0.credentials");
    let mut needed = Vec::new();
    if by_phone || verifies || confirms {
        needed.push("read:users");
    }
    if confirms {
        needed.push("update:users");
    }
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|scope| !scopes.iter().any(|granted| granted == scope))
        .collect();
    if !missing.is_empty() {
        examination.fault(
            "auth0.grants",
            format!(
                "the application of the secret auth0 lacks {}",
                missing.join(" and ")
            ),
            "the Management API rejects requests of the functions",
            format!(
                "in Auth0, grant {} (Applications, the application, APIs, Auth0 Management API)",
                missing.join(" and ")
            ),
        );
    }
    examination.checked("auth0.grants");
    Ok(Some(token))
}

/// Checks the API of the phone menu, and that the application may call it.
pub(super) async fn audience(
    context: &Context,
    examination: &mut Examination,
    session: &Session,
) -> Result<(), Problem> {
    let Some(audience) = context.stack.get("ApiAudience") else {
        return Ok(());
    };
    if api(examination, session, audience).await {
        let (base, secret) = (context.auth0_url()?, context.secret("auth0").await?);
        match grant(context, &base, &secret, audience).await {
            Ok((_, scopes)) => {
                let lacks = !scopes.iter().any(|scope| scope == READ_ACCOUNTS);
                if lacks && context.stack.get("SecureApiUrl").is_some() {
                    examination.fault(
                        "auth0.api_grant",
                        format!("the application of the secret auth0 lacks {READ_ACCOUNTS} for {audience}"),
                        "the API answers 403 to the phone menu and to api-call",
                        format!("in Auth0, grant {READ_ACCOUNTS} (Applications, the application, APIs, that API)"),
                    );
                }
            }
            Err(Refusal::Status(401 | 403, words)) => examination.fault(
                "auth0.api_grant",
                format!("the application of the secret auth0 gets no token for {audience}: {words}"),
                "the phone menu and api-call cannot use the API",
                "in Auth0, authorise it for that API with read:accounts (Applications, the application, APIs)",
            ),
            Err(refusal) => examination.unanswered("auth0.api_grant", format!("Auth0: {refusal}"), "run `operator doctor`"),
        }
        examination.checked("auth0.api_grant");
    }
    Ok(())
}

/// True if the API exists, as far as this can be seen.
async fn api(examination: &mut Examination, session: &Session, audience: &str) -> bool {
    let found = session
        .get(
            &format!("api/v2/resource-servers/{}", segment(audience)),
            &[],
        )
        .await;
    let missing = found
        .as_ref()
        .is_err_and(|refusal| refusal.status() == Some(404));
    match found {
        Ok(api) if api["signing_alg"] == "RS256" => {}
        Ok(_) => examination.fault(
            "auth0.api",
            format!("tokens for {audience} are not signed with RS256"),
            "the API rejects all of them",
            "in Auth0, set Signing Algorithm to RS256 (Applications, APIs, the API, Settings)",
        ),
        Err(_) if missing => examination.fault(
            "auth0.api",
            format!("the tenant has no API {audience}"),
            "nobody can get a token for it",
            "in Auth0, create an API with that identifier (Applications, APIs, Create API). Or correct ApiAudience in samconfig.toml, and run `operator deploy`",
        ),
        Err(refusal) => not_seen(examination, "auth0.api", &refusal),
    }
    examination.checked("auth0.api");
    !missing
}
