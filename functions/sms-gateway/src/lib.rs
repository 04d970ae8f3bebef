//! Delivers one-time codes by SMS. Uses the first SMS provider that works; never sends twice.
//!
//! `gateway` is the core: it delivers a text by a deadline and says how that ended. It knows no
//! caller. Each entrance is a room of its own: it checks its caller's credential, reads the request,
//! sets the deadline, and turns the outcome into an answer. `auth0` is at `/`, `okta` at `/okta`,
//! `webhook` at `/hooks/send-sms`, `generic` at `/generic`. `cognito` has no path: Amazon
//! Cognito invokes the function itself.
//!
//! Promises: no SMS without a valid credential. The same text is not sent twice within the
//! cooldown. Neither the number nor the code appears in a log or an answer.

mod answers;
mod auth0;
mod bodies;
mod code_text;
mod cognito;
mod gateway;
mod generic;
mod okta;
mod posted;
mod webhook;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::rules::words::Words;

use auth0::Auth0;
/// For the fuzzers.
pub use bodies::Told;
use cognito::Cognito;
use gateway::Gateway;
/// For the models.
pub use gateway::health;
use generic::Generic;
use okta::Okta;
use webhook::Webhook;

/// The core and the entrances.
pub struct App {
    gateway: Gateway,
    entrances: Entrances,
}

/// The entrances, each switched on by its secret, or by its pools. The others answer 404.
struct Entrances {
    auth0: Option<Auth0>,
    okta: Option<Okta>,
    webhook: Option<Webhook>,
    generic: Option<Generic>,
    cognito: Option<Cognito>,
}

impl Entrances {
    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let words = &Arc::new(Words::read(platform, source));
        let okta = Okta::read(platform, words, source);
        let webhook = Webhook::read(platform, words, source);
        let generic = Generic::read(platform, words, source);
        let cognito = Cognito::read(platform, words, source);
        // Without any entrance the function would be of no use. So `GATEWAY_SECRET` may be left
        // out only if there is another entrance.
        let has_another =
            okta.is_some() || webhook.is_some() || generic.is_some() || cognito.is_some();
        let is_for_auth0 = !has_another || source.optional("GATEWAY_SECRET").is_some();
        Self {
            auth0: is_for_auth0.then(|| Auth0::read(platform, source)),
            okta,
            webhook,
            generic,
            cognito,
        }
    }

    async fn warm_up(&self, now: SystemTime) {
        tokio::join!(
            each(self.auth0.as_ref(), |entrance| entrance.warm_up(now)),
            each(self.okta.as_ref(), |entrance| entrance.warm_up(now)),
            each(self.webhook.as_ref(), |entrance| entrance.warm_up(now)),
            each(self.generic.as_ref(), |entrance| entrance.warm_up(now)),
        );
    }
}

/// Warms an entrance up if it is switched on.
async fn each<'a, E, F: Future<Output = ()>>(
    entrance: Option<&'a E>,
    warm_up: impl FnOnce(&'a E) -> F,
) {
    if let Some(entrance) = entrance {
        warm_up(entrance).await;
    }
}

impl Function for App {
    /// No fixed time: the limit depends on the caller.
    const TIME: Option<Duration> = None;

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        Self {
            gateway: Gateway::read(platform, source),
            entrances: Entrances::read(platform, source),
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        // A failure shows again on the first request.
        tokio::join!(
            self.entrances.warm_up(now),
            platform.warm_up(1),
            self.gateway.warm_up(now)
        );
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let Entrances {
            auth0,
            okta,
            webhook,
            generic,
            cognito: _,
        } = &self.entrances;
        match (request.path(), auth0, okta, webhook, generic) {
            ("/", Some(auth0), ..) => auth0.answer(request, &self.gateway, now).await,
            ("/okta", _, Some(okta), ..) => okta.answer(request, &self.gateway, now).await,
            (webhook::PATH, .., Some(webhook), _) => {
                webhook.answer(request, &self.gateway, now).await
            }
            (generic::PATH, .., Some(generic)) => generic.answer(request, &self.gateway, now).await,
            _ => Err(Reply::refused(404, "not_found")),
        }
    }

    async fn direct(
        &self,
        event: &str,
        deadline: Instant,
        now: SystemTime,
    ) -> Option<Result<Reply, Reply>> {
        let cognito = self.entrances.cognito.as_ref()?;
        cognito
            .answer(event, &self.gateway, deadline.into(), now)
            .await
    }
}
