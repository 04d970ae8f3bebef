//! A time limit for connecting that each request sets for itself.
//!
//! A timeout of the whole request cannot tell a hanging handshake from a hanging answer, so it must
//! count as unknown. A connection that was given up before it stood has carried no request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

tokio::task_local! {
    static LIMIT: Duration;
}

/// Does the work of one request. A connection that it opens must stand within `limit`.
pub(super) async fn within<T>(limit: Duration, request: impl Future<Output = T>) -> T {
    LIMIT.scope(limit, request).await
}

/// Watches the limit, for [`reqwest::ClientBuilder::connector_layer`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Limited;

impl<S> Layer<S> for Limited {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Connector(inner)
    }
}

/// A connector that watches the limit.
#[derive(Debug, Clone)]
pub(super) struct Connector<S>(S);

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: R) -> Self::Future {
        // The task of the request calls this. Another task may finish the connection for the pool.
        let limit = LIMIT.try_with(|limit| *limit).ok();
        let connecting = self.0.call(to);
        Box::pin(async move {
            let Some(limit) = limit else {
                return connecting.await;
            };
            let late = |_| BoxError::from(io::Error::from(io::ErrorKind::TimedOut));
            tokio::time::timeout(limit, connecting)
                .await
                .map_err(late)?
        })
    }
}
