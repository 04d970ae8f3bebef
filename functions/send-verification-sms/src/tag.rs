//! The tag in an address, `acme+4512345678.<tag>@...`. Only the application can compute it, so no
//! stranger can write to a phone.
//!
//! The tag is the first 80 bits of HMAC-SHA256(key, digits), in lower-case Crockford base32: 16
//! characters, which mail systems do not change. Without the key an attacker has to guess 80 bits,
//! with one mail for each guess.

use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use shared::platform::secrets::{Content, Keys, same};
use shared::rules::phone::E164;

/// <https://www.crockford.com/base32.html>
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const BYTES: usize = 10;

/// The `recipient` secret.
#[derive(Debug)]
pub(crate) struct RecipientKeys {
    recipient_key: SecretString,
    previous_recipient_key: Option<SecretString>,
}

impl Content for RecipientKeys {
    const NAME: &'static str = "recipient";

    fn take(keys: &mut Keys) -> Option<Self> {
        let recipient_key = keys.required("recipient_key");
        Some(Self {
            recipient_key: recipient_key?,
            previous_recipient_key: keys.optional("previous_recipient_key"),
        })
    }
}

impl RecipientKeys {
    /// True if `given`, in either case, is this phone's tag by the current or the previous key.
    pub(crate) fn fit(&self, phone: &E164, given: &str) -> bool {
        let given = given.to_ascii_lowercase();
        let keys = [
            Some(&self.recipient_key),
            self.previous_recipient_key.as_ref(),
        ];
        keys.into_iter()
            .flatten()
            .any(|key| same(&tag(key.expose_secret(), phone.digits()), &given))
    }
}

fn tag(key: &str, digits: &str) -> String {
    let mac = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()),
        digits.as_bytes(),
    );
    let bits = mac
        .as_ref()
        .iter()
        .take(BYTES)
        .fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let character = |place: usize| char::from(ALPHABET[(bits >> (5 * place) & 31) as usize]);
    (0..8 * BYTES / 5).rev().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn vectors() {
        let file = include_str!("../tests/vectors/recipient_tag.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 15);
        for case in cases {
            let text = |name: &str| case[name].as_str().unwrap();
            let made = tag(text("recipient_key"), text("digits"));
            assert_eq!(made, text("tag"), "{case}");
        }
    }

    #[test]
    fn the_tag_by_either_key_fits_in_either_case_and_only_its_phone() {
        let keys = RecipientKeys {
            recipient_key: "new".into(),
            previous_recipient_key: Some("old".into()),
        };
        let phone: E164 = "+4512345678".parse().unwrap();
        for key in ["new", "old"] {
            let made = tag(key, phone.digits());
            assert!(keys.fit(&phone, &made), "{key}");
            assert!(keys.fit(&phone, &made.to_ascii_uppercase()), "{key}");
            assert!(!keys.fit(&"+4512345679".parse().unwrap(), &made), "{key}");
        }
        assert!(!keys.fit(&phone, &tag("older", phone.digits())));
    }

    proptest! {
        #[test]
        fn any_other_tag_is_wrong(given in "[0-9a-z]{0,20}") {
            let keys = RecipientKeys {
                recipient_key: "example-recipient-key".into(),
                previous_recipient_key: None,
            };
            prop_assert!(!keys.fit(&"+4512345678".parse().unwrap(), &given));
        }
    }
}
