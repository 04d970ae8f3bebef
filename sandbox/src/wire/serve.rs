//! Accepts connections, answers requests, and produces the faults.

use std::{
    convert::Infallible,
    future::poll_fn,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};

use super::{
    complaints::OUR_AGENT,
    exchange::Exchange,
    fault::Fault,
    faults::Faults,
    locking::lock,
    shared::Shared,
    tap::{News, RequestNumber, number},
};
use crate::trace;

/// The largest request body that a [`super::Server`] reads. A larger one is answered with 413.
pub const BODY_LIMIT: usize = 20 * 1024 * 1024;

pub(super) async fn accept(shared: Arc<Shared>, router: Router) {
    loop {
        let accepted = poll_fn(|context| {
            let mut door = lock(&shared.door);
            door.waker = Some(context.waker().clone());
            door.listener
                .as_ref()
                .map_or(Poll::Pending, |listener| listener.poll_accept(context))
        });
        let Ok((stream, _)) = accepted.await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (service_shared, router) = (Arc::clone(&shared), router.clone());
        let service =
            service_fn(move |request| serve(Arc::clone(&service_shared), router.clone(), request));
        let mut connections = lock(&shared.connections);
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// An answer on its way to its connection. All connections may be dropped before it is there. The record
/// then has no status, although the handler has run.
struct OnItsWay {
    shared: Arc<Shared>,
    started: Instant,
    /// How often all connections had been dropped when the request came.
    cuts: u64,
    has_arrived: bool,
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if self.has_arrived || self.shared.cuts() == self.cuts {
            return;
        }
        let mut exchanges = lock(&self.shared.exchanges);
        let mut mine = exchanges.iter_mut();
        if let Some(mine) = mine.rfind(|exchange| exchange.started == self.started) {
            mine.status = None;
        }
    }
}

/// Why a connection ends without an answer.
type Dropped = &'static str;

async fn serve(
    shared: Arc<Shared>,
    router: Router,
    request: Request<Incoming>,
) -> Result<Response<Body>, Dropped> {
    let cuts = shared.cuts();
    if lock(&shared.door).listener.is_none() {
        return Err("refused");
    }
    if shared.warm_up && request.method() == Method::HEAD && request.uri().path() == "/" {
        return Ok(Response::default());
    }
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let (body, too_large) = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(whole) => (whole.to_bytes(), false),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => (Bytes::new(), true),
        Err(_) => return Err("the client went away"),
    };
    let exchange = Exchange {
        started,
        took: Duration::ZERO,
        method: head.method.to_string(),
        target: head
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        request: body.clone(),
        status: None,
        response: Bytes::new(),
    };
    let fault = Faults(Arc::clone(&shared))
        .take(&format!("{} {}", exchange.method, exchange.target), &body);
    let number = number();
    let connected = shared.connected.clone();
    connected.tell(&News::Request {
        id: number,
        server: connected.name(),
        exchange: &exchange,
        fault: fault.as_ref().map(Fault::name),
    });
    if matches!(fault, Some(Fault::ResetBefore | Fault::Hang)) {
        connected.tell(&News::Answer {
            id: number,
            exchange: &exchange,
            headers: &HeaderMap::new(),
        });
    }
    lock(&shared.exchanges).push(exchange);
    let mut on_its_way = OnItsWay {
        shared: Arc::clone(&shared),
        started,
        cuts,
        has_arrived: false,
    };
    shared.arrivals.notify_waiters();
    let complaints = shared.complaints.clone();
    let target = format!("{} {}", head.method, head.uri.path());
    let ours = (head.headers.get(header::USER_AGENT))
        .is_some_and(|agent| agent.as_bytes().starts_with(OUR_AGENT));
    // The handler runs in its own task: a real provider finishes its work even if the caller hangs
    // up.
    let answering = tokio::spawn(async move {
        let answer = match &fault {
            Some(Fault::ResetBefore) => return Err("reset before"),
            Some(Fault::Hang) => return Ok(None),
            Some(Fault::Answer {
                status,
                headers,
                body,
            }) => answer(*status, headers, body),
            _ if too_large => answer(413, &[], ""),
            _ => {
                match &fault {
                    Some(Fault::Delay(pause)) => tokio::time::sleep(*pause).await,
                    Some(Fault::Held(gate)) => gate.wait().await,
                    _ => {}
                }
                let mut request = Request::from_parts(head, Body::from(body));
                let complaints = shared.complaints.about(request.headers());
                request.extensions_mut().insert(complaints);
                request.extensions_mut().insert(RequestNumber(number));
                let Ok::<_, Infallible>(answer) =
                    TowerToHyperService::new(router).call(request).await;
                answer
            }
        };
        let (mut head, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|_| "the handler's body failed")?
            .to_bytes();
        let answered = lock(&shared.exchanges)
            .iter_mut()
            .rfind(|exchange| exchange.started == started)
            .map(|exchange| {
                exchange.took = started.elapsed();
                exchange.response = body.clone();
                let is_lost = matches!(fault, Some(Fault::ResetAfter)) || shared.cuts() != cuts;
                exchange.status = (!is_lost).then_some(head.status.as_u16());
                if ours && fault.is_none() {
                    trace::write(shared.name, exchange);
                }
                connected.is_heard().then(|| exchange.clone())
            });
        let answered = answered.flatten();
        if let Some(exchange) = answered {
            connected.tell(&News::Answer {
                id: number,
                exchange: &exchange,
                headers: &head.headers,
            });
        }
        let body = match fault {
            Some(Fault::ResetAfter) => return Err("reset after"),
            Some(Fault::Garbage) => Body::from("<html>oops"),
            Some(Fault::Oversize(size)) => Body::from(vec![b' '; size]),
            Some(Fault::Truncate) => {
                head.headers
                    .insert(header::CONTENT_LENGTH, body.len().max(2).into());
                let half = body.slice(..body.len() / 2);
                Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(async {
                    tokio::task::yield_now().await; // flushes the first half
                    Err("truncated")
                })))
            }
            Some(Fault::Trickle(pause)) => {
                head.headers
                    .insert(header::CONTENT_LENGTH, body.len().into());
                Body::from_stream(stream::iter(body).then(move |byte| async move {
                    tokio::time::sleep(pause).await;
                    Ok::<_, Infallible>(Bytes::copy_from_slice(&[byte]))
                }))
            }
            _ => Body::from(body),
        };
        if matches!(fault, Some(Fault::Garbage | Fault::Oversize(_))) {
            head.headers.remove(header::CONTENT_LENGTH);
        }
        Ok(Some(Response::from_parts(head, body)))
    });
    match answering.await {
        Ok(Ok(Some(answer))) => {
            on_its_way.has_arrived = true;
            Ok(answer)
        }
        Ok(Ok(None)) => std::future::pending().await,
        Ok(Err(reason)) => Err(reason),
        Err(_) => {
            complaints.add(format!("the handler of {target} panicked"));
            Err("the handler panicked")
        }
    }
}

fn answer(status: u16, headers: &[(String, String)], body: &str) -> Response<Body> {
    let mut answer = Response::new(Body::from(body.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("an HTTP status");
    for (name, value) in headers {
        let name = HeaderName::try_from(name).expect("a header name");
        answer
            .headers_mut()
            .append(name, HeaderValue::try_from(value).expect("a header value"));
    }
    answer
}
