//! Calls that read a code out: what is said ([`Speech`]), and how long a call may take.
//!
//! A provider of calls is a [`Vendor`](crate::rules::sms::Vendor) like those of texts, with
//! [`Channel::Voice`]. The text to send is the speech. The provider's module says it twice, with a
//! pause in between, and hangs up.

mod speech;
mod ssml;
mod words;

use std::time::Duration;

pub use speech::{Said, Speech};
pub use ssml::ssml;
pub use words::{is_language, languages};

/// How long the phone rings. Most answering machines take a call after 20 to 30 seconds, so most of
/// them do not get the code.
pub const RING: Duration = Duration::from_secs(20);
/// The longest call. A code that is said twice takes half a minute.
pub const LONGEST: Duration = Duration::from_secs(90);
/// A call that ends sooner than this was not listened to, in seconds.
pub const HEARD_SECONDS: u64 = 5;

/// How long the phone rings for a code that lives so long.
pub fn ring(life: Option<Duration>) -> Duration {
    life.unwrap_or(RING).clamp(Duration::from_secs(5), RING)
}

/// How a message reaches a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Channel {
    /// A text.
    #[default]
    Sms,
    /// A call.
    Voice,
}
