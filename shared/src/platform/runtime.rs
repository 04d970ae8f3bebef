//! The definition of a function ([`Function`]), and the work of every `main`: settings, INIT, the
//! Lambda loop, one log line per invocation. Only this module reads the environment and the clock.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use crate::platform::Platform;
use crate::platform::base_url::BaseUrl;
use crate::platform::config::{self, Problems, Source};
use crate::platform::event;
use crate::platform::figures::Origin;
use crate::platform::http;
use crate::platform::probe;
use crate::platform::reply::{Failure, Reply, into_payload};
use crate::platform::request::{NoRequest, Request};

/// INIT fetches and connects for at most this long. The first request then does the rest.
const WARM_UP_TIME: Duration = Duration::from_secs(2);
/// Time kept free for the answer.
const RESERVE: Duration = Duration::from_millis(500);

/// A Lambda function: its settings and clients, and what it does with a request.
#[expect(
    async_fn_in_trait,
    reason = "the one task of a current_thread process needs no Send"
)]
pub trait Function: Sized {
    /// A request that takes longer than this gets [`Function::too_slow`] as its answer. The same
    /// answer comes half a second before Lambda's own timeout. `None`: the function watches the
    /// time itself, because it has something to close.
    const TIME: Option<Duration>;

    /// The beginning of a key that the function's role may read: the probe ([`super::probe`]) reads an
    /// item of it that does not exist.
    const READS: &'static str = "words#";

    /// Reads the settings and makes the clients; problems are noted in `source`. No connection is
    /// opened yet.
    fn read(platform: &Platform, source: &mut Source<'_>) -> Self;

    /// Fetches and connects to everything that a request will need. This happens during INIT, where
    /// the CPU is not throttled. It may take two seconds. If an upstream is down, the first request
    /// tries it again.
    async fn warm_up(&self, platform: &Platform, now: SystemTime);

    /// Answers one request. A refusal is an answer too.
    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply>;

    /// Does the work of an event that is not a request: a service of AWS, or somebody with the right
    /// to, invoked the function itself. The event is a JSON object without `requestContext`, so it
    /// never came through the Function URL. Lambda ends the work at `deadline`.
    ///
    /// The body of the reply is the invocation's result, as JSON. An error makes the invocation
    /// fail, with the outcome as its type. Lambda then tries an asynchronous one again
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
    /// `None`: the function does not know such an event.
    async fn direct(
        &self,
        _event: &str,
        _deadline: Instant,
        _now: SystemTime,
    ) -> Option<Result<Reply, Reply>> {
        None
    }

    /// The answer when [`Function::TIME`] is over.
    fn too_slow() -> Reply {
        Reply::empty(503, "too_slow")
    }

    /// The answer that a caller gets instead of a bare 503, or after a panic. Nothing in the request
    /// is verified: it may choose words, no more.
    fn apology(&self, _request: &Request) -> Option<Reply> {
        None
    }
}

/// A function that a schedule also starts.
#[expect(
    async_fn_in_trait,
    reason = "the one task of a current_thread process needs no Send"
)]
pub trait Scheduled: Function {
    /// One run. Lambda ends it at `deadline`. The body of the reply is the invocation's result, as
    /// JSON.
    ///
    /// # Errors
    /// The error of the invocation.
    async fn run(&self, deadline: Instant, now: SystemTime) -> Result<Reply, Failure>;
}

/// A function and its platform, for the life of an instance.
struct Instance<F> {
    platform: Platform,
    function: F,
    /// The URLs in the settings, with their variables.
    upstreams: Vec<(String, BaseUrl)>,
}

/// Runs a function as Lambda's custom runtime
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>) until Lambda ends it.
///
/// If the settings have any problem, all problems go to standard error as one line and to Lambda's
/// `init/error`, and the exit code is not zero. A request never causes a function error, not even
/// by a panic. An event that is not a request may: [`Function::direct`].
pub async fn serve<F: Function>(name: &'static str) -> ExitCode {
    let invoke = async |instance: &Instance<F>, event: Event<'_>| answer(instance, &event).await;
    run(name, invoke).await
}

/// As [`serve`], for a function that a schedule also starts: an event without `requestContext` that
/// [`Function::direct`] does not know starts a run. A run's failure or panic becomes a function
/// error. Lambda then tries again
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
pub async fn serve_scheduled<F: Scheduled>(name: &'static str) -> ExitCode {
    let invoke = async |instance: &Instance<F>, event: Event<'_>| {
        if !event::is_direct(event.payload) {
            return answer(instance, &event).await;
        }
        if let Some(ended) = direct(instance, &event).await {
            return ended;
        }
        let ran = instance.function.run(event.deadline, event.arrived);
        let ran = AssertUnwindSafe(ran).catch_unwind().await;
        let ran = ran.unwrap_or_else(|_| Err(panicked()));
        ended(instance, ran.map_err(Reply::from))
    };
    run(name, invoke).await
}

/// An invocation.
struct Event<'a> {
    payload: &'a str,
    id: &'a str,
    /// The path of `PUBLIC_URL`. A proxy before the function may leave it in front of the
    /// function's own path.
    prefix: &'a str,
    deadline: Instant,
    arrived: SystemTime,
}

