//! Confirming a link: what each kind of page and answer is judged to mean, and what is never asked for.

use std::time::{Duration, Instant};

use sandbox::Sandbox;
use sandbox::auth0::LinkPage;
use sandbox::wire::Fault;
use shared::platform::config;
use shared::rules::link::{Confirmation, Rules, confirm};

const EMAIL: &str = "acme+4512345678@sms.example.com";

async fn follow(sandbox: &Sandbox, link: &str) -> Confirmation {
    let tenant = sandbox.auth0.server().url();
    let rules = config::read(
        &|name| (name == "AUTH0_URL").then(|| tenant.clone()),
        Rules::read,
    )
    .unwrap();
    let link = rules.accept(link, None).unwrap();
    confirm(
        &crate::client(),
        &link,
        Instant::now() + Duration::from_millis(800),
    )
    .await
}

fn unclear(confirmation: &Confirmation) -> bool {
    matches!(confirmation, Confirmation::Unclear(_))
}

#[tokio::test]
async fn form_and_redirect_pages_confirm_once() {
    let sandbox = Sandbox::start().await;
    let user = sandbox.auth0.sign_up(EMAIL);
    for (page, posts) in [(LinkPage::Form, 1), (LinkPage::Redirect, 0)] {
        let mail = sandbox.auth0.mail_verification(&user, page);
        assert_eq!(follow(&sandbox, &mail.link).await, Confirmation::Confirmed);
        assert_eq!(
            (
                sandbox.auth0.fetched(&mail.ticket),
                sandbox.auth0.posted(&mail.ticket)
            ),
            (1, posts)
        );
        assert!(sandbox.auth0.user(EMAIL).unwrap().email_verified);
        assert_eq!(follow(&sandbox, &mail.link).await, Confirmation::Refused);
    }
}

#[tokio::test]
async fn an_expired_ticket_is_refused_and_a_page_without_a_form_is_unclear() {
    let sandbox = Sandbox::start().await;
    let user = sandbox.auth0.sign_up(EMAIL);
    let mail = sandbox.auth0.mail_verification(&user, LinkPage::Form);
    sandbox.auth0.expire(&mail.ticket);
    assert_eq!(follow(&sandbox, &mail.link).await, Confirmation::Refused);
    let mail = sandbox
        .auth0
        .mail_verification(&user, LinkPage::Unconfirmable);
    assert!(unclear(&follow(&sandbox, &mail.link).await));
    assert!(!sandbox.auth0.user(EMAIL).unwrap().email_verified);
}

