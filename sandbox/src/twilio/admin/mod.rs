//! The resources that administrators look up and set: the account, messaging services,
//! registrations, permissions by country, prices.
//!
//! Imitates twilio-oai@d50069b4 `twilio_api_v2010.json` (accounts), `twilio_messaging_v1.json`
//! (services, Usa2p, toll-free verifications), `twilio_voice_v1.json` (dialing permissions),
//! `twilio_accounts_v1.json` (messaging geo permissions) and `twilio_pricing_v1.json` (phone
//! numbers). One server here stands for the hosts api, messaging, voice, accounts and pricing of
//! twilio.com. Their paths do not collide.

mod account;
mod answers;
#[cfg(test)]
mod api;
mod by_country;
mod registrations;
mod service;
mod services;
mod settings;

pub use service::Service;
pub(super) use settings::Settings;

use std::sync::Arc;

use axum::{Router, routing::get};

use super::account::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/2010-04-01/Accounts/{account}", get(account::account))
        .route("/v1/Services", get(services::list))
        .route(
            "/v1/Services/{sid}",
            get(services::read).post(services::update),
        )
        .route("/v1/Services/{sid}/PhoneNumbers", get(services::senders))
        .route(
            "/v1/Services/{sid}/Compliance/Usa2p",
            get(registrations::campaigns),
        )
        .route(
            "/v1/Tollfree/Verifications",
            get(registrations::verifications),
        )
        .route(
            "/v1/DialingPermissions/Countries/{country}",
            get(by_country::dialing),
        )
        .route("/v1/Messaging/GeoPermissions", get(by_country::texting))
        .route(
            "/v1/PhoneNumbers/Countries/{country}",
            get(by_country::prices),
        )
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::api::Api;
    use crate::twilio::ACCOUNT_SID;

    #[tokio::test]
    async fn odd_and_foreign_requests_are_refused() {
        let api = Api::start().await;
        let account = format!("/2010-04-01/Accounts/{ACCOUNT_SID}.json");
        for path in [
            "/v1/DialingPermissions/Countries/dk",
            "/v1/PhoneNumbers/Countries/USA",
            "/v1/Messaging/GeoPermissions",
            "/v1/Messaging/GeoPermissions?CountryCode=US&Page=1",
            "/v1/Services?Page=1",
            "/v1/Services?PageSize=0",
            "/v1/Tollfree/Verifications?Sid=x",
            "/2010-04-01/Accounts/AC2.json",
            "/v1/Services/x/AlphaSenders",
        ] {
            assert!(api.call(Method::GET, path, &[]).await.0 >= 400, "{path}");
            assert_eq!(api.0.server().complaints().len(), 1, "{path}");
        }
        api.0.set_auth_token("new");
        for path in [
            &account,
            "/v1/Services",
            "/v1/DialingPermissions/Countries/DK",
            "/v1/PhoneNumbers/Countries/US",
        ] {
            assert_eq!(api.call(Method::GET, path, &[]).await.0, 401, "{path}");
        }
    }
}
