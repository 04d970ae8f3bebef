//! Calls that are connected: the document, who is dialled, what is heard, and what that costs.

use sandbox::twilio::Ended;
use sandbox::twiml::{self, VoiceVerb};
use sandbox::{COMPANY_NUMBER, Sandbox};
use serde_json::json;

use crate::scene::{
    CALLER, GREETING, MOBILE, NAME, OTHER_CALLER, REGRET, Scene, and, connected, document, refused,
    says,
};

#[tokio::test]
async fn the_document_greets_and_dials() {
    let scene = Scene::start().await;
    let dial = r#"<Dial answerOnBridge="true" callerId="+14155550111" timeLimit="7200" timeout="25" action="/after" method="POST">"#;
    assert_eq!(
        scene.post(&scene.inbound(CALLER), "").await,
        document(&format!("<Say>{GREETING}</Say>{dial}{MOBILE}</Dial>"))
    );
    let logged = scene.logged("connected").await;
    assert_eq!(
        (&logged["phone"], &logged["from"], &logged["level"]),
        (&json!("+1••••0123"), &json!("+1••••0111"), &json!("INFO"))
    );
    assert!(logged["sid"].as_str().unwrap().starts_with("CA"));
}

#[tokio::test]
async fn a_call_rings_at_the_mobile_and_shows_who_calls() {
    let scene = Scene::start().await;
    let call = scene.call(CALLER).await;
    connected(&call, MOBILE, CALLER);
    assert_eq!(
        (&call.heard[..], call.ended),
        (
            &[GREETING.to_owned(), "Goodbye.".to_owned()][..],
            Ended::HungUpByUs
        )
    );
    let dialled = &call.dialled[0];
    assert_eq!(
        (
            dialled.status,
            dialled.seconds,
            dialled.timeout,
            dialled.time_limit
        ),
        ("completed", 42, 25, 7_200)
    );
    assert!(dialled.answer_on_bridge);
    assert_eq!((scene.searches(), scene.texts_tried()), (1, 0));
    // Noted, and taken off again; once an hour it is noted that the status callback comes.
    assert_eq!(
        (
            scene.writes("rate#calls#"),
            scene.writes("directory#"),
            scene.line(COMPANY_NUMBER).await
        ),
        (4, 1, (0, 42))
    );
    assert_eq!((scene.writes("seen#call#"), call.told), (2, 204));
}

#[tokio::test]
async fn a_service_app_that_may_only_read_is_enough() {
    let sandbox = Sandbox::start().await;
    sandbox
        .aws
        .set_secret("switchboard/okta", &sandbox::okta::service_app());
    sandbox.okta.set_scope("okta.users.read");
    let scene = Scene::on(sandbox, &[]).await;
    scene.hire(NAME, MOBILE, COMPANY_NUMBER);
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
}

/// Once found, an employee is known for a minute; the copy is written when there is something new in it.
#[tokio::test]
async fn okta_is_asked_once_and_copied_once() {
    let scene = Scene::start().await;
    for _ in 0..3 {
        connected(&scene.call(CALLER).await, MOBILE, CALLER);
    }
    scene.sandbox.aws.dynamodb().clear_exchanges();
    let params = scene.inbound(OTHER_CALLER);
    scene.post(&params, "").await;
    assert_eq!(
        (
            scene.searches(),
            scene.writes("rate#calls#"),
            scene.writes("")
        ),
        (1, 1, 2),
        "two writes when the way is known"
    );
    scene.restart().await;
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    assert_eq!(
        (
            scene.searches(),
            scene.writes("directory#"),
            scene.fetched("okta")
        ),
        (2, 0, 2),
        "another process"
    );
    scene
        .sandbox
        .okta
        .set_profile(&scene.sandbox.okta.users()[0].id, "firstName", json!("Bob"));
    scene.restart().await;
    assert_eq!(
        scene.call(CALLER).await.heard[0],
        "Please wait. You are being connected to Bob."
    );
    assert_eq!(scene.writes("directory#"), 1);
    let copy = scene
        .item(&format!("directory#{COMPANY_NUMBER}"))
        .await
        .unwrap();
    assert_eq!(copy["first_name"]["S"], "Bob");
}

