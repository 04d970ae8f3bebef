//! Measures how busy the machine is, so that its limit is not mistaken for the functions' limit.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

use super::report;
use crate::bench::process;

/// Interval of the measurements of a timer's delay.
const TICK: Duration = Duration::from_millis(5);
/// With this load or this delay, the machine is the limit.
const BUSY: f64 = 0.85;
const LATE: Duration = Duration::from_millis(15);

/// The machine's resources that a load used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Used {
    /// The busy part of all cores, including other programs; `None` if the kernel does not report
    /// it.
    pub(super) busy: Option<f64>,
    /// The part of all cores that the functions and this process used.
    pub(super) own: Option<f64>,
    /// CPU time of the functions' processes, and of this process.
    pub(super) functions: Option<Duration>,
    pub(super) bench: Option<Duration>,
    /// Delay of this process's timers, 99th percentile.
    pub(super) lag: Duration,
}

impl Used {
    /// True if more cores would give other figures.
    pub(super) fn is_limit(&self) -> bool {
        self.busy.is_some_and(|busy| busy >= BUSY) || self.lag >= LATE
    }
}

/// Measures a timer's delay all the time. It ends when dropped.
pub(super) struct Watch {
    late: Arc<Mutex<Vec<Duration>>>,
    watching: JoinHandle<()>,
}

/// The state at the beginning of a load.
pub(super) struct Mark {
    at: Instant,
    cores: Option<(u64, u64)>,
    functions: Option<Duration>,
    bench: Option<Duration>,
}

impl Watch {
    pub(super) fn start() -> Self {
        let late = Arc::<Mutex<Vec<Duration>>>::default();
        let noted = Arc::clone(&late);
        let watching = tokio::spawn(async move {
            loop {
                let due = Instant::now() + TICK;
                tokio::time::sleep_until(due.into()).await;
                noted
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(due.elapsed());
            }
        });
        Self { late, watching }
    }

    /// Begins a measurement.
    pub(super) fn mark(&self, pids: &[u32]) -> Mark {
        let mark = Mark {
            at: Instant::now(),
            cores: cores(),
            functions: all(pids),
            bench: process::cpu(std::process::id()),
        };
        self.late
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        mark
    }

    /// The resources used since a mark.
    pub(super) fn since(&self, mark: &Mark, pids: &[u32]) -> Used {
        let mut late =
            std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        late.sort_unstable();
        let spent =
            |now: Option<Duration>, then: Option<Duration>| Some(now?.saturating_sub(then?));
        let busy = cores()
            .zip(mark.cores)
            .and_then(|((busy, all), (busy_then, all_then))| {
                part(busy - busy_then, all - all_then)
            });
        let (functions, bench) = (
            spent(all(pids), mark.functions),
            spent(process::cpu(std::process::id()), mark.bench),
        );
        let available = mark.at.elapsed().as_secs_f64()
            * thread::available_parallelism().map_or(1.0, |cores| report::float(cores.get()));
        Used {
            busy,
            own: functions
                .zip(bench)
                .map(|(functions, bench)| (functions + bench).as_secs_f64() / available),
            functions,
            bench,
            lag: late
                .get(late.len() * 99 / 100)
                .or(late.last())
                .copied()
                .unwrap_or_default(),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn all(pids: &[u32]) -> Option<Duration> {
    pids.iter().map(|pid| process::cpu(*pid)).sum()
}

#[expect(clippy::cast_precision_loss, reason = "ticks of seconds")]
fn part(busy: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| busy as f64 / all as f64)
}

/// Ticks of all cores: busy ones and all. <https://man7.org/linux/man-pages/man5/proc_stat.5.html>
fn cores() -> Option<(u64, u64)> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(8)
        .map_while(|word| word.parse().ok())
        .collect();
    let all = ticks.iter().sum();
    Some((all - ticks.get(3)? - ticks.get(4)?, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_and_a_late_one_are_limits() {
        let free = Used {
            busy: Some(0.5),
            lag: Duration::from_millis(2),
            ..Used::default()
        };
        assert!(!free.is_limit() && !Used { busy: None, ..free }.is_limit());
        assert!(
            Used {
                busy: Some(0.9),
                ..free
            }
            .is_limit()
                && Used {
                    lag: Duration::from_millis(20),
                    ..free
                }
                .is_limit()
        );
    }

    #[tokio::test]
    async fn what_a_load_takes_is_noted() {
        let watch = Watch::start();
        let own = [std::process::id()];
        tokio::time::sleep(2 * TICK).await; // it looks now
        let mark = watch.mark(&own);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(60) {
            std::hint::black_box(begun);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let used = watch.since(&mark, &own);
        // The test's one thread could not look at the clock meanwhile.
        assert!(used.lag >= Duration::from_millis(40), "{used:?}");
        assert!(used.own > Some(0.0), "{used:?}");
        assert!(
            used.bench >= Some(Duration::from_millis(30))
                && used.busy.is_some_and(|busy| busy > 0.0),
            "{used:?}"
        );
    }
}
