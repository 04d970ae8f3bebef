//! Forwards an SMS to a company number to the employee's own phone, and the employee's reply to the
//! correspondent.
//!
//! Twilio posts the message. The flow:
//!
//! 1. Check Twilio's signature and read the message.
//! 2. Ask Okta whose number it is. At the same time read from the table who wrote last.
//! 3. Decide where the message goes (`decide`).
//! 4. Count it (`budgets`). At the same time read whether it was answered before.
//! 5. Remember it by its SID, and note who wrote last. These are separate writes, so that many
//!    messages at once do not conflict.
//! 6. Answer with TwiML that contains the SMS to send.
//!
//! A correspondent's message goes to the employee, headed by its sender. An employee's message goes
//! to the last correspondent, or to the number at its beginning (`+4512345678: text`).
//!
//! Twilio's retry gets the same answer again and changes nothing. A later request is a replay by an
//! attacker, and its answer reveals nothing.
//!
//! These messages are not forwarded, and the answer is an empty document: the number belongs to no
//! employee, the message opts out, it is a loop, or one sender writes faster than people do. If a
//! ceiling is reached, the message is not forwarded either, and the employee gets one SMS about
//! that. An outage is answered with 503, and Twilio retries.
//!
//! Promises: an employee's words do not reach an unintended person, as far as the function can
//! know. No SMS to a premium-rate range. No second SMS because an answer was lost.

mod budgets;
mod decide;

use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{Either, FutureExt as _, ready, select};
use ring::digest;
use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::http::BaseUrl;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::Secret;
use shared::platform::table::{Item, Key, Table, Unavailable, Update, Write, epoch, owner_id};
use shared::rules::limits::{Copies, Counted, Full};
use shared::rules::phone::{COUNTRIES, Countries, E164};
use shared::rules::sms::segments;
use shared::services::directory::Directory;
use shared::vendors::twilio::twiml::Response;
use shared::vendors::twilio::webhook::InboundSms;
use shared::vendors::twilio::{self, webhook};

use budgets::{Limits, Text};
use decide::Way;

const BODY_LIMIT: usize = 1024 * 1024;
const DAY: u64 = 86_400;
/// Twilio waits 15 s for an answer (<https://www.twilio.com/docs/api/errors/11205>). Part of that
/// time is for its retry.
const TIME_TO_ANSWER: Duration = Duration::from_secs(9);
/// Twilio retries within this time
/// (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>: 15 s in all). A
/// fallback URL, or a person who repeats the request, takes longer.
const RETRY_TIME: Duration = Duration::from_mins(5);
/// How long the table remembers that a message was answered, in seconds.
const REMEMBERED: u64 = 400 * DAY;
/// Copies of a request that arrive within this time may be handled at the same moment.
const AT_ONCE: Duration = Duration::from_secs(15);
/// How long an employee can answer the last correspondent without a number in front.
const THREAD: u64 = 30 * DAY;
/// How long a correspondent is known after the employee has written to them.
const KNOWN: u64 = 90 * DAY;

/// The function's settings and clients.
pub struct App {
    table: Table,
    directory: Directory,
    twilio: Secret<twilio::Credentials>,
    public_url: Option<BaseUrl>,
    rules: Rules,
}

struct Rules {
    countries: Option<Countries>,
    limits: Limits,
}

impl Function for App {
    const TIME: Option<Duration> = Some(TIME_TO_ANSWER);

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        Self {
            table: platform.table.clone(),
            directory: Directory::read(platform, source),
            twilio: platform.secret(source, "TWILIO_SECRET"),
            public_url: webhook::public_url(source),
            rules: Rules {
                countries: source.parsed("ALLOWED_COUNTRIES", COUNTRIES),
                limits: Limits::read(source),
            },
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        // A failure shows again on the first request.
        let _ = tokio::join!(
            self.twilio.get(now),
            self.directory.warm_up(now),
            platform.warm_up(6)
        );
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        request.expect_post("/", &webhook::FORMS, BODY_LIMIT)?;
        let form =
            webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
        let sms = InboundSms::parse(&form)?;
        let reply = match &sms.to {
            _ if sms.opts_out() => Response::new().into_reply("opted_out"),
            Some(to) if sms.from.as_ref() == Some(to) => refusal("loop"),
            Some(to) if decide::is_served(&sms.sender) => match self.pass_on(&sms, to, now).await {
                Ok(reply) | Err(reply) => reply,
            },
            _ => refusal("channel_not_served"),
        };
        Ok(reply
            .field("sid", sms.sid)
            .field("from", sms.from.map(|from| from.to_string())))
    }
}

