//! Telephone numbers in E.164 form (<https://www.itu.int/rec/T-REC-E.164>): syntax, country, ranges that cost, masking.
//!
//! Syntax and calling-code tables only: the full libphonenumber metadata costs 15 ms and more at first use, which a function
//! that gets its numbers from machines does not need.

mod ranges;

use std::fmt;
use std::str::FromStr;

/// An E.164 number: `+`, then 7 to 15 digits of which the first is not 0. `Display` and `Debug` mask it (`+45••••5678`).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct E164(String);

/// The text is not an E.164 number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotE164;

impl FromStr for E164 {
    type Err = NotE164;

    fn from_str(text: &str) -> Result<Self, NotE164> {
        let digits = text.strip_prefix('+').ok_or(NotE164)?;
        let right =
            (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        if right { Ok(Self(text.to_owned())) } else { Err(NotE164) }
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        let kept = if digits.len() < 10 { 2 } else { 4 };
        write!(f, "+{}••••{}", &digits[..calling_code_length(digits)], &digits[digits.len() - kept..])
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl E164 {
    /// A number that a person wrote in international form: `+1 (415) 555-2671`. Brackets around a zero, which is not dialled
    /// internationally, leave it open which number is meant.
    pub fn from_written(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')')).collect();
        if text.contains("(0") { None } else { digits.parse().ok() }
    }

    /// The whole number with its `+`: for the wire and for keys, never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The digits after the `+`: for providers that want them so.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The number without its last four digits: the range it lies in, as attackers walk through them.
    pub fn range(&self) -> &str {
        &self.0[..self.0.len() - 4]
    }

    /// The ISO 3166 region, by calling code and, where several regions share one, by the digits after it: `+1876…` is `JM`,
    /// not `US`. `None` for codes that belong to no country (satellite, international services).
    pub fn region(&self) -> Option<&'static str> {
        let digits = self.digits();
        (1..=digits.len()).rev().find_map(|length| {
            let found = ranges::REGIONS.binary_search_by_key(&&digits[..length], |(prefix, _)| prefix).ok()?;
            Some(ranges::REGIONS[found].1)
        })
    }

    /// Whether the number lies in a premium-rate, shared-cost or non-geographic range, which we never text or call.
    pub fn is_costly(&self) -> bool {
        let digits = self.digits();
        (1..=digits.len()).any(|length| ranges::REFUSED.binary_search(&&digits[..length]).is_ok())
    }

    /// Whether it may be texted or called: in one of `countries`, and not in a costly range.
    pub fn is_allowed(&self, countries: &Countries) -> bool {
        !self.is_costly() && self.region().is_some_and(|region| countries.0.iter().any(|allowed| allowed == region))
    }
}

/// ITU calling codes have one digit in zones 1 and 7, two where the pair is listed, three elsewhere
/// (<https://www.itu.int/pub/T-SP-E.164D>).
fn calling_code_length(digits: &str) -> usize {
    const TWO: &str = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98";
    match &digits[..2] {
        pair if pair.starts_with(['1', '7']) => 1,
        pair if TWO.split(' ').any(|two| two == pair) => 2,
        _ => 3,
    }
}

/// A set of ISO 3166 regions (`DK,US`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countries(Vec<String>);

impl FromStr for Countries {
    type Err = NotE164;

    fn from_str(text: &str) -> Result<Self, NotE164> {
        let entries = text.split(',').map(|entry| entry.trim().to_ascii_uppercase()).filter(|entry| !entry.is_empty());
        let countries: Vec<String> = entries.collect();
        let known = |region: &String| ranges::REGIONS.iter().any(|(_, listed)| listed == region);
        if !countries.is_empty() && countries.iter().all(known) { Ok(Self(countries)) } else { Err(NotE164) }
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

/// Reads `ALLOWED_COUNTRIES`; if unset, the country of our own `sender`, else `DEFAULT_REGION` (`US`).
pub fn allowed_countries(source: &mut crate::config::Source<'_>, sender: Option<&E164>) -> Option<Countries> {
    let expected = "a comma list of ISO 3166 country codes such as DK,US";
    let default_region = source.text("DEFAULT_REGION", "US").trim().to_ascii_uppercase();
    if default_region.parse::<Countries>().is_err() || default_region.len() != 2 {
        source.problem("DEFAULT_REGION is not an ISO 3166 country code such as US");
    }
    if source.optional("ALLOWED_COUNTRIES").is_some() {
        return source.parsed("ALLOWED_COUNTRIES", expected);
    }
    Some(Countries::only(sender.and_then(E164::region).unwrap_or(&default_region)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> E164 {
        text.parse().unwrap()
    }

    #[test]
    fn syntax() {
        for text in ["+4512345678", "+12025550123", "+1234567", "+123456789012345"] {
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
        for text in ["+14155552671", " +1 (415) 555-2671 ", "+1.415.555.2671", "+1\u{a0}415/555 2671"] {
            assert_eq!(E164::from_written(text), Some(number("+14155552671")), "{text}");
        }
        for text in
            ["", "(415) 555-2671", "+44 (0)20 7946 0958", "+1 415 555 2671 ext 5", "1 415 555 2671", "\u{202e}+14155552671"]
        {
            assert_eq!(E164::from_written(text), None, "{text:?}");
        }
    }

    #[test]
    fn masking() {
        for (text, masked) in [
            ("+4512345678", "+45••••5678"),
            ("+12025550123", "+1••••0123"),
            ("+35812345678", "+358••••5678"),
            ("+1234567", "+1••••67"),
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
            ("+97912345678", None),
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
        for text in ["+18765550123", "+447911123456", "+19005550123", "+4590123456", "+881612345678", "+88213123456"] {
            assert!(!number(text).is_allowed(&countries), "{text}");
        }
        for text in ["", "XX", "Denmark", "DK;US"] {
            assert!(text.parse::<Countries>().is_err(), "{text}");
        }
    }
}
