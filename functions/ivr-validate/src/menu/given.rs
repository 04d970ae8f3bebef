//! Reads `IVR_MENU`.

use std::collections::{BTreeMap, HashSet};
use std::mem;

use serde::Deserialize;
use serde_json::{Map, Value};
use words::Language;

use super::{Action, ByLanguage, Entry, Menu, Sentence, Text};

const LABEL_LIMIT: usize = 100;
/// The tag for all languages that have no text of their own.
const OTHERS: &str = "*";
const SHAPE: &str = r#"is not a JSON list such as [{"digit":"1","label":"account balance","path":"/accounts/{account}","say":"Your balance is {balance.amount}."},{"digit":"9","label":"exit","exit":true}]"#;

/// The members of an entry.
const MEMBERS: [&str; 5] = ["digit", "label", "path", "say", "exit"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    digit: String,
    label: GivenText,
    path: Option<String>,
    say: Option<GivenText>,
    #[serde(default)]
    exit: bool,
}

/// One text for all languages, or texts by language.
#[derive(Deserialize)]
#[serde(untagged)]
enum GivenText {
    One(String),
    ByLanguage(BTreeMap<String, String>),
}

/// The menu, or all that is wrong with it.
pub(super) fn parse(text: &str, languages: &[Language]) -> Result<Menu, Vec<String>> {
    let listed: Value =
        serde_json::from_str(text).map_err(|error| vec![format!("{SHAPE}: {error}")])?;
    let Value::Array(listed) = listed else {
        return Err(vec![SHAPE.to_owned()]);
    };
    if listed.is_empty() {
        return Err(vec!["is empty".to_owned()]);
    }
    let (mut digits, mut entries, mut problems) = (HashSet::new(), Vec::new(), Vec::new());
    for (index, value) in listed.into_iter().enumerate() {
        let given = match shaped(index, value) {
            Ok(given) => given,
            Err(whys) => {
                problems.extend(whys);
                continue;
            }
        };
        let digit = given.digit.clone();
        let is_digit = digit.len() == 1 && digit.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digit || !digits.insert(digit.clone()) {
            problems.push("must give each entry one digit of its own".to_owned());
        }
        match entry(given, languages) {
            Ok(entry) => entries.push(entry),
            Err(whys) => {
                problems.extend(whys.into_iter().map(|why| format!("entry {digit}: {why}")));
            }
        }
    }
    if problems.is_empty() {
        Ok(Menu(entries))
    } else {
        Err(problems)
    }
}

/// An entry whose members have known names and the right types; or what is wrong, with the entry's
/// key, or else its place in the list.
fn shaped(index: usize, value: Value) -> Result<Given, Vec<String>> {
    let place = value["digit"].as_str().map_or_else(
        || format!("entry number {}", index + 1),
        |digit| format!("entry {digit}"),
    );
    let Value::Object(members) = &value else {
        return Err(vec![format!("{place}: is no JSON object")]);
    };
    let unknown = members
        .keys()
        .filter(|name| !MEMBERS.contains(&name.as_str()));
    let known = MEMBERS.join(", ");
    let mut problems: Vec<String> = unknown
        .map(|name| format!("{place}: unknown member {name:?}; known are {known}"))
        .collect();
    for (name, is_right, wanted) in [
        ("digit", value["digit"].is_string(), "a text, such as \"1\""),
        (
            "label",
            is_text(&value["label"]),
            "a text, or texts by language",
        ),
        (
            "path",
            value["path"].is_null() || value["path"].is_string(),
            "a text",
        ),
        (
            "say",
            value["say"].is_null() || is_text(&value["say"]),
            "a text, or texts by language",
        ),
        (
            "exit",
            members.get("exit").is_none_or(Value::is_boolean),
            "true or false",
        ),
    ] {
        if !is_right {
            problems.push(format!("{place}: {name} must be {wanted}"));
        }
    }
    if problems.is_empty() {
        let given = serde_json::from_value(value);
        given.map_err(|error| vec![format!("{place}: {error}")])
    } else {
        Err(problems)
    }
}

fn is_text(value: &Value) -> bool {
    let all_texts = |texts: &Map<String, Value>| texts.values().all(Value::is_string);
    value.is_string() || value.as_object().is_some_and(all_texts)
}

fn entry(given: Given, languages: &[Language]) -> Result<Entry, Vec<String>> {
    let mut problems = Vec::new();
    let label = texts("label", given.label, languages, &mut problems);
    if label.all().any(|text| text.chars().count() > LABEL_LIMIT) {
        problems.push(format!("label is longer than {LABEL_LIMIT} characters"));
    }
    let action = match (given.path, given.say, given.exit) {
        (None, None, true) => Some(Action::Exit),
        (Some(path), Some(say), false) => {
            let say = texts("say", say, languages, &mut problems);
            if !say.all().all(are_paired) {
                problems.push("say has a brace without its other half".to_owned());
            }
            match path.parse::<shared::services::protected::Template>() {
                Err(why) => {
                    problems.push(format!("path {why}"));
                    None
                }
                Ok(path) if path.names().any(|name| name != "account") => {
                    problems.push("path may hold {account} only".to_owned());
                    None
                }
                Ok(path) => Some(Action::Tell {
                    path,
                    say: Sentence::Own(say),
                }),
            }
        }
        _ => {
            problems.push("either path and say, or exit".to_owned());
            None
        }
    };
    match action {
        Some(action) if problems.is_empty() => Ok(Entry {
            digit: given.digit,
            label: Text::Own(label),
            action,
        }),
        _ => Err(problems),
    }
}

