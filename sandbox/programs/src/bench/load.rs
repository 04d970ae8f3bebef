//! `cargo bench-load`: measures how many requests at once are served, how fast, and what limits
//! them first.
//!
//! It runs release executables. Each process has one request at a time, as in Lambda. The
//! processes call [`dynamodb`] and the simulators of the providers, with the latency of the real
//! services.
//!
//! There are three kinds of load: bursts of as many requests as processes; processes that always
//! have a next request; and arrivals at a fixed rate, which queue while all processes are busy. All
//! loads have a maximum time and number, and all traffic is on 127.0.0.1.

mod dynamodb;
mod expression;
mod fleet;
mod machine;
mod provision;
mod report;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::{
    builder::{RangedU64ValueParser, TypedValueParser as _},
    value_parser,
};
use dynamodb::{DynamoDb, Traffic};
use fleet::Fleet;
use futures_util::future::join_all;
use machine::{Used, Watch};
use sandbox::{Sandbox, binaries, wire::Fault};
use serde_json::Value;
use tokio::sync::Semaphore;
use work::{Recorded, Work};

/// A request without an answer after this time counts as not delivered.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause between two bursts.
const PAUSE: Duration = Duration::from_millis(300);
/// Requests of each process before the measurement.
const WARM_UP: usize = 2;
/// Arrival rates, as shares of the throughput of always busy processes.
const SHARES: [f64; 5] = [0.5, 0.8, 0.9, 1.0, 1.2];
/// Files that this process has open for each function's process: connections and pipes.
const FILES_EACH: u64 = 40;
const FILES: u64 = 500;
const MOST_ARRIVALS: f64 = 20_000.0;
/// Number of employees or of account holders.
const PEOPLE: u64 = 1_000;

/// The options of the command line.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Measure only this function; may be repeated
    #[arg(long = "function", value_name = "NAME")]
    functions: Vec<String>,
    /// Numbers of processes; one load follows the other
    #[arg(long, value_name = "N,N...", value_delimiter = ',', default_value = "5,10,20,50,100,200", value_parser = RangedU64ValueParser::<usize>::new().range(1..=400))]
    instances: Vec<usize>,
    /// Number of bursts in each load
    #[arg(long, value_name = "N", default_value = "3", value_parser = RangedU64ValueParser::<usize>::new().range(1..=20))]
    rounds: usize,
    /// Duration of every other load, in seconds
    #[arg(long = "seconds", value_name = "S", default_value = "4", value_parser = value_parser!(u64).range(1..=60).map(Duration::from_secs))]
    time: Duration,
    /// Number of processes for arrivals at a rate
    #[arg(long, value_name = "N", default_value = "50", value_parser = RangedU64ValueParser::<usize>::new().range(1..=400))]
    open: usize,
    /// Arrivals a second; may be repeated
    #[arg(long = "rate", value_name = "R", value_parser = value_parser!(u32).range(1..=2_000).map(f64::from))]
    rates: Vec<f64>,
    /// Distribution of the arrivals
    #[arg(long, default_value = "poisson")]
    arrivals: Arrivals,
    #[command(flatten)]
    latencies: Latencies,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also write an HTML page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<String>,
    /// Also write the plots as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<String>,
    /// Cargo's profile for the executables
    #[arg(long, value_name = "NAME", default_value = "release")]
    profile: String,
    #[arg(skip = PEOPLE)]
    people: u64,
    /// Measure only provision-numbers, with this many employees
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(2..=10_000))]
    provision: Option<usize>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Arrivals {
    /// As a Poisson process
    Poisson,
    /// At equal intervals
    Even,
}

#[derive(clap::Args, Clone, Copy, Debug)]
struct Latencies {
    /// Latency of an operation on the table
    #[arg(long = "dynamodb-ms", value_name = "MS", default_value = "5", value_parser = value_parser!(u64).range(0..=2_000).map(Duration::from_millis))]
    operation: Duration,
    /// Latency of a transaction; it holds its items as long
    #[arg(long = "transaction-ms", value_name = "MS", default_value = "7", value_parser = value_parser!(u64).range(0..=2_000).map(Duration::from_millis))]
    transaction: Duration,
    /// Latency of a provider
    #[arg(long = "provider-ms", value_name = "MS", default_value = "150", value_parser = value_parser!(u64).range(0..=2_000).map(Duration::from_millis))]
    provider: Duration,
}

