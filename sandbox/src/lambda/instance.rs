//! One execution environment: its process is started, watched and started again.

use std::sync::{Arc, Mutex};

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
use crate::wire::lock;

/// One execution environment.
pub(super) struct Instance {
    pub(super) core: Arc<Core>,
    pub(super) index: usize,
    pub(super) current: Mutex<Option<(String, Reply)>>,
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
}

pub(super) async fn supervise(instance: Arc<Instance>, mut command: Command) {
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
