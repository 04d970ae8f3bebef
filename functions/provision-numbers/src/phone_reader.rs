//! Reads phone numbers as people of a country write them.

use std::sync::OnceLock;

use rlibphonenumber::{NumberLengthType, PhoneNumberFormat, PhoneNumberUtil, Region};
use shared::platform::config::Source;
use shared::rules::phone::E164;

use crate::settings::{is_region, region};

/// Okta allows profile texts of up to 100 characters.
const MAX_PROFILE_CHARS: usize = 100;

/// The numbering plans of the world, seen from one region.
pub(crate) struct NationalNumbers {
    /// Created when first needed. It takes milliseconds and megabytes, and the hook does not need
    /// it.
    util: OnceLock<Option<PhoneNumberUtil>>,
    pub(crate) region: Region,
}

impl NationalNumbers {
    pub(crate) fn new(region: Region) -> Self {
        let util = OnceLock::new();
        Self { util, region }
    }

    /// Reads `DEFAULT_REGION`.
    pub(crate) fn from_settings(source: &mut Source<'_>) -> Self {
        let name = region(source, "DEFAULT_REGION");
        Self::new(name.parse().unwrap_or_else(|_| {
            if is_region(&name) {
                source.problem("DEFAULT_REGION has no telephone numbers");
            }
            Region::US
        }))
    }

    fn util(&self) -> Option<&PhoneNumberUtil> {
        let read = || {
            PhoneNumberUtil::new()
                .inspect_err(|error| tracing::error!(%error, "no number can be read"))
                .ok()
        };
        self.util.get_or_init(read).as_ref()
    }

    /// The number in `text`, in national or international form and with a length that its country
    /// has. Only digits and the usual punctuation are read. A text with anything else (letters,
    /// extensions, invisible characters that change the direction) gives `None`.
    pub(crate) fn parse(&self, text: &str) -> Option<E164> {
        let is_digit = |c: char| c.is_ascii_digit();
        let is_usual = |c: char| {
            is_digit(c)
                || "+ -.()/\u{a0}\u{2009}\u{202f}".contains(c)
                || ('\u{2010}'..='\u{2015}').contains(&c)
        };
        let text = text.trim();
        let is_first = |plus: usize| !text[..plus].contains(is_digit);
        if text.chars().count() > MAX_PROFILE_CHARS
            || !text.chars().all(is_usual)
            || !text.rfind('+').is_none_or(is_first)
        {
            return None;
        }
        let util = self.util()?;
        let number = util.parse(text, Some(self.region)).ok()?;
        let length = util.is_possible_number_with_reason(&number);
        let whole = matches!(length, Ok(NumberLengthType::IsPossible));
        let written = util.format(&number, PhoneNumberFormat::E164);
        let written = written.parse().ok();
        written.filter(|_| whole && number.extension.is_none())
    }
}

#[cfg(test)]
mod tests {
    use shared::rules::phone::Countries;

    use super::*;

    fn number(text: &str) -> E164 {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_as_people_write_them() {
        let [us, dk, gb] = [Region::US, Region::DK, Region::GB].map(NationalNumbers::new);
        for (numbers, text, read) in [
            (&us, "(302) 482-9229", "+13024829229"),
            (&us, "302.482.9229", "+13024829229"),
            (&us, "1 302 482 9229", "+13024829229"),
            (&us, " +1 302-482-9229 ", "+13024829229"),
            (&us, "+1\u{a0}302\u{2011}482\u{2011}9229", "+13024829229"),
            (&us, "+45 20 30 40 50", "+4520304050"),
            (&us, "011 45 20304050", "+4520304050"),
            (&us, "+44 (0)20 7946 0958", "+442079460958"),
            (&us, "+39 06 698 12345", "+390669812345"),
            (&us, "(+45) 20304050", "+4520304050"),
            (&us, "5005550006", "+15005550006"),
            (&dk, "20 30 40 50", "+4520304050"),
            (&dk, "0045 20304050", "+4520304050"),
            (&gb, "07700 900123", "+447700900123"),
        ] {
            assert_eq!(numbers.parse(text), Some(number(read)), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_guessed_at() {
        let us = NationalNumbers::new(Region::US);
        let dashes = format!("302482{}9229", "-".repeat(90));
        assert_eq!(us.parse(&dashes), Some(number("+13024829229")));
        let long = "3".repeat(1_000_000);
        let texts = "| |n/a|+|-|()|911|112|4829229|+999 12345678|302-482-9229 ext. 5|302-482-9229x5|\
            302-482-9229;ext=5|1-800-FLOWERS|3024829229 / 3024829230|302-482-9229, 302-482-9230|\
            +13024829229+|\u{202e}+13024829229|+1302\u{200f}4829229|+1302\u{200b}4829229|\
            +1302\u{0}4829229|+1302\n4829229|+١٣٠٢٤٨٢٩٢٢٩|tel:+13024829229|.;phone-context=|\
            +dwPAA;phone-context=AA|<script>|+1302482922912345678901234567890";
        for text in texts.split('|').chain([long.as_str()]) {
            assert_eq!(us.parse(text), None, "{text:?}");
        }
    }

    /// So that the settings need not ask the library.
    #[test]
    fn every_region_that_the_settings_accept_has_numbers() {
        let letters = || (b'A'..=b'Z').map(char::from);
        let pairs =
            letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")));
        let regions: Vec<_> = pairs
            .filter(|pair| pair.parse::<Countries>().is_ok())
            .collect();
        assert!(regions.len() > 200 && !regions.contains(&"XX".to_owned()));
        let util = PhoneNumberUtil::new().unwrap();
        for name in regions {
            let region = name.parse().ok().unwrap();
            assert!(util.get_country_code_for_region(region).is_some(), "{name}");
        }
    }
}
