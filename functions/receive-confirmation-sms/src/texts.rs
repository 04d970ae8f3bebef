//! What the phone is answered.

use std::fmt::Write as _;
use std::time::SystemTime;

use shared::platform::config::Source;
use shared::platform::table::epoch;
use shared::rules::link::{self, Kind};
use shared::rules::pending::Request;

/// The texts of the settings.
#[derive(Debug)]
pub(crate) struct Texts {
    /// To another word than one that confirms.
    pub(crate) wrong: String,
    /// Auth0 says that it succeeded.
    pub(crate) confirmed: String,
    /// Auth0 took the form.
    pub(crate) submitted: String,
    /// To be tried again.
    pub(crate) retry: String,
    /// Nothing can come of the request any more.
    pub(crate) expired: String,
    /// With `{link}`, where the link goes.
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
            || texts.password_link.chars().count() > 1600 - link::LONGEST
        {
            source.problem("PASSWORD_LINK_MESSAGE must contain {link}, where the link goes, and at most 600 characters");
        }
        texts
    }
}

/// Asks which of several requests is meant: each with its code, to be sent after the word.
pub(crate) fn list(requests: &[Request], word: &str, now: SystemTime) -> String {
    let mut text = "Several requests are waiting for you.".to_owned();
    for request in requests {
        let kind = if request.kind == Kind::Password {
            "password change"
        } else {
            "account verification"
        };
        let code = request.code.as_deref().unwrap_or_default();
        let age = age(epoch(now).saturating_sub(request.created_at));
        let _infallible = write!(text, "\nReply {word} {code} for {kind} ({age})");
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
