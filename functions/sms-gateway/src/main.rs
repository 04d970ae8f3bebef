//! Starts the function.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::platform::runtime::serve::<sms_gateway::App>(env!("CARGO_PKG_NAME")).await
}
