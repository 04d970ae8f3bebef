//! Bodies that are written from words, and changes of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Meaning;
use super::tree::Tree;

/// A number as people write it, and how it is dialled. Four digits follow.
const NUMBERS: [(&str, &str); 4] = [
    ("+45 2012 ", "+452012"),
    ("+1 (415) 555-", "+1415555"),
    ("+57 300.123/", "+57300123"),
    ("+452012", "+452012"),
];
const LOCALES: [&str; 4] = ["da-DK", "en", "DA", "pt_BR"];
const TRIGGERS: [&str; 3] = ["SignUp", "Authentication", "AdminCreateUser"];
/// What stands in the place of a value after a change.
const VALUES: [&str; 24] = [
    "null",
    "true",
    "7",
    "-1",
    "1.50",
    "1e3",
    "4520123456",
    "18446744073709551616",
    "{}",
    "[]",
    r#""""#,
    r#"" \t""#,
    r#""voice""#,
    r#"" CALL ""#,
    r#""sms""#,
    r#""+4520123456""#,
    r#""4520123456""#,
    r#""+45\n20123456""#,
    r#""+1 (0)415 555 2671""#,
    r#""{code}""#,
    r#""\u0000""#,
    r#""2026-11-27T12:05:00+01:00""#,
    r#""::ffff:203.0.113.7""#,
    r#"["+4520123456","271828",null,null,null,null]"#,
];

/// The words of a body.
pub(super) struct Words {
    choices: [u8; 8],
    number: (String, String),
    code: String,
    locale: &'static str,
    /// A text with the code in it.
    text: String,
    /// What follows the code, in other texts too.
    more: String,
}

impl Words {
    pub(super) fn of(choices: [u8; 8], text: &str) -> Self {
        let pick = |at: usize| usize::from(choices[at]);
        let (as_written, dialled) = NUMBERS[pick(0) % NUMBERS.len()];
        let digits = format!("{:04}", (pick(1) * 256 + pick(2)) % 10_000);
        let plain = text.chars().filter(char::is_ascii_alphanumeric);
        let code: String = plain.take(1 + pick(3) % 10).collect();
        let code = if code.is_empty() {
            "271828".to_owned()
        } else {
            code
        };
        // Six segments have room for so many units of UTF-16.
        let shown = text.chars().filter(|c| !c.is_control());
        let more: String = shown.skip(pick(3) % 10).take(150).collect();
        Self {
            choices,
            number: (
                format!("{as_written}{digits}"),
                format!("{dialled}{digits}"),
            ),
            text: format!("<{code}> {more}."),
            code,
            locale: LOCALES[pick(0) / 4 % LOCALES.len()],
            more,
        }
    }

