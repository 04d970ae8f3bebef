//! Mails, as Mailgun posts them.

use std::sync::LazyLock;

use ring::hmac;
use send_verification_sms::Recipient;
use shared::platform::config;
use shared::platform::reply::Reply;
use shared::rules::phone::E164;
use shared::rules::verified::Verified;
use shared::vendors::mailgun::dkim::{Signature, is_aligned};
use shared::vendors::mailgun::mail::{StoredMail, is_address};
use shared::vendors::mailgun::{Form, authenticate};

use crate::claims::NOW;
use crate::mails::is_signed_by_sender;
use crate::requests::decoded;
use crate::senders::{FORM, SENDERS, now, posted};

/// The most fields of a mail.
const FIELD_LIMIT: usize = 2_000;
/// What separates the parts that are written here.
const BOUNDARY: &str = "----fuzz";
/// The value of a part that is not UTF-8.
const UNREADABLE: &str = "\u{fffd}";
const MAX_AGE: u64 = 60;
/// The fields that a function reads, and some more.
const NAMES: [&str; 10] = [
    "recipient",
    "from",
    "From",
    "To",
    "Message-Id",
    "body-html",
    "body-plain",
    "message-headers",
    "Dkim-Signature",
    "X-Mailgun-Dkim-Check-Result",
];

type Pairs = Vec<(String, String)>;

/// A mail has the fields that a second reader finds, as a form and as parts, and says the same as
/// both. A mail that was written so has this sender, recipient and signer.
///
/// After the byte `m` the input is parts with the boundary `b`. After any other byte, whose bits say
/// how to write parts, it is a form.
pub fn mail(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    if *choice == b'm' {
        parts(rest);
        return;
    }
    form(*choice, rest);
    written(*choice, &String::from_utf8_lossy(rest));
}

/// Timestamp, token and signature of every mail.
static TRIPLE: LazyLock<[(&str, String); 3]> = LazyLock::new(|| {
    let (time, token) = (NOW.to_string(), "0123456789".repeat(5));
    let key = hmac::Key::new(hmac::HMAC_SHA256, sandbox::mailgun::SIGNING_KEY.as_bytes());
    let signature = hex::encode(hmac::sign(&key, format!("{time}{token}").as_bytes()));
    [
        ("timestamp", time),
        ("token", token),
        ("signature", signature),
    ]
});

fn checked(kind: &str, body: &[u8]) -> Result<Verified<Form>, Reply> {
    let request = posted("/", kind, &serde_json::json!({}), body);
    SENDERS.wait(authenticate(&request, &SENDERS.mailgun, MAX_AGE, now()))
}

/// No value of parts is one that was not sent.
fn parts(sent: &[u8]) {
    let mut body = sent.to_vec();
    body.extend(b"\r\n");
    for (name, value) in &*TRIPLE {
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"");
        body.extend(format!("{head}\r\n\r\n{value}\r\n").into_bytes());
    }
    body.extend(b"--b--\r\n");
    let Ok(form) = checked("multipart/form-data; boundary=b", &body) else {
        return;
    };
    for name in NAMES {
        let values: Vec<&str> = form.all(name).collect();
        assert!(values.len() <= FIELD_LIMIT);
        for value in values {
            let mut places = body.windows(value.len().max(1));
            let is_there = value.is_empty() || places.any(|place| place == value.as_bytes());
            assert!(is_there || value == UNREADABLE, "{name}: {value}");
        }
    }
    let mail = StoredMail::parse(&form);
    assert_eq!((mail.mailed_at, mail.id.len()), (NOW, 32));
}

