//! The texts that answer a phone.

use std::fmt::Write as _;
use std::time::SystemTime;

use shared::platform::config::Source;
use shared::platform::time::epoch;
use shared::rules::link::{self, Kind};
use shared::rules::pending::Request;

/// The texts from the settings.
#[derive(Debug)]
pub(crate) struct Texts {
    pub(crate) wrong: String,
    pub(crate) confirmed: String,
    /// For a form that Auth0 accepted without saying how it ended.
    pub(crate) submitted: String,
    pub(crate) retry: String,
    pub(crate) expired: String,
    /// For a password link; `{link}` marks its place.
    pub(crate) password_link: String,
}

impl Texts {
    /// Reads the settings.
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        let texts = Self {
            wrong: source.message("WRONG_SMS_MESSAGE", "Try again. Reply YES or don't reply"),
            confirmed: source.message(
                "CONFIRMED_SMS_MESSAGE",
                "Thank you. Your account is verified.",
            ),
            submitted: source.message("SUBMITTED_SMS_MESSAGE", "Thank you. You can sign in now."),
            retry: source.message(
                "RETRY_SMS_MESSAGE",
                "Something went wrong on our side. Please reply YES again in a few minutes.",
            ),
            expired: source.message(
                "EXPIRED_SMS_MESSAGE",
                "This request is no longer valid. Please start again.",
            ),
            password_link: source.message(
                "PASSWORD_LINK_MESSAGE",
                "Open this link to choose your password: {link}",
            ),
        };
        if !texts.password_link.contains("{link}")
            || texts.password_link.chars().count() > 1600 - link::MAX_LINK_BYTES
        {
            source.problem("PASSWORD_LINK_MESSAGE must contain {link}, where the link goes, and at most 600 characters");
        }
        texts
    }
}

/// The question which of several requests is meant. Each has a code, to be sent after the word.
pub(crate) fn list(requests: &[Request], word: &str, now: SystemTime) -> String {
    let mut text = "Several requests are waiting for you.".to_owned();
    for request in requests {
        let kind = match request.kind {
            Kind::Password => "password change",
            Kind::Verification => "account verification",
        };
        let code = request.code.as_deref().unwrap_or_default();
        let age = age(epoch(now).saturating_sub(request.created_at));
        // Writing to a String cannot fail.
        let _ = write!(text, "\nReply {word} {code} for {kind} ({age})");
    }
    text
}

fn age(seconds: u64) -> String {
    let counted = |number: u64, unit: &str| {
        format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
    };
    match seconds {
        0..60 => "just now".to_owned(),
        60..3600 => counted(seconds / 60, "minute"),
        _ => counted(seconds / 3600, "hour"),
    }
}
