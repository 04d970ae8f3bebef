//! A number: its text, its parts, its mask.

use std::fmt;
use std::str::FromStr;

use super::possible::{calling_code_length, is_possible};
use super::ranges;

/// A possible E.164 number: `+`, a calling code in use, then a first digit and a length that
/// numbers with this code have. It has 7 to 15 digits in all. `Display` and `Debug` mask it
/// (`+45••••5678`).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct E164(String);

/// The text is not a possible E.164 number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotE164;

impl FromStr for E164 {
    type Err = NotE164;

    fn from_str(text: &str) -> Result<Self, NotE164> {
        let digits = text.strip_prefix('+').ok_or(NotE164)?;
        let right = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && is_possible(digits);
        if right {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotE164)
        }
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        let kept = if digits.len() < 10 { 2 } else { 4 };
        write!(
            f,
            "+{}••••{}",
            &digits[..calling_code_length(digits)],
            &digits[digits.len() - kept..]
        )
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl E164 {
    /// A number that a person wrote in international form: `+1 (415) 555-2671`. A zero at the start
    /// of a group in brackets belongs to the number only where numbers begin with zero:
    /// `+39 (06) …`. Elsewhere the zero makes the number ambiguous, so the result is `None`.
    pub fn from_written(text: &str) -> Option<Self> {
        let between = |c: char| matches!(c, ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')');
        let digits: String = text.trim().chars().filter(|&c| !between(c)).collect();
        let number: Self = digits.parse().ok()?;
        let bracketed = text
            .split('(')
            .skip(1)
            .any(|group| group.trim_start_matches(between).starts_with('0'));
        let digits = number.digits();
        (!bracketed || digits[calling_code_length(digits)..].starts_with('0')).then_some(number)
    }

    /// The whole number with its `+`: for the wire and for keys, never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The digits after the `+`, for providers that want them without it.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The number without its last four digits: the range that an attacker walks through.
    pub fn range(&self) -> &str {
        &self.0[..self.0.len() - 4]
    }

    /// The ISO 3166 region, by calling code. Where several regions share a code, the digits after
    /// it decide: `+1876…` is `JM`, not `US`. `None` for codes that belong to no country
    /// (satellite, international services).
    pub fn region(&self) -> Option<&'static str> {
        let digits = self.digits();
        (1..=digits.len()).rev().find_map(|length| {
            let found = ranges::REGIONS
                .binary_search_by_key(&&digits[..length], |(prefix, _)| prefix)
                .ok()?;
            Some(ranges::REGIONS[found].1)
        })
    }

    /// Whether the number lies in a premium-rate, shared-cost or non-geographic range, which we
    /// never text or call.
    pub fn is_costly(&self) -> bool {
        let digits = self.digits();
        (1..=digits.len()).any(|length| ranges::REFUSED.binary_search(&&digits[..length]).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn number(text: &str) -> E164 {
        text.parse().unwrap()
    }

    #[test]
    fn syntax() {
        for text in [
            "+4512345678",
            "+12025550123",
            "+6834000",
            "+881612345678",
            "+491801234567890",
        ] {
            assert!(text.parse::<E164>().is_ok(), "{text}");
        }
        for text in [
            "",
            "+",
            "4512345678",
            "+045123456",
            "+123456",
            "+1234567890123456",
            "+45 1234567",
            "+45123456a8",
            " +4512345678",
            "+4512345678\n",
            "\u{202e}+4512345678",
            "+٤٥١٢٣٤٥٦٧٨",
            "++4512345678",
        ] {
            assert!(text.parse::<E164>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn written_numbers() {
        for text in [
            "+14155552671",
            " +1 (415) 555-2671 ",
            "+1.415.555.2671",
            "+1\u{a0}415/555 2671",
        ] {
            assert_eq!(
                E164::from_written(text),
                Some(number("+14155552671")),
                "{text}"
            );
        }
        for text in [
            "",
            "(415) 555-2671",
            "+1 415 555 2671 ext 5",
            "1 415 555 2671",
            "\u{202e}+14155552671",
        ] {
            assert_eq!(E164::from_written(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_zero_in_brackets_is_read_only_where_numbers_begin_with_zero() {
        for (text, read) in [
            ("+39 (06) 1234 5678", "+390612345678"),
            ("+39 (0)6 1234 5678", "+390612345678"),
            ("+225 (07) 07 12 34 56", "+2250707123456"),
            ("(+45) 20 12 34 56", "+4520123456"),
            ("+1 (800) 555-0100", "+18005550100"),
        ] {
            assert_eq!(E164::from_written(text), Some(number(read)), "{text}");
        }
        for text in [
            "+44 (0)20 7946 0958",
            "+44 (0) 20 7946 0958",
            "+44 ( 0\u{a0}) 20 7946 0958",
            "+44 ((0)20) 7946 0958",
            "+44(07400)123456",
            "+61(0432)123-456",
            "+61 (04) 3212 3456",
            "+81 (0)90 1234 5678",
            "+62 (0812) 3456-789",
            "+7 (095) 123-45-67",
            // These digits would be possible.
            "+44 20 (0)946 0958",
            "+1 415 (055) 50100",
            "+39 347 (012) 3456",
        ] {
            assert_eq!(E164::from_written(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_a_number_is_possible_masked_and_somewhere(text in r"\+[1-9][0-9 ()./\u{a0}-]{5,20}") {
            let Some(read) = E164::from_written(&text) else { return Ok(()) };
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(read.digits(), &digits);
            prop_assert!(read.region().is_some() || read.is_costly(), "no country, and not refused");
            prop_assert!(!read.to_string().contains(&digits[calling_code_length(&digits)..]));
            prop_assert_eq!(read.range().len(), digits.len() - 3);
        }

        #[test]
        fn what_is_no_number_is_none(text in r"[+0-9a-z\PC]{0,20}") {
            if let Ok(read) = text.parse::<E164>() {
                prop_assert_eq!(read.reveal(), text);
                prop_assert!((7..=15).contains(&read.digits().len()));
            }
        }
    }

    #[test]
    fn masking() {
        for (text, masked) in [
            ("+4512345678", "+45••••5678"),
            ("+12025550123", "+1••••0123"),
            ("+35812345678", "+358••••5678"),
            ("+6834000", "+683••••00"),
            ("+390612345678", "+39••••5678"),
            ("+881612345678", "+881••••5678"),
        ] {
            assert_eq!(number(text).to_string(), masked);
            assert_eq!(format!("{:?}", number(text)), masked);
        }
    }

    #[test]
    fn the_whole_number_is_for_the_wire_and_its_range_lacks_four_digits() {
        let number = number("+4512345678");
        assert_eq!(number.reveal(), "+4512345678");
        assert_eq!(number.digits(), "4512345678");
        assert_eq!(number.range(), "+451234");
    }

    #[test]
    fn regions() {
        for (text, region) in [
            ("+4512345678", Some("DK")),
            ("+12025550123", Some("US")),
            ("+15005550006", Some("US")),
            ("+15551234567", Some("US")),
            ("+14165550123", Some("CA")),
            ("+18765550123", Some("JM")),
            ("+16585550123", Some("JM")),
            ("+17875550123", Some("PR")),
            ("+77011234567", Some("KZ")),
            ("+79111234567", Some("RU")),
            ("+447400123456", Some("GB")),
            ("+447911123456", Some("GG")),
            ("+573001234567", Some("CO")),
            ("+881612345678", None),
            ("+979123456789", None),
        ] {
            assert_eq!(number(text).region(), region, "{text}");
        }
    }
}
