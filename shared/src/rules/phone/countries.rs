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
        if !countries.is_empty() && countries.iter().all(|region| is_known(region)) {
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

/// Reads a comma list of countries, if it is set. Each code that no country has is named in
/// `source`.
pub fn read_countries(source: &mut Source<'_>, name: &str) -> Option<Countries> {
    let codes: Vec<String> = source
        .list(name)
        .iter()
        .map(|code| code.to_ascii_uppercase())
        .collect();
    let unknown: Vec<&String> = codes.iter().filter(|code| !is_known(code)).collect();
    for code in &unknown {
        source.problem(format!("{name}: {}", unknown_country(code)));
    }
    if unknown.is_empty() && codes.is_empty() && source.optional(name).is_some() {
        source.problem(format!("{name} names no country, such as DK,US"));
    }
    (unknown.is_empty() && !codes.is_empty()).then_some(Countries(codes))
}

/// Why this text is no country code, and which code was probably meant.
pub fn unknown_country(code: &str) -> String {
    let meant = match code {
        "UK" => "; the United Kingdom is GB",
        "EL" => "; Greece is GR",
        "EN" => "; English is a language, the United Kingdom is GB",
        "EU" => "; name the countries one by one",
        _ => "",
    };
    format!("{code} is not an ISO 3166 country code such as DK{meant}")
}

fn is_known(code: &str) -> bool {
    ranges::REGIONS.iter().any(|(_, listed)| *listed == code)
}

/// Reads `ALLOWED_COUNTRIES`; if unset, the country of our own `sender`, else `DEFAULT_REGION`
/// (`US`).
pub fn allowed_countries(source: &mut Source<'_>, sender: Option<&E164>) -> Countries {
    let default_region = source
        .text("DEFAULT_REGION", "US")
        .trim()
        .to_ascii_uppercase();
    if default_region.parse::<Countries>().is_err() || default_region.len() != 2 {
        source.problem(format!(
            "DEFAULT_REGION: {}",
            unknown_country(&default_region)
        ));
    }
    read_countries(source, "ALLOWED_COUNTRIES").unwrap_or_else(|| {
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
    fn each_unknown_country_is_named_and_uk_means_gb() {
        let problems = |text: &'static str| {
            let lookup = move |name: &str| (name == "X").then(|| text.to_owned());
            let found =
                crate::platform::config::read(&lookup, |source| read_countries(source, "X"));
            found.map_err(|problems| problems.0)
        };
        let named = |code| format!("X: {}", unknown_country(code));
        assert_eq!(problems("DK, uk,XX"), Err(vec![named("UK"), named("XX")]));
        assert!(named("UK").ends_with("; the United Kingdom is GB"));
        assert_eq!(
            problems(" , "),
            Err(vec!["X names no country, such as DK,US".to_owned()])
        );
        assert_eq!(problems("dk,US"), Ok("DK,US".parse().ok()));
        assert_eq!(problems(""), Ok(None));
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

    #[test]
    fn a_country_named_twice_is_one_country() {
        for (text, are_several) in [("DK", false), ("DK, dk", false), ("DK,DK,US", true)] {
            let countries: Countries = text.parse().unwrap();
            assert_eq!(countries.are_several(), are_several, "{text}");
        }
    }

    #[test]
    fn the_setting_goes_before_our_own_country_and_that_before_the_default() {
        let (list, default) = ("ALLOWED_COUNTRIES", "DEFAULT_REGION");
        let danish = number("+4512345678");
        let allowed = |settings: &[(&str, &str)], sender: Option<&E164>| {
            let lookup = |name: &str| {
                let mut settings = settings.iter();
                let found = settings.find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            crate::platform::config::read(&lookup, |source| allowed_countries(source, sender))
                .map_err(|problems| problems.0)
        };
        for (settings, sender, expected) in [
            (&[][..], None, "US"),
            (&[(default, " se ")], None, "SE"),
            (&[(default, "SE")], Some(&danish), "DK"),
            (&[(default, "SE"), (list, "NO")], Some(&danish), "NO"),
        ] {
            let expected: Countries = expected.parse().unwrap();
            assert_eq!(allowed(settings, sender), Ok(expected), "{settings:?}");
        }
        for (several, meant) in [
            ("DK,US", ""),
            ("EL", "; Greece is GR"),
            ("EU", "; name the countries one by one"),
            ("EN", "; English is a language, the United Kingdom is GB"),
        ] {
            let problem = format!(
                "DEFAULT_REGION: {several} is not an ISO 3166 country code such as DK{meant}"
            );
            assert_eq!(allowed(&[(default, several)], None), Err(vec![problem]));
        }
    }
}
