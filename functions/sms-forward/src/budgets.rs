//! The budgets that a message counts against. They limit what strangers can cost, and keep a share
//! for known correspondents.
//!
//! A pair of sender and company number has a budget of messages. Segments, which cost money, have
//! ceilings: for one sender, for one company number, and for the whole stack. Strangers may use
//! four fifths of a shared ceiling. The last fifth is for correspondents to whom the employee has
//! written. Employees' messages have their own budgets. So neither a flood of messages nor an
//! attacker who sends with an employee's number can use up the other direction.

use std::time::SystemTime;

use shared::platform::config::Source;
use shared::platform::table::{Key, Table};
use shared::rules::limits::{self, Budget, Counted, Full, Reserve, Window};
use shared::rules::phone::E164;

/// The smallest ceiling. The longest message that Twilio delivers has about thirty segments.
const SMALLEST: u64 = 50;
const LARGEST: u64 = 10_000_000;
/// One company number may use at most one of this many parts of the stack's ceiling, in each
/// direction.
const PART: u64 = 4;
const PER_NUMBER: [&str; 2] = [
    "FORWARD_SEGMENTS_PER_NUMBER_PER_HOUR",
    "FORWARD_SEGMENTS_PER_NUMBER_PER_DAY",
];
const OVERALL: [&str; 2] = ["FORWARD_SEGMENTS_PER_HOUR", "FORWARD_SEGMENTS_PER_DAY"];

/// The limits.
#[derive(Debug)]
pub(crate) struct Limits {
    per_pair: u64,
    /// A sender's number proves nothing. This limits what an attacker could send in an employee's
    /// name.
    replies_per_day: u64,
    /// Segments in an hour and in a day.
    per_number: [u64; 2],
    overall: [u64; 2],
}

impl Limits {
    /// Reads the settings and reports problems to `source`.
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        let per_pair = source.number("MESSAGES_PER_PAIR_PER_MINUTE", 5, 1..=1_000);
        let replies_per_day = source.number("REPLIES_PER_DAY", 200, 1..=100_000);
        let mut segments =
            |name, default, part: u64| source.number(name, default, SMALLEST * part..=LARGEST);
        let per_number = [
            segments("FORWARD_SEGMENTS_PER_NUMBER_PER_HOUR", 200, 1),
            segments("FORWARD_SEGMENTS_PER_NUMBER_PER_DAY", 1_000, 1),
        ];
        let overall = [
            segments("FORWARD_SEGMENTS_PER_HOUR", 2_000, PART),
            segments("FORWARD_SEGMENTS_PER_DAY", 10_000, PART),
        ];
        for n in 0..2 {
            if per_number[n] > overall[n] / PART {
                let (name, whole) = (PER_NUMBER[n], OVERALL[n]);
                source
                    .problem(format!("{name} is more than a quarter of {whole}: one company number could use up what all share"));
            }
        }
        Self {
            per_pair,
            replies_per_day,
            per_number,
            overall,
        }
    }

    /// The budgets of a message. The reserves apply only to senders who are not employees.
    fn of(&self, text: &Text<'_>) -> Vec<Budget> {
        let name = text.sid.get(2..).unwrap_or_default();
        let company = text.company.reveal();
        let pair = format!("{company}#{}", text.sender);
        let budget = |setting, what, key: &str, max, window| {
            Budget::new(what, key, max, window)
                .set_by(setting)
                .once_for(name)
        };
        let ceiling = |setting, what, key: &str, strangers: u64, max, window| {
            let reserve = if text.is_employees {
                0
            } else {
                max - strangers
            };
            budget(setting, what, key, max, window)
                .weighing(text.segments)
                .reserving(reserve)
        };
        let most = |max: u64| max / 5 * 4;
        let (setting, window) = ("MESSAGES_PER_PAIR_PER_MINUTE", Window::Minute);
        let mut budgets = vec![budget(setting, "text-pair", &pair, self.per_pair, window)];
        if !text.is_reply {
            // One sender gets a share of the number's ceiling. The share is larger once the
            // employee has answered.
            let all = self.per_number[0];
            let share = |part: u64| (all / part).max(SMALLEST).min(all);
            let (few, more, setting) = (share(4), share(2), PER_NUMBER[0]);
            budgets.push(ceiling(
                setting,
                "text-pair",
                &pair,
                few,
                more,
                Window::Hour,
            ));
        }
        let replies = format!("{company}#segments");
        for (n, window) in [Window::Hour, Window::Day].into_iter().enumerate() {
            let (own, all) = (self.per_number[n], self.overall[n]);
            budgets.push(if text.is_reply {
                ceiling(PER_NUMBER[n], "text-reply", &replies, own, own, window)
            } else {
                ceiling(PER_NUMBER[n], "text", company, most(own), own, window)
            });
            budgets.push(ceiling(OVERALL[n], "text", "all", most(all), all, window));
        }
        if text.is_reply {
            let (setting, max) = ("REPLIES_PER_DAY", self.replies_per_day);
            budgets.push(budget(setting, "text-reply", company, max, Window::Day));
        }
        budgets
    }
}

/// A message, as it is counted.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) sid: &'a str,
    pub(crate) company: &'a E164,
    /// A hash of the sender.
    pub(crate) sender: &'a str,
    /// The segments of the SMS to send.
    pub(crate) segments: u64,
    /// True if the message comes from the employee's phone.
    pub(crate) is_employees: bool,
    /// True if the recipient is a correspondent.
    pub(crate) is_reply: bool,
}

/// Counts a message against all its budgets at once. A known correspondent may use the reserves.
pub(crate) async fn count(
    table: &Table,
    limits: &Limits,
    text: &Text<'_>,
    now: SystemTime,
) -> Counted {
    limits::take_all(&limits.of(text), table, now, async |_| {
        let known = table.get(known(text.company, text.sender), now).await?;
        Ok(known.map_or(Reserve::Nothing, |_| Reserve::All))
    })
    .await
}

/// True if half of the stack's ceiling is used.
pub(crate) fn is_half_used(counted: &Counted) -> bool {
    counted.is_half_used(OVERALL[0])
}

/// Of the full budgets, the one that stays full longest. One that never opens again counts as
/// longest.
pub(crate) fn refusal(counted: &Counted) -> Option<&Full> {
    let lasts = |full: &&Full| full.opens_at.unwrap_or(u64::MAX);
    counted.full.iter().rev().max_by_key(lasts)
}

/// True for a ceiling, which the employee is told about. A limit for one minute is not worth an
/// SMS.
pub(crate) fn is_ceiling(full: &Full) -> bool {
    full.window != Window::Minute
}

/// The key of the item that says an employee has written to this correspondent.
pub(crate) fn known(company: &E164, correspondent: &str) -> Key {
    Key::new(
        format!("thread#{}", company.reveal()),
        format!("known#{correspondent}"),
    )
}

/// The budget for telling the employee: once in the window of the budget that is full.
pub(crate) fn notice(text: &Text<'_>, window: Window) -> Budget {
    let direction = if text.is_reply {
        "not-sent"
    } else {
        "not-forwarded"
    };
    let key = format!("{}#{direction}", text.company.reveal());
    Budget::new("text", &key, 1, window).once_for(text.sid.get(2..).unwrap_or_default())
}
