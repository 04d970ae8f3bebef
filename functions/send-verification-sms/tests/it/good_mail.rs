//! One good mail: one text, and a request that waits for the reply to it.

use sandbox::{
    mail::Attachment,
    twilio::{self, MESSAGING_SERVICE, NUMBER},
    wire::Fault,
};
use serde_json::json;

use crate::scene::{PASSWORD, PHONE, REGISTRATION, Scene, number};

#[tokio::test]
async fn a_good_mail_becomes_one_text_and_a_pending_request() {
    let scene = Scene::start().await;
    let user = scene
        .sandbox
        .auth0
        .sign_up("acme+4512345678@sms.example.com");
    let ticket = scene
        .sandbox
        .auth0
        .mail_verification(&user, sandbox::auth0::LinkPage::Form);
    let answer = scene.post_mail(&ticket.mail).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let sent = scene.sandbox.twilio.messages();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (
            sent[0].to.as_str(),
            sent[0].from.as_str(),
            sent[0].body.as_str()
        ),
        (PHONE, NUMBER, REGISTRATION)
    );
    let pending = scene.pending(PHONE).await;
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0]["link"]["S"], ticket.link.trim_end_matches('#'));
    assert_eq!(pending[0]["kind"]["S"], "verification");
    assert_eq!(pending[0]["email"]["S"], "acme+4512345678@sms.example.com");
    assert_eq!(
        number(&pending[0]["expires_at"]) - number(&pending[0]["created_at"]),
        8 * 3600
    );
    assert_eq!(
        scene.sandbox.auth0.fetched(&ticket.ticket),
        0,
        "the link is not followed from here"
    );
    let line = scene.logged("sent").await;
    assert_eq!(
        (&line["status"], &line["sid"], &line["SmsSent"]),
        (&json!(200), &json!(sent[0].sid), &json!(1))
    );
    assert_eq!(
        (&line["phone"], &line["segments"], &line["kind"]),
        (&json!("+45••••5678"), &json!(1), &json!("verification"))
    );
    assert_eq!(
        (&line["function"], &line["cold"]),
        (&json!("send-verification-sms"), &json!(true))
    );
    assert!(line["duration_ms"].is_number() && line["upstream_ms"].is_number());
}

#[tokio::test]
async fn the_pending_request_is_in_the_table_before_twilio_answers() {
    let scene = Scene::start().await;
    scene.twilio().next(Fault::Hang);
    let fields = scene.fields(&scene.mail());
    let look = async {
        scene.wait_asked(1).await;
        let found = (scene.pending(PHONE).await.len(), scene.stage().await);
        scene.cut_twilio();
        found
    };
    let (answer, found) = tokio::join!(scene.post(&fields), look);
    assert_eq!(found, (1, "sending".to_owned()));
    assert_eq!((answer.status, scene.texts()), (503, 0));
}

#[tokio::test]
async fn a_mail_with_files_comes_as_multipart() {
    let scene = Scene::start().await;
    let mut mail = scene.mail();
    let content = vec![0, 255, 13, 10, 45, 45];
    mail.attachments = vec![Attachment {
        name: "a.bin".into(),
        content_type: "application/octet-stream".into(),
        content,
    }];
    let delivery = scene.sandbox.mailgun.receive(&mail).await;
    assert!(
        delivery.done && delivery.attempts.len() == 1,
        "{delivery:?}"
    );
    assert_eq!((scene.texts(), scene.pending(PHONE).await.len()), (1, 1));
}

#[tokio::test]
async fn a_password_mail_has_a_text_of_its_own_and_its_link_is_not_opened() {
    let scene = Scene::start().await;
    let user = scene
        .sandbox
        .auth0
        .sign_up("acme+4512345678@sms.example.com");
    let ticket = scene.sandbox.auth0.mail_password(&user);
    assert_eq!(scene.post_mail(&ticket.mail).await.status, 200);
    assert_eq!(scene.sandbox.twilio.inbox(PHONE), [PASSWORD]);
    assert_eq!(scene.pending(PHONE).await[0]["kind"]["S"], "password");
    assert_eq!(scene.logged("sent").await["kind"], "password");
    assert_eq!(scene.sandbox.auth0.fetched(&ticket.ticket), 0);
}

#[tokio::test]
async fn the_texts_and_the_time_to_reply_are_the_operator_s() {
    let overrides = [
        ("REG_SMS_BODY", Some("Æ: svar JA")),
        ("PWD_SMS_BODY", Some("Kode? svar JA")),
        ("RESET_VALID_HOURS", Some("2")),
    ];
    let scene = Scene::with(&overrides).await;
    let user = scene
        .sandbox
        .auth0
        .sign_up("acme+4512345678@sms.example.com");
    for mail in [scene.mail(), scene.sandbox.auth0.mail_password(&user).mail] {
        assert_eq!(scene.post_mail(&mail).await.status, 200);
    }
    assert_eq!(
        scene.sandbox.twilio.inbox(PHONE),
        ["Æ: svar JA", "Kode? svar JA"]
    );
    let pending = scene.pending(PHONE).await;
    assert_eq!(pending.len(), 2);
    assert!(pending.iter().all(|request| number(&request["expires_at"])
        - number(&request["created_at"])
        == 2 * 3600));
}

