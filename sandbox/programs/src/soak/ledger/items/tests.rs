//! What the tests of the rules have in common.

use std::time::Instant;

use sandbox::{auth0::TicketMail, mail::Mail};
use serde_json::Value;

use super::{Round, mails};
use crate::soak::world::{Asked, SignUp};

/// A round from 1,000,000 to 1,000,060 seconds.
pub(super) fn round<'a>(items: &'a [Value], asked: &'a Asked, is_calm: bool) -> Round<'a> {
    Round {
        items,
        asked,
        mails: mails(asked),
        is_calm,
        time: (1_000_000, 1_000_060),
    }
}

/// A sign-up whose mail has this ticket.
pub(super) fn sign_up(phone: &str, ticket: &str, said_yes: bool) -> SignUp {
    let now = Instant::now();
    SignUp {
        phone: phone.to_owned(),
        email: format!("acme{phone}@sms.example.com"),
        mail: TicketMail {
            mail: Mail::new(phone, "Verify", "<p>A link</p>"),
            link: format!("https://tenant.example/u/email-verification?ticket={ticket}"),
            ticket: ticket.to_owned(),
        },
        begun: now,
        ended: now,
        said_yes,
        would_say_yes: said_yes,
    }
}
