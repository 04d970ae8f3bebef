//! Computes figures from samples, and formats them as a table or as JSON.

mod conditions;
mod figures;
#[cfg(test)]
mod samples;
mod spread;
mod table;

pub(super) use conditions::{Conditions, machine};
pub(super) use figures::Figures;
pub(super) use spread::{ms, rank};
pub(super) use table::table;

use serde_json::json;

use super::plot;
use figures::{compared, peers};
use spread::bytes;

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
    use serde_json::Value;

    use super::{
        samples::{conditions, figures},
        *,
    };

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
