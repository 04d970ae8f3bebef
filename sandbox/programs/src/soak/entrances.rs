//! The entrances of codes whose callers try again: Supabase, and Cognito, which has no HTTP request.

use std::time::{Duration, Instant};

use sandbox::{
    lambda::InvokeError,
    supabase::{self, Seen, Supabase},
};
use serde_json::Value;

use super::{codes::Code, plan::Entrance, world::World};

/// How often Lambda invokes the function with one event.
const ATTEMPTS: usize = 3;
/// Lambda's pause is a minute, which is longer than a round.
const PAUSE: Duration = Duration::from_secs(1);

/// A request that is the same in each copy and in each retry.
pub(super) enum Request {
    Supabase(Value),
    Cognito(Value),
    Other,
}

/// Until then the gateway begins an attempt. Okta waits for three seconds, Supabase for five, and an
/// attempt must have time. A machine that has too much to do may bring a request later.
pub(super) fn time(entrance: Entrance) -> Option<Duration> {
    match entrance {
        Entrance::Okta => Some(Duration::from_secs(1)),
        Entrance::Supabase => Some(Duration::from_secs(2)),
        Entrance::Auth0 | Entrance::Generic | Entrance::Cognito => None,
    }
}

impl World {
    pub(super) fn request_of(&self, code: &Code) -> Request {
        match code.entrance {
            Entrance::Supabase => Request::Supabase(Supabase::body(&code.phone, &code.digits)),
            Entrance::Cognito => {
                let cognito = &self.sandbox.cognito;
                Request::Cognito(cognito.event("Authentication", &code.phone, &code.digits, None))
            }
            Entrance::Auth0 | Entrance::Okta | Entrance::Generic => Request::Other,
        }
    }

    /// Supabase asks for a code. True if the gateway has said that nothing was sent. Supabase does not
    /// accept such a code. If nothing is broken, no code is lost in another way, either.
    pub(super) async fn by_supabase(&self, body: &Value) -> bool {
        let supabase = Supabase::new(&[supabase::SECRET]);
        let url = format!("{}hooks/send-sms", self.url("sms-gateway"));
        let begun = Instant::now();
        let seen = supabase.send_sms(&url, body).await;
        let in_time = time(Entrance::Supabase).is_some_and(|time| begun.elapsed() < time);
        is_refusal(&seen) || self.is_calm && in_time && !seen.is_code_valid()
    }

    /// Cognito asks for a code. If the invocation fails, Lambda invokes the function again with the
    /// same event, also after the process was killed. True if each invocation has said that nothing
    /// was sent.
    pub(super) async fn by_cognito(&self, event: &Value) -> bool {
        let mut failures = vec![];
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            match self.sandbox.invoke("sms-gateway", event.clone()).await {
                Ok(_) => return false,
                Err(failure) => failures.push(failure),
            }
        }
        are_refusals(&failures)
    }
}

/// Whether the gateway itself has refused the code. If no answer came, or one that Lambda made, the
/// text may have gone out before.
fn is_refusal(seen: &Seen) -> bool {
    let is_the_gateways = ["Failed to reach hook", "Unexpected status code"]
        .iter()
        .all(|start| !seen.message.starts_with(start));
    !seen.is_code_valid() && is_the_gateways
}

/// Whether the function itself has ended each invocation.
fn are_refusals(failures: &[InvokeError]) -> bool {
    let is_own = |failure: &InvokeError| matches!(failure, InvokeError::Function { .. });
    failures.iter().all(is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_gateway_s_own_words_are_a_refusal() {
        let is_one = |status, message: &str| {
            is_refusal(&Seen {
                status,
                message: message.to_owned(),
                attempts: 1,
            })
        };
        assert!(is_one(502, "the message could not be sent"));
        assert!(is_one(500, "Service currently unavailable due to hook"));
        for (status, message) in [
            (200, ""),
            (422, "Failed to reach hook after maximum retries"),
            (500, "Unexpected status code returned from hook: 502"),
        ] {
            assert!(!is_one(status, message), "{message}");
        }
    }

    #[test]
    fn an_invocation_that_was_ended_from_outside_is_no_refusal() {
        let refused = || InvokeError::Function {
            kind: "all_refused".to_owned(),
            message: String::new(),
        };
        assert!(are_refusals(&[refused(), refused()]));
        assert!(!are_refusals(&[refused(), InvokeError::Timeout]));
        assert!(!are_refusals(&[InvokeError::Exited("9".to_owned())]));
    }
}
