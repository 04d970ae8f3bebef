//! Signature Version 4 of a request.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::SECRET_ACCESS_KEY;

/// Signs again what was received and compares:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
pub(super) fn is_signed(authorization: &str, header: impl Fn(&str) -> String, body: &[u8]) -> bool {
    let part = |name: &str| {
        let rest = authorization.split_once(name).map_or("", |(_, rest)| rest);
        rest.split(',').next().unwrap_or_default()
    };
    let hash = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    let mac = |key: &[u8], text: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
        mac.chain_update(text).finalize().into_bytes().to_vec()
    };
    let signed = part("SignedHeaders=");
    let covered = [
        "content-type",
        "host",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-target",
    ];
    let headers: Vec<String> = signed
        .split(';')
        .map(|name| format!("{name}:{}\n", header(name)))
        .collect();
    let headers = headers.concat();
    let canonical = format!("POST\n/\n\n{headers}\n{signed}\n{}", hash(body));
    let (_, scope) = part("Credential=").split_once('/').unwrap_or_default();
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        header("x-amz-date"),
        hash(canonical.as_bytes())
    );
    let start = format!("AWS4{SECRET_ACCESS_KEY}").into_bytes();
    let key = scope.split('/').fold(start, |key, part| mac(&key, part));
    signed.split(';').eq(covered) && part("Signature=") == hex::encode(mac(&key, &text))
}
