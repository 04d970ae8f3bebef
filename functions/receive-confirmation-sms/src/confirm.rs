//! Confirms a request, by its link or by the tenant's Management API.

use std::time::Instant;

use shared::rules::link::{self, Confirmation, Kind, Link};
use shared::rules::pending;
use shared::vendors::auth0::users::{Users, Verification};

use crate::App;
use crate::message::Handling;
use crate::outcome::Outcome;

impl App {
    /// Confirms a request, or sends its link to the phone.
    pub(crate) async fn confirm(
        &self,
        request: pending::Request,
        handling: &Handling<'_>,
    ) -> Outcome {
        // The rules may have become stricter since the request was stored.
        let Some(link) = self.links.accept(&request.link, None) else {
            return Outcome::LinkNoLongerAllowed;
        };
        let confirmation = match request.kind {
            Kind::Password if !self.open_password_links => return Outcome::PasswordLink { link },
            Kind::Password => self.open_password_link(&link, handling).await,
            Kind::Verification => self.verify(&link, &request.email, handling).await,
        };
        match confirmation {
            Confirmation::Confirmed => Outcome::Confirmed { code: request.code },
            Confirmation::Submitted => Outcome::Submitted { code: request.code },
            Confirmation::Refused => Outcome::LinkRefused,
            Confirmation::Unclear(why) => Outcome::Unclear { why },
        }
    }

    async fn open_password_link(&self, link: &Link, handling: &Handling<'_>) -> Confirmation {
        match link::confirm(&self.http, link, Instant::now() + handling.left()).await {
            Confirmation::Submitted => unclear("an answer that does not tell whether it succeeded"),
            confirmation => confirmation,
        }
    }

    /// Follows a verification link, or asks the Management API instead if the settings say so.
    /// Without a clear success of the link, reads the user's record, if we have the keys. The link
    /// may have been used by an earlier attempt whose answer was lost: the person should hear the
    /// truth. If the record cannot be read then, nobody knows it, and the request stays.
    async fn verify(&self, link: &Link, email: &str, handling: &Handling<'_>) -> Confirmation {
        if let (true, Some(management)) = (self.by_management, &self.management) {
            return by_management(&management.users, email, handling).await;
        }
        let followed = link::confirm(&self.http, link, Instant::now() + handling.left()).await;
        let Some(management) = &self.management else {
            return followed;
        };
        if followed == Confirmation::Confirmed {
            return followed;
        }
        let is_verified = async {
            match management.application.get(handling.now).await {
                Ok(application) if !application.is_given => None,
                Ok(_) => {
                    let users = &management.users;
                    Some(users.is_verified(email, handling.now).await.ok())
                }
                Err(_) => Some(None),
            }
        };
        let is_verified = tokio::time::timeout(handling.left(), is_verified).await;
        match (is_verified.unwrap_or(Some(None)), followed) {
            (Some(Some(true)), _) => Confirmation::Confirmed,
            // With keys to ask, say "confirmed" only if the record says so.
            (Some(_), Confirmation::Submitted) => {
                unclear("the form was answered by a page, and the record does not say verified")
            }
            (Some(None), Confirmation::Refused) => {
                unclear("the link was refused, and the record cannot be read")
            }
            (_, followed) => followed,
        }
    }
}

async fn by_management(users: &Users, email: &str, handling: &Handling<'_>) -> Confirmation {
    match tokio::time::timeout(handling.left(), users.verify_email(email, handling.now)).await {
        Ok(Ok(Verification::Verified)) => Confirmation::Confirmed,
        Ok(Ok(Verification::NoUser)) => Confirmation::Refused,
        Ok(Ok(Verification::Several)) => unclear("several users have this address"),
        Ok(Err(error)) => Confirmation::Unclear(error.to_string()),
        Err(_) => unclear("no answer in time"),
    }
}

fn unclear(why: &str) -> Confirmation {
    Confirmation::Unclear(why.to_owned())
}
