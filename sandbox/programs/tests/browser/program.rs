//! `cargo sandbox`, as a person starts it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU16, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Maximum time to build and start the functions.
const PATIENCE: Duration = Duration::from_mins(20);

/// A running sandbox. It ends when this is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) page: String,
}

impl Program {
    pub(crate) fn start() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Below the ports that systems give to outgoing connections, and above those of the tests
        // in one process.
        let place = u16::try_from(std::process::id() % 20).unwrap() * 6;
        for attempt in 0..6 {
            let port = 32_100 + (place + NEXT.fetch_add(1, Ordering::Relaxed) + attempt) % 6 * 100;
            if let Some(program) = Self::on(port) {
                return program;
            }
        }
        panic!("no free ports");
    }

    fn on(port: u16) -> Option<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sandbox"))
            .args(["sandbox", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (said, heard) = mpsc::channel();
        thread::spawn(move || {
            let mut page = String::new();
            for line in output.lines() {
                let Ok(line) = line else { return };
                if let Some(url) = line.strip_prefix("The page: ") {
                    url.clone_into(&mut page);
                }
                if line.starts_with("Ctrl-C stops everything") {
                    let _ = said.send(page.clone());
                }
            }
        });
        if let Ok(page) = heard.recv_timeout(PATIENCE) {
            return Some(Self { child, page });
        }
        let _ = child.kill();
        let _ = child.wait();
        None
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
