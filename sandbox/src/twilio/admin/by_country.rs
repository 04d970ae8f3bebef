//! Permissions and prices by country.

use std::collections::HashMap;

use axum::{
    Extension,
    extract::{Path, Query, State as Axum},
    response::Response,
};
use serde_json::json;

use super::{
    answers::{Caller, Refusal, answer},
    settings::Permissions,
};
use crate::{
    twilio::{
        account::Twilio,
        countries::{describe, is_country},
    },
    wire::lock,
};

impl Twilio {
    /// Sets whether the account may send texts to a country and call its ordinary numbers. A
    /// forbidden text is refused with 21408. At first every country is allowed.
    pub fn set_geo(&self, country: &str, texts: bool, calls: bool) {
        lock(&self.shared.state)
            .admin
            .permissions
            .insert(country.to_owned(), Permissions { texts, calls });
    }

    /// Sets the monthly price of a number (`1.15`, USD) in a country, by type: `local`, `mobile`,
    /// `national`, `toll free`.
    pub fn set_number_price(&self, country: &str, kind: &str, price: &str) {
        let prices = &mut lock(&self.shared.state).admin.prices;
        prices
            .entry(country.to_owned())
            .or_default()
            .insert(kind.to_owned(), price.to_owned());
    }
}

pub(super) async fn dialing(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(country): Path<String>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        if !is_country(&country) {
            return Err(Refusal::Odd(20404, format!("no country {country}")));
        }
        let [name, continent, code] = describe(&country);
        let url = format!("https://voice.twilio.com/v1/DialingPermissions/Countries/{country}");
        Ok(json!({
            "iso_code": country, "name": name, "continent": continent, "country_codes": [code], "url": url,
            "low_risk_numbers_enabled": state.admin.permissions(&country).calls, "high_risk_special_numbers_enabled": false,
            "high_risk_tollfraud_numbers_enabled": false, "links": {"highrisk_special_prefixes": format!("{url}/HighRiskSpecialPrefixes")},
        }))
    })
}

/// Permissions of one country or of several, separated by commas.
pub(super) async fn texting(
    (Axum(shared), Extension(complaints), headers): Caller,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        let countries = query
            .get("CountryCode")
            .map(|countries| countries.split(',').collect::<Vec<_>>());
        let Some(countries) =
            countries.filter(|codes| query.len() == 1 && codes.iter().all(|code| is_country(code)))
        else {
            return Err(Refusal::Odd(20001, "not exactly CountryCode".to_owned()));
        };
        let permission = |country: &str| {
            json!({
                "country_code": country, "type": "country", "enabled": state.admin.texts_to(country), "error_code": 0, "error_messages": [],
            })
        };
        Ok(json!({ "permissions": countries.into_iter().map(permission).collect::<Vec<_>>() }))
    })
}

pub(super) async fn prices(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(country): Path<String>,
) -> Response {
    answer(&shared, &complaints, &headers, |state| {
        if !is_country(&country) {
            return Err(Refusal::Odd(20404, format!("no country {country}")));
        }
        let path = format!("/v1/PhoneNumbers/Countries/{country}");
        let Some(prices) = state.admin.prices.get(&country) else {
            return Err(Refusal::Missing(path));
        };
        let price = |(kind, price)| json!({ "number_type": kind, "base_price": price, "current_price": price });
        Ok(json!({
            "country": describe(&country)[0], "iso_country": country, "price_unit": "USD", "url": format!("https://pricing.twilio.com{path}"),
            "phone_number_prices": prices.iter().map(price).collect::<Vec<_>>(),
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::{ACCOUNT_SID, NUMBER, admin::api::Api};
    use axum::http::Method;

    #[tokio::test]
    async fn texts_and_calls_are_permitted_by_country() {
        let api = Api::start().await;
        api.0.set_geo("DK", false, false);
        let dialing = api.get("/v1/DialingPermissions/Countries/DK").await;
        assert_eq!(
            (&dialing["iso_code"], &dialing["low_risk_numbers_enabled"]),
            (&json!("DK"), &json!(false))
        );
        assert_eq!(
            api.get("/v1/DialingPermissions/Countries/US").await["low_risk_numbers_enabled"],
            true
        );
        let texting = api
            .get("/v1/Messaging/GeoPermissions?CountryCode=US,DK")
            .await;
        assert_eq!(
            (
                &texting["permissions"][0]["enabled"],
                &texting["permissions"][1]["enabled"]
            ),
            (&json!(true), &json!(false))
        );
        let form = [("To", "+4512345678"), ("From", NUMBER), ("Body", "x")];
        let messages = format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json");
        assert_eq!(
            api.call(Method::POST, &messages, &form).await.1["code"],
            21408
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn numbers_have_prices_by_country() {
        let api = Api::start().await;
        let us = api.get("/v1/PhoneNumbers/Countries/US").await;
        assert_eq!(
            us["phone_number_prices"][0],
            json!({"number_type": "local", "base_price": "1.15", "current_price": "1.15"})
        );
        assert_eq!(
            api.call(Method::GET, "/v1/PhoneNumbers/Countries/CO", &[])
                .await
                .0,
            404
        );
        api.0.set_number_price("CO", "local", "14.00");
        assert_eq!(
            api.get("/v1/PhoneNumbers/Countries/CO").await["phone_number_prices"][0]["current_price"],
            "14.00"
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
