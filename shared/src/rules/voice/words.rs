//! The sentences that people hear, by language. They are in this file only.
//!
//! A language is in the table if all providers of calls can speak it.

/// The place of the code in a sentence.
const PLACE: &str = "{code}";

/// A language with its sentence. The first one of a language is for its other regions, too.
const SENTENCES: [(&str, &str); 14] = [
    ("en-US", "Your code is: {code}"),
    ("en-GB", "Your code is: {code}"),
    ("da-DK", "Din kode er: {code}"),
    ("de-DE", "Ihr Code lautet: {code}"),
    ("es-ES", "Su código es: {code}"),
    ("es-MX", "Su código es: {code}"),
    ("fr-FR", "Votre code est : {code}"),
    ("fr-CA", "Votre code est : {code}"),
    ("it-IT", "Il suo codice è: {code}"),
    ("nl-NL", "Uw code is: {code}"),
    ("pl-PL", "Twój kod to: {code}"),
    ("pt-BR", "Seu código é: {code}"),
    ("pt-PT", "O seu código é: {code}"),
    ("sv-SE", "Din kod är: {code}"),
];

/// The tags of all languages.
pub fn languages() -> impl Iterator<Item = &'static str> {
    SENTENCES.into_iter().map(|(tag, _)| tag)
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
    let known = SENTENCES.into_iter().find(|(known, _)| *known == tag);
    let (_, sentence) = known.unwrap_or(SENTENCES[0]);
    sentence.replace(PLACE, code)
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
        for (tag, sentence) in SENTENCES {
            assert_eq!(sentence.matches(PLACE).count(), 1, "{tag}");
        }
    }
}
