//! The recording proxy before the embedded `DynamoDB`: the rights of roles, and load.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode, header},
    response::IntoResponse as _,
};
use serde_json::{Value, json};

use super::denied::denied;
use crate::{
    contention::Contention,
    rights::{Principals, needed},
    wire::{BODY_LIMIT, Complaints},
};

/// The embedded `DynamoDB` and the proxy before it.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) client: reqwest::Client,
    pub(super) url: String,
    pub(super) principals: Arc<Principals>,
    pub(super) contention: Contention,
}

pub(super) async fn forward(
    State(Upstream {
        client,
        url,
        principals,
        contention,
    }): State<Upstream>,
    Extension(complaints): Extension<Complaints>,
    request: Request,
) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(header::HOST);
    head.headers.remove(header::CONTENT_LENGTH);
    let body = axum::body::to_bytes(body, BODY_LIMIT)
        .await
        .unwrap_or_default();
    let started = Instant::now();
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let asked = serde_json::from_slice(&body).unwrap_or_default();
    let refused = |error: Value| {
        let json_1_0 = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
        (StatusCode::BAD_REQUEST, json_1_0, error.to_string()).into_response()
    };
    if let Some((function, rights)) = principals.of(&head.headers) {
        let excess = rights.excess(operation, &asked);
        let parts = needed(operation, &asked);
        // Of a transaction that is refused, some parts may be allowed.
        if excess.is_none() || parts.len() == 1 {
            for (action, item) in parts {
                let about = json!({ "item": item });
                crate::asked::write(function, &action, excess.is_none(), about);
            }
        }
        if let Some(excess) = excess {
            complaints.add(format!(
                "DynamoDB: the role of {function} in template.yaml does not allow {excess}"
            ));
            let kind = "com.amazon.coral.service#AccessDeniedException";
            return refused(json!({ "__type": kind, "Message": denied(function, &excess) }));
        }
    }
    let admitted = match contention.admit(operation, &asked) {
        Ok(admitted) => admitted,
        Err((kind, mut error)) => {
            error["__type"] = format!("com.amazonaws.dynamodb.v20120810#{kind}").into();
            error["Message"] = kind.into();
            return refused(error);
        }
    };
    let answer = client
        .request(
            head.method,
            format!("{}{}", url.trim_end_matches('/'), head.uri),
        )
        .headers(head.headers)
        .body(body)
        .send();
    let answer = match answer.await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut forwarded = Response::new(Body::from(answer.bytes().await.unwrap_or_default()));
    tokio::time::sleep(admitted.takes.saturating_sub(started.elapsed())).await;
    drop(admitted);
    *forwarded.status_mut() = status;
    *forwarded.headers_mut() = headers;
    forwarded
}
