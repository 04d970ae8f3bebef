//! `cargo soak`: all functions with faults, crashes and duplicates, for a given time, round by round.
//!
//! A round has a sandbox of its own and a plan that its seed decides. Several people act at once,
//! so the order of events is not part of the seed. After each round the ledgers of the simulators
//! are compared with the promises of the README. In every fourth round nothing breaks, and everybody
//! must get what he asked for. After the others codes must go out again.
//!
//! Codes that are read out, codes that are kept for another provider, and the schedule of
//! `delivery-status` are not played.

mod ledger;
mod plan;
mod world;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use clap::Args;
use futures_util::future::join_all;
use sandbox::binaries;

use plan::{FUNCTIONS, Step, is_calm, steps};
use world::World;

/// The steps of a round.
const STEPS: usize = 120;
/// How many people act at once.
const AT_ONCE: usize = 6;

/// How long, and from which seed.
#[derive(Args)]
pub(crate) struct Options {
    /// How long, minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 10.0)]
    minutes: f64,
    /// How long, hours; instead of minutes
    #[arg(long, value_name = "HOURS", conflicts_with = "minutes")]
    hours: Option<f64>,
    /// Begin with this seed, such as that of a round that failed; else a new one
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Only so many rounds: 1 with --seed plays a round again
    #[arg(long, value_name = "COUNT")]
    rounds: Option<u64>,
}

/// What was played.
#[derive(Default)]
struct Played {
    rounds: u64,
    sign_ups: usize,
    verified: usize,
    codes: usize,
    hired: usize,
    bought: usize,
    forwarded: usize,
    calls: usize,
    kills: usize,
    faults: usize,
}

/// Runs until the time is over, or something is not true. The error names the seed of the round.
pub(crate) async fn run(options: Options) -> Result<(), String> {
    let whole = options
        .hours
        .map_or(options.minutes * 60.0, |hours| hours * 3_600.0);
    let whole = Duration::try_from_secs_f64(whole).map_err(|error| error.to_string())?;
    println!("Building the functions: a few minutes the first time, seconds later.");
    let binaries = binaries::build_functions(&FUNCTIONS, "dev").await?;
    let first = options
        .seed
        .unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    println!("The first seed is {first}. Each round has the next one.");
    let (begun, mut played) = (Instant::now(), Played::default());
    while options
        .rounds
        .map_or(begun.elapsed() < whole, |rounds| played.rounds < rounds)
    {
        let seed = first.wrapping_add(played.rounds);
        let world = World::start(&binaries, is_calm(seed)).await?;
        round(&world, seed, &mut played).await;
        let broken = ledger::broken(&world).await;
        world.stop().await;
        if !broken.is_empty() {
            for line in &broken {
                println!("NOT TRUE: {line}");
            }
            return Err(format!(
                "seed {seed}: {} promises were broken. `cargo soak --seed {seed} --rounds 1` plays this round again; repeat it, since the order of events varies.",
                broken.len()
            ));
        }
        played.rounds += 1;
        println!(
            "{:>6.1} min  round {} (seed {seed}) is true: {} sign-ups ({} verified), {} codes, {} hired ({} numbers), {} forwarded, {} calls; {} faults and {} kills so far",
            begun.elapsed().as_secs_f64() / 60.0,
            played.rounds,
            played.sign_ups,
            played.verified,
            played.codes,
            played.hired,
            played.bought,
            played.forwarded,
            played.calls,
            played.faults,
            played.kills,
        );
    }
    println!(
        "{} rounds in {:.1} minutes from seed {first}: every promise was kept.",
        played.rounds,
        begun.elapsed().as_secs_f64() / 60.0
    );
    Ok(())
}

async fn round(world: &World, seed: u64, played: &mut Played) {
    let steps = steps(seed, STEPS);
    let next = AtomicUsize::new(0);
    let people = (0..AT_ONCE).map(async |_| {
        while let Some(step) = steps.get(next.fetch_add(1, Ordering::Relaxed)) {
            world.play(step).await;
        }
    });
    join_all(people).await;
    world.calm_down().await;
    world.go_on().await;
    let asked = world
        .asked
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    played.sign_ups += asked.sign_ups.len();
    let is_verified = |sign_up: &&world::SignUp| {
        world
            .user(&sign_up.email)
            .is_some_and(|user| user.email_verified)
    };
    played.verified += asked.sign_ups.iter().filter(is_verified).count();
    played.codes += asked.codes.len();
    played.hired += asked.hired.len();
    played.bought += world.sandbox.twilio.purchases();
    played.forwarded += asked.forwarded.len();
    played.calls += asked.calls.len();
    played.kills += asked.kills.len();
    let is_fault = |step: &&Step| matches!(step, Step::Break { .. } | Step::Receipts { .. });
    played.faults += steps.iter().filter(is_fault).count();
}
