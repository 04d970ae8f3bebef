//! Links in Auth0's mails: which links are trusted, and how one is confirmed.
//!
//! A link is parsed once. The parsed form is compared, and the parsed form is sent. A trusted link
//! is https, its host is on the list, it has no user-info, and its port is the default (or the
//! listed) one. Its path is one of Auth0's ticket pages, and it carries a ticket. Paths:
//! <https://auth0.com/docs/customize/custom-domains/multiple-custom-domains> (`/u/reset-verify`),
//! <https://auth0.com/docs/customize/custom-domains/self-managed-certificates/configure-cloudflare-for-use-as-reverse-proxy>
//! (`/u/email-verification`); the classic pages are `/lo/verify_email` and `/lo/reset`.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use url::{Host, Url};

use crate::platform::base_url::BaseUrl;
use crate::platform::config::Source;
use crate::platform::http::{Answer, Client};
use crate::rules::html;

/// A confirmation page is tens of kilobytes.
const PAGE_LIMIT: usize = 512 * 1024;
/// Auth0's links have some 150 characters. A longer link does not fit a text message, and many
/// longer ones do not fit the table's item.
pub const LONGEST: usize = 1_000;
/// The time for each of the two steps.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The link verifies the e-mail address, and so the account.
    Verification,
    /// The link leads to choosing a password. We never open it, unless `PASSWORD_ACTION=click` is
    /// set.
    Password,
}

impl Kind {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/u/email-verification" | "/lo/verify_email" => Some(Self::Verification),
            "/u/reset-verify" | "/lo/reset" => Some(Self::Password),
            _ => None,
        }
    }
}

/// A link that passed [`Rules::judge`]. No `Debug` or `Display`: it is a credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// What it is for.
    pub kind: Kind,
    url: Url,
}

impl Link {
    /// The address: for the table and the phone, never for a log.
    pub fn reveal(&self) -> &str {
        self.url.as_str()
    }

    /// Whether the other link leads to the same page with the same ticket.
    fn is_same_as(&self, other: &Self) -> bool {
        let page = |link: &Self| (link.url.origin(), link.url.path().to_owned());
        page(self) == page(other) && only_ticket(&self.url) == only_ticket(&other.url)
    }
}

/// Why a mail has no usable link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLink {
    /// The mail has no trusted link.
    None,
    /// The mail has more than one trusted link.
    Several,
}

/// The rules for trusted links.
#[derive(Debug, Clone)]
pub struct Rules {
    hosts: Vec<(String, Option<u16>)>,
    /// The origin of a tenant on this machine (a sandbox), where plain http and loopback are
    /// accepted.
    local: Option<Url>,
}

impl Rules {
    /// Reads `LINK_HOSTS`: a comma list of `host` or `host:port`; if unset, the host of
    /// `AUTH0_URL`, which then is required.
    pub fn read(source: &mut Source<'_>) -> Self {
        let entries = source.list("LINK_HOSTS");
        let auth0 = if entries.is_empty() {
            Some(source.base_url("AUTH0_URL", None))
        } else {
            source.optional_base_url("AUTH0_URL")
        };
        let local = auth0
            .as_ref()
            .filter(|base| base.is_this_machine())
            .map(|base| base.as_url().clone());
        let tenant = auth0.as_ref().filter(|_| entries.is_empty());
        let tenant = tenant.map(BaseUrl::as_url);
        let mut hosts: Vec<_> = tenant
            .and_then(|url| Some((url.host_str()?.to_owned(), url.port())))
            .into_iter()
            .collect();
        for entry in entries {
            match Url::parse(&format!("https://{entry}")) {
                Ok(url) if is_bare_host(&url, local.as_ref()) => {
                    hosts.push((url.host_str().unwrap_or_default().to_owned(), url.port()));
                }
                _ => source.problem("LINK_HOSTS must be a comma list of host or host:port, such as login.acme.example"),
            }
        }
        Self { hosts, local }
    }

    /// The hosts that must have public addresses when we connect to them: all but a tenant on this
    /// machine.
    pub fn public_hosts(&self) -> Vec<String> {
        let local = self.local.as_ref().and_then(Url::host_str);
        self.hosts
            .iter()
            .map(|(host, _)| host.clone())
            .filter(|host| Some(host.as_str()) != local)
            .collect()
    }

