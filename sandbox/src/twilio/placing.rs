//! Calls that the account makes, with the words in the request (`Twiml`).
//!
//! Imitates <https://www.twilio.com/docs/voice/api/call-resource> (`CreateCall` in twilio-oai@d50069b
//! `twilio_api_v2010.json`). `Url` and `ApplicationSid` are not simulated: no function answers such a
//! request.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State as Axum},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{
    Twilio,
    account::Shared,
    api::{authenticate, not_simulated, refuse},
    ids::ACCOUNT_SID,
    signature::signature,
    webhook::overrides,
};
use crate::{
    calls::Called,
    random,
    receipts::{self, Post, State},
    sms::{self, e164},
    twiml::{self, VoiceVerb},
    wire::{Complaints, lock},
};

/// The longest `Twiml`, in characters.
const TWIML_LIMIT: usize = 4_000;
/// The fields that our functions send.
const OURS: [&str; 6] = [
    "To",
    "From",
    "Twiml",
    "Timeout",
    "TimeLimit",
    "StatusCallback",
];
/// The answer of a phone whose owner speaks already, as a code of [`State::Failed`].
pub const BUSY: u32 = 486;
/// The answer of a phone that nobody takes.
pub const NO_ANSWER: u32 = 480;
/// A call that ends after a second.
pub const HUNG_UP: u32 = 487;

impl Twilio {
    /// All calls that the account has made, in order.
    pub fn made_calls(&self) -> Vec<Called> {
        lock(&self.shared.state).made_calls.clone()
    }

    /// Refuses every later call to this phone with this error code (21211, 21215, 20429...).
    pub fn reject_calls(&self, number: &str, code: u32) {
        let mut state = lock(&self.shared.state);
        state.refused_calls.insert(number.to_owned(), code);
    }

    /// Posts a status callback of this call now. Returns the status of the answer.
    pub async fn report_call(&self, call: &Called, post: Post) -> u16 {
        let token = lock(&self.shared.state).auth_token.clone();
        let url = call.receipt_url.as_deref().unwrap_or_default();
        let (plain, overrides) = overrides(url, |what| self.server.complain(what));
        let mut status = 0;
        for request in requests(&token, plain, call, post) {
            let repeats = overrides.repeats();
            status = self.shared.receipts.post(request, repeats).await;
        }
        status
    }
}

