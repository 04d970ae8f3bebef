//! The templates of the mails with links.
//!
//! Imitates auth0/docs-v2@092b879e `main/docs`
//! (customize/email/email-templates/customize-email-templates).

use axum::{
    Extension, Json, Router,
    extract::{Path, Query, State as Axum},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;

use super::forms::{Caller, Parameters, missing, only};
use crate::{
    auth0::{
        state::{Auth0, Shared},
        tenant::RESULT_URL,
    },
    wire::lock,
};

impl Auth0 {
    /// Sets whether the templates have a *Redirect To*. Some tenants made since May 2026 cannot set
    /// it; a page then shows the result of a link.
    pub fn set_redirect_to(&self, on: bool) {
        lock(&self.state).settings.redirect_to = on;
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/v2/email-templates/{name}", get(email_template))
}

/// The template of a mail that this tenant sends. A template that was never changed does not exist.
async fn email_template(
    (Axum(state), Extension(complaints)): Caller,
    Path(name): Path<String>,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &[], &complaints) {
        return refusal;
    }
    let (subject, lifetime) = match name.as_str() {
        "verify_email" => ("Verify your email", 432_000),
        "reset_email" => ("Reset your password", 432_000),
        _ => return missing("template"),
    };
    let mut template = json!({
        "template": name, "body": "<a href=\"{{ url }}\">{{ url }}</a>", "from": "no-reply@acme.example", "subject": subject, "syntax": "liquid",
        "urlLifetimeInSeconds": lifetime, "includeEmailInRedirect": false, "enabled": true,
    });
    if lock(&state).settings.redirect_to {
        template["resultUrl"] = RESULT_URL.into();
    }
    Json(template).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth0::caller::Api;

    #[tokio::test]
    async fn templates_say_where_links_end() {
        let mut api = Api::start("read:email_templates").await;
        let (status, template) = api.get("email-templates/verify_email").await;
        assert_eq!((status, &template["resultUrl"]), (200, &json!(RESULT_URL)));
        api.0.set_redirect_to(false);
        let (_, template) = api.get("email-templates/reset_email").await;
        assert_eq!(template.get("resultUrl"), None);
        assert_eq!(api.get("email-templates/welcome_email").await.0, 404);
        api.authorize("read:users").await;
        assert_eq!(api.get("email-templates/verify_email").await.0, 403);
        api.0.server().complaints();
    }
}