/// The invocation's result or error. `None`: Lambda gets the reply as HTTP.
type RawResult = Option<Result<Value, Diagnostic>>;

/// The output of an invocation, as Lambda gets it.
#[derive(Serialize)]
#[serde(untagged)]
enum Output {
    Answer(Box<ApiGatewayV2httpResponse>),
    Result(Value),
}

/// The reply and the invocation's result, or its error.
fn result(ended: Result<Reply, Reply>) -> (Reply, RawResult) {
    match ended {
        Ok(reply) => {
            let result = serde_json::from_str(&reply.body).unwrap_or_default();
            (reply, Some(Ok(result)))
        }
        Err(reply) => {
            let error = Diagnostic {
                error_type: reply.outcome.to_owned(),
                error_message: reply.error().unwrap_or(reply.outcome).to_owned(),
            };
            (reply, Some(Err(error)))
        }
    }
}

/// As [`result`], for work that may have waited for upstreams.
fn ended<F>(instance: &Instance<F>, ended: Result<Reply, Reply>) -> (Reply, RawResult) {
    let (reply, result) = result(ended);
    let waited = instance.platform.http.take_upstream_time();
    (reply.upstream(waited), result)
}

fn panicked() -> Failure {
    Failure {
        status: 500,
        outcome: "panic",
        cause: "the work panicked".to_owned(),
    }
}

/// Does what [`Function::direct`] does with an event. `None`: it does not know the event.
async fn direct<F: Function>(
    instance: &Instance<F>,
    event: &Event<'_>,
) -> Option<(Reply, RawResult)> {
    if !event::is_direct(event.payload) {
        return None;
    }
    let work = instance
        .function
        .direct(event.payload, event.deadline, event.arrived);
    let done = AssertUnwindSafe(erased(work)).catch_unwind().await;
    let done = done.unwrap_or_else(|_| Some(Err(panicked().into())))?;
    Some(ended(instance, done))
}

/// Answers a request in any case. Only an event that is not a request may fail.
async fn answer<F: Function>(instance: &Instance<F>, event: &Event<'_>) -> (Reply, RawResult) {
    let request = match Request::from_event(event.payload, event.id, event.deadline) {
        Ok(request) => request,
        Err(NoRequest::Malformed(refusal)) => return (refusal, None),
        Err(NoRequest::NotHttp(failure)) => {
            let done = direct(instance, event).await;
            return done.unwrap_or_else(|| result(Err(failure.into())));
        }
    };
    let reply = instance.handle(&request, event.arrived).await;
    // A CloudFront behaviour for `/sms*` leaves its path in the request, an HTTP API its stage. The
    // function sees the path first as it came. If the function does not know it, the request has
    // had no effect, so it is tried again without the prefix.
    let unknown = (reply.status, reply.outcome) == (404, "not_found");
    let Some(path) = request
        .without_prefix(event.prefix)
        .filter(|_| unknown)
        .map(str::to_owned)
    else {
        return (reply, None);
    };
    let request = request.with_path(path);
    (instance.handle(&request, event.arrived).await, None)
}

impl<F: Function> Instance<F> {
    /// The answer to a request, also when it takes too long, cannot be given, or panics.
    async fn handle(&self, request: &Request, now: SystemTime) -> Reply {
        let work = async {
            let flow = self.function.flow(request, now);
            let (Ok(reply) | Err(reply)) = match F::TIME {
                Some(time) => tokio::time::timeout(time.min(request.remaining(RESERVE)), flow)
                    .await
                    .unwrap_or_else(|_| Ok(F::too_slow())),
                None => flow.await,
            };
            reply
        };
        let done = AssertUnwindSafe(erased(work)).catch_unwind().await;
        let reply = done.unwrap_or_else(|_| Reply::empty(500, "panic"));
        let apologize = || self.function.apology(request);
        let apology = matches!(reply.status, 500 | 503)
            .then(|| std::panic::catch_unwind(AssertUnwindSafe(apologize)))
            .and_then(Result::unwrap_or_default);
        let reply = match apology {
            Some(apology) => reply.answered_with(apology),
            None => reply,
        };
        reply.upstream(self.platform.http.take_upstream_time())
    }

    /// Answers the probe.
    async fn probe(&self, now: SystemTime) -> (Reply, RawResult) {
        let work = probe::answer(&self.platform, &self.upstreams, F::READS, now);
        let done = AssertUnwindSafe(erased(work)).catch_unwind().await;
        ended(self, done.map_err(|_| panicked().into()))
    }

    /// Connects and fetches ahead. The time that this waits for upstreams is counted for no
    /// request.
    async fn warm_up(&self) {
        let work = erased(self.function.warm_up(&self.platform, now()));
        // After a timeout the first request does the rest.
        let _ = tokio::time::timeout(WARM_UP_TIME, work).await;
        self.platform.http.take_upstream_time();
    }
}

/// Hides the type of a future. One future type for a whole function is deeper than the compiler
/// allows.
fn erased<'a, T>(future: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(future)
}

