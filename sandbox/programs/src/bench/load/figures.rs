//! The results of loads.

use std::{collections::BTreeMap, time::Duration};

use super::{dynamodb::Traffic, machine::Used, work::Work};

/// The kind of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// All requests at once.
    Burst,
    /// The next request follows as soon as one is answered.
    Busy,
    /// Requests arrive at a rate.
    Open,
}

/// The result of one load.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) mode: Mode,
    pub(super) instances: usize,
    /// Arrivals a second.
    pub(super) rate: Option<f64>,
    pub(super) requests: usize,
    /// Requests with the expected answer whose text the provider has exactly once.
    pub(super) delivered: usize,
    /// Requests whose text the provider has more than once.
    pub(super) twice: usize,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// Delivered requests a second.
    pub(super) per_second: f64,
    /// The answers to the other requests, with their number.
    pub(super) refusals: BTreeMap<String, usize>,
    pub(super) traffic: Traffic,
    pub(super) used: Used,
}

/// The results of all loads of one kind of request.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) work: &'static Work,
    pub(super) rows: Vec<Row>,
    /// The complaints of the simulators.
    pub(super) problems: Vec<String>,
}
