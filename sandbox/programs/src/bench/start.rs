//! Runs one process from exec to its end, with its own Runtime API, and measures it.
//!
//! The clock is read when a request of the process arrives, before the request is handled. CPU time
//! is the kernel's count of nanoseconds for each thread. Reading it needs no privilege; it misses
//! only threads that have ended.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    io::{self, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{
    http::{self, Request},
    share::Share,
    upstreams::{Traffic, Upstreams},
};

/// Maximum time for one start with all its invocations.
const PATIENCE: Duration = Duration::from_mins(10);
/// Interval of the checks that the process still runs.
const LOOK: Duration = Duration::from_millis(200);
/// Maximum number of characters shown of an unexpected answer, and of a log.
const SHOWN: usize = 1_500;

/// A program to start.
pub(super) struct Program {
    pub(super) binary: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// The working directory.
    pub(super) folder: PathBuf,
    pub(super) task: Task,
}

/// The environment of the program, and its work.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) environment: BTreeMap<String, String>,
    /// The event of every invocation.
    pub(super) event: Vec<u8>,
    /// A text that every right answer contains, and no other answer.
    pub(super) expected: &'static str,
}

/// The measurements of one start.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// Time from exec to the first `/next`.
    pub(super) init: Duration,
    /// Time from exec to the first answer, without the time to enter the CPU share.
    pub(super) cold: Duration,
    /// CPU time until the first `/next`, from there to the second, and after that.
    pub(super) cpu: Option<[Duration; 3]>,
    /// Duration of each invocation except the first.
    pub(super) warm: Vec<Duration>,
    /// Maximum memory, bytes.
    pub(super) memory: Option<u64>,
    /// Number of connections, and of requests during INIT, in the first invocation, and in all
    /// others.
    pub(super) connections: usize,
    pub(super) requests: [usize; 3],
    /// The result of the invocation after a freeze, if there was one.
    pub(super) thawed: Option<Thawed>,
}

/// An invocation after a freeze. During the freeze all upstreams closed their connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thawed {
    /// True if the answer was the usual one.
    pub(super) right: bool,
    /// Number of new connections.
    pub(super) connections: usize,
    pub(super) requests: usize,
}

/// The invocations of a process.
#[derive(Clone, Copy)]
pub(super) struct Course {
    /// Number of invocations, at least one.
    pub(super) invocations: usize,
    /// True if a freeze and one more invocation follow.
    pub(super) freeze: bool,
}

/// Starts `program`, sends it the invocations and ends it. From the first `/next` on, the process
/// has at most `share` of the CPU. Its output goes to `log`. If it ends early, the error says how.
pub(super) fn measure(
    program: &Program,
    course: Course,
    upstreams: &Upstreams,
    share: Option<&Share>,
    log: &Path,
) -> Result<Sample, String> {
    let broken = |error: io::Error| error.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").map_err(broken)?;
    let address = listener.local_addr().map_err(broken)?;
    let output = File::create(log).map_err(broken)?;
    let mut command = Command::new(&program.binary);
    command
        .args(&program.arguments)
        .current_dir(&program.folder)
        .env_clear()
        .envs(&program.task.environment)
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .stdin(Stdio::null())
        .stderr(output.try_clone().map_err(broken)?)
        .stdout(output);
    let measured = run(program, command, &listener, course, upstreams, share);
    measured.map_err(|why| {
        let text = fs::read_to_string(log).unwrap_or_default();
        let start = text.floor_char_boundary(text.len().saturating_sub(SHOWN));
        format!("{why}\n{}", &text[start..])
    })
}

fn run(
    program: &Program,
    mut command: Command,
    listener: &TcpListener,
    course: Course,
    upstreams: &Upstreams,
    share: Option<&Share>,
) -> Result<Sample, String> {
    let (done, ended) = mpsc::channel();
    let session = Session {
        program,
        upstreams,
        share,
        course,
        state: Mutex::new(State {
            started: Instant::now(),
            before: upstreams.traffic(),
            ..State::default()
        }),
        done,
    };
    thread::scope(|scope| {
        // Locked until the process id is known. The first request of the process waits for this.
        let mut state = session.state();
        state.started = Instant::now();
        let mut process = Process(
            command
                .spawn()
                .map_err(|error| format!("{}: {error}", program.binary.display()))?,
        );
        state.process = process.0.id();
        drop(state);
        let session = &session;
        scope.spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if session.state().over {
                    break;
                }
                scope.spawn(move || session.serve(stream));
            }
        });
        let outcome = wait(&ended, &mut process.0);
        drop(process);
        session.state().over = true;
        let _wakes_the_listener = listener.local_addr().and_then(TcpStream::connect);
        outcome
    })
}

