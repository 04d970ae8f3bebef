//! The Management API: its opening, its tokens, and reads.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use shared::platform::base_url::BaseUrl;

use crate::calls::{Authorization, Body, Refusal, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::Stored;

/// Opens the Management API, with the operator's own token or as the application of the `auth0`
/// secret.
pub(crate) async fn open(context: &Context) -> Result<Session, Problem> {
    let base = context.auth0_url()?;
    let token = if let Some(token) = &context.own.auth0_token {
        token.clone()
    } else if context.stack.secret("auth0").is_none() {
        return Err(Problem::Failed(
            "this stack has no credentials for Auth0's Management API: set AUTH0_MANAGEMENT_TOKEN"
                .to_owned(),
        ));
    } else {
        let secret = context.secret("auth0").await?;
        let granted = grant(context, &base, &secret, &management(&base)).await;
        granted
            .map_err(|refusal| {
                Problem::Failed(format!(
                    "the application of the secret auth0 gets no token: {refusal}"
                ))
            })?
            .0
    };
    let unusable = || {
        Problem::Failed(
            "the token for Auth0's Management API is not one line of plain characters".to_owned(),
        )
    };
    Ok(context.calls.to(
        &base,
        Authorization::header("Bearer", &token).ok_or_else(unusable)?,
    ))
}

/// The audience of the Management API.
pub(crate) fn management(base: &BaseUrl) -> String {
    format!("{base}/api/v2/")
}

/// Gets a token for an API, and its scopes.
pub(crate) async fn grant(
    context: &Context,
    base: &BaseUrl,
    secret: &Stored,
    audience: &str,
) -> Result<(SecretString, Vec<String>), Refusal> {
    let plain = |key: &str| {
        secret
            .text(key)
            .map(|value| value.expose_secret().to_owned())
            .unwrap_or_default()
    };
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": plain("client_id"),
        "client_secret": plain("client_secret"),
        "audience": audience,
    });
    let granted = context
        .calls
        .post(base.join("oauth/token"), &Body::Json(body))
        .await?;
    let token = granted["access_token"]
        .as_str()
        .ok_or_else(|| Refusal::Unreachable("no token in the answer".to_owned()))?;
    let scopes = granted["scope"]
        .as_str()
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned)
        .collect();
    Ok((token.into(), scopes))
}

/// Reads from the Management API. If a scope is missing, Auth0's error names it.
pub(super) async fn read(
    session: &Session,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Value, Problem> {
    session
        .get(path, query)
        .await
        .map_err(|refusal| Problem::Failed(format!("Auth0, {path}: {refusal}")))
}
