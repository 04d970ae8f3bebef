//! Links that give no clear word: the person is asked to try again, and can.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use sandbox::auth0::LinkPage;
use sandbox::wire::Fault;

use shared::rules::link::Kind;

use crate::scene::{CONFIRMED, EXPIRED, RETRY, Scene, answer, no_fault, request};

async fn can_be_tried_again(scene: &Scene, faults: Vec<Fault>, what: &str) {
    for fault in faults {
        scene.sandbox.auth0.server().faults().next(fault);
    }
    let reply = scene.text("YES").await;
    assert_eq!(
        (reply.status, reply.messages),
        (200, vec![RETRY.to_owned()]),
        "{what}: {:#?}",
        scene.lambda.log()
    );
    assert_eq!(scene.waiting().await, 1, "{what}");
    assert_eq!(scene.sandbox.auth0.server().faults().pending(), 0, "{what}");
}

#[tokio::test]
async fn a_tenant_in_trouble() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    for status in [500, 502, 503, 429, 408, 204] {
        can_be_tried_again(
            &scene,
            vec![answer(status, &[("retry-after", "60")], "busy")],
            &status.to_string(),
        )
        .await;
        can_be_tried_again(
            &scene,
            vec![no_fault(), answer(status, &[], "")],
            &format!("form: {status}"),
        )
        .await;
    }
    let odd = [
        Fault::ResetBefore,
        Fault::Truncate,
        Fault::Garbage,
        Fault::Oversize(5 * 1024 * 1024),
    ];
    for fault in odd {
        can_be_tried_again(&scene, vec![fault.clone()], &format!("{fault:?}")).await;
    }
    can_be_tried_again(&scene, vec![no_fault(), Fault::ResetBefore], "form: reset").await;
    scene.sandbox.auth0.server().faults().refuse(true);
    can_be_tried_again(&scene, vec![], "refused").await;
    scene.sandbox.auth0.server().faults().refuse(false);
    scene.text_answered("YES", CONFIRMED).await;
    assert!(scene.verified());
}

#[tokio::test]
async fn a_tenant_that_hangs() {
    let scene = Scene::hurried(Duration::from_secs(3)).await;
    scene.verification(LinkPage::Form).await;
    can_be_tried_again(&scene, vec![Fault::Hang], "hang").await;
    can_be_tried_again(&scene, vec![no_fault(), Fault::Hang], "form: hang").await;
    scene.text_answered("YES", CONFIRMED).await;
}

#[tokio::test]
async fn a_page_that_cannot_be_confirmed() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Unconfirmable).await;
    can_be_tried_again(&scene, vec![], "no form").await;
    can_be_tried_again(&scene, vec![], "no form").await;
    assert_eq!(
        (scene.sandbox.auth0.fetched(&mail.ticket), scene.verified()),
        (2, false)
    );
}

#[tokio::test]
async fn a_redirect_that_does_not_tell() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let elsewhere = scene.sandbox.mailgun.server().url();
    for location in [
        elsewhere.clone(),
        format!("{elsewhere}/?success=maybe"),
        format!("{elsewhere}/?success=true&success=false"),
        format!("{elsewhere}/?Success=true"),
        format!("{elsewhere}/#success=true"),
        "http://[".to_owned(),
    ] {
        can_be_tried_again(
            &scene,
            vec![answer(302, &[("location", &location)], "")],
            &location,
        )
        .await;
    }
    can_be_tried_again(&scene, vec![answer(302, &[], "")], "no location").await;
    assert!(scene.sandbox.mailgun.server().exchanges().is_empty());
}

