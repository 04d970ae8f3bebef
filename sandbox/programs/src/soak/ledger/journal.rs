//! What the table has known of each code, and when: from the requests that `DynamoDB` answered.

use std::{collections::HashMap, time::Instant};

use sandbox::wire::Exchange;
use serde_json::Value;

/// A write that the table has made.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// The table made it between these two moments.
    pub(super) begun: Instant,
    pub(super) ended: Instant,
    /// The item after it.
    pub(super) item: Value,
    /// The provider for which it claims an attempt of failover.
    pub(super) claims: Option<String>,
}

impl Write {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.item[name]["S"].as_str()
    }

    /// Seconds; 0 if there are none.
    pub(super) fn seconds(&self, name: &str) -> u64 {
        seconds(&self.item, name)
    }

    /// The final states that the code's providers have reported.
    pub(super) fn receipts(&self) -> impl Iterator<Item = (&str, &str)> {
        let receipts = self.item["receipts"]["M"].as_object().into_iter().flatten();
        receipts.filter_map(|(provider, state)| Some((provider.as_str(), state["S"].as_str()?)))
    }

    /// The final state that this provider has reported.
    pub(super) fn receipt(&self, provider: &str) -> Option<&str> {
        let mut receipts = self.receipts();
        receipts
            .find(|(name, _)| *name == provider)
            .map(|(_, state)| state)
    }
}

/// Seconds of an item; 0 if there are none.
pub(super) fn seconds(item: &Value, name: &str) -> u64 {
    let number = item[name]["N"].as_str();
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

/// The writes about codes.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// By the code's reference, which its providers get.
    entries: HashMap<String, Vec<Write>>,
    /// Of the newest code of each number, by the number's hash.
    roads: HashMap<String, Vec<Write>>,
}

impl Journal {
    pub(super) fn read(exchanges: &[Exchange]) -> Self {
        let mut journal = Self::default();
        for exchange in exchanges {
            journal.take(exchange);
        }
        journal
    }

    fn take(&mut self, exchange: &Exchange) {
        let parsed = |body| serde_json::from_slice::<Value>(body).unwrap_or_default();
        let mut answer = parsed(&exchange.response);
        let item = answer["Attributes"].take();
        let refused = !answer["__type"].is_null();
        // Only an update that was made is answered with the item.
        if item.is_null() || refused {
            return;
        }
        let asked = parsed(&exchange.request);
        let condition = asked["ConditionExpression"].as_str().unwrap_or_default();
        let provider = asked["ExpressionAttributeValues"][":provider"]["S"].as_str();
        let is_claim = condition.contains("attribute_not_exists(trying)");
        let pk = item["pk"]["S"].as_str().unwrap_or_default().to_owned();
        let write = Write {
            begun: exchange.started,
            ended: exchange.started + exchange.took,
            claims: provider.filter(|_| is_claim).map(str::to_owned),
            item,
        };
        if let Some(id) = pk.strip_prefix("sent#code#") {
            self.add_entry(&format!("code-{id}"), write);
        } else if let Some(number) = pk.strip_prefix("road#") {
            self.add_road(number, write);
        }
    }

    pub(super) fn add_entry(&mut self, reference: &str, write: Write) {
        self.entries
            .entry(reference.to_owned())
            .or_default()
            .push(write);
    }

    pub(super) fn add_road(&mut self, number: &str, write: Write) {
        self.roads.entry(number.to_owned()).or_default().push(write);
    }

    /// The writes to the entry of a code.
    pub(super) fn entry(&self, reference: &str) -> &[Write] {
        self.entries.get(reference).map_or(&[], Vec::as_slice)
    }

    /// The claims of failover.
    pub(super) fn claims(&self) -> usize {
        let writes = self.entries.values().flatten();
        writes.filter(|write| write.claims.is_some()).count()
    }

    /// Whether the table had a newer code of the number when this claim of `reference` began.
    pub(super) fn knew_newer(&self, reference: &str, claim: &Write) -> bool {
        let road = claim.text("number").and_then(|hash| self.roads.get(hash));
        let before = road.into_iter().flatten();
        let before: Vec<_> = before.filter(|write| write.ended < claim.begun).collect();
        // Two writes at the same time may have been made in either order.
        let is_last = |one: &&&Write| !before.iter().any(|other| other.begun > one.ended);
        let mut last = before.iter().filter(is_last).peekable();
        last.peek().is_some() && last.all(|write| write.text("newest") != Some(reference))
    }

    /// Whether the gateway could keep the code and note it as the newest one: after an answer of KMS
    /// or the table that comes late it goes on without.
    pub(super) fn can_go_on(&self, reference: &str) -> bool {
        let entry = self.entry(reference);
        let road = entry.iter().find_map(|write| write.text("number"));
        let road = road.and_then(|hash| self.roads.get(hash));
        let is_newest = |write: &Write| write.text("newest") == Some(reference);
        entry.iter().any(|write| write.text("kept").is_some())
            && road.is_some_and(|road| road.iter().any(is_newest))
    }
}
