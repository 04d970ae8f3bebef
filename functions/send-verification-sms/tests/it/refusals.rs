//! What is refused for good, and with which word in the log.

use sandbox::{auth0::LinkPage, mail::Mail, wire::client};

use crate::scene::{Fields, PHONE, Scene, number, set};

async fn refused(scene: &Scene, mail: &Mail, reason: &str) {
    let answer = scene.post_mail(mail).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (406, ""),
        "{reason}: {mail:#?}"
    );
    let line = scene.logged(reason).await;
    assert_eq!(
        (&line["status"], &line["Refused"]),
        (&406.into(), &1.into())
    );
    scene.untouched();
}

#[tokio::test]
async fn other_paths_methods_types_and_sizes() {
    let scene = Scene::start().await;
    let url = scene.lambda.url();
    let http = client();
    let form = "application/x-www-form-urlencoded";
    for path in ["x", "mime/", "x/mime", "%2f", "/", "index.html?a=1"] {
        let answer = http
            .post(format!("{url}{path}"))
            .header("content-type", form)
            .body("a=1")
            .send()
            .await
            .unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                answer.text().await.unwrap().as_str()
            ),
            (404, ""),
            "{path}"
        );
    }
    for request in [
        http.get(url),
        http.put(url),
        http.patch(url),
        http.delete(url),
    ] {
        let answer = request
            .header("content-type", form)
            .body("a=1")
            .send()
            .await
            .unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["allow"]),
            (405, &"POST".parse().unwrap())
        );
    }
    for kind in [
        "application/json",
        "text/plain",
        "multipart/alternative",
        "multipart/mixed; boundary=b",
        "",
        "form",
    ] {
        let answer = http
            .post(url)
            .header("content-type", kind)
            .body("a=1")
            .send()
            .await
            .unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                answer.text().await.unwrap().as_str()
            ),
            (415, ""),
            "{kind}"
        );
    }
    scene.untouched();
    // The event's base64 would exceed Lambda's own limit by then: over 5 MiB comes in as it is only.
    let event = serde_json::json!({
        "rawPath": "/", "rawQueryString": "", "headers": { "content-type": form },
        "requestContext": { "domainName": "x", "http": { "method": "POST" } },
        "body": "x".repeat(5 * 1024 * 1024 + 1), "isBase64Encoded": false
    });
    assert_eq!(scene.lambda.invoke(event).await.unwrap()["statusCode"], 413);
    scene.untouched();
    scene.still_works().await;
}

/// The path's end tells Mailgun to post mails as they are. It is told at once, instead of after eight hours of retries.
#[tokio::test]
async fn a_route_for_raw_mails_is_named() {
    let scene = Scene::start().await;
    let raw = |mut fields: Fields| {
        fields.retain(|(name, _)| !name.starts_with("body-") && !name.starts_with("stripped-"));
        fields.push(("body-mime".to_owned(), "Subject: x\r\n\r\nx".to_owned()));
        fields
    };
    let (root, mime) = (
        scene.lambda.url().to_owned(),
        format!("{}mime", scene.lambda.url()),
    );
    for (url, fields) in [
        (&mime, raw(scene.fields(&scene.mail()))),
        (&mime, scene.fields(&scene.mail())),
        (&root, raw(scene.fields(&scene.mail()))),
    ] {
        let answer = scene.sandbox.mailgun.post(url, &fields).await;
        assert_eq!((answer.status, answer.body.as_str()), (406, ""), "{url}");
    }
    assert_eq!(scene.logged("mime_route").await["Refused"], 1);
    let mut forged = raw(scene.fields(&scene.mail()));
    set(&mut forged, "signature", &"0".repeat(64));
    assert_eq!(
        scene.sandbox.mailgun.post(&mime, &forged).await.status,
        401,
        "strangers learn nothing"
    );
    scene.untouched();
    let mut both = scene.fields(&scene.mail());
    both.push(("body-mime".to_owned(), "x".to_owned()));
    assert_eq!(
        scene.post(&both).await.status,
        200,
        "a mail with its parts is read"
    );
}

