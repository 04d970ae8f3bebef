//! Reads a request by the mapping.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use shared::rules::voice::Said;

use super::mapping::Mapping;
use crate::code_text::CodeText;
use crate::gateway::{Asker, Message, hash, number, unfit};
use crate::posted::{IMPOSSIBLE_NUMBER, VOICE, Wrong, is_voice};

/// Reads a request body. `can_call`: a call is possible.
pub(super) async fn parse(
    body: &[u8],
    mapping: &Mapping,
    code_text: &CodeText,
    life: Duration,
    can_call: bool,
    now: SystemTime,
) -> Result<Message, Wrong> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if !body.is_object() {
        return Err(Wrong::malformed("the body must be a JSON object"));
    }
    let by_voice = mapping.channel.find(&body).is_some_and(is_voice);
    if by_voice && !can_call {
        return Err(VOICE);
    }
    let recipient = mapping.recipient.text(&body).ok_or(Wrong::malformed(
        "the body has no text where GENERIC_MAPPING says the recipient is",
    ))?;
    let to = number(recipient).ok_or(IMPOSSIBLE_NUMBER)?;
    let locale = mapping.locale.text(&body);
    let code = mapping.code.find(&body).and_then(code);
    // The same code is the same message in any language.
    let (text, content) = match (mapping.text.text(&body), &code) {
        (Some(text), _) => (text.to_owned(), text.to_owned()),
        (None, Some(code)) => {
            let text = code_text.with(code, locale, &to, now).await;
            (text, format!("code\n{code}"))
        }
        (None, None) => {
            return Err(Wrong::malformed(
                "the body has no text where GENERIC_MAPPING says the text or the code is",
            ));
        }
    };
    if let Some(why) = unfit(&text) {
        return Err(Wrong::malformed(why));
    }
    let identity = match mapping.id.find(&body) {
        Some(Value::String(id)) if !id.trim().is_empty() => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    };
    let identity = identity.map_or_else(
        || format!("{}\n{content}", to.reveal()),
        // The same id for another phone is another message.
        |id| format!("generic\n{}\n{id}", to.reveal()),
    );
    let message = Message {
        by_voice: false,
        said: Some(Said {
            locale: locale.map(str::to_owned),
            code,
            words: None,
        }),
        id: hash(&identity),
        asker: Asker::new(mapping.ip.text(&body), None),
        from: None,
        to,
        body: text,
        life,
    };
    Ok(if by_voice {
        message.by_voice()
    } else {
        message
    })
}

/// A code, which some callers post as a number.
fn code(value: &Value) -> Option<String> {
    let code = match value {
        Value::Number(number) => number.as_u64()?.to_string(),
        other => other.as_str()?.trim().to_owned(),
    };
    (!code.is_empty()).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code_text::tests::configured;

    const MAPPING: &str = r#"{"recipient":"/to","text":"/text","code":"/args/code","channel":"/via","id":"/id","locale":"/lang","ip":"/ip"}"#;

    async fn parsed(more: &str) -> Result<Message, Wrong> {
        let settings = [
            ("GENERIC_MAPPING", MAPPING),
            ("CODE_TEXT", r#"{"*":"Code {code}","da":"Kode {code}"}"#),
        ];
        let (mapping, text) = configured(&settings, |source, words| {
            (Mapping::read(source), CodeText::read(source, words))
        });
        let now = SystemTime::UNIX_EPOCH;
        let body = format!(r#"{{"to":"+45 2030 4050",{more}}}"#);
        parse(body.as_bytes(), &mapping, &text, Duration::ZERO, false, now).await
    }

    async fn read(more: &str) -> Message {
        parsed(more).await.ok().unwrap()
    }

    #[tokio::test]
    async fn a_text_comes_before_a_code() {
        for (more, text) in [
            (r#""text":"It is 1","args":{"code":"2"}"#, "It is 1"),
            (r#""text":" ","args":{"code":"2"}"#, "Code 2"),
            (r#""args":{"code":"012345"},"lang":"da-DK""#, "Kode 012345"),
            (r#""text":null,"args":{"code":"2"},"lang":7"#, "Code 2"),
            (r#""args":{"code":12}"#, "Code 12"),
        ] {
            assert_eq!(read(more).await.body, text, "{more}");
        }
        for more in [
            r#""args":{"code":1.5}"#,
            r#""args":{"code":-12}"#,
            r#""args":"2""#,
            r#""text":["x"]"#,
        ] {
            assert_eq!(
                parsed(more).await.err().map(|wrong| wrong.outcome),
                Some("malformed_body"),
                "{more}"
            );
        }
    }

    #[tokio::test]
    async fn the_id_is_the_identity_if_it_is_there() {
        let id = async |more: &str| read(&format!(r#""text":"x",{more}"#)).await.id;
        let one = id(r#""id":"m1""#).await;
        assert_eq!(read(r#""text":"y","id":"m1""#).await.id, one);
        assert_ne!(id(r#""id":"m2""#).await, one);
        let by_text = id(r#""id":null"#).await;
        assert_eq!(id(r#""id":{"a":1}"#).await, by_text);
        assert_ne!(read(r#""text":"y""#).await.id, by_text);
        assert_eq!(id(r#""id":7"#).await, id(r#""id":"7""#).await);
    }

    #[tokio::test]
    async fn the_same_code_is_the_same_message_in_any_language() {
        let code = async |more: &str| read(&format!(r#""args":{{"code":"12"}}{more}"#)).await;
        let (one, other) = (code("").await, code(r#","lang":"da""#).await);
        assert_ne!(one.body, other.body);
        assert_eq!(one.id, other.id);
        assert_ne!(read(r#""args":{"code":"13"}"#).await.id, one.id);
    }

    #[tokio::test]
    async fn voice_is_told_apart() {
        let outcome = async |via: &str| {
            parsed(&format!(r#""text":"x","via":{via}"#))
                .await
                .err()
                .map(|wrong| wrong.outcome)
        };
        for voice in [r#""voice""#, r#""Voice""#, r#""CALL""#] {
            assert_eq!(outcome(voice).await, Some("voice_not_supported"), "{voice}");
        }
        for sms in [r#""SMS""#, "null", r#"["voice"]"#] {
            assert_eq!(outcome(sms).await, None, "{sms}");
        }
    }
}
