//! Learns whether texts arrived.
//!
//! The other functions ask the provider of each text for a delivery receipt. The providers post the
//! receipts here, one path for each provider. AWS sends an event through `EventBridge` instead. The flow:
//!
//! 1. Check that the receipt is authentic, as its provider does it.
//! 2. Store the text's final state in the journal. The first one counts.
//! 3. Count it on the scoreboard.
//! 4. After a bad receipt for a code: the number's next code avoids this provider for ten minutes.
//!
//! With `KEEP_FOR_FAILOVER=true` a code that did not arrive goes out once more through each further
//! provider of its route (`failover`).
//!
//! A schedule starts a run each minute (`run`). It sums the scoreboard up: for the order of the
//! gateway's providers, for graphs and for alarms.
//!
//! `/used` is for the identity provider: it tells that a code was used. Delivered codes that nobody
//! uses are the sign of SMS pumping. With `CONVERSION_FEEDBACK=on` the code's provider is told, too.
//!
//! Promises: what is not authentic has no effect. A copy of a receipt, a receipt of a text that is
//! not ours, and receipts in another order have no effect either. Nothing personal is stored but a
//! hash of the number, and nothing personal is logged.

mod aws;
mod decide;
mod failover;
mod feedback;
mod path;
mod receipts;
mod report;
mod run;
mod used;

use std::time::{Duration, Instant, SystemTime};

use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::bearer::OptionalToken;
use shared::platform::config::Source;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::{self, Secret};
use shared::platform::table::Table;
use shared::vendors::{clickatell, plivo, twilio, vonage};

use failover::Failover;
use feedback::Feedback;
use report::Floors;
/// For the fuzzers.
pub use used::used_number;

/// Receipts are small; Vonage's have some twenty parameters.
const BODY_LIMIT: usize = 1024 * 1024;
/// Twilio waits 15 seconds for an answer.
const TIME_TO_ANSWER: Duration = Duration::from_secs(9);

/// The function's settings and clients. A provider without a secret sends no receipts.
pub struct App {
    table: Table,
    public_url: Option<BaseUrl>,
    twilio: Option<Secret<twilio::Credentials>>,
    plivo: Option<Secret<plivo::Credentials>>,
    vonage: Option<Secret<vonage::receipt::SigningKey>>,
    clickatell: Option<Secret<clickatell::receipt::CallbackToken>>,
    gateway: Option<Secret<OptionalToken>>,
    floors: Floors,
    feedback: Feedback,
    /// `None`: a code that did not arrive is not sent again.
    failover: Option<Failover>,
}

impl Function for App {
    const TIME: Option<Duration> = Some(TIME_TO_ANSWER);
    const READS: &'static str = "road#";

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let app = Self {
            table: platform.table.clone(),
            public_url: twilio::webhook::public_url(source),
            twilio: platform.optional_secret(source, "TWILIO_SECRET"),
            plivo: platform.optional_secret(source, "PLIVO_SECRET"),
            vonage: platform.optional_secret(source, "VONAGE_SECRET"),
            clickatell: platform.optional_secret(source, "CLICKATELL_SECRET"),
            gateway: platform.optional_secret(source, "GATEWAY_SECRET"),
            floors: Floors::read(source),
            feedback: Feedback::read(platform, source),
            failover: Failover::read(platform, source),
        };
        let has_provider = app.twilio.is_some()
            || app.plivo.is_some()
            || app.vonage.is_some()
            || app.clickatell.is_some();
        if !has_provider {
            source.problem("TWILIO_SECRET, PLIVO_SECRET, VONAGE_SECRET or CLICKATELL_SECRET is missing: receipts are authenticated by a provider's secret");
        }
        app
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        let failover = async {
            if let Some(failover) = &self.failover {
                failover.warm_up(now).await;
            }
        };
        tokio::join!(
            failover,
            secrets::warm_up(self.twilio.as_ref(), now),
            secrets::warm_up(self.plivo.as_ref(), now),
            secrets::warm_up(self.vonage.as_ref(), now),
            secrets::warm_up(self.clickatell.as_ref(), now),
            secrets::warm_up(self.gateway.as_ref(), now),
            platform.warm_up(2),
        );
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        if request.path() == "/used" {
            return self.mark_used(request, now).await;
        }
        let (provider, receipts) = self.authentic_receipts(request, now).await?;
        self.record_all(provider, &receipts, now).await
    }

    async fn direct(
        &self,
        event: &str,
        _deadline: Instant,
        now: SystemTime,
    ) -> Option<Result<Reply, Reply>> {
        let taken = self.take_aws_event(event, now).await?;
        Some(taken.map_err(Reply::from))
    }
}
