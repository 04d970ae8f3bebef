//! A message to a company number: how it is counted and remembered, and the answers to it.

use std::time::{SystemTime, UNIX_EPOCH};

use shared::platform::reply::Reply;
use shared::platform::table::{Key, Update};
use shared::platform::time::epoch;
use shared::rules::phone::E164;
use shared::rules::sms::segments;
use shared::rules::words::Localizer;
use shared::vendors::twilio::twiml::Response;
use shared::vendors::twilio::webhook::InboundSms;

use crate::budgets::Text;
use crate::route::Route;
use crate::{DAY, notices};

/// How long the table remembers that a message was answered, in seconds.
const REMEMBERED: u64 = 400 * DAY;

/// A message to a company number, and where it goes.
pub(crate) struct Message<'a> {
    pub(crate) sms: &'a InboundSms,
    pub(crate) company: &'a E164,
    pub(crate) mobile: &'a E164,
    pub(crate) route: &'a Route<'a>,
    /// The texts in the employee's language.
    pub(crate) texts: &'a Localizer,
}

impl<'a> Message<'a> {
    pub(crate) fn key(&self) -> Key {
        Key::new(
            format!("seen#twilio-forward#{}", self.sms.sid),
            self.sms.fingerprint(),
        )
    }

    /// The write that remembers the answer, unless it is remembered already.
    pub(crate) fn remember(&self, me: &str, now: SystemTime) -> Update {
        Update::new(self.key())
            .set("at", millis(now))
            .set("owner_id", me)
            .set("expires_at", epoch(now) + REMEMBERED)
            .only_if("attribute_not_exists(pk)")
    }

    /// The message as it is counted, by the segments of the SMS to send.
    pub(crate) fn counted_as(&self, sender: &'a str, to: Option<&E164>) -> Text<'a> {
        Text {
            sid: &self.sms.sid,
            company: self.company,
            sender,
            segments: self.outgoing(to).segments(),
            is_employees: !matches!(self.route, Route::ToEmployee),
            is_reply: self.is_reply(),
        }
    }

    /// True for an employee's message that goes to a correspondent.
    pub(crate) fn is_reply(&self) -> bool {
        matches!(
            self.route,
            Route::ToLastCorrespondent(_) | Route::ToNumber(..)
        )
    }

    /// The SMS to send. An employee's message goes `to` this number, if it is known.
    fn outgoing<'b>(&'b self, to: Option<&'b E164>) -> Outgoing<'b> {
        let notice = |outcome, notice| (outcome, self.mobile, notice, &[][..]);
        let media = &self.sms.media[..];
        let (outcome, to, text, media) = match (self.route, to) {
            (Route::ToEmployee, _) => {
                let sender = [("sender", self.sms.sender.as_str().into())];
                let head = self.texts.with(&words::FORWARDED_FROM, &sender);
                let headed = format!("{head}\n\n{}", self.sms.body);
                ("forwarded", self.mobile, headed, media)
            }
            (Route::ToLastCorrespondent(text) | Route::ToNumber(_, text), Some(to)) => {
                ("replied", to, (*text).to_owned(), media)
            }
            (Route::NotAllowed, _) => notice("not_allowed", self.texts.text(&words::NOT_ALLOWED)),
            _ => notice("no_correspondent", notices::no_addressee(self.texts)),
        };
        Outgoing {
            outcome,
            to,
            text,
            media,
        }
    }

    pub(crate) fn answer(&self, to: Option<&E164>, repeated: bool) -> Reply {
        let outgoing = self.outgoing(to);
        let (texts, segments) = (notices::messages(&outgoing.text), outgoing.segments());
        let media = std::iter::once(outgoing.media).chain(std::iter::repeat(&[][..]));
        let response = texts
            .iter()
            .zip(media)
            .fold(Response::new(), |response, (text, media)| {
                response.message_to(outgoing.to, self.company, text, media)
            });
        let reply = if repeated {
            response.into_reply("repeated")
        } else {
            response
                .into_reply(outgoing.outcome)
                .metric("SmsSent", texts.len() as u64)
                .metric("SmsSegments", segments)
        };
        reply
            .field("phone", outgoing.to.to_string())
            .field("segments", segments)
    }

    /// The answer without forwarding. It contains `notice` for the employee, unless that is empty.
    pub(crate) fn refused(&self, outcome: &'static str, notice: &str) -> Reply {
        let response = match notice {
            "" => Response::new(),
            notice => Response::new().message_to(self.mobile, self.company, notice, &[]),
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

impl Outgoing<'_> {
    fn segments(&self) -> u64 {
        let texts = notices::messages(&self.text).into_iter();
        texts.map(segments::count).sum()
    }
}

/// In milliseconds, so that messages of the same second have an order.
pub(crate) fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
