//! `cargo sandbox` as a tool: settings of one's own, texts, calls, readable lines.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

use sandbox::{COMPANY_NUMBER, EMPLOYEE_MOBILE, IVR_NUMBER, wire::client};

use crate::program::{Program, free_ports, output, sandbox};

const PHONE: &str = "+4512345678";

#[tokio::test]
async fn a_person_texts_calls_and_reads_along() {
    let program = Program::start(&[
        "--set",
        "PinLength=6",
        "--set",
        "Auth0Url=https://acme.eu.auth0.com",
        "--set",
        "LogRetentionDays=7",
    ]);
    program.wait("Auth0Url=https://acme.eu.auth0.com: the sandbox has http://127.0.0.1:");
    program.wait("Without effect in the sandbox: LogRetentionDays.");

    // What is printed for code of one's own is one line each.
    let port = program.port;
    program.wait(&format!(
        "AWS_ENDPOINT_URL_CLOUDFORMATION=http://127.0.0.1:{}",
        port + 22
    ));
    program.wait("AUTH0_MANAGEMENT_TOKEN=");
    let key = program.wait("VONAGE_PRIVATE_KEY=\"$(cat '");
    let file = key.split('\'').nth(1).unwrap();
    assert!(file.contains(&port.to_string()), "{file}");
    assert!(
        std::fs::read_to_string(file)
            .unwrap()
            .contains("PRIVATE KEY")
    );
    let lines = program.lines();
    assert!(
        !lines.iter().any(|line| line.starts_with("-----")),
        "{lines:#?}"
    );

    let text = program.command(&["text", PHONE, COMPANY_NUMBER, "Hello", "there"]);
    assert!(text.contains("sms-forward answers 200"), "{text}");
    assert!(
        text.contains(&format!("{EMPLOYEE_MOBILE} gets from ")),
        "{text}"
    );
    assert!(
        text.contains(": Hello there") && text.contains("(Twilio)"),
        "{text}"
    );
    let line = program.wait("sms-forward … POST / … 200 … ms  forwarded");
    assert!(!line.contains('{'), "{line}");
    program.wait(&format!(
        "text to {EMPLOYEE_MOBILE} through Twilio: … Hello there"
    ));

    // PinLength: the callers' PINs are as long as the setting says.
    let call = program.command(&["call", PHONE, IVR_NUMBER, "--keys", "10042#271828#1"]);
    assert!(
        call.contains("says: ") && call.contains("keys: 271828"),
        "{call}"
    );
    let menu = call.split("keys: 271828").nth(1).unwrap();
    assert!(
        menu.contains("says: ") && menu.contains("keys: 1"),
        "{call}"
    );
    program.wait("ivr-validate … POST /voice/pin … 200");

    let options = ["--answer", "--say", "Please call me"];
    let call = program.command(&[&["call", PHONE, COMPANY_NUMBER], &options[..]].concat());
    assert!(
        call.contains(&format!("{EMPLOYEE_MOBILE}: completed")),
        "{call}"
    );

    // A text that a command's answer sends by TwiML.
    let printed = program.lines();
    let pasted = printed
        .iter()
        .find(|line| line.contains("curl") && line.contains("Body=From+noon"))
        .unwrap();
    let quoted = |after: &str| {
        pasted
            .split(after)
            .nth(1)
            .unwrap()
            .split('\'')
            .next()
            .unwrap()
    };
    let answer = client()
        .post(pasted.rsplit(' ').next().unwrap())
        .header("X-Twilio-Signature", quoted("X-Twilio-Signature: "))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(quoted("--data '").to_owned())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    program.wait(&format!("text to {PHONE} by TwiML: … From noon on."));

    // Functions open connections to each other. That is no request.
    let lines = program.lines();
    let is_opening = |line: &String| line.contains("HEAD") || line.contains("warm_up");
    assert!(!lines.iter().any(is_opening), "{lines:#?}");

    let refused = output(&[
        "sandbox",
        "text",
        "45",
        COMPANY_NUMBER,
        "x",
        "--port",
        &port.to_string(),
    ]);
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(
        refused.status.code() == Some(1) && why.contains("refused"),
        "{why}"
    );
}

#[test]
fn a_setting_that_stops_a_function_is_reported_with_its_message() {
    let port = free_ports().to_string();
    let failed = output(&["sandbox", "--port", &port, "--set", "SMS_ROUTES=nonsense"]);
    let error = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(1), "{error}");
    assert!(
        error.contains("sms-gateway does not start") && error.contains("SMS_ROUTES"),
        "{error}"
    );
}

#[test]
fn an_unknown_setting_is_named_before_anything_is_built() {
    for (arguments, words) in [
        (["--set", "IvrMneu=1"], "The nearest name is IvrMenu."),
        (["--set", "IvrMenu"], "NAME=VALUE"),
        (["--set", "IvrMenu=@nowhere.json"], "nowhere.json"),
        (["--env", "nowhere.env"], "nowhere.env"),
        (["--samconfig", "production"], "dev, staging, prod"),
    ] {
        let failed = output(&[&["sandbox"], &arguments[..]].concat());
        let error = String::from_utf8(failed.stderr).unwrap();
        assert_eq!(failed.status.code(), Some(1), "{arguments:?}");
        assert!(error.contains(words) && failed.stdout.is_empty(), "{error}");
    }
}

#[test]
fn log_json_shows_the_functions_own_lines() {
    let program = Program::start(&["--log", "json", "--samconfig", "prod"]);
    program.wait("LinkHosts=login.acme.example: there is no such thing in the sandbox");
    program.command(&["text", PHONE, COMPANY_NUMBER, "Hello"]);
    program.wait("{\"level\" … \"function\":\"sms-forward\" … \"outcome\":\"forwarded\"");
    let lines = program.lines();
    assert!(
        !lines.iter().any(|line| line.contains("ms  forwarded")),
        "{lines:#?}"
    );
}

#[test]
fn a_sandbox_that_nobody_reads_ends_quietly() {
    let mut child = sandbox(&["sandbox", "--port", &free_ports().to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        output.read_line(&mut String::new()).unwrap();
    }
    drop(output);
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{errors}");
    assert!(
        !errors.contains("panicked") && !errors.contains("Broken"),
        "{errors}"
    );
}

#[test]
fn a_text_without_a_sandbox_says_what_to_do() {
    let failed = output(&[
        "sandbox",
        "text",
        PHONE,
        COMPANY_NUMBER,
        "x",
        "--port",
        &free_ports().to_string(),
    ]);
    let error = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(error.contains("Start `cargo sandbox`"), "{error}");
}

#[test]
fn a_recorded_event_is_printed_with_ids_of_its_own() {
    for name in ["sms-forward", "sms-forward.json", "api-call"] {
        let printed = output(&["sandbox", "event", name]);
        let event: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
        assert!(
            event["headers"]["x-twilio-signature"].is_string(),
            "{event}"
        );
    }
    let unknown = output(&["sandbox", "event", "nothing"]);
    assert!(
        String::from_utf8(unknown.stderr)
            .unwrap()
            .contains("events/")
    );
}
