//! AWS End User Messaging: `SendTextMessage`
//! (<https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html>),
//! JSON 1.0, signed with the function's role. There is no secret.
//!
//! A 2xx means accepted, whatever its body. The API has no token against repetition, so a request
//! is sent once.

pub mod calls;
pub mod receipt;

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::platform::Platform;
use crate::platform::config::Source;
use crate::platform::http::Answer;
use crate::platform::layout::Layout;
use crate::platform::signed::Service;
use crate::rules::sms::{self, Entry, Outbound, Receipt, SendError};

/// The allowed seconds of `TimeToLive`.
const TIME_TO_LIVE: RangeInclusive<u64> = 5..=259_200;
/// The service's name in hosts, signatures and rights.
const SERVICE: &str = "sms-voice";
/// The form of `AWS_SMS_CONFIGURATION_SET`.
const CONFIGURATION_SET: &str = "the name or ARN of a configuration set";

/// AWS as an SMS provider.
pub struct EndUserMessaging {
    service: Service,
    identity: Option<String>,
    max_price: Option<String>,
    configuration_set: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    message_id: Option<String>,
}

/// An error. The model has the same members for all of them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    #[serde(rename = "__type")]
    kind: Option<String>,
    reason: Option<String>,
    fields: Option<Vec<Field>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Field {
    name: String,
}

impl Entry for EndUserMessaging {
    const WORD: &'static str = "aws";
    const LAYOUT: Option<Layout> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        Self {
            // The SDK's variable for another endpoint has the service's former name.
            service: platform.service(source, SERVICE, "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2"),
            identity: setting(
                source,
                "AWS_SMS_IDENTITY_ARN",
                "the ARN of a pool, a phone number or a sender id of AWS End User Messaging",
                is_identity_arn,
            ),
            max_price: setting(
                source,
                "AWS_SMS_MAX_PRICE",
                "US dollars with a point, such as 0.25",
                is_price,
            ),
            configuration_set: setting(
                source,
                "AWS_SMS_CONFIGURATION_SET",
                CONFIGURATION_SET,
                is_configuration_set,
            ),
        }
    }

    async fn send(
        &self,
        sms: &Outbound<'_>,
        now: SystemTime,
        within: Duration,
    ) -> Result<Receipt, SendError> {
        let request =
            self.service
                .request("PinpointSMSVoiceV2.SendTextMessage", &self.body(sms), now);
        let request = request.ok_or(SendError::Unavailable)?;
        let answer = self.service.send(request, sms::LIMIT, within).await?;
        match answer.status {
            200..=299 => Ok(taken(&answer)),
            _ => Err(sms::by_status(&answer, || refused(&answer))),
        }
    }

    async fn warm_up(&self, _now: SystemTime) {
        // A failure shows again on the first text.
        let _ = tokio::time::timeout(sms::WARM_UP, self.service.warm_up()).await;
    }
}

