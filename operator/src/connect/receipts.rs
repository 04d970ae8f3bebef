//! What a person registers at a provider for delivery receipts. No API of these providers can do it.
//! Twilio and Plivo need nothing: each text names its callback.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::Target;
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::Found;

/// The key of a provider's secret without which no receipt is authentic.
pub(crate) struct Key {
    pub(crate) provider: &'static str,
    pub(crate) name: &'static str,
    /// The arguments of `secrets set`.
    pub(crate) set: &'static str,
}

/// The providers whose receipts require a key of their own.
pub(crate) const KEYS: [Key; 2] = [
    Key {
        provider: "clickatell",
        name: "callback_token",
        set: "clickatell --generate callback_token",
    },
    Key {
        provider: "vonage",
        name: "signature_secret",
        set: "vonage",
    },
];

/// A setting that a person makes in the provider's console.
#[derive(Debug, Serialize)]
pub(crate) struct ByHand {
    pub(crate) provider: &'static str,
    /// What to do.
    pub(crate) what: String,
    /// False if something must be done before.
    pub(crate) is_ready: bool,
}

/// What to do by hand for `targets`, or for every provider that the stack's routes name. Clickatell's
/// URL is shown with its token only if Clickatell is named.
pub(crate) async fn by_hand(context: &Context, targets: &[Target]) -> Result<Vec<ByHand>, Problem> {
    let Some(url) = context.stack.receipts() else {
        return match targets.iter().find(|target| target.is_by_hand()) {
            Some(_) => Err(Problem::Usage(
                "the stack takes no delivery receipts: DeliveryReceipts is off, or it sends no texts"
                    .to_owned(),
            )),
            None => Ok(Vec::new()),
        };
    };
    let mut found = Vec::new();
    for Key {
        provider,
        name: key,
        set,
    } in KEYS
    {
        let is_named = targets.iter().any(|target| target.word() == provider);
        if !is_named && (!targets.is_empty() || !context.stack.routes_to(provider)) {
            continue;
        }
        let stored: Option<SecretString> = match context.vault().find(provider).await? {
            Some(Found::Stored(stored)) => stored.text(key),
            _ => None,
        };
        let what = match (provider, &stored) {
            (_, None) => format!(
                "run `operator secrets set {set}`, which sets {key}. Then run `operator connect {provider}` again"
            ),
            ("clickatell", Some(_)) if !is_named => {
                "`operator connect clickatell` shows the callback URL for Clickatell's portal"
                    .to_owned()
            }
            ("clickatell", Some(token)) => format!(
                "in Clickatell's portal, open the API's settings and enter this callback URL for message status. It contains the \
                 secret token: {}",
                url.join(&format!("clickatell/{}", token.expose_secret()))
            ),
            _ => format!(
                "in Vonage's dashboard, API settings, webhooks must be signed with the secret in {key}. Each text names its callback"
            ),
        };
        found.push(ByHand {
            provider,
            what,
            is_ready: stored.is_some(),
        });
    }
    Ok(found)
}
