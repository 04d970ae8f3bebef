//! The one attempt at each provider: claimed, given back and settled in the journal's entry; and the kept text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sandbox::Sandbox;
use shared::platform::runtime::now;
use shared::platform::table::{Item, Table};
use shared::platform::time::epoch;
use shared::rules::delivery::{self, DeliveryReceipt, Reason, Recorded, Reference, State};
use shared::rules::failover::{self, Accepted, NO_TEXT_AFTER, NOTHING_AFTER, Standing};
use shared::rules::journal::{Entry, Stage};
use shared::rules::kept::{Sealed, Text, Vault};
use shared::rules::met::{Met, Repeat};
use shared::rules::phone::E164;

const ID: &str = "code#AAAAAAAAAAAAAAAAAAAAAA";
const NAMES: [&str; 2] = ["twilio", "vonage"];

struct Kept {
    sandbox: Sandbox,
    table: Table,
    vault: Vault,
    sent_at: u64,
}

fn phone() -> E164 {
    "+4520304050".parse().unwrap()
}

fn reference() -> Reference {
    Reference::of(ID)
}

fn second(at: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(at)
}

fn text(ends_at: u64) -> Text {
    Text {
        to: "+4520304050".to_owned(),
        body: "Your code is 271828".to_owned(),
        speech: None,
        from: None,
        receipts: String::new(),
        ends_at,
    }
}

impl Kept {
    /// A code that Twilio has accepted. Its text is kept for 300 seconds.
    async fn start() -> Self {
        let sandbox = Sandbox::start().await;
        let kept = Self {
            table: crate::table(&sandbox),
            vault: crate::vault(&sandbox),
            sandbox,
            sent_at: epoch(now()),
        };
        let claim = kept.entry().claim(kept.now());
        kept.table.update(claim).await.unwrap();
        let number = delivery::number_hash(&phone());
        delivery::note_newest(&number, &reference(), &kept.table, kept.now())
            .await
            .unwrap();
        kept.close("SM1").await;
        kept
    }

    /// Twilio accepts the claimed send.
    async fn close(&self, sid: &str) {
        let sealed = self.seal().await;
        self.vault.keep(&sealed).await.unwrap();
        let sent = Stage::Sent {
            sid: Some(sid.to_owned()),
            provider: Some("twilio".to_owned()),
            sender: Some("ACME".to_owned()),
        };
        self.entry()
            .keeping(&sealed, vec!["twilio".to_owned()])
            .settle(&self.table, &sent)
            .await
            .unwrap();
    }

    fn now(&self) -> SystemTime {
        second(self.sent_at)
    }

    fn later(&self, seconds: u64) -> SystemTime {
        second(self.sent_at + seconds)
    }

    fn entry(&self) -> Entry {
        let (lease, end) = (self.sent_at + 30, self.sent_at + 300);
        Entry::new(ID, "gateway".to_owned(), lease, end).awaiting_receipts(&phone(), self.now())
    }

    async fn seal(&self) -> Sealed {
        let text = text(self.sent_at + 300);
        self.vault
            .seal(&reference(), &text, self.now())
            .await
            .unwrap()
    }

    async fn standing(&self) -> Standing {
        failover::read(&reference(), &self.table, self.later(20))
            .await
            .unwrap()
            .unwrap()
    }

    async fn item(&self) -> Item {
        let item = self.table.get(reference().key(), self.now()).await;
        item.unwrap().unwrap()
    }

    async fn claim(&self, provider: &str, owner: &str, ends: &[State]) -> bool {
        let standing = self.standing().await;
        self.claim_as(&standing, provider, owner, ends).await
    }

    async fn claim_as(
        &self,
        standing: &Standing,
        provider: &str,
        owner: &str,
        ends: &[State],
    ) -> bool {
        let table = (&self.table, self.later(20));
        failover::claim(
            &reference(),
            standing,
            provider,
            owner,
            (ends, &NAMES),
            table,
        )
        .await
        .unwrap()
    }

    async fn settle(&self, owner: &str, accepted: Option<&Accepted<'_>>) {
        failover::settle(&reference(), owner, accepted, &self.table)
            .await
            .unwrap();
    }

    async fn receive(&self, provider: &str, id: &str, state: State) -> Recorded {
        let receipt = DeliveryReceipt {
            reference: Some(reference()),
            id: Some(id.to_owned()),
            state,
            code: None,
        };
        let recorded = delivery::record(&receipt, provider, &self.table, self.now());
        recorded.await.unwrap()
    }
}

