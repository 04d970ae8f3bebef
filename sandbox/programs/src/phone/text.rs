//! `cargo sandbox text`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::client::{Client, print_text};

/// How often, and in what pauses, it looks for texts that come back. The page looks at the providers
/// 175 ms after an answer.
const LOOKS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(100);

/// The options of `text`.
#[derive(Args)]
pub(crate) struct Text {
    /// The phone that texts, such as +4512345678
    from: String,
    /// The number that gets the text
    to: String,
    /// The text
    #[arg(required = true)]
    body: Vec<String>,
}

impl Text {
    pub(super) async fn run(self, page: &Client) -> Result<(), String> {
        let text = self.body.join(" ");
        let body = json!({ "from": self.from, "to": self.to, "text": text });
        let sent = page.post("/api/texts", body).await?;
        let Some(function) = sent["text"]["function"].as_str() else {
            return Err(format!("Nobody takes texts at {}.", self.to));
        };
        println!(
            "{} texts {}: {text}\n{function} answers {} after {:.1} ms",
            self.from,
            self.to,
            sent["status"],
            sent["ms"].as_f64().unwrap_or_default()
        );
        let at = sent["text"]["at"].as_u64().unwrap_or_default();
        let replies = sent["replies"].as_array().map_or(0, Vec::len);
        let mut printed = 0;
        for look in 0..LOOKS {
            tokio::time::sleep(PAUSE).await;
            let texts = page.sent_since(at).await?;
            for text in texts.iter().skip(printed) {
                print_text(text);
            }
            printed = printed.max(texts.len());
            if look >= 2 && printed >= replies {
                break;
            }
        }
        if printed == 0 {
            println!("Nobody gets a text.");
        }
        Ok(())
    }
}
