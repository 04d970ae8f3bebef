//! What became of a text after a provider accepted it.
//!
//! Every text asks its provider for a delivery receipt, and carries a [`Reference`] that the
//! provider hands back. The reference names the text's entry in the [`journal`](super::journal), so
//! no look-up by the provider's own id is needed.
//!
//! A receipt of a final state is stored once for each provider, in the map `receipts` of the entry.
//! The first final state counts: a copy, a late "sent" or a contradiction changes nothing. A receipt
//! for another message of the same provider changes nothing either, nor does a late receipt of an
//! earlier send of the same text. Nothing personal is stored.
//!
//! A bad receipt has a consequence. The item `road#<hash of the number>` remembers for ten minutes
//! which providers failed this number. The number's next code starts at another provider.

use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest;

use super::phone::E164;
use crate::platform::table::{Item, Key, Table, Unavailable, Update, Write};
use crate::platform::time::epoch;

/// How long an entry waits for receipts, in seconds. The providers give a text up after 48 hours at
/// most.
pub const WAIT_FOR_RECEIPTS: u64 = 2 * 86_400;
/// How long a number's next code avoids a provider that failed it, in seconds.
const AVOID_SECONDS: u64 = 600;
/// How long a number's newest code is known, in seconds.
const NEWEST_SECONDS: u64 = 86_400;

/// The kinds of texts that ask for receipts. What another sender of the same account calls
/// `order-12345678` is no reference.
const KINDS: [&str; 4] = ["code", "mail", "voicemail", "missed"];

/// The name of a text that a provider hands back: `<kind>-<hash>`, at most 40 characters, which is
/// Vonage's limit for `client-ref`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);

impl Reference {
    /// The reference of the journal's entry `id` (`<kind>#<hash>`).
    pub fn of(id: &str) -> Self {
        Self(id.replacen('#', "-", 1))
    }

    /// Reads what a provider handed back. `None` if it is not a reference.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, hash) = text.split_once('-')?;
        let is_hash = (8..=64).contains(&hash.len())
            && hash
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        (KINDS.contains(&kind) && is_hash).then(|| Self(text.to_owned()))
    }

    /// As the provider gets it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kind of text, such as `code` or `mail`.
    pub fn kind(&self) -> &str {
        self.0.split_once('-').map_or("", |(kind, _)| kind)
    }

    /// The journal's entry.
    pub fn key(&self) -> Key {
        Key::new(format!("sent#{}", self.0.replacen('-', "#", 1)), "send")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The phone was off, or its network did not find it.
    Unreachable,
    /// The network or the provider blocked the text.
    Blocked,
    /// The number cannot receive texts, or nobody has it.
    Landline,
    /// The person opted out of our texts.
    OptedOut,
    /// A filter took the text for spam.
    Filtered,
    /// The text waited longer than its life.
    Expired,
    /// Nobody took the call, or nobody listened to it.
    NotAnswered,
    /// The provider does not say.
    Unknown,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Unreachable,
        Self::Blocked,
        Self::Landline,
        Self::OptedOut,
        Self::Filtered,
        Self::Expired,
        Self::NotAnswered,
        Self::Unknown,
    ];

    /// The word in logs and in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Blocked => "blocked",
            Self::Landline => "landline",
            Self::OptedOut => "opted_out",
            Self::Filtered => "filtered",
            Self::Expired => "expired",
            Self::NotAnswered => "not_answered",
            Self::Unknown => "unknown",
        }
    }
}

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// On its way: accepted, queued, sent to the network. A text may stay so for ever, if a network
    /// sends no receipts.
    OnItsWay,
    /// The phone has it.
    Delivered,
    /// It did not arrive, and will not.
    Undelivered(Reason),
}

impl State {
    /// The word in logs and in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::OnItsWay => "on_its_way",
            Self::Delivered => "delivered",
            Self::Undelivered(reason) => reason.word(),
        }
    }
}

/// An authentic delivery receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReceipt {
    /// The text's reference, if the provider handed back a valid one.
    pub reference: Option<Reference>,
    /// The provider's id of the message.
    pub id: Option<String>,
    /// What it says.
    pub state: State,
    /// The provider's error code.
    pub code: Option<u32>,
}

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
    /// The name of the [kept](super::kept) text.
    pub kept: Option<String>,
}

impl Sent {
    fn from_item(item: &Item, provider: &str) -> Self {
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
pub(super) const RECEIPTS: &str = "receipts";
/// The attributes with the providers' ids of the text's sends before the present one, the last one
/// first. A number gets at most five texts an hour by default, and no code is valid for longer.
pub(super) const EARLIER_SIDS: [&str; 4] = [
    "earlier_sid",
    "earlier_sid_2",
    "earlier_sid_3",
    "earlier_sid_4",
];

/// The attributes with the ids of the messages that failover replaced by others: those of the
/// present send, and those of all sends of the text.
pub(super) const OWN_SIDS: &str = "own_sids";
pub(super) const FORMER_SIDS: &str = "former_sids";

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

/// A hash of a number. A receipt's consequences are kept under it.
pub fn number_hash(number: &E164) -> String {
    let hash = digest::digest(&digest::SHA256, number.reveal().as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

fn road(number: &str) -> Key {
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

/// Marks the newest code of a number (its [`number_hash`]) as used. If the newest one was not sent,
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
    let is_sent = mark("stage = :sent").bind(":sent", "sent");
    let (item, provider) = match table.update(is_sent).await? {
        Write::Done(item) => {
            let provider = item.text("provider").map(str::to_owned);
            (item, provider)
        }
        Write::Refused(item) if item.number("used_at").is_some() => return Ok(Used::Known),
        // The answer of a provider may be lost, and its receipt says that the text arrived.
        Write::Refused(item) => {
            let Some(provider) = delivered_by(&item) else {
                return Ok(Used::NoCode);
            };
            let is_delivered = mark(&format!("{RECEIPTS}.{provider} = :delivered"))
                .bind(":delivered", State::Delivered.word());
            match table.update(is_delivered).await? {
                Write::Done(item) => (item, Some(provider)),
                Write::Refused(item) if item.number("used_at").is_some() => {
                    return Ok(Used::Known);
                }
                Write::Refused(_) => return Ok(Used::NoCode),
            }
        }
    };
    Ok(match provider {
        Some(provider) => Used::First {
            sent: Sent::from_item(&item, &provider),
            reference,
            provider,
        },
        None => Used::NoCode,
    })
}

/// The provider that delivered the text of a journal's item, as receipts say.
pub(super) fn delivered_by(item: &Item) -> Option<String> {
    let receipts = item.map(RECEIPTS)?;
    let mut names = receipts.names();
    let name = names.find(|name| receipts.text(name) == Some(State::Delivered.word()))?;
    Some(name.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_back_and_nothing_else_is_one() {
        let reference = Reference::of("code#AbC_-123456789012345678");
        assert_eq!(reference.as_str(), "code-AbC_-123456789012345678");
        assert_eq!(
            Reference::parse(reference.as_str()),
            Some(reference.clone())
        );
        assert_eq!(reference.kind(), "code");
        for text in [
            "",
            "code",
            "code-",
            "-AbC12345678",
            "code#AbC12345678",
            "Code-AbC12345678",
            "code-short",
            "order-12345678",
            "code-Ab C12345678",
            &format!("code-{}", "a".repeat(65)),
        ] {
            let parsed = Reference::parse(text);
            assert!(parsed.is_none(), "{text}");
        }
    }
}
