//! What a text counts against, so that nobody can have us send without end, nor use up what others need.
//!
//! Counted are texts of a pair, and segments, which are what is paid for: those of one sender, of one company number, and of the
//! whole stack. Strangers may use four fifths of what they share; the last fifth is for correspondents that the employee has written to.
//! What employees send has budgets of its own, so that neither a flood of texts nor somebody who sends with an employee's number can
//! use up the other direction.

use std::time::SystemTime;

use shared::platform::config::Source;
use shared::platform::table::{Key, Table};
use shared::rules::limits::{self, Budget, Counted, Full, Reserve, Window};
use shared::rules::phone::E164;

/// No ceiling is smaller: the longest text that Twilio delivers has some thirty segments.
const SMALLEST: u64 = 50;
const LARGEST: u64 = 10_000_000;
/// One company number may use no more than this part of what all share, for what it forwards and for what its employee sends.
const PART: u64 = 4;
const PER_NUMBER: [&str; 2] = [
    "FORWARD_SEGMENTS_PER_NUMBER_PER_HOUR",
    "FORWARD_SEGMENTS_PER_NUMBER_PER_DAY",
];
const OVERALL: [&str; 2] = ["FORWARD_SEGMENTS_PER_HOUR", "FORWARD_SEGMENTS_PER_DAY"];

/// How much.
#[derive(Debug)]
pub(crate) struct Limits {
    per_pair: u64,
    /// A number as sender is no proof of who sends: what somebody else could send in an employee's name is bounded.
    replies_per_day: u64,
    /// Segments an hour and a day.
    per_number: [u64; 2],
    overall: [u64; 2],
}

impl Limits {
    /// Reads the settings; what is wrong is noted in `source`.
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        let per_pair = source.number("MESSAGES_PER_PAIR_PER_MINUTE", 5, 1..=1_000);
        let replies_per_day = source.number("REPLIES_PER_DAY", 200, 1..=100_000);
        let per_number = [
            source.number(
                "FORWARD_SEGMENTS_PER_NUMBER_PER_HOUR",
                200,
                SMALLEST..=LARGEST,
            ),
            source.number(
                "FORWARD_SEGMENTS_PER_NUMBER_PER_DAY",
                1_000,
                SMALLEST..=LARGEST,
            ),
        ];
        let overall = [
            source.number(
                "FORWARD_SEGMENTS_PER_HOUR",
                2_000,
                SMALLEST * PART..=LARGEST,
            ),
            source.number(
                "FORWARD_SEGMENTS_PER_DAY",
                10_000,
                SMALLEST * PART..=LARGEST,
            ),
        ];
        for ((own, all), names) in per_number
            .into_iter()
            .zip(overall)
            .zip(PER_NUMBER.into_iter().zip(OVERALL))
        {
            if own > all / PART {
                let (name, whole) = names;
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

    /// The budgets of a text. What it says of strangers is for who is no employee.
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
        let mut budgets = vec![budget(
            "MESSAGES_PER_PAIR_PER_MINUTE",
            "text-pair",
            &pair,
            self.per_pair,
            Window::Minute,
        )];
        if !text.is_reply {
            // One of many senders has a share of what is for all of them, which grows with the first answer.
            let all = self.per_number[0];
            let share = |part: u64| (all / part).max(SMALLEST).min(all);
            let (setting, window) = (PER_NUMBER[0], Window::Hour);
            budgets.push(ceiling(
                setting,
                "text-pair",
                &pair,
                share(4),
                share(2),
                window,
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
            let max = self.replies_per_day;
            let window = Window::Day;
            budgets.push(budget(
                "REPLIES_PER_DAY",
                "text-reply",
                company,
                max,
                window,
            ));
        }
        budgets
    }
}

/// A text as it is counted.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) sid: &'a str,
    pub(crate) company: &'a E164,
    /// A hash of who sends.
    pub(crate) sender: &'a str,
    /// What is sent because of it.
    pub(crate) segments: u64,
    /// From the employee's phone, so no stranger's.
    pub(crate) is_employees: bool,
    /// To somebody else than the employee.
    pub(crate) is_reply: bool,
}

/// Counts a text against all its budgets at once. One of somebody whom the employee has written to may use the reserves.
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

/// Whether half of what all share is used.
pub(crate) fn is_half_used(counted: &Counted) -> bool {
    counted.is_half_used(OVERALL[0])
}

/// Of the budgets without room the one that lasts longest; never is longest.
pub(crate) fn refusal(counted: &Counted) -> Option<&Full> {
    let lasts = |full: &&Full| full.opens_at.unwrap_or(u64::MAX);
    counted.full.iter().rev().max_by_key(lasts)
}

/// Whether it is a ceiling, of which the employee is told; what goes on within a minute is no news.
pub(crate) fn is_ceiling(full: &Full) -> bool {
    full.window != Window::Minute
}

/// Where it is noted that an employee wrote to somebody.
pub(crate) fn known(company: &E164, correspondent: &str) -> Key {
    Key::new(
        format!("thread#{}", company.reveal()),
        format!("known#{correspondent}"),
    )
}

/// An employee is told once within the window of the budget that refused.
pub(crate) fn notice(text: &Text<'_>, window: Window) -> Budget {
    let direction = if text.is_reply {
        "not-sent"
    } else {
        "not-forwarded"
    };
    let key = format!("{}#{direction}", text.company.reveal());
    Budget::new("text", &key, 1, window).once_for(text.sid.get(2..).unwrap_or_default())
}
