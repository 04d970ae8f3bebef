//! `cargo bench-refusals`: checks that neither the duration nor the text of a refusal by
//! `ivr-validate` shows its reason.
//!
//! Each sample is a request over HTTP to a process that serves no other request meanwhile. Each has
//! its own account and its own caller. The kinds of refusal take turns, so other load of the
//! machine disturbs them equally.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sandbox::{
    IVR_NUMBER, IVR_TOKEN, Sandbox, binaries, lambda::Lambda, template::Template, wire::client,
};
use serde_json::json;

use crate::demo;

const FUNCTION: &str = "ivr-validate";
/// Number of samples of each kind at each path.
const SAMPLES: usize = 200;
/// Number of processes for each kind. With this number the waiting takes little more than a minute
/// and a half.
const INSTANCES: usize = 6;
/// Maximum difference between medians.
const WITHIN: Duration = Duration::from_millis(50);
const PIN: &str = "2718";

/// The reason of a refusal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Account,
    Pin,
    Locked,
    Auth0,
}

impl Wrong {
    const ALL: [Self; 4] = [Self::Account, Self::Pin, Self::Locked, Self::Auth0];

    fn name(self) -> &'static str {
        match self {
            Self::Account => "unknown account",
            Self::Pin => "wrong PIN",
            Self::Locked => "locked",
            Self::Auth0 => "Auth0 down",
        }
    }
}

/// A request that will be refused.
#[derive(Clone, Copy)]
struct Attempt {
    wrong: Wrong,
    path: &'static str,
    number: usize,
}

impl Attempt {
    /// Seven digits that no other attempt has.
    fn digits(self) -> String {
        format!(
            "{}{}{:04}",
            self.wrong as u8 + 1,
            u8::from(self.path == PATHS[0]),
            self.number
        )
    }
}

const PATHS: [&str; 2] = ["/validate", "/voice/pin"];

/// The duration and the answer of an attempt.
struct Sample {
    attempt: Attempt,
    took: Duration,
    answer: String,
}

/// Measures and prints. The error says that reasons can be told apart.
pub(crate) async fn run() -> Result<(), String> {
    let template = Template::read()?;
    println!("{}", demo::building(template.functions.len()));
    let binaries = binaries::build(&template).await?;
    let binary = binaries
        .get(FUNCTION)
        .ok_or("template.yaml has no ivr-validate")?;
    println!("{SAMPLES} refusals of each kind at each path; this takes about two minutes ...");
    let all = (0..SAMPLES).flat_map(|number| {
        Wrong::ALL.into_iter().flat_map(move |wrong| {
            PATHS.map(|path| Attempt {
                wrong,
                path,
                number,
            })
        })
    });
    let (down, up): (Vec<_>, Vec<_>) = all.partition(|attempt| attempt.wrong == Wrong::Auth0);
    let (with, without) = (Sandbox::start().await, Sandbox::start().await);
    let functions = [
        start(&with, binary, 3 * INSTANCES, &up).await?,
        start(&without, binary, INSTANCES, &down).await?,
    ];
    // Auth0 refuses connections only from here on. The instances already have what they need to
    // start, including the token for the search.
    without.auth0.server().faults().refuse(true);
    let (up, down) = tokio::join!(
        refusals(&with, 3 * INSTANCES, &up),
        refusals(&without, INSTANCES, &down)
    );
    for function in functions {
        function.stop().await;
    }
    let problems: Vec<_> = [&with, &without]
        .iter()
        .flat_map(|sandbox| sandbox.complaints())
        .collect();
    let samples: Vec<_> = up.into_iter().chain(down).collect();
    let even = PATHS.map(|path| report(path, &samples));
    match (even, problems.is_empty()) {
        ([true, true], true) => Ok(()),
        (_, true) => Err("refusals can be told apart".to_owned()),
        (_, false) => Err(problems.join("\n")),
    }
}

async fn start(
    sandbox: &Sandbox,
    binary: &Path,
    instances: usize,
    attempts: &[Attempt],
) -> Result<Lambda, String> {
    for attempt in attempts
        .iter()
        .filter(|attempt| attempt.wrong != Wrong::Account)
    {
        let number = attempt.digits();
        sandbox
            .auth0
            .sign_up_caller(&number, PIN, "Ann", &format!("{number}@acme.example"));
        if attempt.wrong == Wrong::Locked {
            let now = sandbox::now().as_secs();
            let number_of = |number: u64| json!({ "N": number.to_string() });
            let mut item = json!({ "pk": { "S": format!("lock#{number}") }, "sk": { "S": "all" } });
            for (name, value) in [
                ("wrong", 8),
                ("tried", now),
                ("counted", now),
                ("expires_at", now + 86_400),
            ] {
                item[name] = number_of(value);
            }
            sandbox.aws.put(item).await;
        }
    }
    // The benchmark has more wrong PINs than the daily limit allows.
    let lambda = sandbox
        .run_with(
            FUNCTION,
            binary,
            instances,
            &[("PIN_FAILURES_PER_DAY", Some("10000"))],
        )
        .await;
    lambda
        .wait_ready()
        .await
        .map_err(|reason| format!("{FUNCTION} does not start: {reason}"))?;
    Ok(lambda)
}

