//! Wiring only.

use std::process::ExitCode;

use provision_numbers::{App, Config};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    shared::runtime::serve_scheduled(
        env!("CARGO_PKG_NAME"),
        Config::read,
        App::connect,
        App::handle,
        App::run,
    )
    .await
}
