//! Telephone numbers in E.164 form (<https://www.itu.int/rec/T-REC-E.164>): possible numbers,
//! countries, premium-rate ranges, masking.
//!
//! Small tables only: the full libphonenumber metadata costs 15 ms and more at first use. A
//! function that gets its numbers from machines does not need it.

mod ranges;

use std::fmt;
use std::str::FromStr;

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

    /// Whether we may text or call the number: it is in one of `countries`, and not in a
    /// premium-rate range.
    pub fn is_allowed(&self, countries: &Countries) -> bool {
        !self.is_costly()
            && self
                .region()
                .is_some_and(|region| countries.0.iter().any(|allowed| allowed == region))
    }
}

/// Some of the numbers that begin with a calling code, or with a calling code and the digit 0.
struct Plan {
    /// The calling code, or the code and the digit 0.
    prefix: u16,
    /// The possible next digits, as bits.
    next: u16,
    /// The possible lengths of the whole number, as bits.
    lengths: u16,
}

impl Plan {
    const fn new(prefix: u16, next: &str, lengths: &[u8]) -> Self {
        let (mut plan, mut at) = (
            Self {
                prefix,
                next: 0,
                lengths: 0,
            },
            0,
        );
        while at < next.len() {
            plan.next |= 1 << (next.as_bytes()[at] - b'0');
            at += 1;
        }
        at = 0;
        while at < lengths.len() {
            plan.lengths |= 1 << lengths[at];
            at += 1;
        }
        plan
    }
}

/// Whether numbers with these first digits and this length exist.
fn is_possible(digits: &str) -> bool {
    let fits = |end: usize| {
        let (next, length) = (1 << (digits.as_bytes()[end] - b'0'), 1 << digits.len());
        plans(&digits[..end])
            .iter()
            .any(|plan| plan.next & next != 0 && plan.lengths & length != 0)
    };
    !digits.starts_with('0') && (1..=4).any(fits)
}

fn plans(prefix: &str) -> &'static [Plan] {
    let prefix: u16 = prefix.parse().unwrap_or_default();
    let rest = &ranges::POSSIBLE[ranges::POSSIBLE.partition_point(|plan| plan.prefix < prefix)..];
    &rest[..rest.partition_point(|plan| plan.prefix == prefix)]
}

fn calling_code_length(digits: &str) -> usize {
    (1..=2)
        .find(|&end| !plans(&digits[..end]).is_empty())
        .unwrap_or(3)
}

/// A set of ISO 3166 regions (`DK,US`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countries(Vec<String>);

impl FromStr for Countries {
    type Err = NotE164;

    fn from_str(text: &str) -> Result<Self, NotE164> {
        let entries = text
            .split(',')
            .map(|entry| entry.trim().to_ascii_uppercase())
            .filter(|entry| !entry.is_empty());
        let countries: Vec<String> = entries.collect();
        let known = |region: &String| ranges::REGIONS.iter().any(|(_, listed)| listed == region);
        if !countries.is_empty() && countries.iter().all(known) {
            Ok(Self(countries))
        } else {
            Err(NotE164)
        }
    }
}

impl Countries {
    /// Only this region.
    pub fn only(region: &str) -> Self {
        Self(vec![region.to_owned()])
    }

    /// Whether there is more than one.
    pub fn are_several(&self) -> bool {
        self.0.iter().any(|region| *region != self.0[0])
    }
}

/// The required form of `ALLOWED_COUNTRIES`.
pub const COUNTRIES: &str = "a comma list of ISO 3166 country codes such as DK,US";

