//! Which provider, in which order, and whose name the text carries.

use sandbox::Sandbox;
use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{OTHER_PHONE, PHONE, PROVIDERS, Scene, TEXT, status};

#[tokio::test]
async fn each_provider_s_receipt() {
    for provider in PROVIDERS {
        let scene = Scene::through(provider).await;
        let answer = scene.send(PHONE, TEXT).await;
        let sandbox = &scene.sandbox;
        let (to, text, id) = match provider {
            "twilio" => sandbox
                .twilio
                .messages()
                .pop()
                .map(|message| (message.to, message.body, message.sid)),
            "clickatell" => sandbox
                .clickatell
                .messages()
                .pop()
                .map(|sent| (sent.to, sent.text, sent.id)),
            "plivo" => sandbox
                .plivo
                .messages()
                .pop()
                .map(|sent| (sent.to, sent.text, sent.id)),
            _ => sandbox
                .vonage
                .messages()
                .pop()
                .map(|sent| (sent.to, sent.text, sent.id)),
        }
        .unwrap();
        assert_eq!((to.as_str(), text.as_str()), (PHONE, TEXT));
        assert_eq!(
            (answer.status, answer.body),
            (200, json!({ "provider": provider, "id": id }))
        );
        assert!(!id.is_empty());
    }
}

#[tokio::test]
async fn a_text_in_any_alphabet_arrives() {
    for provider in PROVIDERS {
        let scene = Scene::through(provider).await;
        for text in [
            "Grüße, 5 € {ok} 27182818",
            "Код 27182818 😘",
            "a\nb & c = 100 % + \"d\" 27182818",
        ] {
            assert_eq!(
                scene.send(PHONE, text).await.status,
                200,
                "{provider}: {text}"
            );
        }
        let arrived: Vec<String> = match provider {
            "twilio" => scene.sandbox.twilio.inbox(PHONE),
            "clickatell" => scene
                .sandbox
                .clickatell
                .messages()
                .into_iter()
                .map(|sent| sent.text)
                .collect(),
            "plivo" => scene
                .sandbox
                .plivo
                .messages()
                .into_iter()
                .map(|sent| sent.text)
                .collect(),
            _ => scene
                .sandbox
                .vonage
                .messages()
                .into_iter()
                .map(|sent| sent.text)
                .collect(),
        };
        assert_eq!(
            arrived,
            [
                "Grüße, 5 € {ok} 27182818",
                "Код 27182818 😘",
                "a\nb & c = 100 % + \"d\" 27182818"
            ],
            "{provider}"
        );
    }
}

#[tokio::test]
async fn the_longest_prefix_decides_whatever_the_order() {
    let routes = "*=clickatell;+4=twilio;+4520=plivo;+45=vonage";
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some(routes)),
        ("ALLOWED_COUNTRIES", Some("DK,SE,US")),
    ])
    .await;
    for (number, provider) in [
        ("+4520304050", "plivo"),
        ("+4531415161", "vonage"),
        ("+46701234567", "twilio"),
        ("+12025550123", "clickatell"),
    ] {
        assert_eq!(
            scene.send(number, TEXT).await.provider(),
            provider,
            "{number}"
        );
    }
    assert_eq!(scene.asked(), [1; 4]);
}

#[tokio::test]
async fn a_number_without_a_route_is_refused() {
    let scene = Scene::with(&[("SMS_ROUTES", Some("+1=twilio"))]).await;
    let answer = scene.send(PHONE, TEXT).await;
    assert_eq!(
        (answer.status, answer.body["error"].is_string()),
        (429, true)
    );
    scene.logged("no_route").await;
    scene.untouched();
    assert_eq!(scene.send("+12025550123", TEXT).await.status, 200);
}

