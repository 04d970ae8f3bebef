//! The client of tests and simulators.

/// A client for plain HTTP to loopback. It never follows redirects. It has no timeout unless the
/// request sets one.
pub fn client() -> reqwest::Client {
    // A workspace-wide build gives reqwest TLS without a provider. reqwest then demands a provider,
    // although no request here uses TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(
        clippy::disallowed_methods,
        reason = "the rule is for functions; the sandbox calls them from outside"
    )]
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client without settings that can fail")
}