fn form(choice: u8, sent: &[u8]) {
    let mut body = sent.to_vec();
    for (name, value) in &*TRIPLE {
        body.extend(format!("&{name}={value}").into_bytes());
    }
    let expected = decoded(&body);
    let form = checked(FORM, &body);
    assert_eq!(
        form.as_ref().err().map(|reply| reply.outcome),
        fault(&expected)
    );
    let Ok(form) = form else {
        return;
    };
    has(&form, &expected);

    let sendable: Pairs = expected
        .iter()
        .filter(|pair| is_sendable(pair))
        .cloned()
        .collect();
    let quote = if choice & 1 == 0 { "" } else { "\"" };
    let kind = format!("multipart/form-data; boundary={quote}{BOUNDARY}{quote}");
    let as_parts = checked(&kind, &in_parts(choice, &sendable));
    let refused = as_parts.as_ref().err().map(|reply| reply.outcome);
    // A file is one more part.
    if choice & 4 != 0 && sendable.len() == FIELD_LIMIT {
        assert_eq!(refused, Some("malformed_form"));
        return;
    }
    assert_eq!(refused, None);
    let as_parts = as_parts.expect("a form");
    has(&as_parts, &sendable);
    if sendable == expected {
        let (one, other) = (StoredMail::parse(&form), StoredMail::parse(&as_parts));
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }
}

/// Why a form is refused.
fn fault(pairs: &Pairs) -> Option<&'static str> {
    let is_once = |wanted: &str| pairs.iter().filter(|(name, _)| name == wanted).count() == 1;
    if pairs.len() > FIELD_LIMIT {
        Some("malformed_form")
    } else if TRIPLE.iter().all(|(name, _)| is_once(name)) {
        None
    } else {
        Some("signature_missing")
    }
}

/// Whether a part can have this name and this value without an escape.
fn is_sendable((name, value): &(String, String)) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
    !name.is_empty() && name.chars().all(plain) && !value.contains(BOUNDARY)
}

/// The pairs as parts (<https://www.rfc-editor.org/rfc/rfc7578>). The bits say whether parts have a
/// type, whether there is a file, and how headers are written.
fn in_parts(choice: u8, pairs: &Pairs) -> Vec<u8> {
    let mut body = String::new();
    let header = if choice & 2 == 0 {
        "Content-Disposition"
    } else {
        "content-disposition"
    };
    let part = |body: &mut String, name: &str, kind: &str, value: &str| {
        for piece in [
            "--",
            BOUNDARY,
            "\r\n",
            header,
            ": form-data; name=\"",
            name,
            "\"\r\n",
            kind,
            "\r\n",
            value,
            "\r\n",
        ] {
            body.push_str(piece);
        }
    };
    if choice & 4 != 0 {
        let kind = "Content-Type: application/octet-stream\r\n";
        part(
            &mut body,
            "recipient\"; filename=\"a.bin",
            kind,
            "of a file",
        );
    }
    let kind = if choice & 8 == 0 {
        ""
    } else {
        "Content-Type: text/plain; charset=utf-8\r\n"
    };
    for (name, value) in pairs {
        part(&mut body, name, kind, value);
    }
    for end in ["--", BOUNDARY, "--\r\n"] {
        body.push_str(end);
    }
    body.into_bytes()
}

/// The form has exactly these fields, and the mail says what they say.
fn has(form: &Verified<Form>, pairs: &Pairs) {
    let values = |wanted: &str| -> Vec<&str> {
        let named = pairs.iter().filter(|(name, _)| name == wanted);
        named.map(|(_, value)| value.as_str()).collect()
    };
    let headers = |wanted: &str| -> Vec<&str> {
        let named = pairs
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_str()).collect()
    };
    // So many fields that each with each would take long are of one kind.
    let names = pairs.iter().map(|(name, _)| name.as_str()).take(100);
    for name in names.chain(NAMES) {
        assert_eq!(form.all(name).collect::<Vec<_>>(), values(name), "{name}");
        assert_eq!(
            form.headers(name).collect::<Vec<_>>(),
            headers(name),
            "{name}"
        );
    }
    let mail = StoredMail::parse(form);
    let one = |name: &str| {
        let mut values = values(name);
        values.dedup();
        (values.len() == 1).then(|| values[0])
    };
    assert_eq!(mail.recipient, one("recipient"));
    assert_eq!(mail.html, one("body-html").unwrap_or_default());
    assert_eq!(mail.plain, one("body-plain").unwrap_or_default());
    assert_eq!((mail.mailed_at, mail.id.len()), (NOW, 32));
    let from = headers("From");
    if let Some(addresses) = &mail.from {
        assert_eq!(addresses.len(), from.len());
        for (address, header) in addresses.iter().zip(from) {
            assert!(is_address(address), "{address}");
            assert!(
                header.to_ascii_lowercase().contains(address.as_str()),
                "{address}"
            );
        }
    }
    let signatures = mail.signatures.as_deref().unwrap_or_default();
    let is_by_sender = |one: &Signature| one.domain == "acme.example" && one.covers_recipient;
    if mail.dkim_passed && !signatures.is_empty() && signatures.iter().all(is_by_sender) {
        assert!(is_signed_by_sender(pairs), "{pairs:?}");
    }
    if let Some(addressee) = mail.recipient.and_then(|address| RECIPIENT.parse(address)) {
        let whole = format!("acme{}@sms.example.com", addressee.phone.reveal());
        let recipient = mail.recipient.unwrap_or_default();
        assert!(recipient.eq_ignore_ascii_case(&whole), "{recipient}");
    }
}