fn texts(
    what: &str,
    given: GivenText,
    languages: &[Language],
    problems: &mut Vec<String>,
) -> ByLanguage {
    let mut texts = ByLanguage::default();
    match given {
        GivenText::One(text) => texts.others = Some(text),
        GivenText::ByLanguage(given) => {
            for (tag, text) in given {
                match tag.parse() {
                    _ if tag == OTHERS => texts.others = Some(text),
                    Ok(language) => {
                        texts.texts.insert(language, text);
                    }
                    Err(_) => problems.push(format!(
                        "{what} has a text for {tag}, which is neither a language of the catalogue nor {OTHERS}"
                    )),
                }
            }
        }
    }
    let missing = languages.iter().filter(|one| texts.get(**one).is_none());
    let missing: Vec<&str> = missing.map(|one| one.tag()).collect();
    if !missing.is_empty() {
        problems.push(format!(
            "{what} has no text for {}; {OTHERS} is for all other languages",
            missing.join(", ")
        ));
    }
    texts
}

impl ByLanguage {
    fn all(&self) -> impl Iterator<Item = &str> {
        let all = self.texts.values().chain(&self.others);
        all.map(String::as_str)
    }
}

/// True if every brace has its partner and no pair is inside another.
fn are_paired(say: &str) -> bool {
    let mut is_open = false;
    let fits = |c| match c {
        '{' => !mem::replace(&mut is_open, true),
        '}' => mem::replace(&mut is_open, false),
        _ => true,
    };
    say.chars().all(fits) && !is_open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_menus_are_told() {
        for (fields, part) in [
            ("", "either"),
            (r#","path":"/a","exit":true"#, "either"),
            (r#","path":"/a""#, "either"),
            (r#","path":"a","say":"y""#, "path"),
            (r#","path":"/{pin}","say":"y""#, "{account}"),
            (r#","path":"/a","say":"{y""#, "brace"),
            (r#","path":"/a","say":"y}""#, "brace"),
            (r#","path":"/a","say":"}y{""#, "brace"),
            (r#","path":"/a","say":"{{y}}""#, "brace"),
            (r#","path":"/a","say":{"en":"x","*":"{y"}"#, "brace"),
            (r#","path":"/a","say":{"klingon":"x","*":"y"}"#, "klingon"),
            (r#","path":"/a","say":{}"#, "say has no text for en"),
        ] {
            let text = format!(r#"[{{"digit":"1","label":"x"{fields}}}]"#);
            let whys = parse(&text, &[Language::ENGLISH]).unwrap_err();
            assert!(
                whys.len() == 1 && whys[0].contains(part),
                "{fields}: {whys:?}"
            );
        }
        assert_eq!(parse("[]", &[]).unwrap_err(), ["is empty"]);
    }

    #[test]
    fn the_wrong_member_of_an_entry_is_named() {
        let whys = |text: &str| parse(text, &[Language::ENGLISH]).unwrap_err();
        let menu = r#"[{"digit":"1","label":"x","exit":true},{"digit":"2","label":"y","path":"/a","textt":"z"},{"digit":3,"say":[]}, 7]"#;
        assert_eq!(
            whys(menu),
            [
                r#"entry 2: unknown member "textt"; known are digit, label, path, say, exit"#,
                r#"entry number 3: digit must be a text, such as "1""#,
                "entry number 3: label must be a text, or texts by language",
                "entry number 3: say must be a text, or texts by language",
                "entry number 4: is no JSON object",
            ]
        );
        assert!(whys(r#"[{"digit":"1" "label":"x"}]"#)[0].ends_with("at line 1 column 15"));
        assert_eq!(whys("{}"), [SHAPE]);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let long = "x".repeat(101);
        let text = format!(
            r#"[{{"digit":"1","label":"{long}","path":"a","say":"{{y"}},{{"digit":"1","label":{{"en":"x"}}}}]"#
        );
        let whys = parse(&text, &[Language::ENGLISH]).unwrap_err();
        assert_eq!(whys.len(), 5, "{whys:?}");
    }

    #[test]
    fn a_text_may_differ_by_language() {
        let text = r#"[{"digit":"1","label":{"en":"open tickets","*":"tickets"},"exit":true}]"#;
        let menu = parse(text, &[Language::ENGLISH]).unwrap();
        let Text::Own(label) = &menu.0[0].label else {
            panic!("{menu:?}");
        };
        assert_eq!(label.get(Language::ENGLISH), Some("open tickets"));
        for other in Language::all().skip(1) {
            assert_eq!(label.get(other), Some("tickets"));
        }
    }

    #[test]
    fn an_entry_has_one_digit() {
        let menu = |digit: &str| {
            let text = format!(r#"[{{"digit":"{digit}","label":"x","exit":true}}]"#);
            parse(&text, &[Language::ENGLISH])
        };
        for digit in ["0", "9"] {
            assert_eq!(menu(digit).unwrap().0[0].digit, digit);
        }
        for digit in ["", "12", "x", "*", "#", "\u{661}"] {
            let whys = menu(digit).unwrap_err();
            assert_eq!(whys, ["must give each entry one digit of its own"]);
        }
    }

    #[test]
    fn a_label_has_at_most_100_characters() {
        let menu = |length| {
            let label = "ø".repeat(length);
            let text = format!(r#"[{{"digit":"1","label":"{label}","exit":true}}]"#);
            parse(&text, &[Language::ENGLISH])
        };
        assert!(menu(100).is_ok());
        let whys = menu(101).unwrap_err();
        assert_eq!(whys, ["entry 1: label is longer than 100 characters"]);
    }

    #[test]
    fn a_sentence_may_have_several_places() {
        let text =
            r#"[{"digit":"1","label":"x","path":"/a/{account}","say":"{a.b} of {c}, {a.b}."}]"#;
        let menu = parse(text, &[Language::ENGLISH]).unwrap();
        assert!(matches!(menu.0[0].action, Action::Tell { .. }));
    }
}
