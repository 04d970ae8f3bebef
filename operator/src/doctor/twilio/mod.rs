//! Twilio: its next certificate, the account and its token, webhooks, countries, and registrations.

mod account;
mod countries;
mod registration;

use std::time::Duration;

use reqwest::Method;

use super::Examination;
use super::coverage::Check;
use crate::connect::twilio::Account;
use crate::connect::{Extras, Target};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::SENDS;

const TLS_TIMEOUT: Duration = Duration::from_secs(10);
const CERTIFICATE: &str = "twilio.next_certificate";
const WEBHOOKS: &str = "twilio.webhooks";

pub(super) const CHECKS: &[Check] = &[
    Check::new(CERTIFICATE, "Twilio's next certificate", |deployed| {
        deployed.uses("twilio") || deployed.uses(SENDS)
    }),
    account::AUTH_TOKEN,
    account::ACCOUNT,
    account::API_KEY,
    Check::new(WEBHOOKS, "where Twilio sends calls and texts", |deployed| {
        deployed.stack.is_called_by_twilio()
    })
    .with(&["twilio"])
    .after(&["twilio.auth_token"]),
    countries::GEO_TEXTS,
    countries::GEO_CALLS,
    registration::REGISTRATION,
];

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    let secrets = &examination.secrets;
    let (verifies, sends) = (secrets.is_usable("twilio"), secrets.is_usable(SENDS));
    if secrets.is_used("twilio") || secrets.is_used(SENDS) {
        next_certificate(context, examination).await;
    }
    let account = if verifies {
        Some(Account::open(context).await?)
    } else {
        None
    };
    let refused = match &account {
        Some(account) => !account::auth_token(examination, account).await,
        None => false,
    };
    // Both secrets contain the same API key.
    let mut secrets = [(SENDS, sends), ("twilio", verifies)].into_iter();
    if let Some((secret, _)) = secrets.find(|(_, is_usable)| *is_usable) {
        account::api_key(context, examination, &context.secret(secret).await?).await?;
    }
    // If there are no webhooks, only the API key is available. It may not read the account itself.
    let account = match account {
        None if context.stack.secret("twilio").is_none() && sends => Account::open(context).await?,
        Some(account) if !refused => account,
        _ => return Ok(()),
    };
    examination
        .compare(
            context,
            WEBHOOKS,
            Target::Twilio,
            &Extras::default(),
            "twilio",
        )
        .await?;
    countries::geo(context, examination, &account).await;
    registration::examine(context, examination, &account).await;
    Ok(())
}

/// Checks that the roots that are built into the functions open the host where Twilio shows its next
/// certificates (<https://www.twilio.com/docs/usage/troubleshooting>). This program has the same roots.
async fn next_certificate(context: &Context, examination: &mut Examination) {
    let url = context.urls.twilio_tls_url.as_url().clone();
    let client = &context.calls.client;
    let asked = client.send(client.request(Method::HEAD, url), 64 * 1024, TLS_TIMEOUT);
    if let Err(why) = asked.await {
        examination.risk(
            CERTIFICATE,
            format!("no connection to Twilio's host for the test of certificates: {why}"),
            "Twilio may change its certificates to ones that the functions do not trust",
            "check the network. If it is fine, run `operator deploy` in the folder of the newest version",
        );
    }
    examination.checked(CERTIFICATE);
}
