//! Whether an item is about a number, and what becomes of it.

use aws_sdk_dynamodb::types::AttributeValue;
use shared::rules::delivery;
use shared::rules::phone::E164;

use crate::table::{Attributes, hash, text};

/// The attribute of a text's record with a hash of its number, for delivery receipts.
pub(super) const NUMBER_HASH: &str = "number";

/// The attributes with an address, where a number may occur without its plus sign.
const ADDRESSES: [&str; 1] = ["email"];

/// What to do with an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is not about this number.
    Other,
    /// It is about this number and is deleted. Holds its kind.
    Delete(&'static str),
    /// It is kept without the hash of this number. Holds what that was.
    Strip(&'static str),
    /// It is about this number and is kept. Holds the reason.
    Keep(String),
}

/// The number in all its stored forms.
pub(super) struct Subject<'a> {
    number: &'a E164,
    /// The number's hashes. The company phone hashes the number with its plus sign, the phone menu
    /// hashes the digits, and delivery receipts have a longer hash.
    hashes: [String; 3],
}

impl<'a> Subject<'a> {
    pub(super) fn new(number: &'a E164) -> Self {
        Self {
            number,
            hashes: [
                hash(number.reveal()),
                hash(number.digits()),
                delivery::number_hash(number),
            ],
        }
    }

    pub(super) fn judge(&self, item: &Attributes) -> Fate {
        let pk = text(item, "pk");
        if pk.starts_with("sent#") && text(item, NUMBER_HASH) == self.hashes[2] {
            return Fate::Strip("hashes in records of texts");
        }
        if !self.is_key(item) && self.evidence(item).is_empty() {
            return Fate::Other;
        }
        // The key of a company number's state record may contain the number.
        let shown =
            crate::report::plain(&pk.replace(self.number.reveal(), &self.number.to_string()));
        match pk.split('#').next().unwrap_or_default() {
            "account" | "phone" => Fate::Keep(
                "an account that has this phone: change or delete it where accounts are kept"
                    .to_owned(),
            ),
            "number" if text(item, "number") == self.number.reveal() => Fate::Keep(format!(
                "the state record of a company number, {shown}: release the number first, or change primaryPhone in Okta"
            )),
            "number" => Fate::Keep(format!("{shown}, a state record of a company number")),
            "lock" if text(item, "sk").starts_with("known#") => {
                Fate::Delete("accounts to which the number is known")
            }
            "lock" => Fate::Keep(format!(
                "{shown}, an account's count of wrong PINs: it ends by itself, or by `operator unlock`"
            )),
            "token" => Fate::Keep(format!(
                "{shown}, a token that the functions use: it ends by itself"
            )),
            "pending" => Fate::Delete("open requests"),
            "seen" => Fate::Delete("confirmations and messages of the last days"),
            "rate" => Fate::Delete("counters"),
            "call" => Fate::Delete("calls"),
            "road" => Fate::Delete("delivery receipts of the last codes"),
            "thread" => Fate::Delete("conversations"),
            "directory" => Fate::Delete("copies of the directory"),
            _ => Fate::Keep(format!(
                "{shown}, which this CLI does not know: check it by hand"
            )),
        }
    }

    /// True if a whole part of the key is the number or its hash.
    fn is_key(&self, item: &Attributes) -> bool {
        let mut parts = text(item, "pk")
            .split('#')
            .chain(text(item, "sk").split('#'));
        parts
            .any(|part| part == self.number.reveal() || self.hashes.iter().any(|hash| part == hash))
    }