    fn trigger(&self) -> &'static str {
        TRIGGERS[usize::from(self.choices[0]) % TRIGGERS.len()]
    }

    /// Whether the bit of the first choices is set.
    fn has(&self, bit: u8) -> bool {
        self.choices[3] & bit != 0
    }

    /// A good body for the entrance of this letter.
    pub(super) fn body(&self, letter: u8) -> Tree {
        let (code, text, more, locale) = (&self.code, &self.text, &self.more, self.locale);
        let (to, dialled) = (&self.number.0, &self.number.1);
        let body: Value = match letter {
            b'a' if self.has(16) => json!({ "recipient": to, "body": text, "sender": "ACME" }),
            b'a' => json!({
                "recipient": to, "text": text, "from": " ACME", "code": code, "as_voice": more,
                "language": locale, "message_type": "otp_verify", "delivery_method": "text",
                "req": { "ip": "203.0.113.7", "country": "dk", "user-agent": more },
            }),
            b'b' => json!({
                "eventId": more, "requestType": "com.okta.user.telephony.mfa-verification",
                "data": {
                    "context": { "request": { "ipAddress": "203.0.113.7" } },
                    "messageProfile": {
                        "phoneNumber": to, "otpCode": code, "msgTemplate": text, "locale": locale,
                        "otpExpires": "2026-11-27T12:05:00.000Z", "deliveryChannel": "SMS",
                    },
                },
            }),
            b'c' => json!({
                "metadata": { "time": "2026-11-27T12:00:00Z", "ip_address": "203.0.113.7" },
                "user": { "phone": dialled[1..], "user_metadata": { "locale": locale, "a": more } },
                "sms": { "otp": code, "phone": if self.has(16) { "" } else { dialled } },
            }),
            b'd' if self.has(16) => json!({ "to": to, "payload": { "code": code }, "id": more }),
            b'd' => json!({
                "to": to, "text": text, "payload": { "code": code }, "id": 7, "locale": locale,
                "channel": "sms", "ip": "2001:db8::1", "more": more,
            }),
            b'e' => json!({
                "triggerSource": format!("CustomSMSSender_{}", self.trigger()),
                "userPoolId": "eu-west-1_SANDBOX1", "userName": more,
                "request": {
                    "type": "customSMSSenderRequestV1", "code": STANDARD.encode(code),
                    "userAttributes": { "phone_number": dialled, "locale": locale, "sub": more },
                    "clientMetadata": { "code": more },
                },
            }),
            b'j' => json!({ "recipient": to, "more": more }),
            b't' => json!({
                "eventId": code,
                "data": { "events": [
                    {
                        "eventType": "user.lifecycle.create",
                        "target": [
                            { "id": code, "type": "User", "alternateId": more },
                            { "id": "00g1", "type": "UserGroup" },
                        ],
                    },
                    { "eventType": more, "target": null },
                ] },
            }),
            _ => json!({ "account": code, "more": more, "other": null, "number": 1.5 }),
        };
        body.into()
    }

    /// Whether the body was read as these words.
    pub(super) fn are(&self, letter: u8, read: &Meaning) -> bool {
        let says = |name: &str, value: &str| read.get(name).is_some_and(|read| read == value);
        let (code, locale) = (&self.code, self.locale);
        let is_danish = locale.to_ascii_lowercase().starts_with("da");
        let around = |is_danish| format!("{} {code}", if is_danish { "Kode" } else { "Code" });
        match letter {
            b't' => return says("event", code) && says("users", code),
            b'z' => {
                let values = read.get("values").map(|values| values.lines().count());
                let is_short = self.more.len() <= 200;
                return values == Some(if is_short { 3 } else { 2 });
            }
            _ => {}
        }
        let is_to = says("to", &self.number.1);
        is_to
            && match letter {
                b'a' => says("text", &self.text) && says("from", "ACME"),
                b'b' => says("text", &self.text) && says("code", code) && says("life", "300"),
                b'c' => says("text", &around(is_danish)) && says("code", code),
                b'd' if self.has(16) => says("text", &around(false)),
                b'd' => says("text", &self.text) && says("locale", locale),
                b'e' if self.trigger() == "AdminCreateUser" => {
                    says("text", &format!("Password {code}")) && !read.contains_key("code")
                }
                b'e' => says("text", &around(false)) && says("code", code),
                _ => true,
            }
    }

    /// The body after one to three changes: another value, a member away, or a member twice.
    pub(super) fn changed(&self, mut body: Tree) -> Tree {
        for pair in self.choices[2..].chunks_exact(2) {
            let (mut left, kind) = (usize::from(pair[0]) % 24, usize::from(pair[1]));
            let other = Tree::read(VALUES[kind / 4 % VALUES.len()]).expect("JSON");
            body.each(&mut |tree| {
                if left == 0 {
                    change(tree, kind, &other);
                }
                left = left.wrapping_sub(1);
            });
        }
        body
    }
}

fn change(tree: &mut Tree, kind: usize, other: &Tree) {
    match tree {
        // As serde's readers of structs take them, and nobody sends them.
        Tree::Object(members) if kind.is_multiple_of(4) => {
            let values = members.iter().map(|(_, value)| value.clone());
            *tree = Tree::List(values.collect());
        }
        Tree::Object(members) if !members.is_empty() && kind % 4 == 1 => {
            members.remove(kind / 4 % members.len());
        }
        Tree::Object(members) if !members.is_empty() && kind % 4 == 2 => {
            let (name, _) = members[kind / 4 % members.len()].clone();
            members.insert(kind / 4 % (members.len() + 1), (name, other.clone()));
        }
        _ => *tree = other.clone(),
    }
}
