//! Links in Auth0's mails: which links are trusted, which one a mail has, and how one is confirmed.
//!
//! A link is parsed once. The parsed form is compared, and the parsed form is sent.

mod confirmation;
mod finding;
mod trust;

pub use confirmation::{Confirmation, confirm};
pub use finding::NoLink;
pub use trust::{Kind, Link, MAX_LINK_BYTES, Rules};