async fn run<F: Function>(
    function: &'static str,
    invoke: impl AsyncFn(&Instance<F>, Event<'_>) -> (Reply, RawResult),
) -> ExitCode {
    quiet_panics(function);
    let instance = match config::read(&environment, |source| {
        telemetry(function, source);
        for needed_by_the_runtime_library in [
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_VERSION",
        ] {
            source.required(needed_by_the_runtime_library);
        }
        let platform = Platform::read(source);
        Instance {
            function: F::read(&platform, source),
            upstreams: source.base_urls(),
            platform,
        }
    }) {
        Ok(instance) => instance,
        Err(problems) => {
            report_bad_start(function, &problems).await;
            return ExitCode::FAILURE;
        }
    };
    instance.warm_up().await;
    let cold = AtomicBool::new(true);
    let public_url = instance.platform.public_url.clone();
    let prefix = public_url.as_ref().map_or("/", |url| url.as_url().path());
    let origin = Origin {
        function,
        stack: instance.platform.stack.clone(),
    };
    let (instance, invoke, cold, origin) = (&instance, &invoke, &cold, &origin);
    let service = service_fn(|event: LambdaEvent<Box<RawValue>>| {
        erased(async move {
            let started = Instant::now();
            let arrived = now();
            let (payload, context) = (event.payload.get(), &event.context);
            let event = Event {
                payload,
                id: &context.request_id,
                prefix,
                deadline: deadline(context, arrived),
                arrived,
            };
            let (reply, result) = if probe::is_asked(payload) {
                instance.probe(arrived).await
            } else {
                invoke(instance, event).await
            };
            let line = reply.log_line(
                origin,
                millis(arrived),
                started.elapsed(),
                cold.swap(false, Ordering::Relaxed),
            );
            print_line(&mut std::io::stdout().lock(), line);
            for line in reply.figure_lines(origin, millis(arrived)) {
                print_line(&mut std::io::stdout().lock(), line);
            }
            match result {
                None => Ok(Output::Answer(Box::new(into_payload(
                    reply.into_response(),
                )))),
                Some(result) => result.map(Output::Result),
            }
        })
    });
    match Box::pin(lambda_runtime::run(service)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the Lambda Runtime API is gone");
            ExitCode::FAILURE
        }
    }
}

/// The time. All other code takes it as an argument.
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one look into the environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn deadline(context: &lambda_runtime::Context, now: SystemTime) -> Instant {
    let left = Duration::from_millis(context.deadline.saturating_sub(millis(now)));
    // Some local runtimes send no deadline, or one in the far future; Lambda's longest is 15
    // minutes.
    let left = if left.is_zero() {
        Duration::from_secs(10)
    } else {
        left.min(Duration::from_mins(15))
    };
    Instant::now() + left
}

/// Diagnostics as JSON lines on standard output, from `LOG_LEVEL` (`error`, `warn`, `info`,
/// `debug`, `trace`) upwards. Only our own events are written: the events of the SDK and the HTTP
/// stack show requests, which hold numbers and links.
fn telemetry(function: &str, source: &mut Source<'_>) {
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
    use tracing_subscriber::util::SubscriberInitExt as _;
    let level = source.choice(
        "LOG_LEVEL",
        &[
            ("info", LevelFilter::INFO),
            ("error", LevelFilter::ERROR),
            ("warn", LevelFilter::WARN),
            ("debug", LevelFilter::DEBUG),
            ("trace", LevelFilter::TRACE),
        ],
    );
    let own = Targets::new()
        .with_target("shared", level)
        .with_target(function.replace('-', "_"), level);
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    tracing_subscriber::registry()
        .with(layer.with_filter(own))
        .init();
}

/// A panic's message may hold request data, so only its place is logged.
fn quiet_panics(function: &'static str) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        let line =
            json!({ "level": "ERROR", "function": function, "outcome": "panic", "place": place });
        print_line(&mut std::io::stderr().lock(), line);
    }));
}

fn print_line(out: &mut impl std::io::Write, line: impl std::fmt::Display) {
    // If standard output is closed, the failure cannot be reported either.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

async fn report_bad_start(function: &str, problems: &Problems) {
    let line = json!({ "level": "ERROR", "function": function, "outcome": "bad_configuration", "problems": problems.0 });
    print_line(&mut std::io::stderr().lock(), line);
    let Some(api) = environment("AWS_LAMBDA_RUNTIME_API") else {
        return;
    };
    let (Ok(url), Ok(client)) = (
        format!("http://{api}/2018-06-01/runtime/init/error").parse(),
        http::Client::new(http::Settings::default()),
    ) else {
        return;
    };
    let report = json!({ "errorType": "Configuration", "errorMessage": problems.to_string(), "stackTrace": [] });
    let request = client
        .request(reqwest::Method::POST, url)
        .header("Lambda-Runtime-Function-Error-Type", "Configuration")
        .body(report.to_string());
    // If the report does not arrive, Lambda still sees the exit code.
    let _ = client.send(request, 4096, Duration::from_secs(2)).await;
}

#[cfg(test)]
mod tests;
