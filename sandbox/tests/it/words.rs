//! No sentence for people outside the catalogue.

use sandbox::template::root;

use crate::structure::sources;

/// Words in capitals with which texts for engineers begin: names, the places in a provider's console,
/// and the reports of provisioning.
const FOR_ENGINEERS: [&str; 16] = [
    "Applications",
    "Basic",
    "Bearer",
    "Cleaned",
    "Console",
    "Control",
    "Dashboard",
    "Management",
    "Okta",
    "Okta's",
    "Pointed",
    "Purchased",
    "Released",
    "Security",
    "Twilio",
    "Twilio's",
];

/// The texts in quotes of a source, without those of its comments and tests.
fn quoted(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(str::trim_start);
    let code: Vec<&str> = lines.filter(|line| !line.starts_with("//")).collect();
    let mut found = Vec::new();
    let code = code.join("\n").replace("'\"'", "").replace("\\\"", "”");
    for (at, part) in code.split('"').enumerate() {
        if at % 2 == 1 {
            found.push(part.to_owned());
        }
    }
    found
}

/// True for a sentence: a word that begins with a capital letter, and another word. Texts for
/// engineers begin with a small letter, a variable's name, or one of the words above.
fn is_for_people(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else {
        return false;
    };
    let first = first.trim_end_matches([',', '.', ':', '!', '?']);
    let is_word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next();
        first.is_some_and(char::is_uppercase)
            && letters.all(|c| c.is_lowercase() || matches!(c, '\'' | '’'))
    };
    is_word(first)
        && second.starts_with(|c: char| c.is_alphabetic() || c == '{')
        && !FOR_ENGINEERS.contains(&first)
}

#[test]
fn every_sentence_for_people_is_in_the_catalogue() {
    let mut found = Vec::new();
    for folder in ["functions", "shared/src"] {
        for (path, source) in sources(&root().join(folder)) {
            let path = path.strip_prefix(root()).unwrap().display().to_string();
            if path.starts_with("functions") && !path.contains("/src/") {
                continue;
            }
            let texts = quoted(&source).into_iter();
            let texts = texts.filter(|text| is_for_people(text));
            found.extend(texts.map(|text| format!("{path}: {text}")));
        }
    }
    assert!(
        found.is_empty(),
        "these sentences belong into words/*.ftl, in every language:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_sentence_is_told_from_other_texts() {
    for sentence in [
        "Goodbye, and thank you.",
        "Voicemail from {from}",
        "We are sorry.",
        "Thank you. Your account is verified.",
    ] {
        assert!(is_for_people(sentence), "{sentence}");
    }
    for other in [
        "IVR_MENU is empty",
        "is empty",
        "Okta refuses",
        "X-Amz-Date",
        "GetItem",
        "Polly.Joanna-Neural",
    ] {
        assert!(!is_for_people(other), "{other}");
    }
    let source =
        "// \"Not this one.\"\nlet a = \"It is \\\"this\\\".\"; // x\n#[cfg(test)] \"Nor this.\"";
    assert_eq!(quoted(source), ["It is ”this”."]);
}
