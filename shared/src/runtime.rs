//! What every `main` does: settings, INIT, the Lambda loop, one log line an invocation. The only place that reads the environment
//! and the clock.

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

use crate::config::{self, Problems, Source};
use crate::http;
use crate::reply::{Failure, Reply, into_payload};
use crate::request::{self, NoRequest, Request};

/// Runs a function as Lambda's custom runtime (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>) until Lambda ends it.
///
/// `configure` reads the settings; if it notes any problem, all of them go to standard error as one line and to Lambda's
/// `init/error`, and the exit code is not zero. `connect` makes the function's state during INIT, where CPU is not throttled:
/// it should fetch secrets and open connections. `handle` answers every request; nothing it does, not even a panic, becomes a
/// function error.
pub async fn serve<C, A>(
    function: &'static str,
    configure: impl FnOnce(&mut Source<'_>) -> Option<C>,
    connect: impl AsyncFnOnce(C) -> Result<A, String>,
    handle: impl AsyncFn(&A, &Request, SystemTime) -> Reply,
) -> ExitCode {
    run(
        function,
        configure,
        connect,
        async |app: &A, event: Event<'_>| answer(app, &event, &handle).await,
    )
    .await
}

/// As [`serve`], for a function that a schedule starts too: an event that is no request ([`request::is_schedule`]) goes to
/// `scheduled`, with the time at which Lambda ends it. The body of its reply is the invocation's result, JSON. Only its failure, or
/// panic, becomes a function error, after which Lambda tries again
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
pub async fn serve_scheduled<C, A>(
    function: &'static str,
    configure: impl FnOnce(&mut Source<'_>) -> Option<C>,
    connect: impl AsyncFnOnce(C) -> Result<A, String>,
    handle: impl AsyncFn(&A, &Request, SystemTime) -> Reply,
    scheduled: impl AsyncFn(&A, Instant, SystemTime) -> Result<Reply, Failure>,
) -> ExitCode {
    let invoke = async |app: &A, event: Event<'_>| {
        if !request::is_schedule(event.payload) {
            return answer(app, &event, &handle).await;
        }
        let ran = AssertUnwindSafe(scheduled(app, event.deadline, event.arrived))
            .catch_unwind()
            .await;
        let panicked = || Failure {
            status: 500,
            outcome: "panic",
            cause: "the run panicked".to_owned(),
        };
        match ran.unwrap_or_else(|_| Err(panicked())) {
            Ok(reply) => {
                let result = serde_json::from_str(&reply.body).unwrap_or_default();
                (reply, Some(Ok(result)))
            }
            Err(failure) => failed(failure),
        }
    };
    run(function, configure, connect, invoke).await
}

/// An invocation.
struct Event<'a> {
    payload: &'a str,
    id: &'a str,
    /// The path of `PUBLIC_URL`, which a proxy before the function may leave in front of its own.
    prefix: &'a str,
    deadline: Instant,
    arrived: SystemTime,
}

/// What Lambda gets, if it is not the reply as HTTP.
type Instead = Option<Result<Value, Diagnostic>>;

/// What Lambda gets.
#[derive(Serialize)]
#[serde(untagged)]
enum Output {
    Answer(Box<ApiGatewayV2httpResponse>),
    Result(Value),
}

/// What Lambda gets as the invocation's error.
fn failed(failure: Failure) -> (Reply, Instead) {
    let error = Diagnostic {
        error_type: failure.outcome.to_owned(),
        error_message: failure.cause.clone(),
    };
    (failure.into(), Some(Err(error)))
}

