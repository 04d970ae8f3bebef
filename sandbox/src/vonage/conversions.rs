//! Vonage's Conversion API.
//!
//! Imitates `conversion.yml` 1.0.1 of github Nexmo/api-specification. Vonage must enable the API for
//! an account. Until then it answers 402.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Extension,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    routing::{MethodRouter, post},
};

use super::{API_KEY, Vonage};
use crate::{
    sms::{self, Shared},
    wire::{Complaints, lock},
};

/// The conversions that were told: the id of a message, and whether its code was used. `None`: the
/// API is not enabled.
pub(super) type Told = Arc<Mutex<Option<Vec<(String, bool)>>>>;

impl Vonage {
    /// Enables the Conversion API for the account.
    pub fn enable_conversions(&self) {
        lock(&self.told).get_or_insert_default();
    }

    /// The messages of which the account told whether their codes were used.
    pub fn conversions(&self) -> Vec<(String, bool)> {
        lock(&self.told).clone().unwrap_or_default()
    }
}

pub(super) fn route(account: &Shared, told: &Told) -> MethodRouter<Shared> {
    post(tell).with_state((Arc::clone(account), Arc::clone(told)))
}

async fn tell(
    State((account, told)): State<(Shared, Told)>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    Query(fields): Query<HashMap<String, String>>,
) -> StatusCode {
    let complain = |what: &str| {
        complaints.add(format!("Vonage conversion: {what}"));
        StatusCode::from_u16(420).unwrap_or_default()
    };
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let (key, secret) = sms::basic(&headers)
        .unwrap_or_else(|| (field("api_key").to_owned(), field("api_secret").to_owned()));
    if key != API_KEY || secret != lock(&account).secret {
        return StatusCode::UNAUTHORIZED;
    }
    let used = match field("delivered") {
        "true" => true,
        "false" => false,
        _ => return complain("delivered is true or false"),
    };
    if field("message-id").is_empty() {
        return complain("no message-id");
    }
    let digits: String = field("timestamp")
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    if digits != "0000-00-00 00:00:00" {
        return complain("timestamp is yyyy-MM-dd HH:mm:ss");
    }
    match lock(&told).as_mut() {
        None => StatusCode::PAYMENT_REQUIRED,
        Some(told) => {
            told.push((field("message-id").to_owned(), used));
            StatusCode::OK
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{vonage::API_SECRET, wire::client};

    #[tokio::test]
    async fn a_conversion_is_taken_once_the_api_is_enabled() {
        let vonage = Vonage::start(None).await.unwrap();
        let url = format!("{}/conversions/sms", vonage.server().url());
        let tell = async |secret: &str, query: [(&str, &str); 3]| {
            let request = client().post(&url).query(&query);
            let request = request.basic_auth(API_KEY, Some(secret));
            request.send().await.unwrap().status().as_u16()
        };
        let good = [
            ("message-id", "id-1"),
            ("delivered", "true"),
            ("timestamp", "2026-11-20 12:00:00"),
        ];
        assert_eq!(tell(API_SECRET, good).await, 402);
        vonage.enable_conversions();
        assert_eq!(tell("x", good).await, 401);
        assert_eq!(tell(API_SECRET, good).await, 200);
        assert_eq!(vonage.conversions(), [("id-1".to_owned(), true)]);
        for wrong in [
            ("message-id", ""),
            ("delivered", "yes"),
            ("timestamp", "1795176000"),
        ] {
            let query = good.map(|pair| if pair.0 == wrong.0 { wrong } else { pair });
            assert_eq!(tell(API_SECRET, query).await, 420, "{wrong:?}");
        }
        assert_eq!(vonage.server().complaints().len(), 3);
    }
}
