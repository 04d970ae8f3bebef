//! A running function, as the tests see it: events go in, logs and exits come out.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    process::Command,
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{
    error::InvokeError,
    instance::{Instance, supervise},
    invocations::{Core, Observed},
    runtime_api::runtime_api,
};
use crate::{
    aws::Logs,
    wire::{Server, Tap, lock},
};

/// Maximum time to wait for a condition. The wait then panics.
const PATIENCE: Duration = Duration::from_secs(30);

/// How to start a function.
pub(crate) struct Launch<'a> {
    pub(crate) name: &'a str,
    pub(crate) timeout: Duration,
    pub(crate) binary: &'a Path,
    pub(crate) instances: usize,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) tap: Tap,
    pub(crate) logs: Logs,
}

/// A running function. Its processes end when this is dropped.
pub struct Lambda {
    core: Arc<Core>,
    url: String,
    slots: Vec<Slot>,
}

struct Slot {
    instance: Arc<Instance>,
    supervisor: JoinHandle<()>,
    _api: Server,
}

impl Lambda {
    pub(crate) async fn start(launch: Launch<'_>, url: String) -> io::Result<Self> {
        let (queue, waiting) = mpsc::unbounded_channel();
        let core = Arc::new(Core {
            name: launch.name.to_owned(),
            timeout: launch.timeout,
            tap: launch.tap.clone(),
            logs: launch.logs.clone(),
            queue,
            waiting: tokio::sync::Mutex::new(waiting),
            observed: Mutex::new(Observed {
                alive: launch.instances,
                ..Observed::default()
            }),
            changed: watch::Sender::default(),
            gone: watch::Sender::default(),
        });
        let mut lambda = Self {
            core,
            url,
            slots: Vec::new(),
        };
        for index in 0..launch.instances {
            let instance = Arc::new(Instance {
                core: Arc::clone(&lambda.core),
                index,
                current: Mutex::default(),
                given: Mutex::default(),
                started: Mutex::default(),
                kill: Notify::new(),
                life: watch::Sender::default(),
            });
            let api = Server::start("runtime api", runtime_api(Arc::clone(&instance))).await?;
            let mut command = Command::new(launch.binary);
            command
                .env_clear()
                .envs(&launch.environment)
                .env(
                    "AWS_LAMBDA_RUNTIME_API",
                    format!("127.0.0.1:{}", api.port()),
                )
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .process_group(0) // a Ctrl-C in the terminal must reach only the sandbox
                .kill_on_drop(true);
            let supervisor = tokio::spawn(supervise(Arc::clone(&instance), command));
            lambda.slots.push(Slot {
                instance,
                supervisor,
                _api: api,
            });
        }
        Ok(lambda)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The Function URL, `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends an event unchanged and waits for the answer. If all processes are busy, the call waits
    /// in a queue.
    pub async fn invoke(&self, event: Value) -> Result<Value, InvokeError> {
        let answer = self.core.invoke(event.to_string().into(), None).await?;
        serde_json::from_slice(&answer).map_err(|error| InvokeError::NotJson(error.to_string()))
    }

    /// Waits until every process has asked for its first event. `Err`: why a process did not start.
    pub async fn wait_ready(&self) -> Result<(), String> {
        let instances = self.slots.len();
        self.patiently("to be ready", |observed| match &observed.init_error {
            Some(reason) if observed.alive < instances => Some(Err(reason.clone())),
            _ => (observed.ready.len() == instances).then_some(Ok(())),
        })
        .await
    }

    /// The lines of standard output.
    pub fn log(&self) -> Vec<String> {
        lock(&self.core.observed)
            .lines
            .iter()
            .filter(|line| !line.error)
            .map(|line| line.text.clone())
            .collect()
    }

    /// The lines of standard error.
    pub fn errors(&self) -> Vec<String> {
        lock(&self.core.observed)
            .lines
            .iter()
            .filter(|line| line.error)
            .map(|line| line.text.clone())
            .collect()
    }

    /// Returns the first line of standard output that fits. Waits until there is one.
    pub async fn wait_log(&self, fits: impl Fn(&str) -> bool) -> String {
        self.patiently("to log that", |observed| {
            observed
                .lines
                .iter()
                .find(|line| !line.error && fits(&line.text))
                .map(|line| line.text.clone())
        })
        .await
    }

    /// The lines of both streams from number `seen` on. Waits without limit until there is at least
    /// one.
    pub async fn follow(&self, seen: usize) -> Vec<String> {
        self.core
            .wait(|observed| {
                let new = observed.lines.get(seen..).unwrap_or_default();
                (!new.is_empty()).then(|| new.iter().map(|line| line.text.clone()).collect())
            })
            .await
    }

    /// Why a process could not start: its report to `/init/error`, or else its exit status.
    pub fn init_error(&self) -> Option<String> {
        lock(&self.core.observed).init_error.clone()
    }

    /// The ids of the running processes.
    pub fn pids(&self) -> Vec<u32> {
        lock(&self.core.observed).pids.values().copied().collect()
    }

    /// The exit statuses of ended processes, in the order of their ends.
    pub fn exits(&self) -> Vec<ExitStatus> {
        lock(&self.core.observed).exits.clone()
    }

    /// The number of invocations that exceeded the function's timeout. Their processes were killed.
    pub fn timeouts(&self) -> usize {
        lock(&self.core.observed).timeouts
    }

    /// Waits until `n` processes have ended.
    pub async fn wait_exits(&self, n: usize) -> Vec<ExitStatus> {
        self.patiently("to end", |observed| {
            (observed.exits.len() >= n).then(|| observed.exits.clone())
        })
        .await
    }

    /// Kills one process (SIGKILL); Lambda starts another.
    pub async fn kill(&self, pid: u32) {
        signal(pid, "KILL").await;
    }

    /// Kills one process, unless it has ended meanwhile. Returns whether it killed it.
    pub async fn try_kill(&self, pid: u32) -> bool {
        try_signal(pid, "KILL").await
    }

    /// Freezes a process (SIGSTOP), as Lambda does between invocations.
    pub async fn pause(&self, pid: u32) {
        signal(pid, "STOP").await;
    }

    /// Resumes a frozen process (SIGCONT).
    pub async fn resume(&self, pid: u32) {
        signal(pid, "CONT").await;
    }

    /// Ends all processes and waits until they have ended.
    pub async fn stop(mut self) {
        lock(&self.core.observed).stopping = true;
        for slot in &self.slots {
            slot.instance.kill.notify_one();
        }
        for slot in &mut self.slots {
            let _ = (&mut slot.supervisor).await;
        }
    }

    async fn patiently<T>(&self, what: &str, look: impl FnMut(&Observed) -> Option<T>) -> T {
        let found = timeout(PATIENCE, self.core.wait(look)).await;
        found.unwrap_or_else(|_| {
            panic!(
                "{} was expected {what}. Log: {:#?} Errors: {:#?}",
                self.core.name,
                self.log(),
                self.errors()
            )
        })
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        for slot in &self.slots {
            slot.supervisor.abort();
            slot.instance.life.send_modify(|life| *life += 1);
        }
    }
}

/// Uses the shell's own `kill`: small images lack the command.
async fn signal(pid: u32, name: &str) {
    assert!(try_signal(pid, name).await, "kill -{name} {pid}");
}

async fn try_signal(pid: u32, name: &str) -> bool {
    let sent = Command::new("/bin/sh")
        .args(["-c", &format!("kill -{name} {pid} 2>&1")])
        .stdout(Stdio::null())
        .status()
        .await;
    sent.is_ok_and(|status| status.success())
}