/// Answers a request, come what may. Only an event that is none fails.
async fn answer<A>(
    app: &A,
    event: &Event<'_>,
    handle: &impl AsyncFn(&A, &Request, SystemTime) -> Reply,
) -> (Reply, Instead) {
    let request = match Request::from_event(event.payload, event.id, event.deadline) {
        Ok(request) => request,
        Err(NoRequest::Malformed(refusal)) => return (refusal, None),
        Err(NoRequest::NotHttp(failure)) => return failed(failure),
    };
    let reply = caught(handle(app, &request, event.arrived)).await;
    // A CloudFront behaviour for `/sms*` leaves its path there, an HTTP API its stage. What the function calls a path of its own is one;
    // whatever it does not know has had no effect, and counts without the prefix.
    let unknown = (reply.status, reply.outcome) == (404, "not_found");
    let Some(path) = request
        .without_prefix(event.prefix)
        .filter(|_| unknown)
        .map(str::to_owned)
    else {
        return (reply, None);
    };
    let request = request.with_path(path);
    (caught(handle(app, &request, event.arrived)).await, None)
}

async fn caught(handled: impl Future<Output = Reply>) -> Reply {
    AssertUnwindSafe(erased(handled))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Reply::empty(500, "panic"))
}

/// Without its type: one future of all that a function does is deeper than the compiler goes.
fn erased<'a, T>(future: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(future)
}

async fn run<C, A>(
    function: &'static str,
    configure: impl FnOnce(&mut Source<'_>) -> Option<C>,
    connect: impl AsyncFnOnce(C) -> Result<A, String>,
    invoke: impl AsyncFn(&A, Event<'_>) -> (Reply, Instead),
) -> ExitCode {
    quiet_panics(function);
    let app = match config::read(&environment, |source| {
        telemetry(function, source);
        // Without them the runtime library panics.
        let lambda = [
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_VERSION",
        ];
        let missing = lambda
            .into_iter()
            .filter(|name| source.required(name).is_none())
            .count();
        configure(source).filter(|_| missing == 0)
    }) {
        Ok(config) => erased(connect(config))
            .await
            .map_err(|why| Problems(vec![why])),
        Err(problems) => Err(problems),
    };
    let app = match app {
        Ok(app) => app,
        Err(problems) => {
            report_bad_start(function, &problems).await;
            return ExitCode::FAILURE;
        }
    };
    let cold = AtomicBool::new(true);
    // Functions that need it say so themselves when it is malformed.
    let public_url = environment("PUBLIC_URL").and_then(|url| url.parse::<http::BaseUrl>().ok());
    let prefix = public_url.as_ref().map_or("/", |url| url.as_url().path());
    let (app, invoke, cold) = (&app, &invoke, &cold);
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
            let (reply, result) = invoke(app, event).await;
            let line = reply.log_line(
                function,
                millis(arrived),
                started.elapsed(),
                cold.swap(false, Ordering::Relaxed),
            );
            print_line(&mut std::io::stdout().lock(), line);
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

/// Runs INIT's fetching and connecting, for at most two seconds: whatever is not there by then is met again by the first request.
pub async fn warm_up(work: impl Future) {
    let _too_slow = tokio::time::timeout(Duration::from_secs(2), work).await;
}

/// The time. Everything else takes it as an argument.
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
    // Some local runtimes send no deadline, or one in the far future; Lambda's longest is 15 minutes.
    let left = if left.is_zero() {
        Duration::from_secs(10)
    } else {
        left.min(Duration::from_mins(15))
    };
    Instant::now() + left
}

/// Diagnostics as JSON lines on standard output, from `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`) upwards. Only our own: the
/// SDK's and the HTTP stack's events show requests, which hold numbers and links.
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

/// A panic's message may hold what came in; only its place is told.
fn quiet_panics(function: &'static str) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        let line =
            json!({ "level": "ERROR", "function": function, "outcome": "panic", "place": place });
        print_line(&mut std::io::stderr().lock(), line);
    }));
}

fn print_line(out: &mut impl std::io::Write, line: impl std::fmt::Display) {
    // Nobody is left to be told when standard output is closed.
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
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
    // Lambda sees the exit code in any case.
    let _unreported = client.send(request, 4096, Duration::from_secs(2)).await;
}
