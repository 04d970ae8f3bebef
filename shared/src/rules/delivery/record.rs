//! Which receipts count for a text.

use std::time::SystemTime;

use super::receipt::{DeliveryReceipt, State};
use crate::platform::table::{Item, Table, Unavailable, Update, Write};
use crate::platform::time::epoch;

/// What the journal knows of a text, for those who act on its receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// A hash of the number.
    pub number: String,
    /// The number's ISO 3166 region, or `-`.
    pub region: String,
    /// The sender of the text, or `-`.
    pub sender: String,
    /// The provider's id of the message, if it is known.
    pub id: Option<String>,
    /// When the attempt began, in epoch seconds.
    pub at: u64,
    /// The name of the [kept](crate::rules::kept) text.
    pub kept: Option<String>,
}

impl Sent {
    pub(super) fn from_item(item: &Item, provider: &str) -> Self {
        let text = |name: &str| item.text(name).unwrap_or("-").to_owned();
        let is_accepted = item.text("provider") == Some(provider);
        Self {
            number: text("number"),
            region: text("region"),
            id: item.text("sid").filter(|_| is_accepted).map(str::to_owned),
            sender: if is_accepted {
                text("sender")
            } else {
                "-".to_owned()
            },
            at: item
                .number("tried_at")
                .filter(|_| is_accepted)
                .or(item.number("sent_at"))
                .unwrap_or_default(),
            kept: item.text("kept").map(str::to_owned),
        }
    }
}

/// The effect of a receipt on the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// The text's first final state from this provider.
    First(Sent),
    /// This provider has reported the same final state of the text before.
    Again {
        /// What the journal knows of the text.
        sent: Sent,
        /// When a provider reported the text's state last, in epoch seconds.
        at: u64,
    },
    /// This provider has reported another final state of the text before.
    Known,
    /// No text of ours waits for this receipt: an unknown or expired reference, or the receipt of
    /// another message.
    Foreign,
    /// Not a final state: nothing to store.
    Passing,
}

/// The map of an entry in which the receipts are stored.
pub(in crate::rules) const RECEIPTS: &str = "receipts";
/// The attributes with the providers' ids of the text's sends before the present one, the last one
/// first. A number gets at most five texts an hour by default, and no code is valid for longer.
pub(in crate::rules) const EARLIER_SIDS: [&str; 4] = [
    "earlier_sid",
    "earlier_sid_2",
    "earlier_sid_3",
    "earlier_sid_4",
];

/// The attributes with the ids of the messages that failover replaced by others: those of the
/// present send, and those of all sends of the text.
pub(in crate::rules) const OWN_SIDS: &str = "own_sids";
pub(in crate::rules) const FORMER_SIDS: &str = "former_sids";

/// Stores the final state that `provider` reports, in the journal.
///
/// # Errors
/// [`Unavailable`]; the provider should send the receipt again.
pub async fn record(
    receipt: &DeliveryReceipt,
    provider: &str,
    table: &Table,
    now: SystemTime,
) -> Result<Recorded, Unavailable> {
    let Some(reference) = &receipt.reference else {
        return Ok(Recorded::Foreign);
    };
    if receipt.state == State::OnItsWay {
        return Ok(Recorded::Passing);
    }
    // A receipt may arrive before the closing write of the send: then the entry names no message
    // yet. Afterwards it names the message. It always names the messages of the sends before.
    let is_not_earlier =
        EARLIER_SIDS.map(|sid| format!(" AND (attribute_not_exists({sid}) OR {sid} <> :id)"));
    let condition = format!(
        "attribute_exists({RECEIPTS}) AND expires_at > :now \
         AND attribute_not_exists({RECEIPTS}.{provider}) \
         AND (attribute_not_exists(sid) OR provider <> :provider OR sid = :id) \
         AND (NOT contains({FORMER_SIDS}, :id) OR contains({OWN_SIDS}, :id)){}",
        is_not_earlier.concat()
    );
    let update = Update::new(reference.key())
        .set(format!("{RECEIPTS}.{provider}"), receipt.state.word())
        .set("reported_at", epoch(now))
        .only_if(condition)
        .bind(":now", epoch(now))
        .bind(":provider", provider)
        .bind(":id", receipt.id.as_deref().unwrap_or_default());
    Ok(match table.update(update).await? {
        Write::Done(item) => Recorded::First(Sent::from_item(&item, provider)),
        Write::Refused(item) => match reported(&item, provider) {
            None => Recorded::Foreign,
            Some(word) => {
                let sent = Sent::from_item(&item, provider);
                let id = receipt.id.as_deref();
                let is_earlier = |name| id.is_some() && item.text(name) == id;
                let is_in = |name| id.is_some_and(|id| item.set(name).iter().any(|sid| sid == id));
                let is_same = sent.id.as_deref().is_none_or(|sid| Some(sid) == id)
                    && !EARLIER_SIDS.into_iter().any(is_earlier)
                    && (is_in(OWN_SIDS) || !is_in(FORMER_SIDS));
                match item.number("reported_at") {
                    Some(at) if is_same && word == receipt.state.word() => {
                        Recorded::Again { sent, at }
                    }
                    _ => Recorded::Known,
                }
            }
        },
    })
}

/// The final state that a provider reported of the text of a journal's item, as its word.
pub fn reported(item: &Item, provider: &str) -> Option<String> {
    Some(item.map(RECEIPTS)?.text(provider)?.to_owned())
}

/// The provider that delivered the text of a journal's item, as receipts say.
pub(in crate::rules) fn delivered_by(item: &Item) -> Option<String> {
    let receipts = item.map(RECEIPTS)?;
    let mut names = receipts.names();
    let name = names.find(|name| receipts.text(name) == Some(State::Delivered.word()))?;
    Some(name.to_owned())
}
