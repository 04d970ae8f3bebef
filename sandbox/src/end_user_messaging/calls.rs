//! `SendVoiceMessage`
//! (<https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendVoiceMessage.html>).

use axum::{http::StatusCode, response::Response};
use serde_json::{Map, Value, json};

use super::{CONFIGURATION_SET, IDENTITIES, Shared, model, refuse, respond};
use crate::{
    calls::{Called, spoken},
    random,
    wire::{Complaints, lock},
};

/// The members that our functions send.
const OURS: [&str; 8] = [
    "DestinationPhoneNumber",
    "OriginationIdentity",
    "MessageBody",
    "MessageBodyTextType",
    "VoiceId",
    "ConfigurationSetName",
    "TimeToLive",
    "Context",
];
/// Some of the voices of the model.
const VOICES: [&str; 16] = [
    "AMY", "ASTRID", "BIANCA", "CAMILA", "CELINE", "CHANTAL", "EWA", "INES", "JOANNA", "LIV",
    "LOTTE", "LUCIA", "MATTHEW", "MIA", "NAJA", "VICKI",
];

/// Accepts a call, or refuses it.
pub(super) fn take(
    shared: &Shared,
    complaints: &Complaints,
    request: &Map<String, Value>,
) -> Response {
    let complain = |member: &'static str, what: &str| {
        complaints.add(format!("AWS SendVoiceMessage: {member}: {what}"));
        let refusal = ("ValidationException", "FIELD_VALIDATION_FAILED", member);
        refuse(refusal, what)
    };
    for name in request.keys().filter(|name| !OURS.contains(&name.as_str())) {
        complaints.add_for_ours(format!("AWS SendVoiceMessage: the member {name}"));
    }
    let member = |name: &str| {
        request
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    // The body has other limits than that of a text.
    let mut others = request.clone();
    others.insert("MessageBody".to_owned(), "x".into());
    if let Some(member) = model::wrong(&others) {
        return complain(member, "1 validation error");
    }
    let body = member("MessageBody");
    let says = match member("MessageBodyTextType") {
        "SSML" if body.chars().count() <= 6_000 => spoken(body),
        "" | "TEXT" if (1..=3_000).contains(&body.chars().count()) => Ok(vec![body.to_owned()]),
        _ => Err("the type or the length of the body".to_owned()),
    };
    let says = match says {
        Ok(says) => says,
        Err(wrong) => return complain("MessageBody", &wrong),
    };
    let voice = member("VoiceId");
    if !voice.is_empty() && !VOICES.contains(&voice) {
        return complain("VoiceId", voice);
    }
    let from = member("OriginationIdentity");
    if from.is_empty() {
        return complain("OriginationIdentity", "is required");
    }
    let to = format!(
        "+{}",
        member("DestinationPhoneNumber").trim_start_matches('+')
    );
    let mut messages = lock(&shared.messages);
    if let Some(refusal) = messages.refusals.get(&to) {
        // A careless client would log this.
        return refuse(*refusal, &format!("{to}: {body}"));
    }
    let set = request.get("ConfigurationSetName").and_then(Value::as_str);
    if !IDENTITIES.contains(&from) || set.is_some_and(|set| set != CONFIGURATION_SET) {
        return refuse(("ResourceNotFoundException", "", ""), "not found");
    }
    let id = random::uuid();
    let reference = request
        .get("Context")
        .and_then(|context| context["reference"].as_str());
    messages.calls.push(Called {
        to,
        from: from.to_owned(),
        says,
        language: voice.to_owned(),
        id: id.clone(),
        rings: 0,
        longest: 0,
        receipt_url: None,
        reference: reference.map(str::to_owned),
    });
    respond(StatusCode::OK, &json!({ "MessageId": id }))
}
