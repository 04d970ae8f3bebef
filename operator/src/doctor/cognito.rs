//! Amazon Cognito: the custom SMS sender of the user pools.

use super::Examination;
use super::coverage::Check;
use crate::connect::{Extras, Target};
use crate::context::Context;
use crate::problem::Problem;

pub(super) const CHECKS: &[Check] = &[Check::new(
    "cognito.pools",
    "the custom SMS sender of Cognito's user pools",
    |deployed| deployed.has("CognitoPools"),
)];

pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
) -> Result<(), Problem> {
    let (target, extras) = (Target::Cognito, Extras::default());
    examination
        .compare(context, "cognito.pools", target, &extras, "cognito")
        .await
}
