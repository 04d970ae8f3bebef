//! What a delivery receipt says.

use super::reference::Reference;

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
