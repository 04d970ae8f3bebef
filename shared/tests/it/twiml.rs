//! No text can change the verbs of an answer: an independent XML parser reads back the same verbs and the same text.

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use shared::twilio::twiml::Response;

/// Names of all elements in order, and the text of the last one with text.
fn read(xml: &str) -> (Vec<String>, String) {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let (mut names, mut text) = (Vec::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                assert_eq!(tag.attributes().count(), 0);
                names.push(tag.name().as_ref().to_owned());
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(name) => match name.resolve_char_ref().unwrap() {
                Some(character) => text.push(character),
                None => text.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap()),
            },
            Event::Decl(_) | Event::End(_) => {}
            Event::Eof => return (names, text),
            other => panic!("{other:?}"),
        }
    }
}

fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn check(text: &str) {
    let (names, read) = read(&Response::new().message(text).to_xml());
    assert_eq!(names, ["Response", "Message"]);
    let expected: String = text.chars().take(1600).filter(|c| is_xml(*c)).collect();
    assert_eq!(read, expected);
}

#[test]
fn hostile_texts() {
    for text in [
        "</Message><Redirect>https://evil.example</Redirect>",
        "<![CDATA[<Dial>+900</Dial>]]>",
        "]]>",
        "&lt;Say&gt; &amp; &#60;",
        "<!-- --><?xml?>",
        "\0\u{1}\u{b}\u{1f}\u{fffe}\u{ffff}",
        "a\r\nb\rc",
        "\"' onload=\"x",
        "",
    ] {
        check(text);
    }
    check(&"<&>".repeat(1_000));
    assert_eq!(read(&Response::new().to_xml()).0, ["Response"]);
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn markup_like_text(text in "[<>&;/\"'!\\[\\]A-Za-z#0-9 -]{0,80}") {
        check(&text);
    }
}
