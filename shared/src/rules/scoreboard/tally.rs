//! Counted events, and what they say of a provider.

use crate::platform::table::Item;
use crate::rules::delivery::Reason;

/// The upper bounds of the counted times to delivery, in seconds. A longer time counts beyond the
/// last.
pub const SECONDS: [u64; 9] = [2, 5, 10, 20, 30, 60, 120, 300, 600];
/// A comparison needs this many results of each provider.
pub(super) const FEWEST: u64 = 50;
/// A provider that delivers less than one in this many is broken.
const BROKEN_SHARE: u64 = 10;
/// The quantile of the normal distribution for a two-sided confidence of 95 %.
const Z: f64 = 1.96;

/// The name of the counter for a time to delivery.
pub(super) fn bucket(seconds: u64) -> String {
    let bound = SECONDS.into_iter().find(|bound| seconds <= *bound);
    bound.map_or("within_more".to_owned(), |bound| format!("within_{bound}"))
}

/// Counted events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Texts that the provider accepted.
    pub sent: u64,
    /// Texts that a phone received.
    pub delivered: u64,
    /// Texts that did not arrive, by reason, in the order of [`Reason::ALL`].
    pub failed: [u64; Reason::ALL.len()],
    /// Codes among the delivered texts.
    pub codes: u64,
    /// Codes that were used.
    pub used: u64,
    /// Delivered texts by time: one for each of [`SECONDS`], and one beyond.
    times: [u64; SECONDS.len() + 1],
}

impl Tally {
    /// Only results, whatever the reasons of the failures.
    pub(super) fn of_results(delivered: u64, failed: u64) -> Self {
        let mut tally = Self {
            delivered,
            ..Self::default()
        };
        tally.failed[Reason::Unknown as usize] = failed;
        tally
    }

    pub(super) fn add_item(&mut self, item: &Item) {
        let count = |name: &str| item.number(name).unwrap_or_default();
        self.sent += count("sent");
        self.delivered += count("delivered");
        self.codes += count("codes");
        self.used += count("used");
        for (sum, reason) in self.failed.iter_mut().zip(Reason::ALL) {
            *sum += count(&format!("failed_{}", reason.word()));
        }
        let names = SECONDS.into_iter().chain([u64::MAX]).map(bucket);
        for (sum, name) in self.times.iter_mut().zip(names) {
            *sum += count(&name);
        }
    }