impl Latencies {
    /// All latencies, in the order of the fields.
    fn all(self) -> [Duration; 3] {
        [self.operation, self.transaction, self.provider]
    }
}

impl Options {
    /// The largest number of processes at once.
    fn most(&self) -> usize {
        self.instances
            .iter()
            .copied()
            .chain([self.open])
            .max()
            .unwrap_or_default()
    }

    /// Estimated duration of the loads of one function.
    fn estimate(&self) -> Duration {
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

/// The kind of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// All requests at once.
    Burst,
    /// The next request follows as soon as one is answered.
    Busy,
    /// Requests arrive at a rate.
    Open,
}

/// The result of one load.
#[derive(Debug)]
struct Row {
    mode: Mode,
    instances: usize,
    /// Arrivals a second.
    rate: Option<f64>,
    requests: usize,
    /// Requests with the expected answer whose text the provider has exactly once.
    delivered: usize,
    /// Requests whose text the provider has more than once.
    twice: usize,
    p50: Duration,
    p99: Duration,
    /// Delivered requests a second.
    per_second: f64,
    /// The answers to the other requests, with their number.
    refusals: BTreeMap<String, usize>,
    traffic: Traffic,
    used: Used,
}

/// The results of all loads of one kind of request.
#[derive(Debug)]
struct Figures {
    work: &'static Work,
    rows: Vec<Row>,
    /// The complaints of the simulators.
    problems: Vec<String>,
}

/// Measures and prints. The error says why it cannot measure. Ctrl-C stops everything.
pub(crate) async fn run(mut options: Options) -> Result<(), String> {
    options.instances.sort_unstable();
    options.instances.dedup();
    if let Some(people) = options.provision {
        return provision(people, &options).await;
    }
    allow_files(FILES + FILES_EACH * options.most() as u64)?;
    let figures = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => return Err("\ninterrupted".to_owned()),
        measured = measure(&options) => measured?,
    };
    println!(
        "{}",
        if options.json {
            report::json(&options, &figures)
        } else {
            report::table(&options, &figures)
        }
    );
    if let Some(file) = &options.svg {
        super::write(file, &report::svg(&figures))?;
    }
    if let Some(file) = &options.html {
        super::write(file, &report::html(&options, &figures))?;
    }
    Ok(())
}

async fn provision(people: usize, options: &Options) -> Result<(), String> {
    let figures = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => return Err("\ninterrupted".to_owned()),
        measured = provision::measure(people, options) => measured?,
    };
    println!(
        "{}",
        if options.json {
            provision::json(options, &figures)
        } else {
            provision::table(options, &figures)
        }
    );
    if let Some(file) = &options.html {
        super::write(file, &provision::html(options, &figures))?;
    }
    Ok(())
}

