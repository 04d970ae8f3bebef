//! A mail becomes a text, and its reply confirms.

use sandbox::auth0::{LinkPage, TicketMail};
use sandbox::mail::Mail;
use sandbox::mailgun::Forgery;
use sandbox::twilio;
use sandbox::wire::Fault;

use super::watch::{Canary, malformed, quoting};
use super::{PHONES, WORD};
use crate::{RECEIVE, SEND};

pub(super) async fn sending(canary: &mut Canary) {
    let lambda = canary
        .run(SEND, &[("SMS_PER_NUMBER_PER_HOUR", Some("3"))])
        .await;
    let good = canary.verification(PHONES[0], LinkPage::Form).mail;
    assert_eq!(
        (canary.post(&good).await, canary.post(&good).await),
        (200, 200)
    );
    for bad in [
        Mail {
            from: format!("{WORD}@evil.example"),
            ..good.clone()
        },
        Mail {
            recipient: format!("acme+{WORD}@sms.example.com"),
            ..good.clone()
        },
        Mail {
            recipient: "acme+442071838750@sms.example.com".to_owned(),
            ..good.clone()
        },
        Mail {
            html: WORD.to_owned(),
            ..good.clone()
        },
        Mail {
            html: good.html.clone() + &canary.password(PHONES[0]).mail.html,
            ..good.clone()
        },
    ] {
        assert_eq!(canary.post(&bad).await, 406);
    }
    canary.mark("2071838750");
    let mut forged = canary
        .sandbox
        .mailgun
        .fields(&good, sandbox::now().as_secs());
    forged
        .iter_mut()
        .filter(|(name, _)| name == "token")
        .for_each(|(_, token)| *token = "0".repeat(50));
    assert_eq!(
        canary
            .sandbox
            .mailgun
            .post(lambda.url(), &forged)
            .await
            .status,
        401
    );

    canary.sandbox.twilio.reject(PHONES[1], 21211);
    let refused = canary.verification(PHONES[1], LinkPage::Form).mail;
    assert_eq!(canary.post(&refused).await, 406);
    for fault in [
        quoting(500),
        quoting(429),
        quoting(401),
        quoting(400),
        Fault::Garbage,
        Fault::Truncate,
        Fault::ResetAfter,
        Fault::ResetBefore,
    ] {
        canary.sandbox.twilio.server().faults().next(fault);
        let mail = canary.verification(PHONES[2], LinkPage::Form).mail;
        canary.post(&mail).await;
        canary.sandbox.twilio.server().faults().clear();
    }
    for fault in [quoting(500), quoting(400), Fault::Garbage] {
        canary.sandbox.aws.dynamodb().faults().always(Some(fault));
        let mail = canary.verification(PHONES[3], LinkPage::Form).mail;
        assert_eq!(canary.post(&mail).await, 503);
        canary.sandbox.aws.dynamodb().faults().clear();
    }
    for page in [LinkPage::Form, LinkPage::Redirect, LinkPage::Unconfirmable] {
        let mail = canary.verification(PHONES[4], page).mail;
        assert_eq!(canary.post(&mail).await, 200);
    }
    let one_too_many = canary.password(PHONES[4]).mail;
    assert_eq!(canary.post(&one_too_many).await, 503);
    for fault in [
        quoting(500),
        quoting(401),
        quoting(200),
        Fault::Garbage,
        Fault::ResetAfter,
        Fault::Truncate,
    ] {
        canary
            .sandbox
            .auth0
            .server()
            .faults()
            .times(3, || fault.clone());
        let mail = canary.password(PHONES[5]).mail;
        assert_eq!(canary.post(&mail).await, 503, "{fault:?}");
        canary.sandbox.auth0.server().faults().clear();
    }
    let link = canary.sandbox.auth0.invented_link();
    canary.mark(
        link.split("ticket=")
            .nth(1)
            .unwrap_or_default()
            .trim_end_matches('#'),
    );
    canary.mark("4520304059");
    for forgery in Forgery::ALL {
        let mail = canary
            .sandbox
            .mailgun
            .forged("acme+4520304059@sms.example.com", &link, forgery);
        assert_eq!(canary.post(&mail).await, 406);
    }
    for event in malformed() {
        let _answer_or_error = lambda.invoke(event).await;
    }
    canary.collect(SEND, lambda, malformed().len()).await;
}

