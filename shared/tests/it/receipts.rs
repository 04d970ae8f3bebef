//! Which receipts count for a text, at every moment of its life in the journal.

use std::time::{Duration, SystemTime};

use sandbox::Sandbox;
use shared::platform::runtime::now;
use shared::platform::table::{Item, Table, Update, Write};
use shared::platform::time::epoch;
use shared::rules::delivery::{self, DeliveryReceipt, Reason, Recorded, Reference, State};
use shared::rules::journal::{Entry, Stage};
use shared::rules::phone::E164;

const ID: &str = "code#AAAAAAAAAAAAAAAAAAAAAA";
const COOLDOWN: u64 = 300;

struct Journal {
    _sandbox: Sandbox,
    table: Table,
}

impl Journal {
    async fn start() -> Self {
        let sandbox = Sandbox::start().await;
        let table = crate::table(&sandbox);
        Self {
            _sandbox: sandbox,
            table,
        }
    }

    /// Claims the text for an owner; true if the claim is written.
    async fn claim(&self, entry: &Entry, now: SystemTime) -> bool {
        let claimed = self.table.update(entry.claim(now)).await.unwrap();
        matches!(claimed, Write::Done(_))
    }

    async fn settle(&self, entry: &Entry, sid: &str, provider: &str) {
        let stage = Stage::Sent {
            sid: Some(sid.to_owned()),
            provider: Some(provider.to_owned()),
            sender: Some("ACME".to_owned()),
        };
        entry.settle(&self.table, &stage).await.unwrap();
    }

    async fn receive(&self, provider: &str, sid: &str, state: State) -> Recorded {
        let receipt = DeliveryReceipt {
            reference: Some(Reference::of(ID)),
            id: Some(sid.to_owned()),
            state,
            code: None,
        };
        delivery::record(&receipt, provider, &self.table, now())
            .await
            .unwrap()
    }

    async fn item(&self) -> Item {
        let key = Reference::of(ID).key();
        self.table.get(key, now()).await.unwrap().unwrap()
    }
}

fn entry(owner: &str, now: SystemTime) -> Entry {
    let (lease, end) = (epoch(now) + 30, epoch(now) + COOLDOWN);
    Entry::new(ID, owner.to_owned(), lease, end)
}

fn awaiting(owner: &str, now: SystemTime) -> Entry {
    let to: E164 = "+4520304050".parse().unwrap();
    entry(owner, now).awaiting_receipts(&to, now)
}

const FAILED: State = State::Undelivered(Reason::Unreachable);

#[tokio::test]
async fn a_receipt_that_comes_before_the_closing_write_is_kept() {
    let journal = Journal::start().await;
    let first = awaiting("one", now());
    assert!(journal.claim(&first, now()).await);
    let early = journal.receive("twilio", "SM1", State::Delivered).await;
    assert!(matches!(early, Recorded::First(_)));
    journal.settle(&first, "SM1", "twilio").await;
    let item = journal.item().await;
    let reported = delivery::reported(&item, "twilio");
    assert_eq!(reported.as_deref(), Some("delivered"));
    assert_eq!(item.text("sender"), Some("ACME"));
    let again = journal.receive("twilio", "SM1", FAILED).await;
    assert_eq!(again, Recorded::Known);
}

#[tokio::test]
async fn a_late_receipt_of_the_first_send_does_not_count_for_the_second() {
    let journal = Journal::start().await;
    let begun = now() - Duration::from_secs(COOLDOWN + 1);
    let first = awaiting("one", begun);
    assert!(journal.claim(&first, begun).await);
    journal.settle(&first, "SM1", "twilio").await;
    let second = awaiting("two", now());
    assert!(journal.claim(&second, now()).await, "the cooldown is over");
    // Before and after the closing write of the second, which another provider took.
    let late = journal.receive("twilio", "SM1", FAILED).await;
    assert_eq!(late, Recorded::Foreign);
    journal.settle(&second, "id-2", "plivo").await;
    let late = journal.receive("twilio", "SM1", FAILED).await;
    assert_eq!(late, Recorded::Foreign);
    let own = journal.receive("plivo", "id-2", State::Delivered).await;
    assert!(matches!(own, Recorded::First(sent) if sent.sender == "ACME"));
    assert_eq!(delivery::reported(&journal.item().await, "twilio"), None);
}

