//! The event of the trigger: who gets a code, and why.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-sms-sender.html>

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use serde_json::Value;

use crate::rules::phone::E164;

const PREFIX: &str = "CustomSMSSender_";
const TYPE: &str = "customSMSSenderRequestV1";
/// What Cognito writes when no app made the call, e.g. for a call of an administrator.
const NO_CLIENT: &str = "CLIENT_ID_NOT_APPLICABLE";

/// Whether an invocation's event is of this trigger, even if this version does not know its source.
pub fn is_event(event: &Value) -> bool {
    let source = event["triggerSource"].as_str();
    source.is_some_and(|source| source.starts_with(PREFIX))
}

/// Why the user gets a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The user signed up.
    SignUp,
    /// The user forgot the password.
    ForgotPassword,
    /// The user asks for the code again.
    ResendCode,
    /// The user verifies the number.
    VerifyUserAttribute,
    /// The user has a new number. The event has the new one.
    UpdateUserAttribute,
    /// The user signs in: a second factor, or the only one.
    Authentication,
    /// An administrator made the user. The code is a temporary password, not digits.
    AdminCreateUser,
}

impl Trigger {
    /// All sources.
    pub const ALL: [Self; 7] = [
        Self::SignUp,
        Self::ForgotPassword,
        Self::ResendCode,
        Self::VerifyUserAttribute,
        Self::UpdateUserAttribute,
        Self::Authentication,
        Self::AdminCreateUser,
    ];

    /// The name after `CustomSMSSender_`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "SignUp",
            Self::ForgotPassword => "ForgotPassword",
            Self::ResendCode => "ResendCode",
            Self::VerifyUserAttribute => "VerifyUserAttribute",
            Self::UpdateUserAttribute => "UpdateUserAttribute",
            Self::Authentication => "Authentication",
            Self::AdminCreateUser => "AdminCreateUser",
        }
    }

    /// Whether the code is a temporary password.
    pub fn is_password(self) -> bool {
        self == Self::AdminCreateUser
    }
}

/// Why an event cannot be used. No variant holds a value of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventError {
    /// The source is none of [`Trigger::ALL`].
    Trigger,
    /// The request is of another type or version.
    Type,
    /// The user pool is missing.
    NoPool,
    /// The code is missing.
    NoCode,
    /// The code is not Base64.
    Code,
    /// The user has no number.
    NoNumber,
    /// The user's number is not possible.
    Number,
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trigger => "triggerSource is not known",
            Self::Type => "request.type is not customSMSSenderRequestV1",
            Self::NoPool => "userPoolId is missing",
            Self::NoCode => "request.code is missing",
            Self::Code => "request.code is not Base64",
            Self::NoNumber => "request.userAttributes.phone_number is missing",
            Self::Number => "request.userAttributes.phone_number is not an E.164 number",
        })
    }
}

impl std::error::Error for EventError {}

/// An event. `Debug` shows no name, no code and no whole number.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// Why the user gets a code.
    pub trigger: Trigger,
    /// The region of the user pool.
    pub region: Option<String>,
    /// The id of the user pool: `eu-west-1_EXAMPLE`.
    pub pool: String,
    /// The user's name. It may be an address.
    pub user: Option<String>,
    /// The user's id, `sub`.
    pub subject: Option<String>,
    /// The id of the app that made the call.
    pub client: Option<String>,
    /// The code as [`super::message::Message::parse`] takes it.
    pub code: Vec<u8>,
    /// The number to send to.
    pub number: E164,
    /// Whether the user has proved to own the number.
    pub is_verified: bool,
    /// The user's language, as the app stored it: `da`, `en-GB`, `pt_BR`.
    pub locale: Option<String>,
    /// What the app gave to its call.
    pub metadata: BTreeMap<String, String>,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("trigger", &self.trigger)
            .field("pool", &self.pool)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Event {
    /// Reads an event. Members that are not known here are ignored.
    ///
    /// # Errors
    /// [`EventError`] for what the function cannot do without.
    pub fn parse(event: &Value) -> Result<Self, EventError> {
        let request = &event["request"];
        let attributes = &request["userAttributes"];
        let source = text(&event["triggerSource"]).unwrap_or_default();
        let source = source.strip_prefix(PREFIX).unwrap_or_default();
        let mut known = Trigger::ALL.into_iter();
        let trigger = known
            .find(|trigger| trigger.name() == source)
            .ok_or(EventError::Trigger)?;
        if request["type"] != TYPE {
            return Err(EventError::Type);
        }
        let code = text(&request["code"]).ok_or(EventError::NoCode)?;
        let number = text(&attributes["phone_number"]).ok_or(EventError::NoNumber)?;
        let metadata = request["clientMetadata"].as_object().into_iter().flatten();
        let client = text(&event["callerContext"]["clientId"]);
        Ok(Self {
            trigger,
            region: text(&event["region"]),
            pool: text(&event["userPoolId"]).ok_or(EventError::NoPool)?,
            user: text(&event["userName"]),
            subject: text(&attributes["sub"]),
            client: client.filter(|client| client != NO_CLIENT),
            code: STANDARD.decode(code).map_err(|_| EventError::Code)?,
            number: number.parse().map_err(|_| EventError::Number)?,
            is_verified: attributes["phone_number_verified"] == "true",
            locale: text(&attributes["locale"]),
            metadata: metadata
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
        })
    }

    /// The name of this code. Lambda may deliver an event more than once, and each time the name is
    /// the same. Another code has another name, as its ciphertext differs.
    pub fn identity(&self) -> String {
        let mut hash = Context::new(&SHA256);
        let user = self.user.as_deref().unwrap_or_default();
        for part in [self.pool.as_bytes(), user.as_bytes(), &self.code] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finish())
    }
}

/// A text that is not blank.
fn text(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| !text.trim().is_empty());
    text.map(str::to_owned)
}