    /// The attributes that contain the number.
    pub(super) fn evidence(&self, item: &Attributes) -> Vec<String> {
        let attributes = item
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "pk" | "sk"));
        attributes
            .filter(|(name, value)| self.is_in(name, value))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// True if an attribute contains the number, without further digits next to it.
    fn is_in(&self, name: &str, value: &AttributeValue) -> bool {
        let number = if ADDRESSES.contains(&name) {
            self.number.digits()
        } else {
            self.number.reveal()
        };
        let in_text = |text: &str| {
            let apart = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_digit());
            let stands = |(at, _): (usize, &str)| {
                apart(text[..at].chars().next_back())
                    && apart(text[at + number.len()..].chars().next())
            };
            text.match_indices(number).any(stands)
        };
        match value {
            AttributeValue::S(text) => in_text(text),
            AttributeValue::Ss(texts) => texts.iter().any(|text| in_text(text)),
            AttributeValue::L(values) => values.iter().any(|value| self.is_in(name, value)),
            AttributeValue::M(map) => map.iter().any(|(name, value)| self.is_in(name, value)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(pairs: &[(&str, &str)]) -> Attributes {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned())))
            .collect()
    }

    #[test]
    fn the_number_is_found_wherever_it_stands() {
        let number: E164 = "+4512345678".parse().unwrap();
        let subject = Subject::new(&number);
        let judge = |pk: &str, sk: &str, more: (&str, &str)| {
            subject.judge(&item(&[("pk", pk), ("sk", sk), more]))
        };
        let [hash, digits, receipts] = subject.hashes.clone();
        assert_eq!(
            judge(&format!("road#{receipts}"), "road", ("x", "")),
            Fate::Delete("delivery receipts of the last codes")
        );
        assert_eq!(
            judge("sent#code#AAAA", "send", ("number", &receipts)),
            Fate::Strip("hashes in records of texts")
        );
        assert_eq!(
            judge("pending#+4512345678", "pending", ("x", "")),
            Fate::Delete("open requests")
        );
        assert_eq!(
            judge("seen#confirmed#+4512345678", "confirmed", ("x", "")),
            Fate::Delete("confirmations and messages of the last days")
        );
        assert_eq!(
            judge(
                &format!("rate#text-pair#+15005550010#{hash}"),
                "7",
                ("x", "")
            ),
            Fate::Delete("counters")
        );
        assert_eq!(
            judge(&format!("rate#pin#{digits}"), "7", ("x", "")),
            Fate::Delete("counters")
        );
        let known = Fate::Delete("accounts to which the number is known");
        assert_eq!(
            judge("lock#10042", &format!("known#{digits}"), ("x", "")),
            known
        );
        assert_eq!(
            judge(
                "thread#+15005550010",
                "last",
                ("correspondent", "+4512345678")
            ),
            Fate::Delete("conversations")
        );
        assert_eq!(
            judge("directory#+15005550010", "entry", ("mobile", "+4512345678")),
            Fate::Delete("copies of the directory")
        );
        assert_eq!(
            judge(
                "call#CA1",
                "state",
                ("x", "acme+4512345678@sms.example.com")
            ),
            Fate::Delete("calls")
        );
        assert_eq!(
            judge(
                "pending#x",
                "pending",
                ("email", "u4512345678@sms.example.com")
            ),
            Fate::Delete("open requests")
        );
        for (pk, sk) in [
            ("lock#10042", format!("caller#{digits}")),
            ("token#api#a", number.reveal().to_owned()),
        ] {
            assert!(matches!(judge(pk, &sk, ("x", "")), Fate::Keep(_)), "{pk}");
        }
        let Fate::Keep(why) = judge("crm#+4512345678", "x", ("x", "")) else {
            panic!("kept")
        };
        assert!(why.contains("crm#") && !why.contains("12345678"), "{why}");
        assert!(matches!(
            judge("account#1", "account", ("phone", "+4512345678")),
            Fate::Keep(_)
        ));
        assert!(matches!(
            judge("number#00u1", "number", ("number", "+4512345678")),
            Fate::Keep(_)
        ));
        for (pk, more) in [
            ("pending#+45123456789", ("x", "")),
            ("pending#+15005550006", ("x", "a 14512345678 b")),
            ("rate#code-range#+451234", ("x", "45123456780")),
            ("call#CA1", ("account", "4512345678")),
            ("seen#okta#1", ("x", hash.as_str())),
            ("call#a-+4512345678", ("+4512345678", "x")),
        ] {
            assert_eq!(judge(pk, "s", more), Fate::Other, "{pk}");
        }
    }
}
