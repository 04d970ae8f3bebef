//! What is known of a number: its newest code, whether that was used, and the providers that failed it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sandbox::Sandbox;
use shared::platform::table::{Table, Update};
use shared::rules::delivery::{self, DeliveryReceipt, Recorded, Reference, State, Used};
use shared::rules::journal::{Entry, Stage};
use shared::rules::phone::E164;

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

struct Number {
    _sandbox: Sandbox,
    table: Table,
    hash: String,
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW + seconds)
}

fn phone() -> E164 {
    "+4520304050".parse().unwrap()
}

/// The code `code#…` of this letter.
fn id(letter: char) -> String {
    format!("code#{}", letter.to_string().repeat(22))
}

fn reference(letter: char) -> Reference {
    Reference::of(&id(letter))
}

impl Number {
    async fn start() -> Self {
        let sandbox = Sandbox::start().await;
        let table = crate::table(&sandbox);
        Self {
            _sandbox: sandbox,
            table,
            hash: delivery::number_hash(&phone()),
        }
    }

    async fn note(&self, letter: char, seconds: u64) {
        let reference = reference(letter);
        delivery::note_newest(&self.hash, &reference, &self.table, at(seconds))
            .await
            .unwrap();
    }

    async fn newest(&self, seconds: u64) -> Option<Reference> {
        delivery::newest(&self.hash, &self.table, at(seconds))
            .await
            .unwrap()
    }

    /// Sends a code at `seconds`. `None` as the outcome: nobody closes the entry.
    async fn send(&self, letter: char, seconds: u64, outcome: Option<Stage>) {
        let entry = Entry::new(
            &id(letter),
            "me".to_owned(),
            NOW + seconds + 30,
            NOW + seconds + 300,
        )
        .awaiting_receipts(&phone(), at(seconds));
        self.table.update(entry.claim(at(seconds))).await.unwrap();
        self.note(letter, seconds).await;
        if let Some(outcome) = outcome {
            entry.settle(&self.table, &outcome).await.unwrap();
        }
    }

    async fn receive(&self, letter: char, provider: &str, state: State, seconds: u64) -> Recorded {
        let receipt = DeliveryReceipt {
            reference: Some(reference(letter)),
            id: Some("SM1".to_owned()),
            state,
            code: None,
        };
        delivery::record(&receipt, provider, &self.table, at(seconds))
            .await
            .unwrap()
    }

    async fn used(&self, seconds: u64) -> Used {
        delivery::mark_used(&self.hash, &self.table, at(seconds))
            .await
            .unwrap()
    }

    async fn avoid(&self, provider: &str, reported_at: u64, seconds: u64) {
        delivery::avoid(
            &self.hash,
            provider,
            NOW + reported_at,
            &self.table,
            at(seconds),
        )
        .await
        .unwrap();
    }

    async fn avoided(&self, seconds: u64) -> Vec<String> {
        let road = delivery::read_road(&self.hash, &self.table, at(seconds));
        let mut names = road.await.unwrap().avoid;
        names.sort();
        names
    }
}

fn sent(provider: Option<&str>) -> Stage {
    Stage::Sent {
        sid: Some("SM1".to_owned()),
        provider: provider.map(str::to_owned),
        sender: Some("ACME".to_owned()),
    }
}

#[test]
fn a_number_is_kept_as_a_hash() {
    // printf %s +4520304050 | openssl dgst -sha256 -binary | head -c 16 | basenc --base64url
    assert_eq!(delivery::number_hash(&phone()), "GjxR6o_lu6CEnFFAdbnRKA");
}

#[tokio::test]
async fn a_number_s_newest_code_is_known_for_a_day() {
    let number = Number::start().await;
    assert_eq!(number.newest(0).await, None);
    number.note('A', 0).await;
    assert_eq!(number.newest(DAY - 1).await, Some(reference('A')));
    assert_eq!(number.newest(DAY).await, None);
    number.note('B', 10).await;
    assert_eq!(number.newest(DAY + 9).await, Some(reference('B')));
    assert_eq!(number.newest(DAY + 10).await, None);
}

