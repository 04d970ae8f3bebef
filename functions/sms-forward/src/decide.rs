//! Decides where a message goes, and writes the notices to employees.

use shared::rules::phone::{Countries, E164};
use shared::rules::sms::segments;
use shared::services::directory::Listing;
use shared::vendors::twilio::twiml::MESSAGE_LIMIT;
use shared::vendors::twilio::webhook::InboundSms;

/// The notice to an employee whose message names no recipient.
pub(crate) const NOTICE: &str = "Not sent, because it is not clear to whom. Begin your text with a number, like this: +4512345678: Hello";

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

/// A written number is not longer.
const NUMBER_LIMIT: usize = 40;
/// The longest sender that is not an E.164 number: an alphanumeric sender of 11 characters, or a
/// short code.
const SENDER_LIMIT: usize = 16;

/// Where a message goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way<'a> {
    /// To the employee.
    Forward,
    /// From the employee to the last correspondent.
    Back(&'a str),
    /// From the employee to this number.
    To(E164, &'a str),
    /// From the employee, without a clear recipient.
    Unclear,
    /// From the employee to a number that is not allowed.
    Barred,
}

/// True if the sender is a number, a short code or a name in letters of GSM 03.38. Other channels
/// look like `whatsapp:+4512345678`, and messages from them cannot be forwarded.
pub(crate) fn is_served(sender: &str) -> bool {
    let gsm = |c: char| c.is_alphabetic() && segments::is_gsm(c.encode_utf8(&mut [0; 4]));
    let plain = |c: char| c == ' ' || c.is_ascii_graphic() && c != ':' || gsm(c);
    (1..=SENDER_LIMIT).contains(&sender.chars().count()) && sender.chars().all(plain)
}

/// True if `number` may get an SMS: it is in no premium-rate range, and in an `allowed` country if
/// there is a list.
pub(crate) fn is_reachable(number: &E164, allowed: Option<&Countries>) -> bool {
    allowed.map_or(!number.is_costly(), |allowed| number.is_allowed(allowed))
}

/// The way of a message to `company` and the employee's phone, or the outcome that says why it is
/// not forwarded.
pub(crate) fn way<'a, 'b>(
    sms: &'a InboundSms,
    company: &E164,
    listing: &'b Listing,
    allowed: Option<&Countries>,
) -> Result<(Way<'a>, &'b E164), &'static str> {
    let employee = match listing {
        Listing::Employee(employee) => employee,
        Listing::Nobody(why) => return Err(why),
    };
    let mobile = employee.mobile.as_ref().ok_or("no_mobile")?;
    if mobile == company || employee.mobile_is_ours {
        return Err("company_number");
    }
    if !is_reachable(mobile, allowed) {
        return Err("country_not_allowed");
    }
    if sms.from.as_ref() != Some(mobile) {
        return Ok((Way::Forward, mobile));
    }
    let is_empty = |text: &str| is_blank(text) && sms.media.is_empty();
    let way = match address(&sms.body) {
        Address::Number(number, text) if !is_empty(text) => {
            // A stranger can send with the employee's number as sender. Without a list of
            // countries, the company's and the employee's country are enough.
            let near = [company.region(), mobile.region()].contains(&number.region());
            match destination(&number, company, mobile, allowed) {
                Ok(()) if allowed.is_some() || near => Way::To(number, text),
                _ => Way::Barred,
            }
        }
        Address::Number(..) | Address::Unreadable => Way::Unclear,
        Address::None if is_empty(&sms.body) => return Err("empty"),
        Address::None => Way::Back(&sms.body),
    };
    Ok((way, mobile))
}

/// Checks whether an employee's message may go to `number`.
///
/// # Errors
/// The outcome that says why not.
pub(crate) fn destination(
    number: &E164,
    company: &E164,
    mobile: &E164,
    allowed: Option<&Countries>,
) -> Result<(), &'static str> {
    match number {
        number if number == company || number == mobile => Err("reply_to_self"),
        number if is_reachable(number, allowed) => Ok(()),
        _ => Err("country_not_allowed"),
    }
}

