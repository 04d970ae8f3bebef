//! The API of user pools: `DescribeUserPool` and `UpdateUserPool`.
//!
//! Imitates the model `cognito-idp/2016-04-18` of botocore 1.43.11 and
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPool.html>.
//! An update resets what it does not name.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Extension,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use crate::{
    REGION, sms,
    wire::{Complaints, lock},
};

/// The members of `UpdateUserPool` that are also in the answer of `DescribeUserPool`.
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

/// The pools by their ids.
pub(super) type Pools = Arc<Mutex<BTreeMap<String, Value>>>;

/// A pool whose settings are not the defaults. It has no custom SMS sender.
pub(super) fn sample(id: &str) -> Value {
    let function = |name: &str| format!("arn:aws:lambda:{REGION}:000000000000:function:{name}");
    json!({
        "Id": id, "Name": "acme", "Arn": format!("arn:aws:cognito-idp:{REGION}:000000000000:userpool/{id}"),
        "CreationDate": 1_700_000_000, "LastModifiedDate": 1_700_000_000, "EstimatedNumberOfUsers": 3, "Domain": "acme",
        "UsernameAttributes": ["phone_number"], "UsernameConfiguration": { "CaseSensitive": false },
        "SchemaAttributes": [{ "Name": "phone_number", "AttributeDataType": "String", "Mutable": true, "Required": true }],
        "AccountRecoverySetting": { "RecoveryMechanisms": [{ "Name": "verified_phone_number", "Priority": 1 }] },
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true, "InviteMessageTemplate": { "SMSMessage": "{username} {####}" } },
        "AutoVerifiedAttributes": ["phone_number"],
        "DeletionProtection": "ACTIVE",
        "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true },
        "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "From": "Acme <no-reply@acme.example>" },
        "EmailVerificationMessage": "{####}", "EmailVerificationSubject": "Your code",
        "LambdaConfig": {
            "PreSignUp": function("pre-sign-up"),
            "PreTokenGenerationConfig": { "LambdaVersion": "V2_0", "LambdaArn": function("claims") },
        },
        "MfaConfiguration": "OPTIONAL",
        "Policies": { "PasswordPolicy": { "MinimumLength": 14, "RequireSymbols": true, "TemporaryPasswordValidityDays": 3 } },
        "SmsAuthenticationMessage": "Acme {####}", "SmsVerificationMessage": "Acme {####}",
        "SmsConfiguration": { "SnsCallerArn": "arn:aws:iam::000000000000:role/sns", "ExternalId": "acme", "SnsRegion": REGION },
        "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["phone_number"] },
        "UserPoolAddOns": { "AdvancedSecurityMode": "ENFORCED" },
        "UserPoolTags": { "team": "identity" },
        "UserPoolTier": "PLUS",
        "VerificationMessageTemplate": { "DefaultEmailOption": "CONFIRM_WITH_LINK", "SmsMessage": "Acme {####}" },
    })
}

/// The pool as `DescribeUserPool` shows it.
pub(super) fn described(pool: &Value) -> Value {
    let mut shown = pool.clone();
    // The old name of the setting is shown, too.
    let days = &pool["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"];
    if !days.is_null() {
        shown["AdminCreateUserConfig"]["UnusedAccountValidityDays"] = days.clone();
    }
    shown
}

