//! The sandbox's own promises, and those that hold for all functions alike, on their real binaries.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sandbox::{binaries, template::Template};
use tokio::sync::OnceCell;

mod aws;
mod canary;
mod circles;
mod cold;
mod credentials;
mod deployment;
mod docs;
mod emulator;
mod events;
mod failover;
mod failover_log;
mod fallback;
mod injection;
mod kms;
mod lambda;
mod own_domain;
mod page;
mod probe;
mod receipts;
mod security;
mod settings;
mod structure;
mod upgrades;
mod wire;
mod words;

const SEND: &str = "send-verification-sms";
const RECEIVE: &str = "receive-confirmation-sms";
const GATEWAY: &str = "sms-gateway";
const CALL: &str = "call-forward";
const FORWARD: &str = "sms-forward";
const PROVISION: &str = "provision-numbers";
const IVR: &str = "ivr-validate";
const FLOW: &str = "api-call";
const API: &str = "secure-api";
const DELIVERY: &str = "delivery-status";

/// A function's binary; all are built once, before the first.
async fn binary(function: &str) -> &'static Path {
    static BUILT: OnceCell<BTreeMap<String, PathBuf>> = OnceCell::const_new();
    let build = || async { binaries::build(&Template::read().unwrap()).await.unwrap() };
    &BUILT.get_or_init(build).await[function]
}
