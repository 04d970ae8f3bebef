//! A route of the account.

use serde_json::{Value, json};

use super::expression::{action, filter};
use crate::{mail, random};

/// Maximum length of a filter or an action.
const LONGEST: usize = 4096;

/// A route of the account. Routes are sorted by `priority`, lowest first, then by age, oldest
/// first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// 24 hexadecimal digits.
    pub id: String,
    /// A smaller number comes earlier.
    pub priority: i64,
    /// A name for administrators.
    pub description: String,
    /// The filter: `match_recipient("...")`, `match_header("...", "...")` and `catch_all()`, joined
    /// by `and` or `or`.
    pub expression: String,
    /// `forward("...")`, `store(notify="...")` and `stop()`.
    pub actions: Vec<String>,
    /// Seconds since the epoch.
    created: u64,
}

impl Route {
    pub(super) fn new(
        priority: i64,
        description: &str,
        expression: &str,
        actions: &[&str],
    ) -> Self {
        Self {
            id: random::hex(12),
            priority,
            description: description.to_owned(),
            expression: expression.to_owned(),
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            created: crate::now().as_secs(),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let texts = self.actions.iter().chain([&self.expression]);
        if let Some(long) = texts.into_iter().find(|text| text.len() > LONGEST) {
            return Err(format!("longer than 4k: {long:.40}..."));
        }
        filter(&self.expression)?;
        self.actions
            .iter()
            .try_for_each(|text| action(text).map(drop))
    }

    pub(super) fn wire(&self) -> Value {
        json!({
            "id": self.id, "priority": self.priority, "description": self.description, "expression": self.expression, "actions": self.actions,
            "created_at": mail::date(self.created).replace("+0000", "GMT"),
        })
    }
}
