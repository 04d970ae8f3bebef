//! Messaging services.

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::header,
    response::Response,
};
use serde_json::json;

use super::{
    answers::{Caller, Refusal, THEN, answer, page},
    service::{FIELDS, Service},
};
use crate::{
    random, sms,
    twilio::{
        account::{State, Twilio},
        ids::ACCOUNT_SID,
        parameters::Pairs,
    },
    wire::lock,
};

impl State {
    /// URL and method of the webhook for a text to this number, and the SID of the service if the
    /// webhook is the service's. A service without a URL that does not defer to its numbers drops
    /// their texts.
    pub(in crate::twilio) fn sms_webhook(
        &self,
        number: &str,
    ) -> Option<(String, String, Option<String>)> {
        let service = self
            .admin
            .services
            .iter()
            .find(|service| service.numbers.iter().any(|sender| sender == number));
        let own = self.numbers.get(number)?;
        let (url, method, service) = match service {
            Some(service) if !service.defers() => (
                service.field("InboundRequestUrl"),
                service.field("InboundMethod"),
                Some(service.sid.clone()),
            ),
            _ => (own.field("SmsUrl"), own.field("SmsMethod"), None),
        };
        (!url.is_empty()).then(|| (url.to_owned(), method.to_owned(), service))
    }
}

impl Twilio {
    /// Creates a messaging service with these senders. The account gets the numbers that it lacks.
    /// Returns the SID.
    pub fn add_messaging_service(&self, friendly_name: &str, numbers: &[&str]) -> String {
        let sid = format!("MG{}", random::hex(16));
        let mut state = lock(&self.shared.state);
        for number in numbers {
            state.numbers.own(number);
        }
        state.admin.services.push(Service::new(
            &sid,
            numbers,
            &[("FriendlyName", friendly_name)],
        ));
        sid
    }

    /// Adds a number of the account to a messaging service's senders.
    pub fn add_sender(&self, sid: &str, number: &str) {
        let mut state = lock(&self.shared.state);
        let senders = &mut state.admin.service_mut(sid).numbers;
        senders.push(number.to_owned());
    }

    /// Removes a number from a messaging service's senders.
    pub fn remove_sender(&self, sid: &str, number: &str) {
        let mut state = lock(&self.shared.state);
        let senders = &mut state.admin.service_mut(sid).numbers;
        senders.retain(|sender| sender != number);
    }

    /// Sets fields of a messaging service by their names in requests, as the console does.
    pub fn set_messaging_service(&self, sid: &str, fields: &[(&str, &str)]) {
        let mut state = lock(&self.shared.state);
        let service = state.admin.service_mut(sid);
        for &(name, value) in fields {
            assert!(
                FIELDS.iter().any(|(field, ..)| *field == name),
                "messaging services have no field {name}"
            );
            service.fields.insert(name.to_owned(), value.to_owned());
        }
    }

    /// A messaging service in its present state.
    pub fn messaging_service(&self, sid: &str) -> Option<Service> {
        lock(&self.shared.state).admin.service(sid).cloned()
    }
}

pub(super) async fn list(
    (Axum(shared), Extension(complaints), headers): Caller,
    Query(query): Query<Pairs>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let services = state
            .admin
            .services
            .iter()
            .map(Service::resource)
            .collect::<Vec<_>>();
        page("Services", "services", &services, query, &[])
            .map_err(|what| Refusal::Odd(20001, what))
    })
}

pub(super) async fn read(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(sid): Path<String>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        state
            .admin
            .service(&sid)
            .map(Service::resource)
            .ok_or_else(|| Refusal::Missing(format!("/Services/{sid}")))
    })
}

pub(super) async fn update(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(sid): Path<String>,
    body: Bytes,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let content_type = sms::header(&headers, header::CONTENT_TYPE);
        if content_type.split(';').next() != Some("application/x-www-form-urlencoded") {
            return Err(Refusal::Odd(
                20001,
                format!("content type {content_type:?}"),
            ));
        }
        let known = FIELDS.map(|(name, ..)| name);
        let fields = sms::form(&body, &known).map_err(|what| Refusal::Odd(20001, what))?;
        let unfit = FIELDS
            .iter()
            .find(|(name, kind, _)| fields.get(*name).is_some_and(|value| !kind.takes(value)));
        if let Some((name, ..)) = unfit {
            return Err(Refusal::Odd(
                21712,
                format!("{name} is not valid: {}", fields[*name]),
            ));
        }
        let Some(service) = state
            .admin
            .services
            .iter_mut()
            .find(|service| service.sid == sid)
        else {
            return Err(Refusal::Missing(format!("/Services/{sid}")));
        };
        service.fields.extend(fields);
        Ok(service.resource())
    })
}

