//! The figures as a table for people.

use std::{fmt::Write as _, time::Duration};

use super::{
    conditions::Conditions,
    figures::{Figures, compared, peers},
    spread::{bytes, ms},
};
use crate::bench::start::Thawed;

/// A table for people. `x`: ratio to `hello`. `trips`: sequential requests to upstreams. The last
/// columns are about the invocation after a freeze in which all connections were closed: correct
/// answer, new connections, requests.
pub(in crate::bench) fn table(conditions: &Conditions, all: &[Figures]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::samples::{conditions, figures};

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
}
