//! Which providers are out of order, as all instances together have seen it: a circuit breaker in the table.
//!
//! One item holds a short state for each provider. It is read beside the claim, and written only when something changes: a failure, a
//! success after one, a probe. Three failures of the last five attempts, on whichever instances and however long apart, break a
//! provider for half a minute; then one request at a time tries it again, until one succeeds. A failure is what leaves a healthy
//! provider in doubt: no answer, an unknown outcome, a server error, too many requests, refused credentials. A text that the
//! provider refused was answered well: nobody can break a provider by asking for codes to places where it does not deliver.

use std::time::{Duration, SystemTime};

use shared::sms::{Name, SendError};
use shared::table::{Item, Key, Table, Unavailable, Update, Write, epoch};

/// How long a broken provider is left alone: with the probe it heals within a minute.
const BROKEN_SECONDS: u64 = 30;
/// A probe that is not heard of again ends after this: longer than an attempt.
const PROBE_SECONDS: u64 = 12;
/// Of the last five attempts, so many failures break a provider.
const LAST: usize = 5;
const FAILURES: usize = 3;
const DAY: u64 = 86_400;
/// Others may have changed the state between our look and our write.
const ATTEMPTS: usize = 3;

/// An attempt at a healthy provider.
const PATIENCE: Duration = Duration::from_secs(8);
/// An attempt at one that has just failed.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);

/// A provider as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    /// The last attempts, the newest last: `f` failed, `s` succeeded.
    attempts: String,
    /// When that was written, epoch seconds.
    at: u64,
    /// Broken until then; 0: it is not.
    broken_until: u64,
    /// Somebody tries it until then; 0: nobody.
    probed_until: u64,
}