/// Allows this many open files. A shell raises the limit and runs this program again, because the
/// standard library cannot raise it.
fn allow_files(needed: u64) -> Result<(), String> {
    let Ok(limits) = fs::read_to_string("/proc/self/limits") else {
        return Ok(());
    };
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let mut words = line
        .unwrap_or_default()
        .split_whitespace()
        .map(|word| word.parse().unwrap_or(u64::MAX));
    let (Some(soft), Some(hard)) = (words.next(), words.next()) else {
        return Ok(());
    };
    if soft >= needed {
        return Ok(());
    }
    let hint = format!(
        "so many instances need {needed} open files, and the limit here is {hard}: raise it, or ask for fewer with --instances"
    );
    if hard < needed {
        return Err(hint);
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let script = format!("ulimit -n {needed} && exec \"$0\" \"$@\"");
    let failed = Command::new("/bin/sh")
        .arg("-c")
        .arg(script)
        .arg(own)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(format!("{hint} ({failed})"))
}

async fn measure(options: &Options) -> Result<Vec<Figures>, String> {
    if let Some(name) = options
        .functions
        .iter()
        .find(|name| work::ALL.iter().all(|work| work.function != name.as_str()))
    {
        return Err(format!("{name} is not measured under load"));
    }
    let chosen: Vec<_> = work::ALL
        .iter()
        .filter(|work| {
            let named = |name: &String| name == work.function;
            options.functions.is_empty() || options.functions.iter().any(named)
        })
        .collect();
    let mut names: Vec<_> = chosen.iter().map(|work| work.function).collect();
    names.dedup();
    super::announce(&names, &options.profile);
    let built = binaries::build_functions(&names, &options.profile).await?;
    let minutes =
        (options.estimate() * u32::try_from(chosen.len()).unwrap_or(1)).as_secs_f64() / 60.0;
    eprintln!(
        "{} kinds of requests, up to {} processes: about {minutes:.0} minutes.",
        chosen.len(),
        options.most()
    );
    let mut figures = Vec::new();
    for work in chosen {
        figures.push(course(work, &built[work.function], options).await?);
    }
    Ok(figures)
}

/// A function and the services that it calls.
struct Stage {
    sandbox: Sandbox,
    dynamodb: DynamoDb,
    fleet: Fleet,
    work: &'static Work,
    recorded: Recorded,
    watch: Watch,
    people: u64,
    /// The number of the next person.
    next: AtomicU64,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Cancelled requests may have left complaints.
        let _told_before = self.sandbox.complaints();
    }
}

/// One request.
struct Sample {
    person: u64,
    took: Duration,
    ended: Instant,
    refusal: Option<String>,
}

/// Runs all loads one after the other. The processes stay.
async fn course(work: &'static Work, binary: &Path, options: &Options) -> Result<Figures, String> {
    let [operation, transaction, provider] = options.latencies.all();
    let sandbox = Sandbox::start().await;
    work.settle(&sandbox, options.people);
    for server in [
        sandbox.twilio.server(),
        sandbox.okta.server(),
        sandbox.auth0.server(),
    ] {
        server.faults().always(Some(Fault::Delay(provider)));
    }
    let dynamodb = DynamoDb::start(operation, transaction)
        .await
        .map_err(|error| format!("the table: {error}"))?;
    let (recorded, watch, fleet) = (work.recorded()?, Watch::start(), Fleet::default());
    let (people, next) = (options.people, AtomicU64::default());
    let stage = Arc::new(Stage {
        sandbox,
        dynamodb,
        fleet,
        work,
        recorded,
        watch,
        people,
        next,
    });
    let mut figures = Figures {
        work,
        rows: Vec::new(),
        problems: Vec::new(),
    };
    for instances in &options.instances {
        stage.grow(*instances, binary).await?;
        eprintln!("{}: {instances} at once ...", work.title);
        let mut rows = vec![burst(&stage, *instances, options.rounds).await];
        eprintln!("{}: {instances} always busy ...", work.title);
        rows.push(busy(&stage, *instances, options.time).await);
        figures.rows.append(&mut rows);
    }
    stage.grow(options.open, binary).await?;
    let rates = if options.rates.is_empty() {
        let measured = figures
            .rows
            .iter()
            .find(|row| row.mode == Mode::Busy && row.instances == options.open)
            .map(|row| row.per_second);
        let capacity = match measured {
            Some(capacity) => capacity,
            None => busy(&stage, options.open, options.time).await.per_second,
        };
        SHARES.map(|share| (share * capacity).max(1.0)).to_vec()
    } else {
        options.rates.clone()
    };
    for rate in rates {
        eprintln!(
            "{}: {rate:.0} a second for {} instances ...",
            work.title, options.open
        );
        figures
            .rows
            .push(open(&stage, options.open, rate, options).await);
    }
    // Hundreds of processes report the same problem.
    let problems = figures
        .rows
        .iter()
        .flat_map(|row| row.traffic.problems.iter().cloned())
        .chain(stage.sandbox.complaints());
    figures.problems = problems.collect::<BTreeSet<_>>().into_iter().collect();
    Ok(figures)
}

