//! The record of a request and its answer.

use std::time::{Duration, Instant};

use bytes::Bytes;

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When the request's head had arrived.
    pub started: Instant,
    /// Time from the request's head until the answer is ready; zero until then.
    pub took: Duration,
    /// `GET`, `POST`...
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub request: Bytes,
    /// Status of the answer. `None`: no answer yet, or the connection was dropped.
    pub status: Option<u16>,
    /// The answer's body before a fault changed it on the way.
    pub response: Bytes,
}
