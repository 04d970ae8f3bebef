//! Decides which faults a server produces.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    fault::{Aim, Fault, Plan},
    listener::{BACKLOG, bind},
    locking::lock,
    shared::Shared,
};

/// Decides which faults one [`super::Server`] produces. Cheap to clone.
#[derive(Clone)]
pub struct Faults(pub(super) Arc<Shared>);

impl Faults {
    /// Queues one fault. Each request takes one fault from the queue, in order.
    pub fn next(&self, fault: Fault) {
        self.next_for("", fault);
    }

    /// Queues one fault for the next request whose method, path and query (`POST /path?query`)
    /// contain `part`. Other requests do not take it.
    pub fn next_for(&self, part: &str, fault: Fault) {
        lock(&self.0.faults).queue.push_back((
            Aim {
                target: part.to_owned(),
                ..Aim::default()
            },
            fault,
        ));
    }

    /// Queues one fault for the next request whose body contains `part`. This selects one of
    /// several requests at the same time.
    pub fn next_with(&self, part: &str, fault: Fault) {
        lock(&self.0.faults).queue.push_back((
            Aim {
                body: part.to_owned(),
                ..Aim::default()
            },
            fault,
        ));
    }

    /// Queues `n` faults.
    pub fn times(&self, n: usize, fault: impl Fn() -> Fault) {
        lock(&self.0.faults)
            .queue
            .extend((0..n).map(|_| (Aim::default(), fault())));
    }

    /// Sets the fault for every request that takes none from the queue. `None`: no fault.
    pub fn always(&self, fault: Option<Fault>) {
        lock(&self.0.faults).always = fault.map(|fault| (Aim::default(), fault));
    }

    /// Sets the fault for every request whose body contains `part` and that takes none from the
    /// queue.
    pub fn always_with(&self, part: &str, fault: Fault) {
        lock(&self.0.faults).always = Some((
            Aim {
                body: part.to_owned(),
                ..Aim::default()
            },
            fault,
        ));
    }

    /// Removes all faults. If connections were refused, the server listens again.
    pub fn clear(&self) {
        *lock(&self.0.faults) = Plan::default();
        self.refuse(false);
    }

    /// The number of queued faults that no request has taken yet.
    pub fn pending(&self) -> usize {
        lock(&self.0.faults).queue.len()
    }

    /// `true`: the server behaves from now on like a process that is gone. It does not listen, and
    /// open connections are dropped. A handler at work comes to its end, as in a provider behind a
    /// broken line. `false`: the server listens again on the same port.
    pub fn refuse(&self, on: bool) {
        let _context = self.0.runtime.enter();
        let mut door = lock(&self.0.door);
        let moved = if on && door.listener.is_some() {
            door.listener = None;
            self.0.cuts.fetch_add(1, Ordering::SeqCst);
            lock(&self.0.connections).abort_all();
            // A child process holds a copy of the listener until it executes its own program.
            let mut patience = 200;
            let socket = loop {
                match bind(self.0.port) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse && patience > 0 => {
                        patience -= 1;
                    }
                    bound => break bound,
                }
                std::thread::sleep(Duration::from_millis(5));
            };
            socket.map(|socket| door.reserved = Some(socket))
        } else if let Some(socket) = door.reserved.take_if(|_| !on) {
            socket.listen(BACKLOG).map(|listener| door.open(listener))
        } else {
            Ok(())
        };
        moved.unwrap_or_else(|error| panic!("{}, port {}: {error}", self.0.name, self.0.port));
    }

    pub(super) fn take(&self, target: &str, body: &[u8]) -> Option<Fault> {
        let mut plan = lock(&self.0.faults);
        let body = String::from_utf8_lossy(body);
        let meets =
            |aim: &Aim| target.contains(aim.target.as_str()) && body.contains(aim.body.as_str());
        let aimed = plan
            .queue
            .iter()
            .position(|(aim, _)| meets(aim))
            .and_then(|index| plan.queue.remove(index));
        aimed
            .or_else(|| plan.always.clone().filter(|(aim, _)| meets(aim)))
            .map(|(_, fault)| fault)
    }
}
