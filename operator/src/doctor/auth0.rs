//! Auth0: the application's token and scopes, the end of its mail links, the gateway, the login of
//! the phone menu, and brute-force protection.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use shared::platform::secrets::Secret;
use shared::vendors::auth0::CallError;
use shared::vendors::auth0::login::{Login, NoVerdict};

use super::Examination;
use crate::calls::{Authorization, Refusal, Session};
use crate::connect::auth0::{SMS_CONNECTION, grant, management};
use crate::connect::{Extras, Target};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::Found;

/// The scope that the built-in API requires.
const READ_ACCOUNTS: &str = "read:accounts";
const PASSWORD_REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
    usable: &[&str],
) -> Result<(), Problem> {
    if context.stack.get("SendVerificationSmsUrl").is_some() {
        origin(context, examination).await?;
    }
    if context.stack.get("ReceiveConfirmationSmsUrl").is_some() {
        ends(context, examination).await?;
    }
    if usable.contains(&"auth0") {
        application(context, examination).await?;
    }
    let nobody = context.own.auth0_token.is_none() && !usable.contains(&"auth0");
    if usable.contains(&"gateway") && nobody {
        examination.unchecked(
            "auth0.phone_provider",
            "Auth0 was not asked: there is no AUTH0_MANAGEMENT_TOKEN and no usable secret auth0",
            "set AUTH0_URL and AUTH0_MANAGEMENT_TOKEN, and run `operator doctor`",
        );
    } else if usable.contains(&"gateway") {
        let gateway = context.secret("gateway").await?;
        if gateway.text("bearer_token").is_some() {
            examination
                .compare(
                    context,
                    "auth0.phone_provider",
                    Target::Auth0,
                    &Extras::default(),
                    "auth0",
                )
                .await?;
        }
        if gateway.text("jwt_secret").is_some() && context.stack.get("GatewayAudience").is_some() {
            let extras = Extras {
                legacy_gateway: Some(SMS_CONNECTION.to_owned()),
                ..Extras::default()
            };
            let command = format!("auth0 --legacy-gateway {SMS_CONNECTION}");
            examination
                .compare(context, "auth0.gateway", Target::Auth0, &extras, &command)
                .await?;
        }
    }
    Ok(())
}

/// True if the functions have keys of an Auth0 application to ask with.
async fn has_keys(context: &Context) -> Result<bool, Problem> {
    Ok(match context.vault().find("auth0").await? {
        Some(Found::Stored(stored)) => {
            stored.text("client_id").is_some() || stored.text("client_secret").is_some()
        }
        // In this case no mail is accepted, which is a finding of its own.
        Some(Found::NotJson(_)) => true,
        Some(Found::Missing) | None => false,
    })
}

