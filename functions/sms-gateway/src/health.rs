//! Which providers are broken: a circuit breaker in the table, shared by all instances.
//!
//! One item holds a short state for each provider. It is read together with the claim. It is
//! written only if something changes: a failure, a success after a failure, or a probe.
//!
//! Three failures in the last five attempts break a provider for half a minute. The attempts may
//! come from different instances and lie far apart. After that, one request at a time tries the
//! provider again, until one succeeds. These count as failures: no answer, an unknown outcome, a
//! server error, too many requests, rejected credentials. A text that the provider rejected counts
//! as neither: otherwise a stranger could break a provider by asking for codes to places where it
//! does not deliver.
//!
//! At hundreds of codes a second three rare failures soon come together. So failures must also be
//! at least a third of the attempts of the last seconds. Successes at a healthy provider are not
//! written: each instance keeps its own counts, and adds them when it writes a failure. A new
//! instance has no counts.
//!
//! An attempt with less time than usual is not judged when its time is over: a provider that takes
//! four seconds works. So a hanging provider costs the usual time until the third failure. Then it
//! costs only a short time, and only for codes that all other providers rejected.
//! which the time is short.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use shared::platform::table::{Item, Key, Table, Unavailable, Update, Write, epoch};
use shared::rules::sms::SendError;
use shared::services::providers::Name;

/// How long a broken provider is not tried. With the probe it recovers within a minute.
const BROKEN_SECONDS: u64 = 30;
/// A probe without a result ends after this many seconds: longer than an attempt.
const PROBE_SECONDS: u64 = 12;
/// This many failures among the last five attempts break a provider.
const LAST: usize = 5;
const FAILURES: usize = 3;
/// A failing provider fails at least one in this many attempts.
const SHARE: u64 = 3;
/// "The last seconds" are the current period of this many seconds and the period before.
const PERIOD: u64 = 5;
const DAY: u64 = 86_400;
/// How often to try a write: other instances may change the state between our read and our write.
const ATTEMPTS: usize = 3;

/// The usual time limit of an attempt.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// The time limit of an attempt at a broken provider, for a code that all other providers rejected.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);

/// The attempts of the last seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Recent {
    period: u64,
    /// Two counts: the current period, and the period before.
    failed: [u64; 2],
    worked: [u64; 2],
}

impl Recent {
    /// The same counts, moved on to another time.
    fn at(self, now: u64) -> Self {
        let period = self.period.max(now / PERIOD);
        let shifted = |[newest, _]: [u64; 2]| [0, newest];
        match period - self.period {
            0 => self,
            1 => Self {
                period,
                failed: shifted(self.failed),
                worked: shifted(self.worked),
            },
            _ => Self {
                period,
                ..Self::default()
            },
        }
    }

    fn with_attempt(self, succeeded: bool, now: u64) -> Self {
        let mut recent = self.at(now);
        if succeeded {
            recent.worked[0] += 1;
        } else {
            recent.failed[0] += 1;
        }
        recent
    }

    fn and(self, other: Self, now: u64) -> Self {
        let (mine, other) = (self.at(now), other.at(now));
        let sum = |mine: [u64; 2], other: [u64; 2]| {
            [0, 1].map(|place| mine[place].saturating_add(other[place]))
        };
        Self {
            period: mine.period,
            failed: sum(mine.failed, other.failed),
            worked: sum(mine.worked, other.worked),
        }
    }

    fn is_failing(self) -> bool {
        let [failed, worked] =
            [self.failed, self.worked].map(|[newest, before]| newest.saturating_add(before));
        failed.saturating_mul(SHARE) >= failed.saturating_add(worked)
    }

    fn is_empty(self) -> bool {
        (self.failed, self.worked) == ([0; 2], [0; 2])
    }
}

/// What this instance has seen of the providers in the last seconds and not yet written.
#[derive(Debug, Default)]
pub(crate) struct Untold(Mutex<HashMap<Name, Recent>>);

impl Untold {
    /// Adds one attempt; returns the provider's counts.
    fn with(&self, name: Name, succeeded: bool, now: u64) -> Recent {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = all.entry(name).or_default();
        *recent = recent.with_attempt(succeeded, now);
        *recent
    }

    fn told(&self, name: Name) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&name);
    }
}

/// A provider's state as read from the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    /// The last attempts, the newest last: `f` failed, `s` succeeded.
    attempts: String,
    /// When `attempts` was written, in epoch seconds.
    at: u64,
    /// Broken until then, in epoch seconds; 0 if not broken.
    broken_until: u64,
    /// An instance is probing until then, in epoch seconds; 0 if none is.
    probed_until: u64,
    /// The counts of the last seconds before `at`, as the instances have written them.
    recent: Recent,
}

