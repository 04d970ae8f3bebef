//! Wiring only.

use std::process::ExitCode;

use sms_forward::{App, Config};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::runtime::serve(
        env!("CARGO_PKG_NAME"),
        Config::read,
        App::connect,
        App::handle,
    )
    .await
}
