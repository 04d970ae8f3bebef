//! For the fuzzers: what the entrances read from a body, without a caller and without a delivery.

use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use serde_json::Value;
use shared::rules::phone::E164;
use shared::rules::voice::Said;
use shared::vendors::cognito::event::Event;

use crate::gateway::Message;
use crate::posted::Wrong;
use crate::{App, generic, webhook};

/// A message as it was read. No `Debug`: it holds a code.
pub struct Told {
    /// The number.
    pub to: E164,
    /// The text.
    pub text: String,
    /// Whether the person chose a call.
    pub by_voice: bool,
    /// What is said for a call.
    pub said: Option<Said>,
    /// The sender.
    pub from: Option<String>,
    /// What is the same in copies.
    pub id: String,
    /// How long the code is valid.
    pub life: Duration,
    /// A hash of the person's network.
    pub network: Option<String>,
    /// The region of the person's network.
    pub region: Option<String>,
}

impl App {
    /// What the entrance at this path reads, with the settings of this function. Cognito's entrance
    /// has no path, and takes the code as if it was decrypted. `can_call`: a call is possible.
    ///
    /// # Errors
    /// The outcome for the log.
    pub async fn told(
        &self,
        path: &str,
        body: &[u8],
        can_call: bool,
        now: SystemTime,
    ) -> Result<Told, &'static str> {
        let all = &self.entrances;
        let switched_off = "not_found";
        let outcome = |wrong: Wrong| wrong.outcome;
        Ok(match path {
            "/" => {
                let entrance = all.auth0.as_ref().ok_or(switched_off)?;
                let (_, message) = entrance.read_body(body, can_call).map_err(outcome)?;
                told(message)
            }
            "/okta" => {
                let entrance = all.okta.as_ref().ok_or(switched_off)?;
                let asked = entrance.read_body(body, now).await?;
                Told {
                    by_voice: asked.by_voice,
                    ..told(asked.message)
                }
            }
            webhook::PATH => {
                let entrance = all.webhook.as_ref().ok_or(switched_off)?;
                let hook = entrance.read_body(body, now).await;
                told(hook.map_err(outcome)?.message)
            }
            generic::PATH => {
                let entrance = all.generic.as_ref().ok_or(switched_off)?;
                let message = entrance.read_body(body, can_call, now).await;
                told(message.map_err(outcome)?)
            }
            _ => {
                let entrance = all.cognito.as_ref().ok_or(switched_off)?;
                let event: Value = serde_json::from_slice(body).map_err(|_| "malformed_event")?;
                let event = Event::parse(&event).map_err(|_| "malformed_event")?;
                let secret = SecretString::from(String::from_utf8_lossy(&event.code).into_owned());
                let message = entrance.message(&event, &secret, now).await;
                told(message.map_err(|reply| reply.outcome)?)
            }
        })
    }
}

fn told(message: Message) -> Told {
    Told {
        to: message.to,
        text: message.body,
        by_voice: message.by_voice,
        said: message.said,
        from: message.from,
        id: message.id,
        life: message.life,
        network: message.asker.network,
        region: message.asker.region,
    }
}