#[tokio::test]
async fn what_the_table_knows_of_an_accepted_code_is_read() {
    let code = Kept::start().await;
    code.receive("twilio", "SM1", State::Undelivered(Reason::Blocked))
        .await;
    let standing = code.standing().await;
    let expected = Standing {
        kept: code.item().await.text("kept").unwrap().to_owned(),
        provider: "twilio".to_owned(),
        sid: Some("SM1".to_owned()),
        tried: vec!["twilio".to_owned()],
        receipts: vec![("twilio".to_owned(), "blocked".to_owned())],
        at: code.sent_at,
        is_trying: false,
        number: delivery::number_hash(&phone()),
        is_newest: true,
        is_used: false,
        ends_at: code.sent_at + 300,
        region: "DK".to_owned(),
    };
    assert_eq!(standing, expected);
    assert!(code.claim("vonage", "me", &NOTHING_AFTER).await);
    let standing = code.standing().await;
    let tried = vec!["twilio".to_owned(), "vonage".to_owned()];
    let trying = Standing {
        at: code.sent_at + 20,
        is_trying: true,
        tried,
        ..expected
    };
    assert_eq!(standing, trying);
    let number = delivery::number_hash(&phone());
    delivery::mark_used(&number, &code.table, code.now())
        .await
        .unwrap();
    assert!(code.standing().await.is_used);
    let newer = Reference::of("code#BBBBBBBBBBBBBBBBBBBBBB");
    delivery::note_newest(&number, &newer, &code.table, code.now())
        .await
        .unwrap();
    assert!(!code.standing().await.is_newest);
}

#[tokio::test]
async fn nothing_is_known_of_a_code_that_no_provider_accepted() {
    let code = Kept::start().await;
    let other = Reference::of("code#BBBBBBBBBBBBBBBBBBBBBB");
    let unknown = failover::read(&other, &code.table, code.now()).await;
    assert_eq!(unknown, Ok(None));
    let again = code.entry().claim_again(&code.item().await);
    code.table.update(again).await.unwrap();
    let sending = failover::read(&reference(), &code.table, code.now()).await;
    assert_eq!(sending, Ok(None));
}

#[tokio::test]
async fn one_attempt_at_a_time_is_claimed_and_one_at_each_provider() {
    let code = Kept::start().await;
    assert!(
        !code.claim("twilio", "me", &NOTHING_AFTER).await,
        "it has it"
    );
    assert!(code.claim("vonage", "me", &NOTHING_AFTER).await);
    assert!(
        code.claim("vonage", "me", &NOTHING_AFTER).await,
        "the answer to the own claim was lost"
    );
    for owner in ["other", "me too"] {
        assert!(!code.claim("vonage", owner, &NOTHING_AFTER).await);
        assert!(!code.claim("plivo", owner, &NOTHING_AFTER).await);
    }
    code.settle("other", None).await;
    assert!(!code.claim("plivo", "other", &NOTHING_AFTER).await);
    code.settle("me", None).await;
    assert!(!code.claim("vonage", "other", &NOTHING_AFTER).await);
    assert!(code.claim("plivo", "other", &NOTHING_AFTER).await);
}

#[tokio::test]
async fn a_claim_that_is_given_back_can_be_made_again() {
    let code = Kept::start().await;
    assert!(code.claim("vonage", "me", &NOTHING_AFTER).await);
    let give_back = async |owner| {
        failover::give_back(&reference(), "vonage", owner, &code.table)
            .await
            .unwrap();
    };
    give_back("other").await;
    assert!(!code.claim("vonage", "other", &NOTHING_AFTER).await);
    give_back("me").await;
    assert_eq!(code.item().await.set("tried"), ["twilio"]);
    assert!(code.claim("vonage", "other", &NOTHING_AFTER).await);
}

#[tokio::test]
async fn no_attempt_is_claimed_after_what_ends_the_code() {
    for (state, ends_texts, ends_all) in [
        (State::Delivered, true, true),
        (State::Undelivered(Reason::OptedOut), true, true),
        (State::Undelivered(Reason::Landline), true, false),
        (State::Undelivered(Reason::Blocked), false, false),
    ] {
        for ends in [&NOTHING_AFTER[..], &NO_TEXT_AFTER] {
            let code = Kept::start().await;
            let standing = code.standing().await;
            // It became known after the decision.
            code.receive("twilio", "SM1", state).await;
            let is_claimed = code.claim_as(&standing, "vonage", "me", ends).await;
            let is_over = if ends.len() == 2 {
                ends_all
            } else {
                ends_texts
            };
            assert_eq!(is_claimed, !is_over, "{state:?} {ends:?}");
        }
    }
}

