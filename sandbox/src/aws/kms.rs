//! The API of KMS, for symmetric keys.

use std::sync::Arc;

use axum::{Extension, extract::State, http::HeaderMap};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};

use super::{
    denied::denied,
    json::{Answer, Refusal, Service, parse},
    keys::{self, Context, Keys},
};
use crate::{asked, rights::Principals, wire::Complaints};

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

const SERVICE: Service = Service {
    title: "KMS",
    name: "kms",
    target: "TrentService.",
};

pub(super) async fn kms(
    State((keys, principals)): State<(Keys, Arc<Principals>)>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let operation = SERVICE.operation(&headers);
    let request = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let named = request["KeyId"].as_str();
    let excess = principals.of(&headers).and_then(|(function, rights)| {
        let named = named.unwrap_or("any key");
        let arn = keys.arn(named).unwrap_or_else(|_| named.to_owned());
        let action = format!("kms:{operation}");
        let allowed = rights.may_use(&action, &arn);
        let about = json!({ "key": arn, "context": request["EncryptionContext"] });
        asked::write(function, &action, allowed, about);
        (!allowed).then(|| denied(function, &format!("{action} on {arn}")))
    });
    let answer = SERVICE.check(&headers, excess, &complaints);
    let answer = answer.and_then(|()| match operation {
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
        _ => Err(SERVICE.unknown(operation, &complaints)),
    });
    SERVICE.answer(answer, &complaints)
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
