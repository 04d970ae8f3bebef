//! Confirms a request, by its link or by the tenant's Management API.

use std::time::Instant;

use shared::rules::link::{self, Confirmation, Kind};
use shared::rules::pending::{self, Held};
use shared::vendors::auth0::users::{Users, Verification};

use crate::message::Turn;
use crate::outcome::Outcome;
use crate::{App, Management};

impl App {
    /// Confirms a request, or sends its link to the phone. The request is then used, unless the
    /// person may try again.
    pub(crate) async fn confirm(
        &self,
        request: &pending::Request,
        held: &mut Held,
        turn: &Turn<'_>,
    ) -> Outcome {
        // The rules may have become stricter since the request was stored.
        let Some(link) = self.links.accept(&request.link, None) else {
            held.remove(&request.id);
            return Outcome::LinkNoLongerAllowed;
        };
        if request.kind == Kind::Password && !self.rules.open_password_links {
            held.remove(&request.id);
            return Outcome::PasswordLink { link };
        }
        let confirmation = match &self.management {
            Some(Management { users, .. })
                if self.rules.by_management && request.kind == Kind::Verification =>
            {
                by_management(users, &request.email, turn).await
            }
            management => {
                self.by_link(&link, management.as_ref(), &request.email, turn)
                    .await
            }
        };
        match confirmation {
            Confirmation::Confirmed => {
                held.remove(&request.id);
                Outcome::Confirmed {
                    code: request.code.clone(),
                }
            }
            Confirmation::Submitted => {
                held.remove(&request.id);
                Outcome::Submitted {
                    code: request.code.clone(),
                }
            }
            Confirmation::Refused => {
                held.remove(&request.id);
                Outcome::LinkRefused
            }
            Confirmation::Unclear(why) => Outcome::Unclear {
                request: Some(request.id.clone()),
                why: Some(why),
            },
        }
    }

    /// Follows a link. Without a clear success, reads the user's record, if we have the keys. The
    /// link may have been used by an earlier attempt whose answer was lost: the person should hear
    /// the truth.
    async fn by_link(
        &self,
        link: &link::Link,
        management: Option<&Management>,
        email: &str,
        turn: &Turn<'_>,
    ) -> Confirmation {
        let followed = link::confirm(&self.http, link, Instant::now() + turn.left()).await;
        let unsaid = |why: &str| Confirmation::Unclear(why.to_owned());
        if link.kind == Kind::Password {
            let submitted = followed == Confirmation::Submitted;
            return if submitted {
                unsaid("an answer that does not tell whether it succeeded")
            } else {
                followed
            };
        }
        let Some(Management { application, users }) =
            management.filter(|_| followed != Confirmation::Confirmed)
        else {
            return followed;
        };
        let asked = async {
            match application.get(turn.now).await {
                Ok(application) if !application.is_given => None,
                Ok(_) => Some(users.is_verified(email, turn.now).await.ok()),
                Err(_) => Some(None),
            }
        };
        match (
            tokio::time::timeout(turn.left(), asked)
                .await
                .unwrap_or(Some(None)),
            followed,
        ) {
            (Some(Some(true)), _) => Confirmation::Confirmed,
            // With keys to ask, say "confirmed" only if the record says so.
            (Some(_), Confirmation::Submitted) => {
                unsaid("the form was answered by a page, and the record does not say verified")
            }
            (_, followed) => followed,
        }
    }
}

async fn by_management(users: &Users, email: &str, turn: &Turn<'_>) -> Confirmation {
    match tokio::time::timeout(turn.left(), users.verify_email(email, turn.now)).await {
        Ok(Ok(Verification::Verified)) => Confirmation::Confirmed,
        Ok(Ok(Verification::NoUser)) => Confirmation::Refused,
        Ok(Ok(Verification::Several)) => {
            Confirmation::Unclear("several users have this address".to_owned())
        }
        Ok(Err(error)) => Confirmation::Unclear(error.to_string()),
        Err(_) => Confirmation::Unclear("no answer in time".to_owned()),
    }
}