impl Stage {
    /// Starts the missing processes and warms all of them up.
    async fn grow(&self, to: usize, binary: &Path) -> Result<(), String> {
        let mut settings = vec![("AWS_ENDPOINT_URL_DYNAMODB", Some(self.dynamodb.url()))];
        settings.extend_from_slice(self.work.settings);
        let started = self
            .fleet
            .grow(&self.sandbox, self.work.function, binary, to, &settings)
            .await?;
        if started > 0 {
            eprintln!("{}: {started} more processes are up", self.work.title);
            for _ in 0..WARM_UP {
                join_all(self.requests(to).map(|(_, event)| self.fleet.invoke(event))).await;
            }
        }
        Ok(())
    }

    /// Requests of this many persons, each with a new number.
    fn requests(&self, count: usize) -> impl Iterator<Item = (u64, Value)> + '_ {
        let first = self.next.fetch_add(count as u64, Ordering::Relaxed);
        let event = |person| {
            self.work
                .event(&self.sandbox, &self.recorded, person, self.people)
        };
        (first..first + count as u64).map(move |person| (person, event(person)))
    }

    /// The number of texts that the provider has.
    fn texts(&self) -> usize {
        self.sandbox.twilio.messages().len()
    }

    /// Sends a request at its due time. It waits until one of the processes that `permits` allow is
    /// free.
    async fn answered(
        &self,
        permits: &Semaphore,
        person: u64,
        event: Value,
        due: Instant,
    ) -> Sample {
        tokio::time::sleep_until(due.into()).await;
        let answered = async {
            let _permit = permits.acquire().await;
            self.fleet.invoke(event).await
        };
        let refusal = match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => self.work.refusal(&answer),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer".to_owned()),
        };
        Sample {
            person,
            took: due.elapsed(),
            ended: Instant::now(),
            refusal,
        }
    }

    /// Summarizes a load.
    fn row(
        &self,
        mode: Mode,
        (instances, rate): (usize, Option<f64>),
        begun: &Begun,
        samples: &[Sample],
        window: &Window,
    ) -> Row {
        let used = self.watch.since(&begun.mark, &begun.pids);
        let persons: Vec<_> = samples.iter().map(|sample| sample.person).collect();
        let texts = self.work.texts(&self.sandbox, begun.texts, &persons);
        let once = |at: usize| texts.as_ref().is_none_or(|texts| texts[at] == 1);
        let is_delivered = |(at, sample): &(usize, &Sample)| sample.refusal.is_none() && once(*at);
        let delivered: Vec<&Sample> = samples
            .iter()
            .enumerate()
            .filter(is_delivered)
            .map(|(_, sample)| sample)
            .collect();
        let mut took: Vec<_> = samples.iter().map(|sample| sample.took).collect();
        took.sort_unstable();
        let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
        for refusal in samples.iter().filter_map(|sample| sample.refusal.clone()) {
            *refusals.entry(refusal).or_default() += 1;
        }
        let silent = samples
            .iter()
            .enumerate()
            .filter(|(at, sample)| sample.refusal.is_none() && !once(*at))
            .count();
        if silent > 0 {
            refusals.insert("answered as sent, and not there once".to_owned(), silent);
        }
        let (counted, seconds) = match window {
            Window::Until(end) => (
                delivered
                    .iter()
                    .filter(|sample| sample.ended <= *end)
                    .count(),
                end.saturating_duration_since(begun.at).as_secs_f64(),
            ),
            Window::Of(time) => (delivered.len(), time.as_secs_f64()),
        };
        for server in [
            self.sandbox.twilio.server(),
            self.sandbox.okta.server(),
            self.sandbox.auth0.server(),
        ] {
            server.clear_exchanges();
        }
        Row {
            mode,
            instances,
            rate,
            requests: samples.len(),
            delivered: delivered.len(),
            twice: texts.iter().flatten().filter(|texts| **texts > 1).count(),
            p50: super::report::rank(&took, 50),
            p99: super::report::rank(&took, 99),
            per_second: report::float(counted) / seconds.max(f64::MIN_POSITIVE),
            refusals,
            traffic: self.dynamodb.traffic(),
            used,
        }
    }

    fn begin(&self) -> Begun {
        let (pids, texts) = (self.fleet.pids(), self.texts());
        let _of_before = self.dynamodb.traffic();
        Begun {
            mark: self.watch.mark(&pids),
            pids,
            texts,
            at: Instant::now(),
        }
    }
}

