//! Who signed a mail (<https://www.rfc-editor.org/rfc/rfc6376>), and whether the signer speaks for
//! the mail's From header.
//!
//! Mailgun's verdict says that a signature is good, of any domain. But a stranger's domain can sign
//! a stranger's mail. So each signature must be by the domain of the From header or a parent of it.
//! A parent is safe. A signature's key is in DNS below the signing domain
//! (`selector._domainkey.co.uk` for `d=co.uk`). Only that domain's owner can put it there, and
//! registries sign no mail. A top-level domain alone is rejected all the same. Another subdomain of
//! the same organisation is not enough, although DMARC would accept it
//! (<https://www.rfc-editor.org/rfc/rfc7489#section-3.1>): only the public suffix list tells where
//! an organisation begins.
//!
//! A recipient may send a good mail on to any address, and its signature stays good. The signed To
//! header says whom the mail was for.

use super::Form;

/// The content of a DKIM-Signature header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The signing domain (`d=`), lower-case.
    pub domain: String,
    /// Whether it covers the To header (`h=`) and the whole body (no `l=`, after which a stranger
    /// may add to the mail). A header without `h=` is no objection: it is not a signature, so
    /// Mailgun's verdict was about another one.
    pub covers_recipient: bool,
}

/// All DKIM-Signature headers; `None` if there is none, or if one cannot be read with certainty.
pub(super) fn signatures(form: &Form) -> Option<Vec<Signature>> {
    let headers = form.all_headers("DKIM-Signature")?;
    let signatures: Vec<Signature> = headers
        .iter()
        .map(|header| Signature::read(header))
        .collect::<Option<_>>()?;
    (!signatures.is_empty()).then_some(signatures)
}

impl Signature {
    /// Reads a list of `name=value`, separated by semicolons, each name once.
    fn read(header: &str) -> Option<Self> {
        let (mut domain, mut signed, mut is_partial) = (None, None, false);
        let mut tags = header.split(';').map(str::trim).peekable();
        while let Some(tag) = tags.next() {
            if tag.is_empty() && tags.peek().is_none() {
                break;
            }
            let (name, value) = tag.split_once('=')?;
            // Names are case-sensitive, but `D` beside `d` is also rejected.
            match &*name.trim_end().to_ascii_lowercase() {
                "d" if domain.replace(value.trim()).is_some() => return None,
                "h" if signed.replace(value).is_some() => is_partial = true,
                "l" => is_partial = true,
                _ => {}
            }
        }
        let domain = domain?.to_ascii_lowercase();
        let label = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let covers_to = |headers: &str| {
            let mut names = headers.split(':').map(str::trim);
            names.any(|name| name.eq_ignore_ascii_case("to"))
        };
        domain.split('.').all(label).then(|| Self {
            covers_recipient: !is_partial && signed.is_none_or(covers_to),
            domain,
        })
    }
}

