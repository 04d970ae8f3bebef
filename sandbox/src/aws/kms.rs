//! The API of KMS, for symmetric keys.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};

use super::{
    denied::denied,
    keys::{self, Context, Keys, Refusal},
};
use crate::{rights::Principals, sms, wire::Complaints};

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypt {
    key_id: String,
    #[serde(deserialize_with = "blob")]
    plaintext: Vec<u8>,
    #[serde(default)]
    encryption_context: Context,
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt {
    key_id: Option<String>,
    #[serde(deserialize_with = "blob")]
    ciphertext_blob: Vec<u8>,
    #[serde(default)]
    encryption_context: Context,
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateDataKey {
    key_id: String,
    key_spec: Option<String>,
    number_of_bytes: Option<usize>,
    #[serde(default)]
    encryption_context: Context,
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeKey {
    key_id: String,
}

const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

pub(super) async fn kms(
    State((keys, principals)): State<(Keys, Arc<Principals>)>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1], String) {
    let complain = |kind: &'static str, what: &str| {
        complaints.add(format!("KMS: {what}"));
        Err((kind, what.to_owned()))
    };
    let authorization = sms::header(&headers, axum::http::header::AUTHORIZATION);
    let signed = authorization.starts_with("AWS4-HMAC-SHA256 ")
        && authorization.contains("/kms/aws4_request");
    let operation = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok()?.strip_prefix("TrentService."))
        .unwrap_or_default();
    let named = serde_json::from_slice::<BTreeMap<String, Value>>(&body)
        .ok()
        .and_then(|request| Some(request.get("KeyId")?.as_str()?.to_owned()));
    let excess = principals.of(&headers).and_then(|(function, rights)| {
        let named = named.as_deref().unwrap_or("any key");
        let arn = keys.arn(named).unwrap_or_else(|_| named.to_owned());
        let action = format!("kms:{operation}");
        (!rights.may_use(&action, &arn)).then(|| denied(function, &format!("{action} on {arn}")))
    });
    let answer = match operation {
        _ if !signed => complain(
            "MissingAuthenticationTokenException",
            "a request without a signature",
        ),
        _ if excess.is_some() => complain(
            "AccessDeniedException",
            excess.as_deref().unwrap_or_default(),
        ),
        "Encrypt" => encrypt(&keys, &body),
        "Decrypt" => {
            if named.is_none() {
                // KMS finds the key in the ciphertext. Our functions trust one key only.
                complaints.add_for_ours("KMS: Decrypt without a KeyId");
            }
            decrypt(&keys, &body)
        }
        "GenerateDataKey" => generate_data_key(&keys, &body),
        "DescribeKey" => describe_key(&keys, &body),
        _ => complain(
            "UnknownOperationException",
            &format!("{operation} is not simulated by this sandbox"),
        ),
    };
    let json_1_1 = [("content-type", "application/x-amz-json-1.1")];
    match answer {
        Ok(answer) => (StatusCode::OK, json_1_1, answer.to_string()),
        Err((kind, message)) => {
            if kind == "ValidationException" {
                complaints.add(format!("KMS: {message}"));
            }
            let mut error = json!({ "__type": kind });
            if !message.is_empty() {
                error["message"] = message.into();
            }
            (StatusCode::BAD_REQUEST, json_1_1, error.to_string())
        }
    }
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| ("ValidationException", error.to_string()))
}

fn blob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(D::Error::custom)
}

fn valid(length: usize, most: usize, name: &str) -> Result<(), Refusal> {
    if (1..=most).contains(&length) {
        Ok(())
    } else {
        Err(("ValidationException", format!("{name}: length {length}")))
    }
}

fn encrypt(keys: &Keys, body: &[u8]) -> Result<Value, Refusal> {
    let request: Encrypt = parse(body)?;
    valid(request.plaintext.len(), 4096, "plaintext")?;
    let arn = keys.arn(&request.key_id)?;
    let sealed = keys.seal(&arn, &request.plaintext, &request.encryption_context)?;
    Ok(
        json!({ "CiphertextBlob": STANDARD.encode(sealed), "EncryptionAlgorithm": ALGORITHM, "KeyId": arn }),
    )
}

fn decrypt(keys: &Keys, body: &[u8]) -> Result<Value, Refusal> {
    let request: Decrypt = parse(body)?;
    valid(request.ciphertext_blob.len(), 6144, "ciphertextBlob")?;
    let (arn, plaintext) = keys.open(
        request.key_id.as_deref(),
        &request.ciphertext_blob,
        &request.encryption_context,
    )?;
    Ok(
        json!({ "EncryptionAlgorithm": ALGORITHM, "KeyId": arn, "Plaintext": STANDARD.encode(plaintext) }),
    )
}

fn generate_data_key(keys: &Keys, body: &[u8]) -> Result<Value, Refusal> {
    let request: GenerateDataKey = parse(body)?;
    let length = match (request.key_spec.as_deref(), request.number_of_bytes) {
        (Some("AES_256"), None) => 32,
        (Some("AES_128"), None) => 16,
        (None, Some(length)) => length,
        _ => {
            let what = "Please specify either number of bytes or key spec.";
            return Err(("ValidationException", what.to_owned()));
        }
    };
    valid(length, 1024, "numberOfBytes")?;
    let arn = keys.arn(&request.key_id)?;
    let mut key = vec![0; length];
    getrandom::fill(&mut key).expect("the system's random numbers");
    let sealed = keys.seal(&arn, &key, &request.encryption_context)?;
    Ok(
        json!({ "CiphertextBlob": STANDARD.encode(sealed), "KeyId": arn, "Plaintext": STANDARD.encode(key) }),
    )
}

fn describe_key(keys: &Keys, body: &[u8]) -> Result<Value, Refusal> {
    let request: DescribeKey = parse(body)?;
    let arn = keys.arn(&request.key_id)?;
    let enabled = keys.is_enabled(&arn);
    Ok(json!({ "KeyMetadata": {
        "AWSAccountId": "000000000000", "Arn": arn, "CreationDate": 1_700_000_000, "CustomerMasterKeySpec": ALGORITHM,
        "Description": "", "Enabled": enabled, "EncryptionAlgorithms": [ALGORITHM], "KeyId": keys::id(&arn),
        "KeyManager": "CUSTOMER", "KeySpec": ALGORITHM, "KeyState": if enabled { "Enabled" } else { "Disabled" },
        "KeyUsage": "ENCRYPT_DECRYPT", "MultiRegion": false, "Origin": "AWS_KMS",
    } }))
}
