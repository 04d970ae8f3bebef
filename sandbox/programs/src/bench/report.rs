//! Computes figures from samples, and formats them as a table or as JSON.

use std::{fmt::Write as _, fs, thread, time::Duration};

use serde_json::{Value, json};

use super::{
    Options, plot,
    start::{Sample, Thawed},
    subjects::{Kind, Subject},
};

/// The machine and the settings of a measurement.
pub(super) struct Conditions {
    processor: String,
    kernel: String,
    cores: usize,
    profile: String,
    starts: usize,
    warm: usize,
    round_trip: Duration,
    service: Duration,
    /// The memory size (MB) whose CPU share invocations had; `None`: the whole CPU.
    memory: Option<u64>,
}

impl Conditions {
    pub(super) fn of(options: &Options, shared: bool) -> Self {
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
    fn trips(&self, figures: &Figures) -> Option<f64> {
        let waited = figures.warm.p50.saturating_sub(figures.cpu?[2]);
        let waited = divided(waited, self.round_trip + self.service)
            .filter(|_| self.memory.is_none() && figures.kind != Kind::Node);
        waited.map(f64::round)
    }

    fn sentence(&self) -> String {
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
pub(super) fn machine() -> (String, usize, String) {
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

/// The results of all starts of a subject.
#[derive(Debug)]
pub(super) struct Figures {
    name: String,
    kind: Kind,
    size: u64,
    zip: Option<u64>,
    init: Spread,
    cold: Spread,
    warm: Spread,
    /// CPU time of INIT and of the first invocation (medians), and of a later invocation (median
    /// over starts of the mean).
    cpu: Option<[Duration; 3]>,
    /// The maximum over all starts, bytes.
    memory: Option<u64>,
    /// The maximum over all starts.
    connections: usize,
    init_requests: usize,
    first_requests: usize,
    /// The mean.
    warm_requests: f64,
    thawed: Option<Thawed>,
}

/// Statistics of a list of times.
#[derive(Debug, Default)]
struct Spread {
    least: Duration,
    p50: Duration,
    p99: Duration,
}

impl Spread {
    fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        Self {
            least: times.first().copied().unwrap_or_default(),
            p50: rank(&times, 50),
            p99: rank(&times, 99),
        }
    }

    fn json(&self) -> Value {
        json!({ "least_ms": ms(self.least), "p50_ms": ms(self.p50), "p99_ms": ms(self.p99) })
    }
}

/// The percentile by nearest rank: the smallest time that this percentage does not exceed. Zero for
/// an empty list.
pub(super) fn rank(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    Spread::of(times).p50
}

impl Figures {
    pub(super) fn of(subject: &Subject, samples: &[Sample]) -> Self {
        Self::new(
            &subject.name,
            subject.kind,
            (subject.size, subject.zip),
            samples,
        )
    }

    fn new(name: &str, kind: Kind, (size, zip): (u64, Option<u64>), samples: &[Sample]) -> Self {
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
    fn ratios(&self, other: &Self) -> Ratios {
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

    fn title(&self) -> String {
        if self.kind == Kind::Node {
            format!("{} (Node.js)", self.name)
        } else {
            self.name.clone()
        }
    }
}

/// Ratios; `None` if one of the two figures is unknown.
struct Ratios {
    init_cpu: Option<f64>,
    cold: Option<f64>,
    warm: Option<f64>,
    warm_cpu: Option<f64>,
    memory: Option<f64>,
    zip: Option<f64>,
}

impl Ratios {
    fn json(&self) -> Value {
        json!({
            "init_cpu": self.init_cpu, "cold": self.cold, "warm_p50": self.warm, "warm_cpu": self.warm_cpu, "memory": self.memory,
            "zip": self.zip,
        })
    }
}

fn divided(time: Duration, by: Duration) -> Option<f64> {
    (!by.is_zero()).then(|| time.as_secs_f64() / by.as_secs_f64())
}

fn over(count: usize, by: usize) -> Option<f64> {
    bytes(count as u64, by as u64)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and sizes far below 2^52"
)]
fn bytes(count: u64, by: u64) -> Option<f64> {
    (by > 0).then(|| count as f64 / by as f64)
}

/// Milliseconds, to the microsecond.
pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// All subjects, each with `hello`.
fn compared(all: &[Figures]) -> impl Iterator<Item = (&Figures, Option<&Figures>)> {
    let hello = all.iter().find(|figures| figures.kind == Kind::Hello);
    all.iter().map(move |figures| (figures, hello))
}

/// Functions that were measured in Node.js too, with their Rust figures.
fn peers(all: &[Figures]) -> impl Iterator<Item = (&Figures, &Figures)> {
    let own = |node: &Figures| {
        all.iter()
            .find(|figures| figures.kind == Kind::Rust && figures.name == node.name)
    };
    all.iter()
        .filter(|figures| figures.kind == Kind::Node)
        .filter_map(move |node| Some((node, own(node)?)))
}

/// A table for people. `x`: ratio to `hello`. `trips`: sequential requests to upstreams. The last
/// columns are about the invocation after a freeze in which all connections were closed: correct
/// answer, new connections, requests.
pub(super) fn table(conditions: &Conditions, all: &[Figures]) -> String {
    let heads = [
        "size", "zip", "init", "cold", "least", "x", "CPU init", "x", "first", "each", "warm p50",
        "p99", "trips", "RSS", "conn", "init", "first", "each", "right", "conn", "reqs",
    ];
    let groups = [
        (2, "deployed"),
        (4, "start"),
        (4, "CPU"),
        (3, "invocation"),
        (1, "peak"),
        (1, ""),
        (3, "requests"),
        (3, "after a freeze"),
    ];
    let wide = |head: &str| head.len().max(6) + 2;
    let mut text = conditions.sentence();
    let (mut columns, mut above) = (heads.iter(), format!("\n\n{:<34}", ""));
    for (count, group) in groups {
        let width: usize = columns.by_ref().take(count).map(|head| wide(head)).sum();
        let _ = write!(above, "{group:>width$}");
    }
    text.push_str(above.trim_end());
    let _ = write!(text, "\n{:<34}", "");
    for head in heads {
        let _ = write!(text, "{head:>0$}", wide(head));
    }
    for (figures, hello) in compared(all) {
        let ratios = hello
            .filter(|hello| hello.name != figures.name)
            .map(|hello| figures.ratios(hello));
        let decimals = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let time = |time: Duration, digits| decimals(Some(ms(time)), digits);
        let cpu = |at: usize| decimals(figures.cpu.map(|cpu| ms(cpu[at])), 2);
        let thawed =
            |text: fn(Thawed) -> String| figures.thawed.map_or_else(|| "-".to_owned(), text);
        let cells = [
            decimals(bytes(figures.size, 1_000_000), 2),
            decimals(figures.zip.and_then(|zip| bytes(zip, 1_000_000)), 2),
            time(figures.init.p50, 1),
            time(figures.cold.p50, 1),
            time(figures.cold.least, 1),
            decimals(ratios.as_ref().and_then(|ratios| ratios.cold), 1),
            cpu(0),
            decimals(ratios.as_ref().and_then(|ratios| ratios.init_cpu), 1),
            cpu(1),
            cpu(2),
            time(figures.warm.p50, 3),
            time(figures.warm.p99, 3),
            decimals(conditions.trips(figures), 0),
            decimals(
                figures.memory.and_then(|memory| bytes(memory, 1024 * 1024)),
                1,
            ),
            figures.connections.to_string(),
            figures.init_requests.to_string(),
            figures.first_requests.to_string(),
            decimals(Some(figures.warm_requests), 1),
            thawed(|thawed| {
                if thawed.right {
                    "yes".to_owned()
                } else {
                    "NO".to_owned()
                }
            }),
            thawed(|thawed| thawed.connections.to_string()),
            thawed(|thawed| thawed.requests.to_string()),
        ];
        let _ = write!(text, "\n{:<34}", figures.title());
        for (cell, head) in cells.iter().zip(heads) {
            let _ = write!(text, "{cell:>0$}", wide(head));
        }
    }
    for (node, own) in peers(all) {
        let ratios = node.ratios(own);
        let times = |ratio: Option<f64>| {
            ratio.map_or_else(|| "?".to_owned(), |ratio| format!("{ratio:.1}"))
        };
        let [cold, warm, cpu, memory, zip] = [
            ratios.cold,
            ratios.warm,
            ratios.warm_cpu,
            ratios.memory,
            ratios.zip,
        ]
        .map(times);
        let _ = write!(
            text,
            "\n{}, Node.js / Rust: cold {cold}x, warm {warm}x, CPU of an invocation {cpu}x, memory {memory}x, zip {zip}x",
            own.name
        );
    }
    text
}

/// The figures as JSON.
pub(super) fn json(conditions: &Conditions, all: &[Figures]) -> String {
    let subject = |(figures, hello): (&Figures, Option<&Figures>)| {
        let cpu = |at: usize| figures.cpu.map(|cpu| ms(cpu[at]));
        json!({
            "name": figures.name,
            "kind": format!("{:?}", figures.kind).to_lowercase(),
            "bytes": figures.size,
            "zip_bytes": figures.zip,
            "init": figures.init.json(),
            "cold": figures.cold.json(),
            "warm": figures.warm.json(),
            "sequential_requests": conditions.trips(figures),
            "cpu_ms": { "init": cpu(0), "first": cpu(1), "each": cpu(2) },
            "peak_memory_bytes": figures.memory,
            "connections": figures.connections,
            "requests": { "init": figures.init_requests, "first": figures.first_requests, "each": figures.warm_requests },
            "after_a_freeze": figures.thawed.map(|thawed| {
                json!({ "right": thawed.right, "connections": thawed.connections, "requests": thawed.requests })
            }),
            "over_hello": hello.map(|hello| figures.ratios(hello).json()),
        })
    };
    let peer = |(node, own): (&Figures, &Figures)| (own.name.clone(), node.ratios(own).json());
    let report = json!({
        "machine": { "processor": conditions.processor, "cores": conditions.cores, "kernel": conditions.kernel },
        "conditions": {
            "profile": conditions.profile,
            "starts": conditions.starts,
            "warm_invocations": conditions.warm,
            "round_trip_ms": ms(conditions.round_trip),
            "service_ms": ms(conditions.service),
            "cpu_share_of_mb": conditions.memory,
        },
        "subjects": compared(all).map(subject).collect::<Vec<_>>(),
        "node_over_rust": peers(all).map(peer).collect::<serde_json::Map<_, _>>(),
    });
    format!("{report:#}")
}

/// The figures as an HTML page.
pub(super) fn html(conditions: &Conditions, all: &[Figures]) -> String {
    let bars = |title, value: &dyn Fn(&Figures) -> Option<f64>| {
        let values: Vec<_> = all
            .iter()
            .filter_map(|figures| Some((figures.title(), value(figures)?)))
            .collect();
        plot::bars(title, &values)
    };
    let parts = [
        bars("cold start, ms (median)", &|figures| {
            Some(ms(figures.cold.p50))
        }),
        bars("warm invocation, ms (median)", &|figures| {
            Some(ms(figures.warm.p50))
        }),
        bars("CPU of a warm invocation, ms", &|figures| {
            figures.cpu.map(|cpu| ms(cpu[2]))
        }),
        bars("peak memory, MiB", &|figures| {
            bytes(figures.memory?, 1024 * 1024)
        }),
        bars("zip file, MB", &|figures| bytes(figures.zip?, 1_000_000)),
    ];
    let table = plot::escaped(&table(conditions, all));
    plot::html(
        "Switchboard: starts and answers",
        &format!("{}<pre>{table}</pre>", parts.concat()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions() -> Conditions {
        Conditions {
            processor: "CPU".to_owned(),
            kernel: "linux".to_owned(),
            cores: 2,
            profile: "release".to_owned(),
            starts: 2,
            warm: 3,
            round_trip: Duration::from_millis(1),
            service: Duration::from_millis(4),
            memory: Some(128),
        }
    }

    /// Two starts; the first went on with three invocations.
    fn samples(unit: u64) -> Vec<Sample> {
        let time = |units| Duration::from_millis(unit * units);
        let first = Sample {
            init: time(4),
            cold: time(6),
            cpu: Some([time(3), time(2), time(3)]),
            warm: vec![time(3), time(1), time(2)],
            memory: Some(unit << 20),
            connections: 5,
            requests: [4, 3, 6],
            thawed: Some(Thawed {
                right: true,
                connections: 3,
                requests: 2,
            }),
        };
        let second = Sample {
            init: time(2),
            cold: time(10),
            warm: vec![],
            requests: [4, 4, 0],
            thawed: None,
            ..first.clone()
        };
        vec![first, second]
    }

    fn figures() -> [Figures; 3] {
        let size = (2_000_000, Some(1_000_000));
        [
            Figures::new("hello", Kind::Hello, size, &samples(1)),
            Figures::new("sms-forward", Kind::Node, size, &samples(60)),
            Figures::new("sms-forward", Kind::Rust, size, &samples(2)),
        ]
    }

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

    #[test]
    fn the_table() {
        let expected = "\
CPU, 2 cores, linux; profile release; 2 starts, 3 warm invocations, the CPU share of 128 MB; upstreams: TLS 1.3, 1 ms away, 4 ms to answer. \
Times in ms, sizes in 10^6 bytes, memory in MiB.
";
        let text = table(&conditions(), &figures());
        assert!(text.starts_with(expected), "{text}");
        let rows: Vec<Vec<&str>> = text
            .lines()
            .skip(2)
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            rows[0],
            [
                "deployed",
                "start",
                "CPU",
                "invocation",
                "peak",
                "requests",
                "after",
                "a",
                "freeze"
            ]
        );
        let row =
            "hello 2.00 1.00 2.0 6.0 6.0 - 3.00 - 2.00 1.00 2.000 3.000 - 1.0 5 4 4 2.0 yes 3 2";
        assert_eq!(rows[2].join(" "), row);
        let row = "sms-forward (Node.js) 2.00 1.00 120.0 360.0 360.0 60.0 180.00 60.0 120.00 60.00 120.000 180.000 - 60.0 5 4 4 2.0 yes 3 2";
        assert_eq!(rows[3].join(" "), row);
        let last =
            "sms-forward, Node.js / Rust: cold 30.0x, warm 30.0x, CPU of an invocation 30.0x, memory 30.0x, zip 1.0x".to_owned();
        assert_eq!(rows[5].join(" "), last);
        let widths: Vec<_> = text
            .lines()
            .skip(3)
            .take(4)
            .map(|line| line.chars().count())
            .collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }

    #[test]
    fn json_says_the_same() {
        let report: Value = serde_json::from_str(&json(&conditions(), &figures())).unwrap();
        assert_eq!(report["conditions"]["cpu_share_of_mb"], 128);
        assert_eq!(report["subjects"][2]["sequential_requests"], Value::Null);
        assert_eq!(
            report["subjects"][2]["cold"],
            json!({ "least_ms": 12.0, "p50_ms": 12.0, "p99_ms": 20.0 })
        );
        assert_eq!(report["subjects"][2]["over_hello"]["init_cpu"], 2.0);
        assert_eq!(report["node_over_rust"]["sms-forward"]["memory"], 30.0);
    }
}
