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

mod decide;
mod hook;
mod ledger;
mod run;
mod saga;

use std::time::{Duration, Instant, SystemTime};

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::runtime::{Function, Scheduled};
use shared::platform::secrets::Secret;
use shared::rules::phone::{COUNTRIES, Countries};
use shared::vendors::okta::Access;
use shared::vendors::okta::users::Users;
use shared::vendors::twilio;
use shared::vendors::twilio::numbers::{Numbers, Wiring};

use decide::{Dialect, Webhook};
use ledger::Ledger;

/// The function's settings and clients.
pub struct App {
    ledger: Ledger,
    hook: Secret<hook::Credentials>,
    numbers: Numbers,
    users: Users,
    dialect: Dialect,
    rules: Rules,
}

#[derive(Debug)]
struct Rules {
    country: String,
    /// Area codes, or the digits after `+`, in the order of preference.
    prefixes: Vec<String>,
    wiring: Wiring,
    max_purchases: u64,
    max_numbers: u64,
    dry_run: bool,
    clean: bool,
    release_after_days: Option<u64>,
    countries: Option<Countries>,
}

impl Rules {
    fn read(source: &mut Source<'_>) -> Self {
        let country = region(source, "NUMBER_COUNTRY");
        let voice = webhook(source, "CALL_FORWARD_URL");
        Self {
            prefixes: prefixes(source, &country),
            country,
            wiring: Wiring {
                status_url: voice.status().0,
                voice_url: voice.0,
                sms_url: webhook(source, "SMS_FORWARD_URL").0,
            },
            max_purchases: source.number("MAX_PURCHASES_PER_RUN", 5, 0..=100),
            max_numbers: source.number("MAX_NUMBERS", 100, 0..=10_000),
            dry_run: source.flag("DRY_RUN", false),
            clean: source.flag("CLEAN_MOBILE", true),
            release_after_days: source
                .optional("RELEASE_AFTER_DAYS")
                .map(|_| source.number("RELEASE_AFTER_DAYS", 30, 0..=9_999)),
            countries: source.parsed("ALLOWED_COUNTRIES", COUNTRIES),
        }
    }
}

fn region(source: &mut Source<'_>, name: &str) -> String {
    let region = source.text(name, "US").trim().to_ascii_uppercase();
    if !is_region(&region) {
        source.problem(format!("{name} is not an ISO 3166 country code such as US"));
    }
    region
}

fn is_region(text: &str) -> bool {
    text.len() == 2 && text.parse::<Countries>().is_ok()
}

fn prefixes(source: &mut Source<'_>, country: &str) -> Vec<String> {
    let prefixes = source.list("AREA_PREFIXES");
    let lengths = if ["US", "CA"].contains(&country) {
        3..=3
    } else {
        1..=7
    };
    let is_prefix = |text: &String| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if prefixes.is_empty() {
        source.problem("AREA_PREFIXES is missing");
    } else if !prefixes.iter().all(is_prefix) {
        source.problem(
            "AREA_PREFIXES is not a comma list of area codes such as 415,628 (outside the US and Canada: of a number's first digits, \
             with the country code)",
        );
    }
    prefixes
}

fn webhook(source: &mut Source<'_>, name: &str) -> Webhook {
    let expected =
        "a URL such as https://abc.lambda-url.eu-west-1.on.aws/ (http only for this machine)";
    if source.required(name).is_empty() {
        return Webhook(String::new());
    }
    source
        .parsed(name, expected)
        .unwrap_or(Webhook(String::new()))
}

impl Function for App {
    /// No fixed time: the hook must answer sooner than Lambda's limit, and a run stops by itself.
    const TIME: Option<Duration> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        Self {
            ledger: Ledger(platform.table.clone()),
            hook: platform.secret(source, "HOOK_SECRET"),
            numbers: Numbers::new(
                platform.http.clone(),
                twilio::api(source),
                platform.secret(source, "TWILIO_SECRET"),
            ),
            users: Users::read(platform, source, Access::Manage),
            dialect: Dialect::of_region(source),
            rules: Rules::read(source),
        }
    }

    /// Only for the hook, which must answer within 3 s. A run has time.
    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        // A failure shows again on the first request.
        let _ = tokio::join!(self.hook.get(now), platform.warm_up(1));
    }

    /// Answers Okta's event hook.
    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        Ok(hook::answer(request, &self.hook, &self.ledger, now).await)
    }
}

impl Scheduled for App {
    /// # Errors
    /// If the table, a secret, Twilio's list of numbers or Okta's list of users is unavailable.
    /// Then nothing has begun, or the next run finishes it.
    async fn run(&self, deadline: Instant, now: SystemTime) -> Result<Reply, Failure> {
        let report = run::run(self, deadline, now).await?;
        let count = |list: usize| list as u64;
        let outcome = if report.locked {
            "locked"
        } else if report.dry_run {
            "dry_run"
        } else {
            "provisioned"
        };
        let body = serde_json::to_string(&report).unwrap_or_default();
        let reply = Reply::body(200, outcome, "application/json", body)
            .field("purchased", count(report.purchased.len()))
            .field("cleaned", count(report.cleaned.len()))
            .field("skipped", count(report.skipped.len()))
            .field("failed", count(report.failed.len()))
            .field("released", count(report.released.len()))
            .field("rewired", count(report.rewired.len()))
            .field("remaining", report.remaining)
            .field("complete", report.complete);
        let bought = count(report.purchased.len());
        Ok(if bought > 0 && !report.dry_run {
            reply.metric("NumbersPurchased", bought)
        } else {
            reply
        })
    }
}