#[tokio::test]
async fn a_recipient_without_one_clear_phone() {
    let scene = Scene::start().await;
    for recipient in [
        "acme 4512345678@sms.example.com",
        "acme4512345678@sms.example.com",
        "acme++4512345678@sms.example.com",
        "acme+4512345678+15005550001@sms.example.com",
        "acme+45123abc@sms.example.com",
        "acme+0045123456@sms.example.com",
        "acme+123456789012345678901234567890123456789@sms.example.com",
        "acme+٤٥١٢٣٤٥٦٧٨@sms.example.com",
        "acme+4512345678@sms.example.com,acme+4587654321@sms.example.com",
        "acme+4512345678@sms.example.com@evil.example",
        "acme+4512345678@evil.example",
        "\"acme+4512345678\"@sms.example.com",
        "\u{202e}acme+4512345678@sms.example.com",
        "info@sms.example.com",
        "",
    ] {
        refused(
            &scene,
            &Mail {
                recipient: recipient.to_owned(),
                ..scene.mail()
            },
            "no_phone",
        )
        .await;
    }
    let mut twice = scene.fields(&scene.mail());
    twice.push(("recipient".into(), "acme+4587654321@sms.example.com".into()));
    assert_eq!(scene.post(&twice).await.status, 406);
    scene.untouched();
}

#[tokio::test]
async fn a_recipient_with_an_impossible_number() {
    let scene = Scene::start().await;
    for digits in [
        "45020123456",
        "45201234567890",
        "10000000000",
        "114155550100",
        "4407400123456",
        "399999999",
        "2101234567",
        "4520123",
    ] {
        refused(
            &scene,
            &Mail {
                recipient: format!("acme+{digits}@sms.example.com"),
                ..scene.mail()
            },
            "no_phone",
        )
        .await;
    }
    assert_eq!(scene.items("").await, scene.items("token#").await);
}

#[tokio::test]
async fn the_to_header_is_not_the_recipient() {
    let scene = Scene::start().await;
    let mail = Mail {
        to: "acme+4587654321@sms.example.com, other@sms.example.com".into(),
        ..scene.mail()
    };
    assert_eq!(scene.post_mail(&mail).await.status, 200);
    assert_eq!(
        (scene.sandbox.twilio.inbox(PHONE).len(), scene.texts()),
        (1, 1)
    );
}

#[tokio::test]
async fn an_unknown_or_ambiguous_sender() {
    let scene = Scene::start().await;
    for from in [
        "evil@evil.example",
        "\"no-reply@acme.example\" <evil@evil.example>",
        "no-reply@acme.example <evil@evil.example>",
        "no-reply@acme.example, evil@evil.example",
        "no-reply@acme.example.evil.example",
        "Acme <no-reply@acme.example> <evil@evil.example>",
        "evil@evil.example <no-reply@acme.example>",
        "evil @ evil.example <no-reply@acme.example>",
        "Acme <no-reply@acme.example>, Work <evil@evil.example>",
        "Acme (evil@evil.example) no-reply@acme.example",
        "Acme <no-> <reply@acme.example>",
        "",
    ] {
        refused(
            &scene,
            &Mail {
                from: from.into(),
                ..scene.mail()
            },
            "sender_not_allowed",
        )
        .await;
    }
    for name in ["From", "from", "FROM"] {
        let mut second = scene.fields(&scene.mail());
        second.push((name.into(), "evil@evil.example".into()));
        assert_eq!(scene.post(&second).await.status, 406);
    }
    let mut one_of_two = scene.fields(&scene.mail());
    set(&mut one_of_two, "from", "evil@evil.example");
    assert_eq!(scene.post(&one_of_two).await.status, 406);
    scene.untouched();
}

