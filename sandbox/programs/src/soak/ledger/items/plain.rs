//! What no item holds in the clear. A number stands only where its kind says so; a ticket only in the
//! link that waits for a reply, or in an answer for Twilio's retry; a token only in the shared one.

use std::collections::HashSet;

use sandbox::aws::Aws;
use serde_json::Value;

use super::{Round, kinds, text};
use crate::soak::{
    ledger::lines,
    world::{GUESSED_PIN, PIN, World},
};

/// These kinds hold four digits that tell requests apart, or an id of Okta or of a message with groups of
/// four. Such four may be a PIN by chance. No function that writes these kinds gets a PIN.
const FOUR_DIGITS: [&str; 5] = [
    "sent#code#",
    "pending#",
    "seen#confirmed#",
    "seen#twilio-confirmation#",
    "seen#okta#",
];

/// What was secret in a round.
pub(super) struct Secrets {
    /// Without the plus sign.
    phones: Vec<String>,
    /// Words of digits: codes.
    codes: HashSet<String>,
    tickets: Vec<String>,
    /// Parts of texts that people wrote or got.
    texts: Vec<String>,
    /// Values of secrets.
    values: Vec<String>,
}

impl Secrets {
    pub(super) fn of(round: &Round<'_>, aws: &Aws) -> Self {
        let names = aws.secret_names();
        let values = names.iter().filter_map(|name| aws.secret(name));
        let mut all = vec![];
        values.for_each(|value| leaves("", &value, &mut |_, text| all.push(text.to_owned())));
        Self::with_values(round, all)
    }

    fn with_values(round: &Round<'_>, mut values: Vec<String>) -> Self {
        let asked = round.asked;
        // A short one is part of other words by chance.
        values.retain(|value| value.len() >= 12);
        let insisted = asked.insistent.iter().flat_map(|phone| {
            let codes = (0..World::INSISTS).map(|at| World::insisted(phone, at));
            codes.collect::<Vec<_>>()
        });
        let codes = asked.codes.iter().map(|code| code.digits.clone());
        let bodies = asked.forwarded.iter().map(|text| text.body.clone());
        Self {
            phones: lines::phones(asked)
                .map(|phone| phone[1..].to_owned())
                .collect(),
            codes: codes.chain(insisted).collect(),
            tickets: round
                .mails
                .iter()
                .map(|mail| mail.ticket.to_owned())
                .collect(),
            texts: bodies.chain(["code is".to_owned()]).collect(),
            values,
        }
    }

    /// What this text of an item shows, and where that is allowed.
    fn shown(&self, item: &Value, name: &str, value: &str) -> Option<String> {
        let kind = kinds::kind_of(item);
        let is = |pk: &str| text(item, "pk").starts_with(pk);
        let words = || {
            let words = value.split(|c: char| !c.is_ascii_alphanumeric());
            words.filter(|word| !word.is_empty())
        };
        // A national number is compared as a word: ids hold such digits by chance.
        let is_phone = |phone: &&String| {
            value.contains(phone.as_str()) || words().any(|word| word == &phone[2..])
        };
        let may_have_phone = kind.is_some_and(|kind| kind.numbers.contains(&name));
        let may_have_ticket = is("pending#") && name == "link"
            || is("seen#twilio-confirmation#") && text(item, "sk").ends_with("#link");
        // The number of an hour has six digits, too.
        let is_hour = is("score#") && name == "pk";
        let may_have_token = is("token#") && name == "token";
        if !may_have_phone && let Some(phone) = self.phones.iter().find(is_phone) {
            Some(format!("the number +{phone}"))
        } else if !is_hour && let Some(code) = words().find(|word| self.codes.contains(*word)) {
            Some(format!("the code {code}"))
        } else if !FOUR_DIGITS.into_iter().any(is)
            && let Some(pin) = words().find(|word| [PIN, GUESSED_PIN].contains(word))
        {
            Some(format!("the PIN {pin}"))
        } else if !may_have_ticket && self.tickets.iter().any(|ticket| value.contains(ticket)) {
            Some("a ticket".to_owned())
        } else if self.texts.iter().any(|text| value.contains(text.as_str())) {
            Some("a text".to_owned())
        } else if self.values.iter().any(|secret| value.contains(secret)) {
            Some("a secret".to_owned())
        } else if !may_have_token && value.starts_with("eyJ") {
            Some("a token".to_owned())
        } else {
            None
        }
    }
}

pub(super) fn judge(round: &Round<'_>, secrets: &Secrets, broken: &mut Vec<String>) {
    for item in round.items {
        let mut check = |name: &str, value: &str| {
            if let Some(what) = secrets.shown(item, name, value) {
                let (pk, sk) = (text(item, "pk"), text(item, "sk"));
                broken.push(format!("the item {pk} {sk} shows {what} in {name}"));
            }
        };
        leaves("", item, &mut check);
    }
}