#[tokio::test]
async fn the_next_is_tried_in_the_route_s_order_until_one_takes_it() {
    let scene = Scene::through("vonage,plivo,clickatell,twilio").await;
    scene.faults("vonage").refuse(true);
    scene.faults("plivo").next(status(429));
    scene.faults("clickatell").next(status(503));
    let answer = scene.send(PHONE, TEXT).await;
    assert_eq!(
        (answer.status, answer.provider(), scene.texts()),
        (200, "twilio", [1, 0, 0, 0])
    );
    assert_eq!(scene.asked(), [1, 1, 1, 0]);
    let line = scene.logged("sent").await;
    assert_eq!(
        (&line["ProviderFailover"], &line["SmsSent"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(
        line["error"],
        "vonage: not reached; plivo: rate limited; clickatell: not reached"
    );
    let asked: Vec<_> = ["plivo", "clickatell", "twilio"]
        .map(|name| scene.server(name).exchanges()[0].started)
        .into();
    assert!(asked.is_sorted());
}

#[tokio::test]
async fn without_failover_there_is_no_metric_of_it() {
    let scene = Scene::through("twilio,vonage").await;
    scene.send(PHONE, TEXT).await;
    assert_eq!(scene.logged("sent").await["ProviderFailover"], Value::Null);
}

/// A refusal by the recipient's network is the same everywhere.
#[tokio::test]
async fn a_recipient_that_one_provider_refuses_is_not_offered_to_others() {
    for provider in PROVIDERS {
        let backup = if provider == "twilio" {
            "vonage"
        } else {
            "twilio"
        };
        let scene = Scene::through(&format!("{provider},{backup}")).await;
        match provider {
            "twilio" => scene.sandbox.twilio.reject(PHONE, 21614),
            "clickatell" => scene.sandbox.clickatell.reject(PHONE, 26),
            "vonage" => scene.sandbox.vonage.reject(PHONE, 7),
            _ => {
                let body =
                    json!({ "api_id": "x", "message_uuid": [], "invalid_number": [&PHONE[1..]] })
                        .to_string();
                scene.faults("plivo").next(crate::scene::says(202, body));
            }
        }
        let answer = scene.send(PHONE, TEXT).await;
        assert_eq!(
            (answer.status, answer.body["error"].is_string()),
            (422, true),
            "{provider}"
        );
        assert_eq!(scene.logged("recipient_refused").await["SmsFailed"], 1);
        assert_eq!(
            (scene.send(PHONE, TEXT).await, scene.texts()),
            (answer, [0; 4]),
            "{provider}"
        );
        assert_eq!(
            (
                scene.asked().iter().sum::<usize>(),
                scene.stage().await.as_str()
            ),
            (1, "refused"),
            "{provider}"
        );
        assert_eq!(scene.send(OTHER_PHONE, TEXT).await.status, 200);
    }
}

#[tokio::test]
async fn after_an_unknown_outcome_the_next_is_tried_only_if_told_so() {
    for (setting, answered, texts) in [
        (None, 504, [0, 0, 0, 1]),
        (Some("stop"), 504, [0, 0, 0, 1]),
        (Some("failover"), 200, [1, 0, 0, 1]),
    ] {
        let scene = Scene::with(&[
            ("SMS_ROUTES", Some("*=vonage,twilio")),
            ("ON_UNKNOWN", setting),
        ])
        .await;
        scene.faults("vonage").next(Fault::ResetAfter);
        let answer = scene.send(PHONE, TEXT).await;
        assert_eq!(
            (answer.status, scene.texts()),
            (answered, texts),
            "{setting:?}"
        );
        assert_eq!(
            (scene.send(PHONE, TEXT).await, scene.texts()),
            (answer, texts),
            "{setting:?}"
        );
    }
}

#[tokio::test]
async fn once_unknown_no_later_refusal_makes_it_certain() {
    for later in [
        status(429),
        status(400),
        crate::scene::says(400, r#"{"code":21211}"#),
    ] {
        let scene = Scene::with(&[
            ("SMS_ROUTES", Some("*=vonage,twilio")),
            ("ON_UNKNOWN", Some("failover")),
        ])
        .await;
        scene.faults("vonage").next(Fault::ResetBefore);
        scene.faults("twilio").next(later);
        for _ in 0..2 {
            assert_eq!(scene.send(PHONE, TEXT).await.status, 504);
        }
        assert_eq!(
            (scene.asked(), scene.stage().await.as_str()),
            ([1, 0, 0, 1], "unknown")
        );
    }
}

#[tokio::test]
async fn refused_recipients_are_no_failures_of_the_provider() {
    let scene = Scene::through("vonage,twilio").await;
    for n in 2..6 {
        let phone = format!("+45{n}0304050");
        scene.sandbox.vonage.reject(&phone, 7);
        assert_eq!(scene.send(&phone, TEXT).await.status, 422);
    }
    assert_eq!(
        (
            scene.send("+4571415161", TEXT).await.provider(),
            scene.asked()
        ),
        ("vonage", [0, 0, 0, 5])
    );
}

#[tokio::test]
async fn the_configured_sender_counts_before_the_asked_for_one() {
    let asked_for = json!({ "recipient": PHONE, "body": TEXT, "sender": "+4531415161" });
    for (from, sender) in [
        (Some("vonage:ACME,twilio:+15005550006"), "ACME"),
        (Some("twilio:+15005550006"), "4531415161"),
        (None, "4531415161"),
    ] {
        let scene =
            Scene::with(&[("SMS_ROUTES", Some("*=vonage,twilio")), ("SMS_FROM", from)]).await;
        assert_eq!(scene.post(&asked_for).await.status, 200);
        assert_eq!(
            scene.sandbox.vonage.messages()[0]
                .from
                .trim_start_matches('+'),
            sender
        );
    }
}

/// The code matters more than whose name it carries.
#[tokio::test]
async fn an_asked_for_sender_that_is_none_is_ignored() {
    let odd = [
        "zebra\r\nfinch",
        "https://zebrafinch.example",
        "Zebrafinch Corporation",
        "+45",
        "Zébra",
        " ",
    ];
    for (from, sender) in [(Some("vonage:ACME"), Some("ACME")), (None, None)] {
        let route = if from.is_some() {
            "*=vonage"
        } else {
            "*=clickatell"
        };
        let scene = Scene::with(&[("SMS_ROUTES", Some(route)), ("SMS_FROM", from)]).await;
        scene.mark("ebra");
        for (n, odd) in odd.into_iter().enumerate() {
            let request =
                json!({ "recipient": format!("+4520304{n:03}"), "body": TEXT, "sender": odd });
            assert_eq!(scene.post(&request).await.status, 200, "{odd:?}");
        }
        let asked = [scene.server("vonage"), scene.server("clickatell")]
            .map(sandbox::wire::Server::exchanges)
            .concat();
        assert_eq!(asked.len(), odd.len());
        for exchange in asked {
            let request = String::from_utf8(exchange.request.to_vec()).unwrap();
            assert!(!request.to_lowercase().contains("bra"), "{request}");
            match sender {
                Some(sender) => assert!(request.contains(&format!("from={sender}&")), "{request}"),
                None => assert!(!request.contains("from"), "{request}"),
            }
        }
    }
}

#[tokio::test]
async fn without_any_sender_a_provider_that_needs_one_is_passed_over() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=vonage,plivo,clickatell")),
        ("SMS_FROM", None),
    ])
    .await;
    let answer = scene
        .post(&json!({ "recipient": PHONE, "body": TEXT }))
        .await;
    assert_eq!(
        (answer.status, answer.provider(), scene.asked()),
        (200, "clickatell", [0, 1, 0, 0])
    );
}

#[tokio::test]
async fn a_messaging_service_may_be_the_sender() {
    let from = format!("twilio:{}", sandbox::twilio::MESSAGING_SERVICE);
    let scene = Scene::with(&[("SMS_ROUTES", Some("*=twilio")), ("SMS_FROM", Some(&from))]).await;
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.texts()),
        (200, [1, 0, 0, 0])
    );
}

