//! Who may send. Whatever is not right is 401 without a word, before any provider or the table is asked.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

use crate::scene::{
    AUDIENCE, BEARER, JWT_SECRET, PHONE, SUBJECT, Scene, TEXT, jwt, part, signed, token,
};

fn at(seconds: i64) -> i64 {
    i64::try_from(sandbox::now().as_secs()).unwrap() + seconds
}

fn request() -> Value {
    json!({ "recipient": PHONE, "body": TEXT })
}

/// Every token is refused, and nothing was done for it.
async fn refused(scene: &Scene, tokens: &[(&str, String)]) {
    for (name, token) in tokens {
        let answer = scene
            .post_as(Some(&format!("Bearer {token}")), &request())
            .await;
        assert_eq!(
            (answer.status, answer.body),
            (401, Value::Null),
            "{name}: {token}"
        );
    }
    scene.untouched();
    assert!(
        scene.fetched("gateway") <= 2,
        "one refetch a minute, however many come"
    );
}

#[tokio::test]
async fn no_credential_or_another_scheme() {
    let scene = Scene::through("twilio").await;
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("any:{BEARER}")));
    for authorization in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some(BEARER),
        Some(&*basic),
        Some("Token x"),
    ] {
        let answer = scene.post_as(authorization, &request()).await;
        assert_eq!(
            (answer.status, answer.body),
            (401, Value::Null),
            "{authorization:?}"
        );
    }
    scene.untouched();
    assert_eq!(scene.fetched("gateway"), 1, "at start");
    assert_eq!(scene.logged("credential_missing").await["Refused"], 1);
}

#[tokio::test]
async fn static_tokens_that_are_nearly_right() {
    let scene = Scene::through("twilio").await;
    let shorter = BEARER[..BEARER.len() - 1].to_owned();
    let tokens = [
        ("shorter", shorter.clone()),
        ("longer", format!("{BEARER}x")),
        ("another end", format!("{shorter}x")),
        ("upper case", BEARER.to_uppercase()),
        ("twice", format!("{BEARER}, Bearer {BEARER}")),
        ("the secret itself", JWT_SECRET.to_owned()),
    ];
    refused(&scene, &tokens).await;
}

#[tokio::test]
async fn tokens_with_another_algorithm_or_key() {
    let scene = Scene::through("twilio").await;
    let claims = json!({});
    let with = |header: Value| jwt(&header, &claims, JWT_SECRET.as_bytes());
    let good = token(&claims);
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let unsigned = |algorithm: &str| {
        format!(
            "{}.{payload}.",
            part(&json!({ "alg": algorithm, "typ": "JWT" }))
        )
    };
    let other = |name: &str, algorithm| {
        signed(
            &format!("{}.{payload}", part(&json!({ "alg": name, "typ": "JWT" }))),
            algorithm,
            JWT_SECRET.as_bytes(),
        )
    };
    let jwk = json!({ "kty": "oct", "k": BASE64_URL_SAFE_NO_PAD.encode("attacker") });
    let tokens = [
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        (
            "alg NoNe, two parts",
            unsigned("NoNe").trim_end_matches('.').to_owned(),
        ),
        (
            "alg none with our signature",
            format!("{}.{payload}.{signature}", part(&json!({ "alg": "none" }))),
        ),
        ("alg HS256, no signature", format!("{header}.{payload}.")),
        ("alg HS384", other("HS384", hmac::HMAC_SHA384)),
        ("alg HS512", other("HS512", hmac::HMAC_SHA512)),
        (
            "alg HS384, signed as HS256",
            with(json!({ "alg": "HS384" })),
        ),
        (
            "alg RS256, signed as HS256",
            with(json!({ "alg": "RS256" })),
        ),
        (
            "alg ES256, signed as HS256",
            with(json!({ "alg": "ES256" })),
        ),
        ("alg hs256", with(json!({ "alg": "hs256" }))),
        ("no alg", with(json!({ "typ": "JWT" }))),
        ("alg as a list", with(json!({ "alg": ["HS256"] }))),
        (
            "header is no object",
            signed(
                &format!("{}.{payload}", part(&json!("HS256"))),
                hmac::HMAC_SHA256,
                JWT_SECRET.as_bytes(),
            ),
        ),
        (
            "another key",
            jwt(&json!({ "alg": "HS256" }), &claims, b"attacker"),
        ),
        (
            "an empty key",
            jwt(&json!({ "alg": "HS256" }), &claims, b""),
        ),
        (
            "kid that names a file",
            jwt(
                &json!({ "alg": "HS256", "kid": "../../dev/null" }),
                &claims,
                b"",
            ),
        ),
        (
            "kid with SQL",
            jwt(
                &json!({ "alg": "HS256", "kid": "x' UNION SELECT 'attacker" }),
                &claims,
                b"attacker",
            ),
        ),
        (
            "its own jwk",
            jwt(&json!({ "alg": "HS256", "jwk": jwk }), &claims, b"attacker"),
        ),
        (
            "jku",
            jwt(
                &json!({ "alg": "HS256", "jku": format!("{}/jwks", scene.server("twilio").url()) }),
                &claims,
                b"attacker",
            ),
        ),
        (
            "x5u",
            jwt(
                &json!({ "alg": "HS256", "x5u": format!("{}/x5u", scene.server("twilio").url()) }),
                &claims,
                b"attacker",
            ),
        ),
        (
            "another payload",
            format!(
                "{header}.{}.{signature}",
                part(&json!({ "aud": AUDIENCE, "sub": SUBJECT }))
            ),
        ),
        (
            "another signature",
            format!(
                "{header}.{payload}.{}",
                BASE64_URL_SAFE_NO_PAD.encode([0; 32])
            ),
        ),
        ("a signature cut short", good[..good.len() - 8].to_owned()),
        (
            "a signature cut to nothing but A",
            format!("{header}.{payload}.A"),
        ),
    ];
    refused(&scene, &tokens).await;
    scene.logged("bad_credential").await;
}

