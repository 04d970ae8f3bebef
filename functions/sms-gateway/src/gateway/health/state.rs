//! The state of one provider, and how an attempt changes it. Nothing here reads or writes.

use super::recent::{PERIOD, Recent};

/// How long a broken provider is not tried. With the probe it recovers within a minute.
const BROKEN_SECONDS: u64 = 30;
/// A probe without a result ends after this many seconds: longer than an attempt.
const PROBE_SECONDS: u64 = 12;
/// This many failures among the last five attempts break a provider.
const LAST: usize = 5;
const FAILURES: usize = 3;

/// A provider's state as read from the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The last attempts, the newest last: `f` failed, `s` succeeded.
    attempts: String,
    /// When `attempts` was written, in epoch seconds.
    at: u64,
    /// Broken until then, in epoch seconds; 0 if not broken.
    pub(super) broken_until: u64,
    /// An instance is probing until then, in epoch seconds; 0 if none is.
    probed_until: u64,
    /// The counts of the last seconds before `at`, as the instances have written them.
    recent: Recent,
}

impl State {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let attempts = parts
            .next()
            .filter(|attempts| attempts.len() <= LAST)?
            .to_owned();
        let mut number = || parts.next()?.parse().ok();
        let (at, broken_until, probed_until) = (number()?, number()?, number()?);
        let recent = Recent {
            counts: [(); 4].map(|()| number().unwrap_or_default()),
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

    pub(super) fn text(&self) -> String {
        let (broken, probed) = (self.broken_until, self.probed_until);
        let mut text = format!("{} {} {broken} {probed}", self.attempts, self.at);
        if !self.recent.is_empty() {
            text.extend(self.recent.counts.map(|count| format!(" {count}")));
        }
        text
    }

    /// The state after an attempt, with all counts that this instance has not yet written. `None`
    /// if no other instance needs to know.
    pub(super) fn after(&self, succeeded: bool, untold: Recent, now: u64) -> Option<Self> {
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
        Some(Self {
            attempts,
            broken_until: if breaks { now + BROKEN_SECONDS } else { 0 },
            recent: if breaks { Recent::default() } else { recent },
            ..next
        })
    }

    fn with(&self, attempt: char) -> String {
        let mut attempts = format!("{}{attempt}", self.attempts);
        attempts.drain(..attempts.len().saturating_sub(LAST));
        attempts
    }

    pub(super) fn probe(&self, now: u64) -> Option<Self> {
        let is_free = self.broken_until > 0 && self.broken_until <= now && self.probed_until <= now;
        is_free.then(|| Self {
            at: now,
            probed_until: now + PROBE_SECONDS,
            ..self.clone()
        })
    }
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
        // A healthy provider is never written. Successes are written once a second at most.
        assert_eq!(next(&State::default(), true, 100), None);
        assert_eq!(next(&first, true, 100), None);
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
        let expected = State {
            at: until,
            probed_until: until + PROBE_SECONDS,
            ..broken.clone()
        };
        assert_eq!(probed, expected);
        assert_eq!(probed.probe(until + PROBE_SECONDS - 1), None);
        // A probe may be lost.
        assert!(probed.probe(until + PROBE_SECONDS).is_some());
        let healed = State {
            at: until + 1,
            ..State::default()
        };
        assert_eq!(next(&probed, true, until + 1), Some(healed));
        let again = next(&probed, false, until + 1).unwrap();
        let expected = State {
            attempts: "fff".to_owned(),
            at: until + 1,
            broken_until: until + 1 + BROKEN_SECONDS,
            ..State::default()
        };
        assert_eq!(again, expected);
        assert_eq!(again.probe(until + 2), None);
        assert_eq!(State::default().probe(until), None, "it is not broken");
        // Tried as the last one, it worked.
        assert_eq!(next(&broken, true, 104).unwrap().broken_until, 0);
        for state in [
            State::default(),
            broken,
            probed,
            after("ff"),
            after("ffssf"),
        ] {
            assert_eq!(State::parse(&state.text()), Some(state));
        }
        for text in ["", "f", "ffffff 1 2 3", "f 1 2", "f a 2 3"] {
            assert_eq!(State::parse(text), None, "{text}");
        }
    }

    /// When a provider breaks (in milliseconds) that fails with a probability of `failing(ms)` in a
    /// thousand. Attempts take 300 ms and are so many milliseconds apart, each on a free instance.
    /// The state may change between an attempt's begin and end.
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
