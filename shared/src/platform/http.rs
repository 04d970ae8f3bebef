//! The one HTTP client, for providers and for the AWS SDK alike.
//!
//! rustls with ring and bundled roots (no system certificates are read at start, see the README's
//! "Build"), HTTP/1.1, no redirects, no cookies, no proxies, no retries: only the caller knows
//! whether a request may be repeated. Every answer is read up to a limit. Every failure says
//! whether the request can have reached the upstream.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use rustls::SignatureScheme;
use rustls::crypto::ring::{cipher_suite, kx_group};
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use url::{Host, Url};
use webpki::ring as algorithms;

use crate::lock;
use crate::platform::config::Source;

/// Connecting (DNS, TCP and TLS) takes at most this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Providers close idle connections after 30 s or more. Closing ours earlier avoids sending into a
/// closing connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

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

/// The settings of the client.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    extra_roots: Vec<CertificateDer<'static>>,
}

impl Settings {
    /// Reads `EXTRA_CA_FILE`: a PEM file of further trusted roots.
    pub fn read(source: &mut Source<'_>) -> Self {
        let mut settings = Self::default();
        if let Some(path) = source.optional("EXTRA_CA_FILE") {
            match CertificateDer::pem_file_iter(&path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            {
                Ok(roots) if !roots.is_empty() => settings.extra_roots = roots,
                Ok(_) => source.problem("EXTRA_CA_FILE holds no certificate in PEM form"),
                Err(_) => source.problem("EXTRA_CA_FILE cannot be read as PEM certificates"),
            }
        }
        settings
    }
}

/// An upstream's answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Response headers.
    pub headers: HeaderMap,
    body: Result<Bytes, &'static str>,
}

impl Answer {
    /// The body.
    ///
    /// # Errors
    /// Why the body is incomplete: cut off, too slow, or over the limit.
    pub fn body(&self) -> Result<&Bytes, &'static str> {
        self.body.as_ref().map_err(|why| *why)
    }

    /// The body as JSON, if it can be read as `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.body().ok()?).ok()
    }
}

/// Why there is no answer. Neither variant names the URL, which may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The request certainly did not reach the upstream (name, connection or TLS failed). Repeating
    /// it is safe.
    NotSent(&'static str),
    /// The request may have reached the upstream: after connecting, the connection was lost or time
    /// ran out.
    Unknown(&'static str),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "not sent: {why}"),
            Self::Unknown(why) => write!(f, "outcome unknown: {why}"),
        }
    }
}

/// The client. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    meter: Arc<Mutex<Meter>>,
    public_only: Arc<Mutex<HashSet<String>>>,
}

