//! What the providers report.

use serde_json::{Value, json};
use shared::rules::delivery::Reference;

use super::CODE;
use crate::tape::Call;

/// The providers of the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// The first one. It posts its receipts.
    Clickatell,
    /// The second one. Its receipts are events.
    Aws,
}

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Not final.
    OnItsWay,
    /// Final.
    Delivered,
    /// Final.
    Blocked,
    /// Final. So the receipts of two messages differ.
    Expired,
    /// Final. Only Clickatell says so.
    OptedOut,
}

impl Provider {
    pub(super) fn of(call: &Call) -> Self {
        if call.target.contains("sms-voice") || call.target == "aws" {
            Self::Aws
        } else {
            Self::Clickatell
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Clickatell => "clickatell",
            Self::Aws => "aws",
        }
    }

    pub(super) fn id(self, number: u8) -> String {
        format!("{}-{number}", self.word())
    }
}

pub(super) fn clickatell(number: u8, said: Said) -> Value {
    let code = match said {
        Said::OnItsWay => 4,
        Said::Delivered => 5,
        Said::Expired => 20,
        Said::OptedOut => 21,
        Said::Blocked => 25,
    };
    let update = json!({
        "messageId": Provider::Clickatell.id(number),
        "clientMessageId": Reference::of(CODE).as_str(),
        "statusCode": code,
    });
    json!({ "event": { "messageStatusUpdate": [update] } })
}

pub(super) fn aws(number: u8, said: Said) -> Value {
    let kind = match said {
        Said::OnItsWay => "TEXT_SENT",
        Said::Delivered => "TEXT_DELIVERED",
        Said::Expired => "TEXT_TTL_EXPIRED",
        Said::Blocked | Said::OptedOut => "TEXT_BLOCKED",
    };
    json!({ "source": "aws.sms-voice", "detail": {
        "eventType": kind,
        "isFinal": true,
        "messageId": Provider::Aws.id(number),
        "context": { "reference": Reference::of(CODE).as_str() },
    } })
}
