//! The protected API over the wire: what it is sent, and what its answers come to.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::OriginalUri;
use sandbox::Sandbox;
use sandbox::auth0::API_AUDIENCE;
use sandbox::aws::TABLE_NAME;
use sandbox::wire::{Fault, Server};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::platform::base_url::BaseUrl;
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;
use shared::platform::table::Table;
use shared::services::protected::{ANSWER_LIMIT, Api, Failed, Template};
use shared::vendors::auth0::tokens::Tokens;

const PATH: &str = "/accounts/10042";
const LONG: Duration = Duration::from_secs(30);

/// Answers with the target it was asked for.
async fn server() -> Server {
    let echo = async |OriginalUri(uri): OriginalUri| json!({"target": uri.to_string()}).to_string();
    Server::start("API", Router::new().fallback(echo))
        .await
        .unwrap()
}

async fn setup() -> (Sandbox, Server, Api) {
    let (sandbox, server) = (Sandbox::start().await, server().await);
    let api = api(&sandbox, &server.url());
    (sandbox, server, api)
}

/// The API as another instance sees it.
fn api(sandbox: &Sandbox, url: &str) -> Api {
    let (http, aws) = (crate::client(), crate::aws(sandbox));
    let base: BaseUrl = sandbox.auth0.server().url().parse().unwrap();
    let secret = Arc::new(Secret::new(
        "switchboard/auth0".to_owned(),
        aws.secrets_manager(&http),
    ));
    let table = Table::new(aws.dynamodb(&http), TABLE_NAME.to_owned());
    let tokens = Tokens::new(
        http.clone(),
        base,
        API_AUDIENCE.to_owned(),
        secret,
        Some(table),
    );
    Api::new(http, url.parse().unwrap(), tokens)
}

/// The JSON that came.
fn read(
    result: Result<Option<(u16, Box<RawValue>)>, Failed>,
) -> Result<Option<(u16, Value)>, Failed> {
    Ok(result?.map(|(status, body)| (status, serde_json::from_str(body.get()).unwrap())))
}

async fn get(api: &Api, at: SystemTime) -> Result<Option<(u16, Value)>, Failed> {
    read(api.get(PATH, LONG, at).await)
}

fn answer(status: u16, body: &str) -> Fault {
    Fault::Answer {
        status,
        headers: vec![],
        body: body.to_owned(),
    }
}

fn bearers(server: &Server) -> Vec<String> {
    let header = |exchange: &sandbox::wire::Exchange| {
        exchange
            .headers
            .iter()
            .find(|(name, _)| name == "authorization")
            .map_or_else(String::new, |(_, value)| value.clone())
    };
    server.exchanges().iter().map(header).collect()
}

#[tokio::test]
async fn the_path_is_filled_below_the_base() {
    let (sandbox, server) = (Sandbox::start().await, server().await);
    let template: Template = "/accounts/{account_number}?from={phone}&v=2"
        .parse()
        .unwrap();
    for (prefix, api) in [
        ("", api(&sandbox, &server.url())),
        ("/v1", api(&sandbox, &format!("{}/v1/", server.url()))),
    ] {
        for (account, phone, target) in [
            (
                "10042",
                "+4512345678",
                "/accounts/10042?from=%2B4512345678&v=2",
            ),
            (
                "../admin",
                "a&b=c",
                "/accounts/..%2Fadmin?from=a%26b%3Dc&v=2",
            ),
            (
                "..%2f..%2fadmin",
                "#",
                "/accounts/..%252f..%252fadmin?from=%23&v=2",
            ),
            ("%2e%2e", "x", "/accounts/%252e%252e?from=x&v=2"),
            (
                "a?b#c\\d",
                "\r\nhost: evil",
                "/accounts/a%3Fb%23c%5Cd?from=host%3A%20evil&v=2",
            ),
            (
                "//evil.example",
                "@evil.example",
                "/accounts/%2F%2Fevil.example?from=%40evil.example&v=2",
            ),
            (
                "æ\u{0}",
                "{account_number}",
                "/accounts/%C3%A6%00?from=%7Baccount_number%7D&v=2",
            ),
        ] {
            let path = template
                .fill(|name| Some(if name == "phone" { phone } else { account }))
                .unwrap();
            let expected = format!("{prefix}{target}");
            assert_eq!(
                read(api.get(&path, LONG, now()).await),
                Ok(Some((200, json!({"target": expected})))),
                "{account} {phone}"
            );
        }
    }
    let exchange = server.exchanges().remove(0);
    assert!(
        exchange
            .headers
            .contains(&("accept".to_owned(), "application/json".to_owned()))
    );
    let mut bearers = bearers(&server);
    bearers.dedup();
    assert_eq!(
        (bearers.len(), bearers[0].starts_with("Bearer ey")),
        (1, true)
    );
    assert_eq!(
        sandbox.auth0.token_requests(),
        1,
        "instances share the token"
    );
}

