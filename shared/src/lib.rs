//! What Switchboard's functions share. Looking for …
//!
//! | … | it is in |
//! | --- | --- |
//! | what every function is, and what every `main` does: settings, warm-up, the loop, the log line | [`runtime`] |
//! | what every function stands on: the HTTP client, the table, the secrets | [`platform`] |
//! | a Function URL event as a request, and what is refused before anything else | [`request`] |
//! | an answer, a failure, and how they become HTTP and a log line | [`reply`] |
//! | environment variables, all problems at once | [`config`] |
//! | credentials from Secrets Manager | [`secrets`] |
//! | the one HTTP client, its limits, the AWS SDK on top of it | [`http`], [`aws`] |
//! | the one table; the send journal; counters | [`table`], [`journal`], [`limits`] |
//! | E.164 numbers: countries, refused ranges, masking | [`phone`] |
//! | sending a text: message, receipt, errors, routes, segments, the list of providers | [`sms`] |
//! | tokens that callers bring: shared ones, signed ones | [`bearer`], [`jwt`], [`auth0::access`] |
//! | a protected API and the token for it | [`protected`], [`auth0::tokens`] |
//! | whose company number it is; an org's users | [`directory`], [`okta::users`] |
//! | requests that wait for a reply from a phone | [`pending`] |
//! | links in mails: finding, judging, following | [`html`], [`link`] |
//! | a vendor's wire: signatures, fields, errors | [`twilio`], [`mailgun`], [`auth0`], [`okta`], [`clickatell`], [`plivo`], [`vonage`] |
//!
//! Invariants. A vendor's module knows no other vendor. Nothing here knows a function. What came in counts only as
//! [`verified::Verified`], which nothing but a vendor's signature check can make. The clock and the environment are read in
//! [`runtime`] only; elsewhere `now` and a look-up function are arguments.

pub mod auth0;
pub mod aws;
pub mod bearer;
pub mod clickatell;
pub mod config;
pub mod directory;
pub mod html;
pub mod http;
pub mod journal;
pub mod jwt;
pub mod limits;
pub mod link;
pub mod mailgun;
pub mod okta;
pub mod pending;
pub mod phone;
pub mod platform;
pub mod plivo;
pub mod protected;
pub mod reply;
pub mod request;
pub mod runtime;
pub mod secrets;
pub mod sms;
pub mod table;
pub mod twilio;
pub mod verified;
pub mod vonage;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, also after a panic elsewhere: what is kept in ours is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