impl State {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let attempts = parts
            .next()
            .filter(|attempts| attempts.len() <= LAST)?
            .to_owned();
        let mut number = || parts.next()?.parse().ok();
        let (at, broken_until, probed_until) = (number()?, number()?, number()?);
        let mut tally = || number().unwrap_or_default();
        let recent = Recent {
            failed: [tally(), tally()],
            worked: [tally(), tally()],
            period: at / PERIOD,
        };
        Some(Self {
            attempts,
            at,
            broken_until,
            probed_until,
            recent: if recent.is_empty() {
                Recent::default()
            } else {
                recent
            },
        })
    }

    fn text(&self) -> String {
        let ([failed, failed_before], [worked, worked_before]) =
            (self.recent.failed, self.recent.worked);
        let recent = if self.recent.is_empty() {
            String::new()
        } else {
            format!(" {failed} {failed_before} {worked} {worked_before}")
        };
        format!(
            "{} {} {} {}{recent}",
            self.attempts, self.at, self.broken_until, self.probed_until
        )
    }

    /// The state after an attempt, with all counts that this instance has not yet written. `None`
    /// if no other instance needs to know.
    fn after(&self, succeeded: bool, untold: Recent, now: u64) -> Option<Self> {
        let is_broken = self.broken_until > 0;
        let now = now.max(self.at);
        let next = Self {
            at: now,
            ..Self::default()
        };
        if succeeded && is_broken {
            return Some(next);
        }
        if is_broken {
            // At a broken provider only the failure of a probe changes the state.
            return (self.broken_until <= now).then(|| Self {
                attempts: self.attempts.clone(),
                broken_until: now + BROKEN_SECONDS,
                ..next
            });
        }
        let recent = self.recent.and(untold, now);
        if succeeded {
            // Write at most one success a second, and only after a failure.
            let tells = self.attempts.contains('f') && now > self.at;
            return tells.then(|| Self {
                attempts: self.with('s'),
                recent,
                ..next
            });
        }
        let attempts = self.with('f');
        let breaks = attempts.matches('f').count() >= FAILURES && recent.is_failing();
        Some(if breaks {
            Self {
                attempts,
                broken_until: now + BROKEN_SECONDS,
                ..next
            }
        } else {
            Self {
                attempts,
                recent,
                ..next
            }
        })
    }

    fn with(&self, attempt: char) -> String {
        let mut attempts = format!("{}{attempt}", self.attempts);
        attempts.drain(..attempts.len().saturating_sub(LAST));
        attempts
    }

    fn probe(&self, now: u64) -> Option<Self> {
        let is_free = self.broken_until > 0 && self.broken_until <= now && self.probed_until <= now;
        is_free.then(|| Self {
            at: now,
            probed_until: now + PROBE_SECONDS,
            ..self.clone()
        })
    }
}

/// How to try a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    /// In its place and with the usual time. This includes a provider that has just failed: with
    /// less time a slow provider would keep failing.
    Usual,
    /// In its place and with the usual time, so that a slow provider can recover. Requires
    /// [`Health::probe`].
    Probe,
    /// After all other providers, for a short time.
    Last,
}

impl Trial {
    /// The time limit of an attempt.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Self::Usual | Self::Probe => PATIENCE,
            Self::Last => SHORT_PATIENCE,
        }
    }
}

/// The providers' states.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Item);

impl Health {
    /// Reads the states. If that fails, every provider counts as healthy.
    pub(crate) async fn read(table: &Table, now: SystemTime) -> Self {
        let read = table.get(key(), now).await;
        if let Err(error) = &read {
            tracing::warn!(%error, "the providers' health could not be read");
        }
        Self(read.ok().flatten().unwrap_or_default())
    }

    fn state(&self, name: Name) -> State {
        self.0
            .text(&attribute(name))
            .and_then(State::parse)
            .unwrap_or_default()
    }

    /// The route in the order to try it: broken providers come last.
    pub(crate) fn order(&self, route: &[Name], now: SystemTime) -> Vec<(Name, Trial)> {
        let trial = |name: &Name| {
            let state = self.state(*name);
            let trial = match () {
                () if state.probe(epoch(now)).is_some() => Trial::Probe,
                () if state.broken_until > 0 => Trial::Last,
                () => Trial::Usual,
            };
            (*name, trial)
        };
        let mut order: Vec<_> = route.iter().map(trial).collect();
        order.sort_by_key(|(_, trial)| *trial == Trial::Last);
        order
    }

