//! What reading messages and reading calls have in common: filters by time, pages, answers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::State as Axum,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use crate::{
    moment,
    twilio::{
        account::{Shared, State},
        api::{authenticate, refuse},
        ids::ACCOUNT_SID,
        parameters::page_size,
    },
    wire::Complaints,
};

/// True if a time matches the filters `name`, `name<` (not after) and `name>` (not before). A
/// filter is a day or a moment.
pub(super) fn within(filters: &HashMap<String, String>, name: &str, at: u64) -> bool {
    let moment = moment::iso(Duration::from_secs(at));
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
pub(super) fn page(
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

pub(super) type Request = (Axum<Arc<Shared>>, Extension<Complaints>, HeaderMap);

/// Authenticates a request and answers it from one list or resource of the account.
pub(super) fn answer(
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
