//! AWS Lambda for one function. It starts the real binary, speaks the Runtime API to it and keeps
//! its log.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. Each process has its own
//! Runtime API, as each execution environment has. A process that exceeds the function's timeout is
//! killed and started again. A process whose Runtime API vanishes ends by itself, so no process
//! outlives the sandbox, even if the sandbox crashes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path as Segment, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::Command,
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    random,
    wire::{Server, lock},
};

/// Maximum size of an event and of an answer, bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// Maximum time that a log line takes from the function's process to this one.
const FLUSH: Duration = Duration::from_millis(200);

/// Maximum time to wait for a condition. The wait then panics.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why an invocation has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvokeError {
    /// The function reported an error.
    Function {
        /// `errorType`.
        kind: String,
        /// `errorMessage`.
        message: String,
    },
    /// The function exceeded its timeout; the process was killed.
    Timeout,
    /// The process ended during the invocation.
    Exited(String),
    /// No process started. Contains the init error.
    Init(String),
    /// The event or the answer exceeds [`PAYLOAD_LIMIT`].
    TooLarge,
    /// The answer is not JSON.
    NotJson(String),
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function { kind, message } => write!(f, "{kind}: {message}"),
            Self::Timeout => f.write_str("timed out"),
            Self::Exited(status) => write!(f, "the process ended: {status}"),
            Self::Init(reason) => write!(f, "not started: {reason}"),
            Self::TooLarge => f.write_str("more than 6 MB"),
            Self::NotJson(reason) => write!(f, "the answer is not JSON: {reason}"),
        }
    }
}

impl std::error::Error for InvokeError {}

/// How to start a function.
pub(crate) struct Launch<'a> {
    pub(crate) name: &'a str,
    pub(crate) timeout: Duration,
    pub(crate) binary: &'a Path,
    pub(crate) instances: usize,
    pub(crate) environment: BTreeMap<String, String>,
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
        let answer = self.core.invoke(event.to_string().into()).await?;
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
    let sent = Command::new("/bin/sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()
        .await;
    assert!(
        sent.is_ok_and(|status| status.success()),
        "kill -{name} {pid}"
    );
}

/// The state that the door, the Invoke API and the tests share.
pub(crate) struct Core {
    name: String,
    timeout: Duration,
    queue: mpsc::UnboundedSender<Invocation>,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    observed: Mutex<Observed>,
    changed: watch::Sender<()>,
    /// True if no instance is left. It is separate from `changed`, which changes with every log
    /// line: hundreds of callers wait for this value.
    gone: watch::Sender<bool>,
}

type Reply = oneshot::Sender<Result<Bytes, InvokeError>>;

struct Invocation {
    id: String,
    event: Bytes,
    reply: Reply,
}

#[derive(Default)]
struct Observed {
    lines: Vec<Line>,
    pids: BTreeMap<usize, u32>,
    ready: BTreeSet<usize>,
    exits: Vec<ExitStatus>,
    init_error: Option<String>,
    /// The number of instances that have not given up.
    alive: usize,
    stopping: bool,
}

struct Line {
    error: bool,
    text: String,
}

impl Core {
    /// Like [`Lambda::invoke`], but with bytes.
    pub(crate) async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        if event.len() > PAYLOAD_LIMIT {
            return Err(InvokeError::TooLarge);
        }
        let id = random::uuid();
        let (reply, answer) = oneshot::channel();
        let _ = self.queue.send(Invocation { id, event, reply });
        let mut gone = self.gone.subscribe();
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(InvokeError::Exited("stopped".into()))),
            _ = gone.wait_for(|gone| *gone) => Err(InvokeError::Init(lock(&self.observed).init_error.clone().unwrap_or_default())),
        }
    }

    /// The number of log lines.
    pub(crate) fn lines(&self) -> usize {
        lock(&self.observed).lines.len()
    }

    /// The last 4 KB of the log lines from number `seen` on. Waits a moment for a line that was
    /// just written.
    pub(crate) async fn tail(&self, seen: usize) -> Vec<u8> {
        let _ = timeout(
            FLUSH,
            self.wait(|observed| (observed.lines.len() > seen).then_some(())),
        )
        .await;
        let observed = lock(&self.observed);
        let lines = observed.lines.get(seen..).unwrap_or_default();
        let text = lines
            .iter()
            .map(|line| line.text.as_str())
            .chain([""])
            .collect::<Vec<_>>()
            .join("\n")
            .into_bytes();
        text[text.len().saturating_sub(4096)..].to_vec()
    }

    fn observe<T>(&self, change: impl FnOnce(&mut Observed) -> T) -> T {
        let mut observed = lock(&self.observed);
        let result = change(&mut observed);
        let gone = observed.alive == 0;
        drop(observed);
        self.changed.send_replace(());
        self.gone
            .send_if_modified(|known| !std::mem::replace(known, gone) && gone);
        result
    }

    async fn wait<T>(&self, mut look: impl FnMut(&Observed) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(found) = look(&lock(&self.observed)) {
                return found;
            }
            let _ = changes.changed().await;
        }
    }
}

