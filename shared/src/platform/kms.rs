//! AWS KMS: `Encrypt` and `Decrypt` with one symmetric key.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>
//!
//! Each operation is one JSON request, signed by the crate that signs for the SDK. A client of the
//! SDK is heavier: Secrets Manager's, of which one operation is used, has 75 kB of code in a
//! function, and `aws-sdk-kms` has over fifty operations to compile.
//!
//! An error text has the operation and a word of KMS or of ours. It has no plaintext, no
//! ciphertext and no encryption context.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{sleep, timeout};
use url::Url;

use crate::platform::aws::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT, Settings, is_code};
use crate::platform::http::{Answer, Client};

/// KMS takes at most 4 kB of plaintext and makes at most 6 kB of ciphertext.
const ANSWER_LIMIT: usize = 64 * 1024;
const ATTEMPTS: u32 = 3;
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);

/// The encryption context: pairs that are not secret. KMS decrypts only with the pairs that were
/// given for the encryption.
pub type Context = BTreeMap<String, String>;

/// The ARN of a key: `arn:aws:kms:eu-west-1:123456789012:key/08303dfc-8073-4bbb-a8a9-fbf08657940e`.
/// An alias has no key ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyArn(String);

/// The text is not the ARN of a KMS key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotKeyArn;

impl FromStr for KeyArn {
    type Err = NotKeyArn;

    fn from_str(text: &str) -> Result<Self, NotKeyArn> {
        let is_name = |part: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=64).contains(&part.len()) && part.bytes().all(fits)
        };
        let parts: Vec<&str> = text.splitn(7, ':').collect();
        match parts[..] {
            ["arn", partition, "kms", region, account, key]
                if partition.starts_with("aws")
                    && [partition, region, account].into_iter().all(is_name)
                    && key.strip_prefix("key/").is_some_and(is_name) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NotKeyArn),
        }
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeyArn {
    /// The ARN as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, index: usize) -> &str {
        self.0.split(':').nth(index).unwrap_or_default()
    }

    /// The region of the key. Only KMS in this region can use it.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// KMS in the region of the key.
    /// <https://docs.aws.amazon.com/general/latest/gr/kms.html>
    fn endpoint(&self) -> Option<Url> {
        let (region, china) = (self.region(), self.part(1) == "aws-cn");
        let suffix = if china { ".cn" } else { "" };
        format!("https://kms.{region}.amazonaws.com{suffix}/")
            .parse()
            .ok()
    }
}

/// Why KMS did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KmsError {
    /// A later attempt may succeed: the network, a throttled account, or KMS itself failed.
    Unavailable(String),
    /// Another attempt fails in the same way: the role, the key, the context or the ciphertext is
    /// wrong.
    Refused(String),
}

impl fmt::Display for KmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) | Self::Refused(why) => write!(f, "KMS: {why}"),
        }
    }
}

impl std::error::Error for KmsError {}

/// The client of KMS.
#[derive(Clone)]
pub struct Kms {
    http: Client,
    credentials: Credentials,
    endpoint: Option<Url>,
}

/// The members of both answers that count.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    key_id: Option<String>,
    ciphertext_blob: Option<String>,
    plaintext: Option<SecretString>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    kind: String,
}

impl Kms {
    /// The client. Without an endpoint in the settings it calls KMS in the region of the key.
    pub fn new(aws: &Settings, http: &Client) -> Self {
        let (credentials, endpoint) = aws.for_kms();
        Self {
            http: http.clone(),
            credentials,
            endpoint: endpoint.map(|base| base.as_url().clone()),
        }
    }

    /// Encrypts up to 4096 bytes.
    ///
    /// # Errors
    /// [`KmsError`]. A repeated encryption is harmless: it makes another ciphertext.
    pub async fn encrypt(
        &self,
        key: &KeyArn,
        plaintext: &[u8],
        context: &Context,
        now: SystemTime,
    ) -> Result<Vec<u8>, KmsError> {
        let request = json!({
            "KeyId": key.as_str(),
            "Plaintext": STANDARD.encode(plaintext),
            "EncryptionContext": context,
        });
        let output = self.call("Encrypt", key, &request, now).await?;
        let blob = output.ciphertext_blob.unwrap_or_default();
        let ciphertext = STANDARD.decode(blob).unwrap_or_default();
        if ciphertext.is_empty() {
            return Err(unreadable("Encrypt"));
        }
        Ok(ciphertext)
    }

    /// Decrypts what `key` encrypted with the same context.
    ///
    /// # Errors
    /// [`KmsError`].
    pub async fn decrypt(
        &self,
        key: &KeyArn,
        ciphertext: &[u8],
        context: &Context,
        now: SystemTime,
    ) -> Result<SecretSlice<u8>, KmsError> {
        let request = json!({
            "KeyId": key.as_str(),
            "CiphertextBlob": STANDARD.encode(ciphertext),
            "EncryptionContext": context,
        });
        let output = self.call("Decrypt", key, &request, now).await?;
        let text = output.plaintext.ok_or_else(|| unreadable("Decrypt"))?;
        let plaintext = STANDARD.decode(text.expose_secret());
        Ok(plaintext.map_err(|_| unreadable("Decrypt"))?.into())
    }

