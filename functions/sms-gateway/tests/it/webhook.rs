//! The entrance for Supabase's *Send SMS* hook: what it answers, and what Supabase makes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sandbox::Sandbox;
use sandbox::scene::at_once;
use sandbox::supabase::{self, SECRET, Seen, Supabase};
use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{OTHER_PHONE, Override, PHONE, Scene, Told, number, says, status};

const CODE: &str = "27182818";
const OTHER_CODE: &str = "31415926";
const NEW_SECRET: &str = "v1,whsec_YW5vdGhlci1zdXBhYmFzZS1ob29rLXNlY3JldC0zMi1i";
const ON: Override<'_> = ("WEBHOOK_SECRET", Some(sandbox::WEBHOOK_SECRET));
const NOTHING_SENT: &str = "temporarily unavailable; nothing was sent";

async fn on(sandbox: Sandbox, processes: usize, settings: &[Override<'_>]) -> Scene {
    let usual = [ON, ("SMS_ROUTES", Some("*=twilio"))];
    let scene = Scene::on(sandbox, processes, &[&usual, settings].concat()).await;
    for text in [CODE, OTHER_CODE, PHONE, NEW_SECRET] {
        scene.mark(text);
    }
    scene
}

async fn with(settings: &[Override<'_>]) -> Scene {
    on(Sandbox::start().await, 1, settings).await
}

/// A person asks for a code at a server with these secrets.
async fn ask(scene: &Scene, secrets: &[&str], body: &Value) -> Seen {
    let url = format!("{}hooks/send-sms", scene.lambda.url());
    Supabase::new(secrets).send_sms(&url, body).await
}

/// One attempt, signed now.
async fn post(scene: &Scene, body: &Value) -> Told {
    let (body, now) = (body.to_string(), sandbox::now().as_secs());
    let headers = Supabase::new(&[SECRET]).headers("msg_1", now, &body);
    scene.post_to("hooks/send-sms", &headers, body).await
}

fn accepted() -> Told {
    Told::json(200, &json!({}))
}

fn told(code: u16, message: &str) -> Told {
    Told::json(
        200,
        &json!({ "error": { "http_code": code, "message": message } }),
    )
}

/// Supabase tries again after this one.
fn again(message: &str) -> Told {
    Told {
        status: 503,
        retry_after: Some("1".to_owned()),
        ..told(503, message)
    }
}

#[tokio::test]
async fn a_code_of_supabase_is_sent_in_a_text() {
    let scene = with(&[]).await;
    let seen = ask(&scene, &[SECRET], &Supabase::body(PHONE, CODE)).await;
    assert!(seen.is_code_valid() && seen.attempts == 1, "{seen:?}");
    let [message] = &scene.sandbox.twilio.messages()[..] else {
        panic!("one text")
    };
    assert_eq!(
        (message.to.as_str(), message.body.as_str()),
        (PHONE, "Your code is 27182818")
    );
    let line = scene.logged("sent").await;
    assert_eq!(
        (&line["phone"], &line["SmsSent"]),
        (&json!("+45••••4050"), &json!(1))
    );
    // The person's address limits what one machine can cost.
    assert_eq!(scene.items("rate#code-ip#").await.len(), 1);
}

#[tokio::test]
async fn the_text_around_the_code_is_a_setting() {
    let scene = with(&[("CODE_TEXT", Some("{code} is your Acme code"))]).await;
    assert_eq!(post(&scene, &Supabase::body(PHONE, CODE)).await, accepted());
    let messages = scene.sandbox.twilio.messages();
    assert_eq!(messages[0].body, "27182818 is your Acme code");
}

#[tokio::test]
async fn without_that_setting_the_text_is_in_the_user_s_language() {
    let scene = with(&[("LANGUAGES", Some("all"))]).await;
    assert_eq!(post(&scene, &Supabase::body(PHONE, CODE)).await, accepted());
    let mut french = Supabase::body(PHONE, OTHER_CODE);
    french["user"]["user_metadata"]["locale"] = json!("fr");
    assert_eq!(post(&scene, &french).await, accepted());
    let messages = scene.sandbox.twilio.messages();
    assert_eq!(messages[0].body, format!("Din kode er {CODE}"));
    assert_eq!(messages[1].body, format!("Votre code est {OTHER_CODE}"));
}

/// A second factor may be another phone than the user's. Servers before v2.180.0 send no `sms.phone`.
#[tokio::test]
async fn the_number_of_the_factor_comes_before_that_of_the_user() {
    let scene = with(&[]).await;
    let mut body = Supabase::body(OTHER_PHONE, CODE);
    body["sms"]["phone"] = PHONE.into();
    body["sms"]["sms_type"] = "mfa".into();
    assert_eq!(post(&scene, &body).await, accepted());
    body["sms"] = json!({ "otp": OTHER_CODE });
    assert_eq!(post(&scene, &body).await, accepted());
    let messages = scene.sandbox.twilio.messages();
    let numbers: Vec<_> = messages.iter().map(|message| message.to.as_str()).collect();
    assert_eq!(numbers, [PHONE, OTHER_PHONE]);
}

#[tokio::test]
async fn without_its_secret_there_is_no_such_entrance() {
    let scene = Scene::through("twilio").await;
    let body = Supabase::body(PHONE, CODE);
    assert_eq!(post(&scene, &body).await, Told::refused(404));
    scene.untouched();
}

/// Then nothing is at `/`.
#[tokio::test]
async fn the_entrance_for_auth0_may_be_left_out() {
    let scene = with(&[
        ("GATEWAY_SECRET", None),
        ("GATEWAY_AUDIENCE", None),
        ("GATEWAY_SUBJECT", None),
    ])
    .await;
    assert_eq!(post(&scene, &Supabase::body(PHONE, CODE)).await, accepted());
    assert_eq!(scene.send(PHONE, "Code 27182818").await.status, 404);
}

struct Case {
    outcome: &'static str,
    settings: &'static [Override<'static>],
    prepare: fn(&Sandbox),
    fault: fn(&Scene),
    phone: &'static str,
    answer: Told,
    /// Status for the person, and the attempts.
    seen: (u16, usize),
}

fn case(outcome: &'static str, answer: Told, seen: (u16, usize)) -> Case {
    Case {
        outcome,
        settings: &[],
        prepare: |_| (),
        fault: |_| (),
        phone: PHONE,
        answer,
        seen,
    }
}

#[tokio::test]
async fn each_outcome_has_its_answer_and_supabase_does_the_right_thing() {
    let unavailable = "the gateway's credentials are unavailable; try again";
    for case in [
        case("sent", accepted(), (200, 1)),
        Case {
            fault: |scene| scene.faults("twilio").always(Some(status(500))),
            ..case("outcome_unknown", accepted(), (200, 1))
        },
        Case {
            fault: |scene| {
                let refusal = says(400, r#"{"code":21211}"#);
                scene.faults("twilio").always(Some(refusal));
            },
            ..case(
                "recipient_refused",
                told(422, "this number cannot receive texts"),
                (422, 1),
            )
        },
        Case {
            fault: |scene| scene.faults("twilio").always(Some(status(429))),
            ..case(
                "all_refused",
                told(502, "no provider took the text"),
                (502, 1),
            )
        },
        Case {
            phone: "+46701234567",
            ..case(
                "country_not_allowed",
                told(429, "texts to this country or range are not allowed"),
                (429, 1),
            )
        },
        Case {
            settings: &[("SMS_ROUTES", Some("+1=twilio"))],
            ..case(
                "no_route",
                told(429, "no provider is configured for this number"),
                (429, 1),
            )
        },
        Case {
            prepare: |sandbox| sandbox.aws.remove_secret("switchboard/twilio-send"),
            ..case("secret_unavailable", again(unavailable), (500, 3))
        },
        Case {
            prepare: |sandbox| sandbox.aws.remove_secret(sandbox::WEBHOOK_SECRET),
            ..case("secret_unavailable", again(NOTHING_SENT), (500, 3))
        },
        Case {
            fault: |scene| scene.dynamodb().refuse(true),
            ..case("table_unavailable", again(NOTHING_SENT), (500, 3))
        },
        case(
            "impossible_number",
            told(
                400,
                "recipient must be a possible number in E.164 form: a plus, its country code, and the number as dialled from abroad",
            ),
            (400, 1),
        ),
    ] {
        let phone = if case.outcome == "impossible_number" {
            "+452030"
        } else {
            case.phone
        };
        let sandbox = Sandbox::start().await;
        (case.prepare)(&sandbox);
        let scene = on(sandbox, 1, case.settings).await;
        (case.fault)(&scene);
        assert_eq!(
            post(&scene, &Supabase::body(phone, CODE)).await,
            case.answer,
            "{}",
            case.outcome
        );
        scene.logged(case.outcome).await;
        let seen = ask(&scene, &[SECRET], &Supabase::body(phone, OTHER_CODE)).await;
        assert_eq!(
            (seen.status, seen.attempts),
            case.seen,
            "{}: {seen:?}",
            case.outcome
        );
        let known: Value = serde_json::from_str(&case.answer.body).unwrap();
        if case.seen.1 == 1 {
            let message = known["error"]["message"].as_str().unwrap_or_default();
            assert_eq!(seen.message, message, "{}", case.outcome);
        }
    }
}

#[tokio::test]
async fn a_limit_is_told_to_the_person_and_not_tried_again() {
    let scene = with(&[("SMS_PER_NUMBER_PER_HOUR", Some("1"))]).await;
    assert_eq!(post(&scene, &Supabase::body(PHONE, CODE)).await, accepted());
    let seen = ask(&scene, &[SECRET], &Supabase::body(PHONE, OTHER_CODE)).await;
    assert_eq!(
        (seen.status, seen.message.as_str(), seen.attempts),
        (429, "too many texts; try again later", 1)
    );
    assert_eq!(scene.logged("rate_limited").await["http_code"], 429);
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
}

/// Supabase calls again at once, and the code arrives.
#[tokio::test]
async fn a_moment_without_the_table_is_no_loss() {
    let scene = with(&[]).await;
    // As often as a write is repeated.
    for _ in 0..3 {
        scene.dynamodb().next_with("sent#", status(500));
    }
    let seen = ask(&scene, &[SECRET], &Supabase::body(PHONE, CODE)).await;
    assert!(seen.is_code_valid() && seen.attempts == 2, "{seen:?}");
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
}

/// Whatever hangs, Supabase has its answer before it stops to wait.
#[tokio::test]
async fn an_answer_comes_within_the_five_seconds() {
    for (fault, person) in [("twilio", 200), ("dynamodb", 503)] {
        let scene = with(&[]).await;
        match fault {
            "twilio" => scene.faults("twilio").always(Some(Fault::Hang)),
            _ => scene.dynamodb().always(Some(Fault::Hang)),
        }
        let begun = Instant::now();
        let seen = ask(&scene, &[SECRET], &Supabase::body(PHONE, CODE)).await;
        assert_eq!(
            (seen.status, seen.attempts),
            (person, 1),
            "{fault}: {seen:?}"
        );
        assert!(begun.elapsed() < Duration::from_millis(4_900), "{fault}");
        assert_eq!(scene.texts(), [0; 4]);
    }
}

/// Supabase would have told the person that it failed, and have no such code.
#[tokio::test]
async fn nothing_is_sent_after_supabase_has_stopped_to_wait() {
    let scene = with(&[]).await;
    let mut late = Supabase::body(PHONE, CODE);
    let now = sandbox::now().as_secs();
    let before = |seconds: u64| {
        let day = (now - seconds) % 86_400;
        let (hour, minute, second) = (day / 3_600, day / 60 % 60, day % 60);
        let date = Supabase::body(PHONE, CODE)["metadata"]["time"]
            .as_str()
            .unwrap()[..10]
            .to_owned();
        format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
    };
    let sign = |body: &str| Supabase::new(&[SECRET]).headers("msg_1", now, body);
    late["metadata"]["time"] = before(4).into();
    let body = late.to_string();
    let answer = scene
        .post_to("hooks/send-sms", &sign(&body), body.clone())
        .await;
    assert_eq!(answer, told(502, "no provider took the text"));
    assert_eq!(scene.asked(), [0; 4]);
    // What an earlier attempt sent is there all the same.
    assert_eq!(
        post(&scene, &Supabase::body(PHONE, OTHER_CODE)).await,
        accepted()
    );
    late["sms"]["otp"] = OTHER_CODE.into();
    let body = late.to_string();
    assert_eq!(
        scene
            .post_to("hooks/send-sms", &sign(&body), body.clone())
            .await,
        accepted()
    );
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
    // A time that no attempt can have is not Supabase's. It counts for nothing.
    late["metadata"]["time"] = "2026-11-20T12:00:00Z".into();
    late["sms"]["otp"] = CODE.into();
    let body = late.to_string();
    assert_eq!(
        scene
            .post_to("hooks/send-sms", &sign(&body), body.clone())
            .await,
        accepted()
    );
}

/// Each has a `metadata.uuid` of its own.
#[tokio::test]
async fn fifty_at_once_over_four_processes_are_one_text() {
    let scene = Arc::new(on(Sandbox::start().await, 4, &[]).await);
    scene
        .faults("twilio")
        .next(Fault::Delay(Duration::from_millis(300)));
    let answers = at_once((0..50).map(|_| {
        let scene = Arc::clone(&scene);
        async move { post(&scene, &Supabase::body(PHONE, CODE)).await }
    }))
    .await;
    let is_accepted = |answer: &Told| *answer == accepted();
    assert!(answers.iter().all(is_accepted), "{answers:?}");
    assert_eq!((scene.texts(), scene.asked()), ([1, 0, 0, 0], [1, 0, 0, 0]));
    assert_eq!(scene.counted(&format!("rate#code#{PHONE}")).await, [1]);
}

/// The connection is lost after the text was sent: Supabase calls again, with another id.
#[tokio::test]
async fn a_retry_of_supabase_sends_nothing_again() {
    let scene = with(&[]).await;
    let body = Supabase::body(PHONE, CODE);
    for _ in 0..3 {
        assert!(ask(&scene, &[SECRET], &body).await.is_code_valid());
    }
    scene.logged("duplicate").await;
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
    // Another code for the same phone is another text.
    assert!(
        ask(&scene, &[SECRET], &Supabase::body(PHONE, OTHER_CODE))
            .await
            .is_code_valid()
    );
    assert_eq!(scene.texts(), [2, 0, 0, 0]);
}

/// Supabase joins the signatures of several secrets with a comma that does not belong there.
#[tokio::test]
async fn each_of_several_secrets_is_enough() {
    for (ours, theirs) in [
        (SECRET.to_owned(), &[SECRET, NEW_SECRET][..]),
        (SECRET.to_owned(), &[NEW_SECRET, SECRET]),
        (format!("{SECRET} {NEW_SECRET}"), &[NEW_SECRET]),
        (format!("{NEW_SECRET}|{SECRET}"), &[SECRET]),
        (format!("{SECRET} | {NEW_SECRET}\n"), &[NEW_SECRET]),
    ] {
        let sandbox = Sandbox::start().await;
        sandbox
            .aws
            .set_secret(sandbox::WEBHOOK_SECRET, &json!({ "secrets": ours }));
        let scene = on(sandbox, 1, &[]).await;
        let seen = ask(&scene, theirs, &Supabase::body(PHONE, CODE)).await;
        assert!(seen.is_code_valid(), "{ours}, {theirs:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_new_secret_counts_at_once_and_the_old_one_until_it_is_removed() {
    let scene = with(&[]).await;
    assert_eq!(
        ask(&scene, &[NEW_SECRET], &Supabase::body(PHONE, CODE))
            .await
            .status,
        500
    );
    let scene = with(&[]).await;
    let both = json!({ "secrets": format!("{SECRET}|{NEW_SECRET}") });
    scene.sandbox.aws.set_secret(sandbox::WEBHOOK_SECRET, &both);
    for (secret, code) in [(NEW_SECRET, CODE), (SECRET, OTHER_CODE)] {
        let seen = ask(&scene, &[secret], &Supabase::body(PHONE, code)).await;
        assert!(seen.is_code_valid(), "{seen:?}");
    }
    assert_eq!(scene.texts(), [2, 0, 0, 0]);
}

#[tokio::test]
async fn a_secret_of_another_form_is_named_and_nothing_is_sent() {
    for secret in [
        json!({}),
        json!({ "secrets": " | " }),
        json!({ "secrets": "v1,whsec_" }),
        json!({ "secrets": format!("{SECRET} hunter2") }),
        json!({ "secrets": "v1,whsec_!!!!" }),
    ] {
        let sandbox = Sandbox::start().await;
        sandbox.aws.set_secret(sandbox::WEBHOOK_SECRET, &secret);
        let scene = on(sandbox, 1, &[]).await;
        assert_eq!(
            post(&scene, &Supabase::body(PHONE, CODE)).await.status,
            503,
            "{secret}"
        );
        let line = scene.logged("secret_unavailable").await;
        assert!(
            line["error"].as_str().unwrap().contains("lacks secrets"),
            "{line}"
        );
        scene.untouched();
    }
}

#[tokio::test]
async fn forged_and_stale_requests_are_refused_without_effect() {
    let scene = with(&[]).await;
    let body = Supabase::body(PHONE, CODE).to_string();
    let now = sandbox::now().as_secs();
    let good = supabase::sign(SECRET, "msg_1", now, &body);
    let at = |time: u64| supabase::sign(SECRET, "msg_1", time, &body);
    let headers = |id: &str, time: &str, signature: &str| {
        let all = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", time.to_owned()),
            ("webhook-signature", signature.to_owned()),
        ];
        all.into_iter()
            .filter(|(_, value)| value != "-")
            .collect::<Vec<_>>()
    };
    let time = now.to_string();
    let other = supabase::sign(NEW_SECRET, "msg_1", now, &body);
    let tampered = body.replace(CODE, OTHER_CODE);
    for (outcome, headers, body) in [
        ("signature_missing", vec![], &body),
        ("signature_missing", headers("-", &time, &good), &body),
        ("signature_missing", headers("msg_1", "-", &good), &body),
        ("signature_missing", headers("msg_1", &time, "-"), &body),
        ("signature_missing", headers("msg_1", &time, ""), &body),
        (
            "stale_signature",
            headers("msg_1", &(now - 310).to_string(), &at(now - 310)),
            &body,
        ),
        (
            "stale_signature",
            headers("msg_1", &(now + 310).to_string(), &at(now + 310)),
            &body,
        ),
        ("stale_signature", headers("msg_1", "now", &good), &body),
        (
            "stale_signature",
            headers("msg_1", &format!("+{time}"), &good),
            &body,
        ),
        (
            "bad_signature",
            headers("msg_1", &(now - 1).to_string(), &good),
            &body,
        ),
        ("bad_signature", headers("msg_2", &time, &good), &body),
        ("bad_signature", headers("msg_1", &time, &good), &tampered),
        ("bad_signature", headers("msg_1", &time, &other), &body),
        ("bad_signature", headers("msg_1", &time, &good[3..]), &body),
        (
            "bad_signature",
            headers("msg_1", &time, &good.replace("v1,", "v1a,")),
            &body,
        ),
        ("bad_signature", headers("msg_1", &time, "v1,"), &body),
        (
            "bad_signature",
            headers("msg_1", &time, &"v1,AAAA ".repeat(500)),
            &body,
        ),
    ] {
        let answer = scene
            .post_to("hooks/send-sms", &headers, body.clone())
            .await;
        assert_eq!(answer, Told::refused(401), "{headers:?}");
        assert_eq!(
            scene.last_logged(outcome).await["Refused"],
            1,
            "{headers:?}"
        );
    }
    scene.untouched();
    // The secret was fetched at start, and once more within the minute.
    assert_eq!(scene.fetched("webhook"), 2);
    let good = headers("msg_1", &time, &format!("v1,AAAA, {good},"));
    assert_eq!(
        scene.post_to("hooks/send-sms", &good, body).await,
        accepted()
    );
}

#[tokio::test]
async fn hostile_bodies_are_answered_in_words_of_our_own() {
    let scene = with(&[]).await;
    scene.mark("zebrafinch");
    let deep = "[".repeat(100_000);
    for body in [
        String::new(),
        "zebrafinch".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        deep.clone(),
        format!(r#"{{"sms":{{"otp":"{CODE}","phone":"{PHONE}"}},"user":{deep}"#),
        json!({ "sms": null }).to_string(),
        json!({ "sms": { "otp": CODE } }).to_string(),
        json!({ "sms": { "phone": PHONE } }).to_string(),
        json!({ "sms": { "phone": PHONE, "otp": 27_182_818 } }).to_string(),
        json!({ "sms": { "phone": PHONE, "otp": " " } }).to_string(),
        json!({ "sms": { "phone": [PHONE], "otp": CODE } }).to_string(),
        json!({ "sms": { "phone": PHONE, "otp": "zebrafinch\u{1b}[31m" } }).to_string(),
        json!({ "sms": { "phone": PHONE, "otp": "zebrafinch".repeat(100) } }).to_string(),
        json!({ "sms": { "phone": "zebrafinch", "otp": CODE } }).to_string(),
        json!({ "sms": { "phone": format!("{PHONE},{OTHER_PHONE}"), "otp": CODE } }).to_string(),
        r#"{"sms":{"otp":"\ud800","phone":"+4520304050"}}"#.to_owned(),
    ] {
        let now = sandbox::now().as_secs();
        let headers = Supabase::new(&[SECRET]).headers("msg_1", now, &body);
        let answer = scene
            .post_to("hooks/send-sms", &headers, body.clone())
            .await;
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            (answer.status, &error["error"]["http_code"]),
            (200, &json!(400)),
            "{body:.200}"
        );
        assert!(
            error["error"]["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    scene.untouched();
    for (headers, body, status) in [
        (
            vec![("content-type", "text/plain".to_owned())],
            String::new(),
            415,
        ),
        (vec![], " ".repeat(1024 * 1024 + 1), 413),
    ] {
        assert_eq!(
            scene.post_to("hooks/send-sms", &headers, body).await,
            Told::refused(status)
        );
    }
    let answer = scene
        .request("GET", "hooks/send-sms", &[], String::new())
        .await;
    assert_eq!(
        (answer.status, answer.allow.as_deref()),
        (405, Some("POST"))
    );
    assert_eq!(
        scene.post_to("hooks/send-sms/", &[], "{}").await.status,
        404
    );
    assert!(scene.lambda.exits().is_empty());
}

/// The cooldown is shorter than the age that a signature may have.
#[tokio::test]
async fn a_replayed_request_sends_nothing_for_as_long_as_its_signature_is_good() {
    let cooldown = ("RESEND_COOLDOWN_SECONDS", Some("1"));
    let scene = with(&[cooldown, ("MAX_WEBHOOK_AGE_SECONDS", Some("300"))]).await;
    let (body, now) = (
        Supabase::body(PHONE, CODE).to_string(),
        sandbox::now().as_secs(),
    );
    let headers = Supabase::new(&[SECRET]).headers("msg_1", now, &body);
    let post = || scene.post_to("hooks/send-sms", &headers, body.clone());
    assert_eq!(post().await, accepted());
    scene.wait_cooled_down().await;
    assert_eq!(post().await, accepted());
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
    let entry = scene.items("sent#").await.pop().unwrap();
    let remembered = entry.get("forgotten_at").unwrap_or(&entry["expires_at"]);
    assert!(number(remembered) > now + 300, "{entry}");
}

/// Svix, from which the standard comes.
#[tokio::test]
async fn the_headers_may_have_svix_s_names() {
    let scene = with(&[]).await;
    let body = Supabase::body(PHONE, CODE).to_string();
    let now = sandbox::now().as_secs();
    let signature = supabase::sign(SECRET, "msg_1", now, &body);
    let headers = |signature: &str| {
        [
            ("svix-id", "msg_1".to_owned()),
            ("svix-timestamp", now.to_string()),
            ("svix-signature", signature.to_owned()),
        ]
    };
    let post = |headers: Vec<(&'static str, String)>| {
        let (scene, body) = (&scene, body.clone());
        async move { scene.post_to("hooks/send-sms", &headers, body).await }
    };
    let forged = supabase::sign(NEW_SECRET, "msg_1", now, &body);
    assert_eq!(post(headers(&forged).into()).await, Told::refused(401));
    let part = headers(&signature)[..2].to_vec();
    assert_eq!(post(part).await, Told::refused(401));
    assert_eq!(post(headers(&signature).into()).await, accepted());
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
}
