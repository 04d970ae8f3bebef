//! The traffic of the table.

use std::collections::{BTreeMap, HashMap};

use super::key::Key;

/// The traffic since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::bench::load) struct Traffic {
    /// Writes that conflicted with a transaction, by the kind of the held item.
    pub(in crate::bench::load) conflicts: BTreeMap<String, u64>,
    /// Throttled writes, by the kind of the written item.
    pub(in crate::bench::load) throttled: BTreeMap<String, u64>,
    /// Billed writes and reads. A write in a transaction counts as two.
    pub(in crate::bench::load) writes: usize,
    pub(in crate::bench::load) reads: usize,
    /// Number of completed transactions, and the item in most of them: its kind and the number.
    pub(in crate::bench::load) transactions: u64,
    pub(in crate::bench::load) most_shared: Option<(String, u64)>,
    /// Requests that this implementation does not understand.
    pub(in crate::bench::load) problems: Vec<String>,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) conflicts: BTreeMap<String, u64>,
    pub(super) throttled: BTreeMap<String, u64>,
    pub(super) writes: usize,
    pub(super) reads: usize,
    pub(super) transactions: u64,
    pub(super) written: HashMap<Key, u64>,
    pub(super) problems: Vec<String>,
}
