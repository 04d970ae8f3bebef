//! How many SMS segments a text has.

/// The number of septets of a character in GSM 03.38; `None` if GSM 03.38 lacks it.
pub(crate) fn septets(c: char) -> Option<usize> {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENDED: &str = "\u{c}^{}\\[~]|€";
    if BASIC.contains(c) {
        Some(1)
    } else {
        EXTENDED.contains(c).then_some(2)
    }
}

/// The number of SMS segments of a text. A text in GSM 03.38 has 160 septets in one segment or 153
/// in each of several. Another text has 70 (67) UTF-16 units; a surrogate pair is never split.
pub fn segments(text: &str) -> usize {
    match text.chars().map(septets).collect::<Option<Vec<_>>>() {
        Some(widths) => parts(widths, 160, 153),
        None => ucs2_segments(text),
    }
}

/// The number of SMS segments of a text in UCS-2, even if GSM 03.38 has all its characters.
pub fn ucs2_segments(text: &str) -> usize {
    parts(text.chars().map(char::len_utf16).collect(), 70, 67)
}

fn parts(widths: Vec<usize>, whole: usize, part: usize) -> usize {
    if widths.iter().sum::<usize>() <= whole {
        return 1;
    }
    let (parts, _) = widths.into_iter().fold((1, 0), |(parts, used), width| {
        if used + width > part {
            (parts + 1, width)
        } else {
            (parts, used + width)
        }
    });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_per_alphabet() {
        for (text, expected) in [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("€".repeat(80), 1),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("a".repeat(152) + "€" + &"a".repeat(10), 2),
            ("œ".repeat(70), 1),
            ("œ".repeat(71), 2),
            ("this is a ".to_owned() + &"]".repeat(74) + "😘", 2),
            ("😘".repeat(66), 2),
            ("😘".repeat(67), 3),
        ] {
            assert_eq!(segments(&text), expected, "{text}");
        }
    }
}
