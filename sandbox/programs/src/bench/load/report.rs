//! Formats the figures as a table, as JSON, and as plots.

use std::{fmt::Write as _, time::Duration};

use serde_json::{Value, json};

use super::{
    figures::{Figures, Mode, Row},
    options::{Arrivals, Options},
};
use crate::bench::{
    plot::{self, Chart, Line},
    report::{machine, ms},
};

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        100.0 * float(part) / float(whole)
    }
}

impl Row {
    fn delivered_percent(&self) -> f64 {
        percent(self.delivered, self.requests)
    }

    fn conflicts(&self) -> u64 {
        self.traffic.conflicts.values().sum()
    }

    fn throttled(&self) -> u64 {
        self.traffic.throttled.values().sum()
    }

    /// The limit of a load: `machine`, `design` (of the items in the table), both or none.
    fn limit(&self) -> &'static str {
        match (
            self.conflicts() > 0 || self.throttled() > 0,
            self.used.is_limit(),
        ) {
            (false, false) => "",
            (false, true) => "machine",
            (true, false) => "design",
            (true, true) => "both",
        }
    }

    /// The item to which most transactions write, if there is one.
    fn shared(&self) -> Option<&(String, u64)> {
        let transactions = self.traffic.transactions;
        self.traffic
            .most_shared
            .as_ref()
            .filter(|(_, times)| transactions >= 10 && times * 2 > transactions)
    }

    /// The mean for a request.
    fn each(&self, count: usize) -> f64 {
        float(count) / float(self.requests.max(1))
    }

    fn cpu(&self, used: Option<Duration>) -> Option<f64> {
        Some(used?.as_secs_f64() * 1_000.0 / float(self.requests.max(1)))
    }
}

impl Figures {
    /// Throughput in percent of a proportional one: the smallest load's, times the number of
    /// processes.
    fn of_proportional(&self, row: &Row) -> Option<f64> {
        let first = self
            .rows
            .iter()
            .find(|row| row.mode == Mode::Busy)
            .filter(|_| row.mode == Mode::Busy)?;
        let each = first.per_second / float(first.instances.max(1));
        (each > 0.0).then(|| 100.0 * row.per_second / (each * float(row.instances)))
    }
}

fn sentence(options: &Options) -> String {
    let (processor, cores, kernel) = machine();
    let [operation, transaction, provider] =
        options.latencies.all().map(|latency| latency.as_millis());
    format!(
        "{processor}, {cores} cores, {kernel}; profile {}; DynamoDB {operation} ms, a transaction holds its items {transaction} ms, \
         providers {provider} ms. Times in ms.\n\
         once: all requests at once, as many as processes, {} rounds. busy: each process always has a next request. open: {} arrivals \
         at a rate, queueing included.\n\
         prop: throughput beside that of the smallest load times processes. writes, reads: of the table for a request, as they are paid for. \
         CPU: of the functions for a request; own: the part of all cores that functions and simulators used, %; busy: the part that anything \
         used; lag: how late the simulators were (p99).\n\
         limit: machine = more cores would give other figures; design = writes met a transaction or a hot key.",
        options.profile,
        options.rounds,
        match options.arrivals {
            Arrivals::Even => "even",
            Arrivals::Poisson => "Poisson",
        }
    )
}

