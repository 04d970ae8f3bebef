//! Things that count against several budgets at once, and how budgets are kept in the table.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sandbox::Sandbox;
use sandbox::wire::Fault;
use shared::platform::table::{Item, Key, Table};
use shared::rules::limits::{Budget, Counted, Reserve, Window, take_all};

use super::{aws, client};

const NOW: u64 = 1_800_000_000;

async fn setup() -> (Sandbox, Table) {
    let sandbox = Sandbox::start().await;
    let name = sandbox
        .env_for("receive-confirmation-sms")
        .remove("TABLE_NAME")
        .unwrap();
    let table = Table::new(aws(&sandbox).dynamodb(&client()), name);
    (sandbox, table)
}

/// The beginning of a slice of each window.
fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW / 7_200 * 7_200 + seconds)
}

/// Counts for a caller who may use so much of the reserves. Nobody may be asked about it if it is
/// `None`.
async fn count(table: &Table, budgets: &[Budget], reserve: Option<Reserve>) -> Counted {
    let asked = async |_: Option<&Item>| Ok(reserve.expect("no reserve is needed"));
    take_all(budgets, table, at(0), asked).await
}

async fn used(table: &Table, budgets: &[Budget]) -> Vec<u64> {
    let mut all = Vec::new();
    for budget in budgets {
        all.push(budget.used(table, at(0)).await.unwrap());
    }
    all
}

/// The settings of the budgets that are full.
fn full(counted: &Counted) -> Vec<&str> {
    counted.full.iter().map(|full| full.setting).collect()
}

fn budget(setting: &'static str, max: u64) -> Budget {
    Budget::new("test", setting, max, Window::Hour).set_by(setting)
}

#[tokio::test]
async fn what_one_budget_refuses_is_given_back_to_the_others() {
    let (_sandbox, table) = setup().await;
    let budgets = [budget("WIDE", 9), budget("NARROW", 2), budget("NONE", 0)];
    for n in 1..=2 {
        let counted = count(&table, &budgets[..2], None).await;
        assert_eq!((full(&counted), counted.refused()), (vec![], None));
        assert_eq!(counted.error, None);
        assert_eq!(counted.item.unwrap().number("hits"), Some(n));
    }
    let counted = count(&table, &budgets, None).await;
    assert_eq!(full(&counted), ["NARROW", "NONE"]);
    assert_eq!(counted.refused(), Some("NARROW"));
    assert_eq!(used(&table, &budgets).await, [3, 2, 0]);
    counted.give_back(&table).await;
    assert_eq!(used(&table, &budgets).await, [2, 2, 0]);
}

#[tokio::test]
async fn half_of_a_budget_is_used_from_its_half_on() {
    let (_sandbox, table) = setup().await;
    let budgets = [budget("ODD", 5), budget("LARGE", 99)];
    for (n, is_half) in [(1, false), (2, false), (3, true), (4, true)] {
        let counted = count(&table, &budgets, None).await;
        assert_eq!(counted.is_half_used("ODD"), is_half, "{n}");
        assert!(!counted.is_half_used("LARGE"), "{n}");
        assert!(!counted.is_half_used("OTHER"), "{n}");
    }
    // Three items of 33,333 each.
    for (name, weight, is_half) in [("LESS", 16_666, false), ("HALF", 16_667, true)] {
        let counted = count(&table, &[budget(name, 100_000).weighing(weight)], None).await;
        assert_eq!(counted.is_half_used(name), is_half, "{weight}");
    }
}

#[tokio::test]
async fn a_reserve_is_for_those_who_may_use_it() {
    let (_sandbox, table) = setup().await;
    let budgets = [budget("WIDE", 20), budget("KEPT", 10).reserving(4)];
    for (reserve, room) in [(Reserve::Nothing, 6), (Reserve::Half, 2), (Reserve::All, 2)] {
        for n in 0..room {
            // Nobody is asked before the reserve is reached.
            let reserve = (reserve != Reserve::Nothing).then_some(reserve);
            let counted = count(&table, &budgets, reserve).await;
            assert!(full(&counted).is_empty() && counted.error.is_none(), "{n}");
        }
        let counted = count(&table, &budgets, Some(reserve)).await;
        assert_eq!(full(&counted), ["KEPT"], "{reserve:?}");
        counted.give_back(&table).await;
    }
    assert_eq!(used(&table, &budgets).await, [10, 10]);
    // A budget without a reserve has nothing to ask for, and one that has room needs none.
    let budgets = [budget("FULL", 0), budget("ROOM", 10).reserving(4)];
    assert_eq!(full(&count(&table, &budgets, None).await), ["FULL"]);
    assert_eq!(used(&table, &budgets).await, [0, 1]);
    // A reserve that is larger than the budget is all of it.
    let all = [budget("ALL", 2).reserving(3)];
    let refused = count(&table, &all, Some(Reserve::Nothing)).await;
    assert_eq!(full(&refused), ["ALL"]);
    let counted = count(&table, &all, Some(Reserve::All)).await;
    assert_eq!(full(&counted), [""; 0]);
}

