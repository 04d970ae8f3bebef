//! `cargo bench-load --provision N`: measures provision-numbers with N employees, from the first
//! number to the last leaver.
//!
//! The release executable makes runs until no work is left. The simulators answer at once, so the
//! whole takes minutes. The duration of a run with the real services' latency is computed from its
//! requests. The requests are sequential, except for rewiring, which is done ten at a time.

use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use sandbox::{Sandbox, binaries, lambda::Lambda, twilio::Stock};
use serde_json::{Value, json};

use super::{dynamodb::DynamoDb, options::Options, report::float};
use crate::bench::{
    plot, process,
    report::{machine, ms},
};

const FUNCTION: &str = "provision-numbers";
/// Maximum number of runs. With a hundred numbers a run, fewer are needed.
const MOST_RUNS: usize = 150;
/// Number of employees who leave.
const LEAVERS: usize = 500;
/// Memory size in the template.
const GIGABYTES: f64 = 0.125;
/// Prices in dollars: arm64, on demand (<https://aws.amazon.com/lambda/pricing/>,
/// <https://aws.amazon.com/dynamodb/pricing/on-demand/>).
const GIGABYTE_SECOND: f64 = 0.000_013_333_4;
const INVOCATION: f64 = 0.000_000_2;
const WRITE: f64 = 0.000_000_625;
const READ: f64 = 0.000_000_125;
/// Monthly price of a local number in the United States
/// (<https://www.twilio.com/en-us/phone-numbers/pricing>).
const NUMBER: f64 = 1.15;
/// Runs a month at one every five minutes, and those that read all users.
const RUNS: f64 = 8_640.0;
const WALKS: f64 = 720.0;

/// The measurements of one stage.
#[derive(Debug, Default)]
pub(super) struct Row {
    title: &'static str,
    runs: usize,
    /// Duration of all runs on this machine.
    took: Duration,
    cpu: Option<Duration>,
    okta: usize,
    twilio: usize,
    /// The requests to Twilio that are made ten at a time.
    rewired: usize,
    reads: usize,
    writes: usize,
    /// Duration with the latency of the real services: of all runs, and of the longest.
    real: Duration,
    longest: Duration,
    bought: usize,
    released: usize,
    failed: usize,
}

impl Row {
    fn lambda(&self) -> f64 {
        self.real.as_secs_f64() * GIGABYTES * GIGABYTE_SECOND + float(self.runs) * INVOCATION
    }

    fn table(&self) -> f64 {
        float(self.writes) * WRITE + float(self.reads) * READ
    }

    fn cost(&self) -> f64 {
        self.lambda() + self.table()
    }
}

/// The measurements of all stages.
#[derive(Debug)]
pub(super) struct Figures {
    people: usize,
    rows: Vec<Row>,
    problems: Vec<String>,
}

/// The environment of the runs.
struct Scene<'a> {
    sandbox: Sandbox,
    dynamodb: DynamoDb,
    lambda: Lambda,
    options: &'a Options,
}

/// Builds the function and measures all stages.
pub(super) async fn measure(people: usize, options: &Options) -> Result<Figures, String> {
    crate::bench::announce(&[FUNCTION], &options.profile);
    let built = binaries::build_functions(&[FUNCTION], &options.profile).await?;
    eprintln!("{people} employees: about {} minutes.", 1 + people / 2_500);
    course(people, &built[FUNCTION], options).await
}

async fn start(
    sandbox: &Sandbox,
    dynamodb: &DynamoDb,
    binary: &Path,
    voice: &str,
) -> Result<Lambda, String> {
    let settings = [
        ("AWS_ENDPOINT_URL_DYNAMODB", Some(dynamodb.url())),
        ("CALL_FORWARD_URL", Some(voice)),
        ("AREA_PREFIXES", Some("415")),
        ("MAX_PURCHASES_PER_RUN", Some("100")),
        ("MAX_NUMBERS", Some("10000")),
        ("RELEASE_AFTER_DAYS", Some("30")),
    ];
    let lambda = sandbox.run_with(FUNCTION, binary, 1, &settings).await;
    lambda.wait_ready().await?;
    Ok(lambda)
}

