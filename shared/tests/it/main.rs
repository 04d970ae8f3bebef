//! The library against published vectors, generated input, and the simulators over real HTTP.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod access;
mod auth0;
mod bearer;
mod cognito;
mod confirmed;
mod directory;
mod events;
mod failover;
mod held;
mod journal;
mod jwt;
mod kms;
mod limits;
mod link;
mod login;
mod messages;
mod numbers;
mod okta;
mod pending;
mod protected;
mod providers;
mod receipts;
mod road;
mod rs256;
mod secrets;
mod several_limits;
mod signatures;
mod signed_receipts;
mod table;
mod tls;
mod tokens;
mod twilio_webhooks;
mod twiml;
mod webhook_tokens;
mod words;

use sandbox::Sandbox;
use sandbox::aws::KEY_ARN;
use shared::platform::http::{Client, Settings};
use shared::platform::table::Table;
use shared::platform::{Platform, aws, config};
use shared::rules::kept::Vault;

/// AWS as the sandbox's variables say, for nobody whose rights are bounded.
fn aws(sandbox: &Sandbox) -> aws::Settings {
    let mut variables = sandbox.env_for("receive-confirmation-sms");
    variables.insert("AWS_ACCESS_KEY_ID".to_owned(), "AKIASANDBOX".to_owned());
    config::read(&|name| variables.get(name).cloned(), aws::Settings::read).unwrap()
}

fn client() -> Client {
    Client::new(Settings::default()).unwrap()
}

/// The sandbox's table.
fn table(sandbox: &Sandbox) -> Table {
    let mut variables = sandbox.env_for("sms-gateway");
    let name = variables.remove("TABLE_NAME").unwrap();
    Table::new(aws(sandbox).dynamodb(&client()), name)
}

/// Where the gateway keeps texts in the sandbox.
fn vault(sandbox: &Sandbox) -> Vault {
    let mut variables = sandbox.env_for("sms-gateway");
    for (name, value) in [
        ("KEEP_FOR_FAILOVER", "true"),
        ("FAILOVER_KEY_ARN", KEY_ARN),
        ("AWS_ACCESS_KEY_ID", "AKIASANDBOX"),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    let read = |name: &str| variables.get(name).cloned();
    let vault = config::read(&read, |source| Vault::read(&Platform::read(source), source));
    vault.unwrap().unwrap()
}
