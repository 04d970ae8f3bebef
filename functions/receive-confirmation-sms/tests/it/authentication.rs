//! Who may speak to the function: Twilio, for our account, with the request exactly as it was signed.

use std::time::Duration;

use sandbox::auth0::LinkPage;
use sandbox::twilio::{ACCOUNT_SID, AUTH_TOKEN};
use sandbox::wire::client;
use sandbox::{Sandbox, sms_webhook};
use serde_json::json;

use crate::scene::{CONFIRMED, PHONE, Scene, answer, form};

type Params = Vec<(String, String)>;

/// Refused with this status and an empty body, and nothing happened.
async fn refused(scene: &Scene, status: u16, params: &Params, url: &str, signature: &str) {
    let reply = scene
        .sandbox
        .twilio
        .deliver_signed(params.clone(), url, signature)
        .await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (status, ""),
        "{signature:?} {url} {params:?}"
    );
    scene.assert_untouched();
}

fn secret_fetches(scene: &Scene) -> usize {
    scene.sandbox.aws.secrets().exchanges().len()
}

#[tokio::test]
async fn every_signature_parameter_and_byte_counts() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    sms_webhook::refuses_wrong_signatures(&scene, &scene.inbound("NO")).await;
    assert_eq!(scene.waiting().await, 1);
}

#[tokio::test]
async fn signed_requests_that_are_no_inbound_sms_are_refused() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    sms_webhook::refuses_what_is_no_text(&scene, &scene.inbound("YES")).await;
}

#[tokio::test]
async fn the_url_counts_as_it_was_registered() {
    let start = async |url| Scene::with(&[("PUBLIC_URL", Some(url))]).await;
    let text = |scene: &Scene| scene.inbound("hello");
    sms_webhook::counts_the_registered_url(start, text).await;
    sms_webhook::serves_the_path_of_a_proxy(start, text).await;
}

#[tokio::test]
async fn parameters_that_twilio_adds_are_accepted() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let mut params = scene.inbound("YES");
    params.extend([
        ("Brand".to_owned(), "new & <old>".to_owned()),
        ("ToCounty".to_owned(), "Åbenrå".to_owned()),
    ]);
    assert_eq!(
        scene
            .sandbox
            .twilio
            .deliver(params, scene.lambda.url())
            .await
            .messages,
        [CONFIRMED]
    );
}

#[tokio::test]
async fn a_signature_that_fits_a_request_cut_otherwise_does_not_help() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let url = format!("{}?tenant=1", scene.lambda.url());
    let sid = format!("SM{}", "0".repeat(32));
    let pairs = |pairs: &[(&str, &str)]| -> Params {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let honest = pairs(&[
        ("AccountSid", ACCOUNT_SID),
        ("Body", "YES"),
        ("From", PHONE),
        ("MessageSid", &sid),
        ("To", sandbox::twilio::NUMBER),
    ]);
    let good = scene.sandbox.twilio.sign(&url, &honest);
    let from_in_body = pairs(&[
        ("AccountSid", ACCOUNT_SID),
        ("Body", &format!("YESFrom{PHONE}")),
        ("MessageSid", &sid),
        ("To", sandbox::twilio::NUMBER),
    ]);
    let renamed = honest.iter().map(|(name, value)| {
        if name == "Body" {
            ("Bod".into(), format!("y{value}"))
        } else {
            (name.clone(), value.clone())
        }
    });
    let everything_in_one = pairs(&[(
        "AccountSid",
        &format!(
            "{ACCOUNT_SID}BodyYESFrom{PHONE}MessageSid{sid}To{}",
            sandbox::twilio::NUMBER
        ),
    )]);
    let body_twice: Params = [honest.clone(), vec![("Body".into(), "YES".into())]].concat();
    let sid_in_from = pairs(&[
        ("AccountSid", ACCOUNT_SID),
        ("Body", "YES"),
        ("From", &format!("{PHONE}MessageSid{sid}")),
        ("To", sandbox::twilio::NUMBER),
    ]);
    let in_query = (
        format!("{url}AccountSid{ACCOUNT_SID}"),
        honest[1..].to_vec(),
    );
    let all_in_query = (
        format!(
            "{url}AccountSid{ACCOUNT_SID}BodyYESFrom{PHONE}MessageSid{sid}To{}",
            sandbox::twilio::NUMBER
        ),
        vec![],
    );
    for (status, url, params) in [
        (403, url.clone(), from_in_body),
        (403, url.clone(), renamed.collect()),
        (403, in_query.0, in_query.1),
        (403, all_in_query.0, all_in_query.1),
        (403, url.clone(), everything_in_one),
        (400, url.clone(), body_twice),
        (403, url.clone(), sid_in_from),
    ] {
        assert_eq!(
            scene.sandbox.twilio.sign(&url, &params),
            good,
            "it fits: {params:?}"
        );
        refused(&scene, status, &params, &url, &good).await;
    }
    assert_eq!(
        scene
            .sandbox
            .twilio
            .deliver_signed(honest, &url, &good)
            .await
            .messages,
        [CONFIRMED]
    );
}