/// One execution environment.
struct Instance {
    core: Arc<Core>,
    index: usize,
    current: Mutex<Option<(String, Reply)>>,
    kill: Notify,
    /// Number of the current process. A wait for the next event ends when the process that asked
    /// has ended.
    life: watch::Sender<u64>,
}

impl Instance {
    /// Ends the invocation with this id, if it is in progress.
    fn settle(&self, id: &str, answer: Result<Bytes, InvokeError>) -> bool {
        let current = lock(&self.current).take_if(|(current, _)| current == id);
        current.map(|(_, reply)| reply.send(answer)).is_some()
    }
}

async fn supervise(instance: Arc<Instance>, mut command: Command) {
    let (core, index) = (&instance.core, instance.index);
    loop {
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
        let output = tokio::spawn(copy(child.stdout.take(), Arc::clone(core), false));
        let errors = tokio::spawn(copy(child.stderr.take(), Arc::clone(core), true));
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
            let over = !observed.ready.remove(&index) || observed.stopping;
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
        if over {
            return;
        }
    }
}

async fn copy(stream: Option<impl AsyncRead + Unpin>, core: Arc<Core>, error: bool) {
    let Some(stream) = stream else { return };
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let text = String::from_utf8_lossy(&line).into_owned();
        core.observe(|observed| observed.lines.push(Line { error, text }));
    }
}

fn runtime_api(instance: Arc<Instance>) -> Router {
    let routes = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error))
        .route("/init/error", post(init_error));
    Router::new()
        .nest("/2018-06-01/runtime", routes)
        .with_state(instance)
}

async fn next(State(instance): State<Arc<Instance>>) -> Response {
    let (core, mut life) = (&instance.core, instance.life.subscribe());
    core.observe(|observed| observed.ready.insert(instance.index));
    let invocation = tokio::select! {
        biased;
        _ = life.changed() => None,
        invocation = async { core.waiting.lock().await.recv().await } => invocation,
    };
    let Some(Invocation { id, event, reply }) = invocation else {
        return StatusCode::GONE.into_response();
    };
    *lock(&instance.current) = Some((id.clone(), reply));
    let (watched, guarded) = (id.clone(), Arc::clone(&instance));
    tokio::spawn(async move {
        sleep(guarded.core.timeout).await;
        if guarded.settle(&watched, Err(InvokeError::Timeout)) {
            guarded.kill.notify_one();
        }
    });
    let deadline = crate::now() + core.timeout;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        (
            "lambda-runtime-deadline-ms",
            deadline.as_millis().to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            format!(
                "arn:aws:lambda:eu-west-1:000000000000:function:{}",
                core.name
            ),
        ),
        (
            "lambda-runtime-trace-id",
            format!(
                "Root=1-{:08x}-{};Parent={};Sampled=0",
                crate::now().as_secs(),
                random::hex(12),
                random::hex(8)
            ),
        ),
    ];
    (headers, event).into_response()
}

type Accepted = (StatusCode, Json<Value>);

fn accepted(known: bool) -> Accepted {
    if known {
        (StatusCode::ACCEPTED, Json(json!({ "status": "OK" })))
    } else {
        (
            StatusCode::BAD_REQUEST,
            Json(json!({ "errorType": "InvalidRequestID", "errorMessage": "Invalid request ID" })),
        )
    }
}

async fn response(
    State(instance): State<Arc<Instance>>,
    Segment(id): Segment<String>,
    answer: Bytes,
) -> Accepted {
    if answer.len() > PAYLOAD_LIMIT {
        instance.settle(&id, Err(InvokeError::TooLarge));
        let message = format!("Exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes).");
        return (
            StatusCode::PAYLOAD_TOO_LARGE,
            Json(json!({ "errorType": "RequestEntityTooLarge", "errorMessage": message })),
        );
    }
    accepted(instance.settle(&id, Ok(answer)))
}

async fn error(
    State(instance): State<Arc<Instance>>,
    Segment(id): Segment<String>,
    report: Bytes,
) -> Accepted {
    let report: Value = serde_json::from_slice(&report).unwrap_or_default();
    let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
    accepted(instance.settle(
        &id,
        Err(InvokeError::Function {
            kind: text("errorType"),
            message: text("errorMessage"),
        }),
    ))
}

async fn init_error(State(instance): State<Arc<Instance>>, report: Bytes) -> Accepted {
    let parsed: Value = serde_json::from_slice(&report).unwrap_or_default();
    let message = parsed["errorMessage"].as_str().map_or_else(
        || String::from_utf8_lossy(&report).into_owned(),
        str::to_owned,
    );
    instance
        .core
        .observe(|observed| observed.init_error = Some(message));
    accepted(true)
}
