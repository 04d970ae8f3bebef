//! What an Auth0 tenant has is offered to who gives a token.

use sandbox::auth0;
use serde_json::json;

use super::{Desk, set};

const API: &str = "https://api.acme.example/";

#[tokio::test]
async fn with_a_token_the_tenants_apis_connections_and_applications_are_offered() {
    let desk = Desk::new("auth0").await;
    desk.scene
        .sandbox
        .auth0
        .add_connection("callers", "auth0", &json!({}));
    let lines = [
        "5",
        "acme",
        "",
        "https://acme.eu.auth0.com",
        "wrong-token",
        auth0::MANAGEMENT_TOKEN,
        "https://other.acme.example/",
        "1", // the API
        "nobody",
        "2", // the connection
        "",
        "6",
        "",
        "unknown",
        "1", // the application
        auth0::CLIENT_SECRET,
        "n",
    ];
    let output = desk.init(&[], &lines).await;
    assert_eq!(output.code, 0, "{output:?}");
    for words in [
        "Not accepted: Auth0 rejects this token",
        "Not accepted: the tenant has no API https://other.acme.example/; it has https://api.acme.example/",
        "  1) https://api.acme.example/  Accounts\n",
        "Not accepted: the tenant has no database connection nobody; it has Username-Password-Authentication, callers",
        "  2) callers  ",
        "Not accepted: the tenant has no machine-to-machine application unknown; it has sandbox-m2m-client",
        "  1) sandbox-m2m-client  ",
    ] {
        assert!(output.err.contains(words), "{words}: {output:?}");
    }
    assert!(!output.err.contains("Management API\n"), "nobody's own API");
    assert!(!output.err.contains(auth0::LOGIN_CLIENT_ID), "{output:?}");
    assert!(!output.err.contains(auth0::MANAGEMENT_TOKEN), "{output:?}");
    let written = desk.written();
    for part in [
        format!("ApiAudience={API}"),
        "LoginRealm=callers".to_owned(),
    ] {
        assert!(written.contains(&part), "{part}: {written}");
    }
    for none in [
        auth0::CLIENT_SECRET,
        auth0::MANAGEMENT_TOKEN,
        auth0::CLIENT_ID,
    ] {
        assert!(!written.contains(none), "{none}: {written}");
    }
    let asked = desk.scene.sandbox.auth0.server().exchanges();
    let clients = asked
        .iter()
        .find(|one| one.target.starts_with("/api/v2/clients"));
    assert!(
        clients.unwrap().target.contains("fields=client_id%2Cname"),
        "no secret is asked for"
    );
    assert_eq!(
        desk.scene.sandbox.auth0.server().complaints(),
        [""; 0],
        "as Auth0 documents it"
    );
}

#[tokio::test]
async fn a_token_without_a_scope_offers_the_rest_and_says_what_it_lacks() {
    let desk = Desk::new("scopes").await;
    desk.scene.sandbox.auth0.set_scope("read:connections");
    let token = desk.scene.management_token().await;
    let answers = set(&[
        "Integrations=phone-menu",
        "Auth0Url=https://acme.eu.auth0.com",
        "ApiAudience=https://other.acme.example/",
        "LoginRealm=nobody",
    ]);
    let variables = [("AUTH0_MANAGEMENT_TOKEN", token.as_str())];
    let output = desk.init_with(&answers, &variables, &[]).await;
    assert!(
        output.code == 2
            && output
                .err
                .contains("LoginRealm: the tenant has no database connection"),
        "{output:?}"
    );
    assert!(
        output
            .err
            .contains("The token lacks read:resource_servers and read:clients"),
        "{output:?}"
    );
    assert!(!output.err.contains("ApiAudience: "), "{output:?}");
}
