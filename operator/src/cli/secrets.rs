//! The command line of `secrets`.

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Secrets {
    /// Set keys of a secret: from a prompt without echo, the environment or standard input
    #[command(long_about = "\
Set keys of a secret.

The command asks for each key without echo. With --from-env, it reads variables named like TWILIO_AUTH_TOKEN. If standard input is no \
terminal, it reads a JSON object from there (with --generate or --remove only if you also add --stdin). Keys that you do not give stay as \
they are. The command checks the form of each value before it writes anything. It never shows a value.

`twilio` also fills `twilio-send`, the secret of functions that only call Twilio: with the API key or, without one, with the Auth Token.

The command uses only Secrets Manager (GetSecretValue, PutSecretValue). `doctor` then tries the values at the providers.")]
    #[command(after_help = "\
Examples:
  operator --stack switchboard secrets set twilio
  operator --stack switchboard secrets set gateway --generate bearer_token
  operator --stack switchboard secrets set mailgun --rotate             keeps the old signing_key as previous_signing_key
  operator --stack switchboard secrets set okta < okta.json
  VONAGE_API_KEY=... VONAGE_API_SECRET=... operator --stack switchboard secrets set vonage --from-env")]
    Set {
        #[arg(value_name = "SECRET", value_parser = secret, help = one_of(&secrets()))]
        name: String,
        /// Read environment variables, `SECRET_KEY` in capitals
        #[arg(long)]
        from_env: bool,
        /// Also read a JSON object from standard input, with --generate or --remove
        #[arg(long, conflicts_with = "from_env")]
        stdin: bool,
        /// Give this key (`bearer_token`, `jwt_secret`, `recipient_key`) a random value; if it has a value, add --rotate or --replace; may be repeated
        #[arg(long, value_name = "KEY")]
        generate: Vec<String>,
        /// Remove this key; may be repeated
        #[arg(long, value_name = "KEY")]
        remove: Vec<String>,
        /// Keep replaced values as previous_...; the functions accept both
        #[arg(long)]
        rotate: bool,
        /// Discard the stored keys and begin with an empty secret
        #[arg(long)]
        replace: bool,
    },
    /// List the secrets, their keys and the keys that they lack; never a value
    List,
}

/// The secrets that a person sets.
fn secrets() -> Vec<&'static str> {
    let names = crate::secrets::SECRETS.iter().map(|spec| spec.name);
    names
        .filter(|name| *name != crate::secrets::SENDS)
        .collect()
}

/// `a, b or c`.
fn one_of(names: &[&str]) -> String {
    match names {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}

fn secret(text: &str) -> Result<String, String> {
    let names = secrets();
    names
        .contains(&text)
        .then(|| text.to_owned())
        .ok_or_else(|| format!("is none of {}", names.join(", ")))
}
