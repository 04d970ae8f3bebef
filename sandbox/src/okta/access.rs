//! The check of every call of the core API: its form, the limit of calls, the token and its scope.

use std::time::Duration;

use axum::{
    Extension,
    extract::{Request, State as Axum},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{AppendHeaders, IntoResponse as _, Response},
};

use super::{
    answers::error,
    state::{Limit, Okta, Shared},
};
use crate::{
    random, sms,
    wire::{Complaints, lock},
};

/// The scope of the administrator who owns the API token.
const ADMINISTRATOR: &str = "okta.users.read okta.users.manage okta.eventHooks.read okta.eventHooks.manage \
    okta.inlineHooks.read okta.inlineHooks.manage";

/// Calls a minute without [`Okta::limit`].
const USUAL_LIMIT: u64 = 600;

impl Okta {
    /// Sets a limit of calls in a window. This many calls are answered. Later calls are refused
    /// until `reset` from now, then all are answered.
    pub fn limit(&self, calls: u64, reset: Duration) {
        let reset = (crate::now() + reset).as_secs();
        lock(&self.state).limit = Some(Limit {
            calls,
            remaining: calls,
            reset,
        });
    }

    /// Removes [`Okta::limit`].
    pub fn unlimit(&self) {
        lock(&self.state).limit = None;
    }

    /// Replaces the API token.
    pub fn set_api_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.state).api_token);
    }

    /// Revokes all access tokens.
    pub fn revoke_tokens(&self) {
        lock(&self.state).tokens.clear();
    }

    /// Reduces the scope of all issued tokens to this one, as a change of the app's administrator
    /// role does.
    pub fn narrow_tokens(&self, scope: &str) {
        lock(&self.state)
            .tokens
            .values_mut()
            .for_each(|granted| scope.clone_into(granted));
    }
}

fn invalid_token() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
    (
        challenge,
        error(
            StatusCode::UNAUTHORIZED,
            "E0000011",
            "Invalid token provided",
            &[],
        ),
    )
        .into_response()
}

/// Checks every call: form, limit, token and scope.
pub(super) async fn authorize(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    request: Request,
    next: Next,
) -> Response {
    let [accept, content_type, agent, authorization] = [
        header::ACCEPT,
        header::CONTENT_TYPE,
        header::USER_AGENT,
        header::AUTHORIZATION,
    ]
    .map(|name| sms::header(request.headers(), name).to_owned());
    if accept != "application/json"
        || !content_type.starts_with("application/json")
        || agent.is_empty()
    {
        complaints.add_for_ours("Okta: Accept, Content-Type or User-Agent");
    }
    let path = request.uri().path();
    let resource = ["eventHooks", "inlineHooks"]
        .into_iter()
        .find(|resource| path.starts_with(&format!("/api/v1/{resource}")))
        .unwrap_or("users");
    let right = if request.method() == Method::GET {
        "read"
    } else {
        "manage"
    };
    let needed = format!("okta.{resource}.{right}");
    let now = crate::now().as_secs();
    let (limits, refusal) = {
        let mut state = lock(&state);
        let limit = state.limit.as_mut().filter(|limit| limit.reset > now);
        let (all, left, reset, over) = match limit {
            None => (USUAL_LIMIT, USUAL_LIMIT - 1, now + 60, false),
            Some(limit) => {
                let over = limit.remaining == 0;
                limit.remaining = limit.remaining.saturating_sub(1);
                (limit.calls, limit.remaining, limit.reset, over)
            }
        };
        let limits = AppendHeaders([
            ("x-rate-limit-limit", all.to_string()),
            ("x-rate-limit-remaining", left.to_string()),
            ("x-rate-limit-reset", reset.to_string()),
            ("x-okta-request-id", random::hex(12)),
        ]);
        // okta-sdk-python writes no space. Okta accepts that.
        let unspaced = authorization
            .strip_prefix("SSWS")
            .filter(|token| !token.starts_with(' '))
            .map(|token| ("SSWS", token));
        if unspaced.is_some() {
            complaints.add_for_ours("Okta: no space after SSWS");
        }
        let scope = match unspaced.or(authorization.split_once(' ')) {
            Some(("SSWS", token)) => Some((token == state.api_token).then_some(ADMINISTRATOR)),
            Some(("Bearer", token)) => Some(state.tokens.get(token).map(String::as_str)),
            _ => None,
        };
        let refusal = match scope {
            _ if over => Some(error(
                StatusCode::TOO_MANY_REQUESTS,
                "E0000047",
                "API call exceeded rate limit due to too many requests.",
                &[],
            )),
            None => {
                complaints.add("Okta: no authorization");
                Some(invalid_token())
            }
            Some(None) => Some(invalid_token()),
            Some(Some(scope)) if !scope.split(' ').any(|scope| scope == needed) => Some(error(
                StatusCode::FORBIDDEN,
                "E0000006",
                "You do not have permission to perform the requested action",
                &[],
            )),
            Some(Some(_)) => None,
        };
        (limits, refusal)
    };
    let answer = match refusal {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    (limits, answer).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::okta::caller::Api;

    #[tokio::test]
    async fn limits_count_down() {
        let api = Api::start().await;
        api.0.limit(1, Duration::from_secs(40));
        assert_eq!(api.get("/api/v1/users").await.0, 200);
        assert_eq!(api.get("/api/v1/users").await.1["errorCode"], "E0000047");
        api.0.unlimit();
        assert_eq!(api.get("/api/v1/users").await.0, 200);
        api.0.limit(0, Duration::ZERO);
        assert_eq!(api.get("/api/v1/users").await.0, 200, "that window is over");
    }
}
