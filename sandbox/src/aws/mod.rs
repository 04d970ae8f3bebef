//! `DynamoDB` (embedded, behind a recording proxy), Secrets Manager, KMS, `CloudWatch Logs` and S3.

mod database;
mod denied;
mod items;
mod json;
mod keys;
mod kms;
mod logs;
mod proxy;
mod s3;
mod secret;
mod secrets;
mod secrets_manager;
mod services;

pub use database::TABLE_NAME;
pub use keys::KEY_ARN;
pub(crate) use keys::{Context, Keys, arn_of};
pub use logs::Logs;
pub(crate) use s3::Buckets;
pub use s3::S3;
pub(crate) use secrets::Vault;
pub use services::Aws;
