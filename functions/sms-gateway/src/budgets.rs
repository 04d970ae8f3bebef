//! What a code counts against, so that nobody can have us send without end, nor use up what others need.
//!
//! The number, its range (all but the last four digits), the network that asked, the number's country, the country that was
//! asked from, and all together. The last fifth of each shared budget is for numbers that had a code before: half of it for those
//! whose first code was taken by a provider today, all of it for those that are known for longer than a day, so that numbers
//! which an attack has just made known cannot use it up.

use std::time::SystemTime;

use futures_util::future::join_all;
use shared::config::Source;
use shared::limits::{Budget, Copies, Full, Taken, Window};
use shared::table::{Item, Table, Unavailable, Update, Write, epoch};

use crate::decide::Message;

const DAY: u64 = 86_400;
/// How long a number that had a code is known.
const KNOWN: u64 = 90 * DAY;
/// A smaller budget has no reserve: its fifth would be a handful at most.
const SMALLEST_SHARED: u64 = 20;

/// How many codes an hour.
#[derive(Debug)]
pub(crate) struct Limits {
    per_number: u64,
    per_range: u64,
    per_network: u64,
    per_country: u64,
    overall: u64,
}

impl Limits {
    /// Reads the settings. Unless they say otherwise, one network may use a quarter of the total, at most 20, and one country a half,
    /// if there are several.
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

    /// The budgets of a message that is counted under `name`; the number's own is the first.
    pub(crate) fn of(&self, message: &Message, name: &str) -> Vec<Bound> {
        let bound = |setting, what, key: &str, max| {
            let budget = Budget::new(what, key, max, Window::Hour).once_for(name);
            Bound {
                setting,
                max,
                shared: true,
                budget,
            }
        };
        let number = bound(
            "SMS_PER_NUMBER_PER_HOUR",
            "code",
            message.to.reveal(),
            self.per_number,
        );
        let mut bounds = vec![
            Bound {
                shared: false,
                budget: number.budget.kept_for(KNOWN),
                ..number
            },
            bound(
                "SMS_PER_RANGE_PER_HOUR",
                "code-range",
                message.to.range(),
                self.per_range,
            ),
            bound("SMS_PER_HOUR", "code", "all", self.overall),
        ];
        // A part that is not smaller than the whole bounds nothing.
        if let Some(network) = message
            .asker
            .network
            .as_ref()
            .filter(|_| self.per_network < self.overall)
        {
            bounds.push(bound(
                "SMS_PER_IP_PER_HOUR",
                "code-ip",
                network,
                self.per_network,
            ));
        }
        let by_country = self.per_country < self.overall;
        if let Some(region) = message.to.region().filter(|_| by_country) {
            bounds.push(bound(
                "SMS_PER_COUNTRY_PER_HOUR",
                "code-country",
                region,
                self.per_country,
            ));
        }
        if let Some(region) = message.asker.region.as_ref().filter(|_| by_country) {
            bounds.push(bound(
                "SMS_PER_COUNTRY_PER_HOUR",
                "code-from",
                region,
                self.per_country,
            ));
        }
        bounds
    }
}

/// One of a message's budgets.
pub(crate) struct Bound {
    setting: &'static str,
    max: u64,
    /// With other numbers, so that a part is reserved.
    shared: bool,
    budget: Budget,
}

/// How well a number is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Stranger,
    /// A provider took its first code within a day.
    SinceToday,
    Known,
}

impl Standing {
    fn read(number: Option<&Item>, now: SystemTime) -> Self {
        match number.and_then(|item| item.number("first_at")) {
            None => Self::Stranger,
            Some(first) if epoch(now) < first + DAY => Self::SinceToday,
            Some(_) => Self::Known,
        }
    }
}

impl Bound {
    fn available_to(&self, standing: Standing) -> Budget {
        let reserve = if self.shared && self.max >= SMALLEST_SHARED {
            self.max / 5
        } else {
            0
        };
        self.budget.up_to(match standing {
            Standing::Stranger => self.max - reserve,
            Standing::SinceToday => self.max - reserve / 2,
            Standing::Known => self.max,
        })
    }
}

/// What counting came to.
pub(crate) struct Counted {
    taken: Vec<Taken>,
    /// The setting of the first budget that is used up.
    pub(crate) refused: Option<&'static str>,
    /// Whether half of the total is used.
    pub(crate) is_half_used: bool,
    newly_known: Option<Update>,
}

/// Counts a message against all its budgets at once. A number that is known may use the reserves, which takes another trip.
pub(crate) async fn count(
    table: &Table,
    bounds: &[Bound],
    now: SystemTime,
) -> Result<Counted, Unavailable> {
    let take = async |bound: &Bound, standing| bound.available_to(standing).take(table, now).await;
    let mut results = join_all(bounds.iter().map(|bound| take(bound, Standing::Stranger))).await;
    let number = results.first().and_then(|first| match first {
        Ok(Ok(Taken { item, .. }) | Err(Full(item))) => Some(item),
        Err(_) => None,
    });
    let standing = Standing::read(number, now);
    if standing != Standing::Stranger {
        let again = bounds
            .iter()
            .zip(&mut results)
            .filter(|(bound, result)| bound.shared && matches!(result, Ok(Err(_))));
        join_all(again.map(async |(bound, result)| *result = take(bound, standing).await)).await;
    }
    let mut counted = Counted {
        taken: Vec::new(),
        refused: None,
        is_half_used: false,
        newly_known: None,
    };
    let mut failed = None;
    for (bound, result) in bounds.iter().zip(results) {
        match result {
            Ok(Ok(taken)) => {
                counted.is_half_used |= bound.setting == "SMS_PER_HOUR" && taken.is_half_used;
                counted.taken.push(taken);
            }
            Ok(Err(_)) => counted.refused = counted.refused.or(Some(bound.setting)),
            Err(error) => failed = Some(error),
        }
    }
    if let Some(error) = failed {
        // What is counted by name may be the count of a copy that was sent: it stays for whoever comes again.
        counted.give_back_copy(table, true).await;
        return Err(error);
    }
    if let (Standing::Stranger, Some(number)) = (standing, bounds.first()) {
        let first = Update::new(number.budget.item())
            .set("first_at", epoch(now))
            .only_if("attribute_exists(pk)");
        counted.newly_known = Some(first);
    }
    Ok(counted)
}

impl Counted {
    /// Nothing was sent, and nothing can have been. What cannot be taken back stays counted.
    pub(crate) async fn give_back(&self, table: &Table) {
        join_all(self.taken.iter().map(|taken| taken.give_back(table))).await;
    }

    /// The message is somebody else's, who counted it under `theirs`: only what was counted once more is taken back.
    pub(crate) async fn give_back_copy(&self, table: &Table, same_name: bool) {
        let surplus = self.taken.iter().filter(|taken| match taken.copies {
            Copies::CountEach => true,
            Copies::Counted => !same_name,
            Copies::CountedBefore => false,
        });
        join_all(surplus.map(|taken| taken.give_back(table))).await;
    }

    /// A provider took the code: from now on the number is known.
    pub(crate) async fn remember(&self, table: &Table) -> Result<(), Unavailable> {
        match &self.newly_known {
            Some(update) => table.update(update.clone()).await.map(|_: Write| ()),
            None => Ok(()),
        }
    }
}
