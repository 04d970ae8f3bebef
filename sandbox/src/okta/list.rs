//! `listUsers`: searches in an index that may lag behind, pages and their cursors.

use std::collections::HashMap;

use axum::{
    Extension, Json,
    extract::{Query, State as Axum},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::{
    answers::error,
    search,
    state::{Cursor, Okta, Shared},
    user::User,
};
use crate::{
    random, sms,
    wire::{Complaints, lock},
};

impl Okta {
    /// Expires all cursors that were issued so far.
    pub fn expire_cursors(&self) {
        let mut state = lock(&self.state);
        let expired = state
            .cursors
            .drain()
            .map(|(cursor, _)| cursor)
            .collect::<Vec<_>>();
        state.expired_cursors.extend(expired);
    }

    /// `true`: searches find the users as they are now, without later changes. `false`: searches
    /// follow all changes again.
    pub fn hold_index(&self, on: bool) {
        let mut state = lock(&self.state);
        state.index = on.then(|| state.users.clone());
    }

    /// Sets the maximum number of users on a page. At first 200.
    pub fn set_page_size(&self, users: usize) {
        lock(&self.state).page_size = users;
    }

    /// Sets the format of the link to the next page. `{url}` stands for its URL.
    pub fn set_next_link(&self, format: &str) {
        format.clone_into(&mut lock(&self.state).next_link);
    }
}

/// `listUsers`. With a search, the users come from the index, which may lag behind. Without one,
/// all users except deactivated ones.
pub(super) async fn users(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let refuse = |code, what: &str| {
        complaints.add(format!("Okta users: {what}"));
        error(StatusCode::BAD_REQUEST, code, what, &[])
    };
    let mut parameters = HashMap::new();
    for (name, value) in query {
        if ["sortBy", "sortOrder", "expand"].contains(&name.as_str()) {
            let what = format!("the parameter {name} is not simulated by this sandbox");
            complaints.add(format!("Okta users: {what}"));
            return error(StatusCode::NOT_IMPLEMENTED, "E0000060", &what, &[]);
        }
        if !["search", "filter", "limit", "after", "fields"].contains(&name.as_str()) {
            complaints.add_for_ours(format!("Okta users: parameter {name}"));
        }
        if parameters.insert(name.clone(), value).is_some() {
            return refuse("E0000001", &format!("repeated parameter {name}"));
        }
    }
    let given = ["search", "fields", "filter", "q"].map(|name| {
        parameters
            .get(name)
            .filter(|text| !text.is_empty())
            .cloned()
    });
    let Some(limit) = parameters
        .get("limit")
        .map_or(Some(200), |limit| limit.parse().ok())
        .filter(|limit| (1..=200).contains(limit))
    else {
        return refuse("E0000001", "limit");
    };
    let fits: Box<dyn Fn(&User) -> bool> = match &given {
        // `filter` is an older parameter with the same syntax for fewer attributes.
        [Some(text), ..] | [None, _, Some(text), _] => match search::parse(text) {
            Ok(search) => Box::new(move |user| search.fits(user)),
            Err(what) => return refuse("E0000031", &format!("Invalid search criteria: {what}")),
        },
        [None, _, None, Some(start)] => {
            let start = start.to_lowercase();
            let begins = move |user: &User| {
                let names = [
                    user.text("firstName"),
                    user.text("lastName"),
                    user.text("email"),
                ];
                names
                    .iter()
                    .any(|name| name.to_lowercase().starts_with(&start))
            };
            Box::new(move |user| user.status != "DEPROVISIONED" && begins(user))
        }
        [None, _, None, None] => Box::new(|user| user.status != "DEPROVISIONED"),
    };
    let mut state = lock(&state);
    let after = match parameters
        .get("after")
        .map(|cursor| state.cursors.get(cursor))
    {
        None => 0,
        Some(Some(cursor)) if cursor.query == given => cursor.after,
        Some(None)
            if parameters
                .get("after")
                .is_some_and(|cursor| state.expired_cursors.contains(cursor)) =>
        {
            return error(
                StatusCode::BAD_REQUEST,
                "E0000001",
                "Api validation failed: after",
                &["after: expired"],
            );
        }
        Some(_) => return refuse("E0000001", "a cursor not issued for this"),
    };
    let all = state
        .index
        .as_ref()
        .filter(|_| given[0].is_some())
        .unwrap_or(&state.users);
    let size = state.page_size.min(limit);
    let mut found = all
        .range(after + 1..)
        .filter(|(_, user)| fits(user))
        .take(size + 1)
        .collect::<Vec<_>>();
    let more = found.len() > size;
    found.truncate(size);
    let page = found
        .iter()
        .map(|(_, user)| project(user.wire(), given[1].as_deref()))
        .collect::<Vec<_>>();
    let last = found.last().map_or(after, |(made, _)| **made);
    // Every page has a link to itself and one to the next page.
    let mut links = vec![];
    let address = |after: Option<&String>| {
        let mut address = form_urlencoded::Serializer::new(String::new());
        address.extend_pairs(given[0].iter().map(|search| ("search", search)));
        address.extend_pairs(given[1].iter().map(|fields| ("fields", fields)));
        address.extend_pairs(given[2].iter().map(|filter| ("filter", filter)));
        address.extend_pairs(given[3].iter().map(|start| ("q", start)));
        address.extend_pairs(after.map(|after| ("after", after)));
        let query = address.append_pair("limit", &limit.to_string()).finish();
        format!(
            "http://{}/api/v1/users?{query}",
            sms::header(&headers, header::HOST)
        )
    };
    links.push((
        header::LINK,
        format!("<{}>; rel=\"self\"", address(parameters.get("after"))),
    ));
    if more {
        let cursor = random::hex(10);
        links.push((
            header::LINK,
            state.next_link.replace("{url}", &address(Some(&cursor))),
        ));
        state.cursors.insert(
            cursor,
            Cursor {
                query: given,
                after: last,
            },
        );
    }
    let mut answer = Json(page).into_response();
    for (name, link) in links {
        answer
            .headers_mut()
            .append(name, link.parse().expect("a link in plain characters"));
    }
    answer
}

/// The part of a user that `fields` selects: `id,status,profile:(a,b)`.
fn project(mut user: Value, fields: Option<&str>) -> Value {
    let Some(fields) = fields else { return user };
    let (plain, profile) = match fields.split_once("profile:(") {
        Some((before, rest)) => (
            before,
            rest.split_once(')').map_or(rest, |(inner, _)| inner),
        ),
        None => (fields, ""),
    };
    let named = |list: &str, name: &String| list.split(',').any(|field| field.trim() == name);
    if let Some(user) = user.as_object_mut() {
        user.retain(|name, _| {
            name == "id" || named(plain, name) || name == "profile" && !profile.is_empty()
        });
    }
    if let Some(attributes) = user.get_mut("profile").and_then(Value::as_object_mut) {
        attributes.retain(|name, _| named(profile, name));
    }
    user
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use super::*;
    use crate::okta::{caller::Api, state::API_TOKEN};

    #[tokio::test]
    async fn lists_leave_out_the_departed_and_searches_do_not() {
        let api = Api::start().await;
        let id = api.0.hire("Ann", "+4512345678", "");
        api.0.set_status(&id, "DEPROVISIONED");
        assert_eq!(api.get("/api/v1/users").await, (200, json!([])));
        let path = "/api/v1/users?search=profile.mobilePhone%20eq%20%22%2B4512345678%22&fields=status,profile:(firstName,primaryPhone)";
        let expected = json!([{"id": id, "status": "DEPROVISIONED", "profile": {"firstName": "Ann", "primaryPhone": null}}]);
        assert_eq!(api.get(path).await, (200, expected));
        let (status, body) = api
            .get("/api/v1/users?search=profile.mobilePhone%20ne%20%221%22")
            .await;
        assert_eq!(
            (
                status,
                &body["errorCode"],
                api.0.server().complaints().len()
            ),
            (400, &json!("E0000031"), 1)
        );
        for path in [
            "/api/v1/users?limit=201",
            "/api/v1/users?after=made-up",
            "/api/v1/users?sortBy=id",
        ] {
            assert_ne!(api.get(path).await.0, 200, "{path}");
            assert_eq!(api.0.server().complaints().len(), 1, "{path}");
        }
    }

    #[tokio::test]
    async fn a_cursor_continues_where_its_page_ended() {
        let api = Api::start().await;
        let ids = ["Ann", "Bob", "Cid"].map(|name| api.0.hire(name, "", ""));
        let page = async |path: String| {
            let answer = api
                .request(Method::GET, &path)
                .header("authorization", format!("SSWS {API_TOKEN}"))
                .send()
                .await
                .unwrap();
            let links = answer
                .headers()
                .get_all("link")
                .iter()
                .map(|link| link.to_str().unwrap().to_owned())
                .collect::<Vec<_>>();
            (answer.json::<Value>().await.unwrap(), links)
        };
        let (first, links) = page("/api/v1/users?limit=1".to_owned()).await;
        assert_eq!((&first[0]["id"], links.len()), (&json!(ids[0]), 2));
        assert!(
            links[0].ends_with("rel=\"self\"") && links[1].ends_with("rel=\"next\""),
            "{links:?}"
        );
        // Gone meanwhile: the cursor does not mind.
        api.0.delete(&ids[0]);
        let next = links[1]
            .strip_prefix(&format!("<{}", api.1))
            .unwrap()
            .split_once('>')
            .unwrap()
            .0
            .to_owned();
        let (second, _) = page(next.clone()).await;
        assert_eq!(second[0]["id"], ids[1]);
        assert_eq!(
            api.get(&format!("{next}&fields=id")).await.0,
            400,
            "it is for the same question"
        );
        assert_eq!(api.0.server().complaints().len(), 1);
        api.0.expire_cursors();
        assert_eq!(api.get(&next).await.1["errorCode"], "E0000001");
        assert_eq!(api.0.server().complaints(), [""; 0], "a client cannot know");
    }
}