/// A request waits for this phone.
async fn wait_for(canary: &mut Canary, mail: &TicketMail) {
    let lambda = canary.run(SEND, &[]).await;
    assert_eq!(canary.post(&mail.mail).await, 200);
    canary.collect(SEND, lambda, 0).await;
}

pub(super) async fn confirming(canary: &mut Canary) {
    // PHONES[0] has one request, from before.
    let lambda = canary.run(RECEIVE, &[]).await;
    let url = lambda.url().to_owned();
    let yes = canary
        .sandbox
        .twilio
        .inbound(PHONES[0], twilio::NUMBER, "YES");
    for fault in [
        quoting(500),
        quoting(302),
        Fault::Garbage,
        Fault::ResetAfter,
        Fault::Truncate,
    ] {
        canary.sandbox.auth0.server().faults().next(fault);
        canary.text(PHONES[0], "YES").await;
    }
    for fault in [quoting(500), quoting(400)] {
        canary.sandbox.aws.dynamodb().faults().always(Some(fault));
        assert_eq!(
            canary
                .sandbox
                .twilio
                .deliver(yes.clone(), &url)
                .await
                .status,
            503
        );
        canary.sandbox.aws.dynamodb().faults().clear();
    }
    canary.text(PHONES[0], WORD).await;
    assert_eq!(
        canary
            .sandbox
            .twilio
            .deliver_signed(yes.clone(), &url, WORD)
            .await
            .status,
        403
    );
    for _ in 0..2 {
        assert_eq!(
            canary
                .sandbox
                .twilio
                .deliver(yes.clone(), &url)
                .await
                .status,
            200
        );
    }
    assert!(
        canary
            .sandbox
            .auth0
            .user(&canary.user(PHONES[0]).email)
            .unwrap()
            .email_verified
    );
    canary.text(PHONES[0], "yes").await;
    canary.text(PHONES[5], WORD).await;
    for event in malformed() {
        let _answer_or_error = lambda.invoke(event).await;
    }
    canary.collect(RECEIVE, lambda, malformed().len()).await;

    let (verification, password) = (
        canary.verification(PHONES[6], LinkPage::Form),
        canary.password(PHONES[6]),
    );
    wait_for(canary, &verification).await;
    wait_for(canary, &password).await;
    let lambda = canary.run(RECEIVE, &[]).await;
    let list = canary.text(PHONES[6], "YES").await;
    assert!(list[0].lines().count() == 3, "{list:?}");
    for code in canary.codes.clone() {
        canary.text(PHONES[6], &format!("YES {code}")).await;
    }
    canary.collect(RECEIVE, lambda, 0).await;

    let mail = canary.verification(PHONES[7], LinkPage::Form);
    canary.sandbox.auth0.expire(&mail.ticket);
    wait_for(canary, &mail).await;
    let lambda = canary.run(RECEIVE, &[]).await;
    canary.text(PHONES[7], "YES").await;
    canary.text(PHONES[4], "STOP").await;
    canary.sandbox.twilio.alerts();
    canary.collect(RECEIVE, lambda, 0).await;
}

pub(super) async fn confirming_by_management_api(canary: &mut Canary) {
    let mail = canary.verification(PHONES[7], LinkPage::Form);
    wait_for(canary, &mail).await;
    let lambda = canary
        .run(RECEIVE, &[("CONFIRM_WITH", Some("management-api"))])
        .await;
    for fault in [quoting(401), quoting(500), quoting(200), Fault::Garbage] {
        canary.sandbox.auth0.server().faults().next(fault);
        canary.text(PHONES[7], "YES").await;
        canary.sandbox.auth0.server().faults().clear();
    }
    canary.text(PHONES[7], "YES").await;
    assert!(
        canary
            .sandbox
            .auth0
            .user(&canary.user(PHONES[7]).email)
            .unwrap()
            .email_verified
    );
    assert_eq!(canary.sandbox.auth0.fetched(&mail.ticket), 0);
    canary.collect(RECEIVE, lambda, 0).await;
}
