//! Who wrote last to a company number, and to whom the employee has written.

use std::time::SystemTime;

use shared::platform::table::{Key, Unavailable, Update, Write};
use shared::platform::time::epoch;
use shared::rules::phone::E164;

use crate::message::Message;
use crate::route::{self, Route};
use crate::{App, DAY, budgets, hash, number};

/// How long an employee can answer the last correspondent without a number in front.
const THREAD: u64 = 30 * DAY;
/// How long a correspondent is known after the employee has written to them.
const KNOWN: u64 = 90 * DAY;

/// The item that says who wrote to a company number last, or was written to, and when. It has no
/// `correspondent` if that sender cannot be answered.
pub(crate) fn key(company: &E164) -> Key {
    Key::new(format!("thread#{}", company.reveal()), "last")
}

impl App {
    /// The recipient of an employee's message without a number in front. It stays the recipient of
    /// the first delivery, also if another correspondent has written since.
    pub(crate) async fn fix_recipient(
        &self,
        message: &Message<'_>,
        to: Option<&E164>,
        now: SystemTime,
    ) -> Result<Option<E164>, Unavailable> {
        if !matches!(message.route, Route::ToLastCorrespondent(_)) {
            return Ok(to.cloned());
        }
        let update = Update::new(Key::new(message.key().pk, "to"))
            .set("expires_at", epoch(now) + DAY)
            .only_if("attribute_not_exists(pk) OR expires_at <= :now")
            .bind(":now", epoch(now));
        let update = match to {
            Some(to) => update.set("to", to.reveal()),
            None => update.remove("to"),
        };
        Ok(match self.table.update(update).await? {
            Write::Done(item) | Write::Refused(item) => number(Some(&item), "to"),
        })
    }

    /// Notes who wrote last and to whom the employee has written, unless a newer message is noted.
    /// If this fails the message is not answered: otherwise a later reply could reach the wrong
    /// person.
    pub(crate) async fn follow(
        &self,
        message: &Message<'_>,
        to: Option<&E164>,
        at: u64,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let company = message.company;
        let thread = Update::new(key(company))
            .set("noted_at", at)
            .set("expires_at", epoch(now) + THREAD);
        let thread = match (message.route, &message.sms.from, to) {
            (Route::ToEmployee, Some(from), _)
                if route::is_reachable(from, self.rules.countries.as_ref()) =>
            {
                Some(thread.set("correspondent", from.reveal()))
            }
            // The last sender cannot be answered. A reply must not go to the correspondent before.
            (Route::ToEmployee, ..) => Some(thread.remove("correspondent")),
            (Route::ToNumber(..), _, Some(to)) => Some(thread.set("correspondent", to.reveal())),
            _ => None,
        };
        let thread = thread.map(|thread| {
            thread
                .only_if("attribute_not_exists(noted_at) OR noted_at <= :at")
                .bind(":at", at)
        });
        let answered = to.filter(|_| message.is_reply());
        let known = answered.map(|to| {
            let key = budgets::known(company, &hash(to.reveal()));
            Update::new(key).set("expires_at", epoch(now) + KNOWN)
        });
        let write = async |update: Option<Update>| match update {
            Some(update) => self.table.update(update).await.map(drop),
            None => Ok(()),
        };
        tokio::try_join!(write(thread), write(known)).map(drop)
    }
}
