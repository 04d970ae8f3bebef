//! What `sms-gateway` leaves in the table.

use shared::platform::table::Write;
use shared::rules::delivery::{self, Reference};
use shared::rules::journal::{Entry, Stage};
use shared::rules::kept::{Text, Vault};

use super::{CODE, LIFE, Provider, SETTINGS};
use crate::mail::phone;
use crate::tape::{Wire, at};

/// How long the gateway holds its claim, and how long it then remembers the code.
const LEASE: u64 = 27;
const REMEMBERED: u64 = 30;

/// Claims the code, sends it, keeps its text and stores the send.
pub(super) async fn send(wire: &Wire, owner: String, now: u64, forgets_unknown: bool) -> String {
    let table = wire.table();
    let lease = now + LEASE;
    let entry = Entry::new(CODE, owner, lease, lease + REMEMBERED);
    let entry = entry.awaiting_receipts(&phone(), at(now));
    let reference = Reference::of(CODE);
    let number = delivery::number_hash(&phone());
    let claim = table.update(entry.claim(at(now))).await;
    if !matches!(claim, Ok(Write::Done(_))) {
        return "not claimed".to_owned();
    }
    let mut provider = Provider::Clickatell;
    let (mut id, _) = tokio::join!(
        wire.effect(provider.word()),
        delivery::note_newest(&number, &reference, &table, at(now))
    );
    if id.is_none() && forgets_unknown {
        provider = Provider::Aws;
        id = wire.effect(provider.word()).await;
    }
    let Some(id) = id else {
        let _ = entry.settle(&table, &Stage::Unknown).await;
        return "unknown".to_owned();
    };
    let stage = Stage::Sent {
        sid: Some(id),
        provider: Some(provider.word().to_owned()),
        sender: None,
    };
    let vault = Wire::function(&SETTINGS, Vault::read).expect("a vault");
    let text = Text {
        to: phone().reveal().to_owned(),
        body: "Your code is 271828".to_owned(),
        speech: None,
        from: None,
        receipts: "https://receipts.invalid/".to_owned(),
        ends_at: now + LIFE,
    };
    let sealed = vault.seal(&reference, &text, at(now)).await;
    let sealed = sealed.expect("KMS answers");
    let entry = entry.keeping(&sealed, vec![provider.word().to_owned()]);
    let (settled, kept) = tokio::join!(entry.settle(&table, &stage), vault.keep(&sealed));
    let _ = settled.and(kept);
    "sent".to_owned()
}