pub(super) async fn create(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let complain = |code, what: String| {
        complaints.add(format!("Twilio Calls: {what}"));
        refuse(code, &what)
    };
    let mut state = match authenticate(&shared, &complaints, &account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let content_type = sms::header(&headers, header::CONTENT_TYPE);
    if content_type.split(';').next() != Some("application/x-www-form-urlencoded") {
        return complain(21201, format!("content type {content_type:?}"));
    }
    let mut fields = HashMap::new();
    for (name, value) in form_urlencoded::parse(&body).into_owned() {
        if !OURS.contains(&name.as_str()) {
            complaints.add_for_ours(format!("Twilio Calls: field {name}"));
        }
        if fields.insert(name.clone(), value).is_some() {
            return complain(20001, format!("repeated field {name}"));
        }
    }
    let take = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let (to, from, document) = (take("To"), take("From"), take("Twiml"));
    if document.is_empty() {
        return not_simulated("a call without Twiml is not simulated by this sandbox");
    }
    let missing = match () {
        () if to.is_empty() => Some((21201, "No 'To' number is specified")),
        () if from.is_empty() => Some((21213, "'From' phone number is required")),
        () => None,
    };
    if let Some((code, what)) = missing {
        return complain(code, what.to_owned());
    }
    if document.chars().count() > TWIML_LIMIT {
        return complain(21623, format!("Twiml is longer than {TWIML_LIMIT}"));
    }
    let verbs = match twiml::voice(&document) {
        Ok(verbs) => verbs,
        Err(error) => return complain(error.code, error.detail),
    };
    let (mut says, mut language) = (vec![], String::new());
    for verb in verbs {
        match verb {
            VoiceVerb::Say {
                text,
                language: tag,
                ..
            } => {
                says.push(text);
                language = tag.unwrap_or_default();
            }
            VoiceVerb::Pause(_) | VoiceVerb::Hangup => {}
            other => return complain(12200, format!("{other:?} in a call without a caller")),
        }
    }
    let seconds = |name, most| sms::number(&fields, name, 1..=most);
    let (rings, longest) = match (seconds("Timeout", 600), seconds("TimeLimit", 14_400)) {
        (Ok(rings), Ok(longest)) => (rings.unwrap_or_default(), longest.unwrap_or_default()),
        (Err(wrong), _) | (_, Err(wrong)) => return complain(21222, wrong),
    };
    let refused = match to.as_str() {
        _ if !e164(&to) => Some(21211),
        "+15005550001" => Some(21217),
        "+15005550002" => Some(21214),
        "+15005550003" => Some(21215),
        _ if state.numbers.get(&from).is_none() => Some(21210),
        _ => state.refused_calls.get(&to).copied(),
    };
    if let Some(code) = refused {
        // A careless client would log this.
        return refuse(code, &format!("call from {from} to {to}: {document}"));
    }
    let call = Called {
        to,
        from,
        says,
        language,
        id: format!("CA{}", random::hex(16)),
        rings,
        longest,
        receipt_url: fields.get("StatusCallback").cloned(),
        reference: None,
    };
    state.made_calls.push(call.clone());
    if let Some(url) = &call.receipt_url {
        let (plain, overrides) = overrides(url, |what| complaints.add(what));
        shared.receipts.tell(&call.to, overrides.repeats(), |post| {
            requests(&state.auth_token, plain, &call, post)
        });
    }
    let body = json!({
        "sid": call.id, "account_sid": ACCOUNT_SID, "api_version": "2010-04-01", "to": call.to, "from": call.from, "status": "queued",
        "direction": "outbound-api", "duration": null, "price": null, "price_unit": "USD", "answered_by": null,
        "uri": format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{}.json", call.id),
    });
    (StatusCode::CREATED, Json(body)).into_response()
}

/// The parameters of a status callback; `None`: of this state there is none.
pub fn call_status_params(call: &Called, state: State) -> Option<Vec<(String, String)>> {
    let (status, seconds) = match state {
        State::OnItsWay => return None,
        State::Delivered => ("completed", "21"),
        State::Failed(BUSY) => ("busy", "0"),
        State::Failed(HUNG_UP) => ("completed", "1"),
        State::Failed(NO_ANSWER) | State::Expired => ("no-answer", "0"),
        State::Failed(_) => ("failed", "0"),
    };
    Some(receipts::pairs(&[
        ("CallSid", &call.id),
        ("CallStatus", status),
        ("CallDuration", seconds),
        ("Duration", "1"),
        ("To", &call.to),
        ("Called", &call.to),
        ("From", &call.from),
        ("Caller", &call.from),
        ("Direction", "outbound-api"),
        ("AccountSid", ACCOUNT_SID),
        ("ApiVersion", "2010-04-01"),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", "0"),
        ("Timestamp", "Fri, 27 Nov 2026 12:00:00 +0000"),
    ]))
}

fn requests(token: &str, url: &str, call: &Called, post: Post) -> Vec<reqwest::Request> {
    let Some(params) = call_status_params(call, post.state) else {
        return vec![];
    };
    let token = if post.forged { "guessed" } else { token };
    let headers = [
        ("user-agent", "TwilioProxy/1.1"),
        ("x-twilio-signature", &signature(token, url, &params)),
    ];
    receipts::form(url, &params, &headers).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        twilio::{AUTH_TOKEN, NUMBER},
        wire::client,
    };

    #[tokio::test]
    async fn a_call_says_what_its_twiml_says_or_is_refused() {
        let twilio = Twilio::start(None).await.unwrap();
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json",
            twilio.server().url()
        );
        let call = async |changes: &[(&str, &str)]| {
            let mut form = vec![
                ("To", "+4512345678"),
                ("From", NUMBER),
                (
                    "Twiml",
                    "<Response><Say language=\"da-DK\">a &amp; b</Say><Pause/><Hangup/></Response>",
                ),
            ];
            form.retain(|(name, _)| !changes.iter().any(|(other, _)| other == name));
            form.extend(changes);
            let request = client().post(&url).form(&form);
            let request = request.basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            let body: serde_json::Value = answer.json().await.unwrap();
            (
                status,
                body["code"].as_u64(),
                twilio.server().complaints().len(),
            )
        };
        assert_eq!(
            call(&[("Timeout", "20"), ("TimeLimit", "90")]).await,
            (201, None, 0)
        );
        let made = twilio.made_calls().remove(0);
        assert_eq!(
            (made.says, made.language),
            (vec!["a & b".to_owned()], "da-DK".to_owned())
        );
        assert_eq!((made.rings, made.longest), (20, 90));
        let long = format!("<Response><Say>{}</Say></Response>", "a".repeat(4_000));
        for (change, code, complaints) in [
            (("Twiml", "<Response><Say>a & b</Say></Response>"), 12100, 1),
            (("Twiml", long.as_str()), 21623, 1),
            (("To", "+45"), 21211, 0),
            (("To", ""), 21201, 1),
            (("From", ""), 21213, 1),
            (("From", "+15005550007"), 21210, 0),
            (("Timeout", "601"), 21222, 1),
        ] {
            assert_eq!(
                call(&[change]).await,
                (400, Some(code), complaints),
                "{change:?}"
            );
        }
        twilio.reject_calls("+4512345678", 21215);
        assert_eq!(call(&[]).await, (400, Some(21215), 0));
        assert_eq!(twilio.made_calls().len(), 1);
    }
}
