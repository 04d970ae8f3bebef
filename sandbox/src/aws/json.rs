//! The JSON protocol 1.1 of AWS: what the simulated services have in common.
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{sms, wire::Complaints};

/// An error's type and message, as the service words it.
pub(crate) type Refusal = (&'static str, String);
pub(super) type Answer = (StatusCode, [(&'static str, &'static str); 1], String);

/// A service: its name in complaints, in signatures, and in the names of its operations.
pub(super) struct Service {
    pub(super) title: &'static str,
    pub(super) name: &'static str,
    pub(super) target: &'static str,
}

impl Service {
    /// The operation that a request names.
    pub(super) fn operation<'a>(&self, headers: &'a HeaderMap) -> &'a str {
        let target = headers.get("x-amz-target");
        let target = target.and_then(|target| target.to_str().ok()?.strip_prefix(self.target));
        target.unwrap_or_default()
    }

    /// What nobody may ask: a request without a signature, or one that the role does not allow.
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        excess: Option<String>,
        complaints: &Complaints,
    ) -> Result<(), Refusal> {
        let authorization = sms::header(headers, header::AUTHORIZATION);
        let scope = format!("/{}/aws4_request", self.name);
        let is_signed =
            authorization.starts_with("AWS4-HMAC-SHA256 ") && authorization.contains(&scope);
        let refusal = if !is_signed {
            let what = "a request without a signature";
            ("MissingAuthenticationTokenException", what.to_owned())
        } else if let Some(excess) = excess {
            ("AccessDeniedException", excess)
        } else {
            return Ok(());
        };
        complaints.add(format!("{}: {}", self.title, refusal.1));
        Err(refusal)
    }

    /// The refusal of an operation that is not simulated.
    pub(super) fn unknown(&self, operation: &str, complaints: &Complaints) -> Refusal {
        let what = format!("{operation} is not simulated by this sandbox");
        complaints.add(format!("{}: {what}", self.title));
        ("UnknownOperationException", what)
    }

    /// The answer on the wire. A malformed request is a mistake of ours.
    pub(super) fn answer(&self, answer: Result<Value, Refusal>, complaints: &Complaints) -> Answer {
        let json_1_1 = [("content-type", "application/x-amz-json-1.1")];
        match answer {
            Ok(answer) => (StatusCode::OK, json_1_1, answer.to_string()),
            Err((kind, message)) => {
                if kind == "ValidationException" {
                    complaints.add(format!("{}: {message}", self.title));
                }
                let mut error = json!({ "__type": kind });
                if !message.is_empty() {
                    error["message"] = message.into();
                }
                (StatusCode::BAD_REQUEST, json_1_1, error.to_string())
            }
        }
    }
}

pub(super) fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| ("ValidationException", error.to_string()))
}
