//! Reads Okta's request: number, code, text, and who asked for the code.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;
use shared::platform::object::Object;
use shared::platform::reply::Reply;
use shared::platform::time::from_iso;
use shared::rules::voice::Said;
use shared::rules::words::Words;

use crate::code_text::with_code;
use crate::gateway::{Asker, Message, hash, number, unfit};
use crate::posted::is_voice;

/// The kinds of request, by the end of `requestType`. The log names only these.
const KINDS: [&str; 4] = [
    "pre-enrollment",
    "mfa-verification",
    "account-unlock",
    "password-reset",
];
const KIND_PREFIX: &str = "com.okta.user.telephony.";
/// A longer locale is none (RFC 5646, section 4.4.1).
const LONGEST_LOCALE: usize = 35;

/// What Okta asks for. No `Debug`: it holds a code.
pub(crate) struct Asked {
    pub(crate) message: Message,
    /// The person chose another way than a text. If it is a call, the message says so.
    pub(crate) by_voice: bool,
    /// The language of the person, such as `EN-US`.
    locale: Option<String>,
    kind: Option<&'static str>,
}

impl Asked {
    /// Adds the request to the log line of its answer.
    pub(super) fn log(&self, reply: Reply) -> Reply {
        reply
            .field("phone", self.message.to.to_string())
            .field("kind", self.kind)
            .field("locale", self.locale.as_deref())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hook {
    event_id: Option<Value>,
    request_type: Option<Value>,
    data: Object<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    context: Option<Value>,
    message_profile: Object<Profile>,
}

/// Okta's schema says that all of these are texts. Its example has numbers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    phone_number: Option<Value>,
    otp_code: Option<Value>,
    msg_template: Option<Value>,
    otp_expires: Option<Value>,
    delivery_channel: Option<Value>,
    locale: Option<Value>,
}

/// Reads a request body. The error is the outcome for the log.
///
/// `life` is how long a code is valid whose end Okta does not say.
pub(super) async fn parse(
    body: &[u8],
    life: Duration,
    words: &Words,
    now: SystemTime,
) -> Result<Asked, &'static str> {
    let malformed = "malformed_body";
    let hook = serde_json::from_slice::<Object<Hook>>(body);
    let Object(Hook {
        event_id,
        request_type,
        data: Object(data),
    }) = hook.map_err(|_| malformed)?;
    let Object(profile) = data.message_profile;
    let to = match profile.phone_number {
        // A number has lost its plus.
        Some(Value::Number(digits)) if digits.is_u64() => number(&format!("+{digits}")),
        Some(Value::Number(_)) => None,
        Some(Value::String(written)) => number(&written),
        _ => return Err(malformed),
    };
    let to = to.ok_or("impossible_number")?;
    let code = text(profile.otp_code).ok_or(malformed)?;
    let locale = text(profile.locale).filter(|locale| is_locale(locale));
    let template = text(profile.msg_template).filter(|template| template.contains(&code));
    // The same code is the same text in any language.
    let content = template.as_ref().unwrap_or(&code);
    let what = match text(event_id) {
        // The same code to the same number under another id is another text.
        Some(id) => format!("okta\n{}\n{id}", to.reveal()),
        None => format!("okta\n\n{}\n{content}", to.reveal()),
    };
    let body = if let Some(template) = template {
        template
    } else {
        let texts = words.for_person(locale.as_deref(), Some(&to), now).await;
        with_code(&texts, &words::CODE_TEXT, &code)
    };
    if unfit(&body).is_some() {
        return Err(malformed);
    }
    let expires = text(profile.otp_expires).and_then(|time| from_iso(&time));
    let left = |end: SystemTime| end.duration_since(now).unwrap_or_default();
    let channel = text(profile.delivery_channel).unwrap_or_default();
    let by_voice = !channel.is_empty() && !channel.eq_ignore_ascii_case("sms");
    let is_call = is_voice(&channel.into());
    let ip = data.context.as_ref().map(|it| &it["request"]["ipAddress"]);
    let message = Message {
        id: hash(&what),
        asker: Asker::new(ip.and_then(Value::as_str), None),
        by_voice: false,
        said: Some(Said {
            code: Some(code),
            words: None,
            locale: locale.clone(),
        }),
        from: None,
        to,
        body,
        life: expires.map_or(life, left),
    };
    Ok(Asked {
        by_voice,
        locale,
        kind: text(request_type).and_then(|kind| known_kind(&kind)),
        message: if is_call { message.by_voice() } else { message },
    })
}

