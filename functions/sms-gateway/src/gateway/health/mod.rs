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
//! instance has no counts, so right after a deploy three rare failures may break a provider. That
//! costs half a minute of another order. To wait for the counts would cost codes at a dead provider.
//!
//! An attempt with less time than usual is not judged when its time is over: a provider that takes
//! four seconds works. What is usual depends on the caller. For Okta, which waits three seconds in
//! all, a provider that takes four does not work. So a hanging provider costs the usual time until the third failure. Then it
//! costs only a short time, and only for codes that all other providers rejected.

mod recent;
mod state;

use std::time::{Duration, SystemTime};

use shared::platform::table::{Item, Key, Table, Unavailable, Update, Write, epoch};
use shared::services::providers::Name;

pub use recent::Untold;
use state::State;

const DAY: u64 = 86_400;
/// How often to try a write: other instances may change the state between our read and our write.
const ATTEMPTS: usize = 3;

/// The usual time limit of an attempt, for a caller who waits long enough.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// The time limit of an attempt at a broken provider, for a code that all other providers rejected.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);

/// How to try a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
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
pub struct Health(Item);

impl Health {
    /// Reads the states. If that fails, every provider counts as healthy.
    pub async fn read(table: &Table, now: SystemTime) -> Self {
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

    /// The route in the order to try it: broken providers come last, the `avoided` ones before
    /// them.
    pub fn order(&self, route: &[Name], avoided: &[Name], now: SystemTime) -> Vec<(Name, Trial)> {
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
        order.sort_by_key(|(name, trial)| (*trial == Trial::Last, avoided.contains(name)));
        order
    }

    /// Claims the probe of a broken provider; true if this request may try it.
    pub async fn probe(&self, name: Name, table: &Table, now: SystemTime) -> bool {
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
    /// `false`: it is dropped, because other instances wrote a result before each of our writes.
    pub async fn record(
        &self,
        name: Name,
        succeeded: bool,
        untold: &Untold,
        table: &Table,
        now: SystemTime,
    ) -> Result<bool, Unavailable> {
        let recent = untold.with(name, succeeded, epoch(now));
        let mut seen = self.state(name);
        for _ in 0..ATTEMPTS {
            let Some(next) = seen.after(succeeded, recent, epoch(now)) else {
                return Ok(true);
            };
            let change = change(name, &seen, &next, now);
            // Another instance's failure looks like ours. So the write of a failure is not repeated
            // after a lost answer: the second one would count it again.
            let change = if succeeded { change } else { change.once() };
            match table.update(change).await? {
                Write::Done(_) => {
                    untold.told(name);
                    if next.broken_until > 0 && seen.broken_until == 0 {
                        tracing::error!(provider = %name, "three of the last five attempts failed: others are tried first");
                    } else if next.broken_until == 0 && seen.broken_until > 0 {
                        tracing::info!(provider = %name, "the provider works again");
                    }
                    return Ok(true);
                }
                Write::Refused(item) => seen = Self(item).state(name),
            }
        }
        // They are most likely writing the same result.
        Ok(false)
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
