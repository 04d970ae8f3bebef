//! A mail as a Route delivers it
//! (<https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http>).

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use ring::digest;

use super::Form;
use super::dkim::{self, Signature};
use crate::rules::verified::Verified;

/// An address has at most 254 characters, and no name needs more than the rest.
const HEADER_LIMIT: usize = 2_000;

/// The parts of a mail that we read.
#[derive(Debug)]
pub struct StoredMail<'a> {
    /// The one envelope recipient (SMTP RCPT TO).
    pub recipient: Option<&'a str>,
    /// The address of each From header, lower-case; `None` if there is none, or if one cannot be
    /// read with certainty.
    pub from: Option<Vec<String>>,
    /// The address of each To header; empty without any, `None` if one cannot be read with certainty.
    pub to: Option<Vec<String>>,
    /// Whether Mailgun found the DKIM signature good: `X-Mailgun-Dkim-Check-Result` is `Pass`, and
    /// no header has another value.
    pub dkim_passed: bool,
    /// Its DKIM signatures; `None` if there is none, or if one cannot be read with certainty.
    pub signatures: Option<Vec<Signature>>,
    /// The first language of its `Content-Language`
    /// (<https://www.rfc-editor.org/rfc/rfc3282>).
    pub language: Option<String>,
    /// The HTML part, empty if none.
    pub html: &'a str,
    /// The text part, empty if none.
    pub plain: &'a str,
    /// When Mailgun signed the post (epoch seconds). The mail came then, or a little earlier.
    pub mailed_at: u64,
    /// The same id for each delivery of the mail: a hash of Message-Id (or, without one, the token)
    /// and recipient.
    pub id: String,
}

impl<'a> StoredMail<'a> {
    /// Reads a verified post. If one value is expected and several different ones came, the field
    /// counts as absent.
    pub fn parse(form: &'a Verified<Form>) -> Self {
        let one = |name: &'static str| {
            let mut values = form.all(name);
            values
                .next()
                .filter(|value| values.all(|other| other == *value))
        };
        let recipient = one("recipient");
        let to = form.all_headers("To").and_then(|to| {
            if to.is_empty() {
                Some(Vec::new())
            } else {
                addresses(to.iter().map(String::as_str))
            }
        });
        let language = form.all_headers("Content-Language");
        let language = language.iter().flatten().find_map(|header| {
            let mut tags = header.split(',').map(str::trim);
            tags.find(|tag| !tag.is_empty()).map(str::to_owned)
        });
        // Mailgun posts its verdict as a field. Another one must not hide in the list of headers.
        let verdict = "X-Mailgun-Dkim-Check-Result";
        let is_pass = |verdict: String| verdict.eq_ignore_ascii_case("pass");
        let is_given = form.headers(verdict).next().is_some();
        // A list that cannot be read is judged with the signatures.
        let verdicts = form.all_headers(verdict);
        let dkim_passed = is_given && verdicts.is_none_or(|all| all.into_iter().all(is_pass));
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
            from: addresses(form.headers("From")),
            to,
            dkim_passed,
            signatures: dkim::signatures(form),
            language,
            html: one("body-html").unwrap_or_default(),
            plain: one("body-plain").unwrap_or_default(),
            mailed_at: form.timestamp(),
            id: hex::encode(&id.as_ref()[..16]),
        }
    }
}

/// The address of each header; `None` if there is none, or if one cannot be read with certainty.
fn addresses<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Vec<String>> {
    let addresses: Vec<String> = headers.map(address).collect::<Option<_>>()?;
    (!addresses.is_empty()).then_some(addresses)
}

