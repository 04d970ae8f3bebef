//! The built program as a black box, against a sandbox: what it prints, what it changes, and that it prints no secret.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aws_sender;
mod check_config;
mod cognito;
mod connect;
mod data;
mod deliveries;
mod deploy;
mod doctor;
mod init;
mod logs;
mod numbers;
mod okta_telephony;
mod receipts;
mod remedies;
mod scene;
mod secrets;
mod stand_ins;
mod usage;
mod words;
