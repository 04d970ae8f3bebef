//! The Management API.
//!
//! Imitates the `OpenAPI` document of the Management API and auth0/docs-v2@092b879e `main/docs`
//! (api/management/v2). Members and parameters that are not simulated are refused with a complaint.

mod access;
mod actions;
mod applications;
mod attack_protection;
mod client_grants;
mod connections;
mod email_templates;
mod forms;
mod phone_providers;
mod resource_servers;
mod search;
mod user_search;
mod users;

pub(super) use forms::api_error;

use std::sync::Arc;

use axum::{Router, middleware};

use super::state::Shared;

pub(super) fn router(state: &Shared) -> Router<Shared> {
    Router::new()
        .merge(user_search::routes())
        .merge(users::routes())
        .merge(connections::routes())
        .merge(phone_providers::routes())
        .merge(actions::routes())
        .merge(applications::routes())
        .merge(client_grants::routes())
        .merge(resource_servers::routes())
        .merge(attack_protection::routes())
        .merge(email_templates::routes())
        .layer(middleware::from_fn_with_state(
            Arc::clone(state),
            access::authorize,
        ))
}