    /// The sum of both.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.codes += other.codes;
        self.used += other.used;
        for (sum, more) in self.failed.iter_mut().zip(other.failed) {
            *sum += more;
        }
        for (sum, more) in self.times.iter_mut().zip(other.times) {
            *sum += more;
        }
    }

    /// Texts with a final state.
    pub fn known(&self) -> u64 {
        self.delivered + self.failed.iter().sum::<u64>()
    }

    /// The percentage of texts with a final state that were delivered; `None` without any.
    pub fn delivery_rate(&self) -> Option<u64> {
        (100 * self.delivered).checked_div(self.known())
    }

    /// The percentage of delivered codes that were used; `None` without any.
    pub fn conversion_rate(&self) -> Option<u64> {
        (100 * self.used.min(self.codes)).checked_div(self.codes)
    }

    /// The time to delivery, in seconds, that this percentage of the delivered texts kept to. It is
    /// the upper bound of a class in [`SECONDS`]; `None` beyond the last, and without any text.
    pub fn seconds_within(&self, percentage: u64) -> Option<u64> {
        let total: u64 = self.times.iter().sum();
        let wanted = (total * percentage).div_ceil(100).max(1);
        let mut sum = 0;
        let mut classes = self.times.iter().zip(SECONDS);
        classes.find_map(|(count, bound)| {
            sum += count;
            (sum >= wanted).then_some(bound)
        })
    }

    /// Texts by which a provider is judged: those with a final state, without the failures that
    /// the number itself causes. Otherwise a stranger could make a provider look bad with landlines,
    /// numbers that nobody has and calls that nobody takes.
    pub fn judged(&self) -> u64 {
        let caused = [Reason::Landline, Reason::OptedOut, Reason::NotAnswered]
            .map(|reason| self.failed[reason as usize]);
        self.known() - caused.iter().sum::<u64>()
    }

    /// The percentage of the texts of [`Tally::judged`] that were delivered; `None` without any.
    pub fn judged_rate(&self) -> Option<u64> {
        (100 * self.delivered).checked_div(self.judged())
    }

    /// Whether the provider takes texts and delivers none, or nearly none: less than one in ten of
    /// at least 50.
    pub fn is_broken(&self) -> bool {
        self.judged() >= FEWEST && self.delivered * BROKEN_SHARE < self.judged()
    }

    /// Whether this provider delivers significantly better than another: each has at least 50
    /// results, and the 95 % confidence intervals (Wilson's) of their delivery rates do not meet.
    pub fn is_better_than(&self, other: &Self) -> bool {
        if self.judged().min(other.judged()) < FEWEST {
            return false;
        }
        self.interval().0 > other.interval().1
    }

    /// Wilson's score interval of the delivery rate
    /// (E. B. Wilson, Journal of the American Statistical Association 22, 1927, page 209).
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of texts are far below 2^52"
    )]
    fn interval(&self) -> (f64, f64) {
        let n = self.judged() as f64;
        let share = self.delivered as f64 / n;
        let denominator = 1.0 + Z * Z / n;
        let centre = share + Z * Z / (2.0 * n);
        let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        (
            (centre - spread) / denominator,
            (centre + spread) / denominator,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(delivered: u64, failed: u64) -> Tally {
        Tally::of_results(delivered, failed)
    }

    #[test]
    fn a_provider_is_better_only_if_the_difference_is_significant() {
        for (mine, other, better) in [
            ((50, 0), (25, 25), true),
            ((49, 0), (25, 25), false),
            ((50, 0), (24, 25), false),
            ((48, 2), (45, 5), false),
            ((480, 20), (450, 50), true),
            ((25, 25), (50, 0), false),
        ] {
            let (mine, other) = (results(mine.0, mine.1), results(other.0, other.1));
            assert_eq!(mine.is_better_than(&other), better, "{mine:?} {other:?}");
        }
    }

    #[test]
    fn a_provider_that_delivers_nothing_is_broken_and_one_with_few_results_is_not() {
        for (delivered, failed, broken) in
            [(0, 50, true), (0, 49, false), (4, 46, true), (5, 45, false)]
        {
            assert_eq!(
                results(delivered, failed).is_broken(),
                broken,
                "{delivered} {failed}"
            );
        }
    }

    #[test]
    fn landlines_and_opt_outs_say_nothing_of_a_provider() {
        let mut tally = results(0, 49);
        tally.failed[Reason::Landline as usize] = 1_000;
        tally.failed[Reason::OptedOut as usize] = 1_000;
        assert!(!tally.is_broken());
        assert_eq!((tally.judged(), tally.known()), (49, 2_049));
        assert!(!results(50, 0).is_better_than(&tally));
    }

    #[test]
    fn only_codes_can_be_used() {
        let mut tally = results(100, 0);
        assert_eq!(tally.conversion_rate(), None);
        (tally.codes, tally.used) = (40, 10);
        assert_eq!(tally.conversion_rate(), Some(25));
    }

    #[test]
    fn percentiles_are_upper_bounds_of_the_classes() {
        let mut tally = Tally::default();
        assert_eq!(tally.seconds_within(50), None);
        tally.times[1] = 50;
        tally.times[3] = 45;
        tally.times[9] = 5;
        assert_eq!(tally.seconds_within(50), Some(5));
        assert_eq!(tally.seconds_within(95), Some(20));
        assert_eq!(tally.seconds_within(96), None);
    }
}
