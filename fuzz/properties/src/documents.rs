//! HTML and links.

use http::Uri;
use http::uri::Scheme;
use shared::platform::config;
use shared::rules::html;
use shared::rules::link::{Kind, Rules};
use url::{Host, Url};

use crate::{line, markup};

/// The hosts that [`rules`] trusts.
const HOSTS: [(&str, Option<u16>); 2] = [
    ("acme.eu.auth0.com", None),
    ("login.acme.example", Some(8443)),
];

fn rules() -> Rules {
    let lookup = |name: &str| match name {
        "AUTH0_URL" => Some("https://acme.eu.auth0.com".to_owned()),
        "LINK_HOSTS" => Some("acme.eu.auth0.com, login.acme.example:8443".to_owned()),
        _ => None,
    };
    config::read(&lookup, Rules::read).expect("the settings are sound")
}

/// Any document can be read, a second parser finds the same in it, and its one trusted link is
/// judged. A document that was written from lines has exactly these lines as its links, its forms,
/// their hidden fields, its base and its language.
pub fn html(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(document) = html::read(&text) {
        // What was found was in the document. Entities make a text shorter, never longer.
        let length: usize = document.links.iter().map(String::len).sum();
        assert!(length <= text.len() * 3, "{length}");
        assert_eq!(document, markup::read(&text), "{text:?}");
        if let Ok(link) = rules().find(&document, &text) {
            judge(link.reveal());
        }
    }
    // HTML replaces NUL and carriage returns.
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.replace(['\0', '\r'], " "))
        .filter(|line| line.len() < 200)
        .take(20)
        .collect();
    let (written, expected) = page(&lines);
    let read = html::read(&written).expect("a small document");
    assert_eq!(read, expected, "{written}");
}

/// A page that holds each line as a link, and as an address, a method, a name and a value of a form
/// with hidden fields. What is in a comment, a script or a text field, and what is after a form, is
/// no part of a form.
fn page(lines: &[String]) -> (String, html::Document) {
    const TRAP: &str = "<a href=trap><form action=trap><input type=hidden name=trap value=trap>";
    let mut expected = html::Document {
        base: lines.first().cloned(),
        links: lines.to_vec(),
        language: lines.iter().find(|line| !line.trim().is_empty()).cloned(),
        forms: Vec::new(),
    };
    let mut page = String::from("<!doctype html><input type=hidden name=before value=x>");
    for (number, line) in lines.iter().enumerate() {
        let quoted = |text: &str| match number % 3 {
            0 => format!("\"{}\"", escaped(text)),
            1 => format!("'{}'", numbered(text)),
            _ if text.is_empty() => "''".to_owned(),
            _ => numbered(text),
        };
        let next = &lines[(number + 1) % lines.len()];
        let after = &lines[(number + 2) % lines.len()];
        let (one, two, three) = (quoted(line), quoted(next), quoted(after));
        let kind = ["hidden", "HIDDEN", "' Hidden\t'"][number % 3];
        let text = escaped(line);
        let form = format!(
            "<base href={one}><meta name=Language content={one}><p>{text} &copy <a class=x href={one}>{text}</a>\
             <!-- {TRAP} --><script>{TRAP}</script><style>{TRAP}</style><textarea>{TRAP}{text}</textarea>\
             <FORM id=x METHOD={one} action={two}><p><input value={two} type={kind} name={one}>\
             <input type=text name={one} value={two}><input name={two}><input type=hidden value={one}>\
             <input name={three} type={kind} value={one} value=trap><input type={kind} name={two}>\
             <!-- {TRAP} --></form><input type=hidden name={one} value={two}>"
        );
        page += &form;
        expected.forms.push(html::Form {
            method: line.trim().to_ascii_lowercase(),
            action: Some(next.clone()).filter(|action| !action.trim().is_empty()),
            hidden: vec![
                (line.clone(), next.clone()),
                (after.clone(), line.clone()),
                (next.clone(), String::new()),
            ],
        });
    }
    page += "<form>";
    expected.forms.push(html::Form {
        method: "get".to_owned(),
        ..html::Form::default()
    });
    (page, expected)
}

/// Every character by its number, except letters and digits of ASCII.
fn numbered(text: &str) -> String {
    let escape = |c: char| match c {
        c if c.is_ascii_alphanumeric() => c.to_string(),
        // HTML reads these numbers as other characters.
        '\u{80}'..='\u{9f}' => c.to_string(),
        c => format!("&#x{:x};", u32::from(c)),
    };
    text.chars().map(escape).collect()
}

