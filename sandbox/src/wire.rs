//! The loopback HTTP server of every simulator. It records all exchanges and produces faults on
//! demand.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::poll_fn,
    io,
    net::Ipv4Addr,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::DefaultBodyLimit,
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
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::Handle,
    sync::Notify,
    task::JoinSet,
};

use crate::trace;

/// The largest request body that a [`Server`] reads. A larger one is answered with 413.
pub const BODY_LIMIT: usize = 20 * 1024 * 1024;

/// The beginning of the `User-Agent` of our functions and of the CLI.
const OUR_AGENT: &[u8] = b"Switchboard/";

/// Maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Locks a mutex even if a holder panicked: that panic has already failed the test.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client for plain HTTP to loopback. It never follows redirects. It has no timeout unless the
/// request sets one.
pub fn client() -> reqwest::Client {
    // A workspace-wide build gives reqwest TLS without a provider. reqwest then demands a provider,
    // although no request here uses TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(
        clippy::disallowed_methods,
        reason = "the rule is for functions; the sandbox calls them from outside"
    )]
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client without settings that can fail")
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When the request's head had arrived.
    pub started: Instant,
    /// Time from the request's head until the answer is ready; zero until then.
    pub took: Duration,
    /// `GET`, `POST`...
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub request: Bytes,
    /// Status of the answer. `None`: no answer yet, or the connection was dropped.
    pub status: Option<u16>,
    /// The answer's body before a fault changed it on the way.
    pub response: Bytes,
}

/// One fault. `HEAD /` (a client's warm-up) never meets a fault.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer replaces the real handler's.
    Answer {
        /// HTTP status.
        status: u16,
        /// Header names and values.
        headers: Vec<(String, String)>,
        /// The whole body.
        body: String,
    },
    /// Waits, then runs the real handler, even if the client has left meanwhile.
    Delay(Duration),
    /// Drops the connection; the handler does not run.
    ResetBefore,
    /// Runs the handler, so state changes, then drops the connection without an answer.
    ResetAfter,
    /// Gives no answer until the client leaves; the handler does not run.
    Hang,
    /// Runs the handler. The head promises the whole body; half of it arrives, then the connection
    /// drops.
    Truncate,
    /// Runs the handler and sends its status with a body that cannot be parsed.
    Garbage,
    /// Runs the handler and sends its status with a body of this many bytes.
    Oversize(usize),
    /// Runs the handler. Its body arrives one byte at a time, with this pause before each.
    Trickle(Duration),
}

/// The complaints of a simulator. Handlers get them as `Extension<Complaints>`.
#[derive(Clone, Debug, Default)]
pub struct Complaints {
    all: Arc<Mutex<Vec<String>>>,
    /// True while a request of another client is answered.
    foreign: bool,
}

impl Complaints {
    /// Notes a request that a real provider never receives.
    pub fn add(&self, what: impl Into<String>) {
        lock(&self.all).push(what.into());
    }

    /// Notes a request that the real provider accepts but our functions must not send. Other
    /// clients may send it.
    pub fn add_for_ours(&self, what: impl Into<String>) {
        if !self.foreign {
            self.add(what);
        }
    }

    /// The complaints for a request with these headers. Another client has its own `User-Agent`. A
    /// request without one is a test's and counts as ours.
    fn about(&self, headers: &HeaderMap) -> Self {
        let agent = headers.get(header::USER_AGENT);
        Self {
            all: Arc::clone(&self.all),
            foreign: agent.is_some_and(|agent| !agent.as_bytes().starts_with(OUR_AGENT)),
        }
    }

    /// Returns all complaints and empties the list.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.all))
    }
}

/// Decides which faults one [`Server`] produces. Cheap to clone.
#[derive(Clone)]
pub struct Faults(Arc<Shared>);

impl Faults {
    /// Queues one fault. Each request takes one fault from the queue, in order.
    pub fn next(&self, fault: Fault) {
        self.next_for("", fault);
    }

    /// Queues one fault for the next request whose method, path and query (`POST /path?query`)
    /// contain `part`. Other requests do not take it.
    pub fn next_for(&self, part: &str, fault: Fault) {
        lock(&self.0.faults).queue.push_back((
            Aim {
                target: part.to_owned(),
                ..Aim::default()
            },
            fault,
        ));
    }

