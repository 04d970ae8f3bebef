//! Amazon Cognito: the custom SMS sender of user pools
//! (<https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-sms-sender.html>).
//!
//! `UpdateUserPool` resets every setting that it does not get. So an update sends back all that the
//! pool has. A pool with a setting that is unknown here is left alone, because the update might
//! reset this setting.

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::{Extras, Plan, Planned, Step};
use crate::calls::Body;
use crate::context::Context;
use crate::problem::Problem;

const READ: &str = "AWSCognitoIdentityProviderService.DescribeUserPool";
const UPDATE: &str = "AWSCognitoIdentityProviderService.UpdateUserPool";
/// What `UpdateUserPool` accepts, besides the id and the name.
const SETTINGS: [&str; 23] = [
    "AccountRecoverySetting",
    "AcrConfiguration",
    "AdminCreateUserConfig",
    "AutoVerifiedAttributes",
    "DcrConfiguration",
    "DeletionProtection",
    "DeviceConfiguration",
    "EmailConfiguration",
    "EmailVerificationMessage",
    "EmailVerificationSubject",
    "IssuerConfiguration",
    "KeyConfiguration",
    "LambdaConfig",
    "MfaConfiguration",
    "Policies",
    "SmsAuthenticationMessage",
    "SmsConfiguration",
    "SmsVerificationMessage",
    "UserAttributeUpdateSettings",
    "UserPoolAddOns",
    "UserPoolTags",
    "UserPoolTier",
    "VerificationMessageTemplate",
];
/// What `DescribeUserPool` tells, and no update changes.
const FACTS: [&str; 15] = [
    "AliasAttributes",
    "Arn",
    "CreationDate",
    "CustomDomain",
    "Domain",
    "EmailConfigurationFailure",
    "EstimatedNumberOfUsers",
    "Id",
    "LastModifiedDate",
    "Name",
    "SchemaAttributes",
    "SmsConfigurationFailure",
    "Status",
    "UsernameAttributes",
    "UsernameConfiguration",
];

/// What each pool should have.
struct Wanted<'a> {
    function: &'a str,
    key: &'a str,
    /// Another function may be replaced.
    replaces: bool,
}

pub(crate) async fn examine(
    context: &Context,
    extras: &Extras,
) -> Result<Option<Planned>, Problem> {
    let pools = context.stack.list("CognitoPools");
    // A stack without pools has no such output.
    let Some(function) = context.stack.get("SmsGatewayArn") else {
        return Ok(None);
    };
    if pools.is_empty() {
        return Ok(None);
    }
    let wanted = Wanted {
        function,
        key: context.stack.required("CognitoKeyArn")?,
        replaces: extras.replace_provider,
    };
    let session = context.aws.cognito(context).await?;
    let url = session.base.as_url().clone();
    let mut plan = Plan::default();
    for id in pools {
        let read = Body::Aws(READ, json!({ "UserPoolId": id }));
        match session.send_to(Method::POST, url.clone(), &read).await {
            Ok(answer) => plan_pool(&mut plan, &answer["UserPool"], &wanted, &url),
            Err(refusal) => plan.problems.push(format!(
                "Cognito user pool {id}: {refusal}. Compare CognitoPools and the region; the right cognito-idp:DescribeUserPool is required"
            )),
        }
    }
    Ok(Some(Planned { session, plan }))
}

fn plan_pool(plan: &mut Plan, pool: &Value, wanted: &Wanted<'_>, url: &Url) {
    let id = pool["Id"].as_str().unwrap_or_default();
    let of = format!("Cognito user pool {id}");
    let triggers = &pool["LambdaConfig"];
    let sender = triggers["CustomSMSSender"]["LambdaArn"].as_str();
    let key = triggers["KMSKeyID"].as_str();
    let is_ours = sender == Some(wanted.function);
    if is_ours && key == Some(wanted.key) {
        return;
    }
    if let Some(other) = sender.filter(|_| !is_ours && !wanted.replaces) {
        plan.problems.push(format!(
            "{of} hands its texts to {}. --replace-provider replaces it by the stack's gateway",
            crate::report::plain(other)
        ));
        return;
    }
    if key != Some(wanted.key) && !triggers["CustomEmailSender"].is_null() {
        plan.problems.push(format!(
            "{of} has a custom email sender with another key, and a pool has one key: deploy with the pool's key as CognitoKeyArn"
        ));
        return;
    }
    let members = || pool.as_object().into_iter().flatten();
    let is_unknown = |name: &&str| !SETTINGS.contains(name) && !FACTS.contains(name);
    let unknown: Vec<&str> = members()
        .map(|(name, _)| name.as_str())
        .filter(is_unknown)
        .collect();
    if !unknown.is_empty() {
        plan.problems.push(format!(
            "{of} has settings that this program does not know, and would perhaps reset: {}. Set the custom SMS sender by hand \
             (docs/sms-gateway.md, Amazon Cognito)",
            crate::report::plain(&unknown.join(", "))
        ));
        return;
    }
    let settings = members().filter(|(name, _)| SETTINGS.contains(&name.as_str()));
    let mut update: Value = settings
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    update["UserPoolId"] = id.into();
    update["PoolName"] = pool["Name"].clone();
    update["LambdaConfig"]["KMSKeyID"] = wanted.key.into();
    update["LambdaConfig"]["CustomSMSSender"] =
        json!({ "LambdaVersion": "V1_0", "LambdaArn": wanted.function });
    // Cognito shows a setting under its old name, too, and rejects both names together.
    if !pool["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"].is_null()
        && let Some(config) = update["AdminCreateUserConfig"].as_object_mut()
    {
        config.remove("UnusedAccountValidityDays");
    }
    plan.compare(&of, "CustomSMSSender", sender, wanted.function);
    plan.compare(&of, "KMSKeyID", key, wanted.key);
    let update = Body::Aws(UPDATE, update);
    plan.steps
        .push(Step::Send(Method::POST, url.clone(), update));
}
