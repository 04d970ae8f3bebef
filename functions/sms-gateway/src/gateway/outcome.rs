//! How a delivery ended: for the entrance that asked, for the table, and for the log.

use shared::platform::reply::Reply;
use shared::rules::journal::Stage;
use shared::rules::sms::segments;

use super::attempts::Attempts;
use super::message::Message;

/// How a delivery ended. An entrance turns it into its answer.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A provider accepted the text; if `duplicate`, an earlier copy of it.
    Sent {
        provider: Option<String>,
        /// The provider's id of the SMS.
        receipt: Option<String>,
        duplicate: bool,
    },
    /// The number cannot receive texts.
    RecipientRefused,
    /// No provider accepted the text. Certainly nothing was sent.
    AllRefused,
    /// The text may have been sent. It is not sent again within the cooldown.
    Unknown {
        /// Why the outcome of a copy could not be read.
        cause: Option<String>,
    },
    /// The credentials of all providers are unavailable. Nothing was sent.
    NoCredentials,
    /// The settings, or our own rules at a provider, do not allow texts to this country or range.
    CountryNotAllowed,
    /// No provider is configured for this number.
    NoRoute,
    /// A budget is full.
    Limited {
        /// The setting of the budget.
        which: &'static str,
    },
    /// The table is unavailable. Nothing was sent.
    Unavailable { cause: String },
}

impl Outcome {
    /// The word for the log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Sent {
                duplicate: false, ..
            } => "sent",
            Self::Sent {
                duplicate: true, ..
            } => "duplicate",
            Self::RecipientRefused => "recipient_refused",
            Self::AllRefused => "all_refused",
            Self::Unknown { .. } => "outcome_unknown",
            Self::NoCredentials => "secret_unavailable",
            Self::CountryNotAllowed => "country_not_allowed",
            Self::NoRoute => "no_route",
            Self::Limited { .. } => "rate_limited",
            Self::Unavailable { .. } => "table_unavailable",
        }
    }

    /// What the table remembers of attempts that ended so. `sender`: of the accepted text.
    pub(super) fn stage(&self, sender: Option<&str>) -> Stage {
        match self {
            Self::Sent {
                provider, receipt, ..
            } => Stage::Sent {
                sid: receipt.clone(),
                provider: provider.clone(),
                sender: sender.map(str::to_owned),
            },
            Self::Unknown { .. } => Stage::Unknown,
            Self::RecipientRefused => Stage::Refused,
            // Of a provider. The settings forbid before the table is asked.
            Self::CountryNotAllowed => Stage::Forbidden,
            _ => Stage::Failed,
        }
    }

    /// The outcome of a copy, for which the table remembers `stage`.
    pub(super) fn of_copy(stage: Stage) -> Self {
        match stage {
            Stage::Sent { sid, provider, .. } => Self::Sent {
                provider,
                receipt: sid,
                duplicate: true,
            },
            Stage::Refused => Self::RecipientRefused,
            Stage::Forbidden => Self::CountryNotAllowed,
            Stage::Failed => Self::AllRefused,
            Stage::Sending | Stage::Unknown => Self::Unknown { cause: None },
        }
    }
}

/// A delivery that has ended.
pub(crate) struct Delivery {
    pub(crate) outcome: Outcome,
    /// `None` if no provider was to be asked.
    pub(super) attempts: Option<Attempts>,
    pub(super) is_half_of_budget_used: bool,
}

impl From<Outcome> for Delivery {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            attempts: None,
            is_half_of_budget_used: false,
        }
    }
}

impl Delivery {
    /// Adds the delivery to the log line and the metrics of an entrance's answer.
    pub(crate) fn log(&self, message: &Message, reply: Reply) -> Reply {
        let mut reply = match &self.outcome {
            Outcome::Sent {
                provider, receipt, ..
            } => reply
                .field("provider", provider.as_deref())
                .field("sid", receipt.as_deref()),
            Outcome::Limited { which } => reply.metric("Refused", 1).field("limit", *which),
            Outcome::CountryNotAllowed | Outcome::NoRoute => reply.metric("Refused", 1),
            Outcome::Unavailable { cause } | Outcome::Unknown { cause: Some(cause) } => {
                reply.field("error", cause.as_str())
            }
            _ => reply,
        };
        let in_message = segments::count(&message.body);
        if let Some(attempts) = &self.attempts {
            reply = if message.by_voice {
                let is_made = attempts.receipt.is_some();
                reply.metric(if is_made { "CallsMade" } else { "CallsFailed" }, 1)
            } else if let Some((_, receipt)) = &attempts.receipt {
                reply
                    .metric("SmsSent", 1)
                    .metric("SmsSegments", receipt.segments.unwrap_or(in_message))
            } else {
                reply.metric("SmsFailed", 1)
            };
            reply = attempts.log(reply);
        }
        if self.is_half_of_budget_used {
            reply = reply.metric("HalfOfBudgetUsed", 1);
        }
        let reply = reply.field("phone", message.to.to_string());
        if message.by_voice {
            reply.field("channel", "voice")
        } else {
            reply.field("segments", in_message)
        }
    }
}
