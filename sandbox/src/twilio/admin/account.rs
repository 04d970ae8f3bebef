//! The account's status and type.

use axum::{
    Extension, Json,
    extract::{Path, State as Axum},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::answers::Caller;
use crate::{
    mail,
    twilio::{account::Twilio, api::authenticate, ids::ACCOUNT_SID},
    wire::lock,
};

/// [`super::answers::THEN`] in seconds since the epoch, for the older API.
const THEN_EPOCH: u64 = 1_795_176_000;

impl Twilio {
    /// Sets the account's status (`active`, `suspended`, `closed`) and type (`Full`, `Trial`).
    pub fn set_account(&self, status: &str, kind: &str) {
        lock(&self.shared.state).admin.account = [status, kind].map(str::to_owned);
    }
}

pub(super) async fn account(
    (Axum(shared), Extension(complaints), headers): Caller,
    Path(account): Path<String>,
) -> Response {
    let account = account.strip_suffix(".json").unwrap_or_default();
    let state = match authenticate(&shared, &complaints, account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let [status, kind] = &state.admin.account;
    let (uri, then) = (
        format!("/2010-04-01/Accounts/{ACCOUNT_SID}"),
        mail::date(THEN_EPOCH),
    );
    Json(json!({
        "sid": ACCOUNT_SID, "owner_account_sid": ACCOUNT_SID, "friendly_name": "Acme", "status": status, "type": kind, "auth_token": state.auth_token,
        "date_created": then, "date_updated": then, "uri": format!("{uri}.json"),
        "subresource_uris": {
            "incoming_phone_numbers": format!("{uri}/IncomingPhoneNumbers.json"), "messages": format!("{uri}/Messages.json"),
        },
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twilio::admin::api::Api;

    #[tokio::test]
    async fn the_account_is_looked_up() {
        let api = Api::start().await;
        let account = format!("/2010-04-01/Accounts/{ACCOUNT_SID}.json");
        assert_eq!(
            (
                &api.get(&account).await["status"],
                &api.get(&account).await["type"]
            ),
            (&json!("active"), &json!("Full"))
        );
        api.0.set_account("suspended", "Trial");
        assert_eq!(api.get(&account).await["status"], "suspended");
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
