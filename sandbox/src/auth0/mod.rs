//! Auth0: a tenant with users, the mails to them, the pages behind the links, the token endpoint,
//! signing keys, and a part of the Management API.
//!
//! Imitates auth0/docs-v2@092b879e `main/docs` (customize/email/email-templates, secure/tokens,
//! manage-users, secure/attack-protection,
//! get-started/authentication-and-authorization-flow/resource-owner-password-flow) and the
//! `OpenAPI` documents of its APIs.

mod action;
#[cfg(test)]
mod caller;
mod gateway;
mod issuing;
mod jwks;
mod link_pages;
mod management;
mod merged;
mod people;
mod server;
mod settings;
mod signing_keys;
mod state;
mod tenant;
mod ticket;
mod ticket_mails;
mod token_endpoint;
mod user;

pub use action::Action;
pub use gateway::{Answer, Credential};
pub use issuing::{CLIENT_CREDENTIALS, PASSWORD, PASSWORD_REALM, TokenProfile, WrongPassword};
pub use signing_keys::{KEY_ID, Signer};
pub use state::Auth0;
pub use tenant::{
    API_AUDIENCE, CLIENT_ID, CLIENT_SECRET, GATEWAY_AUDIENCE, GATEWAY_BEARER_TOKEN, GATEWAY_SECRET,
    GATEWAY_SUBJECT, LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET, MANAGEMENT_TOKEN, REALM, RESULT_URL,
    WRONG_PASSWORDS,
};
pub use ticket::{LinkPage, TicketMail};
pub use user::User;
