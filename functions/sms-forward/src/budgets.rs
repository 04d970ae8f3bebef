//! What a text counts against, so that nobody can have us send without end, nor use up what others need.
//!
//! Counted are texts of a pair, and segments, which are what is paid for: those of one sender, of one company number, and of the
//! whole stack. Strangers may use four fifths of what they share; the last fifth is for correspondents that the employee has written to.
//! What employees send has budgets of its own, so that neither a flood of texts nor somebody who sends with an employee's number can
//! use up the other direction.

use std::time::SystemTime;

use futures_util::future::join_all;
use shared::config::Source;
use shared::limits::{Budget, Copies, Full, Taken, Window};
use shared::phone::E164;
use shared::table::{Key, Table, Unavailable, epoch};

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

    /// The budgets of a text.
    pub(crate) fn of(&self, text: &Text<'_>) -> Vec<Bound> {
        let Text {
            sid,
            company,
            sender,
            segments,
            is_reply,
            ..
        } = *text;
        let name = sid.get(2..).unwrap_or_default();
        let budget =
            |what, key: &str, max, window| Budget::new(what, key, max, window).once_for(name);
        let pair = format!("{}#{sender}", company.reveal());
        let minute = budget("text-pair", &pair, self.per_pair, Window::Minute);
        let mut bounds = vec![Bound {
            setting: "MESSAGES_PER_PAIR_PER_MINUTE",
            window: Window::Minute,
            strangers: self.per_pair,
            budget: minute,
        }];
        let mut ceiling = |setting, what, key: &str, strangers, max, window| {
            let budget = budget(what, key, max, window).weighing(segments);
            bounds.push(Bound {
                setting,
                window,
                strangers,
                budget,
            });
        };
        let windows = [Window::Hour, Window::Day];
        let most = |max: u64| max / 5 * 4;
        if is_reply {
            let key = format!("{}#segments", company.reveal());
            for (n, window) in windows.into_iter().enumerate() {
                ceiling(
                    PER_NUMBER[n],
                    "text-reply",
                    &key,
                    self.per_number[n],
                    self.per_number[n],
                    window,
                );
            }
        } else {
            // One of many senders has a share of what is for all of them, which grows with the first answer.
            let share = |part: u64| {
                (self.per_number[0] / part)
                    .max(SMALLEST)
                    .min(self.per_number[0])
            };
            ceiling(
                PER_NUMBER[0],
                "text-pair",
                &pair,
                share(4),
                share(2),
                Window::Hour,
            );
            for (n, window) in windows.into_iter().enumerate() {
                let max = self.per_number[n];
                ceiling(
                    PER_NUMBER[n],
                    "text",
                    company.reveal(),
                    most(max),
                    max,
                    window,
                );
            }
        }
        for (n, window) in windows.into_iter().enumerate() {
            ceiling(
                OVERALL[n],
                "text",
                "all",
                most(self.overall[n]),
                self.overall[n],
                window,
            );
        }
        if is_reply {
            let replies = budget(
                "text-reply",
                company.reveal(),
                self.replies_per_day,
                Window::Day,
            );
            bounds.push(Bound {
                setting: "REPLIES_PER_DAY",
                window: Window::Day,
                strangers: self.replies_per_day,
                budget: replies,
            });
        }
        bounds
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

/// One of a text's budgets.
pub(crate) struct Bound {
    setting: &'static str,
    window: Window,
    /// What strangers may use of it.
    strangers: u64,
    budget: Budget,
}

/// A budget that has no room.
pub(crate) struct Refusal {
    /// The setting that bounds it.
    pub(crate) setting: &'static str,
    pub(crate) window: Window,
    /// In how many minutes it has room again, if ever.
    pub(crate) again_in: Option<u64>,
}

impl Refusal {
    /// Whether it is a ceiling, of which the employee is told; what goes on within a minute is no news.
    pub(crate) fn is_ceiling(&self) -> bool {
        self.window != Window::Minute
    }
}

/// What counting came to.
pub(crate) struct Counted {
    taken: Vec<Taken>,
    /// The budget without room for the longest.
    pub(crate) refused: Option<Refusal>,
    /// Whether half of what all share is used.
    pub(crate) is_half_used: bool,
}

/// Counts a text against all its budgets at once. One of somebody whom the employee has written to may use the reserves, which takes
/// another two trips.
pub(crate) async fn count(
    table: &Table,
    limits: &Limits,
    text: &Text<'_>,
    now: SystemTime,
) -> Result<Counted, Unavailable> {
    let bounds = limits.of(text);
    let take = async |bound: &Bound, is_known: bool| {
        let budget = if is_known {
            bound.budget.clone()
        } else {
            bound.budget.up_to(bound.strangers)
        };
        budget.take(table, now).await
    };
    let mut results = join_all(bounds.iter().map(|bound| take(bound, text.is_employees))).await;
    let at_reserve = |bound: &Bound, result: &Result<Result<Taken, Full>, Unavailable>| {
        bound.window != Window::Minute && matches!(result, Ok(Err(_)))
    };
    let mut failed = None;
    let mut is_known = text.is_employees;
    if !is_known
        && bounds
            .iter()
            .zip(&results)
            .any(|(bound, result)| at_reserve(bound, result))
    {
        match table.get(known(text.company, text.sender), now).await {
            Ok(item) => is_known = item.is_some(),
            Err(error) => failed = Some(error),
        }
        if is_known {
            let again = bounds
                .iter()
                .zip(&mut results)
                .filter(|(bound, result)| at_reserve(bound, result));
            join_all(again.map(async |(bound, result)| *result = take(bound, true).await)).await;
        }
    }
    let mut counted = Counted {
        taken: Vec::new(),
        refused: None,
        is_half_used: false,
    };
    for (bound, result) in bounds.iter().zip(results) {
        match result {
            Ok(Ok(taken)) => {
                counted.is_half_used |= bound.setting == OVERALL[0] && taken.is_half_used;
                counted.taken.push(taken);
            }
            Ok(Err(full)) => {
                let budget = if is_known {
                    bound.budget.clone()
                } else {
                    bound.budget.up_to(bound.strangers)
                };
                let opens = budget
                    .opens_at(&full)
                    .map(|at| at.saturating_sub(epoch(now)).div_ceil(60).max(1));
                let refusal = Refusal {
                    setting: bound.setting,
                    window: bound.window,
                    again_in: opens,
                };
                // Of several the one that lasts longest; never is longest.
                let lasts = |refusal: &Refusal| refusal.again_in.unwrap_or(u64::MAX);
                if counted
                    .refused
                    .as_ref()
                    .is_none_or(|other| lasts(other) < lasts(&refusal))
                {
                    counted.refused = Some(refusal);
                }
            }
            Err(error) => failed = Some(error),
        }
    }
    if let Some(error) = failed {
        // What is counted by name may be the count of a copy that was passed on: it stays for whoever comes again.
        counted.give_back_copy(table, true).await;
        return Err(error);
    }
    Ok(counted)
}

impl Counted {
    /// Nothing was sent. What cannot be taken back stays counted.
    pub(crate) async fn give_back(&self, table: &Table) {
        join_all(self.taken.iter().map(|taken| taken.give_back(table))).await;
    }

    /// The text is one that came before: what was counted once more is taken back. Copies at the same moment are counted under one
    /// name where names are remembered.
    pub(crate) async fn give_back_copy(&self, table: &Table, at_the_same_moment: bool) {
        let surplus = self.taken.iter().filter(|taken| match taken.copies {
            Copies::CountEach => true,
            Copies::Counted => !at_the_same_moment,
            Copies::CountedBefore => false,
        });
        join_all(surplus.map(|taken| taken.give_back(table))).await;
    }
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
