//! What must hold for any bytes. A fuzzer in `fuzz/fuzz_targets` calls each property; the test
//! `replay` calls each with its corpus and with mutations of it, on a stable compiler.
//!
//! A property panics if it does not hold.

#![expect(
    clippy::missing_panics_doc,
    reason = "a panic is how a property says that it does not hold"
)]

mod bodies;
mod claims;
mod codes;
mod documents;
mod entrances;
mod mails;
mod markup;
mod members;
mod posts;
mod proofs;
mod receipts;
mod requests;
mod senders;
mod settings;
mod signatures;
mod texts;
mod tokens;

pub use bodies::json;
pub use codes::cognito;
pub use documents::{html, link};
pub use entrances::{Told, entrance, told};
pub use posts::mail;
pub use receipts::receipt;
pub use requests::{event, form};
pub use settings::setting;
pub use signatures::signature;
pub use texts::{phone, segments, twiml};
pub use tokens::jwt;

/// A property: takes any bytes.
pub type Property = fn(&[u8]);

/// All properties, by the name of their fuzzer and of their corpus.
pub const PROPERTIES: [(&str, Property); 15] = [
    ("cognito", cognito),
    ("entrance", entrance),
    ("event", event),
    ("form", form),
    ("html", html),
    ("json", json),
    ("jwt", jwt),
    ("link", link),
    ("mail", mail),
    ("phone", phone),
    ("receipt", receipt),
    ("segments", segments),
    ("setting", setting),
    ("signature", signature),
    ("twiml", twiml),
];

/// The text before and after the first line break.
fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}