#[tokio::test]
async fn no_attempt_is_claimed_for_a_code_that_was_used_or_sent_anew() {
    let code = Kept::start().await;
    let standing = code.standing().await;
    let number = delivery::number_hash(&phone());
    delivery::mark_used(&number, &code.table, code.now())
        .await
        .unwrap();
    assert!(
        !code
            .claim_as(&standing, "vonage", "me", &NOTHING_AFTER)
            .await
    );

    let code = Kept::start().await;
    let moved = Standing {
        kept: "000000000001#code-AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        ..code.standing().await
    };
    assert!(!code.claim_as(&moved, "vonage", "me", &NOTHING_AFTER).await);
    let standing = code.standing().await;
    let again = code.entry().claim_again(&code.item().await);
    code.table.update(again).await.unwrap();
    assert!(
        !code
            .claim_as(&standing, "vonage", "me", &NOTHING_AFTER)
            .await
    );
}

#[tokio::test]
async fn an_accepted_attempt_is_the_present_message_and_the_one_before_is_remembered() {
    let code = Kept::start().await;
    assert!(code.claim("vonage", "me", &NOTHING_AFTER).await);
    let accepted = Accepted {
        provider: "vonage",
        id: Some("id-2"),
        follows: Some("SM1"),
        sender: None,
    };
    code.settle("other", Some(&accepted)).await;
    assert_eq!(code.item().await.text("provider"), Some("twilio"));
    code.settle("me", Some(&accepted)).await;
    let item = code.item().await;
    assert_eq!(item.text("provider"), Some("vonage"));
    assert_eq!(item.text("sid"), Some("id-2"));
    assert_eq!(item.text("sender"), None);
    assert_eq!(item.text("trying"), None);
    // A late receipt of the first message counts for this send, and for no later one.
    code.receive("twilio", "SM1", State::Undelivered(Reason::Blocked))
        .await;
    let reported = delivery::reported(&code.item().await, "twilio");
    assert_eq!(reported.as_deref(), Some("blocked"));
    let again = code.entry().claim_again(&code.item().await);
    code.table.update(again).await.unwrap();
    code.receive("twilio", "SM1", State::Delivered).await;
    assert_eq!(delivery::reported(&code.item().await, "twilio"), None);
}

/// Sent twice, and each time the first message was replaced.
#[tokio::test]
async fn a_replaced_message_s_receipt_is_repeated_for_its_own_send_only() {
    let code = Kept::start().await;
    let replace = async |follows, id| {
        assert!(code.claim("vonage", "me", &NOTHING_AFTER).await);
        let accepted = Accepted {
            provider: "vonage",
            id: Some(id),
            follows: Some(follows),
            sender: None,
        };
        code.settle("me", Some(&accepted)).await;
    };
    replace("SM1", "id-1").await;
    let again = code.entry().claim_again(&code.item().await);
    code.table.update(again).await.unwrap();
    code.close("SM2").await;
    replace("SM2", "id-2").await;
    let blocked = State::Undelivered(Reason::Blocked);
    for (id, is_first) in [("SM1", false), ("SM2", true)] {
        let recorded = code.receive("twilio", id, blocked).await;
        assert_eq!(matches!(recorded, Recorded::First(_)), is_first, "{id}");
    }
    for (id, is_again) in [("SM1", false), ("SM2", true)] {
        let recorded = code.receive("twilio", id, blocked).await;
        let repeated = matches!(recorded, Recorded::Again { .. });
        assert_eq!(repeated, is_again, "{id}: {recorded:?}");
    }
}

#[tokio::test]
async fn an_attempt_without_an_id_has_none() {
    let code = Kept::start().await;
    assert!(code.claim("vonage", "me", &NOTHING_AFTER).await);
    let accepted = Accepted {
        provider: "vonage",
        id: None,
        follows: None,
        sender: Some("OTHER"),
    };
    code.settle("me", Some(&accepted)).await;
    let item = code.item().await;
    assert_eq!(item.text("sid"), None);
    assert_eq!(item.text("sender"), Some("OTHER"));
}

