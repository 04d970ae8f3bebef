//! Starts the function.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::platform::runtime::serve_scheduled::<provision_numbers::App>(env!("CARGO_PKG_NAME"))
        .await
}
