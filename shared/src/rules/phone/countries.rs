//! The countries whose numbers we text or call.

use std::str::FromStr;

use super::e164::{E164, NotE164};
use super::ranges;
use crate::platform::config::Source;

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

impl E164 {
    /// Whether we may text or call the number: it is in one of `countries`, and not in a
    /// premium-rate range.
    pub fn is_allowed(&self, countries: &Countries) -> bool {
        !self.is_costly()
            && self
                .region()
                .is_some_and(|region| countries.0.iter().any(|allowed| allowed == region))
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
pub fn allowed_countries(source: &mut Source<'_>, sender: Option<&E164>) -> Countries {
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
    use super::*;

    fn number(text: &str) -> E164 {
        text.parse().unwrap()
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
