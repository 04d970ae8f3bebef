//! What happens, as lines in the terminal: requests, texts, what changes at the providers.

use std::{collections::BTreeMap, time::Duration};

use clap::ValueEnum;
use sandbox::{
    Sandbox,
    report::{Report, Reports, Request},
    twilio::Owned,
};
use serde_json::Value;

use super::commands::{PHONE, address, command};

/// How the requests are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Log {
    /// One line for each request
    #[default]
    Readable,
    /// The lines that the functions write, unchanged
    Json,
}

/// Prints the requests and the functions' lines, without end.
pub(super) async fn requests(mut reports: Reports, log: Log) {
    loop {
        match (reports.next().await, log) {
            (Report::Request(request), Log::Readable) => print_request(&request),
            (Report::Request(request), Log::Json) => print_texts(&request),
            (Report::Line { text, .. }, Log::Json) => println!("{text}"),
            (Report::Line { told: true, .. }, Log::Readable) => {}
            (Report::Line { function, text, .. }, Log::Readable) => {
                print_line(&function, &text);
            }
        }
    }
}

fn print_request(request: &Request) {
    println!("{}", readable(request));
    print_texts(request);
}

/// The line of a request.
fn readable(request: &Request) -> String {
    let seconds = request.at.as_secs() % 86_400;
    let status = request.status.map(|status| status.to_string());
    format!(
        "{:02}:{:02}:{:02}  {:<25} {:<28} {:<3} {:>7.1} ms  {}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        request.function,
        request.what,
        status.as_deref().unwrap_or("-"),
        request.took.as_secs_f64() * 1_000.0,
        request
            .outcome
            .as_deref()
            .unwrap_or("no line of the function"),
    )
}

/// A text whose line breaks are signs.
pub(crate) fn on_one_line(text: &str) -> String {
    text.replace('\n', "↵")
}

fn print_texts(request: &Request) {
    for (to, body) in &request.texts {
        println!("text to {to} by TwiML: {}", on_one_line(body));
    }
}

/// A line that is not about a request: the problems of a function that does not start, or anything
/// that a dependency writes.
fn print_line(function: &str, text: &str) {
    let line: Value = serde_json::from_str(text).unwrap_or_default();
    let problems = line["problems"].as_array();
    let mut problems = problems.into_iter().flatten().filter_map(Value::as_str);
    match problems.next() {
        Some(first) => {
            for problem in [first].into_iter().chain(problems) {
                println!("{function}: {problem}");
            }
        }
        None => println!("{function}: {text}"),
    }
}

/// Prints sent texts, the verified address, bought numbers, and complaints.
pub(super) async fn watch(sandbox: &Sandbox) {
    let mut clock = tokio::time::interval(Duration::from_millis(200));
    let (mut seen, mut verified, mut bought) = (BTreeMap::new(), false, 0);
    loop {
        clock.tick().await;
        let twilio = sandbox
            .twilio
            .messages()
            .into_iter()
            .map(|message| (message.to, message.body))
            .collect();
        let mut texts: Vec<(_, Vec<_>)> = vec![("Twilio", twilio)];
        texts.extend(sandbox.providers().into_iter().map(|provider| {
            let sent = provider.messages.into_iter();
            (
                provider.name,
                sent.map(|sent| (sent.to, sent.text)).collect(),
            )
        }));
        for (provider, texts) in &texts {
            for (to, text) in unseen(texts, seen.entry(*provider).or_insert(0)) {
                println!("text to {to} through {provider}: {}", on_one_line(text));
            }
        }
        if !verified
            && sandbox
                .auth0
                .user(&address())
                .is_some_and(|user| user.email_verified)
        {
            println!("verified: {}", address());
            verified = true;
        }
        let named = |owned: &Owned| owned.field("FriendlyName").starts_with("switchboard:");
        let numbers: Vec<_> = sandbox.twilio.owned().into_iter().filter(named).collect();
        for owned in unseen(&numbers, &mut bought) {
            println!(
                "bought: {} as {}; a call to it:",
                owned.number,
                owned.field("FriendlyName")
            );
            println!(
                "{}",
                command(
                    sandbox,
                    "call-forward",
                    &sandbox.twilio.inbound_call(PHONE, &owned.number)
                )
            );
        }
        print_complaints(sandbox);
    }
}

/// What has come since the last look. Something may have been deleted meanwhile: Twilio's API deletes
/// texts.
fn unseen<'a, T>(all: &'a [T], seen: &mut usize) -> &'a [T] {
    let new = all.get(*seen..).unwrap_or_default();
    *seen = all.len();
    new
}

pub(super) fn print_complaints(sandbox: &Sandbox) {
    for complaint in sandbox.complaints() {
        println!("unexpected: {complaint}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_deleted_ends_nothing() {
        let mut seen = 0;
        assert_eq!(unseen(&["a", "b", "c"], &mut seen), ["a", "b", "c"]);
        assert_eq!(unseen(&["a", "b"], &mut seen), [""; 0]);
        assert_eq!(unseen(&["a", "b", "d"], &mut seen), ["d"]);
    }

    #[test]
    fn a_request_is_one_readable_line() {
        let request = Request {
            at: Duration::from_secs(1_795_176_000 + 61),
            function: "ivr-validate".to_owned(),
            what: "POST /voice".to_owned(),
            status: Some(200),
            took: Duration::from_micros(16_740),
            outcome: Some("greeted".to_owned()),
            texts: vec![],
        };
        assert_eq!(
            readable(&request),
            "12:01:01  ivr-validate              POST /voice                  200    16.7 ms  greeted"
        );
    }
}
