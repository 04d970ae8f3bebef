//! What the functions wrote, and what happened to a number.

use std::process::Stdio;

use sandbox::wire::Fault;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::scene::Scene;

const NUMBER: &str = "+4512345678";
const OTHER: &str = "+46••••5678";

fn now() -> u64 {
    sandbox::now().as_secs() * 1_000
}

/// A line as a function writes it.
fn line(outcome: &str, level: &str, more: &Value) -> String {
    let mut line = json!({
        "level": level, "function": "f", "outcome": outcome, "status": 200, "duration_ms": 20.6, "Requests": 1,
        "_aws": { "CloudWatchMetrics": [] },
    });
    line.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    line.to_string()
}

async fn written() -> Scene {
    let scene = Scene::new().await;
    let logs = scene.sandbox.aws.logs();
    let at = now();
    let of_anna = json!({ "phone": "+45••••5678", "sid": "SM1", "provider": "twilio" });
    logs.write(
        "sms-gateway",
        at - 60_000,
        "START RequestId: 1 Version: $LATEST",
    );
    logs.write("sms-gateway", at - 59_000, &line("sent", "INFO", &of_anna));
    logs.write(
        "delivery-status",
        at - 58_000,
        &line(
            "recorded",
            "INFO",
            &json!({ "sid": "SM1", "state": "delivered" }),
        ),
    );
    let another = json!({ "phone": OTHER, "sid": "SM2" });
    logs.write("sms-gateway", at - 57_000, &line("sent", "INFO", &another));
    let error = json!({ "error": "Twilio: \u{1b}[2Jno answer" });
    logs.write(
        "send-verification-sms",
        at - 2 * 3_600_000,
        &line("twilio_unavailable", "ERROR", &error),
    );
    scene
}

#[tokio::test]
async fn logs_are_one_readable_line_a_request() {
    let scene = written().await;
    let shown = scene.succeed(&["logs"]).await.out;
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(
        lines[0].contains("sms-gateway")
            && lines[0].contains("sent  200  20.6 ms")
            && lines[0].contains("phone=+45••••5678")
            && lines[0].contains("sid=SM1"),
        "{shown}"
    );
    assert!(
        lines[1].contains("delivery-status") && lines[1].contains("recorded"),
        "{shown}"
    );
    assert!(
        !shown.contains("_aws") && !shown.contains("Requests"),
        "{shown}"
    );
    let all = scene.succeed(&["logs", "sms-gateway", "--all"]).await.out;
    assert!(all.contains("START RequestId"), "{all}");
    let errors = scene
        .succeed(&["logs", "--errors", "--since", "1d"])
        .await
        .out;
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(
        errors.contains("twilio_unavailable") && !errors.contains('\u{1b}'),
        "a provider's words must not steer the terminal: {errors:?}"
    );
    let outcome = ["--json", "logs", "--outcome", "recorded"];
    let document = scene.succeed(&outcome).await.json();
    assert_eq!(document["lines"][0]["fields"]["state"], "delivered");
    assert!(
        document["without_log"]
            .as_array()
            .unwrap()
            .contains(&json!("secure-api")),
        "{document}"
    );
    let nothing = scene.succeed(&["logs", "secure-api"]).await.out;
    assert_eq!(
        nothing,
        "no line in this time\nsecure-api has no log: the stack does not have this function, or nobody has called it yet\n"
    );
    for (wrong, says) in [
        (&["logs", "sms-gatewy"][..], "sms-gateway"),
        (&["logs", "--since", "10"], "such as 10m"),
        (&["logs", "--outcome", "a\" || \""], "is not a word"),
    ] {
        let output = scene.run(wrong).await;
        assert!(output.code == 2 && output.err.contains(says), "{output:?}");
    }
    scene
        .sandbox
        .aws
        .log_server()
        .faults()
        .times(1, || Fault::Answer {
            status: 400,
            headers: vec![],
            body: json!({ "__type": "AccessDeniedException", "message": "not allowed" })
                .to_string(),
        });
    let denied = scene.run(&["logs"]).await;
    assert!(
        denied.code == 3 && denied.err.contains("lists the permissions"),
        "{denied:?}"
    );
}

#[tokio::test]
async fn logs_follow_until_nobody_reads() {
    let scene = written().await;
    let mut child = scene.command(&["--stack", "switchboard", "logs", "sms-gateway", "--follow"]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        assert!(lines.next_line().await.unwrap().unwrap().contains("sent"));
    }
    let logs = scene.sandbox.aws.logs();
    logs.write(
        "sms-gateway",
        now(),
        &line("rate_limited", "INFO", &json!({})),
    );
    let next = lines.next_line().await.unwrap().unwrap();
    assert!(
        next.contains("rate_limited"),
        "no line is shown twice: {next}"
    );
    drop(lines);
    logs.write("sms-gateway", now(), &line("sent", "INFO", &json!({})));
    let ended = child.wait().await.unwrap();
    assert!(
        ended.success(),
        "a reader that is gone is no error: {ended}"
    );
}

#[tokio::test]
async fn a_trace_tells_what_happened_to_a_number() {
    let scene = written().await;
    let shown = scene.succeed(&["trace", NUMBER]).await.out;
    for words in [
        "no request waits for a reply",
        "no code within a day is known",
        "sms-gateway",
        "delivery-status",
        "state=delivered",
        "same last four digits",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains(NUMBER) && !shown.contains(OTHER), "{shown}");
    let document = scene.succeed(&["--json", "trace", NUMBER]).await.json();
    let outcomes: Vec<_> = document["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["fields"]["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["sent", "recorded"]);
    assert_eq!(scene.run(&["trace", "12"]).await.code, 2);
}
