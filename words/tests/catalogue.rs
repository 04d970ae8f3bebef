//! The texts of every language, with plurals, and what may stand in their place.

use words::{ALL, Language, Overrides, Value};

fn language(tag: &str) -> Language {
    tag.parse().expect("the catalogue has the language")
}

#[test]
fn plurals_follow_the_language() {
    for (tag, minutes, text) in [
        ("en", 1, "1 minute ago"),
        ("en", 2, "2 minutes ago"),
        ("da", 1, "1 minut siden"),
        ("da", 21, "21 minutter siden"),
        ("pl", 1, "minut"),
        ("pl", 3, "minuty"),
        ("pl", 5, "minut"),
        ("ar", 2, "دقيقتين"),
        ("ja", 2, "2"),
    ] {
        let minutes = [("minutes", Value::count(minutes))];
        let told = words::AGE_MINUTES.text(language(tag), &minutes);
        assert!(told.contains(text), "{tag}: {told}");
    }
}

#[test]
fn every_text_of_every_language_can_be_written() {
    const MARK: &str = "\u{2039}x\u{203a}";
    for message in ALL {
        for language in Language::all() {
            for number in [0, 1, 2, 3, 5, 11, 59, 100] {
                let values: Vec<(&str, Value<'_>)> = message
                    .variables
                    .iter()
                    .map(|name| match *name {
                        "minutes" | "hours" | "digits" => (*name, Value::count(number)),
                        _ => (*name, MARK.into()),
                    })
                    .collect();
                let text = message.text(language, &values);
                let id = message.id;
                assert!(!text.trim().is_empty(), "{language}: {id}");
                assert!(!text.contains(['{', '}', '$']), "{language}: {text}");
                assert_eq!(text, text.trim(), "{language}: {id}");
                let marks = values
                    .iter()
                    .filter(|(_, value)| matches!(value, Value::Text(_)));
                assert!(
                    text.matches(MARK).count() >= marks.count(),
                    "{language}: {text}"
                );
            }
        }
    }
}

#[test]
fn a_text_of_ones_own_is_checked() {
    let mut own = Overrides::default();
    let danish = language("da");
    for (id, text, why) in [
        ("goodbye", "Hej hej.", ""),
        ("goodbye", "* stjerne\n.punktum", ""),
        ("connecting", "Du stilles om til { $name }.", ""),
        ("connecting", "Du stilles om.", ""),
        (
            "age-hours",
            "{ $hours ->\n    [one] en time\n   *[other] { $hours } timer\n}",
            "",
        ),
        (
            "age-hours",
            "{ $hours -> [one] en time *[other] { $hours } timer }",
            "syntax",
        ),
        ("nothing", "x", "is not the name of a text"),
        ("goodbye", " ", "is empty"),
        ("goodbye", "{", "syntax"),
        ("goodbye", "Hej { $name }", "may have none"),
        ("connecting", "Hej { $code }", "may have only $name"),
        ("code-text", "Din kode", "lacks { $code }"),
        ("goodbye", "{ -term }", "may hold only"),
        ("goodbye", "{ connecting }", "may hold only"),
        ("goodbye", "{ NUMBER($name) }", "may hold only"),
        ("goodbye", "Hej\n\nfarvel = x", ""),
    ] {
        let added = own.add(danish, id, text);
        match added {
            Ok(()) => assert_eq!(why, "", "{text}"),
            Err(told) => assert!(!why.is_empty() && told.contains(why), "{text}: {told}"),
        }
    }
    let say = |message, values: &[_]| own.text(message, danish, values);
    assert_eq!(say(&words::GOODBYE, &[]), "Hej\n\nfarvel = x");
    assert_eq!(
        say(&words::CONNECTING, &[("name", "Ann".into())]),
        "Du stilles om."
    );
    assert_eq!(
        say(&words::AGE_HOURS, &[("hours", Value::count(1))]),
        "en time"
    );
    assert_eq!(
        say(&words::AGE_HOURS, &[("hours", Value::count(3))]),
        "3 timer"
    );
    let english = own.text(&words::GOODBYE, Language::ENGLISH, &[]);
    assert_eq!(english, "Goodbye.");
    assert_eq!(own.names(danish).count(), 3);
}

#[test]
fn a_locale_and_a_country_mean_a_language() {
    for (locale, tag) in [
        ("da", Some("da")),
        ("da-DK", Some("da")),
        ("DA_dk", Some("da")),
        ("no", Some("nb")),
        ("nn-NO", Some("nb")),
        ("pt-BR", Some("pt")),
        ("zh-Hant-TW", None),
        ("", None),
        ("-", None),
        ("danish", None),
        ("da\n", Some("da")),
    ] {
        let found = Language::of_locale(locale).map(Language::tag);
        assert_eq!(found, tag, "{locale}");
    }
    assert_eq!(Language::of_locale(&"da-".repeat(700)), None);
    for (country, tag) in [
        ("DK", Some("da")),
        ("CH", Some("de")),
        ("BE", Some("nl")),
        ("XX", None),
    ] {
        let found = Language::of_country(country).map(Language::tag);
        assert_eq!(found, tag, "{country}");
    }
}
