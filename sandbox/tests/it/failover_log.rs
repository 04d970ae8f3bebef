//! The log of a failover: `delivery-status` opens the number and the text of a code, and writes neither.

use sandbox::{
    clickatell,
    end_user_messaging::POOL_ARN,
    plivo,
    receipts::{Post, State},
    twilio, vonage,
    wire::Fault,
};
use serde_json::json;

use crate::{
    failover::{FAILED, age, run, sent},
    fallback::{calling, calls},
};

/// An answer in the error shapes of all providers and of AWS, which repeats what it was sent.
fn quoting(status: u16, phone: &str, code: u32) -> Fault {
    let spoken: Vec<String> = code.to_string().chars().map(String::from).collect();
    let all = [
        phone,
        &phone[1..],
        &format!("Your code is {code}"),
        &spoken.join(". "),
        twilio::API_KEY_SECRET,
        clickatell::API_KEY,
        plivo::AUTH_TOKEN,
        vonage::API_SECRET,
        POOL_ARN,
    ]
    .join(" ");
    let error = json!({ "code": all, "description": all });
    let message =
        json!({ "accepted": false, "to": all, "error": error, "status": all, "error-text": all });
    let body = json!({
        "__type": "x#AccessDeniedException", "message": all, "code": all, "error": error, "api_id": all,
        "messages": [message], "more_info": all, "title": all, "detail": all,
    });
    Fault::Answer {
        status,
        headers: vec![("retry-after".to_owned(), all)],
        body: body.to_string(),
    }
}

#[tokio::test]
async fn no_line_of_a_failover_gives_anything_away() {
    let circle = calling("*=plivo,clickatell,vonage", &[]).await;
    let sandbox = &circle.sandbox;
    // As it should go: by receipts through all providers, and then by a call.
    let text = sent(&circle, "+4520304090", 27_182_800).await;
    sandbox.plivo.report(&text, FAILED).await;
    sandbox
        .plivo
        .report(
            &text,
            Post {
                forged: true,
                ..FAILED
            },
        )
        .await;
    for text in sandbox.clickatell.messages() {
        let failed = Post::genuine(State::Failed(23));
        sandbox.clickatell.report(&text, failed).await;
    }
    for _ in 0..3 {
        age(&circle, 25).await;
        run(&circle).await;
    }
    assert_eq!((circle.texts(), calls(&circle).len()), (3, 1));
    // Providers that repeat what they were told.
    let providers = [
        sandbox.clickatell.server(),
        sandbox.vonage.server(),
        sandbox.twilio.server(),
    ];
    for (n, status) in (0..).zip([200, 302, 400, 401, 429, 500, 503]) {
        let (phone, code) = (format!("+45203040{}", 50 + n), 27_182_810 + n);
        let text = sent(&circle, &phone, code).await;
        for server in providers {
            server.faults().always(Some(quoting(status, &phone, code)));
        }
        sandbox.plivo.report(&text, FAILED).await;
        for _ in 0..3 {
            age(&circle, 25).await;
            run(&circle).await;
        }
        for server in providers {
            server.faults().clear();
        }
    }
    // So does AWS.
    let services = [
        sandbox.aws.kms(),
        sandbox.aws.dynamodb(),
        sandbox.aws.secrets(),
    ];
    for (n, server) in (0..).zip(services) {
        let (phone, code) = (format!("+45203040{}", 70 + n), 27_182_830 + n);
        let text = sent(&circle, &phone, code).await;
        server.faults().always(Some(quoting(400, &phone, code)));
        sandbox.plivo.report(&text, FAILED).await;
        let event = json!({ "source": "aws.scheduler" });
        let _whether_it_failed = circle.delivery.invoke(event).await;
        server.faults().clear();
    }
    let failed = |line: &String| line.contains("\"level\":\"ERROR\"") || line.contains("WARN");
    let lines = circle.delivery.log();
    assert!(lines.iter().any(|line| line.contains("sent_again")));
    assert!(
        lines.iter().filter(|line| failed(line)).count() >= 5,
        "{lines:#?}"
    );
    assert!(circle.judge() > 50);
}
