//! Which links are trusted.
//!
//! A trusted link
//! is https, its host is on the list, it has no user-info, and its port is the default (or the
//! listed) one. Its path is one of Auth0's ticket pages, and it carries a ticket. Paths:
//! <https://auth0.com/docs/customize/custom-domains/multiple-custom-domains> (`/u/reset-verify`),
//! <https://auth0.com/docs/customize/custom-domains/self-managed-certificates/configure-cloudflare-for-use-as-reverse-proxy>
//! (`/u/email-verification`); the classic pages are `/lo/verify_email` and `/lo/reset`.

use std::borrow::Cow;

use url::{Host, Url};

use crate::platform::base_url::BaseUrl;
use crate::platform::config::Source;

/// Auth0's links have some 150 characters. A longer link does not fit a text message, and many
/// longer ones do not fit the table's item.
pub const MAX_LINK_BYTES: usize = 1_000;

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

/// A link that passed [`Rules::accept`]. No `Debug` or `Display`: it is a credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// What it is for.
    pub kind: Kind,
    pub(super) url: Url,
}

impl Link {
    /// The address: for the table and the phone, never for a log.
    pub fn reveal(&self) -> &str {
        self.url.as_str()
    }

    /// Whether the other link leads to the same page with the same ticket.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let page = |link: &Self| (link.url.origin(), link.url.path().to_owned());
        page(self) == page(other) && only_ticket(&self.url) == only_ticket(&other.url)
    }
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

    /// The link, if it is trusted. A relative link is resolved against `base`. As in browsers, line breaks and
    /// tabs in the link are ignored, and so are control characters around it
    /// (<https://url.spec.whatwg.org/#concept-basic-url-parser>).
    pub fn accept(&self, text: &str, base: Option<&Url>) -> Option<Link> {
        let text = text
            .trim_matches(|c: char| c <= ' ')
            .replace(['\t', '\n', '\r'], "");
        if text.len() > MAX_LINK_BYTES
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
    fn a_host_with_letters_beyond_ascii_is_refused_in_any_case() {
        for host in [
            "ácme.eu.auth0.com",
            "áCME.eu.auth0.com",
            "acmE\u{e9}A",
            "\u{202e}A",
        ] {
            let text = format!("https://{host}/u/email-verification?ticket=AbC");
            assert!(acme().accept(&text, None).is_none(), "{host}");
        }
    }

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
            let link = acme()
                .accept(text, None)
                .unwrap_or_else(|| panic!("{text}"));
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
            assert!(acme().accept(text, None).is_none(), "{text}");
        }
        let long = |bytes: usize| {
            let start = "https://acme.eu.auth0.com/lo/reset?ticket=";
            format!("{start}{}", "x".repeat(bytes - start.len()))
        };
        assert!(acme().accept(&long(MAX_LINK_BYTES), None).is_some());
        assert!(acme().accept(&long(MAX_LINK_BYTES + 1), None).is_none());
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
                .accept("http://127.0.0.1:4712/u/email-verification?ticket=x", None)
                .is_some()
        );
        for text in [
            "http://127.0.0.1:4713/u/email-verification?ticket=x",
            "http://localhost:4712/u/email-verification?ticket=x",
        ] {
            assert!(local.accept(text, None).is_none(), "{text}");
        }
        assert!(local.public_hosts().is_empty());
        assert_eq!(
            acme().public_hosts(),
            ["acme.eu.auth0.com", "login.acme.example"]
        );
    }
}
