//! Mailgun: the route, the routes before it, and the MX records.

use serde_json::Value;

use super::Examination;
use crate::calls::Refusal;
use crate::connect::mailgun::{Wanted, open};
use crate::connect::{Extras, Target};
use crate::context::Context;
use crate::problem::Problem;

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    if Wanted::read(&context.stack).is_ok_and(|wanted| wanted.is_none()) {
        return Ok(());
    }
    let session = match open(context) {
        Ok(session) => session,
        Err(Problem::Failed(why) | Problem::Usage(why)) => {
            examination.unchecked(
                "mailgun.route",
                why,
                "set MAILGUN_API_KEY (Control Panel, API security), and run this again",
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
                "use an account API key of the right account",
            );
            return Ok(());
        }
        Err(refusal) => {
            examination.unanswered(
                "mailgun.route",
                format!("Mailgun: {refusal}"),
                "check MAILGUN_URL, and run this again",
            );
            return Ok(());
        }
        Ok(_) => {}
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
        Err(refusal) => examination.unanswered("mailgun.domain", format!("{domain}: {refusal}"), "look at Sending, Domains in Mailgun"),
    }
    examination.checked("mailgun.domain");
    Ok(())
}

fn judge(examination: &mut Examination, domain: &str, found: &Value) {
    let state = found["domain"]["state"].as_str().unwrap_or_default();
    if state == "disabled" {
        examination.fault(
            "mailgun.domain",
            format!("the domain {domain} is disabled"),
            "Mailgun accepts no mail for it",
            "ask Mailgun's support",
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
