//! Wiring only.

use std::process::ExitCode;

use ivr_validate::{App, Config};

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
