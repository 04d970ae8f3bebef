//! Missed calls: the employee gets one SMS about each call that nobody answered.
//!
//! The status callback tells that a call is over, but not whether the mobile phone was answered.
//! `/after` knows that, and may be processed at the same moment: if a caller hangs up, Twilio makes
//! both requests at once. So the status callback waits for the other request for a short time. The
//! recording of a message comes in the same way, and its SMS says everything.

use std::time::{Duration, Instant, SystemTime};

use shared::platform::reply::{Failure, Reply};
use shared::platform::table::{Table, Unavailable};
use shared::platform::time::epoch;
use shared::rules::phone::E164;
use shared::rules::words::Localizer;
use shared::vendors::twilio::webhook::InboundCall;

use crate::line::{DIALLED, End, GREETING_SECONDS, step_key};
use crate::voicemail::News;
use crate::{App, TABLE_TIME};

/// How long the status callback waits for the other requests about the same call.
const WAIT: Duration = Duration::from_secs(2);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// After this many seconds, a dialled call that was not answered is history. No message is that
/// long, so only a replay tells of it.
const HISTORY: u64 = 900;

/// What is known about a call that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was answered, or never connected, or a message tells of it.
    NotMissed,
    /// The mobile phone rang, and nobody answered.
    NotAnswered,
    /// The caller hung up before that.
    HungUp,
}

impl App {
    /// The end of a call: its place is free, and a missed one is told.
    pub(crate) async fn ended(
        &self,
        call: &InboundCall,
        to: &E164,
        seconds: u64,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let started = Instant::now();
        let end = self.end(&call.sid, to, now).await.map_err(Failure::from)?;
        let fate = if self.rules.missed_call_text {
            self.fate(&call.sid, end, seconds, now)
                .await
                .map_err(Failure::from)?
        } else {
            Fate::NotMissed
        };
        if fate == Fate::NotMissed {
            let outcome = match end {
                End::Freed => "call_ended",
                End::Repeated | End::NoPlace => "nothing_to_end",
            };
            return Ok(answer(outcome));
        }
        let text = |texts: &Localizer| match &call.from {
            Some(from) => texts.with(&words::MISSED_CALL, &[("caller", from.reveal().into())]),
            None => texts.text(&words::MISSED_CALL_WITHHELD),
        };
        let news = News {
            kind: "missed",
            step: "missed",
            text: &text,
            outcomes: [
                "missed_call",
                "missed_call_text_failed",
                "missed_call_limit",
            ],
            answer: &answer,
            replayed,
        };
        let told = self.tell(call, to, &news, started, now).await?;
        // `/after` has counted the others.
        Ok(match (fate, end) {
            (Fate::HungUp, End::Freed) => told.metric("MissedCalls", 1),
            _ => told,
        })
    }

    async fn fate(
        &self,
        sid: &str,
        end: End,
        seconds: u64,
        now: SystemTime,
    ) -> Result<Fate, Unavailable> {
        let waiting = Instant::now();
        loop {
            let is_over = waiting.elapsed() >= WAIT;
            let steps = async {
                tokio::try_join!(
                    self.table.get(step_key(sid, DIALLED), now),
                    self.table.get(step_key(sid, "recorded"), now)
                )
            };
            let (dialled, recorded) = Table::within(TABLE_TIME, steps).await?;
            let fate = match dialled {
                _ if recorded.is_some() => return Ok(Fate::NotMissed),
                Some(dialled) => {
                    let at = dialled.number("at").unwrap_or_default();
                    if dialled.number("answered") != Some(0) || at + HISTORY <= epoch(now) {
                        return Ok(Fate::NotMissed);
                    }
                    if !self.rules.voicemail {
                        return Ok(Fate::NotAnswered);
                    }
                    Fate::NotAnswered
                }
                None if end == End::NoPlace => return Ok(Fate::NotMissed),
                // Longer than any greeting and the ringing: somebody answered, and `/after` failed.
                None if seconds > self.rules.ring_seconds + GREETING_SECONDS => {
                    return Ok(Fate::NotMissed);
                }
                None => Fate::HungUp,
            };
            if is_over {
                return Ok(fate);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn answer(outcome: &'static str) -> Reply {
    Reply::empty(204, outcome)
}

fn replayed() -> Reply {
    answer("replayed").metric("Refused", 1)
}
