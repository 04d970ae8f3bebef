//! The ports of a running sandbox, on the command line.

use clap::{Args, value_parser};
use sandbox::Ports;

/// The option with the ports.
#[derive(Args)]
pub(crate) struct Port {
    /// First of the fixed ports
    #[arg(long = "port", alias = "base-port", global = true, env = "SANDBOX_PORT", value_name = "BASE", default_value_t = Ports::USUAL.base, value_parser = value_parser!(u16).range(1024..=65_000))]
    base: u16,
}

impl Port {
    pub(crate) fn ports(&self) -> Ports {
        Ports { base: self.base }
    }
}
