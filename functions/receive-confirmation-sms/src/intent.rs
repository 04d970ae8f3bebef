//! Understands a message: the words that confirm, and the words that opt out.

use shared::platform::config::Source;
use shared::rules::words::Words;
use shared::vendors::twilio::webhook::STOP_WORDS;
use unicode_normalization::UnicodeNormalization as _;

/// A confirmation is a word and a code. A longer message is not one.
const MAX_REPLY_BYTES: usize = 200;

/// The words that confirm.
#[derive(Debug)]
pub(crate) struct Confirming(Vec<String>);

impl Confirming {
    /// The words that a message can confirm with: neither an empty one nor one that opts out.
    pub(crate) fn new(words: &[String]) -> Self {
        let words = words.iter().map(|word| tokens(word).join(" "));
        Self(
            words
                .filter(|word| !word.is_empty() && !opts_out(word))
                .collect(),
        )
    }

    /// Notes in `source` what is wrong with the words of the settings.
    pub(crate) fn check(words: &Words, source: &mut Source<'_>) {
        let of = match source.optional("CORRECT_SMS_RESPONSE") {
            Some(_) => "CORRECT_SMS_RESPONSE",
            None => "WORDS: confirm-words",
        };
        for word in words.confirming_at_once() {
            let word = tokens(&word).join(" ");
            if word.is_empty() {
                source.problem(format!("{of} holds an entry without a letter"));
            } else if opts_out(&word) {
                source.problem(format!(
                    "{of} holds a word that opts out of all texts, such as STOP or END"
                ));
            }
        }
    }
}

fn opts_out(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

/// The meaning of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Intent {
    /// The person wants no more SMS.
    OptOut,
    /// A word that confirms, perhaps with a request's code of four digits.
    Confirm { code: Option<String> },
    /// Anything else.
    Other,
}

/// Understands a message. Only one of the words confirms, in any case, width and punctuation:
/// `yes!`, `"ＹＥＳ"`, but not `yes please`.
pub(crate) fn understand(text: &str, words: &Confirming) -> Intent {
    if text.len() > MAX_REPLY_BYTES {
        return Intent::Other;
    }
    let mut tokens = tokens(text);
    let is_word = |tokens: &[String]| words.0.contains(&tokens.join(" "));
    let is_code = |code: &String| code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit());
    // "Yes ❤️": an emoji at the end counts as punctuation, unless the configured word ends with it.
    while !is_word(&tokens) && tokens.last().is_some_and(|word| word.chars().all(is_emoji)) {
        tokens.pop();
    }
    match tokens.as_slice() {
        [word] if opts_out(word) => Intent::OptOut,
        all if is_word(all) => Intent::Confirm { code: None },
        [word @ .., code] if is_word(word) && is_code(code) => Intent::Confirm {
            code: Some(code.clone()),
        },
        _ => Intent::Other,
    }
}

/// The words of a message, in one form: NFKC, no invisible characters, case folded, no punctuation
/// around a word.
fn tokens(text: &str) -> Vec<String> {
    let unified: String = text
        .nfkc()
        .filter(|c| !is_invisible(*c))
        .flat_map(char::to_lowercase)
        .collect();
    let words = unified.split_whitespace();
    let words = words.map(|word| word.trim_matches(is_punctuation));
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// True for zero-width characters, direction marks, variation selectors, skin tones, the byte order
/// mark, and controls that are not blanks.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{1f3fb}'..='\u{1f3ff}')
        || (c.is_control() && !c.is_whitespace())
}

