//! The calls of a company number in the table: active calls, seconds talked, and the steps already
//! answered.

use std::time::SystemTime;

use shared::platform::reply::{Failure, Reply};
use shared::platform::table::{Key, Table, Unavailable, Update, Value, Write, epoch};
use shared::rules::phone::E164;

use crate::decide::{self, ActiveCalls};
use crate::{App, DAY, REMEMBERED, TABLE_TIME};

/// Twilio retries within this many seconds
/// (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>: 15 s in all).
const RETRY_SECONDS: u64 = 60;
/// Longer than Twilio needs to speak any greeting.
const GREETING_SECONDS: u64 = 90;

impl App {
    /// Notes a call with the number's other calls. Returns those, and true if the call is new. A
    /// repeated step must neither start a call again nor bring back one that has ended.
    pub(crate) async fn record_call(
        &self,
        sid: &str,
        to: &E164,
        caller: Option<&str>,
        now: SystemTime,
    ) -> Result<(ActiveCalls, bool), Unavailable> {
        let seconds = epoch(now);
        // Without a status callback Twilio sends no event if the caller hangs up during the
        // greeting. So an entry counts as active only for greeting plus ring time.
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

    /// Removes these attributes from the number's item.
    pub(crate) async fn forget(&self, to: &E164, attributes: Vec<String>) {
        if attributes.is_empty() {
            return;
        }
        let update = attributes
            .into_iter()
            .fold(Update::new(line_key(to)), Update::remove)
            .only_if("attribute_exists(pk)");
        // If this fails, the attributes stop counting when their time is over.
        let _ = tokio::time::timeout(TABLE_TIME, self.table.update(update)).await;
    }

    /// True if this step was answered before, longer ago than Twilio retries. False if the table is
    /// unavailable.
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

    /// Ends a call, so that it no longer counts as active. A mark stays in place of its entry: if
    /// the minutes are reported later, they are counted once.
    pub(crate) async fn end(&self, sid: &str, to: &E164, now: SystemTime) -> Result<Reply, Reply> {
        let call = decide::entry(sid);
        let update = Update::new(line_key(to))
            .only_if(format!("attribute_exists({call})"))
            .remove(call)
            .set(decide::ending(sid), epoch(now))
            .set("expires_at", epoch(now) + 2 * DAY);
        let written = Table::within(TABLE_TIME, self.table.update(update)).await;
        let written = written.map_err(Failure::from)?;
        // Otherwise the call was never connected, or `/after` has ended it.
        Ok(Reply::empty(
            204,
            if matches!(written, Write::Done(_)) {
                "call_ended"
            } else {
                "nothing_to_end"
            },
        ))
    }

    /// Removes a call from its number's active calls and counts the seconds talked, once.
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
