//! The news that a number's newest code was used.

use std::time::SystemTime;

use super::receipt::State;
use super::record::{RECEIPTS, Sent, delivered_by};
use super::reference::Reference;
use super::road::road;
use crate::platform::table::{Table, Unavailable, Update, Write};
use crate::platform::time::epoch;

/// The effect of the news that a number's newest code was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Used {
    /// The first news.
    First {
        /// The code's reference.
        reference: Reference,
        /// The name of the provider that sent it.
        provider: String,
        /// What the journal knows of it.
        sent: Sent,
    },
    /// This is known already.
    Known,
    /// No provider accepted a code for this number within a day.
    NoCode,
}

/// Marks the newest code of a number (its [hash](super::number_hash)) as used. If the newest one was not sent,
/// for instance because a budget was full, it is the one before.
///
/// # Errors
/// [`Unavailable`].
pub async fn mark_used(number: &str, table: &Table, now: SystemTime) -> Result<Used, Unavailable> {
    let Some(item) = table.get(road(number), now).await? else {
        return Ok(Used::NoCode);
    };
    for name in ["newest", "previous"] {
        if let Some(reference) = item.text(name).and_then(Reference::parse) {
            let used = mark_code_used(reference, table, now).await?;
            if used != Used::NoCode {
                return Ok(used);
            }
        }
    }
    Ok(Used::NoCode)
}

async fn mark_code_used(
    reference: Reference,
    table: &Table,
    now: SystemTime,
) -> Result<Used, Unavailable> {
    let mark = |condition: &str| {
        Update::new(reference.key())
            .set("used_at", epoch(now))
            .only_if(format!(
                "{condition} AND expires_at > :now AND attribute_not_exists(used_at)"
            ))
            .bind(":now", epoch(now))
    };
    let mut provider = None;
    loop {
        let update = match &provider {
            None => mark("stage = :sent").bind(":sent", "sent"),
            Some(provider) => mark(&format!("{RECEIPTS}.{provider} = :delivered"))
                .bind(":delivered", State::Delivered.word()),
        };
        match table.update(update).await? {
            Write::Done(item) => {
                let accepted = || item.text("provider").map(str::to_owned);
                return Ok(match provider.or_else(accepted) {
                    None => Used::NoCode,
                    Some(provider) => Used::First {
                        sent: Sent::from_item(&item, &provider),
                        reference,
                        provider,
                    },
                });
            }
            Write::Refused(item) if item.number("used_at").is_some() => return Ok(Used::Known),
            // The answer of a provider may be lost, and its receipt says that the text arrived.
            Write::Refused(item) => match delivered_by(&item) {
                Some(name) if provider.is_none() => provider = Some(name),
                _ => return Ok(Used::NoCode),
            },
        }
    }
}
