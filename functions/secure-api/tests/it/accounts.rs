//! What is told about accounts: by number, by phone, and about those that are not there.

use sandbox::wire::client;
use serde_json::{Value, json};

use crate::scene::{ACCOUNT, Answer, NAME, NUMBER, PHONE, Scene, account, pointer};

const BY_NUMBER: &str = "/accounts/4815162342";
const BY_PHONE: &str = "/accounts?phone=%2B4520304051";
const BAD_PHONE: &str =
    r#"{"error":"one phone in E.164 form is needed, such as /accounts?phone=%2B4512345678"}"#;

#[tokio::test]
async fn by_number_and_by_phone_it_is_the_same() {
    let scene = Scene::start().await;
    for path in [
        BY_NUMBER,
        BY_PHONE,
        "/accounts/4815162342?phone=x",
        "/accounts?phone=%2b4520304051",
        "/accounts?%70hone=%2B4520304051",
    ] {
        assert_eq!(scene.get(path).await, Answer::account(ACCOUNT), "{path}");
    }
    let answer = client()
        .get(scene.url(BY_NUMBER))
        .bearer_auth(scene.token())
        .send()
        .await
        .unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap();
    assert_eq!(
        (header("content-type"), header("cache-control")),
        ("application/json", "no-store")
    );
    let logged = scene.logged("account").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("INFO"), &json!(200))
    );
    assert!(logged["upstream_ms"].is_number(), "{logged}");
}

/// Amounts are texts whatever they hold; what is missing is null, and what has another type is taken for missing.
#[tokio::test]
async fn what_an_account_lacks_is_null() {
    let scene = Scene::start().await;
    let maps = |maps: Value| json!({ "L": maps });
    for (number, attributes, expected) in [
        (
            "1",
            json!({}),
            r#""name":null,"phone":null,"balance":null,"payments":[]}"#,
        ),
        (
            "0000000007",
            json!({"name": {"S": ""}}),
            r#""name":"","phone":null,"balance":null,"payments":[]}"#,
        ),
        (
            "42",
            json!({"balance": {"M": {"amount": {"S": "-0.00000000000000000001"}}}, "payments": maps(json!([]))}),
            r#""name":null,"phone":null,"balance":{"amount":"-0.00000000000000000001","currency":null},"payments":[]}"#,
        ),
        (
            "43",
            json!({"payments": maps(json!([{"M": {}}, {"S": "20.00"}, {"M": {"amount": {"S": "1"}}}]))}),
            concat!(
                r#""name":null,"phone":null,"balance":null,"payments":["#,
                r#"{"date":null,"amount":null,"currency":null,"description":null},"#,
                r#"{"date":null,"amount":"1","currency":null,"description":null}]}"#
            ),
        ),
        (
            "44",
            json!({"name": {"N": "7"}, "phone": {"NULL": true}, "balance": {"S": "1.00 EUR"}, "payments": {"M": {}}}),
            r#""name":null,"phone":null,"balance":null,"payments":[]}"#,
        ),
        (
            "45",
            json!({"name": {"S": "</Say>\"\\\u{1}\u{2028}é😀"}, "token": {"S": "not told"}, "expires_at": {"N": "4000000000"}}),
            "\"name\":\"</Say>\\\"\\\\\\u0001\u{2028}é😀\",\"phone\":null,\"balance\":null,\"payments\":[]}",
        ),
    ] {
        let mut item = account(number, &[]);
        item.as_object_mut()
            .unwrap()
            .extend(attributes.as_object().unwrap().clone());
        scene.sandbox.aws.put(item).await;
        let expected = format!("{{\"account_number\":\"{number}\",{expected}");
        assert_eq!(
            scene.get(&format!("/accounts/{number}")).await,
            Answer::account(&expected)
        );
    }
}

