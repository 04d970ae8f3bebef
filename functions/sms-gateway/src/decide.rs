//! Reads a request: number, text, sender, and who asked for the code.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest;
use serde::Deserialize;
use serde_json::Value;
use shared::rules::phone::E164;
use shared::rules::sms::{is_sender, segments};

/// A longer text is not a one-time code, and each segment costs money.
const MOST_SEGMENTS: u64 = 6;

/// Which caller posted the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The legacy gateway of a passwordless connection: `{recipient, body, sender}`.
    Legacy,
    /// A custom phone provider Action: `{recipient, text, from, …}`.
    Action,
}

/// A text to deliver. No `Debug`: it holds a code.
pub(crate) struct Message {
    pub(crate) shape: Shape,
    pub(crate) to: E164,
    pub(crate) body: String,
    pub(crate) from: Option<String>,
    pub(crate) asker: Asker,
}

/// Who asked Auth0 for the code, as far as Auth0 says. It limits what one person can cost.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asker {
    /// A hash of the IPv4 address or of the IPv6 /64 network. One customer gets one such network.
    pub(crate) network: Option<String>,
    /// The ISO 3166 region where Auth0 locates the IP address.
    pub(crate) region: Option<String>,
}

/// Why a request body is rejected: status, outcome for the log, text for the caller.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) status: u16,
    pub(crate) outcome: &'static str,
    pub(crate) public: &'static str,
}

#[derive(Deserialize)]
struct Posted {
    recipient: Option<String>,
    body: Option<String>,
    text: Option<String>,
    sender: Option<String>,
    from: Option<String>,
    // How the person wants the code. An Action may pass Auth0's `delivery_method` or its own words.
    delivery_method: Option<Value>,
    message_type: Option<Value>,
    channel: Option<Value>,
    // The request info: from the legacy gateway with `forward_req_info`, or from the Action. A
    // value of any other type is ignored, so that the code is still sent.
    req: Option<Value>,
}

impl Message {
    /// The message's identity: a hash of number and text. A retry has the same.
    pub(crate) fn id(&self) -> String {
        hash(&format!("{}\n{}", self.to.reveal(), self.body))
    }
}

impl Asker {
    fn read(req: Option<&Value>) -> Self {
        let text = |name: &str| req.and_then(|req| req[name].as_str()).map(str::trim);
        let network =
            text("ip")
                .and_then(|ip| ip.parse().ok())
                .map(|ip: IpAddr| match ip.to_canonical() {
                    IpAddr::V4(ip) => hash(&ip.to_string()),
                    IpAddr::V6(ip) => hash(&format!("{:x?}", &ip.octets()[..8])),
                });
        let region = text("country")
            .filter(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()));
        Self {
            network,
            region: region.map(str::to_ascii_uppercase),
        }
    }
}

fn hash(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..16])
}

/// Reads a request body of either shape.
pub(crate) fn read(body: &[u8]) -> Result<Message, Wrong> {
    let malformed = |public| Wrong {
        status: 400,
        outcome: "malformed_body",
        public,
    };
    let object = body.trim_ascii_start().starts_with(b"{");
    let Some(body) = serde_json::from_slice::<Posted>(body)
        .ok()
        .filter(|_| object)
    else {
        return Err(malformed(
            "the body must be a JSON object with recipient and body, or recipient and text",
        ));
    };
    // A person who chose a call does not look for an SMS, and may have a phone that shows none.
    if [&body.delivery_method, &body.message_type, &body.channel]
        .into_iter()
        .flatten()
        .any(is_voice)
    {
        let public =
            "voice is not supported: this gateway sends texts; choose Text as the delivery method";
        return Err(Wrong {
            status: 422,
            outcome: "voice_not_supported",
            public,
        });
    }
    let (shape, text, from) = match (body.body, body.text) {
        (Some(text), None) => (Shape::Legacy, text, body.sender),
        (None, Some(text)) => (Shape::Action, text, body.from),
        (Some(_), Some(_)) => return Err(malformed("body and text are the same thing; send one")),
        (None, None) => return Err(malformed("body (or text) is missing")),
    };
    if text.trim().is_empty()
        || text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err(malformed(
            "the text must have characters, and no control characters",
        ));
    }
    if segments::count(&text) > MOST_SEGMENTS {
        return Err(malformed(
            "the text is longer than 6 segments, which no one-time code needs",
        ));
    }
    let Some(recipient) = body.recipient else {
        return Err(malformed("recipient is missing"));
    };
    let to = number(&recipient).ok_or(Wrong {
        status: 400,
        outcome: "impossible_number",
        public: "recipient must be a possible number in E.164 form: a plus, its country code, and the number as dialled from abroad",
    })?;
    // A sender that no provider accepts is dropped: `SMS_FROM` or the provider's default applies.
    let from = from
        .map(|from| from.trim().to_owned())
        .map(|from| number(&from).map_or(from, |number| number.reveal().to_owned()));
    let asker = Asker::read(body.req.as_ref());
    Ok(Message {
        shape,
        to,
        body: text,
        from: from.filter(|from| is_sender(from)),
        asker,
    })
}

fn is_voice(method: &Value) -> bool {
    method.as_str().is_some_and(|word| {
        ["voice", "call"]
            .iter()
            .any(|voice| word.trim().eq_ignore_ascii_case(voice))
    })
}