async fn course(people: usize, binary: &Path, options: &Options) -> Result<Figures, String> {
    let sandbox = Sandbox::start().await;
    let dynamodb = DynamoDb::start(Duration::ZERO, Duration::ZERO)
        .await
        .map_err(|error| format!("the table: {error}"))?;
    // The simulators are faster than the real services, so the table must not throttle.
    dynamodb.never_throttle();
    let ids = sandbox.okta.hire_many(people);
    let numbers: Vec<String> = (0..people)
        .map(|n| format!("+1415{:07}", 2_000_000 + n))
        .collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    sandbox.twilio.stock(&numbers, &Stock::default());
    let lambda = start(&sandbox, &dynamodb, binary, "https://first.example/").await?;
    let mut scene = Scene {
        sandbox,
        dynamodb,
        lambda,
        options,
    };
    let nothing_left = |report: &Value| report["complete"] == true && report["remaining"] == 0;
    let mut rows = vec![scene.stage("first fill", nothing_left).await?];
    // The later stages are on other days.
    let long_ago = |scene: &Scene<'_>| {
        for id in &ids {
            scene.sandbox.okta.set_last_updated(id, Duration::ZERO);
        }
    };
    long_ago(&scene);
    rows.push(scene.stage("idle run, once an hour", |_| true).await?);
    rows.push(scene.stage("idle run, any other", |_| true).await?);
    scene.lambda.stop().await;
    scene.lambda = start(
        &scene.sandbox,
        &scene.dynamodb,
        binary,
        "https://second.example/",
    )
    .await?;
    rows.push(scene.stage("URL change", nothing_left).await?);
    long_ago(&scene);
    let leavers = LEAVERS.min(people / 2);
    for id in ids.iter().step_by(2).take(leavers) {
        scene.sandbox.okta.set_status(id, "DEPROVISIONED");
        let month_ago = sandbox::now().saturating_sub(Duration::from_hours(24 * 31));
        scene.sandbox.okta.set_status_changed(id, month_ago);
    }
    let gone = |report: &Value| report["complete"] == true && report["released"] == json!([]);
    rows.push(scene.stage("leavers", gone).await?);
    let mut problems = scene.dynamodb.traffic().problems;
    problems.extend(scene.sandbox.complaints());
    let expected = [(people, 0), (0, 0), (0, 0), (0, 0), (0, leavers)];
    for (row, expected) in rows.iter().zip(expected) {
        if (row.bought, row.released) != expected || row.failed > 0 {
            problems.push(format!(
                "{}: {} bought, {} released, {} failed",
                row.title, row.bought, row.released, row.failed
            ));
        }
    }
    if rows[3].rewired != people || scene.sandbox.twilio.purchases() != people {
        problems.push("not every number was bought once and pointed elsewhere once".to_owned());
    }
    Ok(Figures {
        people,
        rows,
        problems,
    })
}

impl Scene<'_> {
    /// Makes runs until `is_end` accepts a report.
    async fn stage(
        &self,
        title: &'static str,
        is_end: impl Fn(&Value) -> bool,
    ) -> Result<Row, String> {
        eprintln!("{title} ...");
        let mut row = Row {
            title,
            cpu: Some(Duration::ZERO),
            ..Row::default()
        };
        while row.runs < MOST_RUNS {
            let report = self.run(&mut row).await?;
            if is_end(&report) {
                return Ok(row);
            }
        }
        Err(format!("{title} does not come to an end"))
    }

    async fn run(&self, row: &mut Row) -> Result<Value, String> {
        let (okta, twilio) = (self.sandbox.okta.server(), self.sandbox.twilio.server());
        okta.clear_exchanges();
        twilio.clear_exchanges();
        let _of_before = self.dynamodb.traffic();
        let pid = self.lambda.pids().first().copied().unwrap_or_default();
        let (cpu, begun) = (process::cpu(pid), Instant::now());
        let event = json!({ "source": "aws.scheduler" });
        let report = self
            .lambda
            .invoke(event)
            .await
            .map_err(|error| error.to_string())?;
        let took = begun.elapsed();
        let used = process::cpu(pid)
            .zip(cpu)
            .map(|(now, then)| now.saturating_sub(then));
        let traffic = self.dynamodb.traffic();
        let calls = twilio.exchanges();
        let is_rewiring = |target: &str| target.contains("/IncomingPhoneNumbers/PN");
        let rewired = calls
            .iter()
            .filter(|call| call.method == "POST" && is_rewiring(&call.target))
            .count();
        let asked = okta.exchanges().len();
        // Every transaction here has two items of two units each.
        let transactions = usize::try_from(traffic.transactions).unwrap_or_default();
        let operations = (traffic.reads + traffic.writes).saturating_sub(3 * transactions);
        let waits = asked + calls.len() - rewired + rewired.div_ceil(10);
        let [operation, _, provider] = self.options.latencies.all();
        let times =
            |latency: Duration, count: usize| latency * u32::try_from(count).unwrap_or(u32::MAX);
        let real = took + times(provider, waits) + times(operation, operations);
        let len = |list: &str| report[list].as_array().map_or(0, Vec::len);
        row.runs += 1;
        row.took += took;
        row.cpu = row.cpu.zip(used).map(|(all, used)| all + used);
        row.okta += asked;
        row.twilio += calls.len();
        row.rewired += rewired;
        row.reads += traffic.reads;
        row.writes += traffic.writes;
        row.real += real;
        row.longest = row.longest.max(real);
        row.bought += len("purchased");
        row.released += len("released");
        row.failed += len("failed");
        Ok(report)
    }
}

impl Figures {
    fn idle_month(&self) -> f64 {
        match &self.rows[..] {
            [_, walk, glance, ..] => WALKS * walk.cost() + (RUNS - WALKS) * glance.cost(),
            _ => 0.0,
        }
    }
}