    /// Judges one link. A relative link is resolved against `base`. As in browsers, line breaks and
    /// tabs in the link are ignored, and so are control characters around it
    /// (<https://url.spec.whatwg.org/#concept-basic-url-parser>).
    pub fn judge(&self, text: &str, base: Option<&Url>) -> Option<Link> {
        let text = text
            .trim_matches(|c: char| c <= ' ')
            .replace(['\t', '\n', '\r'], "");
        if text.len() > LONGEST
            || text
                .contains(|c: char| c.is_control() || c == '\\' || c == char::REPLACEMENT_CHARACTER)
        {
            return None;
        }
        let mut url = Url::options().base_url(base).parse(&text).ok()?;
        url.set_fragment(None);
        let local = self
            .local
            .as_ref()
            .filter(|local| local.origin() == url.origin());
        let listed = self.hosts.iter().any(|(host, port)| {
            url.host_str() == Some(host)
                && (url.port() == *port || (local.is_some() && port.is_none()))
        });
        let sound = (url.scheme() == "https" && matches!(url.host(), Some(Host::Domain(_))))
            || local.is_some();
        let ticket = only_ticket(&url).is_some_and(|ticket| !ticket.is_empty());
        if !listed || !sound || !ticket || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        Some(Link {
            kind: Kind::of(url.path())?,
            url,
        })
    }

    /// The one trusted link of a mail: from its HTML, else from its plain text.
    ///
    /// # Errors
    /// [`NoLink`] unless exactly one address remains.
    pub fn find(&self, html: &str, plain: &str) -> Result<Link, NoLink> {
        let document = html::read(html).unwrap_or_default();
        let base = document
            .base
            .as_deref()
            .and_then(|base| Url::parse(base).ok());
        let in_html = document
            .links
            .iter()
            .filter_map(|link| self.judge(link, base.as_ref()));
        match only(in_html) {
            Err(NoLink::None) => {
                let mut finder = linkify::LinkFinder::new();
                finder.kinds(&[linkify::LinkKind::Url]);
                only(
                    finder
                        .links(plain)
                        .filter_map(|link| self.judge(link.as_str(), None)),
                )
            }
            result => result,
        }
    }
}

/// Whether `url` is a name with at most a port. An IP address is accepted only where the tenant is
/// on this machine.
fn is_bare_host(url: &Url, local: Option<&Url>) -> bool {
    let bare = url.path() == "/"
        && url.username().is_empty()
        && url.query().is_none()
        && url.fragment().is_none();
    let named = matches!(url.host(), Some(Host::Domain(name)) if !name.contains('*'));
    bare && (named || local.is_some())
}

/// The `ticket` of a link that has exactly one.
fn only_ticket(url: &Url) -> Option<Cow<'_, str>> {
    let mut tickets = url
        .query_pairs()
        .filter_map(|(name, value)| (name == "ticket").then_some(value));
    tickets.next().filter(|_| tickets.next().is_none())
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

/// The result of following a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// Auth0 says that the confirmation succeeded.
    Confirmed,
    /// Auth0 says that the confirmation has failed for good: the link is used, expired or unknown.
    Refused,
    /// The form was posted, and the page that answered says neither success nor failure. A tenant
    /// without a redirect (*Redirect To*) answers like this.
    Submitted,
    /// The answer is not clear. The link may be tried again. The text says why.
    Unclear(String),
}

/// Confirms a link as a person's browser would. Since 2022 a GET only shows a page whose form must
/// be posted. The redirect after it says `success=true` or `false`; it is read and never visited. A
/// status alone proves nothing.
pub async fn confirm(client: &Client, link: &Link, deadline: Instant) -> Confirmation {
    let step = |request| async move {
        let timeout = STEP_TIMEOUT.min(deadline.saturating_duration_since(Instant::now()));
        client.send(request, PAGE_LIMIT, timeout).await
    };
    let Ok(page) = step(client.request(Method::GET, link.url.clone())).await else {
        return unclear("the link could not be opened");
    };
    if page.status != 200 {
        return judge_answer(&link.url, &page);
    }
    let Some((target, fields)) = confirmation_form(&link.url, &page) else {
        return unclear("the page has no form to confirm with");
    };
    let mut request = client
        .request(Method::POST, target.clone())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish(),
        );
    if let Some(cookies) = cookies(&page) {
        request = request.header(COOKIE, cookies);
    }
    match step(request).await {
        Ok(answer) if answer.status == 200 => Confirmation::Submitted,
        Ok(answer) => judge_answer(&target, &answer),
        Err(_) => unclear("the form could not be posted"),
    }
}

