//! Records of company numbers.

use std::collections::HashMap;

use serde_json::Value;

use super::{Round, of, text};

/// A number is of one employee, in both of its records. If nothing is broken, every hired employee's
/// number is in the profile, and nobody waits for one.
pub(super) fn judge(round: &Round<'_>, broken: &mut Vec<String>) {
    let find = |pk: String, sk: &str| {
        let mut items = round.items.iter();
        items.find(|item| text(item, "pk") == pk && text(item, "sk") == sk)
    };
    let mut owners: HashMap<&str, Vec<&str>> = HashMap::new();
    for item in round.items {
        let Some(id) = of(item, "number#").filter(|_| text(item, "sk") == "number") else {
            continue;
        };
        let number = text(item, "number");
        if is_held(item) {
            owners.entry(number).or_default().push(id);
            let owner = find(format!("number#{number}"), "owner");
            if owner.is_none_or(|owner| text(owner, "user") != id) {
                broken.push(format!("the record of {number} does not name {id}"));
            }
        }
    }
    for (number, ids) in owners {
        if ids.len() > 1 {
            broken.push(format!(
                "{number} is in the records of {}",
                ids.join(" and ")
            ));
        }
    }
    if !round.is_calm {
        return;
    }
    let queue = find("number#new".to_owned(), "queue");
    for id in &round.asked.hired {
        let record = find(format!("number#{id}"), "number");
        let stage = record.map_or("missing", |record| text(record, "stage"));
        if stage != "recorded" {
            broken.push(format!(
                "the record of {id} is {stage}, and nothing was broken"
            ));
        }
        if queue.is_some_and(|queue| !queue[format!("u_{id}")].is_null()) {
            broken.push(format!("{id} waits for a run, and nothing was broken"));
        }
    }
}

/// Whether the record says that the employee has the number.
fn is_held(record: &Value) -> bool {
    ["bought", "wired", "recorded"].contains(&text(record, "stage"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::soak::{ledger::items::tests::round, world::Asked};

    const NUMBER: &str = "+14155550101";

    fn judged(items: &[Value], is_calm: bool) -> Vec<String> {
        let asked = Asked {
            hired: vec!["ann".to_owned()],
            ..Asked::default()
        };
        let mut broken = vec![];
        judge(&round(items, &asked, is_calm), &mut broken);
        broken
    }

    fn record(id: &str, stage: &str) -> Value {
        json!({
            "pk": { "S": format!("number#{id}") }, "sk": { "S": "number" }, "stage": { "S": stage },
            "number": { "S": NUMBER },
        })
    }

    fn owner(id: &str) -> Value {
        json!({ "pk": { "S": format!("number#{NUMBER}") }, "sk": { "S": "owner" }, "user": { "S": id } })
    }

    #[test]
    fn a_number_is_of_one_employee() {
        for is_calm in [true, false] {
            assert!(judged(&[record("ann", "recorded"), owner("ann")], is_calm).is_empty());
            for items in [
                vec![record("ann", "recorded"), owner("ben")],
                vec![record("ann", "recorded")],
            ] {
                assert_eq!(judged(&items, is_calm).len(), 1);
            }
            let both = [
                record("ann", "recorded"),
                record("ben", "wired"),
                owner("ann"),
            ];
            let broken = judged(&both, is_calm);
            assert_eq!(broken.len(), 2, "{broken:?}");
            // A number that is given back belongs to nobody.
            let left = [
                record("ann", "recorded"),
                record("ben", "released"),
                owner("ann"),
            ];
            assert!(judged(&left, is_calm).is_empty());
        }
    }

    #[test]
    fn in_a_calm_round_every_purchase_ends() {
        for stage in ["planned", "bought", "wired"] {
            let items = [record("ann", stage), owner("ann")];
            assert_eq!(judged(&items, true).len(), 1, "{stage}");
            assert!(judged(&items, false).is_empty(), "{stage}");
        }
        assert_eq!(judged(&[], true).len(), 1);
        let queue =
            json!({ "pk": { "S": "number#new" }, "sk": { "S": "queue" }, "u_ann": { "M": {} } });
        let items = [record("ann", "recorded"), owner("ann"), queue];
        assert_eq!(judged(&items, true).len(), 1);
        assert!(judged(&items, false).is_empty());
    }
}
