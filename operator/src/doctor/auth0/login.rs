//! The login of the phone menu: its application and the application's secret.

use std::sync::Arc;

use secrecy::SecretString;
use shared::platform::secrets::Secret;
use shared::vendors::auth0::CallError;
use shared::vendors::auth0::login::{Login, NoVerdict};

use super::{MENU, not_seen, segment};
use crate::calls::Session;
use crate::context::Context;
use crate::doctor::Examination;
use crate::doctor::coverage::Check;
use crate::problem::Problem;

const PASSWORD_REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";

pub(super) const APPLICATION: Check = Check::new(
    "auth0.login",
    "whether the application of the phone menu may log users in",
    MENU,
)
.with(&["auth0"])
.after(&["auth0.credentials"]);
pub(super) const SECRET: Check = Check::new(
    "auth0.login_secret",
    "whether Auth0 accepts the application that logs callers in",
    MENU,
)
.with(&["auth0"])
.after(&["auth0.credentials", "auth0.login"]);

/// Tries a login as the phone menu does, with a user that nobody has. Auth0 rejects it, and says
/// first whether it accepts the application. The tenant's log shows the failed login.
pub(super) async fn secret(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    const CHECK: &str = "auth0.login_secret";
    const NOBODY: &str = "switchboard-doctor@example.com";
    let Some(id) = context.stack.secret("auth0") else {
        return Ok(());
    };
    let realm = context.stack.get("LoginRealm");
    let realm = realm.unwrap_or("Username-Password-Authentication");
    let secret = Secret::new(id, context.aws.secrets.clone());
    let (client, base) = (context.calls.client.clone(), context.auth0_url()?);
    let login = Login::new(client, base, realm.to_owned(), Arc::new(secret));
    let password = SecretString::from("no user has this password");
    match login.check(NOBODY, &password, context.calls.now()).await {
        Ok(_) => {}
        Err(NoVerdict {
            error: CallError::Unauthorized,
            ..
        }) => examination.fault(
            CHECK,
            "Auth0 rejects the application that logs callers in",
            "every PIN is rejected",
            "run `operator secrets set auth0` with the right login_client_id and login_client_secret, or without both",
        ),
        // The check before has told that the application may not log users in.
        Err(_) if examination.has_found("auth0.login") => return Ok(()),
        Err(NoVerdict { error, .. }) => examination.risk(
            CHECK,
            format!("a trial login at the connection {realm}: {error}"),
            "PINs may be rejected",
            "check LoginRealm, the name of the database connection, and that the application may use it (Authentication, Database, Applications)",
        ),
    }
    examination.checked(CHECK);
    Ok(())
}

pub(super) async fn application(examination: &mut Examination, session: &Session, id: &str) {
    match session
        .get(&format!("api/v2/clients/{}", segment(id)), &[])
        .await
    {
        Ok(application) => {
            let grants = application["grant_types"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            if !grants.iter().any(|grant| grant == PASSWORD_REALM) {
                examination.fault(
                    "auth0.login",
                    format!("the application {id} may not log users in with password and realm"),
                    "every PIN is rejected",
                    "in Auth0, allow the grant type Password (Applications, the application, Advanced Settings, Grant Types)",
                );
            }
            if application["is_token_endpoint_ip_header_trusted"] == false {
                examination.risk(
                    "auth0.login",
                    format!("the application {id} does not trust a forwarded IP address"),
                    "Auth0's brute-force protection counts all callers together",
                    "in Auth0, switch on Trust Token Endpoint IP Header (Applications, the application, Advanced Settings, OAuth)",
                );
            }
        }
        Err(refusal) => not_seen(examination, "auth0.login", &refusal),
    }
    examination.checked("auth0.login");
}
