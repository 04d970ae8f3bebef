//! Where a credential may be: in Secrets Manager, in a header or a body, and nowhere else.

use sandbox::{Sandbox, clickatell, scene::never_written};
use serde_json::json;

use crate::receipts::Circle;

#[tokio::test]
async fn no_credential_is_in_an_environment() {
    let sandbox = Sandbox::start().await;
    let functions = &sandbox.template().functions;
    assert!(functions.len() >= 10);
    for function in functions {
        for (name, value) in sandbox.env_for(&function.name) {
            // Lambda itself sets the keys of the function's role.
            let is_lambdas = name.starts_with("AWS_") && !name.contains("_URL");
            for credential in never_written().iter().filter(|_| !is_lambdas) {
                assert!(
                    !value.contains(credential.as_str()),
                    "{}: {name}",
                    function.name
                );
            }
        }
    }
}

/// Addresses are in the logs of proxies and servers.
#[tokio::test]
async fn no_credential_is_in_an_address() {
    let legacy = json!({
        "user": clickatell::USER, "password": clickatell::PASSWORD, "api_id": clickatell::API_ID,
    });
    for (provider, secret) in [
        ("twilio", None),
        ("plivo", None),
        ("vonage", None),
        ("aws", None),
        ("clickatell", None),
        ("clickatell", Some(legacy)),
    ] {
        let circle = Circle::keeping(&format!("*={provider}"), "false").await;
        if let Some(secret) = &secret {
            circle
                .sandbox
                .aws
                .set_secret("switchboard/clickatell", secret);
        }
        assert_eq!(circle.code("+4520304050", 27_182_818).await, provider);
        let mut credentials = never_written();
        credentials.extend([clickatell::USER, clickatell::PASSWORD].map(str::to_owned));
        let mut asked = 0;
        let functions = &circle.sandbox.template().functions;
        let mut servers = circle.sandbox.servers();
        servers.retain(|(name, _)| functions.iter().all(|function| function.name != *name));
        for (name, server) in servers {
            for exchange in server.exchanges() {
                asked += 1;
                for credential in &credentials {
                    assert!(!exchange.target.contains(credential.as_str()), "{name}");
                }
            }
        }
        assert!(asked > 2, "{provider}");
    }
}
