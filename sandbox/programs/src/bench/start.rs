//! One process from exec to its end, under a Runtime API of its own, and what it took.
//!
//! The clock is read where a request of the process arrives, before anything is done about it. CPU time is the kernel's count of nanoseconds
//! for each thread, which needs no privilege and misses only threads that have ended.

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

/// For one start with all its invocations, before it counts as hung.
const PATIENCE: Duration = Duration::from_mins(10);
/// How often it is looked whether the process still lives.
const LOOK: Duration = Duration::from_millis(200);
/// Characters of an unexpected answer, and of a log, that are shown.
const SHOWN: usize = 1_500;

/// What is started.
pub(super) struct Program {
    pub(super) binary: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// Where it runs.
    pub(super) folder: PathBuf,
    pub(super) task: Task,
}

/// What it finds around it, and has to do.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) environment: BTreeMap<String, String>,
    /// The event of every invocation.
    pub(super) event: Vec<u8>,
    /// In every right answer, and in no other.
    pub(super) expected: &'static str,
}

/// One start.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// From exec to the first `/next`.
    pub(super) init: Duration,
    /// From exec to the first answer, without what happens to the process in between.
    pub(super) cold: Duration,
    /// CPU until the first `/next`, from there to the second, and of all that followed.
    pub(super) cpu: Option<[Duration; 3]>,
    /// How long each invocation but the first took.
    pub(super) warm: Vec<Duration>,
    /// Bytes, at most.
    pub(super) memory: Option<u64>,
    /// Connections in all, and requests during INIT, in the first invocation, and in all others.
    pub(super) connections: usize,
    pub(super) requests: [usize; 3],
    /// What came of the invocation after a freeze, if there was one.
    pub(super) thawed: Option<Thawed>,
}

/// An invocation of a process that was stopped between two, while all its upstreams closed their connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thawed {
    /// Whether the answer was the usual one.
    pub(super) right: bool,
    /// New ones.
    pub(super) connections: usize,
    pub(super) requests: usize,
}

/// How often a process is asked.
#[derive(Clone, Copy)]
pub(super) struct Course {
    /// At least one.
    pub(super) invocations: usize,
    /// Whether a freeze, and one more, follow.
    pub(super) freeze: bool,
}

/// Starts `program`, has it answer and ends it. From the first `/next` on it has no more than `share` of the CPU.
/// What it writes goes to `log`, and its end into an error.
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
        // Held until the process is known by its number: its first request waits for that.
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

/// Ends with whatever comes first: a result, the process, or the patience.
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
                    // It may have said why just before.
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

/// What the connections of one process share.
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
    /// When the current event was handed over.
    handed: Instant,
    process: u32,
    answered: usize,
    over: bool,
    /// What had arrived before the process was stopped.
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
        // A connection that breaks off belongs to a process that ends, which is seen elsewhere.
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
                // As wrong an answer as any.
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

    /// The process is ready: for an event, whose id this is, or for its end.
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

    /// The event is there when the process goes on, as it is when Lambda thaws one.
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
            // To enter a share takes the kernel milliseconds in which the process waits.
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

/// By the shell's own `kill`: the command is missing in small images.
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

/// What the threads of a process have used so far; `None` where the kernel does not tell.
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

/// The most memory a process has had at once, bytes. <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}
