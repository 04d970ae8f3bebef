//! The entries to one function: they open first, and the function is attached to them.

use std::{io, sync::Arc};

use axum::Router;
use bytes::Bytes;

use super::{function_url::function_url, slot::Slot};
use crate::{
    lambda::{Core, InvokeError},
    wire::{Server, lock},
};

/// The entries to one function. Until a function is attached, they answer with an error.
pub(crate) struct Door {
    server: Server,
    slot: Slot,
    invoked: Slot,
}

impl Door {
    pub(crate) async fn open(port: u16) -> io::Result<Self> {
        let slot = Slot::default();
        let server = Server::start_verbatim(
            "function url",
            port,
            Router::new()
                .fallback(function_url)
                .with_state(Arc::clone(&slot)),
        )
        .await?;
        Ok(Self {
            server,
            slot,
            invoked: Slot::default(),
        })
    }

    pub(crate) fn attach(&self, core: &Arc<Core>) {
        *lock(&self.slot) = Arc::downgrade(core);
        self.attach_to_invoke_api(core);
    }

    pub(crate) fn attach_to_invoke_api(&self, core: &Arc<Core>) {
        *lock(&self.invoked) = Arc::downgrade(core);
    }

    /// The function behind the Function URL, and the one of the Invoke API.
    pub(super) fn slots(&self) -> [Slot; 2] {
        [Arc::clone(&self.slot), Arc::clone(&self.invoked)]
    }

    /// Invokes the function behind the Function URL, as a schedule does.
    pub(crate) async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let core = lock(&self.slot).upgrade();
        let gone = || InvokeError::Init("the function does not run".to_owned());
        core.ok_or_else(gone)?.invoke(event, None).await
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }
}
