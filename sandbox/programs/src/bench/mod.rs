//! `cargo bench-functions`: measures size, start time, answer time, CPU and memory of the
//! functions.
//!
//! All subjects are measured in the same run on the same machine and take turns: one start of each,
//! then the next start of each. So other load of the machine disturbs all of them equally, and
//! ratios are reliable even where absolute figures are not.

mod answers;
mod http;
pub(crate) mod load;
mod plot;
mod process;
mod report;
mod session;
mod share;
mod start;
mod subjects;
mod upstreams;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use clap::{builder::RangedU64ValueParser, value_parser};
use report::{Conditions, Figures};
use share::Share;
use start::{Course, Sample};
use subjects::Subject;
use tokio::sync::oneshot;
use upstreams::{Distance, Upstreams};

/// Number of starts that continue with warm invocations.
const WARM_STARTS: usize = 4;

/// The options of the command line. The minimum is what the tables need: one start and a second
/// invocation.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Cold starts of each function
    #[arg(long, value_name = "N", default_value = "50", value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    starts: usize,
    /// Warm invocations of each function
    #[arg(long, value_name = "N", default_value = "2000", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    warm: usize,
    #[command(flatten)]
    distance: Distance,
    /// Limit the CPU to Lambda's share for this memory size; default: the whole CPU
    #[arg(long, value_name = "MB", value_parser = value_parser!(u64).range(128..=1_769))]
    memory: Option<u64>,
    /// Also measure the same functions in another language
    #[arg(long)]
    peer: Option<Peer>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also write an HTML page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<String>,
    /// Measure only this function; may be repeated
    #[arg(long = "function", value_name = "NAME")]
    functions: Vec<String>,
    /// Cargo's profile for the executables
    #[arg(long, value_name = "NAME", default_value = "release")]
    profile: String,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Peer {
    /// Handlers in Node.js
    Node,
}

/// Measures and prints. The error says why it cannot measure. Ctrl-C stops everything.
pub(crate) async fn run(options: Options) -> Result<(), String> {
    let (conditions, figures) = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => return Err("\ninterrupted".to_owned()),
        measured = measure(&options) => measured?,
    };
    println!(
        "{}",
        if options.json {
            report::json(&conditions, &figures)
        } else {
            report::table(&conditions, &figures)
        }
    );
    options.html.map_or(Ok(()), |file| {
        write(&file, &report::html(&conditions, &figures))
    })
}

/// Says what is built and how long it may take. Cargo's own messages appear too.
fn announce(names: &[&str], profile: &str) {
    let minutes = if profile == "release" {
        2 + names.len() / 3
    } else {
        1
    };
    eprintln!(
        "Building {} executables with the profile {profile}, as `cargo build` does: at once if it has built them before, else about {minutes} \
         minutes on two cores.",
        names.len()
    );
}

fn write(file: &str, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{file}: {error}"))?;
    eprintln!("{file} is written");
    Ok(())
}

