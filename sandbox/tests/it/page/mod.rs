//! The page's API, over HTTP, with the real functions.

mod access;
mod calls;
mod events;
mod schema;
mod story;

use std::{sync::Arc, time::Duration};

use reqwest::{Method, StatusCode};
use sandbox::{
    Sandbox, accounts,
    lambda::Lambda,
    page::{Options, Page},
    wire::client,
};
use serde_json::{Value, json};

use crate::binary;

/// Maximum time that something takes to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A page with its sandbox and some functions.
struct Stage {
    page: Page,
    sandbox: Arc<Sandbox>,
    functions: Vec<Lambda>,
}

impl Stage {
    async fn open(functions: &[&str]) -> Self {
        let sandbox = Arc::new(Sandbox::start().await);
        let page = Page::open(Arc::clone(&sandbox), Options::default())
            .await
            .unwrap();
        let delivery = sandbox.door(crate::DELIVERY).url() + "/";
        let settings = [
            ("DELIVERY_URL", Some(delivery.as_str())),
            ("VOICEMAIL", Some("on")),
        ];
        let mut running = vec![];
        for name in functions {
            let lambda = sandbox.run_with(name, binary(name).await, 1, &settings);
            let lambda = lambda.await;
            lambda.wait_ready().await.unwrap();
            running.push(lambda);
        }
        Self {
            page,
            sandbox,
            functions: running,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.page.url().trim_end_matches('/'))
    }

    /// A request as the page sends it.
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = Method::try_from(method).unwrap();
        let mut request = client()
            .request(method, self.url(path))
            .header("x-sandbox-page", "1");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(text.into()))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, None).await;
        assert_eq!(status, StatusCode::OK.as_u16(), "{path}: {answer}");
        answer
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("POST", path, Some(body)).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// The answer at this path as soon as it is as wanted.
    async fn wait(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let answer = self.get(path).await;
                if wanted(&answer) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        if let Ok(answer) = found {
            return answer;
        }
        panic!("{path}: {:#}", self.get(path).await)
    }

    /// Loads the accounts of the phone menu, and signs up the first holder.
    async fn open_accounts(&self) -> String {
        let seeded = accounts::seed().unwrap();
        self.sandbox.load(&seeded).await;
        let number = seeded[0].account_number.clone();
        let caller = json!({ "account": number, "pin": "2718", "name": "Ann" });
        self.post("/api/auth0/callers", caller).await;
        number
    }

    async fn close(self) {
        for lambda in self.functions {
            lambda.stop().await;
        }
        self.sandbox.complaints();
    }
}
