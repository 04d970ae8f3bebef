//! The notices to employees, and the division of long texts.

use shared::rules::words::Localizer;
use shared::vendors::twilio::twiml::MESSAGE_LIMIT;
use words::Value;

use crate::route::is_blank;

/// An example of a recipient's number, for the employee who has left it out.
const EXAMPLE: &str = "+4512345678";

/// The notice to an employee whose message names no recipient.
pub(crate) fn no_addressee(texts: &Localizer) -> String {
    texts.with(&words::NO_ADDRESSEE, &[("example", EXAMPLE.into())])
}

/// The notice that a ceiling is reached. `is_reply`: the employee's own message was not sent;
/// otherwise a message to the company number was not forwarded. `again_in`: minutes.
pub(crate) fn over_limit(texts: &Localizer, is_reply: bool, again_in: Option<u64>) -> String {
    let again = match again_in {
        Some(minutes @ ..120) => {
            texts.with(&words::AGAIN_MINUTES, &[("minutes", Value::count(minutes))])
        }
        Some(minutes) => {
            let hours = Value::count(minutes.div_ceil(60));
            texts.with(&words::AGAIN_HOURS, &[("hours", hours)])
        }
        None => texts.text(&words::AGAIN_RAISED),
    };
    let notice = if is_reply {
        &words::TOO_MANY_SENT
    } else {
        &words::TOO_MANY_RECEIVED
    };
    texts.with(notice, &[("again", again.into())])
}

/// Splits a text into at most two messages. Twilio delivers up to [`MESSAGE_LIMIT`] characters in
/// each, and a forwarded message is longer by its sender's line.
pub(crate) fn messages(text: &str) -> Vec<&str> {
    let (first, rest) = split(text);
    let (second, _) = split(rest);
    [first]
        .into_iter()
        .chain(Some(second).filter(|second| !is_blank(second)))
        .collect()
}

fn split(text: &str) -> (&str, &str) {
    text.split_at(
        text.char_indices()
            .nth(MESSAGE_LIMIT)
            .map_or(text.len(), |(end, _)| end),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    use words::Language;

    #[test]
    fn the_employee_is_told_in_one_segment_when_it_goes_on() {
        for (again_in, words) in [
            (Some(1), "in about 1 min."),
            (Some(119), "in about 119 min."),
            (Some(120), "in about 2 hours."),
            (Some(1_501), "in about 26 hours."),
            (None, "when the limit is raised."),
        ] {
            for is_reply in [true, false] {
                let texts = Localizer::new(Language::ENGLISH);
                let told = over_limit(&texts, is_reply, again_in);
                assert!(
                    told.contains(words) && shared::rules::sms::segments::count(&told) == 1,
                    "{told}"
                );
            }
        }
    }

    #[test]
    fn long_texts_are_split_where_a_message_ends() {
        let long = "æ".repeat(1_600);
        assert_eq!(messages(""), [""]);
        assert_eq!(messages(&long), [long.as_str()]);
        assert_eq!(messages(&format!("{long}x😀")), [long.as_str(), "x😀"]);
        assert_eq!(messages(&format!("{long} \n")), [long.as_str()]);
        assert_eq!(messages(&long.repeat(3)), [long.as_str(), &long]);
    }
}