pub(super) async fn answer(
    State(pools): State<Pools>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let refuse = |kind: &str, words: &str| {
        let body = json!({ "__type": kind, "message": words });
        (StatusCode::BAD_REQUEST, body.to_string()).into_response()
    };
    let authorization = sms::header(&headers, header::AUTHORIZATION);
    let scope = format!("/{REGION}/cognito-idp/aws4_request");
    if !authorization.starts_with("AWS4-HMAC-SHA256 ") || !authorization.contains(&scope) {
        return refuse("UnrecognizedClientException", "not signed for this service");
    }
    if sms::header(&headers, header::CONTENT_TYPE) != "application/x-amz-json-1.1" {
        complaints.add("Cognito: the protocol is application/x-amz-json-1.1");
    }
    let operation = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.strip_prefix("AWSCognitoIdentityProviderService."))
        .unwrap_or_default();
    let members = serde_json::from_slice::<Map<String, Value>>(&body).unwrap_or_default();
    let id = members
        .get("UserPoolId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut pools = lock(&pools);
    let Some(pool) = pools.get_mut(id) else {
        let words = format!("User pool {id} does not exist.");
        return refuse("ResourceNotFoundException", &words);
    };
    match operation {
        "DescribeUserPool" => {
            let body = json!({ "UserPool": described(pool) });
            (StatusCode::OK, body.to_string()).into_response()
        }
        "UpdateUserPool" => match update(pool, &members) {
            Ok(updated) => {
                *pool = updated;
                (StatusCode::OK, "{}").into_response()
            }
            Err(why) => {
                complaints.add(format!("Cognito: UpdateUserPool: {why}"));
                refuse("InvalidParameterException", &why)
            }
        },
        _ => refuse(
            "UnknownOperationException",
            "this operation is not simulated by this sandbox",
        ),
    }
}

/// The pool after an update. What the update does not name has its default again, which is left
/// out here. Only the tier stays.
fn update(pool: &Value, members: &Map<String, Value>) -> Result<Value, String> {
    for name in members.keys() {
        let is_known = ["UserPoolId", "PoolName"].contains(&name.as_str());
        if !is_known && !SETTINGS.contains(&name.as_str()) {
            return Err(format!("{name} is not a member"));
        }
    }
    let member = |path: &str| {
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let found = members.get(name)?.pointer(&format!("/{rest}"))?;
        Some(found).filter(|value| !value.is_null())
    };
    if member("AdminCreateUserConfig/UnusedAccountValidityDays").is_some()
        && member("Policies/PasswordPolicy/TemporaryPasswordValidityDays").is_some()
    {
        return Err(
            "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"
                .to_owned(),
        );
    }
    if member("LambdaConfig/CustomSMSSender").is_some() && member("LambdaConfig/KMSKeyID").is_none()
    {
        return Err("a custom sender requires KMSKeyID".to_owned());
    }
    let mut updated = pool.clone();
    let fields = updated.as_object_mut().ok_or("the pool is no object")?;
    for name in SETTINGS {
        match members.get(name) {
            Some(value) => {
                fields.insert(name.to_owned(), value.clone());
            }
            None if name == "UserPoolTier" => {}
            None => {
                fields.remove(name);
            }
        }
    }
    if let Some(name) = members.get("PoolName") {
        fields.insert("Name".to_owned(), name.clone());
    }
    Ok(updated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn an_update_resets_what_it_does_not_name() {
        let pool = sample("eu-west-1_A");
        let named = members(&json!({ "UserPoolId": "eu-west-1_A", "MfaConfiguration": "ON" }));
        let updated = update(&pool, &named).unwrap();
        assert_eq!(updated["MfaConfiguration"], "ON");
        let kept = ["MfaConfiguration", "UserPoolTier"];
        for name in SETTINGS.into_iter().filter(|name| !kept.contains(name)) {
            assert!(updated[name].is_null(), "{name}: {updated:#}");
        }
        assert_eq!(
            (&updated["UserPoolTier"], &updated["Domain"]),
            (&json!("PLUS"), &json!("acme"))
        );
    }

    #[test]
    fn what_cognito_refuses_in_an_update() {
        let pool = sample("eu-west-1_A");
        for (wrong, words) in [
            (json!({ "Domain": "acme" }), "Domain is not a member"),
            (
                json!({ "AdminCreateUserConfig": described(&pool)["AdminCreateUserConfig"], "Policies": pool["Policies"] }),
                "Please use TemporaryPasswordValidityDays",
            ),
            (
                json!({ "LambdaConfig": { "CustomSMSSender": { "LambdaVersion": "V1_0", "LambdaArn": "arn" } } }),
                "a custom sender requires KMSKeyID",
            ),
        ] {
            let refused = update(&pool, &members(&wrong)).unwrap_err();
            assert!(refused.starts_with(words), "{refused}");
        }
    }
}
