//! `cargo sandbox`, as a person starts it, and the commands beside it.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Maximum time to build and start the functions, or for a line to come.
const PATIENCE: Duration = Duration::from_mins(20);

/// A running sandbox. It ends when this is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) port: u16,
    lines: Arc<(Mutex<Vec<String>>, Condvar)>,
}

/// The program with these arguments.
pub(crate) fn sandbox(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    command.args(arguments).env_remove("SANDBOX_PORT");
    command
}

/// What the program prints, when it has ended.
pub(crate) fn output(arguments: &[&str]) -> Output {
    sandbox(arguments).output().unwrap()
}

/// Ports that no other test of this process has, and no other program.
pub(crate) fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 5).unwrap();
    for _ in 0..20 {
        let first = 9_000 + process * 1_000 + NEXT.fetch_add(1, Ordering::Relaxed) * 50;
        let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (first..first + 45).all(is_free) {
            return first;
        }
    }
    panic!("no free ports");
}

impl Program {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(options: &[&str]) -> Self {
        let port = free_ports();
        let mut child = sandbox(&["sandbox", "--port", &port.to_string()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = Arc::<(Mutex<Vec<String>>, Condvar)>::default();
        let filled = Arc::clone(&lines);
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                filled.0.lock().unwrap().push(line);
                filled.1.notify_all();
            }
            filled
                .0
                .lock()
                .unwrap()
                .push("the output has ended".to_owned());
            filled.1.notify_all();
        });
        let program = Self { child, port, lines };
        program.wait("Ctrl-C stops everything");
        program
    }

    /// The first line that contains all these words. Waits for it.
    pub(crate) fn wait(&self, words: &str) -> String {
        let (mut seen, begun) = (self.lines.0.lock().unwrap(), Instant::now());
        loop {
            let mut lines = seen.iter();
            if let Some(line) =
                lines.find(|line| words.split(" … ").all(|word| line.contains(word)))
            {
                return line.clone();
            }
            let ended = seen
                .last()
                .is_some_and(|line| line == "the output has ended");
            assert!(
                !ended && begun.elapsed() < PATIENCE,
                "no line {words}: {seen:#?}"
            );
            seen = (self
                .lines
                .1
                .wait_timeout(seen, Duration::from_secs(1))
                .unwrap())
            .0;
        }
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.0.lock().unwrap().clone()
    }

    /// What a command prints that uses this sandbox. It must succeed.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let output = sandbox(&[&["sandbox"], arguments].concat())
            .env("SANDBOX_PORT", self.port.to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