/// AWS escapes what Twilio signs as it was registered.
#[tokio::test]
async fn a_query_counts_escaped_and_as_it_was_registered() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let root = scene.lambda.url();
    for (registered, arrived, status) in [
        ("office=O'Hare", "office=O%27Hare", 200),
        ("office=O%27Hare", "office=O%27Hare", 200),
        ("office=O'Hare", "office=O'Hare", 200),
        ("a=(b)!*~", "a=%28b%29%21%2A%7E", 200),
        (
            "to=https%3A%2F%2Fx.example&office=O'Hare",
            "to=https%3A%2F%2Fx.example&office=O%27Hare",
            200,
        ),
        ("list=a,b;c@d", "list=a%2Cb%3Bc%40d", 200),
        ("office=OHare", "office=O%27Hare", 403),
        ("office=a&b", "office=a%26b", 403),
    ] {
        let params = scene.inbound("hello");
        let signature = scene
            .sandbox
            .twilio
            .sign(&format!("{root}?{registered}"), &params);
        let reply = scene
            .sandbox
            .twilio
            .deliver_signed(params, &format!("{root}?{arrived}"), &signature)
            .await;
        assert_eq!(reply.status, status, "{registered} as {arrived}");
    }
}

#[tokio::test]
async fn a_query_is_signed_and_not_read() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let root = scene.lambda.url().trim_end_matches('/').to_owned();
    for url in [
        format!("{root}/?Body=YES&From=%2B4599999999"),
        format!("{root}?Body=YES"),
        format!("{root}/?b=%7E&a=%7e&a=+&&=x"),
    ] {
        let reply = scene
            .sandbox
            .twilio
            .deliver(scene.inbound("NO"), &url)
            .await;
        assert_eq!(
            (reply.status, reply.messages.as_slice()),
            (200, &[crate::scene::WRONG.to_owned()][..]),
            "{url}"
        );
    }
    let params: Params = scene
        .inbound("YES")
        .into_iter()
        .filter(|(name, _)| name != "Body")
        .collect();
    assert_eq!(
        scene
            .sandbox
            .twilio
            .deliver(params, &format!("{root}/?Body=YES"))
            .await
            .status,
        403
    );
    scene.assert_nothing_fetched();
}

#[tokio::test]
async fn headers_that_a_client_sets_do_not_name_the_host() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let url = scene.lambda.url();
    let forged = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-prefix", "/x"),
        ("x-original-host", "evil.example"),
        ("x-original-url", "/x"),
        ("forwarded", "host=evil.example;proto=https"),
        ("host", "evil.example"),
    ];
    let post = async |signed_for: &str| {
        let params = scene.inbound("NO");
        let mut request = client()
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header(
                "x-twilio-signature",
                scene.sandbox.twilio.sign(signed_for, &params),
            );
        for (name, value) in forged {
            request = request.header(name, value);
        }
        request
            .body(form(&params))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    for evil in [
        "https://evil.example/",
        "https://evil.example/x/",
        "https://evil.example:443/",
    ] {
        assert_eq!(post(evil).await, 403, "{evil}");
    }
    scene.assert_untouched();
    assert_eq!(post(url).await, 200);
}

