//! The summary of the last hour: one small item that says how the providers stand in each country.
//!
//! It holds only providers with enough results to judge them. It ends by itself: without new
//! summaries, nothing is known of the providers.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use super::counters::Line;
use super::reading::by_country;
use super::tally::{FEWEST, Tally};
use crate::platform::table::{Key, Table, Unavailable, Update};
use crate::platform::time::epoch;

/// How long a summary counts, in seconds. Runs that fail for a few minutes change nothing.
const COUNTS_SECONDS: u64 = 900;
/// Lines of a summary, at some 30 bytes each. Those with the most results are kept.
const MOST: usize = 500;

/// How the providers stand in each country.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// By region and provider.
    tallies: BTreeMap<(String, String), Tally>,
    counts_until: u64,
}

impl Summary {
    /// The summary of these tallies.
    pub fn new(tallies: &BTreeMap<Line, Tally>, now: SystemTime) -> Self {
        let mut lines: Vec<_> = by_country(tallies)
            .into_iter()
            .filter(|(_, tally)| tally.judged() >= FEWEST)
            .collect();
        lines.sort_by_key(|(_, tally)| Reverse(tally.judged()));
        lines.truncate(MOST);
        let lines = lines.into_iter().map(|((region, provider), tally)| {
            let failed = tally.judged() - tally.delivered;
            let key = (region.to_owned(), provider.to_owned());
            (key, Tally::of_results(tally.delivered, failed))
        });
        Self {
            tallies: lines.collect(),
            counts_until: epoch(now) + COUNTS_SECONDS,
        }
    }

    /// Replaces the summary in the table.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn write(&self, table: &Table) -> Result<(), Unavailable> {
        let update = Update::new(key())
            .set("standing", self.text())
            .set("expires_at", self.counts_until);
        table.update(update).await.map(drop)
    }

    /// Reads the summary. Without one, nothing is known.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn read(table: &Table, now: SystemTime) -> Result<Self, Unavailable> {
        let item = table.get(key(), now).await?.unwrap_or_default();
        Ok(Self {
            tallies: parse(item.text("standing").unwrap_or_default()),
            counts_until: item.number("expires_at").unwrap_or_default(),
        })
    }

    /// The results of a provider in a region, if there are enough to judge it.
    pub fn results(&self, region: &str, provider: &str, now: SystemTime) -> Option<&Tally> {
        if epoch(now) >= self.counts_until {
            return None;
        }
        self.tallies.get(&(region.to_owned(), provider.to_owned()))
    }

    /// The number of lines.
    pub fn len(&self) -> usize {
        self.tallies.len()
    }

    /// True if no provider can be judged.
    pub fn is_empty(&self) -> bool {
        self.tallies.is_empty()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for ((region, provider), tally) in &self.tallies {
            let failed = tally.known() - tally.delivered;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{region} {provider} {} {failed}", tally.delivered);
        }
        text
    }
}

fn key() -> Key {
    Key::new("score#summary", "summary")
}

/// Lines that cannot be read are left out: another version may have written them.
fn parse(text: &str) -> BTreeMap<(String, String), Tally> {
    let parse = |line: &str| {
        let mut words = line.split(' ');
        let (region, provider) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (delivered, failed) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(((region, provider), Tally::of_results(delivered, failed)))
    };
    text.lines().take(MOST).filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn line(provider: &str, region: &str, sender: &str) -> Line {
        Line {
            provider: provider.to_owned(),
            region: region.to_owned(),
            sender: sender.to_owned(),
        }
    }

    #[test]
    fn a_summary_adds_senders_up_and_leaves_out_what_cannot_be_judged() {
        let now = UNIX_EPOCH + Duration::from_hours(1);
        let tallies = BTreeMap::from([
            (line("twilio", "DK", "A"), Tally::of_results(20, 10)),
            (line("twilio", "DK", "B"), Tally::of_results(15, 5)),
            (line("vonage", "DK", "-"), Tally::of_results(40, 9)),
        ]);
        let summary = Summary::new(&tallies, now);
        assert_eq!(summary.text(), "DK twilio 35 15\n");
        let results = summary.results("DK", "twilio", now).unwrap();
        assert_eq!((results.delivered, results.known()), (35, 50));
        assert_eq!(summary.results("DK", "vonage", now), None);
        assert_eq!(parse(&summary.text()), summary.tallies);
        assert_eq!(parse("x\nDK twilio a b\n\nDK"), BTreeMap::new());
        let later = now + Duration::from_secs(COUNTS_SECONDS);
        assert_eq!(summary.results("DK", "twilio", later), None);
    }

    #[test]
    fn a_summary_is_small_whatever_was_counted() {
        let now = UNIX_EPOCH;
        let lines = (0..2_000).map(|n| {
            let tally = Tally::of_results(50 + n, 0);
            (line("twilio", &format!("X{n}"), "-"), tally)
        });
        let summary = Summary::new(&lines.collect(), now);
        assert_eq!(summary.len(), MOST);
        assert!(summary.results("X1999", "twilio", now).is_some());
        assert!(summary.results("X0", "twilio", now).is_none());
        assert!(summary.text().len() < 30 * MOST);
    }
}
