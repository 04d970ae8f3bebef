//! The languages of calls that read out a code. The sentence is the catalogue's.
//!
//! A language is in the table if all providers of calls can speak it.

use ::words::{CODE_SPOKEN, Language};

/// The tags. The first one of a language is for its other regions, too.
const TAGS: [&str; 14] = [
    "en-US", "en-GB", "da-DK", "de-DE", "es-ES", "es-MX", "fr-FR", "fr-CA", "it-IT", "nl-NL",
    "pl-PL", "pt-BR", "pt-PT", "sv-SE",
];

/// The tags of all languages.
pub fn languages() -> impl Iterator<Item = &'static str> {
    TAGS.into_iter()
}

/// Whether this is the tag of a language in the table.
pub fn is_language(tag: &str) -> bool {
    languages().any(|known| known == tag)
}

/// The language of a locale such as `da_DK` or `da`, as a tag; `None` if it is not in the table.
pub(super) fn language(locale: &str) -> Option<&'static str> {
    let locale = locale.trim().replace('_', "-");
    let exact = languages().find(|tag| tag.eq_ignore_ascii_case(&locale));
    let wanted = primary(&locale);
    exact.or_else(|| languages().find(|tag| primary(tag).eq_ignore_ascii_case(wanted)))
}

/// The sentence with a code, in the language of this tag.
pub(super) fn sentence(tag: &str, code: &str) -> String {
    let language = Language::of_locale(tag).unwrap_or(Language::ENGLISH);
    CODE_SPOKEN.text(language, &[("code", code.into())])
}

fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_finds_its_language() {
        for (locale, tag) in [
            ("da", Some("da-DK")),
            ("da_DK", Some("da-DK")),
            ("EN-gb", Some("en-GB")),
            ("en-AU", Some("en-US")),
            ("pt", Some("pt-BR")),
            ("pt-PT", Some("pt-PT")),
            ("fi", None),
            ("", None),
        ] {
            assert_eq!(language(locale), tag, "{locale}");
        }
        for tag in TAGS {
            let language = Language::of_locale(tag).unwrap();
            assert!(tag.starts_with(language.tag()), "{tag}");
        }
    }
}
