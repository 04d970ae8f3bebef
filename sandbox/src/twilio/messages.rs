//! Reading messages and calls, and webhooks about a message's delivery. Our functions use none of
//! these; other clients do.
//!
//! Imitates <https://www.twilio.com/docs/messaging/api/message-resource>,
//! <https://www.twilio.com/docs/voice/api/call-resource> and
//! <https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>. A message is
//! delivered at once. The lists contain only messages that the account sent and calls that have
//! ended.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{
    ACCOUNT_SID, Message, Shared, State, authenticate,
    numbers::{Pairs, page_size, parameters},
    phone, refuse, resource,
};
use crate::{
    mail, okta,
    wire::{Complaints, client},
};

/// The record of a message beyond the sent fields.
#[derive(Clone, Default)]
pub(super) struct Made {
    /// Seconds since the epoch.
    at: u64,
    service: Option<String>,
    redacted: bool,
}

impl Made {
    pub(super) fn now(service: Option<String>) -> Self {
        Self {
            at: crate::now().as_secs(),
            service,
            redacted: false,
        }
    }
}

/// A call that has ended.
#[derive(Clone)]
pub(super) struct Ended {
    pub(super) sid: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) status: &'static str,
    /// Seconds since the epoch.
    pub(super) at: u64,
}

impl Ended {
    fn wire(&self) -> Value {
        let (uri, at) = (
            format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{}", self.sid),
            mail::date(self.at),
        );
        json!({
            "sid": self.sid, "account_sid": ACCOUNT_SID, "from": self.from, "from_formatted": self.from, "to": self.to, "to_formatted": self.to,
            "status": self.status, "direction": "inbound", "api_version": "2010-04-01", "date_created": at, "date_updated": at, "start_time": at,
            "end_time": at, "duration": "0", "answered_by": null, "caller_name": null, "forwarded_from": null, "group_sid": null,
            "parent_call_sid": null, "phone_number_sid": "", "price": null, "price_unit": "USD", "queue_time": "0", "trunk_sid": "", "annotation": null,
            "subresource_uris": {"recordings": format!("{uri}/Recordings.json")}, "uri": format!("{uri}.json"),
        })
    }
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    const ACCOUNT: &str = "/2010-04-01/Accounts/{account}";
    Router::new()
        .route(
            &format!("{ACCOUNT}/Messages/{{sid}}"),
            get(read).post(redact).delete(delete),
        )
        .route(&format!("{ACCOUNT}/Calls.json"), get(calls))
        .route(&format!("{ACCOUNT}/Calls/{{sid}}"), get(call))
}

impl State {
    /// The Message resource of a delivered message.
    fn delivered(&self, message: &Message) -> Value {
        let made = self.made.get(&message.sid).cloned().unwrap_or_default();
        let mut delivered = resource(message, made.service.as_ref());
        let at = mail::date(made.at);
        for name in ["date_created", "date_sent", "date_updated"] {
            delivered[name] = at.as_str().into();
        }
        delivered["status"] = "delivered".into();
        delivered["from"] = message.from.as_str().into();
        if made.redacted || !message.keeps_body {
            delivered["body"] = "".into();
        }
        if !message.keeps_to {
            let kept = message.to.len().saturating_sub(4);
            delivered["to"] = format!("{}XXXX", &message.to[..kept]).into();
        }
        delivered
    }
}

/// True if a time matches the filters `name`, `name<` (not after) and `name>` (not before). A
/// filter is a day or a moment.
fn within(filters: &HashMap<String, String>, name: &str, at: u64) -> bool {
    let moment = okta::iso(Duration::from_secs(at));
    let asked = |sign: &str| {
        filters
            .get(&format!("{name}{sign}"))
            .map(String::as_str)
            .filter(|asked| !asked.is_empty())
    };
    let digits = |asked: &str| asked.trim_end_matches('Z').to_owned();
    asked("").is_none_or(|day| moment.starts_with(&day[..day.len().min(10)]))
        && asked("<").is_none_or(|last| moment.starts_with(&digits(last)) || moment <= digits(last))
        && asked(">").is_none_or(|first| moment >= digits(first))
}