/// True for pictures and symbols (<https://www.unicode.org/reports/tr51/>).
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{203c}' | '\u{2049}' | '\u{20e3}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{a1}' | '\u{ab}' | '\u{b4}' | '\u{b7}' | '\u{bb}' | '\u{bf}' | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{3011}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::words::Language;
    use proptest::prelude::*;
    use shared::platform::Platform;
    use shared::platform::config::read;
    use shared::rules::words::Localizer;

    fn words(list: &str) -> Confirming {
        let words: Vec<String> = list.split(',').map(str::to_owned).collect();
        Confirming::new(&words)
    }

    #[test]
    fn grammar() {
        let words = words("YES, Sí, ja tak, 👍");
        let confirm = |code: Option<&str>| Intent::Confirm {
            code: code.map(str::to_owned),
        };
        let plain = "yes|YES |Yes.|\"yes\"|yes!!|YES\n|ＹＥＳ|\u{a0}yes\u{a0}|y\u{200d}es|\u{feff}yes|¡sí!|si\u{301}|\
            Ja   tak|ja\ttak|👍\u{fe0f}|«YES»|‘yes’|\u{202e}yes|👍🏽|Yes ❤️|yes! 🎉🎉 👍🏿";
        let other = "| |yes please|yes no|no yes|yesterday|y e s|I said YES yesterday|oui|ja|YES 482|YES 48211|YES 48 21|\
            4821|YES4821|stop it|yes\0no|YES ٤٨٢١|!!!|❤️|❤️ yes";
        for (texts, intent) in [
            (plain, confirm(None)),
            (
                "YES 4821|yes, 4821.|ja tak 4821|ＹＥＳ ４８２１",
                confirm(Some("4821")),
            ),
            ("STOP|stop.| Unsubscribe|ＥＮＤ|Quit!|arret", Intent::OptOut),
            (other, Intent::Other),
            (&"yes ".repeat(500), Intent::Other),
        ] {
            for text in texts.split('|') {
                assert_eq!(understand(text, &words), intent, "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn only_the_words_confirm(text in "\\PC{0,40}") {
            if let Intent::Confirm { .. } = understand(&text, &words("YES")) {
                let letters: String = text.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
                prop_assert!(letters.strip_prefix("yes").is_some_and(|rest| rest.is_empty() || rest.len() == 4), "{text:?}");
            }
        }

        #[test]
        fn any_text_is_understood(text in any::<String>()) {
            understand(&text, &words("YES"));
        }
    }

    #[test]
    fn the_words_of_every_language_confirm_and_none_opts_out() {
        for language in Language::all() {
            let listed = Localizer::new(language).confirming();
            let words = Confirming::new(&listed);
            assert_eq!(words.0.len(), listed.len(), "{listed:?}");
            for word in &listed {
                for text in [
                    word.to_lowercase(),
                    format!("«{word}!»"),
                    format!(" {word}. "),
                ] {
                    let intent = understand(&text, &words);
                    assert_eq!(intent, Intent::Confirm { code: None }, "{text}");
                }
                let intent = understand(&format!("{word} 4821"), &words);
                let code = Some("4821".to_owned());
                assert_eq!(intent, Intent::Confirm { code }, "{word}");
            }
        }
    }

    #[test]
    fn words_are_compared_in_every_script() {
        let words = words("SÍ,SI,はい,نعم");
        for text in
            "sí|si|Si\u{301}|¡Sí!|はい|はい。|「はい」|はい！|نعم|\u{200f}نعم\u{200f}|نعم،|نعم؟"
                .split('|')
        {
            assert_eq!(
                understand(text, &words),
                Intent::Confirm { code: None },
                "{text}"
            );
        }
        for text in "はいはい|いいえ|لا|نعم لا|s".split('|') {
            assert_eq!(understand(text, &words), Intent::Other, "{text}");
        }
    }

    #[test]
    fn a_reply_has_at_most_200_bytes() {
        let words = words("yes");
        let of = |bytes: usize| format!("yes{}", " ".repeat(bytes - 3));
        assert_eq!(understand(&of(200), &words), Intent::Confirm { code: None });
        assert_eq!(understand(&of(201), &words), Intent::Other);
    }

    /// What is wrong with the words of these settings.
    fn problems(name: &str, value: &str) -> Vec<String> {
        let lookup = |asked: &str| {
            let fixed = [
                ("TABLE_NAME", "table"),
                ("AWS_REGION", "eu-west-1"),
                ("AWS_ACCESS_KEY_ID", "AKIA"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
            ];
            let mut all = [(name, value)].into_iter().chain(fixed);
            let found = all.find(|(key, _)| *key == asked);
            found.map(|(_, value)| value.to_owned())
        };
        let read = read(&lookup, |source| {
            let platform = Platform::read(source);
            crate::texts::read(&platform, source);
        });
        read.map_or_else(|problems| problems.0, |()| Vec::new())
    }

    #[test]
    fn a_setting_with_a_word_that_cannot_confirm_is_named() {
        for (name, value, of) in [
            (
                "CORRECT_SMS_RESPONSE",
                ["YES,OK", "YES,!", "YES,stop"],
                "CORRECT_SMS_RESPONSE",
            ),
            (
                "WORDS",
                [
                    r#"{"en":{"confirm-words":"YES,OK"}}"#,
                    r#"{"en":{"confirm-words":"YES,!"}}"#,
                    r#"{"en":{"confirm-words":"YES,stop"}}"#,
                ],
                "WORDS: confirm-words",
            ),
        ] {
            let [fine, empty, stop] = value;
            assert_eq!(problems(name, fine), [""; 0]);
            assert_eq!(
                problems(name, empty),
                [format!("{of} holds an entry without a letter")]
            );
            let opts_out = "holds a word that opts out of all texts, such as STOP or END";
            assert_eq!(problems(name, stop), [format!("{of} {opts_out}")]);
        }
    }

    #[test]
    fn words_that_opt_out_or_are_none_cannot_confirm() {
        let words = words("END,!, ,yes");
        assert_eq!(understand("end", &words), Intent::OptOut);
        for text in ["!", "", "end 4821", "..."] {
            assert_eq!(understand(text, &words), Intent::Other, "{text}");
        }
    }
}