    /// Queues one fault for the next request whose body contains `part`. This selects one of
    /// several requests at the same time.
    pub fn next_with(&self, part: &str, fault: Fault) {
        lock(&self.0.faults).queue.push_back((
            Aim {
                body: part.to_owned(),
                ..Aim::default()
            },
            fault,
        ));
    }

    /// Queues `n` faults.
    pub fn times(&self, n: usize, fault: impl Fn() -> Fault) {
        lock(&self.0.faults)
            .queue
            .extend((0..n).map(|_| (Aim::default(), fault())));
    }

    /// Sets the fault for every request that takes none from the queue. `None`: no fault.
    pub fn always(&self, fault: Option<Fault>) {
        lock(&self.0.faults).always = fault.map(|fault| (Aim::default(), fault));
    }

    /// Sets the fault for every request whose body contains `part` and that takes none from the
    /// queue.
    pub fn always_with(&self, part: &str, fault: Fault) {
        lock(&self.0.faults).always = Some((
            Aim {
                body: part.to_owned(),
                ..Aim::default()
            },
            fault,
        ));
    }

    /// Removes all faults. If connections were refused, the server listens again.
    pub fn clear(&self) {
        *lock(&self.0.faults) = Plan::default();
        self.refuse(false);
    }

    /// The number of queued faults that no request has taken yet.
    pub fn pending(&self) -> usize {
        lock(&self.0.faults).queue.len()
    }

    /// `true`: the server behaves from now on like a process that is gone. It does not listen, and
    /// open connections are dropped. `false`: the server listens again on the same port.
    pub fn refuse(&self, on: bool) {
        let _context = self.0.runtime.enter();
        let mut door = lock(&self.0.door);
        let moved = if on && door.listener.is_some() {
            door.listener = None;
            lock(&self.0.connections).abort_all();
            // A child process holds a copy of the listener until it executes its own program.
            let mut patience = 200;
            let socket = loop {
                match bind(self.0.port) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse && patience > 0 => {
                        patience -= 1;
                    }
                    bound => break bound,
                }
                std::thread::sleep(Duration::from_millis(5));
            };
            socket.map(|socket| door.reserved = Some(socket))
        } else if let Some(socket) = door.reserved.take_if(|_| !on) {
            socket.listen(BACKLOG).map(|listener| door.open(listener))
        } else {
            Ok(())
        };
        moved.unwrap_or_else(|error| panic!("{}, port {}: {error}", self.0.name, self.0.port));
    }

    fn take(&self, target: &str, body: &[u8]) -> Option<Fault> {
        let mut plan = lock(&self.0.faults);
        let body = String::from_utf8_lossy(body);
        let meets =
            |aim: &Aim| target.contains(aim.target.as_str()) && body.contains(aim.body.as_str());
        let aimed = plan
            .queue
            .iter()
            .position(|(aim, _)| meets(aim))
            .and_then(|index| plan.queue.remove(index));
        aimed
            .or_else(|| plan.always.clone().filter(|(aim, _)| meets(aim)))
            .map(|(_, fault)| fault)
    }
}

/// The text that a request must contain to take a fault.
#[derive(Clone, Default)]
struct Aim {
    target: String,
    body: String,
}

#[derive(Default)]
struct Plan {
    queue: VecDeque<(Aim, Fault)>,
    always: Option<(Aim, Fault)>,
}

/// The state of the listener. Without a listener, connections are refused and a bound socket keeps
/// the port. The accept loop leaves its waker here.
#[derive(Default)]
struct Door {
    listener: Option<TcpListener>,
    reserved: Option<TcpSocket>,
    waker: Option<Waker>,
}

impl Door {
    fn open(&mut self, listener: TcpListener) {
        self.listener = Some(listener);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

struct Shared {
    name: &'static str,
    /// True if the server answers `HEAD /` itself.
    warm_up: bool,
    port: u16,
    runtime: Handle,
    faults: Mutex<Plan>,
    door: Mutex<Door>,
    connections: Mutex<JoinSet<()>>,
    exchanges: Mutex<Vec<Exchange>>,
    arrivals: Notify,
    complaints: Complaints,
}

/// A loopback HTTP/1.1 server. It records every exchange, produces faults on demand and stops when
/// dropped.
pub struct Server {
    shared: Arc<Shared>,
    faults: Faults,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Serves `router` on a free port of 127.0.0.1. `name` is for messages.
    pub async fn start(name: &'static str, router: Router) -> io::Result<Self> {
        Self::start_on(name, 0, router).await
    }

    /// Serves `router` on this port of 127.0.0.1.
    #[expect(
        clippy::unused_async,
        reason = "must be called within a runtime; async says so"
    )]
    pub async fn start_on(name: &'static str, port: u16, router: Router) -> io::Result<Self> {
        Self::open(name, port, router, true)
    }

