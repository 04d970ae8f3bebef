//! What Switchboard's functions share. Looking for …
//!
//! | … | it is in |
//! | --- | --- |
//! | the definition of a function, and the work of every `main`: settings, warm-up, the loop, the log line | [`platform::runtime`] |
//! | the base of every function: the HTTP client, the table, the secrets | [`platform`] |
//! | a Function URL event as a request, and the first refusals | [`platform::request`] |
//! | what must be an object in a JSON body | [`platform::object`] |
//! | an answer, a failure, and how they become HTTP and a log line | [`platform::reply`] |
//! | figures with dimensions of their own, for graphs | [`platform::figures`] |
//! | environment variables, all problems at once | [`platform::config`], [`platform::base_url`] |
//! | credentials from Secrets Manager; their keys, for the people who set them | [`platform::secrets`], [`platform::layout`] |
//! | encryption by AWS KMS | [`platform::kms`] |
//! | the one HTTP client, its limits, the AWS SDK on top of it | [`platform::http`], [`platform::aws`] |
//! | a signed request to a service of AWS that has no client here | [`platform::signed`] |
//! | times as the table stores them; random numbers and names | [`platform::time`], [`platform::random`] |
//! | the one table; the send journal; counters | [`platform::table`], [`rules::journal`], [`rules::limits`] |
//! | E.164 numbers: countries, premium-rate ranges, masking | [`rules::phone`] |
//! | sending a text: message, receipt, errors, segments; the list of providers and the routes | [`rules::sms`], [`services::providers`] |
//! | tokens that callers present: shared ones, signed ones | [`platform::bearer`], [`rules::jwt`], [`vendors::auth0::access`] |
//! | a protected API and the token for it | [`services::protected`], [`vendors::auth0::tokens`] |
//! | the employee with a company number; an org's users | [`services::directory`], [`vendors::okta::users`] |
//! | account numbers, by which callers name their account | [`rules::account`] |
//! | what became of a text; how well providers deliver | [`rules::delivery`], [`rules::scoreboard`] |
//! | requests that wait for a reply from a phone | [`rules::pending`] |
//! | whether a signed message is the first with its id | [`rules::original`] |
//! | which language a person gets; a company's own texts | [`rules::words`] |
//! | links in mails: finding, judging, following | [`rules::html`], [`rules::link`] |
//! | a vendor's wire format: signatures, fields, errors | [`vendors::twilio`], [`vendors::mailgun`], [`vendors::auth0`], [`vendors::okta`], [`vendors::clickatell`], [`vendors::cognito`], [`vendors::plivo`], [`vendors::vonage`], [`vendors::end_user_messaging`] |
//!
//! Four floors. Each uses only the floors below it: [`services`], [`vendors`], [`rules`],
//! [`platform`]. The sandbox's structure test checks that.
//!
//! Invariants. A vendor's module knows no other vendor. No module here knows a function. A
//! webhook's content counts only as [`rules::verified::Verified`], which only a vendor's signature
//! check can make. Only [`platform::runtime`] reads the clock and the environment; elsewhere `now`
//! and a look-up function are arguments.

pub mod platform;
pub mod rules;
pub mod services;
pub mod vendors;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, even one that a panic has poisoned: our mutexes hold whole values at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
