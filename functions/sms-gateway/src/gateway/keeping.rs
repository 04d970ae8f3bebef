//! With `KEEP_FOR_FAILOVER=true` the text of an accepted code is kept, encrypted, until the code's
//! life ends. If it does not arrive, `delivery-status` sends it through the next provider.
//!
//! KMS encrypts while the text is claimed and sent, and the item is written with the closing writes.
//! So nobody waits for it. A text that cannot be kept is sent all the same.

use std::convert::Infallible;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, pending, select};
use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::config::Source;
use shared::platform::table::epoch;
use shared::rules::delivery::Reference;
use shared::rules::kept::{Sealed, Text, Vault};
use shared::rules::voice::Speech;
use tokio::sync::oneshot;

use super::message::Message;

/// An answer of KMS that comes later than this after the attempts is not waited for.
const GRACE: Duration = Duration::from_millis(250);

/// Keeps texts.
pub(super) struct Keeping {
    vault: Vault,
    receipts: BaseUrl,
}

/// An encrypted text that is yet to come.
pub(super) type Sealing = oneshot::Receiver<Option<Sealed>>;

impl Keeping {
    /// `None`: no text is kept.
    pub(super) fn read(
        platform: &Platform,
        source: &mut Source<'_>,
        receipts: Option<&BaseUrl>,
    ) -> Option<Self> {
        let vault = Vault::read(platform, source)?;
        if receipts.is_none() {
            source.problem("KEEP_FOR_FAILOVER=true needs DELIVERY_URL: without delivery receipts no code is known to have failed; set it, or KEEP_FOR_FAILOVER=false");
        }
        Some(Self {
            vault,
            receipts: receipts?.clone(),
        })
    }

    async fn seal(
        &self,
        message: &Message,
        speech: Option<Speech>,
        now: SystemTime,
    ) -> Option<Sealed> {
        let text = Text {
            to: message.to.reveal().to_owned(),
            body: message.body.clone(),
            speech,
            from: message.from.clone(),
            receipts: self.receipts.to_string(),
            ends_at: epoch(now) + message.life.as_secs(),
        };
        let reference = Reference::of(&format!("code#{}", message.id));
        let sealed = self.vault.seal(&reference, &text, now).await;
        sealed
            .inspect_err(|error| tracing::warn!(%error, "a text is not kept for another provider"))
            .ok()
    }

    /// Stores an encrypted text. A failure does no harm.
    pub(super) async fn keep(&self, sealed: &Sealed) {
        if let Err(error) = self.vault.keep(sealed).await {
            tracing::warn!(%error, "a text is not kept for another provider");
        }
    }
}

/// Does the work, and encrypts the message and its speech at the same time. The work gets the result when it asks.
pub(super) async fn while_sealing<T>(
    keeping: Option<&Keeping>,
    message: &Message,
    speech: Option<Speech>,
    now: SystemTime,
    work: impl AsyncFnOnce(Sealing) -> T,
) -> T {
    let (sealed, sealing) = oneshot::channel();
    let seal = async {
        if let Some(keeping) = keeping {
            // The work may have ended without asking.
            let _ = sealed.send(keeping.seal(message, speech, now).await);
        }
        pending::<Infallible>().await
    };
    match select(pin!(work(sealing)), pin!(seal)).await {
        Either::Left((done, _)) => done,
        Either::Right((never, _)) => match never {},
    }
}

/// The encrypted text, if it is there or comes in a moment.
pub(super) async fn sealed(sealing: Sealing) -> Option<Sealed> {
    let sealed = tokio::time::timeout(GRACE, sealing).await;
    let sealed = sealed.inspect_err(|_| {
        tracing::warn!("a text is not kept for another provider: KMS was too slow");
    });
    sealed.ok()?.ok().flatten()
}
