//! The Users API: who has a number, pages of users, one user, and giving a number; and the two ways to be let in.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use sandbox::Sandbox;
use sandbox::okta::{self, service_app};
use sandbox::wire::Fault;
use serde_json::json;
use shared::platform::base_url::BaseUrl;
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;
use shared::rules::jwt::sign_rs256;
use shared::rules::phone::E164;
use shared::vendors::okta::user::{Attribute, Status, User};
use shared::vendors::okta::users::{Found, Users};
use shared::vendors::okta::{Access, CallError};

const MOBILE: &str = "+4512345678";
const COMPANY: &str = "+15005550006";

async fn setup() -> (Sandbox, Users) {
    let sandbox = Sandbox::start().await;
    let users = users(&sandbox, Access::Manage);
    (sandbox, users)
}

async fn setup_service_app() -> (Sandbox, Users) {
    let (sandbox, users) = setup().await;
    sandbox.aws.set_secret("switchboard/okta", &service_app());
    (sandbox, users)
}

fn users(sandbox: &Sandbox, access: Access) -> Users {
    let http = crate::client();
    let base: BaseUrl = sandbox.okta.server().url().parse().unwrap();
    let secret = Secret::new(
        "switchboard/okta".to_owned(),
        crate::aws(sandbox).secrets_manager(&http),
    );
    Users::new(http, base, access, secret)
}

fn number(text: &str) -> E164 {
    text.parse().unwrap()
}

async fn search(users: &Users, at: SystemTime) -> Result<Found, CallError> {
    users
        .by_phone(Attribute::PrimaryPhone, &number(COMPANY), at)
        .await
}

fn requests(sandbox: &Sandbox, path: &str) -> usize {
    sandbox
        .okta
        .server()
        .exchanges()
        .iter()
        .filter(|exchange| exchange.target.starts_with(path))
        .count()
}

fn answer(status: u16, code: &str) -> Fault {
    Fault::Answer {
        status,
        headers: vec![],
        body: json!({ "errorCode": code, "errorSummary": "x" }).to_string(),
    }
}

fn limited(headers: &[(&str, &str)]) -> Fault {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Fault::Answer {
        status: 429,
        headers,
        body: r#"{"errorCode":"E0000047"}"#.to_owned(),
    }
}

#[tokio::test]
async fn a_number_finds_its_one_user_by_one_request() {
    let (sandbox, users) = setup().await;
    let id = sandbox.okta.hire("Ann", "+45 12 34 56 78", COMPANY);
    sandbox.okta.hire("Bob", MOBILE, "");
    let ann = User {
        id: id.clone(),
        status: Status::Active,
        first_name: Some("Ann".to_owned()),
        primary_phone: Some(COMPANY.to_owned()),
        mobile_phone: Some("+45 12 34 56 78".to_owned()),
        login: Some("ann@acme.example".to_owned()),
        locale: None,
        status_changed: Some(SystemTime::UNIX_EPOCH + Duration::from_hours(498_660)),
    };
    assert_eq!(search(&users, now()).await, Ok(Found::One(ann)));
    assert_eq!(sandbox.okta.server().exchanges().len(), 1);
    let Ok(Found::One(bob)) = users
        .by_phone(Attribute::MobilePhone, &number(MOBILE), now())
        .await
    else {
        panic!()
    };
    assert_eq!(
        (bob.first_name.as_deref(), bob.primary_phone),
        (Some("Bob"), None)
    );
}

#[tokio::test]
async fn nobody_or_several_are_told_apart_and_every_status_is_reported() {
    let (sandbox, users) = setup().await;
    sandbox.okta.hire("Zoe", MOBILE, "+1 500 555 0006");
    assert_eq!(search(&users, now()).await, Ok(Found::Nobody));
    let ann = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    for (text, status) in [
        ("SUSPENDED", Status::Suspended),
        ("STAGED", Status::Staged),
        ("PROVISIONED", Status::Provisioned),
        ("RECOVERY", Status::Recovery),
        ("PASSWORD_EXPIRED", Status::PasswordExpired),
        ("LOCKED_OUT", Status::LockedOut),
        ("DEPROVISIONED", Status::Deprovisioned),
    ] {
        sandbox.okta.set_status(&ann, text);
        let Ok(Found::One(user)) = search(&users, now()).await else {
            panic!("{text}")
        };
        assert_eq!((user.id.as_str(), user.status), (ann.as_str(), status));
    }
    // Who has left does not stand in the way of who has the number now.
    let bob = sandbox.okta.hire("Bob", MOBILE, COMPANY);
    assert!(matches!(search(&users, now()).await, Ok(Found::One(user)) if user.id == bob));
    sandbox.okta.set_status(&ann, "SUSPENDED");
    let Ok(Found::Several(both)) = search(&users, now()).await else {
        panic!()
    };
    assert_eq!(
        both.into_iter().map(|user| user.id).collect::<Vec<_>>(),
        [ann, bob]
    );
}

