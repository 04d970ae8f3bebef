//! Attack protection of the tenant: it must be on, and must not block honest callers before this
//! stack's own limits do.

use super::{MENU, not_seen};
use crate::calls::Session;
use crate::context::Context;
use crate::doctor::Examination;
use crate::doctor::coverage::Check;

pub(super) const BRUTE_FORCE: Check =
    Check::new("auth0.brute_force", "Auth0's brute-force protection", MENU)
        .with(&["auth0"])
        .after(&["auth0.credentials"]);
pub(super) const SUSPICIOUS_IP: Check = Check::new(
    "auth0.suspicious_ip",
    "Auth0's throttling of suspicious IP addresses",
    MENU,
)
.with(&["auth0"])
.after(&["auth0.credentials"]);
pub(super) const PHONE_PROVIDER: Check = Check::new(
    "auth0.phone_provider_protection",
    "Auth0's protection of the phone provider",
    |deployed| deployed.may_have("gateway", "bearer_token"),
)
.with(&["gateway", "auth0"])
.after(&["auth0.credentials", "auth0.phone_provider"]);

/// Checks that Auth0's protection is on, and that it starts later than our own lock.
pub(super) async fn brute_force(
    context: &Context,
    examination: &mut Examination,
    session: &Session,
) {
    const CHECK: &str = "auth0.brute_force";
    let place = "Security, Attack Protection, Brute-force Protection";
    match session
        .get("api/v2/attack-protection/brute-force-protection", &[])
        .await
    {
        Ok(protection) => {
            let ours: u64 = context
                .stack
                .get("PinAttemptsAccount")
                .and_then(|number| number.parse().ok())
                .unwrap_or(8);
            let theirs = protection["max_attempts"].as_u64().unwrap_or(10);
            let blocks = protection["shields"]
                .as_array()
                .is_none_or(|shields| shields.iter().any(|shield| shield == "block"));
            if protection["enabled"] != true || !blocks {
                examination.risk(
                    CHECK,
                    "brute-force protection is off, or only notifies",
                    "only this stack's own lock limits PIN attempts. The tenant's other logins have no limit",
                    format!("in Auth0, switch it on and let it block ({place})"),
                );
            } else if theirs <= ours {
                examination.risk(
                    CHECK,
                    format!("Auth0 blocks a user after {theirs} wrong PINs, this stack after {ours}"),
                    "Auth0's block comes first. It lasts 30 days, and `operator unlock` does not lift it",
                    format!("in Auth0, allow more than {ours} attempts ({place}). Or set PinAttemptsAccount below {theirs} in samconfig.toml, and run `operator deploy`"),
                );
            }
        }
        Err(refusal) => not_seen(examination, CHECK, &refusal),
    }
    examination.checked(CHECK);
}

/// Checks that Auth0 does not lock the function's own addresses out: all callers share them.
pub(super) async fn suspicious_ip(examination: &mut Examination, session: &Session) {
    const CHECK: &str = "auth0.suspicious_ip";
    /// Fewer wrong PINs a day than this are no protection against guessing, but against callers.
    const ENOUGH: u64 = 1000;
    let asked = session.get("api/v2/attack-protection/suspicious-ip-throttling", &[]);
    match asked.await {
        Ok(throttling) => {
            let list = |name: &str| throttling[name].as_array().cloned().unwrap_or_default();
            let blocks = list("shields").iter().any(|shield| shield == "block");
            let most = throttling["stage"]["pre-login"]["max_attempts"]
                .as_u64()
                .unwrap_or(100);
            if throttling["enabled"] == true
                && blocks
                && list("allowlist").is_empty()
                && most < ENOUGH
            {
                examination.risk(
                    CHECK,
                    format!("Auth0 blocks an address after {most} failed logins a day, and no address is on the allow list"),
                    "all callers share the addresses of AWS. After that many wrong PINs nobody can sign in by phone",
                    "in Auth0, add the function's address to the allow list, or without a fixed address switch it off (Security, Attack Protection, Suspicious IP Throttling)",
                );
            }
        }
        Err(refusal) => not_seen(examination, CHECK, &refusal),
    }
    examination.checked(CHECK);
}

/// Checks that Auth0 slows down who asks for code after code.
pub(super) async fn phone_provider(examination: &mut Examination, session: &Session) {
    const CHECK: &str = "auth0.phone_provider_protection";
    let asked = session.get("api/v2/attack-protection/phone-provider-protection", &[]);
    match asked.await {
        Ok(protection) if protection["type"] == "none" => examination.risk(
            CHECK,
            "Auth0's protection of the phone provider is off (none)",
            "only the limits of sms-gateway slow down who asks for code after code",
            "run `auth0 api patch attack-protection/phone-provider-protection --data '{\"type\":\"exponential\"}'`",
        ),
        Ok(_) => {}
        // Tenants that do not have it yet.
        Err(refusal) if refusal.status() == Some(404) => {
            examination.unchecked(
                CHECK,
                "this tenant has no protection of the phone provider",
                "look at Security, Attack Protection in Auth0",
            );
        }
        Err(refusal) => not_seen(examination, CHECK, &refusal),
    }
    examination.checked(CHECK);
}
