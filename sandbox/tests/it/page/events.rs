//! The stream of events.

use sandbox::{twilio, wire::client};
use serde_json::{Value, json};

use super::{PATIENCE, Stage};
use crate::RECEIVE;

/// An event: id, kind, data.
type Event = (String, String, Value);

/// Reads the stream until an event is as wanted. Returns all events up to it.
async fn read(
    stage: &Stage,
    path: &str,
    last: Option<&str>,
    wanted: impl Fn(&Event) -> bool,
) -> Vec<Event> {
    let mut request = client().get(stage.url(path));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let (mut text, mut events) = (String::new(), vec![]);
    let reading = async {
        loop {
            let chunk = answer.chunk().await.unwrap().unwrap();
            text.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((block, rest)) = text.clone().split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = block.lines();
                    lines
                        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                        .unwrap_or_default()
                        .to_owned()
                };
                if !field("data").is_empty() {
                    let data = serde_json::from_str(&field("data")).unwrap();
                    events.push((field("id"), field("event"), data));
                }
                rest.clone_into(&mut text);
                if events.last().is_some_and(&wanted) {
                    return;
                }
            }
        }
    };
    let read = tokio::time::timeout(PATIENCE, reading).await;
    assert!(read.is_ok(), "{path}: {events:#?}");
    events
}

#[tokio::test]
async fn a_stream_continues_where_it_ended() {
    let stage = Stage::open(&[RECEIVE]).await;
    let start = stage.get("/api/state").await["event"].to_string();
    let text = |text: &str| json!({ "from": "+4512345678", "to": twilio::NUMBER, "text": text });
    let named = |wanted: &'static str| {
        move |(_, kind, data): &Event| kind == "text" && data["text"] == wanted
    };
    let since = format!("/api/events?since={start}");
    let (events, _) = tokio::join!(
        read(&stage, &since, None, named("one")),
        stage.post("/api/texts", text("one"))
    );
    let ids: Vec<u64> = events.iter().map(|(id, ..)| id.parse().unwrap()).collect();
    assert!(
        ids.is_sorted() && ids[0] > start.parse().unwrap(),
        "{ids:?}"
    );
    let last = &events.last().unwrap().0;
    // While nobody reads.
    stage.post("/api/texts", text("two")).await;
    let events = read(&stage, &since, Some(last), named("two")).await;
    assert!(
        events.iter().all(|event| !named("one")(event)),
        "it was seen"
    );
    assert!(events.iter().all(|(id, ..)| id > last));
    stage.close().await;
}

#[tokio::test]
async fn two_pages_see_the_same() {
    let stage = Stage::open(&[RECEIVE]).await;
    let start = stage.get("/api/state").await["event"].to_string();
    let since = format!("/api/events?since={start}");
    let end = |(_, kind, data): &Event| kind == "log" && data["outcome"].is_string();
    let sent = async {
        let text = json!({ "from": "+4512345678", "to": twilio::NUMBER, "text": "Hi" });
        stage.post("/api/texts", text).await
    };
    let (one, two, _) = tokio::join!(
        read(&stage, &since, None, end),
        read(&stage, &since, None, end),
        sent
    );
    assert_eq!(one, two);
    stage.close().await;
}

#[tokio::test]
async fn an_id_of_another_run_is_answered_with_a_reset() {
    let stage = Stage::open(&[]).await;
    for since in ["1", "9007199254740991"] {
        let path = format!("/api/events?since={since}");
        let events = read(&stage, &path, None, |_| true).await;
        assert_eq!(events[0].1, "reset");
        assert_eq!(events[0].2["event"], stage.get("/api/state").await["event"]);
    }
    stage.close().await;
}