/// A number as people write it, on one line. Auth0's own examples contain blanks.
fn number(text: &str) -> Option<E164> {
    if text.contains(char::is_control) {
        None
    } else {
        E164::from_written(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes() {
        let legacy = read(br#"{"recipient":"+1 399 999-1234","body":"code 1","sender":"+1 500 555 0006","req":{"ip":"::1"}}"#)
            .ok()
            .unwrap();
        assert_eq!(
            (legacy.shape, legacy.to.reveal(), legacy.body.as_str()),
            (Shape::Legacy, "+13999991234", "code 1")
        );
        assert_eq!(legacy.from.as_deref(), Some("+15005550006"));
        let action = read(
            br#"{"recipient":"+4512345678","text":"code 1","from":"ACME","code":"1","message_type":"text","language":"en"}"#,
        );
        let action = action.ok().unwrap();
        assert_eq!(
            (action.shape, action.from.as_deref()),
            (Shape::Action, Some("ACME"))
        );
        assert_ne!(legacy.id(), action.id());
        assert!(read(br#"{"recipient":"+4512345678","text":"x","from":null}"#).is_ok());
    }

    #[test]
    fn askers() {
        let asker = |req: &str| {
            let body = format!(r#"{{"recipient":"+4512345678","body":"x","req":{req}}}"#);
            read(body.as_bytes()).ok().unwrap().asker
        };
        let one = asker(r#"{"ip":"203.0.113.7","user-agent":"x","country":"dk"}"#);
        assert!(one.network.is_some() && one.region.as_deref() == Some("DK"));
        assert_eq!(asker(r#"{"ip":" 203.0.113.7"}"#).network, one.network);
        assert_eq!(asker(r#"{"ip":"::ffff:203.0.113.7"}"#).network, one.network);
        assert_ne!(asker(r#"{"ip":"203.0.113.8"}"#).network, one.network);
        let network = asker(r#"{"ip":"2001:db8:1:2::1"}"#).network;
        assert_eq!(asker(r#"{"ip":"2001:db8:1:2:ffff::9"}"#).network, network);
        assert_ne!(asker(r#"{"ip":"2001:db8:1:3::1"}"#).network, network);
        for nothing in [
            "null",
            "{}",
            "7",
            "[]",
            r#""203.0.113.7""#,
            r#"{"ip":7,"country":["DK"]}"#,
            r#"{"ip":"x","country":"DNK"}"#,
        ] {
            assert_eq!(asker(nothing), Asker::default(), "{nothing}");
        }
    }

    #[test]
    fn voice_is_told_apart() {
        let outcome = |more: &str| {
            let body = format!(r#"{{"recipient":"+4512345678","text":"x",{more}}}"#);
            read(body.as_bytes())
                .err()
                .map(|wrong| (wrong.status, wrong.outcome))
        };
        for voice in [
            r#""delivery_method":"voice""#,
            r#""message_type":"voice""#,
            r#""channel":"voice""#,
            r#""delivery_method":" Voice ""#,
            r#""channel":"call""#,
            r#""message_type":"otp_verify","delivery_method":"voice""#,
        ] {
            assert_eq!(
                outcome(voice),
                Some((422, "voice_not_supported")),
                "{voice}"
            );
        }
        for text in [
            r#""delivery_method":"text""#,
            r#""message_type":"otp_verify""#,
            r#""message_type":"sms","channel":null"#,
            r#""delivery_method":["voice"],"message_type":7"#,
            r#""voice":"voice""#,
        ] {
            assert_eq!(outcome(text), None, "{text}");
        }
    }

    #[test]
    fn malformed() {
        for (body, outcome) in [
            ("", "malformed_body"),
            ("[]", "malformed_body"),
            ("null", "malformed_body"),
            (r#"{"recipient":"+4512345678"}"#, "malformed_body"),
            (r#"{"body":"x"}"#, "malformed_body"),
            (
                r#"{"recipient":"+4512345678","body":"x","text":"y"}"#,
                "malformed_body",
            ),
            (
                r#"{"recipient":"+4512345678","body":" "}"#,
                "malformed_body",
            ),
            (r#"{"recipient":4512345678,"body":"x"}"#, "malformed_body"),
            (r#"["+4512345678","x",null,null,null]"#, "malformed_body"),
            (
                r#"{"recipient":"+4512345678","body":"x\u0000"}"#,
                "malformed_body",
            ),
            (
                r#"{"recipient":"+44 (0) 20 7946 0000","body":"x"}"#,
                "impossible_number",
            ),
            (
                r#"{"recipient":"+4512345678","body":"x","body":"y"}"#,
                "malformed_body",
            ),
            (
                r#"{"recipient":"4512345678","body":"x"}"#,
                "impossible_number",
            ),
            (r#"{"recipient":"+45","body":"x"}"#, "impossible_number"),
            (
                r#"{"recipient":"+0123456789","body":"x"}"#,
                "impossible_number",
            ),
            (
                r#"{"recipient":"+45201234567890","body":"x"}"#,
                "impossible_number",
            ),
            (
                r#"{"recipient":"+4512345678;ext=1","body":"x"}"#,
                "impossible_number",
            ),
            (
                "{\"recipient\":\"\u{202e}+4512345678\",\"body\":\"x\"}",
                "impossible_number",
            ),
            (
                "{\"recipient\":\"+4512345678\\n\",\"body\":\"x\"}",
                "impossible_number",
            ),
        ] {
            assert_eq!(
                read(body.as_bytes()).err().map(|wrong| wrong.outcome),
                Some(outcome),
                "{body}"
            );
        }
        let long = |length| {
            format!(
                r#"{{"recipient":"+4512345678","body":"{}"}}"#,
                "x".repeat(length)
            )
        };
        assert!(
            read(long(6 * 153).as_bytes()).is_ok() && read(long(6 * 153 + 1).as_bytes()).is_err()
        );
        let odd = r#"{"recipient":"+4512345678","body":"x","sender":"Acme\r\nCorporation"}"#;
        assert_eq!(read(odd.as_bytes()).ok().unwrap().from, None);
    }
}
