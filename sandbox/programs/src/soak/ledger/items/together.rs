//! Items that are written together. Transactions that share an item conflict, so requests of different
//! people must share none.

use std::collections::{BTreeMap, HashSet};

use sandbox::wire::Exchange;
use serde_json::Value;

use super::text;

/// Items of one person, of one account, and of the runs of `provision-numbers`, of which one is at work.
const SHARED: [&str; 3] = ["pending#", "lock#", "number#"];

/// The items of each transaction that the table was asked for.
pub(super) fn transactions(exchanges: &[Exchange]) -> Vec<Vec<String>> {
    let is_transaction = |exchange: &&Exchange| {
        let mut headers = exchange.headers.iter();
        headers
            .any(|(name, value)| name == "x-amz-target" && value.ends_with(".TransactWriteItems"))
    };
    let keys = |exchange: &Exchange| {
        let asked: Value = serde_json::from_slice(&exchange.request).unwrap_or_default();
        let writes = asked["TransactItems"].as_array().into_iter().flatten();
        let writes = writes.flat_map(|write| write.as_object().into_iter().flatten());
        let keys = writes.map(|(_, write)| &write["Key"]);
        keys.map(|key| format!("{} {}", text(key, "pk"), text(key, "sk")))
            .collect()
    };
    exchanges.iter().filter(is_transaction).map(keys).collect()
}

/// An item that is in transactions which have nothing else in common is shared by different people.
pub(super) fn judge(transactions: &[Vec<String>], broken: &mut Vec<String>) {
    let mut by_item: BTreeMap<&str, Vec<&Vec<String>>> = BTreeMap::new();
    for transaction in transactions {
        for item in transaction {
            by_item.entry(item).or_default().push(transaction);
        }
    }
    for (item, transactions) in by_item {
        if SHARED.iter().any(|shared| item.starts_with(shared)) {
            continue;
        }
        let (mut met, mut people) = (HashSet::new(), 0);
        for transaction in transactions {
            let others = transaction.iter().filter(|other| *other != item);
            let others: Vec<_> = others.collect();
            let is_other = !others.is_empty() && others.iter().all(|other| !met.contains(other));
            people += usize::from(is_other);
            met.extend(others);
        }
        if people > 1 {
            broken.push(format!(
                "{item} is in the transactions of {people} different people"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(transactions: &[&[&str]]) -> usize {
        let owned = |keys: &&[&str]| keys.iter().map(ToString::to_string).collect();
        let transactions: Vec<Vec<String>> = transactions.iter().map(owned).collect();
        let mut broken = vec![];
        judge(&transactions, &mut broken);
        broken.len()
    }

    #[test]
    fn an_item_in_the_transactions_of_different_people_is_noticed() {
        let ann = [
            "seen#mailgun#1 token",
            "sent#mail#a send",
            "pending#+1 pending",
        ];
        let ben = [
            "seen#mailgun#2 token",
            "sent#mail#b send",
            "pending#+2 pending",
        ];
        // A mail that Mailgun signs again, and another mail of the same person.
        let again = [
            "seen#mailgun#3 token",
            "sent#mail#a send",
            "pending#+1 pending",
        ];
        let other = [
            "seen#mailgun#4 token",
            "sent#mail#c send",
            "pending#+1 pending",
        ];
        assert_eq!(judged(&[&ann, &ann, &ben, &again, &other]), 0);
        let hot = "rate#sms#all hour";
        let with = |keys: [&'static str; 3]| [&[hot], &keys[..]].concat();
        assert_eq!(judged(&[&with(ann), &with(again)]), 0);
        assert_eq!(judged(&[&with(ann), &with(ben)]), 1);
        // Attempts of one account, and employees of one run.
        assert_eq!(
            judged(&[
                &["lock#1 caller#a", "lock#1 all"],
                &["lock#1 caller#b", "lock#1 all"],
                &["seen#okta#a event", "number#new queue"],
                &["seen#okta#b event", "number#new queue"],
            ]),
            0
        );
    }
}
