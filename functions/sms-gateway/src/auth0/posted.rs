//! Reads a request: number, text, sender, and who asked for the code.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use shared::platform::object::Object;
use shared::rules::sms::is_sender;
use shared::rules::voice::Said;

use crate::gateway::{Asker, Message, hash, number, unfit};
use crate::posted::{IMPOSSIBLE_NUMBER, VOICE, Wrong, is_voice};

/// Which caller posted the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The legacy gateway of a passwordless connection: `{recipient, body, sender}`.
    Legacy,
    /// A custom phone provider Action: `{recipient, text, from, …}`.
    Action,
}

#[derive(Deserialize)]
struct Posted {
    recipient: Option<String>,
    body: Option<String>,
    text: Option<String>,
    sender: Option<String>,
    from: Option<String>,
    // For a call. A value of any other type is ignored.
    code: Option<Value>,
    as_voice: Option<Value>,
    language: Option<Value>,
    // How the person wants the code. An Action may pass Auth0's `delivery_method` or its own words.
    delivery_method: Option<Value>,
    message_type: Option<Value>,
    channel: Option<Value>,
    // The request info: from the legacy gateway with `forward_req_info`, or from the Action. A
    // value of any other type is ignored, so that the code is still sent.
    req: Option<Value>,
}

/// Reads a request body of either shape. `can_call`: a call is possible.
pub(crate) fn parse(
    body: &[u8],
    life: Duration,
    can_call: bool,
) -> Result<(Shape, Message), Wrong> {
    let malformed = Wrong::malformed;
    let Ok(Object(body)) = serde_json::from_slice::<Object<Posted>>(body) else {
        return Err(malformed(
            "the body must be a JSON object with recipient and body, or recipient and text",
        ));
    };
    // A person who chose a call does not look for an SMS, and may have a phone that shows none.
    let methods = [&body.delivery_method, &body.message_type, &body.channel];
    let by_voice = methods.into_iter().flatten().any(is_voice);
    if by_voice && !can_call {
        return Err(VOICE);
    }
    let (shape, text, from) = match (body.body, body.text) {
        (Some(text), None) => (Shape::Legacy, text, body.sender),
        (None, Some(text)) => (Shape::Action, text, body.from),
        (Some(_), Some(_)) => return Err(malformed("body and text are the same thing; send one")),
        (None, None) => return Err(malformed("body (or text) is missing")),
    };
    if let Some(why) = unfit(&text) {
        return Err(malformed(why));
    }
    let Some(recipient) = body.recipient else {
        return Err(malformed("recipient is missing"));
    };
    let to = number(&recipient).ok_or(IMPOSSIBLE_NUMBER)?;
    // A sender that no provider accepts is dropped: `SMS_FROM` or the provider's default applies.
    let from = from
        .map(|from| from.trim().to_owned())
        .map(|from| number(&from).map_or(from, |number| number.reveal().to_owned()));
    let asked = |name: &str| body.req.as_ref().and_then(|req| req[name].as_str());
    let said = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let message = Message {
        by_voice: false,
        said: Some(Said {
            code: said(body.code),
            words: said(body.as_voice),
            locale: said(body.language),
        }),
        id: hash(&format!("{}\n{text}", to.reveal())),
        asker: Asker::new(asked("ip"), asked("country")),
        from: from.filter(|from| is_sender(from)),
        to,
        body: text,
        life,
    };
    let message = if by_voice {
        message.by_voice()
    } else {
        message
    };
    Ok((shape, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request to a fixed number with these further fields.
    fn request(more: &str) -> Result<(Shape, Message), Wrong> {
        let body = format!(r#"{{"recipient":"+4512345678",{more}}}"#);
        parse(body.as_bytes(), Duration::ZERO, false)
    }

    fn parsed(more: &str) -> (Shape, Message) {
        request(more).ok().unwrap()
    }

    #[test]
    fn both_shapes() {
        let (shape, legacy) = parsed(r#""body":"code 1","sender":"+1 500 555 0006""#);
        assert_eq!(
            (shape, legacy.to.reveal(), legacy.body.as_str()),
            (Shape::Legacy, "+4512345678", "code 1")
        );
        assert_eq!(legacy.from.as_deref(), Some("+15005550006"));
        let (shape, action) = parsed(r#""text":"code 1","from":"ACME","code":"1","language":"en""#);
        assert_eq!(
            (shape, action.from.as_deref()),
            (Shape::Action, Some("ACME"))
        );
        assert_eq!(legacy.id, action.id);
        assert_ne!(action.id, parsed(r#""text":"code 2""#).1.id);
        for odd in ["null", r#""Acme\r\nCorporation""#] {
            let (_, message) = parsed(&format!(r#""body":"x","sender":{odd}"#));
            assert_eq!(message.from, None, "{odd}");
        }
    }

    #[test]
    fn request_info_of_another_type_is_ignored() {
        let asker = |req| parsed(&format!(r#""body":"x","req":{req}"#)).1.asker;
        let known = asker(r#"{"ip":"203.0.113.7","user-agent":"x","country":"dk"}"#);
        assert!(known.network.is_some() && known.region.as_deref() == Some("DK"));
        for nothing in [
            "null",
            "7",
            r#""203.0.113.7""#,
            r#"{"ip":7,"country":["DK"]}"#,
        ] {
            assert_eq!(asker(nothing), Asker::default(), "{nothing}");
        }
    }

    #[test]
    fn voice_is_told_apart() {
        let outcome = |more| {
            let wrong = request(&format!(r#""text":"x",{more}"#)).err();
            wrong.map(|wrong| wrong.outcome)
        };
        for voice in [
            r#""delivery_method":" Voice ""#,
            r#""channel":"call""#,
            r#""message_type":"otp_verify","delivery_method":"voice""#,
        ] {
            assert_eq!(outcome(voice), Some("voice_not_supported"), "{voice}");
        }
        for text in [
            r#""message_type":"sms","channel":null"#,
            r#""delivery_method":["voice"],"message_type":7"#,
            r#""voice":"voice""#,
        ] {
            assert_eq!(outcome(text), None, "{text}");
        }
    }
}