#[tokio::test]
async fn who_is_asked_for_a_reserve_sees_the_item_of_the_first_budget() {
    let (_sandbox, table) = setup().await;
    let budgets = [budget("FIRST", 9), budget("KEPT", 1).reserving(1)];
    for n in 1..=2 {
        let mut hits = None;
        let asked = async |item: Option<&Item>| {
            hits = item.unwrap().number("hits");
            Ok(Reserve::Nothing)
        };
        take_all(&budgets, &table, at(0), asked).await;
        assert_eq!(hits, Some(n));
    }
}

#[tokio::test]
async fn what_cannot_be_counted_is_an_error_and_no_full_budget() {
    let (sandbox, table) = setup().await;
    let budgets = [budget("WIDE", 9), budget("KEPT", 1).reserving(1)];
    sandbox
        .aws
        .dynamodb()
        .faults()
        .always(Some(Fault::ResetBefore));
    let unavailable = count(&table, &budgets[..1], None).await;
    assert!(unavailable.error.is_some() && unavailable.full.is_empty());
    assert_eq!(unavailable.item, None);
    sandbox.aws.dynamodb().faults().clear();
    // Nobody knows whether the caller may use the reserve.
    let error = unavailable.error.unwrap();
    let unknown = async |_: Option<&Item>| Err(error.clone());
    let counted = take_all(&budgets, &table, at(0), unknown).await;
    assert_eq!(counted.error, Some(error.clone()));
    assert_eq!(full(&counted), ["KEPT"]);
}

/// The count of a name is one for all copies, so only who counts each gives back for a copy.
#[tokio::test]
async fn a_copy_gives_back_what_counts_twice() {
    let (_sandbox, table) = setup().await;
    // A budget of more than 200 remembers no names.
    let budgets = [budget("NAMED", 9), budget("LARGE", 201)];
    let named = |name: &str| budgets.clone().map(|budget| budget.once_for(name));
    let first = count(&table, &named("a"), None).await;
    let copy = count(&table, &named("a"), None).await;
    assert_eq!(used(&table, &budgets).await, [1, 2]);
    copy.give_back_copy(&table, false).await;
    assert_eq!(used(&table, &budgets).await, [1, 1]);
    first.give_back_copy(&table, true).await;
    assert_eq!(used(&table, &budgets).await, [1, 0]);
    let other = count(&table, &named("b"), None).await;
    assert_eq!(used(&table, &budgets).await, [2, 1]);
    other.give_back_copy(&table, false).await;
    assert_eq!(used(&table, &budgets).await, [1, 0]);
}

#[tokio::test]
async fn each_window_has_its_own_item_until_it_has_passed() {
    let (_sandbox, table) = setup().await;
    for (window, name, end) in [
        (Window::Minute, "minute", 60 + 2 * 5),
        (Window::Hour, "hour", 3_600 + 2 * 300),
        (Window::Day, "day", 86_400 + 2 * 7_200),
    ] {
        let budget = Budget::new("test", "passes", 5, window);
        assert_eq!(budget.item(), Key::new("rate#test#passes", name));
        for (kept, end) in [(0, end), (10, end + 10)] {
            let budget = budget.clone().kept_for(kept);
            budget.take(&table, at(0)).await.unwrap().unwrap();
            let item = async |seconds| table.get(budget.item(), at(seconds)).await.unwrap();
            assert!(item(end - 1).await.is_some(), "{name} {kept}");
            assert!(item(end).await.is_none(), "{name} {kept}");
        }
    }
}

#[tokio::test]
async fn a_budget_of_many_items_is_used_up_when_each_is() {
    let (_sandbox, table) = setup().await;
    // Three items of 33,333 each.
    let budget = budget("USED", 100_000).weighing(33_333);
    for (n, used) in [(1, 33_333), (2, 66_666), (3, 100_000)] {
        budget.take(&table, at(0)).await.unwrap().unwrap();
        assert_eq!(budget.used(&table, at(0)).await, Ok(used), "{n}");
    }
}
