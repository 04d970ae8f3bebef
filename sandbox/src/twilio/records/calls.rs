//! Reading calls.

use axum::{
    extract::{Path, Query},
    response::Response,
};
use serde_json::{Value, json};

use super::reading::{Request, answer, page, within};
use crate::{
    mail,
    twilio::{
        ids::ACCOUNT_SID,
        parameters::{Pairs, parameters},
        voice::Finished,
    },
};

impl Finished {
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

pub(super) async fn list(
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
        let fits = |call: &&Finished| {
            is("To", &call.to)
                && is("From", &call.from)
                && is("Status", call.status)
                && within(&query, "StartTime", call.at)
        };
        page(
            "calls",
            state
                .calls
                .iter()
                .filter(fits)
                .map(Finished::wire)
                .collect(),
            &query,
        )
        .map(Some)
    })
}

pub(super) async fn read(
    request: Request,
    Path((account, sid)): Path<(String, String)>,
) -> Response {
    answer(request, &account, |state| {
        let sid = sid.strip_suffix(".json").unwrap_or_default();
        Ok(state
            .calls
            .iter()
            .find(|call| call.sid == sid)
            .map(Finished::wire))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use crate::twilio::{Twilio, records::api::Api};

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
    }
}
