//! Budgets against the embedded DynamoDB.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sandbox::Sandbox;
use sandbox::wire::Fault;
use shared::platform::table::Table;
use shared::rules::limits::{Budget, Copies, Taken, Window};

use super::{aws, client};

async fn setup() -> (Sandbox, Table) {
    let sandbox = Sandbox::start().await;
    let name = sandbox
        .env_for("receive-confirmation-sms")
        .remove("TABLE_NAME")
        .unwrap();
    let table = Table::new(aws(&sandbox).dynamodb(&client()), name);
    (sandbox, table)
}

/// A full hour, at which fixed windows begin anew.
fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 / 3_600 * 3_600 + seconds)
}

async fn take(table: &Table, budget: &Budget, seconds: u64) -> Option<Taken> {
    budget.take(table, at(seconds)).await.unwrap().ok()
}

#[tokio::test]
async fn no_hour_wherever_it_begins_has_more_than_the_maximum() {
    let (_sandbox, table) = setup().await;
    for (name, id) in [("plain", false), ("named", true)] {
        let budget = Budget::new("test", name, 6, Window::Hour);
        let mut counted: Vec<u64> = Vec::new();
        // Every two minutes through five hours, and a burst around each full hour.
        for seconds in (0..5 * 3_600)
            .step_by(120)
            .chain((1..6).flat_map(|hour| hour * 3_600 - 3..hour * 3_600 + 3))
        {
            let last = counted.last().copied().unwrap_or_default();
            let seconds = seconds.max(last);
            let budget = if id {
                budget
                    .clone()
                    .once_for(&format!("n{seconds}x{}", counted.len()))
            } else {
                budget.clone()
            };
            if take(&table, &budget, seconds).await.is_some() {
                counted.push(seconds);
            }
        }
        assert!(
            counted.len() >= 5 * 5,
            "{name}: it fills again: {counted:?}"
        );
        for start in &counted {
            let within = counted
                .iter()
                .filter(|at| (*start..start + 3_600).contains(*at))
                .count();
            assert!(
                within <= 6,
                "{name}: {within} within the hour from {start}: {counted:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_given_back_can_be_taken_again() {
    let (_sandbox, table) = setup().await;
    for budget in [
        Budget::new("test", "a", 1, Window::Day),
        Budget::new("test", "b", 1, Window::Day).once_for("x"),
    ] {
        let taken = take(&table, &budget, 5).await.unwrap();
        let other = budget.clone().once_for("y");
        assert!(take(&table, &other, 5).await.is_none());
        taken.give_back(&table).await.unwrap();
        taken.give_back(&table).await.unwrap();
        assert!(
            take(&table, &other, 90_000).await.is_some(),
            "not more than was taken is given back"
        );
        assert!(
            take(&table, &budget.clone().once_for("z"), 90_001)
                .await
                .is_none()
        );
    }
}

#[tokio::test]
async fn copies_of_a_request_count_once() {
    let (_sandbox, table) = setup().await;
    let budget = Budget::new("test", "copies", 2, Window::Hour);
    let copy = budget.clone().once_for("the same message");
    let first = take(&table, &copy, 0).await.unwrap();
    assert_eq!(first.copies, Copies::Counted);
    // In the same slice, in the next one, and two further on.
    for seconds in [0, 300, 900] {
        assert_eq!(
            take(&table, &copy, seconds).await.unwrap().copies,
            Copies::CountedBefore
        );
    }
    let copies = (0..50).map(|_| take(&table, &copy, 900));
    assert!(
        futures_util::future::join_all(copies)
            .await
            .iter()
            .all(Option::is_some)
    );
    assert!(
        take(&table, &budget.clone().once_for("another"), 900)
            .await
            .is_some()
    );
    assert!(
        take(&table, &budget.clone().once_for("a third"), 900)
            .await
            .is_none()
    );
    take(&table, &copy, 900)
        .await
        .unwrap()
        .give_back(&table)
        .await
        .unwrap();
    assert!(
        take(&table, &budget.clone().once_for("a third"), 900)
            .await
            .is_some()
    );
    assert!(
        take(&table, &budget.clone().once_for("a fourth"), 900)
            .await
            .is_none(),
        "one was given back, not more"
    );
}

#[tokio::test]
async fn many_at_once_take_exactly_what_there_is() {
    let (_sandbox, table) = setup().await;
    // In a new item, and across the border of a slice, where whoever comes first moves the window on.
    for (what, seconds) in [("new", 10), ("next", 310)] {
        let budget = Budget::new(
            "test",
            "many",
            if what == "new" { 20 } else { 35 },
            Window::Hour,
        );
        let all = (0..40).map(|n| {
            let budget = budget.clone().once_for(&format!("{what}{n}"));
            let table = table.clone();
            async move { take(&table, &budget, seconds).await }
        });
        let taken = futures_util::future::join_all(all)
            .await
            .into_iter()
            .flatten()
            .count();
        assert_eq!(taken, if what == "new" { 20 } else { 15 }, "{what}");
    }
    let large = Budget::new("test", "large", 201, Window::Hour);
    let all = (0..250).map(|_| take(&table, &large, 310));
    assert_eq!(
        futures_util::future::join_all(all)
            .await
            .into_iter()
            .flatten()
            .count(),
        201
    );
}

#[tokio::test]
async fn a_budget_of_many_items_has_its_whole_maximum() {
    let (sandbox, table) = setup().await;
    let budget = Budget::new("test", "sharded", 100_003, Window::Minute);
    for _ in 0..40 {
        assert!(take(&table, &budget, 1).await.is_some());
    }
    assert_eq!(sandbox.aws.items().await.len(), 3);
    assert_eq!(budget.used(&table, at(1)).await, Ok(40));
    assert_eq!(
        budget.used(&table, at(125)).await,
        Ok(0),
        "they have left the window"
    );
}

#[tokio::test]
async fn who_only_looks_sees_when_nothing_is_left() {
    let (sandbox, table) = setup().await;
    // Three items with a third each, which is one less than all of it together.
    let budget = Budget::new("test", "looked", 100_003, Window::Hour);
    assert_eq!(budget.used(&table, at(1)).await, Ok(0));
    for _ in 0..40 {
        assert!(take(&table, &budget, 1).await.is_some());
    }
    for mut item in sandbox.aws.items().await {
        for (name, value) in item.as_object_mut().unwrap() {
            if name == "hits" || name.starts_with("s_") {
                value["N"] = "33334".into();
            }
        }
        sandbox.aws.put(item).await;
    }
    assert!(take(&table, &budget, 1).await.is_none());
    assert_eq!(budget.used(&table, at(1)).await, Ok(100_003));
}

/// Thirty segments of a hundred: three such texts, and no fourth; what is smaller still fits.
#[tokio::test]
async fn what_weighs_more_takes_more_room() {
    let (_sandbox, table) = setup().await;
    for (max, named) in [(100, true), (300, false)] {
        let budget = Budget::new("test", &format!("weight{max}"), max, Window::Hour);
        let heavy = |n: u32| {
            budget
                .clone()
                .once_for(&format!("text{n}"))
                .weighing(max / 10 * 3)
        };
        let mut last = None;
        for n in 0..3 {
            last = take(&table, &heavy(n), 10).await;
            assert!(last.is_some(), "{max} {n}");
        }
        let full = heavy(3).take(&table, at(20)).await.unwrap().unwrap_err();
        let opens = shared::platform::time::epoch(at(0)) + 3_600 + 300;
        assert_eq!(
            full.opens_at,
            Some(opens),
            "when the first slice leaves the window"
        );
        assert_eq!(
            take(&table, &heavy(2), 20).await.is_some(),
            named,
            "a copy of the third"
        );
        let light = budget.clone().once_for("light").weighing(max / 10);
        assert!(take(&table, &light, 20).await.is_some());
        assert!(
            take(&table, &budget.clone().once_for("tiny"), 20)
                .await
                .is_none(),
            "now it is full"
        );
        last.unwrap().give_back(&table).await.unwrap();
        assert!(
            take(&table, &heavy(4), 350).await.is_some(),
            "as much as was given back"
        );
        assert!(
            take(&table, &budget.clone().once_for("tiny"), 350)
                .await
                .is_none()
        );
        let (before, after) = (
            opens - shared::platform::time::epoch(at(0)) - 1,
            opens - shared::platform::time::epoch(at(0)),
        );
        assert!(
            take(&table, &heavy(5), before).await.is_none()
                && take(&table, &heavy(5), after).await.is_some(),
            "{max}"
        );
    }
    let small = Budget::new("test", "small", 10, Window::Day).weighing(11);
    let full = small.take(&table, at(0)).await.unwrap().unwrap_err();
    assert_eq!(
        full.opens_at, None,
        "what is heavier than the maximum never fits"
    );
}

#[tokio::test]
async fn many_of_weight_at_once_take_exactly_what_there_is() {
    let (_sandbox, table) = setup().await;
    for max in [60, 600] {
        let budget =
            Budget::new("test", &format!("crowd{max}"), max, Window::Hour).weighing(max / 20);
        let all = (0..40).map(|n| {
            let budget = budget.clone().once_for(&format!("n{n}"));
            let table = table.clone();
            async move { take(&table, &budget, 10).await }
        });
        assert_eq!(
            futures_util::future::join_all(all)
                .await
                .into_iter()
                .flatten()
                .count(),
            20,
            "{max}"
        );
    }
}

/// Others count in between, so that the slice of the copy is no longer the first's, nor the one after it.
#[tokio::test]
async fn a_copy_counts_once_within_the_whole_window() {
    let (_sandbox, table) = setup().await;
    let budget = Budget::new("test", "late copies", 100, Window::Hour);
    let copy = budget.clone().once_for("the same message");
    take(&table, &copy, 0).await.unwrap();
    for seconds in (300..=3_600).step_by(300) {
        let other = budget.clone().once_for(&format!("at {seconds}"));
        take(&table, &other, seconds).await.unwrap();
        let again = take(&table, &copy, seconds).await.unwrap();
        assert_eq!(again.copies, Copies::CountedBefore, "{seconds}");
    }
    let other = budget.clone().once_for("at last");
    take(&table, &other, 3_900).await.unwrap();
    let again = take(&table, &copy, 3_900).await.unwrap();
    assert_eq!(again.copies, Copies::Counted, "it has left the window");
}

/// Without its answer it may have been done: asked for again, it would take somebody else's count back.
#[tokio::test]
async fn a_count_is_given_back_once_although_the_answer_is_lost() {
    let (sandbox, table) = setup().await;
    for fault in [Fault::ResetAfter, Fault::Garbage] {
        let budget = Budget::new("test", &format!("{fault:?}"), 201, Window::Hour);
        let taken = take(&table, &budget, 0).await.unwrap();
        for _ in 0..3 {
            take(&table, &budget, 0).await.unwrap();
        }
        sandbox.aws.dynamodb().faults().next(fault);
        taken.give_back(&table).await.unwrap_err();
        assert_eq!(budget.used(&table, at(0)).await, Ok(3));
    }
}

#[tokio::test]
async fn what_is_noted_beside_a_count_is_kept_for_as_long_as_asked() {
    let (_sandbox, table) = setup().await;
    let two_days = 48 * 3_600;
    for (name, kept, is_kept) in [("short", 0, false), ("long", 2 * two_days, true)] {
        let budget = Budget::new("test", name, 5, Window::Hour).kept_for(kept);
        take(&table, &budget, 0).await.unwrap();
        let item = table.get(budget.item(), at(two_days)).await.unwrap();
        assert_eq!(item.is_some(), is_kept, "{name}");
    }
}

#[tokio::test]
async fn a_budget_of_many_items_is_not_used_up_by_one_count() {
    let (_sandbox, table) = setup().await;
    let budget = Budget::new("test", "items", 100_000, Window::Hour);
    assert_eq!(budget.used(&table, at(0)).await.unwrap(), 0);
    let weighty = budget.clone().weighing(15_000);
    take(&table, &weighty, 0).await.unwrap();
    assert_eq!(budget.used(&table, at(0)).await.unwrap(), 15_000);
}

#[tokio::test]
async fn a_full_budget_of_many_items_opens_when_an_item_has_room() {
    let (_sandbox, table) = setup().await;
    // Three items of 33,333 each.
    let budget = Budget::new("test", "opens", 100_000, Window::Hour);
    for (weight, seconds) in [(20_000, 0), (13_333, 310)] {
        for _ in 0..3 {
            let part = budget.clone().weighing(weight);
            take(&table, &part, seconds).await.unwrap();
        }
    }
    let mut opens = Vec::new();
    for weight in [20_000, 20_001] {
        let part = budget.clone().weighing(weight);
        let full = part.take(&table, at(310)).await.unwrap().unwrap_err();
        opens.push(full.opens_at.unwrap());
    }
    assert_eq!(opens[1] - opens[0], 300, "it needs both counts to end");
}