/// One page of a list, newest first. The page token counts the items of the earlier pages.
fn page(
    key: &str,
    mut items: Vec<Value>,
    query: &HashMap<String, String>,
) -> Result<Value, String> {
    items.reverse();
    let size = page_size(query)?;
    let number = |name: &str, text: &str| {
        text.parse::<usize>()
            .map_err(|_| format!("{name} is a number"))
    };
    let page = query
        .get("Page")
        .map_or(Ok(0), |text| number("Page", text))?;
    let start = query.get("PageToken").map_or(Ok(0), |text| {
        number("PageToken", text.trim_start_matches("PT"))
    })?;
    let more = items.len() > start.saturating_add(size);
    let shown = items.into_iter().skip(start).take(size).collect::<Vec<_>>();
    let path = format!(
        "/2010-04-01/Accounts/{ACCOUNT_SID}/{}.json",
        if key == "calls" { "Calls" } else { "Messages" }
    );
    let address = |page: usize, start: usize| {
        let mut address = form_urlencoded::Serializer::new(String::new());
        address.extend_pairs(
            query
                .iter()
                .filter(|(name, _)| !["Page", "PageToken", "PageSize"].contains(&name.as_str())),
        );
        address
            .append_pair("PageSize", &size.to_string())
            .append_pair("Page", &page.to_string());
        if start > 0 {
            address.append_pair("PageToken", &format!("PT{start}"));
        }
        format!("{path}?{}", address.finish())
    };
    let mut answer = json!({
        "page": page, "page_size": size, "start": start, "end": start + shown.len().saturating_sub(1), "uri": address(page, start),
        "first_page_uri": address(0, 0), "next_page_uri": more.then(|| address(page + 1, start + size)), "previous_page_uri": null,
    });
    answer[key] = shown.into();
    Ok(answer)
}

type Request = (Axum<Arc<Shared>>, Extension<Complaints>, HeaderMap);

/// Authenticates a request and answers it from one list or resource of the account.
fn answer(
    (Axum(shared), Extension(complaints), headers): Request,
    account: &str,
    make: impl FnOnce(&mut State) -> Result<Option<Value>, String>,
) -> Response {
    let mut state = match authenticate(&shared, &complaints, account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    complaints.add_for_ours("Twilio: messages or calls read back");
    match make(&mut state) {
        Ok(Some(value)) => Json(value).into_response(),
        Ok(None) => refuse(20404, "The requested resource was not found"),
        Err(what) => {
            complaints.add(format!("Twilio: {what}"));
            refuse(20001, &what)
        }
    }
}

pub(super) async fn list(
    request: Request,
    Path(account): Path<String>,
    Query(query): Query<Pairs>,
) -> Response {
    answer(request, &account, |state| {
        let query = parameters(
            query,
            &[
                "To",
                "From",
                "DateSent",
                "DateSent<",
                "DateSent>",
                "PageSize",
                "Page",
                "PageToken",
            ],
        )?;
        let is = |name: &str, value: &str| query.get(name).is_none_or(|asked| asked == value);
        let at = |message: &Message| state.made.get(&message.sid).map_or(0, |made| made.at);
        let fits = |message: &&Message| {
            is("To", &message.to)
                && is("From", &message.from)
                && within(&query, "DateSent", at(message))
        };
        let found = state
            .messages
            .iter()
            .filter(fits)
            .map(|message| state.delivered(message))
            .collect();
        page("messages", found, &query).map(Some)
    })
}

async fn read(request: Request, Path((account, sid)): Path<(String, String)>) -> Response {
    answer(request, &account, |state| {
        Ok(find(state, &sid).map(|message| state.delivered(message)))
    })
}

fn find<'a>(state: &'a State, sid: &str) -> Option<&'a Message> {
    let sid = sid.strip_suffix(".json")?;
    state.messages.iter().find(|message| message.sid == sid)
}

