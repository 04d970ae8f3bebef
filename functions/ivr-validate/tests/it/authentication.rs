//! Who may speak to the function: for `/validate` whoever has our token or Twilio's signature, for the dialogue Twilio.

use sandbox::twilio::ACCOUNT_SID;
use sandbox::wire::client;
use serde_json::json;

use crate::scene::{ACCOUNT, CALLER, NAME, PIN, Params, Scene, TOKEN, and, post_signed, send};

const FORM: &str = "application/x-www-form-urlencoded";
const VOICE: [&str; 4] = ["voice", "voice/account", "voice/pin", "voice/menu"];

/// What an IVR would post.
fn pair() -> Params {
    [("account_number", ACCOUNT), ("pin", PIN)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn without(params: &Params, name: &str) -> Params {
    params
        .iter()
        .filter(|(key, _)| key != name)
        .cloned()
        .collect()
}

#[tokio::test]
async fn a_path_that_a_proxy_leaves_there_is_served() {
    let scene = Scene::with(1, &[("PUBLIC_URL", Some("https://hooks.example.com/menu"))]).await;
    let call = and(&scene.inbound(CALLER), &[("CallStatus", "ringing")]);
    for (path, registered, status) in [
        ("menu/voice", "https://hooks.example.com/menu/voice", 200),
        ("voice", "https://hooks.example.com/menu/voice", 200),
        (
            "menu/voice/account",
            "https://hooks.example.com/menu/voice/account",
            200,
        ),
        ("menu/voice", "https://hooks.example.com/voice", 403),
        ("menu", "https://hooks.example.com/menu", 404),
        ("menus/voice", "https://hooks.example.com/menus/voice", 404),
    ] {
        let signature = scene.sandbox.twilio.sign(registered, &call);
        let request = client()
            .post(format!("{}{path}", scene.lambda.url()))
            .header("x-twilio-signature", signature);
        assert_eq!(send(request.form(&call)).await.status, status, "{path}");
    }
    let request = client()
        .post(format!("{}menu/validate", scene.lambda.url()))
        .bearer_auth(TOKEN)
        .form(&pair());
    assert_eq!(send(request).await.body, NAME);
}

#[tokio::test]
async fn validate_wants_a_credential() {
    let scene = Scene::start().await;
    scene.clear();
    let url = format!("{}validate", scene.lambda.url());
    let post = |authorization: Option<&str>| {
        let request = client().post(&url).form(&pair());
        send(authorization.into_iter().fold(request, |request, value| {
            request.header("authorization", value)
        }))
    };
    let almost = &TOKEN[..TOKEN.len() - 1];
    for authorization in [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some("Bearer guessed".to_owned()),
        Some(format!("Bearer {almost}")),
        Some(format!("Bearer {TOKEN}x")),
        Some(format!("Bearer {}", TOKEN.to_uppercase())),
        Some(format!("Bearer {TOKEN},{TOKEN}")),
        Some(TOKEN.to_owned()),
        Some(format!("Token {TOKEN}")),
        Some("Basic !!!".to_owned()),
        Some("Basic ZXhhbXBsZS1pdnItYmVhcmVyLXRva2Vu".to_owned()), // the token without a colon
        Some("Basic ZXhhbXBsZS1pdnItYmVhcmVyLXRva2VuOg==".to_owned()), // as the user name
    ] {
        let answer = post(authorization.as_deref()).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (401, ""),
            "{authorization:?}"
        );
        assert_eq!(
            answer.headers["www-authenticate"],
            r#"Basic realm="switchboard", Bearer"#
        );
    }
    scene.untouched();
    assert_eq!(scene.fetched("ivr"), 2, "strangers cannot run up requests");
    for authorization in [
        format!("Bearer {TOKEN}"),
        format!("bEARER  {TOKEN}"),
        "Basic aXZyOmV4YW1wbGUtaXZyLWJlYXJlci10b2tlbg==".to_owned(),
    ] {
        assert_eq!(
            post(Some(&authorization)).await.body,
            NAME,
            "{authorization}"
        );
    }
}

#[tokio::test]
async fn validate_takes_twilios_signature() {
    let scene = Scene::start().await;
    scene.clear();
    let url = format!("{}validate", scene.lambda.url());
    let (mut params, twilio) = (scene.inbound(CALLER), &scene.sandbox.twilio);
    params.extend(pair());
    let good = twilio.sign(&url, &params);
    let other_account = and(&params, &[("AccountSid", &format!("AC{}", "f".repeat(32)))]);
    for (params, signature) in [
        (params.clone(), "x".to_owned()),
        (
            params.clone(),
            twilio.sign("https://hooks.example.com/validate", &params),
        ),
        (
            params.clone(),
            twilio.sign(&format!("{}voice", scene.lambda.url()), &params),
        ),
        (and(&params, &[("pin", "0000")]), good.clone()),
        (pair(), twilio.sign(&url, &pair())),
        (other_account.clone(), twilio.sign(&url, &other_account)),
    ] {
        assert_eq!(
            post_signed(&url, &signature, &params).await.status,
            403,
            "{params:?}"
        );
    }
    // A credential that is there must be good.
    let request = client()
        .post(&url)
        .header("x-twilio-signature", &good)
        .bearer_auth("guessed")
        .form(&params);
    assert_eq!(send(request).await.status, 401);
    scene.untouched();
    assert_eq!(post_signed(&url, &good, &params).await.body, NAME);
    let counted = scene.counted("rate#pin#", "", "hits").await;
    assert_eq!(counted.len(), 1, "the caller is who Twilio says");
}

#[tokio::test]
async fn a_token_that_is_replaced_is_fetched_once() {
    let scene = Scene::start().await;
    assert_eq!(scene.validate(ACCOUNT, PIN).await.body, NAME);
    scene.sandbox.aws.set_secret(
        "switchboard/ivr",
        &json!({ "bearer_token": "another-ivr-bearer-token" }),
    );
    scene.mark("another-ivr-bearer-token");
    let request = || {
        client()
            .post(format!("{}validate", scene.lambda.url()))
            .form(&pair())
    };
    for _ in 0..2 {
        assert_eq!(
            send(request().bearer_auth("another-ivr-bearer-token"))
                .await
                .body,
            NAME
        );
    }
    assert_eq!(
        (
            scene.validate(ACCOUNT, PIN).await.status,
            scene.fetched("ivr")
        ),
        (401, 2)
    );
}

#[tokio::test]
async fn the_dialogue_is_twilios_alone() {
    let scene = Scene::start().await;
    scene.clear();
    let twilio = &scene.sandbox.twilio;
    let other_account = format!("AC{}", "f".repeat(32));
    for path in VOICE {
        let url = format!("{}{path}", scene.lambda.url());
        let params = and(&scene.inbound(CALLER), &[("Digits", ACCOUNT)]);
        let good = twilio.sign(&url, &params);
        let other = format!(
            "{}{}",
            scene.lambda.url(),
            if path == "voice" {
                "voice/menu"
            } else {
                "voice"
            }
        );
        let tampered = format!(
            "{}{}",
            if good.starts_with('A') { 'B' } else { 'A' },
            &good[1..]
        );
        for signature in [
            "",
            "x",
            "!!!",
            &good.to_lowercase(),
            &tampered,
            &good[..good.len() - 4],
            good.trim_end_matches('='),
            &format!("\"{good}\""),
            &format!("{good},{good}"),
            &twilio.sign(&other, &params),
            &twilio.sign("https://hooks.example.com/voice", &params),
        ] {
            assert_eq!(
                post_signed(&url, signature, &params).await.status,
                403,
                "{path} {signature:?}"
            );
        }
        for changed in [
            and(&params, &[("Digits", PIN)]),
            and(&params, &[("From", "+15005550001")]),
            and(&params, &[("CallSid", &format!("CA{}", "0".repeat(32)))]),
            and(&params, &[("More", "x")]),
            without(&params, "Digits"),
        ] {
            assert_eq!(
                post_signed(&url, &good, &changed).await.status,
                403,
                "{path} {changed:?}"
            );
        }
        for (status, changed) in [
            (403, and(&params, &[("AccountSid", &other_account)])),
            (403, without(&params, "AccountSid")),
            (403, and(&params, &[("CallSid", "CA1")])),
            (
                403,
                and(&params, &[("CallSid", &format!("CA{}#x", "0".repeat(30)))]),
            ),
            (
                403,
                and(&params, &[("CallSid", &format!("SM{}", "0".repeat(32)))]),
            ),
            (403, without(&params, "CallSid")),
            (403, without(&params, "From")),
            (403, without(&params, "To")),
            (
                400,
                [params.clone(), vec![("Digits".to_owned(), PIN.to_owned())]].concat(),
            ),
            (
                403,
                (0..501)
                    .map(|n| (format!("More{n}"), String::new()))
                    .collect(),
            ),
        ] {
            let answer = post_signed(&url, &twilio.sign(&url, &changed), &changed).await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (status, ""),
                "{path} {changed:?}"
            );
        }
        let missing = send(client().post(&url).bearer_auth(TOKEN).form(&params)).await;
        assert_eq!(
            (missing.status, missing.body.as_str()),
            (403, ""),
            "our token is not for calls"
        );
        assert_eq!(
            post_signed(&format!("{url}?a=1"), &good, &params)
                .await
                .status,
            403
        );
        let glued = [(
            "AccountSid".to_owned(),
            format!("{ACCOUNT_SID}CallSidCA{}", "0".repeat(32)),
        )]
        .to_vec();
        assert_eq!(
            post_signed(&url, &twilio.sign(&url, &glued), &glued)
                .await
                .status,
            403
        );
    }
    scene.untouched();
    assert_eq!(
        scene.fetched("twilio"),
        2,
        "strangers cannot run up requests"
    );
}

