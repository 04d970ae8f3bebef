//! Who may ask: whoever brings an access token of the tenant, for this audience, with the scope. The library's own tests go through
//! more forgeries.

use axum::Router;
use sandbox::auth0::{API_AUDIENCE, LOGIN_CLIENT_ID, Signer, TokenProfile};
use sandbox::wire::{Server, client};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::scene::{ACCOUNT, Answer, INVALID, NO_SCOPE, NO_TOKEN, Scene};

const PATH: &str = "/accounts/4815162342";

#[tokio::test]
async fn without_a_token_the_challenge_names_no_error() {
    let scene = Scene::start().await;
    for authorization in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Basic YTpi"),
        Some("Digest username=\"a\""),
        Some("Bearerx y"),
        Some(&scene.token()),
    ] {
        for path in [
            PATH,
            "/accounts/1",
            "/accounts/x",
            "/accounts",
            "/accounts?phone=%2B4520304051",
        ] {
            let answer = scene.get_as(path, authorization).await;
            assert_eq!(
                answer,
                Answer::challenged(401, NO_TOKEN),
                "{path} {authorization:?}"
            );
        }
    }
    // Not in the query, nor in a form (RFC 6750, sections 2.2 and 2.3).
    let query = format!("{PATH}?access_token={}", scene.token());
    assert_eq!(
        scene.get_as(&query, None).await,
        Answer::challenged(401, NO_TOKEN)
    );
    assert!(scene.looked_up().is_empty());
    let logged = scene.logged("no_token").await;
    assert_eq!(
        (&logged["level"], &logged["Refused"]),
        (&json!("INFO"), &json!(1))
    );
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer "] {
        let authorization = format!("{scheme} {}", scene.token());
        assert_eq!(
            scene.get_as(PATH, Some(&authorization)).await,
            Answer::account(ACCOUNT),
            "{scheme}"
        );
    }
}

#[tokio::test]
async fn what_the_tenant_issues_is_accepted() {
    let scene = Scene::start().await;
    for profile in [TokenProfile::Auth0, TokenProfile::Rfc9068] {
        scene.sandbox.auth0.set_token_profile(profile);
        let body = json!({
            "grant_type": "client_credentials", "audience": API_AUDIENCE, "client_id": sandbox::auth0::CLIENT_ID,
            "client_secret": sandbox::auth0::CLIENT_SECRET,
        });
        let request = client().post(format!(
            "{}/oauth/token",
            scene.sandbox.auth0.server().url()
        ));
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        let granted: Value =
            serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        let token = granted["access_token"].as_str().unwrap();
        assert_eq!(
            scene.get_with(PATH, token).await,
            Answer::account(ACCOUNT),
            "{profile:?}"
        );
    }
    for claims in [
        json!({"aud": ["https://acme.eu.auth0.com/userinfo", API_AUDIENCE]}),
        json!({"scope": "openid read:accounts write:accounts"}),
        json!({"sub": null, "azp": null, "gty": null, "iat": null}),
    ] {
        let token = scene.mint(claims.clone(), json!({}), Signer::Current);
        assert_eq!(
            scene.get_with(PATH, &token).await,
            Answer::account(ACCOUNT),
            "{claims}"
        );
    }
    assert_eq!(scene.sandbox.auth0.jwks_fetches(), 1);
}

