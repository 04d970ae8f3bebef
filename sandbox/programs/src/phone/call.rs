//! `cargo sandbox call`.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, print_text};

/// The pause between two looks at the call.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest call.
const LONGEST: Duration = Duration::from_mins(5);

/// The options of `call`.
#[derive(Args)]
pub(crate) struct Call {
    /// The phone that calls, such as +4512345678
    from: String,
    /// The number that is called
    to: String,
    /// Keys that the caller presses, such as 10042#2718# ; without more keys, the caller hangs up
    #[arg(long, value_name = "KEYS", default_value = "", value_parser = keys)]
    keys: String,
    /// What the caller says after the tone; without it, the caller hangs up
    #[arg(long, value_name = "TEXT")]
    say: Option<String>,
    /// A phone that rings answers, and hangs up after the conversation; without it, the page decides
    #[arg(long)]
    answer: bool,
}

/// Checks that a telephone has these keys.
fn keys(text: &str) -> Result<String, String> {
    let is_key = |key: char| key.is_ascii_digit() || matches!(key, '*' | '#');
    match text.chars().find(|key| !is_key(*key)) {
        Some(other) => Err(format!(
            "a telephone has no key {other}; it has 0 to 9, * and #"
        )),
        None => Ok(text.to_owned()),
    }
}

impl Call {
    pub(super) async fn run(self, page: &Client) -> Result<(), String> {
        let body = json!({ "from": self.from, "to": self.to, "pace": "fast" });
        let began = page.post("/api/calls", body).await?;
        println!("{} calls {}", self.from, self.to);
        let id = began["id"].as_str().unwrap_or_default().to_owned();
        let ended = self.hold(page, &id).await?;
        let at = began["at"].as_u64().unwrap_or_default();
        // The page looks at the providers 175 ms after an answer.
        tokio::time::sleep(Duration::from_millis(250)).await;
        for text in page.sent_since(at).await? {
            print_text(&text);
        }
        match ended["ended"].as_str().unwrap_or_default() {
            "nobody" => Err(format!("Nobody takes calls at {}.", self.to)),
            "error" => Err("The call ended with an error.".to_owned()),
            _ => Ok(()),
        }
    }

    /// Prints the steps of the call, and does what the caller does, until it has ended.
    async fn hold(&self, page: &Client, id: &str) -> Result<Value, String> {
        let (mut printed, mut acted) = (0, None);
        let mut keys = Some(self.keys.as_str()).filter(|keys| !keys.is_empty());
        let begun = Instant::now();
        while begun.elapsed() < LONGEST {
            let call = page.get(&format!("/api/calls/{id}")).await?;
            let steps = call["steps"].as_array().map_or(&[][..], Vec::as_slice);
            for step in steps.iter().skip(printed) {
                print_step(step);
            }
            printed = steps.len();
            if call["state"] == "ended" {
                return Ok(call);
            }
            // One deed for each wait. It ends with another step, or another wait.
            let wait = (printed, call["waiting"]["for"].clone());
            if acted.as_ref() != Some(&wait)
                && let Some((deed, body)) = self.deed(&call, &mut keys)
            {
                acted = Some(wait);
                // The call may end meanwhile. The next look tells.
                let _ = page.post(&format!("/api/calls/{id}/{deed}"), body).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err("The call has lasted five minutes. It goes on without this command.".to_owned())
    }

    /// What the caller does now.
    fn deed(&self, call: &Value, keys: &mut Option<&str>) -> Option<(&'static str, Value)> {
        let hang_up = ("hangup", json!({}));
        match call["waiting"]["for"].as_str() {
            Some("keys") => Some(match keys.take() {
                Some(keys) => ("keys", json!({ "digits": keys })),
                None => hang_up,
            }),
            Some("message") => Some(match &self.say {
                Some(text) => ("message", json!({ "text": text })),
                None => hang_up,
            }),
            Some("answer") if self.answer => Some(("answer", json!({}))),
            None if self.answer && call["state"] == "talking" && is_connected(call) => {
                Some(("hangup", json!({ "by": "callee" })))
            }
            _ => None,
        }
    }
}

/// Whether two people talk: the last step is that a phone rings, and nothing waits.
fn is_connected(call: &Value) -> bool {
    let last = call["steps"].as_array().and_then(|steps| steps.last());
    last.is_some_and(|step| step["do"] == "ring")
}

/// Prints a step that a person hears or does.
fn print_step(step: &Value) {
    let field = |name: &str| match &step[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let told = match step["do"].as_str().unwrap_or_default() {
        "say" => format!("says: {}", field("text")),
        "play" => format!("plays {}", field("url")),
        "keys" if field("digits").is_empty() => "no keys".to_owned(),
        "keys" => format!("keys: {}", field("digits")),
        "dial" => format!("dials {} and shows {}", field("number"), field("caller_id")),
        "ring" => format!("{} rings", field("number")),
        "dialled" => format!(
            "{}: {}, {} s",
            field("number"),
            field("status"),
            field("seconds")
        ),
        "beep" => "tone".to_owned(),
        "message" => format!("the caller says: {}", field("text")),
        "reject" => format!("does not answer: {}", field("reason")),
        "hangup" if field("by") == "caller" => "the caller hangs up".to_owned(),
        "hangup" => "the function hangs up".to_owned(),
        "error" => field("text"),
        _ => return,
    };
    println!("  {told}");
}