impl Client {
    /// Makes the client. It opens no connection yet.
    ///
    /// # Errors
    /// If TLS cannot be set up, e.g. because a root in `EXTRA_CA_FILE` is invalid.
    #[expect(clippy::disallowed_methods, reason = "this is the one client")]
    pub fn new(settings: Settings) -> Result<Self, String> {
        let mut roots = rustls::RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for root in settings.extra_roots {
            roots
                .add(root)
                .map_err(|why| format!("EXTRA_CA_FILE: {why}"))?;
        }
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(cryptography()))
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let public_only = Arc::<Mutex<HashSet<String>>>::default();
        let inner = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("Switchboard/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(GuardedResolver {
                public_only: Arc::clone(&public_only),
                lookups: Mutex::default(),
            })
            .build()
            .map_err(|why| why.without_url().to_string())?;
        Ok(Self {
            inner,
            meter: Arc::default(),
            public_only,
        })
    }

    /// From now on, a connection to one of these hosts is refused if the name resolves to an
    /// address that is not public. Untrusted text (links in mails) may name these hosts.
    pub fn public_only(&self, hosts: impl IntoIterator<Item = String>) {
        lock(&self.public_only).extend(hosts);
    }

    /// Starts a request for [`Client::send`].
    pub fn request(&self, method: reqwest::Method, url: Url) -> reqwest::RequestBuilder {
        self.inner.request(method, url)
    }

    /// Sends once and reads at most `limit` bytes of the answer within `timeout` in all.
    ///
    /// # Errors
    /// [`NoAnswer`] if not even a status came.
    pub async fn send(
        &self,
        request: reqwest::RequestBuilder,
        limit: usize,
        timeout: Duration,
    ) -> Result<Answer, NoAnswer> {
        let _waiting = Waiting::start(&self.meter);
        let mut response = request.timeout(timeout).send().await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                NoAnswer::NotSent(if error.is_timeout() {
                    "no connection in time"
                } else {
                    "no connection"
                })
            } else {
                NoAnswer::Unknown(if error.is_timeout() {
                    "no answer in time"
                } else {
                    "connection lost"
                })
            }
        })?;
        let (status, headers) = (
            response.status().as_u16(),
            std::mem::take(response.headers_mut()),
        );
        let mut body = Bytes::new();
        let body = loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                    break Err("answer over the size limit");
                }
                // Most answers come in one chunk.
                Ok(Some(chunk)) if body.is_empty() => body = chunk,
                Ok(Some(chunk)) => {
                    let mut joined = BytesMut::from(body);
                    joined.extend_from_slice(&chunk);
                    body = joined.freeze();
                }
                Ok(None) => break Ok(body),
                Err(error) if error.is_timeout() => break Err("answer not complete in time"),
                Err(_) => break Err("answer cut off"),
            }
        };
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Opens a connection to a host that will be needed, so that its handshakes happen during INIT.
    pub async fn warm_up(&self, base: Option<&BaseUrl>) {
        self.warm_up_for(1, base).await;
    }

    /// As [`Client::warm_up`], for a host that will get `requests` requests at once.
    pub async fn warm_up_for(&self, requests: usize, base: Option<&BaseUrl>) {
        let Some(base) = base else { return };
        let head = || self.request(reqwest::Method::HEAD, base.as_url().clone());
        let heads = (0..requests).map(|_| self.send(head(), 64 * 1024, CONNECT_TIMEOUT));
        // A failure shows again on the real request.
        let _ = futures_util::future::join_all(heads).await;
    }

    /// The time since the last call during which at least one request waited for an upstream.
    pub fn take_waited(&self) -> Duration {
        std::mem::take(&mut lock(&self.meter).total)
    }
}

/// The cryptography of our connections. Of ring's cipher suites only AES-GCM is used: every server
/// of TLS 1.3 has it (<https://www.rfc-editor.org/rfc/rfc8446#section-9.1>), and Lambda's
/// processors compute it in hardware. We have no client keys. Algorithms that are not named here
/// are not linked.
fn cryptography() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        ],
        kx_groups: vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1],
        signature_verification_algorithms: SIGNATURES,
        secure_random: &Ring,
        key_provider: &Ring,
    }
}

/// The signature algorithms of public authorities' certificates
/// (<https://cabforum.org/working-groups/server/baseline-requirements/requirements/>, 7.1.3.2), and
/// of handshakes with the certified keys.
const SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        algorithms::ECDSA_P256_SHA256,
        algorithms::ECDSA_P256_SHA384,
        algorithms::ECDSA_P384_SHA256,
        algorithms::ECDSA_P384_SHA384,
        algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        algorithms::RSA_PKCS1_2048_8192_SHA256,
        algorithms::RSA_PKCS1_2048_8192_SHA384,
        algorithms::RSA_PKCS1_2048_8192_SHA512,
    ],
    // TLS 1.2 does not name the curve, so all fitting ones are tried.
    mapping: &[
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[algorithms::ECDSA_P384_SHA384, algorithms::ECDSA_P256_SHA384],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256],
        ),
        (
            SignatureScheme::RSA_PSS_SHA512,
            &[algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PSS_SHA384,
            &[algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PSS_SHA256,
            &[algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA512,
            &[algorithms::RSA_PKCS1_2048_8192_SHA512],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA384,
            &[algorithms::RSA_PKCS1_2048_8192_SHA384],
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA256,
            &[algorithms::RSA_PKCS1_2048_8192_SHA256],
        ),
    ],
};

#[derive(Debug)]
struct Ring;

impl SecureRandom for Ring {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        use ring::rand::SecureRandom as _;
        ring::rand::SystemRandom::new()
            .fill(bytes)
            .map_err(|_| GetRandomFailed)
    }
}