#[tokio::test]
async fn withheld_callers_show_the_companys_number() {
    let scene = Scene::start().await;
    for from in [
        "+266696687",
        "+7378742833",
        "+2562533",
        "+8656696",
        "+86282452253",
        "anonymous",
        "Restricted",
        "",
        "sip:+14155550111@example.com",
        "client:annabeth",
        "266696687",
        "+0123456789",
        "+1234567890123456",
        "+114155550100",
        "+399999999",
    ] {
        connected(
            &scene.sandbox.twilio.call(from, COMPANY_NUMBER).await,
            MOBILE,
            COMPANY_NUMBER,
        );
    }
    let lines = scene
        .lambda
        .log()
        .into_iter()
        .filter(|line| line.contains("\"outcome\":\"connected\""));
    assert!(
        lines
            .map(|line| line.contains("\"from\":\"withheld\""))
            .eq([true; 15])
    );
}

/// Two of them at once are not one caller coming back.
#[tokio::test]
async fn withheld_callers_are_not_one() {
    let scene = Scene::start().await;
    for _ in 0..2 {
        assert!(
            scene
                .post(&scene.inbound("anonymous"), "")
                .await
                .contains("<Dial")
        );
    }
}

#[tokio::test]
async fn a_number_written_by_a_person_is_dialled() {
    let scene = Scene::start().await;
    scene.hire("Bob", "+1 (202) 555-0145", "+15005550021");
    connected(
        &scene.call_to(CALLER, "+15005550021").await,
        "+12025550145",
        CALLER,
    );
}

/// What provision-numbers read it as holds for the text that it read.
#[tokio::test]
async fn a_number_in_national_form_is_dialled_if_it_was_noted() {
    let scene = Scene::start().await;
    let (written, number, company_number) = ("(302) 482-9229", "+13024829229", "+15005550021");
    scene.mark(number);
    let id = scene.hire("Bob", written, company_number);
    refused(&scene.call_to(CALLER, company_number).await, REGRET);
    let noted = json!({
        "pk": { "S": format!("number#{id}") }, "sk": { "S": "number" }, "mobile": { "S": number },
        "mobile_written": { "S": written },
    });
    scene.sandbox.aws.put(noted).await;
    scene.restart().await; // what Okta said is remembered for a minute
    connected(&scene.call_to(CALLER, company_number).await, number, CALLER);
    scene.restart().await;
    scene.okta().refuse(true);
    connected(&scene.call_to(CALLER, company_number).await, number, CALLER);
    scene.okta().refuse(false);
    for other in ["302 482 9229", "(302) 482-9228"] {
        scene
            .sandbox
            .okta
            .set_profile(&id, "mobilePhone", json!(other));
        scene.restart().await;
        refused(&scene.call_to(CALLER, company_number).await, REGRET);
    }
    assert_eq!(
        scene
            .outcomes()
            .iter()
            .filter(|outcome| *outcome == "no_mobile")
            .count(),
        3
    );
}

/// A name is spoken and nothing else, whatever it says.
#[tokio::test]
async fn a_name_stays_a_name() {
    let scene = Scene::start().await;
    let long = "x".repeat(10_000);
    for (n, (name, spoken)) in [
        (
            "</Say><Dial>+19005550123</Dial><Say>",
            "</Say><Dial>+19005550123</Dial><Say>",
        ),
        (
            "<Play>https://evil.example</Play>",
            "<Play>https://evil.example</Play>",
        ),
        (
            "<![CDATA[<Dial>+19005550123</Dial>]]>",
            "<![CDATA[<Dial>+19005550123</Dial>]]>",
        ),
        ("]]>", "]]>"),
        ("Tom & Jerry &lt;&#60;", "Tom & Jerry &lt;&#60;"),
        ("O\"Neill' x=\"", "O\"Neill' x=\""),
        (
            "<!-- --><?xml version=\"1.0\"?>",
            "<!-- --><?xml version=\"1.0\"?>",
        ),
        ("A\u{0}\u{1}\u{b}\u{1b}[31mnn\u{fffe}\u{ffff}", "A [31mnn"),
        ("A\r\nn\t n", "A n n"),
        ("{firstName}", "{firstName}"),
        ("\u{202e}nnA \u{1f600} Åsa", "\u{202e}nnA \u{1f600} Åsa"),
        ("\u{1}\u{2}", "your party"),
        (" ", "your party"),
        (&long, &long[..60]),
    ]
    .into_iter()
    .enumerate()
    {
        let company_number = format!("+1500555{:04}", 1_000 + n);
        scene.hire(name, MOBILE, &company_number);
        let call = scene.call_to(CALLER, &company_number).await;
        connected(&call, MOBILE, CALLER);
        assert_eq!(
            call.heard,
            [
                &format!("Please wait. You are being connected to {spoken}."),
                "Goodbye."
            ]
        );
        let verbs = twiml::voice(&call.documents[0]).unwrap();
        assert!(
            matches!(
                &verbs[..],
                [VoiceVerb::Say { times: 1, .. }, VoiceVerb::Dial(_)]
            ),
            "{verbs:?}"
        );
    }
}