impl App {
    async fn pass_on(
        &self,
        sms: &InboundSms,
        company: &E164,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        // Only replies need to know who wrote last. If the employee is cached, the table is not
        // read for other messages.
        let find = pin!(self.directory.find(company, now));
        let thread = pin!(self.table.get(thread_key(company), now));
        let (listing, thread) = match select(find, thread).await {
            Either::Left((listing, thread)) => (listing, thread.left_future()),
            Either::Right((thread, find)) => (find.await, ready(thread).right_future()),
        };
        let (listing, countries) = (listing?, self.rules.countries.as_ref());
        let (way, mobile) = decide::way(sms, company, &listing, countries).map_err(refusal)?;
        let last = match way {
            Way::Back(_) => number(
                thread.await.map_err(Failure::from)?.as_ref(),
                "correspondent",
            ),
            _ => None,
        };
        if let Some(last) = &last {
            decide::destination(last, company, mobile, countries).map_err(refusal)?;
        }
        let to = match &way {
            Way::To(number, _) => Some(number),
            _ => last.as_ref(),
        };
        let message = Message {
            sms,
            company,
            mobile,
            way: &way,
        };
        self.answer_once(&message, to, now).await
    }

    /// Counts a message and remembers it, or finds that it was answered before. The last write
    /// makes the counts valid.
    async fn answer_once(
        &self,
        message: &Message<'_>,
        to: Option<&E164>,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let sender = hash(&message.sms.sender);
        let (_, segments) = message.outgoing(to);
        let text = message.counted_as(&sender, segments);
        let (seen, fixed, counted) = tokio::join!(
            self.table.get(message.key(), now),
            self.fix_recipient(message, to, now),
            budgets::count(&self.table, &self.rules.limits, &text, now)
        );
        let (seen, to) = match seen.and_then(|seen| Ok((seen, fixed?))) {
            Ok(read) => read,
            Err(error) => {
                counted.give_back_copy(&self.table, true).await;
                return Err(Failure::from(error).into());
            }
        };
        if let Some(seen) = seen {
            self.give_back_to(&seen, &counted, now).await;
            return self.repeat(message, to.as_ref(), &seen, now).await;
        }
        if let Some(error) = counted.error.clone() {
            // The counts under this name may belong to a copy that was forwarded, so they stay for
            // the retry.
            counted.give_back_copy(&self.table, true).await;
            return Err(Failure::from(error).into());
        }
        if let Some(full) = budgets::refusal(&counted) {
            return self
                .refuse(message, to.as_ref(), &text, full, &counted, now)
                .await;
        }
        let me = owner_id();
        let done = message.remember(&me, now);
        let (done, followed) = tokio::join!(
            self.table.update(done),
            self.follow(message, to.as_ref(), millis(now), now)
        );
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                // Twilio repeats the request, which then counts again.
                counted.give_back_copy(&self.table, true).await;
                return Err(Failure::from(error).into());
            }
        };
        match done {
            // If our own write had no answer, its repetition finds our own item here.
            Write::Refused(seen) if seen.text("owner_id") != Some(&me) => {
                self.give_back_to(&seen, &counted, now).await;
                self.repeat(message, to.as_ref(), &seen, now).await
            }
            _ => {
                followed.map_err(Failure::from)?;
                let reply = message.answer(to.as_ref(), false);
                Ok(if budgets::is_half_used(&counted) {
                    reply.metric("HalfOfBudgetUsed", 1)
                } else {
                    reply
                })
            }
        }
    }

    /// Gives back the counts of a message that was answered as `seen` says. For a rejection that is
    /// everything; otherwise only what this copy has counted in addition. Copies at the same moment
    /// count under one name, as long as names are remembered.
    async fn give_back_to(&self, seen: &Item, counted: &Counted, now: SystemTime) {
        if seen.text("refused").is_some() {
            counted.give_back(&self.table).await;
        } else {
            let same_name = age(seen, now) < AT_ONCE;
            counted.give_back_copy(&self.table, same_name).await;
        }
    }

    /// The recipient of an employee's message without a number in front. It stays the recipient of
    /// the first delivery, also if another correspondent has written since.
    async fn fix_recipient(
        &self,
        message: &Message<'_>,
        to: Option<&E164>,
        now: SystemTime,
    ) -> Result<Option<E164>, Unavailable> {
        if !matches!(message.way, Way::Back(_)) {
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
    async fn follow(
        &self,
        message: &Message<'_>,
        to: Option<&E164>,
        at: u64,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let company = message.company;
        let thread = Update::new(thread_key(company))
            .set("noted_at", at)
            .set("expires_at", epoch(now) + THREAD);
        let thread = match (message.way, &message.sms.from, to) {
            (Way::Forward, Some(from), _)
                if decide::is_reachable(from, self.rules.countries.as_ref()) =>
            {
                Some(thread.set("correspondent", from.reveal()))
            }
            // The last sender cannot be answered. A reply must not go to the correspondent before.
            (Way::Forward, ..) => Some(thread.remove("correspondent")),
            (Way::To(..), _, Some(to)) => Some(thread.set("correspondent", to.reveal())),
            _ => None,
        };
        let thread = thread.map(|thread| {
            thread
                .only_if("attribute_not_exists(noted_at) OR noted_at <= :at")
                .bind(":at", at)
        });
        let answered = to.filter(|_| matches!(message.way, Way::Back(_) | Way::To(..)));
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

    /// Handles a repeated message. A retry gets the same answer, and missing writes are done. A
    /// replay gets nothing.
    async fn repeat(
        &self,
        message: &Message<'_>,
        to: Option<&E164>,
        seen: &Item,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        if age(seen, now) >= RETRY_TIME {
            return Ok(refusal("replayed"));
        }
        if let Some(outcome) = OVER_LIMIT
            .into_iter()
            .find(|outcome| seen.text("refused") == Some(outcome))
        {
            let notice = seen.text("notice").unwrap_or_default();
            return Ok(message.refused(outcome, notice).metric("Refused", 1));
        }
        self.follow(message, to, seen.number("at").unwrap_or_default(), now)
            .await
            .map_err(Failure::from)?;
        Ok(message.answer(to, true))
    }

    /// Rejects a message that is over a limit, now and for its retries. The employee is told about
    /// a ceiling once. A copy that had room may be forwarded at this moment, so the remembered
    /// answer decides whether the counts are given back.
    async fn refuse(
        &self,
        message: &Message<'_>,
        to: Option<&E164>,
        text: &Text<'_>,
        full: &Full,
        counted: &Counted,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let is_ceiling = budgets::is_ceiling(full);
        let outcome = OVER_LIMIT[usize::from(is_ceiling)];
        let told = if is_ceiling {
            let notice = budgets::notice(text, full.window);
            match notice.take(&self.table, now).await {
                Ok(told) => told.ok(),
                Err(error) => {
                    tracing::warn!(%error, "the employee is not told of the ceiling");
                    None
                }
            }
        } else {
            None
        };
        let notice = told.as_ref().map_or_else(String::new, |_| {
            let seconds = full.opens_at.map(|at| at.saturating_sub(epoch(now)));
            let minutes = seconds.map(|seconds| seconds.div_ceil(60).max(1));
            decide::over_limit(text.is_reply, minutes)
        });
        let me = owner_id();
        let update = message.remember(&me, now).set("refused", outcome);
        let update = if notice.is_empty() {
            update
        } else {
            update.set("notice", notice.as_str())
        };
        let written = match self.table.update(update).await {
            Ok(written) => written,
            Err(error) => {
                counted.give_back_copy(&self.table, true).await;
                return Err(Failure::from(error).into());
            }
        };
        match written {
            Write::Refused(seen) if seen.text("owner_id") != Some(&me) => {
                self.give_back_to(&seen, counted, now).await;
                // A copy was forwarded, so this notice is not sent. The next rejection still needs
                // one.
                if let Some(told) = told
                    .filter(|told| seen.text("refused").is_none() && told.copies == Copies::Counted)
                {
                    // If this fails, the notice stays counted.
                    let _ = told.give_back(&self.table).await;
                }
                self.repeat(message, to, &seen, now).await
            }
            _ => {
                counted.give_back(&self.table).await;
                let reply = message
                    .refused(outcome, &notice)
                    .metric("Refused", 1)
                    .field("limit", full.setting);
                let reply = if is_ceiling {
                    reply.metric("CeilingReached", 1)
                } else {
                    reply
                };
                Ok(if notice.is_empty() {
                    reply
                } else {
                    reply
                        .metric("SmsSent", 1)
                        .metric("SmsSegments", segments::count(&notice))
                })
            }
        }
    }
}

/// A message to a company number, and its way.
struct Message<'a> {
    sms: &'a InboundSms,
    company: &'a E164,
    mobile: &'a E164,
    way: &'a Way<'a>,
}

impl<'a> Message<'a> {
    fn key(&self) -> Key {
        Key::new(
            format!("seen#twilio-forward#{}", self.sms.sid),
            self.sms.fingerprint(),
        )
    }

    /// The write that remembers the answer, unless it is remembered already.
    fn remember(&self, me: &str, now: SystemTime) -> Update {
        Update::new(self.key())
            .set("at", millis(now))
            .set("owner_id", me)
            .set("expires_at", epoch(now) + REMEMBERED)
            .only_if("attribute_not_exists(pk)")
    }

    fn counted_as(&self, sender: &'a str, segments: u64) -> Text<'a> {
        Text {
            sid: &self.sms.sid,
            company: self.company,
            sender,
            segments,
            is_employees: !matches!(self.way, Way::Forward),
            is_reply: matches!(self.way, Way::Back(_) | Way::To(..)),
        }
    }

    /// The SMS to send, and its number of segments. An employee's message goes `to` this number, if
    /// it is known.
    fn outgoing<'b>(&'b self, to: Option<&'b E164>) -> (Outgoing<'b>, u64) {
        let (outcome, to, text, has_media) = match (self.way, to) {
            (Way::Forward, _) => {
                let headed = format!("From: {}\n\n{}", self.sms.sender, self.sms.body);
                ("forwarded", self.mobile, headed, true)
            }
            (Way::Back(text) | Way::To(_, text), Some(to)) => {
                ("replied", to, (*text).to_owned(), true)
            }
            (Way::Barred, _) => (
                "not_allowed",
                self.mobile,
                decide::NOT_ALLOWED.to_owned(),
                false,
            ),
            (Way::Unclear | Way::Back(_) | Way::To(..), _) => (
                "no_correspondent",
                self.mobile,
                decide::NOTICE.to_owned(),
                false,
            ),
        };
        let segments = decide::messages(&text)
            .into_iter()
            .map(segments::count)
            .sum();
        (
            Outgoing {
                outcome,
                to,
                text,
                media: if has_media { &self.sms.media } else { &[] },
            },
            segments,
        )
    }

    fn answer(&self, to: Option<&E164>, repeated: bool) -> Reply {
        let (
            Outgoing {
                outcome,
                to,
                text,
                media,
            },
            segments,
        ) = self.outgoing(to);
        let messages = decide::messages(&text);
        let media = std::iter::once(media).chain(std::iter::repeat(&[][..]));
        let texts = messages.iter().zip(media);
        let response = texts.fold(Response::new(), |response, (text, media)| {
            response.message_to(to, self.company, text, media)
        });
        let reply = if repeated {
            response.into_reply("repeated")
        } else {
            response
                .into_reply(outcome)
                .metric("SmsSent", messages.len() as u64)
                .metric("SmsSegments", segments)
        };
        reply
            .field("phone", to.to_string())
            .field("segments", segments)
    }

    /// The answer without forwarding. It contains `notice` for the employee, unless that is empty.
    fn refused(&self, outcome: &'static str, notice: &str) -> Reply {
        let response = Response::new();
        let response = if notice.is_empty() {
            response
        } else {
            response.message_to(self.mobile, self.company, notice, &[])
        };
        response
            .into_reply(outcome)
            .field("phone", self.mobile.to_string())
    }
}

/// The SMS to send for a message.
struct Outgoing<'a> {
    outcome: &'static str,
    to: &'a E164,
    text: String,
    media: &'a [String],
}

/// The two kinds of limits: messages of one pair in a minute, and ceilings.
const OVER_LIMIT: [&str; 2] = ["rate_limited", "ceiling_reached"];

/// The item that says who wrote to a company number last, or was written to, and when. It has no
/// `correspondent` if that sender cannot be answered.
fn thread_key(company: &E164) -> Key {
    Key::new(format!("thread#{}", company.reveal()), "last")
}

/// The hash that the table holds instead of a sender.
fn hash(sender: &str) -> String {
    hex::encode(&digest::digest(&digest::SHA256, sender.as_bytes()).as_ref()[..8])
}

fn number(item: Option<&Item>, name: &str) -> Option<E164> {
    item?.text(name)?.parse().ok()
}

/// In milliseconds, so that messages of the same second have an order.
fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// How long ago a message was answered.
fn age(seen: &Item, now: SystemTime) -> Duration {
    Duration::from_millis(millis(now).saturating_sub(seen.number("at").unwrap_or_default()))
}

/// The answer without any SMS. A retry would not change it.
fn refusal(outcome: &'static str) -> Reply {
    Response::new().into_reply(outcome).metric("Refused", 1)
}
