//! No text can change the verbs of an answer: an independent XML parser reads back the same verbs and the same text.

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use sandbox::twiml::{Element, parse};
use shared::rules::phone::E164;
use shared::vendors::twilio::twiml::{Dial, Gather, Listen, ReadAs, Response, Utterance, Voice};

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

fn element(name: &str, attributes: &[(&str, &str)], text: &str, children: Vec<Element>) -> Element {
    let attributes = attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let whole: Vec<String> = children.iter().map(|child| child.whole.clone()).collect();
    Element {
        name: name.to_owned(),
        attributes,
        text: text.to_owned(),
        whole: text.to_owned() + &whole.concat(),
        children,
    }
}

/// All that can be written, with the text wherever there is one.
fn check_every_verb(text: &str) {
    let (to, from): (E164, E164) = (
        "+12025550123".parse().unwrap(),
        "+15005550010".parse().unwrap(),
    );
    let dial = Dial {
        number: &to,
        caller_id: &from,
        timeout: 25,
        time_limit: 7_200,
        action: text,
    };
    let voice = Voice {
        language: Some("da-DK".to_owned()),
        name: Some("Polly.Naja".to_owned()),
    };
    let utterance = Utterance::default()
        .text(text)
        .value(text, ReadAs::Digits)
        .value("2026-11-02", ReadAs::Date);
    let gather = Gather {
        action: text,
        digits: Some(1),
        prompts: &[(voice.clone(), text.to_owned().into())],
        listen: Some(Listen {
            language: "da-DK",
            hints: text,
        }),
    };
    let document = Response::new()
        .message(text)
        .message_to(&to, &from, text, &[])
        .message_to(
            &to,
            &from,
            text,
            &[text.to_owned(), "https://example.com/a?b&c".to_owned()],
        )
        .say(text)
        .speak(&voice, utterance.clone())
        .gather(&gather)
        .dial(&dial)
        .record(text, 180)
        .hangup();
    let kept: String = text.chars().filter(|c| is_xml(*c)).collect();
    let cut = |limit| {
        text.chars()
            .take(limit)
            .filter(|c| is_xml(*c))
            .collect::<String>()
    };
    // XML reads blanks in attributes as spaces.
    let (message, action) = (cut(1_600), kept.replace(['\t', '\n'], " "));
    let pair = [("to", "+12025550123"), ("from", "+15005550010")];
    let dialling = [
        ("answerOnBridge", "true"),
        ("callerId", "+15005550010"),
        ("timeLimit", "7200"),
        ("timeout", "25"),
        ("action", &action),
        ("method", "POST"),
    ];
    let recording = [
        ("action", action.as_str()),
        ("method", "POST"),
        ("maxLength", "180"),
        ("timeout", "5"),
        ("finishOnKey", "#"),
        ("playBeep", "true"),
    ];
    let of_voice = [("language", "da-DK"), ("voice", "Polly.Naja")];
    let prompt = element("Say", &of_voice, &cut(4_096), vec![]);
    let digits = [("interpret-as", "digits")];
    let date = [("interpret-as", "date"), ("format", "ymd")];
    let values = vec![
        element("say-as", &digits, &kept, vec![]),
        element("say-as", &date, "2026-11-02", vec![]),
    ];
    let spoken = element("Say", &of_voice, &kept, values);
    let gathering = [
        ("input", "dtmf speech"),
        ("action", &action),
        ("method", "POST"),
        ("finishOnKey", "#"),
        ("timeout", "8"),
        ("actionOnEmptyResult", "true"),
        ("numDigits", "1"),
        ("language", "da-DK"),
        ("hints", &action),
        ("speechTimeout", "2"),
    ];
    let parts = vec![
        element("Body", &[], &message, vec![]),
        element("Media", &[], &kept, vec![]),
        element("Media", &[], "https://example.com/a?b&c", vec![]),
    ];
    let verbs = vec![
        element("Message", &[], &message, vec![]),
        element("Message", &pair, &message, vec![]),
        element("Message", &pair, "", parts),
        element("Say", &[], &cut(4_096), vec![]),
        spoken,
        element("Gather", &gathering, "", vec![prompt]),
        element("Dial", &dialling, "+12025550123", vec![]),
        element("Record", &recording, "", vec![]),
        element("Hangup", &[], "", vec![]),
    ];
    assert_eq!(
        parse(&document.to_xml()),
        Ok(element("Response", &[], "", verbs))
    );
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
        "/after\" method=\"GET",
        "</Say><Dial callerId='+19005550123'>+19005550123</Dial><Say>",
        "",
    ] {
        check(text);
        check_every_verb(text);
    }
    check_every_verb(&"<&>".repeat(400));
    let spoken = read(&Response::new().say(&"<&>".repeat(2_000)).to_xml());
    assert_eq!(
        (spoken.0, spoken.1.len()),
        (vec!["Response".to_owned(), "Say".to_owned()], 4_096)
    );
    check(&"<&>".repeat(1_000));
    assert_eq!(read(&Response::new().to_xml()).0, ["Response"]);
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
        check_every_verb(&text);
    }

    #[test]
    fn markup_like_text(text in "[<>&;/\"'!\\[\\]A-Za-z#0-9 -]{0,80}") {
        check(&text);
        check_every_verb(&text);
    }
}
