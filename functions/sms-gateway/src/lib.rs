//! Delivers one-time codes by SMS. Uses the first SMS provider that works; never sends twice.
//!
//! [`gateway`] is the core: it delivers a text by a deadline and says how that ended. It knows no
//! caller. Each entrance is a room of its own: it checks its caller's credential, reads the request,
//! sets the deadline, and turns the outcome into an answer. Today there is one, [`auth0`].
//!
//! Promises: no SMS without a valid credential. The same text is not sent twice within the
//! cooldown. Neither the number nor the code appears in a log or an answer.

mod auth0;
mod gateway;

use std::time::{Duration, SystemTime};

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::runtime::Function;

use auth0::Auth0;
use gateway::Gateway;

/// The core and the entrances.
pub struct App {
    gateway: Gateway,
    auth0: Auth0,
}

impl Function for App {
    /// No fixed time: the limit depends on the caller.
    const TIME: Option<Duration> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        Self {
            gateway: Gateway::read(platform, source),
            auth0: Auth0::read(platform, source),
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        // A failure shows again on the first request.
        tokio::join!(
            self.auth0.warm_up(now),
            platform.warm_up(1),
            self.gateway.warm_up(now)
        );
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        self.auth0.answer(request, &self.gateway, now).await
    }
}
