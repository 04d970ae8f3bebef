//! Reading, redacting and deleting messages.

use axum::{
    body::Bytes,
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::reading::{Request, answer, page, within};
use crate::{
    mail,
    twilio::{
        account::State,
        messages::{Message, resource},
        parameters::{Pairs, parameters},
    },
};

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

pub(in crate::twilio) async fn list(
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

pub(super) async fn read(
    request: Request,
    Path((account, sid)): Path<(String, String)>,
) -> Response {
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
pub(super) async fn redact(
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
pub(super) async fn delete(
    request: Request,
    Path((account, sid)): Path<(String, String)>,
) -> Response {
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

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use super::*;
    use crate::{
        moment,
        twilio::{ACCOUNT_SID, Twilio, records::api::Api},
    };

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
        let today = &moment::iso(crate::now())[..10];
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
}