/// The address of a From or To header with one mailbox, lower-case
/// (<https://www.rfc-editor.org/rfc/rfc5322#section-3.4>): `local@domain` or `Name <local@domain>`,
/// with comments.
///
/// The library reads any text in which it finds an address. This function returns `None` if another
/// reader could take the mail as from, or to, another address.
fn address(header: &str) -> Option<String> {
    let header = header
        .split_ascii_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    if header.len() > HEADER_LIMIT || header.contains(char::is_control) {
        return None;
    }
    let found = mailboxes(&header);
    let [address] = found.as_slice() else {
        return None;
    };
    // The address must be there in one piece: the library would join `<no-> <reply@acme.example>`.
    let (before, after) = header.rsplit_once(address.as_str())?;
    let (before, after) = (before.trim_end(), after.trim_start());
    let bracketed = before.strip_suffix('<').zip(after.strip_prefix('>'));
    let is_comment =
        |text: &str| !text.contains('"') && without_quotes_and_comments(text).trim().is_empty();
    let beside = match bracketed {
        Some((name, comment)) => [name, comment],
        None if is_comment(before) && is_comment(after) => [before, after],
        None => return None,
    };
    let is_clear = is_address(address) && !beside.iter().any(|text| names_another(text, address));
    is_clear.then(|| address.to_ascii_lowercase())
}

/// All addresses that the library finds in a header.
fn mailboxes(header: &str) -> Vec<String> {
    let line = format!("{header}\n");
    let HeaderValue::Address(parsed) = MessageStream::new(line.as_bytes()).parse_address() else {
        return Vec::new();
    };
    let found = parsed.iter().filter_map(|mailbox| mailbox.address());
    found.map(str::to_owned).collect()
}

/// Whether a reader could find another address in the text beside `address`. Blanks may stand
/// around an @ (RFC 5322, section 4.4). But a host has a dot, so `Acme @ Work` is not an address.
fn names_another(text: &str, address: &str) -> bool {
    let bare = without_quotes_and_comments(text);
    let mut words = bare
        .split([' ', ',', ';', ':'])
        .filter(|word| !word.is_empty() && *word != address)
        .peekable();
    while let Some(word) = words.next() {
        let is_host = |next: &&str| next.trim_end_matches('.').contains('.');
        if word.contains('@') && (word != "@" || words.peek().is_some_and(is_host)) {
            return true;
        }
    }
    false
}

