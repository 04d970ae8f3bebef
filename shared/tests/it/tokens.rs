//! The token cache against the tenant and the table: how often it asks, and what it hands out meanwhile. A [`Tokens`] stands for an
//! instance of a function.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sandbox::Sandbox;
use sandbox::auth0::{API_AUDIENCE, CLIENT_ID};
use sandbox::aws::TABLE_NAME;
use sandbox::wire::Fault;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use shared::platform::base_url::BaseUrl;
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;
use shared::platform::table::Table;
use shared::platform::time::epoch;
use shared::vendors::auth0::CallError;
use shared::vendors::auth0::tokens::Tokens;
use shared::vendors::auth0::users::Users;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The life that the tenant gives, and when within it the token is certainly still fresh, and certainly no longer.
const LIFE: u64 = 86_400;
const FRESH: u64 = 73_000;
const STALE: u64 = 78_000;

fn instance(sandbox: &Sandbox, shares: bool) -> Tokens {
    let (http, aws) = (crate::client(), crate::aws(sandbox));
    let base: BaseUrl = sandbox.auth0.server().url().parse().unwrap();
    let secret = Arc::new(Secret::new(
        "switchboard/auth0".to_owned(),
        aws.secrets_manager(&http),
    ));
    let table = shares.then(|| Table::new(aws.dynamodb(&http), TABLE_NAME.to_owned()));
    Tokens::new(http, base, API_AUDIENCE.to_owned(), secret, table)
}

fn sharing(sandbox: &Sandbox) -> Tokens {
    instance(sandbox, true)
}

fn alone(sandbox: &Sandbox) -> Tokens {
    instance(sandbox, false)
}

fn after(start: SystemTime, seconds: u64) -> SystemTime {
    start + Duration::from_secs(seconds)
}

async fn get(tokens: &Tokens, at: SystemTime) -> Result<String, CallError> {
    tokens
        .get(at)
        .await
        .map(|token| token.expose_secret().to_owned())
}

async fn replace(tokens: &Tokens, refused: &str, at: SystemTime) -> Result<String, CallError> {
    tokens
        .replace(&refused.into(), at)
        .await
        .map(|token| token.expose_secret().to_owned())
}

fn is_unavailable(result: &Result<String, CallError>) -> bool {
    matches!(result, Err(CallError::Unavailable(_)))
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Fault::Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}

async fn token_items(sandbox: &Sandbox) -> Vec<Value> {
    let items = sandbox.aws.items().await;
    items
        .into_iter()
        .filter(|item| {
            item["pk"]["S"]
                .as_str()
                .is_some_and(|pk| pk.starts_with("token#"))
        })
        .collect()
}

/// The tokens' item with these numbers set.
async fn set_numbers(sandbox: &Sandbox, numbers: &[(&str, u64)]) {
    let mut item = token_items(sandbox).await.remove(0);
    item["lease_owner"] = json!({"S": "somebody who died"});
    for (name, number) in numbers {
        item[name] = json!({"N": number.to_string()});
    }
    sandbox.aws.put(item).await;
}

#[tokio::test]
async fn a_token_is_kept_and_renewed_before_its_end() {
    let sandbox = Sandbox::start().await;
    let start = now();
    for tokens in [alone(&sandbox), sharing(&sandbox)] {
        sandbox.auth0.server().clear_exchanges();
        let first = get(&tokens, start).await.unwrap();
        for second in [1, 3600, FRESH] {
            assert_eq!(
                get(&tokens, after(start, second)).await.as_ref(),
                Ok(&first),
                "{second}"
            );
        }
        assert_eq!(sandbox.auth0.token_requests(), 1);
        // A token is made of claims in whole seconds, so the next may be the same text.
        get(&tokens, after(start, STALE)).await.unwrap();
        get(&tokens, after(start, STALE + FRESH)).await.unwrap();
        assert_eq!(sandbox.auth0.token_requests(), 2);
    }
}