/// The numbers in a service's sender pool.
pub(super) async fn senders(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(sid): Path<String>,
    Query(query): Query<Pairs>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let Some(service) = state.admin.service(&sid) else {
            return Err(Refusal::Missing(format!("/Services/{sid}")));
        };
        let path = format!("Services/{sid}/PhoneNumbers");
        let sender = |number: &String| {
            let number_sid = &state.numbers.get(number)?.sid;
            Some(json!({
                "sid": number_sid, "account_sid": ACCOUNT_SID, "service_sid": sid, "phone_number": number, "country_code": null,
                "capabilities": ["SMS"], "date_created": THEN, "date_updated": THEN,
                "url": format!("https://messaging.twilio.com/v1/{path}/{number_sid}"),
            }))
        };
        let senders = service
            .numbers
            .iter()
            .filter_map(sender)
            .collect::<Vec<_>>();
        page(&path, "phone_numbers", &senders, query, &[]).map_err(|what| Refusal::Odd(20001, what))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        twilio::{MESSAGING_SERVICE, NUMBER, admin::api::Api},
        wire::Server,
    };
    use axum::{Router, http::Method};
    use serde_json::Value;

    #[tokio::test]
    async fn a_service_is_read_and_set() {
        let api = Api::start().await;
        let path = format!("/v1/Services/{MESSAGING_SERVICE}");
        let service = api.get(&path).await;
        assert_eq!(
            service,
            api.get("/v1/Services?PageSize=50").await["services"][0]
        );
        assert_eq!(
            (
                &service["inbound_request_url"],
                &service["inbound_method"],
                &service["use_inbound_webhook_on_number"]
            ),
            (&Value::Null, &json!("POST"), &json!(true))
        );
        let url = "https://x.example/#rc=3&rp=5xx,ct,rt";
        let senders = api.get(&format!("{path}/PhoneNumbers?PageSize=50")).await;
        assert_eq!(
            (
                &senders["phone_numbers"][0]["phone_number"],
                &senders["phone_numbers"][1]
            ),
            (&json!(NUMBER), &Value::Null)
        );
        assert_eq!(
            api.call(Method::GET, "/v1/Services/MG1/PhoneNumbers", &[])
                .await
                .0,
            404
        );
        let form = [
            ("InboundRequestUrl", url),
            ("InboundMethod", "GET"),
            ("UseInboundWebhookOnNumber", "false"),
        ];
        let (status, service) = api.call(Method::POST, &path, &form).await;
        assert_eq!(
            (status, &service["inbound_request_url"], &service["sid"]),
            (200, &json!(url), &json!(MESSAGING_SERVICE))
        );
        let service = api.0.messaging_service(MESSAGING_SERVICE).unwrap();
        assert_eq!(
            (
                service.field("InboundRequestUrl"),
                service.field("InboundMethod")
            ),
            (url, "GET")
        );
        assert_eq!(
            api.call(Method::POST, &path, &[("InboundRequestUrl", "")])
                .await
                .1["inbound_request_url"],
            Value::Null
        );
        assert_eq!(
            api.call(Method::POST, "/v1/Services/MG1", &form).await.0,
            404
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for (name, value) in [
            ("InboundUrl", "x"),
            ("InboundRequestUrl", "x"),
            ("InboundMethod", "PUT"),
            ("StickySender", ""),
        ] {
            assert_eq!(
                api.call(Method::POST, &path, &[(name, value)]).await.0,
                400,
                "{name}"
            );
            assert_eq!(api.0.server().complaints().len(), 1, "{name}");
        }
    }

    #[tokio::test]
    async fn texts_go_to_the_service_or_the_number() {
        let api = Api::start().await;
        let hook = Server::start("hook", Router::new().fallback(|| async { "" }))
            .await
            .unwrap();
        let (number, service) = ("+15005550011", hook.url() + "/service");
        api.0.set_sms_url(number, &(hook.url() + "/number"));
        let sid = api.0.add_messaging_service("Texts", &[number]);
        let text = async || {
            hook.clear_exchanges();
            api.0.text("+4512345678", number, "Hi").await;
            hook.exchanges()
                .pop()
                .map(|exchange| (exchange.method, exchange.target))
        };
        assert_eq!(
            text().await,
            None,
            "a service that neither has a URL nor defers drops texts"
        );
        api.0
            .set_messaging_service(&sid, &[("InboundRequestUrl", &service)]);
        assert_eq!(
            text().await,
            Some(("POST".to_owned(), "/service".to_owned()))
        );
        let body = hook.exchanges()[0].request.clone();
        assert!(
            form_urlencoded::parse(&body)
                .any(|(name, value)| name == "MessagingServiceSid" && value == sid)
        );
        api.0
            .set_messaging_service(&sid, &[("UseInboundWebhookOnNumber", "true")]);
        assert_eq!(
            text().await,
            Some(("POST".to_owned(), "/number".to_owned()))
        );
        api.0.own(number, &[("SmsMethod", "GET")]);
        let (method, target) = text().await.unwrap();
        assert!(
            method == "GET" && target.starts_with("/number?ToCountry=US&"),
            "{method} {target}"
        );
        let exchange = &hook.exchanges()[0];
        let signed = api.0.sign(&(hook.url() + &target), &[]);
        assert!(
            exchange.request.is_empty()
                && exchange
                    .headers
                    .contains(&("x-twilio-signature".to_owned(), signed))
        );
        let form = [
            ("To", "+4512345678"),
            ("MessagingServiceSid", sid.as_str()),
            ("Body", "x"),
        ];
        let messages = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json");
        assert_eq!(
            (
                api.call(Method::POST, &messages, &form).await.0,
                &*api.0.messages()[0].from
            ),
            (201, number)
        );
    }
}