/// Makes the attempts, as many at once as there are instances.
async fn refusals(sandbox: &Sandbox, instances: usize, attempts: &[Attempt]) -> Vec<Sample> {
    let queue = &Mutex::new(attempts.iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let workers = (0..instances).map(|_| async move {
        let mut samples = Vec::new();
        while let Some(attempt) = next() {
            samples.push(refusal(sandbox, *attempt).await);
        }
        samples
    });
    join_all(workers).await.into_iter().flatten().collect()
}

async fn refusal(sandbox: &Sandbox, attempt: Attempt) -> Sample {
    let url = sandbox.door(FUNCTION).url();
    let (number, caller) = (attempt.digits(), format!("+4520{}", attempt.digits()));
    let pin = if attempt.wrong == Wrong::Pin {
        "0000"
    } else {
        PIN
    };
    let (took, answer) = if attempt.path == PATHS[0] {
        let form = [
            ("account_number", &*number),
            ("pin", pin),
            ("caller", &*caller),
        ];
        let request = client()
            .post(format!("{url}/validate"))
            .bearer_auth(IVR_TOKEN)
            .form(&form);
        let started = Instant::now();
        let answer = request.send().await;
        let took = started.elapsed();
        let answer = match answer {
            Ok(answer) => format!(
                "{} {}",
                answer.status(),
                answer.text().await.unwrap_or_default()
            ),
            Err(error) => error.to_string(),
        };
        (took, answer)
    } else {
        let call = sandbox.twilio.inbound_call(&caller, IVR_NUMBER);
        let mut last = (Duration::ZERO, String::new());
        for (path, keys) in [
            ("/voice", None),
            ("/voice/account", Some(&*number)),
            ("/voice/pin", Some(pin)),
        ] {
            let mut params = call.clone();
            params.extend(keys.map(|keys| ("Digits".to_owned(), keys.to_owned())));
            let started = Instant::now();
            let (status, body) = sandbox
                .twilio
                .post_call(params, &format!("{url}{path}"))
                .await;
            last = (started.elapsed(), format!("{status} {body}"));
        }
        last
    };
    Sample {
        attempt,
        took,
        answer,
    }
}

/// True if the medians of a path are close and its answers are equal.
fn report(path: &str, samples: &[Sample]) -> bool {
    let (mut times, mut answers) = (BTreeMap::<_, Vec<Duration>>::new(), BTreeSet::new());
    for Sample {
        attempt,
        took,
        answer,
    } in samples.iter().filter(|sample| sample.attempt.path == path)
    {
        times.entry(attempt.wrong).or_default().push(*took);
        answers.insert(answer);
    }
    println!(
        "\n{path:<18}{:>8}{:>13}{:>13}{:>13}",
        "samples", "median", "p90", "spread"
    );
    let mut medians = Vec::new();
    for (wrong, times) in &mut times {
        times.sort();
        let [first, median, p90, last] =
            [0, times.len() / 2, times.len() * 9 / 10, times.len() - 1].map(|at| times[at]);
        medians.push(median);
        let [median, p90, spread] = [median, p90, last.saturating_sub(first)]
            .map(|time| format!("{:.1} ms", time.as_secs_f64() * 1000.0));
        println!(
            "{:<18}{:>8}{median:>13}{p90:>13}{spread:>13}",
            wrong.name(),
            times.len()
        );
    }
    let apart = medians
        .iter()
        .max()
        .zip(medians.iter().min())
        .map(|(last, first)| last.saturating_sub(*first))
        .unwrap_or_default();
    let close = apart <= WITHIN;
    println!(
        "medians {:.1} ms apart: {}; {} different answer{}",
        apart.as_secs_f64() * 1000.0,
        if close {
            "within 50 ms"
        } else {
            "NOT within 50 ms"
        },
        answers.len(),
        if answers.len() == 1 { "" } else { "s" }
    );
    close && answers.len() == 1
}
