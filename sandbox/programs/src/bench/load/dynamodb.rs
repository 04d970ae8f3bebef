//! `DynamoDB` in memory, for hundreds of processes at once. It has the operations that the
//! functions use, over HTTP. [`Contention`] adds the latency, the conflicts of transactions and the
//! throttling of hot keys.
//!
//! An operation takes effect when it arrives, at once and atomically. The answer is sent when its
//! time is over. A transaction holds its items until then. The tests compare the answers with
//! those of the sandbox's embedded `DynamoDB`.

mod key;
#[cfg(test)]
mod requests;
mod store;
mod traffic;
mod writes;

pub(super) use traffic::Traffic;

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, body::Incoming, header::CONTENT_TYPE, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sandbox::contention::Contention;
use tokio::{net::TcpListener, task::JoinSet};

use key::kind;
use store::{Store, lock};
use traffic::Seen;

/// Larger than every request of a function.
const LIMIT: usize = 2 * 1024 * 1024;

/// A table with its server. The server ends when dropped.
pub(super) struct DynamoDb {
    url: String,
    store: Arc<Store>,
    _serving: JoinSet<()>,
}

impl DynamoDb {
    /// An empty table with these latencies. A transaction holds its items for its whole latency.
    pub(super) async fn start(operation: Duration, transaction: Duration) -> io::Result<Self> {
        let contention = Contention::default();
        contention.set_latency(operation, transaction);
        let store = Arc::new(Store {
            items: Mutex::default(),
            contention,
            latency: operation,
            seen: Mutex::default(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (mut serving, served) = (JoinSet::new(), Arc::clone(&store));
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let (store, _) = (Arc::clone(&served), stream.set_nodelay(true));
                let service = service_fn(move |request| serve(Arc::clone(&store), request));
                // A client may leave; this is not a problem.
                connections.spawn(async move {
                    drop(
                        http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Ok(Self {
            url,
            store,
            _serving: serving,
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Never throttles a key from now on.
    pub(super) fn never_throttle(&self) {
        self.store.contention.set_writes_per_second(u32::MAX);
    }

    /// The traffic since the last call.
    pub(super) fn traffic(&self) -> Traffic {
        let Seen {
            conflicts,
            throttled,
            writes,
            reads,
            transactions,
            written,
            problems,
        } = std::mem::take(&mut *lock(&self.store.seen));
        let most = written.into_iter().max_by_key(|(_, times)| *times);
        let most_shared = most.map(|((pk, _), times)| (kind(&pk), times));
        Traffic {
            conflicts,
            throttled,
            writes,
            reads,
            transactions,
            most_shared,
            problems,
        }
    }
}

async fn serve(
    store: Arc<Store>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    // A client opens its connection in advance.
    if request.method() == Method::HEAD {
        return Ok(response);
    }
    let target = request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let operation = target
        .and_then(|target| target.rsplit('.').next())
        .unwrap_or_default()
        .to_owned();
    let body = Limited::new(request.into_body(), LIMIT)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let request = body
        .ok()
        .and_then(|body| serde_json::from_slice(&body).ok())
        .unwrap_or_default();
    let (status, answer) = store.answer(&operation, &request).await;
    *response.status_mut() = status.try_into().unwrap_or_default();
    *response.body_mut() = Full::new(answer.to_string().into());
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sandbox::Sandbox;
    use serde_json::json;

    use super::{
        requests::{Chance, ask, number, some_request, text, write},
        *,
    };

    /// Its figures can be believed only if it does what the other one does.
    #[tokio::test]
    async fn the_same_writes_give_the_same_answers_as_the_embedded_dynamodb() {
        let sandbox = Sandbox::start().await;
        let own = DynamoDb::start(Duration::ZERO, Duration::ZERO)
            .await
            .unwrap();
        let embedded = sandbox.aws.dynamodb().url();
        let (mut chance, mut refused) = (Chance(27_182_818), 0);
        for step in 0..600 {
            let (operation, request) = some_request(&mut chance);
            let (ours, theirs) = (
                ask(own.url(), operation, &request).await,
                ask(&embedded, operation, &request).await,
            );
            assert_eq!(ours, theirs, "step {step}: {operation} {request:#}");
            refused += u32::from(ours.0 == 400);
        }
        // Both sides of conditions were met.
        assert!((100..500).contains(&refused), "{refused}");
        assert_eq!(own.traffic().problems, [""; 0]);
    }

    #[tokio::test]
    async fn a_transaction_holds_its_items_and_the_one_that_all_share_is_named() {
        let own = DynamoDb::start(Duration::ZERO, Duration::from_millis(300))
            .await
            .unwrap();
        let claim = |of: &str| {
            let write =
                |pk: &str| json!({ "Update": write(pk, &[("ADD", "hits", number(1))], "", &[]) });
            json!({ "TransactItems": [write(&format!("sent#00000000{of}")), write("rate#sms#all")] })
        };
        let (url, one, other) = (own.url(), claim("1"), claim("2"));
        let (first, second) = tokio::join!(
            ask(url, "TransactWriteItems", &one),
            ask(url, "TransactWriteItems", &other)
        );
        let mut both = [first, second];
        both.sort_by_key(|(status, _)| *status);
        let [(200, _), (400, refusal)] = &both else {
            panic!("{both:?}")
        };
        let codes = ["None", "TransactionConflict"].map(|code| json!({ "Code": code }));
        assert_eq!(refusal["CancellationReasons"], json!(codes));
        assert_eq!(ask(url, "TransactWriteItems", &claim("3")).await.0, 200);
        let traffic = own.traffic();
        assert_eq!(
            traffic.conflicts,
            BTreeMap::from([("rate#sms#all".to_owned(), 1)])
        );
        assert_eq!((traffic.writes, traffic.reads), (3 * 2 * 2, 0));
        assert_eq!(
            (traffic.transactions, traffic.most_shared),
            (2, Some(("rate#sms#all".to_owned(), 2)))
        );
        assert_eq!(own.traffic(), Traffic::default());
    }

    #[tokio::test]
    async fn a_key_that_is_written_to_too_often_is_named() {
        let own = DynamoDb::start(Duration::ZERO, Duration::ZERO)
            .await
            .unwrap();
        own.store.contention.set_writes_per_second(1);
        let count = write("rate#code#all", &[("ADD", "hits", number(1))], "", &[]);
        assert_eq!(ask(own.url(), "UpdateItem", &count).await.0, 200);
        let (status, refusal) = ask(own.url(), "UpdateItem", &count).await;
        assert_eq!(
            (status, &refusal["__type"]),
            (400, &json!("ThrottlingException"))
        );
        assert_eq!(
            own.traffic().throttled,
            BTreeMap::from([("rate#code#all".to_owned(), 1)])
        );
    }

    #[tokio::test]
    async fn what_is_not_understood_is_a_problem_and_no_guess() {
        let own = DynamoDb::start(Duration::ZERO, Duration::ZERO)
            .await
            .unwrap();
        for (operation, request) in [
            ("Query", json!({})),
            (
                "UpdateItem",
                write("a", &[("SET", "b", number(1))], "size(b", &[]),
            ),
            (
                "TransactWriteItems",
                json!({ "TransactItems": [{ "Delete": { "Key": { "pk": text("a"), "sk": text("1") } } }] }),
            ),
        ] {
            assert_eq!(
                ask(own.url(), operation, &request).await.0,
                400,
                "{operation}"
            );
        }
        assert_eq!(own.traffic().problems.len(), 3);
    }
}