/// As RFC 5322 has it: what stands beside the address is a name or a comment.
#[tokio::test]
async fn a_sender_with_a_name_or_a_comment_beside_its_address() {
    let scene = Scene::start().await;
    for (n, from) in [
        "Acme @ Work <no-reply@acme.example>",
        "Acme <no-reply@acme.example> (accounts)",
        "no-reply@acme.example (Acme)",
        "(Acme (accounts)) <No-Reply@Acme.example>",
        "no-reply@acme.example <no-reply@acme.example>",
        "\"Acme, Inc. <evil@evil.example>\" <no-reply@acme.example>",
        "Caf\u{e9}, Inc. <no-reply@acme.example>",
        "=?utf-8?q?Acme_=40_Work?= < no-reply@acme.example >",
    ]
    .into_iter()
    .enumerate()
    {
        let mail = Mail {
            from: from.into(),
            ..scene.mail_to(&format!("+451234560{n}"))
        };
        assert_eq!(scene.post_mail(&mail).await.status, 200, "{from}");
    }
    assert_eq!(scene.texts(), 8);
}

#[tokio::test]
async fn a_whole_domain_may_be_allowed_to_send() {
    let scene = Scene::with(&[(
        "MAIL_SENDERS",
        Some("@mail.acme.example, no-reply@acme.example"),
    )])
    .await;
    assert_eq!(
        scene
            .post_mail(&Mail {
                from: "Any <One@MAIL.acme.example>".into(),
                ..scene.mail()
            })
            .await
            .status,
        200
    );
    assert_eq!(
        scene
            .post_mail(&Mail {
                from: "any@sub.mail.acme.example".into(),
                ..scene.mail()
            })
            .await
            .status,
        406
    );
    assert_eq!(scene.texts(), 1);
}

#[tokio::test]
async fn a_country_not_allowed_and_ranges_that_cost() {
    let scene = Scene::start().await;
    for phone in [
        "+447400123456",
        "+18765550123",
        "+4590123456",
        "+19005550123",
        "+881612345678",
        "+97912345678",
    ] {
        refused(&scene, &scene.mail_to(phone), "country_not_allowed").await;
    }
    assert_eq!(
        scene
            .post_mail(&scene.mail_to("+573001234567"))
            .await
            .status,
        200
    );
    let own = Scene::with(&[("ALLOWED_COUNTRIES", None)]).await;
    refused(&own, &own.mail(), "country_not_allowed").await;
    assert_eq!(
        own.post_mail(&own.mail_to("+12025550123")).await.status,
        200
    );
}

#[tokio::test]
async fn no_link_that_may_be_trusted() {
    let scene = Scene::start().await;
    let tenant = scene.sandbox.auth0.server().url();
    let port = scene.sandbox.auth0.server().port();
    for html in [
        String::new(),
        "<p>Welcome to Acme!</p>".into(),
        format!("<a href='{tenant}/u/email-verification'>no ticket</a>"),
        format!("<a href='{tenant}/v2/logout?ticket=x'>another page</a>"),
        format!("<a href='http://localhost:{port}/u/email-verification?ticket=x'>another host</a>"),
        format!(
            "<a href='http://127.0.0.1:{}/u/email-verification?ticket=x'>another port</a>",
            port ^ 1
        ),
        format!("<a href='http://user@127.0.0.1:{port}/u/email-verification?ticket=x'>user</a>"),
        "<a href='http://169.254.169.254/u/email-verification?ticket=x'>metadata</a>".into(),
        format!("<a href='https://track.example/c?u={tenant}/u/email-verification'>tracking</a>"),
        format!("<meta http-equiv=refresh content='0;url={tenant}/u/email-verification?ticket=x'>"),
        format!(
            "<base href='https://evil.example'><a href='/u/email-verification?ticket=x'>{tenant}</a>"
        ),
        format!("<!-- <a href='{tenant}/u/email-verification?ticket=x'>hidden</a> -->"),
    ] {
        refused(
            &scene,
            &Mail {
                html,
                ..scene.mail()
            },
            "no_link",
        )
        .await;
    }
}

/// A verification link of this length.
fn link(scene: &Scene, length: usize) -> String {
    let start = format!(
        "{}/u/email-verification?ticket=",
        scene.sandbox.auth0.server().url()
    );
    format!("{start}{}", "x".repeat(length - start.len()))
}