/// Reads `ALLOWED_COUNTRIES`; if unset, the country of our own `sender`, else `DEFAULT_REGION`
/// (`US`).
pub fn allowed_countries(
    source: &mut crate::platform::config::Source<'_>,
    sender: Option<&E164>,
) -> Countries {
    let default_region = source
        .text("DEFAULT_REGION", "US")
        .trim()
        .to_ascii_uppercase();
    if default_region.parse::<Countries>().is_err() || default_region.len() != 2 {
        source.problem("DEFAULT_REGION is not an ISO 3166 country code such as US");
    }
    source
        .parsed("ALLOWED_COUNTRIES", COUNTRIES)
        .unwrap_or_else(|| {
            Countries::only(sender.and_then(E164::region).unwrap_or(&default_region))
        })
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
    fn impossible_numbers() {
        for (why, numbers) in [
            (
                "nobody has this code",
                &[
                    "+2101234567",
                    "+3841234567",
                    "+6991234567",
                    "+9991234567",
                    "+999999999999999",
                ][..],
            ),
            (
                "no number begins so",
                &[
                    "+10000000000",
                    "+11155550100",
                    "+399999999",
                    "+48012345678",
                    "+4999",
                    "+33012345678",
                ],
            ),
            (
                "a trunk zero",
                &[
                    "+4407400123456",
                    "+45020123456",
                    "+610432123456",
                    "+6208123456789",
                    "+8109012345678",
                    "+820101234567",
                ],
            ),
            (
                "too short",
                &[
                    "+1415555010",
                    "+452012345",
                    "+4474001234",
                    "+8001234567",
                    "+97912345678",
                ],
            ),
            (
                "too long",
                &[
                    "+141555501001",
                    "+45201234567890",
                    "+45201234567",
                    "+4474001234567",
                    "+800123456789",
                ],
            ),
            (
                "the area code is missing",
                &["+14155550", "+15550100", "+13101234"],
            ),
            (
                "the country code is there twice",
                &["+114155550100", "+4545201234567", "+44447400123456"],
            ),
            (
                "only others with the code are so long",
                &["+441234567", "+44740012345", "+3312345678901"],
            ),
        ] {
            for text in numbers {
                assert!(text.parse::<E164>().is_err(), "{text}: {why}");
            }
        }
    }

    #[test]
    fn possible_numbers() {
        for (what, numbers) in [
            (
                "simulators and examples",
                &[
                    "+15005550000",
                    "+15005550006",
                    "+15551234567",
                    "+12025550123",
                    "+4512345678",
                ][..],
            ),
            (
                "documentation",
                &[
                    "+442079460958",
                    "+447700900123",
                    "+61491570006",
                    "+33199001234",
                    "+4930239990123",
                ],
            ),
            (
                "a real zero in front",
                &[
                    "+390612345678",
                    "+2250707123456",
                    "+2290195123456",
                    "+24106031234",
                    "+242061234567",
                ],
            ),
            (
                "a zero that means something else",
                &["+6200717123456", "+810077712345", "+5980004054123"],
            ),
            (
                "short and long ones",
                &[
                    "+2908123",
                    "+6834000",
                    "+4702000",
                    "+43512345",
                    "+4915123456789",
                    "+436641234567890",
                ],
            ),
            (
                "of no country",
                &[
                    "+80012345678",
                    "+881612345678",
                    "+88213123456",
                    "+88351001234567",
                    "+979123456789",
                ],
            ),
        ] {
            for text in numbers {
                assert!(text.parse::<E164>().is_ok(), "{text}: {what}");
            }
        }
    }

    #[test]
    fn no_number_begins_with_a_trunk_zero() {
        // Where zero is dialled before numbers within the country.
        for code in
            "20 27 31 32 33 40 41 43 44 46 49 51 60 61 62 63 64 66 81 82 84 86 90 91 92 94 212 213 234 254 353 358 359 380 381 \
                     385 386 387 389 421 855 880 886 962 963 964 966 971 972 977 994 995 996"
                .split_whitespace()
        {
            // After two zeros some have other services.
            for (second, length) in (1..=9).flat_map(|second| (7..=15).map(move |length| (second, length))) {
                let text = format!("+{:1<length$}", format!("{code}0{second}"));
                assert!(text.parse::<E164>().is_err(), "{text}");
            }
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

    #[test]
    fn allowed_and_costly() {
        let countries: Countries = "dk, US".parse().unwrap();
        for text in ["+4512345678", "+12025550123"] {
            assert!(number(text).is_allowed(&countries), "{text}");
        }
        for text in [
            "+18765550123",
            "+447911123456",
            "+19005550123",
            "+4590123456",
            "+881612345678",
            "+88213123456",
        ] {
            assert!(!number(text).is_allowed(&countries), "{text}");
        }
        for text in ["", "XX", "Denmark", "DK;US"] {
            assert!(text.parse::<Countries>().is_err(), "{text}");
        }
    }
}