/// A text or a number, without blanks around it. An empty one is none.
fn text(value: Option<Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn is_locale(text: &str) -> bool {
    text.len() <= LONGEST_LOCALE
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn known_kind(kind: &str) -> Option<&'static str> {
    let kind = kind.strip_prefix(KIND_PREFIX)?;
    KINDS.into_iter().find(|known| *known == kind)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;
    use crate::code_text::tests::configured;

    /// Noon of 27 November 2026.
    const NOON: Duration = Duration::from_hours(498_828);
    const LIFE: Duration = Duration::from_mins(3);

    /// Okta's published example, with other values at these places.
    async fn asked(changes: &[(&str, Value)]) -> Result<Asked, &'static str> {
        let mut hook = json!({
            "eventId": "uS5871kJThSsU8qlA1LTcg",
            "requestType": "com.okta.user.telephony.mfa-verification",
            "data": {
                "context": { "request": { "ipAddress": "203.0.113.7" } },
                "messageProfile": {
                    "msgTemplate": "Your code is 271828", "phoneNumber": "+4512345678",
                    "otpExpires": "2026-11-27T12:05:00.000Z", "deliveryChannel": "SMS",
                    "otpCode": "271828", "locale": "EN-US",
                },
            },
        });
        for (name, value) in changes {
            let place = match *name {
                "eventId" | "requestType" | "data" => &mut hook,
                "context" | "messageProfile" => &mut hook["data"],
                _ => &mut hook["data"]["messageProfile"],
            };
            place[*name] = value.clone();
        }
        let every = [("LANGUAGES", "all")];
        let words = configured(&every, |_, words| Arc::clone(words));
        let (body, now) = (hook.to_string(), UNIX_EPOCH + NOON);
        parse(body.as_bytes(), LIFE, &words, now).await
    }

    async fn good(changes: &[(&str, Value)]) -> Asked {
        asked(changes).await.ok().unwrap()
    }

    #[tokio::test]
    async fn the_published_example_is_read() {
        let asked = good(&[]).await;
        let Message {
            to,
            body,
            life,
            from,
            asker,
            ..
        } = asked.message;
        assert_eq!(
            (to.reveal(), &*body),
            ("+4512345678", "Your code is 271828")
        );
        assert_eq!((life, from), (Duration::from_mins(5), None));
        assert_eq!(asker, Asker::new(Some("203.0.113.7"), None));
        assert!(!asked.by_voice);
        assert_eq!(asked.kind, Some("mfa-verification"));
        assert_eq!(asked.locale.as_deref(), Some("EN-US"));
    }

    #[tokio::test]
    async fn numbers_and_texts_are_both_read() {
        let numbers = [
            ("otpCode", json!(271_828)),
            ("phoneNumber", json!(4_512_345_678_u64)),
        ];
        let message = good(&numbers).await.message;
        assert_eq!(
            (message.to.reveal(), &*message.body),
            ("+4512345678", "Your code is 271828")
        );
        for phone in [
            json!(-4_512_345_678_i64),
            json!(45_123_456.78),
            json!(12_345_678),
            json!(1e300),
            json!("4512345678"),
        ] {
            let outcome = asked(&[("phoneNumber", phone.clone())]).await.err();
            assert_eq!(outcome, Some("impossible_number"), "{phone}");
        }
    }

    #[tokio::test]
    async fn a_template_without_the_code_gives_way_to_words_with_it() {
        for template in [
            json!("Your code is below"),
            json!(""),
            json!(7),
            Value::Null,
        ] {
            let message = good(&[("msgTemplate", template.clone())]).await.message;
            assert_eq!(message.body, "Your code is 271828", "{template}");
        }
        let own = good(&[("msgTemplate", json!("271828: kode til ACME"))]).await;
        assert_eq!(own.message.body, "271828: kode til ACME");
    }

    #[tokio::test]
    async fn only_sms_in_any_case_is_a_text() {
        for (channel, by_voice) in [
            (json!("SMS"), false),
            (json!(" sms "), false),
            (Value::Null, false),
            (json!("VOICE"), true),
            (json!("CALL"), true),
            (json!("pigeon"), true),
        ] {
            let asked = good(&[("deliveryChannel", channel.clone())]).await;
            assert_eq!(asked.by_voice, by_voice, "{channel}");
        }
    }

    #[tokio::test]
    async fn a_code_lives_as_long_as_okta_says() {
        for (expires, seconds) in [
            (json!("2026-11-27T12:00:07Z"), 7),
            (json!("2026-11-27T12:00:00Z"), 0),
            (json!("2026-11-27T11:00:00Z"), 0),
            (json!("soon"), 180),
            (Value::Null, 180),
        ] {
            let message = good(&[("otpExpires", expires.clone())]).await.message;
            assert_eq!(message.life.as_secs(), seconds, "{expires}");
        }
    }

    #[tokio::test]
    async fn the_event_makes_two_requests_copies() {
        let id = async |changes: &[(&str, Value)]| good(changes).await.message.id;
        let same = [("msgTemplate", json!("271828 is your code"))];
        assert_eq!(id(&[]).await, id(&same).await);
        assert_ne!(id(&[]).await, id(&[("eventId", json!("another"))]).await);
        assert_ne!(
            id(&[]).await,
            id(&[("phoneNumber", json!("+4512345679"))]).await
        );
        let nameless = [("eventId", Value::Null)];
        let other = [nameless[0].clone(), ("otpCode", json!("314159"))];
        assert_eq!(id(&nameless).await, id(&nameless).await);
        assert_ne!(id(&nameless).await, id(&other).await);
        let composed = |locale: &str| {
            let bare = ("msgTemplate", Value::Null);
            [nameless[0].clone(), bare, ("locale", json!(locale))]
        };
        let (english, danish) = (good(&composed("en")).await, good(&composed("da")).await);
        assert_ne!(english.message.body, danish.message.body);
        assert_eq!(english.message.id, danish.message.id, "in any language");
    }

    #[tokio::test]
    async fn only_known_words_are_for_the_log() {
        for kind in ["com.okta.user.telephony.x", "mfa-verification", ""] {
            assert_eq!(
                good(&[("requestType", json!(kind))]).await.kind,
                None,
                "{kind}"
            );
        }
        for locale in ["da DK", "+4512345678", "da\nDK", &"x".repeat(36)] {
            let asked = good(&[("locale", json!(locale))]).await;
            assert_eq!(asked.locale, None, "{locale}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_malformed() {
        for (name, value) in [
            ("otpCode", Value::Null),
            ("otpCode", json!(" ")),
            ("otpCode", json!("1\u{1b}[31m")),
            ("otpCode", json!(["271828"])),
            ("otpCode", json!("7".repeat(1000))),
            ("phoneNumber", Value::Null),
            ("phoneNumber", json!({ "number": "+4512345678" })),
            ("data", Value::Null),
            ("data", json!({ "messageProfile": [] })),
            // The values without their names.
            (
                "messageProfile",
                json!(["+4512345678", "271828", null, null, null, null]),
            ),
        ] {
            let outcome = asked(&[(name, value.clone())]).await.err();
            assert_eq!(outcome, Some("malformed_body"), "{name} {value}");
        }
        for context in [json!(7), json!({ "request": [7] }), Value::Null] {
            let asked = good(&[("context", context.clone())]).await;
            assert_eq!(asked.message.asker, Asker::default(), "{context}");
        }
    }
}
