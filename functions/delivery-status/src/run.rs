//! The run of the schedule: how well each provider delivers in each country.
//!
//! A run reads the scoreboard of the last hour. It writes the summary by which `sms-gateway` orders
//! its providers, and the figures for graphs and alarms. At the same time it sends kept codes on of
//! which nothing is heard (`failover`). A run that is lost or comes twice does no harm.

use std::time::{Duration, Instant, SystemTime};

use shared::platform::reply::{Failure, Reply};
use shared::platform::runtime::Scheduled;
use shared::rules::scoreboard::{self, LAST_HOUR, Summary};

use crate::App;
use crate::report::report;

/// Time kept free for the answer.
const RESERVE: Duration = Duration::from_secs(1);

impl Scheduled for App {
    /// # Errors
    /// If the table is unavailable, or too slow. The next run comes by itself.
    async fn run(&self, deadline: Instant, now: SystemTime) -> Result<Reply, Failure> {
        let time = deadline.saturating_duration_since(Instant::now());
        let work = async {
            let (summary, again) =
                tokio::join!(self.summarise(now), self.send_again(deadline, now));
            summary.map(|reply| match again {
                0 => reply,
                _ => reply.field("sent_again", again).metric("SentAgain", again),
            })
        };
        tokio::time::timeout(time.saturating_sub(RESERVE), work)
            .await
            .unwrap_or_else(|_| {
                Err(Failure {
                    status: 503,
                    outcome: "too_slow",
                    cause: "the scoreboard could not be read in time".to_owned(),
                })
            })
    }
}

impl App {
    /// Sends the codes again of which nothing is heard. A failure is left to the next run.
    async fn send_again(&self, deadline: Instant, now: SystemTime) -> u64 {
        let Some(failover) = &self.failover else {
            return 0;
        };
        let deadline = deadline.checked_sub(RESERVE).unwrap_or(deadline);
        let swept = failover.sweep(deadline, now).await;
        swept.unwrap_or_else(|error| {
            tracing::warn!(%error, "the kept texts were not all looked at");
            0
        })
    }

    async fn summarise(&self, now: SystemTime) -> Result<Reply, Failure> {
        let tallies = scoreboard::read(LAST_HOUR, &self.table, now).await?;
        let summary = Summary::new(&tallies, now);
        summary.write(&self.table).await?;
        let countries = scoreboard::by_country(&tallies);
        Ok(report(&countries, summary.len(), &self.floors))
    }
}