/// Nobody learns which numbers could be accounts, and the table is asked only for those.
#[tokio::test]
async fn unknown_and_impossible_numbers_are_not_found() {
    let scene = Scene::start().await;
    scene
        .sandbox
        .aws
        .put(account("1234567890a", &[("name", NAME)]))
        .await;
    for path in [
        "/accounts/1",
        "/accounts/9999999999",
        "/accounts/04815162342",
    ] {
        assert_eq!(scene.get(path).await, Answer::empty(404), "{path}");
    }
    assert_eq!(scene.looked_up(), ["account#1", "account#9999999999"]);
    let long = format!("/accounts/{}", "1".repeat(5_000));
    for path in [
        "/accounts/",
        "/accounts/4815162342a",
        "/accounts/1234567890a",
        "/accounts/48151623421",
        "/accounts/+4815162342",
        "/accounts/-1",
        "/accounts/%2F",
        "/accounts/4815162342%2F",
        "/accounts/%34815162342",
        "/accounts/4815162342%20",
        "/accounts/4815162342%00",
        "/accounts/%D9%A4%D9%A8", // ٤٨
        "/accounts/å",
        "/accounts/1%20OR%20*",
        "/accounts/*",
        "/accounts/phone%23%2B4520304051",
        "/accounts/account%234815162342",
        "/accounts/null",
        &long,
    ] {
        assert_eq!(scene.get(path).await, Answer::empty(404), "{path}");
    }
    assert_eq!(scene.looked_up().len(), 2);
}

/// As a proxy might pass it on, undecoded or decoded.
#[tokio::test]
async fn paths_that_no_client_sends_are_refused() {
    let scene = Scene::start().await;
    let token = scene.token();
    for (path, query, status) in [
        ("/accounts/4815162342", "", 200),
        ("/accounts/ 4815162342", "", 400),
        ("/accounts/4815162342\n", "", 400),
        ("/accounts/å", "", 400),
        ("/accounts/٤٨", "", 400),
        ("/accounts/\u{0}", "", 400),
        ("/accounts/..", "", 404),
        ("/accounts/../accounts/4815162342", "", 404),
        ("/accounts//4815162342", "", 404),
        ("//accounts/4815162342", "", 404),
        ("accounts/4815162342", "", 400),
        ("", "phone=%2B4520304051", 404),
        ("/accounts", "phone=+4520304051\r\n", 400),
        ("/accounts", "phone=%FF%FE", 400),
    ] {
        let answer = scene.lambda.invoke(json!({
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"Authorization": format!("Bearer {token}")},
            "requestContext": {"domainName": "x.lambda-url.eu-west-1.on.aws", "http": {"method": "GET"}},
        }));
        assert_eq!(
            answer.await.unwrap()["statusCode"],
            status,
            "{path:?} {query:?}"
        );
    }
    assert_eq!(scene.looked_up(), [format!("account#{NUMBER}")]);
}

#[tokio::test]
async fn other_queries_than_one_phone_are_refused() {
    let scene = Scene::start().await;
    let long = format!("/accounts?phone=%2B{}", "4".repeat(5_000));
    for path in [
        "/accounts",
        "/accounts?",
        "/accounts?phone",
        "/accounts?phone=",
        "/accounts?phone=+4520304051",
        "/accounts?phone=4520304051",
        "/accounts?phone=004520304051",
        "/accounts?phone=%2B45%2020304051",
        "/accounts?phone=%2B4520304051%0A",
        "/accounts?phone=%2B0520304051",
        "/accounts?phone=%2B45020304051",
        "/accounts?phone=%2B45203040512",
        "/accounts?phone=%2B45",
        "/accounts?phone=%2B4520304051234567",
        "/accounts?phone=%EF%BC%8B4520304051",
        "/accounts?phone=%2B4520304051%23",
        "/accounts?phone=%252B4520304051",
        "/accounts?phone=*",
        "/accounts?phone=%2B4520304051&phone=%2B4520304051",
        "/accounts?phone=%2B4520304051&name=x",
        "/accounts?name=x&phone=%2B4520304051",
        "/accounts?Phone=%2B4520304051",
        "/accounts?phone[]=%2B4520304051",
        "/accounts?account_number=4815162342",
        &long,
    ] {
        assert_eq!(
            scene.get(path).await,
            Answer {
                body: BAD_PHONE.to_owned(),
                ..Answer::empty(400)
            },
            "{path}"
        );
    }
    assert!(scene.looked_up().is_empty());
}