/// Waits for a result, for the end of the process, or for the timeout.
fn wait(
    ended: &mpsc::Receiver<Result<Sample, String>>,
    process: &mut Child,
) -> Result<Sample, String> {
    let begun = Instant::now();
    loop {
        match ended.recv_timeout(LOOK) {
            Ok(outcome) => return outcome,
            Err(_) if begun.elapsed() > PATIENCE => return Err("did not answer in time".to_owned()),
            Err(_) => {
                if let Ok(Some(status)) = process.try_wait() {
                    // The process may have reported the reason just before.
                    return ended
                        .try_recv()
                        .unwrap_or_else(|_| Err(format!("ended by itself: {status}")));
                }
            }
        }
    }
}

/// Killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The shared state of one process's connections.
struct Session<'a> {
    program: &'a Program,
    upstreams: &'a Upstreams,
    share: Option<&'a Share>,
    course: Course,
    state: Mutex<State>,
    done: mpsc::Sender<Result<Sample, String>>,
}

struct State {
    started: Instant,
    /// When the current event was sent.
    handed: Instant,
    process: u32,
    answered: usize,
    over: bool,
    /// The traffic until the process was stopped.
    frozen: Option<Traffic>,
    before: Traffic,
    cpu: Vec<Option<Duration>>,
    requests: Vec<usize>,
    sample: Sample,
}

impl Default for State {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            handed: now,
            process: 0,
            answered: 0,
            over: false,
            frozen: None,
            before: Traffic::default(),
            cpu: Vec::new(),
            requests: Vec::new(),
            sample: Sample::default(),
        }
    }
}

