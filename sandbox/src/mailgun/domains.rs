//! The account's domains, and the key that signs its webhooks.
//!
//! Imitates
//! <https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/domains/get-v4-domains--name-> and
//! <https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/account-management/get-v5-accounts-http_signing_key>.

use axum::{
    Json, Router,
    extract::{Path, State as Axum},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;

use super::{
    account::Domain,
    answers::answer,
    state::{Mailgun, Shared},
};
use crate::wire::lock;

impl Mailgun {
    /// Gives the account this domain and sets its state (`active`, `unverified`, `disabled`) and
    /// the state of its MX records (`valid`, `invalid`, `unknown`). At first the account has
    /// [`DOMAIN`](super::DOMAIN), `active` and `valid`.
    pub fn set_domain(&self, name: &str, state: &str, mx: &str) {
        let domain = Domain {
            state: state.to_owned(),
            mx: mx.to_owned(),
        };
        lock(&self.settings)
            .account
            .domains
            .insert(name.to_owned(), domain);
    }

    /// Removes a domain.
    pub fn remove_domain(&self, name: &str) {
        lock(&self.settings).account.domains.remove(name);
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v4/domains", get(list))
        .route("/v4/domains/{name}", get(domain))
        .route("/v5/accounts/http_signing_key", get(signing_key))
}

/// `GET /v4/domains`: names and states, without DNS records.
async fn list(Axum(settings): Axum<Shared>) -> Response {
    let settings = lock(&settings);
    let domains = settings.account.domains.iter();
    let items: Vec<_> = domains
        .map(|(name, domain)| json!({ "name": name, "state": domain.state, "type": "custom" }))
        .collect();
    Json(json!({ "total_count": items.len(), "items": items })).into_response()
}

async fn signing_key(Axum(settings): Axum<Shared>) -> Response {
    let key = lock(&settings).signing_key.clone();
    Json(json!({ "message": "success", "http_signing_key": key })).into_response()
}

async fn domain(Axum(settings): Axum<Shared>, Path(name): Path<String>) -> Response {
    let settings = lock(&settings);
    let Some(Domain { state, mx }) = settings.account.domains.get(&name) else {
        return answer(StatusCode::NOT_FOUND, "Domain not found");
    };
    let mx = ["mxa.mailgun.org", "mxb.mailgun.org"].map(|value| {
        let cached = if mx == "valid" { vec![value] } else { vec![] };
        json!({ "record_type": "MX", "name": name, "priority": "10", "value": value, "valid": mx, "is_active": mx == "valid", "cached": cached })
    });
    let spf = json!({
        "record_type": "TXT", "name": name, "value": "v=spf1 include:mailgun.org ~all", "valid": "valid", "is_active": true, "cached": [],
    });
    Json(json!({
        "domain": {
            "id": "55a55f40803267158aa113e8", "name": name, "state": state, "type": "custom", "is_disabled": state == "disabled", "wildcard": false,
            "spam_action": "disabled", "require_tls": false, "skip_verification": false, "created_at": "Fri, 20 Nov 2026 12:00:00 GMT",
        },
        "receiving_dns_records": mx, "sending_dns_records": [spf],
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::mailgun::{account::DOMAIN, caller::Api};

    #[tokio::test]
    async fn a_domain_says_what_dns_lacks() {
        let api = Api(Mailgun::start(None).await.unwrap());
        let path = format!("/v4/domains/{DOMAIN}");
        let (status, domain) = api.call(Method::GET, &path, &[]).await;
        assert_eq!(
            (status, &domain["domain"]["state"]),
            (200, &json!("active"))
        );
        assert_eq!(domain["receiving_dns_records"][1]["valid"], "valid");
        api.0.set_domain(DOMAIN, "unverified", "invalid");
        let (_, domain) = api.call(Method::GET, &path, &[]).await;
        assert_eq!(
            (
                &domain["domain"]["state"],
                &domain["receiving_dns_records"][0]["valid"]
            ),
            (&json!("unverified"), &json!("invalid"))
        );
        api.0.remove_domain(DOMAIN);
        assert_eq!(api.call(Method::GET, &path, &[]).await.0, 404);
        let (_, key) = api
            .call(Method::GET, "/v5/accounts/http_signing_key", &[])
            .await;
        assert_eq!(key["http_signing_key"], crate::mailgun::SIGNING_KEY);
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
