//! No log line holds what opens, identifies or repeats anything: unique markers go through successes and failures, at the most
//! talkative log level, and are looked for in every line.

mod company_phone;
mod phone_menu;
mod starting;
mod verification;
mod watch;

use std::collections::BTreeSet;

use serde_json::Value;

use self::company_phone::{calling, provisioning, texting};
use self::phone_menu::asking;
use self::starting::starting_badly;
use self::verification::{confirming, confirming_by_management_api, sending};
use self::watch::Canary;

const PHONES: [&str; 8] = [
    "+4520304051",
    "+4520304052",
    "+4520304053",
    "+4520304054",
    "+4520304055",
    "+4520304056",
    "+4520304057",
    "+4520304058",
];
const TOKEN: &str = "canary-auth-token";
const API_KEY: &str = "canary-api-key-secret";
const KEY: &str = "canary-signing-key";
const CLIENT_SECRET: &str = "canary-client-secret";
const OKTA_TOKEN: &str = "canary-okta-token";
const HOOK: &str = "canary-hook-token";
const LOGIN_SECRET: &str = "canary-login-secret";
const IVR_TOKEN: &str = "canary-ivr-token";
const STUDIO_TOKEN: &str = "canary-studio-token";
/// Of callers: one who has it alone, two who share it, one who is blocked, nobody.
const ACCOUNTS: [&str; 4] = ["7300190021", "7300190022", "7300190023", "7300190024"];
/// Longer than any number in a log.
const PIN: &str = "835146209173";
/// Further numbers of the account, whose calls and texts go where those of the company number go.
const NUMBERS: [&str; 5] = [
    "+15005550011",
    "+15005550012",
    "+15005550013",
    "+15005550014",
    "+15005550015",
];
/// In every subject, body, display name, reply, path, header and bad setting.
const WORD: &str = "zebrafinch";
/// One more, of nobody, that is asked for only while Okta fails.
const UNSEEN: &str = "+15005550016";

#[tokio::test]
async fn no_line_of_the_log_gives_anything_away() {
    let mut canary = Canary::start().await;
    sending(&mut canary).await;
    confirming(&mut canary).await;
    confirming_by_management_api(&mut canary).await;
    calling(&mut canary).await;
    texting(&mut canary).await;
    provisioning(&mut canary).await;
    asking(&mut canary).await;
    starting_badly(&mut canary).await;
    assert!(
        canary.output.len() > 200 && canary.errors.len() >= 5,
        "{} lines, {} errors",
        canary.output.len(),
        canary.errors.len()
    );
    assert!(
        canary.markers.len() > 100 && canary.codes.len() == 2,
        "{} markers, {} codes",
        canary.markers.len(),
        canary.codes.len()
    );
    canary.judge();
    let outcomes: BTreeSet<_> = canary
        .output
        .iter()
        .filter_map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["outcome"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    for outcome in [
        "account",
        "ambiguous_account",
        "ambiguous_number",
        "api_unavailable",
        "asked_account",
        "asked_pin",
        "auth0_unavailable",
        "bad_credential",
        "bad_phone",
        "bad_signature",
        "blocked",
        "cancelled",
        "completed",
        "confirmed",
        "confirmed_before",
        "connected",
        "country_not_allowed",
        "credential_missing",
        "directory_unavailable",
        "duplicate",
        "forwarded",
        "found",
        "greeted",
        "insufficient_scope",
        "link_refused",
        "listed",
        "locked",
        "login_unavailable",
        "loop",
        "malformed",
        "malformed_form",
        "malformed_request",
        "method_not_allowed",
        "no_account",
        "no_correspondent",
        "no_link",
        "no_mobile",
        "no_phone",
        "no_such_user",
        "nothing_pending",
        "not_answered",
        "not_found",
        "noted",
        "okta_unavailable",
        "out_of_order",
        "outcome_unknown",
        "password_link",
        "provisioned",
        "rate_limited",
        "recipient_refused",
        "repeated",
        "replied",
        "secret_unavailable",
        "sender_not_allowed",
        "sent",
        "several_links",
        "signature_missing",
        "table_unavailable",
        "told",
        "too_large",
        "twilio_unavailable",
        "unclear",
        "unknown_account",
        "unknown_event",
        "unknown_number",
        "unsupported_media_type",
        "user_not_active",
        "value_missing",
        "voicemail",
        "voicemail_offered",
        "voicemail_text_failed",
        "wrong_pin",
        "wrong_reply",
    ] {
        assert!(
            outcomes.contains(outcome),
            "{outcome} was to be provoked; there were {outcomes:?}"
        );
    }
}