static RECIPIENT: LazyLock<Recipient> = LazyLock::new(|| {
    let lookup = |name: &str| match name {
        "RECIPIENT_PREFIX" => Some("acme".to_owned()),
        "RECIPIENT_DOMAIN" => Some("sms.example.com".to_owned()),
        _ => None,
    };
    let read = config::read(&lookup, |source| Recipient::read(source, false));
    read.unwrap_or_else(|problems| panic!("{problems}"))
});

/// A mail of these words has exactly this sender, recipient and signer.
fn written(choice: u8, text: &str) {
    let plain = text.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = plain.take(40).collect();
    let digits: String = text.chars().filter(char::is_ascii_digit).take(17).collect();
    let (local, rest) = plain.split_at(plain.len() / 3);
    let (label, name) = rest.split_at(rest.len() / 2);
    let domain = format!("a{label}.acme.example").to_ascii_lowercase();
    let address = format!("a{local}@{domain}");
    let signer = match choice % 5 {
        0 => domain.clone(),
        1 => domain.to_ascii_uppercase(),
        2 => "acme.example".to_owned(),
        3 => format!("other.{domain}"),
        _ => "cme.example".to_owned(),
    };
    let covered = if choice & 8 == 0 {
        "from : To"
    } else {
        "from:reply-to"
    };
    let recipient = format!("acme+{digits}@sms.example.com");
    let from = format!("\"{name}\" <{address}>");
    let dkim = format!("v=1; a=rsa-sha256; d = {signer}; s=s1; h={covered}; b=c2Fu ZGJveA==");
    let body = [
        ("recipient", &*recipient),
        ("From", &from),
        ("To", &recipient),
        ("DKIM-Signature", &dkim),
        ("body-plain", text),
    ];
    let mut pairs: Pairs = body
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    pairs.extend(
        TRIPLE
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    if !pairs.iter().all(is_sendable) {
        return;
    }
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let form = checked(&kind, &in_parts(choice, &pairs)).expect("a mail");
    let mail = StoredMail::parse(&form);
    assert_eq!(mail.recipient, Some(&*recipient));
    let address = address.to_ascii_lowercase();
    assert_eq!(mail.from.as_deref(), Some(&[address.clone()][..]));
    if !digits.is_empty() {
        assert_eq!(mail.to.as_deref(), Some(&[recipient.clone()][..]));
    }
    let signature = Signature {
        domain: signer.to_ascii_lowercase(),
        covers_recipient: choice & 8 == 0,
    };
    assert_eq!(is_aligned(&address, &signature.domain), choice % 5 < 3);
    assert_eq!(mail.signatures, Some(vec![signature]));
    assert_eq!(mail.plain, text);
    assert!(!mail.dkim_passed);
    let phone = RECIPIENT.parse(&recipient).map(|found| found.phone);
    assert_eq!(phone, format!("+{digits}").parse::<E164>().ok());
}