#[tokio::test]
async fn the_use_of_the_newest_code_is_noted_once() {
    let number = Number::start().await;
    assert_eq!(number.used(0).await, Used::NoCode);
    number.send('A', 0, Some(sent(Some("twilio")))).await;
    let Used::First {
        reference: used,
        provider,
        sent,
    } = number.used(5).await
    else {
        panic!("it was sent");
    };
    assert_eq!(used, reference('A'));
    assert_eq!(provider, "twilio");
    assert_eq!(sent.number, number.hash);
    assert_eq!(sent.region, "DK");
    assert_eq!(sent.sender, "ACME");
    assert_eq!(sent.id.as_deref(), Some("SM1"));
    assert_eq!(sent.at, NOW);
    assert_eq!(sent.kept, None);
    assert_eq!(number.used(6).await, Used::Known);
}

/// A budget may refuse the newest code.
#[tokio::test]
async fn if_the_newest_code_was_not_sent_the_one_before_was_used() {
    let number = Number::start().await;
    number.send('A', 0, Some(sent(Some("twilio")))).await;
    number.send('B', 10, Some(Stage::Failed)).await;
    let used = number.used(20).await;
    assert!(matches!(used, Used::First { reference: code, .. } if code == reference('A')));
    // The same code again is no other code: the one before stays.
    number.note('B', 30).await;
    assert_eq!(number.used(40).await, Used::Known);
}

#[tokio::test]
async fn the_newest_of_two_codes_that_were_sent_was_used() {
    let number = Number::start().await;
    number.send('A', 0, Some(sent(Some("twilio")))).await;
    number.send('B', 10, Some(sent(Some("vonage")))).await;
    let used = number.used(20).await;
    assert!(matches!(used, Used::First { reference: code, .. } if code == reference('B')));
}

#[tokio::test]
async fn a_code_without_a_closing_write_was_used_if_its_receipt_says_that_it_arrived() {
    let number = Number::start().await;
    number.send('A', 0, None).await;
    assert_eq!(number.used(5).await, Used::NoCode);
    let failed = State::Undelivered(delivery::Reason::Expired);
    number.receive('A', "vonage", failed, 6).await;
    assert_eq!(number.used(7).await, Used::NoCode);
    number.receive('A', "plivo", State::Delivered, 8).await;
    let used = number.used(9).await;
    assert!(matches!(used, Used::First { provider, .. } if provider == "plivo"));
    assert_eq!(number.used(10).await, Used::Known);
}

#[tokio::test]
async fn a_code_that_the_journal_has_forgotten_was_not_used() {
    let number = Number::start().await;
    let end = delivery::WAIT_FOR_RECEIPTS;
    number.send('A', 0, Some(sent(Some("twilio")))).await;
    number.note('A', end - 1).await;
    assert_eq!(number.used(end).await, Used::NoCode);
    assert!(matches!(number.used(end - 1).await, Used::First { .. }));
}

#[tokio::test]
async fn a_forgotten_code_was_not_used_also_if_it_arrived() {
    let number = Number::start().await;
    let end = delivery::WAIT_FOR_RECEIPTS;
    number.send('A', 0, None).await;
    number.receive('A', "plivo", State::Delivered, 8).await;
    number.note('A', end - 1).await;
    assert_eq!(number.used(end).await, Used::NoCode);
    assert!(matches!(number.used(end - 1).await, Used::First { .. }));
}

#[tokio::test]
async fn an_accepted_code_without_a_provider_is_nobody_s() {
    let number = Number::start().await;
    number.send('A', 0, Some(sent(None))).await;
    assert_eq!(number.used(5).await, Used::NoCode);
}