/// The figures as a table.
pub(super) fn table(options: &Options, all: &[Figures]) -> String {
    let mut text = sentence(options);
    let optional = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    for figures in all {
        let _ = write!(
            text,
            "\n\n{}\n{:<6}{:>5}{:>8}{:>9}{:>11}{:>7}{:>9}{:>9}{:>9}{:>7}{:>8}{:>7}{:>10}{:>10}{:>7}{:>7}{:>7}{:>7}  limit",
            figures.work.title,
            "",
            "",
            "rate",
            "requests",
            "delivered",
            "twice",
            "p50",
            "p99",
            "per s",
            "prop",
            "writes",
            "reads",
            "conflicts",
            "throttled",
            "CPU",
            "own",
            "busy",
            "lag"
        );
        for row in &figures.rows {
            let mode = match row.mode {
                Mode::Burst => "once",
                Mode::Busy => "busy",
                Mode::Open => "open",
            };
            let _ = write!(
                text,
                "\n{mode:<6}{:>5}{:>8}{:>9}{:>9.1} %{:>7}{:>9.0}{:>9.0}{:>9.1}{:>7}{:>8.1}{:>7.1}{:>10}{:>10}{:>7}{:>7}{:>7}{:>7.0}  {}",
                row.instances,
                optional(row.rate, 0),
                row.requests,
                row.delivered_percent(),
                row.twice,
                ms(row.p50),
                ms(row.p99),
                row.per_second,
                optional(figures.of_proportional(row), 0),
                row.each(row.traffic.writes),
                row.each(row.traffic.reads),
                row.conflicts(),
                row.throttled(),
                optional(row.cpu(row.used.functions), 1),
                optional(row.used.own.map(|own| 100.0 * own), 0),
                optional(row.used.busy.map(|busy| 100.0 * busy), 0),
                ms(row.used.lag),
                row.limit()
            );
            let mut notes: Vec<String> = row
                .refusals
                .iter()
                .map(|(what, times)| format!("{what}: {times}"))
                .collect();
            notes.extend(
                row.traffic
                    .conflicts
                    .iter()
                    .map(|(item, times)| format!("conflicts on {item}: {times}")),
            );
            notes.extend(
                row.traffic
                    .throttled
                    .iter()
                    .map(|(item, times)| format!("throttled on {item}: {times}")),
            );
            if let Some((item, times)) = row.shared() {
                notes.push(format!(
                    "{times} of {} transactions share {item}",
                    row.traffic.transactions
                ));
            }
            if !notes.is_empty() {
                let _ = write!(text, "\n           {}", notes.join("; "));
            }
        }
        for problem in &figures.problems {
            let _ = write!(text, "\nPROBLEM: {problem}");
        }
    }
    text
}

/// The figures as JSON.
pub(super) fn json(options: &Options, all: &[Figures]) -> String {
    let (processor, cores, kernel) = machine();
    let [operation, transaction, provider] = options.latencies.all().map(ms);
    let load = |figures: &Figures, row: &Row| {
        json!({
            "mode": format!("{:?}", row.mode).to_lowercase(),
            "instances": row.instances,
            "rate": row.rate,
            "requests": row.requests,
            "delivered": row.delivered,
            "delivered_percent": row.delivered_percent(),
            "twice": row.twice,
            "p50_ms": ms(row.p50),
            "p99_ms": ms(row.p99),
            "per_second": row.per_second,
            "percent_of_proportional": figures.of_proportional(row),
            "refusals": row.refusals,
            "writes": row.each(row.traffic.writes),
            "reads": row.each(row.traffic.reads),
            "conflicts": row.traffic.conflicts,
            "throttled": row.traffic.throttled,
            "transactions": row.traffic.transactions,
            "shared_item": row.shared().map(|(item, times)| json!({ "item": item, "transactions": times })),
            "functions_cpu_ms": row.cpu(row.used.functions),
            "bench_cpu_ms": row.cpu(row.used.bench),
            "own": row.used.own,
            "busy": row.used.busy,
            "lag_p99_ms": ms(row.used.lag),
            "limit": row.limit(),
        })
    };
    let kinds = all.iter().map(|figures| {
        json!({
            "function": figures.work.function,
            "title": figures.work.title,
            "loads": figures.rows.iter().map(|row| load(figures, row)).collect::<Vec<Value>>(),
            "problems": figures.problems,
        })
    });
    let report = json!({
        "machine": { "processor": processor, "cores": cores, "kernel": kernel },
        "conditions": {
            "profile": options.profile, "dynamodb_ms": operation, "transaction_ms": transaction, "provider_ms": provider,
            "rounds": options.rounds, "seconds": options.time.as_secs_f64(), "arrivals": if options.arrivals == Arrivals::Even { "even" } else { "poisson" },
        },
        "kinds": kinds.collect::<Vec<_>>(),
    });
    format!("{report:#}")
}

/// Four plots for each kind of request.
pub(super) fn svg(all: &[Figures]) -> String {
    let charts: Vec<Chart> = all.iter().flat_map(charts).collect();
    plot::picture(&charts, 2)
}

