//! The options of the command line.

use std::time::Duration;

use clap::{
    builder::{RangedU64ValueParser, TypedValueParser as _},
    value_parser,
};

/// Pause between two bursts.
pub(super) const PAUSE: Duration = Duration::from_millis(300);
/// Arrival rates, as shares of the throughput of always busy processes.
pub(super) const SHARES: [f64; 5] = [0.5, 0.8, 0.9, 1.0, 1.2];

/// Number of employees or of account holders.
const PEOPLE: u64 = 1_000;

/// The options of the command line.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Measure only this function; may be repeated
    #[arg(long = "function", value_name = "NAME")]
    pub(super) functions: Vec<String>,
    /// Numbers of processes; one load follows the other
    #[arg(long, value_name = "N,N...", value_delimiter = ',', default_value = "5,10,20,50,100,200", value_parser = RangedU64ValueParser::<usize>::new().range(1..=400))]
    pub(super) instances: Vec<usize>,
    /// Number of bursts in each load
    #[arg(long, value_name = "N", default_value = "3", value_parser = RangedU64ValueParser::<usize>::new().range(1..=20))]
    pub(super) rounds: usize,
    /// Duration of every other load, in seconds
    #[arg(long = "seconds", value_name = "S", default_value = "4", value_parser = value_parser!(u64).range(1..=60).map(Duration::from_secs))]
    pub(super) time: Duration,
    /// Number of processes for arrivals at a rate
    #[arg(long, value_name = "N", default_value = "50", value_parser = RangedU64ValueParser::<usize>::new().range(1..=400))]
    pub(super) open: usize,
    /// Arrivals a second; may be repeated
    #[arg(long = "rate", value_name = "R", value_parser = value_parser!(u32).range(1..=2_000).map(f64::from))]
    pub(super) rates: Vec<f64>,
    /// Distribution of the arrivals
    #[arg(long, default_value = "poisson")]
    pub(super) arrivals: Arrivals,
    #[command(flatten)]
    pub(super) latencies: Latencies,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Also write an HTML page with plots
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<String>,
    /// Also write the plots as SVG
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<String>,
    /// Cargo's profile for the executables
    #[arg(long, value_name = "NAME", default_value = "release")]
    pub(super) profile: String,
    #[arg(skip = PEOPLE)]
    pub(super) people: u64,
    /// Measure only provision-numbers, with this many employees
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(2..=10_000))]
    pub(super) provision: Option<usize>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrivals {
    /// As a Poisson process
    Poisson,
    /// At equal intervals
    Even,
}

#[derive(clap::Args, Clone, Copy, Debug)]
pub(super) struct Latencies {
    /// Latency of an operation on the table
    #[arg(long = "dynamodb-ms", value_name = "MS", default_value = "5", value_parser = value_parser!(u64).range(0..=2_000).map(Duration::from_millis))]
    pub(super) operation: Duration,
    /// Latency of a transaction; it holds its items as long
    #[arg(long = "transaction-ms", value_name = "MS", default_value = "7", value_parser = value_parser!(u64).range(0..=2_000).map(Duration::from_millis))]
    pub(super) transaction: Duration,
    /// Latency of a provider
    #[arg(long = "provider-ms", value_name = "MS", default_value = "150", value_parser = value_parser!(u64).range(0..=2_000).map(Duration::from_millis))]
    pub(super) provider: Duration,
}

impl Latencies {
    /// All latencies, in the order of the fields.
    pub(super) fn all(self) -> [Duration; 3] {
        [self.operation, self.transaction, self.provider]
    }
}

impl Options {
    /// The largest number of processes at once.
    pub(super) fn most(&self) -> usize {
        self.instances
            .iter()
            .copied()
            .chain([self.open])
            .max()
            .unwrap_or_default()
    }

    /// Estimated duration of the loads of one function.
    pub(super) fn estimate(&self) -> Duration {
        let loads = u32::try_from(self.instances.len()).unwrap_or(u32::MAX);
        let rounds = u32::try_from(self.rounds).unwrap_or(u32::MAX);
        let rates = u32::try_from(if self.rates.is_empty() {
            SHARES.len()
        } else {
            self.rates.len()
        })
        .unwrap_or(u32::MAX);
        let second = Duration::from_secs(1);
        loads * (rounds * (PAUSE + second / 2) + self.time + second)
            + rates * (self.time + second)
            + 10 * second
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::parse;

    #[test]
    fn options() {
        let usual: Options = parse(&[]).unwrap();
        assert_eq!(
            (usual.most(), usual.rounds, usual.arrivals, &*usual.profile),
            (200, 3, Arrivals::Poisson, "release")
        );
        assert!(
            (60..240).contains(&usual.estimate().as_secs()),
            "{:?}",
            usual.estimate()
        );
        let asked: Options = parse(&[
            "--instances",
            "20,5,5",
            "--open",
            "10",
            "--rate",
            "7",
            "--arrivals",
            "even",
            "--json",
        ])
        .unwrap();
        assert_eq!(
            (&asked.instances[..], asked.most(), &asked.rates[..]),
            (&[20, 5, 5][..], 20, &[7.0][..])
        );
        assert!(asked.arrivals == Arrivals::Even && asked.json);
        for wrong in [
            &["--instances", "0"][..],
            &["--instances", "1,x"],
            &["--arrivals", "odd"],
            &["--rate"],
            &["--fast", "1"],
            &["--open", "9999"],
        ] {
            assert!(parse::<Options>(wrong).is_err(), "{wrong:?}");
        }
    }
}