    async fn call(
        &self,
        operation: &'static str,
        key: &KeyArn,
        request: &serde_json::Value,
        now: SystemTime,
    ) -> Result<Output, KmsError> {
        let unmade = || KmsError::Refused(format!("{operation}: request could not be made"));
        let body = request.to_string();
        let url = self.endpoint.clone().or_else(|| key.endpoint());
        let url = url.ok_or_else(unmade)?;
        // One signature serves all attempts: it lives for five minutes.
        let headers = self
            .headers(operation, key, &url, &body, now)
            .ok_or_else(unmade)?;
        let attempts = async {
            let mut attempt = 1;
            loop {
                let sent = self.http.request(Method::POST, url.clone());
                let sent = sent.headers(headers.clone()).body(body.clone());
                let answer = self.http.send(sent, ANSWER_LIMIT, ATTEMPT_TIMEOUT).await;
                let result = match answer {
                    Ok(answer) => read(operation, &answer),
                    Err(why) => Err(KmsError::Unavailable(format!("{operation}: {why}"))),
                };
                match result {
                    Err(KmsError::Unavailable(_)) if attempt < ATTEMPTS => pause(attempt).await,
                    result => return result,
                }
                attempt += 1;
            }
        };
        let late = || KmsError::Unavailable(format!("{operation}: no answer in time"));
        let output = timeout(OPERATION_TIMEOUT, attempts)
            .await
            .map_err(|_| late())??;
        if output
            .key_id
            .as_deref()
            .is_some_and(|id| id != key.as_str())
        {
            let why = format!("{operation}: another key answered");
            return Err(KmsError::Refused(why));
        }
        Ok(output)
    }

    /// The headers of a signed request.
    fn headers(
        &self,
        operation: &str,
        key: &KeyArn,
        url: &Url,
        body: &str,
        now: SystemTime,
    ) -> Option<HeaderMap> {
        let target = format!("TrentService.{operation}");
        let own = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target.as_str()),
        ];
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(key.region())
            .name("kms")
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .ok()?;
        let body = SignableBody::Bytes(body.as_bytes());
        let request =
            SignableRequest::new(Method::POST.as_str(), url.as_str(), own.into_iter(), body)
                .ok()?;
        let (signed, _) = sign(request, &parameters.into()).ok()?.into_parts();
        let all = own.into_iter().chain(signed.headers());
        all.map(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            let mut value: HeaderValue = value.parse().ok()?;
            value.set_sensitive(true);
            Some((name, value))
        })
        .collect()
    }
}

fn unreadable(operation: &str) -> KmsError {
    KmsError::Unavailable(format!("{operation}: unreadable answer"))
}

/// Waits before the next attempt: up to 50 ms, then up to 100 ms. The random part keeps instances
/// apart that were throttled together.
async fn pause(attempt: u32) {
    let most = INITIAL_BACKOFF * 2_u32.pow(attempt - 1);
    let share = getrandom::u32().unwrap_or_default() % 1000;
    sleep(most * share / 1000).await;
}

fn read(operation: &str, answer: &Answer) -> Result<Output, KmsError> {
    if answer.status == 200 {
        return answer.json().ok_or_else(|| unreadable(operation));
    }
    let refusal: Option<Refusal> = answer.json();
    let kind = refusal.as_ref().map_or("", |refusal| refusal.kind.as_str());
    // Some services write the namespace before it: `com.amazonaws.kms#DisabledException`.
    let code = kind.rsplit('#').next().filter(|code| is_code(code));
    let code = code.filter(|code| !code.is_empty());
    let why = format!("{operation}: {}", code.unwrap_or("unknown error"));
    let repeatable = matches!(
        code,
        Some(
            "DependencyTimeoutException"
                | "KMSInternalException"
                | "KeyUnavailableException"
                | "ThrottlingException"
        )
    );
    if repeatable || answer.status >= 500 || answer.status == 429 {
        Err(KmsError::Unavailable(why))
    } else {
        Err(KmsError::Refused(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/08303dfc-8073-4bbb-a8a9-fbf08657940e";

    #[test]
    fn a_key_arn_names_a_key_and_its_region() {
        let key: KeyArn = KEY.parse().unwrap();
        assert_eq!((key.as_str(), key.region()), (KEY, "eu-west-1"));
        for wrong in [
            "",
            "08303dfc-8073-4bbb-a8a9-fbf08657940e",
            "alias/mine",
            "arn:aws:kms:eu-west-1:123456789012:alias/mine",
            "arn:aws:kms:eu-west-1:123456789012:key/",
            "arn:aws:kms::123456789012:key/1",
            "arn:aws:kms:evil.example/:123456789012:key/1",
            "arn:aws:s3:eu-west-1:123456789012:key/1",
            "arn:aws:kms:eu-west-1:123456789012:key/1:2",
            "arn:aws:kms:eu-west-1:123456789012:key/1\n",
        ] {
            assert_eq!(wrong.parse::<KeyArn>(), Err(NotKeyArn), "{wrong}");
        }
    }

    #[test]
    fn the_endpoint_is_in_the_region_of_the_key() {
        for (key, endpoint) in [
            (KEY.to_owned(), "https://kms.eu-west-1.amazonaws.com/"),
            (
                "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1".to_owned(),
                "https://kms.cn-north-1.amazonaws.com.cn/",
            ),
        ] {
            let key: KeyArn = key.parse().unwrap();
            assert_eq!(key.endpoint().unwrap().as_str(), endpoint);
        }
    }
}
