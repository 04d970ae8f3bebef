//! The tenant's settings, except those of the token endpoint.

use serde_json::{Value, json};

use super::{
    action::Action,
    tenant::{CLIENT_ID, REALM, WRONG_PASSWORDS},
};

/// The tenant's settings.
pub(super) struct Settings {
    pub(super) connections: Vec<Value>,
    pub(super) providers: Vec<Value>,
    pub(super) actions: Vec<Action>,
    pub(super) slow_builds: u32,
    pub(super) brute_force: Value,
    pub(super) suspicious_ip: Value,
    pub(super) phone_protection: Value,
    /// True if the templates of mails with links have a *Redirect To*.
    pub(super) redirect_to: bool,
}

impl Settings {
    pub(super) fn new() -> Self {
        let database = json!({
            "id": "con_0000000000000001", "name": REALM, "strategy": "auth0", "realms": [REALM], "is_domain_connection": false,
            "enabled_clients": [CLIENT_ID], "options": {"brute_force_protection": true},
        });
        let brute_force = json!({
            "enabled": true, "shields": ["block", "user_notification"], "mode": "count_per_identifier_and_ip", "allowlist": [],
            "max_attempts": WRONG_PASSWORDS,
        });
        let suspicious_ip = json!({
            "enabled": true, "shields": ["block", "admin_notification"], "allowlist": ["198.51.100.7"],
            "stage": { "pre-login": { "max_attempts": 100, "rate": 864_000 }, "pre-user-registration": { "max_attempts": 50, "rate": 1200 } },
        });
        Self {
            connections: vec![database],
            providers: vec![],
            actions: vec![],
            slow_builds: 0,
            brute_force,
            suspicious_ip,
            phone_protection: json!({ "type": "exponential" }),
            redirect_to: true,
        }
    }

    /// The number of wrong passwords in a row that blocks a user; `None`: no number does.
    pub(super) fn wrong_passwords(&self) -> Option<u32> {
        let attempts = self.brute_force["max_attempts"]
            .as_u64()
            .and_then(|attempts| u32::try_from(attempts).ok());
        attempts.filter(|_| self.brute_force["enabled"] == true)
    }
}
