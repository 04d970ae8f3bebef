//! The stack's secrets: whether they have what the functions need.

use std::collections::BTreeMap;

use super::Examination;
use super::coverage::Check;
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::{Found, SECRETS, Spec, Stored, is_needed};

pub(super) const CHECKS: &[Check] = &[Check::new("secrets", "the secrets", |_| true)];

/// What a secret of the stack is good for.
enum State {
    /// It is empty, and no function needs it.
    Unused,
    /// It lacks something, or cannot be read. The words say what to do.
    Unusable(String),
    Usable(Stored),
}

/// The secrets of the stack, by their short names.
#[derive(Default)]
pub(super) struct Secrets(BTreeMap<&'static str, State>);

impl Secrets {
    /// What makes a secret usable.
    pub(super) fn remedy(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(State::Unusable(remedy)) => remedy.clone(),
            _ => format!("run `operator secrets set {}`", Spec::of(name).dialogue()),
        }
    }

    /// True if a secret has all that it needs.
    pub(super) fn is_usable(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(State::Usable(_)))
    }

    /// True if a secret has any value, or must have one.
    pub(super) fn is_used(&self, name: &str) -> bool {
        matches!(
            self.0.get(name),
            Some(State::Usable(_) | State::Unusable(_))
        )
    }

    /// True if a secret has this key, or nobody can tell.
    pub(super) fn may_have(&self, name: &str, key: &str) -> bool {
        match self.0.get(name) {
            Some(State::Usable(stored)) => stored.text(key).is_some(),
            Some(State::Unusable(_)) => true,
            Some(State::Unused) | None => false,
        }
    }
}

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<Secrets, Problem> {
    let mut secrets = Secrets::default();
    for spec in SECRETS.iter() {
        let (name, remedy) = (
            spec.name,
            format!("run `operator secrets set {}`", spec.dialogue()),
        );
        let Some(found) = context.vault().find(name).await? else {
            continue;
        };
        let needed = is_needed(&context.stack, name);
        match found {
            Found::Stored(stored) if stored.is_empty() && !needed => {
                secrets.0.insert(name, State::Unused);
            }
            Found::Missing if !needed => {
                secrets.0.insert(name, State::Unused);
            }
            Found::Stored(stored) => {
                let mut problems = stored.problems(spec);
                // The secret may offer several ways, but this stack requires these keys.
                for key in needed_keys(context, name)
                    .into_iter()
                    .filter(|key| stored.text(key).is_none())
                {
                    let lacks = format!("lacks {key}");
                    if !problems.iter().any(|problem| problem.contains(key)) {
                        problems.push(lacks);
                    }
                }
                let id = stored.id.clone();
                let state = if problems.is_empty() {
                    State::Usable(stored)
                } else {
                    State::Unusable(remedy.clone())
                };
                secrets.0.insert(name, state);
                for problem in problems {
                    let why = "functions that require it answer 503";
                    examination.fault(
                        "secrets",
                        format!("the secret {id} {problem}"),
                        why,
                        remedy.clone(),
                    );
                }
            }
            Found::NotJson(id) => {
                let remedy = format!("run `operator secrets set {} --replace`", spec.dialogue());
                secrets.0.insert(name, State::Unusable(remedy.clone()));
                let why = "functions that require it answer 503";
                examination.fault(
                    "secrets",
                    format!("the secret {id} is no JSON object"),
                    why,
                    remedy,
                );
            }
            Found::Missing => {
                let remedy = "compare --region with the region of the stack. If it is right, run `operator deploy`, which makes the secret";
                secrets.0.insert(name, State::Unusable(remedy.to_owned()));
                let id = context.stack.secret(name).unwrap_or_default();
                let why = "functions that require it answer 503";
                examination.fault("secrets", format!("there is no secret {id}"), why, remedy);
            }
        }
    }
    examination.checked("secrets");
    Ok(secrets)
}

fn needed_keys(context: &Context, secret: &str) -> Vec<&'static str> {
    if secret == "gateway" && context.stack.get("GatewayAudience").is_some() {
        vec!["jwt_secret"]
    } else {
        Vec::new()
    }
}
