//! The outcome of a message, and its answer.

use std::time::SystemTime;

use shared::platform::reply::Reply;
use shared::rules::link::Link;
use shared::rules::pending::Request;
use shared::rules::words::Localizer;
use shared::vendors::twilio::twiml;

use words::Language;

use crate::texts;

/// Why a message gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// The message opts out of all SMS.
    OptedOut,
    /// No request waits that the message can be an answer to.
    NothingPending,
    /// The number sent too many wrong replies.
    WrongReplyIgnored,
}

/// The outcome of a message, which decides its answer.
pub(crate) enum Outcome {
    /// Auth0 says that the confirmation succeeded. `code` is the request's, if it had one.
    Confirmed { code: Option<String> },
    /// Auth0 accepted the form, but its page does not say how it ended.
    Submitted { code: Option<String> },
    /// The request was confirmed before: the same answer again.
    ConfirmedBefore {
        is_submitted: bool,
        language: Option<String>,
    },
    /// The answer contains the password link, which is a credential.
    PasswordLink { link: Link },
    /// Several requests wait: ask which one, with a list of them and their codes.
    Listed { requests: Vec<Request> },
    /// All requests of the number are cancelled.
    Cancelled,
    /// The word is not one that confirms.
    Wrong,
    /// The request has expired.
    Expired,
    /// Auth0 rejects the link.
    LinkRefused,
    /// The link's host is no longer on the list.
    LinkNoLongerAllowed,
    /// Auth0 gave no clear answer. The person may try again. `why` is for the log.
    Unclear { why: String },
    /// No answer.
    Silent(Silence),
}

impl Outcome {
    /// The outcome's word in the log.
    fn word(&self) -> &'static str {
        match self {
            Self::Confirmed { .. } => "confirmed",
            Self::Submitted { .. } => "submitted",
            Self::ConfirmedBefore { .. } => "confirmed_before",
            Self::PasswordLink { .. } => "password_link",
            Self::Listed { .. } => "listed",
            Self::Cancelled => "cancelled",
            Self::Wrong => "wrong_reply",
            Self::Expired => "expired",
            Self::LinkRefused => "link_refused",
            Self::LinkNoLongerAllowed => "link_no_longer_allowed",
            Self::Unclear { .. } => "unclear",
            Self::Silent(Silence::OptedOut) => "opted_out",
            Self::Silent(Silence::NothingPending) => "nothing_pending",
            Self::Silent(Silence::WrongReplyIgnored) => "wrong_reply_ignored",
        }
    }

    /// The answer, in the language of `texts`.
    pub(crate) fn answer(&self, texts: &Localizer, now: SystemTime) -> Answer {
        let text = match self {
            Self::Confirmed { .. }
            | Self::ConfirmedBefore {
                is_submitted: false,
                ..
            } => texts.text(&words::CONFIRMED),
            Self::Submitted { .. } | Self::ConfirmedBefore { .. } => texts.text(&words::SUBMITTED),
            Self::PasswordLink { link } => {
                texts.with(&words::PASSWORD_LINK, &[("link", link.reveal().into())])
            }
            Self::Listed { requests } => texts::list(requests, texts, now),
            Self::Wrong => texts.asking(&words::WRONG_REPLY, &[]),
            Self::Expired | Self::LinkRefused | Self::LinkNoLongerAllowed => {
                texts.text(&words::EXPIRED_REPLY)
            }
            Self::Unclear { .. } => texts.asking(&words::RETRY_REPLY, &[]),
            Self::Cancelled | Self::Silent(_) => String::new(),
        };
        Answer {
            text,
            language: texts.language(),
        }
    }

    /// The language of an earlier answer that is given again.
    pub(crate) fn language(&self) -> Option<&str> {
        match self {
            Self::ConfirmedBefore { language, .. } => language.as_deref(),
            _ => None,
        }
    }

    /// True if a request has just been used for good.
    pub(crate) fn is_confirmed(&self) -> bool {
        matches!(self, Self::Confirmed { .. } | Self::Submitted { .. })
    }

    /// The reply to Twilio.
    pub(crate) fn into_reply(self, answer: &Answer) -> Reply {
        let reply = reply(&answer.text, self.word());
        match self {
            Self::Confirmed { .. } => reply.metric("Confirmed", 1),
            Self::Unclear { why } => reply.field("error", why),
            _ => reply,
        }
    }
}

/// The answer to a phone.
pub(crate) struct Answer {
    /// Empty for no answer.
    pub(crate) text: String,
    pub(crate) language: Language,
}

/// The reply with this text; no answer if it is empty.
pub(crate) fn reply(text: &str, outcome: &'static str) -> Reply {
    let response = twiml::Response::new();
    match text {
        "" => response.into_reply(outcome),
        text => response.message(text).into_reply(outcome),
    }
}
