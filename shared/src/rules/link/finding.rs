//! The one trusted link of a mail.

use url::Url;

use super::trust::{Link, Rules};
use crate::rules::html::Document;

/// Why a mail has no usable link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLink {
    /// The mail has no trusted link.
    None,
    /// The mail has more than one trusted link.
    Several,
}

impl Rules {
    /// The one trusted link of a mail: from its HTML, else from its plain text.
    ///
    /// # Errors
    /// [`NoLink`] unless exactly one address remains.
    pub fn find(&self, html: &Document, plain: &str) -> Result<Link, NoLink> {
        let base = html.base.as_deref().and_then(|base| Url::parse(base).ok());
        let in_html = html
            .links
            .iter()
            .filter_map(|link| self.accept(link, base.as_ref()));
        match only(in_html) {
            Err(NoLink::None) => {
                let mut finder = linkify::LinkFinder::new();
                finder.kinds(&[linkify::LinkKind::Url]);
                only(
                    finder
                        .links(plain)
                        .filter_map(|link| self.accept(link.as_str(), None)),
                )
            }
            result => result,
        }
    }
}

/// The one link among `links`. The same ticket at the same page is the same link, whatever else its
/// query holds.
fn only(links: impl Iterator<Item = Link>) -> Result<Link, NoLink> {
    let mut found: Result<Link, NoLink> = Err(NoLink::None);
    for link in links {
        match &found {
            Ok(first) if first.is_same_as(&link) => {}
            Ok(_) => return Err(NoLink::Several),
            Err(_) => found = Ok(link),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::config;
    use crate::rules::html;

    fn acme() -> Rules {
        let lookup = |name: &str| match name {
            "AUTH0_URL" => Some("https://acme.eu.auth0.com".to_owned()),
            "LINK_HOSTS" => Some("acme.eu.auth0.com, login.acme.example:8443".to_owned()),
            _ => None,
        };
        config::read(&lookup, Rules::read).unwrap()
    }

    const GOOD: &str = "https://acme.eu.auth0.com/u/email-verification?ticket=AbC#";

    #[test]
    fn finding_in_a_mail() {
        let find = |html: &str, plain: &str| {
            acme()
                .find(&html::read(html).unwrap_or_default(), plain)
                .map(|link| link.reveal().to_owned())
        };
        let other = GOOD.replace("AbC", "xyz");
        let sent = Ok("https://acme.eu.auth0.com/u/email-verification?ticket=AbC".to_owned());
        assert_eq!(
            find(
                &format!(
                    "<a href='{GOOD}'>Confirm</a> <a href={GOOD}>again</a><a href=https://acme.example/>Help</a>"
                ),
                ""
            ),
            sent
        );
        assert_eq!(
            find("<base href=https://acme.eu.auth0.com/u/x><a href='email-verification?x=1&amp;ticket=A'>", "").unwrap(),
            "https://acme.eu.auth0.com/u/email-verification?x=1&ticket=A"
        );
        assert_eq!(
            find("<p>text only", &format!("Confirm ({GOOD}), or not.")),
            sent
        );
        assert_eq!(find("", &format!("<{GOOD}>")), sent);
        assert_eq!(
            find(
                &format!("<a href='{GOOD}'>a</a><a style='display:none' href='{other}'>b</a>"),
                ""
            ),
            Err(NoLink::Several)
        );
        for (links, found) in [
            (
                [GOOD.to_owned(), GOOD.replace('#', "&from=bottom#")],
                sent.clone(),
            ),
            (
                [GOOD.replace('?', "?utm=1&"), GOOD.to_owned()],
                sent.clone().map(|link| link.replace('?', "?utm=1&")),
            ),
            ([GOOD.to_owned(), GOOD.replace("Ab", "%41b")], sent.clone()),
            (
                [GOOD.to_owned(), GOOD.replace("AbC", "ABC")],
                Err(NoLink::Several),
            ),
            (
                [
                    GOOD.to_owned(),
                    GOOD.replace("/u/email-verification", "/lo/verify_email"),
                ],
                Err(NoLink::Several),
            ),
            (
                [
                    GOOD.to_owned(),
                    GOOD.replace("/u/email-verification", "/lo/reset"),
                ],
                Err(NoLink::Several),
            ),
            (
                [
                    GOOD.to_owned(),
                    GOOD.replace("acme.eu.auth0.com", "login.acme.example:8443"),
                ],
                Err(NoLink::Several),
            ),
        ] {
            let [one, other] = &links;
            assert_eq!(
                find(&format!("<a href='{one}'>1</a><a href='{other}'>2</a>"), ""),
                found,
                "{links:?}"
            );
            assert_eq!(
                find("", &format!("1: {one}\n2: {other}\n")),
                found,
                "{links:?}"
            );
        }
        assert_eq!(
            find(
                "<a href='https://track.example/c?u=https://acme.eu.auth0.com/u/email-verification'>x</a>",
                ""
            ),
            Err(NoLink::None)
        );
        assert_eq!(
            find(
                &format!("<meta http-equiv=refresh content='0;url={GOOD}'><form action={GOOD}>"),
                ""
            ),
            Err(NoLink::None)
        );
    }
}