#[tokio::test]
async fn where_a_redirect_leads_is_never_visited() {
    let scene = Scene::start().await;
    let location = format!(
        "{}/?success=true&message=Fine",
        scene.sandbox.mailgun.server().url()
    );
    scene.verification(LinkPage::Form).await;
    scene
        .sandbox
        .auth0
        .server()
        .faults()
        .next(answer(303, &[("location", &location)], ""));
    scene.text_answered("YES", CONFIRMED).await;
    scene.verification(LinkPage::Form).await;
    let within = format!("{}/login?success=true", scene.sandbox.auth0.server().url());
    scene
        .sandbox
        .auth0
        .server()
        .faults()
        .next(answer(302, &[("location", &within)], ""));
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(scene.opened(), ["GET /u/email-verification"; 2]);
    assert!(scene.sandbox.mailgun.server().exchanges().is_empty());
}

#[tokio::test]
async fn only_one_form_that_posts_to_the_same_origin_is_posted() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let elsewhere = scene.sandbox.mailgun.server().url();
    let form = "<form method=post action=/u/email-verification><input type=hidden name=state value=x></form>";
    let pages = [
        format!(
            "<form method=post action={elsewhere}/x><input type=hidden name=state value=x></form>"
        ),
        format!(
            "<form method=post action=//{}/x></form>",
            elsewhere.trim_start_matches("http://")
        ),
        format!("<base href={elsewhere}><form method=post action=x></form>"),
        "<form method=post action=https://acme.example/></form>".to_owned(),
        "<form method=post action=javascript:alert(1)></form>".to_owned(),
        "<form action=/u/email-verification><input type=hidden name=state value=x></form>"
            .to_owned(),
        "<form method=get></form><form method=dialog></form>".to_owned(),
        format!("{form}{form}"),
        format!("<meta http-equiv=refresh content='0;url={elsewhere}'>"),
        format!("<!-- {form} --><script>'{form}'</script>"),
        String::new(),
    ];
    for page in &pages {
        can_be_tried_again(
            &scene,
            vec![answer(200, &[("content-type", "text/html")], page)],
            page,
        )
        .await;
    }
    assert_eq!(
        scene.opened(),
        vec!["GET /u/email-verification"; pages.len()]
    );
    assert!(scene.sandbox.mailgun.server().exchanges().is_empty());
    scene.text_answered("YES", CONFIRMED).await;
}

#[tokio::test]
async fn the_user_s_record_tells_where_the_link_does_not() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    scene.sandbox.auth0.server().faults().next(no_fault());
    scene
        .sandbox
        .auth0
        .server()
        .faults()
        .next(Fault::ResetAfter);
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(
        (
            scene.sandbox.auth0.posted(&mail.ticket),
            scene.pending().await
        ),
        (1, None)
    );
    // Somebody opened this one before the YES came.
    let mail = scene.verification(LinkPage::Redirect).await;
    sandbox::wire::client()
        .get(&mail.link)
        .send()
        .await
        .unwrap();
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(scene.pending().await, None);
}

#[tokio::test]
async fn without_the_record_a_link_used_up_is_told_as_such() {
    let scene = Scene::with(&[("AUTH0_SECRET", None)]).await;
    let mail = scene.verification(LinkPage::Form).await;
    can_be_tried_again(
        &scene,
        vec![no_fault(), Fault::ResetAfter],
        "form: reset after",
    )
    .await;
    assert_eq!(
        (scene.sandbox.auth0.posted(&mail.ticket), scene.verified()),
        (1, true)
    );
    scene.text_answered("YES", EXPIRED).await;
    assert_eq!(
        (
            scene.sandbox.auth0.posted(&mail.ticket),
            scene.pending().await
        ),
        (1, None)
    );
}

