//! `DynamoDB` (embedded, behind a recording proxy) and Secrets Manager.

mod database;
mod denied;
mod items;
mod proxy;
mod secret;
mod secrets;
mod secrets_manager;
mod services;

pub use database::TABLE_NAME;
pub use services::Aws;