/// An account that got another phone is not found by the one it had, and a phone leads nowhere else than to an account.
#[tokio::test]
async fn a_phone_that_leads_elsewhere_is_not_found() {
    let scene = Scene::start().await;
    let [stale, dangling, broken, odd] =
        ["+4520304052", "+4520304053", "+4520304054", "+4520304055"];
    for phone in [stale, dangling, broken, odd] {
        scene.mark(&phone[1..]);
    }
    scene.sandbox.aws.put(pointer(stale, NUMBER)).await;
    scene.sandbox.aws.put(pointer(dangling, "77")).await;
    scene.sandbox.aws.put(pointer(broken, "4815162342#x")).await;
    scene.sandbox.aws.put(pointer(odd, "78")).await;
    scene
        .sandbox
        .aws
        .put(account("78", &[("name", NAME)]))
        .await; // without a phone
    for phone in ["+4520304056", stale, dangling, broken, odd] {
        assert_eq!(
            scene
                .get(&format!("/accounts?phone=%2B{}", &phone[1..]))
                .await,
            Answer::empty(404),
            "{phone}"
        );
    }
    assert_eq!(scene.get(BY_PHONE).await, Answer::account(ACCOUNT));
    scene
        .sandbox
        .aws
        .put(account(NUMBER, &[("phone", stale)]))
        .await;
    assert_eq!(scene.get(BY_PHONE).await, Answer::empty(404));
    assert_eq!(scene.get("/accounts?phone=%2B4520304052").await.status, 200);
}

/// The table deletes what has expired days later.
#[tokio::test]
async fn an_expired_item_is_not_found() {
    let scene = Scene::start().await;
    let with_end = |mut item: Value, end: &str| {
        item["expires_at"] = json!({ "N": end });
        item
    };
    scene
        .sandbox
        .aws
        .put(with_end(account(NUMBER, &[("phone", PHONE)]), "1700000000"))
        .await;
    for path in [BY_NUMBER, BY_PHONE] {
        assert_eq!(scene.get(path).await, Answer::empty(404), "{path}");
    }
    scene.open_account().await;
    assert_eq!(scene.get(BY_PHONE).await, Answer::account(ACCOUNT));
    scene
        .sandbox
        .aws
        .put(with_end(pointer(PHONE, NUMBER), "1700000000"))
        .await;
    assert_eq!(scene.get(BY_PHONE).await, Answer::empty(404));
    assert_eq!(scene.get(BY_NUMBER).await, Answer::account(ACCOUNT));
}

#[tokio::test]
async fn other_methods_and_paths_are_refused_before_anything_is_read() {
    let scene = Scene::start().await;
    scene.sandbox.auth0.server().clear_exchanges();
    for (method, path, status) in [
        ("HEAD", BY_NUMBER, 405),
        ("POST", BY_NUMBER, 405),
        ("PUT", BY_NUMBER, 405),
        ("DELETE", BY_NUMBER, 405),
        ("OPTIONS", BY_PHONE, 405),
        ("PATCH", "/accounts", 405),
        ("POST", "/accounts/x", 405),
        ("get", BY_NUMBER, 200),
        ("GET", "/", 404),
        ("POST", "/", 404),
        ("GET", "/account/4815162342", 404),
        ("GET", "/Accounts/4815162342", 404),
        ("GET", "/accountsx", 404),
        ("GET", "/accounts4815162342", 404),
        ("GET", "/accounts/4815162342/", 404),
        ("GET", "/accounts/4815162342/payments", 404),
        ("GET", "/v1/accounts/4815162342", 404),
        ("GET", "/favicon.ico", 404),
    ] {
        let request = client()
            .request(method.parse().unwrap(), scene.url(path))
            .bearer_auth(scene.token());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        assert_eq!(
            answer
                .headers()
                .get("allow")
                .map(|allow| allow.to_str().unwrap()),
            (status == 405).then_some("GET")
        );
        assert_eq!(
            answer.text().await.unwrap().is_empty(),
            status != 200,
            "{method} {path}"
        );
    }
    assert_eq!(scene.looked_up(), [format!("account#{NUMBER}")]);
    assert_eq!(scene.sandbox.auth0.server().exchanges().len(), 0);
}
