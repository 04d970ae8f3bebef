//! Fills the secrets of a stack that exists: with keys that were given, and with random values.

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::Keys;
use super::outcome::Outcome;
use crate::aws::Aws;
use crate::calls::Calls;
use crate::cli::Cli;
use crate::problem::Problem;
use crate::secrets::{Found, Given, SECRETS, SENDS, Spec, Vault, Wishes, is_needed, set};
use crate::settings::{Section, Template, Values};
use crate::stack::Stack;

/// Tokens that nobody gives out but this stack.
const GENERATED: [(&str, &str); 4] = [
    ("recipient", "recipient_key"),
    ("gateway", "bearer_token"),
    ("okta-hook", "bearer_token"),
    ("hook", "bearer_token"),
];

/// The secrets that a stack with these parameters cannot do without, by the names that `secrets set`
/// takes.
pub(crate) fn secrets_needed(parameters: &Values) -> Vec<&'static str> {
    needed(&Template::own().stack(parameters))
        .map(Spec::dialogue)
        .fold(Vec::new(), |mut names, name| {
            if !names.contains(&name) {
                names.push(name);
            }
            names
        })
}

fn needed(stack: &Stack) -> impl Iterator<Item = &'static Spec> {
    SECRETS
        .iter()
        .filter(|spec| stack.secret(spec.name).is_some() && is_needed(stack, spec.name))
}

/// The command that sets a secret.
pub(super) fn command(name: &str) -> String {
    let generated = GENERATED.iter().find(|(secret, _)| *secret == name);
    let option = generated
        .map(|(_, key)| format!(" --generate {key}"))
        .unwrap_or_default();
    format!("cargo operator secrets set {name}{option}")
}

/// Fills what it can. Gives the secrets that are left to a person.
pub(super) async fn fill(
    cli: &Cli,
    is_offline: bool,
    calls: &Calls,
    section: &Section,
    keys: &Keys,
    outcome: &mut Outcome,
) -> Result<Vec<&'static str>, Problem> {
    let all = secrets_needed(&section.parameters);
    if is_offline || cli.dry_run {
        return Ok(all);
    }
    let aws = Aws::connect(
        cli.profile.as_deref(),
        section.region.as_deref(),
        &calls.client,
    )
    .await?;
    let stack = match aws.stack(&outcome.stack).await {
        Ok(stack) => stack,
        Err(problem) => {
            let why = problem.to_string();
            outcome.unseen = Some(if why.contains("ValidationError") {
                format!(
                    "there is no stack {} yet; its secrets follow after the deployment",
                    outcome.stack
                )
            } else {
                format!(
                    "whether the stack {} exists is not known: {why}",
                    outcome.stack
                )
            });
            return Ok(all);
        }
    };
    let vault = Vault {
        client: &aws.secrets,
        stack: &stack,
    };
    let mut left = Vec::new();
    for spec in needed(&stack) {
        let is_empty = match vault.find(spec.name).await? {
            Some(Found::Stored(stored)) if stored.is_empty() => true,
            Some(Found::Stored(stored)) => {
                if !stored.problems(spec).is_empty() && !left.contains(&spec.dialogue()) {
                    left.push(spec.dialogue());
                }
                false
            }
            _ => false,
        };
        if !is_empty {
            continue;
        }
        let generated = GENERATED.iter().find(|(secret, _)| *secret == spec.name);
        let given = match (&keys.twilio, generated) {
            (Some((sid, token)), _) if spec.name == "twilio" || spec.name == SENDS => Given::Text(
                json!({ "account_sid": sid, "auth_token": token.expose_secret() }).to_string(),
            ),
            (_, Some(_)) => Given::Nothing,
            _ => {
                if !left.contains(&spec.dialogue()) {
                    left.push(spec.dialogue());
                }
                continue;
            }
        };
        let wishes = Wishes {
            generate: generated
                .map(|(_, key)| (*key).to_owned())
                .into_iter()
                .collect(),
            remove: Vec::new(),
            rotate: false,
            replace: false,
            dry_run: false,
        };
        // That of the functions that only call Twilio is made from `twilio`.
        let spec = if spec.name == SENDS {
            Spec::of(spec.dialogue())
        } else {
            spec
        };
        set(&vault, spec, given, &wishes).await?;
        outcome.filled.push(format!(
            "the secret {}",
            vault
                .stack
                .secret(spec.name)
                .unwrap_or_else(|| spec.name.to_owned())
        ));
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_of_a_section_are_known_before_the_stack() {
        let needed =
            |name: &str| secrets_needed(&[(name.to_owned(), "*=twilio".to_owned())].into());
        assert_eq!(needed("MailSenders"), ["twilio", "mailgun"]);
        assert_eq!(needed("SmsRoutes"), ["twilio", "gateway"]);
        assert_eq!(needed("OktaUrl"), ["twilio", "okta"]);
        assert_eq!(needed("ApiAudience"), ["twilio", "auth0"]);
        assert_eq!(
            command("gateway"),
            "cargo operator secrets set gateway --generate bearer_token"
        );
    }
}
