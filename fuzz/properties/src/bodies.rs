//! The JSON bodies of every entrance, read by the functions' own readers, without a sandbox.

mod second;
mod tree;
mod written;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use api_call::posted;
use delivery_status::used_number;
use provision_numbers::noted;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::platform::Platform;
use shared::platform::config;
use shared::platform::runtime::Function;
use sms_gateway::{App, Told};
use tokio::runtime::{Builder, Runtime};

use crate::senders::now;
use tree::{Style, Tree};
use written::Words;

/// How long a code is valid whose end nobody says, in seconds.
const LIFE: &str = "180";
/// The name of the hash that copies of a message share. No second reader computes it.
const ID: &str = "id";

/// The entrances of the gateway: letter and path.
const GATEWAY: [(u8, &str); 5] = [
    (b'a', "/"),
    (b'b', "/okta"),
    (b'c', "/hooks/send-sms"),
    (b'd', "/generic"),
    (b'e', ""),
];

/// What was read, by name.
type Meaning = BTreeMap<&'static str, String>;
/// What was read, or the outcome for the log.
type Read = Result<Meaning, &'static str>;

/// What an entrance reads from a body is what a second reader finds, however the same JSON is
/// written. What is accepted is JSON. A number is one that was sent, and a text fits six segments. A
/// body that was written so is read as exactly that.
///
/// The first byte chooses the entrance, by the letters of `entrance`. The rest is the body, and
/// again the words of a body that is written, after eight choices of what to change in it.
pub fn json(data: &[u8]) {
    let Some((letter, rest)) = data.split_first() else {
        return;
    };
    let is_gateway = GATEWAY.iter().any(|(known, _)| known == letter);
    if !is_gateway && !b"jtz".contains(letter) {
        return;
    }
    let bits = rest.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    let _read = check(*letter, rest, bits);
    let Some((choices, text)) = rest.split_first_chunk() else {
        return;
    };
    let words = Words::of(*choices, &String::from_utf8_lossy(text));
    let body = words.body(*letter);
    let read = check(*letter, body.written(style(*letter, bits)).as_bytes(), bits);
    assert!(read.is_ok_and(|read| words.are(*letter, &read)));
    let changed = words.changed(body);
    let _read = check(*letter, changed.written(style(*letter, 0)).as_bytes(), bits);
}

fn style(letter: u8, bits: u8) -> Style {
    Style {
        bits,
        is_closed: letter == b'z',
    }
}

/// The functions and the second reader agree on a body, in whatever style it is written.
fn check(letter: u8, body: &[u8], bits: u8) -> Read {
    let read = read(letter, body, false);
    let text = str::from_utf8(body).ok();
    let json = text.filter(|text| serde_json::from_str::<Value>(text).is_ok());
    let Some(tree) = json.and_then(Tree::read) else {
        // A member that nobody reads may be too deep, too large a number, or no UTF-8.
        let text = String::from_utf8_lossy(body);
        let is_json = serde_json::from_str::<&RawValue>(&text).is_ok();
        assert!(read.is_err() || is_json, "accepted, and no JSON");
        return read;
    };
    for can_call in [false, true] {
        let read = self::read(letter, body, can_call);
        let expected = second::read(letter, &tree, can_call);
        let mut known = read.clone();
        if let Ok(known) = &mut known {
            let id = known.remove(ID);
            assert!(id.is_none_or(|id| id.len() == 22));
        }
        assert_eq!(known, expected, "the second reader");
        for bits in [bits, 31] {
            let other = tree.written(style(letter, bits));
            let again = self::read(letter, other.as_bytes(), can_call);
            assert_eq!(again, read, "written as {other}");
        }
    }
    read
}

/// What a function reads.
fn read(letter: u8, body: &[u8], can_call: bool) -> Read {
    if let Some((_, path)) = GATEWAY.iter().find(|(known, _)| *known == letter) {
        let told = APP.told(path, body, can_call, now());
        let told = RUNTIME.with(|runtime| runtime.block_on(Box::pin(told)))?;
        return Ok(meaning(told));
    }
    let pairs = match letter {
        b'j' => {
            let number = used_number(body).ok_or("bad_body")?;
            vec![("to", number.reveal().to_owned())]
        }
        b't' => {
            let (event, users) = noted(body).ok_or("malformed_body")?;
            vec![("event", event), ("users", users.join(" "))]
        }
        _ => vec![("values", values(body).ok_or("malformed_body")?)],
    };
    Ok(pairs.into_iter().collect())
}

fn meaning(told: Told) -> Meaning {
    let said = told.said.unwrap_or_default();
    let pairs = [
        ("to", Some(told.to.reveal().to_owned())),
        ("text", Some(told.text)),
        ("code", said.code),
        ("words", said.words),
        ("locale", said.locale),
        ("from", told.from),
        ("voice", told.by_voice.then(|| "chosen".to_owned())),
        ("network", told.network.map(|_| "known".to_owned())),
        ("region", told.region),
        ("life", Some(told.life.as_secs().to_string())),
        (ID, Some(told.id)),
    ];
    let there = pairs.into_iter();
    there
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// The values that a flow may use. Their names are those of the body.
fn values(body: &[u8]) -> Option<String> {
    let tree = str::from_utf8(body).ok().and_then(Tree::read);
    let members = tree.as_ref().and_then(Tree::members).unwrap_or_default();
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    let found = posted(body, &names)?;
    let pairs = names.into_iter().zip(found);
    let values = pairs.filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    let mut values: Vec<String> = values.collect();
    values.sort_unstable();
    Some(values.join("\n"))
}

thread_local! {
    /// For what needs nobody else.
    static RUNTIME: Runtime = Builder::new_current_thread().build().expect("a runtime");
}

/// The gateway with the settings of the recorded requests. It asks nobody.
static APP: LazyLock<App> = LazyLock::new(|| {
    let recorded = include_str!("../../../events/env.json");
    let recorded: Value = serde_json::from_str(recorded).expect("events/env.json is JSON");
    let lookup = |name: &str| {
        let own = match name {
            "AWS_REGION" => "eu-west-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "sandbox",
            "CODE_TEXT" => r#"{"*":"Code {code}","da":"Kode {code}"}"#,
            "COGNITO_TEXTS" => r#"{"default":"Code {code}","AdminCreateUser":"Password {code}"}"#,
            _ => recorded["SmsGateway"][name].as_str()?,
        };
        Some(own.to_owned())
    };
    let app = config::read(&lookup, |source| {
        let platform = Platform::read(source);
        App::read(&platform, source)
    });
    app.unwrap_or_else(|problems| panic!("{problems}"))
});
