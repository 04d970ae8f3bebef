//! Points the numbers back to the other functions.

use futures_util::future::join_all;
use shared::vendors::twilio::number::Owned;
use shared::vendors::twilio::numbers::CallError;

use crate::report::Assigned;
use crate::run::{Run, Stop};

/// How many numbers get new webhooks at the same time.
const AT_ONCE: usize = 10;

impl Run<'_> {
    /// Sets the webhooks of at most `most` of our numbers that do not point to the other functions.
    pub(crate) async fn repair_webhooks(&mut self, most: usize) -> Result<(), Stop> {
        let (app, settings) = (self.app, self.settings);
        let mut left = most;
        while left > 0 && !self.misdirected.is_empty() {
            self.check_time()?;
            let tried = AT_ONCE.min(left).min(self.misdirected.len());
            left -= tried;
            let ids = self.misdirected.drain(..tried);
            let numbers = ids.filter_map(|id| {
                let owned = self.company_numbers.assigned.get(&id)?;
                (!owned.has_webhooks(&settings.webhooks)).then(|| (id, owned.clone()))
            });
            let numbers: Vec<(String, Owned)> = numbers.collect();
            let now = self.now();
            let set = join_all(numbers.iter().map(async |(_, owned)| {
                if settings.dry_run {
                    return Ok(owned.clone());
                }
                app.numbers
                    .set_webhooks(owned, &settings.webhooks, now)
                    .await
            }));
            for ((id, _), set) in numbers.iter().zip(set.await) {
                match set {
                    Ok(owned) => self.rewired(id, owned),
                    Err(error) => {
                        self.report.fail(id, "rewire", &error);
                        // The other numbers would fail too.
                        if matches!(error, CallError::Unauthorized | CallError::RateLimited) {
                            self.misdirected_left |= !self.misdirected.is_empty();
                            self.misdirected.clear();
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Reports a number with new webhooks.
    pub(crate) fn rewired(&mut self, id: &str, owned: Owned) {
        let number = &owned.number;
        self.report.rewired.push(Assigned::new(id, number));
        if !self.settings.dry_run {
            tracing::info!("Pointed the company number ({number}) of {id} to its webhooks.");
            self.company_numbers.assigned.insert(id.to_owned(), owned);
        }
    }
}
