//! The current state: numbers, messaging services, and the ledger of the table.

use std::collections::BTreeSet;

use serde_json::Value;

use super::account::{Account, pages};
use super::resource::text;
use crate::calls::Refusal;
use crate::context::Context;
use crate::problem::Problem;
use crate::stack::Webhook;
use crate::table::{self, Items};

/// The current state at Twilio, as its API returns it.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) numbers: Vec<Value>,
    /// The messaging service that sends verification SMS, if the stack uses one.
    pub(crate) service: Option<Value>,
    /// The SIDs of the numbers in its pool. Read only if replies go to the numbers' own webhooks.
    pub(crate) pool: Vec<String>,
    /// The messaging services that handle the SMS of their numbers themselves. Read only if the
    /// stack receives SMS.
    pub(crate) takers: Vec<Taker>,
    /// The numbers in the table's ledger. Read only if the owner of a number depends on it.
    pub(super) ledger: BTreeSet<String>,
}

/// A messaging service that handles the SMS to the numbers of its pool, whatever the numbers'
/// webhooks are.
#[derive(Debug, Default)]
pub(crate) struct Taker {
    pub(super) service: Value,
    pub(super) numbers: Vec<String>,
}

/// Reads the numbers and the stack's messaging service.
pub(crate) async fn read(context: &Context, account: &Account) -> Result<Held, Refusal> {
    let mut held = Held {
        numbers: account.numbers().await?,
        ..Held::default()
    };
    let messaging = account.api.at(&context.urls.twilio_messaging_url);
    if [Webhook::Receive, Webhook::Text]
        .into_iter()
        .any(|webhook| context.stack.webhook(webhook).is_some())
    {
        for service in pages(&messaging, "v1/Services", "services").await? {
            if service["use_inbound_webhook_on_number"] == true {
                continue;
            }
            let pool = pages(
                &messaging,
                &format!("v1/Services/{}/PhoneNumbers", text(&service, "sid")),
                "phone_numbers",
            )
            .await?;
            let numbers = pool
                .iter()
                .map(|number| text(number, "phone_number").to_owned())
                .collect();
            held.takers.push(Taker { service, numbers });
        }
    }
    if let Some(sid) = context.stack.get("TwilioMessagingService") {
        let service = messaging.get(&format!("v1/Services/{sid}"), &[]).await?;
        if service["use_inbound_webhook_on_number"] == true {
            let pool = pages(
                &messaging,
                &format!("v1/Services/{sid}/PhoneNumbers"),
                "phone_numbers",
            )
            .await?;
            held.pool = pool
                .iter()
                .filter_map(|number| Some(number["sid"].as_str()?.to_owned()))
                .collect();
        }
        held.service = Some(service);
    }
    Ok(held)
}

/// The numbers that provision-numbers has noted: the numbers that it bought, and its users'
/// numbers.
pub(super) async fn ledger(context: &Context) -> Result<BTreeSet<String>, Problem> {
    let items = Items::of(context)?.scan(Some("number#")).await?;
    let number = |item: &table::Attributes| match table::text(item, "sk") {
        "owner" => table::text(item, "pk")
            .strip_prefix("number#")
            .map(str::to_owned),
        _ => Some(table::text(item, "number").to_owned()).filter(|number| !number.is_empty()),
    };
    Ok(items.iter().filter_map(number).collect())
}
