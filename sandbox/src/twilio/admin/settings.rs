//! The administrators' settings.

use std::collections::BTreeMap;

use super::service::Service;
use crate::twilio::ids::{MESSAGING_SERVICE, NUMBER};

/// The account's permissions in a country.
#[derive(Clone, Copy)]
pub(super) struct Permissions {
    pub(super) texts: bool,
    pub(super) calls: bool,
}

pub(in crate::twilio) struct Settings {
    /// The status (`active`, `suspended`, `closed`) and the type (`Full`, `Trial`).
    pub(super) account: [String; 2],
    pub(super) services: Vec<Service>,
    /// Number and verification status of toll-free numbers.
    pub(super) tollfree: Vec<[String; 2]>,
    /// By ISO code. A country that is not listed is permitted.
    pub(super) permissions: BTreeMap<String, Permissions>,
    /// Monthly price of a number in USD, by ISO code and type.
    pub(super) prices: BTreeMap<String, BTreeMap<String, String>>,
}

impl Settings {
    pub(in crate::twilio) fn new() -> Self {
        let deferring = [
            ("FriendlyName", "Switchboard"),
            ("UseInboundWebhookOnNumber", "true"),
        ];
        let campaign = Some("VERIFIED".to_owned());
        let service = Service {
            campaign,
            ..Service::new(MESSAGING_SERVICE, &[NUMBER], &deferring)
        };
        let prices: [(&str, &[(&str, &str)]); 3] = [
            ("US", &[("local", "1.15"), ("toll free", "2.15")]),
            ("DK", &[("mobile", "15.00")]),
            ("GB", &[("local", "1.15"), ("mobile", "1.15")]),
        ];
        let owned = |(kind, price): &(&str, &str)| ((*kind).to_owned(), (*price).to_owned());
        Self {
            account: ["active", "Full"].map(str::to_owned),
            services: vec![service],
            tollfree: vec![],
            permissions: BTreeMap::new(),
            prices: prices
                .map(|(country, prices)| (country.to_owned(), prices.iter().map(owned).collect()))
                .into(),
        }
    }

    pub(super) fn permissions(&self, country: &str) -> Permissions {
        self.permissions
            .get(country)
            .copied()
            .unwrap_or(Permissions {
                texts: true,
                calls: true,
            })
    }

    /// True if the account may send texts to a country.
    pub(in crate::twilio) fn texts_to(&self, country: &str) -> bool {
        self.permissions(country).texts
    }

    pub(in crate::twilio) fn service(&self, sid: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.sid == sid)
    }

    pub(super) fn service_mut(&mut self, sid: &str) -> &mut Service {
        let found = self.services.iter_mut().find(|service| service.sid == sid);
        found.unwrap_or_else(|| panic!("the account has no messaging service {sid}"))
    }
}
