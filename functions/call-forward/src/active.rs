//! The other calls of a company number, as its item in the table holds them.

use std::cmp::Reverse;

use shared::platform::table::Item;

use crate::DAY;

/// How long the mark of an ended call is kept, in seconds. Twilio's events about the end arrive
/// within seconds of each other, in any order.
const ENDING_SECONDS: u64 = 120;
/// How many calls are kept that no longer count as active but whose end was not reported. They are
/// kept for their minutes. People have fewer.
const UNENDED: usize = 100;
/// How many calls beyond those are dropped at a time, when their minutes are counted.
const DROPPED: usize = 20;
/// The attribute that says when Twilio last reported the end of any call of the number.
pub(crate) const TOLD_AT: &str = "told_at";

/// The other calls of a company number.
#[derive(Debug, Default)]
pub(crate) struct ActiveCalls {
    /// The calls that may be active: a hash of the caller, and the start.
    pub(crate) others: Vec<(Option<String>, u64)>,
    /// The seconds talked today, including those of calls under way.
    pub(crate) talked: u64,
    /// The attributes to remove: calls that must be over although their end was not reported, and
    /// marks of calls that ended long ago.
    pub(crate) stale: Vec<String>,
    /// The attributes of calls that are too many to keep, and their seconds up to now.
    pub(crate) dropped: (Vec<String>, u64),
}

impl ActiveCalls {
    /// Reads the other calls from the number's item, without the call `sid`. No call takes more
    /// than `longest` seconds.
    ///
    /// Calls under way count with their seconds up to now, but only if Twilio reports how the
    /// number's calls end. Without these reports a caller who hung up during the greeting looks
    /// like one who is talking.
    pub(crate) fn from_item(item: &Item, sid: &str, longest: u64, now: u64) -> Self {
        let since = |call: &Item| call.number("since").unwrap_or_default();
        let others = item.maps("call_").filter(|(other, _)| *other != sid);
        // Keep the entry until the longest possible call has ended: `hung_up` needs it to count the
        // minutes.
        let (over, mut calls): (Vec<_>, Vec<_>) =
            others.partition(|(_, call)| since(call) + longest <= now);
        calls.sort_by_key(|(_, call)| Reverse(since(call)));
        let are_ends_told = item.number(TOLD_AT).is_some_and(|at| now < at + DAY);
        let seconds = |calls: &[(&str, Item)]| -> u64 {
            let seconds = calls
                .iter()
                .map(|(_, call)| now.saturating_sub(since(call)));
            if are_ends_told { seconds.sum() } else { 0 }
        };
        let under_way = seconds(&calls);
        let (on, mut unended): (Vec<_>, Vec<_>) = calls
            .into_iter()
            .partition(|(_, call)| call.number("until").is_some_and(|until| until > now));
        let mut dropped = unended.split_off(UNENDED.min(unended.len()));
        if are_ends_told {
            dropped.truncate(DROPPED);
        }
        let entries = |calls: &[(&str, Item)]| -> Vec<String> {
            calls.iter().map(|(other, _)| entry(other)).collect()
        };
        let ended = item.names().filter(|name| {
            name.starts_with("over_")
                && item
                    .number(name)
                    .is_none_or(|ended| ended + ENDING_SECONDS <= now)
        });
        Self {
            stale: entries(&over)
                .into_iter()
                .chain(ended.map(str::to_owned))
                .collect(),
            others: on
                .iter()
                .map(|(_, call)| (call.text("from").map(str::to_owned), since(call)))
                .collect(),
            talked: item.number(&talked_on(now)).unwrap_or_default() + under_way,
            dropped: (entries(&dropped), seconds(&dropped)),
        }
    }

    /// The number of active calls from this caller, or from all callers without a number.
    pub(crate) fn lines_of(&self, caller: Option<&str>) -> usize {
        self.others
            .iter()
            .filter(|(other, _)| other.as_deref() == caller)
            .count()
    }
}

/// The attribute of a call that may be active.
pub(crate) fn entry(sid: &str) -> String {
    format!("call_{sid}")
}

/// The attribute of a call that has just ended.
pub(crate) fn ending(sid: &str) -> String {
    format!("over_{sid}")
}

/// The attribute that counts the seconds talked on the day of `now`.
pub(crate) fn talked_on(now: u64) -> String {
    format!("talked_{}", now / DAY)
}