#[tokio::test]
async fn a_link_that_no_text_could_hold() {
    let scene = Scene::start().await;
    for length in [1_001, 150_000, 150_000, 150_000] {
        refused(
            &scene,
            &Mail {
                html: format!("<a href='{}'>", link(&scene, length)),
                ..scene.mail()
            },
            "no_link",
        )
        .await;
    }
    scene.untouched();
    let html = format!("<a href='{}'>", link(&scene, 1_000));
    assert_eq!(
        scene
            .post_mail(&Mail {
                html,
                ..scene.mail()
            })
            .await
            .status,
        200
    );
}

/// DynamoDB's items end at 400 KB.
#[tokio::test]
async fn a_phone_that_is_written_to_for_ever_stays_reachable() {
    let overrides = [
        ("SMS_PER_NUMBER_PER_HOUR", Some("1000")),
        ("RESET_VALID_HOURS", Some("720")),
    ];
    let scene = Scene::with(&overrides).await;
    let html = format!("<a href='{}'>", link(&scene, 1_000));
    assert_eq!(
        scene
            .post_mail(&Mail {
                html: html.clone(),
                ..scene.mail()
            })
            .await
            .status,
        200
    );
    let mut item = scene.items(&format!("pending#{PHONE}")).await.remove(0);
    let attributes = item.as_object_mut().unwrap();
    let name = attributes
        .keys()
        .find(|name| name.starts_with("r_"))
        .unwrap()
        .clone();
    let mut request = attributes[&name].clone();
    let created = number(&request["M"]["created_at"]);
    for earlier in 1..=160 {
        request["M"]["created_at"]["N"] = (created - earlier).to_string().into();
        attributes.insert(format!("r_{earlier:032}"), request.clone());
    }
    scene.sandbox.aws.put(item).await;
    let mut mails = 0;
    while scene.pending(PHONE).await.len() > 150 {
        mails += 1;
        assert!(mails <= 100, "the item grows until it is full");
        assert_eq!(
            scene
                .post_mail(&Mail {
                    html: html.clone(),
                    ..scene.mail()
                })
                .await
                .status,
            200
        );
    }
    assert!(
        scene.items(&format!("pending#{PHONE}")).await[0][name].is_object(),
        "the newest are kept"
    );
}

#[tokio::test]
async fn two_links_that_may_be_trusted() {
    let scene = Scene::start().await;
    let (one, other) = (scene.mail(), scene.mail());
    refused(
        &scene,
        &Mail {
            html: format!("{}{}", one.html, other.html),
            ..scene.mail()
        },
        "several_links",
    )
    .await;
    let hidden = format!(
        "{}<a style='display:none' href='{}/lo/reset?ticket=x'>",
        one.html,
        scene.sandbox.auth0.server().url()
    );
    refused(
        &scene,
        &Mail {
            html: hidden,
            ..scene.mail()
        },
        "several_links",
    )
    .await;
}

/// A template may mark where a link stood in the mail: the ticket is the same.
#[tokio::test]
async fn one_ticket_in_several_links_is_one_link() {
    let scene = Scene::start().await;
    let issued = scene
        .sandbox
        .auth0
        .mail_verification(&scene.sign_up(PHONE), LinkPage::Form);
    let link = issued.link.trim_end_matches('#');
    let html = format!("<a href='{link}&amp;from=top#'>1</a><a href='{link}&from=bottom'>2</a>");
    let mail = Mail {
        html,
        ..issued.mail.clone()
    };
    assert_eq!(scene.post_mail(&mail).await.status, 200);
    let waiting = scene.pending(PHONE).await;
    assert_eq!(waiting[0]["link"]["S"], format!("{link}&from=top"));
}