fn escaped(text: &str) -> String {
    let escape = |c| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&#62;".to_owned(),
        '"' => "&quot;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// The pages that take a ticket, and whether the ticket is for a password.
const PAGES: [(&str, bool); 4] = [
    ("/u/email-verification", false),
    ("/lo/verify_email", false),
    ("/u/reset-verify", true),
    ("/lo/reset", true),
];
/// A longer link is not accepted.
const LONGEST: usize = 1_000;

/// An accepted link leads to a ticket page of a trusted host by https, has one ticket, and neither
/// user nor fragment. A link that was written so is accepted, and after one change it is not. The
/// first line of the input is the base, the rest the link.
pub fn link(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (base, link) = line(&text);
    let base = Url::parse(base).ok();
    for text in [link, &text] {
        if let Some(link) = rules().accept(text, base.as_ref()) {
            judge(link.reveal());
        }
    }
    let document = html::Document {
        base: base.map(String::from),
        links: link.lines().map(str::to_owned).collect(),
        ..html::Document::default()
    };
    if let Ok(link) = rules().find(&document, &text) {
        judge(link.reveal());
    }
    let bytes: usize = data.iter().map(|byte| usize::from(*byte)).sum();
    written(bytes, line(&text).0, link);
}

/// Writes a link to a page that the number chooses. The texts are the ticket and another parameter.
fn written(number: usize, ticket: &str, other: &str) {
    let (host, port) = HOSTS[number % 2];
    let authority = port.map_or(host.to_owned(), |port| format!("{host}:{port}"));
    let (page, is_password) = PAGES[number / 2 % 4];
    let (ticket, other) = (parameter(ticket), parameter(other));
    // In plain text, a full stop at the end would not belong to the link.
    let path = format!("{page}?{other}=1&ticket=0{ticket}&x={other}0");
    let good = format!("https://{authority}{path}");
    let rules = rules();
    let accepted = |text: &str, base: Option<&str>| {
        let base = base.map(|base| Url::parse(base).expect("a base"));
        let link = rules.accept(text, base.as_ref());
        link.map(|link| (link.reveal().to_owned(), link.kind == Kind::Password))
    };
    let expected =
        (good.len() <= LONGEST && other != "ticket").then(|| (good.clone(), is_password));
    let base = format!("https://{authority}/somewhere?else#x");
    assert_eq!(accepted(&good, None), expected, "{good}");
    assert_eq!(accepted(&good, Some("https://evil.example")), expected);
    assert_eq!(accepted(&format!(" \u{1}{good}\r\n"), None), expected);
    let is_short = good.len() + 2 <= LONGEST;
    let expected = expected.filter(|_| is_short);
    if is_short {
        let broken = format!("{}\n{}", &good[..9], &good[9..]);
        assert_eq!(accepted(&broken, None), expected, "{broken}");
        assert_eq!(accepted(&format!("{good}#x"), None), expected);
        assert_eq!(accepted(&path, Some(&base)), expected, "{path}");
        let found = |html: &str, plain: &str| {
            let document = html::read(html).expect("a small document");
            let link = rules.find(&document, plain).ok();
            link.map(|link| (link.reveal().to_owned(), link.kind == Kind::Password))
        };
        let help = "<a href='https://help.example/u/reset-verify?ticket=1'>Help</a>";
        let anchor = format!("<a href=\"{}\">", escaped(&good));
        assert_eq!(found(&format!("{help}{anchor}{anchor}"), ""), expected);
        if expected.is_some() {
            assert_eq!(found(help, &format!("Open <{good}> now.")), expected);
            let several = anchor.replace("ticket=0", "ticket=1");
            assert_eq!(found(&format!("{anchor}{several}"), ""), None, "{good}");
        }
    }
    if other == "ticket" {
        return; // There are two tickets already.
    }
    for (what, with) in [
        ("https", "http"),
        ("https://", "https://user@"),
        ("https://", "https://:word@"),
        (host, "evil.example"),
        (host, "acme.eu.auth0.com.evil.example"),
        (host, "login.acme.example.evil.example"),
        (&*authority, "acme.eu.auth0.com:8443"),
        (&*authority, "login.acme.example"),
        (&*authority, "acme.eu.auth0.com."),
        (page, "/u/login"),
        (page, "/u/reset-verify/"),
        (page, "//lo/reset"),
        (page, "/LO/reset"),
        (page, "/lo/reset%2f"),
        ("&ticket=", "&Ticket="),
        ("&ticket=", "&ticket=1&ticket="),
        ("&ticket=", "&tic%6bet=1&ticket="),
    ] {
        let changed = good.replacen(what, with, 1);
        assert_eq!(accepted(&changed, None), None, "{changed}");
    }
}

/// A text as a parameter: letters and digits as they are, all else escaped.
fn parameter(text: &str) -> String {
    let escape = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(escape).collect()
}

fn judge(link: &str) {
    let url = Url::parse(link).expect("an accepted link is a URL");
    assert_eq!(
        url.as_str(),
        link,
        "it would be another after a second look"
    );
    assert_eq!(url.scheme(), "https", "{link}");
    let Some(Host::Domain(host)) = url.host() else {
        panic!("{link}");
    };
    assert!(HOSTS.contains(&(host, url.port())), "{link}");
    let mut pages = PAGES.iter();
    assert!(pages.any(|(page, _)| *page == url.path()), "{link}");
    assert!(link.len() <= LONGEST * 3, "{link}"); // its characters may be escaped
    assert!(url.username().is_empty() && url.password().is_none());
    assert!(url.fragment().is_none(), "{link}");
    let tickets = url.query_pairs().filter(|(name, _)| name == "ticket");
    let tickets: Vec<_> = tickets.map(|(_, value)| value).collect();
    assert!(
        matches!(&*tickets, [ticket] if !ticket.is_empty()),
        "{link}"
    );
    assert!(link.bytes().all(|byte| byte.is_ascii_graphic()), "{link}");
    // What the HTTP client reads in it.
    let uri: Uri = link.parse().expect("an accepted link is a URI");
    assert_eq!(uri.scheme(), Some(&Scheme::HTTPS), "{link}");
    let authority = url
        .port()
        .map_or(host.to_owned(), |port| format!("{host}:{port}"));
    assert_eq!(uri.authority().expect("a host"), &*authority, "{link}");
    assert_eq!(
        (uri.path(), uri.query()),
        (url.path(), url.query()),
        "{link}"
    );
}
