//! What the story looks up: on phones, at Auth0, in the table, in the settings.

use sandbox::auth0::{TicketMail, User};
use serde_json::Value;

use super::Story;

impl Story {
    pub(super) fn inbox(&self, phone: &str) -> Vec<String> {
        self.sandbox.twilio.inbox(phone)
    }

    pub(super) fn verified(&self, user: &User) -> bool {
        self.sandbox
            .auth0
            .user(&user.email)
            .is_some_and(|user| user.email_verified)
    }

    pub(super) fn fetched(&self, mail: &TicketMail) -> u32 {
        self.sandbox.auth0.fetched(&mail.ticket)
    }

    /// The number of this phone's requests in the table.
    pub(super) async fn waiting(&self, phone: &str) -> usize {
        let key = format!("pending#{phone}");
        let items = self.sandbox.aws.items().await;
        let requests = items
            .iter()
            .filter(|item| item["pk"]["S"] == key.as_str())
            .filter_map(Value::as_object);
        requests
            .flat_map(|item| item.keys())
            .filter(|attribute| attribute.starts_with("r_"))
            .count()
    }

    /// The number of texts to this phone that count against its limit.
    pub(super) async fn counted(&self, phone: &str) -> usize {
        let key = format!("rate#sms#{phone}");
        let items = self.sandbox.aws.items().await;
        let hits = items
            .iter()
            .filter(|item| item["pk"]["S"] == key.as_str())
            .filter_map(|item| item["hits"]["N"].as_str());
        hits.filter_map(|hits| hits.parse::<usize>().ok()).sum()
    }

    /// The value of a function's variable.
    pub(super) fn setting(&self, function: &str, name: &str) -> String {
        self.sandbox
            .env_for(function)
            .remove(name)
            .unwrap_or_default()
    }
}
