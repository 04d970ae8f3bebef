//! Whose number it is, with Okta and without: the copy, its life, and what is remembered.

use std::time::{Duration, SystemTime};

use sandbox::Sandbox;
use sandbox::aws::TABLE_NAME;
use sandbox::wire::{Exchange, Fault};
use serde_json::{Value, json};
use shared::platform::base_url::BaseUrl;
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;
use shared::platform::table::Table;
use shared::rules::phone::E164;
use shared::services::directory::{Directory, Employee, Listing};
use shared::vendors::okta::Access;
use shared::vendors::okta::users::Users;

const COMPANY: &str = "+15005550010";
const OTHER_COMPANY: &str = "+15005550020";
const MOBILE: &str = "+12025550123";
const OTHER_MOBILE: &str = "+12025550145";
const DAY: Duration = Duration::from_hours(24);

fn number(text: &str) -> E164 {
    text.parse().unwrap()
}

/// A directory that remembers nothing yet, as in another process.
fn directory(sandbox: &Sandbox) -> Directory {
    let (http, aws) = (crate::client(), crate::aws(sandbox));
    let base: BaseUrl = sandbox.okta.server().url().parse().unwrap();
    let users = Users::new(
        http.clone(),
        base,
        Access::Read,
        Secret::new("switchboard/okta".to_owned(), aws.secrets_manager(&http)),
    );
    Directory::new(
        users,
        Table::new(aws.dynamodb(&http), TABLE_NAME.to_owned()),
    )
}

/// What another process finds.
async fn find(sandbox: &Sandbox, company: &str, now: SystemTime) -> Result<Listing, &'static str> {
    directory(sandbox)
        .find(&number(company), now)
        .await
        .map_err(|failure| failure.outcome)
}

fn employee(id: &str, mobile: &str, mobile_is_ours: bool) -> Listing {
    let mobile = Some(mobile).filter(|mobile| !mobile.is_empty()).map(number);
    Listing::Employee(Employee {
        id: id.to_owned(),
        first_name: Some("Ann".to_owned()),
        mobile,
        locale: None,
        mobile_is_ours,
    })
}

fn writes(sandbox: &Sandbox) -> usize {
    let is_write = |exchange: &&Exchange| {
        exchange
            .headers
            .iter()
            .any(|(_, value)| value.ends_with(".UpdateItem"))
    };
    sandbox
        .aws
        .dynamodb()
        .exchanges()
        .iter()
        .filter(is_write)
        .count()
}

async fn copy(sandbox: &Sandbox, company: &str) -> Value {
    let pk = json!({ "S": format!("directory#{company}") });
    sandbox
        .aws
        .items()
        .await
        .into_iter()
        .find(|item| item["pk"] == pk)
        .unwrap_or_default()
}

#[tokio::test]
async fn the_copy_is_written_when_something_changed_or_half_its_life_is_over() {
    let sandbox = Sandbox::start().await;
    let (id, now) = (sandbox.okta.hire("Ann", MOBILE, COMPANY), now());
    let mut written = 0;
    for (what, days, writes_more) in [
        ("new", 0, true),
        ("known", 1, false),
        ("nearly half", 14, false),
        ("half", 15, true),
        ("as new again", 29, false),
    ] {
        assert_eq!(
            find(&sandbox, COMPANY, now + days * DAY).await,
            Ok(employee(&id, MOBILE, false)),
            "{what}"
        );
        written += usize::from(writes_more);
        assert_eq!(writes(&sandbox), written, "{what}");
    }
    let expires = copy(&sandbox, COMPANY).await["expires_at"]["N"]
        .as_str()
        .unwrap()
        .parse::<u64>()
        .unwrap();
    assert_eq!(expires, shared::platform::time::epoch(now + 45 * DAY));
    for (attribute, value, expected) in [
        (
            "mobilePhone",
            json!("+1 (202) 555-0145"),
            employee(&id, OTHER_MOBILE, false),
        ),
        ("mobilePhone", json!("2025550145"), employee(&id, "", false)),
        ("mobilePhone", json!(null), employee(&id, "", false)),
        ("mobilePhone", json!(MOBILE), employee(&id, MOBILE, false)),
    ] {
        sandbox.okta.set_profile(&id, attribute, value.clone());
        assert_eq!(
            find(&sandbox, COMPANY, now + 29 * DAY).await,
            Ok(expected),
            "{value}"
        );
        written += usize::from(!value.is_null()); // none and none to be used are the same
        assert_eq!(writes(&sandbox), written, "{value}");
    }
    sandbox.okta.set_profile(&id, "firstName", json!("Anna"));
    find(&sandbox, COMPANY, now + 29 * DAY).await.unwrap();
    assert_eq!(
        (
            copy(&sandbox, COMPANY).await["first_name"]["S"].as_str(),
            writes(&sandbox)
        ),
        (Some("Anna"), written + 1)
    );
}

