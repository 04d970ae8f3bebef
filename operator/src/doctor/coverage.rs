//! What the doctor covers. Each check is declared in the file that makes it: which stacks have it, and
//! what must be right before it can be made. What was not made in the end is listed as unchecked from
//! these declarations. So nothing is left out without a word.

use super::secrets::Secrets;
use super::{
    Examination, auth0, aws_sender, base, cognito, functions, mailgun, okta, probe, receipts,
    secrets, senders, twilio, untried,
};
use crate::stack::Stack;

/// The declarations of all checks, in the order in which the checks are made.
const DECLARED: [&[Check]; 14] = [
    secrets::CHECKS,
    base::CHECKS,
    functions::CHECKS,
    probe::CHECKS,
    aws_sender::CHECKS,
    twilio::CHECKS,
    senders::CHECKS,
    mailgun::CHECKS,
    auth0::CHECKS,
    okta::CHECKS,
    cognito::CHECKS,
    receipts::CHECKS,
    base::AT_THE_END,
    untried::CHECKS,
];

/// Why a check is missing that another one prevented.
const PREVENTED: &str = "a check before it was not fine";
/// Why a check is missing that is never made.
const NEVER_TRIED: &str = "the doctor changes nothing, sends nothing and buys nothing";

/// A check.
pub(super) struct Check {
    name: &'static str,
    /// What it is about.
    about: &'static str,
    /// Whether a stack has what it is about.
    applies: fn(&Deployed<'_>) -> bool,
    /// The secrets that it needs, if the stack has them.
    secrets: &'static [&'static str],
    /// The checks that can prevent it.
    after: &'static [&'static str],
    /// How a person tries what the doctor never tries. `STACK` is the stack's name.
    by_hand: Option<&'static str>,
}

impl Check {
    /// A check that needs nothing.
    pub(super) const fn new(
        name: &'static str,
        about: &'static str,
        applies: fn(&Deployed<'_>) -> bool,
    ) -> Self {
        Self {
            name,
            about,
            applies,
            secrets: &[],
            after: &[],
            by_hand: None,
        }
    }

    /// What the doctor never tries, and how a person tries it.
    pub(super) const fn untried(
        name: &'static str,
        about: &'static str,
        applies: fn(&Deployed<'_>) -> bool,
        by_hand: &'static str,
    ) -> Self {
        let check = Self::new(name, about, applies);
        Self {
            by_hand: Some(by_hand),
            ..check
        }
    }

    /// The same check; it needs these secrets.
    pub(super) const fn with(self, secrets: &'static [&'static str]) -> Self {
        Self { secrets, ..self }
    }

    /// The same check; these checks can prevent it.
    pub(super) const fn after(self, after: &'static [&'static str]) -> Self {
        Self { after, ..self }
    }
}

/// What the stack has.
pub(super) struct Deployed<'a> {
    pub(super) stack: &'a Stack,
    secrets: &'a Secrets,
}

impl Deployed<'_> {
    /// True if the stack has this output or parameter.
    pub(super) fn has(&self, name: &str) -> bool {
        self.stack.get(name).is_some()
    }

    /// True if a secret has any value, or must have one.
    pub(super) fn uses(&self, secret: &str) -> bool {
        self.secrets.is_used(secret)
    }

    /// True if a secret has this key, or nobody can tell.
    pub(super) fn may_have(&self, secret: &str, key: &str) -> bool {
        self.secrets.may_have(secret, key)
    }
}

fn declared() -> impl Iterator<Item = &'static Check> {
    DECLARED.into_iter().flatten()
}

/// True if a check with this name is declared.
pub(super) fn is_declared(name: &str) -> bool {
    declared().any(|check| check.name == name)
}

/// Lists as unchecked what the stack has and the checks have told nothing about.
pub(super) fn complete(examination: &mut Examination, stack: &Stack) {
    let secrets = std::mem::take(&mut examination.secrets);
    let deployed = Deployed {
        stack,
        secrets: &secrets,
    };
    for check in declared().filter(|check| (check.applies)(&deployed)) {
        if examination.has_told(check.name) {
            continue;
        }
        let about = check.about;
        if let Some(by_hand) = check.by_hand {
            let what = format!("{about}: the doctor does not try this");
            let by_hand = by_hand.replace("STACK", stack.name().unwrap_or("NAME"));
            examination.missing(check.name, what, NEVER_TRIED, by_hand);
            continue;
        }
        let mut needed = check.secrets.iter();
        let unusable = needed.find_map(|name| {
            let id = stack.secret(name).filter(|_| !secrets.is_usable(name))?;
            Some((secrets.remedy(name), id))
        });
        let mut before = check.after.iter();
        let (reason, remedy) = if let Some((remedy, id)) = unusable {
            (
                format!("the secret {id} is not usable"),
                format!("{remedy}. Then run `operator doctor`"),
            )
        } else if let Some(cause) = before.find(|name| examination.has_found(name)) {
            (
                format!("{cause} is not fine"),
                format!("mend {cause} first. Then run `operator doctor`"),
            )
        } else {
            let mut needed = check.secrets.iter();
            let lacking = needed.find(|name| stack.secret(name).is_none());
            let reason = lacking.map_or_else(
                || "the stack does not say enough".to_owned(),
                |name| format!("the stack's outputs name no secret {name}"),
            );
            let remedy = "give --stack NAME, which knows all outputs and parameters. If you gave it, run `operator deploy`";
            (reason, remedy.to_owned())
        };
        let what = format!("{about}: not tried, because {reason}");
        examination.missing(check.name, what, PREVENTED, remedy);
    }
    examination.secrets = secrets;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_check_is_declared_once_and_after_what_can_prevent_it() {
        let mut before = BTreeSet::new();
        for check in declared() {
            let Check { name, after, .. } = check;
            assert!(
                after.iter().all(|cause| before.contains(cause)),
                "{name} is after {after:?}"
            );
            assert!(before.insert(*name), "{name} is declared twice");
        }
    }
}
