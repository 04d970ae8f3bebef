//! Asks Auth0 whether a user with the mail's address waits for such a mail.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::secrets::Secret;
use shared::rules::link::Kind;
use shared::vendors::auth0::{self, tokens::Tokens, users::Standing, users::Users};

use crate::RESERVE;

/// The time limit for asking Auth0 for a user, including a new access token.
const TIME_TO_ASK: Duration = Duration::from_secs(10);

/// The tenant's users, if the `auth0` secret has keys to ask for them.
pub(crate) struct Directory {
    application: Secret<auth0::Application>,
    keys: Arc<Secret<auth0::Credentials>>,
    users: Users,
}

impl Directory {
    pub(crate) fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let base = source.base_url("AUTH0_URL", None);
        let keys = Arc::new(platform.secret(source, "AUTH0_SECRET"));
        let (http, table) = (platform.http.clone(), platform.table.clone());
        let (audience, secret) = (Users::audience(&base), Arc::clone(&keys));
        let tokens = Tokens::new(http.clone(), base.clone(), audience, secret, Some(table));
        Self {
            application: platform.secret(source, "AUTH0_SECRET"),
            keys,
            users: Users::new(http, base, tokens),
        }
    }

    /// Prepares for the first mail during INIT: fetches a token and opens the connections.
    pub(crate) async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        let (application, keys) = (self.application.get(now), self.keys.get(now));
        // A failure shows again on the first request.
        let (application, _, ()) = tokio::join!(application, keys, platform.warm_up(1));
        if application.is_ok_and(|application| application.is_given) {
            tokio::join!(self.users.warm_up(now), self.users.connect());
        }
    }

    /// Rejects the mail if no user waits for it. Without keys every mail passes.
    pub(crate) async fn check(
        &self,
        email: &str,
        kind: Kind,
        request: &Request,
        now: SystemTime,
    ) -> Result<(), Reply> {
        let application = self.application.get(now).await.map_err(Failure::from)?;
        if !application.is_given {
            return Ok(());
        }
        let time = request.remaining(RESERVE).min(TIME_TO_ASK);
        let why = match tokio::time::timeout(time, self.users.standing(email, now)).await {
            Ok(Ok(Standing::Nobody)) => return Err(Reply::refused(406, "no_such_user")),
            Ok(Ok(Standing::Verified)) if kind == Kind::Verification => {
                return Err(Reply::refused(406, "already_verified"));
            }
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        Err(Reply::empty(503, "auth0_unavailable").field("error", why))
    }
}
