//! Delivery receipts of earlier codes: the next code for a number starts at a provider that has not
//! failed this number.

use std::time::{Duration, SystemTime};

use shared::platform::table::Table;
use shared::rules::delivery::{self, Reference, Road};
use shared::rules::journal::{Entry, Stage};
use shared::services::providers::Name;

use super::Gateway;
use super::message::Message;

/// A better order is not worth a longer wait.
const ROAD_TIME: Duration = Duration::from_secs(2);

impl Gateway {
    /// Notes this code as the number's newest one, and reads which providers failed the earlier
    /// ones. If that fails, none did.
    pub(super) async fn take_road(
        &self,
        message: &Message,
        reference: Option<&Reference>,
        now: SystemTime,
    ) -> Road {
        let Some(reference) = reference else {
            return Road::default();
        };
        let number = delivery::number_hash(&message.to);
        let taken = delivery::take_road(&number, reference, &self.table, now);
        let taken = Table::within(ROAD_TIME, taken).await;
        taken.unwrap_or_else(|error| {
            tracing::warn!(%error, "the receipts of earlier codes could not be read");
            Road::default()
        })
    }

    /// Counts a sent text on the scoreboard. A failure does no harm.
    pub(super) async fn count_sent(&self, entry: &Entry, stage: &Stage, now: SystemTime) {
        if let Err(error) = entry.count_sent(&self.table, stage, now).await {
            tracing::warn!(%error, "a sent text was not counted");
        }
    }
}

/// The providers of the route that failed the number's earlier codes; none if all of them did,
/// because then there is no better one.
pub(super) fn avoided(route: &[Name], road: &Road) -> Vec<Name> {
    let has_failed = |name: &Name| road.avoid.iter().any(|word| word == name.word());
    let avoided: Vec<Name> = route.iter().copied().filter(has_failed).collect();
    if avoided.len() == route.len() {
        Vec::new()
    } else {
        avoided
    }
}