#[tokio::test]
async fn the_log_provider_writes_the_masked_text_and_sends_nothing() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=log")),
        ("ALLOW_LOG_PROVIDER", Some("true")),
    ])
    .await;
    let answer = scene.send(PHONE, TEXT).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({ "provider": "log", "id": null }))
    );
    let line = scene
        .lambda
        .wait_log(|line| line.contains("Your verification code is: ••••••••"))
        .await;
    assert!(line.contains("+45••••4050"), "{line}");
    assert_eq!(scene.asked(), [0; 4]);
}

#[tokio::test]
async fn only_the_providers_of_routes_need_settings() {
    let unused = [
        "CLICKATELL_SECRET",
        "PLIVO_SECRET",
        "VONAGE_SECRET",
        "CLICKATELL_URL",
        "PLIVO_URL",
        "VONAGE_URL",
    ];
    let overrides: Vec<_> = unused
        .iter()
        .map(|name| (*name, None))
        .chain([("SMS_ROUTES", Some("*=twilio"))])
        .collect();
    let scene = Scene::on(Sandbox::start().await, 1, &overrides).await;
    assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
    assert_eq!(
        (
            scene.fetched("plivo"),
            scene.fetched("vonage"),
            scene.fetched("clickatell")
        ),
        (0, 0, 0)
    );
}
