//! Every scene of the page, played over its API as a program would do it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "browser/program.rs"]
mod program;

use std::time::{Duration, Instant};

use program::Program;
use sandbox::wire::client;
use serde_json::{Value, json};

/// Maximum time of a scene.
const PATIENCE: Duration = Duration::from_mins(2);

async fn ask(program: &Program, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let url = format!("{}{path}", program.page);
    let mut request = client()
        .request(method.parse().unwrap(), url)
        .header("x-sandbox-page", "1");
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test]
async fn every_scene_ends_well() {
    let program = tokio::task::spawn_blocking(Program::start).await.unwrap();
    let (_, state) = ask(&program, "GET", "api/state", None).await;
    let scenes = state["scenes"].as_array().unwrap();
    assert!(!scenes.is_empty());
    let mut failed = vec![];
    for scene in scenes {
        let id = scene["id"].as_str().unwrap();
        let path = format!("api/scenes/{id}");
        let (status, answer) = ask(&program, "POST", &path, Some(json!({ "mode": "fast" }))).await;
        assert_eq!(status, 202, "{id}: {answer}");
        let begun = Instant::now();
        let run = loop {
            let (_, state) = ask(&program, "GET", "api/state", None).await;
            let run = &state["run"];
            if ["passed", "failed", "stopped"].contains(&run["state"].as_str().unwrap()) {
                break run.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "{id} does not end: {run}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(run["scene"], id);
        // A scene that checks nothing shows nothing.
        if run["state"] != "passed" || run["checks"] == 0 {
            failed.push(run);
        }
    }
    assert_eq!(failed, [Value::Null; 0]);
    // Nothing is played now, and the API says so.
    for (method, path) in [("POST", "api/scenes/next"), ("DELETE", "api/scenes/run")] {
        let (status, answer) = ask(&program, method, path, Some(json!({}))).await;
        assert_eq!(status, 409, "{path}: {answer}");
    }
}