#[tokio::test]
async fn the_copy_serves_for_thirty_days_though_it_may_still_be_there() {
    let sandbox = Sandbox::start().await;
    let (id, now) = (sandbox.okta.hire("Ann", MOBILE, COMPANY), now());
    find(&sandbox, COMPANY, now).await.unwrap();
    sandbox.okta.server().faults().refuse(true);
    for (age, expected) in [
        (0, Ok(employee(&id, MOBILE, false))),
        (30 * 86_400 - 1, Ok(employee(&id, MOBILE, false))),
        (30 * 86_400, Err("directory_unavailable")),
    ] {
        assert_eq!(
            find(&sandbox, COMPANY, now + Duration::from_secs(age)).await,
            expected,
            "{age}"
        );
    }
    assert!(copy(&sandbox, COMPANY).await.is_object());
    assert_eq!(
        find(&sandbox, OTHER_COMPANY, now).await,
        Err("directory_unavailable"),
        "nobody asked before"
    );
    assert_eq!(writes(&sandbox), 1, "an outage writes nothing");
}

#[tokio::test]
async fn what_was_found_is_remembered_for_a_minute() {
    let sandbox = Sandbox::start().await;
    let (id, now) = (sandbox.okta.hire("Ann", MOBILE, COMPANY), now());
    let directory = directory(&sandbox);
    let asked = || sandbox.okta.server().exchanges().len();
    for (age, company, expected) in [
        (0, COMPANY, 1),
        (59, COMPANY, 1),
        (60, COMPANY, 2),
        (60, OTHER_COMPANY, 3),
        (119, OTHER_COMPANY, 3),
        (119, COMPANY, 3),
        (120, OTHER_COMPANY, 4),
    ] {
        let found = directory
            .find(&number(company), now + Duration::from_secs(age))
            .await
            .unwrap();
        assert_eq!(
            (matches!(found, Listing::Employee(_)), asked()),
            (company == COMPANY, expected),
            "{company} {age}"
        );
    }
    // Who is served by the copy is asked for again.
    let outage = now + Duration::from_mins(5);
    sandbox.okta.server().faults().times(2, || Fault::Answer {
        status: 500,
        headers: vec![],
        body: String::new(),
    });
    for expected in [5, 6, 7, 7] {
        assert_eq!(
            directory.find(&number(COMPANY), outage).await.unwrap(),
            employee(&id, MOBILE, false)
        );
        assert_eq!(asked(), expected);
    }
    // A clock that was set back ends it, too.
    directory.find(&number(COMPANY), now).await.unwrap();
    assert_eq!(asked(), 8);
}

/// Texts to them are cheap to send; Okta's limit is for those who work here.
#[tokio::test]
async fn numbers_that_nobody_has_use_up_neither_the_memory_nor_okta() {
    let sandbox = Sandbox::start().await;
    let (id, now) = (sandbox.okta.hire("Ann", MOBILE, COMPANY), now());
    let minute = |n: u64| {
        std::time::UNIX_EPOCH
            + Duration::from_secs((shared::platform::time::epoch(now) / 60 + 1 + n) * 60)
    };
    let nobodys = |n: u32| number(&format!("+1500555{n:04}"));
    let asked = || sandbox.okta.server().exchanges().len();
    let flood = async |directory: &Directory, from: u64| {
        for n in 1_000..1_030 {
            let found = directory.find(&nobodys(n), minute(from)).await.unwrap();
            assert_eq!(found, Listing::Nobody("unknown_number"));
        }
    };
    let first = directory(&sandbox);
    assert_eq!(
        first.find(&number(COMPANY), minute(0)).await.unwrap(),
        employee(&id, MOBILE, false)
    );
    flood(&first, 0).await;
    assert_eq!(
        asked(),
        31,
        "nobody knows them yet, so each is asked for once"
    );
    flood(&first, 0).await;
    assert_eq!(
        first.find(&number(COMPANY), minute(0)).await.unwrap(),
        employee(&id, MOBILE, false)
    );
    assert_eq!(asked(), 31, "they are remembered, and so is Ann");
    flood(&first, 1).await;
    assert_eq!(asked(), 31 + 20, "then the copies are believed");
    assert_eq!(
        first.find(&number(COMPANY), minute(1)).await.unwrap(),
        employee(&id, MOBILE, false)
    );
    assert_eq!(
        asked(),
        31 + 21,
        "who has a number is asked for all the same"
    );
    let hired = sandbox.okta.hire("Bob", OTHER_MOBILE, "+15005551030");
    let found = first.find(&nobodys(1_030), minute(1)).await.unwrap();
    assert!(
        matches!(found, Listing::Employee(Employee { id, .. }) if id == hired),
        "and so is a number without a copy"
    );
}

