//! Which numbers exist at all, as far as first digits and lengths tell.

use super::plan::Plan;
use super::ranges;

/// Whether numbers with these first digits and this length exist.
pub(super) fn is_possible(digits: &str) -> bool {
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

/// The length of the calling code.
pub(super) fn calling_code_length(digits: &str) -> usize {
    (1..=2)
        .find(|&end| !plans(&digits[..end]).is_empty())
        .unwrap_or(3)
}

#[cfg(test)]
mod tests {
    use crate::rules::phone::E164;

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
}