#[tokio::test]
async fn a_match_that_is_none_is_nobody() {
    let (sandbox, users) = setup().await;
    let other = json!([{"id": "00u1", "status": "ACTIVE", "profile": {"firstName": "Eve", "primaryPhone": "+15005550007"}}]);
    sandbox.okta.server().faults().next(Fault::Answer {
        status: 200,
        headers: vec![],
        body: other.to_string(),
    });
    assert_eq!(search(&users, now()).await, Ok(Found::Nobody));
}

#[tokio::test]
async fn the_search_lags_behind_and_an_id_does_not() {
    let (sandbox, users) = setup().await;
    let id = sandbox.okta.hire("Ann", MOBILE, "");
    sandbox.okta.hold_index(true);
    let changed = users
        .update(
            &id,
            &[(Attribute::PrimaryPhone, Some(&number(COMPANY)))],
            now(),
        )
        .await
        .unwrap();
    assert_eq!(changed.primary_phone.as_deref(), Some(COMPANY));
    assert_eq!(search(&users, now()).await, Ok(Found::Nobody));
    assert_eq!(users.get(&id, now()).await, Ok(changed.clone()));
    sandbox.okta.hold_index(false);
    assert_eq!(search(&users, now()).await, Ok(Found::One(changed)));
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let (sandbox, users) = setup().await;
    let id = sandbox.okta.hire("Ann", "12 34 56 78", COMPANY);
    let user = users
        .update(
            &id,
            &[
                (Attribute::PrimaryPhone, None),
                (Attribute::MobilePhone, Some(&number(MOBILE))),
            ],
            now(),
        )
        .await;
    assert_eq!(user.unwrap().mobile_phone.as_deref(), Some(MOBILE));
    let user = sandbox.okta.user(&id).unwrap();
    let texts = [
        "firstName",
        "lastName",
        "login",
        "mobilePhone",
        "primaryPhone",
    ]
    .map(|attribute| user.text(attribute));
    assert_eq!(texts, ["Ann", "Example", "ann@acme.example", MOBILE, ""]);
}

#[tokio::test]
async fn an_absent_user_and_a_refused_change_concern_this_user_only() {
    let (sandbox, users) = setup().await;
    let change = [(Attribute::MobilePhone, Some(&number(MOBILE)))];
    for id in [
        "00u00000000000000000",
        "",
        "me/../x",
        "ann@acme.example",
        "00u1?a=b",
    ] {
        assert_eq!(users.get(id, now()).await, Err(CallError::NotFound), "{id}");
        assert_eq!(
            users.update(id, &change, now()).await,
            Err(CallError::NotFound),
            "{id}"
        );
    }
    assert_eq!(
        sandbox.okta.server().exchanges().len(),
        2,
        "only an id is sent"
    );
    let id = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    sandbox.okta.set_status(&id, "DEPROVISIONED");
    assert_eq!(
        users.update(&id, &change, now()).await,
        Err(CallError::Refused("E0000038".to_owned()))
    );
    sandbox.okta.server().faults().next(answer(400, "E0000001"));
    assert_eq!(
        users.update(&id, &change, now()).await,
        Err(CallError::Refused("E0000001".to_owned()))
    );
    // `me` and short login names lead to somebody who was not asked for.
    let other = json!({"id": "00u1", "status": "ACTIVE", "profile": {}});
    sandbox.okta.server().faults().next(Fault::Answer {
        status: 200,
        headers: vec![],
        body: other.to_string(),
    });
    assert_eq!(users.get("me", now()).await, Err(CallError::NotFound));
}

