//! The list of the account's numbers.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, Query, State as Axum},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{
    owned::{Owned, base},
    requests::complain,
};
use crate::{
    twilio::{
        account::Shared,
        api::authenticate,
        parameters::{Pairs, flag, page_size, parameters},
    },
    wire::Complaints,
};

pub(super) async fn list(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(account): Path<String>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
) -> Response {
    let state = match authenticate(&shared, &complaints, &account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let known = [
        "Beta",
        "FriendlyName",
        "PhoneNumber",
        "Origin",
        "PageSize",
        "Page",
        "PageToken",
    ];
    let answer = || {
        let parameters = parameters(query, &known)?;
        let size = page_size(&parameters)?.min(state.numbers.page_size);
        flag(&parameters, "Beta")?;
        let origin = parameters.get("Origin").map_or("twilio", String::as_str);
        if !["twilio", "hosted"].contains(&origin) {
            return Err(format!("Origin={origin}"));
        }
        let page = parameters
            .get("Page")
            .map_or(Some(0), |page| page.parse::<usize>().ok())
            .ok_or("Page is a number")?;
        let after = match parameters.get("PageToken") {
            None if page == 0 => 0,
            None => return Err("a page without its token".to_owned()),
            Some(token) => {
                token
                    .strip_prefix("PA")
                    .and_then(|sid| state.numbers.by_sid.get(sid))
                    .filter(|_| page > 0)
                    .ok_or("a page token that was not issued")?
                    + 1
            }
        };
        let partial = parameters
            .get("PhoneNumber")
            .map(|text| text.chars().collect::<Vec<_>>());
        if partial.as_ref().is_some_and(|partial| {
            partial
                .iter()
                .any(|c| !c.is_ascii_digit() && !"+*".contains(*c))
        }) {
            return Err("PhoneNumber has digits and asterisks".to_owned());
        }
        let fits = |owned: &&Owned| {
            !owned.released
                && !owned.lags
                && origin == "twilio"
                && parameters
                    .get("FriendlyName")
                    .is_none_or(|name| owned.field("FriendlyName") == name)
                && partial
                    .as_ref()
                    .is_none_or(|partial| contains(&owned.number, partial))
        };
        let all = state.numbers.owned[after..].iter();
        let mut found: Vec<_> = match parameters.get("FriendlyName") {
            Some(name) => {
                let named = state.numbers.named(name);
                let named = named.filter(|(index, _)| *index >= after);
                let named = named.map(|(_, owned)| owned);
                named.filter(fits).take(size + 1).collect()
            }
            None => all.filter(fits).take(size + 1).collect(),
        };
        let more = found.len() > size;
        found.truncate(size);
        let address = |page: usize, after: Option<&&Owned>| {
            let mut address = form_urlencoded::Serializer::new(String::new());
            for name in ["FriendlyName", "Beta", "PhoneNumber", "Origin"] {
                address.extend_pairs(parameters.get(name).map(|value| (name, value)));
            }
            address
                .append_pair("PageSize", &size.to_string())
                .append_pair("Page", &page.to_string());
            address.extend_pairs(after.map(|owned| ("PageToken", format!("PA{}", owned.sid))));
            format!("{}.json?{}", base(), address.finish())
        };
        let numbers = found
            .iter()
            .map(|owned| owned.resource())
            .collect::<Vec<_>>();
        Ok(json!({
            "incoming_phone_numbers": numbers, "page": page, "page_size": size, "start": page * size,
            "end": page * size + numbers.len().saturating_sub(1), "uri": address(page, None), "first_page_uri": address(0, None),
            "previous_page_uri": null, "next_page_uri": found.last().filter(|_| more).map(|last| address(page + 1, Some(last))),
        }))
    };
    match answer() {
        Ok(page) => Json(page).into_response(),
        Err(what) => complain(&complaints, 20001, &what),
    }
}

/// True if a part of the number matches; an asterisk matches any digit.
fn contains(number: &str, partial: &[char]) -> bool {
    let digits = number.chars().collect::<Vec<_>>();
    partial.is_empty()
        || digits.windows(partial.len()).any(|part| {
            part.iter()
                .zip(partial)
                .all(|(digit, c)| digit == c || *c == '*' && *digit != '+')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::{ACCOUNT_SID, NUMBER, numbers::api::Api};
    use serde_json::Value;

    #[tokio::test]
    async fn lists_have_pages_and_filters() {
        let api = Api::start().await;
        for n in 0..4 {
            api.0.own(
                &format!("+1415555010{n}"),
                &[(
                    "FriendlyName",
                    if n < 3 { "switchboard:a&b" } else { "other" },
                )],
            );
        }
        api.0.set_page_size(2);
        let mut path =
            "IncomingPhoneNumbers.json?FriendlyName=switchboard%3Aa%26b&PageSize=1000".to_owned();
        let (_, page) = api.get(&path).await;
        assert_eq!(
            (&page["page"], &page["page_size"], &page["end"]),
            (&json!(0), &json!(2), &json!(1))
        );
        api.0.lose("+14155550101"); // the list goes on all the same
        let next = page["next_page_uri"].as_str().unwrap().to_owned();
        path = next
            .strip_prefix(&format!("/2010-04-01/Accounts/{ACCOUNT_SID}/"))
            .unwrap()
            .to_owned();
        let (_, page) = api.get(&path).await;
        assert_eq!(
            (
                &page["incoming_phone_numbers"][0]["phone_number"],
                &page["next_page_uri"]
            ),
            (&json!("+14155550102"), &Value::Null)
        );
        api.0.set_page_size(1000);
        assert_eq!(
            api.numbers("IncomingPhoneNumbers.json?PhoneNumber=4155*5010")
                .await
                .len(),
            3
        );
        assert_eq!(api.numbers("IncomingPhoneNumbers.json").await[0], NUMBER);
        assert!(
            api.numbers("IncomingPhoneNumbers.json?Origin=hosted")
                .await
                .is_empty()
        );
        api.0.lag(true);
        let sid = api.buy(&[("AreaCode", "628")]).await.1["sid"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            api.numbers("IncomingPhoneNumbers.json?PhoneNumber=%2B1628")
                .await
                .is_empty()
        );
        assert_eq!(
            api.get(&format!("IncomingPhoneNumbers/{sid}.json")).await.0,
            200
        );
        api.0.lag(false);
        assert_eq!(
            api.numbers("IncomingPhoneNumbers.json?PhoneNumber=%2B1628")
                .await
                .len(),
            1
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for query in [
            "Page=1",
            "Page=1&PageToken=PA1",
            "Name=x",
            "PageSize=0",
            "Origin=x",
            "PhoneNumber=x",
        ] {
            assert_eq!(
                api.get(&format!("IncomingPhoneNumbers.json?{query}"))
                    .await
                    .0,
                400,
                "{query}"
            );
            assert_eq!(api.0.server().complaints().len(), 1, "{query}");
        }
        api.0.set_auth_token("new");
        assert_eq!(api.get("IncomingPhoneNumbers.json").await.0, 401);
        assert_eq!(api.get("AvailablePhoneNumbers/US/Local.json").await.0, 401);
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