impl EndUserMessaging {
    fn body(&self, sms: &Outbound<'_>) -> Value {
        let mut body = json!({
            "DestinationPhoneNumber": sms.to.reveal(), "MessageBody": sms.body, "MessageType": "TRANSACTIONAL",
        });
        // The role has no right to another identity than the one in the setting.
        let optional = [
            ("OriginationIdentity", self.identity.as_deref().or(sms.from)),
            ("MaxPrice", self.max_price.as_deref()),
            ("ConfigurationSetName", self.configuration_set.as_deref()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        if let Some(life) = sms.life {
            body["TimeToLive"] = time_to_live(life).into();
        }
        if let Some(asked) = &sms.receipt {
            body["Context"] = json!({ receipt::CONTEXT_KEY: asked.reference.as_str() });
        }
        body
    }
}

fn time_to_live(life: Duration) -> u64 {
    let (least, most) = (*TIME_TO_LIVE.start(), *TIME_TO_LIVE.end());
    life.as_secs().clamp(least, most)
}

/// A 2xx: accepted, whatever the body.
fn taken(answer: &Answer) -> Receipt {
    let taken: Option<Taken> = answer.json();
    Receipt {
        id: sms::plain_id(taken.and_then(|taken| taken.message_id)),
        segments: None,
    }
}

/// An optional setting; a value that does not fit is noted as a problem.
fn setting(
    source: &mut Source<'_>,
    name: &str,
    expected: &str,
    fits: fn(&str) -> bool,
) -> Option<String> {
    let value = source.optional(name)?;
    if !fits(&value) {
        source.problem(format!("{name} is not {expected}"));
    }
    Some(value)
}

fn is_identity_arn(text: &str) -> bool {
    text.starts_with("arn:")
        && text.contains(":sms-voice:")
        && text.len() <= 256
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_:/+-".contains(&byte))
}

/// The API takes two digits before the point and five behind it.
fn is_price(text: &str) -> bool {
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(whole, rest)| {
        whole.len() <= 2 && (1..=5).contains(&rest.len()) && are_digits(whole) && are_digits(rest)
    })
}

fn is_configuration_set(text: &str) -> bool {
    text.len() <= 256
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_:/-".contains(&byte))
}

/// The meaning of a 4xx. The exception says little. Its `Reason` tells whose fault it is.
///
/// AWS's own rules of a protect configuration end the attempt, as an opt-out does: another provider
/// must not get around them.
fn refused(answer: &Answer) -> SendError {
    let refusal: Refusal = answer.json().unwrap_or_default();
    let header = answer.headers.get("x-amzn-errortype");
    let header = header.and_then(|value| value.to_str().ok());
    let kind = refusal.kind.as_deref().or(header).unwrap_or_default();
    // `com.amazonaws.pinpointsmsvoicev2#ConflictException`, `ConflictException:http://…`.
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let kind = kind.split(':').next().unwrap_or_default();
    let reason = refusal.reason.as_deref().unwrap_or_default();
    if is_word(kind) && (reason.is_empty() || is_word(reason)) {
        tracing::warn!(kind, reason, "AWS rejected the message");
    }
    let recipient = match (kind, reason) {
        (
            "ThrottlingException" | "ThrottledException" | "TooManyRequestsException"
            // The spending limit of the month is reached. No text of today would be taken.
            | "ServiceQuotaExceededException",
            _,
        ) => return SendError::RateLimited { after: None },
        (
            "AccessDeniedException" | "ExpiredTokenException" | "IncompleteSignatureException"
            | "InvalidSignatureException" | "MissingAuthenticationTokenException"
            | "UnrecognizedClientException",
            _,
        ) => return SendError::Unauthorized,
        (
            "ConflictException",
            "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"
            | "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
        ) => return SendError::NotAllowed,
        ("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT") => true,
        (
            "ValidationException",
            "CANNOT_PARSE" | "INVALID_PARAMETER" | "FIELD_VALIDATION_FAILED",
        ) => {
            let is_recipient = |field: &Field| field.name == "DestinationPhoneNumber";
            let fields = refusal.fields.unwrap_or_default();
            !fields.is_empty() && fields.iter().all(is_recipient)
        }
        _ => false,
    };
    SendError::Refused {
        recipient,
        code: None,
    }
}

/// A word of the API: it has no digits, hence no code and no number.
fn is_word(text: &str) -> bool {
    (1..=80).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_has_a_point() {
        for price in ["0.25", ".5", "12.34567", "00.1"] {
            assert!(is_price(price), "{price}");
        }
        for price in ["", "1", "1.", "123.4", "1.123456", "0,25", "$0.25", "1.2.3"] {
            assert!(!is_price(price), "{price}");
        }
    }

    #[test]
    fn an_identity_is_an_arn_of_the_service() {
        let arn =
            "arn:aws:sms-voice:eu-west-1:123456789012:pool/pool-0123456789abcdef0123456789abcdef";
        assert!(is_identity_arn(arn));
        for other in [
            "+15005550006",
            "arn:aws:sns:eu-west-1:123456789012:topic",
            "arn:aws:sms-voice:eu-west-1:123456789012:*",
        ] {
            assert!(!is_identity_arn(other), "{other}");
        }
    }
}
