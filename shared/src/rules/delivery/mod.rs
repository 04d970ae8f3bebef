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

mod receipt;
mod record;
mod reference;
mod road;
mod used;

pub use receipt::{DeliveryReceipt, Reason, State};
pub(super) use record::{EARLIER_SIDS, FORMER_SIDS, OWN_SIDS, RECEIPTS, delivered_by};
pub use record::{Recorded, Sent, record, reported};
pub use reference::Reference;
pub use road::{Road, avoid, newest, note_newest, number_hash, read_road};
pub use used::{Used, mark_used};

/// How long an entry waits for receipts, in seconds. The providers give a text up after 48 hours at
/// most.
pub const WAIT_FOR_RECEIPTS: u64 = 2 * 86_400;
