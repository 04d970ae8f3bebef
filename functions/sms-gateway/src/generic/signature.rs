//! The signatures that a caller may put into a header: HMAC-SHA256 of the body in hex or base64,
//! or Zitadel's form `t=<seconds>,v1=<hex>`, which signs time and body (`pkg/actions` of
//! <https://github.com/zitadel/zitadel>).
//!
//! The form is read from the value. No signature of one form is one of the other: a signed time and
//! body is no JSON, and a body that is JSON does not begin with a time.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use shared::platform::config::Source;

use crate::posted::signed_at;

/// A signature of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// What is signed before the body.
    before: String,
    /// When it was made, in seconds, if it says so.
    pub(super) at: Option<u64>,
    /// A sender signs with each secret that is in use.
    macs: Vec<Vec<u8>>,
}

/// Why a signature is not compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It has none of the forms.
    Unreadable,
    /// Its time is too far from now.
    Stale,
}

impl Signature {
    /// Compares in constant time.
    pub(super) fn is_by(&self, key: &hmac::Key, body: &[u8]) -> bool {
        let content = [self.before.as_bytes(), body].concat();
        let mut macs = self.macs.iter();
        macs.any(|mac| hmac::verify(key, &content, mac).is_ok())
    }
}

/// Reads `GENERIC_SIGNATURE_HEADER`.
pub(super) fn signature_header(source: &mut Source<'_>) -> String {
    let name = source.text("GENERIC_SIGNATURE_HEADER", "x-signature");
    let name = name.trim().to_ascii_lowercase();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.bytes().all(is_name) {
        source.problem(
            "GENERIC_SIGNATURE_HEADER must be the name of a header: letters, digits, - and _",
        );
    }
    name
}

/// Reads the header's value.
pub(super) fn read(text: &str, max_age: u64, now: SystemTime) -> Result<Signature, Unusable> {
    let text = text.trim();
    let (before, at, macs) = if text.starts_with("t=") {
        let parts = || text.split(',').map(str::trim);
        let time = parts().find_map(|part| part.strip_prefix("t="));
        let time = time.unwrap_or_default();
        let at = signed_at(time, max_age, now).ok_or(Unusable::Stale)?;
        let macs = parts().filter_map(|part| mac(part.strip_prefix("v1=")?));
        (format!("{time}."), Some(at), macs.take(8).collect())
    } else {
        let text = text.strip_prefix("sha256=").unwrap_or(text);
        (String::new(), None, Vec::from_iter(mac(text)))
    };
    if macs.is_empty() {
        return Err(Unusable::Unreadable);
    }
    Ok(Signature { before, at, macs })
}

/// 32 bytes in hex or base64.
fn mac(text: &str) -> Option<Vec<u8>> {
    let bytes = if text.len() == 64 {
        hex::decode(text).ok()
    } else {
        BASE64_STANDARD.decode(text).ok()
    };
    bytes.filter(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?".
    const HEX: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    fn read(text: &str) -> Result<Signature, Unusable> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(498_828);
        super::read(text, 300, now)
    }

    #[test]
    fn the_published_vector_in_each_form() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        let base64 = BASE64_STANDARD.encode(hex::decode(HEX).unwrap());
        for text in [
            HEX.to_owned(),
            HEX.to_uppercase(),
            format!(" sha256={HEX} "),
            base64.clone(),
            format!("sha256={base64}"),
        ] {
            let signature = read(&text).unwrap();
            assert!(
                signature.is_by(&key, b"what do ya want for nothing?"),
                "{text}"
            );
            assert!(
                !signature.is_by(&key, b"what do ya want for nothing"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_time_is_signed_with_the_body() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a-signing-key");
        // As `ComputeSignatureHeader` in pkg/actions of github.com/zitadel/zitadel makes it.
        let mac = hex::encode(hmac::sign(&key, b"1795780800.{}"));
        let other = hex::encode([7; 32]);
        for text in [
            format!("t=1795780800,v1={mac}"),
            format!("t=1795780800, v1={other}, v1={mac}, v2=x"),
        ] {
            assert!(read(&text).unwrap().is_by(&key, b"{}"), "{text}");
        }
        for text in [format!("t=1795780801,v1={mac}"), mac.clone()] {
            assert!(!read(&text).unwrap().is_by(&key, b"{}"), "{text}");
        }
        for stale in [
            "t=1795780499",
            "t=1795781101",
            "t=",
            "t=x",
            "t=1,t=1795780800",
        ] {
            assert_eq!(
                read(&format!("{stale},v1={mac}")),
                Err(Unusable::Stale),
                "{stale}"
            );
        }
    }

    #[test]
    fn what_is_no_signature() {
        for text in [
            "",
            "sha256=",
            "t=1795780800",
            "t=1795780800,v1=",
            "AAAA",
            &HEX[2..],
            &"z".repeat(64),
        ] {
            assert_eq!(read(text), Err(Unusable::Unreadable), "{text}");
        }
    }

    #[test]
    fn the_header_has_a_name_that_headers_can_have() {
        let read = |name: &str| {
            let lookup = |key: &str| (key == "GENERIC_SIGNATURE_HEADER").then(|| name.to_owned());
            shared::platform::config::read(&lookup, signature_header)
        };
        for (name, header) in [
            ("X-Zitadel-Signature", "x-zitadel-signature"),
            (" x_mac_256 ", "x_mac_256"),
        ] {
            assert_eq!(read(name).unwrap(), header);
        }
        for name in ["x signature", "x-signature:", "\u{e9}"] {
            assert_eq!(read(name).unwrap_err().0.len(), 1, "{name}");
        }
    }
}
