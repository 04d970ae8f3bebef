//! The Runtime API of one measured process.
//!
//! The clock is read when a request of the process arrives, before the request is handled.

use std::{
    io::BufReader,
    net::TcpStream,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    time::{Duration, Instant},
};

use super::{
    http::{self, Request},
    process::{cpu, peak_memory, signal},
    share::Share,
    start::{Course, Program, Sample, Thawed},
    upstreams::{Traffic, Upstreams},
};

/// Maximum number of characters shown of an unexpected answer, and of a log.
pub(super) const SHOWN: usize = 1_500;

/// The shared state of one process's connections.
pub(super) struct Session<'a> {
    pub(super) program: &'a Program,
    pub(super) upstreams: &'a Upstreams,
    pub(super) share: Option<&'a Share>,
    pub(super) course: Course,
    pub(super) state: Mutex<State>,
    pub(super) done: mpsc::Sender<Result<Sample, String>>,
}

pub(super) struct State {
    pub(super) started: Instant,
    /// When the current event was sent.
    handed: Instant,
    pub(super) process: u32,
    answered: usize,
    pub(super) over: bool,
    /// The traffic until the process was stopped.
    frozen: Option<Traffic>,
    before: Traffic,
    cpu: Vec<Option<Duration>>,
    requests: Vec<usize>,
    sample: Sample,
}

impl State {
    /// The state before the process starts, with the upstreams' traffic until then.
    pub(super) fn new(before: Traffic) -> Self {
        let now = Instant::now();
        Self {
            started: now,
            handed: now,
            process: 0,
            answered: 0,
            over: false,
            frozen: None,
            before,
            cpu: Vec::new(),
            requests: Vec::new(),
            sample: Sample::default(),
        }
    }
}

impl Session<'_> {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of the process to the Runtime API.
    pub(super) fn serve(&self, stream: TcpStream) {
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

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(SHOWN).collect()
}