#[tokio::test]
async fn a_number_avoids_a_provider_for_ten_minutes_from_its_bad_receipt() {
    let number = Number::start().await;
    assert!(number.avoided(0).await.is_empty());
    number.avoid("twilio", 0, 5).await;
    number.avoid("vonage", 60, 60).await;
    assert_eq!(number.avoided(599).await, ["twilio", "vonage"]);
    assert_eq!(number.avoided(600).await, ["vonage"]);
    assert!(number.avoided(660).await.is_empty());
}

#[tokio::test]
async fn an_old_receipt_ends_no_avoidance_earlier_and_begins_none_that_is_over() {
    let number = Number::start().await;
    number.avoid("twilio", 0, 600).await;
    assert!(number.avoided(0).await.is_empty(), "it is over");
    number.avoid("twilio", 100, 100).await;
    number.avoid("twilio", 50, 110).await;
    assert_eq!(number.avoided(699).await, ["twilio"]);
    number.avoid("twilio", 200, 210).await;
    assert_eq!(number.avoided(799).await, ["twilio"]);
    assert!(number.avoided(800).await.is_empty());
}

/// The item stays a day, so that the newest code is known, too.
#[tokio::test]
async fn what_is_avoided_leaves_the_newest_code_known() {
    let number = Number::start().await;
    number.note('A', 0).await;
    number.avoid("twilio", DAY - 100, DAY - 100).await;
    let end = 2 * DAY - 100;
    assert_eq!(number.newest(end - 1).await, Some(reference('A')));
    assert_eq!(number.newest(end).await, None);
    let road = Update::new(shared::platform::table::Key::new(
        format!("road#{}", number.hash),
        "road",
    ));
    let renewed = road.set("newest", "order-12345678");
    number.table.update(renewed).await.unwrap();
    assert_eq!(
        number.newest(DAY).await,
        None,
        "what is no reference is none"
    );
}

#[tokio::test]
async fn an_early_receipt_and_one_of_a_text_without_reference_store_nothing() {
    let number = Number::start().await;
    number.send('A', 0, Some(sent(Some("twilio")))).await;
    let passing = number.receive('A', "twilio", State::OnItsWay, 1).await;
    assert_eq!(passing, Recorded::Passing);
    let none = DeliveryReceipt {
        reference: None,
        id: Some("SM1".to_owned()),
        state: State::Delivered,
        code: None,
    };
    let foreign = delivery::record(&none, "twilio", &number.table, at(1)).await;
    assert_eq!(foreign, Ok(Recorded::Foreign));
    let unknown = number.receive('B', "twilio", State::Delivered, 1).await;
    assert_eq!(unknown, Recorded::Foreign);
    let late = number
        .receive('A', "twilio", State::Delivered, delivery::WAIT_FOR_RECEIPTS)
        .await;
    assert_eq!(late, Recorded::Foreign);
}

#[tokio::test]
async fn the_same_final_state_again_says_when_it_was_reported() {
    let number = Number::start().await;
    number.send('A', 0, Some(sent(Some("twilio")))).await;
    let first = number.receive('A', "twilio", State::Delivered, 3).await;
    let Recorded::First(sent) = first else {
        panic!("{first:?}");
    };
    let again = number.receive('A', "twilio", State::Delivered, 9).await;
    assert_eq!(again, Recorded::Again { sent, at: NOW + 3 });
}

#[tokio::test]
async fn the_same_final_state_of_another_message_is_no_repetition() {
    let number = Number::start().await;
    number.send('A', 0, Some(sent(Some("twilio")))).await;
    number.receive('A', "twilio", State::Delivered, 3).await;
    let other = DeliveryReceipt {
        reference: Some(reference('A')),
        id: Some("SM2".to_owned()),
        state: State::Delivered,
        code: None,
    };
    let recorded = delivery::record(&other, "twilio", &number.table, at(9)).await;
    assert_eq!(recorded, Ok(Recorded::Known));
}