impl Session<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of the process to the Runtime API.
    fn serve(&self, stream: TcpStream) {
        let served = stream
            .set_nodelay(true)
            .and_then(|()| stream.try_clone())
            .map_err(|error| error.to_string());
        let served = served.and_then(|writer| self.requests(BufReader::new(stream), writer));
        if let Err(why) = served {
            let _nobody_waits_any_more = self.done.send(Err(why));
        }
    }

    fn requests(
        &self,
        mut reader: BufReader<TcpStream>,
        mut writer: TcpStream,
    ) -> Result<(), String> {
        // A connection breaks only when its process ends. `wait` detects the end.
        while let Ok(Some(request)) = Request::read(&mut reader) {
            let now = Instant::now();
            let written = match request.target.rsplit('/').next() {
                Some("next") => {
                    let Some(id) = self.next(now)? else {
                        return Ok(());
                    };
                    let deadline = sandbox::now() + Duration::from_secs(30);
                    let headers = [
                        ("content-type", "application/json"),
                        ("lambda-runtime-aws-request-id", &*id),
                        (
                            "lambda-runtime-deadline-ms",
                            &*deadline.as_millis().to_string(),
                        ),
                        (
                            "lambda-runtime-invoked-function-arn",
                            "arn:aws:lambda:eu-west-1:000000000000:function:measured",
                        ),
                        (
                            "lambda-runtime-trace-id",
                            "Root=1-6b0024c0-000000000000000000000000",
                        ),
                    ];
                    self.state().handed = Instant::now();
                    let handed = http::answer(
                        &mut writer,
                        &request,
                        200,
                        &headers,
                        &self.program.task.event,
                    );
                    self.thaw()?;
                    handed
                }
                Some("response") => {
                    self.answered(now, &request.body)?;
                    http::answer(
                        &mut writer,
                        &request,
                        202,
                        &[("content-type", "application/json")],
                        br#"{"status":"OK"}"#,
                    )
                }
                // An error report counts as a wrong answer.
                Some("error") if self.state().frozen.is_some() => {
                    self.answered(now, b"")?;
                    http::answer(
                        &mut writer,
                        &request,
                        202,
                        &[("content-type", "application/json")],
                        br#"{"status":"OK"}"#,
                    )
                }
                _ => {
                    return Err(format!(
                        "reported {} {}",
                        request.target,
                        shown(&request.body)
                    ));
                }
            };
            if written.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The process is ready for an event. Returns the event's id, or `None` if the process must
    /// end.
    fn next(&self, now: Instant) -> Result<Option<String>, String> {
        let mut guard = self.state();
        let state = &mut *guard;
        if let Some(frozen) = state.frozen {
            let traffic = self.upstreams.traffic();
            if let Some(thawed) = &mut state.sample.thawed {
                thawed.connections = traffic.connections - frozen.connections;
                thawed.requests = traffic.requests - frozen.requests;
            }
            let _nobody_waits_any_more = self.done.send(Ok(std::mem::take(&mut state.sample)));
            return Ok(None);
        }
        let last = state.answered == self.course.invocations;
        if state.answered <= 1 || last {
            state.cpu.push(cpu(state.process));
            state.requests.push(self.upstreams.traffic().requests);
        }
        if state.answered == 0 {
            state.sample.init = now - state.started;
            if let Some(share) = self.share {
                share.enter(state.process)?;
            }
        }
        if last {
            self.sum_up(state);
            if !self.course.freeze {
                let _nobody_waits_any_more = self.done.send(Ok(std::mem::take(&mut state.sample)));
                return Ok(None);
            }
            state.frozen = Some(self.upstreams.traffic());
            signal(state.process, "STOP")?;
            self.upstreams.hang_up();
        }
        Ok(Some(format!(
            "00000000-0000-4000-8000-{:012}",
            state.answered
        )))
    }

    /// Continues the process. The event is already there, as when Lambda thaws a process.
    fn thaw(&self) -> Result<(), String> {
        let state = self.state();
        if state.frozen.is_some() {
            signal(state.process, "CONT")
        } else {
            Ok(())
        }
    }

    fn answered(&self, now: Instant, answer: &[u8]) -> Result<(), String> {
        let mut state = self.state();
        let right = String::from_utf8_lossy(answer).contains(self.program.task.expected);
        let took = now - state.handed;
        if state.frozen.is_some() {
            state.sample.thawed = Some(Thawed {
                right,
                connections: 0,
                requests: 0,
            });
        } else if !right {
            return Err(format!(
                "{:?} was expected, not {}",
                self.program.task.expected,
                shown(answer)
            ));
        } else if state.answered == 0 {
            // The sum leaves out the milliseconds in which the kernel puts the process into its
            // share.
            state.sample.cold = state.sample.init + took;
        } else {
            state.sample.warm.push(took);
        }
        state.answered += 1;
        Ok(())
    }

    fn sum_up(&self, state: &mut State) {
        // With a single invocation the second snapshot is the last one.
        let last = state.cpu.len() - 1;
        let cpu = state.cpu[0].zip(state.cpu[1]).zip(state.cpu[last]);
        let sample = &mut state.sample;
        sample.cpu = cpu.map(|((init, first), last)| {
            [init, first.saturating_sub(init), last.saturating_sub(first)]
        });
        sample.memory = peak_memory(state.process);
        sample.connections = self.upstreams.traffic().connections - state.before.connections;
        sample.requests = [
            state.requests[0] - state.before.requests,
            state.requests[1] - state.requests[0],
            state.requests[last] - state.requests[1],
        ];
    }
}

/// Uses the shell's own `kill`: small images lack the command.
fn signal(process: u32, name: &str) -> Result<(), String> {
    let sent = Command::new("/bin/sh")
        .args(["-c", &format!("kill -{name} {process}")])
        .status();
    if sent.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err(format!("kill -{name} {process} failed"))
    }
}

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(SHOWN).collect()
}

/// CPU time of a process's threads so far; `None` if the kernel does not report it.
/// <https://docs.kernel.org/scheduler/sched-stats.html>
pub(super) fn cpu(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let mut sum = None;
    for thread in threads.filter_map(Result::ok) {
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else {
            continue;
        };
        let nanoseconds = text
            .split_whitespace()
            .next()
            .and_then(|first| first.parse().ok())?;
        sum = Some(sum.unwrap_or_default() + Duration::from_nanos(nanoseconds));
    }
    sum
}

/// Peak memory of a process, bytes. <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}