#[tokio::test]
async fn other_methods_paths_and_bodies_are_refused_before_anything_is_read() {
    let scene = Scene::start().await;
    scene.clear();
    let root = scene.lambda.url().trim_end_matches('/');
    for (method, path, content_type, status) in [
        ("GET", "/validate", FORM, 405),
        ("PUT", "/voice", FORM, 405),
        ("GET", "/voice/pin", FORM, 405),
        ("DELETE", "/voice/menu", FORM, 405),
        ("POST", "/validate", "application/json", 415),
        ("POST", "/validate", "", 415),
        ("POST", "/voice", "application/json", 415),
        (
            "POST",
            "/voice/account",
            "multipart/form-data; boundary=x",
            415,
        ),
        ("POST", "/", FORM, 404),
        ("POST", "/Validate", FORM, 404),
        ("POST", "/validate/", FORM, 404),
        ("POST", "/voice/", FORM, 404),
        ("POST", "/voice/greet", FORM, 404),
        ("POST", "//voice", FORM, 404),
        ("POST", "/voice/pin/2718", FORM, 404),
        ("GET", "/favicon.ico", FORM, 404),
    ] {
        let request = client()
            .request(method.parse().unwrap(), format!("{root}{path}"))
            .header("content-type", content_type);
        let answer = send(
            request
                .header("x-twilio-signature", "x")
                .bearer_auth(TOKEN)
                .body("a=b"),
        )
        .await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, ""),
            "{method} {path} {content_type}"
        );
        assert_eq!(
            answer.headers.get("allow").map(String::as_str),
            (status == 405).then_some("POST")
        );
    }
    for path in ["validate", "voice"] {
        let request = client()
            .post(format!("{root}/{path}"))
            .header("content-type", FORM)
            .bearer_auth(TOKEN);
        assert_eq!(
            send(request.body("x".repeat(1024 * 1024 + 1))).await.status,
            413
        );
    }
    scene.untouched();
    assert_eq!((scene.fetched("twilio"), scene.fetched("ivr")), (1, 1));
}