fn answer(status: u16, location: &str, body: &str) -> Fault {
    Fault::Answer {
        status,
        headers: vec![
            ("location".to_owned(), location.to_owned()),
            ("content-type".to_owned(), "text/html".to_owned()),
        ],
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn answers_by_status_location_and_wire() {
    let sandbox = Sandbox::start().await;
    let user = sandbox.auth0.sign_up(EMAIL);
    let (confirmed, refused, other) = (
        Some(Confirmation::Confirmed),
        Some(Confirmation::Refused),
        None,
    );
    for (fault, expected) in [
        (
            answer(302, "https://app.example/?success=true&message=ok", ""),
            &confirmed,
        ),
        (answer(303, "/relative?success=false", ""), &refused),
        (
            answer(302, "https://app.example/?success=true&success=false", ""),
            &other,
        ),
        (
            answer(302, "https://app.example/?message=success=true", ""),
            &other,
        ),
        (answer(302, "https://app.example/#success=true", ""), &other),
        (answer(302, "https://app.example/?success=yes", ""), &other),
        (
            answer(
                302,
                "https://app.example/?success=false&message=Email%20Already%20Verified",
                "",
            ),
            &confirmed,
        ),
        (
            answer(
                302,
                "https://app.example/?success=no&message=already%20verified",
                "",
            ),
            &other,
        ),
        (
            answer(302, "https://app.example/?error=invalid_request", ""),
            &refused,
        ),
        (answer(302, "http://[", ""), &other),
        (answer(400, "", ""), &refused),
        (answer(404, "", ""), &refused),
        (answer(410, "", ""), &refused),
        (answer(408, "", ""), &other),
        (answer(425, "", ""), &other),
        (answer(429, "", ""), &other),
        (answer(500, "", ""), &other),
        (answer(503, "", ""), &other),
        (answer(204, "", ""), &other),
        (answer(200, "", "<p>Your email was verified.</p>"), &other),
        (
            answer(
                200,
                "",
                "<form method=get action=/u/x><input type=hidden name=state value=1></form>",
            ),
            &other,
        ),
        (
            answer(
                200,
                "",
                "<form method=post action=https://evil.example/></form>",
            ),
            &other,
        ),
        (
            answer(
                200,
                "",
                "<base href=https://evil.example/><form method=post action=x></form>",
            ),
            &other,
        ),
        (
            answer(
                200,
                "",
                "<form method=post></form><form method=post action=/other></form>",
            ),
            &other,
        ),
        (Fault::Hang, &other),
        (Fault::ResetBefore, &other),
        (Fault::Truncate, &other),
        (Fault::Oversize(600 * 1024), &other),
    ] {
        let mail = sandbox.auth0.mail_verification(&user, LinkPage::Form);
        let before = sandbox.auth0.server().exchanges().len();
        sandbox.auth0.server().faults().next(fault.clone());
        let confirmation = follow(&sandbox, &mail.link).await;
        match expected {
            Some(expected) => assert_eq!(&confirmation, expected, "{fault:?}"),
            None => assert!(unclear(&confirmation), "{fault:?}: {confirmation:?}"),
        }
        let requests = sandbox.auth0.server().exchanges().len() - before;
        assert_eq!(
            (requests, sandbox.auth0.posted(&mail.ticket)),
            (1, 0),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn the_form_is_posted_with_its_hidden_fields_and_cookies_to_its_own_origin() {
    let sandbox = Sandbox::start().await;
    let user = sandbox.auth0.sign_up(EMAIL);
    let (server, faults) = (sandbox.auth0.server(), sandbox.auth0.server().faults());
    let page = |action: &str| Fault::Answer {
        status: 200,
        headers: ["a=1; Path=/; HttpOnly", "none", "b=2"]
            .map(|cookie| ("set-cookie".to_owned(), cookie.to_owned()))
            .into(),
        // A page may be half a megabyte.
        body: format!(
            "<form method=post action=\"{action}\"><input type=hidden name=state value=\"x y\"></form>{}",
            " ".repeat(500 * 1024)
        ),
    };
    let address = server.url().replace("http://", "");
    let elsewhere = format!("http://user@{address}/u/x");
    for (action, reply, expected) in [
        ("/u/x#top", answer(200, "", ""), Confirmation::Submitted),
        (
            "/u/x",
            answer(302, "/?success=true", ""),
            Confirmation::Confirmed,
        ),
        ("/u/x", answer(409, "", ""), Confirmation::Refused),
    ] {
        let mail = sandbox.auth0.mail_verification(&user, LinkPage::Form);
        let before = server.exchanges().len();
        faults.next(page(action));
        faults.next_for("POST", reply);
        assert_eq!(follow(&sandbox, &mail.link).await, expected);
        let exchanges = server.exchanges();
        let posted: Vec<_> = exchanges[before..]
            .iter()
            .filter(|exchange| exchange.method == "POST")
            .collect();
        assert_eq!(posted.len(), 1);
        assert_eq!(posted[0].target, "/u/x");
        assert_eq!(posted[0].request.as_ref(), b"state=x+y");
        let cookies = posted[0].headers.iter().find(|(name, _)| name == "cookie");
        assert_eq!(cookies.unwrap().1, "a=1; b=2");
    }
    for action in [elsewhere.as_str(), "http://[", "http://localhost:1/u/x"] {
        let mail = sandbox.auth0.mail_verification(&user, LinkPage::Form);
        let before = server.exchanges().len();
        faults.next(page(action));
        assert!(unclear(&follow(&sandbox, &mail.link).await), "{action}");
        assert_eq!(server.exchanges().len(), before + 1, "{action}");
    }
    let mail = sandbox.auth0.mail_verification(&user, LinkPage::Form);
    faults.next(answer(204, "", ""));
    let why = "an answer that does not tell whether it succeeded".to_owned();
    assert_eq!(
        follow(&sandbox, &mail.link).await,
        Confirmation::Unclear(why)
    );
    // The page came, and no answer to the form did.
    let mail = sandbox.auth0.mail_verification(&user, LinkPage::Form);
    faults.next_for("POST", Fault::ResetBefore);
    assert!(unclear(&follow(&sandbox, &mail.link).await));
}