/// The state before a load.
struct Begun {
    mark: machine::Mark,
    pids: Vec<u32>,
    texts: usize,
    at: Instant,
}

/// The time span of a rate.
enum Window {
    /// From the beginning to this moment. Only requests that ended by then count.
    Until(Instant),
    /// This long. All requests count.
    Of(Duration),
}

/// Runs several bursts, each with as many requests as there are processes.
async fn burst(stage: &Arc<Stage>, instances: usize, rounds: usize) -> Row {
    let (begun, permits) = (stage.begin(), Arc::new(Semaphore::new(instances)));
    let (mut samples, mut took) = (Vec::new(), Duration::ZERO);
    for _ in 0..rounds {
        let requests: Vec<_> = stage.requests(instances).collect();
        let due = Instant::now() + Duration::from_millis(10);
        let round = all(
            stage,
            &permits,
            requests
                .into_iter()
                .map(|(person, event)| (person, event, due)),
        )
        .await;
        took += round
            .iter()
            .map(|sample| sample.ended)
            .max()
            .unwrap_or(due)
            .saturating_duration_since(due);
        samples.extend(round);
        tokio::time::sleep(PAUSE).await;
    }
    stage.row(
        Mode::Burst,
        (instances, None),
        &begun,
        &samples,
        &Window::Of(took),
    )
}

/// Gives each process its next request when it has answered one.
async fn busy(stage: &Arc<Stage>, instances: usize, time: Duration) -> Row {
    let (begun, permits) = (stage.begin(), Arc::new(Semaphore::new(instances)));
    let end = begun.at + time;
    let workers = (0..instances).map(|_| {
        let (stage, permits) = (Arc::clone(stage), Arc::clone(&permits));
        tokio::spawn(async move {
            let mut samples = Vec::new();
            while Instant::now() < end {
                for (person, event) in stage.requests(1).collect::<Vec<_>>() {
                    samples.push(
                        stage
                            .answered(&permits, person, event, Instant::now())
                            .await,
                    );
                }
            }
            samples
        })
    });
    let samples: Vec<_> = join_all(workers)
        .await
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    stage.row(
        Mode::Busy,
        (instances, None),
        &begun,
        &samples,
        &Window::Until(end),
    )
}

/// Sends requests at this rate, whether or not earlier ones were answered.
async fn open(stage: &Arc<Stage>, instances: usize, rate: f64, options: &Options) -> Row {
    let offsets = arrivals(rate, options.time, options.arrivals == Arrivals::Even);
    let requests: Vec<_> = stage.requests(offsets.len()).collect();
    let (begun, permits) = (stage.begin(), Arc::new(Semaphore::new(instances)));
    let requests = requests
        .into_iter()
        .zip(offsets)
        .map(|((person, event), offset)| (person, event, begun.at + offset));
    let samples = all(stage, &permits, requests).await;
    let last = samples
        .iter()
        .map(|sample| sample.ended)
        .max()
        .unwrap_or(begun.at);
    stage.row(
        Mode::Open,
        (instances, Some(rate)),
        &begun,
        &samples,
        &Window::Of(last - begun.at),
    )
}

async fn all(
    stage: &Arc<Stage>,
    permits: &Arc<Semaphore>,
    requests: impl Iterator<Item = (u64, Value, Instant)>,
) -> Vec<Sample> {
    let requests = requests.map(|(person, event, due)| {
        let (stage, permits) = (Arc::clone(stage), Arc::clone(permits));
        tokio::spawn(async move { stage.answered(&permits, person, event, due).await })
    });
    // All requests start before the first is awaited.
    let requests: Vec<_> = requests.collect();
    join_all(requests).await.into_iter().flatten().collect()
}

