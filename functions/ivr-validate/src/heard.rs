//! What a caller said, as Twilio understood it: digits, or an entry of the menu.
//!
//! A caller may speak the account number and the choice in the menu, but never the PIN. Everybody
//! near the caller would hear it, and the recogniser would keep it.

use crate::languages::Speaker;
use crate::menu::Menu;

/// The longest label, in characters (<https://www.twilio.com/docs/voice/twiml/gather#hints>).
const HINT_LIMIT: usize = 100;

/// The words for digits in one language.
pub(crate) struct DigitWords(Vec<(String, char)>);

impl DigitWords {
    /// The words of the speaker's language.
    pub(crate) fn of(speaker: &Speaker) -> Self {
        Self::parse(&speaker.text(&words::DIGIT_WORDS))
    }

    fn parse(text: &str) -> Self {
        let digits = text.split_whitespace().zip('0'..='9');
        let words = digits.flat_map(|(words, digit)| words.split('/').map(move |w| (w, digit)));
        let words = words.map(|(word, digit)| (word.to_lowercase(), digit));
        let mut words: Vec<(String, char)> = words.filter(|(word, _)| !word.is_empty()).collect();
        // The longest word that fits counts.
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        Self(words)
    }

    /// The digits that somebody said. `None` if anything else was said too: a guess would be an
    /// attempt at somebody else's account.
    pub(crate) fn digits(&self, speech: &str) -> Option<String> {
        let speech = speech.to_lowercase();
        let mut digits = String::new();
        let mut rest = speech.as_str();
        while let Some(next) = rest.chars().next() {
            let word = self
                .0
                .iter()
                .find(|(word, _)| rest.starts_with(word.as_str()));
            if let Some((word, digit)) = word {
                digits.push(*digit);
                rest = &rest[word.len()..];
                continue;
            }
            match digit(next) {
                Some(digit) => digits.push(digit),
                None if next.is_alphabetic() => return None,
                None => {}
            }
            rest = &rest[next.len_utf8()..];
        }
        Some(digits).filter(|digits| !digits.is_empty())
    }

    /// The words, for the recogniser.
    pub(crate) fn hints(&self) -> String {
        hints(self.0.iter().map(|(word, _)| word.as_str()))
    }
}

/// The key of the menu's entry that a caller named, by its label or its digit.
pub(crate) fn key(menu: &Menu, speaker: &Speaker, speech: &str) -> Option<String> {
    if let Some(digits) = DigitWords::of(speaker).digits(speech) {
        return Some(digits);
    }
    let said = plain(speech);
    let labels = menu.labels(speaker).into_iter();
    let labels = labels.map(|(digit, label)| (digit, plain(&label)));
    let mut named: Vec<(&str, String)> = labels
        .filter(|(_, label)| !label.trim().is_empty() && said.contains(label.as_str()))
        .collect();
    // "Open tickets" also names "tickets".
    let longest = named.iter().map(|(_, label)| label.len()).max()?;
    named.retain(|(_, label)| label.len() == longest);
    match &named[..] {
        [(digit, _)] => Some((*digit).to_owned()),
        _ => None,
    }
}

/// The menu's labels and digits, for the recogniser.
pub(crate) fn menu_hints(menu: &Menu, speaker: &Speaker) -> String {
    let labels = menu.labels(speaker).into_iter().map(|(_, label)| label);
    let labels: Vec<String> = labels.collect();
    let digits = DigitWords::of(speaker).hints();
    let digits = digits.split(", ");
    hints(labels.iter().map(String::as_str).chain(digits))
}

fn hints<'a>(phrases: impl Iterator<Item = &'a str>) -> String {
    let phrases = phrases.map(|phrase| plain(phrase).trim().to_owned());
    let phrases = phrases.filter(|phrase| (1..=HINT_LIMIT).contains(&phrase.chars().count()));
    phrases.collect::<Vec<_>>().join(", ")
}

/// The words in small letters, with one blank around each.
fn plain(text: &str) -> String {
    let text = text.to_lowercase();
    let is_of_a_word = |c: char| c.is_alphanumeric() || is_mark(c);
    let words = text
        .split(|c| !is_of_a_word(c))
        .filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |text, word| text + word + " ")
}

/// True for a sign that changes the letter before it, such as the sound marks of Arabic and Japanese.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{3099}'..='\u{309a}')
}