#[tokio::test]
async fn no_path_leads_to_another_host() {
    let (_sandbox, server, api) = setup().await;
    let evil = self::server().await;
    let authority = evil.url().replace("http://", "");
    for path in [
        format!("@{authority}/"),
        format!(":x@{authority}/"),
        ".evil.example/".to_owned(),
        "0/".to_owned(),
        "é".to_owned(),
    ] {
        let result = api.get(&path, LONG, now()).await;
        assert!(
            matches!(result, Err(Failed::Unavailable(_))),
            "{path}: {result:?}"
        );
    }
    for path in [
        format!("//{authority}/"),
        format!("/\\{authority}/"),
        format!("/{}/", evil.url()),
    ] {
        assert!(
            matches!(api.get(&path, LONG, now()).await, Ok(Some(_))),
            "{path}"
        );
    }
    assert_eq!((evil.exchanges().len(), server.exchanges().len()), (0, 3));
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_call_made_once_more() {
    let (sandbox, server, api) = setup().await;
    let start = now();
    get(&api, start).await.unwrap();
    sandbox.auth0.rotate_key(); // so that the next token is another
    server.clear_exchanges();
    server.faults().next(answer(401, ""));
    assert!(matches!(get(&api, start).await, Ok(Some(_))));
    let bearers = bearers(&server);
    assert_eq!((bearers.len(), sandbox.auth0.token_requests()), (2, 2));
    assert_ne!(bearers[0], bearers[1]);
    // That one worked, so it may be replaced at once.
    sandbox.auth0.rotate_key();
    server.faults().next(answer(401, ""));
    assert!(matches!(get(&api, start).await, Ok(Some(_))));
    assert_eq!(
        (server.exchanges().len(), sandbox.auth0.token_requests()),
        (4, 3)
    );
}

#[tokio::test]
async fn a_burst_of_refusals_is_one_grant() {
    let (sandbox, server, api) = setup().await;
    let start = now();
    get(&api, start).await.unwrap();
    sandbox.auth0.rotate_key();
    server.clear_exchanges();
    // All twenty take the same token along.
    let refusals = 20;
    server.faults().times(refusals, || answer(401, ""));
    let calls = (0..refusals).map(|_| get(&api, start));
    let results = futures_util::future::join_all(calls).await;
    let good = results
        .iter()
        .filter(|result| matches!(result, Ok(Some(_))))
        .count();
    assert!(good > 0, "{results:?}");
    assert_eq!(
        (server.faults().pending(), sandbox.auth0.token_requests()),
        (0, 2)
    );
}

#[tokio::test]
async fn refused_for_ever_costs_a_grant_a_minute() {
    let (sandbox, server, api) = setup().await;
    let start = now();
    get(&api, start).await.unwrap();
    server.clear_exchanges();
    server.faults().always(Some(answer(401, "")));
    let other = self::api(&sandbox, &server.url());
    for second in 0..50 {
        sandbox.auth0.rotate_key();
        for api in [&api, &other] {
            assert_eq!(
                get(api, start + Duration::from_secs(second)).await,
                Err(Failed::Unauthorized),
                "{second}"
            );
        }
    }
    assert_eq!(sandbox.auth0.token_requests(), 2);
    assert!(
        server.exchanges().len() <= 101,
        "{}",
        server.exchanges().len()
    );
    assert_eq!(
        get(&api, start + Duration::from_secs(70)).await,
        Err(Failed::Unauthorized)
    );
    assert_eq!(
        get(&other, start + Duration::from_secs(71)).await,
        Err(Failed::Unauthorized)
    );
    assert_eq!(sandbox.auth0.token_requests(), 3);
    server.faults().always(None);
    assert!(matches!(
        get(&api, start + Duration::from_secs(71)).await,
        Ok(Some(_))
    ));
}

#[tokio::test]
async fn what_answers_come_to() {
    let (sandbox, server, api) = setup().await;
    let unavailable = |why: &str| Err(Failed::Unavailable(format!("API: {why}")));
    let (no_json, too_large) = ("an answer that is no JSON", "answer over the size limit");
    let full = format!("\"{}\"", "x".repeat(ANSWER_LIMIT - 2));
    for (fault, expected) in [
        (
            answer(200, r#"{"balance":"12.50"}"#),
            Ok(Some((200, json!({"balance": "12.50"})))),
        ),
        (answer(203, "[1]"), Ok(Some((203, json!([1]))))),
        (answer(200, "null"), Ok(Some((200, Value::Null)))),
        (
            answer(200, &full),
            Ok(Some((200, json!("x".repeat(ANSWER_LIMIT - 2))))),
        ),
        (answer(200, &format!("{full} ")), unavailable(too_large)),
        (answer(404, "<html>"), Ok(None)),
        (answer(403, "{}"), Err(Failed::Unauthorized)),
        (answer(204, ""), unavailable(no_json)),
        (answer(200, ""), unavailable(no_json)),
        (
            answer(200, "<html>Maintenance</html>"),
            unavailable(no_json),
        ),
        (answer(200, r#"{"balance":"#), unavailable(no_json)),
        (answer(200, &"[".repeat(50_000)), unavailable(no_json)),
        (answer(200, "{\"a\":\"\u{0}\"}"), unavailable(no_json)),
        (answer(304, ""), unavailable("status 304")),
        (answer(400, "{}"), unavailable("status 400")),
        (answer(429, "{}"), unavailable("status 429")),
        (answer(500, "{}"), unavailable("status 500")),
        (answer(503, "<html>"), unavailable("status 503")),
        (Fault::Garbage, unavailable(no_json)),
        (Fault::Oversize(5_000_000), unavailable(too_large)),
        (Fault::Truncate, unavailable("answer cut off")),
        (
            Fault::ResetBefore,
            unavailable("outcome unknown: connection lost"),
        ),
    ] {
        server.clear_exchanges();
        server.faults().next(fault.clone());
        let result = get(&api, now()).await;
        let shown = format!("{fault:?}").chars().take(100).collect::<String>();
        assert_eq!(result, expected, "{shown}");
        assert_eq!(server.exchanges().len(), 1, "{shown}");
    }
    server.faults().refuse(true);
    assert_eq!(
        get(&api, now()).await,
        unavailable("not sent: no connection")
    );
    assert_eq!(
        sandbox.auth0.token_requests(),
        1,
        "only 401 speaks of the token"
    );
}

#[tokio::test]
async fn late_is_late_and_the_next_call_goes_well() {
    let (sandbox, server, api) = setup().await;
    get(&api, now()).await.unwrap();
    let soon = Duration::from_millis(50);
    for fault in [Fault::Hang, Fault::Trickle(Duration::from_secs(1))] {
        server.faults().next(fault.clone());
        assert_eq!(
            read(api.get(PATH, soon, now()).await),
            Err(Failed::Late),
            "{fault:?}"
        );
    }
    assert!(matches!(get(&api, now()).await, Ok(Some(_))));
    // Late within the tenant's time, too.
    sandbox.auth0.server().faults().next(Fault::Hang);
    server.faults().next(answer(401, ""));
    assert_eq!(
        read(api.get(PATH, Duration::from_millis(500), now()).await),
        Err(Failed::Late)
    );
    // And within a limit of its own where there is more time.
    for fault in [Fault::Hang, Fault::Trickle(Duration::from_secs(1))] {
        server.faults().next(fault);
    }
    let later = now() + Duration::from_secs(10);
    assert_eq!(
        tokio::join!(get(&api, later), get(&api, later)),
        (Err(Failed::Late), Err(Failed::Late))
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (_sandbox, server, api) = setup().await;
    let other = self::server().await;
    for (status, location) in [301, 302, 303, 307, 308].into_iter().flat_map(|status| {
        [
            format!("{}/accounts", other.url()),
            format!("{}/elsewhere", server.url()),
            "/elsewhere".to_owned(),
        ]
        .map(|to| (status, to))
    }) {
        server.clear_exchanges();
        let headers = vec![("location".to_owned(), location.clone())];
        server.faults().next(Fault::Answer {
            status,
            headers,
            body: String::new(),
        });
        assert_eq!(
            get(&api, now()).await,
            Err(Failed::Unavailable(format!("API: status {status}"))),
            "{location}"
        );
        assert_eq!(
            (server.exchanges().len(), other.exchanges().len()),
            (1, 0),
            "{status} {location}"
        );
    }
}

#[tokio::test]
async fn without_a_token_the_api_is_not_called() {
    let (sandbox, server, api) = setup().await;
    sandbox.auth0.set_client_grant(API_AUDIENCE, false);
    assert_eq!(get(&api, now()).await, Err(Failed::Unauthorized));
    sandbox.auth0.set_client_grant(API_AUDIENCE, true);
    sandbox.auth0.rate_limit_tokens(1);
    let later = now() + Duration::from_secs(10);
    assert!(matches!(
        get(&api, later).await,
        Err(Failed::Unavailable(_))
    ));
    sandbox.auth0.server().faults().next(Fault::Answer {
        status: 200,
        headers: vec![],
        body: json!({"access_token": "a\r\nx-evil: 1", "expires_in": 60}).to_string(),
    });
    let later = later + Duration::from_secs(10);
    let result = get(&api, later).await;
    assert!(
        matches!(result, Err(Failed::Unavailable(_))),
        "a token that is no header: {result:?}"
    );
    assert!(server.exchanges().is_empty());
}
