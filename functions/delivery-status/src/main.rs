//! Starts the function.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::platform::runtime::serve_scheduled::<delivery_status::App>(env!("CARGO_PKG_NAME")).await
}