/// Who gets such a number is served soon, also while strangers text to numbers that nobody has.
#[tokio::test]
async fn that_nobody_has_a_number_is_believed_for_ten_minutes() {
    let sandbox = Sandbox::start().await;
    let start = now();
    let after = |minutes: u64| start + Duration::from_mins(minutes);
    let nobodys = |n: u32| number(&format!("+1500555{n:04}"));
    let flood = async |directory: &Directory, minutes: u64| {
        for n in 1_000..1_020 {
            directory.find(&nobodys(n), after(minutes)).await.unwrap();
        }
    };
    let directory = directory(&sandbox);
    let own = number(COMPANY);
    let nobody = Listing::Nobody("unknown_number");
    assert_eq!(directory.find(&own, after(0)).await.unwrap(), nobody);
    let id = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    flood(&directory, 9).await;
    assert_eq!(directory.find(&own, after(9)).await.unwrap(), nobody);
    flood(&directory, 11).await;
    assert_eq!(
        directory.find(&own, after(11)).await.unwrap(),
        employee(&id, MOBILE, false)
    );
}

#[tokio::test]
async fn okta_wins_over_the_copy_and_the_copy_keeps_what_it_said_last() {
    let sandbox = Sandbox::start().await;
    let (id, now) = (sandbox.okta.hire("Ann", MOBILE, COMPANY), now());
    for (what, word) in [
        ("suspended", "user_not_active"),
        ("given to two", "ambiguous_number"),
        ("taken away", "unknown_number"),
    ] {
        assert_eq!(
            find(&sandbox, COMPANY, now).await,
            Ok(employee(&id, MOBILE, false)),
            "{what}"
        );
        let second = match what {
            "suspended" => {
                sandbox.okta.set_status(&id, "SUSPENDED");
                None
            }
            "taken away" => {
                sandbox
                    .okta
                    .set_profile(&id, "primaryPhone", json!(OTHER_COMPANY));
                None
            }
            _ => Some(sandbox.okta.hire("Bob", OTHER_MOBILE, COMPANY)),
        };
        for _ in 0..2 {
            assert_eq!(
                find(&sandbox, COMPANY, now).await,
                Ok(Listing::Nobody(word)),
                "{what}"
            );
        }
        let kept = copy(&sandbox, COMPANY).await;
        assert_eq!(
            (kept["state"]["S"].as_str(), kept.as_object().unwrap().len()),
            (Some(word), 4),
            "no personal data: {kept}"
        );
        sandbox.okta.server().faults().refuse(true);
        assert_eq!(
            find(&sandbox, COMPANY, now).await,
            Ok(Listing::Nobody(word)),
            "{what}"
        );
        sandbox.okta.server().faults().refuse(false);
        if let Some(second) = second {
            sandbox.okta.delete(&second);
        }
        sandbox.okta.set_status(&id, "ACTIVE");
        sandbox
            .okta
            .set_profile(&id, "primaryPhone", json!(COMPANY));
    }
    assert_eq!(writes(&sandbox), 6);
}

#[tokio::test]
async fn a_mobile_that_is_a_company_number_is_recognised() {
    let sandbox = Sandbox::start().await;
    let (id, now) = (sandbox.okta.hire("Ann", OTHER_COMPANY, COMPANY), now());
    let directory = directory(&sandbox);
    assert_eq!(
        directory.is_ours(&number(OTHER_COMPANY), now).await,
        Ok(false)
    );
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(employee(&id, OTHER_COMPANY, false)),
        "never seen"
    );
    sandbox.okta.hire("Bob", MOBILE, OTHER_COMPANY);
    find(&sandbox, OTHER_COMPANY, now).await.unwrap();
    for (company, ours) in [(COMPANY, true), (OTHER_COMPANY, true), (MOBILE, false)] {
        assert_eq!(
            directory.is_ours(&number(company), now).await,
            Ok(ours),
            "{company}"
        );
    }
    assert_eq!(
        directory
            .is_ours(&number(OTHER_COMPANY), now + 30 * DAY)
            .await,
        Ok(false)
    );
    assert_eq!(
        find(&sandbox, COMPANY, now + 15 * DAY).await,
        Ok(employee(&id, OTHER_COMPANY, true)),
        "looked up with the copy"
    );
    assert_eq!(
        find(&sandbox, COMPANY, now + 16 * DAY).await,
        Ok(employee(&id, OTHER_COMPANY, true)),
        "and kept in it"
    );
    sandbox.okta.server().faults().refuse(true);
    assert_eq!(
        find(&sandbox, COMPANY, now + 16 * DAY).await,
        Ok(employee(&id, OTHER_COMPANY, true)),
        "also without Okta"
    );
    sandbox.okta.server().faults().refuse(false);
    sandbox.okta.set_profile(&id, "mobilePhone", json!(MOBILE));
    assert_eq!(
        find(&sandbox, COMPANY, now + 16 * DAY).await,
        Ok(employee(&id, MOBILE, false))
    );
    sandbox.okta.set_profile(&id, "mobilePhone", json!(COMPANY));
    assert_eq!(
        find(&sandbox, COMPANY, now + 16 * DAY).await,
        Ok(employee(&id, COMPANY, true)),
        "its own"
    );
}