#[tokio::test]
async fn a_kept_text_is_found_opened_and_forgotten() {
    let code = Kept::start().await;
    let name = code.standing().await.kept;
    let open = async |reference: &Reference, name: &str, at| {
        code.vault.open(reference, name, at).await.unwrap()
    };
    let opened = open(&reference(), &name, code.now()).await.unwrap();
    assert_eq!(opened.body, "Your code is 271828");
    assert_eq!(opened.to, "+4520304050");
    assert_eq!(opened.ends_at, code.sent_at + 300);
    assert!(open(&reference(), &name, code.later(300)).await.is_none());
    assert!(open(&reference(), "other", code.now()).await.is_none());

    let find = async |before| {
        let mut found = Vec::new();
        for shard in 0..shared::rules::kept::SHARDS {
            found.extend(code.vault.oldest(shard, before, 10).await.unwrap());
        }
        found
    };
    assert!(find(code.sent_at).await.is_empty(), "it is not older");
    let found = find(code.sent_at + 1).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].reference, reference());
    assert_eq!(found[0].name, name);
    assert_eq!(found[0].ends_at, code.sent_at + 300);

    code.vault.forget(&reference(), &name).await.unwrap();
    assert!(open(&reference(), &name, code.now()).await.is_none());
    assert!(find(code.sent_at + 1).await.is_empty());
}

#[tokio::test]
async fn kept_texts_are_spread_and_none_can_be_opened_as_another() {
    let code = Kept::start().await;
    let own = code.seal().await;
    let other = Reference::of("code#BAAAAAAAAAAAAAAAAAAAAA");
    let sealed = code
        .vault
        .seal(&other, &text(code.sent_at + 300), code.now())
        .await
        .unwrap();
    code.vault.keep(&sealed).await.unwrap();
    let mut kept = code.sandbox.aws.items().await;
    kept.retain(|item| item["pk"]["S"].as_str().unwrap().starts_with("kept#"));
    let shards: Vec<_> = kept.iter().map(|item| item["pk"]["S"].clone()).collect();
    assert_eq!(shards.len(), 2);
    assert_ne!(shards[0], shards[1], "two of the shards");
    assert_ne!(own.name(), sealed.name());
    assert_eq!(sealed.ends_at(), code.sent_at + 300);

    // Someone who can write to the table puts one text in the place of another.
    let of_other = kept.iter().find(|item| {
        let sk = item["sk"]["S"].as_str().unwrap();
        sk == sealed.name()
    });
    let ciphertext = of_other.unwrap()["ciphertext"]["S"].as_str().unwrap();
    let of_own = kept.iter().find(|item| item["sk"]["S"] == own.name());
    let pk = of_own.unwrap()["pk"]["S"].as_str().unwrap();
    let key = shared::platform::table::Key::new(pk, own.name());
    let moved = shared::platform::table::Update::new(key).set("ciphertext", ciphertext);
    code.table.update(moved).await.unwrap();
    let opened = code.vault.open(&reference(), own.name(), code.now()).await;
    assert!(opened.unwrap().is_none());
}

#[tokio::test]
async fn what_meets_an_entry_waits_ends_or_claims_again_as_its_kind_of_message_allows() {
    use Repeat::{AfterFailure, AfterFailureOrUnknown, Never};
    let code = Kept::start().await;
    let copy = Entry::new(ID, "copy".to_owned(), code.sent_at + 30, code.sent_at + 300);
    for (stage, again) in [
        (Stage::Refused, &[][..]),
        (Stage::Forbidden, &[]),
        (Stage::Failed, &[AfterFailure, AfterFailureOrUnknown]),
        (Stage::Unknown, &[AfterFailureOrUnknown]),
    ] {
        let claimed = code.entry().claim_again(&code.item().await);
        code.table.update(claimed).await.unwrap();
        let sending = code.item().await;
        assert_eq!(code.entry().met(&sending, code.now(), Never), Met::Ours);
        for repeat in [Never, AfterFailure, AfterFailureOrUnknown] {
            assert_eq!(copy.met(&sending, code.now(), repeat), Met::Wait);
        }
        code.entry().settle(&code.table, &stage).await.unwrap();
        let ended = code.item().await;
        for repeat in [Never, AfterFailure, AfterFailureOrUnknown] {
            let expected = if again.contains(&repeat) {
                Met::Again(stage.clone())
            } else {
                Met::Ended(stage.clone())
            };
            assert_eq!(copy.met(&ended, code.now(), repeat), expected, "{repeat:?}");
        }
    }
}
