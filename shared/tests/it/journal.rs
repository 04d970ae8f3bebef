//! What an entry of the journal says and holds: how long it answers for a message, who waits for it, and what is noted in it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sandbox::Sandbox;
use shared::platform::runtime::now;
use shared::platform::table::{Item, Table};
use shared::rules::delivery::{Reference, WAIT_FOR_RECEIPTS};
use shared::rules::journal::{Entry, Stage};
use shared::rules::kept::Text;
use shared::rules::phone::E164;

const ID: &str = "code#AAAAAAAAAAAAAAAAAAAAAA";
const NOW: u64 = 1_800_000_000;

async fn setup() -> (Sandbox, Table) {
    let sandbox = Sandbox::start().await;
    let table = crate::table(&sandbox);
    (sandbox, table)
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW + seconds)
}

/// An entry whose lease ends after 30 seconds. It answers for its message for ten minutes.
fn entry(owner: &str) -> Entry {
    Entry::new(ID, owner.to_owned(), NOW + 30, NOW + 600)
}

fn awaiting(owner: &str, number: &str) -> Entry {
    let to: E164 = number.parse().unwrap();
    entry(owner).awaiting_receipts(&to, at(0))
}

async fn claim(table: &Table, entry: &Entry) {
    assert_eq!(table.update_all(vec![entry.claim(at(0))]).await, Ok(None));
}

fn sent(provider: Option<&str>, sender: Option<&str>) -> Stage {
    Stage::Sent {
        sid: Some("SM1".to_owned()),
        provider: provider.map(str::to_owned),
        sender: sender.map(str::to_owned),
    }
}

/// The item, as long as it is there.
async fn item(table: &Table, seconds: u64) -> Option<Item> {
    let key = Reference::of(ID).key();
    table.get(key, at(seconds)).await.unwrap()
}

#[tokio::test]
async fn an_entry_that_waits_for_receipts_answers_no_longer_than_another() {
    for (is_awaiting, end) in [(false, 600), (true, WAIT_FOR_RECEIPTS)] {
        let (_sandbox, table) = setup().await;
        let own = if is_awaiting {
            awaiting("one", "+4520304050")
        } else {
            entry("one")
        };
        claim(&table, &own).await;
        own.settle(&table, &sent(None, None)).await.unwrap();
        let answers = async |seconds| own.read(&table, at(seconds)).await.unwrap().is_some();
        assert!(answers(599).await && !answers(600).await, "{is_awaiting}");
        let is_there = async |seconds| item(&table, seconds).await.is_some();
        assert!(
            is_there(end - 1).await && !is_there(end).await,
            "{is_awaiting}"
        );
        assert_eq!(own.reference().is_some(), is_awaiting);
    }
    let own = awaiting("one", "+4520304050");
    assert_eq!(own.reference(), Some(Reference::of(ID)));
}

#[tokio::test]
async fn an_entry_that_answers_for_longer_than_receipts_take_stays_until_then() {
    let (_sandbox, table) = setup().await;
    let long = awaiting("one", "+4520304050").remembered_until(NOW + WAIT_FOR_RECEIPTS + 10);
    claim(&table, &long).await;
    let is_there = async |seconds| item(&table, WAIT_FOR_RECEIPTS + seconds).await.is_some();
    assert!(is_there(9).await && !is_there(10).await);
}

#[tokio::test]
async fn each_outcome_is_read_back() {
    let (sandbox, table) = setup().await;
    for stage in [
        sent(Some("twilio"), Some("ACME")),
        sent(None, None),
        Stage::Refused,
        Stage::Forbidden,
        Stage::Failed,
        Stage::Unknown,
    ] {
        let own = awaiting("one", "+4520304050");
        claim(&table, &own).await;
        own.settle(&table, &Stage::Sending).await.unwrap();
        let seen = own.read(&table, at(0)).await.unwrap().unwrap();
        assert_eq!(entry("two").stage(&seen, at(0)), Some(Stage::Sending));
        own.settle(&table, &stage).await.unwrap();
        let seen = own.read(&table, at(0)).await.unwrap().unwrap();
        assert_eq!(own.stage(&seen, at(0)), Some(stage));
        sandbox.aws.delete(&format!("sent#{ID}"), "send").await;
    }
}

#[tokio::test]
async fn a_sender_is_noted_only_for_receipts() {
    let (_sandbox, table) = setup().await;
    let own = entry("one");
    claim(&table, &own).await;
    let stage = sent(Some("twilio"), Some("ACME"));
    own.settle(&table, &stage).await.unwrap();
    let noted = item(&table, 0).await.unwrap();
    assert_eq!(own.stage(&noted, at(0)), Some(sent(Some("twilio"), None)));
    assert_eq!(noted.number("number"), None);
}

