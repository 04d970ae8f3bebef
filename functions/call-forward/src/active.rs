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

#[cfg(test)]
mod tests {
    use super::*;
    use shared::platform::table::Value;

    /// Noon.
    const NOW: u64 = 20_000 * DAY + DAY / 2;
    const LONGEST: u64 = 3_600;

    /// A call that began so many seconds ago, and seems to be active for so many more.
    fn call(sid: &str, from: Option<&str>, ago: u64, more: u64) -> (String, Value) {
        let mut attributes = vec![
            ("since", (NOW - ago).into()),
            ("until", (NOW + more).into()),
        ];
        attributes.extend(from.map(|from| ("from", from.into())));
        (entry(sid), Value::M(attributes))
    }

    fn told(ago: u64) -> (String, Value) {
        (TOLD_AT.to_owned(), (NOW - ago).into())
    }

    fn read(attributes: Vec<(String, Value)>) -> ActiveCalls {
        let item = attributes.into_iter().collect();
        ActiveCalls::from_item(&item, "own", LONGEST, NOW)
    }

    #[test]
    fn other_calls_are_active_until_they_are_too_old_to_be() {
        let calls = read(vec![
            call("own", Some("me"), 10, 10),
            call("on", Some("ann"), 10, 1),
            call("silent", None, 20, 1),
            call("perhaps", Some("bob"), 30, 0),
        ]);
        let mut others = calls.others.clone();
        others.sort();
        let silent = (None, NOW - 20);
        assert_eq!(others, [silent, (Some("ann".to_owned()), NOW - 10)]);
        let lines = [Some("ann"), None, Some("bob")].map(|caller| calls.lines_of(caller));
        assert_eq!(lines, [1, 1, 0]);
        assert!(calls.stale.is_empty() && calls.dropped.0.is_empty());
    }

    #[test]
    fn a_call_that_must_be_over_is_removed() {
        let calls = read(vec![
            call("over", None, LONGEST, 10),
            call("on", None, LONGEST - 1, 10),
        ]);
        assert_eq!(calls.stale, ["call_over"]);
        assert_eq!(calls.others.len(), 1);
    }

    #[test]
    fn the_mark_of_an_end_is_kept_for_two_minutes() {
        let mut calls = read(vec![
            (ending("old"), (NOW - ENDING_SECONDS).into()),
            (ending("new"), (NOW - ENDING_SECONDS + 1).into()),
            (ending("odd"), "no number".into()),
        ]);
        calls.stale.sort();
        assert_eq!(calls.stale, ["over_odd", "over_old"]);
    }

    #[test]
    fn seconds_count_while_a_call_lasts_if_ends_are_told() {
        let attributes = |told_ago: u64| {
            vec![
                (talked_on(NOW), 100.into()),
                (talked_on(NOW - DAY), 7.into()),
                told(told_ago),
                call("on", None, 10, 10),
                call("perhaps", None, 20, 0),
                call("own", None, 40, 10),
            ]
        };
        assert_eq!(read(attributes(DAY - 1)).talked, 130);
        assert_eq!(
            read(attributes(DAY)).talked,
            100,
            "nobody says how calls end"
        );
        let never = attributes(0)
            .into_iter()
            .filter(|(name, _)| name != TOLD_AT);
        assert_eq!(read(never.collect()).talked, 100);
    }

    #[test]
    fn of_many_calls_without_an_end_the_oldest_are_dropped_a_few_at_a_time() {
        let many = |calls: u64| (0..calls).map(|n| call(&format!("{n:03}"), None, 1_000 + n, 0));
        let kept = read(many(100).collect());
        assert_eq!(kept.dropped, (Vec::new(), 0));
        // The hundred newest are kept. Minutes are counted for twenty of the others.
        let counted = read(many(130).chain([told(0)]).collect());
        let twenty: Vec<String> = (100..120).map(|n| format!("call_{n:03}")).collect();
        let seconds = (1_100..1_120).sum();
        assert_eq!(counted.dropped, (twenty, seconds));
        // Where no end is ever told, all are dropped at once.
        let untold = read(many(130).collect());
        assert_eq!((untold.dropped.0.len(), untold.dropped.1), (30, 0));
    }
}
