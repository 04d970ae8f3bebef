//! Parses `TwiML` for messages and calls, as strictly as its documentation.
//!
//! Rules: <https://www.twilio.com/docs/messaging/twiml> and
//! <https://www.twilio.com/docs/voice/twiml>, with verbs and attributes as in twilio-node's
//! `MessagingResponse.ts` and `VoiceResponse.ts`. Twilio itself only warns about an unknown verb
//! (12200) or a wrong value. Here both are errors, because no function writes one intentionally.

mod messaging;
mod schema;
mod voice;
mod xml;

pub use messaging::{Verb, messaging};
pub use voice::{Dial, Gather, Record, VoiceVerb, voice};
pub use xml::{Element, Error, MAX_BYTES, parse};