#[tokio::test]
async fn tokens_of_another_shape() {
    let scene = Scene::through("twilio").await;
    let good = token(&json!({}));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let sign = |payload: &str| {
        signed(
            &format!("{header}.{payload}"),
            hmac::HMAC_SHA256,
            JWT_SECRET.as_bytes(),
        )
    };
    let tokens = [
        ("one part", header.to_owned()),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.{signature}")),
        (
            "five parts, as an encrypted one",
            format!("{good}.{payload}.{signature}"),
        ),
        ("nothing but dots", "..".to_owned()),
        ("no header", format!(".{payload}.{signature}")),
        ("no payload", format!("{header}..{signature}")),
        (
            "over 8 KB, signed well",
            token(&json!({ "padding": "x".repeat(8 * 1024) })),
        ),
        (
            "standard base64",
            format!("{header}.{payload}.{}", BASE64_STANDARD.encode([0xff; 32])),
        ),
        ("a comma and another", format!("{good},{good}")),
        (
            "a payload that is text",
            sign(&BASE64_URL_SAFE_NO_PAD.encode("aud")),
        ),
        (
            "a payload that is a list",
            sign(&part(&json!([AUDIENCE, SUBJECT]))),
        ),
        (
            "a payload that is no UTF-8",
            sign(&BASE64_URL_SAFE_NO_PAD.encode([0xff, 0xfe])),
        ),
        ("a payload that is no base64", sign("!!")),
        (
            "aud twice, one of them ours",
            sign(&BASE64_URL_SAFE_NO_PAD.encode(format!(
                r#"{{"aud":"x","aud":"{AUDIENCE}","sub":"{SUBJECT}"}}"#
            ))),
        ),
    ];
    refused(&scene, &tokens).await;
}

#[tokio::test]
async fn tokens_for_someone_else_or_not_for_now() {
    let scene = Scene::through("twilio").await;
    let tokens = [
        ("no aud", json!({ "aud": null })),
        ("another aud", json!({ "aud": "urn:Other" })),
        (
            "aud that only begins so",
            json!({ "aud": format!("{AUDIENCE}:x") }),
        ),
        ("an empty aud", json!({ "aud": "" })),
        (
            "a list without ours",
            json!({ "aud": ["urn:Other", "urn:Another"] }),
        ),
        ("an empty list", json!({ "aud": [] })),
        ("aud as a number", json!({ "aud": 1 })),
        ("aud as an object", json!({ "aud": { AUDIENCE: true } })),
        ("no sub", json!({ "sub": null })),
        ("another sub", json!({ "sub": "urn:Other" })),
        ("sub as a list", json!({ "sub": [SUBJECT] })),
        (
            "aud and sub swapped",
            json!({ "aud": SUBJECT, "sub": AUDIENCE }),
        ),
        ("expired", json!({ "exp": at(-40) })),
        ("expired long ago", json!({ "exp": 1 })),
        ("exp 0", json!({ "exp": 0 })),
        ("exp as text", json!({ "exp": at(300).to_string() })),
        ("negative exp", json!({ "exp": -1 })),
        ("exp 1e30", json!({ "exp": 1e30 })),
        ("exp with a fraction", json!({ "exp": 4_000_000_000.5 })),
        ("exp as a list", json!({ "exp": [at(300)] })),
        ("exp true", json!({ "exp": true })),
        ("not yet", json!({ "nbf": at(90) })),
        ("nbf as text", json!({ "nbf": at(-300).to_string() })),
        ("made in the future", json!({ "iat": at(90) })),
        ("iat as text", json!({ "iat": "now" })),
        (
            "made over an hour ago, without an end",
            json!({ "iat": at(-3_640) }),
        ),
        (
            "made at the beginning of time, without an end",
            json!({ "iat": 0 }),
        ),
    ];
    let tokens: Vec<_> = tokens
        .iter()
        .map(|(name, claims)| (*name, token(claims)))
        .collect();
    refused(&scene, &tokens).await;
    scene.logged("bad_claims").await;
}

