//! Where a run stopped, and whether the next one must visit all users.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::platform::table::{Item, Value};
use shared::platform::time::epoch;

/// After this many seconds a run visits all users, whatever the last walk found: webhooks may have
/// changed at Twilio, and a user may have been absent long enough.
const WALK: u64 = 3_600;
/// How many seconds Okta's lists may lag behind.
const BEHIND: u64 = 120;

/// Where a run stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The next page of Okta's users; `None`: the next run begins with the first page.
    pub(crate) next: Option<String>,
    /// The last user who was checked for a departure. The next run continues after this one.
    pub(crate) last_departed: Option<String>,
    /// A hash of the skipped users and the reasons.
    pub(crate) skipped: Option<String>,
    /// Okta does not take (any more) numbers into profiles, as far as is known.
    pub(crate) refused: bool,
    /// The last walk through all users, if it found nothing to do.
    pub(crate) quiet: Option<Quiet>,
}

/// A walk through all users that found nothing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quiet {
    /// When the walk began (epoch seconds).
    pub(crate) walked_at: u64,
    /// When the last run began that has checked all changes since the walk (epoch seconds).
    pub(crate) looked_at: u64,
    /// A hash of the walk's settings.
    pub(crate) settings: String,
}

impl Progress {
    pub(crate) fn from_item(item: &Item) -> Self {
        let text = |name: &str| item.text(name).map(str::to_owned);
        let quiet = || {
            Some(Quiet {
                walked_at: item.number("walked_at")?,
                looked_at: item.number("looked_at")?,
                settings: text("settings")?,
            })
        };
        Self {
            next: text("next"),
            last_departed: text("farewell"),
            skipped: text("skipped"),
            refused: item.number("refused").is_some(),
            quiet: quiet(),
        }
    }

    pub(crate) fn into_attributes(self) -> [(&'static str, Option<Value>); 7] {
        let quiet = self.quiet.as_ref();
        [
            ("walked_at", quiet.map(|quiet| quiet.walked_at.into())),
            ("looked_at", quiet.map(|quiet| quiet.looked_at.into())),
            (
                "settings",
                quiet.map(|quiet| quiet.settings.as_str().into()),
            ),
            ("next", self.next.map(Value::from)),
            ("farewell", self.last_departed.map(Value::from)),
            ("skipped", self.skipped.map(Value::from)),
            ("refused", self.refused.then_some(Value::from(1))),
        ]
    }

    /// The time from which changes count, if only changed users need a visit.
    pub(crate) fn quiet_since(&self, settings: &str, now: SystemTime) -> Option<SystemTime> {
        let quiet = self.quiet.as_ref()?;
        let age = epoch(now).checked_sub(quiet.walked_at)?;
        let holds = age < WALK && quiet.settings == settings && self.next.is_none();
        let since = Duration::from_secs(quiet.looked_at.saturating_sub(BEHIND));
        holds.then(|| UNIX_EPOCH + since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_is_spared_for_an_hour_while_nothing_else_changed() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let quiet = Quiet {
            walked_at: 10_000,
            looked_at: 11_000,
            settings: "a".to_owned(),
        };
        let mut progress = Progress {
            quiet: Some(quiet),
            ..Progress::default()
        };
        assert_eq!(progress.quiet_since("a", at(13_599)), Some(at(10_880)));
        assert_eq!(progress.quiet_since("a", at(13_600)), None);
        let wrong_clock = at(9_999);
        assert_eq!(progress.quiet_since("a", wrong_clock), None);
        assert_eq!(progress.quiet_since("b", at(12_000)), None);
        assert_eq!(Progress::default().quiet_since("a", at(12_000)), None);
        progress.next = Some("page".to_owned());
        assert_eq!(progress.quiet_since("a", at(12_000)), None);
    }

    #[test]
    fn the_next_run_reads_what_a_run_has_written() {
        let all = Progress {
            next: Some("page".to_owned()),
            last_departed: Some("00u1".to_owned()),
            skipped: Some("hash".to_owned()),
            refused: true,
            quiet: Some(Quiet {
                walked_at: 1,
                looked_at: 2,
                settings: "a".to_owned(),
            }),
        };
        for progress in [all, Progress::default()] {
            let written = progress.clone().into_attributes().into_iter();
            let item = written.filter_map(|(name, value)| Some((name, value?)));
            assert_eq!(Progress::from_item(&item.collect()), progress);
        }
    }
}
