//! Answers and failures. Only this module turns them into HTTP, a log line and metrics.

use std::time::Duration;

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::header::{HeaderName, HeaderValue};
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::{Body, Response};
use serde_json::{Value, json};

use crate::platform::figures::{Figures, Origin};

/// An answer to a webhook, with the content of its log line. `outcome` is a stable `snake_case`
/// word: on-call engineers search for it, and alarms count it.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// What happened, for the log line.
    pub outcome: &'static str,
    /// Response body; empty for refusals.
    pub body: String,
    headers: Vec<(&'static str, String)>,
    fields: Vec<(&'static str, Value)>,
    metrics: Vec<Metric>,
    failed: bool,
}

/// What an answer adds to the metrics.
#[derive(Debug)]
enum Metric {
    /// A count of the function.
    Count(&'static str, u64),
    /// Figures with dimensions of their own.
    Figures(Figures),
}

impl Metric {
    fn count(&self) -> Option<(&'static str, u64)> {
        match self {
            Self::Count(name, count) => Some((name, *count)),
            Self::Figures(_) => None,
        }
    }
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: u16, outcome: &'static str) -> Self {
        Self {
            status,
            outcome,
            body: String::new(),
            headers: Vec::new(),
            fields: Vec::new(),
            metrics: Vec::new(),
            failed: status >= 500,
        }
    }

    /// A refusal: no body, counted as `Refused`. It is not a failure of ours. That includes a
    /// refusal with status 503, which asks the caller to come again.
    pub fn refused(status: u16, outcome: &'static str) -> Self {
        Self {
            failed: false,
            ..Self::empty(status, outcome)
        }
        .metric("Refused", 1)
    }

    /// The refusal of a request that cannot be read; `what` is wrong with it.
    pub(crate) fn malformed(what: &'static str) -> Self {
        Self::refused(400, "malformed_request").field("error", what)
    }

    /// An answer with a body.
    pub fn body(status: u16, outcome: &'static str, content_type: &str, body: String) -> Self {
        Self {
            body,
            ..Self::empty(status, outcome)
        }
        .header("content-type", content_type)
    }

    /// Adds a response header (lower-case name).
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a field to the log line. The value must not be a number in clear, a code, a link, a
    /// token or a secret.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.retain(|(other, _)| *other != name);
        self.fields.push((name, value.into()));
        self
    }

    /// The text of the field `error`.
    pub(super) fn error(&self) -> Option<&str> {
        let field = self.fields.iter().find(|(name, _)| *name == "error");
        field.and_then(|(_, value)| value.as_str())
    }

    /// Logs and counts this answer as an error although its status is not one: the caller heard an
    /// error message.
    #[must_use]
    pub fn failed(self) -> Self {
        Self {
            failed: true,
            ..self
        }
    }

    /// The same outcome with the status, headers and body of `answer`, for callers who must get
    /// words or a document in any case.
    #[must_use]
    pub fn answered_with(self, answer: Reply) -> Self {
        Self {
            status: answer.status,
            body: answer.body,
            headers: answer.headers,
            ..self
        }
    }

    /// Adds to a metric of the namespace `Switchboard`.
    #[must_use]
    pub fn metric(mut self, name: &'static str, count: u64) -> Self {
        self.metrics.push(Metric::Count(name, count));
        self
    }

    /// Adds figures with dimensions of their own, as a log line behind the answer's own.
    #[must_use]
    pub fn figures(mut self, figures: Figures) -> Self {
        self.metrics.push(Metric::Figures(figures));
        self
    }

    /// The log lines of the figures.
    pub(super) fn figure_lines(&self, origin: &Origin, epoch_ms: u64) -> Vec<String> {
        let line = |metric: &Metric| match metric {
            Metric::Figures(figures) => figures.log_line(origin, epoch_ms),
            Metric::Count(..) => None,
        };
        self.metrics.iter().filter_map(line).collect()
    }

    /// Adds the time that this request waited for upstreams.
    #[must_use]
    pub fn upstream(self, waited: Duration) -> Self {
        self.field("upstream_ms", millis(waited))
    }

    /// The answer as `lambda_http`'s response.
    pub fn into_response(self) -> Response<Body> {
        let header = |(name, value)| {
            let value = HeaderValue::try_from(value).ok()?;
            Some((HeaderName::from_static(name), value))
        };
        let headers: HeaderMap = self.headers.into_iter().filter_map(header).collect();
        let mut response = Response::new(Body::Text(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = headers;
        response
    }

    /// The request's log line, which also carries its metrics in CloudWatch embedded metric format
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
    pub fn log_line(&self, origin: &Origin, epoch_ms: u64, took: Duration, cold: bool) -> String {
        let dimensions: Vec<(&str, &str)> = std::iter::once(("Function", origin.function))
            .chain(origin.stack_dimension())
            .collect();
        let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
        let failed = self.failed.then_some(("Failed", 1));
        let counts = std::iter::once(("Requests", 1))
            .chain(failed)
            .chain(self.metrics.iter().filter_map(Metric::count));
        let metrics: Vec<Value> = counts
            .clone()
            .map(|(name, _)| json!({ "Name": name, "Unit": "Count" }))
            .collect();
        let directive =
            json!({ "Namespace": "Switchboard", "Dimensions": [names], "Metrics": metrics });
        let level = if self.failed { "ERROR" } else { "INFO" };
        // The fields that a person looks for come first.
        let mut line = vec![
            ("level", level.into()),
            ("function", origin.function.into()),
            ("outcome", self.outcome.into()),
            ("status", self.status.into()),
            ("duration_ms", millis(took)),
            ("cold", cold.into()),
        ];
        line.extend(
            self.fields
                .iter()
                .map(|(name, value)| (*name, value.clone())),
        );
        line.extend(counts.map(|(name, count)| (name, Value::from(count))));
        line.extend(
            dimensions
                .iter()
                .map(|(name, value)| (*name, Value::from(*value))),
        );
        line.push((
            "_aws",
            json!({ "Timestamp": epoch_ms, "CloudWatchMetrics": [directive] }),
        ));
        let entries: Vec<String> = line
            .into_iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", entries.join(","))
    }
}

fn millis(duration: Duration) -> Value {
    json!((duration.as_secs_f64() * 1e4).round() / 10.0)
}

/// A response in Function URL payload format 2.0
/// (<https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>). The
/// conversion in `lambda_http` is private.
pub fn into_payload(response: Response<Body>) -> ApiGatewayV2httpResponse {
    let (parts, body) = response.into_parts();
    let mut payload = ApiGatewayV2httpResponse::default();
    payload.status_code = parts.status.as_u16().into();
    payload.headers = parts.headers;
    payload.is_base64_encoded = matches!(body, Body::Binary(_));
    payload.body = Some(body);
    payload
}

/// Why a request could not be served: the caller sees the status, the log shows the rest. `cause`
/// is for on-call engineers. It consists of kinds and codes, never of values from the request.
#[derive(Debug)]
pub struct Failure {
    /// HTTP status for the caller.
    pub status: u16,
    /// What happened, for the log line.
    pub outcome: &'static str,
    /// For the log line.
    pub cause: String,
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        Reply::empty(failure.status, failure.outcome).field("error", failure.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_and_log_line() {
        let reply = Reply::refused(405, "method_not_allowed")
            .header("allow", "POST")
            .field("phone", "+45••••5678");
        let mut origin = Origin {
            function: "f",
            stack: None,
        };
        let took = Duration::from_micros(1_240);
        let line = reply.log_line(&origin, 1_795_176_000_000, took, true);
        assert!(line.starts_with(
            r#"{"level":"INFO","function":"f","outcome":"method_not_allowed","status":405,"duration_ms":1.2,"cold":true"#
        ));
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["outcome"], "method_not_allowed");
        assert_eq!(line["duration_ms"], 1.2);
        assert_eq!(
            (&line["Refused"], &line["Requests"], &line["Function"]),
            (&json!(1), &json!(1), &json!("f"))
        );
        let names = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap();
        assert_eq!(names.len(), 2);
        let dimensions = |line: &Value| line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone();
        assert_eq!(
            (dimensions(&line), &line["Stack"]),
            (json!([["Function"]]), &Value::Null)
        );
        origin.stack = Some("switchboard".to_owned());
        let of_stack = reply.log_line(&origin, 1_795_176_000_000, took, true);
        let of_stack: Value = serde_json::from_str(&of_stack).unwrap();
        assert_eq!(
            (dimensions(&of_stack), &of_stack["Stack"]),
            (json!([["Function", "Stack"]]), &json!("switchboard"))
        );
        let payload = json!(into_payload(reply.into_response()));
        assert_eq!(payload["statusCode"], 405);
        assert_eq!(payload["headers"]["allow"], "POST");
        assert_eq!(payload["body"], "");
        assert_eq!(payload["isBase64Encoded"], false);
    }

    /// Texts that would end a line, colour a terminal, or begin another object.
    const HOSTILE: [&str; 8] = [
        "a\n{\"level\":\"ERROR\",\"outcome\":\"forged\"}",
        "a\r\nlevel=ERROR",
        "a\",\"outcome\":\"forged\",\"status\":200,\"x\":\"",
        "a\\",
        "\\\",\"outcome\":\"forged",
        "\u{1b}[2K\u{1b}[31mforged",
        "\u{0}\u{8}\u{7f}\t",
        "a\u{2028}b\u{2029}c\u{85}d\u{202e}e",
    ];

    #[test]
    fn no_text_breaks_a_log_line_or_adds_to_it() {
        let origin = Origin {
            function: "f",
            stack: Some("s".to_owned()),
        };
        let line = |text: &str| {
            Reply::empty(502, "unavailable")
                .field("error", text)
                .field("sid", Some(text))
                .field("phone", vec![text])
                .log_line(&origin, 1_795_176_000_000, Duration::ZERO, false)
        };
        let names = |line: &Value| -> Vec<String> {
            let fields = line.as_object().unwrap();
            fields.keys().cloned().collect()
        };
        let honest: Value = serde_json::from_str(&line("a")).unwrap();
        for text in HOSTILE {
            let line = line(text);
            assert!(!line.contains(|c: char| c < ' '), "{line:?}");
            assert_eq!(line.matches("\"outcome\":").count(), 1, "{line}");
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(names(&line), names(&honest));
            assert_eq!(
                (&line["level"], &line["outcome"], &line["status"]),
                (&json!("ERROR"), &json!("unavailable"), &json!(502))
            );
            assert_eq!(line["error"], text, "it is one value");
        }
    }

    #[test]
    fn a_value_with_a_line_break_is_no_header() {
        for text in HOSTILE {
            let reply = Reply::empty(200, "answered").header("location", text);
            let response = reply.into_response();
            for value in response.headers().values() {
                let bytes = value.as_bytes();
                assert!(!bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
            }
            assert!(response.headers().len() <= 1);
        }
        let split = Reply::empty(200, "answered").header("location", "a\r\nset-cookie: b=c");
        assert!(split.into_response().headers().is_empty());
    }
}
