//! `SendVoiceMessage`
//! (<https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendVoiceMessage.html>):
//! a call that AWS makes with the words in the request. There is no secret.
//!
//! The API takes no ring time and knows no answering machine.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{
    CONFIGURATION_SET, SERVICE, is_configuration_set, is_identity_arn, receipt, refused, setting,
    taken, time_to_live,
};
use crate::platform::Platform;
use crate::platform::config::Source;
use crate::platform::layout::Layout;
use crate::platform::signed::Service;
use crate::rules::sms::{self, Entry, Outbound, Receipt, SendError};
use crate::rules::voice::{self, Channel};

/// The longest `MessageBody` with SSML, in characters.
const SSML_LIMIT: usize = 6_000;
/// The voices of the languages (<https://docs.aws.amazon.com/polly/latest/dg/available-voices.html>).
const VOICES: [(&str, &str); 14] = [
    ("en-US", "JOANNA"),
    ("en-GB", "AMY"),
    ("da-DK", "NAJA"),
    ("de-DE", "VICKI"),
    ("es-ES", "LUCIA"),
    ("es-MX", "MIA"),
    ("fr-FR", "CELINE"),
    ("fr-CA", "CHANTAL"),
    ("it-IT", "BIANCA"),
    ("nl-NL", "LOTTE"),
    ("pl-PL", "EWA"),
    ("pt-BR", "CAMILA"),
    ("pt-PT", "INES"),
    ("sv-SE", "ASTRID"),
];

/// AWS as a provider of calls.
pub struct Calls {
    service: Service,
    identity: Option<String>,
    configuration_set: Option<String>,
}

impl Entry for Calls {
    const WORD: &'static str = "aws_voice";
    const CHANNEL: Channel = Channel::Voice;
    const LAYOUT: Option<Layout> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let identity = setting(
            source,
            "AWS_VOICE_IDENTITY_ARN",
            "the ARN of a pool or a phone number of AWS End User Messaging that can call",
            is_identity_arn,
        );
        if identity.is_none() {
            source.problem(
                "AWS_VOICE_IDENTITY_ARN is missing: VOICE_PROVIDERS names aws, and AWS calls only from a number of yours",
            );
        }
        Self {
            service: platform.service(source, SERVICE, "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2"),
            identity,
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
        call: &Outbound<'_>,
        now: SystemTime,
        within: Duration,
    ) -> Result<Receipt, SendError> {
        let body = self.body(call).ok_or(SendError::OURS)?;
        let target = "PinpointSMSVoiceV2.SendVoiceMessage";
        let request = self.service.request(target, &body, now);
        let request = request.ok_or(SendError::Unavailable)?;
        let answer = self.service.send(request, sms::LIMIT, within).await?;
        match answer.status {
            200..=299 => Ok(taken(&answer)),
            _ => Err(sms::by_status(&answer, || refused(&answer))),
        }
    }

    async fn warm_up(&self, _now: SystemTime) {
        // A failure shows again on the first call.
        let _ = tokio::time::timeout(sms::WARM_UP, self.service.warm_up()).await;
    }
}

impl Calls {
    fn body(&self, call: &Outbound<'_>) -> Option<Value> {
        let mut body = json!({
            "DestinationPhoneNumber": call.to.reveal(), "OriginationIdentity": self.identity.as_deref()?,
            "MessageBody": voice::ssml(call.body, SSML_LIMIT)?, "MessageBodyTextType": "SSML",
            "VoiceId": voice_of(call.language),
        });
        if let Some(set) = &self.configuration_set {
            body["ConfigurationSetName"] = set.as_str().into();
        }
        if let Some(life) = call.life {
            body["TimeToLive"] = time_to_live(life).into();
        }
        if let Some(asked) = &call.receipt {
            body["Context"] = json!({ receipt::CONTEXT_KEY: asked.reference.as_str() });
        }
        Some(body)
    }
}

fn voice_of(language: Option<&str>) -> &'static str {
    let known = VOICES.into_iter().find(|(tag, _)| Some(*tag) == language);
    known.unwrap_or(VOICES[0]).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_voice() {
        let tags: Vec<_> = VOICES.into_iter().map(|(tag, _)| tag).collect();
        assert_eq!(tags, voice::languages().collect::<Vec<_>>());
    }
}
