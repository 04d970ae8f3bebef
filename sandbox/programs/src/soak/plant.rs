//! Broken promises that are planted after a round, to show that the soak notices them.

use clap::ValueEnum;
use sandbox::{plivo, wire::client};
use serde_json::json;

use super::{plan::Channel, world::World};

/// A broken promise.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Plant {
    /// A code goes out a second time
    SecondText,
    /// A kept text is not deleted
    KeptText,
}

impl Plant {
    pub(super) async fn grow(self, world: &World) {
        match self {
            Self::SecondText => second_text(world).await,
            Self::KeptText => kept_text(world).await,
        }
    }
}

/// Somebody has Plivo send a code that has been sent.
async fn second_text(world: &World) {
    let code = world.note(|asked| {
        let mut texts = asked.codes.iter().rev();
        texts.find(|code| code.by == Channel::Text).cloned()
    });
    let Some(code) = code else { return };
    let body = json!({
        "src": "15005550006", "dst": code.phone.trim_start_matches('+'), "text": format!("Your code is {}", code.digits),
        "log": "false", "message_expiry": 180,
    });
    let url = world.sandbox.plivo.server().url();
    let url = format!("{url}/v1/Account/{}/Message/", plivo::AUTH_ID);
    let request = client().post(url).json(&body);
    let request = request.basic_auth(plivo::AUTH_ID, Some(plivo::AUTH_TOKEN));
    // If it was not sent, nothing is noticed, and the test fails.
    let _ = request.send().await;
}

/// A text whose code has no entry.
async fn kept_text(world: &World) {
    let item = json!({
        "pk": { "S": "kept#0" }, "sk": { "S": "000000001000#code-AAAAAAAAAAAAAAAAAAAAAA" },
        "ciphertext": { "S": "" }, "expires_at": { "N": "1180" },
    });
    world.sandbox.aws.put(item).await;
}
