//! A text to send, and what comes of it: a receipt or an error.

use std::fmt;
use std::time::Duration;

use url::Url;

use crate::platform::base_url::BaseUrl;
use crate::platform::http::NoAnswer;
use crate::platform::secrets::SecretError;
use crate::rules::delivery::Reference;
use crate::rules::phone::E164;

/// A text to send.
#[derive(Debug)]
pub struct Outbound<'a> {
    /// The recipient.
    pub to: &'a E164,
    /// The sender: a number, a name, or a Messaging Service of Twilio; `None` for the provider's
    /// own default.
    pub from: Option<&'a str>,
    /// The text, at most 1,600 characters. A call says it twice.
    pub body: &'a str,
    /// How long the text is of use. If the provider has not passed it on by then, the provider
    /// drops it, unbilled. `None`: as long as the provider tries.
    pub life: Option<Duration>,
    /// Whether the text holds a one-time code. A provider that supports it is asked not to keep
    /// such a text.
    pub holds_code: bool,
    /// The tag of the language, such as `da-DK`, if the text is read out.
    pub language: Option<&'a str>,
    /// `None`: no delivery receipt is asked for.
    pub receipt: Option<ReceiptRequest<'a>>,
}

/// Asks the provider for a delivery receipt. Each provider's module says so in its own way.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptRequest<'a> {
    url: &'a BaseUrl,
    /// The name of the text, for a provider that hands it back.
    pub reference: &'a Reference,
}

impl<'a> ReceiptRequest<'a> {
    /// A receipt for the text of this reference, at the base URL for receipts; `None` without one
    /// of them.
    pub fn new(url: Option<&'a BaseUrl>, reference: Option<&'a Reference>) -> Option<Self> {
        let (url, reference) = url.zip(reference)?;
        Some(Self { url, reference })
    }

    /// The URL for the receipts of a provider that hands back the reference.
    pub fn url_of(&self, provider: &str) -> Url {
        self.url.join(provider)
    }

    /// The URL for a provider that hands back nothing but the URL, which names the text.
    pub fn url_of_text(&self, provider: &str) -> Url {
        self.url.join(&format!("{provider}/{}", self.reference))
    }
}

/// The provider accepted the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The provider's id; `None` if the provider accepted with an answer that could not be read.
    pub id: Option<String>,
    /// Billed segments, if the provider says.
    pub segments: Option<u64>,
}

/// Why a message was not (certainly) accepted. `code` is the provider's own error code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// Our credentials cannot be fetched. Nothing was sent.
    NoCredentials(SecretError),
    /// The provider rejected the message before acceptance. `recipient`: this number can never be
    /// reached (impossible, landline, opted out), so trying again or elsewhere is pointless.
    /// Otherwise something of ours is wrong (sender, permissions, account).
    Refused {
        /// Whether the error is about the recipient.
        recipient: bool,
        /// The provider's code.
        code: Option<u32>,
    },
    /// A rule that we set in our account forbids texts to this number. Another provider must not get
    /// around it.
    NotAllowed,
    /// Too many requests. This one was not processed.
    RateLimited {
        /// How long to wait before the next attempt, if the provider says.
        after: Option<Duration>,
    },
    /// Our credentials are wrong.
    Unauthorized,
    /// The provider was not reached, or was out of service before it accepted the message.
    Unavailable,
    /// The connection was lost, or a server error came, after the provider may have accepted the
    /// message.
    Unknown,
}

impl SendError {
    /// Rejected for something of ours, without a code.
    pub(crate) const OURS: Self = Self::Refused {
        recipient: false,
        code: None,
    };
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredentials(error) => error.fmt(f),
            Self::Refused {
                recipient: true,
                code,
            } => write!(f, "recipient refused, code {}", code.unwrap_or_default()),
            Self::Refused {
                recipient: false,
                code,
            } => write!(f, "message refused, code {}", code.unwrap_or_default()),
            Self::NotAllowed => f.write_str("forbidden by a rule of the account"),
            Self::RateLimited { .. } => f.write_str("rate limited"),
            Self::Unauthorized => f.write_str("credentials refused"),
            Self::Unavailable => f.write_str("not reached"),
            Self::Unknown => f.write_str("outcome unknown"),
        }
    }
}

impl From<SecretError> for SendError {
    fn from(error: SecretError) -> Self {
        Self::NoCredentials(error)
    }
}

impl From<NoAnswer> for SendError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::NotSent(_) => Self::Unavailable,
            NoAnswer::Unknown(_) => Self::Unknown,
        }
    }
}
