//! Phone numbers, segments and `TwiML`.

use sandbox::segments as counted;
use sandbox::twiml::{self as read, Element};
use shared::rules::phone::E164;
use shared::rules::sms::segments as counting;
use shared::vendors::twilio::twiml::{
    Gather, Listen, MESSAGE_LIMIT, ReadAs, Response, Utterance, Voice,
};

/// A number is a plus and 7 to 15 digits. What a log shows of it has at most seven of them.
pub fn phone(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(number) = text.parse::<E164>() {
        check(&number);
        assert_eq!(number.reveal(), text);
        assert_eq!(E164::from_written(&text), Some(number));
    }
    if let Some(number) = E164::from_written(&text) {
        check(&number);
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(number.digits(), digits);
    }
}

fn check(number: &E164) {
    let digits = number.digits();
    assert!((7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(number.reveal(), format!("+{digits}"));
    assert!(number.reveal().starts_with(number.range()));
    let shown = number.to_string();
    let (start, end) = shown.split_once("••••").expect("a masked number");
    assert!(number.reveal().starts_with(start) && digits.ends_with(end));
    assert!(start.len() <= 4 && end.len() <= 4 && start.len() + end.len() < digits.len());
    let (_region, _costs) = (number.region(), number.is_costly());
}

/// The sandbox, which shares no code with the functions, counts the same segments.
pub fn segments(data: &[u8]) {
    // The second text has characters of two septets, and of two UTF-16 units.
    let text = String::from_utf8_lossy(data);
    for text in [text.to_string(), text.replace('a', "€").replace('b', "😘")] {
        let count = |count: usize| u64::try_from(count).expect("a count fits");
        assert_eq!(counting::count(&text), count(counted::segments(&text)));
        let ucs2 = count(counted::ucs2_segments(&text));
        assert_eq!(counting::count_ucs2(&text), ucs2);
    }
}

/// No text becomes markup: the sandbox's reader finds the verbs and the texts that were written.
pub fn twiml(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parsed = |response: Response| {
        let xml = response.to_xml();
        read::parse(&xml).unwrap_or_else(|error| panic!("{}: {xml}", error.detail))
    };
    let sent: String = text
        .chars()
        .take(MESSAGE_LIMIT)
        .filter(|c| is_xml(*c))
        .collect();
    let message = parsed(Response::new().message(&text));
    assert_eq!(verbs(&message), ["Message"]);
    assert_eq!(message.children[0].whole, sent);

    // The functions bound what they write in an attribute. Twilio reads documents of at most 64 kB.
    let short: String = text.chars().take(500).collect();
    let named = |name: &str| Voice {
        language: Some("da-DK".to_owned()),
        name: Some(name.to_owned()),
    };
    let utterance = Utterance::default()
        .text(&*text)
        .value(&*text, ReadAs::Digits);
    let prompts = [
        (named("Polly.Naja"), utterance.clone().cut(100)),
        (named(&short), utterance.clone()),
    ];
    let gather = Gather {
        action: &short,
        digits: Some(4),
        prompts: &prompts,
        listen: Some(Listen {
            language: "da-DK",
            hints: &short,
        }),
    };
    let spoken = Response::new().gather(&gather).pause(1).say(&text);
    let spoken = parsed(spoken.record(&short, 60).hangup());
    // A text without a character is not said.
    let verbs = verbs(&spoken);
    let known = ["Gather", "Pause", "Say", "Record", "Hangup"];
    assert!(verbs.iter().all(|verb| known.contains(verb)), "{verbs:?}");
    let action: String = short.chars().filter(|c| is_xml(*c)).collect();
    let gather = &spoken.children[0];
    let expected = read_back(&action);
    assert_eq!(gather.attribute("action").map(read_back), Some(expected));
}

fn verbs(element: &Element) -> Vec<&str> {
    let children = element.children.iter();
    children.map(|child| child.name.as_str()).collect()
}

/// An attribute's blanks, which XML makes spaces.
fn read_back(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
