//! Statistics of times, and ratios.

use std::time::Duration;

use serde_json::{Value, json};

/// Statistics of a list of times.
#[derive(Debug, Default)]
pub(super) struct Spread {
    pub(super) least: Duration,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

impl Spread {
    pub(super) fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        Self {
            least: times.first().copied().unwrap_or_default(),
            p50: rank(&times, 50),
            p99: rank(&times, 99),
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({ "least_ms": ms(self.least), "p50_ms": ms(self.p50), "p99_ms": ms(self.p99) })
    }
}

/// The percentile by nearest rank: the smallest time that this percentage does not exceed. Zero for
/// an empty list.
pub(in crate::bench) fn rank(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

pub(super) fn median(times: impl Iterator<Item = Duration>) -> Duration {
    Spread::of(times).p50
}

pub(super) fn divided(time: Duration, by: Duration) -> Option<f64> {
    (!by.is_zero()).then(|| time.as_secs_f64() / by.as_secs_f64())
}

pub(super) fn over(count: usize, by: usize) -> Option<f64> {
    bytes(count as u64, by as u64)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and sizes far below 2^52"
)]
pub(super) fn bytes(count: u64, by: u64) -> Option<f64> {
    (by > 0).then(|| count as f64 / by as f64)
}

/// Milliseconds, to the microsecond.
pub(in crate::bench) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(
            [50, 99, 100].map(|percent| rank(&times, percent)),
            [100, 198, 200].map(Duration::from_millis)
        );
        assert_eq!(
            (rank(&times[..1], 99), rank(&[], 50)),
            (times[0], Duration::ZERO)
        );
    }
}
