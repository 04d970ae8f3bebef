//! The recorded requests in `events/`.

mod answers;
mod invoke_api;

use std::collections::BTreeMap;
use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sandbox::lambda::Lambda;
use sandbox::template::root;
use sandbox::{COMPANY_NUMBER, EMPLOYEE_MOBILE, Ports, Sandbox, accounts, record};
use serde_json::Value;

use crate::binary;

pub(crate) fn read(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(root().join("events").join(name)).unwrap()).unwrap()
}

#[tokio::test]
async fn the_files_are_what_record_writes() {
    let files = record::files().await;
    for (name, text) in &files {
        let found = fs::read_to_string(root().join("events").join(name)).unwrap_or_default();
        assert!(found == *text, "events/{name} is stale: run `cargo record`");
    }
    let found = fs::read_dir(root().join("events")).unwrap().count();
    assert_eq!(
        found,
        files.len(),
        "a file in events/ that record does not write"
    );
}

/// The files in `events/` that are requests, by function. What follows the function's name in that of
/// the file says what is special about the request.
pub(crate) fn requests(sandbox: &Sandbox) -> BTreeMap<String, Vec<String>> {
    let mut requests = BTreeMap::<_, Vec<_>>::new();
    for entry in fs::read_dir(root().join("events")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let names = sandbox.template().functions.iter().map(|found| &found.name);
        let mut of = names.filter(|name| {
            let rest = file.strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.starts_with(['-', '.']))
        });
        match of.next() {
            Some(function) => requests.entry(function.clone()).or_default().push(file),
            None => assert_eq!(file, "env.json", "the name of no function"),
        }
    }
    requests
}

/// A sandbox with everybody whom the requests are about.
pub(crate) async fn inhabited() -> Sandbox {
    let sandbox = Sandbox::start().await;
    sandbox.okta.hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    sandbox.load(&accounts::seed().unwrap()).await;
    sandbox
        .auth0
        .sign_up_caller("10042", "2718", "Ann", "ann@acme.example");
    sandbox
}

/// True for a request that is refused.
pub(crate) fn is_forged(file: &str) -> bool {
    ["forged", "tampered"]
        .iter()
        .any(|word| file.contains(word))
}

/// Of every function, also of one that has no scene below.
#[tokio::test]
async fn what_is_forged_is_refused_and_leaves_nothing_and_all_else_is_answered() {
    let sandbox = inhabited().await;
    let mut running = BTreeMap::new();
    for function in &sandbox.template().functions {
        let lambda = run(&sandbox, &function.name).await;
        // Then it has also kept the access token that it asked for.
        lambda.wait_ready().await.unwrap();
        running.insert(&function.name, lambda);
    }
    let requests = requests(&sandbox);
    assert!(requests.keys().eq(running.keys().copied()), "{requests:?}");
    let requests = requests
        .iter()
        .flat_map(|(function, files)| files.iter().map(move |file| (function, file)));
    let (forged, genuine): (Vec<_>, Vec<_>) = requests.partition(|(_, file)| is_forged(file));

    let before = sandbox.aws.items().await;
    for (function, file) in forged {
        let (status, body) = invoke(&sandbox, &running[function], file).await;
        assert!(
            [401, 403].contains(&status) && body.is_empty(),
            "{file}: {status} {body}"
        );
    }
    assert_eq!(sandbox.aws.items().await, before);
    for (function, file) in genuine {
        // What is no HTTP request has no status.
        if read(file)["requestContext"].is_object() {
            let (status, body) = invoke(&sandbox, &running[function], file).await;
            assert!((200..300).contains(&status), "{file}: {status} {body}");
        } else {
            running[function].invoke(read(file)).await.unwrap();
        }
    }
}

/// From what a container sees to this sandbox.
pub(crate) fn moved(text: &str, sandbox: &Sandbox) -> String {
    let base = Ports::USUAL.base;
    let mut servers = vec![
        (10, sandbox.twilio.server()),
        (12, sandbox.auth0.server()),
        (16, sandbox.okta.server()),
        (20, sandbox.aws.dynamodb()),
        (21, sandbox.aws.secrets()),
        (23, sandbox.aws.kms()),
    ];
    let providers = sandbox.providers();
    servers.extend(
        providers
            .iter()
            .map(|provider| (provider.port, provider.server)),
    );
    let moved = servers
        .iter()
        .fold(text.to_owned(), |text, (offset, server)| {
            text.replace(
                &format!("http://host.docker.internal:{}", base + offset),
                &server.url(),
            )
        });
    let doors = sandbox.template().functions.iter().enumerate();
    let moved = doors.fold(moved, |text, (place, function)| {
        let port = Ports::USUAL.function(place);
        let door = format!("{}/", sandbox.door(&function.name).url());
        ["127.0.0.1", "host.docker.internal"]
            .iter()
            .fold(text, |text, host| {
                text.replace(&format!("http://{host}:{port}/"), &door)
            })
    });
    assert!(!moved.contains("docker"), "{moved}");
    moved
}

/// With the variables as `sam local` sets them: the template's, those of `env.json` in their place.
pub(crate) async fn run(sandbox: &Sandbox, name: &str) -> Lambda {
    let environment = read("env.json");
    let function = sandbox.template().function(name).unwrap();
    let given: BTreeMap<&str, String> = environment[&function.logical_id]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), moved(value.as_str().unwrap(), sandbox)))
        .collect();
    for name in given.keys() {
        assert!(
            function.environment.contains_key(*name),
            "sam ignores {name}: template.yaml does not declare it"
        );
    }
    let overrides: Vec<_> = function
        .environment
        .iter()
        .map(|(name, default)| {
            (
                name.as_str(),
                given
                    .get(name.as_str())
                    .or(default.as_ref())
                    .map(String::as_str),
            )
        })
        .collect();
    sandbox
        .run_with(name, binary(name).await, 1, &overrides)
        .await
}

/// A recorded request as this sandbox would send it: to its servers, with valid tokens.
pub(crate) fn request(sandbox: &Sandbox, event: &str) -> Value {
    let mut event = read(event);
    if event["isBase64Encoded"] == true {
        let body = BASE64_STANDARD
            .decode(event["body"].as_str().unwrap())
            .unwrap();
        let fields: Vec<_> = form_urlencoded::parse(&body)
            .map(|(name, value)| (name, moved(&value, sandbox)))
            .collect();
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        event["body"] = BASE64_STANDARD.encode(body).into();
    }
    let event = record::Tokens::new(&sandbox.auth0).reissue(event.to_string().into());
    serde_json::from_slice(&event).unwrap()
}

/// Status and body.
pub(crate) async fn invoke(sandbox: &Sandbox, lambda: &Lambda, event: &str) -> (u64, String) {
    let answer = lambda.invoke(request(sandbox, event)).await.unwrap();
    (
        answer["statusCode"].as_u64().unwrap(),
        answer["body"].as_str().unwrap().to_owned(),
    )
}
