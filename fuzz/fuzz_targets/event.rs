//! No event makes a function panic, and a request's path and query are the bytes that were sent.

#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use shared::platform::request::Request;

fuzz_target!(|event: &str| {
    let Ok(request) = Request::from_event(event, "id", Instant::now()) else {
        return;
    };
    let sent: Value = serde_json::from_str(event).expect("a request came from JSON");
    let query = sent["rawQueryString"].as_str().unwrap_or_default();
    assert_eq!(request.query(), query);
    let path = sent["rawPath"].as_str().or(sent["path"].as_str());
    let path = path.filter(|path| !path.is_empty()).unwrap_or("/");
    assert_eq!(request.path(), path);
    assert!(request.body().is_empty());
    let _answer = request.expect_post("/", &["text/plain", ""], 1024);
    assert!(request.body().len() <= 1024);
    let _token = shared::platform::bearer::presented(&request);
});
