//! A function and the services that it calls; requests are sent, and a load is summarized.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sandbox::Sandbox;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{
    dynamodb::DynamoDb,
    figures::{Mode, Row},
    fleet::Fleet,
    machine::{self, Watch},
    report::float,
    work::{Recorded, Work},
};
use crate::bench::report::rank;

/// A request without an answer after this time counts as not delivered.
const PATIENCE: Duration = Duration::from_mins(1);

/// Requests of each process before the measurement.
const WARM_UP: usize = 2;

/// A function and the services that it calls.
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) dynamodb: DynamoDb,
    pub(super) fleet: Fleet,
    pub(super) work: &'static Work,
    pub(super) recorded: Recorded,
    pub(super) watch: Watch,
    pub(super) people: u64,
    /// The number of the next person.
    pub(super) next: AtomicU64,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Cancelled requests may have left complaints.
        let _told_before = self.sandbox.complaints();
    }
}

/// One request.
pub(super) struct Sample {
    pub(super) person: u64,
    pub(super) took: Duration,
    pub(super) ended: Instant,
    pub(super) refusal: Option<String>,
}

impl Stage {
    /// Starts the missing processes and warms all of them up.
    pub(super) async fn grow(&self, to: usize, binary: &Path) -> Result<(), String> {
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
    pub(super) fn requests(&self, count: usize) -> impl Iterator<Item = (u64, Value)> + '_ {
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
    pub(super) async fn answered(
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
    pub(super) fn row(
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
            p50: rank(&took, 50),
            p99: rank(&took, 99),
            per_second: float(counted) / seconds.max(f64::MIN_POSITIVE),
            refusals,
            traffic: self.dynamodb.traffic(),
            used,
        }
    }

    pub(super) fn begin(&self) -> Begun {
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
pub(super) struct Begun {
    pub(super) mark: machine::Mark,
    pub(super) pids: Vec<u32>,
    pub(super) texts: usize,
    pub(super) at: Instant,
}

/// The time span of a rate.
pub(super) enum Window {
    /// From the beginning to this moment. Only requests that ended by then count.
    Until(Instant),
    /// This long. All requests count.
    Of(Duration),
}