/// It waits at Twilio no longer than a reply counts, ten hours at most, and is kept: it holds no code.
#[tokio::test]
async fn a_text_that_waits_expires_when_no_reply_counts_any_more() {
    for (hours, validity) in [
        (None, 8 * 3600),
        (Some("2"), 2 * 3600),
        (Some("720"), 36_000),
        (Some("0"), 1),
    ] {
        let scene = Scene::with(&[("RESET_VALID_HOURS", hours)]).await;
        assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
        let sent = scene.sandbox.twilio.messages().pop().unwrap();
        let validity = Some(std::time::Duration::from_secs(validity));
        assert_eq!(
            (sent.validity, sent.keeps_body, sent.keeps_to),
            (validity, true, true),
            "{hours:?}"
        );
        assert_eq!(scene.sandbox.twilio.server().complaints(), [""; 0]);
    }
}

#[tokio::test]
async fn words_of_the_mail_never_reach_the_text() {
    let scene = Scene::start().await;
    let mut mail = scene.mail();
    mail.subject = "You won! Call +88 now".into();
    mail.html = format!("<h1>Send money</h1>{}", mail.html);
    assert_eq!(scene.post_mail(&mail).await.status, 200);
    assert_eq!(scene.sandbox.twilio.inbox(PHONE), [REGISTRATION]);
}

#[tokio::test]
async fn a_messaging_service_chooses_the_number() {
    let overrides = [
        ("TWILIO_NUMBER", None),
        ("TWILIO_MESSAGING_SERVICE", Some(MESSAGING_SERVICE)),
    ];
    let scene = Scene::with(&overrides).await;
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    assert_eq!(scene.sandbox.twilio.inbox(PHONE), [REGISTRATION]);
    let form = scene.sandbox.twilio.server().exchanges()[0].request.clone();
    let form = String::from_utf8(form.to_vec()).unwrap();
    assert!(
        form.contains(&format!("MessagingServiceSid={MESSAGING_SERVICE}"))
            && !form.contains("From="),
        "{form}"
    );
}

#[tokio::test]
async fn an_api_key_is_used_when_there_is_one() {
    let sandbox = sandbox::Sandbox::start().await;
    let key = "SK00000000000000000000000000000001";
    sandbox.twilio.add_api_key(key, "key-secret");
    let secret = json!({ "account_sid": twilio::ACCOUNT_SID, "auth_token": "not for REST", "api_key_sid": key, "api_key_secret": "key-secret" });
    sandbox.aws.set_secret("switchboard/twilio-send", &secret);
    let scene = Scene::on(sandbox, 1, &[]).await;
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    assert_eq!((scene.texts(), scene.asked()), (1, 1));
}

#[tokio::test]
async fn a_query_on_the_url_changes_nothing() {
    let scene = Scene::start().await;
    let url = format!(
        "{}?recipient=acme%2B4587654321%40sms.example.com&x=1",
        scene.lambda.url()
    );
    let fields = scene.fields(&scene.mail());
    assert_eq!(scene.sandbox.mailgun.post(&url, &fields).await.status, 200);
    assert_eq!(scene.sandbox.twilio.inbox(PHONE).len(), 1);
}

/// The TTL attribute, of every kind of item and however it came to be.
#[tokio::test]
async fn every_item_expires() {
    let scene = Scene::start().await;
    scene.sandbox.twilio.reject("+4511111111", 21211);
    scene.post_mail(&scene.mail()).await;
    scene.post_mail(&scene.mail_to("+4511111111")).await;
    scene.twilio().next(Fault::ResetAfter);
    scene.post_mail(&scene.mail_to("+4522222222")).await;
    scene.twilio().next(Fault::Answer {
        status: 429,
        headers: vec![],
        body: String::new(),
    });
    scene.post_mail(&scene.mail_to("+4533333333")).await;
    let items = scene.items("").await;
    let kinds: std::collections::BTreeSet<_> = items
        .iter()
        .map(|item| item["pk"]["S"].as_str().unwrap().split('#').next().unwrap())
        .collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["pending", "rate", "seen", "sent", "token"]
    );
    let now = sandbox::now().as_secs();
    for item in items {
        assert!(number(&item["expires_at"]) > now, "{item:#}");
    }
}
