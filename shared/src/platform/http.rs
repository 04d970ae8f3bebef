//! The one HTTP client, for providers and for the AWS SDK alike.
//!
//! Bundled roots (no system certificates are read at start, see the README's "Build"), HTTP/1.1, no
//! redirects, no cookies, no proxies, no retries: only the caller knows whether a request may be
//! repeated. Every answer is read up to a limit. Every failure says whether the request can have
//! reached the upstream.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
#[cfg(feature = "models")]
use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::base_url::BaseUrl;
use super::connecting;
use super::resolver::{GuardedResolver, Hosts};
use super::tls;
use crate::lock;
use crate::platform::config::Source;

/// Connecting (DNS, TCP and TLS) takes at most this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// The tenths of a request's time in which the connection must stand. So a host that does not
/// connect is known not to have the request, however little time there is.
const CONNECT_TENTHS: u32 = 7;
/// Providers close idle connections after 30 s or more. Closing ours earlier avoids sending into a
/// closing connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

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
    /// A complete answer.
    #[cfg(feature = "models")]
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Ok(body.into()),
        }
    }

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

/// What carries requests in place of the network. So the models try each answer, and each loss. No
/// function has this.
#[cfg(feature = "models")]
pub trait Carrier: fmt::Debug + Send + Sync {
    /// Carries one request.
    fn carry(&self, request: reqwest::Request) -> BoxFuture<'static, Result<Answer, NoAnswer>>;
}

/// The client. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    #[cfg(feature = "models")]
    carrier: Option<Arc<dyn Carrier>>,
    meter: Arc<Mutex<Meter>>,
    public_only: Hosts,
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
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(tls::cryptography()))
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let public_only = Hosts::default();
        let inner = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .connector_layer(connecting::Limited)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("Switchboard/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(GuardedResolver::new(Arc::clone(&public_only)))
            .build()
            .map_err(|why| why.without_url().to_string())?;
        Ok(Self {
            inner,
            #[cfg(feature = "models")]
            carrier: None,
            meter: Arc::default(),
            public_only,
        })
    }

    /// The same client, without a network.
    #[cfg(feature = "models")]
    #[must_use]
    pub fn carried_by(self, carrier: Arc<dyn Carrier>) -> Self {
        Self {
            carrier: Some(carrier),
            ..self
        }
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
        #[cfg(feature = "models")]
        if let Some(carrier) = &self.carrier {
            let request = request.build();
            let request = request.map_err(|_| NoAnswer::NotSent("no connection"))?;
            return carrier.carry(request).await;
        }
        let _waiting = Waiting::start(&self.meter);
        let sent = request.timeout(timeout).send();
        let to_connect = CONNECT_TIMEOUT.min(timeout / 10 * CONNECT_TENTHS);
        let sent = connecting::within(to_connect, sent).await;
        let mut response = sent.map_err(|error| {
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
    pub fn take_upstream_time(&self) -> Duration {
        std::mem::take(&mut lock(&self.meter).total)
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[tokio::test]
    async fn a_host_that_hangs_in_the_handshake_has_certainly_not_got_the_request() {
        // The kernel accepts the connection. Nobody answers the handshake.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let url: Url = format!("https://127.0.0.1:{port}/").parse().unwrap();
        let client = Client::new(Settings::default()).unwrap();
        for millis in [300, 1_000] {
            let request = client.request(reqwest::Method::POST, url.clone());
            let time = Duration::from_millis(millis);
            let begun = Instant::now();
            let answer = client.send(request, 1024, time).await;
            assert_eq!(
                answer.unwrap_err(),
                NoAnswer::NotSent("no connection in time")
            );
            assert!(begun.elapsed() < time, "{:?}", begun.elapsed());
        }
    }
}