/// Checks that Auth0 says how a link ended. If a template has no *Redirect To*, Auth0 answers the
/// posted form with a page that only people can understand. The function then looks the user up, if
/// it has keys.
async fn ends(context: &Context, examination: &mut Examination) -> Result<(), Problem> {
    const CHECK: &str = "verification.redirect_to";
    if context.stack.get("ConfirmWith") == Some("management-api") {
        return Ok(()); // no link is opened
    }
    if has_keys(context).await? {
        examination.checked(CHECK);
        return Ok(());
    }
    let token = context.own.auth0_token.as_ref();
    let Some(authorization) = token.and_then(|token| Authorization::header("Bearer", token)) else {
        examination.unchecked(
            CHECK,
            "Auth0: whether the template of the verification mail has a Redirect To",
            "run this with AUTH0_MANAGEMENT_TOKEN, a token with read:email_templates; or give the keys of an Auth0 application, with which \
             the answer does not matter",
        );
        return Ok(());
    };
    let session = context.calls.to(&context.auth0_url()?, authorization);
    let mut templates = vec![("verify_email", "Verification Email (using Link)")];
    if context.stack.get("PasswordAction") == Some("click") {
        templates.push(("reset_email", "Change Password (using Link)"));
    }
    for (name, title) in templates {
        let template = session
            .get(&format!("api/v2/email-templates/{name}"), &[])
            .await;
        let result_url = match template {
            Ok(template) => template["resultUrl"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            // The tenant's template was never changed.
            Err(refusal) if refusal.status() == Some(404) => String::new(),
            Err(refusal) => {
                not_seen(examination, CHECK, &refusal);
                continue;
            }
        };
        if result_url.is_empty() {
            examination.risk(
                CHECK,
                format!("the tenant's template {name} has no Redirect To, and there are no keys of an Auth0 application"),
                "Auth0 answers a posted link with a page that does not say how it ended, and nobody can be asked: whoever replies is sent \
                 SUBMITTED_SMS_MESSAGE, confirmed or not",
                format!(
                    "create a machine-to-machine application with read:users for the Management API and run `operator secrets set auth0`; or, \
                     where the tenant has that setting (tenants made since May 2026 lack it without an enterprise plan), set Redirect To at \
                     Branding, Email Templates, {title}"
                ),
            );
        }
    }
    examination.checked(CHECK);
    Ok(())
}

/// Checks that forged mails can be recognised before they become SMS. Mailgun signs every mail that
/// it receives.
async fn origin(context: &Context, examination: &mut Examination) -> Result<(), Problem> {
    let has_keys = has_keys(context).await?;
    if !has_keys && !context.stack.has_tags() {
        let domain = context
            .stack
            .get("RecipientDomain")
            .unwrap_or("the domain of the proxy e-mail addresses");
        let who = if context.stack.get("RequireDkim") == Some("true") {
            "anyone who sends on one of your signed mails".to_owned()
        } else {
            format!("anyone who can send mail to {domain}")
        };
        let why = format!(
            "{who} can have texts sent to any phone in the allowed countries at your cost. They can also use up a phone's limit and \
             replace an honest link"
        );
        examination.risk(
            "verification.keys",
            "send-verification-sms has neither the keys of an Auth0 application nor tags in addresses",
            &why,
            "create a machine-to-machine application with read:users for the Management API, and run `operator secrets set auth0`. Or \
             deploy with RecipientTags=true",
        );
    }
    examination.checked("verification.keys");
    Ok(())
}

async fn application(context: &Context, examination: &mut Examination) -> Result<(), Problem> {
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
            return Ok(());
        }
        Err(refusal) => {
            examination.unanswered(
                "auth0.credentials",
                format!("Auth0: {refusal}"),
                "check that Auth0Url is the tenant's own domain, and run `operator doctor`",
            );
            return Ok(());
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
    let token = context.own.auth0_token.clone().unwrap_or(token);
    let Some(authorization) = Authorization::header("Bearer", &token) else {
        return Ok(());
    };
    let session = context.calls.to(&base, authorization);
    if let Some(audience) = context.stack.get("ApiAudience")
        && api(examination, &session, audience).await
    {
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
    if by_phone {
        let login = secret
            .text("login_client_id")
            .or_else(|| secret.text("client_id"));
        login_application(
            examination,
            &session,
            login.as_ref().map_or("", ExposeSecret::expose_secret),
        )
        .await;
        login_secret(context, examination).await?;
        brute_force(context, examination, &session).await;
        suspicious_ip(examination, &session).await;
    }
    let gateway = context.vault().find("gateway").await?;
    if let Some(Found::Stored(gateway)) = gateway
        && gateway.text("bearer_token").is_some()
    {
        phone_provider_protection(examination, &session).await;
    }
    Ok(())
}

/// Tries a login as the phone menu does, with a user that nobody has. Auth0 rejects it, and says
/// first whether it accepts the application. The tenant's log shows the failed login.
async fn login_secret(context: &Context, examination: &mut Examination) -> Result<(), Problem> {
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

fn not_seen(examination: &mut Examination, check: &'static str, refusal: &Refusal) {
    if refusal.status() != Some(403) {
        examination.unanswered(
            check,
            format!("Auth0: {refusal}"),
            "check that AUTH0_MANAGEMENT_TOKEN is still valid, and run `operator doctor`",
        );
        return;
    }
    let remedy = "grant that scope to the application of the secret auth0 for the Management API. Or set AUTH0_MANAGEMENT_TOKEN, and run `operator doctor`";
    examination.unchecked(check, format!("Auth0: {refusal}"), remedy);
}

async fn login_application(examination: &mut Examination, session: &Session, id: &str) {
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
            "in Auth0, create an API with that identifier (Applications, APIs, Create API). Or correct ApiAudience",
        ),
        Err(refusal) => not_seen(examination, "auth0.api", &refusal),
    }
    examination.checked("auth0.api");
    !missing
}

/// Checks that Auth0's protection is on, and that it starts later than our own lock.
async fn brute_force(context: &Context, examination: &mut Examination, session: &Session) {
    const CHECK: &str = "auth0.brute_force";
    let place = "Security, Attack Protection, Brute-force Protection";
    match session
        .get("api/v2/attack-protection/brute-force-protection", &[])
        .await
    {
        Ok(protection) => {
            let ours: u64 = context
                .stack
                .get("PinAttemptsAccount")
                .and_then(|number| number.parse().ok())
                .unwrap_or(8);
            let theirs = protection["max_attempts"].as_u64().unwrap_or(10);
            let blocks = protection["shields"]
                .as_array()
                .is_none_or(|shields| shields.iter().any(|shield| shield == "block"));
            if protection["enabled"] != true || !blocks {
                examination.risk(
                    CHECK,
                    "brute-force protection is off, or only notifies",
                    "only this stack's own lock limits PIN attempts. The tenant's other logins have no limit",
                    format!("in Auth0, switch it on and let it block ({place})"),
                );
            } else if theirs <= ours {
                examination.risk(
                    CHECK,
                    format!("Auth0 blocks a user after {theirs} wrong PINs, this stack after {ours}"),
                    "Auth0's block comes first. It lasts 30 days, and `operator unlock` does not lift it",
                    format!("in Auth0, allow more than {ours} attempts ({place}). Or deploy with PinAttemptsAccount below {theirs}"),
                );
            }
        }
        Err(refusal) => not_seen(examination, CHECK, &refusal),
    }
    examination.checked(CHECK);
}

/// Checks that Auth0 does not lock the function's own addresses out: all callers share them.
async fn suspicious_ip(examination: &mut Examination, session: &Session) {
    const CHECK: &str = "auth0.suspicious_ip";
    /// Fewer wrong PINs a day than this are no protection against guessing, but against callers.
    const ENOUGH: u64 = 1000;
    let asked = session.get("api/v2/attack-protection/suspicious-ip-throttling", &[]);
    match asked.await {
        Ok(throttling) => {
            let list = |name: &str| throttling[name].as_array().cloned().unwrap_or_default();
            let blocks = list("shields").iter().any(|shield| shield == "block");
            let most = throttling["stage"]["pre-login"]["max_attempts"]
                .as_u64()
                .unwrap_or(100);
            if throttling["enabled"] == true
                && blocks
                && list("allowlist").is_empty()
                && most < ENOUGH
            {
                examination.risk(
                    CHECK,
                    format!("Auth0 blocks an address after {most} failed logins a day, and no address is on the allow list"),
                    "all callers share the addresses of AWS. After that many wrong PINs nobody can sign in by phone",
                    "in Auth0, add the function's address to the allow list, or without a fixed address switch it off (Security, Attack Protection, Suspicious IP Throttling)",
                );
            }
        }
        Err(refusal) => not_seen(examination, CHECK, &refusal),
    }
    examination.checked(CHECK);
}

/// Checks that Auth0 slows down who asks for code after code.
async fn phone_provider_protection(examination: &mut Examination, session: &Session) {
    const CHECK: &str = "auth0.phone_provider_protection";
    let asked = session.get("api/v2/attack-protection/phone-provider-protection", &[]);
    match asked.await {
        Ok(protection) if protection["type"] == "none" => examination.risk(
            CHECK,
            "Auth0's protection of the phone provider is off (none)",
            "only the limits of sms-gateway slow down who asks for code after code",
            "run `auth0 api patch attack-protection/phone-provider-protection --data '{\"type\":\"exponential\"}'`",
        ),
        Ok(_) => {}
        // Tenants that do not have it yet.
        Err(refusal) if refusal.status() == Some(404) => {
            examination.unchecked(
                CHECK,
                "this tenant has no protection of the phone provider",
                "look at Security, Attack Protection in Auth0",
            );
        }
        Err(refusal) => not_seen(examination, CHECK, &refusal),
    }
    examination.checked(CHECK);
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