#[tokio::test]
async fn the_token_before_is_accepted_while_it_is_being_rotated() {
    let sandbox = Sandbox::start().await;
    let rotating = json!({ "account_sid": ACCOUNT_SID, "auth_token": "new-token", "previous_auth_token": AUTH_TOKEN });
    sandbox.aws.set_secret("switchboard/twilio", &rotating);
    let scene = Scene::within(sandbox, 1, &[]).await;
    scene.verification(LinkPage::Form).await;
    scene.text_answered("NO", crate::scene::WRONG).await;
    scene.sandbox.twilio.set_auth_token("new-token");
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(secret_fetches(&scene), 1);
    scene.sandbox.twilio.set_auth_token("older-token");
    let (params, url) = (scene.inbound("YES"), scene.lambda.url());
    assert_eq!(scene.sandbox.twilio.deliver(params, url).await.status, 403);
}

#[tokio::test]
async fn a_token_rotated_under_way_is_fetched_once() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    assert_eq!(secret_fetches(&scene), 1);
    scene.sandbox.aws.set_secret(
        "switchboard/twilio",
        &json!({ "account_sid": ACCOUNT_SID, "auth_token": "new-token" }),
    );
    scene.sandbox.twilio.set_auth_token("new-token");
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(secret_fetches(&scene), 2);
    scene.sandbox.twilio.set_auth_token(AUTH_TOKEN);
    for _ in 0..5 {
        assert_eq!(scene.text("YES").await.status, 403);
    }
    assert_eq!(
        secret_fetches(&scene),
        2,
        "strangers cannot run up requests"
    );
    scene.sandbox.twilio.set_auth_token("new-token");
    scene.text_answered("YES", CONFIRMED).await;
}

/// Nobody could look whether the signature is right: that is no forgery.
#[tokio::test]
async fn a_rotation_met_by_an_outage_is_no_wrong_signature() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    scene.sandbox.aws.set_secret(
        "switchboard/twilio",
        &json!({ "account_sid": ACCOUNT_SID, "auth_token": "new-token" }),
    );
    scene.sandbox.twilio.set_auth_token("new-token");
    let fetches = secret_fetches(&scene);
    scene
        .sandbox
        .aws
        .secrets()
        .faults()
        .times(3, || answer(500, &[], "{}")); // one fetch, through all its retries
    let params = scene.inbound("YES");
    let mut statuses = Vec::new();
    let retrying = async {
        loop {
            let reply = scene
                .sandbox
                .twilio
                .deliver(params.clone(), scene.lambda.url())
                .await;
            statuses.push(reply.status);
            if reply.status != 503 {
                return reply;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let reply = tokio::time::timeout(Duration::from_secs(20), retrying)
        .await
        .unwrap();
    assert_eq!(
        (reply.status, reply.messages.as_slice()),
        (200, &[CONFIRMED.to_owned()][..])
    );
    assert!(statuses.len() > 2, "Twilio's retry comes at once");
    assert_eq!(
        secret_fetches(&scene),
        fetches + 4,
        "and none of them fetches again"
    );
}

#[tokio::test]
async fn more_parameters_than_twilio_sends_are_refused() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let (mut params, url) = (scene.inbound("YES"), scene.lambda.url());
    params.extend((params.len()..500).map(|number| (format!("More{number}"), "x".to_owned())));
    let many: Params = [params.clone(), vec![("More".to_owned(), "x".to_owned())]].concat();
    refused(
        &scene,
        403,
        &many,
        url,
        &scene.sandbox.twilio.sign(url, &many),
    )
    .await;
    assert_eq!(
        scene.sandbox.twilio.deliver(params, url).await.messages,
        [CONFIRMED]
    );
}
