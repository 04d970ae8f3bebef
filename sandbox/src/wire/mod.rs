//! The loopback HTTP server of every simulator. It records all exchanges and produces faults on
//! demand.

mod client;
mod complaints;
mod exchange;
mod fault;
mod faults;
mod listener;
mod locking;
mod serve;
mod server;
mod shared;
mod tap;

pub use client::client;
pub use complaints::Complaints;
pub use exchange::Exchange;
pub use fault::{Fault, Gate};
pub use faults::Faults;
pub(crate) use locking::lock;
pub use serve::BODY_LIMIT;
pub use server::Server;
pub(crate) use tap::{News, RequestNumber, Tap, number};
