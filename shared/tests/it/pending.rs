//! Whose requests stay in a number's item, and for how long.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sandbox::Sandbox;
use shared::platform::table::{Key, Table};
use shared::rules::link::Kind;
use shared::rules::pending::{self, Request};
use shared::rules::phone::E164;

const DAY: u64 = 86_400;
const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW + seconds)
}

async fn setup() -> (Sandbox, Table, E164) {
    let sandbox = Sandbox::start().await;
    let table = crate::table(&sandbox);
    (sandbox, table, "+4512345678".parse().unwrap())
}

/// A request that was mailed then, and that is valid for an hour from now on.
fn request(id: &str, slot: &str, mailed: u64) -> Request {
    Request {
        id: id.to_owned(),
        slot: slot.to_owned(),
        kind: Kind::Verification,
        link: "https://acme.eu.auth0.com/u/email-verification?ticket=x".to_owned(),
        email: "ann@acme.example".to_owned(),
        mailed_at: NOW + mailed,
        created_at: NOW,
        expires_at: NOW + 3_600,
        code: None,
        language: None,
        added_by: id.to_owned(),
    }
}

#[tokio::test]
async fn a_numbers_item_ends_a_day_after_its_last_request() {
    let (_sandbox, table, phone) = setup().await;
    let update = pending::add(&phone, &request("one", "a", 0));
    table.update(update).await.unwrap();
    let key = Key::new("pending#+4512345678", "pending");
    let is_there = async |seconds| table.get(key.clone(), at(seconds)).await.unwrap().is_some();
    assert!(is_there(3_600 + DAY - 1).await);
    assert!(!is_there(3_600 + DAY).await);
}

#[tokio::test]
async fn what_one_account_replaces_is_not_what_another_replaces() {
    let (_sandbox, table, phone) = setup().await;
    let newer = request("newer", "a", 10);
    for request in [&request("older", "a", 0), &newer, &request("other", "b", 0)] {
        table.update(pending::add(&phone, request)).await.unwrap();
    }
    // The text of the older one still asks for a reply.
    pending::withdraw(&table, &phone, &newer).await.unwrap();
    let key = Key::new("pending#+4512345678", "pending");
    let item = table.get(key, at(0)).await.unwrap().unwrap();
    let mut slots: Vec<_> = item.maps("r_").map(|(slot, _)| slot.to_owned()).collect();
    slots.sort();
    assert_eq!(slots, ["a", "b"]);
}