#[tokio::test]
async fn pages_are_followed_to_the_end_however_the_link_is_quoted() {
    let (sandbox, users) = setup().await;
    let ids: Vec<_> = (0..5)
        .map(|n| sandbox.okta.hire(&format!("User{n}"), MOBILE, ""))
        .collect();
    sandbox.okta.set_status(&ids[1], "DEPROVISIONED");
    sandbox.okta.set_status(&ids[2], "SUSPENDED");
    sandbox.okta.set_page_size(2);
    for format in [
        "<{url}>; rel=\"next\"",
        "<{url}>;rel=next",
        "<{url}>; title=\"a, b\"; REL='next'",
    ] {
        sandbox.okta.set_next_link(format);
        let (mut seen, mut next, mut pages) = (vec![], None, 0);
        loop {
            let page = users.page(next.as_ref(), now()).await.unwrap();
            seen.extend(page.users.into_iter().map(|user| user.id));
            pages += 1;
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(
            (&seen[..], pages),
            (&[&ids[..1], &ids[2..]].concat()[..], 2),
            "{format}"
        );
    }
}

#[tokio::test]
async fn none_one_a_page_and_one_more_are_all_there_is() {
    for (count, pages) in [(0, 1), (1, 1), (200, 1), (201, 2)] {
        let (sandbox, users) = setup().await;
        let ids = sandbox.okta.hire_many(count);
        let (mut seen, mut next, mut asked) = (vec![], None, 0);
        loop {
            let page = users.page(next.as_ref(), now()).await.unwrap();
            seen.extend(page.users.into_iter().map(|user| user.id));
            asked += 1;
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!((&seen, asked), (&ids, pages), "{count} users");
    }
}

/// A page that is gone concerns this walk. It is no outage, after which the same page is asked for.
#[tokio::test]
async fn a_page_that_expired_is_refused_and_the_first_one_is_there() {
    let (sandbox, users) = setup().await;
    let ids = sandbox.okta.hire_many(3);
    sandbox.okta.set_page_size(2);
    let next = users.page(None, now()).await.unwrap().next;
    sandbox.okta.expire_cursors();
    let page = users.page(next.as_ref(), now()).await;
    assert!(matches!(page, Err(CallError::Refused(_))), "{page:?}");
    let first = users.page(None, now()).await.unwrap();
    assert_eq!(first.users[0].id, ids[0]);
}

#[tokio::test]
async fn no_token_goes_to_another_host_or_round_in_circles() {
    let (sandbox, users) = setup().await;
    for n in 0..2 {
        sandbox.okta.hire(&format!("User{n}"), MOBILE, "");
    }
    sandbox.okta.set_page_size(1);
    let own = sandbox.okta.server().url();
    let https = own.replace("http:", "https:");
    for target in [
        "https://evil.example/api/v1/users?after=x".to_owned(),
        "//evil.example/api/v1/users".to_owned(),
        "http://127.0.0.1:1/api/v1/users".to_owned(),
        format!("{https}/api/v1/users"),
        own.replace("http://", "http://user:word@"),
        "http://[".to_owned(),
        sandbox.okta.server().url() + &first_page(&sandbox, &users).await,
    ] {
        sandbox
            .okta
            .set_next_link(&format!("<{target}>; rel=\"next\""));
        let page = users.page(None, now()).await;
        assert!(
            matches!(page, Err(CallError::Unavailable(_))),
            "{target}: {page:?}"
        );
    }
}

/// Path and query of the request for the first page.
#[tokio::test]
async fn a_walk_goes_on_later_from_a_page_s_address_of_this_org() {
    let (sandbox, users) = setup().await;
    sandbox.okta.hire_many(5);
    sandbox.okta.set_page_size(2);
    let next = users.page(None, now()).await.unwrap().next.unwrap();
    let later = self::users(&sandbox, Access::Manage);
    let page = later
        .page(later.next_page(next.as_str()).as_ref(), now())
        .await
        .unwrap();
    assert_eq!(
        (page.users.len(), page.users[0].id.as_str()),
        (2, sandbox.okta.users()[2].id.as_str())
    );
    let base = sandbox.okta.server().url();
    for text in [
        "",
        "x",
        "https://elsewhere.example/api/v1/users?after=1",
        &format!("{base}/api/v1/groups?after=1"),
        &format!(
            "{}/api/v1/users?after=1",
            base.replace("http://", "http://u:p@")
        ),
    ] {
        assert!(users.next_page(text).is_none(), "{text}");
    }
}

async fn first_page(sandbox: &Sandbox, users: &Users) -> String {
    users.page(None, now()).await.unwrap();
    sandbox.okta.server().exchanges().pop().unwrap().target
}

#[tokio::test]
async fn a_rate_limit_says_until_when_and_nothing_is_sent_before() {
    let (sandbox, users) = setup().await;
    let id = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    sandbox.okta.limit(2, Duration::from_secs(40));
    search(&users, now()).await.unwrap();
    search(&users, now()).await.unwrap();
    // The second answer said that none is left.
    let at = now();
    let Err(CallError::RateLimited { until }) = search(&users, at).await else {
        panic!()
    };
    let wait = until.duration_since(at).unwrap();
    assert!((1..=41).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(requests(&sandbox, "/api/v1/users"), 2);
    // Other kinds of calls have limits of their own; this one is over as well.
    assert!(matches!(
        users.get(&id, now()).await,
        Err(CallError::RateLimited { .. })
    ));
    assert_eq!(requests(&sandbox, "/api/v1/users"), 3);
    sandbox.okta.unlimit();
    assert!(matches!(search(&users, until).await, Ok(Found::One(_))));
    assert!(users.update(&id, &[], at).await.is_ok());
}

/// Those for whom callers wait have the whole of it.
#[tokio::test]
async fn who_changes_users_leaves_a_third_of_each_limit() {
    let (sandbox, users) = setup().await;
    let id = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    let others = self::users(&sandbox, Access::Read);
    sandbox.okta.limit(6, Duration::from_secs(40));
    for _ in 0..5 {
        search(&users, now()).await.unwrap();
    }
    // One of six is less than a third.
    let at = now();
    let Err(CallError::Reserved { until }) = search(&users, at).await else {
        panic!()
    };
    assert!((1..=41).contains(&until.duration_since(at).unwrap().as_secs()));
    assert_eq!(requests(&sandbox, "/api/v1/users"), 5);
    assert!(others.get(&id, now()).await.is_ok());
    sandbox.okta.unlimit();
    assert!(matches!(search(&users, until).await, Ok(Found::One(_))));
}

#[tokio::test]
async fn those_who_changed_are_listed_by_themselves() {
    let (sandbox, users) = setup().await;
    let ids = sandbox.okta.hire_many(3);
    sandbox
        .okta
        .set_last_updated(&ids[1], sandbox::now() + Duration::from_mins(2));
    let since = now() + Duration::from_mins(1);
    let page = users.changed(since, now()).await.unwrap();
    let changed: Vec<_> = page.users.iter().map(|user| &user.id).collect();
    assert_eq!((changed, page.next.is_none()), (vec![&ids[1]], true));
    assert_eq!(users.page(None, now()).await.unwrap().users.len(), 3);
}

#[tokio::test]
async fn a_reset_counts_by_oktas_clock_and_within_a_minute() {
    let (sandbox, users) = setup().await;
    let at = now();
    let date = ("date", "Fri, 20 Nov 2026 12:00:00 GMT"); // 1795176000
    for (headers, seconds) in [
        (
            vec![
                date,
                ("x-rate-limit-limit", "600"),
                ("x-rate-limit-reset", "1795176025"),
            ],
            25,
        ),
        (vec![date, ("x-rate-limit-reset", "1795175000")], 1),
        (vec![date, ("x-rate-limit-reset", "9999999999")], 60),
        (vec![date, ("x-rate-limit-reset", "soon")], 60),
        (vec![], 60),
    ] {
        sandbox.okta.server().faults().next(limited(&headers));
        let until = at + Duration::from_secs(seconds);
        assert_eq!(
            search(&self::users(&sandbox, Access::Manage), at).await,
            Err(CallError::RateLimited { until }),
            "{headers:?}"
        );
    }
    // Too many calls at once: the next one may pass.
    sandbox.okta.server().faults().next(limited(&[
        ("x-rate-limit-limit", "0"),
        ("x-rate-limit-remaining", "0"),
    ]));
    assert!(matches!(
        search(&users, at).await,
        Err(CallError::RateLimited { .. })
    ));
    assert_eq!(search(&users, at).await, Ok(Found::Nobody));
}

#[tokio::test]
async fn a_replaced_api_token_is_fetched_once_a_minute() {
    let (sandbox, users) = setup().await;
    search(&users, now()).await.unwrap();
    sandbox.okta.set_api_token("00another");
    sandbox
        .aws
        .set_secret("switchboard/okta", &json!({ "api_token": "00another" }));
    let at = now();
    assert_eq!(search(&users, at).await, Ok(Found::Nobody));
    assert_eq!(requests(&sandbox, "/api/v1/users"), 3);
    sandbox.okta.set_api_token("00third");
    assert_eq!(search(&users, at).await, Err(CallError::Unauthorized));
    assert_eq!(requests(&sandbox, "/api/v1/users"), 4);
    assert_eq!(
        search(&users, at + Duration::from_secs(61)).await,
        Err(CallError::Unauthorized)
    );
    assert_eq!(requests(&sandbox, "/api/v1/users"), 6);
}

#[tokio::test]
async fn a_service_app_gets_one_token_and_keeps_it() {
    let (sandbox, users) = setup_service_app().await;
    let id = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    users.warm_up(now()).await;
    assert_eq!(requests(&sandbox, "/oauth2/v1/token"), 1);
    users.get(&id, now()).await.unwrap();
    users
        .update(
            &id,
            &[(Attribute::PrimaryPhone, None)],
            now() + Duration::from_secs(3200),
        )
        .await
        .unwrap();
    assert_eq!(requests(&sandbox, "/oauth2/v1/token"), 1);
    // Six minutes before its hour is over it is not used any more, and the next assertion is of that time.
    assert_eq!(
        users.get(&id, now() + Duration::from_mins(55)).await,
        Err(CallError::Unauthorized)
    );
    assert_eq!(
        sandbox.complaints(),
        ["Okta token: iat is in the future"; 2]
    );
}

#[tokio::test]
async fn a_refused_access_token_is_replaced_once() {
    let (sandbox, users) = setup_service_app().await;
    let id = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    users.get(&id, now()).await.unwrap();
    sandbox.okta.revoke_tokens();
    users
        .get(&id, now() + Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(
        (
            requests(&sandbox, "/oauth2/v1/token"),
            requests(&sandbox, "/api/v1/users/")
        ),
        (2, 3)
    );
    sandbox.okta.server().faults().next(answer(401, "E0000011"));
    sandbox
        .okta
        .server()
        .faults()
        .next(Fault::Delay(Duration::ZERO));
    sandbox.okta.server().faults().next(answer(401, "E0000011"));
    assert_eq!(
        users.get(&id, now() + Duration::from_secs(2)).await,
        Err(CallError::Unauthorized)
    );
    assert_eq!(requests(&sandbox, "/oauth2/v1/token"), 3);
}

#[tokio::test]
async fn a_service_app_that_is_not_let_in_says_what_it_lacks() {
    let (sandbox, users) = setup_service_app().await;
    sandbox.okta.register_key(false);
    assert_eq!(search(&users, now()).await, Err(CallError::Unauthorized));
    sandbox.okta.register_key(true);
    sandbox.okta.set_scope("okta.users.read");
    let error = search(&users, now() + Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        CallError::Unavailable("token endpoint: status 400 invalid_scope".to_owned())
    );
    sandbox.okta.server().faults().next(Fault::Answer {
        status: 400,
        headers: vec![],
        body: r#"{"error":"invalid_dpop_proof\n"}"#.to_owned(),
    });
    let error = search(&users, now() + Duration::from_secs(2))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        CallError::Unavailable("token endpoint: status 400 invalid_dpop_proof".to_owned())
    );
    sandbox.okta.server().faults().next(limited(&[]));
    assert!(matches!(
        search(&users, now()).await,
        Err(CallError::RateLimited { .. })
    ));
    for fault in [Fault::Garbage, Fault::ResetAfter, answer(500, "E0000009")] {
        sandbox.okta.server().faults().next(fault);
        assert!(matches!(
            search(&users, now()).await,
            Err(CallError::Unavailable(_))
        ));
    }
    // A role that may read but not change.
    sandbox.okta.set_scope("okta.users.read okta.users.manage");
    let id = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    users
        .get(&id, now() + Duration::from_secs(3))
        .await
        .unwrap();
    sandbox.okta.narrow_tokens("okta.users.read");
    assert_eq!(
        users.update(&id, &[], now()).await,
        Err(CallError::Forbidden)
    );
}

#[tokio::test]
async fn who_only_reads_asks_for_no_more() {
    let (sandbox, _) = setup_service_app().await;
    let id = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    sandbox.okta.set_scope("okta.users.read");
    let users = users(&sandbox, Access::Read);
    assert!(
        matches!(search(&users, now()).await, Ok(Found::One(_))),
        "an app without okta.users.manage is enough"
    );
    let asked = sandbox
        .okta
        .server()
        .exchanges()
        .into_iter()
        .find(|exchange| exchange.target == "/oauth2/v1/token")
        .unwrap();
    assert!(String::from_utf8_lossy(&asked.request).contains("&scope=okta.users.read&"));
    sandbox.okta.set_scope("okta.users.read okta.users.manage");
    assert_eq!(
        users.update(&id, &[], now()).await,
        Err(CallError::Forbidden),
        "whatever the app may"
    );
    assert!(sandbox.okta.updates().is_empty());
}

#[test]
fn both_forms_of_an_rsa_key_sign_alike_and_others_do_not() {
    let base64: String = okta::PRIVATE_KEY
        .lines()
        .skip(2)
        .take_while(|line| !line.starts_with('-'))
        .collect();
    // PKCS#8 wraps PKCS#1 in 26 bytes for a key of this size.
    let pkcs1 = BASE64.encode(&BASE64.decode(base64).unwrap()[26..]);
    let lines = pkcs1
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect::<Vec<_>>()
        .join("\n");
    let pkcs1 =
        format!("-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----\n");
    let sign = |pem: &str| sign_rs256(&json!({ "iss": "me" }), Some("key"), pem);
    assert!(sign(okta::PRIVATE_KEY).is_some_and(|token| token.split('.').count() == 3));
    assert_eq!(sign(&pkcs1), sign(okta::PRIVATE_KEY));
    for other in [
        "",
        "hunter2",
        &pkcs1.replace("RSA", "EC"),
        &pkcs1[..200],
        &pkcs1.replace("RSA ", ""),
    ] {
        assert_eq!(sign(other), None);
    }
}

#[tokio::test]
async fn a_secret_that_is_none_is_named() {
    let (sandbox, _) = setup().await;
    for (secret, problem) in [
        (json!({}), "secret okta (switchboard/okta) lacks api_token"),
        (
            json!({ "client_id": "x" }),
            "secret okta (switchboard/okta) lacks private_key, key_id",
        ),
        (
            json!({ "client_id": okta::CLIENT_ID, "private_key": "hunter2", "key_id": okta::KEY_ID }),
            "secret okta: private_key is not an RSA key in PEM form",
        ),
        (
            json!({ "api_token": "00a\n00b" }),
            "secret okta: the token is not one line of plain characters",
        ),
    ] {
        sandbox.aws.set_secret("switchboard/okta", &secret);
        assert_eq!(
            search(&users(&sandbox, Access::Read), now()).await,
            Err(CallError::Unavailable(problem.to_owned()))
        );
    }
    assert_eq!(sandbox.okta.server().exchanges().len(), 0);
}

#[tokio::test]
async fn outages_are_not_an_absent_user() {
    let (sandbox, users) = setup().await;
    let id = sandbox.okta.hire("Ann", MOBILE, COMPANY);
    let page = Fault::Answer {
        status: 404,
        headers: vec![],
        body: "<h1>Not found</h1>".to_owned(),
    };
    for fault in [
        answer(500, "E0000009"),
        answer(503, "x"),
        answer(302, ""),
        answer(404, "E0000022"),
        page,
        Fault::Garbage,
        Fault::Truncate,
        Fault::ResetAfter,
        Fault::ResetBefore,
        Fault::Oversize(5 * 1024 * 1024),
    ] {
        sandbox.okta.server().faults().times(2, || fault.clone());
        let (found, read) = (search(&users, now()).await, users.get(&id, now()).await);
        assert!(
            matches!(found, Err(CallError::Unavailable(_))),
            "{fault:?}: {found:?}"
        );
        assert!(
            matches!(read, Err(CallError::Unavailable(_))),
            "{fault:?}: {read:?}"
        );
        sandbox.okta.server().faults().clear();
    }
    sandbox.okta.server().faults().next(answer(500, "E0000009"));
    assert_eq!(
        search(&users, now()).await,
        Err(CallError::Unavailable(
            "Okta: status 500 E0000009".to_owned()
        ))
    );
    sandbox.okta.server().faults().next(answer(403, "E0000006"));
    assert_eq!(search(&users, now()).await, Err(CallError::Unauthorized));
}
