//! Mailgun: the key that signs mails, the route, the routes before it, and the MX records.

use secrecy::ExposeSecret as _;
use serde_json::Value;
use shared::platform::secrets::same;

use super::Examination;
use super::coverage::Check;
use crate::calls::{Refusal, Session};
use crate::connect::mailgun::{Wanted, open};
use crate::connect::{Extras, Target};
use crate::context::Context;
use crate::problem::Problem;

pub(super) const CHECKS: &[Check] = &[
    Check::new("mailgun.route", "the route of Mailgun", |deployed| {
        deployed.has("SendVerificationSmsUrl")
    }),
    Check::new(
        SIGNING_KEY,
        "the key with which Mailgun signs mails",
        |deployed| deployed.has("SendVerificationSmsUrl"),
    )
    .with(&["mailgun"])
    .after(&["mailgun.route"]),
    Check::new("mailgun.domain", "the domain at Mailgun", |deployed| {
        deployed.has("SendVerificationSmsUrl") && deployed.has("RecipientDomain")
    })
    .after(&["mailgun.route"]),
    Check::new("mailgun.mx", "the MX records of the domain", |deployed| {
        deployed.has("SendVerificationSmsUrl") && deployed.has("RecipientDomain")
    })
    .after(&["mailgun.route", "mailgun.domain"]),
];

const SIGNING_KEY: &str = "mailgun.signing_key";
/// Why a wrong signing key matters.
const REJECTED: &str = "the function answers 401, bad_signature, to every mail";

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    if Wanted::read(&context.stack).is_ok_and(|wanted| wanted.is_none()) {
        return Ok(());
    }
    let is_usable = examination.secrets.is_usable("mailgun");
    let is_suspect = is_usable && form(context, examination).await?;
    let session = match open(context) {
        Ok(session) => session,
        Err(Problem::Failed(why) | Problem::Usage(why)) => {
            examination.unchecked(
                "mailgun.route",
                why,
                "set MAILGUN_API_KEY (Mailgun, Control Panel, API security). Then run `operator doctor`",
            );
            examination.unchecked(
                SIGNING_KEY,
                "Mailgun was not asked for its signing key",
                "set MAILGUN_API_KEY (Mailgun, Control Panel, API security). Then run `operator doctor`",
            );
            return Ok(());
        }
        Err(problem) => return Err(problem),
    };
    match session
        .get("v3/routes", &[("skip", "0"), ("limit", "1")])
        .await
    {
        Err(Refusal::Status(401 | 403, _)) => {
            examination.unanswered(
                "mailgun.route",
                "Mailgun rejects MAILGUN_API_KEY",
                "set MAILGUN_API_KEY to an account API key of the right account (Mailgun, Control Panel, API security). Then run `operator doctor`",
            );
            return Ok(());
        }
        Err(refusal) => {
            examination.unanswered(
                "mailgun.route",
                format!("Mailgun: {refusal}"),
                "run `operator doctor`. If it stays, look at status.mailgun.com, and at MAILGUN_URL",
            );
            return Ok(());
        }
        Ok(_) => {}
    }
    if is_usable && !is_suspect {
        signing_key(context, examination, &session).await?;
    }
    examination
        .compare(
            context,
            "mailgun.route",
            Target::Mailgun,
            &Extras::default(),
            "mailgun",
        )
        .await?;
    let Some(domain) = context.stack.get("RecipientDomain") else {
        return Ok(());
    };
    match session.get(&format!("v4/domains/{domain}"), &[]).await {
        Ok(found) => judge(examination, domain, &found),
        Err(refusal) if refusal.status() == Some(404) => examination.fault(
            "mailgun.domain",
            format!("the account has no domain {domain}"),
            "mail to it reaches no route",
            "in Mailgun, add the domain (Sending, Domains, Add new domain). For a domain of the EU region, add --mailgun-url https://api.eu.mailgun.net",
        ),
        Err(refusal) => examination.unanswered("mailgun.domain", format!("{domain}: {refusal}"), "look at the domain in Mailgun (Sending, Domains)"),
    }
    examination.checked("mailgun.domain");
    Ok(())
}

/// Checks the form of the signing key. True if it is an API key: then Mailgun need not be asked.
async fn form(context: &Context, examination: &mut Examination) -> Result<bool, Problem> {
    let key = context
        .secret("mailgun")
        .await?
        .text("signing_key")
        .unwrap_or_default();
    let key = key.expose_secret().trim();
    let api_key = context.own.mailgun_api_key.get();
    let is_api_key = api_key.is_some_and(|api_key| same(api_key.expose_secret().trim(), key));
    // API keys have this prefix, or two groups of eight characters at their end. Signing keys have neither.
    let groups: Vec<usize> = key.split('-').map(str::len).collect();
    let has_form = key.starts_with("key-") || matches!(groups[..], [32, 8, 8]);
    if is_api_key || has_form {
        examination.fault(
            SIGNING_KEY,
            "the secret mailgun has an API key in place of the HTTP webhook signing key",
            REJECTED,
            "copy the HTTP webhook signing key (Control Panel, API security). Then run `operator secrets set mailgun`",
        );
    }
    Ok(is_api_key || has_form)
}

/// Compares the signing key with Mailgun's.
async fn signing_key(
    context: &Context,
    examination: &mut Examination,
    session: &Session,
) -> Result<(), Problem> {
    let stored = context.secret("mailgun").await?;
    match session.get("v5/accounts/http_signing_key", &[]).await {
        Ok(told) => {
            let theirs = told["http_signing_key"].as_str().unwrap_or_default().trim();
            let ours = stored.text("signing_key").unwrap_or_default();
            if theirs.is_empty() {
                examination.unchecked(
                    SIGNING_KEY,
                    "Mailgun does not say its signing key",
                    "compare it by hand (Mailgun, Control Panel, API security, HTTP webhook signing key)",
                );
            } else if !same(theirs, ours.expose_secret().trim()) {
                examination.fault(
                    SIGNING_KEY,
                    "the secret mailgun has another signing_key than the account of MAILGUN_API_KEY",
                    REJECTED,
                    "copy the HTTP webhook signing key (Control Panel, API security). Then run `operator secrets set mailgun`",
                );
            }
        }
        Err(refusal) => examination.unchecked(
            SIGNING_KEY,
            format!("Mailgun does not say its signing key: {refusal}"),
            "use a MAILGUN_API_KEY with the role admin. Then run `operator doctor`",
        ),
    }
    examination.checked(SIGNING_KEY);
    Ok(())
}

fn judge(examination: &mut Examination, domain: &str, found: &Value) {
    let state = found["domain"]["state"].as_str().unwrap_or_default();
    if state == "disabled" {
        examination.fault(
            "mailgun.domain",
            format!("the domain {domain} is disabled"),
            "Mailgun accepts no mail for it",
            "ask Mailgun's support why (Control Panel, Support)",
        );
    }
    let records: Vec<&Value> = found["receiving_dns_records"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|record| record["record_type"] == "MX")
        .collect();
    if !records.iter().any(|record| record["valid"] == "valid") {
        let values: Vec<String> = records
            .iter()
            .filter_map(|record| record["value"].as_str())
            .map(crate::report::plain)
            .collect();
        examination.fault(
            "mailgun.mx",
            format!("the MX records of {domain} do not lead to Mailgun"),
            "mails to proxy e-mail addresses do not arrive at Mailgun",
            format!(
                "at your DNS provider, add MX records for {domain} with priority 10: {}",
                values.join(" and ")
            ),
        );
    }
    examination.checked("mailgun.mx");
}