/// A digit in any of the scripts that recognisers write.
fn digit(c: char) -> Option<char> {
    let zero = match c {
        '0'..='9' => '0',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        _ => return None,
    };
    char::from_digit(c as u32 - zero as u32, 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use words::Language;

    #[test]
    fn digits_are_understood_as_words_and_as_figures() {
        let english = DigitWords::parse("zero/oh/o one two three four five six seven eight nine");
        for (speech, digits) in [
            ("one two three", Some("123")),
            ("One, oh ZERO. nine!", Some("1009")),
            ("oh-oh-seven", Some("007")),
            ("1004200427", Some("1004200427")),
            ("100 420 04-27.", Some("1004200427")),
            ("one 2 three", Some("123")),
            ("sixsix", Some("66")),
            ("\u{661}\u{6f2}\u{ff13}", Some("123")),
            ("", None),
            ("...", None),
            ("my number is one", None),
            ("fourteen", None),
            ("one hundred", None),
            ("tone", None),
        ] {
            assert_eq!(english.digits(speech).as_deref(), digits, "{speech}");
        }
        let japanese = DigitWords::parse("ゼロ/れい/零 いち/一 に/二 さん 四 五 六 七 八 九");
        assert_eq!(japanese.digits("いちれい二").as_deref(), Some("102"));
    }

    #[test]
    fn every_language_has_ten_digits() {
        for language in Language::all() {
            let text = words::DIGIT_WORDS.text(language, &[]);
            assert_eq!(text.split_whitespace().count(), 10, "{language}: {text}");
            let words = DigitWords::parse(&text);
            for (digit, said) in ('0'..='9').zip(text.split_whitespace()) {
                for word in said.split('/') {
                    let digits = words.digits(&format!("{word} {word}"));
                    assert_eq!(
                        digits,
                        Some(format!("{digit}{digit}")),
                        "{language}: {word}"
                    );
                }
            }
            let hints = words.hints();
            assert!(hints.split(", ").count() >= 10, "{language}: {hints}");
        }
    }

    fn menu(labels: &[&str]) -> Menu {
        let entries = (1..).zip(labels);
        let entries: Vec<String> = entries
            .map(|(digit, label)| format!(r#"{{"digit":"{digit}","label":"{label}","exit":true}}"#))
            .collect();
        let text = format!("[{}]", entries.join(","));
        let lookup = |name: &str| (name == "IVR_MENU").then(|| text.clone());
        shared::platform::config::read(&lookup, |source| Menu::read(source, &[Language::ENGLISH]))
            .unwrap()
    }

    #[test]
    fn an_entry_is_named_by_its_digit_or_by_its_longest_label() {
        let speaker = Speaker::of(Language::ENGLISH);
        // A label without any word is in everything that is said.
        let menu = menu(&["tickets", "Open tickets", "balance", "..."]);
        for (speech, named) in [
            ("one", Some("1")),
            ("4", Some("4")),
            ("seven", Some("7")),
            ("my tickets", Some("1")),
            ("OPEN, tickets!", Some("2")),
            ("the open tickets please", Some("2")),
            ("balance", Some("3")),
            // Both labels are equally long.
            ("balance and tickets", None),
            ("rebalance", None),
            ("balances", None),
            ("something else", None),
            ("", None),
        ] {
            assert_eq!(key(&menu, &speaker, speech).as_deref(), named, "{speech}");
        }
    }

    #[test]
    fn the_recogniser_is_told_labels_and_digits() {
        let speaker = Speaker::of(Language::ENGLISH);
        let told = menu_hints(&menu(&["Open  tickets!", "..."]), &speaker);
        let digits = DigitWords::of(&speaker).hints();
        assert!(digits.contains("seven"), "{digits}");
        assert_eq!(told, format!("open tickets, {digits}"));
        let longest = "ø".repeat(100);
        let longer = "ø".repeat(101);
        assert_eq!(
            hints([&*longest, &longer, "x"].into_iter()),
            format!("{longest}, x")
        );
    }

    #[test]
    fn a_mark_belongs_to_the_letter_before_it() {
        assert_eq!(plain("E\u{301}te\u{301}! 2nd"), " e\u{301}te\u{301} 2nd ");
        assert_eq!(plain("か\u{3099}、い"), " か\u{3099} い ");
    }
}
