//! TLS with certificates as public authorities sign them: every kind of key, both versions.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use shared::platform::config;
use shared::platform::http::{Client, NoAnswer, Settings};

/// What `localhost` answers with the certificate of `leaf`, signed by an authority with the key `root` that the client trusts.
async fn ask(
    root: KeyPair,
    leaf: KeyPair,
    version: &'static SupportedProtocolVersion,
) -> Result<u16, NoAnswer> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority
        .distinguished_name
        .push(DnType::CommonName, "Tests");
    let file = std::env::temp_dir().join(format!(
        "switchboard-{}.pem",
        shared::platform::random::owner_id()
    ));
    std::fs::write(&file, authority.self_signed(&root).unwrap().pem()).unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = certificate
        .signed_by(&leaf, &Issuer::new(authority, root))
        .unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf.serialize_der()));
    let server =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();

    let listener = TcpListener::bind("localhost:0").unwrap();
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    let answering = thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        let connection = ServerConnection::new(Arc::new(server)).map_err(std::io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        let _request = stream.read(&mut [0; 4096])?;
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
    });
    let roots = |name: &str| (name == "EXTRA_CA_FILE").then(|| file.display().to_string());
    let settings = config::read(&roots, Settings::read).unwrap();
    std::fs::remove_file(&file).unwrap();
    let client = Client::new(settings).unwrap();
    let request = client.request(reqwest::Method::GET, url.parse().unwrap());
    let answer = client.send(request, 1024, Duration::from_secs(10)).await;
    let _refused = answering.join().unwrap();
    answer.map(|answer| answer.status)
}

#[tokio::test]
async fn keys_of_public_authorities_are_trusted() {
    let rsa = || KeyPair::from_pem(sandbox::okta::PRIVATE_KEY).unwrap();
    let p256 = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let p384 = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    for version in [&TLS13, &TLS12] {
        for (root, leaf) in [
            (rsa(), rsa()),
            (rsa(), p256()),
            (p256(), p256()),
            (p384(), p256()),
            (p384(), p384()),
            (p256(), rsa()),
        ] {
            let what = format!(
                "{:?} signs {:?}, {version:?}",
                root.algorithm(),
                leaf.algorithm()
            );
            assert_eq!(ask(root, leaf, version).await, Ok(204), "{what}");
        }
    }
}

#[tokio::test]
async fn what_no_public_authority_uses_is_refused_before_anything_is_sent() {
    let ed25519 = || KeyPair::generate_for(&PKCS_ED25519).unwrap();
    assert_eq!(
        ask(ed25519(), ed25519(), &TLS13).await,
        Err(NoAnswer::NotSent("no connection"))
    );
}