impl State {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let attempts = parts
            .next()
            .filter(|attempts| attempts.len() <= LAST)?
            .to_owned();
        let mut number = || parts.next()?.parse().ok();
        Some(Self {
            attempts,
            at: number()?,
            broken_until: number()?,
            probed_until: number()?,
        })
    }

    fn text(&self) -> String {
        format!(
            "{} {} {} {}",
            self.attempts, self.at, self.broken_until, self.probed_until
        )
    }

    /// What an attempt makes of it; `None`: nothing that others must know.
    fn after(&self, succeeded: bool, now: u64) -> Option<Self> {
        let is_broken = self.broken_until > 0;
        if succeeded {
            // A provider that fails now and then is not written to by every success.
            let tells = is_broken || (self.attempts.contains('f') && now > self.at);
            let attempts = if is_broken {
                String::new()
            } else {
                self.with('s')
            };
            return tells.then(|| Self {
                attempts,
                at: now,
                ..Self::default()
            });
        }
        if is_broken {
            // Only a probe's failure is news.
            let broken_until = now + BROKEN_SECONDS;
            return (self.broken_until <= now).then(|| Self {
                at: now,
                broken_until,
                probed_until: 0,
                ..self.clone()
            });
        }
        let attempts = self.with('f');
        let breaks = attempts.matches('f').count() >= FAILURES;
        Some(Self {
            attempts,
            at: now,
            broken_until: if breaks { now + BROKEN_SECONDS } else { 0 },
            probed_until: 0,
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

/// How a provider is to be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    /// As usual, in its place.
    Usual,
    /// In its place, for a short time.
    Short,
    /// In its place and as long as usual, so that a slow provider can heal, if [`Health::probe`] lets us.
    Probe,
    /// After all others, for a short time.
    Last,
}

impl Trial {
    /// How long an attempt may last.
    pub(crate) fn patience(self) -> Duration {
        if matches!(self, Self::Usual | Self::Probe) {
            PATIENCE
        } else {
            SHORT_PATIENCE
        }
    }
}

/// The providers' states.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Item);

impl Health {
    /// Reads the states. Without them every provider counts as healthy.
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

    /// The route in the order in which it is tried: what is broken comes last.
    pub(crate) fn order(&self, route: &[Name], now: SystemTime) -> Vec<(Name, Trial)> {
        let trial = |name: &Name| {
            let state = self.state(*name);
            let trial = match () {
                () if state.probe(epoch(now)).is_some() => Trial::Probe,
                () if state.broken_until > 0 => Trial::Last,
                () if state.attempts.contains('f') => Trial::Short,
                () => Trial::Usual,
            };
            (*name, trial)
        };
        let mut order: Vec<_> = route.iter().map(trial).collect();
        order.sort_by_key(|(_, trial)| *trial == Trial::Last);
        order
    }

    /// Whether this request is the one that tries a broken provider.
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

    /// Writes how an attempt went, if that changes anything.
    pub(crate) async fn note(
        &self,
        name: Name,
        attempt: Attempt,
        table: &Table,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let Attempt::Judged { succeeded } = attempt else {
            return Ok(());
        };
        let mut seen = self.state(name);
        for _ in 0..ATTEMPTS {
            let Some(next) = seen.after(succeeded, epoch(now)) else {
                return Ok(());
            };
            match table.update(change(name, &seen, &next, now)).await? {
                Write::Done(_) => {
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
        // Others note the same, at the same moment.
        Ok(())
    }
}

/// What an attempt says of its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It works, or does not.
    Judged {
        /// Which of the two.
        succeeded: bool,
    },
    /// Nothing: it refused this text, or was never asked.
    Silent,
}

impl Attempt {
    /// By how a send ended.
    pub(crate) fn of<T>(result: &Result<T, SendError>) -> Self {
        match result {
            Ok(_) => Self::Judged { succeeded: true },
            Err(SendError::Refused { .. }) => Self::Silent,
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

/// Replaces what was seen: the whole state is one text, so that nobody's news is lost.
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
    use super::*;

    /// The state after these attempts, a second apart, from second 100 on.
    fn after(attempts: &str) -> State {
        attempts
            .chars()
            .zip(100..)
            .fold(State::default(), |state, (attempt, now)| {
                state.after(attempt == 's', now).unwrap_or(state)
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
        let first = State::default().after(false, 100).unwrap();
        let second = first.after(false, 10_000).unwrap();
        assert_eq!(
            second.after(false, 100_000).unwrap().broken_until,
            100_000 + BROKEN_SECONDS
        );
        assert_eq!(
            State::default().after(true, 100),
            None,
            "a healthy provider is never written"
        );
        assert_eq!(
            first.after(true, 100),
            None,
            "successes are written once a second at most"
        );
    }

    #[test]
    fn one_at_a_time_probes_and_a_success_heals() {
        let broken = after("fff");
        let until = broken.broken_until;
        assert_eq!(
            (broken.probe(until - 1), broken.after(false, until - 1)),
            (None, None)
        );
        let probed = broken.probe(until).unwrap();
        assert_eq!(probed.probe(until + PROBE_SECONDS - 1), None);
        assert!(
            probed.probe(until + PROBE_SECONDS).is_some(),
            "a probe that is not heard of again"
        );
        assert_eq!(
            probed.after(true, until + 1).unwrap(),
            State {
                at: until + 1,
                ..State::default()
            }
        );
        let again = probed.after(false, until + 1).unwrap();
        assert_eq!(
            (again.broken_until, again.probed_until),
            (until + 1 + BROKEN_SECONDS, 0)
        );
        assert_eq!(again.probe(until + 2), None);
        assert_eq!(
            broken.after(true, 104).unwrap().broken_until,
            0,
            "tried as the last one, it worked"
        );
        for state in [State::default(), broken, probed] {
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
                Attempt::of::<()>(&Err(SendError::Refused {
                    recipient,
                    code: None
                })),
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
                Attempt::of::<()>(&Err(error)),
                Attempt::Judged { succeeded: false },
                "{error}"
            );
        }
    }
}