enum Address<'a> {
    None,
    Number(E164, &'a str),
    /// It looks like a number, but is not a readable one. The message must not go to another
    /// person.
    Unreadable,
}

/// Reads `+4512345678: text`.
fn address(body: &str) -> Address<'_> {
    let Some((head, text)) = body
        .split_once(':')
        .filter(|(head, _)| head.len() <= NUMBER_LIMIT)
    else {
        return Address::None;
    };
    // Phones may put text direction marks around a copied number.
    let head: String = head
        .chars()
        .filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect();
    let written =
        |c: char| c.is_ascii_digit() || matches!(c, ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')');
    if !head
        .trim()
        .strip_prefix('+')
        .is_some_and(|digits| digits.chars().all(written))
    {
        return Address::None;
    }
    let text = ["\r\n", "\n", " "]
        .into_iter()
        .find_map(|gap| text.strip_prefix(gap))
        .unwrap_or(text);
    E164::from_written(&head).map_or(Address::Unreadable, |number| Address::Number(number, text))
}

/// True if a text would look empty. Twilio refuses to send such a text.
fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_whitespace() || c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
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
    use shared::services::directory::Employee;

    const COMPANY: &str = "+15005550010";
    const MOBILE: &str = "+4520304050";
    const STRANGER: &str = "+4512345678";

    fn number(text: &str) -> E164 {
        text.parse().unwrap()
    }

    fn sms(from: &str, body: &str) -> InboundSms {
        InboundSms {
            sid: format!("SM{}", "0".repeat(32)),
            from: from.parse().ok(),
            sender: from.to_owned(),
            to: Some(number(COMPANY)),
            body: body.to_owned(),
            media: vec![],
            opt_out_type: None,
        }
    }

    fn ann(mobile: Option<&str>) -> Employee {
        Employee {
            id: "00u1".to_owned(),
            first_name: None,
            mobile: mobile.map(number),
            mobile_is_ours: false,
        }
    }

    fn decided<'a>(
        sms: &'a InboundSms,
        employee: Employee,
        allowed: Option<&str>,
    ) -> Result<Way<'a>, &'static str> {
        let allowed = allowed.map(|list| list.parse().unwrap());
        way(
            sms,
            &number(COMPANY),
            &Listing::Employee(employee),
            allowed.as_ref(),
        )
        .map(|(way, _)| way)
    }

    #[test]
    fn texts_from_others_go_to_the_employee() {
        for from in [STRANGER, "+15005550099", "12345", "ACME", "+900123"] {
            for body in ["Hello", "", "+4511111111: Hello"] {
                assert_eq!(
                    decided(&sms(from, body), ann(Some(MOBILE)), None),
                    Ok(Way::Forward),
                    "{from} {body}"
                );
            }
        }
    }

    #[test]
    fn whose_texts_are_not_passed_on() {
        let text = sms(STRANGER, "Hello");
        let ours = Employee {
            mobile_is_ours: true,
            ..ann(Some(MOBILE))
        };
        for (employee, allowed, outcome) in [
            (ann(None), None, "no_mobile"),
            (ann(Some(COMPANY)), None, "company_number"),
            (ours, None, "company_number"),
            (ann(Some("+4590123456")), None, "country_not_allowed"),
            (ann(Some("+4590123456")), Some("DK"), "country_not_allowed"),
            (ann(Some(MOBILE)), Some("US,CO"), "country_not_allowed"),
        ] {
            assert_eq!(
                decided(&text, employee.clone(), allowed),
                Err(outcome),
                "{employee:?}"
            );
        }
        for word in ["unknown_number", "user_not_active", "ambiguous_number"] {
            assert_eq!(
                way(&text, &number(COMPANY), &Listing::Nobody(word), None),
                Err(word)
            );
        }
        assert_eq!(
            decided(&text, ann(Some(MOBILE)), Some("DK")),
            Ok(Way::Forward)
        );
    }

    #[test]
    fn replies_and_their_addresses() {
        let to = |text| Ok(Way::To(number(STRANGER), text));
        for (body, expected) in [
            ("Hello", Ok(Way::Back("Hello"))),
            ("At 10:30: yes", Ok(Way::Back("At 10:30: yes"))),
            ("4512345678: x", Ok(Way::Back("4512345678: x"))),
            (
                "Call +4512345678: he waits",
                Ok(Way::Back("Call +4512345678: he waits")),
            ),
            ("+4512345678", Ok(Way::Back("+4512345678"))),
            (
                "+4512345678 is his number: x",
                Ok(Way::Back("+4512345678 is his number: x")),
            ),
            ("+4512345678: Hello", to("Hello")),
            ("+4512345678:Hello", to("Hello")),
            ("+4512345678:\nHello\n", to("Hello\n")),
            ("+4512345678:\r\nHello", to("Hello")),
            ("+4512345678:  two", to(" two")),
            (" +45 12 34-56.78 : a: b", to("a: b")),
            ("\u{202a}+45 (12) 34\u{a0}56 78\u{202c}: Hello", to("Hello")),
            ("+4512345678: <b>&", to("<b>&")),
            ("+4512345678:", Ok(Way::Unclear)),
            ("+4512345678: \n\u{7}", Ok(Way::Unclear)),
            ("+44 (0)20 7946 0958: Hello", Ok(Way::Unclear)),
            ("+45: Hello", Ok(Way::Unclear)),
            ("+0123456789: Hello", Ok(Way::Unclear)),
            ("+: Hello", Ok(Way::Unclear)),
            ("+1234567890123456: Hello", Ok(Way::Unclear)),
            ("+15005550010: Hello", Ok(Way::Barred)),
            ("+4520304050: Hello", Ok(Way::Barred)),
            ("+4590123456: Hello", Ok(Way::Barred)),
            ("+573001234567: Hello", Ok(Way::Barred)),
            (
                "+12025550123: Hello",
                Ok(Way::To(number("+12025550123"), "Hello")),
            ),
            ("", Err("empty")),
            (" \n\u{0}\u{ffff}", Err("empty")),
        ] {
            assert_eq!(
                decided(&sms(MOBILE, body), ann(Some(MOBILE)), None),
                expected,
                "{body:?}"
            );
        }
        assert_eq!(
            decided(
                &sms(MOBILE, "+15005550001: x"),
                ann(Some(MOBILE)),
                Some("DK")
            ),
            Ok(Way::Barred)
        );
        assert_eq!(
            decided(
                &sms(MOBILE, "+573001234567: x"),
                ann(Some(MOBILE)),
                Some("DK,CO")
            ),
            Ok(Way::To(number("+573001234567"), "x"))
        );
        assert_eq!(
            decided(&sms(MOBILE, &"+1 ".repeat(1_000)), ann(Some(MOBILE)), None),
            Ok(Way::Back(&"+1 ".repeat(1_000)))
        );
        let picture = |body| InboundSms {
            media: vec!["https://api.twilio.com/x".to_owned()],
            ..sms(MOBILE, body)
        };
        assert_eq!(
            decided(&picture(""), ann(Some(MOBILE)), None),
            Ok(Way::Back(""))
        );
        assert_eq!(
            decided(&picture("+4512345678:"), ann(Some(MOBILE)), None),
            Ok(Way::To(number(STRANGER), ""))
        );
    }

    #[test]
    fn senders() {
        for sender in [
            STRANGER,
            "12345",
            "+12345",
            "ACME Inc",
            "A&B",
            "A",
            "Zürich",
            "Åse",
            "Ñanda Ço",
            "Çelik",
            "ΔΦ",
            "Grøn & blå",
        ] {
            assert!(is_served(sender), "{sender}");
        }
        for sender in [
            "",
            "whatsapp:+4512345678",
            "rcs:x",
            "messenger:1",
            "a\nb",
            "Жук",
            "naïve",
            "5 €",
            "longer than any name",
        ] {
            assert!(!is_served(sender), "{sender}");
        }
    }

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
