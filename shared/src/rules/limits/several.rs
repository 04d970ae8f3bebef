//! One thing that counts against several budgets at once.

use std::time::SystemTime;

use futures_util::future::join_all;

use super::budget::{Budget, Copies, Full, Reserve, Taken};
use crate::platform::table::{Item, Table, Unavailable};

/// Counts one thing against several budgets at once. If a budget with a reserve is full, `reserve`
/// is asked with the item of the first budget. The count is then tried against the allowed part of
/// the reserve, which takes another round trip.
pub async fn take_all(
    budgets: &[Budget],
    table: &Table,
    now: SystemTime,
    reserve: impl AsyncFnOnce(Option<&Item>) -> Result<Reserve, Unavailable>,
) -> Counted {
    let take = async |budget: &Budget, reserve| budget.open_to(reserve).take(table, now).await;
    let first = budgets.iter().map(|budget| take(budget, Reserve::Nothing));
    let mut results = join_all(first).await;
    let item = results.first().and_then(|result| match result {
        Ok(Ok(Taken { item, .. }) | Err(Full { item, .. })) => Some(item.clone()),
        Err(_) => None,
    });
    let mut error = None;
    let at_reserve: Vec<_> = budgets
        .iter()
        .zip(&mut results)
        .filter(|(budget, result)| budget.reserve > 0 && matches!(result, Ok(Err(_))))
        .collect();
    if !at_reserve.is_empty() {
        match reserve(item.as_ref()).await {
            Ok(Reserve::Nothing) => {}
            Ok(reserve) => {
                let again = at_reserve.into_iter();
                join_all(again.map(async |(budget, result)| *result = take(budget, reserve).await))
                    .await;
            }
            Err(unknown) => error = Some(unknown),
        }
    }
    let mut counted = Counted {
        taken: Vec::new(),
        full: Vec::new(),
        error,
        item,
    };
    for result in results {
        match result {
            Ok(Ok(taken)) => counted.taken.push(taken),
            Ok(Err(full)) => counted.full.push(full),
            Err(error) => counted.error = Some(error),
        }
    }
    counted
}

/// The result of [`take_all`].
#[derive(Debug, Clone)]
pub struct Counted {
    taken: Vec<Taken>,
    /// The budgets that have no room, in the order of the list.
    pub full: Vec<Full>,
    /// At least one budget could not be counted against.
    pub error: Option<Unavailable>,
    /// The item of the first budget.
    pub item: Option<Item>,
}

impl Counted {
    /// The setting of the first full budget.
    pub fn refused(&self) -> Option<&'static str> {
        self.full.first().map(|full| full.setting)
    }

    /// Whether half of the budget that this setting bounds is used.
    pub fn is_half_used(&self, setting: &str) -> bool {
        self.taken
            .iter()
            .any(|taken| taken.setting == setting && taken.is_half_used)
    }

    /// Takes all counts back, because no invocation does the thing. A count that cannot be taken
    /// back stays.
    pub async fn give_back(&self, table: &Table) {
        join_all(self.taken.iter().map(|taken| taken.give_back(table))).await;
    }

    /// Takes back the surplus counts, because another invocation does the thing. `same_name`: the
    /// other invocation has counted the thing under the same name.
    pub async fn give_back_copy(&self, table: &Table, same_name: bool) {
        let surplus = self.taken.iter().filter(|taken| match taken.copies {
            Copies::CountEach => true,
            Copies::Counted => !same_name,
            Copies::CountedBefore => false,
        });
        join_all(surplus.map(|taken| taken.give_back(table))).await;
    }
}