/// A copy waits as long as it may, and no longer than the other sends. It learns what came of it.
#[tokio::test]
async fn a_copy_waits_while_another_sends() {
    let long = Duration::from_secs(20);
    let (_sandbox, table) = setup().await;
    let (one, copy) = (entry("one"), entry("copy"));
    let wait = async |within, from| {
        let begun = Instant::now();
        let seen = copy.wait_while_sending(&table, within, from).await.unwrap();
        let stage = seen.map(|seen| copy.stage(&seen, from + begun.elapsed()));
        (begun.elapsed(), stage)
    };
    let (waited, stage) = wait(long, at(0)).await;
    assert!(waited < long && stage.is_none(), "nobody sends");
    claim(&table, &one).await;
    let short = Duration::from_millis(300);
    let (waited, stage) = wait(short, at(0)).await;
    assert!(waited >= short, "nothing has come of it");
    assert_eq!(stage, Some(Some(Stage::Sending)));
    // Its lease ends in a second.
    let (waited, stage) = wait(long, at(29)).await;
    assert!(waited < long, "nobody sends any more");
    assert_eq!(stage, Some(Some(Stage::Unknown)));
    let ((waited, stage), ()) = tokio::join!(wait(long, at(0)), async {
        tokio::time::sleep(short).await;
        one.settle(&table, &Stage::Refused).await.unwrap();
    });
    assert!(short <= waited && waited < long, "{waited:?}");
    assert_eq!(stage, Some(Some(Stage::Refused)));
}

#[tokio::test]
async fn a_copy_looks_less_and_less_often() {
    let (sandbox, table) = setup().await;
    claim(&table, &entry("one")).await;
    let before = sandbox.aws.dynamodb().exchanges().len();
    let within = Duration::from_millis(1_500);
    let copy = entry("copy");
    copy.wait_while_sending(&table, within, at(0))
        .await
        .unwrap();
    let looks = sandbox.aws.dynamodb().exchanges().len() - before;
    // After 50 to 100 milliseconds, 100 to 200, 200 to 400, and then 400 to 800.
    assert!((2..=6).contains(&looks), "{looks}");
}

#[tokio::test]
async fn an_entry_says_where_its_text_is_kept_and_who_may_have_it() {
    let (sandbox, table) = setup().await;
    let text = Text {
        to: "+4520304050".to_owned(),
        body: "Your code is 12".to_owned(),
        speech: None,
        from: None,
        receipts: String::new(),
        ends_at: NOW + 300,
    };
    let own = awaiting("one", "+4520304050");
    let reference = own.reference().unwrap();
    let vault = crate::vault(&sandbox);
    let sealed = vault.seal(&reference, &text, now()).await.unwrap();
    claim(&table, &own).await;
    assert_eq!(item(&table, 0).await.unwrap().text("kept"), None);
    let tried = vec!["twilio".to_owned(), "vonage".to_owned()];
    let keeping = own.keeping(&sealed, tried.clone());
    keeping
        .settle(&table, &sent(Some("twilio"), None))
        .await
        .unwrap();
    let noted = item(&table, 0).await.unwrap();
    assert_eq!(noted.text("kept"), Some(sealed.name()));
    assert_eq!(noted.number("kept_until"), Some(NOW + 300));
    assert_eq!(noted.set("tried"), tried);
}

#[tokio::test]
async fn a_text_that_awaits_receipts_is_counted_once_it_is_sent() {
    let (sandbox, table) = setup().await;
    for (own, stage, counted) in [
        (entry("one"), sent(Some("twilio"), None), None),
        (awaiting("one", "+4520304050"), Stage::Failed, None),
        (awaiting("one", "+4520304050"), sent(None, None), None),
        (
            awaiting("one", "+4520304050"),
            sent(Some("twilio"), None),
            Some("twilio#DK#-"),
        ),
        (
            awaiting("one", "+88312345678"),
            sent(Some("plivo"), Some("ACME")),
            Some("plivo#-#ACME"),
        ),
    ] {
        own.count_sent(&table, &stage, at(0)).await.unwrap();
        let mut items = sandbox.aws.items().await;
        assert!(items.len() <= 1, "{items:?}");
        let item = items.pop();
        let line = item.as_ref().and_then(|item| item["sk"]["S"].as_str());
        assert_eq!(line, counted);
        if let Some(item) = &item {
            let (pk, sk) = (item["pk"]["S"].as_str(), item["sk"]["S"].as_str());
            assert_eq!(item["sent"]["N"], "1");
            sandbox.aws.delete(pk.unwrap(), sk.unwrap()).await;
        }
    }
}