/// The text without quotes and comments, in which no reader looks for an address. Each of them
/// leaves a blank.
fn without_quotes_and_comments(text: &str) -> String {
    let (mut bare, mut is_quoted, mut depth) = (String::new(), false, 0_u32);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' if is_quoted || depth > 0 => drop(characters.next()),
            '"' if depth == 0 => {
                is_quoted = !is_quoted;
                bare.push(' ');
            }
            '(' if !is_quoted => {
                depth += 1;
                bare.push(' ');
            }
            ')' if !is_quoted && depth > 0 => depth -= 1,
            _ if !is_quoted && depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare
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
    use proptest::prelude::*;

    #[test]
    fn headers_with_one_address() {
        for header in [
            "no-reply@acme.example",
            "<no-reply@acme.example>",
            "  No-Reply@ACME.example\t",
            "Acme <No-Reply@acme.example>",
            "Acme < no-reply@acme.example >",
            "Acme\r\n <no-reply@acme.example>",
            "\"Acme, Inc. <x@y>\" <no-reply@acme.example>",
            r#""The \"best\" <x@y>" <no-reply@acme.example>"#,
            r#""x\\" <no-reply@acme.example>"#,
            "\"a\" \"b <x@y>\" <no-reply@acme.example>",
            "\"no-reply@acme.example\" <no-reply@acme.example>",
            "no-reply@acme.example <no-reply@acme.example>",
            "Acme \"x@y\" Inc. <no-reply@acme.example>",
            "Acme @ Work <no-reply@acme.example>",
            "Acme @ Work Inc. <no-reply@acme.example>",
            "@ Work <no-reply@acme.example>",
            "Acme @ <no-reply@acme.example>",
            "=?utf-8?q?Acme_=40_Work?= <no-reply@acme.example>",
            "=?utf-8?b?QWNtZQ==?= =?utf-8?q?_Work?= <no-reply@acme.example>",
            "Caf\u{e9}, Inc. <no-reply@acme.example>",
            "Acme: accounts <no-reply@acme.example>",
            "Acme <no-reply@acme.example> (accounts)",
            "Acme (the (good) shop) <no-reply@acme.example>",
            "Acme (evil@evil.example) <no-reply@acme.example>",
            "(Acme) no-reply@acme.example (accounts)",
            r"(Acme \) <evil@evil.example>) no-reply@acme.example",
        ] {
            assert_eq!(
                address(header).as_deref(),
                Some("no-reply@acme.example"),
                "{header}"
            );
        }
        for header in [
            r#""x\" <no-reply@acme.example>" <evil@evil.example>"#,
            "\"no-reply@acme.example\" <evil@evil.example>",
            "(no-reply@acme.example) evil@evil.example",
            "Acme (<no-reply@acme.example>) <evil@evil.example>",
        ] {
            assert_eq!(
                address(header).as_deref(),
                Some("evil@evil.example"),
                "{header}"
            );
        }
    }

    #[test]
    fn headers_that_could_name_another_address() {
        for header in [
            "no-reply@acme.example <evil@evil.example>",
            "evil@evil.example <no-reply@acme.example>",
            "evil @ evil.example <no-reply@acme.example>",
            "evil @ evil.example. <no-reply@acme.example>",
            "Acme @ Work evil@evil.example <no-reply@acme.example>",
            "evil@ evil.example <no-reply@acme.example>",
            "x@y <no-reply@acme.example>",
            "evil@evil.example \"Acme\" <no-reply@acme.example>",
            "\"evil\" @ evil.example <no-reply@acme.example>",
            "\"evil\"@evil.example <no-reply@acme.example>",
            "evil@(Acme) evil.example <no-reply@acme.example>",
            "evil @ \"\" (Acme) evil.example <no-reply@acme.example>",
            "Acme) evil@evil.example ( <no-reply@acme.example>",
            "\\\"evil@evil.example\\\" <no-reply@acme.example>",
            "\"Acme\" evil@evil.example <no-reply@acme.example>",
            "<no-reply@acme.example> evil@evil.example",
            "evil@evil.example, no-reply@acme.example",
            "no-reply@acme.example, no-reply@acme.example",
            "no-reply@acme.example; evil@evil.example",
            "A <evil@evil.example>, B <no-reply@acme.example>",
            "A <evil@evil.example> <no-reply@acme.example>",
            "<no-reply@acme.example> <evil@evil.example",
            "Acme <no-> <reply@acme.example>",
            "Acme <no-reply@> <acme.example>",
            "<no-reply(x)@acme.example>",
            "<@evil.example:no-reply@acme.example>",
            "team: evil@evil.example, no-reply@acme.example;",
            "team: evil@evil.example; no-reply@acme.example",
            "team: no-reply@acme.example;",
            "undisclosed-recipients:;",
            "no-reply@acme.example@evil.example",
            "no-reply @ acme.example",
            "\"no-reply\"@acme.example",
            "\"evil\"no-reply@acme.example",
            "evil no-reply@acme.example",
            "evil (evil@evil.example) no-reply@acme.example",
            "\"evil\" (x) no-reply@acme.example",
            "no-reply@acme.example evil",
            "Acme <no-reply@acme.example",
            "no-reply@acme.example>",
            "\"Acme <no-reply@acme.example>",
            "(Acme <no-reply@acme.example>",
            "=?utf-8?q?no-reply=40acme.example?=",
            "<=?utf-8?q?no-reply=40acme.example?=>",
            "Acme\0 <no-reply@acme.example>",
            "Acme <no-reply@acme.example\0>",
            "no-reply@acme.example\r\nFrom: evil@evil.example",
            "no-reply@\u{430}cme.example",
            "Acme",
            "<>",
            "",
        ] {
            assert_eq!(address(header), None, "{header}");
        }
        let long = "x".repeat(HEADER_LIMIT);
        assert_eq!(address(&format!("{long} <no-reply@acme.example>")), None);
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in r#"([a-z@.<>(),:;" \\]|no-reply@acme\.example|=\?utf-8\?q\?|\PC){0,30}"#) {
            if let Some(address) = address(&header) {
                prop_assert!(is_address(&address));
                prop_assert!(header.to_ascii_lowercase().contains(&address));
            }
        }

        #[test]
        fn a_name_is_no_part_of_the_address(name in "[a-zA-Z@<>(),.:; ]{0,20}", comment in "[a-z@<>, ]{0,10}") {
            let header = format!("\"{name}\" <no-reply@acme.example> ({comment})");
            prop_assert_eq!(address(&header), Some("no-reply@acme.example".to_owned()));
        }
    }
}
