//! Runs one process from exec to its end, with its own Runtime API, and measures it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    io,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{
    session::{SHOWN, Session, State},
    share::Share,
    upstreams::Upstreams,
};

/// Maximum time for one start with all its invocations.
const PATIENCE: Duration = Duration::from_mins(10);
/// Interval of the checks that the process still runs.
const LOOK: Duration = Duration::from_millis(200);

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
        state: Mutex::new(State::new(upstreams.traffic())),
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
