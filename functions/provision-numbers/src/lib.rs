//! Gives every new employee a company number: buys it at Twilio, sets its webhooks, and writes it
//! into the Okta profile.
//!
//! A schedule starts a run. It reads the account's numbers and Okta's users, and does for each user
//! what is missing. An employee with a mobile number and without `primaryPhone` gets a company
//! number in these steps:
//!
//! 1. Write the plan into the ledger.
//! 2. Buy the number, with the user's id in its name.
//! 3. Set its webhooks to call-forward and sms-forward.
//! 4. Write it into the profile.
//!
//! If a step fails or the process ends, the next run finds the state and continues. So no number is
//! bought twice.
//!
//! A run also rewrites mobile numbers in E.164, and corrects the webhooks of numbers that differ.
//! If the settings say so, it releases the numbers of users who have left. Okta's event hook only
//! tells the next run which users come first.
//!
//! Promises: no more purchases than the limits allow. A `primaryPhone` that another person or
//! program has set is not overwritten. A dry run writes nothing. A failure with one user does not
//! affect another.

mod company_numbers;
mod hook;
mod ledger;
mod number;
mod phone_reader;
mod plan;
mod progress;
mod release;
mod report;
mod run;
mod settings;
mod stock;
mod visit;
mod walk;
mod webhooks;

use std::time::{Duration, Instant, SystemTime};

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::runtime::{Function, Scheduled};
use shared::platform::secrets::Secret;
use shared::platform::table::Table;
use shared::vendors::okta::Access;
use shared::vendors::okta::users::Users;
use shared::vendors::twilio;
use shared::vendors::twilio::numbers::Numbers;

/// For the fuzzers.
pub use hook::noted;
use ledger::Ledger;
use phone_reader::NationalNumbers;
use settings::Settings;

/// The function's settings and clients.
pub struct App {
    table: Table,
    hook: Secret<hook::Credentials>,
    numbers: Numbers,
    users: Users,
    national_numbers: NationalNumbers,
    settings: Settings,
}

impl Function for App {
    /// No fixed time: the hook must answer sooner than Lambda's limit, and a run stops by itself.
    const TIME: Option<Duration> = None;
    const READS: &'static str = "number#";

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        Self {
            table: platform.table.clone(),
            hook: platform.secret(source, "HOOK_SECRET"),
            numbers: Numbers::new(
                platform.http.clone(),
                twilio::api(source),
                platform.secret(source, "TWILIO_SECRET"),
            ),
            users: Users::read(platform, source, Access::Manage),
            national_numbers: NationalNumbers::from_settings(source),
            settings: Settings::read(source),
        }
    }

    /// Only for the hook, which must answer within 3 s. A run has time.
    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        // A failure shows again on the first request.
        let _ = tokio::join!(self.hook.get(now), platform.warm_up(1));
    }

    /// Answers Okta's event hook.
    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let ledger = Ledger {
            table: &self.table,
            now,
            run: 0,
            dry_run: false,
        };
        Ok(hook::answer(request, &self.hook, &ledger).await)
    }
}

impl Scheduled for App {
    /// # Errors
    /// If the table, a secret, Twilio's list of numbers or Okta's list of users is unavailable.
    /// Then nothing has begun, or the next run finishes it.
    async fn run(&self, deadline: Instant, now: SystemTime) -> Result<Reply, Failure> {
        let report = walk::run(self, deadline, now).await?;
        Ok(report.into_reply())
    }
}
