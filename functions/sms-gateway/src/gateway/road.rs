//! Delivery receipts of earlier codes: the next code for a number starts at a provider that has not
//! failed this number.

use std::pin::pin;
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, select};
use shared::platform::table::Table;
use shared::rules::delivery::{self, Reference, Road};
use shared::rules::journal::{Entry, Stage};
use shared::services::providers::Name;

use super::Gateway;
use super::message::Message;

/// Neither a better order nor the note of the newest code is worth a longer wait.
const GRACE: Duration = Duration::from_millis(250);
/// The longest wait for the count of a sent text.
const COUNT_TIME: Duration = Duration::from_millis(500);

impl Gateway {
    /// Reads which providers failed the number's earlier codes. If that fails, none did.
    pub(super) async fn read_road(
        &self,
        message: &Message,
        reference: Option<&Reference>,
        now: SystemTime,
    ) -> Road {
        if reference.is_none() {
            return Road::default();
        }
        let number = delivery::number_hash(&message.to);
        let read = delivery::read_road(&number, &self.table, now).await;
        read.unwrap_or_else(|error| {
            tracing::warn!(%error, "the receipts of earlier codes could not be read");
            Road::default()
        })
    }

    /// Notes this code, which is being sent, as the number's newest one.
    pub(super) async fn note_newest(
        &self,
        message: &Message,
        reference: Option<&Reference>,
        now: SystemTime,
    ) {
        let Some(reference) = reference else { return };
        let number = delivery::number_hash(&message.to);
        let noted = delivery::note_newest(&number, reference, &self.table, now);
        if let Err(error) = noted.await {
            tracing::warn!(%error, "a code was not noted as the number's newest one");
        }
    }

    /// Counts a sent text on the scoreboard. A failure does no harm, so nobody waits long for it.
    pub(super) async fn count_sent(&self, entry: &Entry, stage: &Stage, now: SystemTime) {
        let count = entry.count_sent(&self.table, stage, now);
        if let Err(error) = Table::within(COUNT_TIME, count).await {
            tracing::warn!(%error, "a sent text was not counted");
        }
    }
}

/// Does both at the same time. The road may come a moment later than the claim, no more.
pub(super) async fn together<T>(
    claim: impl Future<Output = T>,
    road: impl Future<Output = Road>,
) -> (T, Road) {
    match select(pin!(claim), pin!(road)).await {
        Either::Right((road, claim)) => (claim.await, road),
        Either::Left((claim, road)) => {
            let road = tokio::time::timeout(GRACE, road).await;
            let road = road.unwrap_or_else(|_| {
                tracing::warn!("the receipts of earlier codes were not read in time");
                Road::default()
            });
            (claim, road)
        }
    }
}

/// Notes the code as the newest one while it is sent. The note may come a moment later than the
/// send, no more: the time is needed for the answer and for the closing write.
pub(super) async fn beside<T>(send: impl Future<Output = T>, note: impl Future<Output = ()>) -> T {
    match select(pin!(send), pin!(note)).await {
        Either::Right(((), send)) => send.await,
        Either::Left((outcome, note)) => {
            if tokio::time::timeout(GRACE, note).await.is_err() {
                tracing::warn!("a code was not noted in time as the number's newest one");
            }
            outcome
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