/// A number may get five texts an hour, and a code may be valid that long.
#[tokio::test]
async fn a_late_receipt_of_none_of_five_sends_counts_for_another() {
    let journal = Journal::start().await;
    let sids = ["SM1", "SM2", "SM3", "SM4", "SM5"];
    for (at, sid) in sids.iter().enumerate() {
        let ago = (sids.len() - at) as u64 * (COOLDOWN + 1);
        let begun = now() - Duration::from_secs(ago);
        let send = awaiting(sid, begun);
        assert!(journal.claim(&send, begun).await, "{sid}");
        // Before the closing write, no message is known.
        for earlier in &sids[..at] {
            let late = journal.receive("twilio", earlier, State::Delivered).await;
            assert_eq!(late, Recorded::Foreign, "{earlier} before {sid}");
        }
        journal.settle(&send, sid, "twilio").await;
        for earlier in &sids[..at] {
            let late = journal.receive("twilio", earlier, FAILED).await;
            assert_eq!(late, Recorded::Foreign, "{earlier} after {sid}");
        }
        let own = journal.receive("twilio", sid, State::Delivered).await;
        assert!(matches!(own, Recorded::First(_)), "{sid}");
        for earlier in &sids[..at] {
            let late = journal.receive("twilio", earlier, State::Delivered).await;
            assert_eq!(late, Recorded::Known, "{earlier} after {sid}'s receipt");
        }
    }
}

#[tokio::test]
async fn a_text_that_awaits_receipts_is_sent_once_within_the_cooldown() {
    let journal = Journal::start().await;
    let first = awaiting("one", now());
    assert!(journal.claim(&first, now()).await);
    journal.settle(&first, "SM1", "twilio").await;
    assert!(!journal.claim(&awaiting("two", now()), now()).await);
    assert!(!journal.claim(&entry("three", now()), now()).await);
}

#[tokio::test]
async fn when_receipts_are_switched_off_a_text_is_still_sent_once() {
    let journal = Journal::start().await;
    let begun = now() - Duration::from_secs(COOLDOWN + 1);
    let first = awaiting("one", begun);
    assert!(journal.claim(&first, begun).await);
    journal.settle(&first, "SM1", "twilio").await;
    let second = entry("two", now());
    assert!(journal.claim(&second, now()).await);
    journal.settle(&second, "SM2", "twilio").await;
    assert!(!journal.claim(&entry("three", now()), now()).await);
    let receipt = journal.receive("twilio", "SM2", FAILED).await;
    assert_eq!(receipt, Recorded::Foreign, "it asked for none");
}

#[tokio::test]
async fn a_claim_that_was_given_up_or_failed_is_made_again() {
    let journal = Journal::start().await;
    let first = awaiting("one", now());
    assert!(journal.claim(&first, now()).await);
    first.give_up(&journal.table).await.unwrap();
    let second = awaiting("two", now());
    let again = second.claim_again(&journal.item().await);
    assert!(matches!(
        journal.table.update(again).await,
        Ok(Write::Done(_))
    ));
    second.settle(&journal.table, &Stage::Failed).await.unwrap();
    let third = awaiting("three", now());
    let again = third.claim_again(&journal.item().await);
    assert!(matches!(
        journal.table.update(again).await,
        Ok(Write::Done(_))
    ));
    journal.settle(&third, "SM3", "twilio").await;
    let own = journal.receive("twilio", "SM3", State::Delivered).await;
    assert!(matches!(own, Recorded::First(_)));
}

#[tokio::test]
async fn a_message_is_remembered_from_the_end_of_its_send() {
    let journal = Journal::start().await;
    let claimed = awaiting("one", now());
    assert!(journal.claim(&claimed, now()).await);
    let end = epoch(now()) + 7_000;
    let sent = claimed.remembered_until(end);
    journal.settle(&sent, "SM1", "twilio").await;
    assert_eq!(journal.item().await.number("forgotten_at"), Some(end));
}

/// The SDK repeats a write whose answer was lost. Meanwhile a receipt may have sent the code on.
#[tokio::test]
async fn a_closing_write_that_is_repeated_does_not_undo_what_came_after_it() {
    let journal = Journal::start().await;
    let first = awaiting("one", now());
    assert!(journal.claim(&first, now()).await);
    journal.settle(&first, "id-1", "plivo").await;
    let again = Update::new(Reference::of(ID).key())
        .set("provider", "vonage")
        .set("sid", "id-2");
    journal.table.update(again).await.unwrap();
    journal.settle(&first, "id-1", "plivo").await;
    let item = journal.item().await;
    assert_eq!(item.text("provider"), Some("vonage"));
    assert_eq!(item.text("sid"), Some("id-2"));
}
