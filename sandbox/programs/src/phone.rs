//! `cargo sandbox text`, `cargo sandbox call` and `cargo sandbox event`: what a person does with a
//! running sandbox. They use the page's API.

mod call;
mod client;
mod text;

use std::{fs, path::Path};

use clap::{Args, Subcommand};
use sandbox::{Ports, record, template::root};

pub(crate) use call::Call;
use client::Client;
pub(crate) use text::Text;

/// What a person does with a running sandbox.
#[derive(Subcommand)]
pub(crate) enum Deed {
    /// Texts a number, and prints what comes back
    Text(Text),
    /// Calls a number, and prints what is said
    Call(Call),
    /// Prints a recorded event with ids of its own, so that a function takes it again
    Event(Event),
}

/// The options of `event`.
#[derive(Args)]
pub(crate) struct Event {
    /// A file of events/, with or without folder and ending
    name: String,
}

/// Does it at the sandbox on these ports.
pub(crate) async fn run(deed: Deed, ports: Ports) -> Result<(), String> {
    let page = Client::new(ports.page());
    match deed {
        Deed::Text(text) => text.run(&page).await,
        Deed::Call(call) => call.run(&page).await,
        Deed::Event(event) => {
            println!("{}", event.fresh()?);
            Ok(())
        }
    }
}

impl Event {
    fn fresh(&self) -> Result<String, String> {
        let given = Path::new(&self.name);
        let named = root().join("events").join(&self.name);
        let found = [
            given.to_owned(),
            named.clone(),
            named.with_extension("json"),
        ];
        let found = found.iter().find(|path| path.is_file());
        let path =
            found.ok_or_else(|| format!("{}: no such file here or in events/", self.name))?;
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(record::fresh(&text))
    }
}
