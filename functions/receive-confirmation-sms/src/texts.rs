//! The texts that answer a phone.

use std::time::SystemTime;

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::time::epoch;
use shared::rules::link::{self, Kind};
use shared::rules::pending::Request;
use shared::rules::words::{Localizer, Words};
use words::Value;

use crate::intent::Confirming;

/// Reads the settings.
pub(crate) fn read(platform: &Platform, source: &mut Source<'_>) -> Words {
    let mut words = Words::read(platform, source);
    for (setting, message) in [
        ("CORRECT_SMS_RESPONSE", &words::CONFIRM_WORDS),
        ("WRONG_SMS_MESSAGE", &words::WRONG_REPLY),
        ("CONFIRMED_SMS_MESSAGE", &words::CONFIRMED),
        ("SUBMITTED_SMS_MESSAGE", &words::SUBMITTED),
        ("RETRY_SMS_MESSAGE", &words::RETRY_REPLY),
        ("EXPIRED_SMS_MESSAGE", &words::EXPIRED_REPLY),
        ("PASSWORD_LINK_MESSAGE", &words::PASSWORD_LINK),
    ] {
        words.fix(source, setting, message);
    }
    Confirming::check(&words, source);
    let is_unfit = |text: String| {
        !text.contains("{link}") || text.chars().count() > 1600 - link::MAX_LINK_BYTES
    };
    if source
        .optional("PASSWORD_LINK_MESSAGE")
        .is_some_and(is_unfit)
    {
        source.problem("PASSWORD_LINK_MESSAGE must contain {link}, where the link goes, and at most 600 characters");
    }
    words
}

/// The question which of several requests is meant. Each has a code, to be sent after the word.
pub(crate) fn list(requests: &[Request], texts: &Localizer, now: SystemTime) -> String {
    let lines = requests.iter().map(|request| {
        let line = match request.kind {
            Kind::Password => &words::SEVERAL_PASSWORD,
            Kind::Verification => &words::SEVERAL_VERIFICATION,
        };
        let code = request.code.as_deref().unwrap_or_default();
        let age = age(epoch(now).saturating_sub(request.created_at), texts);
        texts.asking(line, &[("code", code.into()), ("age", age.into())])
    });
    let first = texts.text(&words::SEVERAL_REQUESTS);
    std::iter::once(first)
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}

fn age(seconds: u64, texts: &Localizer) -> String {
    let (message, name, number) = match seconds {
        0..60 => return texts.text(&words::AGE_NOW),
        60..3600 => (&words::AGE_MINUTES, "minutes", seconds / 60),
        _ => (&words::AGE_HOURS, "hours", seconds / 3600),
    };
    texts.with(message, &[(name, Value::count(number))])
}
