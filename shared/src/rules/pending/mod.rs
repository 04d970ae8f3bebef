//! Requests that wait for a person's reply by phone: send-verification-sms writes them,
//! receive-confirmation-sms uses them up.
//!
//! Each number has one item, `pending#<E.164>` / `pending`, which exists only while a request
//! waits. It holds an attribute `r_<slot>` (a map) for each request, and the lease of the
//! invocation that acts on a reply. So a reply sees all requests of its number at once, and two
//! replies never act at the same time. A slot is an address and a kind: the newest mail's link
//! replaces older ones, which would lead to the same account. A request stays readable for a day
//! after it expired, so that a late reply can be answered truthfully.
//!
//! Requests can be replaced while an invocation acts on a reply. So a request is removed or changed
//! only if the number's item is as it was read (`version`). If the item has changed, it is read
//! again.

pub mod confirmed;
mod held;
mod item;
mod request;
mod waiting;

pub use held::{Held, Hold, hold};
pub use request::{Request, slot};
pub use waiting::{add, renew, tidy, withdraw};
