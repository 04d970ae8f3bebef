//! The three kinds of load: bursts, busy processes, arrivals at a rate.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{
    figures::{Mode, Row},
    options::{Arrivals, Options, PAUSE},
    report::float,
    stage::{Sample, Stage, Window},
};

const MOST_ARRIVALS: f64 = 20_000.0;

/// Runs several bursts, each with as many requests as there are processes.
pub(super) async fn burst(stage: &Arc<Stage>, instances: usize, rounds: usize) -> Row {
    let (begun, permits) = (stage.begin(), Arc::new(Semaphore::new(instances)));
    let (mut samples, mut took) = (Vec::new(), Duration::ZERO);
    for _ in 0..rounds {
        let requests: Vec<_> = stage.requests(instances).collect();
        let due = Instant::now() + Duration::from_millis(10);
        let round = all(
            stage,
            &permits,
            requests
                .into_iter()
                .map(|(person, event)| (person, event, due)),
        )
        .await;
        took += round
            .iter()
            .map(|sample| sample.ended)
            .max()
            .unwrap_or(due)
            .saturating_duration_since(due);
        samples.extend(round);
        tokio::time::sleep(PAUSE).await;
    }
    stage.row(
        Mode::Burst,
        (instances, None),
        &begun,
        &samples,
        &Window::Of(took),
    )
}

/// Gives each process its next request when it has answered one.
pub(super) async fn busy(stage: &Arc<Stage>, instances: usize, time: Duration) -> Row {
    let (begun, permits) = (stage.begin(), Arc::new(Semaphore::new(instances)));
    let end = begun.at + time;
    let workers = (0..instances).map(|_| {
        let (stage, permits) = (Arc::clone(stage), Arc::clone(&permits));
        tokio::spawn(async move {
            let mut samples = Vec::new();
            while Instant::now() < end {
                for (person, event) in stage.requests(1).collect::<Vec<_>>() {
                    samples.push(
                        stage
                            .answered(&permits, person, event, Instant::now())
                            .await,
                    );
                }
            }
            samples
        })
    });
    let samples: Vec<_> = join_all(workers)
        .await
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    stage.row(
        Mode::Busy,
        (instances, None),
        &begun,
        &samples,
        &Window::Until(end),
    )
}

/// Sends requests at this rate, whether or not earlier ones were answered.
pub(super) async fn open(
    stage: &Arc<Stage>,
    instances: usize,
    rate: f64,
    options: &Options,
) -> Row {
    let offsets = arrivals(rate, options.time, options.arrivals == Arrivals::Even);
    let requests: Vec<_> = stage.requests(offsets.len()).collect();
    let (begun, permits) = (stage.begin(), Arc::new(Semaphore::new(instances)));
    let requests = requests
        .into_iter()
        .zip(offsets)
        .map(|((person, event), offset)| (person, event, begun.at + offset));
    let samples = all(stage, &permits, requests).await;
    let last = samples
        .iter()
        .map(|sample| sample.ended)
        .max()
        .unwrap_or(begun.at);
    stage.row(
        Mode::Open,
        (instances, Some(rate)),
        &begun,
        &samples,
        &Window::Of(last - begun.at),
    )
}

async fn all(
    stage: &Arc<Stage>,
    permits: &Arc<Semaphore>,
    requests: impl Iterator<Item = (u64, Value, Instant)>,
) -> Vec<Sample> {
    let requests = requests.map(|(person, event, due)| {
        let (stage, permits) = (Arc::clone(stage), Arc::clone(permits));
        tokio::spawn(async move { stage.answered(&permits, person, event, due).await })
    });
    // All requests start before the first is awaited.
    let requests: Vec<_> = requests.collect();
    join_all(requests).await.into_iter().flatten().collect()
}

/// The arrival times: at equal intervals, or as a Poisson process with the same values in every
/// run.
fn arrivals(rate: f64, time: Duration, even: bool) -> Vec<Duration> {
    let (mut seed, mut at, mut arrivals) = (314_159_265_u64, 0.0, Vec::new());
    while at < time.as_secs_f64() && float(arrivals.len()) < MOST_ARRIVALS {
        arrivals.push(Duration::from_secs_f64(at));
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let chance = float(usize::try_from(seed >> 40).unwrap_or_default() + 1) / 16_777_216.0;
        at += if even { 1.0 } else { -chance.ln() } / rate;
    }
    arrivals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_have_their_rate_and_an_end() {
        let even = arrivals(10.0, Duration::from_secs(2), true);
        assert_eq!((even.len(), even[1]), (20, Duration::from_millis(100)));
        let poisson = arrivals(100.0, Duration::from_secs(20), false);
        assert!(
            (1_850..2_150).contains(&poisson.len()) && poisson.is_sorted(),
            "{}",
            poisson.len()
        );
        assert_eq!(poisson, arrivals(100.0, Duration::from_secs(20), false));
        assert_eq!(arrivals(1e9, Duration::from_mins(1), false).len(), 20_000);
    }
}