    /// Like [`Self::start_on`], but `HEAD /` is an ordinary request.
    #[expect(clippy::unused_async, reason = "as above")]
    pub async fn start_verbatim(name: &'static str, port: u16, router: Router) -> io::Result<Self> {
        Self::open(name, port, router, false)
    }

    fn open(name: &'static str, port: u16, router: Router, warm_up: bool) -> io::Result<Self> {
        let listener = bind(port)?.listen(BACKLOG)?;
        let shared = Arc::new(Shared {
            name,
            warm_up,
            port: listener.local_addr()?.port(),
            runtime: Handle::current(),
            faults: Mutex::default(),
            door: Mutex::new(Door {
                listener: Some(listener),
                ..Door::default()
            }),
            connections: Mutex::default(),
            exchanges: Mutex::default(),
            arrivals: Notify::new(),
            complaints: Complaints::default(),
        });
        let router = router.layer(DefaultBodyLimit::disable());
        let accepting = tokio::spawn(accept(Arc::clone(&shared), router));
        Ok(Self {
            faults: Faults(Arc::clone(&shared)),
            shared,
            accepting,
        })
    }

    /// `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The port of the server.
    pub fn port(&self) -> u16 {
        self.shared.port
    }

    /// The faults of the server.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// All exchanges so far except `HEAD /`, in order of arrival.
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.shared.exchanges).clone()
    }

    /// Waits until `wanted` accepts the exchanges. The last of them may still be unanswered.
    pub async fn wait(&self, wanted: impl Fn(&[Exchange]) -> bool) {
        loop {
            let mut arrival = pin!(self.shared.arrivals.notified());
            // An arrival after this line wakes the wait below.
            arrival.as_mut().enable();
            if wanted(&lock(&self.shared.exchanges)) {
                return;
            }
            arrival.await;
        }
    }

    /// Forgets the exchanges so far.
    pub fn clear_exchanges(&self) {
        lock(&self.shared.exchanges).clear();
    }

    /// Notes an unexpected request; handlers use `Extension<Complaints>`.
    pub fn complain(&self, what: impl Into<String>) {
        self.shared.complaints.add(what);
    }

    /// The complaints. Reading removes them.
    pub fn complaints(&self) -> Vec<String> {
        self.shared.complaints.take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        lock(&self.shared.door).listener = None;
        lock(&self.shared.connections).abort_all();
    }
}

fn bind(port: u16) -> io::Result<TcpSocket> {
    let at = |port: u16| {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?; // past connections do not keep the port
        socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
        Ok(socket)
    };
    if port != 0 {
        return at(port);
    }
    // Other test suites that run at the same time take long runs of these ports.
    for _ in 1..5_000 {
        match at(free_port()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    at(free_port())
}

/// A port below the range that systems give to outgoing connections. Each port is given once: the
/// port of a server that refuses connections for a while must not go to another server meanwhile.
fn free_port() -> u16 {
    const FIRST: u32 = 15_000;
    const COUNT: u32 = 17_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let next = std::process::id()
        .wrapping_mul(997)
        .wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
    u16::try_from(FIRST + next % COUNT).unwrap_or_default()
}

async fn accept(shared: Arc<Shared>, router: Router) {
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

/// Why a connection ends without an answer.
type Dropped = &'static str;

async fn serve(
    shared: Arc<Shared>,
    router: Router,
    request: Request<Incoming>,
) -> Result<Response<Body>, Dropped> {
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
    lock(&shared.exchanges).push(exchange);
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
                if let Some(Fault::Delay(pause)) = fault {
                    tokio::time::sleep(pause).await;
                }
                let mut request = Request::from_parts(head, Body::from(body));
                let complaints = shared.complaints.about(request.headers());
                request.extensions_mut().insert(complaints);
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
        if let Some(exchange) = lock(&shared.exchanges)
            .iter_mut()
            .rfind(|exchange| exchange.started == started)
        {
            exchange.took = started.elapsed();
            exchange.response = body.clone();
            exchange.status =
                (!matches!(fault, Some(Fault::ResetAfter))).then_some(head.status.as_u16());
            if ours && fault.is_none() {
                trace::write(shared.name, exchange);
            }
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
        Ok(Ok(Some(answer))) => Ok(answer),
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