fn charts(figures: &Figures) -> [Chart; 4] {
    let points = |mode: Mode, value: &dyn Fn(&Row) -> f64| -> Vec<(f64, f64)> {
        let rows = figures.rows.iter().filter(|row| row.mode == mode);
        rows.map(|row| (row.rate.unwrap_or(float(row.instances)), value(row)))
            .collect()
    };
    let line = |name, points| Line {
        name,
        points,
        dashed: false,
    };
    let (p50, p99) = (|row: &Row| ms(row.p50), |row: &Row| ms(row.p99));
    let title = figures.work.title;
    let each = figures
        .rows
        .iter()
        .find(|row| row.mode == Mode::Busy)
        .map_or(0.0, |row| row.per_second / float(row.instances.max(1)));
    let rates = vec![
        line("measured", points(Mode::Busy, &|row| row.per_second)),
        Line {
            name: "proportional",
            points: points(Mode::Busy, &|row| each * float(row.instances)),
            dashed: true,
        },
    ];
    [
        Chart {
            title: format!("{title}: delivered, %"),
            across: "requests at once",
            lines: vec![line(
                "delivered",
                points(Mode::Burst, &Row::delivered_percent),
            )],
        },
        Chart {
            title: "the same: time to the answer, ms".to_owned(),
            across: "requests at once",
            lines: vec![
                line("p50", points(Mode::Burst, &p50)),
                line("p99", points(Mode::Burst, &p99)),
            ],
        },
        Chart {
            title: format!("{} a second", figures.work.unit),
            across: "processes, always busy",
            lines: rates,
        },
        Chart {
            title: "time to the answer, queue included, ms".to_owned(),
            across: "arrivals a second",
            lines: vec![
                line("p50", points(Mode::Open, &p50)),
                line("p99", points(Mode::Open, &p99)),
            ],
        },
    ]
}

/// The figures as an HTML page.
pub(super) fn html(options: &Options, all: &[Figures]) -> String {
    plot::html(
        "Switchboard under load",
        &format!(
            "{}<pre>{}</pre>",
            svg(all),
            plot::escaped(&table(options, all))
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bench::load::{dynamodb::Traffic, machine::Used, work};

    fn row(mode: Mode, instances: usize, per_second: f64) -> Row {
        Row {
            mode,
            instances,
            rate: (mode == Mode::Open).then_some(per_second),
            requests: 100,
            delivered: 100,
            twice: 0,
            p50: Duration::from_millis(170),
            p99: Duration::from_millis(190),
            per_second,
            refusals: BTreeMap::new(),
            traffic: Traffic::default(),
            used: Used::default(),
        }
    }

    #[test]
    fn the_machines_limit_is_told_from_the_designs() {
        let free = row(Mode::Burst, 5, 1.0);
        assert_eq!((free.limit(), free.shared()), ("", None));
        let machine = Row {
            used: Used {
                busy: Some(0.97),
                ..Used::default()
            },
            ..row(Mode::Burst, 5, 1.0)
        };
        assert_eq!(machine.limit(), "machine");
        let conflicts = BTreeMap::from([("rate#sms#all".to_owned(), 3)]);
        let traffic = Traffic {
            conflicts,
            transactions: 100,
            most_shared: Some(("rate#sms#all".to_owned(), 100)),
            ..Traffic::default()
        };
        let design = Row {
            delivered: 51,
            traffic,
            refusals: BTreeMap::from([("503".to_owned(), 49)]),
            ..row(Mode::Burst, 50, 1.0)
        };
        assert_eq!(
            (design.limit(), design.shared().map(|(_, times)| *times)),
            ("design", Some(100))
        );
        let options = crate::bench::parse::<Options>(&[]).unwrap();
        let text = table(
            &options,
            &[Figures {
                work: &work::ALL[0],
                rows: vec![design],
                problems: vec!["x".to_owned()],
            }],
        );
        for part in [
            "51.0 %",
            "503: 49",
            "conflicts on rate#sms#all: 3",
            "100 of 100 transactions share rate#sms#all",
            "design",
            "PROBLEM: x",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn throughput_is_compared_with_that_of_as_many_processes() {
        let rows = vec![
            row(Mode::Busy, 5, 25.0),
            row(Mode::Burst, 50, 1.0),
            row(Mode::Busy, 50, 200.0),
            row(Mode::Open, 50, 180.0),
        ];
        let figures = Figures {
            work: &work::ALL[0],
            rows,
            problems: vec![],
        };
        let proportional: Vec<_> = figures
            .rows
            .iter()
            .map(|row| figures.of_proportional(row).map(f64::round))
            .collect();
        assert_eq!(proportional, [Some(100.0), None, Some(80.0), None]);
        let svg = svg(&[figures]);
        assert!(
            svg.contains("codes a second") && !svg.contains("NaN"),
            "{svg}"
        );
    }
}
