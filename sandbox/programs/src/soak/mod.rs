//! `cargo soak`: all functions with faults, crashes and duplicates, for a given time, round by round.
//!
//! A round has a sandbox of its own and a plan that its seed decides: people, faults and times. Several
//! people act at once, and processes run as the machine lets them, so a seed does not decide the order
//! of events. A failure writes requests, answers and lines to `target/soak/<seed>`. After each round the ledgers of the simulators
//! are compared with the promises of the README. In every fourth round nothing breaks, and everybody
//! must get what he asked for. After the others codes must go out again.
//!
//! Codes go out by texts and by calls, and are kept for another provider. Some providers report that
//! nothing arrives, in calm rounds, too. So codes go on: after a receipt, and with the schedule of
//! `delivery-status`. In the end the lives of all codes end.

mod codes;
mod company;
mod conversations;
mod entrances;
mod leavers;
mod ledger;
mod plan;
mod plant;
mod replies;
mod trace;
mod world;

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use clap::Args;
use futures_util::future::join_all;
use sandbox::binaries;

use plan::{FUNCTIONS, Step, fingerprint, is_calm, steps};
use plant::Plant;
use world::World;

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
    /// The steps of a round
    #[arg(long, value_name = "COUNT", default_value_t = 120, hide = true)]
    steps: usize,
    /// Break this promise in each round, to show that it is noticed
    #[arg(long, value_name = "PROMISE", hide = true)]
    plant: Option<Plant>,
}

/// What was played.
#[derive(Default)]
struct Played {
    rounds: u64,
    sign_ups: usize,
    verified: usize,
    codes: usize,
    by_phone: usize,
    went_on: usize,
    not_kept: usize,
    runs: usize,
    requests: usize,
    hired: usize,
    bought: usize,
    forwarded: usize,
    calls: usize,
    menus: usize,
    left: usize,
    answered: usize,
    kills: usize,
    faults: usize,
    /// Replies in talks, except the words that confirm.
    replies: usize,
    /// Talks with mails of several kinds.
    several: usize,
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sign-ups ({} verified), {} other replies, {} with several requests, {} codes ({} by phone, {} attempts after a failure, {} not kept in time), {} runs, {} hired ({} numbers), {} left, {} forwarded, {} answered, {} calls, {} at the menu, {} requests; {} faults and {} kills so far",
            self.sign_ups,
            self.verified,
            self.replies,
            self.several,
            self.codes,
            self.by_phone,
            self.went_on,
            self.not_kept,
            self.runs,
            self.hired,
            self.bought,
            self.left,
            self.forwarded,
            self.answered,
            self.calls,
            self.menus,
            self.requests,
            self.faults,
            self.kills,
        )
    }
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
        let steps = steps(seed, options.steps);
        let plan = fingerprint(&steps);
        round(&world, &steps, &mut played).await;
        if let Some(plant) = options.plant {
            plant.grow(&world).await;
        }
        let verdict = ledger::judge(&world).await;
        let traced = match &verdict.broken[..] {
            [] => None,
            broken => Some(trace::write(&world, seed, broken)),
        };
        world.stop().await;
        played.went_on += verdict.claims;
        played.not_kept += verdict.not_kept;
        let broken = verdict.broken;
        if !broken.is_empty() {
            for line in &broken {
                println!("NOT TRUE: {line}");
            }
            match traced {
                Some(Ok(folder)) => println!("Requests, answers and lines: {}", folder.display()),
                Some(Err(error)) => println!("Requests and answers were not written: {error}"),
                None => {}
            }
            return Err(format!(
                "seed {seed} (plan {plan:016x}): {} promises were broken. `cargo soak --seed {seed} --rounds 1` plays this plan again; repeat it, since the order of events varies.",
                broken.len()
            ));
        }
        played.rounds += 1;
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        println!(
            "{minutes:>6.1} min  round {} (seed {seed}, plan {plan:016x}) is true: {played}",
            played.rounds
        );
    }
    println!(
        "{} rounds in {:.1} minutes from seed {first}: every promise was kept.",
        played.rounds,
        begun.elapsed().as_secs_f64() / 60.0
    );
    Ok(())
}

async fn round(world: &World, steps: &[Step], played: &mut Played) {
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
    let talks = &asked.talks;
    let said = talks.iter().flat_map(replies::Talked::said);
    let is_other = |said: &replies::Said| !matches!(said.says, plan::Says::Yes(_));
    played.replies += said.filter(|(_, said)| is_other(said)).count();
    let several = talks.iter().filter(|talked| talked.has_several());
    played.several += several.count();
    played.codes += asked.codes.len();
    let by_phone = |code: &&codes::Code| code.by == plan::Channel::Call;
    played.by_phone += asked.codes.iter().filter(by_phone).count();
    played.runs += asked.runs;
    let doors = FUNCTIONS.map(|name| world.sandbox.door(name).exchanges().len());
    played.requests += doors.iter().sum::<usize>();
    played.hired += asked.hired.len();
    played.bought += world.sandbox.twilio.purchases();
    played.forwarded += asked.forwarded.len();
    played.calls += asked.calls.len();
    played.menus += asked.menus.len();
    played.left += asked.leavers.len();
    let conversations = asked.conversations.iter();
    played.answered += conversations.filter(|one| one.answer.is_some()).count();
    played.kills += asked.kills.len();
    let is_fault = |step: &&Step| {
        matches!(
            step,
            Step::Break { .. } | Step::Receipts { .. } | Step::Gone { .. } | Step::Refuse { .. }
        )
    };
    played.faults += steps.iter().filter(is_fault).count();
}
