//! The machine and the settings of a measurement.

use std::{fs, thread, time::Duration};

use super::{figures::Figures, spread::divided};
use crate::bench::{Options, subjects::Kind};

pub(in crate::bench) struct Conditions {
    pub(super) processor: String,
    pub(super) kernel: String,
    pub(super) cores: usize,
    pub(super) profile: String,
    pub(super) starts: usize,
    pub(super) warm: usize,
    pub(super) round_trip: Duration,
    pub(super) service: Duration,
    /// The memory size (MB) whose CPU share invocations had; `None`: the whole CPU.
    pub(super) memory: Option<u64>,
}

impl Conditions {
    pub(in crate::bench) fn of(options: &Options, shared: bool) -> Self {
        let (processor, cores, kernel) = machine();
        Self {
            processor,
            kernel,
            cores,
            profile: options.profile.clone(),
            starts: options.starts,
            warm: options.warm,
            round_trip: options.distance.round_trip,
            service: options.distance.service,
            memory: options.memory.filter(|_| shared),
        }
    }

    /// How many sequential requests to upstreams an invocation waited for. `None` if this cannot be
    /// computed: the upstreams answer at once, or the invocation also waited for the CPU.
    pub(super) fn trips(&self, figures: &Figures) -> Option<f64> {
        let waited = figures.warm.p50.saturating_sub(figures.cpu?[2]);
        let waited = divided(waited, self.round_trip + self.service)
            .filter(|_| self.memory.is_none() && figures.kind != Kind::Node);
        waited.map(f64::round)
    }

    pub(super) fn sentence(&self) -> String {
        let Self {
            processor,
            kernel,
            cores,
            profile,
            starts,
            warm,
            ..
        } = self;
        let share = self.memory.map_or_else(
            || "all of the CPU".to_owned(),
            |memory| format!("the CPU share of {memory} MB"),
        );
        let (far, slow) = (self.round_trip.as_millis(), self.service.as_millis());
        format!(
            "{processor}, {cores} cores, {kernel}; profile {profile}; {starts} starts, {warm} warm invocations, {share}; \
             upstreams: TLS 1.3, {far} ms away, {slow} ms to answer. Times in ms, sizes in 10^6 bytes, memory in MiB."
        )
    }
}

/// Processor, cores and kernel.
pub(in crate::bench) fn machine() -> (String, usize, String) {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processor = model
        .map_or(std::env::consts::ARCH, |(_, model)| model)
        .to_owned();
    let kernel = format!(
        "{} {}",
        std::env::consts::OS,
        read("/proc/sys/kernel/osrelease").trim()
    );
    (
        processor,
        thread::available_parallelism().map_or(1, usize::from),
        kernel,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::samples::{conditions, figures};

    #[test]
    fn trips_are_what_is_waited_for_upstreams() {
        let [hello, node, own] = figures();
        let far = Conditions {
            memory: None,
            round_trip: Duration::from_micros(100),
            service: Duration::from_micros(900),
            ..conditions()
        };
        assert_eq!(
            (far.trips(&hello), far.trips(&own), far.trips(&node)),
            (Some(1.0), Some(2.0), None)
        );
        assert_eq!(conditions().trips(&own), None);
        let near = Conditions {
            round_trip: Duration::ZERO,
            service: Duration::ZERO,
            ..far
        };
        assert_eq!(near.trips(&own), None);
    }
}