/// All texts and numbers in a value, and all names but those of slices of time. `name`: the attribute
/// that holds it.
fn leaves(name: &str, value: &Value, take: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => take(name, text),
        Value::Array(values) => values.iter().for_each(|value| leaves(name, value, take)),
        Value::Object(members) => {
            for (key, value) in members {
                // `DynamoDB` JSON wraps a value in the name of its type.
                let name = match key.as_str() {
                    "S" | "N" | "SS" | "NS" | "M" | "L" | "B" => name,
                    key => {
                        // The number of a slice has as many digits as a code.
                        if !(key.starts_with("s_") || key.starts_with("i_")) {
                            take("a name", key);
                        }
                        key
                    }
                };
                leaves(name, value, take);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::soak::{
        ledger::items::tests::{round, sign_up},
        world::{Asked, Forwarded},
    };

    fn asked() -> Asked {
        Asked {
            sign_ups: vec![sign_up("+4520123456", "a-ticket", false)],
            strangers: vec!["+4550123456".to_owned()],
            insistent: vec!["+4534123456".to_owned()],
            forwarded: vec![Forwarded {
                body: "Message 7 of the customer".to_owned(),
                answers: vec![],
            }],
            ..Asked::default()
        }
    }

    fn shown(mut item: Value, sk: &str) -> Vec<String> {
        item["sk"] = json!({ "S": sk });
        let (asked, mut broken) = (asked(), vec![]);
        let items = [item];
        let round = round(&items, &asked, true);
        let secrets = Secrets::with_values(&round, vec!["a-long-secret-of-twilio".to_owned()]);
        judge(&round, &secrets, &mut broken);
        broken
    }

    #[test]
    fn what_must_not_be_in_an_item_is_noticed() {
        for (value, what) in [
            ("+4550123456", "the number +4550123456"),
            ("tel 50123456", "the number +4550123456"),
            ("call4550123456x", "the number +4550123456"),
            ("345600", "the code 345600"),
            ("PIN=2718", "the PIN 2718"),
            ("https://x/u?ticket=a-ticket", "a ticket"),
            ("From: Message 7 of the customer", "a text"),
            ("Your code is 1", "a text"),
            ("Basic a-long-secret-of-twilio", "a secret"),
            ("eyJhbGciOi.x.y", "a token"),
        ] {
            let places = [
                json!({ "S": value }),
                json!({ "M": { "x": { "L": [{ "S": value }] } } }),
                json!({ "SS": ["a", value] }),
            ];
            for place in places {
                let item = json!({ "pk": { "S": "sent#mail#a" }, "at": place });
                let broken = shown(item, "send");
                assert_eq!(broken.len(), 1, "{value}");
                assert!(broken[0].contains(what), "{broken:?}");
            }
        }
        let name = json!({ "pk": { "S": "road#a" }, "failed_4550123456": { "N": "1" } });
        let key = json!({ "pk": { "S": "rate#code-range#+4550123456" } });
        let count = json!({ "pk": { "S": "call#CA" }, "pin": { "N": "1618" } });
        for item in [name, key, count] {
            assert_eq!(shown(item, "x").len(), 1);
        }
    }

    #[test]
    fn what_the_docs_name_may_be_in_the_clear_there_and_nowhere_else() {
        let pending = |name: &str, value: &str| {
            let request = json!({ "M": { name: { "S": value } } });
            json!({ "pk": { "S": "pending#+4520123456" }, "r_ab": request })
        };
        let last =
            |name: &str| json!({ "pk": { "S": "thread#+1500" }, name: { "S": "+4550123456" } });
        let token = |pk: &str| json!({ "pk": { "S": pk }, "token": { "S": "eyJhbGciOi.x.y" } });
        let answer =
            json!({ "pk": { "S": "seen#twilio-confirmation#SM" }, "text": { "S": "a-ticket" } });
        for (item, sk, is_noticed) in [
            (
                pending("email", "acme+4520123456@sms.example.com"),
                "pending",
                false,
            ),
            (
                pending("mail", "acme+4520123456@sms.example.com"),
                "pending",
                true,
            ),
            (
                pending("link", "https://x/u?ticket=a-ticket"),
                "pending",
                false,
            ),
            (pending("mail", "a-ticket"), "pending", true),
            (pending("code", "2718"), "pending", false),
            (last("correspondent"), "last", false),
            (last("other"), "last", true),
            (last("correspondent"), "known#ab", true),
            (token("token#api#ab"), "token", false),
            (token("call#CA"), "state", true),
            (answer.clone(), "ab#link", false),
            (answer, "ab", true),
            (
                json!({ "pk": { "S": "score#345600#0" } }),
                "twilio#DK#-",
                false,
            ),
            (
                json!({ "pk": { "S": "rate#pin#ab" }, "s_345600": { "N": "1" } }),
                "hour",
                false,
            ),
            (
                json!({ "pk": { "S": "sent#code#a345600b" } }),
                "send",
                false,
            ),
        ] {
            let broken = shown(item.clone(), sk);
            assert_eq!(!broken.is_empty(), is_noticed, "{item} {broken:?}");
        }
    }
}
