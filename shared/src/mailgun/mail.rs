//! A mail as a Route delivers it
//! (<https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http>).

use ring::digest;

use super::{Form, dkim};
use crate::verified::Verified;

/// What we read of a mail.
#[derive(Debug)]
pub struct StoredMail<'a> {
    /// The one envelope recipient (SMTP RCPT TO).
    pub recipient: Option<&'a str>,
    /// The addresses in the From header; `None` if it cannot be read with certainty.
    pub from: Option<Vec<String>>,
    /// Whether Mailgun found the DKIM signature good: `X-Mailgun-Dkim-Check-Result` is `Pass`, and nothing else.
    pub dkim_passed: bool,
    /// The domains that signed it, one for each DKIM-Signature header; `None` if there is none, or one cannot be read with certainty.
    pub signers: Option<Vec<String>>,
    /// The HTML part, empty if none.
    pub html: &'a str,
    /// The text part, empty if none.
    pub plain: &'a str,
    /// When Mailgun signed the post (epoch seconds): the mail came then, or a little earlier.
    pub mailed_at: u64,
    /// What makes it the same mail when it is delivered again: a hash of Message-Id (or, without one, the token) and recipient.
    pub id: String,
}

impl<'a> StoredMail<'a> {
    /// Reads a verified post. What came more than once where one is expected counts as absent.
    pub fn parse(form: &'a Verified<Form>) -> Self {
        let one = |name: &'static str| {
            let mut values = form.all(name);
            values
                .next()
                .filter(|value| values.all(|other| other == *value))
        };
        let recipient = one("recipient");
        let from: Vec<&str> = form.headers("From").collect();
        let from: Option<Vec<String>> = from.into_iter().map(address).collect();
        let mut dkim = form.headers("X-Mailgun-Dkim-Check-Result").peekable();
        let dkim_passed =
            dkim.peek().is_some() && dkim.all(|result| result.eq_ignore_ascii_case("pass"));
        let message = form
            .headers("Message-Id")
            .next()
            .filter(|id| !id.trim().is_empty())
            .unwrap_or(form.token());
        let id = digest::digest(
            &digest::SHA256,
            format!("{message}\n{}", recipient.unwrap_or_default()).as_bytes(),
        );
        Self {
            recipient,
            from: from.filter(|addresses| !addresses.is_empty()),
            dkim_passed,
            signers: dkim::signers(form),
            html: one("body-html").unwrap_or_default(),
            plain: one("body-plain").unwrap_or_default(),
            mailed_at: form.timestamp(),
            id: hex::encode(&id.as_ref()[..16]),
        }
    }
}

/// The address of a From header with one mailbox, lower-case: `Name <local@domain>` or `local@domain`
/// (<https://www.rfc-editor.org/rfc/rfc5322#section-3.4>); `None` for anything that could hold a second address.
fn address(header: &str) -> Option<String> {
    let header = header.trim();
    let address = match header.rfind('<') {
        Some(start) => {
            // A quoted display name may hold anything; the mailbox is what stands in the brackets at the very end.
            let name = header[..start]
                .trim()
                .replace(r"\\", "")
                .replace(r#"\""#, "");
            let quoted = name.len() >= 2
                && name.starts_with('"')
                && name.ends_with('"')
                && !name[1..name.len() - 1].contains('"');
            if !quoted && name.contains(['<', '>', '"', '@']) {
                return None;
            }
            header[start + 1..].strip_suffix('>')?
        }
        None => header,
    };
    is_address(address).then(|| address.to_ascii_lowercase())
}

/// Whether `text` is a plain `local@domain`.
pub fn is_address(text: &str) -> bool {
    let plain = |text: &str, extra: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    text.split_once('@')
        .is_some_and(|(local, domain)| plain(local, "!#$%&'*+-/=?^_`{|}~.") && plain(domain, "-."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_headers() {
        for (header, expected) in [
            ("no-reply@acme.example", Some("no-reply@acme.example")),
            (
                "Acme <No-Reply@acme.example>",
                Some("no-reply@acme.example"),
            ),
            (
                "\"Acme, Inc. <x@y>\" <no-reply@acme.example>",
                Some("no-reply@acme.example"),
            ),
            (
                "Café, Inc. <no-reply@acme.example>",
                Some("no-reply@acme.example"),
            ),
            (
                "Acme: accounts <no-reply@acme.example>",
                Some("no-reply@acme.example"),
            ),
            (
                r#""The \"best\" <x@y>" <no-reply@acme.example>"#,
                Some("no-reply@acme.example"),
            ),
            (
                r#""x\" <no-reply@acme.example>" <evil@evil.example>"#,
                Some("evil@evil.example"),
            ),
            (
                r#""x\\" <no-reply@acme.example>"#,
                Some("no-reply@acme.example"),
            ),
            (
                "\"no-reply@acme.example\" <evil@evil.example>",
                Some("evil@evil.example"),
            ),
            ("no-reply@acme.example <evil@evil.example>", None),
            ("evil@evil.example, no-reply@acme.example", None),
            ("A <evil@evil.example>, B <no-reply@acme.example>", None),
            ("<no-reply@acme.example> <evil@evil.example", None),
            ("no-reply@acme.example@evil.example", None),
            ("Acme <no-reply@acme.example> (x)", None),
            ("\"a\" \"b <x@y>\" <no-reply@acme.example>", None),
            ("Acme", None),
            ("", None),
        ] {
            assert_eq!(address(header).as_deref(), expected, "{header}");
        }
    }
}
