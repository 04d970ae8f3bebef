//! A company number's calls in the table: which of them are on, how long was talked, and which of their steps were answered.

use std::time::SystemTime;

use shared::platform::reply::{Failure, Reply};
use shared::platform::table::{Key, Table, Unavailable, Update, Value, Write, epoch};
use shared::rules::phone::E164;

use crate::decide::{self, ActiveCalls};
use crate::{App, DAY, REMEMBERED, TABLE_TIME};

/// Twilio tries again within this time (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>: 15 s in all).
const RETRY_SECONDS: u64 = 60;
/// Longer than any greeting takes to speak.
const GREETING_SECONDS: u64 = 90;

impl App {
    /// Notes a call beside the others of its number, which it returns, and whether it was not there yet: a step that comes again
    /// neither brings a call back that has ended nor lets one begin anew.
    pub(crate) async fn record_call(
        &self,
        sid: &str,
        to: &E164,
        caller: Option<&str>,
        now: SystemTime,
    ) -> Result<(ActiveCalls, bool), Unavailable> {
        let seconds = epoch(now);
        // Where no status callback is registered nobody tells when a caller hangs up during the greeting, so a call without an end
        // counts only as long as one that rings.
        let until = seconds + self.rules.ring_seconds + GREETING_SECONDS;
        let longest = until - seconds + self.rules.call_seconds;
        let mut entry = vec![("since", Value::N(seconds)), ("until", Value::N(until))];
        entry.extend(caller.map(|caller| ("from", Value::from(caller))));
        let (call, ending) = (decide::entry(sid), decide::ending(sid));
        let update = Update::new(line_key(to))
            .only_if(format!(
                "attribute_not_exists({call}) AND attribute_not_exists({ending})"
            ))
            .set(call, Value::M(entry))
            .set("expires_at", seconds + 2 * DAY);
        Ok(match self.table.update(update).await? {
            Write::Done(item) => (ActiveCalls::from_item(&item, sid, longest, seconds), true),
            Write::Refused(item) => (ActiveCalls::from_item(&item, sid, longest, seconds), false),
        })
    }

    /// Takes these attributes out of a number's item.
    pub(crate) async fn forget(&self, to: &E164, attributes: Vec<String>) {
        if attributes.is_empty() {
            return;
        }
        let update = attributes
            .into_iter()
            .fold(Update::new(line_key(to)), Update::remove)
            .only_if("attribute_exists(pk)");
        // What stays counts no more once its time is over.
        let _ = tokio::time::timeout(TABLE_TIME, self.table.update(update)).await;
    }

    /// Whether this step of a call was answered before, and longer ago than Twilio asks again. Where that cannot be known, it was not.
    pub(crate) async fn is_replay(&self, sid: &str, step: &str, now: SystemTime) -> bool {
        let seconds = epoch(now);
        let update = Update::new(Key::new(format!("seen#call#{sid}"), step))
            .set("at", seconds)
            .set("expires_at", seconds + REMEMBERED)
            .only_if("attribute_not_exists(pk)");
        match Table::within(TABLE_TIME, self.table.update(update)).await {
            Ok(Write::Done(_)) => false,
            Ok(Write::Refused(seen)) => seen
                .number("at")
                .is_none_or(|at| at + RETRY_SECONDS <= seconds),
            Err(error) => {
                tracing::warn!(%error, "whether the step was answered before is not known");
                false
            }
        }
    }

    /// A call is over: its place is free. Its entry goes, but for a mark by which its minutes are counted once if they are told later.
    pub(crate) async fn end(&self, sid: &str, to: &E164, now: SystemTime) -> Result<Reply, Reply> {
        let call = decide::entry(sid);
        let update = Update::new(line_key(to))
            .only_if(format!("attribute_exists({call})"))
            .remove(call)
            .set(decide::ending(sid), epoch(now))
            .set("expires_at", epoch(now) + 2 * DAY);
        let written = Table::within(TABLE_TIME, self.table.update(update)).await;
        let written = written.map_err(Failure::from)?;
        // Or it was never connected, or `/after` has ended it.
        Ok(Reply::empty(
            204,
            if matches!(written, Write::Done(_)) {
                "call_ended"
            } else {
                "nothing_to_end"
            },
        ))
    }

    /// Takes a call off its number's list, and counts what was talked, once.
    pub(crate) async fn hung_up(&self, sid: &str, to: &E164, seconds: u64, now: SystemTime) {
        let (call, ending) = (decide::entry(sid), decide::ending(sid));
        let talked = decide::talked_on(epoch(now));
        let update = Update::new(line_key(to))
            .only_if(format!(
                "attribute_exists({call}) OR attribute_exists({ending})"
            ))
            .remove(call)
            .remove(ending)
            .remove(decide::talked_on(epoch(now).saturating_sub(2 * DAY)))
            .add(talked, seconds.min(DAY).cast_signed())
            .set("expires_at", epoch(now) + 2 * DAY);
        if let Err(error) = Table::within(TABLE_TIME, self.table.update(update)).await {
            tracing::warn!(%error, "the end of a call could not be noted; its entry ends by itself");
        }
    }
}

fn line_key(company: &E164) -> Key {
    Key::new(format!("rate#calls#{}", company.reveal()), "active")
}
