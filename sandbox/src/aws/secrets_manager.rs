//! The API of Secrets Manager.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use axum::{Extension, extract::State, http::HeaderMap};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    denied::denied,
    json::{Answer, Refusal, Service, parse},
    secret::{CURRENT, Secret, Secrets, Version},
};
use crate::{
    asked, random,
    rights::Principals,
    wire::{Complaints, lock},
};

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutSecretValue {
    secret_id: String,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    version_stages: Option<Vec<String>>,
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateSecret {
    name: String,
    description: Option<String>,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeSecret {
    secret_id: String,
}

const SERVICE: Service = Service {
    title: "Secrets Manager",
    name: "secretsmanager",
    target: "secretsmanager.",
};

pub(super) async fn secrets_manager(
    State((values, principals)): State<(Secrets, Arc<Principals>)>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let operation = SERVICE.operation(&headers);
    let excess = principals.of(&headers).and_then(|(function, rights)| {
        let asked: GetSecretValue = parse(&body).ok()?;
        let secret = name(&asked.secret_id);
        let allowed = operation == "GetSecretValue" && rights.may_read(secret);
        let about = json!({ "secret": secret });
        asked::write(
            function,
            &format!("secretsmanager:{operation}"),
            allowed,
            about,
        );
        (!allowed).then(|| denied(function, &format!("secretsmanager:{operation} on {secret}")))
    });
    let answer = SERVICE.check(&headers, excess, &complaints);
    let answer = answer.and_then(|()| match operation {
        "GetSecretValue" => get_secret_value(&lock(&values), &body),
        "PutSecretValue" => put_secret_value(&mut lock(&values), &body),
        "DescribeSecret" => describe_secret(&lock(&values), &body),
        "CreateSecret" => create_secret(&mut lock(&values), &body),
        "ListSecretVersionIds" => list_versions(&lock(&values), &body),
        _ => Err(SERVICE.unknown(operation, &complaints)),
    });
    SERVICE.answer(answer, &complaints)
}

/// The name of a secret. `id` is a name or an ARN; an ARN ends with a dash and six random
/// characters.
fn name(id: &str) -> &str {
    let name = id.rsplit(":secret:").next().unwrap_or(id);
    if name == id {
        id
    } else {
        name.len()
            .checked_sub(7)
            .and_then(|end| name.get(..end))
            .unwrap_or(name)
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:eu-west-1:000000000000:secret:{name}-AbCdEf")
}

fn no_secret() -> Refusal {
    (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.".to_owned(),
    )
}

fn get_secret_value(values: &BTreeMap<String, Secret>, body: &[u8]) -> Result<Value, Refusal> {
    let request: GetSecretValue = parse(body)?;
    let name = name(&request.secret_id);
    let secret = values.get(name).ok_or_else(no_secret)?;
    let stage = request
        .version_stage
        .as_deref()
        .or(request.version_id.is_none().then_some(CURRENT));
    let fits = |version: &&Version| {
        request
            .version_id
            .as_ref()
            .is_none_or(|id| version.id == *id)
            && stage.is_none_or(|stage| version.stages.iter().any(|label| label == stage))
    };
    let version = secret.versions.iter().find(fits).ok_or_else(|| {
        let by = match (&request.version_id, stage) {
            (Some(id), _) => format!("VersionId: {id}"),
            (None, stage) => format!("staging label: {}", stage.unwrap_or(CURRENT)),
        };
        (
            "ResourceNotFoundException",
            format!("Secrets Manager can't find the specified secret value for {by}"),
        )
    })?;
    let mut answer = json!({
        "ARN": arn(name), "Name": name, "VersionId": version.id, "VersionStages": version.stages, "CreatedDate": version.created,
    });
    answer[version.kind] = version.value.as_str().into();
    Ok(answer)
}

fn valid<T>(
    value: T,
    length: usize,
    allowed: RangeInclusive<usize>,
    name: &str,
) -> Result<T, Refusal> {
    if allowed.contains(&length) {
        Ok(value)
    } else {
        Err(("ValidationException", format!("{name}: length {length}")))
    }
}

/// The single value of a request; `Ok(None)` if it has none.
fn value(
    text: Option<String>,
    binary: Option<String>,
) -> Result<Option<(&'static str, String)>, Refusal> {
    let (kind, value) = match (text, binary) {
        (None, None) => return Ok(None),
        (Some(text), None) => ("SecretString", text),
        (None, Some(binary)) => ("SecretBinary", binary),
        (Some(_), Some(_)) => {
            let what = "You can't specify both a binary secret value and a string secret value in the same request.";
            return Err(("InvalidParameterException", what.to_owned()));
        }
    };
    let length = value.len();
    valid(Some((kind, value)), length, 1..=65_536, kind)
}

/// The version that a request names. Without one, a new version is made, as the SDKs do.
fn token(given: Option<String>) -> Result<String, Refusal> {
    let token = given.unwrap_or_else(random::uuid);
    let length = token.len();
    valid(token, length, 32..=64, "ClientRequestToken")
}

fn put_secret_value(values: &mut BTreeMap<String, Secret>, body: &[u8]) -> Result<Value, Refusal> {
    let request: PutSecretValue = parse(body)?;
    let token = token(request.client_request_token)?;
    let Some((kind, value)) = value(request.secret_string, request.secret_binary)? else {
        return Err((
            "InvalidRequestException",
            "You must provide either SecretString or SecretBinary.".to_owned(),
        ));
    };
    let stages = request
        .version_stages
        .unwrap_or_else(|| vec![CURRENT.to_owned()]);
    let stages_count = stages.len();
    let stages = valid(stages, stages_count, 1..=20, "VersionStages")?;
    let name = name(&request.secret_id);
    let secret = values.get_mut(name).ok_or_else(no_secret)?;
    match secret.versions.iter().find(|version| version.id == token) {
        Some(version) if (version.kind, &version.value) != (kind, &value) => {
            let what = format!(
                "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
                arn(name)
            );
            return Err(("ResourceExistsException", what));
        }
        // A repeated request changes nothing.
        Some(_) => {}
        None => secret.put(&token, kind, &value, &stages),
    }
    let stages = secret
        .versions
        .iter()
        .find(|version| version.id == token)
        .map(|version| &version.stages);
    Ok(json!({ "ARN": arn(name), "Name": name, "VersionId": token, "VersionStages": stages }))
}

fn create_secret(values: &mut BTreeMap<String, Secret>, body: &[u8]) -> Result<Value, Refusal> {
    let request: CreateSecret = parse(body)?;
    let (token, value) = (
        token(request.client_request_token)?,
        value(request.secret_string, request.secret_binary)?,
    );
    let length = request.name.len();
    let name = valid(request.name, length, 1..=512, "Name")?;
    if values.contains_key(&name) {
        let what = format!("The operation failed because the secret {name} already exists.");
        return Err(("ResourceExistsException", what));
    }
    let mut secret = Secret {
        description: request.description.unwrap_or_default(),
        changed: crate::now().as_secs(),
        ..Secret::default()
    };
    let mut answer = json!({ "ARN": arn(&name), "Name": name });
    if let Some((kind, value)) = value {
        secret.put(&token, kind, &value, &[]);
        answer["VersionId"] = token.into();
    }
    values.insert(name, secret);
    Ok(answer)
}

fn describe_secret(values: &BTreeMap<String, Secret>, body: &[u8]) -> Result<Value, Refusal> {
    let request: DescribeSecret = parse(body)?;
    let name = name(&request.secret_id);
    let secret = values.get(name).ok_or_else(no_secret)?;
    let labelled = secret
        .versions
        .iter()
        .filter(|version| !version.stages.is_empty());
    let versions = labelled
        .map(|version| (version.id.clone(), json!(version.stages)))
        .collect::<serde_json::Map<_, _>>();
    Ok(json!({
        "ARN": arn(name), "Name": name, "Description": secret.description, "CreatedDate": 1_700_000_000,
        "LastChangedDate": secret.changed, "VersionIdsToStages": versions, "Tags": [],
    }))
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html>.
/// Versions without a label are left out.
fn list_versions(values: &BTreeMap<String, Secret>, body: &[u8]) -> Result<Value, Refusal> {
    let request: DescribeSecret = parse(body)?;
    let name = name(&request.secret_id);
    let secret = values.get(name).ok_or_else(no_secret)?;
    let labelled = secret
        .versions
        .iter()
        .filter(|version| !version.stages.is_empty());
    let wire = |version: &Version| json!({ "VersionId": version.id, "VersionStages": version.stages, "CreatedDate": version.created });
    Ok(
        json!({ "ARN": arn(name), "Name": name, "Versions": labelled.map(wire).collect::<Vec<_>>() }),
    )
}
