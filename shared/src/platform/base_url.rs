//! The base URLs of providers, and which URLs are acceptable at all.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// A provider's base URL: scheme, host, optional port and path prefix; `https`, or `http` on this
/// machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl FromStr for BaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut url =
            Url::parse(text).map_err(|_| "is not a URL such as https://api.example.com")?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err("is not a URL such as https://api.example.com");
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err("must be scheme, host, port and path only");
        }
        if url.scheme() == "http" && !is_this_machine(&url) {
            return Err("must be https (http only for this machine)");
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self(url))
    }
}

impl BaseUrl {
    /// A placeholder for a URL that was noted as a problem. The process ends before it sends
    /// anything there.
    pub(crate) fn placeholder() -> Self {
        Self(Url::parse("https://missing.invalid/").expect("a constant URL"))
    }

    /// `path` (no leading slash; already percent-encoded) below this base.
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path()));
        url
    }

    /// The base itself, with its trailing slash.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Whether the base is on this machine (a sandbox). Plain `http` and loopback addresses are
    /// accepted there.
    pub fn is_this_machine(&self) -> bool {
        is_this_machine(&self.0)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// Whether we may pass this address on: `https`, or on this machine.
pub(crate) fn is_acceptable(url: &str) -> bool {
    let plain = |url: &Url| url.username().is_empty() && url.password().is_none();
    Url::parse(url).is_ok_and(|url| {
        plain(&url) && (url.scheme() == "https" || url.scheme() == "http" && is_this_machine(&url))
    })
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => matches!(name, "localhost" | "host.docker.internal"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        let base: BaseUrl = "https://hooks.example.com/in".parse().unwrap();
        assert_eq!(
            base.join("a%2Fb").as_str(),
            "https://hooks.example.com/in/a%2Fb"
        );
        assert_eq!(base.to_string(), "https://hooks.example.com/in");
        for text in [
            "http://127.0.0.1:8000",
            "http://localhost:1",
            "http://[::1]:1",
            "http://host.docker.internal:8000",
        ] {
            assert!(text.parse::<BaseUrl>().unwrap().is_this_machine(), "{text}");
        }
        for text in [
            "",
            "acme.eu.auth0.com",
            "ftp://x",
            "http://example.com",
            "http://10.0.0.1",
            "https://u:p@x",
            "https://x?a=1",
            "https://x#a",
            "https://bücher.example",
        ] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
        let punycode: BaseUrl = "https://Login.XN--bcher-kva.example".parse().unwrap();
        assert_eq!(punycode.to_string(), "https://login.xn--bcher-kva.example");
    }
}