/// A tenant without *Redirect To*: the form's answer is a page.
#[tokio::test]
async fn a_form_that_is_answered_by_a_page_is_posted_once() {
    const SUBMITTED: &str = "Thank you. You can sign in now.";
    let page = || {
        answer(
            200,
            &[("content-type", "text/html")],
            "<h1>Email Verified</h1>",
        )
    };
    let without: [(&str, Option<serde_json::Value>); 3] = [
        ("no secret", None),
        ("an empty one", Some(serde_json::json!({}))),
        (
            "empty keys",
            Some(serde_json::json!({ "client_id": "", "client_secret": "" })),
        ),
    ];
    for (what, secret) in without {
        let sandbox = sandbox::Sandbox::start().await;
        let setting = secret.as_ref().map(|_| "switchboard/auth0");
        if let Some(secret) = &secret {
            sandbox.aws.set_secret("switchboard/auth0", secret);
        }
        let scene = Scene::within(sandbox, 1, &[("AUTH0_SECRET", setting)]).await;
        scene.verification(LinkPage::Form).await;
        scene.sandbox.auth0.set_redirect_to(false);
        scene.text_answered("YES", SUBMITTED).await;
        scene.text_answered("YES", SUBMITTED).await;
        assert_eq!(
            (scene.opened().len(), scene.pending().await),
            (2, None),
            "{what}: a page and its form, once"
        );
    }
    // Who can ask says what the record says.
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    can_be_tried_again(&scene, vec![no_fault(), page()], "not verified").await;
    scene.sandbox.auth0.set_redirect_to(false);
    scene.text_answered("YES", CONFIRMED).await;
}

#[tokio::test]
async fn what_a_redirect_tells() {
    for (query, expected) in [
        (
            "success=false&message=This%20account%20is%20already%20verified.",
            CONFIRMED,
        ),
        (
            "error=access_denied&error_description=Access%20expired",
            EXPIRED,
        ),
        (
            "success=false&message=This%20URL%20can%20be%20used%20only%20once",
            EXPIRED,
        ),
        ("success=true&error=x", CONFIRMED),
    ] {
        let scene = Scene::with(&[("AUTH0_SECRET", None)]).await;
        scene.verification(LinkPage::Form).await;
        let location = format!("https://acme.example/?{query}");
        scene.sandbox.auth0.server().faults().next(no_fault());
        scene
            .sandbox
            .auth0
            .server()
            .faults()
            .next(answer(302, &[("location", &location)], ""));
        scene.text_answered("YES", expected).await;
        assert_eq!(scene.pending().await, None, "{query}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_changes_nothing() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Unconfirmable).await;
    can_be_tried_again(&scene, vec![no_fault(), answer(500, &[], "")], "token").await;
    can_be_tried_again(
        &scene,
        vec![no_fault(), no_fault(), answer(500, &[], "")],
        "users",
    )
    .await;
    scene.sandbox.aws.secrets().faults().refuse(true);
    can_be_tried_again(&scene, vec![], "secret").await;
}

/// The link may have been used up by an attempt whose answer was lost: only the record tells.
#[tokio::test]
async fn a_link_that_is_refused_while_the_record_cannot_be_read_can_be_tried_again() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    let lost = vec![no_fault(), Fault::ResetAfter, answer(500, &[], "")];
    can_be_tried_again(&scene, lost, "the form's answer is lost").await;
    assert!(scene.verified());
    let unread = vec![no_fault(), answer(500, &[], "")];
    can_be_tried_again(&scene, unread, "the link is used up").await;
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(scene.sandbox.auth0.posted(&mail.ticket), 1);
    let late = scene.verification(LinkPage::Form).await;
    scene.sandbox.auth0.expire(&late.ticket);
    scene.text_answered("YES", CONFIRMED).await;
}

/// Whoever controls a name of the list could let it lead into a network of ours.
#[tokio::test]
async fn no_connection_is_made_to_a_host_that_resolves_to_a_private_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("localhost:{}", listener.local_addr().unwrap().port());
    let scene = Scene::with(&[("LINK_HOSTS", Some(&*host))]).await;
    let link = format!("https://{host}/u/email-verification?ticket=x");
    scene
        .pend(&request("private", Kind::Verification, &link))
        .await;
    scene.text_answered("YES", RETRY).await;
    listener.set_nonblocking(true).unwrap();
    let connection = listener.accept().map(|_| ());
    assert_eq!(connection.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(scene.waiting().await, 1);
}
