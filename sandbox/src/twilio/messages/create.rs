//! The request that sends a message.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State as Axum},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    message::{Made, Message, new_sid, resource},
    refusals::explain,
    status::tell,
};
use crate::{
    sms,
    twilio::{
        account::Shared,
        api::{authenticate, not_simulated, refuse},
    },
    wire::Complaints,
};

/// Fields that would change the message or its time.
const NOT_SIMULATED: [&str; 5] = [
    "ContentSid",
    "ContentVariables",
    "ScheduleType",
    "SendAt",
    "SendAsMms",
];

pub(in crate::twilio) async fn create(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let complain = |code, what: String| {
        complaints.add(format!("Twilio Messages: {what}"));
        refuse(code, &what)
    };
    let mut state = match authenticate(&shared, &complaints, &account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let content_type = sms::header(&headers, header::CONTENT_TYPE);
    if content_type.split(';').next() != Some("application/x-www-form-urlencoded") {
        return complain(21604, format!("content type {content_type:?}"));
    }
    let (mut fields, mut media) = (HashMap::new(), Vec::new());
    for (name, value) in form_urlencoded::parse(&body).into_owned() {
        match name.as_str() {
            "MediaUrl" => media.push(value),
            "To"
            | "From"
            | "MessagingServiceSid"
            | "Body"
            | "ValidityPeriod"
            | "ContentRetention"
            | "AddressRetention"
            | "RiskCheck"
            | "ProvideFeedback"
            | "StatusCallback"
                if !fields.contains_key(&name) =>
            {
                fields.insert(name, value);
            }
            _ if NOT_SIMULATED.contains(&name.as_str()) => {
                complaints.add(format!("Twilio Messages: {name}"));
                return not_simulated(&format!(
                    "the field {name} is not simulated by this sandbox"
                ));
            }
            _ if fields.contains_key(&name) => {
                return complain(20001, format!("repeated field {name}"));
            }
            // Twilio ignores unknown fields.
            _ => {
                complaints.add_for_ours(format!("Twilio Messages: field {name}"));
                fields.insert(name, value);
            }
        }
    }
    let take = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let (to, service) = (take("To"), fields.get("MessagingServiceSid"));
    let from = match service {
        Some(sid) if take("From").is_empty() => state
            .admin
            .service(sid)
            .and_then(|service| service.numbers.first().cloned())
            .unwrap_or_default(),
        _ => take("From"),
    };
    let missing = match () {
        () if to.is_empty() => Some(21604),
        () if service.is_some_and(|sid| state.admin.service(sid).is_none()) => Some(21701),
        () if service.is_some() && from.is_empty() => Some(21703),
        () if from.is_empty() => Some(21603),
        () if take("Body").is_empty() && media.is_empty() => Some(21602),
        () => None,
    };
    if let Some(code) = missing {
        return complain(code, explain(code, &to, &from));
    }
    let validity = match sms::number(&fields, "ValidityPeriod", 1..=36_000) {
        Ok(seconds) => seconds.map(Duration::from_secs),
        Err(wrong) => return complain(21624, wrong),
    };
    let mut kept = [true; 2];
    for ((name, other, code), kept) in [
        ("ContentRetention", "discard", 30029),
        ("AddressRetention", "obfuscate", 30030),
    ]
    .into_iter()
    .zip(&mut kept)
    {
        let Some(value) = fields.get(name) else {
            continue;
        };
        if value != "retain" && value != other {
            return complain(code, format!("{name} is retain or {other}"));
        }
        if !state.redacts {
            return refuse(code, &format!("Invalid {name}"));
        }
        *kept = value == "retain";
    }
    let [keeps_body, keeps_to] = kept;
    let receipt_url = fields
        .get("StatusCallback")
        .filter(|url| !url.is_empty())
        .cloned();
    if receipt_url
        .as_deref()
        .is_some_and(|url| url::Url::parse(url).is_err())
    {
        return complain(21609, "StatusCallback is a URL".to_owned());
    }
    let (sid, body, direction) = (new_sid(), take("Body"), "outbound-api");
    let sent = state.send(Message {
        sid,
        to,
        from,
        body,
        media,
        direction,
        validity,
        keeps_body,
        keeps_to,
        receipt_url: receipt_url.clone(),
    });
    if let Ok(message) = &sent {
        state
            .made
            .insert(message.sid.clone(), Made::now(service.cloned()));
        if fields
            .get("ProvideFeedback")
            .is_some_and(|value| value == "true")
        {
            state.feedback.insert(message.sid.clone(), None);
        }
        if let Some(url) = receipt_url {
            tell(
                &shared.receipts,
                &complaints,
                &state.auth_token,
                &url,
                message,
            );
        }
    }
    drop(state);
    shared.arrived.notify_waiters();
    match sent {
        Ok(message) => (StatusCode::CREATED, Json(resource(&message, service))).into_response(),
        Err((code, text)) => refuse(code, &text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        twilio::{ACCOUNT_SID, AUTH_TOKEN, MESSAGING_SERVICE, NUMBER, Twilio},
        wire::client,
    };
    use serde_json::{Value, json};

    async fn create(twilio: &Twilio, form: &[(&str, &str)]) -> (u16, Value) {
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
            twilio.server().url()
        );
        let answer = client()
            .post(url)
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN))
            .form(form)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    #[tokio::test]
    async fn an_accepted_message_is_on_the_phone() {
        let twilio = Twilio::start(None).await.unwrap();
        let (status, message) = create(
            &twilio,
            &[
                ("To", "+4512345678"),
                ("From", NUMBER),
                ("Body", "Reply YES"),
            ],
        )
        .await;
        assert_eq!(
            (
                status,
                &message["status"],
                &message["num_segments"],
                &message["from"]
            ),
            (201, &json!("queued"), &json!("1"), &json!(NUMBER))
        );
        assert_eq!(message["sid"].as_str().unwrap().len(), 34);
        let (status, message) = create(
            &twilio,
            &[
                ("To", "+4512345678"),
                ("MessagingServiceSid", MESSAGING_SERVICE),
                ("Body", "Æ + œ"),
            ],
        )
        .await;
        assert_eq!(
            (status, &message["status"], &message["from"]),
            (201, &json!("accepted"), &Value::Null)
        );
        assert_eq!(
            twilio
                .wait_inbox("+4512345678", 2, Duration::from_secs(9))
                .await,
            ["Reply YES", "Æ + œ"]
        );
        assert_eq!(twilio.messages()[1].from, NUMBER);
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn how_long_a_message_waits_and_what_is_kept_of_it() {
        let twilio = Twilio::start(None).await.unwrap();
        let create = async |fields: &[(&str, &str)]| {
            let form = [
                &[("To", "+4512345678"), ("From", NUMBER), ("Body", "x")],
                fields,
            ]
            .concat();
            let (status, body) = create(&twilio, &form).await;
            (
                status,
                body["code"].as_u64(),
                twilio.server().complaints().len(),
            )
        };
        let both = [
            ("ContentRetention", "discard"),
            ("AddressRetention", "obfuscate"),
        ];
        for (fields, code, complaints) in [
            (&both[..1], 30029, 0),
            (&both[1..], 30030, 0),
            (&[("ContentRetention", "obfuscate")], 30029, 1),
            (&[("AddressRetention", "discard")], 30030, 1),
            (&[("ValidityPeriod", "0")], 21624, 1),
            (&[("ValidityPeriod", "36001")], 21624, 1),
            (&[("ValidityPeriod", "3m")], 21624, 1),
        ] {
            assert_eq!(
                create(fields).await,
                (400, Some(code), complaints),
                "{fields:?}"
            );
        }
        assert_eq!(create(&[("ValidityPeriod", "36000")]).await, (201, None, 0));
        twilio.add_message_redaction();
        assert_eq!(create(&both).await, (201, None, 0));
        assert_eq!(
            create(&[("ContentRetention", "retain"), both[1]]).await,
            (201, None, 0)
        );
        let kept: Vec<_> = twilio
            .messages()
            .iter()
            .map(|sent| (sent.validity, sent.keeps_body, sent.keeps_to))
            .collect();
        let ten_hours = Some(Duration::from_hours(10));
        assert_eq!(
            kept,
            [
                (ten_hours, true, true),
                (None, false, false),
                (None, true, false)
            ]
        );
    }

    #[tokio::test]
    async fn refusals_have_twilios_codes() {
        let twilio = Twilio::start(None).await.unwrap();
        twilio.reject("+4511111111", 21635);
        twilio.reject("+4522222222", 20429);
        let long = "a".repeat(1601);
        for (form, status, code, complaints) in [
            (
                vec![("To", "+45"), ("From", NUMBER), ("Body", "x")],
                400,
                21211,
                0,
            ),
            (
                vec![("To", "+4511111111"), ("From", NUMBER), ("Body", "x")],
                400,
                21635,
                0,
            ),
            (
                vec![("To", "+4522222222"), ("From", NUMBER), ("Body", "x")],
                429,
                20429,
                0,
            ),
            (
                vec![
                    ("To", "+4512345678"),
                    ("From", "+15005550007"),
                    ("Body", "x"),
                ],
                400,
                21606,
                0,
            ),
            (
                vec![("To", "+15005550004"), ("From", NUMBER), ("Body", "x")],
                400,
                21610,
                0,
            ),
            (
                vec![("To", "+4512345678"), ("From", NUMBER), ("Body", &long)],
                400,
                21617,
                0,
            ),
            (vec![("To", "+4512345678"), ("From", NUMBER)], 400, 21602, 1),
            (vec![("To", "+4512345678"), ("Body", "x")], 400, 21603, 1),
            (
                vec![
                    ("To", "+4512345678"),
                    ("From", NUMBER),
                    ("Body", "x"),
                    ("Body", "y"),
                ],
                400,
                20001,
                1,
            ),
        ] {
            let (answered, body) = create(&twilio, &form).await;
            assert_eq!(
                (answered, &body["code"], &body["status"]),
                (status, &json!(code), &json!(status)),
                "{form:?}"
            );
            assert_eq!(twilio.server().complaints().len(), complaints, "{form:?}");
        }
        assert!(twilio.messages().is_empty());
        let odd = [
            ("To", "+4512345678"),
            ("From", NUMBER),
            ("Body", "x"),
            ("body", "y"),
        ];
        assert_eq!(
            (
                create(&twilio, &odd).await.0,
                twilio.server().complaints().len()
            ),
            (201, 1),
            "not what our functions send"
        );
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
            twilio.server().url()
        );
        let ask = |user: &'static str, password: &'static str| {
            client()
                .post(&url)
                .basic_auth(user, Some(password))
                .form(&[("To", "+4512345678"), ("From", NUMBER), ("Body", "x")])
                .send()
        };
        twilio.set_auth_token("new");
        twilio.add_api_key("SK1", "secret");
        assert_eq!(ask(ACCOUNT_SID, AUTH_TOKEN).await.unwrap().status(), 401);
        assert_eq!(ask("SK1", "secret").await.unwrap().status(), 201);
        assert_eq!(ask(ACCOUNT_SID, "new").await.unwrap().status(), 201);
        assert!(twilio.server().complaints().is_empty());
        assert_eq!(client().post(&url).send().await.unwrap().status(), 401);
        assert_eq!(client().delete(&url).send().await.unwrap().status(), 501);
        assert_eq!(
            client()
                .get(twilio.server().url() + "/x")
                .send()
                .await
                .unwrap()
                .status(),
            501
        );
        assert_eq!(twilio.server().complaints().len(), 3);
    }
}
