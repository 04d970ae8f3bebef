//! What an invocation does with the requests that it holds, whoever comes in between, and what stays in the table.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sandbox::Sandbox;
use serde_json::json;
use shared::platform::config;
use shared::platform::table::{Item, Key, Table};
use shared::rules::link::{Kind, Rules};
use shared::rules::pending::{self, Held, Hold, Request};
use shared::rules::phone::E164;
use words::Language;

const DAY: u64 = 86_400;
const NOW: u64 = 1_800_000_000;
const EMAIL: &str = "Ann@acme.example";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW + seconds)
}

struct Phone {
    sandbox: Sandbox,
    table: Table,
    number: E164,
}

impl Phone {
    async fn start() -> Self {
        let sandbox = Sandbox::start().await;
        let table = crate::table(&sandbox);
        Self {
            sandbox,
            table,
            number: "+4512345678".parse().unwrap(),
        }
    }

    async fn add(&self, request: &Request) {
        let update = pending::add(&self.number, request);
        self.table.update(update).await.unwrap();
    }

    /// Takes the lease for 30 seconds.
    async fn hold(&self, owner: &str, seconds: u64) -> Held {
        let end = NOW + seconds + 30;
        let held = pending::hold(&self.table, &self.number, owner, end, at(seconds)).await;
        match held.unwrap() {
            Hold::Held(held) => held,
            Hold::Busy | Hold::Nothing => panic!("not held"),
        }
    }

    async fn tidy(&self, seconds: u64) {
        let done = pending::tidy(&self.table, &self.number, at(seconds)).await;
        done.unwrap();
    }

    async fn item(&self) -> Item {
        let key = Key::new("pending#+4512345678", "pending");
        self.table.get(key, at(0)).await.unwrap().unwrap()
    }

    /// The slots in which a request is.
    async fn slots(&self) -> Vec<String> {
        let item = self.item().await;
        let mut slots: Vec<_> = item.maps("r_").map(|(slot, _)| slot.to_owned()).collect();
        slots.sort();
        slots
    }
}

/// The request of the mail `id`, made after so many seconds.
fn request(id: &str, slot: &str, seconds: u64) -> Request {
    Request {
        id: id.to_owned(),
        slot: slot.to_owned(),
        kind: Kind::Verification,
        link: format!("https://acme.eu.auth0.com/u/email-verification?ticket={id}"),
        email: EMAIL.to_owned(),
        mailed_at: NOW + seconds,
        created_at: NOW + seconds,
        expires_at: NOW + 3_600,
        code: None,
        language: None,
        added_by: id.to_owned(),
    }
}

/// Id and code of each.
fn known(requests: &[Request]) -> Vec<(&str, Option<&str>)> {
    let known = requests.iter();
    known
        .map(|request| (request.id.as_str(), request.code.as_deref()))
        .collect()
}

#[tokio::test]
async fn a_request_is_read_back_as_it_was_made() {
    let links = |name: &str| (name == "AUTH0_URL").then(|| "https://acme.eu.auth0.com".to_owned());
    let links = config::read(&links, Rules::read).unwrap();
    for (path, kind, word) in [
        ("u/email-verification", Kind::Verification, "verification"),
        ("u/reset-verify", Kind::Password, "password"),
    ] {
        let phone = Phone::start().await;
        let link = format!("https://acme.eu.auth0.com/{path}?ticket=abc");
        let link = links.accept(&link, None).unwrap();
        let language = Language::ENGLISH;
        let made = Request::new("id", &link, EMAIL, NOW - 7, at(0), 3, language);
        assert_eq!(made.slot, pending::slot(kind, &EMAIL.to_uppercase()));
        assert_eq!(made.slot.len(), 32);
        phone.add(&made).await;
        let (_, map) = phone
            .item()
            .await
            .maps("r_")
            .next()
            .map(|(slot, map)| (slot.to_owned(), map))
            .unwrap();
        assert_eq!(map.text("kind"), Some(word));
        let held = phone.hold("me", 0).await;
        let [read] = held.requests.as_slice() else {
            panic!("one request")
        };
        assert!(read.kind == kind && made.kind == kind);
        assert_eq!(
            (&*read.id, &*read.link, &*read.email),
            ("id", link.reveal(), EMAIL)
        );
        let times = (read.mailed_at, read.created_at, read.expires_at);
        assert_eq!(times, (NOW - 7, NOW, NOW + 3 * 3_600));
        assert_eq!(read.language.as_deref(), Some("en"));
        assert_eq!(read.code, None);
        assert_eq!((&read.slot, &read.added_by), (&made.slot, &made.added_by));
    }
    let slots = [Kind::Verification, Kind::Password].map(|kind| pending::slot(kind, EMAIL));
    assert_ne!(slots[0], slots[1]);
}

