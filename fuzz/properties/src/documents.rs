//! HTML and links.

use shared::platform::config;
use shared::rules::html;
use shared::rules::link::Rules;
use url::{Host, Url};

use crate::line;

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

/// Any document can be read, and its one trusted link is judged. A document that was written from
/// lines has exactly these lines as its links.
pub fn html(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(document) = html::read(&text) {
        // What was found was in the document. Entities make a text shorter, never longer.
        let length: usize = document.links.iter().map(String::len).sum();
        assert!(length <= text.len() * 3, "{length}");
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
    let written = lines.iter().map(|line| {
        let line = escaped(line);
        format!("<p>{line} &copy <a class=x href=\"{line}\">{line}</a>")
    });
    let written: Vec<String> = written.collect();
    let written = written.concat();
    let read = html::read(&written).expect("a small document");
    assert_eq!(read.links, lines, "{written}");
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

/// An accepted link leads to a trusted host by https, has one ticket, and neither user nor
/// fragment. The first line of the input is the base, the rest the link.
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
    assert!(url.username().is_empty() && url.password().is_none());
    assert!(url.fragment().is_none(), "{link}");
    let tickets = url.query_pairs().filter(|(name, _)| name == "ticket");
    let tickets: Vec<_> = tickets.map(|(_, value)| value).collect();
    assert!(
        matches!(&*tickets, [ticket] if !ticket.is_empty()),
        "{link}"
    );
    assert!(link.bytes().all(|byte| byte.is_ascii_graphic()), "{link}");
}