/// <https://url.spec.whatwg.org/#concept-basic-url-parser>: a mail program breaks long lines, wherever that is.
#[tokio::test]
async fn line_breaks_and_tabs_within_a_link_are_read_as_browsers_read_them() {
    let scene = Scene::start().await;
    for (n, broken) in ["\r\n", "\n", "\t", "\r\n\t", "&#13;&#10;", "&#9;"]
        .into_iter()
        .enumerate()
    {
        let phone = format!("+451234560{n}");
        let issued = scene
            .sandbox
            .auth0
            .mail_verification(&scene.sign_up(&phone), LinkPage::Form);
        let (before, after) = issued.link.split_at(issued.link.len() - 12);
        let html = format!("<a href=\"{broken}\u{1} {before}{broken}{after}{broken}\">Confirm</a>");
        let mail = Mail {
            html,
            ..issued.mail.clone()
        };
        assert_eq!(scene.post_mail(&mail).await.status, 200, "{broken:?}");
        let waiting = scene.pending(&phone).await;
        assert_eq!(waiting[0]["link"]["S"], issued.link.trim_end_matches('#'));
    }
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

const VERDICT: &str = "X-Mailgun-Dkim-Check-Result";
const SIGNATURE: &str = "Dkim-Signature";
const OURS: &str = "v=1; a=rsa-sha256; c=relaxed/relaxed;        d=acme.example; s=s1;        h=from:to:subject; b=AHaRdy+iET\t\t abc==";

#[tokio::test]
async fn a_good_verdict_where_it_is_demanded() {
    let scene = Scene::with(&[("REQUIRE_DKIM", Some("true"))]).await;
    for verdicts in [
        &[][..],
        &["Fail"],
        &[""],
        &["Pass", "Fail"],
        &["Fail", "Pass"],
    ] {
        let mut headers = vec![header(SIGNATURE, OURS)];
        headers.extend(verdicts.iter().map(|verdict| header(VERDICT, verdict)));
        refused(
            &scene,
            &Mail {
                headers,
                ..scene.mail()
            },
            "dkim_not_passed",
        )
        .await;
    }
    // One that is only in the list of headers.
    let mut listed = scene.fields(&scene.mail());
    let list = format!("[[\"{VERDICT}\", \"Fail\"]]");
    set(&mut listed, "message-headers", &list);
    assert_eq!(scene.post(&listed).await.status, 406);
    scene.logged("dkim_not_passed").await;
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    assert_eq!(scene.texts(), 1);
}

#[tokio::test]
async fn a_signature_by_another_than_the_sender_where_it_is_demanded() {
    let scene = Scene::with(&[
        ("REQUIRE_DKIM", Some("true")),
        ("MAIL_SENDERS", Some("@acme.example,@mail.acme.example")),
    ])
    .await;
    let theirs = OURS.replace("acme.example", "evil.example");
    for signatures in [
        vec![],
        vec![header(SIGNATURE, &theirs)],
        vec![header(SIGNATURE, OURS), header("DKIM-Signature", &theirs)],
        vec![header("dkim-signature", &theirs), header(SIGNATURE, OURS)],
        vec![header(
            SIGNATURE,
            &OURS.replace("acme.example", "mail.acme.example"),
        )],
        vec![header(SIGNATURE, &OURS.replace("acme.example", "example"))],
        vec![header(
            SIGNATURE,
            &OURS.replace("d=acme.example", "d=acme.example; d=acme.example"),
        )],
        vec![header(SIGNATURE, &OURS.replace("d=acme.example;", ""))],
        vec![header(SIGNATURE, "acme.example")],
        vec![header(SIGNATURE, "")],
    ] {
        let headers = signatures
            .into_iter()
            .chain([header(VERDICT, "Pass")])
            .collect();
        refused(
            &scene,
            &Mail {
                headers,
                ..scene.mail()
            },
            "dkim_not_aligned",
        )
        .await;
    }
    // One that is only in the list of headers.
    let mut listed = scene.fields(&scene.mail());
    let with_theirs = format!("[[\"Dkim-Signature\", \"{}\"]]", theirs.replace('\t', " "));
    for list in [with_theirs.as_str(), "{}", "[[1, 2]]", "no JSON"] {
        set(&mut listed, "message-headers", list);
        assert_eq!(scene.post(&listed).await.status, 406, "{list}");
    }
    scene.untouched();
    let from = "Acme <no-reply@mail.acme.example>".to_owned();
    let both = vec![
        header(VERDICT, "Pass"),
        header(SIGNATURE, OURS),
        header("DKIM-SIGNATURE", &OURS.replace(" d=", " d=mail.")),
    ];
    for mail in [
        scene.mail(),
        Mail {
            from: from.clone(),
            ..scene.mail()
        },
        Mail {
            from,
            headers: both,
            ..scene.mail()
        },
    ] {
        assert_eq!(scene.post_mail(&mail).await.status, 200, "{mail:#?}");
    }
    assert_eq!(scene.texts(), 3);
}

/// What Auth0's sender signed is who the mail was for, in the To header: the envelope is whoever sent it on's.
#[tokio::test]
async fn a_mail_that_was_not_signed_for_its_recipient_where_that_is_demanded() {
    let scene = Scene::with(&[("REQUIRE_DKIM", Some("true"))]).await;
    let ours = crate::scene::address(PHONE);
    for to in [
        crate::scene::address("+4587654321"),
        format!("{ours}, other@sms.example.com"),
        format!("{ours}, {ours}"),
        format!("\"{ours}\" <other@sms.example.com>"),
        format!("{ours} <other@sms.example.com>"),
        "undisclosed-recipients:;".to_owned(),
        String::new(),
    ] {
        let mail = Mail { to, ..scene.mail() };
        refused(&scene, &mail, "recipient_not_addressed").await;
    }
    for signature in [
        OURS.replace("from:to:subject", "from:subject"),
        OURS.replace("from:to:subject", "from:reply-to:to-do"),
        OURS.replace(" h=from:to:subject;", " h=from; h=from:to;"),
        OURS.replace(" b=", " l=100; b="),
        OURS.replace(" b=", " L = 100; b="),
    ] {
        for mut signatures in [
            vec![header(SIGNATURE, &signature)],
            vec![header(SIGNATURE, OURS), header(SIGNATURE, &signature)],
        ] {
            signatures.push(header(VERDICT, "Pass"));
            let mail = Mail {
                headers: signatures,
                ..scene.mail()
            };
            refused(&scene, &mail, "recipient_not_addressed").await;
        }
    }
    // A second To header, which no signature covers, however it comes.
    let mut second = scene.fields(&scene.mail());
    second.push(("to".to_owned(), "other@sms.example.com".to_owned()));
    assert_eq!(scene.post(&second).await.status, 406);
    let mut listed = scene.fields(&scene.mail());
    let list = r#"[["To", "other@sms.example.com"]]"#;
    set(&mut listed, "message-headers", list);
    assert_eq!(scene.post(&listed).await.status, 406);
    scene.untouched();
    let with = |h: &str| {
        vec![
            header(VERDICT, "Pass"),
            header(SIGNATURE, &OURS.replace("from:to:subject", h)),
        ]
    };
    for mail in [
        Mail {
            to: format!("<{}>", ours.replace("sms.example.com", "SMS.Example.com")),
            ..scene.mail()
        },
        Mail {
            to: format!("\"{ours}\" <{ours}>"),
            headers: with("Subject : TO\t:From"),
            ..scene.mail()
        },
        Mail {
            to: format!("{ours} <{ours}>"),
            headers: with("from:from:to:to"),
            ..scene.mail()
        },
    ] {
        assert_eq!(scene.post_mail(&mail).await.status, 200, "{mail:#?}");
    }
    let mut without = scene.fields(&scene.mail());
    without.retain(|(name, _)| !name.eq_ignore_ascii_case("to"));
    set(&mut without, "message-headers", "[]");
    assert_eq!(scene.post(&without).await.status, 200, "no To header");
}

#[tokio::test]
async fn a_verdict_that_nobody_asks_for_counts_nothing() {
    let scene = Scene::start().await;
    let headers = vec![header(VERDICT, "Fail"), header(SIGNATURE, "d=evil.example")];
    assert_eq!(
        scene
            .post_mail(&Mail {
                headers,
                ..scene.mail()
            })
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_refused_mail_is_not_delivered_again() {
    let scene = Scene::start().await;
    let delivery = scene
        .sandbox
        .mailgun
        .receive(&Mail {
            html: "Welcome".into(),
            ..scene.mail()
        })
        .await;
    assert_eq!((delivery.attempts.len(), delivery.done), (1, false));
}