/// No upstream asks for a client's certificate.
impl KeyProvider for Ring {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General(
            "there are no client certificates here".to_owned(),
        ))
    }
}

#[derive(Debug, Default)]
struct Meter {
    in_flight: usize,
    since: Option<Instant>,
    total: Duration,
}

struct Waiting<'a>(&'a Mutex<Meter>);

impl<'a> Waiting<'a> {
    fn start(meter: &'a Mutex<Meter>) -> Self {
        let mut state = lock(meter);
        state.in_flight += 1;
        state.since.get_or_insert_with(Instant::now);
        Self(meter)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = lock(self.0);
        state.in_flight -= 1;
        if state.in_flight == 0
            && let Some(since) = state.since.take()
        {
            state.total += since.elapsed();
        }
    }
}

/// The system's resolver. For names from untrusted text it drops addresses that are not public. The
/// check happens where the connection is made, so a name that changes its address between check and
/// use (DNS rebinding) gains nothing.
///
/// Connections that are opened at once to one host share a lookup, because each lookup costs a
/// thread.
struct GuardedResolver {
    public_only: Arc<Mutex<HashSet<String>>>,
    /// Running lookups by name. A finished lookup leaves its name.
    lookups: Mutex<HashMap<String, WeakShared<Lookup>>>,
}

/// The addresses of a name; `None` if it cannot be resolved.
type Lookup = BoxFuture<'static, Option<Vec<SocketAddr>>>;

impl GuardedResolver {
    fn lookup(&self, name: &str) -> Shared<Lookup> {
        let mut lookups = lock(&self.lookups);
        if let Some(lookup) = lookups.get(name).and_then(WeakShared::upgrade) {
            return lookup;
        }
        let asked = name.to_owned();
        let lookup = async move {
            tokio::net::lookup_host((asked, 0))
                .await
                .ok()
                .map(Iterator::collect)
        }
        .boxed()
        .shared();
        lookups.extend(lookup.downgrade().map(|lookup| (name.to_owned(), lookup)));
        lookup
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guarded = lock(&self.public_only).contains(name.as_str());
        let lookup = self.lookup(name.as_str());
        Box::pin(async move {
            let found = lookup.await.ok_or("the name cannot be resolved")?;
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| !guarded || is_public(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is globally reachable: not in a block of the IANA special-purpose registries
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>), and not a form that leads to
/// such a block (mapped, 6to4, NAT64, Teredo).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b) {
        (0 | 10 | 127 | 224..=255, _)
        | (100, 64..=127)
        | (169, 254)
        | (172, 16..=31)
        | (192, 168)
        | (198, 18 | 19) => true,
        (192, 0) => matches!(c, 0 | 2),
        (192, 88) => c == 99,
        (198, 51) => c == 100,
        (203, 0) => c == 113,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is allocated for global use. The blocks below are special within it.
    let special = matches!(
        (first, second),
        (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff)
    );
    (0x2000..=0x3fff).contains(&first) && !special
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

    #[test]
    fn public_addresses() {
        for text in [
            "1.1.1.1",
            "100.63.255.255",
            "172.32.0.1",
            "223.255.255.255",
            "2606:4700::1",
            "2a00::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.2",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn a_guarded_name_that_resolves_to_loopback_is_refused_before_a_connection() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Url = format!(
            "http://localhost:{}/",
            listener.local_addr().unwrap().port()
        )
        .parse()
        .unwrap();
        let guarded = Client::new(Settings::default()).unwrap();
        guarded.public_only(["localhost".to_owned()]);
        let request = guarded.request(reqwest::Method::GET, url.clone());
        let answer = guarded.send(request, 1024, Duration::from_secs(2)).await;
        assert_eq!(answer.unwrap_err(), NoAnswer::NotSent("no connection"));
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "a connection was made");
    }
}
