//! One execution environment: its process is started, watched and started again.

use std::{
    collections::VecDeque,
    os::unix::process::ExitStatusExt as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::Command,
    sync::{Notify, watch},
};

use super::{
    error::InvokeError,
    invocations::{Core, Line, Reply},
};
use crate::wire::{News, lock};

/// The number of the signal (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/kill.html>).
const SIGKILL: i32 = 9;

/// One execution environment.
pub(super) struct Instance {
    pub(super) core: Arc<Core>,
    pub(super) index: usize,
    pub(super) current: Mutex<Option<(String, Reply)>>,
    /// The requests whose invocations have written no outcome yet, in order.
    pub(super) given: Mutex<VecDeque<Option<u64>>>,
    /// The start of the current process, until it is ready.
    pub(super) started: Mutex<Option<Instant>>,
    pub(super) kill: Notify,
    /// Number of the current process. A wait for the next event ends when the process that asked
    /// has ended.
    pub(super) life: watch::Sender<u64>,
}

impl Instance {
    /// Ends the invocation with this id, if it is in progress.
    pub(super) fn settle(&self, id: &str, answer: Result<Bytes, InvokeError>) -> bool {
        let current = lock(&self.current).take_if(|(current, _)| current == id);
        current.map(|(_, reply)| reply.send(answer)).is_some()
    }

    /// Tells a change of the function's processes.
    pub(super) fn tell_process(&self, started: bool, ready: Option<Duration>) {
        let alive = lock(&self.core.observed).pids.len();
        self.core.tap.tell(&News::Process {
            function: &self.core.name,
            alive,
            started,
            ready,
        });
    }

    /// Tells a line. Each invocation writes one line with an outcome, so these lines are in the
    /// order of the invocations.
    fn tell_line(&self, error: bool, text: &str) {
        let outcome = text.starts_with('{') && text.contains("\"outcome\":");
        let request = if outcome {
            lock(&self.given).pop_front().flatten()
        } else {
            None
        };
        self.core.tap.tell(&News::Line {
            function: &self.core.name,
            error,
            text,
            request,
        });
    }
}

pub(super) async fn supervise(instance: Arc<Instance>, mut command: Command) {
    let (core, index) = (&instance.core, instance.index);
    loop {
        lock(&instance.given).clear();
        *lock(&instance.started) = Some(Instant::now());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                core.observe(|observed| {
                    observed.init_error = Some(error.to_string());
                    observed.alive -= 1;
                });
                return;
            }
        };
        if let Some(pid) = child.id() {
            core.observe(|observed| observed.pids.insert(index, pid));
        }
        instance.tell_process(true, None);
        let output = tokio::spawn(copy(child.stdout.take(), Arc::clone(&instance), false));
        let errors = tokio::spawn(copy(child.stderr.take(), Arc::clone(&instance), true));
        let ended = tokio::select! {
            ended = child.wait() => ended,
            () = instance.kill.notified() => {
                let _ = child.kill().await;
                child.wait().await
            }
        };
        let _ = (output.await, errors.await);
        let status = ended.expect("a child of ours");
        instance.life.send_modify(|life| *life += 1);
        if let Some((_, reply)) = lock(&instance.current).take() {
            let _ = reply.send(Err(InvokeError::Exited(status.to_string())));
        }
        let over = core.observe(|observed| {
            observed.pids.remove(&index);
            observed.exits.push(status);
            // Lambda starts a process again that was killed while it started.
            let is_replaced = observed.ready.remove(&index) || status.signal() == Some(SIGKILL);
            let over = !is_replaced || observed.stopping;
            if over {
                observed.alive -= 1;
                let last = observed
                    .lines
                    .iter()
                    .rfind(|line| line.error)
                    .map(|line| line.text.as_str());
                observed.init_error.get_or_insert_with(|| {
                    last.map_or_else(|| status.to_string(), |last| format!("{status}: {last}"))
                });
            }
            over
        });
        instance.tell_process(false, None);
        if over {
            return;
        }
    }
}

async fn copy(stream: Option<impl AsyncRead + Unpin>, instance: Arc<Instance>, error: bool) {
    let core = &instance.core;
    let Some(stream) = stream else { return };
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let text = String::from_utf8_lossy(&line).into_owned();
        let at = crate::now().as_millis();
        core.logs
            .write(&core.name, u64::try_from(at).unwrap_or_default(), &text);
        instance.tell_line(error, &text);
        core.observe(|observed| observed.lines.push(Line { error, text }));
    }
}
