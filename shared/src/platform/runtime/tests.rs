//! What a caller gets if a function's work panics.

use super::*;

struct Speaks;

impl Function for Speaks {
    const TIME: Option<Duration> = None;

    fn read(_: &Platform, _: &mut Source<'_>) -> Self {
        Self
    }

    async fn warm_up(&self, _: &Platform, _: SystemTime) {}

    async fn flow(&self, _: &Request, _: SystemTime) -> Result<Reply, Reply> {
        panic!("a number: +4520304050")
    }

    fn apology(&self, _: &Request) -> Option<Reply> {
        Some(Reply::body(
            200,
            "sorry",
            "text/xml",
            "<Response/>".to_owned(),
        ))
    }
}

#[tokio::test]
async fn a_caller_hears_an_apology_after_a_panic() {
    let needed = |name: &str| {
        let is_needed = name == "TABLE_NAME" || name.starts_with("AWS_") && !name.contains("URL");
        is_needed.then(|| "x".to_owned())
    };
    let platform = config::read(&needed, Platform::read);
    let instance = Instance {
        platform: platform.unwrap_or_else(|problems| panic!("{problems}")),
        function: Speaks,
        upstreams: Vec::new(),
    };
    let event = json!({
        "rawPath": "/", "rawQueryString": "", "headers": {},
        "requestContext": { "domainName": "x.on.aws", "http": { "method": "POST" } },
    });
    let request = Request::from_event(&event.to_string(), "id", Instant::now());
    let request = request.expect("a request");
    let reply = instance.handle(&request, SystemTime::UNIX_EPOCH).await;
    assert_eq!((reply.status, reply.outcome), (200, "panic"));
    assert_eq!(reply.body, "<Response/>");
}
