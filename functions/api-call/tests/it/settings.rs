//! Variables whose values depend on each other, or are more than a text.

use sandbox::Sandbox;
use sandbox::auth0::API_AUDIENCE;
use sandbox::scene::problems;

use crate::scene::{BINARY, FUNCTION, Override};

const USUAL: [Override<'static>; 2] = [
    ("API_URL", Some("https://api.acme.example")),
    ("API_AUDIENCE", Some(API_AUDIENCE)),
];

#[tokio::test]
async fn paths_that_are_none_are_named() {
    let sandbox = Sandbox::start().await;
    for path in [
        "//evil.example/{x}",
        "/../{x}",
        "/{",
        "/{}",
        "/{x y}",
        "/a b",
        "/{x}#y",
        "https://evil.example/",
        "/}",
    ] {
        let overrides = [&USUAL[..], &[("API_PATH", Some(path))]].concat();
        let told = problems(&sandbox, FUNCTION, BINARY.as_ref(), &overrides).await;
        assert!(
            told.len() == 1 && told[0].starts_with("API_PATH "),
            "{path}: {told:?}"
        );
    }
}

#[tokio::test]
async fn a_flow_has_a_signature_or_a_token() {
    let sandbox = Sandbox::start().await;
    let without = |name| [&USUAL[..], &[(name, None)]].concat();
    for name in ["TWILIO_SECRET", "STUDIO_SECRET"] {
        let lambda = sandbox
            .run_with(FUNCTION, BINARY.as_ref(), 1, &without(name))
            .await;
        lambda.wait_ready().await.unwrap();
        lambda.stop().await;
    }
    let neither = [without("TWILIO_SECRET"), without("STUDIO_SECRET")].concat();
    let told = problems(&sandbox, FUNCTION, BINARY.as_ref(), &neither).await;
    assert!(
        told.len() == 1 && told[0].contains("TWILIO_SECRET") && told[0].contains("STUDIO_SECRET"),
        "{told:?}"
    );
}
