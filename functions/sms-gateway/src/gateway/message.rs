//! A text to deliver, and who asked for it.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest;
use shared::rules::phone::E164;
use shared::rules::sms::segments;
use shared::rules::voice::Said;

/// A longer text is not a one-time code, and each segment costs money.
const MOST_SEGMENTS: u64 = 6;

/// A text to deliver. No `Debug`: it holds a code.
pub(crate) struct Message {
    pub(crate) to: E164,
    pub(crate) body: String,
    /// The person wants a call that reads the code out.
    pub(crate) by_voice: bool,
    /// What the request says for a call; `None`: the text must not be read out.
    pub(crate) said: Option<Said>,
    /// The sender that the request names, unless `SMS_FROM` has one for the provider.
    pub(crate) from: Option<String>,
    /// What makes two requests copies of each other: a [`hash`], of what the entrance decides.
    pub(crate) id: String,
    /// How long the code is valid.
    pub(crate) life: Duration,
    pub(crate) asker: Asker,
}

impl Message {
    /// The same code by a call. A text with it is another message.
    #[must_use]
    pub(crate) fn by_voice(self) -> Self {
        Self {
            id: hash(&format!("voice\n{}", self.id)),
            by_voice: true,
            ..self
        }
    }
}

/// Who asked for the code, as far as the entrance's caller says. It limits what one person can cost.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asker {
    /// A hash of the IPv4 address or of the IPv6 /64 network. One customer gets one such network.
    pub(crate) network: Option<String>,
    /// The ISO 3166 region of the IP address.
    pub(crate) region: Option<String>,
}

impl Asker {
    /// Texts that are no IP address or no region are ignored, so that the code is still sent.
    pub(crate) fn new(ip: Option<&str>, region: Option<&str>) -> Self {
        let network = ip.and_then(|ip| ip.trim().parse().ok());
        let region = region
            .map(str::trim)
            .filter(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()));
        Self {
            network: network.map(|ip: IpAddr| match ip.to_canonical() {
                IpAddr::V4(ip) => hash(&ip.to_string()),
                IpAddr::V6(ip) => hash(&format!("{:x?}", &ip.octets()[..8])),
            }),
            region: region.map(str::to_ascii_uppercase),
        }
    }
}

/// A number as people write it, on one line. Auth0's own examples contain blanks.
pub(crate) fn number(text: &str) -> Option<E164> {
    if text.contains(char::is_control) {
        None
    } else {
        E164::from_written(text)
    }
}

/// Why this cannot be the text of a message.
pub(crate) fn unfit(text: &str) -> Option<&'static str> {
    if text.trim().is_empty()
        || text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        Some("the text must have characters, and no control characters")
    } else if segments::count(text) > MOST_SEGMENTS {
        Some("the text is longer than 6 segments, which no one-time code needs")
    } else {
        None
    }
}

/// 22 characters that stand for a text.
pub(crate) fn hash(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn askers() {
        let network = |ip| Asker::new(Some(ip), None).network;
        let one = network("203.0.113.7");
        assert!(one.is_some());
        assert_eq!(network(" 203.0.113.7"), one);
        assert_eq!(network("::ffff:203.0.113.7"), one);
        assert_ne!(network("203.0.113.8"), one);
        let one = network("2001:db8:1:2::1");
        assert_eq!(network("2001:db8:1:2:ffff::9"), one);
        assert_ne!(network("2001:db8:1:3::1"), one);
        let region = |text| Asker::new(None, Some(text)).region;
        assert_eq!(region("dk").as_deref(), Some("DK"));
        assert_eq!(Asker::new(Some("x"), Some("DNK")), Asker::default());
    }
}
