//! Forwards an SMS to a company number to the employee's own phone, and the employee's reply to the
//! correspondent.
//!
//! Twilio posts the message. The flow:
//!
//! 1. Check Twilio's signature and read the message.
//! 2. Ask Okta whose number it is. At the same time read from the table who wrote last.
//! 3. Decide where the message goes (`route`).
//! 4. Count it (`budgets`). At the same time note it by its SID, and read whether it was answered
//!    before (`once`). Another content with that SID is a replay.
//! 5. Remember it by its SID, and note who wrote last (`thread`). These are separate writes, so that many
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
mod message;
mod notices;
mod once;
mod route;
mod thread;

use std::pin::pin;
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, FutureExt as _, ready, select};
use ring::digest;
use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::Secret;
use shared::platform::table::{Item, Table};
use shared::rules::phone::{Countries, E164, read_countries};
use shared::rules::words::Words;
use shared::services::directory::Directory;
use shared::vendors::twilio::twiml::Response;
use shared::vendors::twilio::webhook::InboundSms;
use shared::vendors::twilio::{self, webhook};

use budgets::Limits;
use message::Message;
use route::Route;

const BODY_LIMIT: usize = 1024 * 1024;
const DAY: u64 = 86_400;
/// Twilio waits 15 s for an answer (<https://www.twilio.com/docs/api/errors/11205>). Part of that
/// time is for its retry.
const TIME_TO_ANSWER: Duration = Duration::from_secs(9);

/// The function's settings and clients.
pub struct App {
    table: Table,
    directory: Directory,
    twilio: Secret<twilio::Credentials>,
    public_url: Option<BaseUrl>,
    words: Words,
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
            words: Words::read(platform, source),
            rules: Rules {
                countries: read_countries(source, "ALLOWED_COUNTRIES"),
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
            Some(to) if route::is_served(&sms.sender) => match self.pass_on(&sms, to, now).await {
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
        let thread = pin!(self.table.get(thread::key(company), now));
        let (listing, thread) = match select(find, thread).await {
            Either::Left((listing, thread)) => (listing, thread.left_future()),
            Either::Right((thread, find)) => (find.await, ready(thread).right_future()),
        };
        let (listing, countries) = (listing?, self.rules.countries.as_ref());
        let (route, mobile) = route::of(sms, company, &listing, countries).map_err(refusal)?;
        let last = match route {
            Route::ToLastCorrespondent(_) => number(
                thread.await.map_err(Failure::from)?.as_ref(),
                "correspondent",
            ),
            _ => None,
        };
        if let Some(last) = &last {
            route::check_recipient(last, company, mobile, countries).map_err(refusal)?;
        }
        let to = match &route {
            Route::ToNumber(number, _) => Some(number),
            _ => last.as_ref(),
        };
        let texts = self.words.for_person(listing.locale(), Some(mobile), now);
        let texts = texts.await;
        let message = Message {
            sms,
            company,
            mobile,
            route: &route,
            texts: &texts,
        };
        self.answer_once(&message, to, now).await
    }
}

/// The hash that the table holds instead of a sender.
fn hash(sender: &str) -> String {
    hex::encode(&digest::digest(&digest::SHA256, sender.as_bytes()).as_ref()[..8])
}

fn number(item: Option<&Item>, name: &str) -> Option<E164> {
    item?.text(name)?.parse().ok()
}

/// The answer without any SMS. A retry would not change it.
fn refusal(outcome: &'static str) -> Reply {
    Response::new().into_reply(outcome).metric("Refused", 1)
}
