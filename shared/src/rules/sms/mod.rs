//! Sending a text: the message, the receipt, the errors, and what a provider's module says about
//! itself ([`Vendor`]). The list of providers is [`services::providers`](crate::services::providers).

mod answer;
mod entry;
mod message;
pub mod segments;
mod sender;
mod vendor;

pub use answer::plain_id;
pub(crate) use answer::{LIMIT, by_status, number_or_digits};
pub use entry::Entry;
pub use message::{Outbound, Receipt, ReceiptRequest, SendError};
pub use sender::{is_sender, lacks_plus};
pub(crate) use vendor::WARM_UP;
pub use vendor::{Account, Attempt, Vendor};