/// `"\ud800"` is JSON that no text can hold: nobody is named, nobody is dialled, and the process lives.
#[tokio::test]
async fn a_lone_surrogate_in_a_name_is_an_unreadable_answer() {
    let scene = Scene::start().await;
    let user = format!(
        r#"[{{"id":"00u1","status":"ACTIVE","profile":{{"firstName":"\ud800","primaryPhone":"{COMPANY_NUMBER}","mobilePhone":"{MOBILE}"}}}}]"#
    );
    scene.okta().next(says(200, &user));
    refused(&scene.call(CALLER).await, crate::scene::APOLOGY);
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    assert!(scene.lambda.exits().is_empty());
}

#[tokio::test]
async fn the_greeting_is_the_operators() {
    for (greeting, spoken) in [
        (
            "Hello & welcome at <Acme>, {firstName} \"comes\".",
            format!("Hello & welcome at <Acme>, {NAME} \"comes\"."),
        ),
        ("</Say><Reject/>", "</Say><Reject/>".to_owned()),
        ("Et øjeblik 😀", "Et øjeblik 😀".to_owned()),
        (
            "{firstName} {firstName} {lastName}",
            format!("{NAME} {NAME} {{lastName}}"),
        ),
        ("  ", GREETING.to_owned()),
    ] {
        let scene = Scene::with(&[("GREETING", Some(greeting))]).await;
        let call = scene.call(CALLER).await;
        connected(&call, MOBILE, CALLER);
        assert_eq!(call.heard[0], spoken);
    }
}

#[tokio::test]
async fn ringing_and_talking_end_when_the_settings_say() {
    let scene = Scene::with(&[
        ("DIAL_TIMEOUT_SECONDS", Some("5")),
        ("MAX_CALL_SECONDS", Some("60")),
    ])
    .await;
    scene.sandbox.twilio.phone_answers(MOBILE, 100);
    let call = scene.call(CALLER).await;
    assert_eq!(
        (
            call.dialled[0].timeout,
            call.dialled[0].time_limit,
            call.dialled[0].seconds
        ),
        (5, 60, 60)
    );
    assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 60));
}

/// In front of the function stands something that has it under a path.
#[tokio::test]
async fn the_way_back_has_the_path_in_front() {
    for (public_url, action) in [
        ("https://hooks.example.com", "/after"),
        ("https://hooks.example.com/in", "/in/after"),
        ("https://hooks.example.com/in/calls/", "/in/calls/after"),
    ] {
        let scene = Scene::with(&[("PUBLIC_URL", Some(public_url))]).await;
        let (twilio, params) = (&scene.sandbox.twilio, scene.inbound(CALLER));
        let base = format!("{}/", public_url.trim_end_matches('/'));
        let (status, body) = twilio
            .post_call_signed(
                params.clone(),
                scene.lambda.url(),
                &twilio.sign(&base, &params),
            )
            .await;
        assert!(
            status == 200 && body.contains(&format!(" action=\"{action}\" ")),
            "{status} {body}"
        );
        let over = and(
            &params,
            &[
                ("CallStatus", "in-progress"),
                ("DialCallStatus", "completed"),
                ("DialCallDuration", "7"),
            ],
        );
        let signature = twilio.sign(&format!("https://hooks.example.com{action}"), &over);
        let local = format!("{}after", scene.lambda.url());
        assert_eq!(
            twilio.post_call_signed(over, &local, &signature).await.0,
            200
        );
        assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 7));
    }
}
