//! The run of the schedule: how well each provider delivers in each country.
//!
//! A run reads the scoreboard of the last hour. It writes the summary by which `sms-gateway` orders
//! its providers, and the figures for graphs and alarms. At the same time it sends kept codes on of
//! which nothing is heard (`failover`). A run that is lost or comes twice does no harm.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use shared::platform::config::Source;
use shared::platform::figures::Figures;
use shared::platform::reply::{Failure, Reply};
use shared::platform::runtime::Scheduled;
use shared::rules::scoreboard::{self, LAST_HOUR, SECONDS, Summary, Tally};

use crate::App;

/// Fewer results than this say nothing: no figure, and no alarm.
const FEWEST: u64 = 20;
/// Figures are shown for this many providers in countries, those with the most texts. Each figure is
/// a metric that costs money.
const SHOWN: usize = 50;
/// Low rates that the log line names.
const NAMED: usize = 10;
/// Time kept free for the answer.
const RESERVE: Duration = Duration::from_secs(1);

/// The rates under which an alarm sounds, in percent. 0: never.
#[derive(Debug)]
pub(crate) struct Floors {
    delivery: u64,
    conversion: u64,
}

impl Floors {
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        Self {
            delivery: source.number("DELIVERY_FLOOR_PERCENT", 70, 0..=100),
            conversion: source.number("CONVERSION_FLOOR_PERCENT", 0, 0..=100),
        }
    }
}

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

/// The tallies of each provider in each country, by country and provider.
type Countries<'a> = BTreeMap<(&'a str, &'a str), Tally>;

/// The run's answer, with its figures.
fn report(countries: &Countries<'_>, judged: usize, floors: &Floors) -> Reply {
    let known = countries
        .iter()
        .filter(|(_, tally)| tally.known() >= FEWEST);
    let mut shown: Vec<_> = known.collect();
    shown.sort_by_key(|(_, tally)| Reverse(tally.known()));
    let low = low_deliveries(&shown, floors.delivery);
    let unused = low_conversions(countries, floors.conversion);
    shown.truncate(SHOWN);
    // Without any news of used codes, their share is not known.
    let is_told = countries.values().any(|tally| tally.used > 0);
    let lines: Vec<Value> = shown
        .iter()
        .map(|((country, provider), tally)| line(country, provider, tally))
        .collect();
    let body = json!({ "hour": lines }).to_string();
    let mut reply = Reply::body(200, "summarised", "application/json", body)
        .field("known", shown.len())
        .field("judged", judged);
    for (name, rates) in [("low_delivery", &low), ("low_conversion", &unused)] {
        if !rates.is_empty() {
            let rates = rates.iter().take(NAMED).cloned().collect::<Vec<_>>();
            reply = reply.field(name, rates.join(", "));
        }
    }
    if !low.is_empty() {
        reply = reply.metric("DeliveryRateLow", low.len() as u64);
    }
    if !unused.is_empty() {
        reply = reply.metric("ConversionRateLow", unused.len() as u64);
    }
    for ((country, provider), tally) in shown {
        reply = reply.figures(figures(country, provider, tally, is_told));
    }
    reply
}

/// Which providers deliver too little where, as `provider country rate %`. What the numbers
/// themselves cause does not count.
fn low_deliveries(known: &[(&(&str, &str), &Tally)], floor: u64) -> Vec<String> {
    let rated = known.iter().filter_map(|((country, provider), tally)| {
        let rate = tally.judged_rate()?;
        (tally.judged() >= FEWEST && rate < floor).then(|| format!("{provider} {country} {rate} %"))
    });
    rated.collect()
}

/// In which countries too few codes are used, as `country rate %`. Who sent them does not matter.
fn low_conversions(countries: &Countries<'_>, floor: u64) -> Vec<String> {
    let mut sums: BTreeMap<&str, Tally> = BTreeMap::new();
    for ((country, _), tally) in countries {
        sums.entry(country).or_default().add(tally);
    }
    let rated = sums.iter().filter_map(|(country, tally)| {
        let rate = tally.conversion_rate()?;
        (tally.codes >= FEWEST && rate < floor).then(|| format!("{country} {rate} %"))
    });
    rated.collect()
}

fn line(country: &str, provider: &str, tally: &Tally) -> Value {
    json!({
        "provider": provider,
        "country": country,
        "sent": tally.sent,
        "delivered": tally.delivered,
        "failed": tally.known() - tally.delivered,
        "used": tally.used,
        "delivery_percent": tally.delivery_rate(),
        "seconds_median": tally.seconds_within(50),
        "seconds_p95": tally.seconds_within(95),
    })
}

fn figures(country: &str, provider: &str, tally: &Tally, is_used_told: bool) -> Figures {
    // A time beyond the last class must not vanish from the graph.
    let seconds = |percentage| {
        let within = tally.seconds_within(percentage);
        (tally.delivered > 0).then(|| within.unwrap_or(SECONDS[SECONDS.len() - 1]))
    };
    let conversion = tally.conversion_rate().filter(|_| is_used_told);
    Figures::of([("Provider", provider), ("Country", country)])
        .with("DeliveryRate", "Percent", tally.delivery_rate())
        .with("ConversionRate", "Percent", conversion)
        .with("DeliverySecondsMedian", "Seconds", seconds(50))
        .with("DeliverySecondsP95", "Seconds", seconds(95))
}