/// What a copied token is worth to its finder: by default an hour, unless Auth0 wrote no time into it.
#[tokio::test]
async fn a_token_without_an_end_is_good_for_as_long_as_the_operator_says() {
    let (undated, day) = (json!({ "iat": null }), json!({ "iat": at(-86_400) }));
    for (life, undated_tokens, claims, good) in [
        (None, None, &json!({ "iat": at(-3_500) }), true),
        (None, None, &day, false),
        (None, None, &undated, true),
        (Some("90000"), None, &day, true),
        (Some("60"), None, &json!({ "iat": at(-120) }), false),
        (
            Some("60"),
            None,
            &json!({ "iat": at(-120), "exp": at(60) }),
            true,
        ),
        (None, Some("accept"), &undated, true),
        (None, Some("refuse"), &undated, false),
        (
            None,
            Some("refuse"),
            &json!({ "iat": null, "nbf": at(-1) }),
            false,
        ),
        (None, Some("refuse"), &json!({}), true),
        (
            None,
            Some("refuse"),
            &json!({ "iat": null, "exp": at(60) }),
            true,
        ),
    ] {
        let settings = [
            ("GATEWAY_TOKEN_LIFE_SECONDS", life),
            ("GATEWAY_UNDATED_TOKENS", undated_tokens),
        ];
        let scene =
            Scene::with(&[&settings[..], &[("SMS_ROUTES", Some("*=twilio"))]].concat()).await;
        if good {
            let answer = scene
                .post_as(Some(&format!("Bearer {}", token(claims))), &request())
                .await;
            assert_eq!(answer.status, 200, "{settings:?} {claims}");
        } else {
            refused(
                &scene,
                &[(&format!("{settings:?} {claims}"), token(claims))],
            )
            .await;
            scene.logged("bad_claims").await;
        }
    }
}

#[tokio::test]
async fn good_tokens_of_every_kind() {
    let scene = Scene::through("twilio").await;
    let claims = [
        json!({}),
        json!({ "iat": null }),
        json!({ "aud": ["urn:Other", AUDIENCE] }),
        json!({ "exp": at(300), "nbf": at(-1), "iss": "https://acme.eu.auth0.com/", "jti": "1" }),
        json!({ "exp": at(-20) }),
        json!({ "nbf": at(20), "iat": at(20) }),
    ];
    for claims in &claims {
        let answer = scene
            .post_as(Some(&format!("Bearer {}", token(claims))), &request())
            .await;
        assert_eq!(answer.status, 200, "{claims}");
    }
    // Its header decides nothing.
    let strange = jwt(
        &json!({ "alg": "HS256", "kid": "../x", "jku": "https://evil.example", "typ": "x" }),
        &json!({}),
        JWT_SECRET.as_bytes(),
    );
    assert_eq!(
        scene
            .post_as(Some(&format!("Bearer {strange}")), &request())
            .await
            .status,
        200
    );
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
}

