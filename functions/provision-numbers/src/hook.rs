//! Okta's event hook (<https://developer.okta.com/docs/concepts/event-hooks/>). The next run begins
//! with the users whom a delivery names. Only the id is used; the run reads the user itself.
//!
//! Our own change of a profile also causes the event `user.account.update_profile`. The next run
//! then finds nothing to do and changes nothing, so no loop arises.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use shared::platform::object::Object;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::secrets::{self, Content, Keys, Secret};

use crate::company_numbers::is_id;
use crate::ledger::Ledger;

/// Okta waits 3 s.
const TIME: Duration = Duration::from_millis(2_500);
const BODY_LIMIT: usize = 1024 * 1024;
/// A delivery has one event or a few. A user who is not noted here is found among Okta's users.
const MOST_USERS: usize = 50;
const EVENTS: [&str; 3] = [
    "user.lifecycle.create",
    "user.lifecycle.activate",
    "user.account.update_profile",
];

/// The `hook` secret.
pub(crate) struct Credentials(SecretString);

impl Content for Credentials {
    const NAME: &'static str = "hook";

    fn take(keys: &mut Keys) -> Option<Self> {
        keys.required("bearer_token").map(Self)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    event_id: String,
    data: Object<Data>,
}

#[derive(Deserialize)]
struct Data {
    events: Vec<Object<Event>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_type: String,
    #[serde(default)]
    target: Option<Vec<Object<Target>>>,
}

#[derive(Deserialize)]
struct Target {
    id: Option<String>,
    r#type: Option<String>,
}

/// Answers Okta's verification and deliveries.
pub(crate) async fn answer(
    request: &Request,
    secret: &Secret<Credentials>,
    ledger: &Ledger<'_>,
) -> Reply {
    match (request.path(), request.method()) {
        ("/okta", "GET") => verification(request),
        ("/okta", "POST") => {
            let within = TIME.min(request.remaining(Duration::from_millis(200)));
            let taken = tokio::time::timeout(within, take(request, secret, ledger)).await;
            taken
                .unwrap_or_else(|_| Err(Reply::empty(503, "late")))
                .unwrap_or_else(|refusal| refusal)
        }
        ("/okta", _) => Reply::refused(405, "method_not_allowed").header("allow", "GET, POST"),
        _ => Reply::refused(404, "not_found"),
    }
}

/// Answers Okta's verification, which proves that the URL is ours.
fn verification(request: &Request) -> Reply {
    let challenge = request
        .header("x-okta-verification-challenge")
        .filter(|challenge| (1..=1024).contains(&challenge.len()));
    let Some(challenge) = challenge else {
        return Reply::refused(400, "no_challenge");
    };
    Reply::body(
        200,
        "verified",
        "application/json",
        json!({ "verification": challenge }).to_string(),
    )
}

async fn take(
    request: &Request,
    secret: &Secret<Credentials>,
    ledger: &Ledger<'_>,
) -> Result<Reply, Reply> {
    request.expect_post("/okta", &["application/json"], BODY_LIMIT)?;
    authenticate(request, secret, ledger.now).await?;
    let noted = noted(request.body());
    let (event_id, users) = noted.ok_or_else(|| Reply::refused(400, "malformed_body"))?;
    if users.is_empty() {
        return Ok(Reply::empty(200, "ignored"));
    }
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let new = ledger
        .announce(&event_id, &users)
        .await
        .map_err(Failure::from)?;
    Ok(Reply::empty(200, if new { "noted" } else { "duplicate" }).field("users", users.len()))
}

/// The id of a delivery, and the users whom it is about. `None`: the body is malformed.
pub fn noted(body: &[u8]) -> Option<(String, Vec<String>)> {
    let Object(delivery) = serde_json::from_slice::<Object<Delivery>>(body).ok()?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    let id = &delivery.event_id;
    let is_id = (1..=100).contains(&id.len()) && id.bytes().all(plain);
    let users = users(&delivery).into_iter().map(str::to_owned).collect();
    is_id.then_some((delivery.event_id, users))
}

/// Okta sends the header as it was registered, with or without a scheme.
async fn authenticate(
    request: &Request,
    secret: &Secret<Credentials>,
    now: SystemTime,
) -> Result<(), Reply> {
    let given = request
        .header("authorization")
        .map(str::trim)
        .filter(|given| !given.is_empty())
        .ok_or_else(|| Reply::refused(401, "credential_missing"))?;
    let bare = request.bearer().unwrap_or(given);
    let fits = |Credentials(known): &Credentials| {
        let known = known.expose_secret().trim();
        secrets::same(known, given) | secrets::same(known, bare)
    };
    let fitting = secret.fitting(now, fits).await.map_err(Failure::from)?;
    fitting
        .map(drop)
        .ok_or_else(|| Reply::refused(401, "bad_credential"))
}

/// The users whom the relevant events are about.
fn users(delivery: &Delivery) -> Vec<&str> {
    let Object(data) = &delivery.data;
    let events = data.events.iter().map(|Object(event)| event);
    let events = events.filter(|event| EVENTS.contains(&event.event_type.as_str()));
    let targets = events.flat_map(|event| event.target.iter().flatten());
    let ids = targets
        .filter(|Object(target)| target.r#type.as_deref() == Some("User"))
        .filter_map(|Object(target)| target.id.as_deref());
    let ids: BTreeSet<&str> = ids.filter(|id| is_id(id)).collect();
    ids.into_iter().take(MOST_USERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_users_of_events_that_matter() {
        let event = |kind: &str, target: &serde_json::Value| json!({ "eventType": kind, "target": target, "more": 1 });
        let user =
            |id: &str| json!([{ "id": id, "type": "User" }, { "id": "00g1", "type": "UserGroup" }]);
        let delivery = json!({ "eventId": "e", "data": { "events": [
            event("user.lifecycle.create", &user("00u2")),
            event("user.lifecycle.activate", &user("00u1")),
            event("user.account.update_profile", &user("00u2")),
            event("user.session.start", &user("00u3")),
            event("user.lifecycle.create", &json!(null)),
            event("user.lifecycle.create", &user("../00u4")),
            event("user.lifecycle.create", &json!([{ "id": null, "type": "User" }, {}])),
        ] } });
        let users = ["00u1", "00u2"].map(str::to_owned).to_vec();
        let noted_of = |body: &str| noted(body.as_bytes());
        assert_eq!(
            noted_of(&delivery.to_string()),
            Some(("e".to_owned(), users))
        );
        for values_without_names in [
            r#"["e",[[["user.lifecycle.create",[["00u1","User"]]]]]]"#,
            r#"{"eventId":"e","data":[[]]}"#,
            r#"{"eventId":"e","data":{"events":[["user.lifecycle.create",null]]}}"#,
        ] {
            assert_eq!(noted_of(values_without_names), None);
        }
    }
}
