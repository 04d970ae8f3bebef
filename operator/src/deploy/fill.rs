//! Fills the secrets that lack keys: from the environment, from a person, or at random.

use secrecy::SecretString;

use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::{
    self, Found, Given, Outcome, SECRETS, Spec, Stored, Wishes, is_generated, variable,
    variable_name,
};
use crate::stack::Stack;

/// Reads a variable.
pub(super) type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Where the values come from.
pub(super) struct Source<'a> {
    /// Keys that were given, by the names of their variables.
    pub(super) variable: &'a Lookup<'a>,
    /// True if a person is asked for what goes with them.
    pub(super) is_asked: bool,
    /// True if a person can be asked.
    pub(super) is_watched: bool,
}

/// Fills all secrets that the stack needs. The error names every secret that still lacks keys.
pub(super) async fn fill(context: &Context, source: &Source<'_>) -> Result<Vec<Outcome>, Problem> {
    let mut outcomes = Vec::new();
    let mut left = Vec::new();
    for spec in SECRETS.iter() {
        if !secrets::is_needed(&context.stack, spec.name) {
            continue;
        }
        let Some(lacking) = read(context, spec, &mut left).await? else {
            continue;
        };
        if lacking.problems(spec).is_empty() {
            continue;
        }
        // `twilio-send` is made from `twilio`, if the stack has that one.
        let source_spec = Spec::of(spec.dialogue());
        let has_source = context.stack.secret(source_spec.name).is_some();
        let asked = if has_source { source_spec } else { spec };
        let Some(stored) = read(context, asked, &mut left).await? else {
            continue;
        };
        match set(context, source, asked, &stored).await {
            Ok(Some(outcome)) if outcome.is_none() => {}
            Ok(Some(outcome)) => {
                if !context.console.is_json() {
                    context.console.show(&outcome);
                }
                outcomes.push(outcome);
            }
            Ok(None) => left.push(unfilled(asked, &stored)),
            Err(Problem::Failed(why) | Problem::Usage(why)) => {
                let why = why
                    .strip_prefix("nothing was written: ")
                    .map(str::to_owned)
                    .unwrap_or(why);
                left.push(why);
            }
            Err(problem) => return Err(problem),
        }
    }
    left.dedup();
    if left.is_empty() {
        Ok(outcomes)
    } else {
        Err(Problem::Failed(format!(
            "secrets still lack keys:\n  {}\nSet each with `operator secrets set NAME`, run this where it can ask, or give the variables and add --from-env.",
            left.join("\n  ")
        )))
    }
}

/// The secret as it is stored. What cannot be read is left for a person.
async fn read(
    context: &Context,
    spec: &Spec,
    left: &mut Vec<String>,
) -> Result<Option<Stored>, Problem> {
    let dialogue = spec.dialogue();
    match context.vault().find(spec.name).await? {
        Some(Found::Stored(stored)) => return Ok(Some(stored)),
        Some(Found::NotJson(id)) => left.push(format!(
            "{id} is no JSON object: `operator secrets set {dialogue} --replace`"
        )),
        Some(Found::Missing) => left.push(format!(
            "there is no secret {}: it was deleted outside of CloudFormation",
            context.stack.secret(spec.name).unwrap_or_default()
        )),
        None => {}
    }
    Ok(None)
}

fn unfilled(spec: &Spec, stored: &Stored) -> String {
    let needed = spec.layout.needed.first().copied().unwrap_or_default();
    let variables = needed.iter().map(|key| variable_name(spec, key));
    format!(
        "{} {} ({})",
        spec.dialogue(),
        stored.problems(spec).join(", "),
        variables.collect::<Vec<_>>().join(", ")
    )
}

/// Sets what a secret lacks. `None`: nobody gives it.
async fn set(
    context: &Context,
    source: &Source<'_>,
    spec: &'static Spec,
    stored: &Stored,
) -> Result<Option<Outcome>, Problem> {
    let is_given = |key: &str| variable(spec, key, source.variable).is_some();
    let mut generate = generated(spec, &context.stack, &|key| stored.text(key));
    generate.retain(|key| !is_given(key));
    let is_any_given = spec.layout.keys.iter().any(|key| is_given(key.name));
    let given = if stored.problems(spec).is_empty() {
        Given::Nothing // the secret made from it is not complete
    } else if is_any_given && !source.is_asked {
        Given::Environment(source.variable)
    } else if !is_any_given && !generate.is_empty() {
        Given::Nothing
    } else if source.is_watched {
        let id = &stored.id;
        context
            .console
            .line(&format!("{id} {}", stored.problems(spec).join(", ")));
        Given::Lacking(source.variable)
    } else {
        return Ok(None);
    };
    let wishes = Wishes {
        generate,
        remove: Vec::new(),
        rotate: false,
        replace: false,
        dry_run: context.dry_run,
    };
    secrets::set(&context.vault(), spec, given, &wishes)
        .await
        .map(Some)
}

/// The keys that complete a secret and may be any random text.
fn generated(
    spec: &Spec,
    stack: &Stack,
    value: &dyn Fn(&str) -> Option<SecretString>,
) -> Vec<String> {
    let is_any = |key: &&str| spec.key(key).is_some_and(is_generated);
    let mut groups: Vec<&[&str]> = spec.layout.needed.to_vec();
    groups.retain(|group| group.iter().all(is_any));
    // A passwordless connection signs with `jwt_secret`. The Action and all others send a token.
    let preferred = match stack.get("GatewayAudience") {
        Some(_) if spec.name == "gateway" => "jwt_secret",
        _ => "bearer_token",
    };
    groups.sort_by_key(|group| !group.contains(&preferred));
    let chosen = groups.first().copied().unwrap_or_default().iter();
    chosen
        .filter(|key| value(key).is_none())
        .map(|key| (*key).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_any_text_is_made_up() {
        let nothing = |_: &str| None;
        let made = |secret: &str, parameter: &str| {
            let mut stack = Stack::default();
            stack.extend([(parameter.to_owned(), "x".to_owned())]);
            generated(Spec::of(secret), &stack, &nothing)
        };
        assert_eq!(made("gateway", "SmsRoutes"), ["bearer_token"]);
        assert_eq!(made("gateway", "GatewayAudience"), ["jwt_secret"]);
        assert_eq!(made("okta-hook", "OktaHook"), ["bearer_token"]);
        assert_eq!(made("recipient", "RecipientTags"), ["recipient_key"]);
        for given in ["twilio", "mailgun", "auth0", "okta", "webhook", "vonage"] {
            assert_eq!(made(given, "SmsRoutes"), [""; 0], "{given}");
        }
    }
}