/// Removes the text from Twilio's records, if the request sets an empty `Body`. No other change of
/// a sent message is possible.
async fn redact(
    request: Request,
    Path((account, sid)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    answer(request, &account, |state| {
        let Some(message) = find(state, &sid).cloned() else {
            return Ok(None);
        };
        if form_urlencoded::parse(&body).any(|(name, value)| name != "Body" || !value.is_empty()) {
            return Err("only an empty Body is simulated by this sandbox".to_owned());
        }
        state.made.entry(message.sid.clone()).or_default().redacted = true;
        Ok(Some(state.delivered(&message)))
    })
}

/// Removes a message from Twilio's records. The text on the phone stays.
async fn delete(request: Request, Path((account, sid)): Path<(String, String)>) -> Response {
    let answer = answer(request, &account, |state| {
        let Some(sid) = find(state, &sid).map(|message| message.sid.clone()) else {
            return Ok(None);
        };
        state.messages.retain(|message| message.sid != sid);
        Ok(Some(Value::Null))
    });
    if answer.status().is_success() {
        StatusCode::NO_CONTENT.into_response()
    } else {
        answer
    }
}

async fn calls(
    request: Request,
    Path(account): Path<String>,
    Query(query): Query<Pairs>,
) -> Response {
    answer(request, &account, |state| {
        let known = [
            "To",
            "From",
            "Status",
            "StartTime",
            "StartTime<",
            "StartTime>",
            "PageSize",
            "Page",
            "PageToken",
        ];
        let query = parameters(query, &known)?;
        let is = |name: &str, value: &str| query.get(name).is_none_or(|asked| asked == value);
        let fits = |call: &&Ended| {
            is("To", &call.to)
                && is("From", &call.from)
                && is("Status", call.status)
                && within(&query, "StartTime", call.at)
        };
        page(
            "calls",
            state.calls.iter().filter(fits).map(Ended::wire).collect(),
            &query,
        )
        .map(Some)
    })
}

async fn call(request: Request, Path((account, sid)): Path<(String, String)>) -> Response {
    answer(request, &account, |state| {
        let sid = sid.strip_suffix(".json").unwrap_or_default();
        Ok(state
            .calls
            .iter()
            .find(|call| call.sid == sid)
            .map(Ended::wire))
    })
}

/// Sends a message's delivery statuses to its `StatusCallback`, signed like every webhook.
pub(super) fn tell(url: String, token: String, message: Message) {
    tokio::spawn(async move {
        for status in ["sent", "delivered"] {
            let params = [
                ("SmsSid", message.sid.as_str()),
                ("SmsStatus", status),
                ("MessageStatus", status),
                ("To", &message.to),
                ("MessageSid", &message.sid),
                ("AccountSid", ACCOUNT_SID),
                ("From", &message.from),
                ("ApiVersion", "2010-04-01"),
            ];
            let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let request = client()
                .post(&url)
                .timeout(Duration::from_secs(15))
                .header(header::USER_AGENT, "TwilioProxy/1.1");
            let _ = request
                .header(
                    "x-twilio-signature",
                    phone::signature(&token, &url, &params),
                )
                .form(&params)
                .send()
                .await;
        }
    });
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::{
        twilio::{AUTH_TOKEN, NUMBER, Twilio},
        wire::Server,
    };

    struct Api(Twilio);

    impl Api {
        async fn call(&self, method: Method, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
            let url = format!(
                "{}/2010-04-01/Accounts/{ACCOUNT_SID}{path}",
                self.0.server().url()
            );
            let request = client()
                .request(method, url)
                .header("user-agent", "acme")
                .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
            let request = if form.is_empty() {
                request
            } else {
                request.form(form)
            };
            let answer = request.send().await.unwrap();
            (
                answer.status().as_u16(),
                serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
            )
        }

        async fn send(&self, to: &str, more: &[(&str, &str)]) -> String {
            let form = [&[("To", to), ("From", NUMBER), ("Body", "Hi")], more].concat();
            let (status, sent) = self.call(Method::POST, "/Messages.json", &form).await;
            assert_eq!(status, 201, "{sent}");
            sent["sid"].as_str().unwrap().to_owned()
        }
    }

    #[tokio::test]
    async fn messages_are_read_back() {
        let api = Api(Twilio::start(None).await.unwrap());
        let mut sids = vec![];
        for to in ["+4520000001", "+4520000002", "+4520000002"] {
            sids.push(api.send(to, &[]).await);
        }
        let sid_of = |item: &Value| item["sid"].as_str().unwrap().to_owned();
        let (_, first) = api
            .call(Method::GET, "/Messages.json?PageSize=2", &[])
            .await;
        assert_eq!(
            first["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(sid_of)
                .collect::<Vec<_>>(),
            [sids[2].clone(), sids[1].clone()]
        );
        let next = first["next_page_uri"]
            .as_str()
            .unwrap()
            .split_once(ACCOUNT_SID)
            .unwrap()
            .1
            .to_owned();
        let (_, second) = api.call(Method::GET, &next, &[]).await;
        assert_eq!(
            (sid_of(&second["messages"][0]), &second["next_page_uri"]),
            (sids[0].clone(), &Value::Null)
        );
        let today = &okta::iso(crate::now())[..10];
        for (query, found) in [
            ("To=%2B4520000002".to_owned(), 2),
            ("From=%2B4520000002".to_owned(), 0),
            (format!("DateSent={today}"), 3),
            (format!("DateSent%3E={today}"), 3),
            (format!("DateSent%3C={today}"), 3),
            ("DateSent%3C=2020-01-01T00:00:00Z".to_owned(), 0),
        ] {
            let (_, list) = api
                .call(Method::GET, &format!("/Messages.json?{query}"), &[])
                .await;
            assert_eq!(list["messages"].as_array().unwrap().len(), found, "{query}");
        }
        let path = format!("/Messages/{}.json", sids[0]);
        let (_, read) = api.call(Method::GET, &path, &[]).await;
        assert_eq!(
            (
                &read["status"],
                &read["body"],
                read["date_sent"].is_string()
            ),
            (&json!("delivered"), &json!("Hi"), true)
        );
        assert_eq!(
            api.call(Method::POST, &path, &[("Body", "")]).await.1["body"],
            ""
        );
        assert_eq!(api.call(Method::DELETE, &path, &[]).await.0, 204);
        assert_eq!(api.call(Method::GET, &path, &[]).await.1["code"], 20404);
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn a_status_callback_hears_of_the_delivery() {
        let api = Api(Twilio::start(None).await.unwrap());
        let hook = Server::start("status callback", Router::new().fallback(|| async {}))
            .await
            .unwrap();
        let sid = api
            .send(
                "+4520000001",
                &[("StatusCallback", &hook.url()), ("SmartEncoded", "true")],
            )
            .await;
        let heard = async {
            while hook
                .exchanges()
                .iter()
                .filter(|exchange| exchange.status.is_some())
                .count()
                < 2
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard)
            .await
            .unwrap();
        for (exchange, status) in hook.exchanges().iter().zip(["sent", "delivered"]) {
            let params = form_urlencoded::parse(&exchange.request)
                .into_owned()
                .collect::<Vec<_>>();
            let param = |name: &str| {
                params
                    .iter()
                    .find(|(key, _)| key == name)
                    .unwrap()
                    .1
                    .clone()
            };
            assert_eq!(
                (param("MessageStatus"), param("MessageSid")),
                (status.to_owned(), sid.clone())
            );
            let signature = (
                "x-twilio-signature".to_owned(),
                api.0.sign(&hook.url(), &params),
            );
            assert!(exchange.headers.contains(&signature));
        }
        let (status, body) = api
            .call(
                Method::POST,
                "/Messages.json",
                &[("To", "+4520000001"), ("ContentSid", "HX1")],
            )
            .await;
        assert_eq!(
            (
                status,
                body["message"].as_str().unwrap().contains("not simulated")
            ),
            (501, true)
        );
        assert_eq!(api.0.server().complaints().len(), 1);
    }

    #[tokio::test]
    async fn calls_are_read_back() {
        let api = Api(Twilio::start(None).await.unwrap());
        let call = api.0.call("+4520000001", "+4599999999").await;
        let (_, list) = api
            .call(Method::GET, "/Calls.json?From=%2B4520000001", &[])
            .await;
        assert_eq!(
            (&list["calls"][0]["sid"], &list["calls"][0]["status"]),
            (&json!(call.sid), &json!("failed"))
        );
        let (_, read) = api
            .call(Method::GET, &format!("/Calls/{}.json", call.sid), &[])
            .await;
        assert_eq!(read, list["calls"][0]);
        assert_eq!(api.call(Method::GET, "/Calls/CA1.json", &[]).await.0, 404);
        assert_eq!(
            api.call(Method::POST, "/Calls.json", &[("To", "x")])
                .await
                .0,
            501
        );
        assert_eq!(api.0.server().complaints().len(), 1, "calls are not made");
    }
}