fn unclear(why: &str) -> Confirmation {
    Confirmation::Unclear(why.to_owned())
}

fn judge_answer(url: &Url, answer: &Answer) -> Confirmation {
    match answer.status {
        300..=399 => {
            let location = answer
                .headers
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            let Some(target) = location.and_then(|text| url.join(text).ok()) else {
                return unclear("a redirect to nowhere");
            };
            judge_redirect(&target)
        }
        408 | 425 | 429 => unclear("too many requests"),
        400..=499 => Confirmation::Refused,
        200..=299 => unclear("an answer that does not tell whether it succeeded"),
        _ => unclear("a server error"),
    }
}

/// Judges the address of a redirect: by `success`, else by an `error` of the tenant's error page.
/// An account that was already verified is not a failure.
fn judge_redirect(target: &Url) -> Confirmation {
    let all = |wanted: &str| -> Vec<String> {
        target
            .query_pairs()
            .filter(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
            .collect()
    };
    let (success, messages) = (all("success"), all("message"));
    let is_verified_before = || {
        messages
            .iter()
            .any(|message| message.to_lowercase().contains("already verified"))
    };
    match success.as_slice() {
        [word] if word == "true" => Confirmation::Confirmed,
        [word] if word == "false" && is_verified_before() => Confirmation::Confirmed,
        [word] if word == "false" => Confirmation::Refused,
        [] if !all("error").is_empty() => Confirmation::Refused,
        _ => unclear("a redirect that does not tell whether it succeeded"),
    }
}

/// The one form on the page that posts to the page's own origin.
fn confirmation_form(url: &Url, page: &Answer) -> Option<(Url, Vec<(String, String)>)> {
    let document = html::read(std::str::from_utf8(page.body().ok()?).ok()?)?;
    let base = document
        .base
        .as_deref()
        .and_then(|base| url.join(base).ok())
        .unwrap_or_else(|| url.clone());
    let mut forms = document
        .forms
        .into_iter()
        .filter(|form| form.method == "post")
        .filter_map(|form| {
            let mut target = form
                .action
                .map_or_else(|| Some(url.clone()), |action| base.join(action.trim()).ok())?;
            target.set_fragment(None);
            (target.origin() == url.origin() && target.username().is_empty())
                .then_some((target, form.hidden))
        });
    forms.next().filter(|_| forms.next().is_none())
}

fn cookies(page: &Answer) -> Option<String> {
    let set = page
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let pairs: Vec<&str> = set
        .filter_map(|text| text.split(';').next())
        .map(str::trim)
        .filter(|pair| pair.contains('='))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::config;

    fn rules(settings: &[(&str, &str)]) -> Rules {
        let lookup = |name: &str| {
            settings
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        config::read(&lookup, Rules::read).unwrap()
    }

    fn acme() -> Rules {
        rules(&[
            ("AUTH0_URL", "https://acme.eu.auth0.com"),
            ("LINK_HOSTS", "acme.eu.auth0.com, login.acme.example:8443"),
        ])
    }

    const GOOD: &str = "https://acme.eu.auth0.com/u/email-verification?ticket=AbC#";

    #[test]
    fn good_links() {
        for (text, kind, sent) in [
            (
                GOOD,
                Kind::Verification,
                "https://acme.eu.auth0.com/u/email-verification?ticket=AbC",
            ),
            (
                "HTTPS://ACME.eu.auth0.com:443/lo/verify_email?ticket=x",
                Kind::Verification,
                "https://acme.eu.auth0.com/lo/verify_email?ticket=x",
            ),
            (
                " https://login.acme.example:8443/u/reset-verify?a=1&ticket=x\n",
                Kind::Password,
                "https://login.acme.example:8443/u/reset-verify?a=1&ticket=x",
            ),
            (
                "https://acme.eu.auth0.com/lo/reset?ticket=x",
                Kind::Password,
                "https://acme.eu.auth0.com/lo/reset?ticket=x",
            ),
            (
                "\u{1}\0 ht\ntps:/\t/acme.eu.auth0.com/lo/re\r\nset?tic\tket=x\r\n\t\u{1f}",
                Kind::Password,
                "https://acme.eu.auth0.com/lo/reset?ticket=x",
            ),
        ] {
            let link = acme().judge(text, None).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((link.kind, link.reveal()), (kind, sent));
        }
    }

    #[test]
    fn bad_links() {
        for text in [
            "http://acme.eu.auth0.com/u/email-verification?ticket=x",
            "https://acme.eu.auth0.com.evil.example/u/email-verification?ticket=x",
            "https://acme.eu.auth0.com@evil.example/u/email-verification?ticket=x",
            "https://user@acme.eu.auth0.com/u/email-verification?ticket=x",
            "https://acme.eu.auth0.com:8443/u/email-verification?ticket=x",
            "https://login.acme.example/u/email-verification?ticket=x",
            "https://acme.eu.auth0.com./u/email-verification?ticket=x",
            "https:\\\\evil.example\\acme.eu.auth0.com/u/email-verification?ticket=x",
            "https://acme.eu.auth0.com\\@evil.example/u/email-verification?ticket=x",
            "https://acme.eu.auth0.com/u/email-verification",
            "https://acme.eu.auth0.com/u/email-verification?ticket=",
            "https://acme.eu.auth0.com/u/email-verification?ticket=x&ticket=y",
            "https://acme.eu.auth0.com/u/email-verification?ticket=x&ticket=x",
            "https://acme.eu.auth0.com/u/email-verification?ticket=x\u{1}y",
            "https://acme.eu.auth0.com/u/email-verification?ticket=x\u{7f}",
            "https://acme.eu.auth0.com/u/email-verification/../../v2/logout?ticket=x",
            "https://acme.eu.auth0.com/v2/logout?ticket=x&returnTo=https://evil.example",
            "https://acme.eu.auth0.com/authorize?ticket=x",
            "https://acme.eu.auth0.com/u/email-verification?ticket=\u{fffd}",
            "//acme.eu.auth0.com/u/email-verification?ticket=x",
            "javascript:alert(1)",
            "https://169.254.169.254/u/email-verification?ticket=x",
            "https://2130706433/u/email-verification?ticket=x",
            "https://0x7f.1/u/email-verification?ticket=x",
            "",
        ] {
            assert!(acme().judge(text, None).is_none(), "{text}");
        }
        let long = format!(
            "https://acme.eu.auth0.com/lo/reset?ticket={}",
            "x".repeat(LONGEST)
        );
        assert!(acme().judge(&long, None).is_none());
    }

    #[test]
    fn hosts_that_can_never_fit_are_refused() {
        for hosts in [
            "127.0.0.1",
            "*.acme.example",
            "acme.example/x",
            "https://acme.example",
            "u@acme.example",
        ] {
            let lookup = |name: &str| (name == "LINK_HOSTS").then(|| hosts.to_owned());
            assert_eq!(
                config::read(&lookup, Rules::read).unwrap_err().0.len(),
                1,
                "{hosts}"
            );
        }
    }

    #[test]
    fn a_tenant_on_this_machine_may_be_http() {
        let local = rules(&[("AUTH0_URL", "http://127.0.0.1:4712")]);
        assert!(
            local
                .judge("http://127.0.0.1:4712/u/email-verification?ticket=x", None)
                .is_some()
        );
        for text in [
            "http://127.0.0.1:4713/u/email-verification?ticket=x",
            "http://localhost:4712/u/email-verification?ticket=x",
        ] {
            assert!(local.judge(text, None).is_none(), "{text}");
        }
        assert!(local.public_hosts().is_empty());
        assert_eq!(
            acme().public_hosts(),
            ["acme.eu.auth0.com", "login.acme.example"]
        );
    }

    #[test]
    fn finding_in_a_mail() {
        let find = |html: &str, plain: &str| {
            acme()
                .find(html, plain)
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