#[tokio::test]
async fn instances_share_it_through_the_table() {
    let sandbox = Sandbox::start().await;
    let start = now();
    let first = get(&sharing(&sandbox), start).await.unwrap();
    for second in [0, 60, FRESH] {
        assert_eq!(
            get(&sharing(&sandbox), after(start, second)).await.as_ref(),
            Ok(&first),
            "{second}"
        );
    }
    assert_eq!(sandbox.auth0.token_requests(), 1);
    let item = token_items(&sandbox).await.remove(0);
    assert_eq!(
        (&item["token"]["S"], item.get("lease_until")),
        (&json!(first), None)
    );
    let end = item["expires_at"]["N"]
        .as_str()
        .unwrap()
        .parse::<u64>()
        .unwrap();
    assert!(
        (epoch(start) + LIFE..epoch(start) + LIFE + 10).contains(&end),
        "{end}"
    );
    assert!(
        !item.to_string().contains(sandbox::auth0::CLIENT_SECRET)
            && !item.to_string().contains(CLIENT_ID),
        "{item}"
    );
    get(&sharing(&sandbox), after(start, STALE)).await.unwrap();
    assert_eq!(sandbox.auth0.token_requests(), 2);
}

#[tokio::test]
async fn the_management_token_and_an_api_s_stand_apart() {
    let sandbox = Sandbox::start().await;
    let (http, aws) = (crate::client(), crate::aws(&sandbox));
    let base: BaseUrl = sandbox.auth0.server().url().parse().unwrap();
    let mut known: Vec<String> = Vec::new();
    for (audience, beginning) in [
        (API_AUDIENCE.to_owned(), "token#api#"),
        (Users::audience(&base), "token#management#"),
    ] {
        let secret = Arc::new(Secret::new(
            "switchboard/auth0".to_owned(),
            aws.secrets_manager(&http),
        ));
        let table = Table::new(aws.dynamodb(&http), TABLE_NAME.to_owned());
        get(
            &Tokens::new(http.clone(), base.clone(), audience, secret, Some(table)),
            now(),
        )
        .await
        .unwrap();
        let items = token_items(&sandbox).await;
        let keys = items.iter().map(|item| item["pk"]["S"].as_str().unwrap());
        let new: Vec<String> = keys
            .filter(|key| !known.iter().any(|known| known == key))
            .map(str::to_owned)
            .collect();
        assert!(
            new.len() == 1 && new[0].starts_with(beginning),
            "{beginning}: {new:?}"
        );
        known.extend(new);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_cold_callers_on_five_instances_ask_once() {
    let sandbox = Sandbox::start().await;
    let start = now();
    sandbox.auth0.server().faults().next_for(
        "POST /oauth/token",
        Fault::Delay(Duration::from_millis(200)),
    );
    let instances: Vec<_> = (0..5).map(|_| Arc::new(sharing(&sandbox))).collect();
    let callers = (0..100).map(|caller| {
        let tokens = Arc::clone(&instances[caller % 5]);
        tokio::spawn(async move { get(&tokens, start).await.unwrap() })
    });
    let mut given = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        given.push(caller.await.unwrap());
    }
    given.dedup();
    assert_eq!((given.len(), sandbox.auth0.token_requests()), (1, 1));
}

#[tokio::test]
async fn the_old_token_serves_while_renewing_fails() {
    let sandbox = Sandbox::start().await;
    let start = now();
    for shares in [false, true] {
        let (tokens, other) = (instance(&sandbox, shares), instance(&sandbox, shares));
        let first = get(&tokens, start).await.unwrap();
        sandbox.auth0.server().clear_exchanges();
        sandbox.auth0.server().faults().always(Some(answer(
            if shares { 500 } else { 404 },
            &[],
            "",
        )));
        for second in [STALE, STALE, STALE + 1] {
            assert_eq!(
                get(&tokens, after(start, second)).await.as_ref(),
                Ok(&first),
                "{shares} {second}"
            );
        }
        assert_eq!(sandbox.auth0.token_requests(), 1, "{shares}");
        if shares {
            assert_eq!(
                get(&other, after(start, STALE + 1)).await.as_ref(),
                Ok(&first)
            );
            assert_eq!(
                sandbox.auth0.token_requests(),
                1,
                "another instance heard of the failure"
            );
        }
        assert_eq!(
            get(&tokens, after(start, STALE + 5)).await.as_ref(),
            Ok(&first),
            "{shares}"
        );
        assert_eq!(sandbox.auth0.token_requests(), 2, "{shares}");
        assert_eq!(
            get(&tokens, after(start, LIFE - 10)).await.as_ref(),
            Ok(&first),
            "{shares}"
        );
        assert!(
            is_unavailable(&get(&tokens, after(start, LIFE - 2)).await),
            "{shares}: nobody gets one that ends on the way"
        );
        sandbox.auth0.server().faults().clear();
        assert!(
            get(&tokens, after(start, LIFE + 10)).await.is_ok(),
            "{shares}"
        );
    }
}

#[tokio::test]
async fn a_lease_of_one_who_died_ends() {
    let sandbox = Sandbox::start().await;
    let start = now();
    let first = get(&sharing(&sandbox), start).await.unwrap();
    // While another renews, the old one is handed out.
    set_numbers(&sandbox, &[("lease_until", epoch(start) + STALE + 5)]).await;
    assert_eq!(
        get(&sharing(&sandbox), after(start, STALE)).await,
        Ok(first)
    );
    assert_eq!(sandbox.auth0.token_requests(), 1);
    // With none to hand out, the others wait for the lease to end, and then one goes on.
    set_numbers(
        &sandbox,
        &[
            ("lease_until", epoch(start) + STALE + 2),
            ("end", epoch(start)),
        ],
    )
    .await;
    let (one, two) = (sharing(&sandbox), sharing(&sandbox));
    let (one, two) = tokio::join!(
        get(&one, after(start, STALE)),
        get(&two, after(start, STALE))
    );
    assert_eq!(
        (one.is_ok(), one == two, sandbox.auth0.token_requests()),
        (true, true, 2)
    );
    // Who comes later does not wait.
    set_numbers(
        &sandbox,
        &[
            ("lease_until", epoch(start) + STALE + 5),
            ("end", epoch(start)),
        ],
    )
    .await;
    let requests = || sandbox.aws.dynamodb().exchanges().len();
    let before = requests();
    let late = sharing(&sandbox);
    assert!(get(&late, after(start, STALE + 5)).await.is_ok());
    assert_eq!(sandbox.auth0.token_requests(), 3);
    assert_eq!(requests() - before, 3, "it reads, leases and stores");
    // Nor does anybody wait for a lease that a wrong clock made.
    let far = epoch(start) + STALE + 1_000;
    set_numbers(&sandbox, &[("lease_until", far), ("end", epoch(start))]).await;
    let other = sharing(&sandbox);
    assert!(get(&other, after(start, STALE)).await.is_ok());
    assert_eq!(sandbox.auth0.token_requests(), 4);
}

#[tokio::test]
async fn who_waits_too_long_for_another_gives_up_and_looks_less_and_less_often() {
    let sandbox = Sandbox::start().await;
    let start = now();
    get(&sharing(&sandbox), start).await.unwrap();
    let leased = epoch(start) + STALE + 50;
    set_numbers(&sandbox, &[("lease_until", leased), ("end", epoch(start))]).await;
    sandbox.aws.dynamodb().clear_exchanges();
    let result = get(&sharing(&sandbox), after(start, STALE)).await;
    assert!(is_unavailable(&result), "{result:?}");
    assert_eq!(sandbox.auth0.token_requests(), 1);
    // After 40 to 80 milliseconds, twice as many, and so on up to 300 to 600.
    let looks = sandbox.aws.dynamodb().exchanges().len();
    assert!((8..=30).contains(&looks), "{looks}");
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_the_way_free() {
    let sandbox = Sandbox::start().await;
    let (start, tokens) = (now(), sharing(&sandbox));
    sandbox.auth0.server().faults().next(Fault::Hang);
    let hurried = async {
        while sandbox.auth0.token_requests() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = get(&tokens, start) => panic!("{result:?}"),
        () = hurried => {}
    }
    // However long its lease may be; another instance's would be waited for.
    let mut item = token_items(&sandbox).await.remove(0);
    let ends: u64 = item["expires_at"]["N"].as_str().unwrap().parse().unwrap();
    let kept = ends - epoch(start);
    assert!((86_400..86_410).contains(&kept), "nothing stays for ever");
    item["lease_until"] = json!({"N": (epoch(start) + 50).to_string()});
    sandbox.aws.put(item).await;
    assert!(get(&tokens, start).await.is_ok());
    assert_eq!(sandbox.auth0.token_requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_refusals_is_one_grant() {
    let sandbox = Sandbox::start().await;
    let start = now();
    let instances: Vec<_> = (0..4).map(|_| Arc::new(sharing(&sandbox))).collect();
    let first = get(&instances[0], start).await.unwrap();
    for tokens in &instances {
        assert_eq!(get(tokens, start).await.as_ref(), Ok(&first));
    }
    // The tenant's next token is another, in the same second too.
    sandbox.auth0.rotate_key();
    let callers = (0..20).map(|caller| {
        let (tokens, first) = (Arc::clone(&instances[caller % 4]), first.clone());
        tokio::spawn(async move { replace(&tokens, &first, start).await.unwrap() })
    });
    let mut given = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        given.push(caller.await.unwrap());
    }
    given.dedup();
    assert_eq!((given.len(), sandbox.auth0.token_requests()), (1, 2));
    assert_ne!(given[0], first);
    assert_eq!(get(&instances[3], start).await.as_ref(), Ok(&given[0]));
}

#[tokio::test]
async fn a_replacement_that_never_worked_is_not_replaced_for_a_minute() {
    let sandbox = Sandbox::start().await;
    let (start, tokens) = (now(), sharing(&sandbox));
    let first = get(&tokens, start).await.unwrap();
    sandbox.auth0.rotate_key();
    let second = replace(&tokens, &first, start).await.unwrap();
    let other = sharing(&sandbox);
    assert_eq!(get(&other, start).await.as_ref(), Ok(&second));
    for tokens in [&tokens, &other] {
        for seconds in [0, 30, 59] {
            assert_eq!(
                replace(tokens, &second, after(start, seconds)).await,
                Err(CallError::Unauthorized),
                "{seconds}"
            );
        }
    }
    assert_eq!(sandbox.auth0.token_requests(), 2);
    sandbox.auth0.rotate_key();
    let third = replace(&tokens, &second, after(start, 62)).await.unwrap();
    // One that worked is.
    tokens.worked(&third.as_str().into());
    sandbox.auth0.rotate_key();
    let fourth = replace(&tokens, &third, after(start, 63)).await.unwrap();
    assert!(fourth != third && third != second);
    assert_eq!(sandbox.auth0.token_requests(), 4);
    // What is said of another token changes nothing.
    tokens.worked(&third.as_str().into());
    assert_eq!(
        replace(&tokens, &fourth, after(start, 64)).await,
        Err(CallError::Unauthorized)
    );
}

#[tokio::test]
async fn odd_lives_are_bounded() {
    let sandbox = Sandbox::start().await;
    let start = now();
    let (assumed, short, hour, longest) = ((44, 60), (4, 20), (3_050, 3_500), (FRESH, STALE));
    for (expires_in, (fresh, stale)) in [
        (json!(null), assumed),
        (json!(0), assumed),
        (json!(-1), assumed),
        (json!(1.5), assumed),
        (json!(1e30), assumed),
        (json!("soon"), assumed),
        (json!([3600]), assumed),
        (json!({}), assumed),
        (json!(true), assumed),
        (json!("3600"), hour),
        (json!(3600), hour),
        (json!(20), short),
        (json!(315_360_000), longest),
        (json!(u64::MAX), longest),
    ] {
        sandbox.auth0.set_expires_in(expires_in.clone());
        for shares in [false, true] {
            // A secret of its own is an item of its own.
            let secret = format!("{expires_in}{shares}");
            sandbox.auth0.set_client_secret(&secret);
            sandbox.aws.set_secret(
                "switchboard/auth0",
                &json!({"client_id": CLIENT_ID, "client_secret": secret}),
            );
            let tokens = instance(&sandbox, shares);
            sandbox.auth0.server().clear_exchanges();
            get(&tokens, start).await.unwrap();
            get(&tokens, after(start, fresh)).await.unwrap();
            assert_eq!(sandbox.auth0.token_requests(), 1, "{secret}");
            get(&tokens, after(start, stale)).await.unwrap();
            assert_eq!(sandbox.auth0.token_requests(), 2, "{secret}");
        }
    }
}

/// One that is over in a moment is used now, and never again.
#[tokio::test]
async fn a_life_is_not_lengthened() {
    let sandbox = Sandbox::start().await;
    let start = now();
    sandbox.auth0.set_expires_in(json!(1));
    for shares in [false, true] {
        let (one, two) = (instance(&sandbox, shares), instance(&sandbox, shares));
        sandbox.auth0.server().clear_exchanges();
        for (second, tokens) in [(0, &one), (1, &one), (2, &two)] {
            get(tokens, after(start, second)).await.unwrap();
            assert_eq!(
                sandbox.auth0.token_requests() as u64,
                second + 1,
                "{shares}"
            );
        }
    }
}

#[tokio::test]
async fn when_the_tenant_has_too_much_to_do_no_instance_asks_for_a_while() {
    let sandbox = Sandbox::start().await;
    let mut start = now();
    for (status, after_header, rest) in [
        (500, "", 3),
        (503, "20", 20),
        (429, "", 3),
        (429, "20", 20),
        (429, "0", 1),
        (429, "99999999", 60),
        (429, "99999999999999999999999", 3),
        (429, "Wed, 21 Oct 2065 07:28:00 GMT", 3),
        (429, "-5", 3),
    ] {
        let (tokens, what) = (sharing(&sandbox), format!("{status} {after_header}"));
        sandbox.auth0.server().clear_exchanges();
        let headers = [("retry-after", after_header)];
        sandbox.auth0.server().faults().next(answer(
            status,
            if after_header.is_empty() {
                &[]
            } else {
                &headers
            },
            "",
        ));
        for second in [0, 0, rest - 1] {
            for tokens in [&tokens, &sharing(&sandbox)] {
                let result = get(tokens, after(start, second)).await;
                assert!(is_unavailable(&result), "{what}, {second}: {result:?}");
            }
        }
        assert_eq!(sandbox.auth0.token_requests(), 1, "{what}");
        assert!(get(&tokens, after(start, rest + 4)).await.is_ok(), "{what}");
        assert_eq!(sandbox.auth0.token_requests(), 2, "{what}");
        // Beyond the end of what is in the table now.
        start = after(start, 2 * LIFE);
    }
}

#[tokio::test]
async fn other_failures_are_not_remembered() {
    let sandbox = Sandbox::start().await;
    let mut start = now();
    for fault in [
        Fault::Garbage,
        Fault::Truncate,
        Fault::ResetBefore,
        Fault::ResetAfter,
        answer(404, &[], ""),
    ] {
        for shares in [false, true] {
            let tokens = instance(&sandbox, shares);
            sandbox.auth0.server().faults().next(fault.clone());
            assert!(is_unavailable(&get(&tokens, start).await), "{fault:?}");
            assert!(get(&tokens, start).await.is_ok(), "{fault:?} {shares}");
            start = after(start, 2 * LIFE);
        }
    }
}

#[tokio::test]
async fn unusable_answers_are_failures() {
    let sandbox = Sandbox::start().await;
    for fault in [
        Fault::Garbage,
        Fault::Truncate,
        Fault::Oversize(65 * 1024),
        Fault::ResetBefore,
        Fault::ResetAfter,
        answer(200, &[], ""),
        answer(200, &[], "{}"),
        answer(200, &[], "[]"),
        answer(200, &[], "null"),
        answer(200, &[], r#"{"access_token":""}"#),
        answer(200, &[], r#"{"access_token":1,"expires_in":60}"#),
        answer(200, &[], r#"{"access_token":null,"expires_in":60}"#),
        answer(
            200,
            &[],
            &format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)),
        ),
        answer(204, &[], ""),
        answer(302, &[("location", "https://evil.example/")], ""),
        answer(400, &[], r#"{"error":"invalid_request"}"#),
        answer(404, &[], ""),
    ] {
        sandbox.auth0.server().faults().next(fault.clone());
        let result = get(&alone(&sandbox), now()).await;
        assert!(is_unavailable(&result), "{fault:?}: {result:?}");
    }
    sandbox.auth0.server().faults().refuse(true);
    assert!(is_unavailable(&get(&sharing(&sandbox), now()).await));
}

#[tokio::test]
async fn a_silent_tenant_is_given_up() {
    let sandbox = Sandbox::start().await;
    let faults = sandbox.auth0.server().faults();
    faults.next(Fault::Hang);
    faults.next(Fault::Trickle(Duration::from_secs(1)));
    let (one, two) = (alone(&sandbox), alone(&sandbox));
    let (one, two) = tokio::join!(get(&one, now()), get(&two, now()));
    assert!(
        is_unavailable(&one) && is_unavailable(&two),
        "{one:?} {two:?}"
    );
}

/// And whoever comes next does not wait as long, from when it was given up.
#[tokio::test]
async fn a_silent_tenant_rests() {
    tokio::join!(
        no_instance_asks_a_silent_tenant_for_a_while(),
        who_has_a_token_leaves_a_silent_tenant_alone()
    );
}

async fn no_instance_asks_a_silent_tenant_for_a_while() {
    let sandbox = Sandbox::start().await;
    let (start, tokens) = (now(), sharing(&sandbox));
    sandbox.auth0.server().faults().next(Fault::Hang);
    assert!(is_unavailable(&get(&tokens, start).await));
    let until = token_items(&sandbox).await.remove(0)["failed_until"]["N"]
        .as_str()
        .unwrap()
        .parse::<u64>()
        .unwrap();
    assert!(
        (epoch(start) + 6..=epoch(start) + 8).contains(&until),
        "{until}"
    );
    for tokens in [&tokens, &sharing(&sandbox)] {
        assert!(is_unavailable(&get(tokens, after(start, 5)).await));
    }
    assert_eq!(sandbox.auth0.token_requests(), 1);
    assert!(get(&tokens, after(start, 9)).await.is_ok());
}

async fn who_has_a_token_leaves_a_silent_tenant_alone() {
    let sandbox = Sandbox::start().await;
    let (start, tokens) = (now(), alone(&sandbox));
    let first = get(&tokens, start).await.unwrap();
    sandbox.auth0.server().faults().next(Fault::Hang);
    for second in [STALE, STALE + 5] {
        assert_eq!(
            get(&tokens, after(start, second)).await.as_ref(),
            Ok(&first),
            "{second}"
        );
    }
    assert_eq!(sandbox.auth0.token_requests(), 2);
    get(&tokens, after(start, STALE + 9)).await.unwrap();
    assert_eq!(sandbox.auth0.token_requests(), 3);
}

#[tokio::test]
async fn a_rotated_secret_is_fetched_once_and_has_tokens_of_its_own() {
    let sandbox = Sandbox::start().await;
    let (start, tokens) = (now(), sharing(&sandbox));
    let first = get(&tokens, start).await.unwrap();
    sandbox.auth0.set_client_secret("rotated");
    sandbox.aws.set_secret(
        "switchboard/auth0",
        &json!({"client_id": CLIENT_ID, "client_secret": "rotated"}),
    );
    assert_eq!(
        get(&tokens, start).await.as_ref(),
        Ok(&first),
        "an issued token stays good"
    );
    sandbox.auth0.rotate_key();
    let second = replace(&tokens, &first, after(start, 1)).await.unwrap();
    assert_ne!(second, first);
    assert_eq!(
        (
            sandbox.auth0.token_requests(),
            sandbox.aws.secrets().exchanges().len()
        ),
        (3, 2)
    );
    assert_eq!(get(&tokens, start).await.as_ref(), Ok(&second));
    assert_eq!(
        get(&sharing(&sandbox), start).await.as_ref(),
        Ok(&second),
        "with the new secret from the beginning"
    );
    assert_eq!(
        (
            token_items(&sandbox).await.len(),
            sandbox.auth0.token_requests()
        ),
        (2, 3)
    );
}

#[tokio::test]
async fn credentials_that_are_refused_fetch_the_secret_once_a_minute() {
    let sandbox = Sandbox::start().await;
    let refusals = [
        answer(401, &[], r#"{"error":"invalid_client"}"#),
        answer(
            401,
            &[],
            r#"{"error":"access_denied","error_description":"Unauthorized"}"#,
        ),
        answer(
            403,
            &[],
            r#"{"error":"access_denied","error_description":"Client is not authorized to access \"x\"."}"#,
        ),
    ];
    let mut start = now();
    for (refusal, shares) in refusals
        .iter()
        .flat_map(|refusal| [(refusal, false), (refusal, true)])
    {
        let tokens = instance(&sandbox, shares);
        sandbox.auth0.server().clear_exchanges();
        sandbox.aws.secrets().clear_exchanges();
        sandbox
            .auth0
            .server()
            .faults()
            .always(Some(refusal.clone()));
        for second in 0..10 {
            assert_eq!(
                get(&tokens, after(start, second)).await,
                Err(CallError::Unauthorized),
                "{refusal:?} {shares}"
            );
        }
        assert_eq!(
            sandbox.aws.secrets().exchanges().len(),
            2,
            "{refusal:?} {shares}"
        );
        assert_eq!(sandbox.auth0.token_requests(), 11, "{refusal:?} {shares}");
        sandbox.auth0.server().faults().always(None);
        assert!(
            get(&tokens, after(start, 10)).await.is_ok(),
            "as soon as they are good again: {refusal:?} {shares}"
        );
        start = after(start, 2 * LIFE);
    }
}

#[tokio::test]
async fn without_the_table_the_tenant_is_asked() {
    let sandbox = Sandbox::start().await;
    let (start, tokens) = (now(), sharing(&sandbox));
    sandbox.aws.dynamodb().faults().refuse(true);
    let first = get(&tokens, start).await.unwrap();
    assert_eq!(get(&tokens, start).await.as_ref(), Ok(&first));
    sandbox.auth0.rotate_key();
    assert_ne!(replace(&tokens, &first, start).await.unwrap(), first);
    assert_eq!(sandbox.auth0.token_requests(), 2);
    sandbox.aws.dynamodb().faults().refuse(false);
    // Read and leased, and then not to be written.
    let faults = sandbox.aws.dynamodb().faults();
    faults.times(2, || Fault::Delay(Duration::ZERO));
    faults.times(3, || answer(500, &[], ""));
    assert!(get(&sharing(&sandbox), start).await.is_ok());
    assert_eq!((faults.pending(), sandbox.auth0.token_requests()), (0, 3));
}

#[tokio::test]
async fn without_the_secret_nobody_asks() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.remove_secret("switchboard/auth0");
    let result = get(&sharing(&sandbox), now()).await;
    assert!(is_unavailable(&result), "{result:?}");
    assert_eq!(
        (
            sandbox.auth0.token_requests(),
            token_items(&sandbox).await.len()
        ),
        (0, 0)
    );
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn tokens_and_secrets_show_nowhere() {
    let log = Log::default();
    let writer = log.clone();
    let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
    let own = Targets::new().with_target("shared", LevelFilter::TRACE);
    let _logging = tracing_subscriber::registry()
        .with(layer.with_filter(own))
        .set_default();
    let sandbox = Sandbox::start().await;
    let (start, tokens) = (now(), sharing(&sandbox));
    sandbox
        .aws
        .dynamodb()
        .faults()
        .times(3, || answer(500, &[], ""));
    let first = tokens.get(start).await.unwrap();
    let mut shown = format!("{first:?}");
    let body = json!({"error": "server_error", "access_token": first.expose_secret()}).to_string();
    for fault in [
        answer(500, &[], &body),
        answer(401, &[], &body),
        answer(200, &[], &format!("{body}}}")),
    ] {
        sandbox.auth0.server().faults().times(2, || fault.clone());
        let error = alone(&sandbox).get(start).await.unwrap_err();
        shown = format!("{shown} {error:?} {error}");
        sandbox.auth0.server().faults().clear();
    }
    shown += &String::from_utf8_lossy(&log.0.lock().unwrap_or_else(PoisonError::into_inner));
    assert!(
        shown.contains("a token is asked for without the table"),
        "the log is on: {shown}"
    );
    for secret in [first.expose_secret(), sandbox::auth0::CLIENT_SECRET] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
