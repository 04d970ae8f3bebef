//! Whether a signed message is the one that first came with its id, or a later cut of it.
//!
//! Twilio's signature does not expire, and has nothing between names and values. So it also fits the
//! same text cut differently into parameters: with the same id, but another content. The first
//! content that comes with an id is the message.

use std::time::SystemTime;

use crate::platform::table::{Key, Table, Unavailable, Update, Write};
use crate::platform::time::{DAY, epoch};

/// How long the first content is remembered, in seconds.
const REMEMBERED: u64 = 400 * DAY;

/// What first came with an id.
#[derive(Debug, Clone, Copy)]
pub struct Original {
    /// When it came, epoch seconds.
    pub at: u64,
    /// Whether its content was the same.
    pub is_same: bool,
}

/// Notes a message, unless one with its id is noted. `pk` is the key of the id's items, and
/// `fingerprint` a hash of the content. The write may be repeated.
///
/// # Errors
/// [`Unavailable`].
pub async fn note(
    table: &Table,
    pk: &str,
    fingerprint: &str,
    now: SystemTime,
) -> Result<Original, Unavailable> {
    let update = Update::new(Key::new(pk, "first"))
        .set("fingerprint", fingerprint)
        .set("first", epoch(now))
        .set("expires_at", epoch(now) + REMEMBERED)
        .only_if("attribute_not_exists(pk)");
    let (Write::Done(item) | Write::Refused(item)) = table.update(update).await?;
    Ok(Original {
        at: item.number("first").unwrap_or(epoch(now)),
        is_same: item.text("fingerprint") == Some(fingerprint),
    })
}