    /// Claims the probe of a broken provider; true if this request may try it.
    pub(crate) async fn probe(&self, name: Name, table: &Table, now: SystemTime) -> bool {
        let seen = self.state(name);
        let Some(next) = seen.probe(epoch(now)) else {
            return false;
        };
        matches!(
            table.update(change(name, &seen, &next, now)).await,
            Ok(Write::Done(_))
        )
    }

    /// Writes the result of an attempt if it changes the state, together with the `untold` counts.
    pub(crate) async fn note(
        &self,
        name: Name,
        attempt: Attempt,
        untold: &Untold,
        table: &Table,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let Attempt::Judged { succeeded } = attempt else {
            return Ok(());
        };
        let recent = untold.with(name, succeeded, epoch(now));
        let mut seen = self.state(name);
        for _ in 0..ATTEMPTS {
            let Some(next) = seen.after(succeeded, recent, epoch(now)) else {
                return Ok(());
            };
            match table.update(change(name, &seen, &next, now)).await? {
                Write::Done(_) => {
                    untold.told(name);
                    if next.broken_until > 0 && seen.broken_until == 0 {
                        tracing::error!(provider = %name, "three of the last five attempts failed: others are tried first");
                    } else if next.broken_until == 0 && seen.broken_until > 0 {
                        tracing::info!(provider = %name, "the provider works again");
                    }
                    return Ok(());
                }
                Write::Refused(item) => seen = Self(item).state(name),
            }
        }
        // Other instances are writing the same result at the same moment, so this one may be
        // dropped.
        Ok(())
    }
}

/// What an attempt says about its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The provider works or fails.
    Judged {
        /// True if it works.
        succeeded: bool,
    },
    /// Nothing: the provider rejected this text, or was never asked.
    Silent,
}

impl Attempt {
    /// Judges the result of a send. `was_cut_short`: the attempt had less time than usual.
    pub(crate) fn of<T>(result: &Result<T, SendError>, was_cut_short: bool) -> Self {
        match result {
            Ok(_) => Self::Judged { succeeded: true },
            Err(SendError::Unknown) if was_cut_short => Self::Silent,
            Err(SendError::Refused { .. } | SendError::NoCredentials(_)) => Self::Silent,
            Err(_) => Self::Judged { succeeded: false },
        }
    }
}

fn key() -> Key {
    Key::new("rate#code-provider#health", "state")
}

fn attribute(name: Name) -> String {
    format!("p_{}", name.word())
}

