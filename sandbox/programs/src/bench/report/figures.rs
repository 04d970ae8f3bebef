//! The results of all starts of a subject, and what they are compared with.

use std::time::Duration;

use serde_json::{Value, json};

use super::spread::{Spread, bytes, divided, median, over};
use crate::bench::{
    start::{Sample, Thawed},
    subjects::{Kind, Subject},
};

/// The results of all starts of a subject.
#[derive(Debug)]
pub(in crate::bench) struct Figures {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) zip: Option<u64>,
    pub(super) init: Spread,
    pub(super) cold: Spread,
    pub(super) warm: Spread,
    /// CPU time of INIT and of the first invocation (medians), and of a later invocation (median
    /// over starts of the mean).
    pub(super) cpu: Option<[Duration; 3]>,
    /// The maximum over all starts, bytes.
    pub(super) memory: Option<u64>,
    /// The maximum over all starts.
    pub(super) connections: usize,
    pub(super) init_requests: usize,
    pub(super) first_requests: usize,
    /// The mean.
    pub(super) warm_requests: f64,
    pub(super) thawed: Option<Thawed>,
}

impl Figures {
    pub(in crate::bench) fn of(subject: &Subject, samples: &[Sample]) -> Self {
        Self::new(
            &subject.name,
            subject.kind,
            (subject.size, subject.zip),
            samples,
        )
    }

    pub(super) fn new(
        name: &str,
        kind: Kind,
        (size, zip): (u64, Option<u64>),
        samples: &[Sample],
    ) -> Self {
        let later = |sample: &Sample, cpu: Duration| {
            u32::try_from(sample.warm.len())
                .ok()
                .and_then(|count| cpu.checked_div(count))
        };
        let cpu = samples.iter().all(|sample| sample.cpu.is_some()).then(|| {
            let cpu = || {
                samples
                    .iter()
                    .filter_map(|sample| sample.cpu.map(|cpu| (sample, cpu)))
            };
            let warm = cpu().filter_map(|(sample, [_, _, warm])| later(sample, warm));
            [
                median(cpu().map(|(_, [init, ..])| init)),
                median(cpu().map(|(_, [_, first, _])| first)),
                median(warm),
            ]
        });
        let most =
            |count: fn(&Sample) -> usize| samples.iter().map(count).max().unwrap_or_default();
        let sum = |count: fn(&Sample) -> usize| samples.iter().map(count).sum();
        Self {
            name: name.to_owned(),
            kind,
            size,
            zip,
            init: Spread::of(samples.iter().map(|sample| sample.init)),
            cold: Spread::of(samples.iter().map(|sample| sample.cold)),
            warm: Spread::of(
                samples
                    .iter()
                    .flat_map(|sample| sample.warm.iter().copied()),
            ),
            cpu,
            memory: samples.iter().map(|sample| sample.memory).max().flatten(),
            connections: most(|sample| sample.connections),
            init_requests: most(|sample| sample.requests[0]),
            first_requests: most(|sample| sample.requests[1]),
            warm_requests: over(
                sum(|sample| sample.requests[2]),
                sum(|sample| sample.warm.len()),
            )
            .unwrap_or_default(),
            thawed: samples.iter().find_map(|sample| sample.thawed),
        }
    }

    /// The ratios of these figures to the other's.
    pub(super) fn ratios(&self, other: &Self) -> Ratios {
        let times = |figure: fn(&Self) -> Duration| divided(figure(self), figure(other));
        let cpu = |at: usize| {
            self.cpu
                .zip(other.cpu)
                .and_then(|(own, others)| divided(own[at], others[at]))
        };
        Ratios {
            init_cpu: cpu(0),
            cold: times(|figures| figures.cold.p50),
            warm: times(|figures| figures.warm.p50),
            warm_cpu: cpu(2),
            memory: self
                .memory
                .zip(other.memory)
                .and_then(|(own, others)| bytes(own, others)),
            zip: self
                .zip
                .zip(other.zip)
                .and_then(|(own, others)| bytes(own, others)),
        }
    }

    pub(super) fn title(&self) -> String {
        if self.kind == Kind::Node {
            format!("{} (Node.js)", self.name)
        } else {
            self.name.clone()
        }
    }
}

/// Ratios; `None` if one of the two figures is unknown.
pub(super) struct Ratios {
    pub(super) init_cpu: Option<f64>,
    pub(super) cold: Option<f64>,
    pub(super) warm: Option<f64>,
    pub(super) warm_cpu: Option<f64>,
    pub(super) memory: Option<f64>,
    pub(super) zip: Option<f64>,
}

impl Ratios {
    pub(super) fn json(&self) -> Value {
        json!({
            "init_cpu": self.init_cpu, "cold": self.cold, "warm_p50": self.warm, "warm_cpu": self.warm_cpu, "memory": self.memory,
            "zip": self.zip,
        })
    }
}

/// All subjects, each with `hello`.
pub(super) fn compared(all: &[Figures]) -> impl Iterator<Item = (&Figures, Option<&Figures>)> {
    let hello = all.iter().find(|figures| figures.kind == Kind::Hello);
    all.iter().map(move |figures| (figures, hello))
}

/// Functions that were measured in Node.js too, with their Rust figures.
pub(super) fn peers(all: &[Figures]) -> impl Iterator<Item = (&Figures, &Figures)> {
    let own = |node: &Figures| {
        all.iter()
            .find(|figures| figures.kind == Kind::Rust && figures.name == node.name)
    };
    all.iter()
        .filter(|figures| figures.kind == Kind::Node)
        .filter_map(move |node| Some((node, own(node)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::{
        samples::{conditions, figures, samples},
        table::table,
    };

    #[test]
    fn figures_of_samples() {
        let [hello, ..] = figures();
        let time = Duration::from_millis;
        assert_eq!(
            (hello.init.least, hello.init.p50, hello.cold.p99),
            (time(2), time(2), time(10))
        );
        assert_eq!((hello.warm.p50, hello.warm.p99), (time(2), time(3)));
        // A start without further invocations says nothing of what one costs.
        assert_eq!(hello.cpu, Some([time(3), time(2), time(1)]));
        assert_eq!(
            (
                hello.connections,
                hello.init_requests,
                hello.first_requests,
                hello.memory
            ),
            (5, 4, 4, Some(1 << 20))
        );
        assert!((hello.warm_requests - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let mut samples = samples(1);
        (samples[1].cpu, samples[1].memory) = (None, None);
        let unknown = Figures::new("sms-gateway", Kind::Rust, (1, None), &samples);
        assert_eq!((unknown.cpu, unknown.memory), (None, Some(1 << 20)));
        assert!(unknown.ratios(&figures()[0]).init_cpu.is_none());
        let row = table(&conditions(), &[unknown]);
        assert_eq!(
            row.lines().last().unwrap().matches(" -").count(),
            7,
            "{row}"
        );
    }
}
