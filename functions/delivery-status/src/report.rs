//! What a run says of the last hour: its answer, figures for graphs and what an alarm counts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::platform::config::Source;
use shared::platform::figures::Figures;
use shared::platform::reply::Reply;
use shared::rules::scoreboard::{SECONDS, Tally};

/// Fewer results than this say nothing: no figure, and no alarm.
const FEWEST: u64 = 20;
/// Figures are shown for this many providers in countries, those with the most texts. Each figure is
/// a metric that costs money.
const SHOWN: usize = 50;
/// Low rates that the log line names.
const NAMED: usize = 10;

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

/// The tallies of each provider in each country, by country and provider.
pub(crate) type Countries<'a> = BTreeMap<(&'a str, &'a str), Tally>;

/// The run's answer, with its figures.
pub(crate) fn report(countries: &Countries<'_>, judged: usize, floors: &Floors) -> Reply {
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

#[cfg(test)]
mod tests {
    use super::*;
    use shared::platform::figures::Origin;
    use shared::rules::delivery::Reason;
    use std::time::Duration;

    const NO_FLOORS: Floors = Floors {
        delivery: 0,
        conversion: 0,
    };

    fn results(delivered: u64, failed: u64) -> Tally {
        let mut tally = Tally::default();
        tally.delivered = delivered;
        tally.failed[Reason::Unknown as usize] = failed;
        tally
    }

    fn codes(codes: u64, used: u64) -> Tally {
        let mut tally = results(codes, 0);
        (tally.codes, tally.used) = (codes, used);
        tally
    }

    fn of<'a, const N: usize>(rows: [(&'a str, &'a str, Tally); N]) -> Countries<'a> {
        let rows = rows.into_iter();
        rows.map(|(country, provider, tally)| ((country, provider), tally))
            .collect()
    }

    fn hour(reply: &Reply) -> Vec<Value> {
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        body["hour"].as_array().unwrap().clone()
    }

    fn logged(reply: &Reply) -> Value {
        let origin = Origin {
            function: "delivery-status",
            stack: None,
        };
        let line = reply.log_line(&origin, 0, Duration::ZERO, false);
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn fewer_than_20_results_say_nothing() {
        let countries = of([
            ("DK", "plivo", results(0, 19)),
            ("DK", "twilio", results(15, 5)),
        ]);
        let reply = report(&countries, 3, &NO_FLOORS);
        let expected = json!({
            "provider": "twilio", "country": "DK", "sent": 0, "delivered": 15, "failed": 5, "used": 0,
            "delivery_percent": 75, "seconds_median": null, "seconds_p95": null,
        });
        assert_eq!(hour(&reply), [expected]);
        let line = logged(&reply);
        assert_eq!((&line["known"], &line["judged"]), (&json!(1), &json!(3)));
    }

    #[test]
    fn the_50_with_the_most_texts_are_shown() {
        let names: Vec<String> = (0..=50).map(|nth| format!("provider {nth}")).collect();
        let rows = names.iter().zip(20..);
        let countries = rows
            .map(|(name, delivered)| (("DK", name.as_str()), results(delivered, 0)))
            .collect();
        let shown = hour(&report(&countries, 0, &NO_FLOORS));
        let delivered = shown.iter().map(|line| line["delivered"].as_u64());
        let wanted = (21..=70).rev().map(Some);
        assert!(delivered.eq(wanted), "{shown:?}");
    }

    #[test]
    fn a_rate_below_the_floor_is_low() {
        let mut landlines = results(0, 19);
        landlines.failed[Reason::Landline as usize] = 30;
        let countries = of([
            ("DK", "plivo", results(69, 31)),
            ("DK", "twilio", results(70, 30)),
            // Of these, 19 are judged.
            ("NO", "twilio", landlines),
            ("SE", "twilio", results(0, 20)),
            ("SE", "vonage", results(0, 19)),
        ]);
        let floors = Floors {
            delivery: 70,
            conversion: 0,
        };
        let line = logged(&report(&countries, 0, &floors));
        assert_eq!(line["low_delivery"], "plivo DK 69 %, twilio SE 0 %");
        assert_eq!(line["DeliveryRateLow"], 2);
        let line = logged(&report(&countries, 0, &NO_FLOORS));
        for name in [
            "low_delivery",
            "DeliveryRateLow",
            "low_conversion",
            "ConversionRateLow",
        ] {
            assert_eq!(line.get(name), None, "{name}");
        }
    }

    #[test]
    fn a_country_where_too_few_codes_are_used_is_told_whoever_sent_them() {
        let countries = of([
            ("DK", "plivo", codes(10, 3)),
            ("DK", "twilio", codes(10, 2)),
            ("NO", "twilio", codes(19, 0)),
            ("SE", "twilio", codes(20, 6)),
        ]);
        let floors = Floors {
            delivery: 0,
            conversion: 30,
        };
        let line = logged(&report(&countries, 0, &floors));
        assert_eq!(line["low_conversion"], "DK 25 %");
        assert_eq!(line["ConversionRateLow"], 1);
        assert_eq!(line.get("DeliveryRateLow"), None);
    }

    #[test]
    fn a_conversion_rate_is_shown_once_a_used_code_was_told() {
        for (used, is_shown) in [(0, false), (1, true)] {
            let countries = of([
                ("DK", "twilio", codes(20, used)),
                ("SE", "twilio", codes(20, 0)),
            ]);
            // Nothing else says which figures an answer has.
            let figures = format!("{:?}", report(&countries, 0, &NO_FLOORS));
            let shown = figures.matches("\"ConversionRate\"").count();
            assert_eq!(shown, if is_shown { 2 } else { 0 }, "{figures}");
        }
    }

    #[test]
    fn texts_slower_than_the_last_class_stay_in_the_graph() {
        let subject = || Figures::of([("Provider", "twilio"), ("Country", "DK")]);
        let shown = figures("DK", "twilio", &codes(20, 5), true);
        let expected = subject()
            .with("DeliveryRate", "Percent", Some(100))
            .with("ConversionRate", "Percent", Some(25))
            .with("DeliverySecondsMedian", "Seconds", Some(600))
            .with("DeliverySecondsP95", "Seconds", Some(600));
        assert_eq!(shown, expected);
        let shown = figures("DK", "twilio", &results(0, 20), true);
        let expected = subject().with("DeliveryRate", "Percent", Some(0));
        assert_eq!(shown, expected);
    }
}
