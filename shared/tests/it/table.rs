//! The table's conditional writes, the journal, the counters and the pending requests, against an embedded DynamoDB.

use std::time::{Duration, SystemTime};

use sandbox::Sandbox;
use sandbox::wire::Fault;
use shared::platform::runtime::now;
use shared::platform::table::{Item, Key, Table, Update, Write};
use shared::platform::time::epoch;
use shared::rules::journal::{Entry, Stage};
use shared::rules::link::Kind;
use shared::rules::pending::{self, Hold, Request};
use shared::rules::phone::E164;

async fn setup() -> (Sandbox, Table) {
    let sandbox = Sandbox::start().await;
    let table = crate::table(&sandbox);
    (sandbox, table)
}

fn phone() -> E164 {
    "+4512345678".parse().unwrap()
}

fn request(id: &str, now: SystemTime) -> Request {
    Request {
        id: id.to_owned(),
        slot: id.to_owned(),
        kind: Kind::Verification,
        link: "https://acme.eu.auth0.com/u/email-verification?ticket=T".to_owned(),
        email: "acme+4512345678@sms.example.com".to_owned(),
        mailed_at: epoch(now),
        created_at: epoch(now),
        expires_at: epoch(now) + 3600,
        code: None,
        language: None,
        added_by: "me".to_owned(),
    }
}

#[tokio::test]
async fn a_transaction_tells_what_refused_it_and_writes_nothing() {
    let (sandbox, table) = setup().await;
    let now = now();
    let entry = Entry::new("m", "me".to_owned(), epoch(now) + 30, epoch(now) + 60);
    let limited = || {
        let update = Update::new(Key::new("rate#x#x", "hour"))
            .add("hits", 1)
            .set("expires_at", epoch(now) + 60);
        update
            .only_if("attribute_not_exists(hits) OR hits < :max")
            .bind(":max", 2)
    };
    assert_eq!(
        table.update_all(vec![entry.claim(now), limited()]).await,
        Ok(None)
    );
    let refusals = table
        .update_all(vec![entry.claim(now), limited()])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            refusals[0].as_ref().and_then(|item| item.text("stage")),
            &refusals[1]
        ),
        (Some("sending"), &None)
    );
    assert_eq!(table.update_all(vec![limited()]).await, Ok(None));
    let full = table.update_all(vec![limited()]).await.unwrap().unwrap();
    assert_eq!(
        full[0].as_ref().and_then(|item| item.number("hits")),
        Some(2)
    );
    assert_eq!(sandbox.aws.items().await.len(), 2);
}