/// A folder for the files of a run. It is removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let folder =
            Self(std::env::temp_dir().join(format!("switchboard-bench-{}", std::process::id())));
        fs::create_dir(&folder.0).map(|()| folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn measure(options: &Options) -> Result<(Conditions, Vec<Figures>), String> {
    let memory = options.memory.filter(|memory| match Share::of(*memory) {
        Ok(_removed) => true,
        Err(why) => {
            eprintln!("without --memory: {why}");
            false
        }
    });
    let scratch = Scratch::new().map_err(|error| format!("a temporary folder: {error}"))?;
    let (upstreams, waiting) = Upstreams::open(&scratch.0.join("authority.pem"))
        .map_err(|error| format!("upstreams: {error}"))?;
    let functions: Vec<_> = options.functions.iter().map(String::as_str).collect();
    let (subjects, answers) = subjects::prepare(
        &functions,
        &options.profile,
        options.peer.is_some(),
        &upstreams,
    )
    .await?;
    waiting.serve(&Arc::new(answers), options.distance);
    eprintln!(
        "{} starts of {} executables, {} warm invocations of each.",
        options.starts,
        subjects.len(),
        options.warm
    );
    let (starts, warm, conditions) = (
        options.starts,
        options.warm,
        Conditions::of(options, memory.is_some()),
    );
    let (done, measured) = oneshot::channel();
    let log = scratch.0.join("log");
    // The measurement blocks, so it has its own thread. After Ctrl-C the program does not wait for
    // it.
    thread::spawn(move || {
        done.send(take_turns(
            &subjects,
            (starts, warm),
            &upstreams,
            memory,
            &log,
        ))
    });
    let figures = measured
        .await
        .map_err(|_| "the measurement has ended early".to_owned())?;
    Ok((conditions, figures?))
}

fn take_turns(
    subjects: &[Subject],
    (starts, warm): (usize, usize),
    upstreams: &Upstreams,
    memory: Option<u64>,
    log: &Path,
) -> Result<Vec<Figures>, String> {
    let mut samples: Vec<Vec<Sample>> = subjects.iter().map(|_| Vec::new()).collect();
    let rounds = WARM_STARTS.min(starts);
    for start in 0..starts {
        eprintln!("start {} of {starts}", start + 1);
        let more = if start < rounds {
            warm.div_ceil(rounds)
        } else {
            0
        };
        for turn in 0..subjects.len() {
            // The order changes, so no subject always follows the same one.
            let place = (turn + start) % subjects.len();
            let subject = &subjects[place];
            let course = Course {
                invocations: 1 + more,
                freeze: start == 0,
            };
            let share = memory.map(Share::of).transpose()?;
            let sample = start::measure(&subject.program, course, upstreams, share.as_ref(), log);
            samples[place].push(
                sample.map_err(|why| format!("{} ({:?}): {why}", subject.name, subject.kind))?,
            );
        }
    }
    Ok(subjects
        .iter()
        .zip(&samples)
        .map(|(subject, samples)| Figures::of(subject, samples))
        .collect())
}

/// What these words on the command line ask for.
#[cfg(test)]
fn parse<T: clap::Args>(words: &[&str]) -> Result<T, clap::Error> {
    let command = T::augment_args(clap::Command::new("bench").no_binary_name(true));
    T::from_arg_matches(&command.try_get_matches_from(words)?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn options() {
        let usual: Options = parse(&[]).unwrap();
        assert_eq!(
            (usual.starts, usual.warm, usual.memory, &*usual.profile),
            (50, 2_000, None, "release")
        );
        let asked = [
            "--rtt-ms",
            "1",
            "--json",
            "--memory",
            "128",
            "--peer",
            "node",
            "--function",
            "a",
            "--function",
            "b",
        ];
        let asked: Options = parse(&asked).unwrap();
        assert_eq!(
            (asked.distance.round_trip, asked.memory),
            (Duration::from_millis(1), Some(128))
        );
        assert!(asked.json && asked.peer.is_some() && asked.functions == ["a", "b"]);
        for wrong in [
            &["--starts", "0"][..],
            &["--starts"],
            &["--memory", "64"],
            &["--peer", "python"],
            &["fast"],
        ] {
            assert!(parse::<Options>(wrong).is_err(), "{wrong:?}");
        }
    }

    /// Three functions, over something like the network that there would be.
    #[tokio::test]
    async fn two_starts() {
        let asked = [
            ["--profile", "dev"],
            ["--starts", "2"],
            ["--warm", "4"],
            ["--rtt-ms", "1"],
            ["--service-ms", "1"],
            ["--function", "sms-gateway"],
            ["--function", "call-forward"],
            ["--function", "ivr-validate"],
        ];
        let (conditions, figures) = measure(&parse(asked.as_flattened()).unwrap())
            .await
            .unwrap();
        assert_eq!(figures.len(), 4);
        let report: serde_json::Value =
            serde_json::from_str(&report::json(&conditions, &figures)).unwrap();
        let page = report::html(&conditions, &figures);
        assert!(
            page.contains("<svg") && page.contains("call-forward"),
            "{page}"
        );
        let [hello, gateway, call, menu] = [0, 1, 2, 3].map(|at| &report["subjects"][at]);
        assert_eq!(
            (&hello["name"], &hello["connections"]),
            (&"hello".into(), &0.into())
        );
        for subject in [gateway, call, menu] {
            assert!(
                ["connections", "bytes"]
                    .iter()
                    .all(|figure| subject[figure].as_u64() > Some(0)),
                "{subject:#}"
            );
            assert_eq!(subject["after_a_freeze"]["right"], true, "{subject:#}");
            assert!(
                subject["requests"]["init"].as_u64() > Some(0)
                    && subject["requests"]["each"].as_f64() > Some(0.0)
            );
        }
    }
}
