//! Access tokens that callers bring: what a forger would try, and what the tenant's keys go through.

use std::time::{Duration, SystemTime};

use axum::Router;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use sandbox::Sandbox;
use sandbox::auth0::{API_AUDIENCE, LOGIN_CLIENT_ID, Signer, TokenProfile};
use sandbox::wire::{Fault, Server};
use serde_json::{Value, json};
use shared::platform::base_url::BaseUrl;
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;
use shared::platform::time::epoch;
use shared::vendors::auth0::access::{Access, Refusal};
use shared::vendors::auth0::tokens::Tokens;

const SCOPE: &str = "read:accounts";

fn access(sandbox: &Sandbox) -> Access {
    Access::new(crate::client(), base(sandbox), API_AUDIENCE.to_owned())
}

fn base(sandbox: &Sandbox) -> BaseUrl {
    sandbox.auth0.server().url().parse().unwrap()
}

/// Good but for these claims; null takes one away.
fn claiming(sandbox: &Sandbox, claims: Value) -> String {
    sandbox.auth0.mint(claims, json!({}), Signer::Current)
}

/// Good but for these members of its header.
fn headed(sandbox: &Sandbox, header: Value) -> String {
    sandbox.auth0.mint(json!({}), header, Signer::Current)
}

fn good(sandbox: &Sandbox) -> String {
    claiming(sandbox, json!({}))
}

fn after(start: SystemTime, seconds: u64) -> SystemTime {
    start + Duration::from_secs(seconds)
}

fn answer(status: u16, body: &str) -> Fault {
    Fault::Answer {
        status,
        headers: vec![],
        body: body.to_owned(),
    }
}

/// Checks each, and that the keys were fetched once for all of them.
async fn refused(sandbox: &Sandbox, tokens: Vec<(String, String)>) {
    let (access, now) = (access(sandbox), now());
    assert_eq!(access.check(&good(sandbox), SCOPE, now).await, Ok(()));
    for (what, token) in tokens {
        let verdict = access.check(&token, SCOPE, now).await;
        assert!(
            matches!(verdict, Err(Refusal::Invalid(_))),
            "{what}: {verdict:?}"
        );
    }
    assert_eq!(access.check(&good(sandbox), SCOPE, now).await, Ok(()));
    assert_eq!(sandbox.auth0.jwks_fetches(), 1);
}

