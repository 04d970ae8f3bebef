//! What a message comes to.

use std::borrow::Cow;

use shared::platform::reply::Reply;
use shared::rules::link::Link;
use shared::vendors::twilio::twiml;

use crate::texts::Texts;

/// Why a message gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It opts out of all texts.
    OptedOut,
    /// Nothing waits for its number.
    NothingPending,
    /// Too many wrong replies came from its number.
    WrongReplyIgnored,
    /// It was meant for a request that is gone.
    Repeated,
}

/// How a message is answered.
pub(crate) enum Outcome {
    /// Auth0 says that it succeeded.
    Confirmed {
        /// The code of the request, if it had one.
        code: Option<String>,
    },
    /// Auth0 took the form, and its page does not say how that ended.
    Submitted {
        /// Likewise.
        code: Option<String>,
    },
    /// Confirmed before, so it is the same answer again.
    ConfirmedBefore {
        /// It was only submitted.
        submitted: bool,
    },
    /// The link is handed over.
    PasswordLink {
        /// A credential.
        link: Link,
    },
    /// Several requests wait: which one?
    Listed {
        /// All of them, with their codes.
        text: String,
    },
    /// All requests are dropped.
    Cancelled,
    /// Another word.
    Wrong,
    /// Too late.
    Expired,
    /// Auth0 refuses the link.
    LinkRefused,
    /// The link's host was taken off the list.
    LinkNoLongerAllowed,
    /// No clear word from Auth0: it may be tried again.
    Unclear {
        /// The request that was tried in vain.
        request: Option<String>,
        /// For the log.
        why: Option<String>,
    },
    /// No answer.
    Silent(Silence),
}

impl Outcome {
    /// Its word in the log.
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
            Self::Silent(Silence::Repeated) => "repeated",
        }
    }

    /// The answer, empty if there is none.
    pub(crate) fn text<'a>(&'a self, texts: &'a Texts) -> Cow<'a, str> {
        match self {
            Self::Confirmed { .. } | Self::ConfirmedBefore { submitted: false } => {
                texts.confirmed.as_str().into()
            }
            Self::Submitted { .. } | Self::ConfirmedBefore { submitted: true } => {
                texts.submitted.as_str().into()
            }
            Self::PasswordLink { link } => {
                texts.password_link.replace("{link}", link.reveal()).into()
            }
            Self::Listed { text } => text.as_str().into(),
            Self::Wrong => texts.wrong.as_str().into(),
            Self::Expired | Self::LinkRefused | Self::LinkNoLongerAllowed => {
                texts.expired.as_str().into()
            }
            Self::Unclear { .. } => texts.retry.as_str().into(),
            Self::Cancelled | Self::Silent(_) => "".into(),
        }
    }

    /// Whether a request was used up for good just now.
    pub(crate) fn is_confirmed(&self) -> bool {
        matches!(self, Self::Confirmed { .. } | Self::Submitted { .. })
    }

    /// The reply to Twilio.
    pub(crate) fn into_reply(self, texts: &Texts) -> Reply {
        let reply = reply(&self.text(texts), self.word());
        match self {
            Self::Confirmed { .. } => reply.metric("Confirmed", 1),
            Self::Unclear { why: Some(why), .. } => reply.field("error", why),
            _ => reply,
        }
    }
}

/// The reply with this answer, which may be empty for none.
pub(crate) fn reply(text: &str, outcome: &'static str) -> Reply {
    let response = twiml::Response::new();
    let response = if text.is_empty() {
        response
    } else {
        response.message(text)
    };
    response.into_reply(outcome)
}