/// It has no mail, no time of the mail, and an end for all.
#[tokio::test]
async fn a_request_of_an_earlier_version_is_read() {
    let phone = Phone::start().await;
    let number = |n: u64| json!({ "N": n.to_string() });
    let text = |text: &str| json!({ "S": text });
    let map = json!({ "M": {
        "kind": text("password"), "link": text("https://acme.example"), "email": text(EMAIL),
        "created_at": number(NOW), "expires_at": number(NOW + 100),
    } });
    let item = json!({
        "pk": text("pending#+4512345678"), "sk": text("pending"), "r_mail-id": map,
        "expires_at": number(NOW + 90),
    });
    phone.sandbox.aws.put(item).await;
    let mut held = phone.hold("me", 0).await;
    let read = &held.requests[0];
    assert_eq!((&*read.id, &*read.slot), ("mail-id", "mail-id"));
    assert!(read.kind == Kind::Password);
    assert_eq!((read.mailed_at, read.expires_at), (NOW, NOW + 90));
    held.remove("mail-id");
    held.release(&phone.table).await.unwrap();
    assert!(phone.sandbox.aws.items().await.is_empty());
}

#[tokio::test]
async fn what_a_holder_writes_is_read_by_the_next() {
    let phone = Phone::start().await;
    for (id, seconds) in [("two", 2), ("one", 1), ("three", 3)] {
        phone.add(&request(id, id, seconds)).await;
    }
    let mut held = phone.hold("me", 4).await;
    let (one, two, three) = (("one", None), ("two", None), ("three", None));
    assert_eq!(known(&held.requests), [one, two, three]);
    let coded = Request {
        code: Some("4821".to_owned()),
        ..held.requests[1].clone()
    };
    held.rewrite(coded);
    let coded = ("two", Some("4821"));
    assert_eq!(known(&held.requests), [one, coded, three]);
    held.remove("three");
    assert_eq!(known(&held.requests), [one, coded]);
    held.release(&phone.table).await.unwrap();
    let mut held = phone.hold("me", 4).await;
    assert_eq!(known(&held.requests), [one, coded]);
    // Nothing became of it.
    held.remove_all();
    assert_eq!(known(&held.requests), []);
    held.keep_all();
    held.release(&phone.table).await.unwrap();
    let held = phone.hold("other", 4).await;
    assert_eq!(known(&held.requests), [one, coded]);
}

#[tokio::test]
async fn what_has_been_replaced_meanwhile_is_not_changed() {
    let phone = Phone::start().await;
    for id in ["a", "b", "c"] {
        phone.add(&request(id, id, 0)).await;
    }
    let mut held = phone.hold("me", 1).await;
    held.remove("a");
    held.remove("b");
    let coded = Request {
        code: Some("4821".to_owned()),
        ..held.requests[0].clone()
    };
    held.rewrite(coded);
    for slot in ["a", "c"] {
        phone.add(&request("newer", slot, 2)).await;
    }
    held.release(&phone.table).await.unwrap();
    let held = phone.hold("me", 3).await;
    assert_eq!(known(&held.requests), [("newer", None), ("newer", None)]);
    assert_eq!(phone.slots().await, ["a", "c"]);
}

#[tokio::test]
async fn who_has_lost_the_lease_changes_nothing() {
    let phone = Phone::start().await;
    for id in ["a", "b"] {
        phone.add(&request(id, id, 0)).await;
    }
    for gone in ["a", "all"] {
        let mut late = phone.hold("late", 0).await;
        match gone {
            "all" => late.remove_all(),
            id => late.remove(id),
        }
        let held = phone.hold("me", 30).await;
        late.release(&phone.table).await.unwrap();
        assert_eq!(phone.slots().await, ["a", "b"], "{gone}");
        held.release(&phone.table).await.unwrap();
    }
}

#[tokio::test]
async fn the_rest_stays_when_one_is_withdrawn() {
    let phone = Phone::start().await;
    for id in ["a", "b"] {
        phone.add(&request(id, id, 0)).await;
    }
    let withdraw = async |id: &str| {
        let request = request(id, id, 0);
        let done = pending::withdraw(&phone.table, &phone.number, &request).await;
        done.unwrap();
    };
    withdraw("a").await;
    assert_eq!(phone.slots().await, ["b"]);
    withdraw("b").await;
    assert!(phone.sandbox.aws.items().await.is_empty());
}

#[tokio::test]
async fn requests_are_forgotten_a_day_after_their_end() {
    let phone = Phone::start().await;
    for (id, end) in [("over", 0), ("nearly", 1), ("valid", 3_600)] {
        let request = Request {
            expires_at: NOW + end,
            ..request(id, id, 0)
        };
        phone.add(&request).await;
    }
    phone.tidy(DAY - 1).await;
    assert_eq!(phone.slots().await, ["nearly", "over", "valid"]);
    phone.tidy(DAY).await;
    assert_eq!(phone.slots().await, ["nearly", "valid"]);
}

#[tokio::test]
async fn of_very_many_requests_the_newest_150_stay() {
    let phone = Phone::start().await;
    let mut item = json!({
        "pk": { "S": "pending#+4512345678" }, "sk": { "S": "pending" },
        "expires_at": { "N": (NOW + DAY).to_string() },
    });
    for n in 0..152 {
        item[format!("r_{n:03}")] = json!({ "M": {
            "created_at": { "N": (NOW + n).to_string() }, "expires_at": { "N": (NOW + 3_600).to_string() },
        } });
    }
    phone.sandbox.aws.put(item).await;
    phone.tidy(200).await;
    let slots = phone.slots().await;
    assert_eq!((slots.len(), &*slots[0]), (150, "002"));
    phone.tidy(200).await;
    assert_eq!(phone.slots().await.len(), 150);
}