#[tokio::test]
async fn good_ones_are_accepted() {
    let sandbox = Sandbox::start().await;
    let (access, now) = (access(&sandbox), now());
    let seconds = epoch(now);
    for claims in [
        json!({}),
        json!({"aud": [API_AUDIENCE]}),
        json!({"aud": ["https://acme.eu.auth0.com/userinfo", API_AUDIENCE]}),
        json!({"scope": "openid read:accounts write:accounts"}),
        json!({"exp": seconds - 20}),
        json!({"nbf": seconds - 60}),
        json!({"nbf": seconds + 20, "iat": seconds + 20}),
        json!({"iat": null, "azp": null, "gty": null, "sub": null}),
        json!({"permissions": ["read:accounts"], "https://acme.example/x": {"y": [1.5, null]}}),
    ] {
        assert_eq!(
            access
                .check(&claiming(&sandbox, claims.clone()), SCOPE, now)
                .await,
            Ok(()),
            "{claims}"
        );
    }
    for header in [
        json!({"typ": null}),
        json!({"typ": "JWT"}),
        json!({"typ": "jwt"}),
        json!({"typ": "at+jwt"}),
        json!({"typ": "AT+JWT"}),
        json!({"typ": "application/at+jwt"}),
        json!({"x5t": "Jj_ODIx8yp7Mwb4-S8g3WSWBfTo"}),
    ] {
        assert_eq!(
            access
                .check(&headed(&sandbox, header.clone()), SCOPE, now)
                .await,
            Ok(()),
            "{header}"
        );
    }
    let (http, aws) = (crate::client(), crate::aws(&sandbox));
    for profile in [TokenProfile::Auth0, TokenProfile::Rfc9068] {
        sandbox.auth0.set_token_profile(profile);
        let secret = Secret::new("switchboard/auth0".to_owned(), aws.secrets_manager(&http));
        let tokens = Tokens::new(
            http.clone(),
            base(&sandbox),
            API_AUDIENCE.to_owned(),
            secret.into(),
            None,
        );
        let issued = tokens.get(now).await.unwrap();
        let verdict = access
            .check(secrecy::ExposeSecret::expose_secret(&issued), SCOPE, now)
            .await;
        assert_eq!(verdict, Ok(()), "as issued: {profile:?}");
    }
    assert_eq!(
        (
            sandbox.auth0.jwks_fetches(),
            sandbox.auth0.discovery_fetches()
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn the_algorithm_is_not_the_tokens_choice() {
    let sandbox = Sandbox::start().await;
    let auth0 = &sandbox.auth0;
    let public = auth0.public_key();
    let mut tokens = Vec::new();
    for name in ["none", "None", "NONE", "nOnE", "RS256", "HS256", ""] {
        tokens.push((
            format!("{name}, unsigned"),
            auth0.mint(json!({}), json!({"alg": name}), Signer::Nobody),
        ));
    }
    for name in [
        "none", "RS384", "RS512", "PS256", "rs256", "RS256 ", "HS256", "ES256", "EdDSA", "",
    ] {
        tokens.push((
            format!("{name}, signed"),
            headed(&sandbox, json!({"alg": name})),
        ));
    }
    for alg in [
        json!(null),
        json!(1),
        json!(["RS256"]),
        json!({"RS256": true}),
    ] {
        tokens.push((
            format!("{alg}, signed"),
            headed(&sandbox, json!({"alg": alg})),
        ));
    }
    for name in ["HS256", "HS384", "HS512", "RS256", "none"] {
        for secret in [
            public.as_bytes(),
            public.trim().as_bytes(),
            b"",
            b"\0",
            sandbox::auth0::CLIENT_SECRET.as_bytes(),
        ] {
            tokens.push((
                format!("{name}, hashed"),
                auth0.mint(json!({}), json!({"alg": name}), Signer::Secret(secret)),
            ));
        }
    }
    tokens.push((
        "the public key as a secret".to_owned(),
        auth0.mint(json!({}), json!({}), Signer::PublicKey),
    ));
    refused(&sandbox, tokens).await;
}

#[tokio::test]
async fn nor_is_the_key() {
    let sandbox = Sandbox::start().await;
    let evil = Server::start("evil", Router::new().fallback(async || "{}"))
        .await
        .unwrap();
    let (url, own) = (
        format!("{}/jwks.json", evil.url()),
        sandbox.auth0.stranger_jwk("own"),
    );
    let strange = |header: Value| sandbox.auth0.mint(json!({}), header, Signer::Stranger);
    let bringing = [
        json!({"jku": url}),
        json!({"x5u": url}),
        json!({"jwk": own}),
        json!({"x5c": own["x5c"]}),
        json!({"jku": url, "x5u": url, "jwk": own}),
    ];
    let mut tokens = vec![("a stranger's".to_owned(), strange(json!({})))];
    for header in &bringing {
        tokens.push((header.to_string(), strange(header.clone())));
        let mut named = header.clone();
        named["kid"] = json!("own");
        tokens.push((named.to_string(), strange(named)));
    }
    for kid in [
        json!(null),
        json!(1),
        json!(["sandbox-auth0-key-1"]),
        json!(""),
        json!("own"),
        json!("../../../../dev/null"),
        json!("/dev/null"),
        json!("x' UNION SELECT 'key'; --"),
        json!("| ls"),
        json!(url),
        json!("SANDBOX-AUTH0-KEY-1"),
        json!("sandbox-auth0-key-1\u{0}"),
        json!("k".repeat(5_000)),
    ] {
        tokens.push((format!("kid {kid}"), headed(&sandbox, json!({"kid": kid}))));
        tokens.push((
            format!("kid {kid}, a stranger's"),
            strange(json!({"kid": kid})),
        ));
    }
    refused(&sandbox, tokens).await;
    let access = access(&sandbox);
    for header in bringing {
        let token = headed(&sandbox, header.clone());
        assert_eq!(
            access.check(&token, SCOPE, now()).await,
            Ok(()),
            "signed by the tenant, whatever else is there: {header}"
        );
    }
    assert!(
        evil.exchanges().is_empty(),
        "nobody asks where a token says"
    );
}

#[tokio::test]
async fn the_form_is_exact() {
    let sandbox = Sandbox::start().await;
    let good = good(&sandbox);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, body) = signed.split_once('.').unwrap();
    let other = claiming(&sandbox, json!({"sub": "somebody else"}));
    let other = other.split('.').nth(1).unwrap();
    let mut tokens: Vec<String> = vec![
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        "null.null.null".to_owned(),
        signed.to_owned(),
        format!("{signed}."),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{header}.{other}.{signature}"),
        format!("{header}..{signature}"),
        format!(".{body}.{signature}"),
        format!("{good}="),
        format!("{good}A"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("Bearer {good}"),
        format!("{}.{body}.{signature}", BASE64URL.encode("[]")),
        format!("{header}.{}.{signature}", BASE64URL.encode("{}")),
        format!("{signed}.{}", BASE64URL.encode([0; 256])),
        format!("{signed}.{}", BASE64URL.encode([255; 256])),
        format!("{signed}.{}", BASE64URL.encode([1; 1024])),
        "é.é.é".to_owned(),
        "a.".repeat(100_000),
        claiming(&sandbox, json!({"pad": "a".repeat(8 * 1024)})),
    ];
    for at in (0..good.len())
        .step_by(7)
        .filter(|at| good.as_bytes()[*at] != b'.')
    {
        let with = if good.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        let mut changed = good.clone();
        changed.replace_range(at..=at, with);
        tokens.push(changed);
    }
    for typ in [
        json!("id+jwt"),
        json!("logout+jwt"),
        json!("JWE"),
        json!("application/x"),
        json!(""),
        json!(1),
        json!(["JWT"]),
    ] {
        tokens.push(headed(&sandbox, json!({"typ": typ})));
    }
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!("x")] {
        tokens.push(headed(&sandbox, json!({"crit": crit, "b64": false})));
    }
    refused(
        &sandbox,
        tokens
            .into_iter()
            .map(|token| (token.clone(), token))
            .collect(),
    )
    .await;
    let long = claiming(&sandbox, json!({"pad": "a".repeat(4_000)}));
    assert!(long.len() < 8 * 1024);
    assert_eq!(access(&sandbox).check(&long, SCOPE, now()).await, Ok(()));
}

#[tokio::test]
async fn claims_are_required_and_compared() {
    let sandbox = Sandbox::start().await;
    let issuer = format!("{}/", sandbox.auth0.server().url());
    let (seconds, bare) = (epoch(now()), issuer.trim_end_matches('/'));
    let bad = [
        json!({"aud": null}),
        json!({"aud": ""}),
        json!({"aud": LOGIN_CLIENT_ID, "azp": null, "gty": null, "email": "ann@example.com"}),
        json!({"aud": "https://api.acme.example"}),
        json!({"aud": "HTTPS://API.ACME.EXAMPLE/"}),
        json!({"aud": "https://api.acme.example/v2/"}),
        json!({"aud": format!("{issuer}api/v2/")}),
        json!({"aud": []}),
        json!({"aud": ["https://other.example/"]}),
        json!({"aud": [[API_AUDIENCE]]}),
        json!({"aud": 1}),
        json!({"aud": {API_AUDIENCE: true}}),
        json!({"iss": null}),
        json!({"iss": ""}),
        json!({"iss": bare}),
        json!({"iss": format!("{issuer}/")}),
        json!({"iss": issuer.replace("http:", "https:")}),
        json!({"iss": "https://other.eu.auth0.com/"}),
        json!({"iss": format!("{bare}.evil.example/")}),
        json!({"iss": ["https://other.eu.auth0.com/"]}),
        json!({"iss": 1}),
        json!({"exp": null}),
        json!({"exp": seconds - 60}),
        json!({"exp": 0}),
        json!({"exp": -1}),
        json!({"exp": (seconds + 300).to_string()}),
        json!({"exp": 4_000_000_000.5}),
        json!({"exp": 1e30}),
        json!({"exp": u64::MAX}),
        json!({"exp": (seconds + 300) * 1000}),
        json!({"exp": true}),
        json!({"exp": [seconds + 300]}),
        json!({"nbf": seconds + 120}),
        json!({"nbf": (seconds - 1).to_string()}),
        json!({"nbf": -1}),
        json!({"iat": seconds + 120}),
        json!({"iat": "now"}),
        json!({"iat": 1.5}),
        json!({"scope": ["read:accounts"]}),
        json!({"scope": {"read:accounts": true}}),
        json!({"scope": 1}),
    ];
    refused(
        &sandbox,
        bad.into_iter()
            .map(|claims| (claims.to_string(), claiming(&sandbox, claims)))
            .collect(),
    )
    .await;
}

#[tokio::test]
async fn the_scope_is_a_word_among_words() {
    let sandbox = Sandbox::start().await;
    let (access, now) = (access(&sandbox), now());
    for scope in [
        json!(null),
        json!(""),
        json!(" "),
        json!("read:accounts2"),
        json!("xread:accounts"),
        json!("read:accounts,openid"),
        json!("read:accounts\topenid"),
        json!("READ:ACCOUNTS"),
        json!("read: accounts"),
        json!("read:* *"),
        json!("write:accounts read:account"),
    ] {
        let token = claiming(&sandbox, json!({"scope": scope, "permissions": []}));
        assert_eq!(
            access.check(&token, SCOPE, now).await,
            Err(Refusal::Scope),
            "{scope}"
        );
    }
    let expired = claiming(&sandbox, json!({"scope": "", "exp": 1}));
    assert!(
        matches!(
            access.check(&expired, SCOPE, now).await,
            Err(Refusal::Invalid(_))
        ),
        "what is wrong otherwise goes first"
    );
}

#[tokio::test]
async fn a_flood_of_unknown_keys_fetches_once_a_minute() {
    let sandbox = Sandbox::start().await;
    let (access, start) = (access(&sandbox), now());
    let good = good(&sandbox);
    access.warm_up(start).await;
    let strange: Vec<_> = (0..30)
        .map(|kid| headed(&sandbox, json!({"kid": format!("unknown-{kid}")})))
        .collect();
    for (second, fetches) in [
        (0, 1),
        (1, 1),
        (59, 1),
        (62, 2),
        (63, 2),
        (119, 2),
        (124, 3),
    ] {
        let checks = strange
            .iter()
            .map(|token| access.check(token, SCOPE, after(start, second)));
        for verdict in futures_util::future::join_all(checks).await {
            assert_eq!(verdict, Err(Refusal::Invalid("unknown_key")), "{second}");
        }
        assert_eq!(
            access.check(&good, SCOPE, after(start, second)).await,
            Ok(()),
            "{second}"
        );
        assert_eq!(sandbox.auth0.jwks_fetches(), fetches, "{second}");
    }
}

#[tokio::test]
async fn known_keys_outlast_an_outage_and_of_others_nobody_can_say() {
    let sandbox = Sandbox::start().await;
    let (access, mut at) = (access(&sandbox), now());
    let (good, strange) = (good(&sandbox), headed(&sandbox, json!({"kid": "unknown"})));
    access.warm_up(at).await;
    for fault in [
        answer(500, ""),
        answer(404, "{}"),
        answer(200, "{}"),
        answer(200, "[]"),
        answer(200, r#"{"keys":[]}"#),
        answer(200, r#"{"keys":{}}"#),
        answer(
            200,
            r#"{"keys":[null,1,"x",[],{"kty":"EC","kid":"sandbox-auth0-key-1"}]}"#,
        ),
        Fault::Garbage,
        Fault::Truncate,
        Fault::Oversize(257 * 1024),
        Fault::ResetBefore,
        Fault::Hang,
    ] {
        at = after(at, 70);
        sandbox.auth0.server().faults().next(fault.clone());
        for second in [0, 2] {
            // The tenant may have a new one.
            let verdict = access.check(&strange, SCOPE, after(at, second)).await;
            assert!(
                matches!(verdict, Err(Refusal::Unavailable(_))),
                "{fault:?}: {verdict:?}"
            );
        }
        assert_eq!(sandbox.auth0.server().faults().pending(), 0, "{fault:?}");
        assert_eq!(access.check(&good, SCOPE, at).await, Ok(()), "{fault:?}");
    }
    at = after(at, 70);
    assert_eq!(
        access.check(&strange, SCOPE, at).await,
        Err(Refusal::Invalid("unknown_key")),
        "the tenant says so"
    );
    // Also when they should be looked after.
    sandbox.auth0.server().faults().refuse(true);
    for hours in [7, 12] {
        assert_eq!(
            access.check(&good, SCOPE, after(at, hours * 3600)).await,
            Ok(()),
            "{hours}"
        );
    }
}

#[tokio::test]
async fn without_any_key_nobody_can_say() {
    let sandbox = Sandbox::start().await;
    let (access, start) = (access(&sandbox), now());
    let good = good(&sandbox);
    sandbox.auth0.server().faults().next(answer(500, ""));
    for second in [0, 1, 4] {
        for token in [&good, &headed(&sandbox, json!({"kid": "unknown"}))] {
            let verdict = access.check(token, SCOPE, after(start, second)).await;
            assert!(
                matches!(verdict, Err(Refusal::Unavailable(_))),
                "{second}: {verdict:?}"
            );
        }
        let verdict = access
            .check("no token at all", SCOPE, after(start, second))
            .await;
        assert_eq!(
            verdict,
            Err(Refusal::Invalid("no_rs256_token")),
            "needs no key"
        );
    }
    assert_eq!(sandbox.auth0.jwks_fetches(), 1);
    let checks = (0..20).map(|_| access.check(&good, SCOPE, after(start, 7)));
    assert!(
        futures_util::future::join_all(checks)
            .await
            .into_iter()
            .all(|verdict| verdict == Ok(()))
    );
    assert_eq!(sandbox.auth0.jwks_fetches(), 2);
}

/// Who asks is in a hurry; the tenant is no worse for it.
#[tokio::test]
async fn a_fetch_that_was_cut_off_is_repeated_at_once() {
    let sandbox = Sandbox::start().await;
    let (access, start) = (access(&sandbox), now());
    let good = good(&sandbox);
    sandbox.auth0.server().faults().next(Fault::Hang);
    let hurried = async {
        while sandbox.auth0.server().faults().pending() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        verdict = access.check(&good, SCOPE, start) => panic!("{verdict:?}"),
        () = hurried => {}
    }
    assert_eq!(access.check(&good, SCOPE, start).await, Ok(()));
}

/// Requests know when they came, which may be before the keys were fetched; clocks are set back.
#[tokio::test]
async fn who_comes_from_before_the_fetch_does_not_repeat_it() {
    let sandbox = Sandbox::start().await;
    let (access, start) = (access(&sandbox), now());
    let strange = headed(&sandbox, json!({"kid": "unknown"}));
    access.warm_up(start).await;
    for before in [
        start - Duration::from_secs(10),
        start - Duration::from_secs(50),
        start,
    ] {
        assert_eq!(
            access.check(&strange, SCOPE, before).await,
            Err(Refusal::Invalid("unknown_key"))
        );
    }
    assert_eq!(sandbox.auth0.jwks_fetches(), 1);
    assert_eq!(
        access
            .check(&strange, SCOPE, start - Duration::from_mins(5))
            .await,
        Err(Refusal::Invalid("unknown_key"))
    );
    assert_eq!(
        sandbox.auth0.jwks_fetches(),
        2,
        "nor does a clock that was wrong stop it for long"
    );
}

#[tokio::test]
async fn keys_rotate() {
    let sandbox = Sandbox::start().await;
    let (access, start) = (access(&sandbox), now());
    let old = good(&sandbox);
    access.warm_up(start).await;
    sandbox.auth0.rotate_key();
    let new = good(&sandbox);
    for (second, fetches) in [(62, 2), (63, 2)] {
        for token in [&new, &old] {
            assert_eq!(
                access.check(token, SCOPE, after(start, second)).await,
                Ok(()),
                "{second}"
            );
        }
        assert_eq!(sandbox.auth0.jwks_fetches(), fetches, "{second}");
    }
    sandbox.auth0.withdraw_old_key();
    assert_eq!(
        access.check(&old, SCOPE, after(start, 3600)).await,
        Ok(()),
        "as long as nobody asks"
    );
    let outlived = after(start, 70 + 6 * 3600);
    assert_eq!(
        access.check(&old, SCOPE, outlived).await,
        Err(Refusal::Invalid("unknown_key"))
    );
    assert_eq!(access.check(&new, SCOPE, outlived).await, Ok(()));
    assert_eq!(sandbox.auth0.jwks_fetches(), 3);
    // Another unknown key tells of the withdrawal earlier.
    sandbox.auth0.rotate_key();
    sandbox.auth0.withdraw_old_key();
    assert_eq!(
        access
            .check(&good(&sandbox), SCOPE, after(outlived, 70))
            .await,
        Ok(())
    );
    assert_eq!(
        access.check(&new, SCOPE, after(outlived, 70)).await,
        Err(Refusal::Invalid("unknown_key"))
    );
}

#[tokio::test]
async fn odd_keys_are_ignored() {
    let sandbox = Sandbox::start().await;
    let url = format!("{}/.well-known/jwks.json", sandbox.auth0.server().url());
    let published: Value = sandbox::wire::client()
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let right = &published["keys"][0];
    let with = |changes: Value| {
        let mut key = right.clone();
        key.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        key.as_object_mut()
            .unwrap()
            .retain(|_, member| !member.is_null());
        key
    };
    let bytes = |count: usize| BASE64URL.encode(vec![0xC5; count]);
    let odd = [
        json!(null),
        json!([]),
        json!({}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "use": "sig", "kid": "ec"}),
        json!({"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "oct"}),
        with(json!({"kty": null})),
        with(json!({"kty": "EC"})),
        with(json!({"kid": null})),
        with(json!({"kid": 1})),
        with(json!({"use": "enc"})),
        with(json!({"alg": "RS512"})),
        with(json!({"alg": "HS256"})),
        with(json!({"n": null})),
        with(json!({"e": null})),
        with(json!({"n": ""})),
        with(json!({"n": "!!!!"})),
        with(json!({"n": 1})),
        with(json!({"n": bytes(128)})),
        with(json!({"n": bytes(255)})),
        with(json!({"n": bytes(1025)})),
        with(json!({"n": bytes(20_000)})),
        with(json!({"e": bytes(300)})),
    ];
    let good = good(&sandbox);
    for key in &odd {
        sandbox
            .auth0
            .server()
            .faults()
            .next(answer(200, &json!({"keys": [key]}).to_string()));
        let verdict = access(&sandbox).check(&good, SCOPE, now()).await;
        assert_eq!(
            verdict,
            Err(Refusal::Unavailable("JWKS: no RS256 key".to_owned())),
            "{key}"
        );
        sandbox
            .auth0
            .server()
            .faults()
            .next(answer(200, &json!({"keys": [key, right]}).to_string()));
        assert_eq!(
            access(&sandbox).check(&good, SCOPE, now()).await,
            Ok(()),
            "{key}"
        );
    }
    for key in [
        with(json!({"use": null, "alg": null, "x5c": null, "x5t": null})),
        with(json!({"x5c": ["not a certificate"]})),
    ] {
        sandbox
            .auth0
            .server()
            .faults()
            .next(answer(200, &json!({"keys": [key]}).to_string()));
        assert_eq!(
            access(&sandbox).check(&good, SCOPE, now()).await,
            Ok(()),
            "{key}"
        );
    }
}