#[tokio::test]
async fn without_audience_and_subject_only_the_static_token_counts() {
    let route = ("SMS_ROUTES", Some("*=twilio"));
    let scene = Scene::with(&[route, ("GATEWAY_AUDIENCE", None), ("GATEWAY_SUBJECT", None)]).await;
    let good = token(&json!({}));
    refused(
        &scene,
        &[
            ("a good token", good.clone()),
            (
                "without claims",
                token(&json!({ "aud": null, "sub": null })),
            ),
        ],
    )
    .await;
    assert_eq!(
        (
            &scene.logged("bad_claims").await["Refused"],
            scene.fetched("gateway")
        ),
        (&json!(1), 1),
        "no key makes it fit"
    );
    assert_eq!(
        scene
            .post_as(Some(&format!("Bearer {BEARER}")), &request())
            .await
            .status,
        200
    );
    let new = "the-next-static-token-of-the-action";
    scene.sandbox.aws.set_secret(
        "switchboard/gateway",
        &json!({ "jwt_secret": JWT_SECRET, "bearer_token": new }),
    );
    assert_eq!(
        scene
            .post_as(Some(&format!("Bearer {new}")), &request())
            .await
            .status,
        200
    );
    assert_eq!(scene.fetched("gateway"), 2);
}

#[tokio::test]
async fn without_a_static_token_none_is_accepted() {
    let scene = Scene::through("twilio").await;
    scene.sandbox.aws.set_secret(
        "switchboard/gateway",
        &json!({ "jwt_secret": JWT_SECRET, "bearer_token": "" }),
    );
    let first = scene
        .post_as(Some("Bearer wrong-so-that-it-is-fetched-again"), &request())
        .await;
    assert_eq!((first.status, scene.fetched("gateway")), (401, 2));
    refused(
        &scene,
        &[
            ("the former one", BEARER.to_owned()),
            ("nothing", "\"\"".to_owned()),
        ],
    )
    .await;
    assert_eq!(scene.post(&request()).await.status, 200);
}

#[tokio::test]
async fn rotated_keys_are_fetched_once() {
    let scene = Scene::through("twilio").await;
    let (new, header) = (
        b"the-next-gateway-secret-of-32-bytes",
        json!({ "alg": "HS256" }),
    );
    let secret = json!({ "jwt_secret": "the-next-gateway-secret-of-32-bytes", "previous_jwt_secret": JWT_SECRET, "bearer_token": BEARER });
    scene.sandbox.aws.set_secret("switchboard/gateway", &secret);
    let send = async |token: String| {
        scene
            .post_as(Some(&format!("Bearer {token}")), &request())
            .await
            .status
    };
    assert_eq!(
        send(token(&json!({}))).await,
        200,
        "the old one is still good"
    );
    assert_eq!(scene.fetched("gateway"), 1);
    assert_eq!(send(jwt(&header, &json!({}), new)).await, 200);
    assert_eq!(
        (send(token(&json!({}))).await, scene.fetched("gateway")),
        (200, 2)
    );
    assert_eq!(
        send(jwt(&header, &json!({ "aud": "urn:Other" }), new)).await,
        401
    );
    for _ in 0..5 {
        assert_eq!(send(jwt(&header, &json!({}), b"attacker")).await, 401);
    }
    assert_eq!(scene.fetched("gateway"), 2);
}

#[tokio::test]
async fn secrets_may_be_base64url() {
    let key = [0xfb, 0xff, 0xbf, 0x00, 0x10, 0x83, 0x2e, 0x3d];
    for encoded in [
        BASE64_URL_SAFE_NO_PAD.encode(key),
        BASE64_URL_SAFE.encode(key),
    ] {
        let scene = Scene::through("twilio").await;
        let secret =
            json!({ "jwt_secret": encoded, "jwt_secret_base64": true, "bearer_token": BEARER });
        scene.sandbox.aws.set_secret("switchboard/gateway", &secret);
        let header = json!({ "alg": "HS256" });
        let send = async |key: &[u8]| {
            let token = jwt(&header, &json!({ "exp": at(300) }), key);
            scene
                .post_as(Some(&format!("Bearer {token}")), &request())
                .await
                .status
        };
        assert_eq!(send(&key).await, 200);
        assert_eq!(
            send(encoded.as_bytes()).await,
            401,
            "its text is not the key"
        );
    }
}

#[tokio::test]
async fn a_gateway_secret_that_cannot_be_read_refuses_everyone() {
    for secret in [
        json!({}),
        json!("text"),
        json!({ "jwt_secret": "!!", "jwt_secret_base64": true }),
    ] {
        let sandbox = sandbox::Sandbox::start().await;
        let scene = Scene::on(sandbox, 1, &[("SMS_ROUTES", Some("*=twilio"))]).await;
        scene.sandbox.aws.set_secret("switchboard/gateway", &secret);
        // The one fetched at start is in use until a token does not fit.
        assert_eq!(
            scene
                .post_as(Some("Bearer something-else-entirely"), &request())
                .await
                .status,
            503,
            "{secret}"
        );
        scene.logged("secret_unavailable").await;
        scene.untouched();
    }
}