/// The figures as a table.
pub(super) fn table(options: &Options, figures: &Figures) -> String {
    let (processor, cores, kernel) = machine();
    let [operation, _, provider] = options.latencies.all().map(|latency| latency.as_millis());
    let mut text = format!(
        "provision-numbers, {} employees. {processor}, {cores} cores, {kernel}; profile {}.\n\
         here: all runs, with upstreams that answer at once. real: the same with {provider} ms for a request to Okta or Twilio and \
         {operation} ms for one to DynamoDB, one after the other, rewiring ten at a time; longest: of one run.\n\
         Lambda: real time x {GIGABYTES} GB x ${GIGABYTE_SECOND} + ${INVOCATION} a run. table: ${WRITE} a write, ${READ} a read. Numbers are extra.\n\n\
         {:<24}{:>6}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>10}{:>10}",
        figures.people,
        options.profile,
        "",
        "runs",
        "here, s",
        "CPU, s",
        "Okta",
        "Twilio",
        "reads",
        "writes",
        "real, s",
        "longest",
        "Lambda, $",
        "table, $"
    );
    for row in &figures.rows {
        let cpu = row
            .cpu
            .map_or_else(|| "-".to_owned(), |cpu| format!("{:.2}", cpu.as_secs_f64()));
        let _infallible = write!(
            text,
            "\n{:<24}{:>6}{:>9.2}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9.1}{:>9.1}{:>10.6}{:>10.6}",
            row.title,
            row.runs,
            row.took.as_secs_f64(),
            cpu,
            row.okta,
            row.twilio,
            row.reads,
            row.writes,
            row.real.as_secs_f64(),
            row.longest.as_secs_f64(),
            row.lambda(),
            row.table()
        );
    }
    let _infallible = write!(
        text,
        "\n\nA month of idle runs, every five minutes: ${:.2}. The numbers: {} x ${NUMBER} = ${:.0} a month.",
        figures.idle_month(),
        figures.people,
        float(figures.people) * NUMBER
    );
    for problem in &figures.problems {
        let _infallible = write!(text, "\nPROBLEM: {problem}");
    }
    text
}

/// The figures as JSON.
pub(super) fn json(options: &Options, figures: &Figures) -> String {
    let (processor, cores, kernel) = machine();
    let [operation, _, provider] = options.latencies.all().map(ms);
    let rows = figures.rows.iter().map(|row| {
        json!({
            "stage": row.title, "runs": row.runs, "here_ms": ms(row.took), "cpu_ms": row.cpu.map(ms), "okta_requests": row.okta,
            "twilio_requests": row.twilio, "rewired": row.rewired, "reads": row.reads, "writes": row.writes, "real_ms": ms(row.real),
            "longest_ms": ms(row.longest), "lambda_dollars": row.lambda(), "table_dollars": row.table(), "bought": row.bought,
            "released": row.released, "failed": row.failed,
        })
    });
    let report = json!({
        "machine": { "processor": processor, "cores": cores, "kernel": kernel },
        "conditions": { "profile": options.profile, "dynamodb_ms": operation, "provider_ms": provider, "employees": figures.people },
        "provision": rows.collect::<Vec<_>>(),
        "idle_month_dollars": figures.idle_month(),
        "numbers_month_dollars": float(figures.people) * NUMBER,
        "problems": figures.problems,
    });
    format!("{report:#}")
}

/// The figures as an HTML page.
pub(super) fn html(options: &Options, figures: &Figures) -> String {
    let times: Vec<(String, f64)> = figures
        .rows
        .iter()
        .map(|row| (row.title.to_owned(), row.real.as_secs_f64()))
        .collect();
    plot::html(
        "Numbers for all employees",
        &format!(
            "{}<pre>{}</pre>",
            plot::bars("time with the latency of the real services, s", &times),
            plot::escaped(&table(options, figures))
        ),
    )
}

#[cfg(test)]
mod tests {
    use crate::bench::parse;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_stage_of_provisioning_comes_to_its_end() {
        let options: Options = parse(&["--profile", "dev", "--provision", "120"]).unwrap();
        assert_eq!(options.provision, Some(120));
        let figures = measure(120, &options).await.unwrap();
        assert_eq!(figures.problems, [""; 0]);
        let runs: Vec<_> = figures.rows.iter().map(|row| row.runs).collect();
        assert_eq!(
            (&runs[..4], figures.rows[3].rewired),
            (&[2, 1, 1, 1][..], 120)
        );
        let text = table(&options, &figures);
        assert!(
            text.contains("first fill") && !text.contains("PROBLEM"),
            "{text}"
        );
        let report: Value = serde_json::from_str(&json(&options, &figures)).unwrap();
        assert_eq!(report["provision"].as_array().map(Vec::len), Some(5));
        assert!(html(&options, &figures).contains("URL change"));
        assert!(parse::<Options>(&["--provision", "10001"]).is_err());
    }
}
