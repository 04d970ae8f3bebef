//! What a text counts against: its number's budget, and that of all. Counted beside the transaction that claims the mail, for no mail
//! that is refused for where it comes from: strangers use up nothing of what honest mails need.

use std::time::SystemTime;

use futures_util::future::join_all;
use shared::config::Source;
use shared::limits::{Budget, Copies, Taken, Window};
use shared::phone::E164;
use shared::table::{Table, Unavailable};

/// How many texts an hour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    per_number: u64,
    overall: u64,
}

/// What counting a text came to.
pub(crate) struct Counted {
    taken: Vec<Taken>,
    /// The setting of the first budget that is used up.
    pub(crate) refused: Option<&'static str>,
}

impl Limits {
    /// Reads the settings.
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        Self {
            per_number: source.number("SMS_PER_NUMBER_PER_HOUR", 5, 1..=1_000),
            overall: source.number("SMS_PER_HOUR", 1_000, 1..=1_000_000),
        }
    }

    /// Counts a text under `name`, against both budgets at once.
    pub(crate) async fn count(
        self,
        table: &Table,
        to: &E164,
        name: &str,
        now: SystemTime,
    ) -> Result<Counted, Unavailable> {
        let bounds = [
            (
                "SMS_PER_NUMBER_PER_HOUR",
                Budget::new("sms", to.reveal(), self.per_number, Window::Hour),
            ),
            (
                "SMS_PER_HOUR",
                Budget::new("sms", "all", self.overall, Window::Hour),
            ),
        ];
        let take = async |(setting, budget): (&'static str, Budget)| {
            (setting, budget.once_for(name).take(table, now).await)
        };
        let mut counted = Counted {
            taken: Vec::new(),
            refused: None,
        };
        let mut failed = None;
        for (setting, result) in join_all(bounds.map(take)).await {
            match result {
                Ok(Ok(taken)) => counted.taken.push(taken),
                Ok(Err(_)) => counted.refused = counted.refused.or(Some(setting)),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => {
                counted.give_back(table).await;
                Err(error)
            }
            None => Ok(counted),
        }
    }
}

impl Counted {
    /// Nothing is sent for this count. What cannot be taken back stays counted.
    pub(crate) async fn give_back(&self, table: &Table) {
        join_all(self.taken.iter().map(|taken| taken.give_back(table))).await;
    }

    /// The mail was counted before, under `theirs`: only what was counted once more is taken back.
    pub(crate) async fn give_back_copy(&self, table: &Table, same_name: bool) {
        let surplus = self.taken.iter().filter(|taken| match taken.copies {
            Copies::CountEach => true,
            Copies::Counted => !same_name,
            Copies::CountedBefore => false,
        });
        join_all(surplus.map(|taken| taken.give_back(table))).await;
    }
}
