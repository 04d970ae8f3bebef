//! The notices to employees, and the division of long texts.

use shared::vendors::twilio::twiml::MESSAGE_LIMIT;

use crate::route::is_blank;

/// The notice to an employee whose message names no recipient.
pub(crate) const NO_ADDRESSEE: &str = "Not sent, because it is not clear to whom. Begin your text with a number, like this: +4512345678: Hello";

/// The notice to an employee whose message must not go to its recipient.
pub(crate) const NOT_ALLOWED: &str = "Not sent: texts to this number are not allowed.";

/// The notice that a ceiling is reached. `is_reply`: the employee's own message was not sent;
/// otherwise a message to the company number was not forwarded.
pub(crate) fn over_limit(is_reply: bool, again_in: Option<u64>) -> String {
    let again = match again_in {
        Some(minutes @ ..120) => format!("in about {minutes} min"),
        Some(minutes) => format!("in about {} hours", minutes.div_ceil(60)),
        None => "when the limit is raised".to_owned(),
    };
    if is_reply {
        return format!(
            "Not sent: more texts left your company number than are allowed. Try again {again}."
        );
    }
    format!(
        "More texts came to your company number than are forwarded. It goes on {again}. Those in between are in Twilio's log."
    )
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
                let told = over_limit(is_reply, again_in);
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
