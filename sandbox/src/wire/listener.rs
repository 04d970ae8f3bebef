//! The listening socket of a server, and its port.

use std::{
    io,
    net::Ipv4Addr,
    sync::atomic::{AtomicU32, Ordering},
    task::Waker,
};

use tokio::net::{TcpListener, TcpSocket};

/// Maximum number of connections that wait to be accepted.
pub(super) const BACKLOG: u32 = 1024;

/// The state of the listener. Without a listener, connections are refused and a bound socket keeps
/// the port. The accept loop leaves its waker here.
#[derive(Default)]
pub(super) struct Door {
    pub(super) listener: Option<TcpListener>,
    pub(super) reserved: Option<TcpSocket>,
    pub(super) waker: Option<Waker>,
}

impl Door {
    pub(super) fn open(&mut self, listener: TcpListener) {
        self.listener = Some(listener);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

pub(super) fn bind(port: u16) -> io::Result<TcpSocket> {
    let at = |port: u16| {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?; // past connections do not keep the port
        socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
        Ok(socket)
    };
    if port != 0 {
        return at(port);
    }
    // Other test suites that run at the same time take long runs of these ports.
    for _ in 1..5_000 {
        match at(free_port()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    at(free_port())
}

/// A port below the range that systems give to outgoing connections. Each port is given once: the
/// port of a server that refuses connections for a while must not go to another server meanwhile.
fn free_port() -> u16 {
    const FIRST: u32 = 15_000;
    const COUNT: u32 = 17_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let next = std::process::id()
        .wrapping_mul(997)
        .wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
    u16::try_from(FIRST + next % COUNT).unwrap_or_default()
}
