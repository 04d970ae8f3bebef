//! `DynamoDB` (embedded, behind a recording proxy), Secrets Manager, KMS and `CloudWatch Logs`.

mod database;
mod denied;
mod items;
mod json;
mod keys;
mod kms;
mod logs;
mod proxy;
mod secret;
mod secrets;
mod secrets_manager;
mod services;

pub use database::TABLE_NAME;
pub use keys::KEY_ARN;
pub(crate) use keys::{Context, Keys, arn_of};
pub use logs::Logs;
pub use services::Aws;
