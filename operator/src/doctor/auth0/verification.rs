//! Verification: whether forged mails can be told from Auth0's, and whether Auth0 says how a link
//! ended.

use super::not_seen;
use crate::calls::Authorization;
use crate::context::Context;
use crate::doctor::Examination;
use crate::doctor::coverage::Check;
use crate::problem::Problem;
use crate::secrets::Found;

pub(super) const KEYS: Check = Check::new(
    "verification.keys",
    "how forged mails are told from Auth0's",
    |deployed| deployed.has("SendVerificationSmsUrl"),
);
pub(super) const REDIRECT_TO: Check = Check::new(
    "verification.redirect_to",
    "whether Auth0 says how a link ended",
    |deployed| {
        deployed.has("ReceiveConfirmationSmsUrl")
            && deployed.stack.get("ConfirmWith") != Some("management-api") // no link is opened
    },
);

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
pub(super) async fn ends(context: &Context, examination: &mut Examination) -> Result<(), Problem> {
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
            "set AUTH0_MANAGEMENT_TOKEN, a token with read:email_templates, and run `operator doctor`. Or run `operator secrets set auth0` with the \
             keys of an Auth0 application: with them the answer does not matter",
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
pub(super) async fn origin(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
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
             set RecipientTags=true in samconfig.toml, and run `operator deploy`",
        );
    }
    examination.checked("verification.keys");
    Ok(())
}