/// Replaces the state only if it is still the one that was read. So no instance's change is lost.
fn change(name: Name, seen: &State, next: &State, now: SystemTime) -> Update {
    let attribute = attribute(name);
    let update = Update::new(key())
        .set(attribute.as_str(), next.text())
        .set("expires_at", epoch(now) + DAY)
        .bind(":seen", seen.text());
    let unseen = *seen == State::default();
    update.only_if(format!(
        "{attribute} = :seen{}",
        if unseen {
            format!(" OR attribute_not_exists({attribute})")
        } else {
            String::new()
        }
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// An instance that has had no other attempt in the last seconds.
    fn one(succeeded: bool, now: u64) -> Recent {
        Recent::default().with_attempt(succeeded, now)
    }

    fn next(state: &State, succeeded: bool, now: u64) -> Option<State> {
        state.after(succeeded, one(succeeded, now), now)
    }

    /// The state after these attempts, a second apart, from second 100 on.
    fn after(attempts: &str) -> State {
        attempts
            .chars()
            .zip(100..)
            .fold(State::default(), |state, (attempt, now)| {
                next(&state, attempt == 's', now).unwrap_or(state)
            })
    }

    #[test]
    fn three_failures_of_the_last_five_break_a_provider_however_long_apart() {
        for (attempts, broken) in [
            ("", false),
            ("ff", false),
            ("fff", true),
            ("fsfsf", true),
            ("ffssf", true),
            ("ffsssf", false),
            ("fsssfsssf", false),
        ] {
            assert_eq!(after(attempts).broken_until > 0, broken, "{attempts}");
        }
        let first = next(&State::default(), false, 100).unwrap();
        let second = next(&first, false, 10_000).unwrap();
        assert_eq!(
            next(&second, false, 100_000).unwrap().broken_until,
            100_000 + BROKEN_SECONDS
        );
        assert_eq!(
            next(&State::default(), true, 100),
            None,
            "a healthy provider is never written"
        );
        assert_eq!(
            next(&first, true, 100),
            None,
            "successes are written once a second at most"
        );
    }

    #[test]
    fn one_at_a_time_probes_and_a_success_heals() {
        let broken = after("fff");
        let until = broken.broken_until;
        assert_eq!(
            (broken.probe(until - 1), next(&broken, false, until - 1)),
            (None, None)
        );
        let probed = broken.probe(until).unwrap();
        assert_eq!(probed.probe(until + PROBE_SECONDS - 1), None);
        assert!(
            probed.probe(until + PROBE_SECONDS).is_some(),
            "a probe that is not heard of again"
        );
        assert_eq!(
            next(&probed, true, until + 1).unwrap(),
            State {
                at: until + 1,
                ..State::default()
            }
        );
        let again = next(&probed, false, until + 1).unwrap();
        assert_eq!(
            (again.broken_until, again.probed_until),
            (until + 1 + BROKEN_SECONDS, 0)
        );
        assert_eq!(again.probe(until + 2), None);
        assert_eq!(
            next(&broken, true, 104).unwrap().broken_until,
            0,
            "tried as the last one, it worked"
        );
        for state in [State::default(), broken, probed, after("ffssf")] {
            assert_eq!(State::parse(&state.text()), Some(state));
        }
        for text in ["", "f", "ffffff 1 2 3", "f 1 2", "f a 2 3"] {
            assert_eq!(State::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_refused_text_says_nothing_of_its_provider() {
        for recipient in [true, false] {
            assert_eq!(
                Attempt::of::<()>(
                    &Err(SendError::Refused {
                        recipient,
                        code: None
                    }),
                    false
                ),
                Attempt::Silent
            );
        }
        for error in [
            SendError::Unknown,
            SendError::Unavailable,
            SendError::Unauthorized,
            SendError::RateLimited { after: None },
        ] {
            assert_eq!(
                Attempt::of::<()>(&Err(error.clone()), false),
                Attempt::Judged { succeeded: false },
                "{error}"
            );
        }
    }

    #[test]
    fn an_attempt_that_was_cut_short_says_nothing_by_its_time() {
        let cut = |result| Attempt::of::<()>(&result, true);
        assert_eq!(cut(Err(SendError::Unknown)), Attempt::Silent);
        for result in [Ok(()), Err(SendError::Unavailable)] {
            let succeeded = result.is_ok();
            assert_eq!(cut(result), Attempt::Judged { succeeded });
        }
    }

    /// When a provider breaks (milliseconds) that fails with a probability of `failing(ms)` in a thousand: attempts of 300 ms, so
    /// many milliseconds apart, each on an instance that is free; what its state was when it began may have changed when it ends.
    fn breaks_at(apart: u64, until: u64, failing: impl Fn(u64) -> u64) -> Option<u64> {
        let mut dice: u64 = 1;
        let mut state = State::default();
        let mut free: VecDeque<Recent> = VecDeque::new();
        let mut at_work: VecDeque<(u64, Recent, State)> = VecDeque::new();
        for begun in (1_000_000..1_000_000 + until).step_by(usize::try_from(apart).unwrap()) {
            while let Some((ends, untold, mut seen)) = at_work.pop_front_if(|work| work.0 <= begun)
            {
                dice = dice
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let succeeded = (dice >> 33) % 1_000 >= failing(ends - 1_000_000);
                let untold = untold.with_attempt(succeeded, ends / 1_000);
                let mut left = untold;
                while let Some(next) = seen.after(succeeded, untold, ends / 1_000) {
                    if seen != state {
                        seen = state.clone();
                        continue;
                    }
                    state = next;
                    left = Recent::default();
                    break;
                }
                free.push_back(left);
                if state.broken_until > 0 {
                    return Some(ends - 1_000_000);
                }
            }
            let instance = free.pop_front().unwrap_or_default();
            at_work.push_back((begun + 300, instance, state.clone()));
        }
        None
    }

    #[test]
    fn among_many_codes_a_few_failures_break_nothing() {
        // In its first seconds an instance knows too little.
        let rare = |per_mille| move |ms| if ms < 5_000 { 0 } else { per_mille };
        for per_mille in [10, 50, 100] {
            assert_eq!(breaks_at(3, 600_000, rare(per_mille)), None, "{per_mille}");
        }
        assert_eq!(breaks_at(20, 600_000, rare(50)), None, "fifty a second");
    }

    #[test]
    fn a_dead_provider_breaks_after_three_codes_or_within_seconds() {
        for apart in [1, 20, 1_000, 31_000] {
            let broken = breaks_at(apart, 200_000, |_| 1_000).unwrap();
            assert!(broken <= 2 * apart + 300, "{apart}: {broken}");
        }
        for apart in [3, 20, 1_000] {
            let dies = |ms| if ms < 60_000 { 0 } else { 1_000 };
            let broken = breaks_at(apart, 90_000, dies).unwrap();
            assert!((60_000..68_000).contains(&broken), "{apart}: {broken}");
        }
    }
}