/// The arrival times: at equal intervals, or as a Poisson process with the same values in every
/// run.
fn arrivals(rate: f64, time: Duration, even: bool) -> Vec<Duration> {
    let (mut seed, mut at, mut arrivals) = (314_159_265_u64, 0.0, Vec::new());
    while at < time.as_secs_f64() && report::float(arrivals.len()) < MOST_ARRIVALS {
        arrivals.push(Duration::from_secs_f64(at));
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let chance =
            report::float(usize::try_from(seed >> 40).unwrap_or_default() + 1) / 16_777_216.0;
        at += if even { 1.0 } else { -chance.ln() } / rate;
    }
    arrivals
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

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

    #[test]
    fn arrivals_have_their_rate_and_an_end() {
        let even = arrivals(10.0, Duration::from_secs(2), true);
        assert_eq!((even.len(), even[1]), (20, Duration::from_millis(100)));
        let poisson = arrivals(100.0, Duration::from_secs(20), false);
        assert!(
            (1_850..2_150).contains(&poisson.len()) && poisson.is_sorted(),
            "{}",
            poisson.len()
        );
        assert_eq!(poisson, arrivals(100.0, Duration::from_secs(20), false));
        assert_eq!(arrivals(1e9, Duration::from_mins(1), false).len(), 20_000);
    }

    /// Small numbers, so that a minute later it still works.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_few_codes_at_once_are_delivered_once() {
        let mut options = parse::<Options>(&[
            "--profile",
            "dev",
            "--function",
            "sms-gateway",
            "--instances",
            "2,4",
            "--rounds",
            "1",
        ])
        .unwrap();
        (options.time, options.open, options.people) = (Duration::from_millis(400), 4, 5);
        options.rates = vec![10.0];
        options.latencies = Latencies {
            operation: Duration::from_millis(1),
            transaction: Duration::from_millis(2),
            provider: Duration::from_millis(20),
        };
        let figures = measure(&options).await.unwrap();
        let [codes] = &figures[..] else {
            panic!("{figures:#?}")
        };
        let modes: Vec<_> = codes
            .rows
            .iter()
            .map(|row| (row.mode, row.instances))
            .collect();
        let expected = [
            (Mode::Burst, 2),
            (Mode::Busy, 2),
            (Mode::Burst, 4),
            (Mode::Busy, 4),
            (Mode::Open, 4),
        ];
        assert_eq!(modes, expected);
        for row in &codes.rows {
            assert!(
                row.requests >= row.instances.min(3)
                    && row.delivered == row.requests
                    && row.twice == 0,
                "{row:#?}"
            );
            assert!(
                row.p99 >= Duration::from_millis(20)
                    && row.per_second > 0.0
                    && row.refusals.is_empty(),
                "{row:#?}"
            );
        }
        assert_eq!(codes.problems, [""; 0]);
        assert!(report::table(&options, &figures).contains("sms-gateway"));
        let report: Value = serde_json::from_str(&report::json(&options, &figures)).unwrap();
        assert_eq!(
            report["kinds"][0]["loads"].as_array().map(Vec::len),
            Some(5)
        );
        assert!(report::html(&options, &figures).contains(&report::svg(&figures)));
    }

    /// The events of every other function are understood too.
    #[tokio::test(flavor = "multi_thread")]
    async fn every_kind_of_request_is_served() {
        let mut options: Options =
            parse(&["--profile", "dev", "--instances", "2", "--rounds", "1"]).unwrap();
        (options.time, options.open, options.people) = (Duration::from_millis(100), 2, 5);
        options.rates = vec![5.0];
        options.latencies = Latencies {
            operation: Duration::ZERO,
            transaction: Duration::ZERO,
            provider: Duration::from_millis(5),
        };
        options.functions = [
            "send-verification-sms",
            "sms-forward",
            "call-forward",
            "ivr-validate",
        ]
        .map(str::to_owned)
        .to_vec();
        let figures = measure(&options).await.unwrap();
        assert_eq!(figures.len(), 5);
        for figures in &figures {
            assert!(
                figures.problems.is_empty()
                    && figures
                        .rows
                        .iter()
                        .all(|row| row.requests > 0 && row.twice == 0),
                "{figures:#?}"
            );
            let refused: Vec<_> = figures
                .rows
                .iter()
                .flat_map(|row| row.refusals.keys())
                .collect();
            // Two at the same moment may meet in a transaction and give up; nothing else goes wrong.
            assert!(
                refused.iter().all(|refusal| *refusal == "503"),
                "{figures:#?}"
            );
            assert!(
                figures.rows.iter().any(|row| row.delivered > 0),
                "{figures:#?}"
            );
        }
    }
}