#[tokio::test]
async fn a_number_that_was_bought_is_a_company_number_before_anybody_asks_for_it() {
    let sandbox = Sandbox::start().await;
    let (id, now) = (sandbox.okta.hire("Ann", OTHER_COMPANY, COMPANY), now());
    let owner = |expires: Duration| {
        json!({
            "pk": { "S": format!("number#{OTHER_COMPANY}") }, "sk": { "S": "owner" }, "user": { "S": "00u1" },
            "expires_at": { "N": shared::platform::time::epoch(now + expires).to_string() },
        })
    };
    sandbox.aws.put(owner(DAY)).await;
    assert_eq!(
        directory(&sandbox)
            .is_ours(&number(OTHER_COMPANY), now)
            .await,
        Ok(true)
    );
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(employee(&id, OTHER_COMPANY, true))
    );
    sandbox.aws.put(owner(Duration::ZERO)).await;
    assert_eq!(
        directory(&sandbox)
            .is_ours(&number(OTHER_COMPANY), now)
            .await,
        Ok(false),
        "given back"
    );
}

/// What provision-numbers notes when it has bought a number for a user.
fn bought_for(id: &str, company: &str) -> Value {
    json!({
        "pk": { "S": format!("number#{company}") }, "sk": { "S": "owner" }, "user": { "S": id },
    })
}

/// Users may be allowed to edit their profiles.
#[tokio::test]
async fn a_number_that_was_bought_for_another_user_does_not_count() {
    let (sandbox, now) = (Sandbox::start().await, now());
    let ann = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    sandbox.okta.hire("Eve", OTHER_MOBILE, COMPANY);
    let found = async || find(&sandbox, COMPANY, now).await;
    assert_eq!(found().await, Ok(Listing::Nobody("ambiguous_number")));
    sandbox.aws.put(bought_for(&ann, COMPANY)).await;
    for (status, expected) in [
        ("ACTIVE", employee(&ann, MOBILE, false)),
        ("SUSPENDED", Listing::Nobody("user_not_active")),
        ("ACTIVE", employee(&ann, MOBILE, false)),
        ("DEPROVISIONED", Listing::Nobody("unknown_number")),
    ] {
        sandbox.okta.set_status(&ann, status);
        assert_eq!(found().await, Ok(expected.clone()), "{status}");
        sandbox.okta.server().faults().refuse(true);
        assert_eq!(found().await, Ok(expected), "the copy of {status}");
        sandbox.okta.server().faults().refuse(false);
    }
    sandbox.okta.delete(&ann);
    assert_eq!(found().await, Ok(Listing::Nobody("unknown_number")));
    // Of the others, none is the owner.
    let cy = sandbox.okta.hire("Cy", OTHER_MOBILE, COMPANY);
    assert_eq!(found().await, Ok(Listing::Nobody("unknown_number")));
    // It was handed over.
    sandbox.aws.put(bought_for(&cy, COMPANY)).await;
    let Ok(Listing::Employee(served)) = found().await else {
        panic!("the new owner is served");
    };
    assert_eq!(served.id, cy);
}

/// Numbers that were released, or not bought by provision-numbers, belong to whoever has them in the
/// profile.
#[tokio::test]
async fn a_number_without_a_noted_owner_is_whose_profile_has_it() {
    let (sandbox, now) = (Sandbox::start().await, now());
    let id = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    let mut released = bought_for("00u1", COMPANY);
    released.as_object_mut().unwrap().remove("user");
    let mut expired = bought_for("00u1", COMPANY);
    expired["expires_at"] = json!({ "N": shared::platform::time::epoch(now).to_string() });
    for noted in [released, expired] {
        sandbox.aws.put(noted.clone()).await;
        assert_eq!(
            find(&sandbox, COMPANY, now).await,
            Ok(employee(&id, MOBILE, false)),
            "{noted}"
        );
    }
}