#[tokio::test]
async fn concurrent_transactions_have_one_winner() {
    let (_sandbox, table) = setup().await;
    let now = now();
    let attempts = (0..20).map(|attempt| {
        let entry = Entry::new("m", attempt.to_string(), epoch(now) + 30, epoch(now) + 60);
        let table = table.clone();
        let other = Update::new(Key::new(format!("seen#x#{attempt}"), "x"))
            .set("expires_at", epoch(now) + 60);
        tokio::spawn(async move { table.update_all(vec![entry.claim(now), other]).await })
    });
    let mut won = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        // Who met others each time has not won either.
        won += usize::from(attempt.await.unwrap() == Ok(None));
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn expired_items_are_absent_though_they_are_still_there() {
    let (sandbox, table) = setup().await;
    let (now, key) = (now(), Key::new("seen#x#1", "x"));
    table
        .update(Update::new(key.clone()).set("expires_at", epoch(now)))
        .await
        .unwrap();
    assert_eq!(table.get(key.clone(), now).await, Ok(None));
    assert!(
        table
            .get(key, now - Duration::from_secs(1))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(sandbox.aws.items().await.len(), 1);
}

#[tokio::test]
async fn an_outage_is_not_an_absent_item() {
    let (sandbox, table) = setup().await;
    sandbox.aws.dynamodb().faults().always(Some(Fault::Answer {
        status: 500,
        headers: vec![],
        body: String::new(),
    }));
    let key = || Key::new("seen#x#1", "x");
    assert!(table.get(key(), now()).await.is_err());
    assert!(table.update(Update::new(key()).set("a", 1)).await.is_err());
    assert!(table.delete(key(), None).await.is_err());
    assert!(
        table
            .update_all(vec![Update::new(key()).set("a", 1)])
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_recognised_as_our_own() {
    let (sandbox, table) = setup().await;
    let (now, phone) = (now(), phone());
    table
        .update(pending::add(&phone, &request("a", now)))
        .await
        .unwrap();
    let faults = sandbox.aws.dynamodb().faults();
    faults.next(Fault::ResetAfter);
    let hold = pending::hold(&table, &phone, "me", epoch(now) + 30, now)
        .await
        .unwrap();
    assert!(matches!(hold, Hold::Held(_)));
    assert_eq!(faults.pending(), 0);
    let entry = Entry::new("m", "me".to_owned(), epoch(now) + 30, epoch(now) + 60);
    faults.next(Fault::ResetAfter);
    // The repeated transaction has the same token, so it counts as done.
    let refusals = table.update_all(vec![entry.claim(now)]).await.unwrap();
    assert!(refusals.is_none());
    assert_eq!(faults.pending(), 0);
}

#[tokio::test]
async fn a_write_that_meets_a_transaction_is_repeated() {
    let (sandbox, table) = setup().await;
    let conflict = || {
        Fault::Answer {
        status: 400,
        headers: vec![],
        body: r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"ongoing"}"#.to_owned(),
    }
    };
    let key = || Key::new("seen#x#1", "x");
    sandbox.aws.dynamodb().faults().times(9, conflict);
    assert!(table.update(Update::new(key()).set("a", 1)).await.is_ok());
    sandbox.aws.dynamodb().faults().times(9, conflict);
    assert!(table.delete(key(), None).await.is_ok());
    assert!(sandbox.aws.items().await.is_empty());
    sandbox.aws.dynamodb().faults().times(10, conflict);
    assert!(table.update(Update::new(key()).set("a", 1)).await.is_err());
}

#[tokio::test]
async fn the_journal_through_its_stages() {
    let (_sandbox, table) = setup().await;
    let now = now();
    let entry = |owner: &str, lease: u64| {
        Entry::new("m", owner.to_owned(), epoch(now) + lease, epoch(now) + 600)
    };
    let seen = async |owner: &str| -> (Item, Option<Stage>) {
        let entry = entry(owner, 30);
        let item = table
            .update_all(vec![entry.claim(now)])
            .await
            .unwrap()
            .unwrap()
            .remove(0)
            .unwrap();
        let stage = entry.stage(&item, now);
        (item, stage)
    };
    let first = entry("first", 0);
    assert_eq!(table.update_all(vec![first.claim(now)]).await, Ok(None));
    let (item, stage) = seen("second").await;
    assert_eq!(
        stage,
        Some(Stage::Unknown),
        "a lease that ended while sending"
    );
    let second = entry("second", 30);
    assert_eq!(
        table.update_all(vec![second.claim_again(&item)]).await,
        Ok(None)
    );
    assert!(
        table
            .update_all(vec![entry("third", 30).claim_again(&item)])
            .await
            .unwrap()
            .is_some(),
        "moved meanwhile"
    );
    first.settle(&table, &Stage::Failed).await.unwrap();
    assert_eq!(
        seen("third").await.1,
        Some(Stage::Sending),
        "the first is no longer its owner"
    );
    second
        .settle(
            &table,
            &Stage::Sent {
                sid: Some("SM1".to_owned()),
                provider: None,
                sender: None,
            },
        )
        .await
        .unwrap();
    assert_eq!(
        seen("third").await.1,
        Some(Stage::Sent {
            sid: Some("SM1".to_owned()),
            provider: None,
            sender: None,
        })
    );
}

#[tokio::test]
async fn a_claim_that_was_given_up_is_counted_nowhere() {
    let (_sandbox, table) = setup().await;
    let now = now();
    let first =
        Entry::new("m", "first".to_owned(), epoch(now) + 30, epoch(now) + 600).counted_as("x");
    assert_eq!(table.update_all(vec![first.claim(now)]).await, Ok(None));
    first.give_up(&table).await.unwrap();
    let second =
        Entry::new("m", "second".to_owned(), epoch(now) + 30, epoch(now) + 600).counted_as("y");
    let item = table
        .update_all(vec![second.claim(now)])
        .await
        .unwrap()
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(
        (second.stage(&item, now), item.text("counted_as")),
        (Some(Stage::Failed), None)
    );
    assert_eq!(
        table.update_all(vec![second.claim_again(&item)]).await,
        Ok(None)
    );
    first.give_up(&table).await.unwrap();
    let item = table
        .update_all(vec![first.claim(now)])
        .await
        .unwrap()
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(
        (first.stage(&item, now), item.text("counted_as")),
        (Some(Stage::Sending), Some("y")),
        "not its owner any more"
    );
    assert_eq!(item.number("first_at"), Some(epoch(now)));
}

/// Two mails to one address: the newer takes the older one's place, whichever comes first.
#[tokio::test]
async fn a_slot_keeps_the_newest_mail_s_request() {
    let (sandbox, table) = setup().await;
    let (now, phone) = (now(), phone());
    let of = |id: &str, mailed_at: u64| Request {
        slot: "slot".to_owned(),
        mailed_at: epoch(now) + mailed_at,
        added_by: id.to_owned(),
        ..request(id, now)
    };
    let [first, older, newer] = [of("first", 10), of("older", 5), of("newer", 20)];
    let kept = async || {
        let Hold::Held(held) = pending::hold(&table, &phone, "me", epoch(now), now)
            .await
            .unwrap()
        else {
            return vec![];
        };
        let ids = held
            .requests
            .iter()
            .map(|request| request.id.clone())
            .collect();
        held.release(&table).await.unwrap();
        ids
    };
    assert!(matches!(
        table.update(pending::add(&phone, &first)).await,
        Ok(Write::Done(_))
    ));
    let Ok(Write::Refused(item)) = table.update(pending::add(&phone, &older)).await else {
        panic!("it is older")
    };
    assert!(older.is_replaced_in(&item) && !first.is_replaced_in(&item));
    assert!(matches!(
        table.update(pending::add(&phone, &newer)).await,
        Ok(Write::Done(_))
    ));
    assert!(
        matches!(
            table.update(pending::renew(&phone, &first)).await,
            Ok(Write::Refused(_))
        ),
        "it was replaced"
    );
    assert!(matches!(
        table.update(pending::renew(&phone, &newer)).await,
        Ok(Write::Done(_))
    ));
    pending::withdraw(&table, &phone, &first).await.unwrap();
    assert_eq!(kept().await, ["newer"], "what is another's stays");
    pending::withdraw(&table, &phone, &newer).await.unwrap();
    assert_eq!(
        kept().await,
        ["newer"],
        "the text of the first still asks for a reply"
    );
    let Hold::Held(mut held) = pending::hold(&table, &phone, "me", epoch(now), now)
        .await
        .unwrap()
    else {
        panic!("not held")
    };
    held.remove("newer");
    held.release(&table).await.unwrap();
    assert!(sandbox.aws.items().await.is_empty());
    let again = of("older", 5);
    assert!(matches!(
        table.update(pending::add(&phone, &again)).await,
        Ok(Write::Done(_))
    ));
    pending::withdraw(&table, &phone, &again).await.unwrap();
    assert!(
        sandbox.aws.items().await.is_empty(),
        "it took nobody's place"
    );
}

#[tokio::test]
async fn pending_requests_are_held_by_one_and_gone_with_the_last() {
    let (sandbox, table) = setup().await;
    let (now, phone) = (now(), phone());
    let hold = async |owner: &str, at: SystemTime| {
        pending::hold(&table, &phone, owner, epoch(at) + 30, at)
            .await
            .unwrap()
    };
    assert!(matches!(hold("a", now).await, Hold::Nothing));
    for id in ["one", "two"] {
        table
            .update(pending::add(&phone, &request(id, now)))
            .await
            .unwrap();
    }
    let Hold::Held(mut ours) = hold("a", now).await else {
        panic!("not held")
    };
    assert_eq!(
        ours.requests
            .iter()
            .map(|request| request.id.as_str())
            .collect::<Vec<_>>(),
        ["one", "two"]
    );
    assert!(matches!(hold("b", now).await, Hold::Busy));
    ours.remove("one");
    // A mail comes in while a reply is being acted on.
    table
        .update(pending::add(&phone, &request("three", now)))
        .await
        .unwrap();
    ours.release(&table).await.unwrap();
    let Hold::Held(ours) = hold("b", now).await else {
        panic!("not released")
    };
    assert_eq!(ours.requests.len(), 2);
    // A holder that died: its lease ends.
    let later = now + Duration::from_secs(31);
    let Hold::Held(mut ours) = hold("c", later).await else {
        panic!("lease does not end")
    };
    ours.remove_all();
    ours.release(&table).await.unwrap();
    assert_eq!(sandbox.aws.items().await, Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn a_request_added_while_the_last_is_removed_survives() {
    let (_sandbox, table) = setup().await;
    let (now, phone) = (now(), phone());
    table
        .update(pending::add(&phone, &request("one", now)))
        .await
        .unwrap();
    let Hold::Held(mut ours) = pending::hold(&table, &phone, "a", epoch(now) + 30, now)
        .await
        .unwrap()
    else {
        panic!()
    };
    ours.remove("one");
    table
        .update(pending::add(&phone, &request("two", now)))
        .await
        .unwrap();
    ours.release(&table).await.unwrap();
    let Hold::Held(ours) = pending::hold(&table, &phone, "b", epoch(now) + 30, now)
        .await
        .unwrap()
    else {
        panic!()
    };
    assert_eq!(ours.requests[0].id, "two");
}

#[tokio::test]
async fn withdrawn_and_forgotten_requests() {
    let (sandbox, table) = setup().await;
    let (now, phone) = (now(), phone());
    pending::withdraw(&table, &phone, &request("none", now))
        .await
        .unwrap();
    let old = Request {
        expires_at: epoch(now) - 90_000,
        ..request("old", now)
    };
    table.update(pending::add(&phone, &old)).await.unwrap();
    table
        .update(pending::add(&phone, &request("new", now)))
        .await
        .unwrap();
    pending::tidy(&table, &phone, now).await.unwrap();
    let item = table
        .get(Key::new("pending#+4512345678", "pending"), now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        item.maps("r_").map(|(id, _)| id).collect::<Vec<_>>(),
        ["new"]
    );
    assert!(matches!(
        table
            .update(pending::renew(&phone, &request("old", now)))
            .await,
        Ok(Write::Refused(_))
    ));
    let elsewhere = Request {
        added_by: "another delivery".to_owned(),
        ..request("new", now)
    };
    pending::withdraw(&table, &phone, &elsewhere).await.unwrap();
    assert_eq!(
        sandbox.aws.items().await.len(),
        1,
        "stored anew by another delivery"
    );
    pending::withdraw(&table, &phone, &request("new", now))
        .await
        .unwrap();
    assert!(sandbox.aws.items().await.is_empty());
}
