//! Decides where a message goes.

use shared::rules::phone::{Countries, E164};
use shared::rules::sms::segments;
use shared::services::directory::Listing;
use shared::vendors::twilio::webhook::InboundSms;

/// A written number is not longer.
const NUMBER_LIMIT: usize = 40;
/// The longest sender that is not an E.164 number: an alphanumeric sender of 11 characters, or a
/// short code.
const SENDER_LIMIT: usize = 16;

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// To the employee.
    ToEmployee,
    /// From the employee to the last correspondent.
    ToLastCorrespondent(&'a str),
    /// From the employee to this number.
    ToNumber(E164, &'a str),
    /// From the employee, without a clear recipient.
    NoAddressee,
    /// From the employee to a number that is not allowed.
    NotAllowed,
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

/// The route of a message to `company` and the employee's phone, or the outcome that says why it is
/// not forwarded.
pub(crate) fn of<'a, 'b>(
    sms: &'a InboundSms,
    company: &E164,
    listing: &'b Listing,
    allowed: Option<&Countries>,
) -> Result<(Route<'a>, &'b E164), &'static str> {
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
        return Ok((Route::ToEmployee, mobile));
    }
    let is_empty = |text: &str| is_blank(text) && sms.media.is_empty();
    let route = match address(&sms.body) {
        Address::Number(number, text) if !is_empty(text) => {
            // A stranger can send with the employee's number as sender. Without a list of
            // countries, the company's and the employee's country are enough.
            let near = [company.region(), mobile.region()].contains(&number.region());
            match check_recipient(&number, company, mobile, allowed) {
                Ok(()) if allowed.is_some() || near => Route::ToNumber(number, text),
                _ => Route::NotAllowed,
            }
        }
        Address::Number(..) | Address::Unreadable => Route::NoAddressee,
        Address::None if is_empty(&sms.body) => return Err("empty"),
        Address::None => Route::ToLastCorrespondent(&sms.body),
    };
    Ok((route, mobile))
}

/// Checks whether an employee's message may go to `number`.
///
/// # Errors
/// The outcome that says why not.
pub(crate) fn check_recipient(
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
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_whitespace() || c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
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
            locale: None,
            mobile_is_ours: false,
        }
    }

    fn decided<'a>(
        sms: &'a InboundSms,
        employee: Employee,
        allowed: Option<&str>,
    ) -> Result<Route<'a>, &'static str> {
        let allowed: Option<Countries> = allowed.map(|list| list.parse().unwrap());
        let listing = Listing::Employee(employee);
        of(sms, &number(COMPANY), &listing, allowed.as_ref()).map(|(route, _)| route)
    }

    #[test]
    fn texts_from_others_go_to_the_employee() {
        for from in [STRANGER, "+15005550099", "12345", "ACME", "+900123"] {
            for body in ["Hello", "", "+4511111111: Hello"] {
                let sms = sms(from, body);
                let decided = decided(&sms, ann(Some(MOBILE)), None);
                assert_eq!(decided, Ok(Route::ToEmployee), "{from} {body}");
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
            let decided = decided(&text, employee.clone(), allowed);
            assert_eq!(decided, Err(outcome), "{employee:?}");
        }
        let nobody = Listing::Nobody("unknown_number");
        let decided = of(&text, &number(COMPANY), &nobody, None);
        assert_eq!(decided, Err("unknown_number"));
    }

    #[test]
    fn replies_and_their_addresses() {
        let to = |number: &str, text| Ok(Route::ToNumber(number.parse().unwrap(), text));
        let last = |text| Ok(Route::ToLastCorrespondent(text));
        let (unclear, barred) = (Ok(Route::NoAddressee), Ok(Route::NotAllowed));
        let marked = "\u{202a}+45 (12) 34\u{a0}56 78\u{202c}: Hello";
        let many = "+1 ".repeat(1_000);
        for (body, allowed, expected) in [
            ("Hello", None, last("Hello")),
            ("At 10:30: yes", None, last("At 10:30: yes")),
            ("4512345678: x", None, last("4512345678: x")),
            ("Call +4512345678: x", None, last("Call +4512345678: x")),
            ("+4512345678", None, last("+4512345678")),
            ("+4512345678 is x: x", None, last("+4512345678 is x: x")),
            (&many, None, last(&many)),
            ("+4512345678: Hello", None, to(STRANGER, "Hello")),
            ("+4512345678:Hello", None, to(STRANGER, "Hello")),
            ("+4512345678:\nHello\n", None, to(STRANGER, "Hello\n")),
            ("+4512345678:\r\nHello", None, to(STRANGER, "Hello")),
            ("+4512345678:  two", None, to(STRANGER, " two")),
            (" +45 12 34-56.78 : a: b", None, to(STRANGER, "a: b")),
            (marked, None, to(STRANGER, "Hello")),
            ("+4512345678: <b>&", None, to(STRANGER, "<b>&")),
            ("+12025550123: x", None, to("+12025550123", "x")),
            ("+573001234567: x", Some("DK,CO"), to("+573001234567", "x")),
            ("+4512345678:", None, unclear.clone()),
            ("+4512345678: \n\u{7}", None, unclear.clone()),
            ("+44 (0)20 7946 0958: x", None, unclear.clone()),
            ("+45: Hello", None, unclear.clone()),
            ("+0123456789: Hello", None, unclear.clone()),
            ("+: Hello", None, unclear.clone()),
            ("+1234567890123456: Hello", None, unclear),
            ("+15005550010: Hello", None, barred.clone()),
            ("+4520304050: Hello", None, barred.clone()),
            ("+4590123456: Hello", None, barred.clone()),
            ("+573001234567: Hello", None, barred.clone()),
            ("+15005550001: x", Some("DK"), barred),
            ("", None, Err("empty")),
            (" \n\u{0}\u{ffff}", None, Err("empty")),
        ] {
            let sms = sms(MOBILE, body);
            let decided = decided(&sms, ann(Some(MOBILE)), allowed);
            assert_eq!(decided, expected, "{body:?}");
        }
        for (body, expected) in [("", last("")), ("+4512345678:", to(STRANGER, ""))] {
            let picture = InboundSms {
                media: vec!["https://api.twilio.com/x".to_owned()],
                ..sms(MOBILE, body)
            };
            assert_eq!(decided(&picture, ann(Some(MOBILE)), None), expected);
        }
    }

    #[test]
    fn a_written_number_has_at_most_40_bytes() {
        for (blanks, expected) in [
            (29, Some(Route::ToNumber(number(STRANGER), "x"))),
            (30, None),
        ] {
            let body = format!("+4512345678{}:x", " ".repeat(blanks));
            let sms = sms(MOBILE, &body);
            let expected = expected.unwrap_or(Route::ToLastCorrespondent(&body));
            assert_eq!(decided(&sms, ann(Some(MOBILE)), None), Ok(expected));
        }
    }

    #[test]
    fn senders() {
        let served =
            "+4512345678|12345|+12345|ACME Inc|A&B|A|Zürich|Åse|Ñanda Ço|Çelik|ΔΦ|Grøn & blå";
        for sender in served.split('|') {
            assert!(is_served(sender), "{sender}");
        }
        let others =
            "|whatsapp:+4512345678|rcs:x|messenger:1|a\nb|Жук|naïve|5 €|longer than any name";
        for sender in others.split('|') {
            assert!(!is_served(sender), "{sender}");
        }
    }
}
