//! What every function must check of a text that Twilio posts: the signature, the parameters, and
//! the URL. The tests of these functions share it.

use std::ops::Deref;

use crate::scene::{Params, Scene, and};
use crate::twilio::ACCOUNT_SID;
use crate::wire::client;

const FORM: &str = "application/x-www-form-urlencoded";

/// The number of requests that the function has sent to upstreams.
fn sent(scene: &Scene) -> usize {
    let sandbox = &scene.sandbox;
    let servers = [
        sandbox.aws.dynamodb(),
        sandbox.auth0.server(),
        sandbox.okta.server(),
        sandbox.twilio.server(),
    ];
    servers.map(|server| server.exchanges().len()).iter().sum()
}

/// The function must refuse the text with this status and an empty body, and ask no upstream.
async fn refuses(scene: &Scene, status: u16, params: &Params, url: &str, signature: &str) {
    let before = sent(scene);
    let twilio = &scene.sandbox.twilio;
    let reply = twilio.deliver_signed(params.clone(), url, signature).await;
    let case = format!("{signature:?} {url} {params:?}");
    assert_eq!((reply.status, reply.body.as_str()), (status, ""), "{case}");
    assert_eq!(sent(scene), before, "{case}");
}

fn without(params: &Params, name: &str) -> Params {
    let mut params = params.clone();
    params.retain(|(other, _)| other != name);
    params
}

/// Refuses every signature but the right one, and the right one for every other request. The order
/// of the parameters does not matter.
///
/// # Panics
/// If the function does otherwise.
pub async fn refuses_wrong_signatures(scene: &Scene, text: &Params) {
    let (url, twilio) = (scene.lambda.url(), &scene.sandbox.twilio);
    let good = twilio.sign(url, text);
    let first = if good.starts_with('A') { 'B' } else { 'A' };
    for signature in [
        "",
        "x",
        "!!!",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        &good.to_lowercase(),
        &twilio.sign("https://hooks.example.com/", text),
        &format!("{first}{}", &good[1..]),
        &good[..good.len() - 4],
        &format!("\"{good}\""),
        &format!("{good},{good}"),
        good.trim_end_matches('='),
    ] {
        refuses(scene, 403, text, url, signature).await;
    }
    let before = sent(scene);
    let unsigned = client().post(url).header("content-type", FORM);
    let answer = unsigned.body("Body=YES").send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), sent(scene)), (403, before));
    for (name, _) in text {
        refuses(scene, 403, &and(text, &[(name, "YES ")]), url, &good).await;
        refuses(scene, 403, &without(text, name), url, &good).await;
    }
    refuses(scene, 403, &and(text, &[("Extra", "")]), url, &good).await;
    refuses(scene, 403, text, &format!("{url}?a=1"), &good).await;
    let reversed: Params = text.iter().rev().cloned().collect();
    let reply = twilio.deliver_signed(reversed, url, &good).await;
    assert_eq!(reply.status, 200);
}

/// Refuses what is signed, but is not one text to our account.
///
/// # Panics
/// If the function does otherwise.
pub async fn refuses_what_is_no_text(scene: &Scene, text: &Params) {
    let url = scene.lambda.url();
    let zeros = "0".repeat(32);
    let mut refused = Vec::new();
    for (name, value) in [
        ("AccountSid", format!("AC{}", "f".repeat(32))),
        ("AccountSid", String::new()),
        ("MessageSid", String::new()),
        ("MessageSid", "SM1".to_owned()),
        ("MessageSid", format!("CA{zeros}")),
        ("MessageSid", format!("SM{}", "g".repeat(32))),
        ("MessageSid", format!("SM{}#x", &zeros[..30])),
    ] {
        refused.push((403, and(text, &[(name, &value)])));
    }
    for name in ["AccountSid", "MessageSid", "From", "To", "Body"] {
        let less = without(text, name);
        let list = format!("{name}[]");
        refused.push((403, and(&less, &[(&list, ACCOUNT_SID)])));
        refused.push((403, less));
        let again = text.iter().filter(|(other, _)| other == name).cloned();
        refused.push((400, text.iter().cloned().chain(again).collect()));
    }
    for (status, params) in refused {
        let signature = scene.sandbox.twilio.sign(url, &params);
        refuses(scene, status, &params, url, &signature).await;
    }
}

/// Signs a text for the URL `registered`, posts it to the URL `posted`, and returns the status.
async fn status(scene: &Scene, text: Params, registered: &str, posted: &str) -> u16 {
    let twilio = &scene.sandbox.twilio;
    let signature = twilio.sign(registered, &text);
    twilio.deliver_signed(text, posted, &signature).await.status
}

/// The signature is made over the URL in `PUBLIC_URL`, with or without port and slash. `start` runs
/// the function with this `PUBLIC_URL`; `text` makes another text each time.
///
/// # Panics
/// If the function does otherwise.
pub async fn counts_the_registered_url<S: Deref<Target = Scene>>(
    start: impl AsyncFn(&'static str) -> S,
    text: impl Fn(&S) -> Params,
) {
    for (base, accepted, refused) in [
        (
            "https://hooks.example.com",
            &["/", ":443/", ""][..],
            &[
                "http://hooks.example.com/",
                "https://hooks.example.com:8443/",
                "https://hooks.example.com/sms",
                "https://example.com/",
            ][..],
        ),
        (
            "https://hooks.example.com:8443/",
            &[""],
            &["https://hooks.example.com:443/"],
        ),
        (
            "https://hooks.example.com/in/sms",
            &["/", ""],
            &[
                "https://hooks.example.com/",
                "http://hooks.example.com/in/sms",
                "https://hooks.example.com/in/",
                "https://hooks.example.com/in/sms//",
            ],
        ),
    ] {
        let scene = start(base).await;
        let local = scene.lambda.url();
        for end in accepted {
            let registered = format!("{base}{end}");
            let status = status(&scene, text(&scene), &registered, local).await;
            assert_eq!(status, 200, "{registered} for {base}");
        }
        for registered in refused.iter().chain([&local]) {
            let status = status(&scene, text(&scene), registered, local).await;
            assert_eq!(status, 403, "{registered} for {base}");
        }
    }
}

/// A behaviour of `CloudFront` for `/in/sms*` hands the path on whole, and the stage of an HTTP API
/// stays in it. Such a path is served like the one below it. The arguments are those of
/// [`counts_the_registered_url`].
///
/// # Panics
/// If the function does otherwise.
pub async fn serves_the_path_of_a_proxy<S: Deref<Target = Scene>>(
    start: impl AsyncFn(&'static str) -> S,
    text: impl Fn(&S) -> Params,
) {
    const BASE: &str = "https://hooks.example.com/in/sms";
    let scene = start(BASE).await;
    for (path, registered, expected) in [
        ("/in/sms", "", 200),
        ("/in/sms", "/", 200),
        ("/in/sms/", "/", 200),
        ("/in/sms?a=1", "?a=1", 200),
        ("/in/sms/?a=1", "/?a=1", 200),
        ("/", "", 200),
        ("/", "/", 200),
        ("/in/sms", "/in/sms", 403),
        ("/in/sms", "?a=1", 403),
        ("/in", "", 404),
        ("/in/smsx", "", 404),
        ("/in/sms//", "", 404),
        ("/in/sms/x", "/x", 404),
        ("/in/sms/in/sms", "", 404),
    ] {
        let posted = format!("{}{path}", scene.lambda.url().trim_end_matches('/'));
        let registered = format!("{BASE}{registered}");
        let status = status(&scene, text(&scene), &registered, &posted).await;
        assert_eq!(status, expected, "{path}, registered as {registered}");
    }
}