/// Whether a signature by `signer` speaks for `address`: `signer` is the address's domain, or a
/// parent of it with at least two labels.
pub fn is_aligned(address: &str, signer: &str) -> bool {
    let domain = address.rsplit('@').next().unwrap_or_default();
    let is_parent = || {
        domain
            .strip_suffix(signer)
            .is_some_and(|before| before.ends_with('.'))
            && signer.contains('.')
    };
    !signer.is_empty() && (domain == signer || is_parent())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signed() {
        for (header, expected) in [
            (
                "v=1; a=rsa-sha256; c=relaxed/relaxed; d=acme.example; s=s1; b=AHa/+==",
                Some("acme.example"),
            ),
            (
                "v=1; a=rsa-sha256;\t d = Mail.ACME.example ;\n s=s1; b=AHaRdy+iET\t\t abc==;",
                Some("mail.acme.example"),
            ),
            ("d=acme.example", Some("acme.example")),
            ("v=1; s=s1; b=x", None),
            ("v=1; d=acme.example; d=evil.example; b=x", None),
            ("v=1; d=acme.example; d=acme.example; b=x", None),
            ("v=1; d=acme.example; D=evil.example; b=x", None),
            ("v=1;; d=acme.example; b=x", None),
            ("v=1; d; b=x", None),
            ("v=1; d=; b=x", None),
            ("v=1; d=.acme.example; b=x", None),
            ("v=1; d=acme.example.; b=x", None),
            ("v=1; d=acme .example; b=x", None),
            ("v=1; d=acme.example, evil.example; b=x", None),
            ("v=1; d=\u{430}cme.example; b=x", None),
            ("acme.example", None),
            ("", None),
        ] {
            let domain = Signature::read(header).map(|signature| signature.domain);
            assert_eq!(domain.as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn what_is_signed() {
        for (tags, covers) in [
            ("h=from:to:subject", true),
            ("h=From : To : Subject", true),
            ("h=from:\r\n\tto", true),
            ("h=to", true),
            ("H=to", true),
            ("h=from:subject", false),
            ("h=from:reply-to", false),
            ("h=from:to-do", false),
            ("h=", false),
            ("h=from; h=to", false),
            ("h=from:to; H=from", false),
            ("h=from:to; l=0", false),
            ("h=from:to; L =100", false),
            ("l=100", false),
            ("s=to", true),
        ] {
            let header = format!("v=1; d=acme.example; {tags}; b=x");
            let signature = Signature::read(&header).unwrap();
            assert_eq!(signature.covers_recipient, covers, "{tags}");
        }
    }

    #[test]
    fn every_header_counts_however_it_comes() {
        let form = |fields: &[(&str, &str)]| {
            let pairs = fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let signatures = signatures(&Form {
                pairs,
                token: String::new(),
                timestamp: 0,
            });
            let domains = |signatures: Vec<Signature>| {
                let domains: Vec<String> = signatures
                    .into_iter()
                    .map(|signature| signature.domain)
                    .collect();
                domains.join(",")
            };
            signatures.map(domains)
        };
        let (ours, theirs) = ("v=1; d=acme.example; b=x", "v=1; d=evil.example; b=x");
        let listed = r#"[["Received","a"],["DKIM-Signature","v=1; d=evil.example; b=x"]]"#;
        for (fields, expected) in [
            (&[("Dkim-Signature", ours)][..], Some("acme.example")),
            (
                &[("DKIM-Signature", ours), ("dkim-signature", theirs)],
                Some("acme.example,evil.example"),
            ),
            (
                &[
                    ("Dkim-Signature", ours),
                    ("message-headers", r#"[["Received","a"]]"#),
                ],
                Some("acme.example"),
            ),
            (
                &[("Dkim-Signature", ours), ("message-headers", listed)],
                Some("acme.example,evil.example"),
            ),
            (&[("message-headers", listed)], Some("evil.example")),
            (&[("Dkim-Signature", ours), ("Dkim-Signature", "b=x")], None),
            (&[("Dkim-Signature", ours), ("message-headers", "{}")], None),
            (
                &[
                    ("Dkim-Signature", ours),
                    ("message-headers", "[[\"Received\""),
                ],
                None,
            ),
            (
                &[("X-Dkim-Signature", ours), ("message-headers", "[]")],
                None,
            ),
            (&[], None),
        ] {
            assert_eq!(form(fields).as_deref(), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_domain_and_its_parents_speak_for_an_address() {
        for (address, signer, aligned) in [
            ("no-reply@acme.example", "acme.example", true),
            ("no-reply@mail.acme.example", "acme.example", true),
            ("no-reply@a.b.acme.co.uk", "acme.co.uk", true),
            ("no-reply@acme.co.uk", "co.uk", true),
            ("no-reply@acme.example", "example", false),
            ("no-reply@acme.example", "mail.acme.example", false),
            ("no-reply@notacme.example", "acme.example", false),
            ("no-reply@acme.example", "evil.example", false),
            ("no-reply@acme.example", "", false),
            ("no-reply@acme.example.evil.example", "acme.example", false),
            ("no-reply@localhost", "localhost", true),
        ] {
            assert_eq!(is_aligned(address, signer), aligned, "{address} {signer}");
        }
    }
}
