//! A speech in SSML (<https://www.w3.org/TR/speech-synthesis11/>), for the providers that take it.

/// The words, once or twice with a pause in between. `None`: more than `limit` characters.
pub fn ssml(words: &str, limit: usize) -> Option<String> {
    let words = escaped(words);
    let pause = "<break time=\"1s\"/>";
    [
        format!("<speak>{pause}{words}{pause}{pause}{words}</speak>"),
        format!("<speak>{pause}{words}</speak>"),
    ]
    .into_iter()
    .find(|speech| speech.chars().count() <= limit)
}

/// Text never becomes markup. Characters that XML 1.0 forbids are dropped.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => xml.push(' '),
            c => xml.push(c),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_said_twice_if_that_fits_and_never_become_markup() {
        let speech = ssml("<b>&\u{1b}", 200).unwrap();
        assert_eq!(speech.matches("&lt;b&gt;&amp; ").count(), 2);
        let once = ssml(&"a".repeat(100), 180).unwrap();
        assert_eq!(
            once.matches('a').count(),
            100 + "speak/speakbreak".matches('a').count()
        );
        assert_eq!(ssml(&"&".repeat(100), 180), None);
    }
}
