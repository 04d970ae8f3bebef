//! A client of the page's API.

use std::time::Duration;

use sandbox::wire;
use serde_json::Value;

use crate::serve::on_one_line;

/// The page of a running sandbox.
pub(super) struct Client {
    port: u16,
}

impl Client {
    pub(super) fn new(port: u16) -> Self {
        Self { port }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        self.send("GET", path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.send("POST", path, Some(body)).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let client = wire::client();
        let request = match &body {
            Some(body) => client.post(&url).json(body),
            None => client.get(&url),
        };
        let request = request
            .header("x-sandbox-page", "1")
            .timeout(Duration::from_mins(2));
        let answer = request.send().await.map_err(|error| {
            if error.is_connect() {
                format!(
                    "No sandbox answers on port {}. Start `cargo sandbox`, or name its first port with --port.",
                    self.port
                )
            } else {
                format!("{method} {url}: {error}")
            }
        })?;
        let status = answer.status();
        let text = answer.text().await;
        let text = text.map_err(|error| format!("{method} {url}: {error}"))?;
        let read: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(read);
        }
        let said = read["error"].as_str().unwrap_or(&text);
        Err(format!("The sandbox refused: {said}"))
    }

    /// The texts that were sent from this moment on, the oldest first. `now` is the page's time.
    pub(super) async fn sent_since(&self, now: u64) -> Result<Vec<Value>, String> {
        let list = self.get("/api/texts?limit=100").await?;
        let texts = list["texts"].as_array().into_iter().flatten().rev();
        let later = texts.filter(|text| {
            text["direction"] == "out"
                && text["world"] == "main"
                && text["at"].as_u64().is_some_and(|at| at >= now)
        });
        Ok(later.cloned().collect())
    }
}

/// Prints a text that somebody gets.
pub(super) fn print_text(text: &Value) {
    let field = |name: &str| text[name].as_str().unwrap_or_default();
    println!(
        "{} gets from {} ({}): {}",
        field("to"),
        field("from"),
        field("provider"),
        on_one_line(field("text"))
    );
}
