//! What is known of a number: its newest code, and the providers that failed it.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest;

use super::reference::Reference;
use crate::platform::table::{Key, Table, Unavailable, Update};
use crate::platform::time::epoch;
use crate::rules::phone::E164;

/// How long a number's next code avoids a provider that failed it, in seconds.
const AVOID_SECONDS: u64 = 600;
/// How long a number's newest code is known, in seconds.
const NEWEST_SECONDS: u64 = 86_400;

/// A hash of a number. A receipt's consequences are kept under it.
pub fn number_hash(number: &E164) -> String {
    let hash = digest::digest(&digest::SHA256, number.reveal().as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

pub(super) fn road(number: &str) -> Key {
    Key::new(format!("road#{number}"), "road")
}

/// What is known of a number's earlier codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Road {
    /// The names of the providers that failed this number within the last ten minutes.
    pub avoid: Vec<String>,
}

/// Reads which providers failed a number's earlier codes.
///
/// # Errors
/// [`Unavailable`].
pub async fn read_road(number: &str, table: &Table, now: SystemTime) -> Result<Road, Unavailable> {
    let item = table.get(road(number), now).await?.unwrap_or_default();
    let failed = item.names().filter_map(|name| {
        let until = item.number(name)?;
        let provider = name.strip_prefix("failed_")?;
        (until > epoch(now)).then(|| provider.to_owned())
    });
    Ok(Road {
        avoid: failed.collect(),
    })
}

/// Notes a number's newest code and the one before. Only who has claimed the code may say so: a late
/// copy of an older code, or a code that a budget refuses, is not the newest one.
///
/// # Errors
/// [`Unavailable`].
pub async fn note_newest(
    number: &str,
    newest: &Reference,
    table: &Table,
    now: SystemTime,
) -> Result<(), Unavailable> {
    let update = Update::new(road(number))
        .set("newest", newest.as_str())
        .copy("newest", "previous", "-")
        .set("expires_at", epoch(now) + NEWEST_SECONDS)
        // The newest code that is sent again is no other code.
        .only_if("attribute_not_exists(newest) OR newest <> :newest OR expires_at <= :now")
        .bind(":newest", newest.as_str())
        .bind(":now", epoch(now));
    table.update(update).await.map(drop)
}

/// The reference of a number's newest code, if there was one within a day.
///
/// # Errors
/// [`Unavailable`].
pub async fn newest(
    number: &str,
    table: &Table,
    now: SystemTime,
) -> Result<Option<Reference>, Unavailable> {
    let item = table.get(road(number), now).await?;
    Ok(item.and_then(|item| Reference::parse(item.text("newest")?)))
}

/// The number's codes avoid this provider for ten minutes from the bad receipt at `reported_at`
/// (epoch seconds). A repetition changes nothing, and no later end becomes an earlier one.
///
/// # Errors
/// [`Unavailable`].
pub async fn avoid(
    number: &str,
    provider: &str,
    reported_at: u64,
    table: &Table,
    now: SystemTime,
) -> Result<(), Unavailable> {
    let until = reported_at + AVOID_SECONDS;
    if until <= epoch(now) {
        return Ok(());
    }
    let update = Update::new(road(number))
        .set(format!("failed_{provider}"), until)
        .set("expires_at", epoch(now) + NEWEST_SECONDS)
        .only_if(format!(
            "attribute_not_exists(failed_{provider}) OR failed_{provider} < :until"
        ))
        .bind(":until", until);
    table.update(update).await.map(drop)
}
