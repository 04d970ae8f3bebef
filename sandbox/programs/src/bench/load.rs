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
mod figures;
mod files;
mod fleet;
mod loads;
mod machine;
mod options;
mod provision;
mod report;
mod stage;
mod work;

pub(crate) use options::Options;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use dynamodb::DynamoDb;
use figures::{Figures, Mode};
use files::allow_files;
use fleet::Fleet;
use loads::{burst, busy, open};
use machine::Watch;
use options::SHARES;
use sandbox::{Sandbox, binaries, wire::Fault};
use stage::Stage;
use work::Work;

/// Files that this process has open for each function's process: connections and pipes.
const FILES_EACH: u64 = 40;
const FILES: u64 = 500;

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::{super::parse, options::Latencies, *};

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
