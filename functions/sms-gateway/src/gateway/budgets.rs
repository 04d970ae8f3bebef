//! The budgets that a code counts against. They limit what strangers can cost, and keep a share for
//! known numbers.
//!
//! A code counts against up to six budgets: its number, the number's range (all but the last four
//! digits), the network that asked, the number's country, the country of the request, and the
//! total. The last fifth of each shared budget is a reserve for known numbers. A number whose first
//! code was accepted within the last day may use half of it; a number known for longer may use all.
//! So numbers that an attack has just made known cannot use up the reserve.

use std::time::SystemTime;

use shared::platform::config::Source;
use shared::platform::table::{Item, Table, Unavailable, Update, epoch};
use shared::rules::limits::{self, Budget, Counted, Reserve, Window};
use shared::rules::phone::E164;
use shared::services::voice;

use super::message::Message;

const DAY: u64 = 86_400;
/// How long a number is known after its last code.
const KNOWN: u64 = 90 * DAY;
/// A smaller budget has no reserve: a fifth of it would be only a few codes.
const SMALLEST_SHARED: u64 = 20;
const OVERALL: &str = "SMS_PER_HOUR";

/// The limits, in codes an hour.
#[derive(Debug)]
pub(crate) struct Limits {
    per_number: u64,
    per_range: u64,
    per_network: u64,
    per_country: u64,
    overall: u64,
}

impl Limits {
    /// Reads the settings. By default one network may use a quarter of the total, at most 20. If
    /// several countries are allowed, one country may use half.
    pub(crate) fn read(source: &mut Source<'_>, several_countries: bool) -> Self {
        let overall = source.number("SMS_PER_HOUR", 1_000, 1..=1_000_000);
        let part = |of: u64| {
            if overall < SMALLEST_SHARED {
                overall
            } else {
                overall / of
            }
        };
        let (network, country) = (part(4).min(20), part(if several_countries { 2 } else { 1 }));
        Self {
            per_number: source.number("SMS_PER_NUMBER_PER_HOUR", 10, 1..=1_000),
            per_range: source.number("SMS_PER_RANGE_PER_HOUR", 25, 1..=1_000_000),
            per_network: source.number("SMS_PER_IP_PER_HOUR", network, 1..=1_000_000),
            per_country: source.number("SMS_PER_COUNTRY_PER_HOUR", country, 1..=1_000_000),
            overall,
        }
    }

    /// Makes the number known: a provider accepted the counted code.
    pub(crate) async fn remember(
        &self,
        message: &Message,
        counted: &Counted,
        table: &Table,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        if standing(counted.item.as_ref(), now) != Reserve::Nothing {
            return Ok(());
        }
        let first = Update::new(self.of_number(&message.to).item())
            .set("first_at", epoch(now))
            .only_if("attribute_exists(pk)");
        table.update(first).await.map(drop)
    }

    fn of_number(&self, to: &E164) -> Budget {
        Budget::new("code", to.reveal(), self.per_number, Window::Hour)
            .set_by("SMS_PER_NUMBER_PER_HOUR")
            .kept_for(KNOWN)
    }

    /// The budgets of a message. The number's own budget is the first.
    pub(crate) fn of(&self, message: &Message) -> Vec<Budget> {
        let shared = |setting, what, key: &str, max| {
            let reserve = if max >= SMALLEST_SHARED { max / 5 } else { 0 };
            Budget::new(what, key, max, Window::Hour)
                .set_by(setting)
                .reserving(reserve)
        };
        let (to, asker) = (&message.to, &message.asker);
        let (network, country) = (asker.network.as_deref(), asker.region.as_deref());
        let range = "SMS_PER_RANGE_PER_HOUR";
        let mut budgets = vec![
            self.of_number(to),
            shared(range, "code-range", to.range(), self.per_range),
            shared(OVERALL, "code", "all", self.overall),
        ];
        let by_country = "SMS_PER_COUNTRY_PER_HOUR";
        for (setting, what, key, max) in [
            ("SMS_PER_IP_PER_HOUR", "code-ip", network, self.per_network),
            (by_country, "code-country", to.region(), self.per_country),
            (by_country, "code-from", country, self.per_country),
        ] {
            // A part that is not smaller than the total limits nothing.
            if let Some(key) = key.filter(|_| max < self.overall) {
                budgets.push(shared(setting, what, key, max));
            }
        }
        budgets
    }
}

/// Counts a message under `name` against all its budgets at once. A known number may use the
/// reserves.
pub(crate) async fn count(
    budgets: Vec<Budget>,
    name: &str,
    table: &Table,
    now: SystemTime,
) -> Counted {
    let budgets = budgets.into_iter();
    let budgets: Vec<_> = budgets.map(|budget| budget.once_for(name)).collect();
    limits::take_all(&budgets, table, now, async |number| {
        Ok(standing(number, now))
    })
    .await
}

/// True if half of the total is used.
pub(crate) fn is_half_used(counted: &Counted) -> bool {
    counted.is_half_used(OVERALL) || counted.is_half_used(voice::OVERALL)
}

/// How much of the reserves a number may use, according to its budget's item. Nothing until a
/// provider has accepted its first code.
fn standing(number: Option<&Item>, now: SystemTime) -> Reserve {
    match number.and_then(|item| item.number("first_at")) {
        None => Reserve::Nothing,
        Some(first) if epoch(now) < first + DAY => Reserve::Half,
        Some(_) => Reserve::All,
    }
}