#[tokio::test]
async fn forgeries_are_refused_and_cost_no_look_up() {
    let scene = Scene::start().await;
    let evil = Server::start("evil", Router::new().fallback(async || "{}"))
        .await
        .unwrap();
    let (url, own) = (
        format!("{}/jwks.json", evil.url()),
        scene.sandbox.auth0.stranger_jwk("own"),
    );
    let issuer = format!("{}/", scene.sandbox.auth0.server().url());
    let public = scene.sandbox.auth0.public_key();
    let good = scene.token();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, body) = signed.split_once('.').unwrap();
    let mut tokens: Vec<String> = ["x", "..", "a.b.c", "null", "eyJhbGciOiJub25lIn0.e30."]
        .map(str::to_owned)
        .into();
    tokens.extend([
        signed.to_owned(),
        format!("{signed}."),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{head}.{body}A.{signature}"),
        format!("{good} {good}"),
        format!("{good},{good}"),
        format!("\"{good}\""),
        "a.".repeat(10_000),
    ]);
    for header in [
        json!({}),
        json!({"alg": "None"}),
        json!({"alg": "RS256"}),
        json!({"alg": null}),
        json!({"alg": ""}),
    ] {
        tokens.push(scene.mint(json!({}), header, Signer::Nobody));
    }
    for header in [json!({}), json!({"alg": "HS512"}), json!({"alg": "RS256"})] {
        tokens.push(scene.mint(json!({}), header.clone(), Signer::PublicKey));
        tokens.push(scene.mint(
            json!({}),
            header.clone(),
            Signer::Secret(public.trim().as_bytes()),
        ));
        tokens.push(scene.mint(json!({}), header, Signer::Secret(b"")));
    }
    for alg in [
        json!("RS384"),
        json!("PS256"),
        json!("HS256"),
        json!("rs256"),
        json!(["RS256"]),
        json!(null),
    ] {
        tokens.push(scene.mint(json!({}), json!({"alg": alg}), Signer::Current));
    }
    for header in [
        json!({}),
        json!({"kid": "own"}),
        json!({"jku": url}),
        json!({"x5u": url}),
        json!({"jwk": own, "kid": "own"}),
        json!({"x5c": own["x5c"]}),
        json!({"kid": "../../../../dev/null"}),
        json!({"kid": "x' UNION SELECT 'key'; --"}),
        json!({"kid": url}),
        json!({"kid": null}),
        json!({"kid": ["sandbox-auth0-key-1"]}),
    ] {
        tokens.push(scene.mint(json!({}), header, Signer::Stranger));
    }
    for header in [
        json!({"typ": "id+jwt"}),
        json!({"typ": 1}),
        json!({"crit": ["exp"]}),
        json!({"kid": "k".repeat(5_000)}),
    ] {
        tokens.push(scene.mint(json!({}), header, Signer::Current));
    }
    for claims in [
        json!({"aud": null}),
        json!({"aud": LOGIN_CLIENT_ID, "azp": null, "gty": null, "email": "ann@example.com"}),
        json!({"aud": API_AUDIENCE.trim_end_matches('/')}),
        json!({"aud": format!("{issuer}api/v2/")}),
        json!({"aud": []}),
        json!({"iss": null}),
        json!({"iss": issuer.trim_end_matches('/')}),
        json!({"iss": "https://other.eu.auth0.com/"}),
        json!({"exp": null}),
        json!({"exp": 1}),
        json!({"exp": -1}),
        json!({"exp": "4000000000"}),
        json!({"exp": 1e30}),
        json!({"nbf": 4_000_000_000_u64}),
        json!({"iat": 4_000_000_000_u64}),
        json!({"scope": ["read:accounts"]}),
        json!({"pad": "a".repeat(8 * 1024)}),
    ] {
        tokens.push(scene.mint(claims, json!({}), Signer::Current));
    }
    for token in tokens {
        let shown = token.chars().take(300).collect::<String>();
        assert_eq!(
            scene.get_with(PATH, &token).await,
            Answer::challenged(401, INVALID),
            "{shown}"
        );
    }
    assert_eq!(scene.get_with(PATH, &good).await, Answer::account(ACCOUNT));
    assert!(
        evil.exchanges().is_empty(),
        "nobody asks where a token says"
    );
    assert_eq!(
        (scene.looked_up().len(), scene.sandbox.auth0.jwks_fetches()),
        (1, 1)
    );
    let logged = scene.logged("bad_signature").await;
    assert_eq!(
        (&logged["level"], &logged["status"], &logged["Refused"]),
        (&json!("INFO"), &json!(401), &json!(1))
    );
}

