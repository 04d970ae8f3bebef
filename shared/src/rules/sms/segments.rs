//! The number of segments that a text is billed as: GSM 03.38 or UCS-2 (3GPP TS 23.038,
//! <https://www.twilio.com/docs/glossary/what-sms-character-limit>).

/// The GSM 7-bit default alphabet, without the escape.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Characters of the alphabet's extension table. Each costs an escape and a septet.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// Whether every character is in the GSM alphabet or its extension. Any other text is sent as
/// UCS-2.
pub fn is_gsm(text: &str) -> bool {
    text.chars()
        .all(|c| GSM.contains(c) || EXTENDED.contains(c))
}

/// The number of segments. A single segment holds up to 160 septets or 70 UTF-16 units; each of
/// several holds 153 or 67. No escaped character and no surrogate pair is split.
pub fn count(text: &str) -> u64 {
    split(text, is_gsm(text))
}

/// The number of segments of a text that is sent as UCS-2, whether it must be or not.
pub fn count_ucs2(text: &str) -> u64 {
    split(text, false)
}

fn split(text: &str, gsm: bool) -> u64 {
    let (single, each) = if gsm { (160, 153) } else { (70, 67) };
    let cost = |c: char| match gsm {
        true if EXTENDED.contains(c) => 2,
        true => 1,
        false => c.len_utf16(),
    };
    if text.chars().map(cost).sum::<usize>() <= single {
        return 1;
    }
    let (segments, _) = text
        .chars()
        .map(cost)
        .fold((1, 0), |(segments, used), cost| {
            if used + cost > each {
                (segments + 1, cost)
            } else {
                (segments, used + cost)
            }
        });
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        for (text, segments) in [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            // An escaped character is not split: the first segment ends one short.
            (format!("{}€{}", "a".repeat(152), "a".repeat(10)), 2),
            (format!("{}€{}", "a".repeat(152), "a".repeat(151)), 2),
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), 3),
            ("ж".repeat(70), 1),
            ("ж".repeat(71), 2),
            ("ж".repeat(134), 2),
            ("ж".repeat(135), 3),
            ("😘".repeat(35), 1),
            ("😘".repeat(36), 2),
            ("😘".repeat(66), 2),
            ("😘".repeat(67), 3),
            // The brackets cost two in GSM, but one beside an emoji.
            (format!("this is a {}😘", "]".repeat(74)), 2),
        ] {
            assert_eq!(count(&text), segments, "{text}");
        }
        assert_eq!(
            (
                count_ucs2(&"a".repeat(70)),
                count_ucs2(&"a".repeat(71)),
                count_ucs2(&"€".repeat(135))
            ),
            (1, 2, 3)
        );
        assert!(is_gsm("Grüße, 5 € {ok}\n") && !is_gsm("ç") && !is_gsm("`") && !is_gsm("😘"));
    }
}
