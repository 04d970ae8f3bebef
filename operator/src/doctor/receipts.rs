//! Delivery receipts: the keys that authenticate them, and the function that takes them.

use std::time::Duration;

use reqwest::Method;

use super::Examination;
use super::coverage::Check;
use crate::connect::receipts::{KEYS, Key};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::Found;

const KEYS_CHECK: &str = "receipts.keys";
const URL: &str = "receipts.url";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        KEYS_CHECK,
        "the keys that authenticate delivery receipts",
        |deployed| deployed.has("DeliveryStatusUrl"),
    ),
    Check::new(
        URL,
        "the URL to which providers send delivery receipts",
        |deployed| deployed.has("DeliveryStatusUrl"),
    ),
];

const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: usize = 64 * 1024;

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    let Some(url) = context.stack.receipts() else {
        return Ok(());
    };
    for Key {
        provider,
        name: key,
        set,
    } in KEYS
    {
        if !context.stack.routes_to(provider) {
            continue;
        }
        if let Some(Found::Stored(stored)) = context.vault().find(provider).await?
            && !stored.is_empty()
            && stored.text(key).is_none()
        {
            examination.risk(
                KEYS_CHECK,
                format!("the secret {} lacks {key}", stored.id),
                "delivery-status rejects the receipts of this provider",
                format!("run `operator secrets set {set}`, then `operator connect {provider}`"),
            );
        }
    }
    examination.checked(KEYS_CHECK);
    let request = context
        .calls
        .client
        .request(Method::POST, url.join("twilio"))
        .form(&[("MessageStatus", "delivered")]);
    let remedy = "run `operator logs delivery-status`. If it shows no request and DeliveryPublicUrl is set, what is at that address does not lead to the function";
    match context
        .calls
        .client
        .send(request, ANSWER_LIMIT, TIMEOUT)
        .await
    {
        Ok(answer) if answer.status == 403 => {}
        Ok(answer) => examination.fault(
            URL,
            format!(
                "{} answers {} to a receipt without a signature, should be 403",
                url.as_url(),
                answer.status
            ),
            "the providers' receipts do not arrive",
            remedy,
        ),
        Err(why) => examination.risk(
            URL,
            format!("{} does not answer: {why}", url.as_url()),
            "the providers' receipts may not arrive",
            remedy,
        ),
    }
    examination.checked(URL);
    Ok(())
}