#[tokio::test]
async fn without_the_scope_it_is_forbidden() {
    let scene = Scene::start().await;
    for scope in [
        json!(null),
        json!(""),
        json!("openid"),
        json!("read:accounts2"),
        json!("READ:ACCOUNTS"),
        json!("write:accounts"),
    ] {
        let token = scene.mint(
            json!({"scope": scope, "permissions": ["write:accounts"]}),
            json!({}),
            Signer::Current,
        );
        for path in [
            PATH,
            "/accounts/1",
            "/accounts/x",
            "/accounts",
            "/accounts?phone=%2B4520304051",
        ] {
            assert_eq!(
                scene.get_with(path, &token).await,
                Answer::challenged(403, NO_SCOPE),
                "{scope} {path}"
            );
        }
    }
    let expired = scene.mint(json!({"scope": "", "exp": 1}), json!({}), Signer::Current);
    assert_eq!(
        scene.get_with(PATH, &expired).await,
        Answer::challenged(401, INVALID)
    );
    assert!(scene.looked_up().is_empty());
}

/// Several `authorization` headers come as one with commas; several tokens are none.
#[tokio::test]
async fn two_headers_are_not_two_chances() {
    let scene = Scene::start().await;
    let (good, bad) = (
        scene.token(),
        scene.mint(json!({}), json!({}), Signer::Stranger),
    );
    for (first, second) in [(&good, &bad), (&bad, &good), (&good, &good)] {
        let request = client()
            .get(scene.url(PATH))
            .bearer_auth(first)
            .header("authorization", format!("Bearer {second}"));
        assert_eq!(request.send().await.unwrap().status().as_u16(), 401);
    }
    assert!(scene.looked_up().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_keys_is_no_flood_for_the_tenant() {
    let scene = Scene::start().await;
    let mut answers = JoinSet::new();
    for kid in 0..200 {
        let token = scene.mint(
            json!({}),
            json!({"kid": format!("unknown-{kid}")}),
            Signer::Stranger,
        );
        let request = client().get(scene.url(PATH)).bearer_auth(token);
        answers.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    let good = scene.get(PATH);
    let (good, statuses) = tokio::join!(good, answers.join_all());
    assert_eq!((good, statuses), (Answer::account(ACCOUNT), vec![401; 200]));
    // The one ahead, and one more if a minute went by.
    let fetches = scene.sandbox.auth0.jwks_fetches();
    assert!((1..=2).contains(&fetches), "{fetches}");
}

/// A tenant publishes its next key well before it signs with it, and the one before until it is withdrawn.
#[tokio::test]
async fn keys_change() {
    let scene = Scene::start().await;
    let auth0 = &scene.sandbox.auth0;
    let first = scene.token();
    auth0.rotate_key();
    let second = scene.token();
    assert_eq!(scene.get_with(PATH, &first).await, Answer::account(ACCOUNT));
    scene.restart().await;
    for token in [&first, &second] {
        assert_eq!(scene.get_with(PATH, token).await, Answer::account(ACCOUNT));
    }
    auth0.withdraw_old_key();
    assert_eq!(
        scene.get_with(PATH, &first).await,
        Answer::account(ACCOUNT),
        "it signed this while it was good"
    );
    scene.restart().await;
    assert_eq!(
        scene.get_with(PATH, &first).await,
        Answer::challenged(401, INVALID)
    );
    let named_new = scene.mint(json!({}), json!({"kid": auth0.key_id()}), Signer::Old);
    assert_eq!(
        scene.get_with(PATH, &named_new).await,
        Answer::challenged(401, INVALID)
    );
    assert_eq!(
        scene.get_with(PATH, &second).await,
        Answer::account(ACCOUNT)
    );
    assert_eq!(auth0.jwks_fetches(), 3, "one a process");
}
