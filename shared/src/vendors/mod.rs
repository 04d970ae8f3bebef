//! A vendor's wire format: signatures, fields, errors. A vendor's module knows the rules and the
//! platform, and no other vendor.

pub mod auth0;
pub mod clickatell;
pub mod cognito;
pub mod mailgun;
pub mod okta;
pub mod plivo;
pub mod twilio;
pub mod vonage;