/// Okta's answer is enough for a call. The copy outlives it, so it holds only what was verified.
#[tokio::test]
async fn what_could_not_be_compared_with_the_owner_is_not_copied() {
    let (sandbox, now) = (Sandbox::start().await, now());
    let eve = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    sandbox.aws.put(bought_for("00u1", COMPANY)).await;
    let faults = sandbox.aws.dynamodb().faults();
    faults.always_with(
        "number#",
        Fault::Answer {
            status: 500,
            headers: vec![],
            body: String::new(),
        },
    );
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(employee(&eve, MOBILE, false))
    );
    assert_eq!(
        (writes(&sandbox), copy(&sandbox, COMPANY).await),
        (0, Value::Null)
    );
    faults.clear();
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(Listing::Nobody("unknown_number"))
    );
}

/// provision-numbers reads national forms, and notes what it read.
#[tokio::test]
async fn a_mobile_in_national_form_is_what_it_was_noted_as() {
    let sandbox = Sandbox::start().await;
    let (id, now) = (sandbox.okta.hire("Ann", "(202) 555-0123", COMPANY), now());
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(employee(&id, "", false)),
        "not noted"
    );
    let note = |mobile: &str| {
        json!({
            "pk": { "S": format!("number#{id}") }, "sk": { "S": "number" }, "stage": { "S": "recorded" },
            "mobile": { "S": mobile }, "mobile_written": { "S": "(202) 555-0123" },
        })
    };
    sandbox.aws.put(note(MOBILE)).await;
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(employee(&id, MOBILE, false))
    );
    let asked = || sandbox.aws.dynamodb().exchanges().len();
    let before = asked();
    sandbox.okta.server().faults().refuse(true);
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(employee(&id, MOBILE, false)),
        "also without Okta"
    );
    sandbox.okta.server().faults().refuse(false);
    assert_eq!(asked() - before, 2);
    for mobile in ["2025550123", "+", ""] {
        sandbox.aws.put(note(mobile)).await;
        assert_eq!(
            find(&sandbox, COMPANY, now).await,
            Ok(employee(&id, "", false)),
            "no number: {mobile:?}"
        );
    }
    sandbox.aws.put(note(MOBILE)).await;
    sandbox
        .okta
        .set_profile(&id, "mobilePhone", json!("202 555 0123"));
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(employee(&id, "", false)),
        "of another text"
    );
    // What can be read is not looked up, whatever is noted.
    let mut other = note(MOBILE);
    other["mobile_written"]["S"] = json!("+1 (202) 555-0145");
    sandbox.aws.put(other).await;
    sandbox
        .okta
        .set_profile(&id, "mobilePhone", json!("+1 (202) 555-0145"));
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(employee(&id, OTHER_MOBILE, false))
    );
    // Nor is anybody called by a note who has left.
    sandbox
        .okta
        .set_profile(&id, "mobilePhone", json!("(202) 555-0123"));
    sandbox.okta.set_status(&id, "SUSPENDED");
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(Listing::Nobody("user_not_active"))
    );
}

#[tokio::test]
async fn without_the_table_okta_is_enough() {
    let sandbox = Sandbox::start().await;
    let (id, now) = (sandbox.okta.hire("Ann", MOBILE, COMPANY), now());
    sandbox.aws.dynamodb().faults().refuse(true);
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(employee(&id, MOBILE, false))
    );
    assert!(
        directory(&sandbox)
            .is_ours(&number(COMPANY), now)
            .await
            .is_err()
    );
    sandbox.okta.server().faults().refuse(true);
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Err("directory_unavailable")
    );
    sandbox.aws.dynamodb().faults().refuse(false);
    sandbox.okta.server().faults().refuse(false);
    // Read, and then not to be written.
    let (well, bad) = (
        || Fault::Delay(Duration::ZERO),
        || Fault::Answer {
            status: 500,
            headers: vec![],
            body: String::new(),
        },
    );
    let faults = sandbox.aws.dynamodb().faults();
    faults.times(4, well);
    faults.times(3, bad);
    assert_eq!(
        find(&sandbox, COMPANY, now).await,
        Ok(employee(&id, MOBILE, false))
    );
    assert_eq!(
        (faults.pending(), copy(&sandbox, COMPANY).await),
        (0, Value::Null)
    );
}
