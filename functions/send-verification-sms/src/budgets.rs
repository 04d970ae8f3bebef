//! The budgets that an SMS counts against: its number's, and the total. They are counted at the
//! same time as the transaction that claims the mail. A mail that fails the checks before is not
//! counted. So strangers cannot use up the budgets.

use std::time::SystemTime;

use shared::platform::config::Source;
use shared::platform::table::Table;
use shared::rules::limits::{self, Budget, Counted, Reserve, Window};
use shared::rules::phone::E164;

/// The limits, in SMS an hour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    per_number: u64,
    overall: u64,
}

impl Limits {
    /// Reads the settings.
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        Self {
            per_number: source.number("SMS_PER_NUMBER_PER_HOUR", 5, 1..=1_000),
            overall: source.number("SMS_PER_HOUR", 1_000, 1..=1_000_000),
        }
    }

    /// Counts an SMS under `name` against both budgets at once.
    pub(crate) async fn count(
        self,
        table: &Table,
        to: &E164,
        name: &str,
        now: SystemTime,
    ) -> Counted {
        let budgets = [
            ("SMS_PER_NUMBER_PER_HOUR", to.reveal(), self.per_number),
            ("SMS_PER_HOUR", "all", self.overall),
        ]
        .map(|(setting, key, max)| {
            Budget::new("sms", key, max, Window::Hour)
                .set_by(setting)
                .once_for(name)
        });
        limits::take_all(&budgets, table, now, async |_| Ok(Reserve::Nothing)).await
    }
}
