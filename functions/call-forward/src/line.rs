//! The calls of a company number in the table: active calls, seconds talked, and the steps already
//! answered.

use std::time::SystemTime;

use shared::platform::random::owner_id;
use shared::platform::table::{Key, Table, Unavailable, Update, Value, Write};
use shared::platform::time::epoch;
use shared::rules::phone::E164;

use crate::active::{self, ActiveCalls, TOLD_AT};
use crate::{App, DAY, REMEMBERED, TABLE_TIME};

/// Twilio retries within this many seconds
/// (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>: 15 s in all).
const RETRY_SECONDS: u64 = 60;
/// Longer than Twilio needs to speak any greeting.
pub(crate) const GREETING_SECONDS: u64 = 90;

/// The step in which Twilio reports the end of the dialled call.
pub(crate) const DIALLED: &str = "dialled";

/// What the report of a call's end met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The call's place. It is free now.
    Freed,
    /// The mark of an earlier report of the same end.
    Repeated,
    /// Nothing: the call was never connected, or `/after` has freed its place.
    NoPlace,
}

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
        let owner = owner_id();
        let mut entry = vec![
            ("since", Value::N(seconds)),
            ("until", Value::N(until)),
            ("owner_id", Value::from(owner.as_str())),
        ];
        entry.extend(caller.map(|caller| ("from", Value::from(caller))));
        let (call, ending) = (active::entry(sid), active::ending(sid));
        let update = Update::new(line_key(to))
            .only_if(format!(
                "attribute_not_exists({call}) AND attribute_not_exists({ending})"
            ))
            .set(call, Value::M(entry))
            .set("expires_at", seconds + 2 * DAY);
        let (item, is_new) = match self.table.update(update).await? {
            Write::Done(item) => (item, true),
            Write::Refused(item) => {
                // Our own write, whose answer was lost.
                let is_ours = item
                    .maps("call_")
                    .any(|(other, call)| other == sid && call.text("owner_id") == Some(&owner));
                (item, is_ours)
            }
        };
        let active = ActiveCalls::from_item(&item, sid, longest, seconds);
        Ok((active, is_new))
    }

    /// Removes these attributes from the number's item, and counts their seconds once.
    pub(crate) async fn forget(
        &self,
        to: &E164,
        attributes: Vec<String>,
        seconds: u64,
        now: SystemTime,
    ) {
        if attributes.is_empty() {
            return;
        }
        let mut update = Update::new(line_key(to)).only_if("attribute_exists(pk)");
        if seconds > 0 {
            // Another instance may be removing the same attributes.
            let all_exist: Vec<_> = attributes
                .iter()
                .map(|name| format!("attribute_exists({name})"))
                .collect();
            update = update
                .only_if(all_exist.join(" AND "))
                .add(active::talked_on(epoch(now)), seconds.cast_signed());
        }
        let update = attributes.into_iter().fold(update, Update::remove);
        // If this fails, the attributes stop counting when their time is over.
        let _ = tokio::time::timeout(TABLE_TIME, self.table.update(update)).await;
    }

    /// True if this step was answered before, longer ago than Twilio retries. False if the table is
    /// unavailable.
    pub(crate) async fn is_replay(&self, sid: &str, step: &str, now: SystemTime) -> bool {
        self.is_repeated(Update::new(step_key(sid, step)), now)
            .await
    }

    /// As [`App::is_replay`], for the end of the dialled call. The status callback reads there
    /// whether the call was answered.
    pub(crate) async fn is_replayed_end(&self, sid: &str, answered: bool, now: SystemTime) -> bool {
        let update = Update::new(step_key(sid, DIALLED)).set("answered", u64::from(answered));
        self.is_repeated(update, now).await
    }

    async fn is_repeated(&self, update: Update, now: SystemTime) -> bool {
        let seconds = epoch(now);
        let update = update
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
    ///
    /// # Errors
    /// [`Unavailable`]; Twilio then tells once more.
    pub(crate) async fn end(
        &self,
        sid: &str,
        to: &E164,
        now: SystemTime,
    ) -> Result<End, Unavailable> {
        let (call, ending, seconds) = (active::entry(sid), active::ending(sid), epoch(now));
        let told = Update::new(line_key(to))
            .set(TOLD_AT, seconds)
            .set("expires_at", seconds + 2 * DAY);
        let update = told
            .clone()
            .only_if(format!("attribute_exists({call})"))
            .remove(call)
            .set(&ending, seconds);
        let Write::Refused(item) = Table::within(TABLE_TIME, self.table.update(update)).await?
        else {
            return Ok(End::Freed);
        };
        // That the end of a call is reported is noted once an hour.
        if item.number(TOLD_AT).is_none_or(|at| at + 3_600 <= seconds) {
            let told = told.only_if("attribute_exists(pk)");
            // A failure only means that a later report is the first.
            let _ = Table::within(TABLE_TIME, self.table.update(told)).await;
        }
        Ok(match item.number(&ending) {
            Some(_) => End::Repeated,
            None => End::NoPlace,
        })
    }

    /// Removes a call from its number's active calls and counts the seconds talked, once.
    pub(crate) async fn hung_up(&self, sid: &str, to: &E164, seconds: u64, now: SystemTime) {
        let (call, ending) = (active::entry(sid), active::ending(sid));
        let talked = active::talked_on(epoch(now));
        let update = Update::new(line_key(to))
            .only_if(format!(
                "attribute_exists({call}) OR attribute_exists({ending})"
            ))
            .remove(call)
            .remove(ending)
            .remove(active::talked_on(epoch(now).saturating_sub(2 * DAY)))
            .add(talked, seconds.min(DAY).cast_signed())
            .set("expires_at", epoch(now) + 2 * DAY);
        if let Err(error) = Table::within(TABLE_TIME, self.table.update(update)).await {
            tracing::warn!(%error, "the end of a call could not be noted; its entry ends by itself");
        }
    }
}

/// The item that says when a step of a call was answered.
pub(crate) fn step_key(sid: &str, step: &str) -> Key {
    Key::new(format!("seen#call#{sid}"), step)
}

fn line_key(company: &E164) -> Key {
    Key::new(format!("rate#calls#{}", company.reveal()), "active")
}
